"""The configuration in force, in a journal that stays small; must never know what its entries mean.

It is appended to; when it has grown far beyond what is still wanted, another one is
written with that and given to the keeper in place of the first. It is written piece by
piece, one with each entry, so that nobody waits for thousands of programs; behind the
last come the entries that were added meanwhile. Until the keeper has it, entries go to
both, so that a daemon can die at any point and the next one finds all of them in
whichever the keeper holds.

Entries say what is, not what to do: one that repeats what the journal says already
changes nothing, nor does one about what is not there any more.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from .snapshot import Journal

COMPACT_BYTES = 1 << 20
PIECE_BYTES = 1 << 17
"""How much of a new journal is written at a time."""

Entry = Mapping[str, Any]


class ConfigJournal:
    """``hold``: gives the keeper a descriptor in place of the one before. ``idle``: it has all it was given."""

    def __init__(self, journal: Journal, hold: Callable[[int], None], idle: Callable[[], bool]) -> None:
        self._journals = [journal]
        self._hold = hold
        self._idle = idle
        self._limit = 0
        self._everything: Callable[[], Iterable[Entry]] | None = None
        self._changing: Callable[[Entry], None] = lambda entry: None
        self._fresh: Journal | None = None  # being written
        self._rest: Iterator[Entry] = iter(())  # what it still lacks, and then
        self._meanwhile: list[Entry] = []

    @property
    def fd(self) -> int:
        """Of the one that counts."""
        return self._journals[-1].fd

    def bound(
        self,
        everything: Callable[[], Iterable[Entry]],
        wanted_bytes: int = 0,
        changing: Callable[[Entry], None] = lambda entry: None,
    ) -> None:
        """From now on stay small; ``everything``: entries that say all that is still wanted, each when it is taken.

        ``wanted_bytes``: how much of the journal is known to be that; ``changing``: told of each entry before it is added.
        """
        self._everything = everything
        self._changing = changing
        self._limit = max(COMPACT_BYTES, 3 * wanted_bytes)

    @property
    def end(self) -> int:
        """How many bytes there are."""
        return self._journals[-1].end

    def append(self, entry: Entry) -> None:
        """Add one entry. What it tells may have happened already, or not yet."""
        self._changing(entry)
        self._drop_old()
        for journal in self._journals:
            journal.append(entry)
        if self._fresh is None and self._everything is not None:
            self._begin_afresh(self._everything)
        if self._fresh is not None:
            self._meanwhile.append(entry)
            self._go_on(self._fresh)

    def _begin_afresh(self, everything: Callable[[], Iterable[Entry]]) -> None:
        if self.end > self._limit and len(self._journals) == 1:
            try:
                self._fresh = Journal.create()
            except OSError:
                return  # no descriptor is left now: the next entry tries again
            self._rest = iter(everything())

    def _go_on(self, fresh: Journal) -> None:
        enough = fresh.end + PIECE_BYTES
        for entry in self._rest:
            fresh.append(entry)
            if fresh.end >= enough:
                return
        fresh.append(*self._meanwhile)
        self._fresh = None
        self._meanwhile.clear()
        self._limit = max(COMPACT_BYTES, 3 * fresh.end)
        self._hold(fresh.fd)
        self._journals.append(fresh)
        self._drop_old()

    def _drop_old(self) -> None:
        if len(self._journals) > 1 and self._idle():
            os.close(self._journals.pop(0).fd)
