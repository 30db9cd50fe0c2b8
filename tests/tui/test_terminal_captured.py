"""Recorded sessions of real programs show what tmux showed for the same bytes, however they are cut."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from supervisor.tui.terminal import Attrs, Line, Terminal
from supervisor.tui.terminal.attrs import erased

CAPTURED = Path(__file__).parent.parent / "captured"
NAMES = ("bash", "htop", "less", "mc", "nano", "python", "tmux", "top", "vim", "vttest")
ROWS, COLS = 24, 80


@dataclass(frozen=True)
class Point:
    """What tmux showed after ``offset`` bytes."""

    offset: int
    cursor: tuple[int, int]
    rows: list[str]
    styled: list[str]


def load(name: str) -> tuple[bytes, list[Point]]:
    points = json.loads((CAPTURED / f"{name}.json").read_text(encoding="utf-8"))
    return (CAPTURED / f"{name}.bytes").read_bytes(), [
        Point(p["offset"], (p["cursor"][0], p["cursor"][1]), p["rows"], p["styled"]) for p in points
    ]


def whole(data: bytes) -> Iterator[bytes]:
    yield data


def single_bytes(data: bytes) -> Iterator[bytes]:
    for i in range(len(data)):
        yield data[i : i + 1]


def random_pieces(data: bytes) -> Iterator[bytes]:
    rng = random.Random(len(data))
    start = 0
    while start < len(data):
        size = rng.choice((1, 2, 3, 7, 50, 400, 4096))
        yield data[start : start + size]
        start += size


def rows(terminal: Terminal) -> list[str]:
    return [line.text.rstrip() for line in terminal.lines()]


def styled_cells(line: Line) -> list[tuple[str, Attrs]]:
    """Characters with their looks; erased cells at the end are trimmed, tmux does not tell them."""
    out = [(char, attrs) for text, attrs in line.runs for char in text]
    while out and out[-1][0] == " " and out[-1][1] == erased(out[-1][1]):
        out.pop()
    return out


def test_all_recordings_are_tested() -> None:
    assert {path.stem for path in CAPTURED.glob("*.bytes")} == set(NAMES)


@pytest.mark.parametrize("cut", [whole, single_bytes, random_pieces])
@pytest.mark.parametrize("name", NAMES)
def test_screens(name: str, cut: Callable[[bytes], Iterator[bytes]]) -> None:
    data, points = load(name)
    assert points
    terminal = Terminal(ROWS, COLS)
    start = 0
    for point in points:
        for piece in cut(data[start : point.offset]):
            terminal.feed(piece)
        start = point.offset
        assert rows(terminal) == [row.rstrip() for row in point.rows], point.offset
        assert terminal.cursor[:2] == point.cursor, point.offset
    assert terminal.faults == 0


@pytest.mark.parametrize("name", NAMES)
def test_colours(name: str) -> None:
    """The looks of all cells, told by tmux as SGR sequences that one row takes over from the one before."""
    data, points = load(name)
    for point in points:
        ours = Terminal(ROWS, COLS)
        ours.feed(data[: point.offset])
        theirs = Terminal(ROWS, COLS + 1)
        theirs.feed("\r\n".join(point.styled).encode())
        for y in range(ROWS):
            assert styled_cells(ours.row(y)) == styled_cells(theirs.row(y)), (point.offset, y)


def test_vttest_says_itself_what_autowrap_has_to_show() -> None:
    """ "The left/right margins should have letters in order": where tmux shows something else."""
    data, _ = load("vttest")
    terminal = Terminal(ROWS, COLS)
    terminal.feed(data[: data.index(b"Push <RETURN>", data.index(b"Test of autowrap"))])
    shown = rows(terminal)
    assert shown[0] == "Test of autowrap, mixing control and print characters."
    assert [row[0] + row[-1] for row in shown[2:20]] == [f"{c}{c.lower()}" for c in "IJKLMNOPQRSTUVWXYZ"]
    assert {len(row) for row in shown[2:20]} == {COLS}
