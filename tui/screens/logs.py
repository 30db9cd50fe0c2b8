"""Screen 3: one to four log panes in rows, each with one log or several merged; must never know links.

Panes of a row are equally wide, rows equally high, until they are resized. What is shown is kept while other
screens are looked at, and comes back with them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import urwid

from supervisor.errors import UserError

from ..model import Model, Ref
from ..pane import Look, Pane
from .logpane import LogPane
from .screen import LogWish, Screen

MAX_PANES: Final = 4
CHANNELS: Final = {"stdout": ("stdout",), "stderr": ("stderr",), "both": ("stdout", "stderr")}
NARROWEST: Final = 20
LOWEST: Final = 4
STEP: Final = 1.25
MOST_WEIGHT: Final = 4.0


class LogsPane(LogPane):
    """``refs``: whose logs; ``stream``: a key of ``CHANNELS``."""

    def __init__(self, look: Look) -> None:
        super().__init__(look)
        self.refs: tuple[Ref, ...] = ()
        self.title = ""
        self.stream = "stdout"
        self.number = 0
        self.wide = 1.0
        """How wide and how high it is beside others."""
        self.high = 1.0

    def heading(self) -> tuple[str, str]:
        left, right = super().heading()
        return (f"{self.number} {left}" if self.number else left), right


class Logs(Screen):
    """``made`` is told each new pane."""

    name = "logs"

    def __init__(self, model: Model, look: Look, made: Callable[[Pane], None]) -> None:
        self._model = model
        self._look = look
        self._made = made
        self.rows: list[list[LogsPane]] = []
        super().__init__([self._new()])
        self.rows = [[self.pane]]

    def _new(self) -> LogsPane:
        pane = LogsPane(self._look)
        self._made(pane)
        return pane

    @property
    def pane(self) -> LogsPane:
        """The focused one."""
        assert isinstance(self.focused, LogsPane)
        return self.focused

    @property
    def context(self) -> str:
        return "log"

    @property
    def crumbs(self) -> list[str]:
        count = len(self.panes)
        return [f"logs ({count} panes)" if count > 1 else "logs"]

    def ref(self) -> Ref | None:
        return self.pane.refs[0] if len(self.pane.refs) == 1 else None

    def logs(self) -> list[LogWish]:
        shown = self.panes if self.zoomed is None else [self.zoomed]
        wishes = []
        for pane in shown:
            if isinstance(pane, LogsPane) and (keys := self._keys(pane)):
                wishes.append(LogWish(pane, keys, pane.title))
        return wishes

    def _keys(self, pane: LogsPane) -> tuple[tuple[Ref, str], ...]:
        keys = []
        for ref in pane.refs:
            record = self._model.records.get(ref)
            for channel in CHANNELS[pane.stream]:
                if (
                    channel == "stdout"
                    or pane.stream == "stderr"
                    or record is None
                    or not record.redirect_stderr
                ):
                    keys.append((ref, channel))
        return tuple(keys)

    @property
    def keys(self) -> tuple[tuple[Ref, str], ...]:
        """The logs of the focused pane."""
        return self._keys(self.pane)

    def place(self, refs: tuple[Ref, ...], title: str) -> None:
        """Show these in the focused pane."""
        self.pane.refs, self.pane.title = refs, title

    def split(self, *, right: bool) -> None:
        """A new pane beside or below the focused one, showing the same. Raises UserError for a fifth."""
        if len(self.panes) >= MAX_PANES:
            raise UserError(f"{MAX_PANES} panes are shown already: C-w c closes one")
        before, pane = self.pane, self._new()
        pane.refs, pane.title, pane.stream = before.refs, before.title, before.stream
        pane.wrap, pane.times, pane.numbers = before.wrap, before.times, before.numbers
        row = next(row for row in self.rows if before in row)
        if right:
            row.insert(row.index(before) + 1, pane)
        else:
            self.rows.insert(self.rows.index(row) + 1, [pane])
        self._settle(pane)

    def close(self) -> None:
        """Close the focused pane. Raises UserError for the last one."""
        if len(self.panes) == 1:
            raise UserError("this is the last pane: Esc leaves the screen")
        at = self.panes.index(self.focused)
        for row in self.rows:
            if self.focused in row:
                row.remove(self.pane)
        self.rows = [row for row in self.rows if row]
        left = [pane for row in self.rows for pane in row]
        self._settle(left[min(at, len(left) - 1)])

    def _settle(self, focused: LogsPane) -> None:
        panes = [pane for row in self.rows for pane in row]
        self.panes = list(panes)
        self.focused = focused
        self.zoomed = None
        for number, pane in enumerate(panes, 1):
            pane.number = number if len(panes) > 1 else 0

    def grid(self) -> list[list[Pane]]:
        return [[*row] for row in self.rows]

    def resize(self, across: int, down: int) -> None:
        row = next(row for row in self.rows if self.pane in row)
        if across and len(row) == 1:
            raise UserError("no pane stands beside this one")
        if down and len(self.rows) == 1:
            raise UserError("no pane stands above or below this one")
        if across:
            self.pane.wide = _step(self.pane.wide, across)
        elif down:
            high = _step(row[0].high, down)
            for pane in row:
                pane.high = high

    def even(self) -> None:
        for row in self.rows:
            for pane in row:
                pane.wide = pane.high = 1.0

    def arrange(self, cols: int, rows: int) -> urwid.Widget:
        alone = self.zoomed or (self.focused if self._too_small(cols, rows) else None)
        if alone is not None or len(self.panes) == 1:
            pane = alone or self.focused
            pane.frame = "box" if cols >= 100 else "rule"
            return pane
        lines: list[urwid.Widget] = []
        for row in self.rows:
            for pane in row:
                pane.frame = "box" if len(row) > 1 or cols >= 100 else "rule"
            lines.append(_columns(row, self.focused))
        focus = next((at for at, row in enumerate(self.rows) if self.focused in row), 0)
        heights = [(urwid.WEIGHT, row[0].high, line) for row, line in zip(self.rows, lines, strict=True)]
        return urwid.Pile(heights, focus_item=focus)

    def _too_small(self, cols: int, rows: int) -> bool:
        widest = max(len(row) for row in self.rows)
        return cols // widest < NARROWEST or rows // len(self.rows) < LOWEST


def _columns(row: list[LogsPane], focused: Pane) -> urwid.Widget:
    if len(row) == 1:
        return row[0]
    focus = next((at for at, pane in enumerate(row) if pane is focused), 0)
    widths = [(urwid.WEIGHT, pane.wide, pane) for pane in row]
    return urwid.Columns(widths, box_columns=list(range(len(row))), focus_column=focus)


def _step(weight: float, by: int) -> float:
    return max(1 / MOST_WEIGHT, min(weight * STEP**by, MOST_WEIGHT))
