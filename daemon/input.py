"""Bytes for a program's stdin or terminal, buffered within bounds; must never know who sends them."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable

from .inputjournal import NOBODY, InputJournal, JournalFull, Origin

LIMIT_BYTES = 1 << 20


class InputFull(Exception):
    """The program does not read: the buffer would grow over its limit."""


class InputClosed(Exception):
    """Nobody reads there any more."""


class Input:
    """``fd`` is non-blocking and belongs to the input. ``limit_bytes``: how much may wait.

    With a ``journal`` everything goes through it, and what waits in it is delivered first.
    """

    def __init__(self, fd: int, limit_bytes: int = LIMIT_BYTES, journal: InputJournal | None = None) -> None:
        self._fd = fd
        self._limit = limit_bytes
        self._journal = journal
        self._waiting: deque[tuple[memoryview, Callable[[int], None] | None]] = deque()
        self._size = 0
        self._full = False  # the program takes no more for now, and the loop says when it does
        self._loop = asyncio.get_running_loop()
        if journal is not None:
            for data in journal.waiting():
                self._waiting.append((memoryview(data), None))
                self._size += len(data)
            self._flush()

    def begin_journal(self, journal: InputJournal) -> None:
        """From now on all goes through ``journal``, first what waits. Raises JournalFull."""
        for data, _ in self._waiting:
            journal.take(data)
        self._journal = journal

    @property
    def fd(self) -> int:
        return self._fd

    @property
    def closed(self) -> bool:
        return self._fd < 0

    def write(
        self,
        data: bytes,
        written: Callable[[int], None] | None = None,
        *,
        whole: bool = False,
        origin: Origin = NOBODY,
    ) -> None:
        """Write now what can be, the rest when the program reads. ``written`` is told of every byte that went.

        ``whole``: where nothing else waits, the limit does not count. Raises InputFull (and takes nothing) or InputClosed.
        """
        if self._fd < 0:
            raise InputClosed
        if self._size + len(data) > self._limit and not (whole and not self._size):
            raise InputFull
        if not data:
            return
        if self._journal is not None:
            try:
                self._journal.take(data, origin)
            except JournalFull:
                raise InputFull from None
        self._waiting.append((memoryview(data), written))
        self._size += len(data)
        if len(self._waiting) == 1:
            self._flush()
            if self._fd < 0:
                raise InputClosed

    def _flush(self) -> None:
        while self._waiting:
            data, written = self._waiting[0]
            try:
                journal = self._journal
                count = os.write(self._fd, data) if journal is None else journal.deliver(self._fd)
            except BlockingIOError:
                self._full = True
                self._loop.add_writer(self._fd, self._flush)
                return
            except OSError:  # EPIPE, EIO: the reader is gone
                self.close()
                return
            self._size -= count
            if count < len(data):
                self._waiting[0] = (data[count:], written)
            else:
                self._waiting.popleft()
            if written is not None:
                written(count)
            if self._fd < 0:
                return
        if self._full:
            self._full = False
            self._loop.remove_writer(self._fd)

    def close(self) -> None:
        """Give the descriptor back; what waits is dropped."""
        if self._fd >= 0:
            self._loop.remove_writer(self._fd)
            os.close(self._fd)
            self._fd = -1
            self._waiting.clear()
            self._size = 0
