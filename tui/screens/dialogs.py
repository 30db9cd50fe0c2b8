"""What opens over a screen: a question, a choice, a page of text; must never know links.

A dialog is told key commands by name (contexts ``dialog`` and ``choice`` of the key map)
and calls back once when it is over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from supervisor.states import ProcessStates, getProcessStateDescription

from ..commands import Plan
from ..field import Field
from ..glyphs import state_role
from ..model import SEVERITY
from ..pane import Box, Line, Look, Row
from ..words import clean, cut, fit, listed, shortened, width_of, wrapped

MAX_NAMES_ROWS: Final = 8
MAX_SENT_ROWS: Final = 12
MAX_SUPS_ROWS: Final = 3
AT_A_TIME: Final = (0, 1, 2, 5, 10)
"""What the choice of a rolling restart goes through; 0 is all at once."""
_NUMBERS: Final = {
    name: number for number in SEVERITY if (name := getProcessStateDescription(number)) is not None
}


_OPTIONS: Final = frozenset({"also", "rolling"})
_LIST_KEYS: Final = frozenset({"up", "down", "home", "end"})
"""They move in the list of a choice, not in the text that narrows it."""


def step_of(name: str, height: int) -> int:
    """How far a command moves in a list of which ``height`` rows are seen; 0 for one that does not."""
    far = 10**9
    steps = {"up": -1, "down": 1, "page-up": -height, "page-down": height, "first": -far, "last": far}
    return steps.get(name, 0)


class Dialog(Box):
    """A box with a frame in the dialog's roles. ``over`` is true once it has called back."""

    context = "dialog"
    danger = False
    deaf: frozenset[str] = frozenset()
    """Commands of its context that it does nothing with."""

    def __init__(self, look: Look, title: str) -> None:
        super().__init__()
        self.look = look
        self.title = title
        self.over = False
        self.hint: Row = []

    def size(self, cols: int, rows: int) -> tuple[int, int]:
        """Wanted (cols, rows), frame included, within the screen's."""
        raise NotImplementedError

    def inside(self, cols: int, rows: int) -> list[Row]:
        raise NotImplementedError

    def command(self, name: str) -> None:
        raise NotImplementedError

    def typed(self, key: str) -> bool:
        """Take a key that types text; whether it was taken."""
        return False

    def press(self, col: int, row: int) -> None:
        """The mouse was pressed there."""

    def paint(self, cols: int, rows: int, focus: bool) -> list[Row]:
        box = self.look.glyphs.box
        if cols < 4 or rows < 3:
            return []
        inner = self.inside(cols - 2, rows - 2)[: rows - 2]
        opening, closing = ("[ ", " ]") if box[1] == "-" else (" ", " ")
        top = Line(cols, "dialog.border").add(box[0] + box[1])
        top.add(
            opening + cut(self.title, cols - 8) + closing, "dialog.danger" if self.danger else "dialog.title"
        )
        top.add(box[1] * (top.left - 1) + box[2])
        inner.extend(Line(cols - 2, "dialog.body").done() for _ in range(rows - 2 - len(inner)))
        framed: list[Row] = [[("dialog.border", box[3]), *row, ("dialog.border", box[3])] for row in inner]
        bottom = box[4] + box[1] * (cols - 2) + box[5]
        return [top.done(), *framed, [("dialog.border", bottom)]]


class Confirm(Dialog):
    """Asks whether to carry out a plan; the focus begins on Cancel.

    ``replan`` gives the plan with or without the stopped processes, and so many at a time
    (0: all at once), None where that makes no difference. ``done`` gets the plan to carry
    out, or None.
    """

    danger = True

    def __init__(
        self,
        look: Look,
        plan: Plan,
        done: Callable[[Plan | None], None],
        replan: Callable[[bool, int], Plan] | None = None,
        *,
        rolls: bool = False,
    ) -> None:
        """``rolls``: offer to go a few at a time; a plan that rolls already offers it as well."""
        super().__init__(
            look,
            f"{plan.title} {plan.scope}".upper() if plan.scope.startswith("group ") else plan.title.upper(),
        )
        self.plan = plan
        self._done = done
        self._replan = replan
        self._also = False
        self._sent = False
        self._at = 0
        self._controls = ["cancel", "go"]
        if replan is not None and plan.resting:
            self._controls.append("also")
        if replan is not None and (rolls or plan.rolling):
            self._controls.append("rolling")
        self._places: list[tuple[int, int, int]] = []
        self._row = 0

    def _question(self) -> str:
        count = len(self.plan.records)
        noun = "process" if count == 1 else "processes"
        order = ", in start order" if self.plan.verb.value == "restart" and count > 1 else ""
        return f"{self.plan.title.capitalize()} {self.plan.scope}: {count} {noun}{order}?"

    def _supervisors(self, width: int) -> list[Row]:
        """Which supervisors are left out, and on which how many are meant, where there are several."""
        found = [f"{clean(sup)} ({number})" for sup, number in self.plan.by_sup.items()]
        left_out = self.plan.left_out
        texts = [(f"left out: {clean(why)}", "msg.warn@panel") for why in left_out[:MAX_SUPS_ROWS]]
        if len(left_out) > MAX_SUPS_ROWS:
            texts.append((f"and {len(left_out) - MAX_SUPS_ROWS} more left out", "msg.warn@panel"))
        if len(found) > 1 or left_out:
            texts.append((f"on {listed(found, MAX_SUPS_ROWS * (width - 12))}", "dialog.body"))
        return [
            Line(width, attr).add(f"  {line}").done()
            for text, attr in texts
            for line in wrapped(text, max(10, width - 4))
        ]

    def _names(self, width: int) -> list[Row]:
        """The names by state, wrapped, or the calls; what does not fit is counted."""
        if self._sent:
            return self._calls(width)
        rows: list[Row] = []
        for statename, names in self.plan.by_state:
            role = f"{state_role(_NUMBERS.get(statename, ProcessStates.UNKNOWN))}@panel"
            room = width - 14
            words = ""
            first = True
            for name in [*names, ""]:
                if name and width_of(words) + width_of(name) < room:
                    words += f"{name} "
                    continue
                if not words and not name:
                    continue
                line = Line(width, "dialog.body").add("   ")
                line.add(fit(statename if first else "", 10), role if first else "dialog.body").add(words)
                rows.append(line.done())
                first = False
                words = f"{name} "
        if len(rows) > MAX_NAMES_ROWS:
            more = len(rows) - MAX_NAMES_ROWS + 1
            rows = rows[: MAX_NAMES_ROWS - 1]
            rows.append(Line(width, "dialog.body").add(f"   ... and {more} lines more of names").done())
        return rows

    def _calls(self, width: int) -> list[Row]:
        lines = self.plan.sent
        if len(lines) > MAX_SENT_ROWS:
            lines = [*lines[: MAX_SENT_ROWS - 1], f"... and {len(lines) - MAX_SENT_ROWS + 1} lines more"]
        return [Line(width, "dialog.body").add("   ").add(clean(line)).done() for line in lines]

    def size(self, cols: int, rows: int) -> tuple[int, int]:
        width = min(cols, 78 if len(self._controls) > 3 else 66)
        return width, min(rows, 3 + len(self._text(width - 2)))

    def _text(self, cols: int) -> list[Row]:
        """All that stands above the buttons."""
        body = "dialog.body"
        blank = Line(cols, body).done()

        def lines(text: str) -> list[Row]:
            return [Line(cols, body).add(f"  {line}").done() for line in wrapped(text, max(10, cols - 4))]

        return [
            blank, *lines(self._question()), *self._supervisors(cols), blank, *self._names(cols), blank,
            *lines(self._note()), blank,
        ]  # fmt: skip

    def inside(self, cols: int, rows: int) -> list[Row]:
        text = self._text(cols)
        if len(text) >= rows:  # the buttons must be seen: air goes first, then names
            text = [row for row in text if any(part.strip() for _, part in row)]
            over = len(text) - max(0, rows - 1)
            if over > 0:
                text = text[: -1 - over] + text[-1:]
        return [*text, self._buttons(cols, len(text))]

    def _note(self) -> str:
        stops = self.plan.verb.value in ("stop", "restart")
        longest_s = self.plan.longest_stop_s
        longest = f"stopwaitsecs max {longest_s} s. " if stops and longest_s else ""
        return f"{longest}Escape cancels, nothing is sent."

    def _buttons(self, cols: int, row: int) -> Row:
        left, right = self.look.glyphs.button
        labels = {
            "cancel": f"{left} Cancel {right}",
            "go": f"{left} {self.plan.title.capitalize()} {len(self.plan.records)} {right}",
            "also": f"({'x' if self._also else ' '}) also start stopped",
            "rolling": f"({self.plan.rolling} at a time)" if self.plan.rolling else "(all at once)",
        }
        gap = " " if cols < 60 else "   " if len(self._controls) > 3 else "     "
        line = Line(cols, "dialog.body").add(gap)
        self._places = []
        for number, control in enumerate(self._controls):
            here = number == self._at
            start = cols - line.left
            line.add(
                labels[control],
                "dialog.button.focus" if here else "dialog.body" if control in _OPTIONS else "dialog.button",
            )
            self._places.append((start + 1, cols - line.left + 1, number))
            line.add(gap)
        self._row = row + 1
        return line.done()

    def cursor(self, cols: int, rows: int) -> tuple[int, int] | None:
        place = next((place for place in self._places if place[2] == self._at), None)
        return (place[0] + 2, self._row) if place is not None else None

    def press(self, col: int, row: int) -> None:
        hit = next((number for start, end, number in self._places if start <= col < end), None)
        if row == self._row and hit is not None:
            self._at = hit
            self.command("accept")

    def command(self, name: str) -> None:
        control = self._controls[self._at]
        match name:
            case "next":
                self._at = (self._at + 1) % len(self._controls)
            case "previous":
                self._at = (self._at - 1) % len(self._controls)
            case "cancel":
                self._end(None)
            case "yes":
                self._end(self.plan)
            case "sent":
                self._sent = not self._sent
            case "toggle" | "accept" if control in _OPTIONS:
                self._toggle(control)
            case "accept":
                self._end(self.plan if control == "go" else None)

    def _toggle(self, option: str) -> None:
        if self._replan is None:
            return
        rolling = self.plan.rolling
        if option == "also":
            self._also = not self._also
        else:
            rolling = next((number for number in AT_A_TIME if number > rolling), 0)
        self.plan = self._replan(self._also, rolling)

    def _end(self, plan: Plan | None) -> None:
        if not self.over:
            self.over = True
            self._done(plan)


@dataclass(frozen=True, slots=True)
class Item:
    """``value`` is handed back; ``detail`` and ``key`` are shown beside the label.

    One that is not ``enabled`` is grey, but can be chosen: whoever asked says why not.
    """

    value: str
    label: str
    detail: str = ""
    key: str = ""
    enabled: bool = True


class Choice(Dialog):
    """A list to choose from; with ``search`` typed text narrows it.

    ``moved`` is told each item the cursor comes to (a preview); ``done`` gets the value
    chosen, or None.
    """

    context = "choice"

    def __init__(
        self,
        look: Look,
        title: str,
        items: Sequence[Item],
        done: Callable[[str | None], None],
        *,
        at: int = 0,
        search: bool = False,
        moved: Callable[[str], None] = lambda value: None,
        made: Callable[[str], Sequence[Item]] = lambda text: (),
    ) -> None:
        """``made`` may make items of what was typed; they stand first."""
        super().__init__(look, title)
        self._made = made
        self._all = list(items)
        self._items = self._all
        self._label_width = max((width_of(item.label) for item in items), default=0) + 2
        beside = (width_of(item.detail) + (width_of(item.key) + 3 if item.key else 0) for item in items)
        self._widest = self._label_width + max(beside, default=0) + 6
        self._done = done
        self._moved = moved
        self._at = at
        self._top = 0
        self._height = 1
        self._edit = Field() if search else None

    def size(self, cols: int, rows: int) -> tuple[int, int]:
        searching = 66 if self._edit is not None else 0
        width = min(cols, max(34, min(76, self._widest), width_of(self.title) + 10, searching))
        extra = 4 if self._edit is not None else 2
        return width, min(rows, max(5, len(self._all) + extra), 20)

    def cursor(self, cols: int, rows: int) -> tuple[int, int] | None:
        if self._edit is not None:
            return 4 + width_of(self._edit.edit_text[: self._edit.edit_pos]), 1
        return 2, 1 + self._at - self._top

    def inside(self, cols: int, rows: int) -> list[Row]:
        painted: list[Row] = []
        if self._edit is not None:
            line = Line(cols, "input.text").add(" : ").add(clean(self._edit.edit_text))
            if not self._edit.edit_text:
                line.add("type to search", "input.hint")
            painted.append(line.done())
            count = f"  {len(self._items)} of {len(self._all)}    Enter run    Esc close"
            rows -= 1
        self._height = max(1, rows - len(painted))
        self._top = max(0, self._at - self._height + 1, min(self._top, self._at))
        for number, item in enumerate(self._items[self._top : self._top + self._height], self._top):
            painted.append(self._item(item, cols, here=number == self._at))
        if self._edit is not None:
            painted.extend(Line(cols, "dialog.body").done() for _ in range(rows - len(painted)))
            painted.append(Line(cols, "help.disabled").add(count).done())
        return painted

    def _item(self, item: Item, cols: int, *, here: bool) -> Row:
        attr = "dialog.button.focus" if here else "dialog.body" if item.enabled else "help.disabled"
        line = Line(cols, attr).add(f" {self.look.glyphs.cursor if here else ' '} ")
        line.add(fit(item.label, min(self._label_width, cols - 4)))
        ellipsis = self.look.glyphs.ellipsis
        line.add(shortened(item.detail, line.left - (width_of(item.key) + 3 if item.key else 1), ellipsis))
        if item.key and line.left > width_of(item.key) + 1:
            line.add(" " * (line.left - width_of(item.key) - 1))
            line.add(item.key, attr if here else "help.key")
        return line.done()

    def typed(self, key: str) -> bool:
        if self._edit is None:
            return False
        if key in _LIST_KEYS or not self._edit.take(key):
            return False
        words = self._edit.edit_text.lower().split()
        found = [(_score(words, item), at, item) for at, item in enumerate(self._all)]
        limit = 20 if any(score < 20 for score, _, _ in found) else 1000
        self._items = [item for score, _, item in sorted(found, key=lambda f: (f[0], f[1])) if score < limit]
        self._items = [*self._made(self._edit.edit_text.strip()), *self._items]
        self._at = 0
        return True

    def press(self, col: int, row: int) -> None:
        number = self._top + row - 1 - (self._edit is not None)
        if 0 <= number < len(self._items):
            self._at = number
            self.command("accept")

    def command(self, name: str) -> None:
        by = step_of(name, self._height)
        if by:
            before = self._at
            self._at = max(0, min(self._at + by, len(self._items) - 1))
            if self._at != before and self._items:
                self._moved(self._items[self._at].value)
        elif name == "cancel":
            self._end(None)
        elif name == "accept" and self._items:
            self._end(self._items[self._at].value)

    def _end(self, value: str | None) -> None:
        if not self.over:
            self.over = True
            self._done(value)


def _score(words: Sequence[str], item: Item) -> int:
    """Small for a good match of all words, 1000 for none: beginnings of words, then parts, then letters in order."""
    text = f"{item.label} {item.detail}".lower()
    score = 0
    for word in words:
        at = text.find(word)
        if at >= 0:
            score += 0 if at == 0 or not text[at - 1].isalnum() else 2
        elif _in_order(word, text):
            score += 20
        else:
            return 1000
    return score


def _in_order(word: str, text: str) -> bool:
    rest = iter(text)
    return all(char in rest for char in word)
