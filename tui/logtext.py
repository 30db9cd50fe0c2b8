r"""One raw line of a log to coloured text without an emulator, pure; must never know panes or widgets.

SGR colours are kept, tabs are spaces up to the next multiple of 8, every other
escape sequence is dropped and every other control character is shown as its
Unicode control picture (``\b`` as ``␈``): nothing in a log acts on a terminal.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from .terminal.attrs import DEFAULT, Attrs, apply_sgr
from .terminal.width import text_width

Run = tuple[str, Attrs]

MAX_LINE_BYTES: Final = 64 * 1024
MARK: Final = " […]"
"""Stands at the end of a line that was cut."""
TAB: Final = 8

_ESCAPE: Final = (
    r"\x1b(?:\[[0-?]{0,256}[ -/]{0,4}[@-~]"
    r"|\][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|[P_^X][^\x1b\x9c]*(?:\x1b\\|\x9c)?"
    r"|[ -/]{1,4}[0-~]"
    r"|[0-OQ-WYZ\\`-~])"
)
_ESCAPES: Final = re.compile(_ESCAPE)
_PARTS: Final = re.compile("([^\x1b]+)|" + r"\x1b\[([0-9;:]{0,256})m|" + _ESCAPE + "|(\x1b)")
_UNSAFE: Final = re.compile(
    "[\x00-\x1a\x1c-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]"
)
"""Control characters but ESC, what turns the direction of text or breaks lines, and what hides in no width at all.

Joiners (U+200C, U+200D) stay: scripts and emoji need them."""

_PICTURES: Final = {
    **{code: chr(0x2400 + code) for code in range(0x20)},
    0x7F: "\u2421",
    **dict.fromkeys((*range(0x80, 0xA0), 0x61C, 0x200B, 0xFEFF, 0x200E, 0x200F, 0x2028, 0x2029), "\ufffd"),
    **dict.fromkeys((*range(0x202A, 0x202F), *range(0x2060, 0x2065), *range(0x2066, 0x206A)), "\ufffd"),
}


def parse(line: bytes, attrs: Attrs = DEFAULT) -> list[Run]:
    """The runs of ``line`` (a newline at its end is ignored), beginning with ``attrs``; neighbours differ.

    Bad UTF-8 is shown as U+FFFD; what is over 64 KiB is cut off and marked.
    """
    text, cut = _decoded(line)
    if "\x1b" not in text and not _UNSAFE.search(text):
        runs = [(text, attrs)] if text else []
    else:
        runs = _runs(text, attrs)
    if cut:
        runs.append((MARK, Attrs(reverse=True)))
    return runs


def strip(line: bytes) -> str:
    """The text of ``line`` as it is shown, for searching: no colours, no mark where it was cut."""
    text, _ = _decoded(line)
    if "\x1b" in text:
        text = _ESCAPES.sub("", text).replace("\x1b", "\u241b")
    return _readable(text, 0) if _UNSAFE.search(text) else text


def _decoded(line: bytes) -> tuple[str, bool]:
    line = line.rstrip(b"\r\n")
    if len(line) <= MAX_LINE_BYTES:
        return line.decode("utf-8", "replace"), False
    return line[:MAX_LINE_BYTES].decode("utf-8", "replace"), True


def _runs(text: str, attrs: Attrs) -> list[Run]:
    runs: list[Run] = []
    column = 0
    for part, parameters, escape in _parts(text):
        if part or escape:
            shown = part or "\u241b"
            if _UNSAFE.search(shown):
                shown = _readable(shown, column)
            column += text_width(shown)
            if runs and runs[-1][1] == attrs:
                shown = runs.pop()[0] + shown
            runs.append((shown, attrs))
        elif parameters is not None:
            attrs = _sgr(attrs, parameters)
    return runs


def _parts(text: str) -> list[tuple[str | None, str | None, str | None]]:
    return [match.groups() for match in _PARTS.finditer(text)]  # type: ignore[misc]


def _readable(text: str, column: int) -> str:
    """Tabs expanded, where ``text`` begins at ``column``; controls as pictures."""
    pieces = [
        piece.translate(_PICTURES) for piece in text.split("\t")
    ]  # a control has no width, its picture has
    out = []
    for piece in pieces[:-1]:
        column += text_width(piece)
        blanks = TAB - column % TAB
        column += blanks
        out.append(piece + " " * blanks)
    return "".join(out) + pieces[-1]


@lru_cache(maxsize=4096)
def _sgr(attrs: Attrs, parameters: str) -> Attrs:
    return apply_sgr(attrs, parameters)
