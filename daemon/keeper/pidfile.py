"""The pidfile, held locked by the keeper for as long as it lives. Standard library only: the keeper imports this.

Where something else answers for its file system, and may not, the file is touched by a child, which is left alone
when it takes long.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import socket
import stat
from collections.abc import Callable

from supervisor.mounts import Mounts

PATIENCE_S = 2.0


class Taken(Exception):
    """Another instance holds the pidfile; ``owner`` is what stands in it."""

    def __init__(self, owner: str) -> None:
        super().__init__(owner)
        self.owner = owner


def open_locked(path: str) -> int:
    """The descriptor of the pidfile, locked for as long as it is open; -1 where it cannot be written. Raises Taken."""
    if not Mounts().far(path):
        return _open_locked(path)
    pid, taken = os.getpid(), b"taken:"

    def work() -> tuple[int, bytes]:
        try:
            fd = _open_locked(path)
        except Taken as error:
            return -1, taken + error.owner.encode()
        if fd >= 0:
            write_pid(fd, pid)
        return fd, b""

    fd, said = by_a_child(work)
    if said.startswith(taken):
        raise Taken(said[len(taken) :].decode())
    return fd


def _open_locked(path: str) -> int:
    flags = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o644)
    except OSError as error:
        if error.errno != errno.EROFS:
            return -1  # the daemon says so in its log, as Supervisor does, and goes on
        try:
            fd = os.open(path, os.O_RDONLY | flags)  # to be locked all the same: what runs is to be found
        except OSError:
            return -1
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        return -1
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        owner = os.pread(fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(fd)
        raise Taken(owner) from error
    return fd


def write_pid(fd: int, pid: int = 0) -> bool:
    """Put our pid, or another one, in it; False: there is no room on the disk, say."""
    data = f"{pid or os.getpid()}\n".encode()
    try:
        # whoever reads it between these two finds neither nothing nor the end of a longer number
        os.pwrite(fd, data.ljust(os.fstat(fd).st_size, b"\n"), 0)
        os.ftruncate(fd, len(data))
    except OSError:
        return False
    return True


def write_pid_anywhere(path: str, fd: int) -> None:
    """The same, where the file system of ``path`` may not answer."""
    pid = os.getpid()
    if Mounts().far(path):
        by_a_child(lambda: (-1, b"1" if write_pid(fd, pid) else b""))
    else:
        write_pid(fd)


def take_away(path: str, fd: int) -> None:
    """Remove the file, if it is still the one that is open as ``fd``."""

    def work() -> tuple[int, bytes]:
        try:
            mine, there = os.fstat(fd), os.lstat(path)
            if (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino):
                os.unlink(path)
        except OSError:
            pass  # gone, or not ours to remove: the pid in it is dead either way
        return -1, b""

    if Mounts().far(path):
        by_a_child(work)
    else:
        work()


def by_a_child(work: Callable[[], tuple[int, bytes]]) -> tuple[int, bytes]:
    """What ``work`` gives, a descriptor and some bytes, done in another process; -1 and none when that takes long."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        try:
            fd, said = work()
            socket.send_fds(theirs, [b"=" + said], [fd] if fd >= 0 else [])
        finally:
            os._exit(0)
    theirs.close()
    with ours:
        poll = select.poll()
        poll.register(ours, select.POLLIN)
        if not poll.poll(PATIENCE_S * 1000):
            return -1, b""
        said, fds, _, _ = socket.recv_fds(ours, 4096, 1)
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        pass  # reaped by whoever waits for all
    for fd in fds:
        os.set_inheritable(fd, False)
    return (fds[0] if fds else -1), said[1:]
