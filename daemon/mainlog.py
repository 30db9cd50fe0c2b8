"""The main log: levels, format, sinks; must never know what is logged.

A line is ``YYYY-MM-DD HH:MM:SS,mmm LEVL message`` in local time, as Supervisor
writes it. A log that cannot be written never stops the supervisor: up to 1,000
lines wait in memory, more are counted, and both come when it can be written again.
"""

from __future__ import annotations

import os
import sys
import syslog
import time
from collections import deque

from .output.store import LogStore, Unsuitable

LEVELS = {"critical": 50, "error": 40, "warn": 30, "info": 20, "debug": 10, "trace": 5, "blather": 3}
TAGS = {50: "CRIT", 40: "ERRO", 30: "WARN", 20: "INFO", 10: "DEBG", 5: "TRAC", 3: "BLAT"}
KEPT_LINES = 1000
AGAIN_S = 30.0


class MainLog:
    """``path`` may be the word ``syslog``. ``stdout``: write lines there as well."""

    def __init__(self, path: str, maxbytes: int, backups: int, level: str, stdout: bool) -> None:
        self.level = LEVELS[level]
        self.path = "" if path == "syslog" else path
        self.store: LogStore | None = None
        self.dropped = 0
        self._waiting: deque[bytes] = deque()
        self._told_at: dict[str, float] = {}
        self._stdout = stdout
        self._plain_fd = -1
        self._syslog = path == "syslog"
        if self.path:
            self._open(maxbytes, backups)

    @property
    def copies_output(self) -> bool:
        """Whether it is so talkative that what programs print stands in it too."""
        return self.level <= LEVELS["debug"]

    def _open(self, maxbytes: int, backups: int) -> None:
        self.store = LogStore(self.path, maxbytes, backups)
        try:
            self.store.open()
        except Unsuitable:  # a terminal, a pipe: lines are written, nothing is read back or rotated
            self.store = None
            self._plain_fd = os.open(self.path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOCTTY)
        except OSError:
            pass  # it is tried again with every line; until then they wait

    def log(self, level: str, text: str) -> None:
        """Write one message if ``level`` is loud enough."""
        number = LEVELS[level]
        if number < self.level:
            return
        now = time.time()
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
        line = f"{stamp},{int(now * 1000) % 1000:03d} {TAGS[number]} {text}\n".encode(
            "utf-8", "backslashreplace"
        )
        if self._stdout:
            try:
                sys.stdout.buffer.write(line)
                sys.stdout.buffer.flush()
            except (OSError, ValueError):
                self._stdout = False  # nobody reads there any more
        if self._syslog:
            syslog.syslog(text)
        if self.store is not None or self._plain_fd >= 0:
            self._waiting.append(line)
            self.flush()

    def flush(self) -> None:
        """Write what waits, as far as it can be written."""
        while self._waiting:
            line = self._waiting[0]
            try:
                count = self.store.append(line) if self.store is not None else os.write(self._plain_fd, line)
            except OSError:
                break
            if count < len(line):
                self._waiting[0] = line[count:]
            else:
                self._waiting.popleft()
        while len(self._waiting) > KEPT_LINES:
            self._waiting.popleft()
            self.dropped += 1
        if self.dropped and not self._waiting:
            dropped, self.dropped = self.dropped, 0
            self.log("warn", f"{dropped} lines of this log could not be written and are lost")

    def once(self, key: str, text: str) -> None:
        """An error that would come again and again: at most once in ``AGAIN_S`` for each key."""
        now = time.monotonic()
        if now - self._told_at.get(key, float("-inf")) >= AGAIN_S:
            self._told_at[key] = now
            self.error(text)

    def critical(self, text: str) -> None:
        self.log("critical", text)

    def error(self, text: str) -> None:
        self.log("error", text)

    def warn(self, text: str) -> None:
        self.log("warn", text)

    def info(self, text: str) -> None:
        self.log("info", text)

    def debug(self, text: str) -> None:
        self.log("debug", text)

    def trace(self, text: str) -> None:
        self.log("trace", text)

    def reopen(self) -> None:
        """Open by name again. Raises OSError."""
        if self.store is not None:
            self.store.reopen()

    def quiet(self) -> None:
        """No lines on stdout from now on: it is not ours any more."""
        self._stdout = False

    def close(self) -> None:
        if self.store is not None:
            self.store.close()
        if self._plain_fd >= 0:
            os.close(self._plain_fd)
            self._plain_fd = -1
