"""The end of one log or of several merged, scrolled, searched, filtered, selected; paints visible lines only.

``top`` is the first line shown, None while the end is followed. The *current* line is
where the terminal's cursor stands: the end of a selection, else the match or mark that was
jumped to, else the last line shown while following, else the first one. Must never know links.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Final

from supervisor.errors import UserError

from ..logbuffer import Filter, LogBuffer, Mark, Merged, Rule, Search, compiled
from ..logbuffer import Line as LogLine
from ..logstyle import styled
from ..logtext import strip
from ..pane import Line, Look, Pane, Row, blank, row_width, slice_row
from ..patterns import LATE
from ..selection import END, Place, Selection, before, behind, snapped, word_after, word_before, word_end
from ..terminal.attrs import Attrs
from ..words import clean, cut, fit, middle, width_of

SIDE_STEP: Final = 8
MAX_WRAPPED_ROWS: Final = 200
RATE_OVER_S: Final = 10.0
NARROW: Final = 60
LEVEL_WITHIN: Final = 200
"""How far into a line the word for its level is looked for, in bytes."""

ERRORS: Final = re.compile(
    rb"\b(?:ERROR|CRIT(?:ICAL)?|FATAL|PANIC|error|crit(?:ical)?|fatal|panic|Traceback)\b"
)
WARNINGS: Final = re.compile(rb"\b(?:WARN(?:ING)?|warn(?:ing)?)\b")
_SOURCE_COLOURS: Final = (6, 2, 3, 5, 4, 14, 10, 11, 13, 12)

Wanted = Callable[[int, LogLine], bool]


def is_error(number: int, line: LogLine) -> bool:
    return isinstance(line, bytes) and ERRORS.search(line, 0, LEVEL_WITHIN) is not None


def is_warning(number: int, line: LogLine) -> bool:
    return isinstance(line, bytes) and WARNINGS.search(line, 0, LEVEL_WITHIN) is not None


def is_restart(number: int, line: LogLine) -> bool:
    return isinstance(line, Mark) and line.life


class LogPane(Pane):
    """Shows ``buffer``; what it has in hand (search, filters) stays when another one is shown."""

    def __init__(self, look: Look) -> None:
        super().__init__(look)
        self.buffer = LogBuffer()
        self.subject = ""
        self.channel = ""
        self.wrap = False
        self.times = False
        self.numbers = False
        self.top: int | None = None
        self.aside = 0
        self.search: Search | None = None
        self.backward = False
        self.case: bool | None = None
        self.regex = True
        self.filter: Filter | None = None
        self.marks: set[int] = set()
        self.selection: Selection | None = None
        self.hit: int | None = None
        self.loading = False
        self._held_end: int | None = None
        self._shown: list[int] = []
        self._parts: list[int] = []
        """Which row of its line each row shown is."""
        self._rates: deque[tuple[float, int]] = deque()

    def show(self, buffer: LogBuffer, subject: str, channel: str) -> None:
        """Show another buffer, from its end."""
        self.subject, self.channel = subject, channel
        if buffer is self.buffer:
            return
        self.buffer = buffer
        self.top = self.selection = self.hit = self._held_end = None
        self.aside = 0
        self.marks.clear()
        self._shown = []
        self._rates.clear()
        if self.search is not None:
            self.find(self.search.pattern)
        if self.filter is not None:
            self.filter = Filter(buffer, self.filter.rules)

    # the heading

    def heading(self) -> tuple[str, str]:
        if not self.channel:  # nothing is shown, or words of ours
            return self.subject or "log", ""
        narrow = self.width < NARROW
        title = f"{self.subject}  {self.channel}"
        for rule in self.filter.rules if self.filter is not None else ():
            title += f"  {'&' if rule.keep else '&!'}{clean(rule.pattern.words)}"
        words = []
        if self.search is not None:
            words.append(self._search_words())
        rate = self._rate()
        if rate and not narrow:
            words.append(rate)
        words.append(self.mode.removesuffix(" FOLLOW") if narrow else self.mode)
        return title, "  ".join(words)

    def _search_words(self) -> str:
        search = self.search
        assert search is not None
        more = "" if search.complete else "+"
        place = search.place(self.hit) if self.hit is not None else 0
        of = f"{place} of " if place else ""
        how = "" if self.regex else " plain"
        how += {None: "", True: " case", False: " nocase"}[self.case]
        return (
            f"{'?' if self.backward else '/'}{clean(search.regex.words)}{how}  {of}{len(search.hits)}{more}"
        )

    def _rate(self) -> str:
        """Lines a minute of late; empty for none."""
        now, received = self.look.now(), self.buffer.received
        rates = self._rates
        if not rates or now - rates[-1][0] >= 1 or now < rates[-1][0]:
            rates.append((now, received))
        while len(rates) > 1 and now - rates[0][0] > RATE_OVER_S:
            rates.popleft()
        passed = now - rates[0][0]
        if passed < 1 or received <= rates[0][1]:
            return ""
        rate = (received - rates[0][1]) * 60 / passed
        return (
            f"{rate:.0f}/min"
            if rate < 1000
            else f"{rate / 1000:.1f}K/min"
            if rate < 1e6
            else f"{rate / 1e6:.1f}M/min"
        )

    @property
    def mode(self) -> str:
        glyphs = self.look.glyphs
        if self.selection is not None:
            return self._selection_words(self.selection)
        if self.loading:
            return "loading older text"
        if self._held_end is not None:
            return f"{glyphs.paused} PAUSED, {self.buffer.end - self._held_end} new"
        if self.top is None:
            return f"{glyphs.follow} FOLLOW"
        below = max(0, self.end - 1 - self._shown[-1]) if self._shown else 0
        return f"line {self.top - self.buffer.first + 1} of {self.buffer.count}, {below} below"

    def _selection_words(self, selection: Selection) -> str:
        low, high = selection.low[0], selection.high[0]
        if selection.whole or low != high:
            return f"SELECT {len(self.selected())} lines"
        start, end = selection.span(low, self.words(low))
        return f"SELECT {end - start} characters"

    @property
    def end(self) -> int:
        return self.buffer.end if self._held_end is None else min(self._held_end, self.buffer.end)

    # lines that the filters let through

    def _before(self, number: int) -> int | None:
        """The line shown before ``number``."""
        number = min(number, self.end)
        if self.filter is None:
            return number - 1 if number > self.buffer.first else None
        settled = self.buffer.settled
        if number > settled and self.filter.shows(self.buffer.line(settled)):
            return settled
        return self.filter.before(min(number, settled))

    def _after(self, number: int) -> int | None:
        """The line shown at or after ``number``."""
        number = max(number, self.buffer.first)
        if self.filter is not None:
            found = self.filter.at_or_after(number)
            settled = self.buffer.settled
            if found is None and settled < self.end and self.filter.shows(self.buffer.line(settled)):
                found = settled
            return found if found is not None and found < self.end else None
        return number if number < self.end else None

    def _walk(self, number: int, *, backward: bool) -> Iterator[int]:
        """The lines shown before ``number``, backward, or those after it."""
        at = self._before(number) if backward else self._after(number + 1)
        while at is not None:
            yield at
            at = self._before(at) if backward else self._after(at + 1)

    # painting

    def body(self, cols: int, rows: int, focus: bool) -> list[Row]:
        if self.frame == "none":
            self.width, self.height = cols, rows
        first = self.buffer.first
        if self.marks and min(self.marks) < first:
            self.marks = {number for number in self.marks if number >= first}
        if self.selection is not None and not self.buffer.count:
            self.selection = None
        if (selection := self.selection) is not None:
            last = (self.buffer.end - 1, END)
            selection.anchor = min(max((first, 0), selection.anchor), last)
            selection.spot = min(max((first, 0), selection.spot), last)
        if self.top is not None:
            self.top = max(first, min(self.top, max(first, self.end - 1)))
        painted = self._from_end(cols, rows) if self.top is None else self._from_top(self.top, cols, rows)
        if not self.buffer.count and self.buffer.offset >= 0 and self.channel:
            painted = [Line(cols, "log.text").add(" nothing is in this log yet", "ui.text.muted").done()]
        painted.extend(Line(cols, "log.text").done() for _ in range(rows - len(painted)))
        return painted[:rows]

    def body_cursor(self) -> tuple[int, int] | None:
        current = self.current
        row = self._shown.index(current) if current in self._shown else 0
        if self.selection is None or self.selection.whole or current not in self._shown:
            return 0, row
        margin, cols = self._room(current)
        cell = self._cell(self.selection)
        if not self.wrap:
            return margin + max(0, min(cell - self.aside, cols - 1)), row
        part = cell // cols
        rows = {at: n for n, (number, at) in enumerate(self._places()) if number == current}
        return margin + cell % cols, rows.get(part, row)

    def _places(self) -> list[tuple[int, int]]:
        """(line, which row of it) of each row shown."""
        return list(zip(self._shown, self._parts, strict=True))

    def _room(self, number: int) -> tuple[int, int]:
        """Cells before the text of line ``number``, and for it."""
        margin = row_width(self._gutter(number, self.width))
        return margin, max(1, self.width - margin)

    def _cell(self, selection: Selection) -> int:
        """The cell of its line where the end of the selection stands."""
        return width_of(self.words(selection.spot[0])[: selection.spot[1]])

    def place_at(self, col: int, row: int) -> tuple[int, int] | None:
        """The line and character painted at a cell of the widget, the nearest one in its row; None beside the text."""
        row -= self.margin[1]
        if not 0 <= row < len(self._shown):
            return None
        number = self._shown[row]
        margin, cols = self._room(number)
        cell = max(0, col - self.margin[0] - margin)
        cell += self._parts[row] * cols if self.wrap else self.aside
        text = self.words(number)
        return number, snapped(text, len(cut(text, cell)))

    def _from_end(self, cols: int, rows: int) -> list[Row]:
        found: list[tuple[Row, int, int]] = []
        for number in self._walk(self.end, backward=True):
            if len(found) >= rows:
                break
            found.extend((row, number, part) for part, row in [*enumerate(self._rows_of(number, cols))][::-1])
        return self._placed(found[: max(0, rows)][::-1])

    def _placed(self, found: list[tuple[Row, int, int]]) -> list[Row]:
        """Keep which line each row is of."""
        self._shown = [number for _, number, _ in found]
        self._parts = [part for _, _, part in found]
        return [row for row, _, _ in found]

    def _from_top(self, top: int, cols: int, rows: int) -> list[Row]:
        found: list[tuple[Row, int, int]] = []
        for number in self._walk(top - 1, backward=False):
            if len(found) >= rows:
                break
            found.extend((row, number, part) for part, row in enumerate(self._rows_of(number, cols)))
        return self._placed(found[:rows])

    def _rows_of(self, number: int, cols: int) -> list[Row]:
        gutter = self._gutter(number, cols)
        margin = row_width(gutter)
        cols = max(1, cols - margin)
        row = self._found(number, self._runs(number, cols))
        base = "log.text"
        if (selection := self.selection) is not None and selection.holds(number):
            if selection.whole:
                row = [("log.selection", text) for _, text in row]
                base = "log.selection"
            else:
                span = selection.span(number, self.words(number))
                row = overlaid(row, [span], "log.selection") if row else [("log.selection", " ")]
        if not self.wrap:
            width = row_width(row)
            if width > self.aside + cols > 1:
                row = [*slice_row(row, self.aside, cols - 1), ("log.gutter", self.look.glyphs.more)]
            elif self.aside:
                row = slice_row(row, self.aside, cols)
            return [[*gutter, *Line(cols, base).extend(row).done()]]
        pieces = _wrapped(row, cols, base)
        return [
            [*(gutter if at == 0 else blank(margin, "log.gutter")), *piece] for at, piece in enumerate(pieces)
        ]

    def _gutter(self, number: int, cols: int) -> Row:
        gutter: Row = []
        if self.marks:
            gutter.append(("log.mark", "*") if number in self.marks else ("log.gutter", " "))
        if self.numbers:
            gutter.append(("log.gutter", f"{number + 1:>6} "))
        if self.times:
            stamp = self.buffer.stamp(number)
            words = time.strftime("%H:%M:%S", time.localtime(stamp)) if stamp else "--:--:--"
            gutter.append(("log.time", f"{words} "))
        if isinstance(self.buffer, Merged):
            names = self.buffer.names
            width = min(max(map(len, names), default=0), 18, max(4, cols // 4))
            source = self.buffer.source(number)
            name = middle(clean(names[source]), width, self.look.glyphs.ellipsis) if source >= 0 else ""
            gutter.append((self._source_role(source), fit(name, width) + " "))
        return gutter if row_width(gutter) < cols - 8 else []

    def _source_role(self, source: int) -> Hashable:
        spec = self.look.painter.spec(Attrs(fg=_SOURCE_COLOURS[source % len(_SOURCE_COLOURS)]))
        return spec if spec is not None else "log.source"

    def _runs(self, number: int, cols: int) -> Row:
        line = self.buffer.line(number)
        if isinstance(line, Mark):
            return [("log.gap" if line.gap else "log.mark", self.words(number))]
        seen = cols * MAX_WRAPPED_ROWS if self.wrap else self.aside + cols
        # no more is parsed than can be seen: a character has at most four bytes, colours some more
        line = line[: seen * 4 + 2048]
        return styled(line, "log.stderr" if self.channel == "stderr" else "log.text", self.look.painter)

    def _found(self, number: int, row: Row) -> Row:
        """``row`` with what the search found in it."""
        if self.search is None:
            return row
        text = "".join(part for _, part in row)
        spans = self.search.regex.spans(text)
        role = "log.match.current" if number == self.hit else "log.match"
        return overlaid(row, spans, role) if spans else row

    # moving

    @property
    def current(self) -> int:
        """Number of the current line."""
        if self.selection is not None:
            return self.selection.spot[0]
        if self.hit is not None and self.hit in self._shown:
            return self.hit
        if not self._shown:
            return self.buffer.first
        return self._shown[-1] if self.top is None else self._shown[0]

    @property
    def at_top(self) -> bool:
        """Whether nothing that is kept lies above."""
        return not self._shown or self._before(self._shown[0]) is None

    def move(self, by: int) -> None:
        """Scroll by lines, upward stops following; with a selection, move its end."""
        if self.selection is not None:
            self._select_to(self._step(self.selection.spot[0], by))
            return
        if self.top is None:
            if by >= 0:
                return
            self.top = self._shown[0] if self._shown else self.end - 1
        self.top = self._step(self.top, by)

    def _step(self, number: int, by: int) -> int:
        """``by`` shown lines from ``number``, or as far as there are."""
        if self.filter is None:
            return max(self.buffer.first, min(number + by, max(self.buffer.first, self.end - 1)))
        for at, found in enumerate(self._walk(number, backward=by < 0)):
            number = found
            if at + 1 >= abs(by):
                break
        return number

    def page(self, pages: float) -> None:
        self.move(int(pages * max(1, self.height - 1)) or (1 if pages > 0 else -1))

    def first(self) -> None:
        self.top = self.buffer.first
        if self.selection is not None:
            self._select_to(self.buffer.first)

    def follow(self) -> None:
        if self.selection is not None:
            self._select_to(max(self.buffer.first, self.end - 1))
            return
        self.top = None
        self.hit = None
        self._held_end = None
        self.buffer.relax()

    def sideways(self, by: int) -> None:
        if self.selection is not None and not self.selection.whole:
            self._select_along(lambda text, at: behind(text, at) if by > 0 else before(text, at))
        else:
            self.aside = max(0, self.aside + by * SIDE_STEP)

    def side_start(self) -> None:
        if self.selection is not None and not self.selection.whole:
            self._select_along(lambda text, at: 0)
        else:
            self.aside = 0

    def side_end(self) -> None:
        """Shift so that the end of the longest line shown can be seen; the end of a selection to that of its line."""
        if self.selection is not None and not self.selection.whole:
            self._select_along(lambda text, at: END)
            return
        widths = [
            width_of(strip(line)) for n in self._shown if isinstance(line := self.buffer.line(n), bytes)
        ]
        self.aside = max(0, max(widths, default=0) - self.width + 24)

    def pause(self) -> None:
        self._held_end = self.buffer.end if self._held_end is None else None

    def _see(self, number: int) -> None:
        """Scroll as far as needed to show line ``number``."""
        if number in self._shown:
            if self.top is None:
                self.top = self._shown[0]
        elif self._shown and number < self._shown[0]:
            self.top = number
        else:
            self.top = self._step(number, -max(0, self.height - 2))

    def go(self, number: int) -> None:
        """Make ``number`` the current line."""
        if self.selection is not None:
            found = self.search.regex.search(self.words(number)) if self.search is not None else None
            self.selection.wish = found.start() if found is not None else self.selection.wish
            self._select_to(number)
            return
        if number not in self._shown:
            self.top = self._step(number, -(self.height // 3))
        elif self.top is None:
            self.top = self._shown[0]
        self.hit = number

    def jump(self, wanted: Wanted, what: str, *, backward: bool) -> None:
        """Go to the next line that is ``wanted``. Raises UserError where there is none."""
        start = self.current
        if not backward and self.top is None and self.selection is None and self.hit is None:
            start = self._shown[0] - 1 if self._shown else start
        for number in self._walk(
            start + backward * (self.hit is None and self.top is None), backward=backward
        ):
            if wanted(number, self.buffer.line(number)):
                self.go(number)
                return
        raise UserError(f"no {what} {'above' if backward else 'below'}")

    # searching and filtering

    def find(self, pattern: str) -> None:
        """Begin a search; an empty pattern ends it. Raises UserError for a bad one."""
        self.search = Search(self.buffer, pattern, regex=self.regex, case=self.case) if pattern else None
        self.hit = None

    def sift(self, pattern: str, *, keep: bool) -> None:
        """Add a filter; an empty pattern takes those of its kind away. Raises UserError for a bad pattern."""
        rules = [*self.filter.rules] if self.filter is not None else []
        if pattern:
            rules.append(Rule(compiled(pattern, regex=self.regex, case=self.case), keep))
        else:
            rules = [rule for rule in rules if rule.keep != keep]
        self.filter = Filter(self.buffer, rules) if rules else None

    def restore(self, rules: tuple[Rule, ...]) -> None:
        """Filter by these."""
        self.filter = Filter(self.buffer, rules) if rules else None

    def work(self) -> bool:
        """Do a slice of searching and filtering; whether more is to be done."""
        indexes = [index for index in (self.search, self.filter) if index is not None]
        for index in indexes:
            index.step()
        return not all(index.complete for index in indexes)

    def next_hit(self, *, backward: bool) -> None:
        """Go to a match. Raises UserError when there is none."""
        if self.search is None:
            raise UserError("nothing is searched for: / searches")
        if self.hit is not None and self.hit >= self.buffer.first:
            start = self.hit
        elif self.top is None:
            start = self.end if backward else self._shown[0] - 1 if self._shown else self.end
        else:
            start = self._shown[-1] + 1 if backward and self._shown else self.top - 1
        found = self.search.next(start, backward=backward)
        for _ in range(len(self.search.hits) if self.filter is not None else 0):
            if found is None or self._after(found) == found:
                break
            found = self.search.next(found, backward=backward)
        if found is None or self._after(found) != found:
            raise UserError(f"/{self.search.pattern}: {LATE if self.search.regex.late else 'not found'}")
        self.go(found)

    # marking, selecting, taking away

    def toggle_mark(self) -> None:
        self.marks ^= {self.current}

    def select(self, *, whole: bool) -> None:
        """Begin a selection at the current line, or at what was found in it; the same again ends it.

        Raises UserError where there is no line.
        """
        if self.selection is not None:
            if self.selection.whole == whole:
                self.selection = None
            else:
                self.selection.whole = whole
            return
        if not self.buffer.count:
            raise UserError("there is nothing to select")
        current = min(self.current, self.buffer.end - 1)
        found = None
        if self.search is not None:
            found = self.search.regex.search(self.words(current))
        self.select_from((current, found.start() if found is not None and not whole else 0), whole=whole)

    def select_from(self, place: Place, *, whole: bool = False) -> None:
        """Begin a selection at a line and a character; what is shown stays where it is."""
        self.selection = Selection(place, place, whole)
        if self.top is None and self._shown:
            self.top = self._shown[0]

    def select_until(self, place: Place) -> None:
        """Move the end of the selection, if there is one."""
        if self.selection is not None:
            self.selection.spot = place
            self.selection.wish = place[1]

    def _select_to(self, number: int) -> None:
        if self.selection is not None and number < self.buffer.end:
            self.selection.to(number, self.words(number))
            self._see(number)
            self._see_cell(self.selection)

    def _select_along(self, move: Callable[[str, int], int]) -> None:
        if self.selection is not None:
            number, at = self.selection.spot
            text = self.words(number)
            self.selection.along(text, move(text, at))
            self._see_cell(self.selection)

    def _see_cell(self, selection: Selection) -> None:
        """Scroll sideways as far as needed to show the end of the selection."""
        if self.wrap or selection.whole:
            return
        _, cols = self._room(selection.spot[0])
        cell = self._cell(selection)
        if not self.aside <= cell < self.aside + cols - 1:
            self.aside = max(0, cell if cell < self.aside else cell - cols + 2)

    def word(self, *, backward: bool = False, end: bool = False) -> None:
        """Move the end of the selection by a word, over the ends of lines."""
        if self.selection is None:
            return
        find = word_before if backward else word_end if end else word_after
        number, at = self.selection.spot
        found = find(self.words(number), at)
        if found is None:
            for other in self._walk(number, backward=backward):
                found = find(self.words(other), END if backward else -1)
                if found is not None:
                    number = other
                    break
        if found is not None:
            self.selection.wish = found
            self._select_to(number)

    def swap(self) -> None:
        if self.selection is not None:
            self.selection.swap()
            self._select_to(self.selection.spot[0])

    def taken(self) -> str:
        """The text that a copy takes: the selection, else the current line."""
        numbers = self.selected()
        selection = self.selection
        if selection is None or selection.whole:
            return "\n".join(self.text(number) for number in numbers)
        texts = [(number, self.words(number)) for number in numbers]
        return "\n".join(text[slice(*selection.span(number, text))] for number, text in texts)

    def selected(self) -> list[int]:
        """The lines that a copy takes something of."""
        low = high = self.current
        if self.selection is not None:
            low, high = self.selection.low[0], self.selection.high[0]
        found = []
        for number in self._walk(low - 1, backward=False):
            if number > high:
                break
            found.append(number)
        return found

    def shown(self) -> list[int]:
        """The lines that can be seen."""
        return list(dict.fromkeys(self._shown))

    def all_lines(self) -> Iterator[int]:
        """All that is kept and let through by the filters."""
        return self._walk(self.buffer.first - 1, backward=False)

    def words(self, number: int) -> str:
        """A line as it is shown, without what stands before it: no colours, nothing that acts on a terminal."""
        line = self.buffer.line(number)
        if isinstance(line, Mark):
            rule = self.look.glyphs.line * 2
            return f"{rule} {clean(line.text)} {rule}"
        return strip(line)

    def text(self, number: int) -> str:
        """A line to be taken away, with the program that it is from."""
        line = self.buffer.line(number)
        words = f"-- {clean(line.text)} --" if isinstance(line, Mark) else strip(line)
        if isinstance(self.buffer, Merged) and (source := self.buffer.source(number)) >= 0:
            return f"{clean(self.buffer.names[source])} {words}"
        return words


def overlaid(row: Row, spans: Sequence[tuple[int, int]], role: Hashable) -> Row:
    """``row`` with the characters of ``spans``, which are in order, in ``role``."""
    text = "".join(part for _, part in row)
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


def _wrapped(row: Row, cols: int, base: str) -> list[Row]:
    """``row`` in pieces of ``cols`` cells."""
    width = row_width(row)
    starts = range(0, max(1, width), max(1, cols))[:MAX_WRAPPED_ROWS]
    return [
        Line(cols, base).extend(slice_row(row, start, min(cols, width - start))).done() for start in starts
    ]
