"""What libraries log, as messages of the console: printed, it would stand across the screen; must never know urwid."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable


class Logged(logging.Handler):
    """``say`` gets the first line of each warning and error, on the loop, whichever thread logs it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, say: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._loop = loop
        self._say = say

    def __enter__(self) -> None:
        logging.getLogger().addHandler(self)

    def __exit__(self, *_: object) -> None:
        logging.getLogger().removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        first = record.getMessage().partition("\n")[0]
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._say, f"{record.name}: {first}")
