"""What the keeper is asked for a start, and what becomes of one that cannot be asked for; must never know why it is wanted."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import resource
from collections.abc import Callable
from typing import Final

from supervisor.config.model import ProcessConfig
from supervisor.states import ProcessStates as S

from .command import CommandError, environment, resolve_anywhere
from .keeper import wire
from .keeper.spawn import errno_name
from .machines import process as machine
from .output.lane import Lanes, Unanswered
from .process import Process
from .users import Users

AGAIN_S: Final = 0.1
CUT_AGAIN_S: Final = 1.0
SPARE: Final = 24
"""Descriptors that no start may use: they are for clients and logs."""
OUTPUTS: Final = 2


def _check_room(count: int) -> None:
    """Raises OSError (EMFILE) where fewer than ``count`` descriptors and ``SPARE`` are left."""
    count += SPARE
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return
    try:
        fd = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, max(0, limit - count))
    except OSError:
        fd = limit
    else:
        os.close(fd)
    # Numbers are given out from the lowest on: where the first of the last ones is free, so are the others, nearly always.
    if fd > limit - count and limit - len(os.listdir("/proc/self/fd")) < count:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


class Starts:
    """``feed`` gives an event to a process's machine; ``is_known``: whether a process is still supervised.

    ``open_outputs`` makes its outputs ready, ``changed`` is told that its trouble is another one. ``serverurl``: the
    automatic URL.
    """

    def __init__(
        self,
        lanes: Lanes,
        users: Users,
        serverurl: str,
        send: Callable[[wire.Frame], None],
        feed: Callable[[Process, machine.Event], None],
        is_known: Callable[[Process], bool],
        open_outputs: Callable[[Process], None],
        changed: Callable[[Process], None],
    ) -> None:
        self.stdin_of: Callable[[Process], str] = lambda process: ""
        """The held descriptor that a process gets as its stdin; empty: a pipe. Raises CommandError."""
        self._lanes = lanes
        self._users = users
        self._serverurl = serverurl
        self._send = send
        self._feed = feed
        self._is_known = is_known
        self._open_outputs = open_outputs
        self._asked: set[tuple[str, int]] = set()  # of the keeper, and not answered
        self._changed = changed

    def environment(self, config: ProcessConfig) -> dict[str, str]:
        """What is laid over the keeper's environment for a process."""
        return environment(config, self._serverurl)

    def begin(self, process: Process, gen: int) -> None:
        """Ask for a start, or say that it cannot be; where something does not answer, later."""
        name = process.config.name
        try:
            _check_room(OUTPUTS * (1 + len(self._asked)))
            order = self._order(process, gen)
            self._open_outputs(process)
            self._send(order._replace(stdin=self.stdin_of(process)))
            self._asked.add((process.key, gen))
        except CommandError as error:
            self._not_spawned(process, str(error))
        except (BlockingIOError, Unanswered) as error:
            self._later(process, gen, error)
        except OSError as error:
            if error.errno == errno.EMFILE:
                text = f"too many open files to spawn '{name}'"
            elif error.errno == errno.E2BIG:
                text = f"command and environment of '{name}' are too long"
            else:
                text = f"unknown error making dispatchers for '{name}': {errno_name(error.errno or 0)}"
            self._not_spawned(process, text)
        else:
            self._waits_elsewhere(process, "")

    def again(self, process: Process) -> None:
        """Repeat a request that an earlier daemon may not have sent; the keeper knows if it did."""
        self.begin(process, process.machine.gen)

    def cut(self, process: Process, gen: int) -> None:
        """The keeper started it, and what it writes could not be handed over for want of descriptors: ask again."""
        self._waits_elsewhere(process, "start waits: too many open files")

        def again() -> None:
            if not self._is_known(process) or process.machine.gen != gen:
                return
            try:
                self._send(
                    self._order(process, gen)
                )  # the same one: it is answered for the process that is there
            except (CommandError, OSError):
                self.cut(process, gen)

        asyncio.get_running_loop().call_later(CUT_AGAIN_S, again)

    def got(self, process: Process) -> None:
        """What it writes is handed over, at last."""
        self._waits_elsewhere(process, "")

    def answered(self, key: str, gen: int) -> None:
        """The keeper did it, and the descriptors are here, or it could not."""
        self._asked.discard((key, gen))

    def failed(self, process: Process, frame: wire.SpawnFailed) -> None:
        """The keeper could not do it."""
        name = process.config.name
        if frame.errno == errno.EMFILE:
            text = f"too many open files to spawn '{name}'"
        elif frame.step == "fork" and frame.errno == errno.EAGAIN:
            text = f"Too many processes in process table to spawn '{name}'"
        else:
            text = f"unknown error during {frame.step} for '{name}': {errno_name(frame.errno)}"
        self._feed(process, machine.NotSpawned(text))

    def _order(self, process: Process, gen: int) -> wire.Spawn:
        """Raises CommandError; BlockingIOError or Unanswered where something does not answer."""
        config = process.config
        env = self.environment(config)
        path, argv = resolve_anywhere(self._lanes, config.command, env, config.directory)
        uid, gid, groups = self._users.rights(config.uid)
        rows, cols = process.size
        return wire.Spawn(
            process.key, gen, path, argv, env, config.directory or "",
            -1 if config.umask is None else config.umask, uid, gid, groups, config.tty, rows, cols,
            config.redirect_stderr,
        )  # fmt: skip

    def _not_spawned(self, process: Process, text: str) -> None:
        self._waits_elsewhere(process, "")
        self._feed(process, machine.NotSpawned(text))

    def _later(self, process: Process, gen: int, error: OSError) -> None:
        """A file system or the name service does not answer: once it does, or nobody wants it any more."""
        if process.machine.state == S.STOPPING:
            self._not_spawned(process, "stopped while its start waited for the system")
            return
        self._waits_elsewhere(
            process, f"start waits: {error.strerror}" if isinstance(error, Unanswered) else ""
        )

        def again() -> None:
            m = process.machine
            asked = m.gen == gen and not m.pid and m.state in (S.STARTING, S.STOPPING)
            if self._is_known(process) and asked:
                self.begin(process, gen)

        asyncio.get_running_loop().call_later(AGAIN_S, again)

    def _waits_elsewhere(self, process: Process, trouble: str) -> None:
        if trouble != process.elsewhere:
            process.elsewhere = trouble
            self._changed(process)
