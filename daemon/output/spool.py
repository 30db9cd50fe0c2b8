"""The last of what was written, in memory, for output that has no log file; must never know processes, clients.

``Spool`` is a ring in a memfd; its position is the descriptor's own, which the keeper holds.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from dataclasses import dataclass

SPOOL_BYTES = 1 << 18
AGAIN = -1
"""What ``take`` returns when the pipe has nothing now."""


@dataclass(slots=True)
class Watchers:
    """Callbacks told after each change of a store; a reader may leave while it is told."""

    _callbacks: set[Callable[[], None]] | None = None  # most stores are watched by nobody

    def add(self, callback: Callable[[], None]) -> None:
        if self._callbacks is None:
            self._callbacks = set()
        self._callbacks.add(callback)

    def discard(self, callback: Callable[[], None]) -> None:
        if self._callbacks is not None:
            self._callbacks.discard(callback)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._callbacks)

    def tell(self) -> None:
        for callback in tuple(self._callbacks or ()):
            callback()


class Spool:
    """The last ``SPOOL_BYTES`` in a memfd ring. ``fd`` belongs to the spool."""

    # Behind the ring: twice the number of wraps, odd while one is under way; the generation.
    _TRAILER = struct.Struct(">QQ")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.gen = 1
        self.trouble = ""
        self.watchers = Watchers()
        self._position = os.lseek(fd, 0, os.SEEK_CUR)
        kept = os.pread(fd, self._TRAILER.size, SPOOL_BYTES)
        if len(kept) < self._TRAILER.size:
            kept = self._TRAILER.pack(0, 1)
        doubled, self.gen = self._TRAILER.unpack(kept)
        self._wraps: int = doubled // 2
        if self._position >= SPOOL_BYTES:  # another daemon was killed before it could wrap
            self._wrap()
        elif doubled % 2:  # or before it could say that it had
            self._wraps += 1
            self._save()

    @classmethod
    def create(cls) -> Spool:
        """An empty ring. Raises OSError."""
        return cls(os.memfd_create("supervisor-spool", os.MFD_CLOEXEC))

    @property
    def end(self) -> int:
        return self._wraps * SPOOL_BYTES + self._position

    @property
    def start(self) -> int:
        return max(0, self.end - SPOOL_BYTES)

    def take(self, source: int, limit: int) -> int:
        """Splice up to ``limit`` bytes; how many, 0 at the end of input, AGAIN when there are none now."""
        try:
            count = os.splice(source, self.fd, min(limit, SPOOL_BYTES - self._position))
        except BlockingIOError:
            return AGAIN
        self._advance(count)
        return count

    def append(self, data: bytes) -> int:
        """Write ``data`` whole."""
        view = memoryview(data)
        while view:
            count = os.write(self.fd, view[: SPOOL_BYTES - self._position])
            self._advance(count)
            view = view[count:]
        return len(data)

    def _advance(self, count: int) -> None:
        self._position += count
        if self._position >= SPOOL_BYTES:
            self._wrap()

    def _wrap(self) -> None:
        """Go back to the start of the ring; after a kill between two steps the position tells how far it came."""
        self._save(wrapping=1)
        self._position = os.lseek(self.fd, 0, os.SEEK_SET)
        self._wraps += 1
        self._save()

    def _save(self, wrapping: int = 0) -> None:
        os.pwrite(self.fd, self._TRAILER.pack(2 * self._wraps + wrapping, self.gen), SPOOL_BYTES)

    def read(self, offset: int, limit: int) -> bytes:
        """Bytes from ``offset`` on, fewer than ``limit`` at the end of the ring or of what is there."""
        if not self.start <= offset < self.end:
            return b""
        place = offset % SPOOL_BYTES
        return os.pread(self.fd, min(limit, self.end - offset, SPOOL_BYTES - place), place)

    def clear(self) -> None:
        """Begin a new generation."""
        os.lseek(self.fd, 0, os.SEEK_SET)
        os.ftruncate(self.fd, 0)
        self._position = self._wraps = 0
        self.gen += 1
        self._save()
        self.watchers.tell()

    def close(self) -> None:
        os.close(self.fd)
        self.fd = -1  # who reads on must not read what gets the number next
