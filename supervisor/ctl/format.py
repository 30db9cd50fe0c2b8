"""Lines as users' scripts parse them, and one sanitiser for terminals; must never know the wire or the shell.

The layouts are those of Supervisor 4.3, to the blank. ``Sanitiser`` stands between
whatever a program printed and the operator's terminal: it keeps printable text, tab,
newline and SGR (colours), and shows everything else as a mark.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from typing import Final

NAME_COLUMN: Final = 30
_GAP: Final = 3
_STATE_COLUMN: Final = 10
_AVAIL_NAME_COLUMN: Final = 32
_AVAIL_COLUMN: Final = 9


def status_lines(rows: Sequence[tuple[str, str, str]]) -> list[str]:
    """One line for each (namespec, state name, description), names padded to the longest."""
    width = max([NAME_COLUMN, *(len(name) for name, _, _ in rows)]) + _GAP
    return [f"{name:<{width}}{state:<{_STATE_COLUMN}}{text}" for name, state, text in rows]


def avail_line(name: str, in_use: bool, autostart: bool, group_priority: int, process_priority: int) -> str:
    """A line of ``avail``."""
    use = "in use" if in_use else "avail"
    auto = "auto" if autostart else "manual"
    return (
        f"{name:<{_AVAIL_NAME_COLUMN}} {use:<{_AVAIL_COLUMN}} {auto:<{_AVAIL_COLUMN}} "
        f"{group_priority}:{process_priority}"
    )


def columns(words: Sequence[str], width: int = 80) -> list[str]:
    """``words`` in as few rows as fit into ``width``, filled down, two blanks between columns."""
    if not words:
        return []
    rows = 0
    widths: list[int] = []
    for rows in range(1, len(words) + 1):
        widths = [max(map(len, words[i : i + rows])) for i in range(0, len(words), rows)]
        if sum(widths) + 2 * (len(widths) - 1) <= width:
            break
    lines = []
    for row in range(rows):
        cells = [words[i] if i < len(words) else "" for i in range(row, rows * len(widths), rows)]
        # The last short column leaves no trailing empty cells, as users' terminals have always shown it.
        while cells and not cells[-1]:
            cells.pop()
        lines.append("  ".join(f"{cell:<{widths[i]}}" for i, cell in enumerate(cells)))
    return lines


# --- terminals ---------------------------------------------------------------------------------------

_MAX_SGR_CHARS: Final = 64
SGR_RESET: Final = "\x1b[0m"
_SGR = re.compile(rf"\x1b\[[0-9;:]{{0,{_MAX_SGR_CHARS}}}m")
# What may still become a sequence to keep, at the end of a piece: the start of an SGR, or the CR of a CR LF.
_OPEN_END = re.compile(rf"(?:\x1b(?:\[[0-9;:]{{0,{_MAX_SGR_CHARS}}})?|\r)\Z")
# C0 but tab and newline, DEL, C1, zero-width and bidi controls, separators, tags, noncharacters, surrogates.
_HOSTILE = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e0fff"
)
_UNSAFE = re.compile(rf"{_SGR.pattern}|\r\n|[{_HOSTILE}]")


def _mark(match: re.Match[str]) -> str:
    text = match.group()
    if text == "\r\n":
        return "\n"
    if len(text) > 1:
        return text
    code = ord(text)
    if code < 0x20:
        return chr(0x2400 + code)  # the control pictures: ␛ for ESC
    return "␡" if code == 0x7F else f"<U+{code:04X}>"


class Sanitiser:
    """Text for a terminal, from text of unknown origin, in pieces of any size.

    A sequence that is cut by the end of a piece is held back until the next, at most
    ``_MAX_SGR_CHARS`` characters of it. ``finish`` gives what is held and ends colours.
    """

    def __init__(self) -> None:
        self._held = ""
        self._coloured = False
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, text: str) -> str:
        text = self._held + text
        open_end = _OPEN_END.search(text, max(0, len(text) - _MAX_SGR_CHARS - 2))
        self._held = open_end.group() if open_end else ""
        return self._safe(text[: len(text) - len(self._held)])

    def feed_bytes(self, data: bytes) -> str:
        """The same for UTF-8 bytes; what is not UTF-8 becomes U+FFFD."""
        return self.feed(self._decoder.decode(data))

    def finish(self) -> str:
        rest = self._held + self._decoder.decode(b"", True)
        self._held = ""
        safe = self._safe(rest)
        if self._coloured:
            self._coloured = False
            safe += SGR_RESET
        return safe

    def _safe(self, text: str) -> str:
        safe = _UNSAFE.sub(_mark, text)
        self._coloured = self._coloured or "\x1b" in safe
        return safe


def sanitise(text: str) -> str:
    """``text`` made safe for a terminal; colours in it end with it."""
    sanitiser = Sanitiser()
    return sanitiser.feed(text) + sanitiser.finish()
