"""What is drawn, on its way to a terminal that may take it slowly or not at all; must never know what it shows.

The terminal is opened anew, so that writing without waiting is a matter of ours alone:
the shell that started us has the same terminal, and goes on waiting.
"""

from __future__ import annotations

import asyncio
import os
import select
import time
from typing import Final

PIECE_BYTES: Final = 64 * 1024


class Outlet:
    """A file to write text to, for urwid. What the terminal does not take waits here: at most the last frame.

    ``fd`` is the terminal. With ``loop`` set, what waits goes on as soon as it can.
    """

    def __init__(self, fd: int, encoding: str) -> None:
        self._fd = fd
        self._encoding = encoding
        self._waiting = bytearray()
        self._armed = False
        self.loop: asyncio.AbstractEventLoop | None = None
        try:
            self._out = os.open(os.ttyname(fd), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            self._out = fd  # it waits, then

    def fileno(self) -> int:
        return self._fd

    def isatty(self) -> bool:
        return os.isatty(self._fd)

    def write(self, text: str) -> int:
        self._waiting += text.encode(self._encoding, "replace")
        return len(text)

    def flush(self) -> None:
        """Write what can be written. Raises OSError for a terminal that is gone."""
        try:
            while self._waiting:
                with memoryview(self._waiting) as view:
                    taken = os.write(self._out, view[:PIECE_BYTES])
                del self._waiting[:taken]
        except BlockingIOError:
            self._arm(True)
            return
        except OSError:
            self._waiting.clear()
            self._arm(False)
            raise
        self._arm(False)

    @property
    def idle(self) -> bool:
        """Whether all was taken, what was written without a flush included."""
        if self._waiting and not self._armed:
            self.flush()
        return not self._waiting

    def drain(self, within_s: float) -> None:
        """Wait until all was taken, not longer; what is left then is dropped."""
        until = time.monotonic() + within_s
        self.flush()
        while self._waiting and (left := until - time.monotonic()) > 0:
            select.select([], [self._out], [], left)
            self.flush()
        self._waiting.clear()
        self._arm(False)

    def close(self) -> None:
        self._arm(False)
        if self._out != self._fd:
            os.close(self._out)
            self._out = self._fd

    def _arm(self, armed: bool) -> None:
        if self.loop is None or armed == self._armed:
            return
        self._armed = armed
        if armed:
            self.loop.add_writer(self._out, self.flush)
        else:
            self.loop.remove_writer(self._out)
