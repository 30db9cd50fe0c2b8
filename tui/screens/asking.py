"""Questions beyond a plan: text with a yes or a no, and a name that must be typed; must never know links."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..field import Field
from ..pane import Line, Look, Row
from ..words import clean, cut, width_of, wrapped
from .dialogs import Dialog


class Question(Dialog):
    """Lines to read, scrolled where they are many, then Cancel (where the focus begins) and ``go``."""

    danger = True
    deaf = frozenset({"sent"})

    def __init__(
        self, look: Look, title: str, lines: Sequence[str], go: str, done: Callable[[bool], None]
    ) -> None:
        super().__init__(look, title)
        self._text = [clean(line) for line in lines]
        self._lines: list[str] = []
        self._width = 0
        self._labels = ["Cancel", go]
        self._done = done
        self._at = 0
        self._top = 0
        self._height = 1
        self._places: list[tuple[int, int]] = []
        self._row = 0

    def size(self, cols: int, rows: int) -> tuple[int, int]:
        widest = max((width_of(line) for line in self._text), default=0) + 6
        width = min(cols, max(50, min(widest, 100)))
        self._wrap(width - 2)
        return width, min(rows, len(self._lines) + 6)

    def _wrap(self, cols: int) -> None:
        if cols != self._width:
            self._width = cols
            self._lines = [part for line in self._text for part in _wrapped(line, cols - 3)]

    def inside(self, cols: int, rows: int) -> list[Row]:
        body = "dialog.body"
        self._wrap(cols)
        self._height = max(1, rows - 4)
        self._top = max(0, min(self._top, len(self._lines) - self._height))
        shown = self._lines[self._top : self._top + self._height]
        painted = [Line(cols, body).done()]
        painted += [Line(cols, body).add("  ").add(cut(line, cols - 3)).done() for line in shown]
        left = len(self._lines) - self._top - len(shown)
        more = f"  {left} more, Down shows them" if left > 0 else ""
        painted.append(Line(cols, "help.disabled").add(more).done())
        painted.append(self._buttons(cols, len(painted)))
        return painted

    def _buttons(self, cols: int, row: int) -> Row:
        left, right = self.look.glyphs.button
        line = Line(cols, "dialog.body").add("     ")
        self._places = []
        for number, label in enumerate(self._labels):
            start = cols - line.left
            role = "dialog.button.focus" if number == self._at else "dialog.button"
            line.add(f"{left} {label} {right}", role)
            self._places.append((start + 1, cols - line.left + 1))
            line.add("     ")
        self._row = row + 1
        return line.done()

    def cursor(self, cols: int, rows: int) -> tuple[int, int] | None:
        return (self._places[self._at][0] + 2, self._row) if self._places else None

    def press(self, col: int, row: int) -> None:
        for number, (start, end) in enumerate(self._places):
            if row == self._row and start <= col < end:
                self._end(number == 1)

    def command(self, name: str) -> None:
        match name:
            case "next" | "previous":
                self._at = 1 - self._at
            case "up" | "down":
                self._top += 1 if name == "down" else -1
            case "first" | "last":
                self._top = 0 if name == "first" else len(self._lines)
            case "cancel":
                self._end(False)
            case "yes":
                self._end(True)
            case "accept":
                self._end(self._at == 1)

    def _end(self, agreed: bool) -> None:
        if not self.over:
            self.over = True
            self._done(agreed)


def _wrapped(line: str, width: int) -> list[str]:
    """A line in pieces that fit, as far in as it is and a little more."""
    indent = line[: len(line) - len(line.lstrip())]
    return [line] if width_of(line) <= width else wrapped(line, max(10, width), indent, f"{indent}    ")


class TypeName(Dialog):
    """Goes on only when ``name`` has been typed: what it guards is too much for a slip of one key."""

    context = "choice"
    danger = True

    def __init__(
        self, look: Look, title: str, lines: Sequence[str], name: str, done: Callable[[bool], None]
    ) -> None:
        super().__init__(look, title)
        self._lines = [*(clean(line) for line in lines), "", f"Type {clean(name)} and Enter to do it."]
        self._name = name
        self._done = done
        self._edit = Field()
        self._wrong = False
        self.hint = [("ui.footer.key", "Enter"), ("ui.footer", " Do it  ")]
        self.hint += [("ui.footer.key", "Esc"), ("ui.footer", " Cancel")]

    def size(self, cols: int, rows: int) -> tuple[int, int]:
        widest = max(width_of(line) for line in self._lines) + 6
        return min(cols, max(50, min(widest, 100))), min(rows, len(self._lines) + 6)

    def inside(self, cols: int, rows: int) -> list[Row]:
        body = "dialog.body"
        painted = [Line(cols, body).done()]
        painted += [Line(cols, body).add(f"  {line}").done() for line in self._lines[: max(0, rows - 4)]]
        painted.append(Line(cols, body).done())
        role = "input.invalid" if self._wrong else "input.text"
        typed = clean(self._edit.edit_text)
        width = max(width_of(self._name), width_of(typed)) + 1
        line = Line(cols, body).add("  > ").add(typed + " " * (width - width_of(typed)), role)
        if self._wrong:
            line.add("  that is not the name", "input.hint")
        painted.append(line.done())
        return painted

    def cursor(self, cols: int, rows: int) -> tuple[int, int] | None:
        return 5 + width_of(self._edit.edit_text[: self._edit.edit_pos]), min(rows - 3, len(self._lines) + 3)

    def typed(self, key: str) -> bool:
        if not self._edit.take(key):
            return False
        self._wrong = False
        return True

    def command(self, name: str) -> None:
        if name == "cancel":
            self._end(False)
        elif name == "accept" and self._edit.edit_text.strip() == self._name:
            self._end(True)
        elif name == "accept":
            self._wrong = True

    def _end(self, agreed: bool) -> None:
        if not self.over:
            self.over = True
            self._done(agreed)
