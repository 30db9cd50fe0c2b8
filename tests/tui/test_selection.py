"""Selections: by characters and by lines, from the keyboard and by the mouse, in logs and in a terminal's history."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.errors import UserError
from supervisor.tui.glyphs import ASCII
from supervisor.tui.logbuffer import LogBuffer
from supervisor.tui.pane import Look, row_width
from supervisor.tui.screens.logpane import LogPane, overlaid
from supervisor.tui.screens.scrollmode import ScrollMode
from supervisor.tui.selection import Selection, before, behind, snapped, word_after, word_before, word_end
from supervisor.tui.terminal import Terminal
from supervisor.tui.terminal.width import width
from tests.support.consoles import app
from tests.tui.fakes import FakeThread
from tests.tui.ptyapp import PtyApp

COMBINED = "e\u0301a 日本 x"  # e with an accent of its own, wide characters
TEXT = st.text("ab .\u0301日-", max_size=12)


# --- places ------------------------------------------------------------------------------------------


def test_what_combines_is_taken_along() -> None:
    assert (snapped(COMBINED, 1), behind(COMBINED, 0), before(COMBINED, 2)) == (0, 2, 0)
    assert snapped(COMBINED, 99) == len(COMBINED) - 1
    assert (snapped("", 3), behind("", 0)) == (0, 0)
    selection = Selection((4, 1), (4, 1))
    assert selection.span(4, COMBINED) == (0, 2)


def test_words() -> None:
    text = "ab(c)  日本 x1"
    assert [word_after(text, at) for at in (0, 2, 3, 4, 7, 10, 11)] == [2, 3, 4, 7, 10, None, None]
    assert [word_before(text, at) for at in (11, 10, 7, 3, 0)] == [10, 7, 4, 2, None]
    assert [word_end(text, at) for at in (0, 1, 4, 8)] == [1, 2, 8, 11]


@given(TEXT, st.integers(-3, 20), st.integers(-3, 20))
def test_a_span_never_cuts_a_character_in_two(text: str, one: int, other: int) -> None:
    for selection in (Selection((1, one), (1, other)), Selection((1, one), (1, other), whole=True)):
        start, end = selection.span(1, text)
        assert 0 <= start <= end <= len(text)
        assert start == 0 or width(text[start])
        assert end == len(text) or width(text[end])
        assert selection.span(2, text) == (0, 0)
    selection.swap()
    assert selection.anchor == (1, other)


@given(TEXT, st.lists(st.integers(0, 12), min_size=2, max_size=2))
def test_what_is_overlaid_stays_the_same_text(text: str, places: list[int]) -> None:
    row = [("a", text[:5]), ("b", text[5:])]
    done = overlaid([run for run in row if run[1]], [(min(places), max(places))], "s")
    assert "".join(part for _, part in done) == text
    assert "".join(part for role, part in done if role == "s") == text[min(places) : max(places)]


# --- a pane ------------------------------------------------------------------------------------------


def pane(text: str, cols: int = 20, rows: int = 5, *, wrap: bool = False) -> LogPane:
    made = LogPane(Look(ASCII, lambda: 1000.0))
    made.frame = "none"
    made.wrap = wrap
    buffer = LogBuffer()
    buffer.begin(1, 0, 0)
    buffer.output(1, 0, text.encode())
    made.show(buffer, "p", "stdout")
    made.body(cols, rows, True)
    return made


def lit(log: LogPane, cols: int = 20, rows: int = 5) -> list[str]:
    """What is painted as selected, row by row."""
    return [
        "".join(text for role, text in row if role == "log.selection") for row in log.body(cols, rows, True)
    ]


def test_characters_are_selected_within_a_line_and_over_several() -> None:
    log = pane("one two\nthree four\n")
    log.select(whole=False)
    assert log.mode == "SELECT 1 characters" and log.taken() == "t"
    log.word()
    log.sideways(1)
    assert (log.taken(), lit(log)[1]) == ("three fo", "three fo")
    log.move(-1)
    assert log.taken() == "o\nt" and log.mode == "SELECT 2 lines"
    log.word(backward=True)
    assert log.taken() == "two\nt" and lit(log)[:2] == ["two", "t"]
    log.swap()
    log.side_end()
    assert log.taken() == "two\nthree four"
    log.side_start()
    assert log.taken() == "two\nt"
    log.select(whole=True)
    assert log.taken() == "one two\nthree four" and log.mode == "SELECT 2 lines"
    log.select(whole=True)
    assert log.selection is None and log.taken() == "one two"


def test_words_go_over_the_ends_of_lines_and_stop_at_the_last() -> None:
    log = pane("a b\n\n  c\n")
    log.first()
    log.body(20, 5, True)
    log.select(whole=False)
    for _ in range(5):
        log.word()
    assert log.taken() == "a b\n\n  c"
    for _ in range(5):
        log.word(backward=True)
    assert log.taken() == "a"


def test_the_end_of_a_selection_can_be_seen() -> None:
    log = pane("x" * 30 + "日本" + "y" * 30 + "\n")
    log.select(whole=False)
    log.side_end()
    lit(log)
    assert log.aside > 0 and log.body_cursor() == (64 - 1 - log.aside, 0)
    log.side_start()
    lit(log)
    assert (log.aside, log.body_cursor()) == (0, (0, 0))
    wrapped = pane("x" * 19 + "日本" + "\n", wrap=True)
    wrapped.select(whole=False)
    wrapped.side_end()
    lit(wrapped)
    assert wrapped.body_cursor() == (1, 1)


def test_the_cell_under_the_mouse_is_a_character() -> None:
    log = pane(COMBINED + "\n" + "z" * 50 + "\n", wrap=True)
    log.body(20, 6, True)
    #  e+accent a blank 日日本本 blank x
    assert [log.place_at(col, 0) for col in range(12)] == [
        (0, at) for at in (0, 2, 3, 4, 4, 5, 5, 6, 7, 7, 7, 7)
    ]
    assert [log.place_at(3, row) for row in range(5)] == [(0, 4), (1, 3), (1, 23), (1, 43), None]
    log.wrap = False
    log.aside = 10
    log.body(20, 6, True)
    assert log.place_at(3, 1) == (1, 13)


def test_what_is_forgotten_leaves_the_selection() -> None:
    log = pane("".join(f"line {n}\n" for n in range(10)))
    log.first()
    log.body(20, 5, True)
    log.select(whole=False)
    log.move(3)
    log.buffer.clear()
    log.buffer.output(1, log.buffer.offset, b"new\n")
    lit(log)
    assert log.taken() == "n" and log.mode


def test_of_nothing_nothing_is_selected() -> None:
    log = pane("")
    with pytest.raises(UserError, match="nothing to select"):
        log.select(whole=False)
    log = pane("x\n")
    log.select(whole=False)
    log.buffer.clear()
    assert lit(log) == [""] * 5 and log.selection is None


@pytest.mark.parametrize("text", ["x", "\n", "\n\n", "\u0301\n", "日\n"])
def test_nothing_much_can_be_selected_too(text: str) -> None:
    log = pane(text)
    for whole in (False, True):
        log.selection = None
        log.select(whole=whole)
        for act in (
            log.word,
            log.swap,
            log.side_end,
            log.side_start,
            lambda: log.move(1),
            lambda: log.sideways(-1),
        ):
            act()
            assert all(row_width(row) == 20 for row in log.body(20, 5, True))
        log.taken()


# --- a terminal's history ----------------------------------------------------------------------------


def scrolled(text: str) -> ScrollMode:
    terminal = Terminal(4, 20)
    terminal.feed(text.replace("\n", "\r\n").encode())
    return ScrollMode(terminal)


def test_characters_of_a_terminal_are_copied() -> None:
    mode = scrolled("first\n日本 two three\n")
    for key in ("v", "w", "l"):
        mode.key(key, 4)
    assert "characters selected" in mode.words() and mode.cursor(20) == (6, 1)
    assert [cells for _, cells, _ in mode.lines(4)] == [None, (0, 7), None, None]
    for key in ("o", "e", "y"):
        mode.key(key, 4)
    assert (mode.copied, mode.over) == ("本 tw", True)


def test_lines_of_a_terminal_and_what_was_wrapped() -> None:
    mode = scrolled("first\n" + "x" * 25 + "\nlast")
    for key in ("V", "k", "k", "y"):
        mode.key(key, 4)
    assert mode.copied == "x" * 25 + "\nlast"
    mode = scrolled("first\n" + "x" * 25 + "\nlast")
    for key in ("v", "k", "k", "$", "b", "y"):
        mode.key(key, 4)
    assert mode.copied == "x" * 25 + "\nl"


# --- the console -------------------------------------------------------------------------------------


def copied(console: PtyApp, text: str) -> bool:
    return b"\x1b]52;c;" + base64.b64encode(text.encode()) + b"\x07" in bytes(console.raw)


def test_characters_are_copied_by_keys(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00", "page=59")
        console.keys("o")
        server.do(lambda s: s.write("api:web_00", "alpha 日本 e\u0301nd\n".encode()))
        console.see("alpha")
        console.keys("v", "w", "l")
        console.see("SELECT 8 characters")
        console.keys("y")
        console.wait(lambda: copied(console, "alpha 日本"), "the copy")
        console.see("8 characters given to")
        console.keys("/", "nd", "enter", "v", "h", "y")
        console.wait(lambda: copied(console, "e\u0301n"), "the accent is taken along")
        console.keys("w")
        console.see("wrap on")


def test_dragging_selects_and_releasing_copies(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path, rows=40, cols=120) as console:
        console.see("web_00", "page=59")
        server.do(lambda s: s.write("api:web_00", b"first words\nsecond words\n"))
        console.see("second words")
        row = console.row_of("second words")
        col = console.lines()[row].index("second words")
        console.mouse(("press", col + 6, row - 1), ("drag", col + 8, row - 1), ("drag", col + 5, row))
        console.see("SELECT 2 lines")
        console.mouse(("drag", 3, row))  # another pane: the selection stays where it is
        console.mouse(("release", col + 5, row))
        console.wait(lambda: copied(console, "words\nsecond"), "the copy")
        console.miss("SELECT")
        console.mouse(("press", col, row), ("release", col, row))  # a click copies nothing
        console.settle()
        assert bytes(console.raw).count(b"\x1b]52;c;") == 1


def test_a_terminal_is_selected_by_characters(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("g", "p", "shell")
        console.see("1 of ")
        console.keys("enter", "a")
        console.see(">>>")
        console.keys("prefix", "[", "/", "Pyth", "enter", "v", "e")
        console.see("6 characters selected")
        console.keys("y")
        console.see("characters copied")
        console.wait(lambda: copied(console, "Python"), "the copy")
