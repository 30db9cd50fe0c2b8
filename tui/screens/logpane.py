"""The end of one output channel, scrolled, searched, wrapped; paints visible lines only; must never know links."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from supervisor.errors import UserError

from ..logbuffer import Line as LogLine
from ..logbuffer import LogBuffer, Mark, Search
from ..logstyle import styled
from ..pane import Line, Look, Pane, Row, row_width, slice_row
from ..words import clean

SIDE_STEP: Final = 8
MAX_WRAPPED_ROWS: Final = 200


class LogPane(Pane):
    """Shows ``buffer``; ``top`` is the first line shown, None while the end is followed."""

    def __init__(self, look: Look) -> None:
        super().__init__(look)
        self.buffer = LogBuffer()
        self.subject = ""
        self.channel = "stdout"
        self.wrap = False
        self.top: int | None = None
        self.aside = 0
        self.search: Search | None = None
        self.hit = -1
        self._held_end: int | None = None
        self._first_shown = 0

    def show(self, buffer: LogBuffer, subject: str, channel: str) -> None:
        """Show another buffer, from its end."""
        if buffer is self.buffer:
            return
        pattern = self.search.pattern if self.search is not None else ""
        self.buffer, self.subject, self.channel = buffer, subject, channel
        self.top = None
        self.aside = 0
        self._held_end = None
        self.hit = -1
        self.search = Search(buffer, pattern) if pattern else None

    def heading(self) -> tuple[str, str]:
        if not self.subject:
            return "log", ""
        words = []
        if self.search is not None:
            more = "" if self.search.complete else "+"
            place = self.search.place(self.hit)
            of = f"{place} of " if place else ""
            words.append(f"/{clean(self.search.pattern)}  {of}{len(self.search.hits)}{more}")
        words.append(self.mode)
        return f"{self.subject}  {self.channel}", "  ".join(words)

    @property
    def mode(self) -> str:
        glyphs = self.look.glyphs
        if self._held_end is not None:
            return f"{glyphs.paused} PAUSED, {self.buffer.end - self._held_end} new"
        if self.top is None:
            return f"{glyphs.follow} FOLLOW"
        below = max(0, self.buffer.end - self.top - self.height)
        return f"line {self.top - self.buffer.first + 1} of {self.buffer.count}, {below} below"

    @property
    def end(self) -> int:
        return self.buffer.end if self._held_end is None else min(self._held_end, self.buffer.end)

    # painting

    def body(self, cols: int, rows: int, focus: bool) -> list[Row]:
        if self.frame == "none":
            self.width, self.height = cols, rows
        if self.top is not None:
            self.top = max(self.buffer.first, min(self.top, max(self.buffer.first, self.end - 1)))
        painted = self._from_end(cols, rows) if self.top is None else self._from_top(self.top, cols, rows)
        painted.extend(Line(cols, "log.text").done() for _ in range(rows - len(painted)))
        return painted

    def body_cursor(self) -> tuple[int, int] | None:
        return 0, max(0, self.height - 1) if self.top is None else 0

    def _from_end(self, cols: int, rows: int) -> list[Row]:
        found: list[list[Row]] = []
        left = rows
        number = self.end
        while left > 0 and number > self.buffer.first:
            number -= 1
            found.append(self._rows_of(number, cols))
            left -= len(found[-1])
        self._first_shown = number
        flat = [row for block in reversed(found) for row in block]
        return flat[-rows:] if rows > 0 else []

    def _from_top(self, top: int, cols: int, rows: int) -> list[Row]:
        self._first_shown = top
        painted: list[Row] = []
        for number in range(top, self.end):
            if len(painted) >= rows:
                break
            painted.extend(self._rows_of(number, cols))
        return painted[:rows]

    def _rows_of(self, number: int, cols: int) -> list[Row]:
        row = self._marked(number, self._runs(self.buffer.line(number)))
        if not self.wrap:
            width = row_width(row)
            if width > self.aside + cols > 1:
                row = [*slice_row(row, self.aside, cols - 1), ("log.gutter", self.look.glyphs.more)]
            elif self.aside:
                row = slice_row(row, self.aside, cols)
            return [Line(cols, "log.text").extend(row).done()]
        return list(_wrapped(row, cols))

    def _runs(self, line: LogLine) -> Row:
        if isinstance(line, Mark):
            rule = self.look.glyphs.line * 2
            return [("log.gap" if line.gap else "log.mark", f"{rule} {clean(line.text)} {rule}")]
        return styled(line, "log.stderr" if self.channel == "stderr" else "log.text", self.look.painter)

    def _marked(self, number: int, row: Row) -> Row:
        """``row`` with what the search found in it."""
        if self.search is None:
            return row
        text = "".join(part for _, part in row)
        spans = [match.span() for match in self.search.regex.finditer(text) if match.end() > match.start()]
        if not spans:
            return row
        role = "log.match.current" if number == self.hit else "log.match"
        out: Row = []
        at = 0
        for attr, part in row:
            end = at + len(part)
            place = at
            for low, high in spans:
                low, high = max(low, place), min(high, end)
                if low < high:
                    if low > place:
                        out.append((attr, text[place:low]))
                    out.append((role, text[low:high]))
                    place = high
            if place < end:
                out.append((attr, text[place:end]))
            at = end
        return out

    # moving

    def move(self, by: int) -> None:
        """Scroll by lines; upward stops following."""
        if self.top is None:
            if by >= 0:
                return
            self.top = self._first_shown
        self.top = max(self.buffer.first, min(self.top + by, max(self.buffer.first, self.end - 1)))

    def page(self, pages: float) -> None:
        self.move(int(pages * max(1, self.height - 1)) or (1 if pages > 0 else -1))

    def first(self) -> None:
        self.top = self.buffer.first

    def follow(self) -> None:
        self.top = None
        self._held_end = None

    def sideways(self, by: int) -> None:
        self.aside = max(0, self.aside + by * SIDE_STEP)

    def pause(self) -> None:
        self._held_end = self.buffer.end if self._held_end is None else None

    # searching

    def find(self, pattern: str) -> None:
        """Begin a search; an empty pattern ends it. Raises UserError for a bad one."""
        self.search = Search(self.buffer, pattern) if pattern else None
        self.hit = -1

    def work(self) -> bool:
        """Do a slice of the search; whether more is to be done."""
        if self.search is None:
            return False
        self.search.step()
        return not self.search.complete

    def next_hit(self, *, backward: bool) -> None:
        """Go to a match. Raises UserError when there is none."""
        if self.search is None:
            raise UserError("nothing is searched for: / searches")
        start = (
            self.hit if self.hit >= self.buffer.first else (self.end if backward else self._first_shown - 1)
        )
        found = self.search.next(start, backward=backward)
        if found is None:
            raise UserError(f"/{self.search.pattern}: not found")
        self.hit = found
        shown_from = self._first_shown
        if not shown_from <= found < shown_from + self.height:
            self.top = max(self.buffer.first, found - self.height // 3)
        elif self.top is None:
            self.top = shown_from


def _wrapped(row: Row, cols: int) -> Iterator[Row]:
    """``row`` in pieces of ``cols`` cells."""
    width = row_width(row)
    if width <= cols:
        yield Line(cols, "log.text").extend(row).done()
        return
    for number, start in enumerate(range(0, width, max(1, cols))):
        if number == MAX_WRAPPED_ROWS:
            return
        yield Line(cols, "log.text").extend(slice_row(row, start, min(cols, width - start))).done()
