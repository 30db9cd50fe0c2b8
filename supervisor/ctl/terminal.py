"""The operator's terminal: raw, line by line, and back; must never know what is shown on it.

``Terminal`` is a context: however it is left, the settings found are put back, and the
modes that a program switched on in the meantime (``ModeTracker``) are switched off.
"""

from __future__ import annotations

import os
import select
import signal
import termios
import tty
from types import FrameType, TracebackType
from typing import Final, Self

from supervisor.terminalmodes import ModeTracker

_PENDING_BYTES: Final = 16 * 1024


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

    def set_keys(self) -> None:
        """Every key is read at once and not echoed; Ctrl-C and Ctrl-Z are signals, newlines as usual."""
        if self._saved is not None:
            settings = termios.tcgetattr(self.input_fd)
            settings[3] &= ~(termios.ICANON | termios.ECHO | termios.IEXTEN)
            settings[6][termios.VMIN], settings[6][termios.VTIME] = 1, 0
            termios.tcsetattr(self.input_fd, termios.TCSANOW, settings)
            self._wanted = settings

    def set_lines(self, end_key: bytes) -> None:
        """Lines with the terminal's own editing; ``end_key`` ends one at once, and is its last byte."""
        if self._saved is not None:
            settings = termios.tcgetattr(self.input_fd)
            settings[6][termios.VEOL] = end_key
            termios.tcsetattr(self.input_fd, termios.TCSANOW, settings)
            self._wanted = settings

    def pending(self) -> bytes:
        """What was typed, or answered by the terminal, and not yet read."""
        data = b""
        while self._saved is not None and len(data) < _PENDING_BYTES:
            try:
                ready, _, _ = select.select([self.input_fd], [], [], 0)
                piece = os.read(self.input_fd, _PENDING_BYTES) if ready else b""
            except OSError:  # the terminal is gone; who reads next is told
                piece = b""
            if not piece:
                break
            data += piece
        return data

    def size(self) -> tuple[int, int]:
        """(rows, columns); zeros where there is no terminal."""
        return window_size(self.output_fd if self.output_is_tty else self.input_fd)

    def restore_modes(self) -> None:
        """Switch off what the program switched on since the last time."""
        if self.raw and self.output_is_tty and not self._modes_at_rest:
            self._modes_at_rest = True
            write_all(self.output_fd, self.modes.restore())
            self.modes = ModeTracker()

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
