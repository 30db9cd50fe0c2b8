"""A page of text over a screen, and the keys that are valid as one; must never know links."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from ..keymap import KeyMap
from ..pane import Line, Look, Row
from ..words import fit, wrapped
from .dialogs import Dialog, step_of

KEYS_WIDTH: Final = 12
TWO_FROM: Final = 74
"""So many cells are enough for two columns of keys."""


class Page(Dialog):
    """Rows of text to scroll through; ``made`` makes them for so many cells, anew when the terminal is another size."""

    context = "choice"

    def __init__(
        self,
        look: Look,
        title: str,
        made: Callable[[int], Sequence[Row]],
        done: Callable[[], None],
        *,
        edit: Callable[[], None] | None = None,
    ) -> None:
        """``edit``: what ``K`` does, once this has closed."""
        super().__init__(look, title)
        self._edit = edit
        self._name = title
        self._made = made
        self._rows: Sequence[Row] = ()
        self._width = 0
        self._done = done
        self._top = 0
        self._height = 1
        self.hint = [
            ("ui.footer.key", "Esc"),
            ("ui.footer", " Close  "),
            ("ui.footer.key", "Up Down PgUp PgDn"),
        ]
        self.hint.append(("ui.footer", " Scroll"))
        if edit is not None:
            self.hint += [("ui.footer.key", "  K"), ("ui.footer", " Edit a key")]

    def size(self, cols: int, rows: int) -> tuple[int, int]:
        self._make(cols - 2)
        return cols, min(rows, len(self._rows) + 2)

    def _make(self, cols: int) -> None:
        if cols != self._width:
            self._width, self._rows = cols, self._made(cols)

    def inside(self, cols: int, rows: int) -> list[Row]:
        self._make(cols)
        self._height = rows
        self._top = max(0, min(self._top, len(self._rows) - rows))
        shown = self._rows[self._top : self._top + rows]
        if len(self._rows) > rows:
            self.title = f"{self._name}  {self._top + 1}-{self._top + len(shown)} of {len(self._rows)}"
        return [Line(cols, "dialog.body").extend(row).done() for row in shown]

    def typed(self, key: str) -> bool:
        if key in ("q", "?", "f1"):
            self.command("cancel")
            return True
        if key == "K" and self._edit is not None:
            self.command("cancel")
            self._edit()
            return True
        if key in ("j", "k", " "):
            self.command({"j": "down", "k": "up", " ": "page-down"}[key])
            return True
        return False

    def command(self, name: str) -> None:
        by = step_of(name, self._height)
        if by:
            self._top = max(0, self._top + by)  # not beyond the end: that is seen to when it is drawn
        elif not self.over:
            self.over = True
            self._done()

    def press(self, col: int, row: int) -> None:
        self.command("cancel")


def help_rows(keymap: KeyMap, contexts: Sequence[str], cols: int, *, changing: bool) -> list[Row]:
    """The keys that are valid, by section, in two columns where there is room."""
    blocks: list[list[Row]] = []
    two = cols >= TWO_FROM
    width = cols // 2 if two else cols
    for section, rows in keymap.help(contexts):
        block = [Line(width, "dialog.body").add(f" {section}", "help.heading").done()]
        for keys, command in rows:
            block += _help_row(keys, command.help, width, off=command.changes and not changing)
        block.append(Line(width, "dialog.body").done())
        blocks.append(block)
    if not two:
        return [row for block in blocks for row in block]
    left: list[Row] = []
    right: list[Row] = []
    for block in blocks:
        (left if len(left) <= len(right) else right).extend(block)
    blank: Row = [("dialog.body", " " * width)]
    left += [blank] * (len(right) - len(left))
    right += [blank] * (len(left) - len(right))
    return [[*one, *other] for one, other in zip(left, right, strict=True)]


def _help_row(keys: str, text: str, width: int, *, off: bool) -> list[Row]:
    """Keys and what they do, in as many lines as that takes."""
    room = max(10, width - KEYS_WIDTH - 2)
    shown = wrapped(keys, KEYS_WIDTH)
    said = wrapped(text, room)
    lines = []
    for number in range(max(len(shown), len(said))):
        line = Line(width, "dialog.body").add(" ")
        part = shown[number] if number < len(shown) else ""
        line.add(fit(part, KEYS_WIDTH) + " ", "help.disabled" if off else "help.key")
        part = said[number] if number < len(said) else ""
        lines.append(line.add(part, "help.disabled" if off else "dialog.body").done())
    return lines
