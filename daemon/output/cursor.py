"""A reader's place in a store, gaps counted; must never know sockets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from .spool import Watchers
from .store import CHUNK_BYTES


class Readable(Protocol):
    """What a cursor reads: a LogStore or a Spool."""

    @property
    def gen(self) -> int: ...

    @property
    def watchers(self) -> Watchers: ...

    @property
    def start(self) -> int: ...

    @property
    def end(self) -> int: ...

    def read(self, offset: int, limit: int) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Chunk:
    gen: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Missed:
    """The bytes from ``offset`` to ``until`` are not kept any more."""

    gen: int
    offset: int
    until: int


class Cursor:
    """Reads a store forward from (gen, offset). A place beyond the end is the end."""

    def __init__(self, store: Readable, gen: int, offset: int) -> None:
        self.store = store
        self.gen = gen
        self.offset = offset
        if gen == store.gen:
            self.offset = min(offset, store.end)

    @classmethod
    def last(cls, store: Readable, count: int) -> Cursor:
        """``count`` bytes before the end, or at the oldest byte kept."""
        return cls(store, store.gen, max(store.start, store.end - count))

    def next(self, limit: int = CHUNK_BYTES) -> Chunk | Missed | None:
        """What comes next, at most ``limit`` bytes of it; None at the end. Raises OSError."""
        store = self.store
        if self.gen != store.gen:  # cleared, or cut by somebody else: what was unread is gone
            self.gen, self.offset = store.gen, 0
        if self.offset >= store.end:
            return None
        if self.offset < store.start:
            missed = Missed(self.gen, self.offset, store.start)
            self.offset = store.start
            return missed
        data = store.read(self.offset, limit)
        if not data:  # an archive was taken away by somebody else
            until = store.start if self.offset < store.start else store.end
            missed = Missed(self.gen, self.offset, until)
            self.offset = until
            return missed
        chunk = Chunk(self.gen, self.offset, data)
        self.offset += len(data)
        return chunk
