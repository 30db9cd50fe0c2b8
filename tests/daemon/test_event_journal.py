"""The journal of the pools: what one daemon writes, the next one reads, wherever it died."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from supervisor.daemon.eventjournal import COMPACT_BYTES, NAMES, EventJournal, Record, SavedMember
from supervisor.daemon.snapshot import Journal


class Keeper:
    """Holds what it is given, as the keeper does; ``fds`` are its own."""

    def __init__(self) -> None:
        self.fds: dict[str, int] = {}

    def hold(self, name: str, fd: int) -> None:
        self.fds[name] = os.dup(fd)

    def journal(self) -> EventJournal:
        """What a new daemon makes of it."""
        held = {name: os.dup(fd) for name, fd in self.fds.items()}
        journal = EventJournal(held, self.hold)
        assert not held
        return journal

    def close(self, *journals: EventJournal) -> None:
        for fd in self.fds.values():
            os.close(fd)
        for journal in journals:
            for one in journal._journals:
                os.close(one.fd)


def event(serial: int, size: int = 1) -> Record:
    return {"pool": "p", "event": [serial, serial + 5, "TICK_5", b"x" * size]}


def test_nothing_is_kept_before_there_is_a_pool() -> None:
    keeper = Keeper()
    journal = keeper.journal()
    journal.append(event(1))
    assert keeper.fds == {} and journal.saved.pools == {}


def test_records_come_back() -> None:
    keeper = Keeper()
    journal = keeper.journal()
    journal.compact()
    assert set(keeper.fds) == set(NAMES)
    for record in (
        event(7),
        event(8),
        {"pool": "p", "member": ["m", 3, 20, 100, 8, 1.5, False]},
        {"pool": "p", "written": "m"},
        {"pool": "p", "done": 7},
        {"pool": "q", "event": [9, 0, "X", b""]},
        {"gone": "q"},
        {"ticks": [[5, 100]]},
    ):
        journal.append(record)
    after = keeper.journal()
    saved = after.saved
    assert saved.serial == 10 and saved.ticks == {5: 100} and set(saved.pools) == {"p"}
    pool = saved.pools["p"]
    assert pool.entries == {8: (13, "TICK_5", b"x")} and pool.poolserial == 14
    assert pool.members == {"m": SavedMember(3, 20, 100, 8, 1.5, True)}
    keeper.close(journal, after)


def test_what_one_event_brings_about_is_written_at_once_and_before_it_is_done() -> None:
    keeper = Keeper()
    journal = keeper.journal()
    journal.compact()

    def serials() -> list[int]:
        after = keeper.journal()
        keeper_sees = sorted(after.saved.pools["p"].entries) if after.saved.pools else []
        for one in after._journals:
            os.close(one.fd)
        return keeper_sees

    journal.append(event(1))
    journal.begin()
    journal.append(event(2))
    journal.begin()
    journal.append(event(3))
    journal.end()
    assert serials() == [1]
    journal.flush()
    assert serials() == [1, 2, 3]
    journal.append(event(4))
    journal.append({"pool": "p", "done": 2})
    journal.end()
    assert serials() == [1, 3, 4]
    journal.append(event(5))
    assert serials() == [1, 3, 4, 5]
    keeper.close(journal)


def test_it_is_written_afresh_when_it_has_grown_and_stays_small() -> None:
    keeper = Keeper()
    journal = keeper.journal()
    wanted = [event(0), {"serial": 77}]
    journal.everything = lambda: wanted
    journal.compact()
    for serial in range(1000):
        journal.append(event(serial, 2000))
        journal.append({"pool": "p", "done": serial})
        assert sum(os.fstat(fd).st_size for fd in keeper.fds.values()) < 2 * COMPACT_BYTES
    journal.compact()
    after = keeper.journal()
    assert after.saved.pools["p"].entries == {0: (5, "TICK_5", b"x")} and after.saved.serial == 77
    keeper.close(journal, after)


@given(st.integers(0, 6), st.integers(0, 400))
def test_a_death_while_it_is_written_afresh_loses_nothing(compactions: int, cut: int) -> None:
    """The one that is being written is cut anywhere before its last record: the other one counts."""
    keeper = Keeper()
    journal = keeper.journal()
    journal.everything = lambda: [event(serial) for serial in range(5)]
    journal.compact()
    for _ in range(compactions):
        journal.compact()
    journal.append(event(5))
    other = journal._journals[1 - journal._current]
    os.ftruncate(other.fd, 0)
    whole = b"".join(_packed(event(serial, 9)) for serial in range(5))
    os.pwrite(other.fd, whole[:cut], 0)
    after = keeper.journal()
    assert sorted(after.saved.pools["p"].entries) == list(range(6))
    after.everything = lambda: [event(1)]
    after.compact()
    third = keeper.journal()
    assert sorted(third.saved.pools["p"].entries) == [1]
    keeper.close(journal, after, third)


def _packed(record: Record) -> bytes:
    journal = Journal.create()
    journal.append(record)
    data = os.pread(journal.fd, 1 << 16, 0)
    os.close(journal.fd)
    return data
