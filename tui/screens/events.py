"""Screen 4, and the strip of the overview: what happened in this session, newest first; must never know links."""

from __future__ import annotations

import time
from collections import Counter

import urwid

from ..glyphs import spark, state_role
from ..model import Entry, Level, Model, Ref
from ..pane import Line, Look, Pane, Row, level_role
from ..words import clock, fit, middle
from .screen import Screen


class EventsPane(Pane):
    """``strip``: without a cursor. ``top`` counts from the newest entry; 0 follows."""

    def __init__(self, model: Model, look: Look, *, strip: bool) -> None:
        super().__init__(look)
        self._model = model
        self._strip = strip
        self.place = 0
        self.top = 0
        self._seen = 0

    def heading(self) -> tuple[str, str]:
        return "Events", f"{len(self._model.timeline)}" if self._model.timeline else ""

    def entries(self) -> list[Entry]:
        """Newest first."""
        return list(reversed(self._model.timeline))

    def selected(self) -> Entry | None:
        entries = self.entries()
        return entries[self.place] if 0 <= self.place < len(entries) else None

    def move(self, by: int) -> None:
        self.place = max(0, min(self.place + by, len(self._model.timeline) - 1))

    def body_cursor(self) -> tuple[int, int] | None:
        return None if self._strip or not self._model.timeline else (0, self.place - self.top)

    def body(self, cols: int, rows: int, focus: bool) -> list[Row]:
        if self.frame == "none":
            self.width, self.height = cols, rows
        self._keep_place()
        entries = self.entries()
        if not self._strip:
            self.top = max(self.place - rows + 1, min(self.top, self.place))
        if not entries:
            return [Line(cols).add(" nothing has happened yet", "ui.text.muted").done()]
        shown = entries[self.top : self.top + rows]
        today = time.localtime(self.look.now())[:3]
        return [
            self._row(
                entry, cols, here=not self._strip and self.top + at == self.place, focus=focus, today=today
            )
            for at, entry in enumerate(shown)
        ]

    def _keep_place(self) -> None:
        """A cursor that is not at the newest entry stays on its entry while new ones come."""
        new = self._model.entries - self._seen
        self._seen = self._model.entries
        if self.place and new > 0:
            self.place = min(self.place + new, len(self._model.timeline) - 1)

    def _row(self, entry: Entry, cols: int, *, here: bool, focus: bool, today: tuple[int, ...]) -> Row:
        place = ("@cursor" if focus else "@blur") if here else ""
        glyphs = self.look.glyphs
        role = state_role(entry.state, entry.expected) if entry.state is not None else level_role(entry.level)
        line = Line(cols, f"row.normal{place}")
        same_day = time.localtime(entry.wall)[:3] == today
        when = clock(entry.wall) if same_day else time.strftime("%b %d %H:%M", time.localtime(entry.wall))
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
        line.add(text, level_role(entry.level) if strong else f"row.normal{place}")
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
        return ["events"]

    def ref(self) -> Ref | None:
        entry = self.pane.selected()
        return entry.ref if entry is not None else None

    def arrange(self, cols: int, rows: int) -> urwid.Widget:
        self.pane.frame = "box" if cols >= 100 else "none"
        if rows < 6:
            return self.pane
        return urwid.Pile([self.pane, (1, self._histogram)], focus_item=0)
