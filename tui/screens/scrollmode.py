"""Looking back in an attached program's terminal: moving, searching, selecting lines; must never know widgets, links.

Lines have numbers that stay: ``history_dropped`` counts what was forgotten. The picture
stands still while the program goes on. A search is smart about capitals, and looks at
every kept line, at most once a key.
"""

from __future__ import annotations

import re
from typing import Final

from ..terminal import Line, Terminal

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
        self._point: int | None = None
        self._anchor = 0

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

    def lines(self, rows: int) -> list[tuple[Line, bool, bool]]:
        """What is shown: line, whether it is selected, whether it is the hit."""
        self._top = max(self._first, min(self._top, self._end))
        low, high = self._selected()
        return [
            (self._line(number), low <= number <= high, number == self._hit)
            for number in range(self._top, min(self._top + rows, self._last + 1))
        ]

    def words(self) -> str:
        """Where one is, for the bar."""
        if self.typing is not None:
            return f"/{self.typing}_"
        words = [f"{self.back} lines back" if self.back else "at the end"]
        if self.new:
            words.append(f"{self.new} new")
        if self._point is not None:
            low, high = self._selected()
            words.append(f"{high - low + 1} lines selected, y copies")
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
        elif key == "esc" and self._point is not None:
            self._point = None
        elif key in _LEAVE:
            self.over = True
        elif key in ("/", "?"):
            self.typing = ""
        elif key in ("n", "N"):
            self._find(backward=key == "n", rows=rows)
        elif key in ("v", "V"):
            if self._point is None:
                bottom = min(self._top + rows - 1, self._last)
                found = self._hit if self._hit is not None and self._top <= self._hit <= bottom else bottom
                self._point = self._anchor = max(self._first, found)
            else:
                self._point = None
        elif key == "y":
            self._copy(rows)

    def _line(self, number: int) -> Line:
        if number < self._end:
            return self._terminal.line(number - self._first)
        return self._terminal.row(number - self._end)

    def _selected(self) -> tuple[int, int]:
        if self._point is None:
            return 0, -1
        return min(self._point, self._anchor), max(self._point, self._anchor)

    def _move(self, by: int, rows: int) -> None:
        if self._point is None:
            self._top = max(self._first, min(self._top + by, self._end))
        else:
            self._point = max(self._first, min(self._point + by, self._last))
            self._show(self._point, rows)

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

    def _find(self, *, backward: bool, rows: int) -> None:
        if not self.pattern:
            self.notice = "nothing to search for: / begins"
            return
        try:
            regex = re.compile(self.pattern, 0 if self.pattern != self.pattern.lower() else re.IGNORECASE)
        except re.error as error:
            self.notice = f"/{self.pattern}: {error}"
            return
        start = (
            self._hit
            if self._hit is not None
            else (min(self._top + rows, self._last + 1) if backward else self._top - 1)
        )
        numbers = range(start - 1, self._first - 1, -1) if backward else range(start + 1, self._last + 1)
        found = next((number for number in numbers if regex.search(self._line(number).text)), None)
        if found is None:
            self.notice = f"no {'earlier' if backward else 'later'} match for /{self.pattern}"
            return
        self._hit = found
        self._show(found, rows)

    def _copy(self, rows: int) -> None:
        """The selected lines, else the picture; what was wrapped is one line again."""
        low, high = self._selected() if self._point is not None else (self._top, self._top + rows - 1)
        high = min(high, self._last, low + MAX_COPIED_LINES - 1)
        parts: list[str] = []
        for number in range(max(low, self._first), high + 1):
            line = self._line(number)
            parts.append(line.text + ("" if line.wrapped else "\n"))
        self.copied = "".join(parts).rstrip("\n")
        self._point = None
        self.over = True
