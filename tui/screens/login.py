"""A user name and a password for one supervisor, the password never shown; must never know links."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..field import Field
from ..pane import Line, Look, Row
from ..words import clean, cut, width_of
from .dialogs import Dialog


class Login(Dialog):
    """Calls ``done`` with what was typed, or with None; keeps nothing."""

    context = "choice"

    def __init__(
        self, look: Look, lines: Sequence[str], username: str, done: Callable[[tuple[str, str] | None], None]
    ) -> None:
        super().__init__(look, "LOG IN")
        self._lines = [clean(line) for line in lines]
        self._done = done
        self._fields = (Field(username), Field())
        self._at = 1 if username else 0
        self.hint = [("ui.footer.key", "Enter"), ("ui.footer", " Log in  ")]
        self.hint += [("ui.footer.key", "Tab"), ("ui.footer", " Other field  ")]
        self.hint += [("ui.footer.key", "Esc"), ("ui.footer", " Cancel")]

    def size(self, cols: int, rows: int) -> tuple[int, int]:
        widest = max(width_of(line) for line in self._lines) + 6
        return min(cols, max(50, min(widest, 90))), min(rows, len(self._lines) + 7)

    def inside(self, cols: int, rows: int) -> list[Row]:
        body = "dialog.body"
        painted = [Line(cols, body).done()]
        painted += [
            Line(cols, body).add("  ").add(cut(line, cols - 4)).done()
            for line in self._lines[: max(0, rows - 5)]
        ]
        painted.append(Line(cols, body).done())
        self._row = len(painted)
        for number, (label, field) in enumerate(zip(("user", "password"), self._fields, strict=True)):
            text = clean(field.edit_text) if number == 0 else "*" * len(field.edit_text)
            width = max(10, min(32, cols - 16))
            shown = text[-(width - 1) :]
            line = Line(cols, body).add(f"  {label:<10}", body if number == self._at else "help.disabled")
            painted.append(line.add(shown + " " * (width - width_of(shown)), "input.text").done())
        return painted

    def cursor(self, cols: int, rows: int) -> tuple[int, int] | None:
        field = self._fields[self._at]
        width = max(10, min(32, cols - 16))
        before = field.edit_text[: field.edit_pos] if self._at == 0 else "*" * field.edit_pos
        return 13 + min(width - 1, width_of(before)), min(rows - 2, self._row + self._at + 1)

    def typed(self, key: str) -> bool:
        field = self._fields[self._at]
        if key in ("tab", "shift tab", "up", "down"):
            self._at = 1 - self._at
        else:
            return field.take(key)
        return True

    def command(self, name: str) -> None:
        username, password = (field.edit_text for field in self._fields)
        if name == "cancel":
            self._end(None)
        elif name == "accept" and self._at == 0:
            self._at = 1
        elif name == "accept" and not username:
            self._at = 0
        elif name == "accept":
            self._end((username, password))

    def _end(self, login: tuple[str, str] | None) -> None:
        for field in self._fields:
            field.set("")
        if not self.over:
            self.over = True
            self._done(login)
