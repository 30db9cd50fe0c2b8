"""Files of recordings: made with mode 0600, never through a link or over another unasked, read line by line.

Must never know what is recorded, nor sessions or screens.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

from ..errors import EXIT_GENERIC, UserError
from ..protocol import asciicast
from ..protocol.asciicast import CastError, Event, Header

MAX_BYTES: Final = 100 * 1024 * 1024
"""How long a recording grows where nothing else is said."""


def create(path: str, over: Callable[[], bool]) -> int:
    """A descriptor to write to. Raises UserError; ``over`` is asked where a file is there already."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        return os.open(path, flags | os.O_EXCL, 0o600)
    except FileExistsError:
        if not over():
            raise UserError(f"{path} is there already: give another name, or --force") from None
    except (OSError, ValueError) as error:
        raise UserError(f"cannot write {path}: {_reason(error)}") from None
    try:
        fd = os.open(path, flags, 0o600)
    except OSError as error:
        raise UserError(f"cannot write {path}: {_reason(error)}") from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise UserError(f"cannot write {path}: it is no regular file")
    os.fchmod(fd, 0o600)
    os.ftruncate(fd, 0)
    return fd


def write(fd: int, line: bytes) -> str:
    """Write all of ``line``; what kept that from being done, empty for nothing."""
    try:
        view = memoryview(line)
        while view:
            view = view[os.write(fd, view) :]
    except OSError as error:
        return _reason(error)
    return ""


def opened(path: str) -> BinaryIO:
    """The file, to be read. Raises UserError."""
    try:
        return open(path, "rb")
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path}: {_reason(error)}", EXIT_GENERIC) from None


def _reason(error: OSError | ValueError) -> str:
    return ((error.strerror if isinstance(error, OSError) else "") or str(error)).lower()


class Reader:
    """Header and events of an open file; ``line`` is the number of the one read last.

    Raises UserError, with file and line for what is no asciicast.
    """

    def __init__(self, path: str, file: BinaryIO) -> None:
        self._path = path
        self._file = file
        self.line = 0
        try:
            self.header: Header = asciicast.read_header(self._next())
        except CastError as error:
            raise self.wrong(error) from None

    def events(self) -> Iterator[Event]:
        while line := self._next():
            if not line.strip():
                continue
            try:
                event = asciicast.read_event(line)
            except CastError as error:
                raise self.wrong(error) from None
            yield event

    def _next(self) -> bytes:
        """The next line, not longer than one byte more than may be."""
        self.line += 1
        try:
            return self._file.readline(asciicast.MAX_LINE_BYTES + 1)
        except OSError as error:
            raise UserError(f"cannot read {self._path}: {_reason(error)}", EXIT_GENERIC) from None

    def wrong(self, error: CastError) -> UserError:
        return UserError(f"{self._path}:{self.line}: {error}", EXIT_GENERIC)
