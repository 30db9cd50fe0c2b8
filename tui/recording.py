"""``supervisortui --record``: what the links tell and send goes into a file as well; must never know screens.

The file is asciicast v2 with events of our own, see ``tape``. It is written as things
come in: a console that is killed leaves a recording up to there. A disk that does not
take it, or the bound, ends the recording and not the console.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Final

from supervisor.client import castfile
from supervisor.errors import EXIT_GENERIC, UserError
from supervisor.protocol import stream as wire
from supervisor.protocol.asciicast import Writer, header_line

from .logbuffer import Older
from .model import Message
from .tape import Writing, header_field

TITLE: Final = "supervisortui"
LAST_EVERY_S: Final = 1.0
"""Last lines of lists are written this often: what they show of a flood would fill the file."""


class Recorder:
    """A ``tape.Tap``. ``say`` is told when the recording ends early. ``over``: nothing more is written."""

    def __init__(self, path: str, sups: list[str], size: tuple[int, int]) -> None:
        """``size``: columns and rows. Raises UserError where the file cannot be made, or is there already."""
        self.path = path
        self.over = False
        self.say: Callable[[str], None] = lambda text: None
        try:
            self._fd = castfile.create(path, lambda: False)
        except UserError as error:
            words = str(error).replace(": give another name, or --force", ": give another name")
            raise UserError(words, EXIT_GENERIC) from None
        cols, rows = size
        head = header_line(
            max(1, cols),
            max(1, rows),
            int(time.time()),
            TITLE,
            os.environ.get("TERM", ""),
            header_field(sups),
        )
        self._writer = Writer(head, castfile.MAX_BYTES)
        self._writing = Writing(self._writer)
        self._began = time.monotonic()
        self._lines: dict[tuple[str, str], str] = {}
        self._lines_at = float("-inf")
        self._write(head)

    def words(self) -> str:
        """For the title bar."""
        return "" if self.over else "REC"

    def told(self, message: Message) -> None:
        self._write_lines()
        self._write(self._writing.told(self._now(), message))

    def fed(self, sup: str, namespec: str, channel: str, frame: wire.Frame) -> None:
        self._write(self._writing.fed(self._now(), sup, namespec, channel, frame))

    def older(self, sup: str, namespec: str, channel: str, piece: Older) -> None:
        self._write(self._writing.older(self._now(), sup, namespec, channel, piece))

    def attached(self, sup: str, namespec: str, frame: wire.Frame | None) -> None:
        self._write(self._writing.attached(self._now(), sup, namespec, frame))

    def last(self, sup: str, namespec: str, line: str) -> None:
        self._lines[sup, namespec] = line
        self._write_lines()

    def _write_lines(self, within_s: float = LAST_EVERY_S) -> None:
        """The newest last lines, unless it is too early."""
        now = self._now()
        if now - self._lines_at < within_s or not self._lines:
            return
        self._lines_at = now
        lines, self._lines = self._lines, {}
        for (sup, namespec), line in lines.items():
            self._write(self._writing.last(now, sup, namespec, line))

    def close(self) -> None:
        self._write_lines(0)
        self.over = True
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _now(self) -> float:
        return time.monotonic() - self._began

    def _write(self, line: bytes) -> None:
        if self.over:
            return
        if reason := castfile.write(self._fd, line):
            self._end(f"cannot write {self.path}: {reason}; the recording ends here")
        elif self._writer.full:
            self._end(f"{self.path} has reached {castfile.MAX_BYTES >> 20} MiB; the recording ends here")

    def _end(self, text: str) -> None:
        self.close()
        self.say(text)
