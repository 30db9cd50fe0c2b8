"""What listener pools must not forget when the daemon dies; must never know the pools' rules.

Two memfds, held by the keeper as ``events:0`` and ``events:1``. One is appended to: a
record for each event that a pool keeps, sends, is done with, and for each change of a
listener's state. When it has grown far beyond what is still wanted, the other one is
written afresh with what is, and takes over with its last record (``whole``); so that a
daemon can die at any point and the next one finds one of them complete.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from .snapshot import Journal

NAMES = ("events:0", "events:1")
COMPACT_BYTES = 1 << 18

Record = dict[str, Any]


@dataclass(slots=True)
class SavedMember:
    """``state``: of the protocol. ``offset``: of the first byte in its output ring that was not understood yet.

    BUSY: ``serial`` is the event it has, ``since`` when (monotonic), ``written`` whether it was sent whole.
    """

    gen: int
    state: int
    offset: int
    serial: int = -1
    since: float = 0.0
    written: bool = False


@dataclass(slots=True)
class SavedPool:
    """``entries``: serial to (poolserial, name, payload), of every event that is not done."""

    poolserial: int = 0
    entries: dict[int, tuple[int, str, bytes]] = field(default_factory=dict)
    members: dict[str, SavedMember] = field(default_factory=dict)


@dataclass(slots=True)
class Saved:
    serial: int = 0
    ticks: dict[int, int] = field(default_factory=dict)
    pools: dict[str, SavedPool] = field(default_factory=dict)


class EventJournal:
    """``held``: the descriptors from the keeper, taken out. ``hold`` gives it one to keep under a name."""

    def __init__(self, held: dict[str, int], hold: Callable[[str, int], None]) -> None:
        fds = [held.pop(name, -1) for name in NAMES]
        self._hold = hold
        self._journals: list[Journal] = []
        self._current = 0
        self._sequence = 0
        self._size = 0
        self._limit = COMPACT_BYTES
        self._waiting: list[Record] = []
        self._depth = 0
        self.saved = Saved()
        if all(fd >= 0 for fd in fds):
            self._journals = [Journal(fd) for fd in fds]
            self._load()
        else:
            for fd in fds:
                if fd >= 0:
                    os.close(fd)
        self.everything: Callable[[], Iterable[Record]] = lambda: ()
        """Records that say all that is still wanted; asked for when the journal is written afresh."""

    def _load(self) -> None:
        for number, journal in enumerate(self._journals):
            saved, sequence = Saved(), 0
            for record in journal.entries():
                _apply(saved, record)
                sequence = max(sequence, record.get("whole", 0))
            if sequence > self._sequence:
                self._sequence, self._current, self.saved = sequence, number, saved
        if self._journals:
            self._size = os.fstat(self._journals[self._current].fd).st_size

    def append(self, record: Record) -> None:
        """Add one record; nothing is kept before the first ``compact``."""
        if self._journals:
            self._waiting.append(record)
            if not self._depth:
                self.flush()

    def begin(self) -> None:
        """Until ``end`` records are collected: one write for all that one event brings about."""
        self._depth += 1

    def end(self) -> None:
        self._depth -= 1
        if not self._depth:
            self.flush()

    def flush(self) -> None:
        """Write what was collected; to be called before what it tells of is done."""
        if not self._waiting:
            return
        journal = self._journals[self._current]
        records, self._waiting = self._waiting, []
        journal.append(*records)
        self._size = journal.end
        if self._size > self._limit:
            self.compact()

    def compact(self) -> None:
        """Write what is wanted afresh. The first time, this makes the journal."""
        self._waiting.clear()  # what they tell of is part of everything
        if not self._journals:
            self._journals = [Journal.create(), Journal.create()]
            for name, journal in zip(NAMES, self._journals, strict=True):
                self._hold(name, journal.fd)
        other = 1 - self._current
        old, fresh = self._journals[self._current], Journal(self._journals[other].fd)
        os.ftruncate(fresh.fd, 0)
        for record in self.everything():
            fresh.append(record)
        self._sequence += 1
        fresh.append({"whole": self._sequence})
        os.ftruncate(old.fd, 0)
        self._journals[other] = fresh
        self._current = other
        self._size = fresh.end
        self._limit = max(COMPACT_BYTES, 3 * self._size)


def _apply(saved: Saved, record: Record) -> None:
    """What one record adds to what the ones before it said."""
    if "serial" in record:
        saved.serial = record["serial"]
    elif "ticks" in record:
        saved.ticks = {int(period): int(when) for period, when in record["ticks"]}
    elif "gone" in record:
        saved.pools.pop(record["gone"], None)
    elif "pool" in record:
        pool = saved.pools.setdefault(record["pool"], SavedPool())
        if "event" in record:
            serial, poolserial, name, payload = record["event"]
            pool.entries[serial] = (poolserial, name, payload)
            saved.serial, pool.poolserial = serial + 1, poolserial + 1
        elif "done" in record:
            pool.entries.pop(record["done"], None)
        elif "next" in record:
            pool.poolserial = record["next"]
        elif "written" in record:
            pool.members[record["written"]].written = True
        elif "member" in record:
            name, *facts = record["member"]
            pool.members[name] = SavedMember(*facts)
