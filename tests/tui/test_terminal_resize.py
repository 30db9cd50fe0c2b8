"""Changing the size: nothing is lost, wrapped lines are cut anew, the cursor stays with its text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supervisor.tui.terminal import Attrs, Scrollback, Terminal
from tests.tui.test_terminal_robustness import check


def make(rows: int, cols: int, data: bytes) -> Terminal:
    terminal = Terminal(rows, cols)
    terminal.feed(data)
    return terminal


def screen(terminal: Terminal) -> list[str]:
    return [line.text for line in terminal.lines()]


def history(terminal: Terminal) -> list[str]:
    return [terminal.line(i).text for i in range(terminal.history_len)]


def unwrapped(terminal: Terminal) -> list[str]:
    """The program's lines from the oldest on, whatever the width; without blank ones at the end."""
    out = [""]
    lines = [terminal.line(i) for i in range(terminal.history_len)] + terminal.lines()
    for line in lines:
        text = line.text[:-1] if line.flow == 2 else line.text
        out[-1] += text
        if not line.wrapped:
            out.append("")
    while out and not out[-1].strip():
        out.pop()
    return [line.rstrip() for line in out]


@pytest.mark.parametrize(
    ("before", "data", "after", "kept", "shown", "cursor"),
    [
        # the two lines of text that pyte lost going from 6 to 3 rows
        ((6, 10), b"one\r\ntwo", (3, 10), [], ["one", "two", ""], (1, 3)),
        ((4, 10), b"1\r\n2\r\n3\r\n4", (2, 10), ["1", "2"], ["3", "4"], (1, 1)),
        ((2, 10), b"1\r\n2\r\n3\r\n4", (4, 10), [], ["1", "2", "3", "4"], (3, 1)),
        ((2, 10), b"1\r\n2\r\n3\r\n4\x1b[2J\x1b[H", (4, 10), ["1", "2"], ["", "", "", ""], (0, 0)),
        ((3, 10), b"abcdefghijklm", (3, 5), [], ["abcde", "fghij", "klm"], (2, 3)),
        ((3, 5), b"abcdefghijklm", (3, 10), [], ["abcdefghij", "klm", ""], (1, 3)),
        ((3, 5), b"abcdefghijklm\x1b[1;3H", (3, 20), [], ["abcdefghijklm", "", ""], (0, 2)),
        ((3, 5), b"abcdefghijklm\x1b[2;3H", (3, 20), [], ["abcdefghijklm", "", ""], (0, 7)),
        ((2, 10), b"abcdefghij\r\nx", (2, 5), ["abcde"], ["fghij", "x"], (1, 1)),
        ((2, 4), "ab日本c".encode(), (2, 3), ["ab "], ["日 ", "本c"], (1, 2)),
        ((3, 3), "ab日本c".encode(), (3, 8), [], ["ab日本c", "", ""], (0, 7)),
        ((2, 5), b"abcde", (2, 5), [], ["abcde", ""], (0, 4)),
        ((3, 5), b"\x1b[3;5HX", (2, 5), [""], ["", "    X"], (1, 4)),
        ((3, 5), b"\x1b[3;1H", (1, 5), ["", ""], [""], (0, 0)),
        ((2, 4), "日日".encode(), (2, 1), ["\ufffd", ""], ["\ufffd", ""], (1, 0)),
    ],
)  # fmt: skip
def test_main_screen(
    before: tuple[int, int],
    data: bytes,
    after: tuple[int, int],
    kept: list[str],
    shown: list[str],
    cursor: tuple[int, int],
) -> None:
    terminal = make(*before, data)
    terminal.resize(*after)
    check(terminal)
    assert screen(terminal) == shown
    assert history(terminal) == kept
    assert terminal.cursor[:2] == cursor


def test_a_line_that_is_half_in_the_scrollback_is_joined() -> None:
    terminal = make(2, 4, b"abcdefghijklmnop")
    assert history(terminal) == ["abcd", "efgh"]
    terminal.resize(2, 16)
    assert history(terminal) == [] and screen(terminal) == ["abcdefghijklmnop", ""]


def test_a_cleared_screen_does_not_take_lines_back() -> None:
    terminal = make(2, 4, b"abcdefghijklmnop\x1b[2J\x1b[Hx")
    for size in ((3, 4), (3, 16), (2, 5)):
        terminal.resize(*size)
        check(terminal)
        assert screen(terminal)[0] == "x" and history(terminal) == ["abcd", "efgh"]
        assert terminal.cursor[:2] == (0, 1)


def test_colours_survive() -> None:
    terminal = make(3, 4, b"\x1b[31mabc\x1b[mdef")
    terminal.resize(3, 10)
    assert terminal.row(0).runs == [("abc", Attrs(fg=1)), ("def", Attrs())]
    terminal.resize(3, 2)
    assert [line.runs for line in terminal.lines()] == [
        [("ab", Attrs(fg=1))],
        [("c", Attrs(fg=1)), ("d", Attrs())],
        [("ef", Attrs())],
    ]


def test_the_alternate_screen_is_cut_and_the_main_one_kept() -> None:
    terminal = make(3, 10, b"abcdefgh\r\nprompt$ \x1b[?1049h\x1b[3;1Hstatus\x1b[1;1Htop")
    terminal.resize(2, 4)
    check(terminal)
    assert screen(terminal) == ["top", ""]
    terminal.feed(b"\x1b[?1049l")
    assert unwrapped(terminal) == ["abcdefgh", "prompt$"]
    assert terminal.cursor[:2] == (1, 3)
    terminal.resize(3, 10)
    terminal.feed(b"x")
    assert unwrapped(terminal) == ["abcdefgh", "prompt$ x"]


def test_margins_are_reset_and_tab_stops_added() -> None:
    terminal = make(4, 10, b"\x1b[2;3r")
    terminal.resize(5, 30)
    terminal.feed(b"\x1b[5;1H\n\t\t\tX")
    assert screen(terminal)[4] == " " * 24 + "X"


lines_of_text = st.lists(st.text("abc 日é", max_size=30).map(str.rstrip), min_size=1, max_size=12)


@settings(max_examples=200, deadline=None)
@given(lines_of_text, st.lists(st.tuples(st.integers(1, 8), st.integers(2, 40)), min_size=1, max_size=6))
def test_no_line_is_lost(text: list[str], sizes: list[tuple[int, int]]) -> None:
    terminal = Terminal(4, 12, Scrollback(lines=10_000))
    terminal.feed("\r\n".join(text).encode())
    while text and not text[-1]:
        text.pop()
    for size in sizes:
        terminal.resize(*size)
        check(terminal)
        assert unwrapped(terminal) == text


@settings(max_examples=100, deadline=None)
@given(lines_of_text, st.integers(1, 8), st.integers(2, 40))
def test_typing_goes_on_where_it_was(text: list[str], rows: int, cols: int) -> None:
    terminal = Terminal(4, 12)
    terminal.feed("\r\n".join(text).encode())
    terminal.resize(rows, cols)
    terminal.feed(b"X")
    assert unwrapped(terminal) == [*text[:-1], text[-1] + "X"]
