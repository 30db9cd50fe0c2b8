"""Rows of coloured text, cursor, marks to an urwid canvas; must never know who parsed the rows.

A ``Painter`` turns the attributes of runs into urwid's and cuts or pads rows to
the width of a pane; it keeps what it made, so an unchanged ``Line`` costs one
look-up. A ``RowsCanvas`` holds painted rows.

Widths have to be exact or the picture shears, and urwid does not check. We count
code points where urwid and the user's terminal count grapheme clusters, so what
would draw two of our characters as one (zero width joiners, emoji variation
selectors, skin tones, flags) is painted as something that does not.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import urwid
from pyte.graphics import FG_BG_256
from urwid.util import get_encoding

from .terminal import DEFAULT, Attrs, Colour, Line
from .terminal.width import cells, text_width

Depth = Literal[1, 16, 256, 16777216]
Piece = tuple[Hashable, Literal["0", "U"] | None, bytes]
Mark = tuple[int, int, Hashable]
"""First cell, cell behind the last, attribute; the attribute None shows the cells in reverse."""

MAX_SPECS: Final = 4096
MAX_PAINTED: Final = 4096

_BASIC: Final = (
    *("black", "dark red", "dark green", "brown", "dark blue", "dark magenta", "dark cyan", "light gray"),
    *(
        "dark gray",
        "light red",
        "light green",
        "yellow",
        "light blue",
        "light magenta",
        "light cyan",
        "white",
    ),
)
_PALETTE: Final = tuple((int(c[:2], 16), int(c[2:4], 16), int(c[4:], 16)) for c in FG_BG_256)
_SETTINGS: Final = (
    ("bold", "bold"),
    ("dim", "faint"),
    ("italic", "italics"),
    ("underline", "underline"),
    ("blink", "blink"),
    ("reverse", "standout"),
    ("strike", "strikethrough"),
)
# U+200D ZERO WIDTH JOINER, U+FE0F VARIATION SELECTOR-16; skin tones are two cells of their own, and
# half of a flag (a regional indicator) has a width that nobody agrees on: flags are shown as their letters
_JOINING: Final = {
    0x200D: None,
    0xFE0F: None,
    **dict.fromkeys(range(0x1F3FB, 0x1F400), "  "),
    **{0x1F1E6 + n: chr(ord("A") + n) for n in range(26)},
}


@dataclass(frozen=True, slots=True)
class PaintedRow:
    """One row of exactly ``cols`` cells: as text runs for cutting, and encoded for drawing."""

    runs: tuple[tuple[Hashable, str], ...]
    content: tuple[Piece, ...]
    cols: int

    def cut(self, left: int, cols: int) -> tuple[Piece, ...]:
        """``cols`` cells from ``left`` on; half a wide character becomes a blank."""
        if left == 0 and cols >= self.cols:
            return self.content
        return _encoded(_cut_runs(self.runs, left, cols))


class Painter:
    """Paints rows for a screen of ``depth`` colours.

    ``replace_emoji``: show pictures beyond the basic plane as ``□``, for terminals
    that disagree with the world about their width.
    """

    def __init__(self, depth: Depth = 256, *, replace_emoji: bool = False) -> None:
        self._depth: Depth = depth
        self._replace_emoji = replace_emoji
        self._specs: dict[Attrs, urwid.AttrSpec | None] = {}
        self._painted: dict[tuple[Line, int, bool, tuple[Mark, ...]], PaintedRow] = {}

    def spec(self, attrs: Attrs) -> urwid.AttrSpec | None:
        """The urwid attribute; None for the default one, so that the pane's own colours show."""
        try:
            return self._specs[attrs]
        except KeyError:
            pass
        if len(self._specs) >= MAX_SPECS:
            self._specs.clear()
        spec = self._specs[attrs] = _spec(attrs, self._depth)
        return spec

    def line(
        self, line: Line, cols: int, *, reverse: bool = False, marks: tuple[Mark, ...] = ()
    ) -> PaintedRow:
        """A terminal's row in ``cols`` cells; ``reverse`` is the terminal's whole-screen mode."""
        key = (line, cols, reverse, marks)
        row = self._painted.get(key)
        if row is None:
            if len(self._painted) >= MAX_PAINTED:
                self._painted.clear()
            row = self._painted[key] = self.paint(line.runs, cols, reverse=reverse, marks=marks)
        return row

    def paint(
        self,
        runs: Sequence[tuple[str, Attrs]],
        cols: int,
        *,
        left: int = 0,
        reverse: bool = False,
        marks: Sequence[Mark] = (),
    ) -> PaintedRow:
        """``cols`` cells of any runs (of a log line, say), beginning with cell ``left``.

        Marks count from cell 0 of the runs.
        """
        looks = [(self._shown(text, attrs), attrs) for text, attrs in runs]
        have = sum(text_width(text) for text, _ in looks)
        if have < left + cols:
            looks.append((" " * (left + cols - have), DEFAULT))
        if reverse:
            looks = [(text, attrs._replace(reverse=not attrs.reverse)) for text, attrs in looks]
        painted = self._marked(looks, marks) if marks else [(self.spec(attrs), text) for text, attrs in looks]
        if left or have > cols:
            painted = _cut_runs(painted, left, cols)
        painted = _joined(painted)
        return PaintedRow(tuple(painted), _encoded(painted), cols)

    def _shown(self, text: str, attrs: Attrs) -> str:
        if attrs.conceal:
            return " " * text_width(text)
        if text.isascii():
            return text
        text = text.translate(_JOINING)
        if self._replace_emoji:
            text = "".join("□" + " " * (text_width(c) - 1) if c >= "\U0001f000" else c for c in text)
        return text

    def _marked(
        self, looks: Sequence[tuple[str, Attrs]], marks: Sequence[Mark]
    ) -> list[tuple[Hashable, str]]:
        """Every cell on its own with its attribute or that of the last mark on it; joined later."""
        out: list[tuple[Hashable, str]] = []
        for text, attrs in looks:
            flipped = self.spec(attrs._replace(reverse=not attrs.reverse))
            for cell in cells(text):
                x = len(out)
                look: Hashable = self.spec(attrs)
                for start, end, mark in marks:
                    if start <= x < end:
                        look = flipped if mark is None else mark
                # a wide character looks as its left half does
                out.append((look, cell))
        return [(look, cell) for look, cell in out if cell]


class RowsCanvas(urwid.Canvas):
    """Painted rows as a canvas; rows that are missing are blank, ``cursor`` is (x, y) or None."""

    cacheable = False

    def __init__(
        self, rows: Sequence[PaintedRow], size: tuple[int, int], cursor: tuple[int, int] | None = None
    ) -> None:
        super().__init__()
        self._cols, count = size
        blank = PaintedRow(((None, " " * self._cols),), ((None, None, b" " * self._cols),), self._cols)
        self._painted = [row if row.cols == self._cols else _fitted(row, self._cols) for row in rows[:count]]
        self._painted += [blank] * (count - len(self._painted))
        if cursor is not None and self._cols > 0 and count > 0:
            self.cursor = (min(max(0, cursor[0]), self._cols - 1), min(max(0, cursor[1]), count - 1))

    def rows(self) -> int:
        return len(self._painted)

    def cols(self) -> int:
        return self._cols

    def content(
        self,
        trim_left: int = 0,
        trim_top: int = 0,
        cols: int = 0,
        rows: int = 0,
        attr: Mapping[Hashable, Hashable] | None = None,
    ) -> Iterator[list[Piece]]:
        """The part of the canvas that is asked for, as urwid wants it; 0 is "to the end"."""
        cols = cols or self._cols - trim_left
        rows = rows or len(self._painted) - trim_top
        for row in self._painted[trim_top : trim_top + rows]:
            pieces = row.cut(trim_left, cols)
            if attr:
                yield [(attr.get(look, look), charset, data) for look, charset, data in pieces]
            else:
                yield list(pieces)


def _fitted(row: PaintedRow, cols: int) -> PaintedRow:
    """``row`` cut or padded to ``cols``."""
    runs = list(row.runs) if row.cols < cols else _cut_runs(row.runs, 0, cols)
    if row.cols < cols:
        runs.append((None, " " * (cols - row.cols)))
    runs = _joined(runs)
    return PaintedRow(tuple(runs), _encoded(runs), cols)


def _cut_runs(runs: Sequence[tuple[Hashable, str]], left: int, cols: int) -> list[tuple[Hashable, str]]:
    """Cells ``left`` to ``left + cols`` of the runs; half a wide character becomes a blank."""
    out: list[tuple[Hashable, str]] = []
    x, end = 0, left + cols
    for look, text in runs:
        size = text_width(text)
        first, last = max(left - x, 0), min(end - x, size)
        if first < last:
            out.append((look, text if last - first == size else _cut_text(text, first, last)))
        x += size
        if x >= end:
            break
    return out


def _cut_text(text: str, first: int, last: int) -> str:
    if text.isascii():
        return text[first:last]
    parts = cells(text)
    inside = parts[first:last]
    if not inside[0]:
        inside[0] = " "
    if last < len(parts) and not parts[last]:
        inside[-1] = " "
    return "".join(inside)


def _joined(runs: Sequence[tuple[Hashable, str]]) -> list[tuple[Hashable, str]]:
    """Neighbours of the same look as one run: comparing and writing rows costs by the run."""
    out: list[tuple[Hashable, str]] = []
    for look, text in runs:
        if not text:
            continue
        if out and out[-1][0] == look:
            out[-1] = (look, out[-1][1] + text)
        else:
            out.append((look, text))
    return out


def _encoded(runs: Sequence[tuple[Hashable, str]]) -> tuple[Piece, ...]:
    """Text as bytes in the encoding of the user's terminal, widths unchanged."""
    encoding = get_encoding()
    if encoding.lower().replace("-", "") == "utf8":
        return tuple((look, None, text.encode("utf-8", "replace")) for look, text in runs)
    out: list[Piece] = []
    for look, text in runs:
        data, charsets = urwid.apply_target_encoding(_encodable(text, encoding))
        start = 0
        for charset, size in charsets:
            out.append((look, charset, data[start : start + size]))
            start += size
    return tuple(out)


def _encodable(text: str, encoding: str) -> str:
    """``text`` with ``??`` for wide characters that the encoding lacks, combining ones left out."""
    if text.isascii():
        return text
    out: list[str] = []
    for cell, right in zip(parts := cells(text), [*parts[1:], " "], strict=True):
        if not cell:
            continue
        base, size = cell[0], 1 if right else 2
        known = base.encode(encoding, "ignore") != b""
        out.append(base if known or size == 1 else "??")
    return "".join(out)


def _spec(attrs: Attrs, depth: Depth) -> urwid.AttrSpec | None:
    settings = [name for field, name in _SETTINGS if getattr(attrs, field)]
    fg, bg = (None, None) if depth == 1 else (attrs.fg, attrs.bg)
    if fg is None and bg is None and not settings and not attrs.link:
        return None
    true = depth == 16777216 and (isinstance(fg, tuple) or isinstance(bg, tuple))
    colours: Depth = depth if depth < 256 else 16777216 if true else 256
    return urwid.AttrSpec(
        ",".join([_colour(fg, colours), *settings]),
        _colour(bg, colours),
        colours,
        hyperlink=attrs.link or None,
    )


def _colour(colour: Colour, depth: Depth) -> str:
    """urwid's name of a colour; nothing said is ``inherit``, so that the pane's own colour shows."""
    if colour is None:
        return "inherit"
    if isinstance(colour, int):
        if colour < 16:
            return _BASIC[colour]
        if depth == 256:
            return f"h{colour}"
        colour = _PALETTE[colour]
    if depth < 256:
        return _BASIC[_nearest_basic(colour)]
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _nearest_basic(colour: tuple[int, int, int]) -> int:
    """The one of the 16 colours (as xterm shows them) that is least far away."""
    return min(range(16), key=lambda n: sum((a - b) ** 2 for a, b in zip(colour, _PALETTE[n], strict=True)))
