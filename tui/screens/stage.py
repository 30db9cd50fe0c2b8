"""The whole picture: title, screen, message line, footer; a dialog over it, or one program alone; must never know links."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

import urwid

from ..model import Model
from ..pane import Footer, Line, Look, MessageLine, TitleBar
from .attach import AttachScreen
from .dialogs import Dialog
from .screen import Grip, Screen

MIN_COLS: Final = 20
MIN_ROWS: Final = 5


class Stage(urwid.Widget):
    """``screen`` is what is shown, ``dialog`` what is open over it, ``full`` what has the terminal for itself."""

    _sizing = frozenset([urwid.Sizing.BOX])
    _selectable = True
    no_cache: ClassVar[list[str]] = ["render"]

    def __init__(self, model: Model, look: Look, screen: Screen) -> None:
        super().__init__()
        self._model = model
        self.title = TitleBar(model, look)
        self.message = MessageLine(look)
        self.footer = Footer()
        self.screen = screen
        self.dialog: Dialog | None = None
        self.full: AttachScreen | None = None
        self.half = False
        """Whether ``full`` makes do with the lower half."""
        self.size = (80, 24)
        self.resized: Callable[[], None] = lambda: None
        """Called when a border was moved with the mouse."""
        self._grip: Grip | None = None
        self._moved = False

    def _arranged(self, size: tuple[int, int]) -> urwid.Widget:
        cols, rows = size
        if self.full is not None:
            self.full.top = rows // 2 if self.half and rows >= 2 * MIN_ROWS else 0
            if not self.full.top:
                return self.full
            self.title.crumbs = self.screen.crumbs
            above = self.full.top - 1
            return urwid.Pile([(1, self.title), (above, self.screen), self.full], focus_item=2)
        body: urwid.Widget = self.screen
        if self.dialog is not None:
            width, height = self.dialog.size(cols, rows - 3)
            body = urwid.Overlay(self.dialog, body, "center", width, "middle", max(3, height))
        self.title.crumbs = self.screen.crumbs
        return urwid.Pile(
            [(1, self.title), body, (1, self.message), (1, self.footer)],
            focus_item=2 if self.message.prompt is not None else 1,
        )

    def render(self, size: tuple[int, int], focus: bool = False) -> urwid.Canvas:  # type: ignore[override]
        self.size = size
        cols, rows = size
        if self.full is None and (cols < MIN_COLS or rows < MIN_ROWS):
            return self._too_small(cols, rows)
        return urwid.CompositeCanvas(self._arranged(size).render(size, focus=focus))

    def _too_small(self, cols: int, rows: int) -> urwid.Canvas:
        counts = " ".join(f"{number} {word}" for word, number, _ in self._model.counts())
        row = Line(cols, "ui.title").add("terminal too small  ").add(counts).done()
        text = "".join(part for _, part in row)
        canvas = urwid.TextCanvas([text.encode("ascii", "replace")], [[("ui.title", cols)]], maxcol=cols)
        whole = urwid.CompositeCanvas(canvas)
        whole.pad_trim_top_bottom(0, rows - 1)
        return whole

    def keypress(self, size: tuple[int, int], key: str) -> str | None:  # type: ignore[override]
        return key

    def mouse_event(  # type: ignore[override]
        self, size: tuple[int, int], event: str, button: int, col: int, row: int, focus: bool
    ) -> bool | None:
        if self.full is not None:
            return False
        if self._border(event, button, col, row - 1):
            return True
        return bool(self._arranged(size).mouse_event(size, event, button, col, row, focus))

    def _border(self, event: str, button: int, col: int, row: int) -> bool:
        """Whether the mouse has hold of a border of the screen; a heading is one, too, and hears the press as well."""
        if event == "mouse press":
            free = self.dialog is None and button == 1 and 0 <= row < self.screen.size[1]
            self._grip, self._moved = self.screen.grip(col, row) if free else None, False
            return self._grip is not None and self._grip.across
        if self._grip is None or not event.endswith(("mouse drag", "mouse release")):
            return False
        if event.endswith("drag"):
            self._moved = True
            self.screen.drag(self._grip, col, row)
        else:
            self._grip = None
            if self._moved:
                self.resized()
        return True
