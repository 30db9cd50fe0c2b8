"""Terminal modes that a program switched, read from its output, pure; must never know terminals, sockets.

Who shows a program's output puts them back at the end; who begins to show it in the
middle has to know which were set before.
"""

from __future__ import annotations

import re
from typing import Any, Final

_PRIVATE_MODE = re.compile(
    rb"\x1b\[\?([0-9;]{1,64})([hl])|\x1b([=>c])|\x1b\[([0-9;]{0,16})r|\x1b\[([<>])[0-9;]*u"
)
_MAX_SEQUENCE_BYTES: Final = 72

# Modes that must not outlive the program's picture, with what they are when a terminal is at rest. 1: cursor
# keys; 7: wrap; 25: cursor; 9, 1000 .. 1016: mouse and focus; 47, 1047, 1049: alternate screen; 2004: paste
# marks; 2026: held frame.
_MODES_AT_REST: Final = {
    mode: mode in (7, 25)
    for mode in (1, 5, 6, 7, 9, 25, 47, 66, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1015, 1016, 1047, 1049, 2004, 2026)
}  # fmt: skip


class ModeTracker:
    """Reads a program's output and knows which terminal modes it left changed."""

    def __init__(self) -> None:
        self._changed: set[int] = set()
        self._keypad = False
        self._region = b""
        self._kitty = 0
        self._tail = b""

    def feed(self, data: bytes) -> None:
        data = self._tail + data
        for match in _PRIVATE_MODE.finditer(data):
            modes, switch, escape, region, kitty = match.groups()
            if modes is not None:
                self._switch(modes, switch == b"h")
            elif region is not None:
                self._region = region if region.strip(b";") else b""
            elif kitty is not None:
                self._kitty = max(0, self._kitty + (1 if kitty == b">" else -1))
            elif escape == b"c":
                self._changed.clear()
                self._keypad, self._region = False, b""
            else:
                self._keypad = escape == b"="
        # A sequence may go on in the next piece.
        start = data.rfind(b"\x1b", max(0, len(data) - _MAX_SEQUENCE_BYTES))
        cut = start >= 0 and _PRIVATE_MODE.match(data, start) is None
        self._tail = data[start:] if cut else b""

    def _switch(self, modes: bytes, on: bool) -> None:
        for text in modes.split(b";"):
            mode = int(text) if text.isdigit() and len(text) < 6 else -1
            if mode not in _MODES_AT_REST:
                continue
            if on == _MODES_AT_REST[mode]:
                self._changed.discard(mode)
            else:
                self._changed.add(mode)

    def before(self, data: bytes) -> bytes:
        """What brings a fresh terminal to where ``data``, the last that was fed, leads to the same modes as here.

        Those that ``data`` switches itself, it will switch again.
        """
        modes: set[int] = set()
        keypad = region = False
        for match in _PRIVATE_MODE.finditer(data):
            numbers, _, escape, margins, _ = match.groups()
            if escape == b"c":
                return b""
            if numbers is not None:
                modes.update(int(text) for text in numbers.split(b";") if text.isdigit() and len(text) < 6)
            keypad = keypad or escape is not None
            region = region or margins is not None
        rest = ModeTracker()
        rest._changed = self._changed - modes
        rest._keypad = self._keypad and not keypad
        rest._region = b"" if region else self._region
        return rest.establish()

    def pack(self) -> list[object]:
        """The state as plain values, for ``unpacked``."""
        return [sorted(self._changed), self._keypad, self._region, self._kitty, self._tail]

    @classmethod
    def unpacked(cls, values: list[Any]) -> ModeTracker:
        found = cls()
        changed, found._keypad, found._region, found._kitty, found._tail = values
        found._changed = set(changed)
        return found

    def establish(self) -> bytes:
        """What brings a fresh terminal into the modes that the program has set."""
        parts: list[bytes] = []
        # The alternate screen comes before what belongs to it.
        for mode in sorted(self._changed, reverse=True):
            parts.append(b"\x1b[?%d%s" % (mode, b"l" if _MODES_AT_REST[mode] else b"h"))
        if self._keypad:
            parts.append(b"\x1b=")
        if self._region:
            parts.append(b"\x1b[%sr" % self._region)
        return b"".join(parts)

    def restore(self) -> bytes:
        """What puts the modes back to rest; colours and character set always."""
        parts = [b"\x1b[0m\x1b(B\x0f"]
        for mode in sorted(self._changed, reverse=True):
            parts.append(b"\x1b[?%d%s" % (mode, b"h" if _MODES_AT_REST[mode] else b"l"))
        if self._keypad:
            parts.append(b"\x1b>")
        if self._kitty:
            parts.append(b"\x1b[<%du" % min(self._kitty, 99))
        if self._region:
            parts.append(b"\x1b7\x1b[r\x1b8")
        return b"".join(parts)
