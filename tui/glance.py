"""**Pure**: the last line of a log, from the little that is asked of it; must never know sockets or widgets.

A list shows the last line of each process that can be seen. Its log is followed with
``CREDIT_BYTES`` of credit and no more: what a quiet program writes arrives by itself, and
of one that floods that much is heard, then its end is looked at anew after ``AGAIN_S``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from supervisor.protocol import stream as wire

from .logtext import parse

GLANCE_BYTES: Final = 1024
CREDIT_BYTES: Final = 4096
AGAIN_S: Final = 1.0
MAX_GLANCES: Final = 100
"""At a time, of all supervisors: few screens have more rows."""


class Glance:
    """``line``: what stands last, safe to show; ``changed`` is called when it is another one.

    ``unreadable``: the server cannot send this log.
    """

    def __init__(self, namespec: str, changed: Callable[[], None]) -> None:
        self.namespec = namespec
        self.line = ""
        self.unreadable = False
        self.waiting = False
        self.heard: Callable[[str], None] = lambda line: None
        """Is told the line before ``changed`` is called."""
        self._changed = changed
        self._data = b""
        self._eaten = 0

    @property
    def spent(self) -> bool:
        """Whether nothing more comes before it is asked for anew."""
        return self._eaten >= CREDIT_BYTES

    def take(self, frame: wire.Frame) -> None:
        match frame:
            case wire.Following():
                self._data, self._eaten = b"", 0
                if 0 <= frame.live <= frame.start:
                    self._show("")
            case wire.Output():
                self._eaten += len(frame.data)
                self._data = (self._data + frame.data)[-GLANCE_BYTES:]
                self._show(last_line(self._data))
            case wire.Gap():
                self._data = b""
            case wire.Error() | wire.Removed():
                self._show("")

    def end_is(self, data: bytes) -> None:
        """The log ends with ``data``."""
        self._show(last_line(data))

    def _show(self, line: str) -> None:
        if line != self.line:
            self.line = line
            self.heard(line)
            self._changed()


def last_line(data: bytes) -> str:
    """The last line that is not blank, whole or not, without colours."""
    for line in reversed(data.splitlines()):
        text = "".join(part for part, _ in parse(line)).strip()
        if text:
            return text
    return ""
