"""What a terminal answers, taken out of what was typed; must never know terminals, urwid.

The console asks the terminal for nothing that is answered with a string, but who ran
before it may have, and over a slow line the answer comes late: ``ESC ] 11 ; rgb:… BEL``.
Read as keys it would be Alt-], digits, and an ``r`` that restarts something.

Nobody types these: an OSC with a number, a DCS as in answers to DECRQSS, XTGETTCAP and
XTVERSION, an APC of the graphics protocol, a CSI with ``?``, ``>`` or ``=``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

STRING_MAX_BYTES: Final = 4096
STRING_MAX_S: Final = 1.0
"""So long, in bytes and in time, an answer may take to end; what follows is typed again."""

_BEGIN = re.compile(rb"\x1b(?:\]\d+;|P[0-9;]*[>$+!|]|_G)")
_END = re.compile(rb"\x07|\x1b\\")
_ANSWER = re.compile(rb"\x1b\[(?:[0-9]+;[0-9]+R|[0-9;]+[nt]|[IO])")
_CSI = re.compile(rb"\x1b\[[?>=][0-9;:]*\$?[A-Za-z]")


class Replies:
    """Remembers an answer of which only the beginning has come."""

    def __init__(self) -> None:
        self._left = 0
        self._until = 0.0
        self._escape = b""  # the end of it was cut in two

    def strip(self, codes: Sequence[int], now: float) -> list[int] | None:
        """``codes`` as read, without answers; None: there were none. ``now``: seconds, monotonic."""
        data = bytes(code for code in codes if 0 <= code < 256)
        kept = b""
        found = False
        while True:
            if self._left and now <= self._until:
                found = True
                data, self._escape = self._escape + data, b""
                end = _END.search(data)
                if end is None and len(data) < self._left:
                    self._left -= len(data)
                    self._escape = data[-1:] if data.endswith(b"\x1b") else b""
                    return list(_CSI.sub(b"", kept))
                data = data[end.end() if end is not None else self._left :]
            self._left, self._escape = 0, b""
            begin = _BEGIN.search(data)
            if begin is None:
                break
            kept += data[: begin.start()]
            data = data[begin.end() :]
            self._left, self._until = STRING_MAX_BYTES, now + STRING_MAX_S
        kept += data
        stripped = _CSI.sub(b"", kept)
        return list(stripped) if found or stripped != kept else None


def without_answers(data: bytes) -> bytes:
    """What was typed while a picture of the past was shown, without what that made the terminal answer.

    Of these a cursor's place reads like F3 with a modifier, so it is no answer at any other time.
    """
    kept = Replies().strip(list(data), 0.0)
    return _ANSWER.sub(b"", data if kept is None else bytes(kept))
