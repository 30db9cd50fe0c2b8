"""Screen 1: the tree, one log, what happened; laid out by the size of the terminal; must never know links."""

from __future__ import annotations

from typing import Final

import urwid

from supervisor.errors import UserError

from ..commands import Aim, aim_at
from ..listview import ListView
from ..model import Model, Ref
from ..pane import Look, Pane
from .detail import FactsPane
from .events import EventsPane
from .logpane import LogPane
from .screen import Grip, LogWish, Screen
from .table import ProcessTable

SIDE_BY_SIDE: Final = 100
THREE_COLUMNS: Final = 180
STRIP_FROM: Final = 26
SPLIT_STEP: Final = 5
LEAST_SPLIT: Final = 10
LEAST_COLS: Final = 24


class Overview(Screen):
    name = "overview"

    def __init__(self, model: Model, view: ListView, look: Look) -> None:
        self._model = model
        self.table = ProcessTable(model, view, look)
        self.log = LogPane(look)
        self.facts = FactsPane(model, look)
        self.events = EventsPane(model, look, strip=True)
        self.channel = "stdout"
        self.splits = [0, 0, 0]
        """Percent for small terminals' log, medium and large ones' tree; 0: as is usual."""
        super().__init__([self.table, self.log])

    @property
    def context(self) -> str:
        return "log" if self.focused is self.log else "list"

    def ref(self) -> Ref | None:
        cursor = self.table.view.cursor
        return cursor if cursor is not None and not cursor.is_group else None

    def glanced(self) -> list[Ref]:
        return self.table.glanced() if self.zoomed in (None, self.table) else []

    def aim(self) -> Aim:
        """The marks if there are any, else the row: a process or a group."""
        view = self.table.view
        refs, cursor = view.targets(), view.cursor
        if view.marks:
            return Aim(tuple(refs), f"{len(refs)} marked")
        if cursor is not None and cursor.is_group:
            return aim_at(self._model, cursor)
        return Aim(tuple(refs), refs[0].namespec if refs else "")

    def group(self) -> Ref | None:
        view = self.table.view
        return view.heading(view.cursor) if view.cursor is not None else None

    def sup(self) -> str:
        view = self.table.view
        return view.scope or (view.cursor.sup if view.cursor is not None else "")

    def logs(self) -> list[LogWish]:
        ref = self.ref()
        if ref is None or not self.log_shown:
            return []
        title = f"{ref.sup} {ref.namespec}" if self.table.view.spans else ""
        return [LogWish(self.log, ((ref, self.channel),), title)]

    def grid(self) -> list[list[Pane]]:
        if not self.log_shown:
            return [[self.table]]
        return [[self.table, self.log]] if self.size[0] >= SIDE_BY_SIDE else [[self.table], [self.log]]

    @property
    def _class(self) -> int:
        """Which of the splits the terminal has: small, medium, large."""
        cols = self.size[0]
        return 0 if cols < SIDE_BY_SIDE else 1 if cols < THREE_COLUMNS else 2

    def resize(self, across: int, down: int) -> None:
        cols, rows = self.size
        if not self.log_shown or self.zoomed is not None:
            raise UserError("there is one pane")
        beside = self._class > 0
        if (down if beside else across) != 0:
            raise UserError(f"the panes stand {'side by side' if beside else 'one above the other'}")
        by, focused = (across, self.table) if beside else (down, self.log)
        now = 100 * self._left(cols) / cols if beside else 100 * self._height(rows) / rows
        step = SPLIT_STEP if self.focused is focused else -SPLIT_STEP
        self.splits[self._class] = max(LEAST_SPLIT, min(round(now + step * by), 100 - LEAST_SPLIT))

    def even(self) -> None:
        self.splits[self._class] = 0

    def grip(self, col: int, row: int) -> Grip | None:
        cols, rows = self.size
        if not self.log_shown or self.zoomed is not None:
            return None
        if self._class == 0:
            return Grip(across=False) if row == rows - self._height(rows) else None
        beside = col - self._left(cols) in (-1, 0) and row < rows - self._strip(rows)
        return Grip(across=True) if beside else None

    def drag(self, grip: Grip, col: int, row: int) -> None:
        cols, rows = self.size
        percent = -(-100 * (col + 1) // cols) if grip.across else -(-100 * (rows - row) // rows)
        self.splits[self._class] = max(LEAST_SPLIT, min(percent, 100 - LEAST_SPLIT))

    def _left(self, cols: int) -> int:
        """Cells for the tree beside the log."""
        if share := self.splits[self._class]:
            return max(LEAST_COLS, min(cols * share // 100, cols - LEAST_COLS))
        percent = 45 if cols >= THREE_COLUMNS else 40  # with the last line of each log
        return min(max(66, cols * percent // 100), cols - 40)

    def _height(self, rows: int) -> int:
        """Rows for the log below the tree."""
        if share := self.splits[0]:
            return max(3, min(rows * share // 100, rows - 4))
        return max(3, rows * 3 // 10 if rows > 24 else 5)

    def _strip(self, rows: int) -> int:
        """Rows for the events below both."""
        return max(5, min(12, rows * 3 // 10)) if self.events_shown else 0

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
        left = self._left(cols)
        strip = self._strip(rows)
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
        height = self._height(rows)
        return urwid.Pile([self.table, (height, self.log)], focus_item=1 if self.focused is self.log else 0)
