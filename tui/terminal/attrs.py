"""Cell attributes and the SGR sequence that changes them; must never know cells, screens, urwid.

An ``Attrs`` is a value: two equal ones look the same. Colours are left as the
program named them (default, palette number, rgb); what they look like is the
theme's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

Colour = None | int | tuple[int, int, int]
"""None is the terminal's default, 0..255 a palette number, else (red, green, blue) of 0..255."""

MAX_SGR_PARAMETERS: Final = 64


class Attrs(NamedTuple):
    """How one cell looks. A named tuple: hashing and comparing run in C, once per run of a row."""

    fg: Colour = None
    bg: Colour = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    blink: bool = False
    reverse: bool = False
    conceal: bool = False
    strike: bool = False
    link: str = ""
    """Target of an OSC 8 hyperlink, http or https and printable ASCII only; empty for none."""

    def is_rare(self) -> bool:
        """Whether there may be ever new ones: a link or a 24-bit colour."""
        return bool(self.link) or isinstance(self.fg, tuple) or isinstance(self.bg, tuple)


DEFAULT: Final = Attrs()

_SET: Final[dict[int, Callable[[Attrs], Attrs]]] = {
    1: lambda a: a._replace(bold=True),
    2: lambda a: a._replace(dim=True),
    3: lambda a: a._replace(italic=True),
    4: lambda a: a._replace(underline=True),
    5: lambda a: a._replace(blink=True),
    6: lambda a: a._replace(blink=True),
    7: lambda a: a._replace(reverse=True),
    8: lambda a: a._replace(conceal=True),
    9: lambda a: a._replace(strike=True),
    21: lambda a: a._replace(underline=True),  # xterm: doubly underlined
    22: lambda a: a._replace(bold=False, dim=False),
    23: lambda a: a._replace(italic=False),
    24: lambda a: a._replace(underline=False),
    25: lambda a: a._replace(blink=False),
    27: lambda a: a._replace(reverse=False),
    28: lambda a: a._replace(conceal=False),
    29: lambda a: a._replace(strike=False),
}


def erased(attrs: Attrs) -> Attrs:
    """What an erased cell looks like: the background alone (xterm-256color promises ``bce``)."""
    return DEFAULT if attrs.bg is None else Attrs(bg=attrs.bg)


def apply_sgr(attrs: Attrs, parameters: str) -> Attrs:
    """``attrs`` after ``CSI parameters m``; both ``;`` and ``:`` forms, unknown parts ignored."""
    items = iter(parameters.split(";")[:MAX_SGR_PARAMETERS])
    for item in items:
        if ":" in item:
            attrs = _apply_colon_form(attrs, item.split(":"))
            continue
        code = _number(item)
        if code == 0:
            attrs = DEFAULT if not attrs.link else Attrs(link=attrs.link)
        elif code in _SET:
            attrs = _SET[code](attrs)
        elif 30 <= code <= 37:
            attrs = attrs._replace(fg=code - 30)
        elif 40 <= code <= 47:
            attrs = attrs._replace(bg=code - 40)
        elif 90 <= code <= 97:
            attrs = attrs._replace(fg=code - 82)
        elif 100 <= code <= 107:
            attrs = attrs._replace(bg=code - 92)
        elif code == 39:
            attrs = attrs._replace(fg=None)
        elif code == 49:
            attrs = attrs._replace(bg=None)
        elif code in (38, 48, 58):
            attrs = _with_colour(attrs, code, _semicolon_colour(items))
    return attrs


def _number(text: str) -> int:
    """A parameter as a number; empty is 0, absurdly long ones are not read (no code is so large)."""
    text = text.lstrip("0") if text.startswith("0") else text
    if not text:
        return 0
    return int(text) if len(text) <= 5 and text.isdecimal() and text.isascii() else -1


def _with_colour(attrs: Attrs, code: int, colour: Colour) -> Attrs:
    """38 and 48 with a readable colour; 58 (underline colour) is swallowed and not kept."""
    if colour is None or code == 58:
        return attrs
    return attrs._replace(fg=colour) if code == 38 else attrs._replace(bg=colour)


def _semicolon_colour(items: Iterator[str]) -> Colour:
    """Takes ``5;n`` or ``2;r;g;b`` from the parameters; None where it is neither."""
    kind = _number(next(items, ""))
    if kind == 5:
        return _palette(next(items, "-"))
    if kind == 2:
        return _rgb([next(items, "-") for _ in range(3)])
    return None


def _apply_colon_form(attrs: Attrs, parts: list[str]) -> Attrs:
    """``4:3`` (a kind of underline), ``38:5:n``, ``38:2:r:g:b`` and ``38:2:space:r:g:b`` (ITU T.416)."""
    code, kind = _number(parts[0]), _number(parts[1])
    if code == 4:
        return attrs._replace(underline=kind != 0)
    if code in (38, 48) and len(parts) > 2:
        if kind == 5:
            return _with_colour(attrs, code, _palette(parts[2]))
        if kind == 2:
            return _with_colour(attrs, code, _rgb(parts[3:6] if len(parts) > 5 else parts[2:5]))
    return attrs


def _palette(text: str) -> Colour:
    number = _number(text)
    return number if 0 <= number <= 255 else None


def _rgb(parts: list[str]) -> Colour:
    values = [_number(part) for part in parts]
    if len(values) != 3 or not all(0 <= value <= 255 for value in values):
        return None
    return values[0], values[1], values[2]
