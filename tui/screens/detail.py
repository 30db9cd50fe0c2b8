"""Screen 2: everything known of one process, its use, its past and its logs; must never know links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import urwid

from supervisor.ctl.why import Transition
from supervisor.protocol.stream import ProcessRecord
from supervisor.states import ProcessStates, getProcessStateDescription

from ..glyphs import spark, state_role
from ..model import Model, Past, Ref, Sup
from ..pane import Line, Look, Pane, Row
from ..words import clean, clock, exit_words, moment, percent, plain_cause, signal_name, size, story, uptime
from .logpane import LogPane
from .screen import LogWish, Screen

LABEL = 10


class FactsPane(Pane):
    """What is configured and how it stands, of ``ref``."""

    def __init__(self, model: Model, look: Look) -> None:
        super().__init__(look)
        self._model = model
        self.ref: Ref | None = None

    def heading(self) -> tuple[str, str]:
        return ("Process" if self.ref is None else self.ref.namespec), ""

    def record(self) -> ProcessRecord | None:
        return None if self.ref is None else self._model.records.get(self.ref)

    def body(self, cols: int, rows: int, focus: bool) -> list[Row]:
        record = self.record()
        if record is None or self.ref is None:
            words = (
                "no process is selected"
                if self.ref is None
                else "this process is gone from the configuration"
            )
            return [Line(cols).add(f" {words}", "ui.text.muted").done()]
        sup = self._model.sups[self.ref.sup]
        return [row for row in self._rows(record, cols, sup) if row][: max(0, rows)]

    def _rows(self, record: ProcessRecord, cols: int, sup: Sup) -> list[Row]:
        now = self.look.now()
        glyph = self.look.glyphs.state(record)
        role = "row.stale" if sup.stale else state_role(record.state, record.expected)
        state = self._line(cols, "state").add(f"{glyph} {record.statename}", role)
        if record.changed:
            state.add(f" since {moment(record.changed, now)}")
        rows = [state.done()]

        def fact(label: str, text: str, role: str | None = None) -> None:
            if text:
                rows.append(self._line(cols, label).add(clean(text), role).done())

        if record.state != ProcessStates.RUNNING:
            fact("", story(record, now))
        fact("trouble", record.trouble, "msg.warn")
        if record.cause:
            fact("cause", plain_cause(record.cause))
        if record.pid:
            fact("pid", f"{record.pid}   up {uptime(record, now)}   started {moment(record.start, now)}")
        else:
            last = exit_words(record.exitstatus)
            fact(
                "pid",
                "-"
                + (f"   last ended {moment(record.stop, now)}" if record.stop else "")
                + (f" with {last}" if last else ""),
            )
        if sup.polled:
            rows += self._polled(record, cols, sup)
            return rows
        fact(
            "restarts",
            f"{record.restarts}" + (f", {record.tries} failed tries in a row" if record.tries else ""),
        )
        fact("command", record.command)
        place = "   ".join(
            part for part in (record.directory, f"user {record.user}" if record.user else "") if part
        )
        fact("directory", place)
        fact(
            "autostart",
            f"{'yes' if record.autostart else 'no'}   autorestart {record.autorestart}   priority {record.priority}",
        )
        fact("startsecs", f"{record.startsecs}   startretries {record.startretries}")
        fact("stop", f"{signal_name(record.stopsignal)}, then KILL after {record.stopwaitsecs} s")
        kinds = {"tty": "a terminal (a attaches)", "pipe": "a pipe (a attaches by lines)", "none": "nothing"}
        fact("stdin", kinds.get(record.stdin, record.stdin))
        fact("stdout", record.stdout_logfile or "kept in memory")
        fact("stderr", "as stdout" if record.redirect_stderr else record.stderr_logfile or "kept in memory")
        return rows

    def _polled(self, record: ProcessRecord, cols: int, sup: Sup) -> list[Row]:
        """What a supervisor without a stream socket tells, and what it does not."""
        rows = [
            self._line(cols, label).add(clean(path or "none")).done()
            for label, path in (("stdout", record.stdout_logfile), ("stderr", record.stderr_logfile))
        ]
        for label in ("restarts", "command", "directory", "autostart", "stop", "stdin"):
            rows.append(self._line(cols, label).add("not offered by this daemon", "ui.text.muted").done())
        who = f"{sup.link.identification} {sup.link.version}".strip()
        words = f"(polled, for it has no stream socket: {clean(who)})"
        return [*rows, self._line(cols, "").add(words, "ui.text.muted").done()]

    @staticmethod
    def _line(cols: int, label: str) -> Line:
        return Line(cols, "row.normal").add(f" {label:<{LABEL}} ", "ui.text.muted")


class UsePane(Pane):
    """CPU and memory over the time that this session has looked."""

    def __init__(self, model: Model, look: Look) -> None:
        super().__init__(look)
        self._model = model
        self.ref: Ref | None = None

    def heading(self) -> tuple[str, str]:
        return "Use", ""

    def body(self, cols: int, rows: int, focus: bool) -> list[Row]:
        if self.ref is not None and self._model.sups[self.ref.sup].polled:
            return [Line(cols, "ui.text.muted").add(" not offered by this daemon").done()]
        past = self._model.past.get(self.ref, Past()) if self.ref is not None else Past()
        cpu, rss = list(past.cpu), list(past.rss)
        width = max(4, min(30, cols - 16))
        painted = []
        for label, values, words, top in (("CPU", cpu, percent, 100.0), ("RSS", rss, size, 0.0)):
            line = Line(cols, "row.normal").add(f" {label} ", "ui.text.muted")
            high = label == "CPU" and bool(values) and values[-1] >= 90
            line.add(spark(values, width, self.look.glyphs, top), "meter.high" if high else "meter.low")
            line.add(f" {words(values[-1]):>7}" if values else "       -")
            painted.append(line.done())
        return painted


LAST_WORDS: Final = 5


@dataclass(frozen=True, slots=True)
class Why:
    """What the supervisor remembers: transitions, the newest last; (channel, line) written last before the last end."""

    transitions: tuple[Transition, ...]
    words: tuple[tuple[str, str], ...] = ()


class PastPane(Pane):
    """What happened to the process, newest first, and its last words; without ``why``, what this session saw."""

    def __init__(self, model: Model, look: Look) -> None:
        super().__init__(look)
        self._model = model
        self.ref: Ref | None = None
        self.why: Why | None = None

    def heading(self) -> tuple[str, str]:
        return "Why", "" if self.why is not None else "this session"

    def body(self, cols: int, rows: int, focus: bool) -> list[Row]:
        if self.ref is None:
            return []
        told = self._told(cols) if self.why is not None else self._seen(cols, rows)
        if not told:
            told = [Line(cols, "ui.text.muted").add(" nothing happened to it yet").done()]
        words = self._words(cols)
        keep = min(len(told), max(2, rows - len(words)))
        room = rows - keep  # the last of the last words tell most
        return [*told[:keep], *words[:1], *words[max(1, len(words) - room + 1) :]][:rows]

    def _told(self, cols: int) -> list[Row]:
        assert self.why is not None
        now = self.look.now()
        painted = []
        for past in reversed(self.why.transitions):
            role = state_role(_NUMBERS.get(past.to, ProcessStates.UNKNOWN))
            line = Line(cols, "row.normal").add(f" {moment(past.when, now)} ", "ui.text.muted")
            line.add(f"{past.to:<8} ", role).add(clean(plain_cause(past.cause)))
            if past.exit and past.exit not in past.cause:
                line.add(f" ({clean(past.exit)})")
            painted.append(line.done())
        return painted

    def _words(self, cols: int) -> list[Row]:
        if self.why is None or not self.why.words:
            return []
        title = Line(cols, "ui.text.muted").add(" last words before it ended").done()
        return [
            title,
            *(
                Line(cols, "log.stderr" if channel == "stderr" else "log.text").add(f" {clean(line)}").done()
                for channel, line in _last_words(self.why.words)
            ),
        ]

    def _seen(self, cols: int, rows: int) -> list[Row]:
        """The timeline of this process, then its exits."""
        painted: list[Row] = []
        arrow = self.look.glyphs.arrow
        for entry in reversed(self._model.timeline):
            if entry.ref == self.ref and len(painted) < rows:
                line = Line(cols, "row.normal").add(f" {clock(entry.wall)} ", "ui.text.muted")
                painted.append(line.add(entry.text.replace("->", arrow)).done())
        past = self._model.past.get(self.ref) if self.ref is not None else None
        for when, words in reversed(past.exits if past is not None else ()):
            if len(painted) < rows:
                line = Line(cols, "row.normal").add(f" {clock(when)} ", "ui.text.muted")
                painted.append(line.add(words).done())
        return painted


def _last_words(words: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The end of what was written; of stderr where there is any, that is where programs complain."""
    errors = [word for word in words if word[0] == "stderr"]
    return list(errors or words)[-LAST_WORDS:]


_NUMBERS: Final = {
    name: number
    for number in (0, 10, 20, 30, 40, 100, 200, 1000)
    if (name := getProcessStateDescription(number)) is not None
}


class Detail(Screen):
    name = "detail"

    def __init__(self, model: Model, look: Look, ref: Ref) -> None:
        self._model = model
        self.facts = FactsPane(model, look)
        self.use = UsePane(model, look)
        self.past = PastPane(model, look)
        self.log = LogPane(look)
        self.other = LogPane(look)
        self.channel = "stdout"
        self._show(ref)
        super().__init__([self.facts, self.log])

    def _show(self, ref: Ref) -> None:
        self._ref = ref
        for pane in (self.facts, self.use, self.past):
            pane.ref = ref

    def regroup(self, regrouped: Mapping[Ref, Ref]) -> None:
        if self._ref not in self._model.records and self._ref in regrouped:
            self._show(regrouped[self._ref])

    @property
    def context(self) -> str:
        return "log" if self.focused in (self.log, self.other) else "detail"

    def ref(self) -> Ref | None:
        return self._ref

    @property
    def crumbs(self) -> list[str]:
        return [self._ref.namespec]

    def logs(self) -> list[LogWish]:
        record = self._model.records.get(self._ref)
        wishes = [LogWish(self.log, ((self._ref, self.channel),))]
        if self.size[0] >= 100 and record is not None and not record.redirect_stderr:
            other = "stderr" if self.channel == "stdout" else "stdout"
            wishes.append(LogWish(self.other, ((self._ref, other),)))
        return wishes

    def arrange(self, cols: int, rows: int) -> urwid.Widget:
        if self.zoomed is not None:
            self.zoomed.frame = "rule" if cols < 100 else "box"
            return self.zoomed
        record = self._model.records.get(self._ref)
        log_focused = self.focused is self.log
        if cols < 100:
            self.facts.frame = "none"
            self.log.frame = "rule"
            self.past.frame = "rule"
            if rows < 19:
                facts = min(16, max(4, rows - 6))
                return urwid.Pile([(facts, self.facts), self.log], focus_item=1 if log_focused else 0)
            return urwid.Pile(
                [(rows // 2, self.facts), (rows // 4, self.past), self.log],
                focus_item=2 if log_focused else 0,
            )
        for pane in (self.facts, self.use, self.past, self.log, self.other):
            pane.frame = "box"
        side = max(44, cols * 2 // 5)
        facts = min(18, max(6, rows // 2))
        upper = urwid.Columns(
            [self.facts, (side, urwid.Pile([(4, self.use), self.past]))], box_columns=[0, 1], focus_column=0
        )
        lower: urwid.Widget = self.log
        if record is not None and not record.redirect_stderr:
            lower = urwid.Columns([self.log, self.other], box_columns=[0, 1], focus_column=0)
        return urwid.Pile([(facts, upper), lower], focus_item=1 if log_focused else 0)
