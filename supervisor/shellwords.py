"""A command line cut into words by the quoting of the shell, as ``shlex.split`` does it; must never know what runs.

``shlex`` looks at each character by itself, and copies the word so far for it: a command
with a script of 100 KiB in it takes half a second.
"""

from __future__ import annotations

import re
from typing import Final

_PIECE: Final = re.compile(
    r"(?P<blank>[ \t\r\n]+)"
    r"|(?P<plain>[^ \t\r\n'\"\\]+)"
    r"|\\(?P<escaped>.)"
    r"|'(?P<single>[^']*)'"
    r"|\"(?P<double>(?:[^\"\\]++|\\.)*+)\"",
    re.DOTALL,
)
_ESCAPED: Final = re.compile(r"\\([\"\\])")
_CUT_ESCAPE: Final = re.compile(r"\\\Z|\"(?:[^\"\\]++|\\.)*+\\\Z", re.DOTALL)


def split(line: str) -> list[str]:
    """The words. Raises ValueError with the reason of ``shlex``."""
    words: list[str] = []
    pieces: list[str] | None = None
    place = 0
    while place < len(line):
        match = _PIECE.match(line, place)
        if match is None:
            cut = _CUT_ESCAPE.match(line, place) is not None
            raise ValueError("No escaped character" if cut else "No closing quotation")
        place = match.end()
        kind = str(match.lastgroup)
        if kind != "blank":
            piece = match[kind]
            pieces = [*(pieces or ()), _ESCAPED.sub(r"\1", piece) if kind == "double" else piece]
        elif pieces is not None:
            words.append("".join(pieces))
            pieces = None
    if pieces is not None:
        words.append("".join(pieces))
    return words
