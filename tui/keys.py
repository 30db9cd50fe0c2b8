"""Keys, pastes, mouse events and focus changes to the bytes that a program expects, pure; must never know widgets.

Names are urwid's (``"up"``, ``"shift meta f5"``, ``"ctrl a"``, ``"<0>"``), bytes
are those that terminfo's xterm-256color promises. Where the console still has
the bytes that the user's terminal sent, it should pass those on instead: urwid
gives one name to several of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .terminal.modes import InputModes

_LETTER_KEYS: Final = {"up": "A", "down": "B", "right": "C", "left": "D", "end": "F", "home": "H", "5": "E"}
"""``ESC [ A``; with DECCKM ``ESC O A``; with modifiers ``ESC [ 1 ; m A``."""

_SS3_KEYS: Final = {"f1": "P", "f2": "Q", "f3": "R", "f4": "S"}
"""``ESC O P``; with modifiers ``ESC [ 1 ; m P``."""

_TILDE_KEYS: Final = {
    "insert": 2,
    "delete": 3,
    "page up": 5,
    "page down": 6,
    "f5": 15,
    "f6": 17,
    "f7": 18,
    "f8": 19,
    "f9": 20,
    "f10": 21,
    "f11": 23,
    "f12": 24,
    "f13": 25,
    "f14": 26,
    "f15": 28,
    "f16": 29,
    "f17": 31,
    "f18": 32,
    "f19": 33,
    "f20": 34,
}
"""``ESC [ 5 ~``; with modifiers ``ESC [ 5 ; m ~``."""

_PLAIN_KEYS: Final = {
    "enter": b"\r",
    "tab": b"\t",
    "esc": b"\x1b",
    "backspace": b"\x7f",
    " ": b" ",
    "space": b" ",
}
_CTRL_KEYS: Final = {" ": 0, "@": 0, "2": 0, "`": 0, "3": 27, "4": 28, "5": 29, "6": 30, "7": 31, "8": 127}
_CTRL_KEYS_MORE: Final = {"[": 27, "\\": 28, "]": 29, "^": 30, "_": 31, "/": 31, "?": 127, "-": 31, "~": 30}

_KEYPAD: Final = {
    **{str(digit): chr(ord("p") + digit) for digit in range(10)},
    "+": "k",
    "-": "m",
    "*": "j",
    "/": "o",
    ".": "n",
    ",": "l",
    "=": "X",
    "enter": "M",
}
"""``ESC O p`` for the 0 of the keypad, where the program asked for it."""

_MODIFIERS: Final = {"shift": 1, "meta": 2, "ctrl": 4}

_NO_MODES: Final = InputModes()

PASTE_START: Final = b"\x1b[200~"
PASTE_END: Final = b"\x1b[201~"


@dataclass(frozen=True, slots=True)
class MouseEvent:
    """One mouse event; ``button`` as urwid numbers them (1..3, wheel 4 and 5, 0 for none or not known).

    ``action`` is ``press``, ``release`` or ``drag`` (motion; with button 0 no
    button is down). ``row`` and ``col`` count from 0 within the program's screen.
    """

    action: str
    button: int
    row: int
    col: int
    modifiers: int = 0
    """1 for shift, 2 for meta, 4 for ctrl, added up."""

    @classmethod
    def from_urwid(cls, event: str, button: int, col: int, row: int) -> MouseEvent | None:
        """From urwid's ``("ctrl mouse press", 1, col, row)``; None for what is no mouse event."""
        *prefixes, mouse, action = event.split(" ")
        if mouse != "mouse" or action not in ("press", "release", "drag"):
            return None
        bits = {_MODIFIERS.get(prefix, 0) for prefix in prefixes}
        if action == "drag" and button == 4:
            # how urwid reads SGR's "motion, no button"; a wheel cannot be dragged
            button = 0
        return cls(action, button, row, col, sum(bits))


def key_bytes(key: str, modes: InputModes = _NO_MODES, *, keypad: bool = False) -> bytes | None:
    """What the program is to read when ``key`` is pressed; None where no terminal has bytes for it.

    ``keypad``: the key is known to be one of the numeric keypad, which matters
    only while the program has switched that to application mode.
    """
    modifiers, name = _split(key)
    if keypad and modes.application_keypad and not modifiers and name in _KEYPAD:
        return b"\x1bO" + _KEYPAD[name].encode()
    if name in _LETTER_KEYS and (len(name) > 1 or keypad):
        letter = _LETTER_KEYS[name]
        if modifiers:
            return f"\x1b[1;{1 + modifiers}{letter}".encode()
        return f"\x1b{'O' if modes.application_cursor else '['}{letter}".encode()
    if name in _SS3_KEYS:
        letter = _SS3_KEYS[name]
        return f"\x1b[1;{1 + modifiers}{letter}".encode() if modifiers else f"\x1bO{letter}".encode()
    if name in _TILDE_KEYS:
        number = _TILDE_KEYS[name]
        return f"\x1b[{number};{1 + modifiers}~".encode() if modifiers else f"\x1b[{number}~".encode()
    if name == "tab" and modifiers & 1:
        return (b"\x1b" if modifiers & 2 else b"") + b"\x1b[Z"
    if name.startswith("<") and name.endswith(">") and name[1:-1].isdecimal():
        # urwid's name for a control character that it has no other name for
        code = int(name[1:-1])
        return bytes([code]) if code < 256 else None
    return _character(name, modifiers)


def _split(key: str) -> tuple[int, str]:
    """``"shift meta up"`` as (3, ``"up"``); a lone space is a key, not a separator."""
    modifiers = 0
    while True:
        word, space, rest = key.partition(" ")
        if not space or not rest or word not in _MODIFIERS:
            return modifiers, key
        modifiers |= _MODIFIERS[word]
        key = rest


def _character(name: str, modifiers: int) -> bytes | None:
    """Characters and what types one: shift is in the character already, meta is an ESC before it."""
    prefix = b"\x1b" if modifiers & 2 else b""
    if modifiers & 4:
        if name == "backspace":
            return prefix + b"\b"
        if name in _PLAIN_KEYS and name not in (" ", "space"):
            return prefix + _PLAIN_KEYS[name]
        code = _control_code(" " if name == "space" else name)
        return None if code is None else prefix + bytes([code])
    if name in _PLAIN_KEYS:
        return prefix + _PLAIN_KEYS[name]
    if len(name) != 1 or "\ud800" <= name <= "\udfff":
        return None
    return prefix + name.encode()


def _control_code(name: str) -> int | None:
    if len(name) == 1 and "a" <= name.lower() <= "z" and name.isascii():
        return ord(name.lower()) - 96
    code = _CTRL_KEYS.get(name)
    return _CTRL_KEYS_MORE.get(name) if code is None else code


def paste_bytes(text: str, modes: InputModes = _NO_MODES) -> bytes:
    """Pasted text for the program: between markers if it asked for them, else line ends as CR.

    The end marker is taken out of the text, so that what is pasted cannot end the
    paste and go on as if it were typed.
    """
    data = text.encode("utf-8", "replace")
    while PASTE_END in data or PASTE_START in data:
        # again, because taking one out may put another together
        data = data.replace(PASTE_END, b"").replace(PASTE_START, b"")
    if modes.bracketed_paste:
        return PASTE_START + data + PASTE_END
    return data.replace(b"\r\n", b"\r").replace(b"\n", b"\r")


def focus_bytes(focused: bool, modes: InputModes) -> bytes:
    """The report of a focus change; empty unless the program asked for it."""
    if not modes.focus:
        return b""
    return b"\x1b[I" if focused else b"\x1b[O"


def mouse_bytes(event: MouseEvent, modes: InputModes) -> bytes:
    """The report of a mouse event; empty where the program did not ask for this kind of event.

    Places that the encoding cannot tell (column 223 and up without one) are not
    reported at all.
    """
    if not _wanted(event, modes.mouse) or event.row < 0 or event.col < 0:
        return b""
    sgr = modes.mouse_encoding == 1006
    code = _button_code(event, sgr)
    if modes.mouse != 9:
        code += 4 * (event.modifiers & 1) + 8 * (event.modifiers >> 1 & 1) + 16 * (event.modifiers >> 2 & 1)
    x, y = event.col + 1, event.row + 1
    if sgr:
        return f"\x1b[<{code};{x};{y}{'m' if event.action == 'release' else 'M'}".encode()
    values = (code + 32, x + 32, y + 32)
    if modes.mouse_encoding == 1005:
        return b"\x1b[M" + "".join(map(chr, values)).encode() if max(values) <= 2047 else b""
    return b"\x1b[M" + bytes(values) if max(values) <= 255 else b""


def _wanted(event: MouseEvent, mode: int) -> bool:
    if event.action == "press":
        return mode != 0 and event.button > 0 and (mode != 9 or event.button <= 3)
    if event.action == "release":
        # the wheel has no release
        return mode >= 1000 and event.button not in (4, 5, 6, 7)
    return mode == 1003 or (mode == 1002 and event.button > 0)


def _button_code(event: MouseEvent, sgr: bool) -> int:
    """xterm's number of the button: 0..2, the wheel from 64, further ones from 128, 3 for none."""
    button = event.button
    if button == 0 or (event.action == "release" and not sgr):
        code = 0 if event.action == "release" and sgr else 3
    elif button <= 3:
        code = button - 1
    elif button <= 7:
        code = button - 4 + 64
    else:
        code = min(button, 11) - 8 + 128
    return code + 32 if event.action == "drag" else code
