"""No input raises, hangs or grows without bound; cuts do not matter; pyte agrees where it is right."""

from __future__ import annotations

import random
import tracemalloc
import unicodedata
from itertools import pairwise

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supervisor.tui.terminal import Attrs, Scrollback, Terminal
from supervisor.tui.terminal.screen import MAX_PENS
from supervisor.tui.terminal.terminal import MAX_ACTIONS
from supervisor.tui.terminal.tokenizer import MAX_OSC
from supervisor.tui.terminal.width import NARROW, WIDE, width

SEED = 20260301
FINALS = "@ABCDEFGHIJKLMPSTXZ`abcdefghlmnpqrstuy"
TEXTS = [
    "abc",
    "x" * 30,
    "日本語",
    "é",
    "e\u0301",
    "\u0301",
    "👩\u200d💻",
    "🇩🇪",
    "\u200b",
    "┌─┐",
    "\ufffd",
    "\u202e",
    " ",
]
MODES = [
    1,
    3,
    4,
    5,
    6,
    7,
    9,
    12,
    20,
    25,
    47,
    66,
    1000,
    1002,
    1003,
    1004,
    1005,
    1006,
    1047,
    1048,
    1049,
    2004,
    2026,
]
STRINGS = [
    b"\x1b]0;t\x07",
    b"\x1b]8;;http://x/\x07",
    b"\x1b]4;1;?\x07",
    b"\x1b]10;?\x1b\\",
    b"\x1bPx\x1b\\",
    b"\x1b_y\x1b\\",
]


def check(terminal: Terminal) -> None:
    """What must hold after any input."""
    screen = terminal._screen
    assert terminal.faults == 0, terminal.last_fault
    assert len(screen.grid) == terminal.rows == screen.lines
    y, x, _ = terminal.cursor
    assert 0 <= y < terminal.rows and 0 <= x < terminal.cols
    assert 0 <= screen.cursor.x <= terminal.cols
    assert 0 <= screen._top <= screen._bottom < terminal.rows
    assert len({id(row) for row in screen.grid}) == len(screen.grid)
    for row in screen.grid:
        assert len(row.chars) == len(row.attrs) == terminal.cols
        for i, cell in enumerate(row.chars):
            right = row.chars[i + 1] if i + 1 < terminal.cols else " "
            if cell == "":
                assert i > 0 and width(row.chars[i - 1][0]) == 2, row.chars
            else:
                assert (width(cell[0]) == 2) == (right == ""), row.chars
                assert len(cell) <= 8
        line = row.packed()
        assert "".join(text for text, _ in line.runs) == line.text
        assert line.width <= terminal.cols
        assert not any(unicodedata.category(char) == "Cc" for char in line.text)
    assert len(terminal._tokenizer._tail) <= MAX_OSC + 3
    assert len(terminal._actions) <= MAX_ACTIONS
    assert len(screen._pens) <= MAX_PENS + 10
    assert len(screen.mode) < 40 and len(screen.tabstops) <= 2000


def random_csi(rng: random.Random) -> bytes:
    marker = rng.choice(["", "", "", "?", ">", "<", "=", "!"])
    count = rng.choice((0, 1, 1, 2, 3, 9))
    numbers = [str(rng.choice((0, 1, 2, 3, 5, 10, 38, 48, 999999999, *MODES))) for _ in range(count)]
    intermediate = rng.choice(["", "", "", "", "$", " ", "!"])
    return f"\x1b[{marker}{rng.choice(';;;:').join(numbers)}{intermediate}{rng.choice(FINALS)}".encode()


def random_sequence(rng: random.Random) -> bytes:
    kind = rng.randrange(12)
    if kind < 5:
        data = random_csi(rng)
    elif kind < 8:
        data = rng.choice(TEXTS).encode()
    elif kind == 8:
        data = b"\x1b" + bytes([rng.randrange(0x20, 0x7F)]) + rng.choice((b"", b"0", b"B"))
    elif kind == 9:
        data = bytes([rng.randrange(0x20)]) * rng.randint(1, 4)
    elif kind == 10:
        data = rng.choice(STRINGS)
    else:
        data = f"\x1b[?{rng.choice(MODES)}{rng.choice('hl')}".encode()
    if rng.random() < 0.15:
        mutable = bytearray(data)
        for _ in range(rng.randint(1, 3)):
            place = rng.randrange(len(mutable) + 1)
            if rng.random() < 0.5:
                mutable[place:place] = bytes([rng.randrange(256)])
            else:
                del mutable[place : place + 1]
        data = bytes(mutable)
    return data


@pytest.mark.parametrize(("rows", "cols"), [(1, 1), (1, 2), (2, 1), (5, 12), (24, 80)])
def test_random_sequences(rows: int, cols: int) -> None:
    """20,000 in all, some mutated, with resizes between them."""
    rng = random.Random(SEED + rows * 1000 + cols)
    terminal = Terminal(rows, cols, Scrollback(lines=50, size_bytes=20_000))
    for n in range(4000):
        terminal.feed(random_sequence(rng))
        if n % 40 == 0:
            check(terminal)
        if n % 400 == 399:
            terminal.resize(rng.choice((1, rows, rows * 2)), rng.choice((1, cols, cols * 2)))
            check(terminal)
            terminal.resize(rows, cols)
        assert terminal.history_len <= 50 and terminal.history_bytes <= 20_000
    check(terminal)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes(data: bytes) -> None:
    terminal = Terminal(3, 7)
    terminal.feed(data)
    check(terminal)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 60), st.lists(st.integers(0), max_size=10))
def test_any_cut_gives_the_same_screen(seed: int, count: int, places: list[int]) -> None:
    rng = random.Random(seed)
    data = b"".join(random_sequence(rng) for _ in range(count))
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    whole, pieces, singles = (Terminal(6, 15) for _ in range(3))
    whole.feed(data)
    for start, end in pairwise(edges):
        pieces.feed(data[start:end])
    for i in range(len(data)):
        singles.feed(data[i : i + 1])
    for other in (pieces, singles):
        assert [line.runs for line in other.lines()] == [line.runs for line in whole.lines()]
        assert other.cursor == whole.cursor and other.modes == whole.modes
        assert other.replies() == whole._replies
        assert (other.title, other.bell, other.history_len) == (whole.title, whole.bell, whole.history_len)


def test_floods_are_bounded() -> None:
    """Colours, links, positions and never-ending strings without repetition."""
    rng = random.Random(SEED)
    terminal = Terminal(10, 40, Scrollback(lines=10_000, size_bytes=300_000))
    tracemalloc.start()
    try:
        for round_ in range(30):
            parts = []
            for n in range(400):
                rgb = ";".join(str(rng.randrange(256)) for _ in range(3))
                link = "x" * 900 + str(round_ * 1000 + n)
                parts.append(
                    f"\x1b[38;2;{rgb};48;2;{rgb}m\x1b]8;;http://{link}\x07{n}\x1b[{n};{round_}H\x1b]0;{link}\r\n"
                )
            terminal.feed("".join(parts).encode())
        check(terminal)
        assert terminal.history_bytes <= 300_000
        # besides the scrollback there are the tables of actions and pens
        assert tracemalloc.get_traced_memory()[0] < 8_000_000
    finally:
        tracemalloc.stop()


def test_an_endless_line_and_an_endless_string() -> None:
    terminal = Terminal(5, 20, Scrollback(lines=100))
    terminal.feed(b"a" * 1_000_000)
    assert terminal.history_len == 100
    for start in (b"\x1b]0;", b"\x1bP", b"\x1b_", b"\x1b["):
        terminal.feed(start)
        for _ in range(50):
            terminal.feed(b"1" * 10_000)
        terminal.feed(b"\x07\x1b\\")
        check(terminal)


def test_counts_cost_no_more_than_the_screen() -> None:
    """The largest numbers on the largest screen; without clamping this would take hours."""
    terminal = Terminal(10**9, 10**9)
    assert (terminal.rows, terminal.cols) == (1000, 2000)
    terminal = Terminal(24, 80)
    for final in FINALS:
        terminal.feed(f"x\x1b[999999999999{final}".encode() * 5)
    check(terminal)


def test_a_fault_costs_one_sequence(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(2, 20)

    def broken() -> None:
        raise RuntimeError("broken")

    terminal._actions["\x1b[5n"] = broken
    terminal.feed(b"a\x1b[5nb\x1b[5n\x1b[31mc")
    assert terminal.row(0).runs == [("ab", Attrs()), ("c", Attrs(fg=1))]
    assert terminal.faults == 2 and "broken" in terminal.last_fault


def test_width_classes_agree_with_wcwidth() -> None:
    for code in range(0x20, 0x10000):
        char = chr(code)
        if NARROW.fullmatch(char):
            assert width(char) == 1, hex(code)
        if WIDE.fullmatch(char):
            assert width(char) == 2, hex(code)


# what pyte gets right: positions, erasing, inserting and deleting, plain SGR
PYTE_PARTS = [
    *(b"abc", b"hello world ", b"\r\n", b"\r", b"\n", b"\x1b[3;4H", b"\x1b[H", b"\x1b[2;7H", b"\x1b[A", b"\x1b[2B"),
    *(b"\x1b[3C", b"\x1b[D", b"\x1b[K", b"\x1b[1K", b"\x1b[2K", b"\x1b[J", b"\x1b[1J", b"\x1b[2J", b"\x1b[2@", b"\x1b[P"),
    *(b"\x1b[L", b"\x1b[2M", b"\x1b[3X", b"\x1b[1;31m", b"\x1b[m", b"\x1b[44m", b"\x1b[4;7m", b"\x1b[22;24m", b"\x1b[5G"),
    *(b"\x1bM", b"\x1bD", b"\t", "é ─ ж".encode()),
]  # fmt: skip
NAMES = {"black": 0, "red": 1, "blue": 4, "default": None}


def as_attrs(char: pyte.screens.Char) -> Attrs:
    return Attrs(
        NAMES[char.fg], NAMES[char.bg], bold=char.bold, underline=char.underscore, reverse=char.reverse
    )


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PYTE_PARTS), max_size=40))
def test_pyte_agrees(parts: list[bytes]) -> None:
    """Blank cells are compared by background: erasing uses all attributes in pyte and only that one here."""
    ours, screen = Terminal(5, 100), pyte.Screen(100, 5)
    stream = pyte.ByteStream(screen)
    column = 0
    for part in parts:
        # stay away from the last column, where pyte is wrong
        piece = b"\r\n" if column > 60 else part
        for y in range(5):
            # pyte's rows exist once they are looked at; DL moves only those that do
            assert screen.buffer[y] is not None
        ours.feed(piece)
        stream.feed(piece)
        column = ours.cursor.x
    assert ours.cursor[:2] == (screen.cursor.y, screen.cursor.x)
    for y in range(5):
        theirs = [screen.buffer[y][x] for x in range(100)]
        assert ours.row(y).text.rstrip() == "".join(char.data for char in theirs).rstrip()
        row = ours._screen.grid[y]
        for x, char in enumerate(theirs):
            if char.data.strip() and row.chars[x].strip():
                assert row.attrs[x] == as_attrs(char), (y, x)
