"""A terminal's output that waits to be shown, bounded; must never know screens, links.

When more waits than a screen could ever show, what is oldest is left out: up to a line
in the main screen, up to where a program begins its picture anew in the alternate one,
never into an escape sequence. What the part left out switched on or off is kept.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Final

LIMIT_BYTES: Final = 1 << 20
KEPT_BYTES: Final = 128 * 1024
_REPAINT: Final = re.compile(rb"\x1b\[2J|\x1b\[(?:1?(?:;1?)?)H|\x1b\[\?2026[hl]")
_SWITCH: Final = re.compile(rb"\x1bc|\x1b[=>]|\x1b\[\?([0-9;]{1,64})([hl])|\x1b\[[0-9;]{0,16}r")
_ALTERNATE: Final = frozenset({b"47", b"1047", b"1049"})


class Backlog:
    """``live``: offsets below it are the past. ``skipped`` counts what was left out."""

    def __init__(self, live: int = 0) -> None:
        self.live = live
        self.at = 0
        """The offset behind what was handed out last."""
        self.skipped = 0
        self._pieces: deque[tuple[int, bytes]] = deque()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, offset: int, data: bytes) -> None:
        if data:
            self._pieces.append((offset, data))
            self._size += len(data)

    def next(self, limit: int) -> tuple[bytes, bool]:
        """At most ``limit`` bytes, and whether they are of the past; empty when nothing waits."""
        if not self._pieces:
            return b"", False
        offset, data = self._pieces.popleft()
        before_live = self.live - offset
        part = data[: min(limit, before_live) if before_live > 0 else limit]
        if len(part) < len(data):
            self._pieces.appendleft((offset + len(part), data[len(part) :]))
        self._size -= len(part)
        self.at = offset + len(part)
        return part, before_live > 0

    def shed(self, *, alternate: bool) -> bytes | None:
        """Leave out what is too much; what to show in its place, None when it is not too much.

        ``alternate``: whether the terminal shows the alternate screen where the backlog begins.
        """
        if self._size <= LIMIT_BYTES:
            return None
        begin = self._pieces[0][0]
        whole = b"".join(data for _, data in self._pieces)
        at = len(whole) - KEPT_BYTES
        switches, alternate = switched(whole[:at], alternate=alternate)
        cut = _cut(whole, at, alternate=alternate)
        if cut > at:
            switches, _ = switched(whole[:cut], alternate=alternate)
        self.skipped += cut
        self._pieces = deque([(begin + cut, whole[cut:])]) if cut < len(whole) else deque()
        self._size = len(whole) - cut
        return b"\x1b[m\x1b(B\x0f" + switches


def _cut(data: bytes, at: int, *, alternate: bool) -> int:
    """Where to go on, at ``at`` or behind it."""
    if alternate and (found := _REPAINT.search(data, at)) is not None:
        return found.start()
    line = data.find(b"\n", at) + 1
    if line and not alternate:
        return line
    sequence = data.find(b"\x1b", at)
    return sequence if sequence >= 0 else len(data)


def switched(data: bytes, *, alternate: bool) -> tuple[bytes, bool]:
    """The switches in ``data`` that its end stands by, in order; whether that end is the alternate screen."""
    last: dict[bytes, bytes] = {}
    for match in _SWITCH.finditer(data):
        sequence, modes, way = match.group(), match.group(1), match.group(2)
        if sequence == b"\x1bc":
            last.clear()
            alternate = False
            last[b"c"] = sequence
        elif modes is None:
            name = b"r" if sequence.endswith(b"r") else b"="
            last.pop(name, None)
            last[name] = sequence
        else:
            for mode in modes.split(b";"):
                if mode in _ALTERNATE:
                    alternate = way == b"h"
                last.pop(mode, None)
                last[mode] = b"\x1b[?" + mode + way
    return b"".join(last.values()), alternate
