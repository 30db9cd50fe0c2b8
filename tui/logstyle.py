"""A raw log line to runs in the theme's roles and the line's own colours; must never know panes or links.

What a program coloured itself stays as it is; in the rest the time at the beginning and
the word that says the level are shown in their roles, so that a wall of text has a shape.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from functools import lru_cache
from typing import Final

import urwid

from .logtext import parse
from .terminal.attrs import DEFAULT, Attrs

_TIME: Final = re.compile(
    r"\[?(?:\d{4}-\d\d-\d\d[T ])?\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?\]?(?=\s|$)"
)
_LEVEL: Final = re.compile(
    r"\b(?:(DEBUG|TRACE|debug|trace)|(INFO|NOTICE|info|notice)|(WARN(?:ING)?|warn(?:ing)?)"
    r"|(ERROR|CRIT(?:ICAL)?|FATAL|error|crit(?:ical)?|fatal))\b"
)
_LEVEL_ROLES: Final = ("log.level.debug", "log.level.info", "log.level.warn", "log.level.error")
_LEVEL_WITHIN: Final = 60
"""A level stands near the beginning of a line; further on it is a word like any other."""

_BASIC: Final = (
    "black", "dark red", "dark green", "brown", "dark blue", "dark magenta", "dark cyan", "light gray",
    "dark gray", "light red", "light green", "yellow", "light blue", "light magenta", "light cyan", "white",
)  # fmt: skip
_FLAGS: Final = (
    ("bold", "bold"), ("dim", "faint"), ("italic", "italics"), ("underline", "underline"),
    ("reverse", "standout"), ("strike", "strikethrough"),
)  # fmt: skip

Run = tuple[Hashable, str]


def styled(line: bytes, base: str, colours: int) -> list[Run]:
    """Runs of (attribute, text). ``base``: role of plain text; ``colours``: how many the terminal has."""
    runs = parse(line)
    if not runs:
        return []
    out: list[Run] = []
    for number, (text, attrs) in enumerate(runs):
        if attrs == DEFAULT or colours == 1:
            out.extend(_plain(text, base, at_start=number == 0))
        else:
            out.append((spec_of(attrs, colours), text))
    return out


def _plain(text: str, base: str, *, at_start: bool) -> list[Run]:
    out: list[Run] = []
    at = 0
    if at_start and (time := _TIME.match(text)) is not None:
        at = time.end()
        out.append(("log.time", text[:at]))
    level = _LEVEL.search(text, at, at + _LEVEL_WITHIN) if at_start else None
    if level is not None and level.lastindex is not None:
        if level.start() > at:
            out.append((base, text[at : level.start()]))
        out.append((_LEVEL_ROLES[level.lastindex - 1], level.group()))
        at = level.end()
    if at < len(text):
        out.append((base, text[at:]))
    return out


@lru_cache(maxsize=4096)
def spec_of(attrs: Attrs, colours: int) -> urwid.AttrSpec:
    """urwid's attribute for a cell that a program coloured; what it left alone comes from the theme."""
    depth = colours if colours in (1, 16, 256) else 2**24
    flags = [name for field, name in _FLAGS if getattr(attrs, field)]
    if depth == 1:
        return urwid.AttrSpec(",".join(["default", *flags]), "default", 1)
    foreground = _colour(attrs.fg, depth, background=False)
    background = _colour(attrs.bg, depth, background=True)
    if attrs.conceal:
        foreground = background if background != "inherit" else "black"
    return urwid.AttrSpec(",".join([foreground, *flags]), background, depth)  # type: ignore[arg-type]


def _colour(colour: int | tuple[int, int, int] | None, depth: int, *, background: bool) -> str:
    if colour is None:
        return "inherit"
    if isinstance(colour, int):
        if colour < 16:
            return _BASIC[colour % 8 if background and depth == 16 else colour]
        if depth != 16:
            return f"h{colour}" if depth == 256 else _cube(colour)
        return "inherit"
    if depth == 16:
        return "inherit"
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _cube(colour: int) -> str:
    """The rgb of palette numbers 16 .. 255 (xterm's cube and greys)."""
    if colour >= 232:
        grey = 8 + (colour - 232) * 10
        return f"#{grey:02x}{grey:02x}{grey:02x}"
    colour -= 16
    parts = [0 if level == 0 else 55 + 40 * level for level in (colour // 36, colour // 6 % 6, colour % 6)]
    return "#{:02x}{:02x}{:02x}".format(*parts)
