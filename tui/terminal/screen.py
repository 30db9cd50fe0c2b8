"""The grid of an emulated terminal and what moves on it; must never know bytes, replies, urwid.

``Screen`` is a ``pyte.Screen``: its modes, character sets, tab stops, cursor and
names of operations. What is different, and why:

* Cells are not in ``buffer`` (one tuple per cell and write) but in ``grid``, a
  list of rows of two lists each.
* The cursor's attributes are a ``Pen``, which remembers what each SGR sequence
  turned it into; a colour change is then one look-up.
* A second screen for 47, 1047, 1049; scrollback of the first; joining and
  cutting of wrapped lines when the width changes.
* Where pyte and xterm differ, this follows xterm; erasing behind a full last
  column (a wrap is pending) erases nothing, as in tmux, so that no text is lost.

The cursor's x is ``columns`` while a wrap is pending. Every count is clamped to
the screen, so nothing a program says costs more than one screenful of work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pyte
from pyte import charsets
from pyte.screens import Cursor, Margins

from . import modes as mo
from .attrs import DEFAULT, Attrs, apply_sgr, erased
from .reflow import rewrap
from .rows import BLANK_LINE, NOT_WRAPPED, WRAPPED, WRAPPED_BEFORE_WIDE, History, Line, Row
from .width import NARROW, PIECES, combines, width

MAX_ROWS: Final = 1000
MAX_COLS: Final = 2000
MAX_CELL_CODE_POINTS: Final = 8
MAX_PENS: Final = 4096
MAX_REJOINED_LINES: Final = 1000


class Pen:
    """Attributes for what is written, and the pens that SGR sequences lead to from here."""

    __slots__ = ("after", "attrs", "erase")

    def __init__(self, attrs: Attrs) -> None:
        self.attrs = attrs
        self.erase = erased(attrs)
        self.after: dict[str, Pen] = {}


@dataclass(slots=True)
class SavedCursor:
    """What DECSC keeps."""

    y: int = 0
    x: int = 0
    attrs: Attrs = DEFAULT
    charset: int = 0
    g0: str = charsets.LAT1_MAP
    g1: str = charsets.LAT1_MAP
    origin: bool = False


@dataclass(slots=True)
class _Parked:
    """The main screen while the alternate one is shown."""

    grid: list[Row]
    y: int
    x: int
    saved: SavedCursor
    cursor: SavedCursor | None
    """Saved by mode 1049, to be restored by it."""


class Screen(pyte.Screen):
    """A terminal's screen of ``lines`` by ``columns`` cells with its scrollback."""

    grid: list[Row]
    pen: Pen

    def __init__(self, columns: int, lines: int, history: History) -> None:
        self.history = history
        self._parked: _Parked | None = None
        self._pens: dict[Attrs, Pen] = {}
        self._pen_steps = 0
        super().__init__(min(max(1, columns), MAX_COLS), min(max(1, lines), MAX_ROWS))

    # --- state -------------------------------------------------------------------------------------------

    def reset(self) -> None:
        """RIS: everything as at the start; the scrollback stays."""
        self._parked = None
        self._pens.clear()
        self.pen = self._pen(DEFAULT)
        self.grid = [Row(self.columns) for _ in range(self.lines)]
        self.cursor = Cursor(0, 0)
        self._saved = SavedCursor()
        self._last = ""
        self.title = ""
        self.icon_name = ""
        self.tabstops = set(range(8, self.columns, 8))
        self.mode = set(mo.DEFAULT_MODES)
        self._reset_state()

    def soft_reset(self) -> None:
        """DECSTR: modes, margins, attributes and saved cursor; not the text, not the cursor's place."""
        self.pen = self._pen(DEFAULT)
        self._saved = SavedCursor()
        self.mode -= {mo.IRM, mo.DECOM, mo.DECCKM, mo.DECNKM}
        self.mode |= {mo.DECAWM, mo.DECTCEM}
        self._reset_state()

    def _reset_state(self) -> None:
        self.charset = 0
        self.g0_charset = charsets.LAT1_MAP
        self.g1_charset = charsets.LAT1_MAP
        self.all_margins()
        self._modes_changed()
        self._charset_changed()

    def all_margins(self) -> None:
        """As at another size, which ends them in every terminal."""
        self.margins: Margins | None = None
        self._top, self._bottom = 0, self.lines - 1

    def _modes_changed(self) -> None:
        self._inserting = mo.IRM in self.mode
        self._wrapping = mo.DECAWM in self.mode
        self.cursor.hidden = mo.DECTCEM not in self.mode

    def _charset_changed(self) -> None:
        table = self.g1_charset if self.charset else self.g0_charset
        self._table = None if table == charsets.LAT1_MAP else table

    def _pen(self, attrs: Attrs) -> Pen:
        pen = self._pens.get(attrs)
        if pen is None:
            pen = self._pens[attrs] = Pen(attrs)
        return pen

    @property
    def alternate(self) -> bool:
        """Whether the second screen is shown."""
        return self._parked is not None

    @property
    def display(self) -> list[str]:
        """The text of each row, without blanks at the end."""
        return [row.packed().text for row in self.grid]

    # --- attributes --------------------------------------------------------------------------------------

    def select_graphic_rendition(self, *attrs: int) -> None:
        """SGR with plain numbers."""
        self.render(";".join(map(str, attrs)))

    def render(self, parameters: str, sequence: str | None = None) -> None:
        """SGR; where ``sequence`` is given the pen remembers that it led here."""
        pen = self.pen
        self.pen = self._pen(apply_sgr(pen.attrs, parameters))
        if self.pen.attrs.is_rare():
            self.history.rare_attrs = True
        if sequence is not None:
            pen.after[sequence] = self.pen
            self._bound_pens()

    def set_link(self, target: str) -> None:
        """What is written from now on is a hyperlink to ``target``; empty for none."""
        if target != self.pen.attrs.link:
            self.history.rare_attrs = True
            self.pen = self._pen(self.pen.attrs._replace(link=target))
            self._bound_pens()

    def _bound_pens(self) -> None:
        """Programs with 24-bit colours make ever new pens: forget them all from time to time."""
        self._pen_steps += 1
        if self._pen_steps > MAX_PENS:
            self._pen_steps = 0
            for pen in self._pens.values():
                pen.after.clear()
            self._pens.clear()
            self.pen = self._pen(self.pen.attrs)

    # --- text --------------------------------------------------------------------------------------------

    def draw(self, data: str) -> None:
        """Write text at the cursor; ``data`` has no control characters."""
        if self._table is not None:
            data = data.translate(self._table)
        if data.isascii() or NARROW.fullmatch(data):
            self._draw_narrow(data)
            return
        for narrow, wide, other in PIECES.findall(data):
            if narrow:
                self._draw_narrow(narrow)
            elif wide:
                self._draw_wide(wide)
            else:
                size = width(other)
                if size == 1:
                    self._draw_narrow(other)
                elif size:
                    self._draw_wide(other)
                elif combines(other):
                    self._combine(other)

    def _draw_narrow(self, data: str) -> None:
        """Characters of one cell each. The first half is the hot path of every log."""
        cursor = self.cursor
        x = cursor.x
        end = x + len(data)
        if end >= self.columns or self._inserting:
            self._draw_long(data)
            return
        row = self.grid[cursor.y]
        chars = row.chars
        if not chars[x]:
            row.split_at(x)
        if not chars[end]:
            row.split_at(end)
        chars[x:end] = data
        row.attrs[x:end] = [self.pen.attrs] * len(data)
        row.line = None
        cursor.x = end
        self._last = data

    def _draw_long(self, data: str) -> None:
        """Narrow text that reaches the last column, or is inserted."""
        cursor, columns = self.cursor, self.columns
        self._last = data
        start = 0
        while start < len(data):
            if cursor.x >= columns:
                self._next_row(WRAPPED)
            x = cursor.x
            left = len(data) - start
            count = min(left, columns - x)
            piece = data[start : start + count]
            if count < left and not self._wrapping:
                # all the rest is written over the last column
                piece = piece[:-1] + data[-1]
                start = len(data)
            start += count
            end = x + count
            row = self.grid[cursor.y]
            if self._inserting:
                row.insert(x, count, self.pen.erase)
            else:
                row.split_at(x)
                row.split_at(end)
            row.chars[x:end] = piece
            row.attrs[x:end] = [self.pen.attrs] * count
            row.line = None
            if end == columns:
                row.flow = NOT_WRAPPED
            cursor.x = end if self._wrapping else min(end, columns - 1)

    def _draw_wide(self, data: str) -> None:
        """Characters of two cells each."""
        cursor, columns = self.cursor, self.columns
        for char in data:
            if columns < 2:
                self._draw_narrow("\ufffd")
                continue
            if cursor.x >= columns:
                self._next_row(WRAPPED)
            if cursor.x == columns - 1:
                if self._wrapping:
                    self._next_row(WRAPPED_BEFORE_WIDE)
                else:
                    cursor.x -= 1
            x = cursor.x
            row = self.grid[cursor.y]
            if self._inserting:
                row.insert(x, 2, self.pen.erase)
            else:
                row.split_at(x)
                row.split_at(x + 2)
            row.chars[x : x + 2] = (char, "")
            row.attrs[x : x + 2] = [self.pen.attrs] * 2
            row.line = None
            if x + 2 == columns:
                row.flow = NOT_WRAPPED
            cursor.x = x + 2 if self._wrapping else min(x + 2, columns - 1)
        self._last = data

    def _combine(self, char: str) -> None:
        """Put a combining character into the cell before the cursor, or drop it if there is none."""
        x = self.cursor.x - 1
        if x < 0:
            return
        row = self.grid[self.cursor.y]
        if not row.chars[x]:
            x -= 1
        if len(row.chars[x]) < MAX_CELL_CODE_POINTS:
            row.chars[x] += char
            row.line = None

    def _next_row(self, flow: int) -> None:
        """Go on in the next row, because this one is full."""
        if not self._wrapping:
            self.cursor.x = self.columns - 1
            return
        row = self.grid[self.cursor.y]
        row.flow = flow
        row.line = None
        self.newline()

    def repeat(self, count: int = 1) -> None:
        """REP: the last character again, at most a row of it; nothing where there was none."""
        self.draw(self._last[-1:] * min(max(1, count), self.columns))

    # --- rows up and down --------------------------------------------------------------------------------

    def newline(self) -> None:
        """CR LF."""
        cursor = self.cursor
        cursor.x = 0
        y = cursor.y
        if y == self._bottom:
            self._scroll_up(self._top, y, 1)
        elif y < self.lines - 1:
            cursor.y = y + 1

    def index(self) -> None:
        """IND: down, scrolling at the bottom margin."""
        x = min(self.cursor.x, self.columns - 1)
        self.newline()
        self.cursor.x = x

    def reverse_index(self) -> None:
        """RI: up, scrolling at the top margin."""
        self.ensure_hbounds()
        if self.cursor.y == self._top:
            self._scroll_down(self._top, self._bottom, 1)
        elif self.cursor.y:
            self.cursor.y -= 1

    def scroll_up(self, count: int = 1) -> None:
        """SU: lines go out at the top margin."""
        self._scroll_up(self._top, self._bottom, count)

    def scroll_down(self, count: int = 1) -> None:
        """SD: lines go out at the bottom margin."""
        self._scroll_down(self._top, self._bottom, count)

    def _scroll_up(self, top: int, bottom: int, count: int) -> None:
        grid, erase = self.grid, self.pen.erase
        # only what leaves the whole main screen was ever a line of output
        keep = top == 0 and bottom == self.lines - 1 and self._parked is None
        for _ in range(min(max(1, count), bottom - top + 1)):
            row = grid.pop(top)
            if keep:
                self.history.append(row.packed())
            row.clear(self.columns, erase)
            grid.insert(bottom, row)

    def _scroll_down(self, top: int, bottom: int, count: int) -> None:
        grid = self.grid
        for _ in range(min(max(1, count), bottom - top + 1)):
            row = grid.pop(bottom)
            row.clear(self.columns, self.pen.erase)
            grid.insert(top, row)

    def insert_lines(self, count: int | None = None) -> None:
        """IL: blank rows at the cursor; rows pushed over the bottom margin are lost."""
        if self._top <= self.cursor.y <= self._bottom:
            self._scroll_down(self.cursor.y, self._bottom, count or 1)
            self.cursor.x = 0

    def delete_lines(self, count: int | None = None) -> None:
        """DL: rows at the cursor go; those below move up to the bottom margin. Nothing goes to history."""
        y = self.cursor.y
        if self._top <= y <= self._bottom:
            grid = self.grid
            for _ in range(min(max(1, count or 1), self._bottom - y + 1)):
                row = grid.pop(y)
                row.clear(self.columns, self.pen.erase)
                grid.insert(self._bottom, row)
            self.cursor.x = 0

    # --- within a row ------------------------------------------------------------------------------------

    def insert_characters(self, count: int | None = None) -> None:
        """ICH."""
        self.grid[self.cursor.y].insert(self._column(), max(1, count or 1), self.pen.erase)

    def delete_characters(self, count: int | None = None) -> None:
        """DCH."""
        self.grid[self.cursor.y].delete(self._column(), max(1, count or 1), self.pen.erase)

    def erase_characters(self, count: int | None = None) -> None:
        """ECH."""
        x = self._column()
        self.grid[self.cursor.y].erase(x, min(x + max(1, count or 1), self.columns), self.pen.erase)

    def erase_in_line(self, how: int = 0, private: bool = False) -> None:
        """EL: 0 from the cursor on, 1 up to and with the cursor, 2 all."""
        row, x = self.grid[self.cursor.y], self.cursor.x
        if how == 0:
            if x < self.columns:
                row.erase(x, self.columns, self.pen.erase)
        elif how == 1:
            row.erase(0, min(x + 1, self.columns), self.pen.erase)
        elif how == 2:
            row.clear(self.columns, self.pen.erase)

    def erase_in_display(self, how: int = 0, *args: Any, **kwargs: Any) -> None:
        """ED: 0 from the cursor on, 1 up to and with the cursor, 2 all, 3 the scrollback."""
        if how == 3:
            self.history.clear()
            return
        if how in (0, 1):
            self.erase_in_line(how)
        y = self.cursor.y
        rows = {0: self.grid[y + 1 :], 1: self.grid[:y], 2: self.grid}.get(how, [])
        for row in rows:
            row.clear(self.columns, self.pen.erase)

    def alignment_display(self) -> None:
        """DECALN: the screen full of E."""
        self.all_margins()
        self.cursor.y = self.cursor.x = 0
        for row in self.grid:
            row.clear(self.columns, DEFAULT)
            row.chars[:] = "E" * self.columns
            row.line = None

    # --- cursor ------------------------------------------------------------------------------------------

    def _column(self) -> int:
        return min(self.cursor.x, self.columns - 1)

    def cursor_up(self, count: int | None = None) -> None:
        """CUU: stops at the top margin, or at the top of the screen from above it."""
        y = self.cursor.y
        self.cursor.y = max(y - (count or 1), self._top if y >= self._top else 0)
        self.ensure_hbounds()

    def cursor_down(self, count: int | None = None) -> None:
        """CUD: stops at the bottom margin, or at the bottom of the screen from below it."""
        y = self.cursor.y
        self.cursor.y = min(y + (count or 1), self._bottom if y <= self._bottom else self.lines - 1)
        self.ensure_hbounds()

    def cursor_position(self, line: int | None = None, column: int | None = None) -> None:
        """CUP: numbers from 1, or None; within the margins in origin mode."""
        self.cursor.x = min(max(1, column or 1), self.columns) - 1
        self.cursor_to_line(line)

    def cursor_to_line(self, line: int | None = None) -> None:
        """VPA."""
        y = max(1, line or 1) - 1
        if mo.DECOM in self.mode:
            self.cursor.y = min(y + self._top, self._bottom)
        else:
            self.cursor.y = min(y, self.lines - 1)
        self.ensure_hbounds()

    def tab(self) -> None:
        """HT: the next tab stop, or the last column."""
        self.cursor_forward_tab(1)

    def cursor_forward_tab(self, count: int = 1) -> None:
        """CHT."""
        ahead = sorted(stop for stop in self.tabstops if self.cursor.x < stop < self.columns)
        count = max(1, count)
        self.cursor.x = ahead[count - 1] if count <= len(ahead) else self.columns - 1

    def cursor_back_tab(self, count: int = 1) -> None:
        """CBT."""
        behind = sorted((stop for stop in self.tabstops if stop < self.cursor.x), reverse=True)
        count = max(1, count)
        self.cursor.x = behind[count - 1] if count <= len(behind) else 0

    def set_tab_stop(self) -> None:
        """HTS."""
        self.tabstops.add(self._column())

    def save_cursor(self) -> None:
        """DECSC: one place per screen."""
        self._saved = self._cursor_state()

    def restore_cursor(self) -> None:
        """DECRC: the top left corner where nothing was saved."""
        self._restore(self._saved)

    def _cursor_state(self) -> SavedCursor:
        return SavedCursor(
            self.cursor.y,
            self.cursor.x,
            self.pen.attrs,
            self.charset,
            self.g0_charset,
            self.g1_charset,
            mo.DECOM in self.mode,
        )

    def _restore(self, saved: SavedCursor) -> None:
        self.cursor.y = min(saved.y, self.lines - 1)
        self.cursor.x = min(saved.x, self.columns)
        self.pen = self._pen(saved.attrs)
        self.charset, self.g0_charset, self.g1_charset = saved.charset, saved.g0, saved.g1
        self._charset_changed()
        (self.mode.add if saved.origin else self.mode.discard)(mo.DECOM)

    # --- modes, margins, character sets ------------------------------------------------------------------

    def set_margins(self, top: int | None = None, bottom: int | None = None) -> None:
        """DECSTBM: rows from 1; a region of less than two rows is ignored. The cursor goes home."""
        first = max(1, top or 1) - 1
        last = min(bottom or self.lines, self.lines) - 1
        if first >= last:
            return
        self._top, self._bottom = first, last
        self.margins = None if (first, last) == (0, self.lines - 1) else Margins(first, last)
        self.cursor_position()

    def set_mode(self, *modes: int, **kwargs: Any) -> None:
        """SM and DECSET: numbers as in the sequence, ``private`` for those with ``?``."""
        for number in modes:
            self._switch(number << 5 if kwargs.get("private") else number, True)

    def reset_mode(self, *modes: int, **kwargs: Any) -> None:
        """RM and DECRST."""
        for number in modes:
            self._switch(number << 5 if kwargs.get("private") else number, False)

    def _switch(self, mode: int, on: bool) -> None:
        if mode in mo.ALTERNATE_SCREENS:
            with_cursor = mode == 1049 << 5
            if on:
                self._show_alternate(with_cursor)
            else:
                self._show_main(with_cursor)
        elif mode == mo.SAVE_CURSOR:
            if on:
                self.save_cursor()
            else:
                self.restore_cursor()
        elif mode == mo.DECCOLM:
            # the width stays, but (VT100 manual) the page is cleared and the cursor goes home either way
            self._top, self._bottom, self.margins = 0, self.lines - 1, None
            self.cursor_position()
            self.erase_in_display(2)
        elif mode in mo.KEPT_MODES:
            for group in (mo.MOUSE_MODES, mo.MOUSE_ENCODINGS):
                if mode in group:
                    self.mode -= group
            (self.mode.add if on else self.mode.discard)(mode)
            self._modes_changed()
            if mode == mo.DECOM:
                self.cursor_position()

    def define_charset(self, code: str, mode: str) -> None:
        """``ESC ( code`` and ``ESC ) code``: ``B`` is ASCII, ``0`` line drawing."""
        if code not in charsets.MAPS:
            return
        table = charsets.MAPS[code]
        if mode == "(":
            self.g0_charset = table
        elif mode == ")":
            self.g1_charset = table
        self._charset_changed()

    def shift_in(self) -> None:
        """SI: G0 from now on."""
        self.charset = 0
        self._charset_changed()

    def shift_out(self) -> None:
        """SO: G1 from now on."""
        self.charset = 1
        self._charset_changed()

    # --- the alternate screen ----------------------------------------------------------------------------

    def _show_alternate(self, save_cursor: bool) -> None:
        if self._parked is None:
            cursor = self._cursor_state() if save_cursor else None
            self._parked = _Parked(self.grid, self.cursor.y, self.cursor.x, self._saved, cursor)
            self._saved = SavedCursor()
        elif not save_cursor:
            return
        self.grid = [Row(self.columns, self.pen.erase) for _ in range(self.lines)]

    def _show_main(self, restore_cursor: bool) -> None:
        parked = self._parked
        if parked is None:
            return
        self._parked = None
        self.grid = parked.grid
        self._saved = parked.saved
        if restore_cursor and parked.cursor is not None:
            self._restore(parked.cursor)

    # --- size --------------------------------------------------------------------------------------------

    def resize(self, lines: int | None = None, columns: int | None = None) -> None:
        """Another size: wrapped lines of the main screen are cut anew, none is lost; margins are reset.

        Fewer lines: blank rows at the bottom go first, then the top goes to the
        scrollback. More lines: they come back from there if the screen was full.
        """
        lines = min(max(1, lines or self.lines), MAX_ROWS)
        columns = min(max(1, columns or self.columns), MAX_COLS)
        if (lines, columns) == (self.lines, self.columns):
            return
        if self._parked is None:
            self.grid, (self.cursor.y, self.cursor.x) = self._resized_main(
                self.grid, (self.cursor.y, self.cursor.x), lines, columns
            )
        else:
            self._resize_both(self._parked, lines, columns)
        self.tabstops |= {x for x in range(8, columns, 8) if x >= self.columns}
        self.lines, self.columns = lines, columns
        self.all_margins()
        if not self._wrapping:
            self.ensure_hbounds()

    def _resize_both(self, parked: _Parked, lines: int, columns: int) -> None:
        """The alternate screen is only cut and padded: who uses it draws it again."""
        parked.grid, (parked.y, parked.x) = self._resized_main(
            parked.grid, (parked.y, parked.x), lines, columns
        )
        if parked.cursor is not None:
            parked.cursor.y, parked.cursor.x = parked.y, parked.x
        above = max(0, self.cursor.y - lines + 1)
        grid = self.grid[above : above + lines]
        for row in grid:
            row.resize(columns)
        grid += [Row(columns) for _ in range(lines - len(grid))]
        self.grid = grid
        self.cursor.y -= above
        self.cursor.x = min(self.cursor.x, columns - 1)

    def _resized_main(
        self, grid: list[Row], cursor: tuple[int, int], lines: int, columns: int
    ) -> tuple[list[Row], tuple[int, int]]:
        packed = [row.packed() for row in grid]
        full = bool(packed[-1].text) or cursor[0] == len(packed) - 1
        while len(packed) > cursor[0] + 1 and not packed[-1].text:
            packed.pop()
        wanted = 0
        if full:
            # a screen that is not full was cleared: what is in the scrollback has no part in it any more
            wanted = max(0, lines - len(grid))
            packed, cursor = self._with_history(packed, cursor, wanted)
        if columns != self.columns or wanted:
            packed, cursor = rewrap(packed, columns, cursor)
        packed += [BLANK_LINE] * (cursor[0] + 1 - len(packed))
        above = max(0, len(packed) - lines)
        for line in packed[:above]:
            self.history.append(line)
        rows = [Row.from_line(line, columns) for line in packed[above:]]
        rows += [Row(columns) for _ in range(lines - len(rows))]
        return rows, (max(0, cursor[0] - above), min(cursor[1], columns))

    def _with_history(
        self, packed: list[Line], cursor: tuple[int, int], wanted: int
    ) -> tuple[list[Line], tuple[int, int]]:
        """``wanted`` lines back from the scrollback, and the beginning of a line that is half in it."""
        taken: list[Line] = []
        history = self.history
        while history and (len(taken) < wanted or history[-1].wrapped) and len(taken) < MAX_REJOINED_LINES:
            taken.append(history.pop())
        taken.reverse()
        return taken + packed, (cursor[0] + len(taken), cursor[1])
