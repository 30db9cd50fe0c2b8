"""Screen 1: the tree, one log, what happened; laid out by the size of the terminal; must never know links."""

from __future__ import annotations

from typing import Final

import urwid

from ..model import ListView, Model, Ref
from ..pane import Look
from .detail import FactsPane
from .events import EventsPane
from .logpane import LogPane
from .screen import LogWish, Screen
from .table import ProcessTable

SIDE_BY_SIDE: Final = 100
THREE_COLUMNS: Final = 180
STRIP_FROM: Final = 26


class Overview(Screen):
    name = "overview"

    def __init__(self, model: Model, view: ListView, look: Look) -> None:
        self.table = ProcessTable(model, view, look)
        self.log = LogPane(look)
        self.facts = FactsPane(model, look)
        self.events = EventsPane(model, look, strip=True)
        self.channel = "stdout"
        super().__init__([self.table, self.log])

    @property
    def context(self) -> str:
        return "log" if self.focused is self.log else "list"

    def ref(self) -> Ref | None:
        cursor = self.table.view.cursor
        return cursor if cursor is not None and not cursor.is_group else None

    def logs(self) -> list[LogWish]:
        ref = self.ref()
        return [LogWish(self.log, ((ref, self.channel),))] if ref is not None and self.log_shown else []

    @property
    def log_shown(self) -> bool:
        cols, rows = self.size
        return self.zoomed is self.log or (self.zoomed is None and (cols >= SIDE_BY_SIDE or rows >= 14))

    @property
    def events_shown(self) -> bool:
        cols, rows = self.size
        return self.zoomed is None and cols >= SIDE_BY_SIDE and rows >= STRIP_FROM

    def arrange(self, cols: int, rows: int) -> urwid.Widget:
        self.facts.ref = self.ref()
        if self.zoomed is not None:
            self.zoomed.frame = "rule" if cols < SIDE_BY_SIDE else "box"
            return self.zoomed
        if cols < SIDE_BY_SIDE:
            return self._stacked(cols, rows)
        for pane in (self.table, self.log, self.facts, self.events):
            pane.frame = "box"
        left = min(max(66, int(cols * 0.4)), cols - 40)
        strip = max(5, min(12, rows * 3 // 10)) if self.events_shown else 0
        beside: urwid.Widget = self.log
        if cols >= THREE_COLUMNS and rows - strip >= 30:
            facts = 12
            beside = urwid.Pile([self.log, (facts, self.facts)], focus_item=0)
        upper = urwid.Columns(
            [(left, self.table), beside],
            box_columns=[0, 1],
            focus_column=1 if self.focused is self.log else 0,
        )
        if not strip:
            return upper
        return urwid.Pile([upper, (strip, self.events)], focus_item=0)

    def _stacked(self, cols: int, rows: int) -> urwid.Widget:
        self.table.frame = "none"
        self.log.frame = "rule"
        if not self.log_shown:
            return self.table
        height = max(3, rows * 3 // 10 if rows > 24 else 5)
        return urwid.Pile([self.table, (height, self.log)], focus_item=1 if self.focused is self.log else 0)
