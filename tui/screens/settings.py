"""Settings (F2): each with its value, changed in place and seen at once; must never know files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..pane import Line, Look, Row
from ..settings import SETTINGS, Setting, Settings, following, shown
from ..words import fit
from .dialogs import Dialog


class SettingsPage(Dialog):
    """``changed`` is told each change; ``chosen`` the key of one that is chosen elsewhere; ``save`` keeps them."""

    def __init__(
        self,
        look: Look,
        settings: Settings,
        changed: Callable[[Settings], None],
        chosen: Callable[[str], None],
        save: Callable[[], None],
        done: Callable[[], None],
    ) -> None:
        super().__init__(look, "Settings")
        self.settings = settings
        self._changed = changed
        self._chosen = chosen
        self._save = save
        self._done = done
        self._at = 0
        self._top = 0
        self._head = 1
        """Rows above the settings."""
        self.hint = [("ui.footer.key", "Left Right"), ("ui.footer", " Change  "), ("ui.footer.key", "s")]
        self.hint += [("ui.footer", " Save for the next time  "), ("ui.footer.key", "Esc")]
        self.hint.append(("ui.footer", " Close"))

    def size(self, cols: int, rows: int) -> tuple[int, int]:
        return min(cols, 78), min(rows, len(SETTINGS) + 6)

    def cursor(self, cols: int, rows: int) -> tuple[int, int] | None:
        return 2, self._at - self._top + self._head + 1

    def inside(self, cols: int, rows: int) -> list[Row]:
        self._head = 1 if rows >= len(SETTINGS) + 4 else 0
        height = max(1, rows - self._head - (3 if self._head else 1))
        self._top = max(0, self._at - height + 1, min(self._top, self._at))
        blank = Line(cols, "dialog.body").done()
        painted = [blank] * self._head
        for number, setting in list(enumerate(SETTINGS))[self._top : self._top + height]:
            painted.append(self._row(number, setting, cols))
        painted += [blank] * self._head
        painted.append(Line(cols, "help.disabled").add(f"  {SETTINGS[self._at].help}").done())
        painted.append(Line(cols, "help.disabled").add("  s saves them for the next time").done())
        return painted

    def _row(self, number: int, setting: Setting, cols: int) -> Row:
        here = number == self._at
        body = "dialog.button.focus" if here else "dialog.body"
        line = Line(cols, body).add(f" {self.look.glyphs.cursor if here else ' '} ")
        line.add(fit(setting.key, 14), body if here else "help.key")
        left, right = self.look.glyphs.button if setting.choices and here else ("", "")
        value = shown(getattr(self.settings, setting.key))
        return line.add(f"{left} {value} {right}" if left else f"  {value}").done()

    def typed(self, key: str) -> bool:
        if key == "s":
            self._save()
            return True
        return False

    def command(self, name: str) -> None:
        match name:
            case "up" | "down":
                self._at = max(0, min(self._at + (1 if name == "down" else -1), len(SETTINGS) - 1))
            case "first" | "last":
                self._at = 0 if name == "first" else len(SETTINGS) - 1
            case "next" | "accept" | "toggle":
                self._change(1)
            case "previous":
                self._change(-1)
            case "cancel":
                self.over = True
                self._done()

    def _change(self, by: int) -> None:
        setting = SETTINGS[self._at]
        if not setting.choices:
            self._chosen(setting.key)
            return
        value = following(setting.key, getattr(self.settings, setting.key), by)
        self.settings = replace(self.settings, **{setting.key: value})  # type: ignore[arg-type]
        self._changed(self.settings)

    def press(self, col: int, row: int) -> None:
        number = row - self._head - 1 + self._top
        if 0 <= number < len(SETTINGS):
            again = self._at == number
            self._at = number
            if again:
                self._change(1)
