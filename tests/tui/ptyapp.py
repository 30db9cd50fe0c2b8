"""The installed console on a pseudo terminal, its screen read through our emulator: keys in, text out."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

from supervisor.tui.terminal import Attrs, Terminal

KEYS = {
    "enter": "\r", "esc": "\x1b", "tab": "\t", "up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D",
    "pgup": "\x1b[5~", "pgdn": "\x1b[6~", "f1": "\x1bOP", "f2": "\x1bOQ", "f3": "\x1bOR", "f4": "\x1bOS", "f5": "\x1b[15~",
    "f7": "\x1b[18~", "f8": "\x1b[19~", "f9": "\x1b[20~", "f10": "\x1b[21~", "f11": "\x1b[23~", "prefix": "\x1d", "backspace": "\x7f",
}  # fmt: skip
MOUSE = {
    "press": (0, "M"), "drag": (32, "M"), "release": (0, "m"), "right": (2, "M"), "up": (64, "M"), "down": (65, "M"),
}  # fmt: skip
MAIN = "import sys; from supervisor.tui.main import main; sys.exit(main())"


class PtyApp:
    """A program on a pty of ``rows`` by ``cols``; use as a context manager, which ends it."""

    def __init__(
        self, arguments: list[str], home: Path, *, rows: int = 24, cols: int = 80, main: str = MAIN, **environ: str
    ) -> None:  # fmt: skip
        self.terminal = Terminal(rows, cols)
        self.raw = bytearray()
        self.status: int | None = None
        environment = {
            "PATH": os.environ["PATH"],
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "LANG": "C.UTF-8",
            "HOME": str(home),
            "TMPDIR": str(home),
            **environ,
        }
        self._fd, slave = pty.openpty()
        self._set_size(rows, cols)
        self.mode_before = termios.tcgetattr(slave)
        self.pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-c", _LEAD, main, *arguments],
            environment,
            file_actions=[(os.POSIX_SPAWN_DUP2, slave, fd) for fd in (0, 1, 2)],
            setsid=True,
        )
        self._slave = slave

    def __enter__(self) -> PtyApp:  # noqa: PYI034  # never subclassed
        return self

    def __exit__(self, *error: object) -> None:
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self._fd)
        os.close(self._slave)

    def _set_size(self, rows: int, cols: int) -> None:
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def resize(self, rows: int, cols: int) -> None:
        self._set_size(rows, cols)
        self.terminal.resize(rows, cols)
        os.kill(self.pid, signal.SIGWINCH)

    def keys(self, *keys: str) -> None:
        """Named keys of KEYS, or text as it is."""
        for key in keys:
            os.write(self._fd, KEYS.get(key, key).encode())

    def mouse(self, *events: tuple[str, int, int]) -> None:
        """Events of MOUSE at a column and a row of the screen, from 0."""
        for event, col, row in events:
            code, final = MOUSE[event]
            self.keys(f"\x1b[<{code};{col + 1};{row + 1}{final}")

    def pump(self, wait_s: float = 0.05) -> None:
        if select.select([self._fd], [], [], wait_s)[0]:
            try:
                data = os.read(self._fd, 65536)
            except OSError:
                return
            self.raw += data
            self.terminal.feed(data)
            replies = self.terminal.replies()
            if replies:
                os.write(self._fd, replies)

    def wait(self, condition: Callable[[], bool], what: str = "") -> None:
        """Until ``condition``, at most 15 s; then fails showing the screen."""
        deadline = time.monotonic() + 15
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"never saw {what}; the screen was:\n{self.text()}")
            self.pump()

    def settle(self, quiet_s: float = 0.15) -> None:
        """Until nothing was written for a moment: a frame is whole."""
        quiet_since, size = time.monotonic(), len(self.raw)

        def quiet() -> bool:
            nonlocal quiet_since, size
            if len(self.raw) != size:
                quiet_since, size = time.monotonic(), len(self.raw)
            return time.monotonic() - quiet_since > quiet_s

        self.wait(quiet, "a quiet screen")

    def see(self, *texts: str) -> None:
        self.wait(lambda: all(text in self.text() for text in texts), repr(texts))

    def miss(self, *texts: str) -> None:
        self.wait(lambda: not any(text in self.text() for text in texts), f"no {texts!r}")

    def lines(self) -> list[str]:
        return [line.text.rstrip() for line in self.terminal.lines()]

    def text(self) -> str:
        return "\n".join(self.lines())

    def row_of(self, text: str) -> int:
        return next(number for number, line in enumerate(self.lines()) if text in line)

    def place_of(self, text: str) -> tuple[int, int]:
        """The column and the row where ``text`` begins."""
        row = self.row_of(text)
        return self.lines()[row].index(text), row

    def look_of(self, text: str) -> Attrs:
        """The attributes of the first cell of ``text`` on the screen."""
        row = self.terminal.row(self.row_of(text))
        at = row.text.index(text)
        for part, attrs in row.runs:
            if at < len(part):
                return attrs
            at -= len(part)
        raise AssertionError(text)

    def mode(self) -> list[object]:
        return list(termios.tcgetattr(self._slave))

    def end(self) -> int:
        """Wait for the program to end by itself; its exit status."""

        def ended() -> bool:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
            return pid != 0

        self.wait(ended, "the end")
        for _ in range(3):
            self.pump(0.01)
        assert self.status is not None
        return self.status


# The new session has no controlling terminal yet: opening the pty by name makes it that.
_LEAD = "import os, sys; os.close(os.open(os.ttyname(0), os.O_RDWR)); main = sys.argv.pop(1); exec(main)"
