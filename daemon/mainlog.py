"""The main log: levels, format, sinks; must never know what is logged.

A line is ``YYYY-MM-DD HH:MM:SS,mmm LEVL message`` in local time, as Supervisor
writes it. A log that cannot be written, or that nobody reads, never stops the
supervisor: up to 1,000 lines wait in memory, more are counted, and both come when it
can be written again.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable

from .lines import Lines, open_stdout, open_target
from .output.lane import Lanes
from .output.store import LogStore, Unsuitable
from .syslogger import Syslogger

LEVELS = {"critical": 50, "error": 40, "warn": 30, "info": 20, "debug": 10, "trace": 5, "blather": 3}
TAGS = {50: "CRIT", 40: "ERRO", 30: "WARN", 20: "INFO", 10: "DEBG", 5: "TRAC", 3: "BLAT"}
AGAIN_S = 30.0
RETRY_S = 1.0
FINISH_S = 1.0
"""How long the end of the daemon waits for a slow reader of its last lines."""


class MainLog:
    """``path`` may be the word ``syslog``. ``stdout``: write lines there as well. ``system``: the system's log."""

    def __init__(
        self,
        path: str,
        maxbytes: int,
        backups: int,
        level: str,
        stdout: bool,
        system: Syslogger | None = None,
        lanes: Lanes | None = None,
    ) -> None:
        self.level = LEVELS[level]
        self.path = "" if path == "syslog" else path
        self.store: LogStore | None = None
        self.later: Callable[[float, Callable[[], None]], object] = lambda seconds, again: None
        """To be called after so many seconds: lines wait. Until it is set, they wait for the next line."""
        self._asked = False
        self._trouble = ""
        self._second, self._stamp = -1, ""
        self._told_at: dict[str, float] = {}
        self._file = Lines(self._write)
        self._plain_fd = -1
        self._stdout_fd = -1
        self._stdout = Lines(self._write_stdout)
        if stdout:
            self._open_stdout()
        self._syslogger = (system or Syslogger()) if path == "syslog" else None
        self._system = Lines(self._syslogger.send) if self._syslogger is not None else None
        if self.path:
            self._open(maxbytes, backups, lanes)

    @property
    def copies_output(self) -> bool:
        """Whether it is so talkative that what programs print stands in it too."""
        return self.level <= LEVELS["debug"]

    def _open(self, maxbytes: int, backups: int, lanes: Lanes | None) -> None:
        self.store = LogStore(self.path, maxbytes, backups, lanes=lanes)
        try:
            self.store.open()
        except Unsuitable:  # a terminal, a pipe: lines are written, nothing is read back or rotated
            self.store = None
            self._plain_fd = open_target(self.path)
        except OSError:
            pass  # it is tried again with every line; until then they wait

    def _open_stdout(self) -> None:
        try:
            self._stdout_fd = open_stdout()
        except OSError:
            pass  # we were started without one

    def _write(self, line: bytes) -> int:
        return self.store.append(line) if self.store is not None else os.write(self._plain_fd, line)

    def _write_stdout(self, line: bytes) -> int:
        try:
            return os.write(self._stdout_fd, line)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ENOSPC, errno.EDQUOT):
                self.quiet()  # nobody reads there any more
            raise

    def log(self, level: str, text: str) -> None:
        """Write one message if ``level`` is loud enough."""
        number = LEVELS[level]
        if number >= self.level:
            self._put(number, text)

    def always(self, text: str) -> None:
        """A message that stands there whatever the level is."""
        self._put(LEVELS["info"], text)

    def _put(self, number: int, text: str) -> None:
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second, self._stamp = second, time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
        line = f"{self._stamp},{int(now * 1000) % 1000:03d} {TAGS[number]} {text}\n".encode(
            "utf-8", "backslashreplace"
        )
        if self._stdout_fd >= 0:
            self._stdout.put(line)
        if self._system is not None:
            for part in text.splitlines():
                self._system.put(part.encode("utf-8", "backslashreplace"))
        if self.store is not None or self._plain_fd >= 0:
            self._file.put(line)
        self._settle()

    def _all(self) -> list[Lines]:
        """Where lines go."""
        found = [self._file]
        if self._stdout_fd >= 0:
            found.append(self._stdout)
        if self._system is not None:
            found.append(self._system)
        return found

    def flush(self) -> None:
        """Write what waits, as far as it can be written."""
        for lines in self._all():
            lines.flush()
        self._settle()

    def _settle(self) -> None:
        """After some lines were written, or not."""
        for lines in self._all():
            if lines.dropped and not lines.waits:
                dropped, lines.dropped = lines.dropped, 0
                name = "output" if lines is self._stdout else "log"
                self.warn(f"{dropped} lines of this {name} could not be written and are lost")
        if self.store is not None and self.store.trouble != self._trouble:
            self._trouble = self.store.trouble
            if self._trouble:
                self.warn(self._trouble)
        if not self._asked and any(lines.waits for lines in self._all()):
            self._asked = True
            self.later(RETRY_S, self._again)

    def _again(self) -> None:
        self._asked = False
        self.flush()

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
        if self._stdout_fd >= 0:
            os.close(self._stdout_fd)
            self._stdout_fd = -1

    def close(self) -> None:
        if self.store is not None:
            end = time.monotonic() + FINISH_S
            while self._file.waits and self.store.slow and time.monotonic() < end:
                time.sleep(RETRY_S / 100)
                self._file.flush()
            self.store.close()
        if self._stdout_fd >= 0:
            self._stdout.finish(self._stdout_fd, FINISH_S)
            self.quiet()
        if self._plain_fd >= 0:
            self._file.finish(self._plain_fd, FINISH_S)
            os.close(self._plain_fd)
            self._plain_fd = -1
        if self._syslogger is not None:
            self._syslogger.close()
