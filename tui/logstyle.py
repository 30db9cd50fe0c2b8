"""A raw log line to runs in the theme's roles and the line's own colours; must never know panes or links.

What a program coloured itself stays as it is; in the rest the time at the beginning and
the word that says the level are shown in their roles, so that a wall of text has a shape.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Final

from .canvas import Painter
from .logtext import parse
from .terminal.attrs import DEFAULT

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

Run = tuple[Hashable, str]


def styled(line: bytes, base: str, painter: Painter) -> list[Run]:
    """Runs of (attribute, text). ``base``: role of plain text; ``painter`` knows the terminal's colours."""
    runs = parse(line)
    if not runs:
        return []
    out: list[Run] = []
    for number, (text, attrs) in enumerate(runs):
        spec = None if attrs == DEFAULT else painter.spec(attrs)
        if spec is None:
            out.extend(_plain(text, base, at_start=number == 0))
        else:
            out.append((spec, text))
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
