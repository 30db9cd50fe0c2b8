"""The keeper: the process that must not die; must never know anything of ours beyond this folder.

It is the parent of every program and of the daemon, and its pid is the one in the
pidfile. It does five things: spawns on request; reaps, and keeps each exit record
until the daemon says that it has it; holds descriptors by name, so that pipes,
terminals, listening sockets and the state outlive a daemon; starts and watches
the daemon; and is init where it is PID 1 (reaps strangers, forwards signals). It
never reads what programs write, parses no configuration, and decides nothing
about programs.

What was started, and what is known of it, is in ``programs``; here are the daemon, the link to it, and signals.

Ways not taken: threads or asyncio (a fork would copy them), a signalfd (not in
Python), reading the programs' output here (then a bug in it could lose bytes).

Standard library only, single-threaded, and no import after the start.
"""

from __future__ import annotations

import array
import errno
import fcntl
import gc
import json
import os
import select
import signal
import socket
import struct
import sys
import time
from collections import deque

from supervisor.mounts import Mounts

from . import wire
from .begin import begin_daemon
from .oomscore import OomScore
from .pidfile import Taken, open_locked, take_away, write_pid
from .programs import Programs
from .roster import place_of, runs
from .spawn import touched_signals

STARTS_ALLOWED = 5
STARTS_WINDOW_S = 30.0
BACKOFF_MAX_S = 60.0
READY_TIMEOUT_S = 60.0
SILENCE_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 10.0
STRANGERS_MAX = 10_000
"""So many frames may wait before strangers are no longer told of; all others are as many as programs and requests."""
EXIT_USAGE = 2
STOOD_STILL_S = 1.0
LOOK_S = 1.0
"""How long after a beat that did not come it is looked whether the daemon is dead."""

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
FORWARDED = (*ENDING, signal.SIGHUP, signal.SIGUSR2)


class Keeper:
    """``boot``: what the command handed over, see ``main``."""

    def __init__(self, boot: dict[str, object]) -> None:
        self.daemon_argv: list[str] = list(boot["daemon_argv"])  # type: ignore[call-overload]
        self.notify_fd = int(boot.get("notify_fd", -1))  # type: ignore[call-overload]
        self.daemonize = bool(boot.get("daemonize", False))
        self.pidfile = str(boot.get("pidfile", ""))
        self.pidfile_fd = int(boot.get("pidfile_fd", -1))  # type: ignore[call-overload]
        self.silence_s = float(boot.get("silence_s", SILENCE_TIMEOUT_S))  # type: ignore[arg-type]
        self.stop_s = float(boot.get("stop_s", STOP_TIMEOUT_S))  # type: ignore[arg-type]
        self.first_daemon = begun_daemon(boot)
        self.held: dict[str, int] = {}
        self.mounts = Mounts()
        self.daemon_pid = 0
        self.link: socket.socket | None = None
        self.ghosts: set[int] = set()
        """Daemons that are dead and could not be reaped yet."""
        self.outgoing: deque[tuple[bytes, list[int]]] = deque()
        self.beside: set[int] = set()
        """The descriptors in it, and in what was sent since it was empty."""
        self.ready = False
        self.was_ready = False
        self.failed_starts: deque[float] = deque(maxlen=STARTS_ALLOWED)
        self.start_count = 0
        self.backoff_s = 1.0
        self.heard = 0.0
        self.abort_sent = False
        self.next_start = 0.0
        self.refused = False
        self.planned = False
        self.finish: int | None = None
        self.pending_signals: deque[int] = deque(maxlen=16)
        self.told_to_end = 0
        self.stopping_since = 0.0
        self.poll = select.poll()
        self.wake_read, self.wake_write = os.pipe()
        for fd in (self.wake_read, self.wake_write):
            os.set_blocking(fd, False)
        self.poll.register(self.wake_read, select.POLLIN)
        score = OomScore(boot.get("oom_score"))  # type: ignore[arg-type]
        self.programs = Programs(self.poll, self.mounts, score, self.send)
        far = bool(self.mounts.far(self.pidfile)) if self.pidfile else False  # written with the lock, then
        self.programs.take_over(boot.get("programs", []))  # type: ignore[arg-type]
        if "held" in boot:
            self.succeed(boot)
        self.pid_written = self.pidfile_fd >= 0 and (far or write_pid(self.pidfile_fd))
        self.write_roster()

    def succeed(self, boot: dict[str, object]) -> None:
        """Go on in the place of a keeper that was killed, with what its daemon handed over."""
        self.held.update(boot["held"])  # type: ignore[call-overload]
        self.start_count = 1
        # There was a daemon that served: whatever the next one does is no user's mistake.
        self.was_ready = True
        try:
            self.pidfile_fd = open_locked(self.pidfile)
        except Taken:
            self.pidfile_fd = -1  # somebody was quicker to start another supervisord: theirs

    def write_down(self) -> None:
        """What could not be written at first, once there is room."""
        if self.pidfile_fd >= 0 and not self.pid_written:
            self.pid_written = write_pid(self.pidfile_fd)
        if self.pidfile_fd >= 0 and not self.programs.roster.whole:
            self.write_roster()

    def write_roster(self) -> None:
        """Who holds the pidfile writes down what runs."""
        self.programs.write_roster(place_of(self.pidfile, self.mounts) if self.pidfile_fd >= 0 else "")

    # --- the loop ------------------------------------------------------------------------------------

    def run(self) -> int:
        """Keep until the daemon finishes for good; the exit code of the whole."""
        signal.set_wakeup_fd(self.wake_write, warn_on_full_buffer=False)
        for sig in (*FORWARDED, signal.SIGCHLD):
            signal.signal(sig, lambda *_: None)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # by default it would kill; Supervisor's defect
        signal.pthread_sigmask(signal.SIG_SETMASK, ())  # whoever started us may have blocked some
        self.programs.signals = touched_signals()
        gc.freeze()
        gc.disable()  # no cycles are made here, and a collection after a fork copies pages
        if self.first_daemon:
            self.watch_over(*self.first_daemon)
        else:
            self.start_daemon()
        look = True  # at first: some may have ended before there was a handler
        while True:
            events = self.wait()
            look = look or not events
            for fd, _event in events:
                if fd == self.wake_read:
                    look = True
                    self.take_signals()
                elif fd in self.programs.orphans:
                    self.programs.orphan_ended(fd)
                elif self.link is not None and fd == self.link.fileno():
                    self.read_link()
            self.programs.look_at_unreaped()
            if look:  # after a signal: the kernel goes through all children for it, so not for each frame
                self.reap()
                look = False
            code = self.watch(time.monotonic())
            if code is not None:
                self.clean_up()
                return code

    def wait(self) -> list[tuple[int, int]]:
        """What happens next. Where all stood still for a while (a container that was frozen), so did the daemon."""
        timeout_ms = self.timeout_ms()
        before = time.monotonic()
        events = self.poll.poll(timeout_ms)
        now = time.monotonic()
        if timeout_ms is not None and now - before > timeout_ms / 1000 + STOOD_STILL_S:
            self.heard = now
        return events

    def timeout_ms(self) -> int | None:
        """Until the next thing that is due by the clock; None to sleep until something happens."""
        now = time.monotonic()
        due: list[float] = list(self.programs.unreaped.values())
        if self.stopping_since:
            due.append(now + 0.1)
        if self.daemon_pid:
            due.append(max(now + LOOK_S, self.heard + wire.BEAT_S + LOOK_S))
            due.append(self.heard + (1.0 if self.abort_sent else self.patience_s()))
        elif self.next_start:
            due.append(self.next_start)
        return max(0, int((min(due) - now) * 1000) + 1) if due else None

    def patience_s(self) -> float:
        """How long the daemon may be silent."""
        return self.silence_s if self.ready else READY_TIMEOUT_S

    def watch(self, now: float) -> int | None:
        """Start, abort or give up on the daemon as time says; the exit code when all is over."""
        if self.daemon_pid and now - self.heard > wire.BEAT_S + LOOK_S and not runs(self.daemon_pid):
            self.bury()
        if self.stopping_since:
            return self.stop_all(now)
        if self.daemon_pid == 0:
            if self.finish is not None:
                return self.finish
            if now >= self.next_start:
                self.start_daemon()
            return None
        if self.abort_sent:
            if now - self.heard > 1.0:
                os.kill(self.daemon_pid, signal.SIGKILL)
                self.heard = now
        elif now - self.heard > self.patience_s():
            # Read first what is in the socket: this process may have been the one that stood still.
            self.read_link()
            if self.daemon_pid and now - self.heard > self.patience_s():
                say(f"daemon (pid {self.daemon_pid}) did not answer, starting another")
                os.kill(self.daemon_pid, signal.SIGABRT)  # it writes where it hung, and dies
                os.kill(self.daemon_pid, signal.SIGCONT)
                self.abort_sent, self.heard = True, now
        return None

    # --- signals and children ------------------------------------------------------------------------

    def take_signals(self) -> None:
        try:
            numbers = os.read(self.wake_read, 4096)
        except BlockingIOError:
            return
        for number in dict.fromkeys(numbers):
            if number not in FORWARDED:
                continue
            if self.link is not None and self.ready:
                self.send(wire.Got(number))
                if number in ENDING:
                    self.told_to_end = number
            elif number in ENDING and (self.daemon_pid == 0 or number in self.pending_signals):
                self.begin_stop()
            else:
                self.pending_signals.append(number)

    def reap(self) -> None:
        """Make a record of every child that has ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.daemon_pid:
                self.daemon_ended(status)
                continue
            if pid in self.ghosts:
                self.ghosts.remove(pid)
            elif not self.programs.ended(pid, status):
                self.send(wire.Stranger(pid, status))

    # --- the daemon ----------------------------------------------------------------------------------

    def start_daemon(self) -> None:
        """Start one; where the system has no process or descriptor for it now, a second later."""
        try:
            self.watch_over(*begin_daemon(self.daemon_argv, self.programs.signals))
            self.refused = False
        except OSError as error:
            if not self.refused:
                say(f"cannot start the daemon for now: {error}")
            self.refused = True
            self.next_start = time.monotonic() + 1.0
            if not self.was_ready and not self.programs.started_any:
                self.finish = 1

    def watch_over(self, pid: int, link: socket.socket) -> None:
        """A daemon was started; ``link`` is our end of the one to it."""
        self.daemon_pid, self.link = pid, link
        self.poll.register(link, select.POLLIN)
        self.ready = self.abort_sent = self.planned = False
        self.heard = time.monotonic()
        self.next_start = 0.0
        self.start_count += 1

    def daemon_ended(self, status: int) -> None:
        """Decide when the next one starts, or that none does."""
        self.read_link()  # its last words
        self.close_link()
        self.daemon_pid = 0
        now = time.monotonic()
        code = os.waitstatus_to_exitcode(status)
        if self.finish is not None:
            return
        if (
            not self.was_ready and not self.programs.started_any
        ):  # a user's mistake, told by the daemon itself
            self.finish = code if code > 0 else 70
            if code <= 0:
                say(f"daemon ended before it served ({'signal ' + str(-code) if code else 'exit status 0'})")
            return
        if self.planned:
            self.next_start = now
            return
        say(
            f"daemon ended ({'signal ' + str(-code) if code < 0 else 'exit status ' + str(code)}), starting another"
        )
        if self.ready:  # it served: whatever ended it, the next one is wanted at once
            self.failed_starts.clear()
            self.backoff_s = 1.0
        else:
            self.failed_starts.append(now)
        self.next_start = now
        if len(self.failed_starts) == STARTS_ALLOWED and now - self.failed_starts[0] < STARTS_WINDOW_S:
            self.next_start = now + self.backoff_s
            self.backoff_s = min(self.backoff_s * 2, BACKOFF_MAX_S)
        if any(number in ENDING for number in self.pending_signals):
            self.begin_stop()
        elif self.told_to_end:  # it may have died over it: the next one is told again
            self.pending_signals.append(self.told_to_end)
            self.told_to_end = 0

    def bury(self) -> None:
        """The daemon is dead and cannot be reaped: the close of a file of it waits for a file system that does not
        answer. Nothing of it runs any more, so the next one need not wait.
        """
        say(f"daemon (pid {self.daemon_pid}) is dead and waits for a file system that does not answer")
        self.ghosts.add(self.daemon_pid)
        self.daemon_ended(signal.SIGKILL)

    def close_link(self) -> None:
        if self.link is not None:
            self.poll.unregister(self.link)
            self.link.close()
            self.link = None
        self.outgoing.clear()

    def begin_stop(self) -> None:
        """There is no daemon to stop the programs in order, and somebody wants an end."""
        if self.stopping_since:
            return
        say("no daemon to hand the signal to: stopping all programs")
        self.stopping_since = time.monotonic()
        if self.daemon_pid:
            os.kill(self.daemon_pid, signal.SIGKILL)
        self.programs.kill_all(signal.SIGTERM)

    def stop_all(self, now: float) -> int | None:
        if not self.programs.by_pid and not self.daemon_pid:
            return 0
        if now - self.stopping_since > self.stop_s:
            self.programs.kill_all(signal.SIGKILL)
            if now - self.stopping_since > 2 * self.stop_s:
                return 1
        return None

    def clean_up(self) -> None:
        """Take the pidfile away, if it is still the one of this instance, and the roster."""
        self.programs.roster.take_away()
        if self.pidfile_fd >= 0:
            take_away(self.pidfile, self.pidfile_fd)

    # --- the link ------------------------------------------------------------------------------------

    def send(self, frame: wire.Frame, fds: list[int] | None = None) -> None:
        """Queue a frame for the daemon that there is; for the next one everything is told by Adopt."""
        crowded = len(self.outgoing) > STRANGERS_MAX
        if self.link is None or (crowded and isinstance(frame, wire.Stranger)):
            return
        if not self.outgoing:
            self.beside.clear()
        self.outgoing.append((wire.encode(frame), fds or []))
        self.beside.update(fds or ())
        if len(self.outgoing) == 1:
            self.flush()

    def flush(self) -> None:
        link = self.link
        while self.outgoing and link is not None:
            data, fds = self.outgoing[0]
            try:
                link.sendmsg(
                    [data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
                )
            except BlockingIOError:
                self.poll.modify(link, select.POLLIN | select.POLLOUT)
                return
            except OSError as error:
                if error.errno == errno.ETOOMANYREFS:  # it has not yet taken what is under way
                    self.poll.modify(link, select.POLLIN | select.POLLOUT)
                    return
                self.outgoing.clear()  # it is gone; the next one adopts
                return
            self.outgoing.popleft()
        if link is not None:
            self.poll.modify(link, select.POLLIN)

    def read_link(self) -> None:
        """Do what the daemon asks, until nothing more is there."""
        self.flush()
        while self.link is not None:
            try:
                data, control, flags, _ = self.link.recvmsg(
                    wire.MAX_FRAME_BYTES, socket.CMSG_SPACE(wire.MAX_FDS * 4)
                )
            except BlockingIOError:
                return
            except OSError:
                self.close_link()
                return
            fds = received(control)
            if not data:
                for fd in fds:
                    os.close(fd)
                self.close_link()
                return
            self.heard = time.monotonic()
            try:
                if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
                    raise wire.WireError("frame too long")
                frame = wire.decode(data)
                if isinstance(frame, wire.Enclosed):
                    frame = wire.decode(read_enclosed(fds.pop(0), frame.length))
                self.handle(frame, fds)
            except (wire.WireError, IndexError) as error:
                say(f"daemon sent nonsense: {error}")
            finally:
                for fd in fds:
                    os.close(fd)

    def handle(self, frame: wire.Frame, fds: list[int]) -> None:
        """Carry out one request; descriptors that are kept are taken out of ``fds``."""
        if isinstance(frame, wire.Spawn):
            self.programs.start(frame, self.held)
        elif isinstance(frame, wire.Signal):
            self.send(wire.Signalled(frame.token, self.programs.signal(frame)))
        elif isinstance(frame, wire.Forget):
            self.close(self.programs.forget(frame))
        elif isinstance(frame, wire.Fetch):
            stdin = self.programs.stdin_of(frame.name, frame.gen)
            self.send(wire.Fetched(frame.token), [stdin] if stdin >= 0 else [])
        elif isinstance(frame, wire.Hold):
            self.drop(frame.name)
            self.held[frame.name] = fds.pop(0)
        elif isinstance(frame, wire.Drop):
            self.drop(frame.name)
        elif isinstance(frame, wire.Adopt):
            self.hand_over()
        elif isinstance(frame, wire.Ready):
            self.daemon_ready()
        elif isinstance(frame, wire.Restart):
            self.planned = True
        elif isinstance(frame, wire.Finish):
            self.finish = frame.code
        elif isinstance(frame, wire.Beat):
            self.write_down()
        else:
            raise wire.WireError(f"{type(frame).__name__} is not for the keeper")

    def drop(self, name: str) -> None:
        fd = self.held.pop(name, -1)
        if fd >= 0:
            self.close([fd])

    def close(self, fds: list[int]) -> None:
        """Close what is held no longer; what could not be sent yet goes without it, not with what gets its number."""
        if self.outgoing and not self.beside.isdisjoint(fds):
            self.outgoing = deque(
                (data, beside if set(beside).isdisjoint(fds) else []) for data, beside in self.outgoing
            )
        for fd in fds:
            os.close(fd)

    def hand_over(self) -> None:
        for name, fd in self.held.items():
            self.send(wire.Named(name), [fd])
        self.programs.tell()
        self.send(wire.AdoptEnd(self.start_count - 1, os.getpid()))

    def daemon_ready(self) -> None:
        self.ready = True
        if not self.was_ready:
            self.was_ready = True
            if self.daemonize:
                null = os.open(os.devnull, os.O_RDWR)
                for fd in (0, 1, 2):
                    os.dup2(null, fd)
                os.close(null)
            if self.notify_fd >= 0:
                os.write(self.notify_fd, b"R")
                os.close(self.notify_fd)
                self.notify_fd = -1
        while self.pending_signals:
            self.send(wire.Got(self.pending_signals.popleft()))


def begun_daemon(boot: dict[str, object]) -> tuple[int, socket.socket] | None:
    """The daemon that the command has started, and our end of the link to it."""
    if "daemon_pid" not in boot:
        return None
    pid, fd = int(boot["daemon_pid"]), int(boot["daemon_link"])  # type: ignore[call-overload]
    link = socket.socket(fileno=fd)
    link.setblocking(False)
    return pid, link


def received(control: list[tuple[int, int, bytes]]) -> list[int]:
    """The descriptors that came beside a datagram, made close-on-exec."""
    fds = wire.descriptors(control)
    for fd in fds:
        fcntl.fcntl(fd, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
    return fds


def read_enclosed(fd: int, length: int) -> bytes:
    """The frame in a memfd, which is closed. Raises WireError."""
    try:
        if not 0 < length <= wire.MAX_ENCLOSED_BYTES:
            raise wire.WireError(f"enclosed frame of {length} bytes")
        data = os.pread(fd, length, 0)
    finally:
        os.close(fd)
    if len(data) != length:
        raise wire.WireError("enclosed frame is cut")
    return data


def say(text: str) -> None:
    """One line on stderr, which is the null device once daemonised."""
    try:
        os.write(2, f"supervisord keeper: {text}\n".encode())
    except OSError:
        pass  # stderr is closed: there is nobody to tell


def main() -> int:
    """Run a keeper on the JSON of ``--boot FD``: what the supervisord command prepared.

    Keys: ``daemon_argv`` (list, argv[0] first), ``daemon_pid`` and ``daemon_link`` (of the first, where it was
    started already, see ``begin``), ``daemonize``, ``notify_fd`` (gets a byte when
    the first daemon serves), ``pidfile`` and ``pidfile_fd`` (held locked; -1: there is none),
    ``silence_s`` (how long a daemon may say nothing) and ``stop_s`` (from TERM to KILL where there is none);
    ``programs``: what another keeper had started, see ``succession`` and ``orphans``; of a keeper in the place of
    another one ``held`` (name to descriptor); ``oom_score``: what programs get, None: what we have.
    """
    boot_fd = int(sys.argv[1])
    if boot_fd < 0:
        return 0  # it was to be seen whether all can be imported
    length = struct.unpack(">I", os.pread(boot_fd, 4, 0))[0]
    boot = json.loads(os.pread(boot_fd, length, 4))
    os.close(boot_fd)
    try:
        with open("/proc/self/comm", "w", encoding="ascii") as file:
            file.write("supervisord")  # what pgrep, pidof and killall look for
    except OSError:
        pass  # there is none: not Linux, or /proc is not mounted
    for name in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else map(str, range(3, 256)):
        try:
            if int(name) > 2:
                fcntl.fcntl(int(name), fcntl.F_SETFD, fcntl.FD_CLOEXEC)
        except OSError:
            pass  # the descriptor of the listing itself, or a number not in use
    return Keeper(boot).run()
