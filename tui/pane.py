"""Boxes that paint themselves: rows of styled text to an urwid canvas, frames, bars; must never know links.

A pane decides what its rows are each time it is drawn, from the model and the size it
gets: only what can be seen costs anything, however long the list behind it. Attributes
are names of theme roles, or ``ROLE@PLACE`` (see ``theme``).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

import urwid
from urwid.util import get_encoding

from .canvas import Painter
from .commands import Command
from .field import Field
from .glyphs import Glyphs, state_role
from .keymap import ATTACH, KEPT
from .model import Level, LinkKind, Model, Ref, Sup
from .words import clean, clock, cut, duration, fit, middle, shortened, width_of

Run = tuple[Hashable, str]
Row = list[Run]

WHEEL_ROWS: Final = 3
LEAST_TITLE: Final = 20
"""So much of a title is shown before what stands at its right, """
LEAST_BESIDE: Final = 8
"""and no less than so much of that."""


@dataclass(slots=True)
class Look:
    """What all panes share: the signs in use, what time it is (wall), how cells are coloured."""

    glyphs: Glyphs
    now: Callable[[], float]
    painter: Painter = field(default_factory=Painter)
    prefix: tuple[str, ...] = ("ctrl ]",)
    """Keys that an attached program does not get; the first is the one that is shown."""
    after_prefix: Mapping[str, str] = field(default_factory=lambda: ATTACH)
    """Key after it to command."""
    osc52: bool = False
    """Whether a program may ask to set the clipboard."""
    tape: Callable[[], str] = str
    """What is said of a recording, written or played; empty for none."""


class Line:
    """One row being written from left to right, at most ``width`` cells; control characters become blanks."""

    def __init__(self, width: int, attr: Hashable = "ui.background") -> None:
        self.runs: Row = []
        self.left = width
        self._attr = attr

    def add(self, text: str, attr: Hashable | None = None) -> Line:
        if self.left > 0 and text:
            if not text.isprintable():
                text = clean(text)
            text = cut(text, self.left)
            self.left -= width_of(text)
            self.runs.append((self._attr if attr is None else attr, text))
        return self

    def extend(self, runs: Iterable[Run]) -> Line:
        for attr, text in runs:
            self.add(text, attr)
        return self

    def done(self) -> Row:
        """The runs, padded to the width."""
        if self.left > 0:
            self.runs.append((self._attr, " " * self.left))
            self.left = 0
        return self.runs


def blank(width: int, attr: Hashable = "ui.background") -> Row:
    return [(attr, " " * width)] if width > 0 else []


def row_width(row: Row) -> int:
    return sum(width_of(text) for _, text in row)


def shortened_row(row: Row, width: int, ellipsis: str) -> Row:
    """``row``, or as much of its beginning as fits with the ellipsis behind it."""
    if row_width(row) <= width or width < 1:
        return row
    return [*slice_row(row, 0, width - width_of(ellipsis)), (row[-1][0], ellipsis)]


class PaintedCanvas(urwid.Canvas):
    """Rows of runs, each exactly ``cols`` cells wide, as urwid wants them."""

    cacheable = False

    def __init__(self, rows: list[Row], cols: int, cursor: tuple[int, int] | None) -> None:
        super().__init__()
        self._rows = rows
        self._cols = cols
        self.cursor = cursor

    def rows(self) -> int:
        return len(self._rows)

    def cols(self) -> int:
        return self._cols

    def content(  # type: ignore[override]
        self,
        trim_left: int = 0,
        trim_top: int = 0,
        cols: int | None = 0,
        rows: int | None = 0,
        attr: dict[Hashable, Hashable] | None = None,
    ) -> Iterator[list[tuple[Hashable, None, bytes]]]:
        width = cols or self._cols - trim_left
        height = rows or len(self._rows) - trim_top
        encoding = get_encoding()
        for row in self._rows[trim_top : trim_top + height]:
            if trim_left or width != self._cols:
                row = slice_row(row, trim_left, width)
            if attr:
                row = [(attr.get(name, name), text) for name, text in row]
            yield [(name, None, text.encode(encoding, "replace")) for name, text in row]


def slice_row(row: Row, start: int, width: int) -> Row:
    """``width`` cells of ``row`` from cell ``start`` on; half a wide character becomes a blank."""
    out: Row = []
    at = 0
    for attr, text in row:
        size = width_of(text)
        low, high = max(start, at), min(start + width, at + size)
        if low < high:
            head = cut(text, low - at)
            rest = text[len(head) :]
            gap = low - at - width_of(head)  # a wide character begins before ``low`` and ends after it
            if gap:
                rest = " " + rest[1:]
            out.append((attr, fit(rest, high - low)))
        at += size
    return out


class Box(urwid.Widget):
    """A box that paints ``rows`` rows of ``cols`` cells. Keys never reach it: see ``app``."""

    _sizing = frozenset([urwid.Sizing.BOX])
    _selectable = True
    no_cache: ClassVar[list[str]] = ["render"]
    signals: ClassVar[list[str]] = ["mouse", "drag"]

    def paint(self, cols: int, rows: int, focus: bool) -> list[Row]:
        raise NotImplementedError

    def cursor(self, cols: int, rows: int) -> tuple[int, int] | None:
        """Where the terminal's cursor belongs when this has the focus: (x, y)."""
        return None

    def render(self, size: tuple[int, int], focus: bool = False) -> urwid.Canvas:  # type: ignore[override]
        cols, rows = size
        painted = self.paint(cols, rows, focus)[:rows]
        painted.extend(blank(cols) for _ in range(rows - len(painted)))
        at = self.cursor(cols, rows) if focus else None
        if at is not None:
            at = (max(0, min(at[0], cols - 1)), max(0, min(at[1], rows - 1)))
        return PaintedCanvas(painted, cols, at)

    def keypress(self, size: tuple[int, int], key: str) -> str | None:  # type: ignore[override]
        return key

    def mouse_event(  # type: ignore[override]
        self, size: tuple[int, int], event: str, button: int, col: int, row: int, focus: bool
    ) -> bool | None:
        if event.endswith("mouse press"):
            urwid.emit_signal(self, "mouse", self, button, col, row, size)
            return True
        if event.endswith(("mouse drag", "mouse release")):
            urwid.emit_signal(self, "drag", self, event, col, row)
            return True
        return False


class Pane(Box):
    """A painter with a frame: ``box``, ``rule`` (a titled line on top) or ``none``."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.look = look
        self.frame = "box"
        self.height = 1
        self.width = 1

    def heading(self) -> tuple[str, str]:
        """Title at the left, and at the right."""
        return "", ""

    def body(self, cols: int, rows: int, focus: bool) -> list[Row]:
        raise NotImplementedError

    def body_cursor(self) -> tuple[int, int] | None:
        return None

    @property
    def margin(self) -> tuple[int, int]:
        """(left, top) cells that the frame takes."""
        return {"box": (1, 1), "rule": (0, 1)}.get(self.frame, (0, 0))

    def cursor(self, cols: int, rows: int) -> tuple[int, int] | None:
        at = self.body_cursor()
        left, top = self.margin
        return None if at is None else (at[0] + left, at[1] + top)

    def paint(self, cols: int, rows: int, focus: bool) -> list[Row]:
        left, top = self.margin
        self.width, self.height = max(0, cols - 2 * left), max(0, rows - top - left)
        if self.frame == "none":
            return self.body(cols, rows, focus)
        border = "ui.border.focus" if focus else "ui.border"
        box = self.look.glyphs.box
        if self.frame == "rule":
            return [self._rule(cols, focus, "", ""), *self.body(cols, self.height, focus)]
        if cols < 2 or rows < 2:
            return [blank(cols) for _ in range(rows)]
        painted = [self._rule(cols, focus, box[0], box[2])]
        inner = self.body(self.width, self.height, focus)[: self.height]
        inner.extend(blank(self.width) for _ in range(self.height - len(inner)))
        painted.extend([(border, box[3]), *row, (border, box[3])] for row in inner)
        painted.append([(border, box[4] + box[1] * (cols - 2) + box[5])])
        return painted

    def _rule(self, cols: int, focus: bool, first: str, last: str) -> Row:
        glyphs = self.look.glyphs
        border = "ui.border.focus" if focus else "ui.border"
        title_role = "ui.pane.title.focus" if focus else "ui.pane.title"
        opening, closing = ("[ ", " ]") if glyphs.line == "-" else (" ", " ")
        left, right = self.heading()
        room = cols - len(first) - len(last) - 2
        line = Line(cols, border)
        line.add(first + glyphs.line)
        right_width = width_of(right) + 4
        if left and room > 6:
            least = min(width_of(left), LEAST_TITLE)
            beside = min(right_width, room - least - 4)
            beside = beside if right and beside >= min(right_width, LEAST_BESIDE + 4) else 0
            left = middle(left, room - beside - 4, glyphs.ellipsis)
            line.add(opening + left + closing, title_role)
            room -= width_of(left) + 4
        if right and LEAST_BESIDE + 4 <= room < right_width:
            right = shortened(right, room - 4, glyphs.ellipsis)
            right_width = room
        show_right = bool(right) and room >= right_width
        line.add(glyphs.line * (line.left - len(last) - 1 - (right_width if show_right else 0)))
        if show_right:
            line.add(opening + right + closing, title_role)
        line.add(glyphs.line * (line.left - len(last)) + last)
        return line.done()


# --- bars --------------------------------------------------------------------------------------------


class TitleBar(Box):
    """Who is shown, how many processes are how, whether the data is fresh, the time.

    ``scope``: the supervisor that is worked on, None for all; ``all_words``: what all are called.
    ``group``: the one group that is looked at, on all supervisors.
    """

    def __init__(self, model: Model, look: Look) -> None:
        super().__init__()
        self._model = model
        self._look = look
        self.crumbs: list[str] = []
        self.scope: str | None = None
        self.all_words = "all"
        self.read_only = False
        """Whether nothing is to be changed, whatever the server allows."""
        self.group = ""

    def paint(self, cols: int, rows: int, focus: bool) -> list[Row]:
        now = self._look.now()
        sup = self._sup()
        base = "ui.title.alert" if sup is not None and sup.alert else "ui.title"
        tape = self._look.tape()
        left: Row = [("ui.title.alert", f" {tape} "), (base, " ")] if tape else []
        if not tape or (cols >= 60 and len(tape) < 8):
            left.append((base, " console  " if cols >= 60 else " "))
        place = "  > ".join(["", *self.crumbs]) if self.crumbs else ""
        name = sup.name if sup is not None else self._everywhere()
        link = self._link(sup, cols, now) if sup is not None else self._links()
        counts = self._counts(short=cols < 60)
        right_end: Row = [(base, f"   {clock(now)} " if cols >= 60 else f" {clock(now)[:5]} ")]
        room = cols - row_width(left) - row_width(right_end)
        left.append((base, shortened(name + place, room, self._look.glyphs.ellipsis)))
        # two cells before the link, one before the counts
        room = cols - row_width(left) - row_width(right_end) - 3
        if row_width(link) + row_width(counts) > room:
            counts = self._counts(short=True)
        if row_width(link) + row_width(counts) > room and (sup is None or not sup.stale):
            link = []
        line = Line(cols, base).extend(left)
        if link:
            line.add("  ").extend(link)
        space = line.left - row_width(counts) - row_width(right_end)
        if space >= 1:
            line.add(" " * space).extend(counts)
        else:
            line.add(" " * (line.left - row_width(right_end)))
        return [line.extend(right_end).done()]

    def _everywhere(self) -> str:
        if not self.group:
            return f"{self.all_words} {len(self._model.sups)} supervisors"
        return f"group {self.group} on {len(self._model.sups_of(Ref('', self.group, '')))} supervisors"

    def _sup(self) -> Sup | None:
        sups = self._model.sups
        if len(sups) == 1:
            return next(iter(sups.values()))
        return sups.get(self.scope) if self.scope is not None else None

    def _links(self) -> Row:
        """How many are not connected."""
        gone = sum(sup.stale for sup in self._model.sups.values())
        return [("ui.title.alert", f" {gone} not connected ")] if gone else []

    def _link(self, sup: Sup, cols: int, now: float) -> Row:
        link = sup.link
        dim = "ui.title.alert" if sup.alert else "ui.title.dim"
        match link.kind:
            case LinkKind.LIVE:
                words = "live" if sup.statename in ("RUNNING", "") else sup.statename
                words += ", read-only" if self.read_only or link.role == "observer" else ""
                return [(dim if sup.statename in ("RUNNING", "") else "ui.title.alert", f" {words} ")]
            case LinkKind.POLL:
                return [(dim, " poll 2 s, read-only " if self.read_only else " poll 2 s ")]
            case LinkKind.CONNECTING:
                return [(dim, " connecting ")]
            case LinkKind.AWAY:
                wait = max(0.0, link.next_at - now)
                words = "reconnecting" if sup.known else "no answer"
                words += f", try {link.attempt + 1}"
                if wait >= 1:
                    words += f" in {duration(wait + 0.99)}"
                if sup.known and sup.as_of and cols >= 90:
                    words += f", data of {clock(sup.as_of)}"
                return [("ui.title.alert", f" {words} ")]
            case _:
                return [("ui.title.alert", f" {link.kind.value} ")]

    def _counts(self, *, short: bool) -> Row:
        model = self._model
        sup = self._sup()
        if not (sup.known if sup is not None else model.records):
            return []
        alert = sup is not None and sup.alert
        base = "ui.title.alert" if alert else "ui.title"
        dim, place = ("ui.title.alert", "alert") if alert else ("ui.title.dim", "title")
        scope = sup.name if sup is not None else None
        total = model.tally_of(scope, self.group).total()
        runs: Row = [] if short else [(base, f"{total} procs")]
        for word, number, state in model.counts(scope, self.group):
            role = f"{state_role(state)}@{place}" if word != "down" else dim
            sign = _SHORT.get(word) or self._look.glyphs.states.get(state, "?")
            text = f"{number}{sign}" if short else f"{number} {word}"
            runs.append((base, " " if short else "  "))
            runs.append((role if number else dim, text))
        return runs


_SHORT: Final = {"up": "up", "down": "dn"}
"""What stands for a state where there is little room; else its sign."""


class MessageLine(Box):
    """One line for a message, a progress, a prompt; else what ``idle`` says."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self.text = ""
        self.role = "msg.info"
        self.idle: Callable[[], Row] = list
        self.prompt: Prompt | None = None

    def paint(self, cols: int, rows: int, focus: bool) -> list[Row]:
        if self.prompt is not None:
            return [self.prompt.paint_line(cols)]
        row: Row = [(self.role, f" {self.text}")] if self.text else self.idle()
        line = Line(cols, self.role if self.text else "ui.background")
        return [line.extend(shortened_row(row, cols, self._look.glyphs.ellipsis)).done()]

    def cursor(self, cols: int, rows: int) -> tuple[int, int] | None:
        return (self.prompt.cursor_x(cols), 0) if self.prompt is not None else None


class Prompt:
    """A line being typed behind a caption."""

    def __init__(
        self, caption: str, text: str, changed: Callable[[str], str], done: Callable[[str | None], None], history: list[str]
    ) -> None:  # fmt: skip
        """``changed`` is told each new text and says what is wrong with it; ``done`` gets the text, None for Escape."""
        self.caption = caption
        self.edit = Field(text, history)
        self.problem = ""
        self._changed = changed
        self._done = done
        self._history = history

    @property
    def text(self) -> str:
        return self.edit.edit_text

    def key(self, key: str) -> None:
        if key in ("enter", "esc", "ctrl c", "f10"):
            text = self.text if key == "enter" else None
            if text and (not self._history or self._history[-1] != text):
                self._history.append(text)
            self._done(text)
            return
        self.edit.take(key)
        self.problem = self._changed(self.text)

    def paint_line(self, cols: int) -> Row:
        line = Line(cols, "input.text").add(f" {self.caption}", "ui.text.strong")
        text = clean(self.text)
        line.add(text[self._start(cols) :], "input.invalid" if self.problem else "input.text")
        if self.problem:
            line.add(f"  {self.problem}", "input.hint")
        elif not text:
            line.add("  Esc leaves", "input.hint")
        return line.done()

    def cursor_x(self, cols: int) -> int:
        shown = self.text[self._start(cols) : self.edit.edit_pos]
        return 1 + width_of(self.caption) + width_of(shown)

    def _start(self, cols: int) -> int:
        """The first character that is shown: as many before the cursor as there is room for."""
        room = max(1, cols - width_of(self.caption) - 3)
        start, position = 0, self.edit.edit_pos
        left = width_of(self.text[:position])
        while left > room:
            left -= width_of(self.text[start])
            start += 1
        return start


class Footer(Box):
    """The commands that are valid now, with their keys; cut from the right, but help and back stay."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[tuple[str, Command]] = []
        self.hint: Row = []
        self._places: list[tuple[int, int, str]] = []

    def paint(self, cols: int, rows: int, focus: bool) -> list[Row]:
        line = Line(cols, "ui.footer")
        self._places = []
        if self.hint:
            return [line.add(" ").extend(self.hint).done()]
        room = cols - 1
        kept = [entry for entry in self.entries if entry[1].name in KEPT]
        reserved = sum(len(key) + len(command.label) + 2 for key, command in kept)
        line.add(" ")
        for key, command in self.entries:
            need = len(key) + len(command.label) + 2
            if command.name in KEPT:
                reserved -= need
            elif need + reserved > room:
                continue
            start = cols - line.left
            line.add(key, "ui.footer.key").add(f" {command.label} ")
            self._places.append((start, cols - line.left, command.name))
            room -= need
        return [line.done()]

    def command_at(self, col: int) -> str | None:
        return next((name for start, end, name in self._places if start <= col < end), None)


_LEVEL_ROLES: Final = {
    Level.INFO: "event.state",
    Level.WARN: "msg.warn",
    Level.ERROR: "event.error",
    Level.USER: "event.action",
    Level.LINK: "fleet.reconnect",
}


def level_role(level: Level) -> str:
    return _LEVEL_ROLES[level]


def last_event(model: Model) -> Row:
    """The newest line of the timeline, for the message line."""
    if not model.timeline:
        return []
    entry = model.timeline[-1]
    role = level_role(entry.level)
    return [
        ("ui.text.muted", f" {clock(entry.wall)} "),
        (role, f"{entry.level.value:<5}"),
        ("ui.text.muted", f" {entry.subject} {entry.text}"),
    ]
