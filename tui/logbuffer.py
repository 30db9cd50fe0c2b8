"""**Pure**: the kept end of one output channel, as raw lines with a place to resume at, and search over it.

Lines are bytes as the program wrote them, without the line end; between them stand marks
of our own (bytes skipped, process restarted). Line numbers are absolute: they go on
counting when old lines fall out. Must never know widgets or links.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from supervisor.errors import UserError

from .logtext import strip
from .words import size

MAX_LINES: Final = 20_000
MAX_BYTES: Final = 8 << 20
MAX_LINE_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Mark:
    """A line of ours. ``gap``: it stands for output that is missing."""

    text: str
    gap: bool = False


Line = bytes | Mark


class LogBuffer:
    """A ring of lines. ``gen``/``offset``: where the next byte is expected, offset -1 while nothing is known."""

    def __init__(self, max_lines: int = MAX_LINES, max_bytes: int = MAX_BYTES) -> None:
        self._lines: deque[Line] = deque()
        self._partial = b""
        self._max_lines = max_lines
        self._max_bytes = max_bytes
        self.first = 0
        self.bytes_kept = 0
        self.skipped_bytes = 0
        self.gen = 0
        self.offset = -1
        self.version = 0

    # from the link

    def begin(self, gen: int, offset: int, start: int) -> None:
        """Output will go on at ``offset`` of generation ``gen``; what we have stays if that joins on to it."""
        if self.offset >= 0 and gen == self.gen and offset >= self.offset:
            if offset > self.offset:
                self.gap(gen, self.offset, offset)
            return
        if self.offset >= 0:
            self.clear()
            self.note("the log was begun anew")
        elif offset > start:
            self.note(f"{size(offset - start)} of older output is kept by the server")
        self.gen, self.offset = gen, offset

    def output(self, gen: int, offset: int, data: bytes) -> None:
        if gen != self.gen:
            self._end_line()
            self.note("the log was cleared")
        elif offset > self.offset >= 0:
            self.gap(gen, self.offset, offset)
        self.gen, self.offset = gen, offset + len(data)
        pieces = (self._partial + data).split(b"\n")
        self._partial = pieces.pop()
        for piece in pieces:
            self._append(piece[:-1] if piece.endswith(b"\r") else piece)
        if len(self._partial) > MAX_LINE_BYTES:
            self._end_line()
        self._trim()
        self.version += 1

    def gap(self, gen: int, offset: int, until: int) -> None:
        """Bytes ``offset`` .. ``until`` will not come."""
        self._end_line()
        if gen == self.gen and until > offset:
            self.skipped_bytes += until - offset
            self.note(f"... skipped {size(until - offset)} to keep up ...", gap=True)
        self.gen, self.offset = gen, until

    def note(self, text: str, *, gap: bool = False) -> None:
        """A line of our own at the end."""
        self._end_line()
        self._lines.append(Mark(text, gap))
        self._trim()
        self.version += 1

    def clear(self) -> None:
        """Forget the lines, not the place."""
        self.first += self.count
        self._lines.clear()
        self._partial = b""
        self.bytes_kept = 0
        self.version += 1

    def _append(self, line: bytes) -> None:
        while len(line) > MAX_LINE_BYTES:
            self._lines.append(line[:MAX_LINE_BYTES])
            self.bytes_kept += MAX_LINE_BYTES
            line = line[MAX_LINE_BYTES:]
        self._lines.append(line)
        self.bytes_kept += len(line)

    def _end_line(self) -> None:
        if self._partial:
            partial, self._partial = self._partial, b""
            self._append(partial)

    def _trim(self) -> None:
        while self._lines and (len(self._lines) > self._max_lines or self.bytes_kept > self._max_bytes):
            line = self._lines.popleft()
            self.first += 1
            if isinstance(line, bytes):
                self.bytes_kept -= len(line)

    # reading

    @property
    def count(self) -> int:
        """Lines kept, an unfinished last one included."""
        return len(self._lines) + bool(self._partial)

    @property
    def end(self) -> int:
        """The number after the last line."""
        return self.first + self.count

    def line(self, number: int) -> Line:
        """Line ``number``; raises IndexError where it is not kept."""
        at = number - self.first
        if at == len(self._lines) and self._partial:
            return self._partial
        if at < 0:
            raise IndexError(number)
        return self._lines[at]

    def lines(self, start: int, end: int) -> Iterator[tuple[int, Line]]:
        for number in range(max(start, self.first), min(end, self.end)):
            yield number, self.line(number)


class Search:
    """Matching lines of one buffer, found a slice at a time, newest first.

    ``hits`` are line numbers in ascending order; ``complete`` when all kept lines were
    looked at. Small letters match capitals too.
    """

    def __init__(self, buffer: LogBuffer, pattern: str) -> None:
        """Raises UserError when ``pattern`` is no regular expression."""
        try:
            self.regex = re.compile(pattern, 0 if pattern != pattern.lower() else re.IGNORECASE)
        except re.error as error:
            raise UserError(f"/{pattern}: {error}") from error
        self.pattern = pattern
        self.hits: deque[int] = deque()
        self._buffer = buffer
        self._low = buffer.end
        self._high = buffer.end

    @property
    def complete(self) -> bool:
        return self._low <= self._buffer.first and self._high >= self._buffer.end - 1

    def step(self, budget_lines: int = 2000) -> None:
        """Look at new lines, then at older ones, at most ``budget_lines`` in all."""
        buffer = self._buffer
        while self.hits and self.hits[0] < buffer.first:
            self.hits.popleft()
        settled = buffer.end - 1  # the last line may still grow: it is looked at again
        while self._high < settled and budget_lines > 0:
            if self._high >= buffer.first and self._matches(self._high):
                self.hits.append(self._high)
            self._high += 1
            budget_lines -= 1
        while self._low > buffer.first and budget_lines > 0:
            self._low -= 1
            budget_lines -= 1
            if self._matches(self._low):
                self.hits.appendleft(self._low)
        self._low = max(self._low, buffer.first)

    def _matches(self, number: int) -> bool:
        line = self._buffer.line(number)
        return isinstance(line, bytes) and self.regex.search(strip(line)) is not None

    def next(self, number: int, *, backward: bool) -> int | None:
        """The hit after, or before, line ``number``; round the corner at the end."""
        if not self.hits:
            return None
        if backward:
            return next((hit for hit in reversed(self.hits) if hit < number), self.hits[-1])
        return next((hit for hit in self.hits if hit > number), self.hits[0])

    def place(self, number: int) -> int:
        """Which hit ``number`` is, from 1; 0 for none."""
        return next((at for at, hit in enumerate(self.hits, 1) if hit == number), 0)
