"""Screen 5: all supervisors, or all groups, and below what needs attention anywhere; must never know links."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

import urwid

from supervisor.states import ProcessStates, getProcessStateDescription

from ..commands import Aim
from ..fleet import AttentionView, FleetView, link_words, mark_role
from ..fleet import Line as FleetLine
from ..glyphs import state_role
from ..listview import ListView
from ..model import LinkKind, Model, Ref
from ..pane import Line, Look, Pane, Row
from ..words import cut, fit, middle, moment, right, shortened, story, width_of
from .events import EventsPane
from .screen import Screen

WIDE: Final = 100
EVENTS_FROM_ROWS: Final = 26
LAST_FROM: Final = 130
"""From this width on what needs attention has the last line of its log beside its story."""
STORY: Final = 40
MIN_NAME: Final = 10
MAX_NAME: Final = 24
_COUNTS: Final = (
    ("UP", ProcessStates.RUNNING),
    ("BACKOFF", ProcessStates.BACKOFF),
    ("FATAL", ProcessStates.FATAL),
)


class SupTable(Pane):
    """``rtt_s`` gives the last round trip to a supervisor."""

    def __init__(self, model: Model, look: Look, rtt_s: Callable[[str], float]) -> None:
        super().__init__(look)
        self._model = model
        self._rtt_s = rtt_s
        self.view = FleetView(model)

    def heading(self) -> tuple[str, str]:
        view = self.view
        shown = sum(1 for row in view.rows if (not row.sup if view.by_group else row.sup))
        total = len(self._model.spans if view.by_group else self._model.sups)
        count = f"{total}" if not view.pattern else f"{shown} of {total}"
        what = "Groups" if view.by_group else "Supervisors"
        return f"{what} {count}", f"filter: {view.pattern}" if view.pattern else ""

    def body_cursor(self) -> tuple[int, int] | None:
        return (0, self.view.place - self.view.top + 1) if self.view.rows else None

    def row_at(self, row: int) -> int | None:
        """The number of what is painted in body row ``row``."""
        number = self.view.top + row - self.margin[1] - 1
        return number if row > self.margin[1] and number < len(self.view.rows) else None

    def body(self, cols: int, rows: int, focus: bool) -> list[Row]:
        if self.frame == "none":
            self.width, self.height = cols, rows
        self.view.refresh()
        names = {span.group for span in self._model.spans} if self.view.by_group else set()
        name = max(map(width_of, (*names, *self._model.sups)), default=0)
        widths = _Widths(cols, max(MIN_NAME, min(name, MAX_NAME)) + 2)
        painted = [self._header(cols, widths)]
        painted += [self._row(line, cols, widths, focus) for line in self.view.window(rows - 1)]
        if not self.view.rows and rows > 2:
            what = "group" if self.view.by_group else "supervisor"
            words = (
                f"no {what} passes the filter (Esc shows all)"
                if self.view.pattern
                else "nothing is known yet"
            )
            painted.append(Line(cols).add(f"      {words}", "ui.text.muted").done())
        return painted

    def _header(self, cols: int, widths: _Widths) -> Row:
        titles = ("GROUP", "WORST", "HOSTS") if self.view.by_group else ("SUPERVISOR", "LINK", "RTT")
        line = Line(cols, "row.header").add(fit(f"     {titles[0]}", 5 + widths.name), "row.header")
        line.add(fit(titles[1], widths.link), "row.header").add(right("PROCS", 7), "row.header")
        for title, _ in _COUNTS:
            line.add(right(title, widths.count(title)), "row.header")
        if widths.rtt:
            line.add(right(titles[2], widths.rtt), "row.header")
        if widths.note:
            line.add("   NOTE", "row.header")
        return line.done()

    def _row(self, at: FleetLine, cols: int, widths: _Widths, focus: bool) -> Row:
        here = at == self.view.cursor
        place = ("@cursor" if focus else "@blur") if here else ""
        line = Line(cols, f"row.normal{place}")
        marker = self.look.glyphs.cursor if here else " "
        paint = self._sup if at.sup else self._group if at.group else self._env
        return paint(line, at, widths, marker, place)

    def _env(self, line: Line, at: FleetLine, widths: _Widths, marker: str, place: str) -> Row:
        glyphs = self.look.glyphs
        sign = glyphs.closed if self.view.is_folded(at) else glyphs.opened
        members = self.view.members(at.env)
        text = f"row.normal{place}"
        line.add(f"{marker} {sign} ", f"row.group{place}")
        line.add(at.env or "(no environment)", f"row.group{place}")
        if self.view.is_folded(at):
            stale = sum(self._model.sups[name].stale for name in members)
            line.add(f"  {len(members)} supervisors", f"ui.text.muted{place}")
            if stale:
                line.add("  ", text).add(f"{stale} not connected", f"msg.warn{place}")
            for title, state in _COUNTS[1:]:
                number = sum(self._model.sups[name].tally[state] for name in members)
                if number:
                    line.add("  ", text).add(f"{number} {title}", f"{state_role(state)}{place}")
        return line.done()

    def _group(self, line: Line, at: FleetLine, widths: _Widths, marker: str, place: str) -> Row:
        """A group on all its supervisors: how the worst of it is, and how many are how."""
        glyphs = self.look.glyphs
        span = self.view.group_of(at)
        names = self._model.sups_of(span)
        gone = sum(self._model.sups[name].stale for name in names)
        text = f"row.stale{place}" if gone == len(names) else f"row.normal{place}"
        sign = glyphs.closed if self.view.is_folded(at) else glyphs.opened
        state, expected = self._model.worst(span)
        line.add(fit(f"{marker} {sign}", 4) + " ", f"row.group{place}")
        line.add(fit(middle(at.group, widths.name - 1, glyphs.ellipsis), widths.name), f"row.group{place}")
        word = getProcessStateDescription(state) or "UNKNOWN"
        said = cut(f"{glyphs.of(state, expected)} {word}", widths.link - 1)
        line.add(said, f"{state_role(state, expected)}{place}" if gone < len(names) else text)
        line.add(" " * (widths.link - width_of(said)), text)
        self._counts(line, self._model.tally_of(None, at.group), widths, place, stale=gone == len(names))
        if widths.rtt:
            line.add(right(str(len(names)), widths.rtt), text)
        if widths.note and gone:
            line.add("   ", text).add(f"{gone} not connected", f"msg.warn{place}")
        return line.done()

    def _counts(
        self, line: Line, tally: Counter[int], widths: _Widths, place: str, *, stale: bool, known: bool = True
    ) -> None:
        """How many processes there are, and how many in each state that has a column."""
        text, dim = (f"row.stale{place}",) * 2 if stale else (f"row.normal{place}", f"ui.text.muted{place}")
        line.add(right(str(tally.total()) if known else "-", 7), text if known else dim)
        for title, state in _COUNTS:
            number = tally[state]
            hot = number and state != ProcessStates.RUNNING and not stale
            said = str(number) if number or state == ProcessStates.RUNNING else "-"
            if not known:
                said = "?" if stale else "-"
            line.add(" " * (widths.count(title) - len(said)), text)
            line.add(said, f"{state_role(state)}{place}" if hot else text if number else dim)

    def _sup(self, line: Line, at: FleetLine, widths: _Widths, marker: str, place: str) -> Row:
        sup = self._model.sups[at.sup]
        glyphs = self.look.glyphs
        rtt_s = self._rtt_s(at.sup)
        words = link_words(sup, rtt_s, self.look.now())
        text = f"row.stale{place}" if sup.stale else f"row.normal{place}"
        dim = f"ui.text.muted{place}" if not sup.stale else text
        mark = mark_role(sup)
        bar = "" if not mark else "|" if glyphs.arrow == "->" else "▌"
        line.add(f"{marker}  ", text).add(bar or " ", f"{mark}{place}" if mark else text).add(" ", text)
        line.add(fit(middle(at.sup, widths.name - 1, glyphs.ellipsis), widths.name), text)
        sign = {"up": "+", "degraded": "!", "stale": glyphs.stale}.get(words.sign, "X")
        if glyphs.arrow != "->":
            sign = {"up": glyphs.states[ProcessStates.RUNNING], "degraded": "!", "stale": glyphs.stale}.get(
                words.sign, glyphs.states[ProcessStates.FATAL]
            )
        role = words.role if not place else f"row.normal{place}"
        said = cut(f"{sign} {words.word}", widths.link - 1)
        line.add(said, role).add(" " * (widths.link - width_of(said)), text)
        tally = sup.tally
        if at.group:
            tally = Counter()
            for (state, _), number in self._model.kinds_of(self.view.group_of(at)).items():
                tally[state] += number
        self._counts(line, tally, widths, place, stale=sup.stale, known=sup.known)
        if widths.rtt:
            measured = f"{rtt_s:.1f} s" if rtt_s >= 1 else f"{rtt_s * 1000:.0f} ms"
            if not rtt_s or sup.stale:
                measured = "-"
            line.add(right(measured, widths.rtt), dim)
        if widths.note:
            protected = "protected" if sup.protect and not sup.stale else ""
            note = "  ".join(part for part in (protected, words.note) if part)
            line.add(f"   {note}", text if sup.stale or sup.link.kind is LinkKind.AUTH_FAILED else dim)
        return line.done()


class _Widths:
    """Of the columns, for a body of ``cols`` cells."""

    def __init__(self, cols: int, name: int) -> None:
        self.name = name if cols >= 60 else min(name, 14)
        self.link = 14 if cols >= 70 else 12
        self._wide = cols >= 70
        used = 5 + self.name + self.link + 7 + sum(self.count(title) for title, _ in _COUNTS)
        self.rtt = 8 if cols - used >= 8 else 0
        self.note = cols - used - self.rtt if cols - used - self.rtt >= 16 else 0

    def count(self, title: str) -> int:
        return len(title) + 2 if self._wide else 6 if title != "UP" else 4


class AttentionPane(Pane):
    """What needs attention, of all supervisors."""

    def __init__(self, model: Model, look: Look) -> None:
        super().__init__(look)
        self._model = model
        self.view = AttentionView(model)
        self.shown: list[Ref] = []
        self.last_line: Callable[[Ref], str] = lambda ref: ""

    def glanced(self) -> list[Ref]:
        """The processes whose last lines are shown."""
        return self.shown if self.width >= LAST_FROM else []

    def heading(self) -> tuple[str, str]:
        number = len(self._model.attention)
        away = sum(sup.stale for sup in self._model.sups.values())
        nothing = (
            f"Nothing known needs attention, {away} not connected" if away else "Nothing needs attention"
        )
        return (f"Needs attention {number}" if number else nothing), ""

    def body_cursor(self) -> tuple[int, int] | None:
        return (0, self.view.place - self.view.top) if self.view.rows else None

    def row_at(self, row: int) -> int | None:
        """The number of what is painted in body row ``row``."""
        number = self.view.top + row - self.margin[1]
        return number if row >= self.margin[1] and number < len(self.view.rows) else None

    def body(self, cols: int, rows: int, focus: bool) -> list[Row]:
        if self.frame == "none":
            self.width, self.height = cols, rows
        now = self.look.now()
        self.view.refresh(now)
        sups = max((width_of(name) for name in self._model.sups), default=0)
        width = max(8, min(sups, MAX_NAME, cols // 5)) + 2
        self.shown = self.view.window(rows)
        return [self._row(ref, cols, width, focus, now) for ref in self.shown]

    def _row(self, ref: Ref, cols: int, sup_width: int, focus: bool, now: float) -> Row:
        record = self._model.records[ref]
        stale = self._model.sups[ref.sup].stale
        here = ref == self.view.cursor
        place = ("@cursor" if focus else "@blur") if here else ""
        text = f"row.stale{place}" if stale else f"row.normal{place}"
        glyphs = self.look.glyphs
        state = "row.stale" if stale else state_role(record.state, record.expected)
        line = Line(cols, f"row.normal{place}")
        line.add(f"{glyphs.cursor if here else ' '} ", text).add(glyphs.state(record), f"{state}{place}").add(
            " ", text
        )
        line.add(fit(middle(ref.sup, sup_width - 1, glyphs.ellipsis), sup_width), text)
        name = max(14, min(28, cols // 4))
        line.add(fit(middle(ref.namespec, name - 1, glyphs.ellipsis), name), text)
        line.add(record.statename, f"{state}{place}").add(" " * (9 - len(record.statename)), text)
        if cols >= 70:
            line.add(fit(moment(record.changed, now) if record.changed else "", 10), f"ui.text.muted{place}")
        words = record.trouble or story(record, now)
        if cols < LAST_FROM:
            line.add(words, text)
            return line.done()
        line.add(fit(shortened(words, STORY - 2, glyphs.ellipsis), STORY), text)
        last = shortened(self.last_line(ref), line.left, glyphs.ellipsis)
        return line.add(last, f"ui.text.muted{place}").done()


class Fleet(Screen):
    name = "fleet"

    def __init__(self, model: Model, look: Look, rtt_s: Callable[[str], float], processes: ListView) -> None:
        """``processes`` has the marks."""
        self._model = model
        self._processes = processes
        self.sups = SupTable(model, look, rtt_s)
        self.trouble = AttentionPane(model, look)
        self.events = EventsPane(model, look, strip=True)
        super().__init__([self.sups, self.trouble])

    @property
    def context(self) -> str:
        return "trouble" if self.focused is self.trouble else "fleet"

    @property
    def crumbs(self) -> list[str]:
        return []

    def ref(self) -> Ref | None:
        return self.trouble.view.cursor if self.focused is self.trouble else None

    def glanced(self) -> list[Ref]:
        return self.trouble.glanced() if self.zoomed in (None, self.trouble) else []

    def aim(self) -> Aim:
        """The marks if there are any, else all that the row stands for."""
        if self.focused is self.trouble:
            return super().aim()
        marks = self._processes.marks
        return Aim(tuple(sorted(marks)), f"{len(marks)} marked") if marks else self.sups.view.aim()

    def group(self) -> Ref | None:
        cursor = self.sups.view.cursor
        if self.focused is self.trouble:
            return super().group()
        return Ref("", cursor.group, "") if cursor is not None and cursor.group else None

    def sup(self) -> str:
        cursor = self.sups.view.cursor
        return super().sup() if self.focused is self.trouble else cursor.sup if cursor is not None else ""

    @property
    def events_shown(self) -> bool:
        cols, rows = self.size
        return self.zoomed is None and cols >= WIDE and rows >= EVENTS_FROM_ROWS

    def arrange(self, cols: int, rows: int) -> urwid.Widget:
        frame = "box" if cols >= WIDE else "rule"
        for pane in (self.sups, self.trouble, self.events):
            pane.frame = frame
        if cols < WIDE:
            self.sups.frame = "none"
        if self.zoomed is not None:
            return self.zoomed
        edge = 3 if frame == "box" else 1
        strip = max(5, min(9, rows // 4)) if self.events_shown else 0
        left = rows - strip
        trouble = min(max(len(self._model.attention), 1) + edge, left * 2 // 5)
        if left < 9:
            return self.focused
        panes: list[urwid.Widget | tuple[int, urwid.Widget]] = [self.sups, (max(3, trouble), self.trouble)]
        if strip:
            panes.append((strip, self.events))
        return urwid.Pile(panes, focus_item=1 if self.focused is self.trouble else 0)
