"""The archives of a log, PATH.1 and on: how long each is, and making place for the next; must never know offsets, or the
log itself.

They are shifted only as far as the first gap, from there down to 1, so that there is one *hole* that wanders, and no step
moves anything twice: whoever was cut off goes on from the hole.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from typing import Final

from .opening import open_log

TAKEN_AWAY: Final = frozenset((errno.ENOENT, errno.ELOOP, errno.EMLINK, errno.EISDIR))
"""Errors of an archive that somebody removed, or put something else in the place of."""


def is_there(path: str) -> bool:
    """Raises OSError where nobody can say: what is taken for a gap is written over."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        return False
    return True


class Archives:
    """``sizes``: newest first. ``hole``: the number that none has, since they are being shifted; 0: there is none."""

    __slots__ = ("_path", "hole", "sizes")

    def __init__(self, path: str) -> None:
        """``path``: of the log."""
        self._path = path
        self.sizes: tuple[int, ...] = ()
        self.hole = 0

    def forget(self) -> None:
        """What lies there is not of this log any more."""
        self.sizes, self.hole = (), 0

    def look(self, count: int, hole: int = 0) -> None:
        """See what is on disk: at most ``count``; one number up to ``hole`` may have none, since a shift was cut off there."""
        sizes: list[int] = []
        self.hole = number = 0
        while len(sizes) < count:
            number += 1
            try:
                sizes.append(os.stat(f"{self._path}.{number}").st_size)
            except OSError:
                if self.hole or number > hole:
                    break
                self.hole = number
        self.sizes = tuple(sizes)

    def name(self, place: int) -> str:
        """Of the archive at a place in ``sizes``."""
        number = place + 1
        return f"{self._path}.{number + 1 if 0 < self.hole <= number else number}"

    def lose(self, place: int) -> None:
        """The one at a place in ``sizes`` was taken away: nothing is known of it, nor of older ones."""
        self.sizes = self.sizes[:place]

    @property
    def newest(self) -> str:
        """PATH.1, whether it is there or not."""
        return f"{self._path}.1"

    def add(self, size: int, most: int) -> None:
        """What was PATH is PATH.1 now; no more than ``most`` are known."""
        self.sizes, self.hole = (size, *self.sizes)[:most], 0

    def limit_newest(self, size: int) -> None:
        """PATH.1 may not be cut yet."""
        if self.sizes:
            self.sizes = (min(self.sizes[0], size), *self.sizes[1:])

    def shifting(self, most: int, save: Callable[[], None]) -> Iterator[None]:
        """PATH.i becomes PATH.i+1 as far as the first gap, step by step; the last of ``most`` is dropped. Raises OSError.

        ``save`` is called when it is known where the hole begins, before anything is moved.
        """
        last = 1
        while last < most and is_there(f"{self._path}.{last}"):
            last += 1
            yield
        if self.hole != last:
            self.sizes = self.sizes[: last - 1]  # without what is behind a gap of somebody else's, or dropped
            self.hole = last
        if last > 1:
            save()
        for number in range(last - 1, 0, -1):
            os.replace(f"{self._path}.{number}", f"{self._path}.{number + 1}")
            self.hole = number
            yield

    def open_newest(self) -> int:
        """PATH.1; -1 where somebody took it away, or put a link in its place. Raises OSError."""
        try:
            return open_log(self.newest, os.O_RDWR | os.O_NONBLOCK)
        except OSError as error:
            if error.errno in TAKEN_AWAY:
                return -1
            raise

    def cut_newest(self, inode: int, size: int) -> None:
        """PATH.1 ends where PATH begins, if it is still what was PATH. Raises OSError."""
        fd = self.open_newest()
        if fd < 0:
            return
        try:
            status = os.fstat(fd)
            if status.st_ino == inode and status.st_size > size:
                os.ftruncate(fd, size)
        finally:
            os.close(fd)
