"""The pidfile, held locked by the keeper for as long as it lives. Standard library only: the keeper imports this."""

from __future__ import annotations

import fcntl
import os
import stat


class Taken(Exception):
    """Another instance holds the pidfile; ``owner`` is what stands in it."""

    def __init__(self, owner: str) -> None:
        super().__init__(owner)
        self.owner = owner


def open_locked(path: str) -> int:
    """The descriptor of the pidfile, locked for as long as it is open; -1 where it cannot be written. Raises Taken."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o644)
    except OSError:
        return -1  # the daemon says so in its log, as Supervisor does, and goes on
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


def write_pid(fd: int) -> bool:
    """Put our pid in it; False: there is no room on the disk, say."""
    data = f"{os.getpid()}\n".encode()
    try:
        # whoever reads it between these two finds neither nothing nor the end of a longer number
        os.pwrite(fd, data.ljust(os.fstat(fd).st_size, b"\n"), 0)
        os.ftruncate(fd, len(data))
    except OSError:
        return False
    return True
