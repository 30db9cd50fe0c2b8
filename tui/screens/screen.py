"""What every screen is: panes, one of them focused, arranged anew when size or focus changes; must never know links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import urwid

from supervisor.errors import UserError

from ..commands import Aim
from ..model import Ref
from ..pane import Pane
from .logpane import LogPane


@dataclass(frozen=True, slots=True)
class LogWish:
    """What a pane of a screen shows now: one channel of one process, or several merged. ``title`` names it."""

    pane: LogPane
    keys: tuple[tuple[Ref, str], ...]
    title: str = ""

    @property
    def subject(self) -> str:
        return self.title or self.keys[0][0].namespec

    @property
    def channel(self) -> str:
        return "+".join(dict.fromkeys(channel for _, channel in self.keys))


@dataclass(frozen=True, slots=True)
class Grip:
    """A border that the mouse has hold of; ``across``: it goes left and right. ``row`` and ``number`` say which."""

    across: bool
    row: int = 0
    number: int = 0


class Screen(urwid.Widget):
    """``arrange`` gives the widget for a size; it is asked again whenever the size, focus or zoom is another."""

    _sizing = frozenset([urwid.Sizing.BOX])
    _selectable = True
    no_cache: ClassVar[list[str]] = ["render"]
    name = ""

    def __init__(self, panes: Sequence[Pane]) -> None:
        super().__init__()
        self.panes = list(panes)
        self.focused: Pane = self.panes[0]
        self.zoomed: Pane | None = None
        self.size = (80, 20)

    def arrange(self, cols: int, rows: int) -> urwid.Widget:
        raise NotImplementedError

    @property
    def context(self) -> str:
        """Name of the key map's context."""
        raise NotImplementedError

    def logs(self) -> list[LogWish]:
        """The logs to be fed while this is shown."""
        return []

    def glanced(self) -> list[Ref]:
        """The processes whose last lines are shown."""
        return []

    def ref(self) -> Ref | None:
        """The process that actions apply to."""
        return None

    def regroup(self, regrouped: Mapping[Ref, Ref]) -> None:
        """Go on showing processes that have left their group for another one."""

    def aim(self) -> Aim:
        """What an action is about."""
        ref = self.ref()
        return Aim((ref,), ref.namespec) if ref is not None else Aim()

    def group(self) -> Ref | None:
        """The group that an action on the whole group is about."""
        ref = self.ref()
        return ref.of_group if ref is not None else None

    def sup(self) -> str:
        """The supervisor that is looked at; empty for none of them alone."""
        ref = self.ref()
        return ref.sup if ref is not None else ""

    @property
    def crumbs(self) -> list[str]:
        """Where we are, for the title bar."""
        return []

    def cycle(self, by: int) -> None:
        """Move the focus to the next pane; a zoomed pane makes room for it."""
        at = self.panes.index(self.focused) if self.focused in self.panes else 0
        self.focused = self.panes[(at + by) % len(self.panes)]
        if self.zoomed is not None:
            self.zoomed = self.focused

    def grid(self) -> list[list[Pane]]:
        """The panes that can have the focus as they stand: rows of them."""
        return [[pane] for pane in self.panes]

    def toward(self, across: int, down: int) -> None:
        """Focus the pane in that direction, if there is one."""
        rows = self.grid()
        row = next((row for row in rows if self.focused in row), None)
        if row is None:
            return
        at = row.index(self.focused)
        line = rows.index(row) + down
        if 0 <= line < len(rows):
            target = rows[line]
            place = at + across if not down else min(at * len(target) // len(row), len(target) - 1)
            if 0 <= place < len(target):
                self.focused = target[place]
                if self.zoomed is not None:
                    self.zoomed = self.focused

    def resize(self, across: int, down: int) -> None:
        """Make the focused pane wider or higher by a step, or (-1) narrower or lower. Raises UserError where it cannot be."""
        raise UserError("the panes of this screen have their sizes: screens 1 and 3 can be resized")

    def even(self) -> None:
        """All panes as they are by default."""
        self.resize(0, 0)

    def grip(self, col: int, row: int) -> Grip | None:
        """The border between two panes at that cell, if it can be moved."""
        return None

    def drag(self, grip: Grip, col: int, row: int) -> None:
        """Move the border to that cell, as far as it goes."""

    def zoom(self) -> None:
        self.zoomed = None if self.zoomed is not None else self.focused

    def render(self, size: tuple[int, int], focus: bool = False) -> urwid.Canvas:  # type: ignore[override]
        self.size = size
        return urwid.CompositeCanvas(self.arrange(*size).render(size, focus=focus))

    def keypress(self, size: tuple[int, int], key: str) -> str | None:  # type: ignore[override]
        return key

    def mouse_event(  # type: ignore[override]
        self, size: tuple[int, int], event: str, button: int, col: int, row: int, focus: bool
    ) -> bool | None:
        return bool(self.arrange(*size).mouse_event(size, event, button, col, row, focus))
