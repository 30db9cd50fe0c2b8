"""Input on its way to a program, in a memfd that outlives the daemon; must never know programs, clients.

A key must reach its program once, also when the daemon is killed at any place. So input is
appended to a memfd first, in frames that say whose it is, and moved on by sendfile from
the descriptor's own position. The keeper holds that descriptor too, so the position is
kept by the kernel, which moves it in the same system call as the bytes: what stands
before it was delivered, what stands behind it was not, and there is nothing in between.

The next daemon finds in the same file how much each client's input was taken (its
*place*), so that a client that attaches again sends what is missing and nothing twice,
and goes on delivering by itself what had been taken.

The file: one page with the places at the last time when it was emptied, then frames
{whose, place of the first byte, length} and their bytes. A frame whose end is missing
was being written when the daemon died; none of it was delivered, and it is cut off. The
page is written by one call that the kernel does whole.

Not taken: the keeper as the writer (a hop for each key, and it would have to wait for
slow terminals); an intent written before a plain write, and the terminal asked for what
it has (nobody can be asked: a program may have read it).
"""

from __future__ import annotations

import errno
import os
import struct
from collections import deque
from typing import Final, NamedTuple

HELD_AS: Final = "input:"
"""What the keeper holds it as: this, the generation, a colon, the process's key."""
PLACES_MAX: Final = 32
"""So many clients' places are remembered, those that typed last."""
EMPTY_OVER_BYTES: Final = 256 * 1024
LIMIT_BYTES: Final = 8 << 20
_FIRST: Final = 4096
_HEAD: Final = struct.Struct(">16sQI")
_COUNT: Final = struct.Struct(">I")
_PLACE: Final = struct.Struct(">16sQ")


class Origin(NamedTuple):
    """Whose bytes: ``token`` names a client's input, ``place`` is that of the first byte in it."""

    token: bytes
    place: int


NOBODY: Final = Origin(bytes(16), 0)


class JournalFull(Exception):
    """The journal does not take more, or memory is short; nothing was taken."""


class InputJournal:
    """``fd`` belongs to the journal; its position is the kernel's record of what was delivered."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.places: dict[bytes, int] = {}
        """How much of each client's input was taken, the latest last."""
        self._frames: deque[tuple[int, int]] = deque()
        self._end = max(os.fstat(fd).st_size, _FIRST)
        self._at = os.lseek(fd, 0, os.SEEK_CUR)
        self._read_places()
        self._read_frames()
        if self._at > self._end or self._at < _FIRST:  # killed between emptying and going back
            self._at = os.lseek(fd, _FIRST, os.SEEK_SET)

    @classmethod
    def create(cls) -> InputJournal:
        """An empty one. Raises OSError."""
        return cls(os.memfd_create("supervisor-input", os.MFD_CLOEXEC))

    def _read_places(self) -> None:
        page = os.pread(self.fd, _FIRST, 0)
        if len(page) < _COUNT.size:
            return
        (count,) = _COUNT.unpack_from(page)
        for n in range(min(count, PLACES_MAX)):
            token, place = _PLACE.unpack_from(page, _COUNT.size + n * _PLACE.size)
            self.places[token] = place

    def _read_frames(self) -> None:
        at = _FIRST
        while at < self._end:
            head = os.pread(self.fd, _HEAD.size, at)
            if len(head) < _HEAD.size or at + _HEAD.size + _HEAD.unpack(head)[2] > self._end:
                os.ftruncate(self.fd, at)
                self._end = at
                return
            token, place, length = _HEAD.unpack(head)
            at += _HEAD.size
            if at + length > self._at:
                self._frames.append((at, at + length))
            at += length
            self._note(token, place + length)

    def _note(self, token: bytes, place: int) -> None:
        if token != NOBODY.token:
            self.places.pop(token, None)
            self.places[token] = place
            if len(self.places) > PLACES_MAX:
                del self.places[next(iter(self.places))]

    def take(self, data: bytes | memoryview, origin: Origin = NOBODY) -> None:
        """Take bytes to be delivered. Raises JournalFull."""
        if self._end - _FIRST + len(data) > LIMIT_BYTES:
            raise JournalFull
        head = _HEAD.pack(origin.token, origin.place, len(data))
        try:
            written = os.pwritev(self.fd, (head, data), self._end)
        except OSError as error:
            raise JournalFull from error
        if written < len(head) + len(data):
            os.ftruncate(self.fd, self._end)
            raise JournalFull
        self._frames.append((self._end + len(head), self._end + written))
        self._end += written
        self._note(origin.token, origin.place + len(data))

    def waiting(self) -> list[bytes]:
        """What was taken and is not delivered yet, frame by frame."""
        pieces = ((max(begin, self._at), end) for begin, end in self._frames)
        return [os.pread(self.fd, end - begin, begin) for begin, end in pieces]

    def deliver(self, out: int) -> int:
        """Move the first frame's bytes to ``out``, as many as go; how many. Raises OSError."""
        begin, end = self._frames[0]
        if self._at < begin:
            self._at = os.lseek(self.fd, begin, os.SEEK_SET)
        count = os.sendfile(out, self.fd, None, end - self._at)
        if not count:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self._at += count
        if self._at == end:
            self._frames.popleft()
            if not self._frames and self._end - _FIRST > EMPTY_OVER_BYTES:
                self._empty()
        return count

    def _empty(self) -> None:
        """All was delivered: begin anew, the places kept."""
        page = _COUNT.pack(len(self.places))
        page += b"".join(_PLACE.pack(token, place) for token, place in self.places.items())
        os.pwrite(self.fd, page, 0)
        os.ftruncate(self.fd, _FIRST)
        self._end = self._at = os.lseek(self.fd, _FIRST, os.SEEK_SET)

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
            self._frames.clear()
