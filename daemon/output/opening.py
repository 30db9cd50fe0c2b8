"""Log files opened by name, where somebody else may have put a link there; must never know what is logged.

The directory of a log may belong to the user of the program, and the supervisor may be root:
a name in it is then no promise. Root follows a symbolic link that root made, and takes no other for
a log; nor a second name (hard link) of a file of root's in a directory of somebody else's.
Who is not root can open what it may open, and nothing more.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Final

ROOT: Final = 0
LINKS_MAX: Final = 8


def open_log(path: str, flags: int) -> int:
    """A descriptor, close-on-exec. Raises OSError: ELOOP for a link, EMLINK for a name that is not trusted."""
    if os.geteuid() != ROOT:
        return os.open(path, flags | os.O_CLOEXEC, 0o666)
    for _ in range(LINKS_MAX):
        try:
            fd = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            if path.startswith("/proc/"):  # where /dev/stdout leads: what it names need not have a name
                return os.open(path, flags | os.O_CLOEXEC)
            path = _target(path)
        else:
            try:
                _check_names(fd, path)
            except OSError:
                os.close(fd)
                raise
            return fd
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)


def _target(path: str) -> str:
    """Where a link leads that root made."""
    link = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)  # looked at and read as one
    try:
        status = os.fstat(link)
        if stat.S_ISLNK(status.st_mode) and status.st_uid != ROOT:
            raise OSError(errno.ELOOP, "a symbolic link that root did not make", path)
        target = os.readlink("", dir_fd=link) if stat.S_ISLNK(status.st_mode) else path
    finally:
        os.close(link)
    return os.path.join(os.path.dirname(path), target)


def _check_names(fd: int, path: str) -> None:
    status = os.fstat(fd)
    if status.st_nlink > 1 and status.st_uid == ROOT and stat.S_ISREG(status.st_mode):
        folder = os.stat(os.path.dirname(path) or ".")
        if folder.st_uid != ROOT:
            raise OSError(errno.EMLINK, "another name of a file of root's", path)


def make_log(folder: str, prefix: str, suffix: str) -> str:
    """The path of a new file, for its owner alone: between prefix and suffix stand eight characters. Raises OSError."""
    while True:
        path = os.path.join(folder, f"{prefix}{os.urandom(4).hex()}{suffix}")
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            continue
        os.close(fd)
        return path
