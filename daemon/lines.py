"""Lines for a reader that may be slow, away or full; must never know what they say.

Nothing here waits: a terminal whose output was stopped, a pipe that nobody drains or
a full disk costs its lines, never the daemon's time. Up to ``KEPT_LINES`` wait in
memory; of more the oldest are dropped and counted.
"""

from __future__ import annotations

import contextlib
import os
import select
import stat
import time
from collections import deque
from collections.abc import Callable

KEPT_LINES = 1000
STDOUT = 1


class Lines:
    """``write`` takes a line or its beginning and says how many bytes; it raises OSError when it takes none now."""

    def __init__(self, write: Callable[[bytes], int]) -> None:
        self.write = write
        self.dropped = 0
        self._waiting: deque[bytes] = deque()

    @property
    def waits(self) -> bool:
        """Whether there are lines that could not be written yet."""
        return bool(self._waiting)

    def put(self, line: bytes) -> None:
        """Write a line now or later."""
        self._waiting.append(line)
        self.flush()

    def flush(self) -> None:
        """Write what waits, as far as it is taken."""
        while self._waiting:
            line = self._waiting[0]
            try:
                count = self.write(line)
            except OSError:
                break
            if count < len(line):
                self._waiting[0] = line[count:]
            else:
                self._waiting.popleft()
        while len(self._waiting) > KEPT_LINES:
            self._waiting.popleft()
            self.dropped += 1

    def finish(self, fd: int, seconds: float) -> None:
        """The last chance of what waits for a descriptor: at most so long."""
        end = time.monotonic() + seconds
        poll = select.poll()
        poll.register(fd, select.POLLOUT)
        while self._waiting and (left := end - time.monotonic()) > 0:
            found = poll.poll(left * 1000)
            if not found or found[0][1] & (select.POLLERR | select.POLLHUP):
                return
            self.flush()


def open_target(path: str) -> int:
    """Open for writing what is no regular file; a write to it never waits. Raises OSError."""
    # A FIFO without a reader must not block us; O_RDWR on it never does, and never raises SIGPIPE.
    flags = os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    try:
        return os.open(path, os.O_WRONLY | flags)
    except OSError:
        return os.open(path, os.O_RDWR | flags)


def open_stdout() -> int:
    """A descriptor for what our standard output is, whose writes do not wait if that can be had.

    The flag belongs to the open file, which is also our caller's: a pipe and a terminal are opened once more.
    """
    kind = os.fstat(STDOUT).st_mode
    if stat.S_ISFIFO(kind) or stat.S_ISCHR(kind):
        with contextlib.suppress(OSError):  # another user's: then as it is
            return os.open(
                f"/proc/self/fd/{STDOUT}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
            )
    return os.dup(STDOUT)
