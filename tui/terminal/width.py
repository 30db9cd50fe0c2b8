"""How many cells a character takes, one code point at a time; must never know rows or screens.

Grapheme clusters are not looked at: programs count code points with the C
library, and our grid has to agree with them, not with the font. Regional
indicators count one cell each (as in the C library), so that a flag takes two.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from pyte.screens import wcwidth

NARROW: Final = re.compile(
    "[ -~\xa0-\xac\xae-\u02ff\u0370-\u0377\u037a-\u037f\u0384-\u0482\u048a-\u052f\u10a0-\u10c5"
    "\u1e00-\u1eff\u2010-\u2027\u2030-\u205f\u2070\u2071\u2074-\u208e\u20a0-\u20c0\u2100-\u218b\u2190-\u2319"
    "\u231c-\u2328\u2400-\u2426\u2440-\u244a\u2460-\u25fc\u25ff\u2800-\u28ff\ue000-\uf8ff\ufffd]+"
)
"""Runs of characters that certainly take one cell; not all such characters."""

WIDE: Final = re.compile("[\u3041-\u3096\u30a1-\u30fa\u30fc-\u30ff\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff60]+")
"""Runs of characters that certainly take two cells; not all such characters."""

PIECES: Final = re.compile(f"({NARROW.pattern})|({WIDE.pattern})|(.)", re.DOTALL)

_JOINERS: Final = frozenset("\u200c\u200d")


def width(char: str) -> int:
    """Cells of one character: 0, 1 or 2; 0 also for what has no place in a cell."""
    if "\U0001f1e6" <= char <= "\U0001f1ff":
        return 1
    return max(0, wcwidth(char))


def combines(char: str) -> bool:
    """Whether a character of no width belongs to the one before it; bidi controls and the like do not."""
    return char in _JOINERS or unicodedata.category(char) in ("Mn", "Me", "Mc", "Lo")


def cells(text: str) -> list[str]:
    """``text`` as cells: a wide character is followed by ``""``, combining ones are with their base."""
    if text.isascii():
        return list(text)
    out: list[str] = []
    for char in text:
        size = width(char)
        if size:
            out.append(char)
            if size == 2:
                out.append("")
        elif out:
            out[-1 if out[-1] else -2] += char
    return out


def text_width(text: str) -> int:
    """Cells that ``text`` takes."""
    return len(text) if text.isascii() else sum(map(width, text))
