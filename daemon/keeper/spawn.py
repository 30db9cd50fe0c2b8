"""The only start of programs; must never know states.

The keeper is small and single-threaded, so that a fork is cheap and everything
about a process can be set between fork and exec. A step that fails is told in
three ways: as text on the program's own stderr (what Supervisor does, and what
ends up in the log), as a record on the keeper's error pipe, and as exit code 127.

Standard library only: the keeper imports this.
"""

from __future__ import annotations

# The C functions below ``signal``, which wraps each answer into an enumeration that nobody reads here:
# in a forked child that copies pages, and took more than half of the time to exec.
import _signal  # type: ignore[import-not-found]
import errno
import fcntl
import os
import signal
import struct
import termios
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from supervisor.mounts import Mounts

if TYPE_CHECKING:
    from .wire import Spawn  # the command, which starts no program, needs no frames

NOT_INHERITED = (
    "NOTIFY_SOCKET",
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
)
"""Variables that service managers mean for the supervisor itself."""


class Child(NamedTuple):
    """``outputs``: read ends, stdout first, or the one terminal master; ``stdin`` -1: the terminal is it."""

    pid: int
    stdin: int
    outputs: list[int]


class SpawnError(Exception):
    """No process came of it; ``step`` names the call that failed."""

    def __init__(self, step: str, error: int) -> None:
        super().__init__(f"{step}: {errno_name(error)}")
        self.step = step
        self.errno = error


def errno_name(number: int) -> str:
    """``ENOENT`` for 2; the number as text when the system has no name for it."""
    return errno.errorcode.get(number, str(number))


def base_environment() -> dict[str, str]:
    """The keeper's own environment, as programs get it before their own is laid over."""
    return {key: value for key, value in os.environ.items() if key not in NOT_INHERITED}


def set_size(fd: int, rows: int, cols: int) -> None:
    """Give a terminal its size; its foreground process group gets SIGWINCH. Raises OSError."""
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))


def touched_signals() -> tuple[int, ...]:
    """The signals that are not at their default here, for ``default_signals`` in children: asked once, used often."""
    return tuple(
        int(sig)
        for sig in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
        if signal.getsignal(sig) != signal.SIG_DFL
    )


def spawn(
    order: Spawn, environment: dict[str, str], error_pipe: int, signals: tuple[int, ...], stdin_fd: int = -1,
    mounts: Mounts | None = None,
) -> Child:  # fmt: skip
    """Start the process of ``order``. Raises SpawnError when there is none.

    ``environment`` is the base; ``signals`` are those of ``touched_signals``; ``stdin_fd``,
    where it is one, becomes fd 0 and stays the caller's, and then there is no pipe to
    write to; ``error_pipe`` takes one line ``name NUL gen NUL step: ERRNAME LF`` when a
    step after the fork fails; ``mounts``: nothing is waited for that one of those has to answer for.
    """
    env = {**environment, **order.env} if order.env else environment
    opened: list[int] = []
    try:
        if order.tty:
            master, slave = os.openpty()
            opened += [master, slave]
            set_size(master, max(order.rows, 1), max(order.cols, 1))
            os.set_blocking(master, False)
            stdin, outputs, theirs = -1, [master], (slave, slave, slave)
        else:
            if stdin_fd >= 0:
                stdin_read, stdin = os.dup(stdin_fd), -1
                opened.append(stdin_read)
            else:
                stdin_read, stdin = os.pipe()
                opened += [stdin_read, stdin]
            stdout, stdout_write = os.pipe()
            opened += [stdout, stdout_write]
            outputs, stderr_write = [stdout], stdout_write
            if not order.merge_stderr:
                stderr, stderr_write = os.pipe()
                opened += [stderr, stderr_write]
                outputs.append(stderr)
            for fd in (stdin, *outputs):
                if fd >= 0:
                    os.set_blocking(fd, False)
            theirs = (stdin_read, stdout_write, stderr_write)
    except OSError as error:
        _close(opened)
        raise SpawnError("pipe", error.errno or 0) from error
    try:
        pid = 0
        if mounts is None or not (
            mounts.far(os.path.join(order.cwd, order.path)) or mounts.far(order.cwd or "/")
        ):
            pid = _at_once(order, env, theirs, signals)
        pid = pid or _fork(order, env, theirs, error_pipe, signals)
    except OSError as error:
        _close(opened)
        raise SpawnError("fork", error.errno or 0) from error
    _close(sorted(set(theirs)))
    return Child(pid, stdin, outputs)


def _at_once(order: Spawn, env: dict[str, str], fds: tuple[int, int, int], signals: tuple[int, ...]) -> int:
    """The pid, by a call that copies no memory: a third of the time to exec. 0: nothing was started.

    It cannot give a terminal or another user, and when it fails it cannot say where; then
    ``_fork`` is the way, which does. The keeper is single-threaded, so for one call it may
    stand in the directory of the program and have its umask. It waits for the exec, so
    what file and directory lie on has to be the system's own.
    """
    if order.tty or order.uid >= 0:
        return 0
    here = mask = -1
    try:
        if order.cwd:
            here = os.open(".", os.O_PATH | os.O_CLOEXEC)
            os.chdir(order.cwd)
        if order.umask >= 0:
            mask = os.umask(order.umask)
        return os.posix_spawn(
            order.path,
            order.argv,
            env,
            file_actions=[(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(fds)],
            setpgroup=0,
            setsigmask=(),
            setsigdef=signals,
        )
    except (OSError, ValueError):
        return 0
    finally:
        if mask >= 0:
            os.umask(mask)
        if here >= 0:
            os.fchdir(here)
            os.close(here)


def _fork(
    order: Spawn, env: dict[str, str], fds: tuple[int, int, int], error_pipe: int, signals: tuple[int, ...]
) -> int:
    """The pid. Raises OSError when there is no process; what fails in it, it tells itself."""
    # A signal that reached the child while it still runs the keeper's handlers would be told to the
    # keeper, over the wake-up pipe that both have. It waits until the child has none of them any more.
    _signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        pid = os.fork()
        if pid == 0:
            _become(order, env, fds, error_pipe, signals)
    finally:
        _signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
    if not order.tty:
        try:
            os.setpgid(pid, pid)  # the child does it too: whoever comes first
        except OSError:
            pass  # it has already exec'ed, and so done it itself, or is gone
    return pid


def default_signals(signals: tuple[int, ...]) -> None:
    """In a child: none of ``signals`` handled, ignored or blocked, no wake-up pipe; what was pending takes effect."""
    _signal.set_wakeup_fd(-1)
    for sig in signals:
        _signal.signal(sig, _signal.SIG_DFL)
    _signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)


def _close(fds: list[int]) -> None:
    for fd in fds:
        os.close(fd)


def _become(
    order: Spawn, env: dict[str, str], fds: tuple[int, int, int], error_pipe: int, signals: tuple[int, ...]
) -> NoReturn:
    """In the child: set everything, exec, and never return."""
    step = "couldn't set up"
    try:
        try:
            if order.tty:
                os.setsid()
                fcntl.ioctl(fds[0], termios.TIOCSCTTY, 0)
            else:
                os.setpgid(0, 0)
            for number, fd in enumerate(fds):
                os.dup2(fd, number)  # inheritable; all others are close-on-exec
            default_signals(signals)
            if order.uid >= 0:
                step = f"couldn't setuid to {order.uid}"
                os.setgroups(order.groups)
                os.setgid(order.gid)
                os.setuid(order.uid)
            if order.cwd:
                step = f"couldn't chdir to {order.cwd}"
                os.chdir(order.cwd)
            if order.umask >= 0:
                os.umask(order.umask)
            step = f"couldn't exec {order.argv[0]}"
            os.execve(order.path, order.argv, env)
        except OSError as error:
            _report(order, error_pipe, f"{step}: {errno_name(error.errno or 0)}")
        except ValueError as error:  # a NUL in an argument or the environment
            _report(order, error_pipe, f"{step}: {error}")
    finally:
        os._exit(127)


def _report(order: Spawn, error_pipe: int, text: str) -> None:
    record = f"{order.name}\0{order.gen}\0{text}\n".encode("utf-8", "replace")
    os.write(error_pipe, record[: 4096 - 1])  # at most PIPE_BUF: whole or not at all
    os.write(2, f"supervisor: {text}\nsupervisor: child process was not spawned\n".encode("utf-8", "replace"))
