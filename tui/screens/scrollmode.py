"""Looking back in an attached program's terminal: moving, searching, selecting; must never know widgets, links.

Lines have numbers that stay: ``history_dropped`` counts what was forgotten. The picture
stands still while the program goes on. A search is smart about capitals, and looks at
every kept line, at most once a key.
"""

from __future__ import annotations

from typing import Final

from supervisor.errors import UserError

from ..patterns import Pattern
from ..selection import END, Selection, before, behind, word_after, word_before, word_end
from ..terminal import Line, Terminal
from ..terminal.width import text_width

MAX_PATTERN: Final = 200
MAX_COPIED_LINES: Final = 10_000

_LEAVE: Final = frozenset(("q", "esc", "enter"))


class ScrollMode:
    """``over`` when the operator is through; ``copied`` is what was taken along, once."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self.over = False
        self.copied = ""
        self.pattern = ""
        self.notice = ""
        self.typing: str | None = None
        """The pattern while it is typed."""
        self._top = self._end
        self._began = self._end
        self._hit: int | None = None
        self._selection: Selection | None = None

    @property
    def _first(self) -> int:
        return self._terminal.history_dropped

    @property
    def _end(self) -> int:
        """The number of the screen's first row."""
        return self._terminal.history_dropped + self._terminal.history_len

    @property
    def _last(self) -> int:
        return self._end + self._terminal.rows - 1

    @property
    def back(self) -> int:
        """How many lines above the end the picture begins."""
        return max(0, self._end - self._top)

    @property
    def new(self) -> int:
        """Lines that came since."""
        return max(0, self._end - self._began)

    def lines(self, rows: int) -> list[tuple[Line, tuple[int, int] | None, bool]]:
        """What is shown: line, which of its cells are selected (None for none), whether it is the hit."""
        self._top = max(self._first, min(self._top, self._end))
        numbers = range(self._top, min(self._top + rows, self._last + 1))
        return [(self._line(number), self._cells(number), number == self._hit) for number in numbers]

    def cursor(self, cols: int) -> tuple[int, int] | None:
        """Where the end of the selection stands: (column, row of the picture); None without one."""
        selection = self._selection
        if selection is None:
            return None
        number, at = selection.spot
        cell = 0 if selection.whole else text_width(self._line(number).text[:at])
        return min(cell, cols - 1), number - self._top

    def _cells(self, number: int) -> tuple[int, int] | None:
        selection = self._selection
        if selection is None or not selection.holds(number):
            return None
        text = self._line(number).text
        if selection.whole:
            return 0, END
        start, end = selection.span(number, text)
        return text_width(text[:start]), max(text_width(text[:end]), 1 if not text else 0)

    def words(self) -> str:
        """Where one is, for the bar."""
        if self.typing is not None:
            return f"/{self.typing}_"
        words = [f"{self.back} lines back" if self.back else "at the end"]
        if self.new:
            words.append(f"{self.new} new")
        if self._selection is not None:
            low, high = self._selection.low[0], self._selection.high[0]
            start, end = self._selection.span(low, self._line(low).text)
            several = self._selection.whole or low != high
            what = f"{high - low + 1} lines" if several else f"{end - start} characters"
            words.append(f"{what} selected, y copies")
        if self.notice:
            words.append(self.notice)
        elif self._terminal.alternate:
            words.append("(a full-screen program keeps no history)")
        return "  ".join(words)

    def key(self, key: str, rows: int) -> None:
        """One key, by urwid's name, on a picture of ``rows``."""
        self.notice = ""
        if self.typing is not None:
            self._pattern_key(self.typing, key, rows)
            return
        page = max(1, rows - 1)
        by = {"up": -1, "k": -1, "down": 1, "j": 1, "page up": -page, "ctrl b": -page, "page down": page,
              "ctrl f": page, " ": page, "ctrl u": -(page // 2), "ctrl d": page // 2,
              "home": -(10**9), "g": -(10**9), "end": 10**9, "G": 10**9}  # fmt: skip
        if key in by:
            self._move(by[key], rows)
        elif self._selection is not None and self._along(self._selection, key, rows):
            pass
        elif key == "esc" and self._selection is not None:
            self._selection = None
        elif key in _LEAVE:
            self.over = True
        elif key in ("/", "?"):
            self.typing = ""
        elif key in ("n", "N"):
            self._find(backward=key == "n", rows=rows)
        elif key in ("v", "V"):
            self._select(whole=key == "V", rows=rows)
        elif key == "y":
            self._copy(rows)
        else:
            self.notice = "no command on this key, and the program does not get it"

    def _line(self, number: int) -> Line:
        if number < self._end:
            return self._terminal.line(number - self._first)
        return self._terminal.row(number - self._end)

    def _select(self, *, whole: bool, rows: int) -> None:
        """Begin at what was found, else at the last line; the same again ends it."""
        if self._selection is not None:
            if self._selection.whole == whole:
                self._selection = None
            else:
                self._selection.whole = whole
            return
        bottom = min(self._top + rows - 1, self._last)
        while bottom > self._top and not self._line(bottom).text.strip():
            bottom -= 1
        found = self._hit if self._hit is not None and self._top <= self._hit < self._top + rows else bottom
        number, at = max(self._first, found), 0
        if self._hit == number and not whole and (match := self._regex().search(self._line(number).text)):
            at = match.start()
        self._selection = Selection((number, at), (number, at), whole)

    def _along(self, selection: Selection, key: str, rows: int) -> bool:
        """Move the end of the selection within its line, or to a word; whether ``key`` does that."""
        number, at = selection.spot
        text = self._line(number).text
        places = {
            "h": before(text, at), "left": before(text, at), "l": behind(text, at), "right": behind(text, at),
            "0": 0, "$": max(0, len(text.rstrip()) - 1),
        }  # fmt: skip
        finders = {"w": word_after, "b": word_before, "e": word_end}
        if key == "o":
            selection.swap()
        elif key in finders and not selection.whole:
            find, step = finders[key], -1 if key == "b" else 1
            place = find(text, at)
            while place is None and self._first <= number + step <= self._last:
                number += step
                text = self._line(number).text
                place = find(text, END if step < 0 else -1)
            if place is not None:
                selection.wish = place
                selection.to(number, text)
        elif key in places and not selection.whole:
            selection.along(text, places[key])
        else:
            return False
        self._show(selection.spot[0], rows)
        return True

    def _move(self, by: int, rows: int) -> None:
        if self._selection is None:
            self._top = max(self._first, min(self._top + by, self._end))
        else:
            number = max(self._first, min(self._selection.spot[0] + by, self._last))
            self._selection.to(number, self._line(number).text)
            self._show(number, rows)

    def _show(self, number: int, rows: int) -> None:
        if not self._top <= number < self._top + rows:
            self._top = number if number < self._top else number - rows + 1
        self._top = max(self._first, min(self._top, self._end))

    def _pattern_key(self, typed: str, key: str, rows: int) -> None:
        if key == "enter":
            self.typing = None
            self.pattern = typed or self.pattern
            self._hit = None
            self._find(backward=True, rows=rows)
        elif key == "esc":
            self.typing = None
        elif key == "backspace":
            self.typing = typed[:-1] if typed else None
        elif len(key) == 1 and len(typed) < MAX_PATTERN:
            self.typing = typed + key

    def _regex(self) -> Pattern:
        """Raises UserError."""
        return Pattern(self.pattern, exact=self.pattern != self.pattern.lower())

    def _find(self, *, backward: bool, rows: int) -> None:
        if not self.pattern:
            self.notice = "nothing to search for: / begins"
            return
        try:
            regex = self._regex()
        except UserError as error:
            self.notice = str(error)
            return
        start = (
            self._hit
            if self._hit is not None
            else (min(self._top + rows, self._last + 1) if backward else self._top - 1)
        )
        numbers = range(start - 1, self._first - 1, -1) if backward else range(start + 1, self._last + 1)
        found = next((number for number in numbers if regex.search(self._line(number).text)), None)
        if regex.late:
            self.notice = f"/{regex.words}"
            return
        if found is None:
            self.notice = f"no {'earlier' if backward else 'later'} match for /{self.pattern}"
            return
        self._hit = found
        self._show(found, rows)

    def _copy(self, rows: int) -> None:
        """What is selected, else the picture; what was wrapped is one line again."""
        selection = self._selection
        low, high = self._top, self._top + rows - 1
        if selection is not None:
            low, high = selection.low[0], selection.high[0]
        high = min(high, self._last, low + MAX_COPIED_LINES - 1)
        parts: list[str] = []
        for number in range(max(low, self._first), high + 1):
            line = self._line(number)
            text = line.text
            if selection is not None and not selection.whole:
                text = text[slice(*selection.span(number, text))]
            parts.append(text + ("" if line.wrapped else "\n"))
        self.copied = "".join(parts).rstrip("\n")
        self._selection = None
        self.over = True
