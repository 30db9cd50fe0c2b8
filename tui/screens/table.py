"""The tree of groups and processes: one box that paints only the rows that can be seen; must never know links."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Final

from supervisor.protocol.stream import ProcessRecord
from supervisor.states import ProcessStates, getProcessStateDescription

from ..glyphs import state_role
from ..listview import ListView
from ..model import LinkKind, Model, Ref
from ..pane import Line, Look, Pane, Row
from ..settings import COLUMNS
from ..words import (
    duration,
    fit,
    middle,
    percent,
    retry_words,
    right,
    shortened,
    size,
    story,
    uptime,
    width_of,
)

NARROW: Final = 50
MIN_NAME: Final = 10
MAX_NAME: Final = 32
SHORT_NAME: Final = 22
"""To this names are cut before a column goes."""
MAX_SUP: Final = 12
MIN_LAST: Final = 20
SPARE: Final = 8
"""Cells that the name's column takes beyond the longest name where there is room."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Widths; 0 for a column that is left out."""

    indent: int
    name: int
    state: int = 0
    pid: int = 0
    up: int = 0
    cpu: int = 0
    rss: int = 0
    restarts: int = 0
    last: int = 0

    @property
    def facts(self) -> int:
        return self.pid + self.up + self.cpu + self.rss + self.restarts


_OPTIONAL: Final = (("rss", 7), ("cpu", 6), ("restarts", 5), ("pid", 9))
"""In the order in which they go when there is no room."""


def columns(width: int, longest_name: int, wished: Container[str] = COLUMNS) -> Columns:
    """The columns of ``wished`` that fit ``width`` cells, for names up to ``longest_name``."""
    wanted = max(MIN_NAME, min(longest_name, MAX_NAME)) + 1
    if width < NARROW:
        return Columns(5, max(MIN_NAME, min(wanted, width - 5 - 12)))
    indent, state, up = 6, 10, 8 if "uptime" in wished else 0
    least = min(wanted, SHORT_NAME + 1)
    kept = {name: cells for name, cells in _OPTIONAL if name in wished}
    for name, _ in _OPTIONAL:
        if indent + least + state + up + sum(kept.values()) <= width:
            break
        kept.pop(name, None)
    room = width - indent - state - up - sum(kept.values())
    last = room - wanted if "last" in wished and room - wanted >= MIN_LAST else 0
    cells = wanted if last else max(MIN_NAME, min(wanted + SPARE, room))
    return Columns(indent, cells, state, up=up, last=last, **kept)


class ProcessTable(Pane):
    """The view says order, cursor and marks; ``wished`` are the columns to show where they fit."""

    def __init__(self, model: Model, view: ListView, look: Look) -> None:
        super().__init__(look)
        self._model = model
        self.view = view
        self._longest = 0
        self._sup_width = min(max(map(width_of, model.sups), default=0), MAX_SUP)
        self._longest_of: tuple[int, bool, str | None, str] = (-1, False, None, "")
        self.shown: list[Ref] = []
        self.wished: tuple[str, ...] = COLUMNS
        self.last_line: Callable[[Ref], str] = lambda ref: ""

    def heading(self) -> tuple[str, str]:
        view = self.view
        shown = view.listed if self._filtered else self._model.tally_of(view.scope, view.group).total()
        words = [word for word in (self.narrowing(),) if word]
        if not view.follows and view.sort != "group":
            words.append("rows move under the cursor (f)")
        words.append(f"sort: {view.sort}{' (inverted)' if view.inverted else ''}")
        return f"Processes {shown}", "  ".join(words)

    def narrowing(self) -> str:
        """What keeps rows from being shown."""
        parts = ["trouble only"] if self.view.attention else []
        if self.view.filter.text:
            parts.append(f"filter: {self.view.filter.words}")
        return "  ".join(parts)

    @property
    def _filtered(self) -> bool:
        return bool(self.view.filter.alternatives) or self.view.attention

    def glanced(self) -> list[Ref]:
        """The processes whose last lines are shown."""
        return self.shown if self._columns(self.width).last else []

    @property
    def rows_visible(self) -> int:
        return max(1, self.height - (self.width >= NARROW))

    def body_cursor(self) -> tuple[int, int] | None:
        if not self.view.rows:
            return None
        return 0, self.view.place - self.view.top + (self.width >= NARROW)

    def row_at(self, row: int) -> int | None:
        """The number in the view of what is painted in body row ``row``; -1 for the header."""
        row -= self.margin[1]
        if self.width >= NARROW:
            row -= 1
        if row == -1:
            return -1
        number = self.view.top + row
        return number if row >= 0 and number < len(self.view.rows) else None

    def body(self, cols: int, rows: int, focus: bool) -> list[Row]:
        view = self.view
        if self.frame == "none":
            self.width, self.height = cols, rows
        widths = self._columns(cols)
        painted: list[Row] = []
        if cols >= NARROW:
            painted.append(self._header(cols, widths))
        self.shown = view.window(rows - len(painted))
        painted.extend(self._row(ref, widths, cols, focus) for ref in self.shown)
        if not view.rows and rows > 3:
            painted.append(Line(cols).done())
            for words in self._why_empty():
                text = shortened(f"  {words}", cols, self.look.glyphs.ellipsis)
                painted.append(Line(cols).add(text, "ui.text.muted").done())
        return painted[:rows]

    def _why_empty(self) -> tuple[str, ...]:
        if self._filtered and self._model.records:
            filtered = "nothing passes the filter (Esc shows all)"
            return (filtered if self.view.filter.text else "nothing needs attention",)
        sups = self._model.sups
        if self.view.scope is None and len(sups) > 1:
            return ("no processes are known yet",)
        sup = sups[self.view.scope] if self.view.scope is not None else next(iter(sups.values()))
        if sup.known:
            return ("no processes are configured",)
        match sup.link.kind:
            case LinkKind.AUTH_FAILED:
                return sup.link.reason, "g l logs in as another user, ^R tries again"
            case LinkKind.AWAY:
                return f"no supervisor answers: {sup.link.reason}", "tried again and again; ^R tries now"
            case _:
                return (sup.link.reason or "connecting ...",)

    def _label(self, ref: Ref, name: str) -> str:
        """``name``, with the supervisor's in front where several are listed."""
        if self.view.scope is not None or len(self._model.sups) == 1:
            return name
        ellipsis = self.look.glyphs.ellipsis
        return f"{fit(middle(ref.sup, self._sup_width, ellipsis), self._sup_width)} {name}"

    def _columns(self, cols: int) -> Columns:
        """The columns for a body of ``cols`` cells; a cell stays free before a frame."""
        return columns(cols - (self.frame == "box"), self._longest_name(), self.wished)

    def _longest_name(self) -> int:
        flat = self.view.sort != "group"
        key = (self._model.members, flat, self.view.scope, self.view.group)
        if self._longest_of != key:
            self._longest_of = key
            names = (self._label(ref, ref.namespec if flat else ref.name) for ref in self.view.within())
            self._longest = max(map(width_of, names), default=0)
        return self._longest

    def _header(self, cols: int, widths: Columns) -> Row:
        line = Line(cols, "row.header")
        line.add(" " * widths.indent)
        sort = self.view.sort

        def title(text: str, width: int, *keys: str, at_right: bool = True) -> None:
            if width:
                role = "row.header.sorted" if sort in keys else "row.header"
                lead = width - len(text) if at_right else 0
                line.add(" " * max(0, lead), "row.header").add(text[:width], role)
                line.add(" " * (width - lead - len(text)), "row.header")

        title("NAME", widths.name, "name", "group", at_right=False)
        title("STATE", widths.state, "state", at_right=False)
        title("PID", widths.pid)
        title("UPTIME", widths.up, "uptime")
        title("CPU", widths.cpu, "cpu")
        title("RSS", widths.rss, "rss")
        title("RST", widths.restarts, "restarts")
        title("  LAST LINE", widths.last, at_right=False)
        return line.done()

    def column_at(self, col: int) -> str | None:
        """The sort that a click on the header at ``col`` asks for."""
        widths = self._columns(self.width)
        at = self.margin[0] + widths.indent
        for width, sort in (
            (widths.name, "group" if self.view.sort != "group" else "name"),
            (widths.state, "state"),
            (widths.pid, "group"),
            (widths.up, "uptime"),
            (widths.cpu, "cpu"),
            (widths.rss, "rss"),
            (widths.restarts, "restarts"),
        ):
            if at <= col < at + width:
                return sort
            at += width
        return None

    def _row(self, ref: Ref, widths: Columns, cols: int, focus: bool) -> Row:
        here = ref == self.view.cursor
        place = ("@cursor" if focus else "@blur") if here else ""
        line = Line(cols, f"row.normal{place}" if here else "row.normal")
        marker = self.look.glyphs.cursor if here else " "
        stale = all(self._model.sups[name].stale for name in self._model.sups_of(ref))
        if ref.is_group:
            self._group(line, ref, widths, marker, place, stale=stale)
        else:
            self._process(line, ref, widths, marker, place, stale=stale)
        return line.done()

    def _group(self, line: Line, ref: Ref, widths: Columns, marker: str, place: str, *, stale: bool) -> None:
        glyphs = self.look.glyphs
        folded = ref in self.view.folded
        role = f"row.stale{place}" if stale else f"row.group{place}"
        sign = glyphs.closed if folded else glyphs.opened
        lead = "" if widths.indent < 6 and not place else marker
        line.add(fit(lead, 1 if widths.indent < 6 and len(sign) > 1 else 2), role)
        line.add(f"{sign} ", role)
        name_room = widths.name + widths.indent - (2 if widths.indent >= 6 else 1) - width_of(sign) - 1
        line.add(fit(middle(ref.group, name_room - 1, glyphs.ellipsis), name_room), role)
        up, total = self._model.up(ref), self._model.kinds_of(ref).total()
        count_role = "row.stale" if stale else "state.running" if up == total else "ui.text.muted"
        line.add(f"{up}/{total}", f"{count_role}{place}")
        if not ref.sup:
            self._where(line, ref, place, stale=stale)
        if folded:
            for (state, expected), number in self._model.others(ref):
                role = "row.stale" if stale else state_role(state, expected)
                line.add(f"  {number} {getProcessStateDescription(state)}", f"{role}{place}")

    def _where(self, line: Line, span: Ref, place: str, *, stale: bool) -> None:
        """Which supervisors have a group, and how many of them are not connected."""
        names = self._model.sups_of(span)
        words = names[0] if len(names) == 1 else f"{len(names)} supervisors"
        line.add(f"  on {words}", f"{'row.stale' if stale else 'ui.text.muted'}{place}")
        gone = sum(self._model.sups[name].stale for name in names)
        if gone and len(names) > 1:
            line.add(f"  {gone} not connected", f"msg.warn{place}")

    def _process(
        self, line: Line, ref: Ref, widths: Columns, marker: str, place: str, *, stale: bool
    ) -> None:
        glyphs = self.look.glyphs
        record = self._model.records[ref]
        marked = ref in self.view.marks
        state_attr = "row.stale" if stale else state_role(record.state, record.expected)
        text_attr = f"row.stale{place}" if stale else f"row.normal{place}"
        line.add(marker, f"row.normal{place}")
        line.add(glyphs.mark if marked else " ", f"row.marked{place}" if marked else text_attr)
        line.add(glyphs.stale if stale else " ", text_attr)
        line.add(glyphs.state(record), f"{state_attr}{place}")
        line.add(" " * (widths.indent - 4), text_attr)
        name = self._label(ref, ref.namespec if self.view.sort != "group" else ref.name)
        name_attr = f"row.marked{place}" if marked else text_attr
        line.add(fit(middle(name, widths.name - 1, glyphs.ellipsis), widths.name), name_attr)
        sup = self._model.sups[ref.sup]
        now = sup.as_of if sup.stale and sup.as_of else self.look.now()
        if not widths.state:
            self._short(line, record, f"{state_attr}{place}", text_attr, now)
            return
        self._word(line, record.statename, widths.state, f"{state_attr}{place}", text_attr)
        if record.state != ProcessStates.RUNNING:
            self._words(line, f" {story(record, now)}", ref, widths, text_attr, place)
        elif record.trouble:  # matters more than the figures, and needs their room
            words = f" {record.trouble}, up {uptime(record, now)}"
            self._words(line, words, ref, widths, f"msg.warn{place}", place)
        else:
            self._figures(line, ref, record, widths, place, now)
            self._last(line, ref, widths, place)

    def _words(self, line: Line, words: str, ref: Ref, widths: Columns, attr: str, place: str) -> None:
        """What there is to say in place of figures; it may take the room of the last line."""
        if widths.last and width_of(words) <= widths.facts:
            line.add(fit(words, widths.facts), attr)
            self._last(line, ref, widths, place)
        else:
            line.add(shortened(words, line.left, self.look.glyphs.ellipsis), attr)

    def _last(self, line: Line, ref: Ref, widths: Columns, place: str) -> None:
        if widths.last:
            text = shortened(self.last_line(ref), widths.last - 2, self.look.glyphs.ellipsis)
            line.add(f"  {text}", f"ui.text.muted{place}")

    def _figures(
        self, line: Line, ref: Ref, record: ProcessRecord, widths: Columns, place: str, now: float
    ) -> None:
        stale = self._model.sups[ref.sup].stale
        text_attr = f"row.stale{place}" if stale else f"row.normal{place}"
        dim = f"row.stale{place}" if stale else f"ui.text.muted{place}"
        cpu, rss = self._model.usage.get(ref, (-1.0, -1.0))
        if widths.pid:
            line.add(right(str(record.pid), widths.pid), dim)
        if widths.up:
            line.add(right(uptime(record, now), widths.up), text_attr)
        if widths.cpu:
            hot = "meter.high" if cpu >= 90 else "meter.mid" if cpu >= 50 else None
            line.add(
                right(percent(cpu) if cpu >= 0 else "-", widths.cpu),
                f"{hot}{place}" if hot and not stale else text_attr,
            )
        if widths.rss:
            line.add(right(size(rss) if rss >= 0 else "-", widths.rss), text_attr)
        if widths.restarts:
            line.add(right(str(record.restarts) if record.restarts else "-", widths.restarts), dim)

    @staticmethod
    def _word(line: Line, word: str, width: int, attr: str, rest: str) -> None:
        line.add(word, attr).add(" " * (width - len(word)), rest)

    @staticmethod
    def _short(line: Line, record: ProcessRecord, state_attr: str, text_attr: str, now: float) -> None:
        if record.state == ProcessStates.RUNNING:
            line.add(record.trouble or uptime(record, now), text_attr)
        elif record.state == ProcessStates.BACKOFF:
            words = retry_words(record, now).replace("retry", "try").replace(" in", "")
            line.add(words, state_attr)
        else:
            line.add(record.statename, state_attr)
            if record.changed and record.state in (ProcessStates.STARTING, ProcessStates.STOPPING):
                line.add(f" {duration(now - record.changed)}", text_attr)
