"""Rows to urwid canvases: exact widths, trims, attribute maps, marks, cursor, colours."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterator

import pytest
import urwid
import urwid.testing
from hypothesis import given, settings
from hypothesis import strategies as st
from urwid.util import get_encoding

from supervisor.tui.canvas import PaintedRow, Painter, RowsCanvas
from supervisor.tui.terminal import DEFAULT, Attrs, Line, Terminal
from supervisor.tui.terminal.width import text_width

RED = Attrs(fg=1)


@pytest.fixture
def latin1() -> Iterator[None]:
    before = get_encoding()
    urwid.set_encoding("iso8859-1")
    yield
    urwid.set_encoding(before)


def paint(text: str, cols: int, attrs: Attrs = DEFAULT) -> PaintedRow:
    return Painter().paint([(text, attrs)] if text else [], cols)


def text_of(canvas: urwid.Canvas, left: int = 0, top: int = 0, cols: int = 0, rows: int = 0) -> list[str]:
    return [b"".join(data for _, _, data in row).decode() for row in canvas.content(left, top, cols, rows)]


def test_rows_are_padded_and_cut() -> None:
    canvas = RowsCanvas(
        [paint("ab", 4), paint("abcdefgh", 4), paint("日本語", 4), paint("日本語", 3)], (4, 5)
    )
    assert (canvas.rows(), canvas.cols()) == (5, 4)
    assert text_of(canvas) == ["ab  ", "abcd", "日本", "日  ", "    "]
    assert text_of(RowsCanvas([paint("ab", 4)] * 9, (4, 2))) == ["ab  ", "ab  "]
    assert text_of(RowsCanvas([paint("日本", 4)], (3, 1))) == ["日 "]


def test_trims() -> None:
    canvas = RowsCanvas([paint("a日b本c", 7), paint("1234567", 7), paint("é語", 7)], (7, 3))
    assert text_of(canvas, 0, 0, 7, 3) == ["a日b本c", "1234567", "é語    "]
    assert text_of(canvas, 1, 0, 4, 1) == ["日b "]
    assert text_of(canvas, 2, 0, 4, 1) == [" b本"]
    assert text_of(canvas, 2, 0, 3, 3) == [" b ", "345", " " + "  "]
    assert text_of(canvas, 6, 1) == ["7", " "]
    assert text_of(canvas, 0, 2, 2, 1) == ["é "]


def test_runs_keep_their_attributes_through_trims_and_maps() -> None:
    painter = Painter()
    red = painter.spec(RED)
    row = painter.paint([("ab", DEFAULT), ("日", RED), ("cd", DEFAULT)], 8)
    canvas = RowsCanvas([row], (8, 1))
    assert list(canvas.content()) == [
        [(None, None, b"ab"), (red, None, "日".encode()), (None, None, b"cd  ")]
    ]
    assert list(canvas.content(1, 0, 2, 1)) == [[(None, None, b"b"), (red, None, b" ")]]
    mapped: dict[Hashable, Hashable] = {None: "pane", red: "warm"}
    assert [run[0] for run in next(canvas.content(attr=mapped))] == ["pane", "warm", "pane"]
    assert [run[0] for run in next(canvas.content(attr={None: "pane"}))] == ["pane", red, "pane"]


def test_equal_neighbours_are_one_run() -> None:
    painter = Painter(1)
    row = painter.paint([("a", RED), ("b", Attrs(fg=2)), ("c", DEFAULT)], 5)
    assert row.content == ((None, None, b"abc  "),)


def test_a_line_is_painted_once() -> None:
    terminal = Terminal(3, 10)
    terminal.feed(b"\x1b[31mabc")
    painter = Painter()
    first = painter.line(terminal.row(0), 10)
    assert painter.line(terminal.row(0), 10) is first
    assert painter.line(terminal.row(0), 9) is not first
    terminal.feed(b"d")
    assert painter.line(terminal.row(0), 10).content[0][2] == b"abcd"


def test_cursor_is_clamped() -> None:
    assert RowsCanvas([], (4, 2), (1, 1)).cursor == (1, 1)
    assert RowsCanvas([], (4, 2), (9, 9)).cursor == (3, 1)
    assert RowsCanvas([], (4, 2)).cursor is None
    assert RowsCanvas([], (0, 0), (1, 1)).cursor is None


def test_reverse_conceal_marks() -> None:
    painter = Painter()
    row = painter.paint([("ab", Attrs(conceal=True)), ("日", RED)], 6, reverse=True)
    assert b"".join(data for _, _, data in row.content) == "  日  ".encode()
    assert row.content[-1][0] == painter.spec(Attrs(reverse=True))
    row = painter.paint([("abcd", RED)], 6, marks=[(1, 3, None), (2, 6, "found")])
    assert row.content == (
        (painter.spec(RED), None, b"a"),
        (painter.spec(Attrs(fg=1, reverse=True)), None, b"b"),
        ("found", None, b"cd  "),
    )
    row = painter.paint([("a日b", DEFAULT)], 4, marks=[(1, 2, "left"), (2, 3, "right")])
    assert [run[0] for run in row.content] == [None, "left", None]


def test_left_edge_of_a_long_line() -> None:
    painter = Painter()
    row = painter.paint([("abcdef", DEFAULT), ("日本", RED)], 4, left=5, marks=[(5, 6, "m")])
    assert row.content == (("m", None, b"f"), (painter.spec(RED), None, "日 ".encode()))
    assert painter.paint([("ab", DEFAULT)], 3, left=10).content == ((None, None, b"   "),)


@pytest.mark.parametrize(
    ("attrs", "depth", "spec"),
    [
        (DEFAULT, 256, None),
        (Attrs(fg=1), 1, None),
        (Attrs(fg=1, bold=True), 1, urwid.AttrSpec("inherit,bold", "inherit", 1)),
        (Attrs(fg=1, bg=12), 16, urwid.AttrSpec("dark red", "light blue", 16)),
        (Attrs(fg=196, bg=(0, 0, 200)), 16, urwid.AttrSpec("light red", "dark blue", 16)),
        (Attrs(fg=196), 256, urwid.AttrSpec("h196", "inherit", 256)),
        (Attrs(fg=(255, 0, 0), dim=True, italic=True), 256, urwid.AttrSpec("#ff0000,faint,italics", "inherit", 256)),
        (Attrs(fg=(1, 2, 3), bg=1), 16777216, urwid.AttrSpec("#010203", "dark red", 16777216)),
        (Attrs(fg=(1, 2, 3), bg=196), 16777216, urwid.AttrSpec("#010203", "#ff0000", 16777216)),
        (Attrs(bg=196), 16777216, urwid.AttrSpec("inherit", "h196", 256)),
        (
            Attrs(underline=True, blink=True, reverse=True, strike=True),
            256,
            urwid.AttrSpec("inherit,underline,blink,standout,strikethrough", "inherit"),
        ),
        (Attrs(link="http://x/"), 256, urwid.AttrSpec("inherit", "inherit", hyperlink="http://x/")),
    ],
)  # fmt: skip
def test_colours(attrs: Attrs, depth: object, spec: urwid.AttrSpec | None) -> None:
    painter = Painter(depth)  # type: ignore[arg-type]
    assert painter.spec(attrs) == spec
    assert painter.spec(attrs) is painter.spec(attrs)


def test_every_colour_has_a_spec_at_every_depth() -> None:
    for depth in (1, 16, 256, 2**24):
        painter = Painter(depth)  # type: ignore[arg-type]
        for number in range(256):
            painter.spec(Attrs(fg=number, bg=255 - number))
            painter.spec(Attrs(fg=(number, 255 - number, number * 7 % 256), bg=number))


def test_other_encodings_keep_the_width(latin1: None) -> None:
    row = paint("é日e\u0301─x", 8)
    assert sum(len(data) for _, _, data in row.content) == 8
    assert b"".join(data for _, _, data in row.content).startswith("é??e".encode("latin-1"))


def test_emoji_can_be_replaced() -> None:
    row = Painter(replace_emoji=True).paint([("a🚀🇩🇪b", DEFAULT)], 8)
    assert row.content[0][2].decode() == "a□ DEb  "


ALPHABET = st.sampled_from(
    [*"ab 日本─é", "e\u0301", "🚀", "👍", "🏽", "👩\u200d💻", "❤\ufe0f", "🇩🇪", "\u0301"]
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.lists(ALPHABET, max_size=12).map("".join), max_size=4),
    st.integers(1, 20),
    st.integers(0, 19),
    st.integers(1, 20),
)
def test_widths_are_exact_by_urwids_own_measure(texts: list[str], cols: int, left: int, count: int) -> None:
    looks = (DEFAULT, RED)
    runs = [(text, looks[i % 2]) for i, text in enumerate(texts) if text]
    if runs and runs[0][0].startswith("\u0301"):
        runs[0] = ("x" + runs[0][0], runs[0][1])
    canvas = RowsCanvas([Painter().paint(runs, cols)], (cols, 1))
    for trims in ((0, 0, cols, 1), (min(left, cols - 1), 0, min(count, cols - min(left, cols - 1)), 1)):
        (row,) = canvas.content(*trims)
        text = b"".join(data for _, _, data in row).decode()
        assert text_width(text) == trims[2]
        assert urwid.calc_width(text, 0, len(text)) == trims[2], text


class Pane(urwid.Widget):
    """A terminal's screen as a widget, as small as can be."""

    _sizing = frozenset([urwid.BOX])
    _selectable = True
    no_cache = ("render",)

    def __init__(self, terminal: Terminal) -> None:
        super().__init__()
        self.terminal = terminal
        self.painter = Painter()

    def render(self, size: tuple[int, int], focus: bool = False) -> RowsCanvas:  # type: ignore[override]
        rows = [self.painter.line(line, size[0]) for line in self.terminal.lines()]
        cursor = self.terminal.cursor
        return RowsCanvas(rows, size, (cursor.x, cursor.y) if focus and cursor.visible else None)

    def keypress(self, size: tuple[int, int], key: str) -> str:  # type: ignore[override]
        return key


def test_under_an_overlay_and_beside_others() -> None:
    terminal = Terminal(5, 20)
    terminal.feed("日日日日日日日日日日".encode() * 5)
    pane = Pane(terminal)
    dialog = urwid.Overlay(urwid.SolidFill("#"), pane, "left", 5, "top", 2, left=3, top=1)
    rows = urwid.testing.render_text(dialog, (20, 5))
    assert rows[0] == "日" * 10
    assert rows[1] == "日 #####" + "日" * 6 and rows[3] == "日" * 10
    assert all(urwid.calc_width(row, 0, len(row)) == 20 for row in rows)
    beside = urwid.Columns([(7, pane), urwid.SolidFill("|")])
    assert urwid.testing.render_text(beside, (10, 5))[0] == "日日日 |||"


def test_sizes_that_crash_programs() -> None:
    terminal = Terminal(3, 10)
    terminal.feed("日本\x1b[31mabc\r\n\x1b[44mx".encode())
    for size in ((1, 1), (2, 1), (1, 3), (10, 3), (40, 12)):
        canvas = Pane(terminal).render(size, True)
        assert all(text_width(row) == size[0] for row in text_of(canvas))
    urwid.testing.check_box_sizing(Pane(terminal))


def test_a_drawn_frame_comes_back_from_a_terminal() -> None:
    """urwid's own raw screen draws our canvas; an emulator that reads it shows the same rows and colours."""
    inner = Terminal(6, 30)
    inner.feed(
        "\x1b[31mred\x1b[m \x1b[1;4mbold\x1b[m\r\n日本語 ─ é\r\n\x1b[44mblue\x1b[K\x1b[m\x1b[6;21Hlast line!".encode()
    )
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as read, os.fdopen(writer, "w") as write:
        screen = urwid.display.raw.Screen(output=write)
        screen.set_terminal_properties(colors=256)
        screen._started = True
        screen.draw_screen((30, 6), Pane(inner).render((30, 6), True))
        screen.flush()
        outer = Terminal(6, 30)
        outer.feed(os.read(read.fileno(), 65536))
    assert [line.text.rstrip() for line in outer.lines()] == [line.text.rstrip() for line in inner.lines()]
    assert outer.row(0).runs[:3] == inner.row(0).runs[:3]
    assert outer.row(2).runs[0][1].bg == 4
    assert outer.cursor == inner.cursor


def test_blank_line_object_of_any_terminal_may_be_shared() -> None:
    painter = Painter()
    assert painter.line(Line(""), 5).content == painter.line(Terminal(1, 5).row(0), 5).content
