"""What is believed of a file of running programs that a power cut, or a bad disk, has left."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from supervisor.daemon.keeper import roster
from supervisor.daemon.keeper.roster import Entry, Roster


@pytest.fixture
def entries() -> list[Entry]:
    """Of processes that run, one of them with names as long as names may be."""
    pids = [os.getpid(), os.getppid(), os.getpid()]
    names = ["group:p1", "group:p2", f"{'g' * 255}:{'n' * 255}"]
    return [
        Entry(name, n, pid, roster.start_ticks(pid), 12.5, False, [4711, n])
        for n, (name, pid) in enumerate(zip(names, pids, strict=True), 1)
    ]


@pytest.fixture
def data(tmp_path: Path, entries: list[Entry]) -> bytes:
    """A file of them."""
    Roster(str(tmp_path / "file"), entries).close()
    assert roster.read(str(tmp_path / "file")) == entries
    return (tmp_path / "file").read_bytes()


def read(path: Path, data: bytes) -> list[Entry]:
    path.write_bytes(data)
    path.chmod(0o600)
    return roster.read(str(path))


def test_cut_at_each_length(tmp_path: Path, data: bytes, entries: list[Entry]) -> None:
    found = [len(read(tmp_path / "cut", data[:length])) for length in range(len(data) + 1)]
    assert found == sorted(found) and found[0] == 0 and found[-1] == len(entries)
    for count in range(len(entries)):  # up to the last of the bytes that say something
        assert found[(count + 1) * roster.SLOT_BYTES] == count
        assert found[(count + 2) * roster.SLOT_BYTES - 1] == count + 1


def test_a_bit_that_is_another(tmp_path: Path, data: bytes, entries: list[Entry]) -> None:
    dice = random.Random(5)
    for _ in range(2000):
        place, bit = dice.randrange(len(data)), dice.randrange(8)
        flipped = bytearray(data)
        flipped[place] ^= 1 << bit
        found = read(tmp_path / "flipped", bytes(flipped))
        assert all(entry in entries for entry in found), (place, bit, found)


def test_of_another_boot(tmp_path: Path, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster, "boot_id", lambda: "another")
    assert read(tmp_path / "old", data) == []
