"""The keeper was killed: the daemon becomes the next one; must never know the rules of a transition.

A daemon has, or can open, nearly everything that its keeper held: the read ends of
outputs, terminals, the state, listening sockets, and a pidfd of each process. It hands
them to a keeper that a child of it becomes by exec; that one starts a daemon, which adopts
everything as after any crash. Programs do not notice, but for one thing: the write end
of a program's stdin is gone where nobody had asked for it, so that it reads the end of
its input.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import struct
import subprocess
import sys
import time
from typing import Any, Final, NoReturn

from supervisor.states import ProcessStates as S

from . import filesize, orphans
from .keeper.roster import TICKS_A_SECOND
from .loop import Supervisor
from .process import Generation, Process
from .rehearsal import WITHIN_S, last_words, own_argv

CLOCK_SLACK_S: Final = 0.1
AGAIN_S: Final = 1.0


class Succession:
    """What a daemon does from the loss of its keeper on."""

    def __init__(self, supervisor: Supervisor, oom_score: int | None, file_size: filesize.Limit) -> None:
        self._supervisor = supervisor
        self._oom_score = oom_score
        self._file_size = file_size
        self._pidfds: dict[int, int] = {}
        """By pid. Kept from one try to the next: who ends between two of them still has a status."""

    def begin(self) -> None:
        """Does not return, or there will be another try."""
        self._supervisor.log.critical(
            f"the keeper (pid {self._supervisor.keeper_pid}) is gone: this process takes its place, programs go on"
        )
        self._try()

    def _try(self) -> None:
        supervisor = self._supervisor
        try:
            self._become_keeper()
        except OSError as error:
            supervisor.degrade(
                f"the keeper (pid {supervisor.keeper_pid}) is gone and this process cannot take its place: {error}; "
                "nothing can be started, stopped or seen to end; logs go on"
            )
            asyncio.get_running_loop().call_later(AGAIN_S, self._try)

    def _become_keeper(self) -> None:
        """Hand everything on. Does not return. Raises OSError, with nothing changed, when it cannot be done."""
        supervisor = self._supervisor
        check_files()
        end_strays(supervisor)
        held = supervisor.link.held_now()
        with contextlib.ExitStack() as undo:
            programs = [
                self._program(process, generation, undo)
                for process in supervisor.processes.values()
                for generation in process.generations.values()
                if not generation.ended
            ]
            boot = {
                "daemon_argv": own_argv(),
                "pidfile": supervisor.settings.pidfile,
                "held": held,
                "programs": programs,
                "oom_score": self._oom_score,
            }
            packed = json.dumps(boot).encode("utf-8", "surrogateescape")
            memfd = os.memfd_create("supervisor-boot", 0)
            undo.callback(os.close, memfd)
            os.pwrite(memfd, struct.pack(">I", len(packed)) + packed, 0)
            kept = [
                *held.values(),
                *(fd for facts in programs for fd in (facts["pidfd"], facts["stdin"], *facts["outputs"])),
            ]
            for fd in kept:
                if fd >= 0:
                    os.set_inheritable(fd, True)
            self._exec_beside(keeper_argv(memfd))

    def _exec_beside(self, argv: list[str]) -> None:
        """A child becomes that, and this process ends. Does not return. Raises OSError.

        An exec of this process would wait for its threads, and one may wait for a file system that does not answer.
        """
        told, failed = os.pipe()  # closed by the exec
        try:
            try:
                child = os.fork()
            except OSError:  # there may be no more processes: then this one
                self._exec(argv)
            if not child:
                self._exec_or_tell(argv, failed)
            os.close(failed)
            failed = -1
            refused = os.read(told, 16)
        finally:
            os.close(told)
            if failed >= 0:
                os.close(failed)
        if refused:
            os.waitpid(child, 0)
            raise OSError(int(refused), os.strerror(int(refused)))
        _close_connections()
        os._exit(0)

    def _exec_or_tell(self, argv: list[str], failed: int) -> NoReturn:
        """In the child: why it cannot be done goes to ``failed``."""
        try:
            self._exec(argv)
        except OSError as error:
            os.write(failed, str(error.errno).encode())
        finally:
            os._exit(1)

    def _exec(self, argv: list[str]) -> NoReturn:
        orphans.take_in_orphans()
        filesize.put_back(self._file_size)
        try:
            os.execv(argv[0], argv)
        finally:
            filesize.lift()

    def _program(
        self, process: Process, generation: Generation, undo: contextlib.ExitStack
    ) -> dict[str, Any]:
        outputs = []
        for channel in generation.channels.values():
            fd = channel.fd
            if fd < 0:
                fd = orphans.ended_pipe()
                undo.callback(os.close, fd)
            outputs.append(fd)
        current = generation.gen == process.machine.gen
        return {
            "name": process.key,
            "started": process.machine.laststart if current else time.monotonic(),
            "gen": generation.gen,
            "pid": generation.pid,
            "tty": generation.tty,
            "pidfd": self._pidfd(generation.pid),
            "stdin": generation.input.fd if generation.input is not None else -1,
            "outputs": outputs,
        }

    def _pidfd(self, pid: int) -> int:
        if pid not in self._pidfds:
            try:
                self._pidfds[pid] = os.pidfd_open(pid)
            except ProcessLookupError:
                self._pidfds[pid] = -1  # it has ended, and its status is nobody's to tell any more
        return self._pidfds[pid]


def _close_connections() -> None:
    """Clients and programs are not to wait for the end of a thread. No file is looked at: its file system may not answer."""
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/self/fd/{name}").startswith(("socket:", "pipe:")):
                os.close(int(name))


def keeper_argv(boot_fd: int) -> list[str]:
    """The command line of a keeper; one with no descriptor (-1) imports what it needs, and ends."""
    begin = os.path.join(os.path.dirname(os.path.abspath(__file__)), "__main__.py")
    return [sys.executable, "-S", "-E", "-s", "-P", begin, "keeper", str(boot_fd)]


def check_files() -> None:
    """Raises OSError where what is installed now cannot be a keeper: after an exec there would be no way back."""
    try:
        done = subprocess.run(
            keeper_argv(-1), stdin=subprocess.DEVNULL, capture_output=True, timeout=WITHIN_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise OSError(errno.ETIMEDOUT, "the keeper that is installed now does not start") from error
    if done.returncode:
        words = last_words(done.stderr.decode("utf-8", "replace"))
        raise OSError(errno.ENOEXEC, f"the keeper that is installed now cannot start: {words}")


def end_strays(supervisor: Supervisor) -> None:
    """Kill what the keeper had started and not told of: it would be started a second time.

    By now each such child has exec'ed, since each had a copy of the keeper's end of the link.
    """
    asked = {
        orphans.names(process.key): process
        for process in supervisor.processes.values()
        if process.machine.state in (S.STARTING, S.STOPPING) and not process.machine.pid
    }
    known = {g.pid for process in supervisor.processes.values() for g in process.generations.values()}
    for process, pid in orphans.end_strays(asked, known, _begun):
        supervisor.log.warn(f"{process.key}: the keeper had started it and not told of it: killed pid {pid}")


def _begun(process: Process) -> int:
    """The tick at which its start was asked for, or a little earlier."""
    begun = time.clock_gettime(time.CLOCK_BOOTTIME) - (time.monotonic() - process.machine.laststart)
    return int((begun - CLOCK_SLACK_S) * TICKS_A_SECOND)
