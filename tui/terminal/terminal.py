"""A terminal: output bytes of a program in; lines, title, bell, modes and replies out.

Must never know urwid, sockets, clocks. No input raises, hangs or grows without
bound: sequences are bounded by the tokenizer, counts by the screen, what is kept
by ``scrollback`` and the constants below. Nothing here is ever passed on to the
terminal of whoever looks at the pane.

What a sequence does is worked out once and kept in a table from the sequence's
text to an action, since programs send few different ones; SGR is kept by the
screen's pen instead.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple

from pyte.graphics import FG_BG_256

from . import modes as mo
from .modes import InputModes, input_modes
from .rows import History, Line
from .screen import Screen
from .tokenizer import Csi, Token, Tokenizer, parse_csi, split_controls

MAX_ACTIONS: Final = 4096
MAX_REPLY_BYTES: Final = 4096
MAX_TITLE: Final = 200
MAX_LINK: Final = 1024
_LINK: Final = re.compile(rf"https?://[!-~]{{1,{MAX_LINK}}}\Z")

Rgb = tuple[int, int, int]
Action = Callable[[], None]


class Cursor(NamedTuple):
    """Place of the cursor, from 0, always on the screen."""

    y: int
    x: int
    visible: bool


@dataclass(frozen=True, slots=True)
class Scrollback:
    """How much of what left the screen is kept; the first bound that is reached counts."""

    lines: int = 10_000
    size_bytes: int = 16 * 1024 * 1024


def _standard_palette() -> tuple[Rgb, ...]:
    return tuple((int(c[:2], 16), int(c[2:4], 16), int(c[4:], 16)) for c in FG_BG_256)


@dataclass(frozen=True, slots=True)
class Colours:
    """The theme's colours, for programs that ask (OSC 4, 10, 11, 12)."""

    foreground: Rgb = (0xE5, 0xE5, 0xE5)
    background: Rgb = (0, 0, 0)
    cursor: Rgb = (0xE5, 0xE5, 0xE5)
    palette: tuple[Rgb, ...] = field(default_factory=_standard_palette)


def _nothing() -> None:
    """For sequences without meaning here."""


_CONTROLS: Final[dict[str, Callable[[Screen], None]]] = {
    "\b": Screen.backspace,
    "\t": Screen.tab,
    "\n": Screen.linefeed,
    "\v": Screen.linefeed,
    "\f": Screen.linefeed,
    "\r": Screen.carriage_return,
    "\r\n": Screen.newline,
    "\x0e": Screen.shift_out,
    "\x0f": Screen.shift_in,
    "\x1b7": Screen.save_cursor,
    "\x1b8": Screen.restore_cursor,
    "\x1bD": Screen.index,
    "\x1bE": Screen.newline,
    "\x1bH": Screen.set_tab_stop,
    "\x1bM": Screen.reverse_index,
    "\x1bc": Screen.reset,
    "\x1b#8": Screen.alignment_display,
}

# key: marker, intermediate, final; value: operation, how many parameters it takes
_CSI: Final[dict[str, tuple[Callable[..., None], int]]] = {
    "@": (Screen.insert_characters, 1),
    "A": (Screen.cursor_up, 1),
    "B": (Screen.cursor_down, 1),
    "C": (Screen.cursor_forward, 1),
    "D": (Screen.cursor_back, 1),
    "E": (Screen.cursor_down1, 1),
    "F": (Screen.cursor_up1, 1),
    "G": (Screen.cursor_to_column, 1),
    "H": (Screen.cursor_position, 2),
    "I": (Screen.cursor_forward_tab, 1),
    "J": (Screen.erase_in_display, 1),
    "K": (Screen.erase_in_line, 1),
    "L": (Screen.insert_lines, 1),
    "M": (Screen.delete_lines, 1),
    "P": (Screen.delete_characters, 1),
    "S": (Screen.scroll_up, 1),
    "T": (Screen.scroll_down, 1),
    "X": (Screen.erase_characters, 1),
    "Z": (Screen.cursor_back_tab, 1),
    "`": (Screen.cursor_to_column, 1),
    "a": (Screen.cursor_forward, 1),
    "b": (Screen.repeat, 1),
    "d": (Screen.cursor_to_line, 1),
    "e": (Screen.cursor_down, 1),
    "f": (Screen.cursor_position, 2),
    "g": (Screen.clear_tab_stop, 1),
    "r": (Screen.set_margins, 2),
    "s": (Screen.save_cursor, 0),
    "u": (Screen.restore_cursor, 0),
    "!p": (Screen.soft_reset, 0),
}


class Terminal:
    """A screen of ``rows`` by ``cols`` (clamped to 1..1000 and 1..2000), its scrollback and its modes.

    ``muted``: while true nothing is answered (what is fed is the past).
    ``osc52``: whether the program's copies to the clipboard are kept for ``take_clipboard``.
    """

    def __init__(
        self,
        rows: int,
        cols: int,
        scrollback: Scrollback = Scrollback(),
        colours: Colours = Colours(),
        *,
        osc52: bool = False,
    ) -> None:
        self.muted = False
        self.bell = 0
        """How often the bell rang."""
        self.title = ""
        """Last title set, without control characters, at most 200 characters."""
        self.faults = 0
        """How often executing a sequence failed, each a bug of ours; the terminal goes on after it."""
        self.last_fault = ""
        self._colours = colours
        self._osc52 = osc52
        self._clipboard: bytes | None = None
        self._history = History(scrollback.lines, scrollback.size_bytes)
        self._screen = Screen(cols, rows, self._history)
        self._tokenizer = Tokenizer()
        self._actions: dict[str, Action] = {}
        self._replies = bytearray()

    # --- in ----------------------------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """Obey the next bytes of the program's output; any cut of the stream gives the same picture."""
        tokens: Iterator[Token] | None = None
        while True:
            try:
                if tokens is None:
                    tokens = iter(self._tokenizer.feed(data))
                self._run(tokens)
                return
            except Exception as error:  # noqa: BLE001 -- a bug of ours must not cost more than one sequence
                self.faults += 1
                self.last_fault = f"{type(error).__name__}: {error} near {data[:64]!r}"
                if tokens is None:
                    self._tokenizer.reset()
                    return

    def forget_margins(self) -> None:
        """Scroll the whole screen again."""
        self._screen.all_margins()

    def forget_unfinished(self) -> None:
        """What follows is not what would have followed: drop the sequence or character that was begun."""
        self._tokenizer.reset()

    def _run(self, tokens: Iterator[Token]) -> None:
        screen = self._screen
        draw, newline, actions = screen.draw, screen.newline, self._actions
        for text, sequence in tokens:
            if text:
                draw(text)
            if sequence == "\r\n":
                newline()
            elif sequence:
                pen = screen.pen.after.get(sequence)
                if pen is not None:
                    screen.pen = pen
                else:
                    (actions.get(sequence) or self._learn(sequence))()

    def resize(self, rows: int, cols: int) -> None:
        """Another size; wrapped lines of the main screen are cut anew, no line is lost."""
        self._screen.resize(rows, cols)

    # --- out ---------------------------------------------------------------------------------------------

    @property
    def rows(self) -> int:
        return self._screen.lines

    @property
    def cols(self) -> int:
        return self._screen.columns

    def row(self, y: int) -> Line:
        """Row ``y`` (0 at the top); **the same object as before if it did not change**."""
        return self._screen.grid[y].packed()

    def lines(self) -> list[Line]:
        """All rows of the screen."""
        return [row.packed() for row in self._screen.grid]

    @property
    def cursor(self) -> Cursor:
        screen = self._screen
        cursor = screen.cursor
        return Cursor(cursor.y, min(cursor.x, screen.columns - 1), not cursor.hidden)

    @property
    def history_len(self) -> int:
        """Lines in the scrollback of the main screen."""
        return len(self._history)

    @property
    def history_dropped(self) -> int:
        """Lines forgotten so far: ``history_dropped + i`` goes on naming line ``i`` while older ones go."""
        return self._history.dropped

    @property
    def history_bytes(self) -> int:
        """About what the scrollback takes in memory."""
        return self._history.size_bytes

    def line(self, index: int) -> Line:
        """Line ``index`` of the scrollback, 0 the oldest; as wide as the screen was when it left it."""
        return self._history[index]

    @property
    def alternate(self) -> bool:
        """Whether the second screen is shown (it has no scrollback)."""
        return self._screen.alternate

    @property
    def modes(self) -> InputModes:
        """What the input side must know; see ``tui.keys``."""
        return input_modes(self._screen.mode)

    @property
    def synchronized(self) -> bool:
        """Whether the program asked not to be shown yet (mode 2026); whoever draws limits the time."""
        return mo.SYNCHRONIZED in self._screen.mode

    @property
    def reversed(self) -> bool:
        """Whether the whole screen is to be shown in reverse video (DECSCNM)."""
        return mo.DECSCNM in self._screen.mode

    def replies(self) -> bytes:
        """What is to be sent to the program in answer to its questions; each answer is given once."""
        out = bytes(self._replies)
        self._replies.clear()
        return out

    def take_clipboard(self) -> bytes | None:
        """What the program wanted to copy since the last call, None for nothing; only with ``osc52``."""
        out, self._clipboard = self._clipboard, None
        return out

    # --- sequences to actions ----------------------------------------------------------------------------

    def _learn(self, sequence: str) -> Action:
        """The action of a sequence not met before. What carries text (OSC) is not kept."""
        if sequence.startswith("\x1b]"):
            return partial(self._osc, sequence)
        action = self._compile(sequence)
        if len(self._actions) >= MAX_ACTIONS:
            self._actions.clear()
        self._actions[sequence] = action
        return action

    def _compile(self, sequence: str) -> Action:
        screen = self._screen
        control = _CONTROLS.get(sequence)
        if control is not None:
            return self._reset if sequence == "\x1bc" else partial(control, screen)
        if sequence.startswith("\x1b["):
            csi = parse_csi(sequence)
            return self._compile_csi(csi, sequence) if csi else self._compile_mixed(sequence)
        if sequence == "\a":
            return self._ring
        if sequence[:2] in ("\x1b(", "\x1b)") and len(sequence) == 3:
            return partial(screen.define_charset, sequence[2], sequence[1])
        if sequence in ("\x1b=", "\x1b>"):
            return partial(screen.set_mode if sequence == "\x1b=" else screen.reset_mode, 66, private=True)
        return _nothing

    def _compile_mixed(self, sequence: str) -> Action:
        parts = split_controls(sequence)
        if len(parts) == 1:
            return _nothing
        actions = [self._compile(part) for part in parts]

        def run() -> None:
            for action in actions:
                action()

        return run

    def _compile_csi(self, csi: Csi, sequence: str) -> Action:
        key = csi.marker + csi.intermediate + csi.final
        if key == "m":
            return partial(self._screen.render, csi.parameters, sequence)
        if ":" in csi.parameters:
            return _nothing
        numbers = csi.numbers()
        if key in _CSI:
            operation, count = _CSI[key]
            return partial(operation, self._screen, *numbers[:count])
        if key in ("h", "l", "?h", "?l"):
            switch = self._screen.set_mode if csi.final == "h" else self._screen.reset_mode
            return partial(switch, *numbers, private=bool(csi.marker))
        return self._compile_query(key, numbers[0])

    # --- questions ---------------------------------------------------------------------------------------

    def _compile_query(self, key: str, number: int) -> Action:
        if key == "c" and number == 0:  # DA1: a VT220 with colours
            return partial(self._reply, "\x1b[?62;22c")
        if key == ">c" and number == 0:  # DA2: an xterm that knows SGR mouse reports
            return partial(self._reply, "\x1b[>0;279;0c")
        if key == "n" and number == 5:
            return partial(self._reply, "\x1b[0n")
        if key in ("n", "?n") and number == 6:
            return partial(self._report_cursor, key[:-1])
        if key in ("$p", "?$p"):
            return partial(self._report_mode, key[:-2], number)
        if key == "?u":  # kitty keyboard protocol: none of it
            return partial(self._reply, "\x1b[?0u")
        return _nothing

    def _reply(self, text: str) -> None:
        if not self.muted and len(self._replies) + len(text) <= MAX_REPLY_BYTES:
            self._replies += text.encode("ascii")

    def _report_cursor(self, marker: str) -> None:
        screen, (y, x, _) = self._screen, self.cursor
        if mo.DECOM in screen.mode and screen.margins is not None:
            y -= screen.margins.top
        self._reply(f"\x1b[{marker}{y + 1};{x + 1}R")

    def _report_mode(self, marker: str, number: int) -> None:
        """DECRQM: 1 set, 2 reset, 0 not known."""
        mode = number << 5 if marker else number
        if mode in mo.KEPT_MODES:
            state = 1 if mode in self._screen.mode else 2
        elif mode in mo.ALTERNATE_SCREENS:
            state = 1 if self.alternate else 2
        else:
            state = 0
        self._reply(f"\x1b[{marker}{number};{state}$y")

    # --- bell, reset, OSC --------------------------------------------------------------------------------

    def _ring(self) -> None:
        self.bell += 1

    def _reset(self) -> None:
        self._screen.reset()
        self.title = ""

    def _osc(self, sequence: str) -> None:
        body = sequence[2:].rstrip("\x07\x9c").removesuffix("\x1b\\")
        end = "\x07" if sequence.endswith("\x07") else "\x1b\\"
        code, _, rest = body.partition(";")
        if code in ("0", "2"):
            self.title = "".join(filter(str.isprintable, rest))[:MAX_TITLE]
        elif code == "8":
            target = rest.partition(";")[2]
            self._screen.set_link(target if _LINK.match(target) else "")
        elif code == "4":
            self._report_palette(rest.split(";"), end)
        elif code in ("10", "11", "12"):
            self._report_colours(int(code), rest.split(";"), end)
        elif code == "52" and self._osc52:
            self._copy(rest.partition(";")[2])

    def _report_palette(self, parts: list[str], end: str) -> None:
        for number, question in zip(parts[::2], parts[1::2], strict=False):
            if question == "?" and number.isascii() and number.isdecimal() and len(number) <= 3:
                index = int(number)
                if index < len(self._colours.palette):
                    self._reply(f"\x1b]4;{index};{_x11(self._colours.palette[index])}{end}")

    def _report_colours(self, first: int, parts: list[str], end: str) -> None:
        """OSC 10 with several parameters goes on with 11 and 12."""
        table = {10: self._colours.foreground, 11: self._colours.background, 12: self._colours.cursor}
        for code, question in enumerate(parts[:3], first):
            if question == "?" and code in table:
                self._reply(f"\x1b]{code};{_x11(table[code])}{end}")

    def _copy(self, data: str) -> None:
        """OSC 52; the question (``?``) is never answered."""
        try:
            self._clipboard = base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError):
            return


def _x11(colour: Rgb) -> str:
    red, green, blue = colour
    return f"rgb:{red:02x}{red:02x}/{green:02x}{green:02x}/{blue:02x}{blue:02x}"
