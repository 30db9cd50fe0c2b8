"""The recording of one attachment, written as it goes on; must never know the stream, terminals, commands.

A disk that does not take it ends the recording, not the attachment.
"""

from __future__ import annotations

import os
import time

from supervisor.client import castfile
from supervisor.protocol.asciicast import Writer, header_line


class Recorder:
    """The recording of one attachment. ``note`` is a line for the user, when there is one to be told."""

    def __init__(self, path: str, fd: int, inputs: bool, max_bytes: int) -> None:
        self.path = path
        self.over = False
        self.failed = False
        self._fd = fd
        self._inputs = inputs
        self._max_bytes = max_bytes
        self._writer: Writer | None = None
        self._began = 0.0
        self._size = (0, 0)

    def begin(self, name: str, rows: int, columns: int) -> str:
        """The program's terminal has this size; a new one is an event of the same recording."""
        if self._writer is not None:
            return self.resized(rows, columns)
        rows, columns = rows or 24, columns or 80
        head = header_line(columns, rows, int(time.time()), name, "xterm-256color")
        self._writer = Writer(head, self._max_bytes)
        self._began = time.monotonic()
        self._size = (rows, columns)
        return self._write(head)

    def output(self, data: bytes) -> str:
        return self._event("o", data)

    def typed(self, data: bytes) -> str:
        return self._event("i", data) if self._inputs else ""

    def resized(self, rows: int, columns: int) -> str:
        if self._writer is None or (rows, columns) == self._size or not (rows and columns):
            return ""
        self._size = (rows, columns)
        return self._write(self._writer.resized(self._now(), columns, rows))

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _now(self) -> float:
        return time.monotonic() - self._began

    def _event(self, code: str, data: bytes) -> str:
        if self._writer is None:
            return ""
        return self._write(self._writer.data(self._now(), code, data))

    def _write(self, line: bytes) -> str:
        if self.over or self._writer is None:
            return ""
        if reason := castfile.write(self._fd, line):
            self.over = self.failed = True
            return f"ERROR: cannot write {self.path}: {reason}; the recording ends here"
        if self._writer.full:
            self.over = True
            return f"The recording in {self.path} has reached --max-size and ends here"
        return ""
