"""Screen 3: one to four log panes in rows, each with one log or several merged; must never know links.

Panes of a row are equally wide, rows equally high, until they are resized. What is shown is kept while other
screens are looked at, and comes back with them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import accumulate
from typing import Final

import urwid

from supervisor.errors import UserError

from .. import sizes
from ..model import Model, Ref
from ..pane import Look, Pane
from .logpane import LogPane
from .screen import Grip, LogWish, Screen

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
        self._kept: dict[tuple[int, ...], str] = {}
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

    def regroup(self, regrouped: Mapping[Ref, Ref]) -> None:
        records = self._model.records
        for pane in (pane for row in self.rows for pane in row):
            if any(ref in regrouped and ref not in records for ref in pane.refs):
                pane.refs = tuple(ref if ref in records else regrouped.get(ref, ref) for ref in pane.refs)

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
        self._arrange_as(self._kept.get(sizes.shape(self._weights()), ""))

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

    def _weights(self) -> sizes.Weights:
        return [(row[0].high, [pane.wide for pane in row]) for row in self.rows]

    def _arrange_as(self, text: str) -> None:
        """Sizes that were kept for these rows of panes."""
        kept = sizes.read(text)
        for row, (high, wide) in zip(self.rows, kept or (), strict=kept is not None):
            for pane, width in zip(row, wide, strict=True):
                pane.high, pane.wide = high, width

    @property
    def kept(self) -> tuple[str, ...]:
        """The sizes of each arrangement that was changed, this one's as it is now, as text."""
        now = self._weights()
        self._kept.pop(sizes.shape(now), None)
        if any(weight != 1.0 for high, wide in now for weight in (high, *wide)):
            self._kept[sizes.shape(now)] = sizes.written(now)
        return tuple(self._kept.values())

    @kept.setter
    def kept(self, texts: tuple[str, ...]) -> None:
        self._kept = {sizes.shape(found): text for text in texts if (found := sizes.read(text)) is not None}
        self._arrange_as(self._kept.get(sizes.shape(self._weights()), ""))

    def grip(self, col: int, row: int) -> Grip | None:
        cols, rows = self.size
        if len(self.panes) == 1 or self.zoomed is not None or self._too_small(cols, rows):
            return None
        heights = [line[0].high for line in self.rows]
        border = sizes.border_at(rows, heights, row)
        number = next(n for n, end in enumerate(accumulate(sizes.shares(rows, heights))) if row < end)
        aside = sizes.border_at(cols, [pane.wide for pane in self.rows[number]], col)
        if aside is not None:
            return Grip(across=True, row=number, number=aside)
        return Grip(across=False, number=border) if border is not None else None

    def drag(self, grip: Grip, col: int, row: int) -> None:
        cols, rows = self.size
        if grip.across:
            panes = self.rows[grip.row]
            widths = sizes.moved(cols, [pane.wide for pane in panes], grip.number, col + 1, NARROWEST // 2)
            for pane, wide in zip(panes, widths, strict=True):
                pane.wide = wide
        else:
            heights = [line[0].high for line in self.rows]
            for line, high in zip(
                self.rows, sizes.moved(rows, heights, grip.number, row + 1, LOWEST), strict=True
            ):
                for pane in line:
                    pane.high = high

    def arrange(self, cols: int, rows: int) -> urwid.Widget:
        alone = self.zoomed or (self.focused if self._too_small(cols, rows) else None)
        if alone is not None or len(self.panes) == 1:
            pane = alone or self.focused
            pane.frame = "box" if cols >= 100 else "rule"
            return pane
        lines: list[tuple[int, urwid.Widget]] = []
        heights = sizes.shares(rows, [row[0].high for row in self.rows])
        for row, height in zip(self.rows, heights, strict=True):
            for pane in row:
                pane.frame = "box" if len(row) > 1 or cols >= 100 else "rule"
            lines.append((height, _columns(row, cols, self.focused)))
        focus = next((at for at, row in enumerate(self.rows) if self.focused in row), 0)
        return urwid.Pile(lines, focus_item=focus)

    def _too_small(self, cols: int, rows: int) -> bool:
        widest = max(len(row) for row in self.rows)
        return cols // widest < NARROWEST or rows // len(self.rows) < LOWEST


def _columns(row: list[LogsPane], cols: int, focused: Pane) -> urwid.Widget:
    if len(row) == 1:
        return row[0]
    focus = next((at for at, pane in enumerate(row) if pane is focused), 0)
    widths = zip(sizes.shares(cols, [pane.wide for pane in row]), row, strict=True)
    return urwid.Columns([*widths], box_columns=list(range(len(row))), focus_column=focus)


def _step(weight: float, by: int) -> float:
    return max(1 / MOST_WEIGHT, min(weight * STEP**by, MOST_WEIGHT))
