"""Door: levels, loggers and handlers for plug-ins and listeners that log by themselves; thin.

The logger that a plug-in finds at ``supervisord.options.logger`` is a ``Logger`` of
this file whose first handler writes to the main log. Percent signs of a message are
literal unless keyword arguments are given.
"""

from __future__ import annotations

import contextlib
import os
import sys
import syslog
import time
from typing import Any, Final, TextIO

__all__ = [
    "LOG_LEVELS_BY_NUM",
    "FileHandler",
    "Handler",
    "LevelsByDescription",
    "LevelsByName",
    "LogRecord",
    "Logger",
    "RotatingFileHandler",
    "StreamHandler",
    "SyslogHandler",
    "getLevelNumByDescription",
    "getLogger",
    "handle_file",
    "handle_stdout",
    "handle_syslog",
]


class LevelsByName:
    CRIT = 50
    ERRO = 40
    WARN = 30
    INFO = 20
    DEBG = 10
    TRAC = 5
    BLAT = 3


class LevelsByDescription:
    critical = LevelsByName.CRIT
    error = LevelsByName.ERRO
    warn = LevelsByName.WARN
    info = LevelsByName.INFO
    debug = LevelsByName.DEBG
    trace = LevelsByName.TRAC
    blather = LevelsByName.BLAT


def _levels(kind: type) -> dict[str, int]:
    return {name: number for name, number in vars(kind).items() if not name.startswith("_")}


LOG_LEVELS_BY_NUM: Final[dict[int, str]] = {number: name for name, number in _levels(LevelsByName).items()}


def getLevelNumByDescription(description: str) -> int | None:
    """20 for ``info``; None for what is no level."""
    return _levels(LevelsByDescription).get(description)


def tag(level: int) -> str:
    """``INFO`` for 20; for a number between two levels the tag of the one below."""
    known = [number for number in LOG_LEVELS_BY_NUM if number <= level]
    return LOG_LEVELS_BY_NUM[max(known, default=LevelsByName.BLAT)]


class LogRecord:
    """One message. ``kw``: what is filled in for its ``%(name)s``."""

    def __init__(self, level: int, msg: str | bytes, **kw: Any) -> None:
        self.level = level
        self.msg = msg.decode("utf-8", "replace") if isinstance(msg, bytes) else str(msg)
        self.kw = kw
        self.created = time.time()

    @property
    def message(self) -> str:
        """The text; a template that does not fit its values is shown beside them."""
        if not self.kw:
            return self.msg
        try:
            return self.msg % self.kw
        except (KeyError, TypeError, ValueError):
            return f"{self.msg} {self.kw}"

    def asdict(self) -> dict[str, str]:
        """What a format can use: ``message``, ``levelname``, ``asctime``."""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.created))
        asctime = f"{stamp},{int(self.created * 1000) % 1000:03d}"
        return {"message": self.message, "levelname": tag(self.level), "asctime": asctime}


class Handler:
    """Writes records that are loud enough to a text stream."""

    fmt = "%(message)s"
    level = LevelsByName.BLAT

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream
        self.closed = False

    def setFormat(self, fmt: str) -> None:
        self.fmt = fmt

    def setLevel(self, level: int) -> None:
        self.level = level

    def flush(self) -> None:
        if self.stream is not None:
            with contextlib.suppress(OSError, ValueError):
                self.stream.flush()

    def close(self) -> None:
        """Close the stream, unless it is one of the process's own."""
        if not self.closed and self.stream is not None and self.stream not in (sys.stdout, sys.stderr):
            self.stream.close()
        self.closed = True

    def emit(self, record: LogRecord) -> None:
        """Write one record; a stream that cannot be written loses it, nothing is raised."""
        if self.stream is not None and not self.closed:
            with contextlib.suppress(OSError, ValueError):
                self.stream.write(self.fmt % record.asdict())
                self.flush()


class StreamHandler(Handler):
    def remove(self) -> None:
        """There is no file."""

    def reopen(self) -> None:
        """There is no file."""


class FileHandler(Handler):
    """Appends to a file, UTF-8."""

    def __init__(self, filename: str, mode: str = "ab") -> None:
        super().__init__()
        self.baseFilename = filename
        self.mode = mode
        self.reopen()

    def reopen(self) -> None:
        """Open by name again. Raises OSError."""
        if self.stream is not None:
            self.stream.close()
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | (os.O_TRUNC if "w" in self.mode else os.O_APPEND)
        self.stream = os.fdopen(
            os.open(self.baseFilename, flags, 0o666), "w", encoding="utf-8", errors="replace"
        )

    def remove(self) -> None:
        self.close()
        with contextlib.suppress(FileNotFoundError):
            os.remove(self.baseFilename)


class RotatingFileHandler(FileHandler):
    """A file that becomes ``NAME.1`` (and that ``NAME.2`` …) once it has ``maxBytes``; 0: never."""

    def __init__(
        self, filename: str, mode: str = "ab", maxBytes: int = 512 * 1024 * 1024, backupCount: int = 10
    ) -> None:
        super().__init__(filename, "ab" if maxBytes > 0 else mode)
        self.maxBytes = maxBytes
        self.backupCount = backupCount

    def emit(self, record: LogRecord) -> None:
        super().emit(record)
        if self.stream is not None and not self.closed and self.maxBytes > 0:
            with contextlib.suppress(OSError, ValueError):
                if os.fstat(self.stream.fileno()).st_size >= self.maxBytes:
                    self.doRollover()

    def doRollover(self) -> None:
        """Rotate now. Raises OSError."""
        for number in range(self.backupCount - 1, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                os.replace(f"{self.baseFilename}.{number}", f"{self.baseFilename}.{number + 1}")
        if self.backupCount > 0:
            with contextlib.suppress(FileNotFoundError):
                os.replace(self.baseFilename, f"{self.baseFilename}.1")
        else:
            os.truncate(self.baseFilename, 0)
        self.reopen()


class SyslogHandler(Handler):
    """Sends each line of a record to syslog."""

    def emit(self, record: LogRecord) -> None:
        for line in record.message.rstrip("\n").split("\n"):
            syslog.syslog(self.fmt % {**record.asdict(), "message": line})

    def reopen(self) -> None:
        """There is no file."""


class Logger:
    """Passes what has at least ``level`` (default INFO) to its handlers."""

    def __init__(self, level: int | None = None, handlers: list[Handler] | None = None) -> None:
        self.level = LevelsByName.INFO if level is None else level
        self.handlers = [] if handlers is None else handlers

    def addHandler(self, handler: Handler) -> None:
        self.handlers.append(handler)

    def log(self, level: int, msg: str | bytes, **kw: Any) -> None:
        if level < self.level:
            return
        record = LogRecord(level, msg, **kw)
        for handler in self.handlers:
            if level >= handler.level:
                handler.emit(record)

    def critical(self, msg: str | bytes, **kw: Any) -> None:
        self.log(LevelsByName.CRIT, msg, **kw)

    def error(self, msg: str | bytes, **kw: Any) -> None:
        self.log(LevelsByName.ERRO, msg, **kw)

    def warn(self, msg: str | bytes, **kw: Any) -> None:
        self.log(LevelsByName.WARN, msg, **kw)

    def info(self, msg: str | bytes, **kw: Any) -> None:
        self.log(LevelsByName.INFO, msg, **kw)

    def debug(self, msg: str | bytes, **kw: Any) -> None:
        self.log(LevelsByName.DEBG, msg, **kw)

    def trace(self, msg: str | bytes, **kw: Any) -> None:
        self.log(LevelsByName.TRAC, msg, **kw)

    def blather(self, msg: str | bytes, **kw: Any) -> None:
        self.log(LevelsByName.BLAT, msg, **kw)

    def close(self) -> None:
        for handler in self.handlers:
            handler.close()


def getLogger(level: int | None = None) -> Logger:
    """A logger without handlers."""
    return Logger(level)


def _handle(logger: Logger, handler: Handler, fmt: str) -> None:
    handler.setFormat(fmt)
    handler.setLevel(logger.level)
    logger.addHandler(handler)


def handle_stdout(logger: Logger, fmt: str) -> None:
    """Have the logger write to standard output as well. ``fmt`` ends with the line end."""
    _handle(logger, StreamHandler(sys.stdout), fmt)


def handle_syslog(logger: Logger, fmt: str) -> None:
    """Have the logger write to syslog as well."""
    _handle(logger, SyslogHandler(), fmt)


def handle_file(
    logger: Logger, filename: str, fmt: str, rotating: bool = False, maxbytes: int = 0, backups: int = 0
) -> None:
    """Have the logger write to a file as well. Raises OSError when it cannot be opened."""
    if filename == "syslog":
        handle_syslog(logger, fmt)
    elif rotating:
        _handle(logger, RotatingFileHandler(filename, maxBytes=maxbytes, backupCount=backups), fmt)
    else:
        _handle(logger, FileHandler(filename), fmt)
