"""Screen 4, and the strip of the overview: what happened in this session, newest first; must never know links."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

import urwid

from ..glyphs import spark, state_role
from ..model import Entry, Level, Model, Ref
from ..pane import Line, Look, Pane, Row, level_role
from ..words import clock, fit, middle, shortened
from .screen import Screen

KINDS: Final = ("all", "states", "actions", "links")
LEVELS: Final = (Level.INFO, Level.WARN, Level.ERROR)
HEADED_FROM: Final = 4
"""In so many rows there is room for the names of days."""
RUN_FROM: Final = 3
"""So many lines that say the same, one after another, become one."""


@dataclass(frozen=True, slots=True)
class Item:
    """A line to show. ``like``: how many older ones that say the same it stands for."""

    entry: Entry
    like: int = 0


def day_words(day: date, today: date) -> str:
    """``Today``, ``Yesterday``, else the date."""
    ago = (today - day).days
    return "Today" if ago == 0 else "Yesterday" if ago == 1 else f"{day:%A, %b} {day.day}"


def kind_of(entry: Entry) -> str:
    return "actions" if entry.level is Level.USER else "links" if entry.level is Level.LINK else "states"


def passes(entry: Entry, kind: str, least: Level) -> bool:
    if kind not in ("all", kind_of(entry)):
        return False
    # what people did and what became of connections has no level: it is never noise
    return entry.level not in LEVELS or LEVELS.index(entry.level) >= LEVELS.index(least)


def collapse(entries: Iterable[Entry], expanded: Container[int]) -> list[Item]:
    """Entries, newest first, runs of the same one put together, but for those whose newest one's id is ``expanded``."""
    runs: list[list[Entry]] = []
    for entry in entries:
        if runs and _said(runs[-1][0]) == _said(entry):
            runs[-1].append(entry)
        else:
            runs.append([entry])
    items: list[Item] = []
    for run in runs:
        if len(run) < RUN_FROM or id(run[0]) in expanded or id(run[-1]) in expanded:
            items.extend(Item(entry) for entry in run)
        else:
            items.append(Item(run[0], len(run) - 1))
    return items


def _said(entry: Entry) -> tuple[str, str]:
    """What makes lines the same: whose they are and, of states, which; the pid and the number of the try may differ."""
    return entry.subject, entry.text if entry.state is None else entry.text.partition("  ")[0]


class EventsPane(Pane):
    """``strip``: without a cursor. ``top`` counts from the newest line; 0 follows.

    A cursor that is not at the newest line stays on its entry while new ones come.
    """

    def __init__(self, model: Model, look: Look, *, strip: bool) -> None:
        super().__init__(look)
        self._model = model
        self._strip = strip
        self.place = 0
        self.top = 0
        self.kind = KINDS[0]
        self.least = Level.INFO
        self._expanded: set[int] = set()
        self._items: list[Item] = []
        self._rows: dict[int, int] = {}
        """Row of the picture by number of the item."""
        self._built: object = None

    def heading(self) -> tuple[str, str]:
        return "Events", "  ".join(self.words()) if not self._strip else str(len(self._model.timeline) or "")

    def words(self) -> list[str]:
        """What is shown, and whether the newest line is followed."""
        words = [f"level >= {self.least.value}", f"kind: {self.kind}"]
        return [*words, "FOLLOW"] if self.place == 0 else words

    def items(self) -> list[Item]:
        """Newest first."""
        now = (self._model.entries, self.kind, self.least, len(self._expanded))
        if now != self._built:
            here = self._items[self.place].entry if self.place and self.place < len(self._items) else None
            self._built = now
            shown = (e for e in reversed(self._model.timeline) if passes(e, self.kind, self.least))
            self._items = collapse(shown, self._expanded if not self._strip else ())
            if here is not None:
                found = (n for n, item in enumerate(self._items) if item.entry is here)
                self.place = next(found, min(self.place, max(0, len(self._items) - 1)))
        return self._items

    def selected(self) -> Entry | None:
        items = self.items()
        return items[self.place].entry if 0 <= self.place < len(items) else None

    def expand(self) -> bool:
        """Show every line of the run under the cursor; whether there was one."""
        items = self.items()
        if not 0 <= self.place < len(items) or not items[self.place].like:
            return False
        self._expanded.add(id(items[self.place].entry))
        return True

    def move(self, by: int) -> None:
        self.place = max(0, min(self.place + by, len(self.items()) - 1))

    def hour(self, by: int) -> None:
        """To the nearest line that is an hour older (``by`` 1) or newer (-1)."""
        items = self.items()
        here = self.selected()
        if here is None:
            return
        wall = here.wall - by * 3600
        if by > 0:
            found = (n for n in range(self.place, len(items)) if items[n].entry.wall <= wall)
            self.place = next(found, len(items) - 1)
        else:
            found = (n for n in range(self.place, -1, -1) if items[n].entry.wall >= wall)
            self.place = next(found, 0)

    def choose(self, *, kind: str | None = None, least: Level | None = None) -> None:
        self.kind = kind or self.kind
        self.least = least or self.least

    def body_cursor(self) -> tuple[int, int] | None:
        return None if self._strip or not self.items() else (0, self._rows.get(self.place, 0))

    def item_at(self, row: int) -> int | None:
        """The number of the item that is painted in row ``row`` of the widget."""
        return next((n for n, at in self._rows.items() if at == row - self.margin[1]), None)

    def body(self, cols: int, rows: int, focus: bool) -> list[Row]:
        if self.frame == "none":
            self.width, self.height = cols, rows
        items = self.items()
        if not self._strip:
            self.top = max(self.place - rows + 1, min(self.top, self.place))
        if not items:
            words = "nothing of this kind" if self._model.timeline else "nothing has happened yet"
            return [Line(cols).add(f" {words}", "ui.text.muted").done()]
        painted = self._window(cols, rows, focus)
        while not self._strip and self.place not in self._rows and rows > 0:
            self.top += 1  # headings took the room
            painted = self._window(cols, rows, focus)
        return painted

    def _window(self, cols: int, rows: int, focus: bool) -> list[Row]:
        """The items from ``top`` on, each day under its name."""
        today = date.fromtimestamp(self.look.now())
        headed = not self._strip and rows >= HEADED_FROM
        painted: list[Row] = []
        self._rows = {}
        day = None
        for number, item in enumerate(self.items()[self.top : self.top + rows], self.top):
            of = date.fromtimestamp(item.entry.wall)
            if headed and of != day:
                if len(painted) + 1 >= rows:
                    break  # no name without a line under it
                painted.append(Line(cols).add(f" {day_words(of, today)}", "row.group").done())
            day = of
            if len(painted) >= rows:
                break
            self._rows[number] = len(painted)
            here = not self._strip and number == self.place
            dated = not headed and of != today
            painted.append(self._row(item.entry, cols, here=here, focus=focus, dated=dated, like=item.like))
        return painted

    def _row(self, entry: Entry, cols: int, *, here: bool, focus: bool, dated: bool, like: int) -> Row:
        place = ("@cursor" if focus else "@blur") if here else ""
        glyphs = self.look.glyphs
        role = state_role(entry.state, entry.expected) if entry.state is not None else level_role(entry.level)
        line = Line(cols, f"row.normal{place}")
        local = time.localtime(entry.wall)
        when = time.strftime("%b %d %H:%M", local) if dated else clock(entry.wall)
        line.add(f" {when} ", f"ui.text.muted{place}")
        sign = (
            glyphs.states.get(entry.state, "?")
            if entry.state is not None
            else "@"
            if entry.level is Level.USER
            else "*"
        )
        if entry.state is not None and not entry.expected:
            sign = glyphs.bad_exit if sign == glyphs.states.get(100) else sign
        line.add(sign, f"{role}{place}" if role.startswith("state.") or not place else f"row.normal{place}")
        line.add(" ")
        name_width = 20 if cols >= 70 else 14
        line.add(
            fit(middle(entry.subject, name_width - 1, glyphs.ellipsis), name_width), f"row.normal{place}"
        )
        text = entry.text if glyphs.arrow == "->" else entry.text.replace("->", glyphs.arrow)
        strong = entry.level in (Level.WARN, Level.ERROR) and not place
        notes = f"  by {entry.by}" if entry.by else ""
        if like:
            notes += f"  ... {like} more like this" + (" (Enter shows)" if here else "")
        # what happened comes first; who did it and how often have what is left
        text = shortened(text, line.left, glyphs.ellipsis)
        line.add(text, level_role(entry.level) if strong else f"row.normal{place}")
        line.add(shortened(notes, line.left, glyphs.ellipsis), f"ui.text.muted{place}")
        return line.done()


class HistogramPane(Pane):
    """How many entries each minute had, as one line."""

    def __init__(self, model: Model, look: Look) -> None:
        super().__init__(look)
        self.frame = "none"
        self._model = model

    def body(self, cols: int, rows: int, focus: bool) -> list[Row]:
        width = max(10, min(60, cols - 44))
        this_minute = int(self.look.now() // 60)
        counts: Counter[int] = Counter(int(entry.wall // 60) for entry in self._model.timeline)
        values = [float(counts[this_minute - width + 1 + at]) for at in range(width)]
        line = Line(cols, "ui.text.muted").add(f" the last {width} minutes ")
        line.add(spark(values, width, self.look.glyphs), "meter.mid")
        peak = max(values)
        if peak:
            minute = this_minute - width + 1 + values.index(peak)
            line.add(f"  peak {peak:.0f} at {clock(minute * 60)[:5]}")
        return [line.done()]


class Events(Screen):
    name = "events"

    def __init__(self, model: Model, look: Look) -> None:
        self.pane = EventsPane(model, look, strip=False)
        self._histogram = HistogramPane(model, look)
        super().__init__([self.pane])

    @property
    def context(self) -> str:
        return "events"

    @property
    def crumbs(self) -> list[str]:
        return ["events"] if self.pane.frame == "box" else ["  ".join(["events", *self.pane.words()])]

    def ref(self) -> Ref | None:
        entry = self.pane.selected()
        return entry.ref if entry is not None else None

    def arrange(self, cols: int, rows: int) -> urwid.Widget:
        self.pane.frame = "box" if cols >= 100 else "none"
        if rows < 6:
            return self.pane
        return urwid.Pile([self.pane, (1, self._histogram)], focus_item=0)
