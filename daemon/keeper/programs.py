"""What the keeper has started: processes, the descriptors that are held of them, how they ended; must never know why
they run, or who asks.

A program is known here before its pid is told to anyone, and is not reaped before its record is made, so that a pid
in the table is never another process. A start is keyed by (name, generation), so that a repeated request starts
nothing twice.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import time
from collections.abc import Iterable
from typing import Any, Protocol

from supervisor.mounts import Mounts

from . import wire
from .oomscore import OomScore
from .orphan import UNKNOWN_REASON, UNKNOWN_STATUS, exit_status, send_signal
from .roster import Entry, Roster, start_ticks, ticks_now
from .spawn import SpawnError, base_environment, spawn

REAPED_WITHIN_S = 5.0
"""An init that is busy may take its time to reap what was not its child."""

Key = tuple[str, int]


class Send(Protocol):
    """Queues a frame for the daemon, and descriptors beside it."""

    def __call__(self, frame: wire.Frame, fds: list[int] | None = None) -> None: ...


class Program:
    """One started process and what is held of it. ``status`` -1 while it runs."""

    __slots__ = ("ended", "failure", "outputs", "pid", "pidfd", "started", "status", "stdin", "tty")

    def __init__(self, pid: int, started: float, tty: bool, stdin: int, outputs: list[int]) -> None:
        self.pid = pid
        self.started = started
        self.tty = tty
        self.stdin = stdin
        self.outputs = outputs
        self.status = -1
        self.ended = 0.0
        self.failure = ""
        self.pidfd = -1  # one is needed where it is no child of ours


class Programs:
    """``poll`` is the keeper's: it says when a process ends that is no child of ours."""

    def __init__(self, poll: select.poll, mounts: Mounts, score: OomScore, send: Send) -> None:
        self.table: dict[Key, Program] = {}
        self.by_pid: dict[int, Key] = {}
        """Those that run."""
        self.orphans: dict[int, Key] = {}
        """By pidfd: the programs of the keeper before this one."""
        self.unreaped: dict[int, float] = {}
        """Those of them that have ended, and until when their status is waited for."""
        self.started_any = False
        self.signals: tuple[int, ...] = ()
        self.roster = Roster("", ())
        self._poll = poll
        self._mounts = mounts
        self._score = score
        self._send = send
        self._environment = base_environment()
        self._one_clock = False
        """Whether what /proc says of a start was by our clock, too."""
        self._failures: dict[Key, str] = {}
        self._error_read, self._error_write = os.pipe()
        os.set_blocking(self._error_read, False)

    def take_over(self, programs: Iterable[dict[str, Any]]) -> None:
        """Watch what another keeper had started."""
        now = time.monotonic()
        for facts in programs:
            key = (facts["name"], facts["gen"])
            program = Program(facts["pid"], facts["started"], facts["tty"], facts["stdin"], facts["outputs"])
            program.pidfd = facts["pidfd"]
            self.table[key] = program
            if program.pidfd < 0:
                program.status, program.ended, program.failure = UNKNOWN_STATUS, now, UNKNOWN_REASON
                continue
            self.by_pid[program.pid] = key
            self.orphans[program.pidfd] = key
            self._poll.register(program.pidfd, select.POLLIN)

    def write_roster(self, path: str) -> None:
        """Write down what runs, from now on; an empty path: nowhere."""
        self.roster.close()
        running = ((key, self.table[key]) for key in self.by_pid.values())
        self.roster = Roster(path, (_entry_of(key, p, start_ticks(p.pid)) for key, p in running))

    def start(self, order: wire.Spawn, held: dict[str, int]) -> None:
        """Start what is not started yet, and tell of it. ``held``: descriptors by the names that orders give."""
        key = (order.name, order.gen)
        program = self.table.get(key)
        if program is None:
            begun = ticks_now()
            self.roster.begin(key, begun)
            try:
                stdin_fd = held[order.stdin] if order.stdin else -1
                with self._score:
                    child = spawn(
                        order, self._environment, self._error_write, self.signals, stdin_fd, self._mounts
                    )
            except KeyError:
                self.roster.remove(key)
                self._send(wire.SpawnFailed(*key, "stdin", errno.EBADF))
                return
            except SpawnError as error:
                self.roster.remove(key)
                self._send(wire.SpawnFailed(*key, error.step, error.errno))
                return
            program = Program(child.pid, time.monotonic(), order.tty, child.stdin, child.outputs)
            self.table[key] = program
            self.by_pid[child.pid] = key
            self.started_any = True
            self.roster.add(_entry_of(key, program, self._ticks(program.pid, begun)))
        self._send(wire.Spawned(*key, program.pid, program.started, program.tty), program.outputs)
        if program.status >= 0:
            self._send(wire.Exited(*key, program.pid, program.status, program.ended, program.failure))

    def _ticks(self, pid: int, begun: int) -> int:
        """When a process began that was asked for at the tick ``begun``, and is there now.

        Where it is still the same tick, that one: to read it in /proc, once seen that both clocks are one, would be an
        eighth of a start.
        """
        now = ticks_now()
        if now == begun and self._one_clock:
            return begun
        ticks = start_ticks(pid)
        self._one_clock = begun <= ticks <= now
        return ticks

    def stdin_of(self, name: str, gen: int) -> int:
        """The write end of its stdin; -1: it has none."""
        program = self.table.get((name, gen))
        return program.stdin if program is not None else -1

    def tell(self) -> None:
        """Tell a new daemon of all."""
        for (name, gen), p in self.table.items():
            self._send(
                wire.Program(name, gen, p.pid, p.started, p.tty, p.status, p.ended, p.failure), p.outputs
            )

    def forget(self, order: wire.Forget) -> list[int]:
        """Know nothing more of one that has ended; the descriptors that were held of it, to be closed."""
        program = self.table.get((order.name, order.gen))
        if program is None or program.status < 0:
            return []
        del self.table[order.name, order.gen]
        return [fd for fd in (program.stdin, program.pidfd, *program.outputs) if fd >= 0]

    # --- their ends ----------------------------------------------------------------------------------

    def ended(self, pid: int, status: int) -> bool:
        """A child was reaped: make its record and tell of it; False: it is none of these."""
        key = self.by_pid.pop(pid, None)
        if key is None:
            return False
        self._read_failures()  # it wrote before it ended, maybe since the last look
        self._record(key, status, self._failures.pop(key, ""))
        return True

    def orphan_ended(self, pidfd: int) -> None:
        """Make a record of the end of a process that is no child of ours."""
        key = self.orphans[pidfd]
        status = exit_status(pidfd, self.table[key].pid)
        if status is None:
            # It hangs up once its parent has reaped it, and then there is a status; some parents never do.
            now = time.monotonic()
            if now < self.unreaped.setdefault(pidfd, now + REAPED_WITHIN_S):
                self._poll.modify(pidfd, 0)
                return
            status = UNKNOWN_STATUS
        self.unreaped.pop(pidfd, None)
        del self.orphans[pidfd]
        self._poll.unregister(pidfd)
        self.by_pid.pop(self.table[key].pid, None)
        self._record(key, status, UNKNOWN_REASON if status == UNKNOWN_STATUS else "")

    def look_at_unreaped(self) -> None:
        """Those whose status has been waited for long enough."""
        for fd in [fd for fd, due in self.unreaped.items() if due <= time.monotonic()]:
            self.orphan_ended(fd)

    def _record(self, key: Key, status: int, failure: str) -> None:
        program = self.table[key]
        program.status, program.ended, program.failure = status, time.monotonic(), failure
        self.roster.remove(key)
        self._send(wire.Exited(*key, program.pid, status, program.ended, failure))

    def _read_failures(self) -> None:
        """What children wrote on the error pipe; each wrote before it ended."""
        try:
            data = os.read(self._error_read, 65536)
        except BlockingIOError:
            return
        for line in data.decode("utf-8", "replace").splitlines():
            name, _, rest = line.partition("\0")
            gen, _, text = rest.partition("\0")
            if gen.isdigit():
                self._failures[name, int(gen)] = text

    # --- signals -------------------------------------------------------------------------------------

    def signal(self, order: wire.Signal) -> int:
        """Errno, 0 for sent. A child that is not reaped keeps its pid, so it is never another's."""
        program = self.table.get((order.name, order.gen))
        if program is None or program.status >= 0:
            return errno.ESRCH
        try:
            _signal(program, order.sig, order.group)
        except OSError as error:
            return error.errno or errno.EINVAL
        if order.wake:
            try:
                _signal(program, signal.SIGCONT, order.group)
            except OSError:
                pass  # it has ended meanwhile
        return 0

    def kill_all(self, sig: int) -> None:
        """Signal the process groups of all that run."""
        for pid in self.by_pid:
            try:
                os.killpg(pid, sig)
            except OSError:
                pass  # the group is gone, or another user's: nothing more can be done here


def _signal(program: Program, sig: int, group: bool) -> None:
    """Raises OSError."""
    if program.pidfd >= 0:
        send_signal(program.pidfd, program.pid, sig, group=group)
    elif group:
        os.killpg(program.pid, sig)
    else:
        os.kill(program.pid, sig)


def _entry_of(key: Key, program: Program, ticks: int) -> Entry:
    """What is written down of a program that began at ``ticks``."""
    pipes = [os.fstat(fd).st_ino if fd >= 0 else 0 for fd in (program.stdin, *program.outputs)]
    return Entry(*key, program.pid, ticks, program.started, program.tty, pipes)
