"""The journal of the configuration stays small, and whichever of two the keeper holds says all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from supervisor.daemon.configjournal import COMPACT_BYTES, ConfigJournal
from supervisor.daemon.snapshot import Journal


class Keeper:
    """Holds a descriptor of its own, as the keeper does; ``busy``: what it was sent has not come yet."""

    def __init__(self, journal: Journal) -> None:
        self.fd = os.dup(journal.fd)
        self.busy = False
        self.given = 0
        self._sent: list[int] = []

    def hold(self, fd: int) -> None:
        self.given += 1
        self._sent.append(os.dup(fd))
        self.receive()

    def receive(self) -> None:
        while self._sent and not self.busy:
            os.close(self.fd)
            self.fd = self._sent.pop(0)

    def idle(self) -> bool:
        return not self._sent

    def says(self) -> dict[str, Any]:
        """What a new daemon reads."""
        wanted: dict[str, Any] = {}
        for entry in Journal(self.fd).entries():
            wanted.update(entry)
        return {name: value for name, value in wanted.items() if value is not None}

    def close(self) -> None:
        for fd in (self.fd, *self._sent):
            os.close(fd)


class Writer:
    """A journal of names and values, each change told before or after it happened."""

    def __init__(self) -> None:
        journal = Journal.create()
        self.keeper = Keeper(journal)
        self.journal = ConfigJournal(journal, self.keeper.hold, self.keeper.idle)
        self.now: dict[str, Any] = {}
        self.journal.bound(self.everything)

    def everything(self) -> Iterator[dict[str, Any]]:
        for name in tuple(self.now):
            if name in self.now:
                yield {name: self.now[name]}

    def put(self, name: str, value: str | None, told_first: bool) -> None:
        if told_first:
            self.journal.append({name: value})
        self.now.pop(name, None)
        if value is not None:
            self.now[name] = value
        if not told_first:
            self.journal.append({name: value})


@pytest.fixture
def writer() -> Iterator[Writer]:
    made = Writer()
    yield made
    made.keeper.close()
    for journal in made.journal._journals:
        os.close(journal.fd)


@pytest.mark.parametrize("told_first", [True, False])
def test_it_stays_small_and_says_all(writer: Writer, told_first: bool) -> None:
    writer.put("kept", "x" * 1000, told_first)
    for number in range(400):
        writer.put(f"group {number % 3}", f"{number}" * 5000, told_first)
        writer.put(f"group {(number + 1) % 3}", None, told_first)
        assert writer.keeper.says() == writer.now
        assert os.fstat(writer.keeper.fd).st_size < 2 * COMPACT_BYTES
    assert writer.keeper.given > 2
    assert len(writer.journal._journals) <= 2


def test_while_the_keeper_has_not_got_the_new_one_the_old_one_says_all(writer: Writer) -> None:
    writer.keeper.busy = True
    for number in range(400):
        writer.put(f"group {number % 3}", f"{number}" * 5000, told_first=bool(number % 2))
        assert writer.keeper.says() == writer.now
    assert writer.keeper.given == 1
    writer.keeper.busy = False
    writer.keeper.receive()
    assert writer.keeper.says() == writer.now
    old = writer.journal._journals[0]
    writer.put("last", "1", told_first=False)
    assert writer.keeper.says() == writer.now and old not in writer.journal._journals


def test_what_is_known_to_be_wanted_is_not_written_again_at_once(writer: Writer) -> None:
    writer.journal.bound(lambda: [{"whole": 1}], wanted_bytes=COMPACT_BYTES)
    for _ in range(25):
        writer.journal.append({"x": "y" * (COMPACT_BYTES // 10)})
    assert writer.keeper.given < 1
    for _ in range(10):
        writer.journal.append({"x": "y" * (COMPACT_BYTES // 10)})
    assert writer.keeper.given == 1


def test_it_is_written_afresh_piece_by_piece(writer: Writer) -> None:
    """What changes between two pieces counts, whether its piece was written before or comes later."""
    for number in range(40):
        writer.put(f"group {number}", f"{number:02d}" * 10_000, told_first=False)
    for number in range(400):
        writer.put(f"group {number % 40}", f"{number:03d}" * 7_000, told_first=bool(number % 2))
        writer.put(f"group {number * 7 % 40}", None, told_first=bool(number % 3))
        assert writer.keeper.says() == writer.now
    assert writer.keeper.given > 1
