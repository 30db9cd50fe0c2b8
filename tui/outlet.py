"""What is drawn, on its way to a terminal that may take it slowly or not at all; must never know what it shows.

The terminal is opened anew, so that writing without waiting is a matter of ours alone:
the shell that started us has the same terminal, and goes on waiting. By its name that
cannot be done everywhere: a container may not have the name, ``su`` not the right. Then
``/dev/tty`` is as good where it is the same terminal, and ``/proc`` knows it in any case.
Where nothing helps, so little is written at a time as a terminal that is ready always takes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import time
from collections.abc import Iterator
from typing import Final

PIECE_BYTES: Final = 64 * 1024
READY_BYTES: Final = 256
"""What a terminal that can be written to takes without waiting."""


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
        self._out = next((out for name in _names(fd) if (out := _opened(name)) is not None), fd)

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
            shared = self._out == self._fd
            while self._waiting:
                if shared and not select.select([], [self._out], [], 0)[1]:
                    raise BlockingIOError
                with memoryview(self._waiting) as view:
                    taken = os.write(self._out, view[: READY_BYTES if shared else PIECE_BYTES])
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


def _names(fd: int) -> Iterator[str]:
    """What the terminal can be opened by."""
    with contextlib.suppress(OSError):
        yield os.ttyname(fd)
    with contextlib.suppress(OSError):
        os.tcgetpgrp(fd)  # fails for any but the terminal of our session
        yield "/dev/tty"
    yield f"/proc/self/fd/{fd}"


def _opened(name: str) -> int | None:
    try:
        return os.open(name, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
