"""What the keeper is asked for a start, and what becomes of one that cannot be asked for; must never know why it is wanted."""

from __future__ import annotations

import asyncio
import errno
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
        self._changed = changed

    def environment(self, config: ProcessConfig) -> dict[str, str]:
        """What is laid over the keeper's environment for a process."""
        return environment(config, self._serverurl)

    def begin(self, process: Process, gen: int) -> None:
        """Ask for a start, or say that it cannot be; where something does not answer, later."""
        name = process.config.name
        try:
            order = self._order(process, gen)
            self._open_outputs(process)
            self._send(order._replace(stdin=self.stdin_of(process)))
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
