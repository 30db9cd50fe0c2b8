"""Screen 2: everything known of one process, its use, its past and its logs; must never know links."""

from __future__ import annotations

import urwid

from supervisor.protocol.stream import ProcessRecord
from supervisor.states import ProcessStates

from ..glyphs import spark, state_role
from ..model import Model, Past, Ref
from ..pane import Line, Look, Pane, Row
from ..words import clean, clock, exit_words, moment, percent, signal_name, size, story, uptime
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
        stale = self._model.sups[self.ref.sup].stale
        return [row for row in self._rows(record, cols, stale=stale) if row][: max(0, rows)]

    def _rows(self, record: ProcessRecord, cols: int, *, stale: bool) -> list[Row]:
        now = self.look.now()
        glyph = self.look.glyphs.state(record)
        role = "row.stale" if stale else state_role(record.state, record.expected)
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
            fact("cause", record.cause)
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
        restarts = f"{record.restarts} restarts" + (
            f", {record.tries} failed tries in a row" if record.tries else ""
        )
        fact("restarts", restarts)
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


class PastPane(Pane):
    """The exits that this session saw, newest first."""

    def __init__(self, model: Model, look: Look) -> None:
        super().__init__(look)
        self._model = model
        self.ref: Ref | None = None

    def heading(self) -> tuple[str, str]:
        return "History", ""

    def body(self, cols: int, rows: int, focus: bool) -> list[Row]:
        if self.ref is None:
            return []
        painted: list[Row] = []
        for entry in reversed(self._model.timeline):
            if entry.ref == self.ref and len(painted) < rows:
                text = (
                    entry.text
                    if self.look.glyphs.arrow == "->"
                    else entry.text.replace("->", self.look.glyphs.arrow)
                )
                line = Line(cols, "row.normal").add(f" {clock(entry.wall)} ", "ui.text.muted").add(text)
                painted.append(line.done())
        past = self._model.past.get(self.ref)
        for when, words in reversed(past.exits if past is not None else ()):
            if len(painted) < rows:
                painted.append(
                    Line(cols, "row.normal").add(f" {clock(when)} ", "ui.text.muted").add(words).done()
                )
        if not painted:
            painted.append(Line(cols, "ui.text.muted").add(" nothing yet in this session").done())
        return painted


class Detail(Screen):
    name = "detail"

    def __init__(self, model: Model, look: Look, ref: Ref) -> None:
        self._model = model
        self._ref = ref
        self.facts = FactsPane(model, look)
        self.use = UsePane(model, look)
        self.past = PastPane(model, look)
        self.log = LogPane(look)
        self.other = LogPane(look)
        self.channel = "stdout"
        for pane in (self.facts, self.use, self.past):
            pane.ref = ref
        super().__init__([self.facts, self.log])

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
        wishes = [LogWish(self.log, self._ref, self.channel)]
        if self.size[0] >= 100 and record is not None and not record.redirect_stderr:
            wishes.append(LogWish(self.other, self._ref, "stderr" if self.channel == "stdout" else "stdout"))
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
            facts = min(16, max(4, rows - 6))
            return urwid.Pile([(facts, self.facts), self.log], focus_item=1 if log_focused else 0)
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
