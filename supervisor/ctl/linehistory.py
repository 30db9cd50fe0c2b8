"""What was typed line by line into a program, kept for the next time; must never know terminals, servers.

One file a program in the folder ``HISTORY_FILE.fg``: a line each, the newest last, for
the owner alone. A line goes into it when it is sent, so that a death loses none. What
cannot be read or written is not worth a word: then the lines last as long as this process.

A program on pipes has no echo that could be off while it asks for a password. What can be
known is how it asked, so the answer to such a question is not kept, nor is a line that
begins with a blank.
"""

from __future__ import annotations

import os
import re
import stat
from typing import Final
from urllib.parse import quote

LINES_MAX: Final = 500
FILE_MAX_BYTES: Final = 128 * 1024
_NAME_MAX: Final = 200
_QUESTION_MAX: Final = 256
_SECRET: Final = re.compile(
    r"(?:pass ?(?:word|phrase|code|wd)|\bpin\b|secret|token|\botp\b|one.time code|verification code|api.?key)[^\n]*[:?>\]] *\Z",
    re.IGNORECASE,
)


class Question:
    """What a program said last, as far as it may be a question."""

    def __init__(self) -> None:
        self._said = ""

    def feed(self, data: bytes) -> None:
        said = self._said + data.decode("utf-8", "replace")
        lines = said.rstrip("\r\n").splitlines()
        self._said = lines[-1][-_QUESTION_MAX:] if lines else ""
        if said.endswith("\n") and self._said:
            self._said += "\n"

    def answered(self) -> None:
        self._said = ""

    @property
    def for_a_secret(self) -> bool:
        return _SECRET.search(self._said.rstrip("\n")) is not None


class LineHistory:
    """``lines`` belongs to the caller and stays true; ``path`` empty: only there.

    What the file has comes into ``lines`` at once.
    """

    def __init__(self, lines: list[str], path: str = "") -> None:
        self.lines = lines
        self._path = path
        if path:
            try:
                self._read()
            except OSError:
                pass  # the first time there is none

    def add(self, line: str) -> None:
        """``line`` was sent."""
        if not line or line.startswith(" ") or (self.lines and self.lines[-1] == line):
            return
        self.lines.append(line)
        del self.lines[:-LINES_MAX]
        if self._path:
            try:
                self._append(_line(line))
            except OSError:
                self._path = ""

    def _read(self) -> None:
        fd = _opened(self._path, os.O_RDONLY)
        with os.fdopen(fd, "rb") as file:
            size = os.fstat(fd).st_size
            file.seek(max(0, size - FILE_MAX_BYTES))
            kept = file.read(FILE_MAX_BYTES).split(b"\n")
        kept = kept[1:] if size > FILE_MAX_BYTES else kept
        self.lines[:] = [line.decode("utf-8", "surrogateescape") for line in kept if line][-LINES_MAX:]

    def _append(self, data: bytes) -> None:
        folder = os.path.dirname(self._path)
        try:
            os.mkdir(folder, 0o700)
        except FileExistsError:
            found = os.lstat(folder)
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
                raise
        fd = _opened(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            os.write(fd, data)
            over = os.fstat(fd).st_size > 2 * FILE_MAX_BYTES
        finally:
            os.close(fd)
        if over:
            self._shorten()

    def _shorten(self) -> None:
        """Write the file anew, as a whole, with what is kept."""
        new = f"{self._path}.{os.getpid()}.new"
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(b"".join(map(_line, self.lines))[-FILE_MAX_BYTES:])
        os.replace(new, self._path)


def path_for(history_file: str, name: str) -> str:
    """Where the lines for the program ``name`` are; empty where the shell keeps no history either."""
    return os.path.join(f"{history_file}.fg", quote(name, safe="")[:_NAME_MAX]) if history_file else ""


def _line(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape") + b"\n"


def _opened(path: str, flags: int) -> int:
    """A file of ours that others cannot read. Raises OSError."""
    fd = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
            raise PermissionError(path)
        if found.st_mode & 0o077:
            os.fchmod(fd, 0o600)
    except OSError:
        os.close(fd)
        raise
    return fd
