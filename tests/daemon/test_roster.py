"""What is believed of a file of running programs that a power cut, or a bad disk, has left."""

from __future__ import annotations

import os
import random
import select
import signal
from pathlib import Path

import pytest

from supervisor.daemon.keeper import roster, wire
from supervisor.daemon.keeper.oomscore import OomScore
from supervisor.daemon.keeper.programs import Programs
from supervisor.daemon.keeper.roster import Entry, Roster
from supervisor.mounts import Mounts


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


def test_what_the_keeper_starts_is_believed(tmp_path: Path) -> None:
    """Where a start and the next tick of the clock come together, too."""
    sent: list[wire.Frame] = []

    def send(frame: wire.Frame, fds: list[int] | None = None) -> None:
        sent.append(frame)

    programs = Programs(select.poll(), Mounts(), OomScore(None), send)
    programs.write_roster(str(tmp_path / "file"))
    script = ["sh", "-c", "exec sleep 1000"]
    try:
        for gen in range(1, 101):
            programs.start(
                wire.Spawn("a", gen, "/bin/sh", script, {}, "", -1, -1, -1, [], False, 24, 80, True), {}
            )
        found = roster.read(str(tmp_path / "file"))
        assert [(entry.gen, entry.pid) for entry in found] == [
            (gen, program.pid) for (_, gen), program in programs.table.items()
        ]
        assert len(found) == 100
    finally:
        programs.kill_all(signal.SIGKILL)
        for program in programs.table.values():
            os.waitpid(program.pid, 0)
            for fd in (program.stdin, *program.outputs):
                os.close(fd)
        programs.roster.close()
        for fd in (programs._error_read, programs._error_write):
            os.close(fd)
