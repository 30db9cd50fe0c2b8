"""The operator's terminal: raw, line by line, and back; must never know what is shown on it.

``Terminal`` is a context: however it is left, the settings found are put back, and the
modes that a program switched on in the meantime (``ModeTracker``) are switched off.
"""

from __future__ import annotations

import os
import re
import select
import signal
import termios
import tty
from types import FrameType, TracebackType
from typing import Final, Self

_PRIVATE_MODE = re.compile(rb"\x1b\[\?([0-9;]{1,64})([hl])|\x1b([=>c])|\x1b\[([0-9;]*)r|\x1b\[([<>])[0-9;]*u")
_MAX_SEQUENCE_BYTES: Final = 72

# Modes that must not outlive the program's picture, with what they are when a terminal is at rest. 1: cursor
# keys; 7: wrap; 25: cursor; 9, 1000 .. 1016: mouse and focus; 47, 1047, 1049: alternate screen; 2004: paste
# marks; 2026: held frame.
_MODES_AT_REST: Final = {
    mode: mode in (7, 25)
    for mode in (1, 5, 6, 7, 9, 25, 47, 66, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1015, 1016, 1047, 1049, 2004, 2026)
}  # fmt: skip


class ModeTracker:
    """Reads a program's output and knows which terminal modes it left changed. Pure."""

    def __init__(self) -> None:
        self._changed: set[int] = set()
        self._keypad = False
        self._region = False
        self._kitty = 0
        self._tail = b""

    def feed(self, data: bytes) -> None:
        data = self._tail + data
        for match in _PRIVATE_MODE.finditer(data):
            modes, switch, escape, region, kitty = match.groups()
            if modes is not None:
                self._switch(modes, switch == b"h")
            elif region is not None:
                self._region = region != b""
            elif kitty is not None:
                self._kitty = max(0, self._kitty + (1 if kitty == b">" else -1))
            elif escape == b"c":
                self._changed.clear()
                self._keypad = self._region = False
            else:
                self._keypad = escape == b"="
        # A sequence may go on in the next piece.
        start = data.rfind(b"\x1b", max(0, len(data) - _MAX_SEQUENCE_BYTES))
        cut = start >= 0 and _PRIVATE_MODE.match(data, start) is None
        self._tail = data[start:] if cut else b""

    def _switch(self, modes: bytes, on: bool) -> None:
        for text in modes.split(b";"):
            mode = int(text) if text.isdigit() and len(text) < 6 else -1
            if mode not in _MODES_AT_REST:
                continue
            if on == _MODES_AT_REST[mode]:
                self._changed.discard(mode)
            else:
                self._changed.add(mode)

    def restore(self) -> bytes:
        """What puts the modes back to rest; colours and character set always."""
        parts = [b"\x1b[0m\x1b(B\x0f"]
        for mode in sorted(self._changed, reverse=True):
            parts.append(b"\x1b[?%d%s" % (mode, b"h" if _MODES_AT_REST[mode] else b"l"))
        if self._keypad:
            parts.append(b"\x1b>")
        if self._kitty:
            parts.append(b"\x1b[<%du" % min(self._kitty, 99))
        if self._region:
            parts.append(b"\x1b7\x1b[r\x1b8")
        return b"".join(parts)


class Terminated(BaseException):
    """TERM or HUP came; like KeyboardInterrupt, so that every ``finally`` on the way runs."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number


def window_size(fd: int) -> tuple[int, int]:
    """(rows, columns) of the terminal ``fd``; zeros where there is none."""
    try:
        size = os.get_terminal_size(fd)
    except OSError:
        return 0, 0
    return size.lines, size.columns


def write_all(fd: int, data: bytes) -> None:
    """Write all of ``data``, also where the terminal was made non-blocking by somebody else."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:
            select.select([], [fd], [])


class Terminal:
    """Standard input and output as a terminal that a program gets for a while.

    ``wake_fd`` becomes readable when the window changed (``woken`` reads it). TERM and HUP raise Terminated. Works on what is no terminal too:
    then there is nothing to set or to put back.
    """

    def __init__(self, input_fd: int = 0, output_fd: int = 1) -> None:
        self.input_fd = input_fd
        self.output_fd = output_fd
        self.input_is_tty = os.isatty(input_fd)
        self.output_is_tty = os.isatty(output_fd)
        self.modes = ModeTracker()
        self.raw = False
        self._modes_at_rest = True
        self._saved: list[object] | None = None
        self._wanted: list[object] | None = None
        self._handlers: dict[int, object] = {}
        self._old_waker_fd = -1
        self.wake_fd, self._waker_fd = os.pipe()
        os.set_blocking(self.wake_fd, False)
        os.set_blocking(self._waker_fd, False)

    def __enter__(self) -> Self:
        if self.input_is_tty:
            self._saved = termios.tcgetattr(self.input_fd)
        # Every signal wakes whoever waits on wake_fd, also one that comes just before the wait.
        self._old_waker_fd = signal.set_wakeup_fd(self._waker_fd, warn_on_full_buffer=False)
        handlers = {
            signal.SIGWINCH: self._on_change,
            signal.SIGCONT: self._on_continue,
            signal.SIGTSTP: self._on_stop,
            signal.SIGTERM: self._on_end,
            signal.SIGHUP: self._on_end,
        }
        for number, handler in handlers.items():
            self._handlers[number] = signal.signal(number, handler)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Nothing may come between here and a sane terminal, a second Ctrl-C least of all.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
        try:
            self._put_handlers_back(signal.SIGWINCH, signal.SIGCONT, signal.SIGTSTP)
            self._restore()
            self._put_handlers_back(signal.SIGTERM, signal.SIGHUP)
            signal.set_wakeup_fd(self._old_waker_fd)
            os.close(self.wake_fd)
            os.close(self._waker_fd)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def _put_handlers_back(self, *numbers: int) -> None:
        for number in numbers:
            signal.signal(number, self._handlers.pop(number))  # type: ignore[arg-type]  # what signal() gave

    def set_raw(self) -> None:
        """Every key is a byte, nothing is echoed, nothing is a signal."""
        if self._saved is not None:
            tty.setraw(self.input_fd, termios.TCSANOW)
            self._wanted = termios.tcgetattr(self.input_fd)
            self.raw = True

    def set_lines(self, end_key: bytes) -> None:
        """Lines with the terminal's own editing; ``end_key`` ends one at once, and is its last byte."""
        if self._saved is not None:
            settings = termios.tcgetattr(self.input_fd)
            settings[6][termios.VEOL] = end_key
            termios.tcsetattr(self.input_fd, termios.TCSANOW, settings)
            self._wanted = settings

    def drop_input(self) -> None:
        """Forget what was typed, or answered by the terminal, and not yet read."""
        if self._saved is not None:
            termios.tcflush(self.input_fd, termios.TCIFLUSH)

    def size(self) -> tuple[int, int]:
        """(rows, columns); zeros where there is no terminal."""
        return window_size(self.output_fd if self.output_is_tty else self.input_fd)

    def restore_modes(self) -> None:
        """Switch off what the program switched on since the last time."""
        if self.raw and self.output_is_tty and not self._modes_at_rest:
            self._modes_at_rest = True
            write_all(self.output_fd, self.modes.restore())

    def show(self, data: bytes) -> None:
        """Bytes of a program, as they are."""
        self._modes_at_rest = False
        self.modes.feed(data)
        write_all(self.output_fd, data)

    def woken(self) -> bool:
        """Empty ``wake_fd``; whether the screen is to be painted anew, after a stop of this process."""
        return signal.SIGCONT in os.read(self.wake_fd, 4096)

    def _restore(self) -> None:
        try:
            self.restore_modes()
            if self._saved is not None:
                termios.tcsetattr(self.input_fd, termios.TCSANOW, self._saved)  # type: ignore[arg-type]  # as got
        except (OSError, termios.error):
            pass  # the terminal is gone: nobody is left to see it

    def _on_change(self, number: int, frame: FrameType | None) -> None:
        """Being woken is all: the size is asked for when the loop comes round."""

    def _on_continue(self, number: int, frame: FrameType | None) -> None:
        if self._wanted is not None:
            termios.tcsetattr(self.input_fd, termios.TCSANOW, self._wanted)  # type: ignore[arg-type]  # as got

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        """Give the shell a sane terminal before stopping; _on_continue takes it back."""
        self._restore()
        os.kill(os.getpid(), signal.SIGSTOP)

    def _on_end(self, number: int, frame: FrameType | None) -> None:
        raise Terminated(number)
