"""Rows of cells, lines packed from them, the scrollback; must never know escape sequences.

A *row* is what can be written to: two lists of one entry a cell, characters and
attributes, so that a run of text is two slice assignments. The right half of a
wide character is the empty string. A *line* is what is left of a row for
reading: text and runs, immutable, a few hundred bytes. A row keeps its line
until it is written to again, so **the same ``Line`` object means the same
content**: that is the version a renderer keys its cache by.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import groupby
from typing import Final

from .attrs import DEFAULT, Attrs
from .width import cells, text_width

Spans = tuple[Attrs | int, ...]

NOT_WRAPPED: Final = 0
WRAPPED: Final = 1
WRAPPED_BEFORE_WIDE: Final = 2
"""The text goes on in the next row, and the last cell is only there because a wide character did not fit."""

_PLAIN: Final[Spans] = (DEFAULT,)
_LINE_OVERHEAD_BYTES: Final = 64
_RUN_BYTES: Final = 16
_RARE_ATTRS_BYTES: Final = 300


class Line:
    """One row as text and runs; blank cells with default attributes are trimmed at its end.

    ``text`` has no padding and no empty right halves. ``wrapped`` is true where
    the program's line goes on in the next row.
    """

    __slots__ = ("_spans", "flow", "text")

    def __init__(self, text: str, spans: Spans = _PLAIN, flow: int = NOT_WRAPPED) -> None:
        self.text = text
        self._spans = spans
        self.flow = flow

    @classmethod
    def from_runs(cls, runs: list[tuple[str, Attrs]], flow: int = NOT_WRAPPED) -> Line:
        """The line that has these runs; joins neighbours that look the same."""
        parts: list[str] = []
        spans: list[Attrs | int] = []
        for attrs, group in groupby(runs, key=lambda run: run[1]):
            text = "".join(part for part, _ in group)
            parts.append(text)
            spans += (attrs, len(text))
        whole = tuple(spans) if len(spans) > 2 else (spans[0],) if spans else _PLAIN
        return cls("".join(parts), whole, flow)

    @property
    def wrapped(self) -> bool:
        """Whether the program's line goes on in the next row."""
        return self.flow != NOT_WRAPPED

    @property
    def runs(self) -> list[tuple[str, Attrs]]:
        """(text, attributes) from left to right; neighbours differ; empty for a blank line."""
        text, spans = self.text, self._spans
        if not text:
            return []
        first = spans[0]
        if len(spans) == 1 and isinstance(first, Attrs):
            return [(text, first)]
        out: list[tuple[str, Attrs]] = []
        start = 0
        for attrs, count in zip(spans[::2], spans[1::2], strict=True):
            assert isinstance(attrs, Attrs) and isinstance(count, int)
            out.append((text[start : start + count], attrs))
            start += count
        return out

    @property
    def width(self) -> int:
        """Cells up to the last one that is not blank."""
        return text_width(self.text)

    def size_bytes(self) -> int:
        """About what the line takes in memory; attributes are shared and charged by a flat rate."""
        return _LINE_OVERHEAD_BYTES + self.text.__sizeof__() + _RUN_BYTES * len(self._spans)

    def rare_bytes(self) -> int:
        """What attributes add to that which are probably not shared: hyperlinks and 24-bit colours."""
        return sum(
            len(look.link) + _RARE_ATTRS_BYTES
            for look in self._spans[::2]
            if isinstance(look, Attrs) and look.is_rare()
        )

    def __repr__(self) -> str:
        return f"Line({self.runs!r}, flow={self.flow})"


BLANK_LINE: Final = Line("")


class Row:
    """The cells of one row of the screen. Who writes to the lists sets ``line`` to None."""

    __slots__ = ("attrs", "chars", "flow", "line")

    def __init__(self, columns: int, attrs: Attrs = DEFAULT) -> None:
        self.chars = [" "] * columns
        self.attrs = [attrs] * columns
        self.flow = NOT_WRAPPED
        self.line: Line | None = None

    @classmethod
    def from_line(cls, line: Line, columns: int) -> Row:
        """A row of ``columns`` that shows ``line``; what does not fit is cut off."""
        row = cls(max(columns, line.width))
        x = 0
        for text, attrs in line.runs:
            chars = cells(text)
            row.chars[x : x + len(chars)] = chars
            row.attrs[x : x + len(chars)] = [attrs] * len(chars)
            x += len(chars)
        row.resize(columns)
        row.flow = line.flow
        return row

    def clear(self, columns: int, attrs: Attrs) -> None:
        """Blank the whole row; costs nothing where it is blank already, as after ED 2 again and again."""
        plain = attrs is DEFAULT
        if plain and self.line is BLANK_LINE and len(self.chars) == columns:
            return
        self.chars = [" "] * columns
        self.attrs = [attrs] * columns
        self.flow = NOT_WRAPPED
        self.line = BLANK_LINE if plain else None

    def erase(self, start: int, end: int, attrs: Attrs) -> None:
        """Blank cells ``start`` to ``end`` (not included); a wide character cut in half goes whole."""
        self.split_at(start)
        self.split_at(end)
        count = max(0, end - start)
        self.chars[start:end] = [" "] * count
        self.attrs[start:end] = [attrs] * count
        if end >= len(self.chars):
            self.flow = NOT_WRAPPED
        self.line = None

    def split_at(self, x: int) -> None:
        """Make ``x`` a border between cells: a wide character across it becomes two blanks."""
        chars = self.chars
        if 0 < x < len(chars) and not chars[x]:
            chars[x - 1] = chars[x] = " "
            self.line = None

    def insert(self, x: int, count: int, attrs: Attrs) -> None:
        """``count`` blanks at ``x``; what is pushed over the end is lost."""
        columns = len(self.chars)
        count = min(count, columns - x)
        self.split_at(x)
        self.split_at(columns - count)
        self.chars[x:x] = [" "] * count
        self.attrs[x:x] = [attrs] * count
        del self.chars[columns:], self.attrs[columns:]
        self.flow = NOT_WRAPPED
        self.line = None

    def delete(self, x: int, count: int, attrs: Attrs) -> None:
        """Remove ``count`` cells at ``x``; blanks come in at the end."""
        count = min(count, len(self.chars) - x)
        self.split_at(x)
        self.split_at(x + count)
        del self.chars[x : x + count], self.attrs[x : x + count]
        self.chars += [" "] * count
        self.attrs += [attrs] * count
        self.flow = NOT_WRAPPED
        self.line = None

    def resize(self, columns: int) -> None:
        """Cut off or pad at the right."""
        missing = columns - len(self.chars)
        if missing > 0:
            self.chars += [" "] * missing
            self.attrs += [DEFAULT] * missing
        elif missing < 0:
            self.split_at(columns)
            del self.chars[columns:], self.attrs[columns:]
        self.flow = NOT_WRAPPED
        self.line = None

    def packed(self) -> Line:
        """The row as a line; the same object until the row changes."""
        line = self.line
        if line is None:
            line = self.line = self._pack()
        return line

    def _pack(self) -> Line:
        attrs = self.attrs
        first = attrs[0]
        # list comparison looks at identities first and stops at the first difference; count() would not
        if attrs != [first] * len(attrs):
            return self._pack_runs()
        text = "".join(self.chars)
        if first != DEFAULT:
            return Line(text, (first,), self.flow)
        if not self.flow:
            text = text.rstrip(" ")
        return Line(text, _PLAIN, self.flow) if text else BLANK_LINE

    def _pack_runs(self) -> Line:
        chars, attrs = self.chars, self.attrs
        text = "".join(chars)
        simple = text.isascii() and len(text) == len(chars)
        if simple and not self.flow:
            kept = len(text.rstrip(" "))
            blank = len(text) - kept
            if attrs[kept:] == [DEFAULT] * blank:
                text = text[:kept]
                attrs = attrs[:kept]
        spans: list[Attrs | int] = []
        x = 0
        for look, group in groupby(attrs):
            count = len(list(group))
            spans.append(look)
            spans.append(count if simple else len("".join(chars[x : x + count])))
            x += count
        if not simple and not self.flow and spans[-2] == DEFAULT:
            text = _trim_last_run(text, spans)
        return Line(text, tuple(spans) if len(spans) > 2 else (spans[0],), self.flow)


def _trim_last_run(text: str, spans: list[Attrs | int]) -> str:
    """``text`` without the blanks at its end, which is as long as the last of ``spans``."""
    last = spans[-1]
    assert isinstance(last, int)
    start = len(text) - last
    text = text[:start] + text[start:].rstrip(" ")
    if len(text) == start:
        del spans[-2:]
    else:
        spans[-1] = len(text) - start
    return text


class History:
    """Lines that left the top of the main screen, oldest first; bounded by lines and by bytes."""

    def __init__(self, max_lines: int, max_bytes: int) -> None:
        self._lines: deque[Line] = deque()
        self._max_lines = max(0, max_lines)
        self._max_bytes = max(0, max_bytes)
        self.size_bytes = 0
        self.rare_attrs = False
        """Whether any line may have hyperlinks or 24-bit colours; set before the first one, for good."""
        self.dropped = 0
        """Lines forgotten so far; ``dropped + i`` is a number that stays with line i."""

    def __len__(self) -> int:
        return len(self._lines)

    def __getitem__(self, index: int) -> Line:
        return self._lines[index]

    def __iter__(self) -> Iterator[Line]:
        return iter(self._lines)

    def append(self, line: Line) -> None:
        """Keep one more line and forget the oldest where a bound is reached."""
        lines = self._lines
        lines.append(line)
        self.size_bytes += self._size(line)
        while lines and (self.size_bytes > self._max_bytes or len(lines) > self._max_lines):
            self.size_bytes -= self._size(lines.popleft())
            self.dropped += 1

    def pop(self) -> Line:
        """Take the newest line back, when the screen grows."""
        line = self._lines.pop()
        self.size_bytes -= self._size(line)
        return line

    def _size(self, line: Line) -> int:
        return line.size_bytes() + (line.rare_bytes() if self.rare_attrs else 0)

    def clear(self) -> None:
        """Forget all lines."""
        self.dropped += len(self._lines)
        self._lines.clear()
        self.size_bytes = 0
