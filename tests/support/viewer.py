"""Somebody attached to a program's terminal by the stream socket, who sees it through our emulator."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from supervisor.protocol import stream as p
from supervisor.tui.terminal import Terminal
from tests.support.supervisor import Supervisor
from tests.support.waiting import PATIENCE_S


class Viewer:
    """``terminal`` shows the program's picture; ``since`` is what came since the last keys."""

    def __init__(self, supervisor: Supervisor, name: str, rows: int = 24, cols: int = 80) -> None:
        self._stream = supervisor.stream()
        self._stream.send(p.Attach(1, name, rows=rows, cols=cols))
        self.attached = self._stream.expect(p.Attached)
        self.terminal = Terminal(rows, cols)
        self.terminal.muted = True
        self.terminal.feed(self.attached.prelude)
        self.since = b""
        self.total = 0
        self.ends: list[p.Frame] = []
        self._end = -1
        while self._end < self.attached.live and self.attached.live:
            self._take()
        self.past = self.total
        """How much of the past came."""
        self.terminal.muted = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    def keys(self, data: bytes) -> None:
        self.since = b""
        self._stream.send(p.Input(1, data))

    def resize(self, rows: int, cols: int) -> None:
        self.since = b""
        self.terminal.resize(rows, cols)
        self._stream.send(p.Resize(1, rows, cols))

    def redraw(self) -> None:
        """What a client does at the end of the past: a program that keeps a picture paints it."""
        rows, cols = self.terminal.rows, self.terminal.cols
        self._stream.send(p.Resize(1, rows - 1, cols), p.Resize(1, rows, cols))

    @property
    def rows(self) -> list[str]:
        return [line.text.rstrip() for line in self.terminal.lines()]

    @property
    def text(self) -> str:
        return "\n".join(self.rows)

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Look on until ``condition`` holds."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            try:
                self._take(0.2)
            except TimeoutError:
                pass
            assert time.monotonic() < deadline, f"never saw {what}; the screen:\n{self.text}"

    def see(self, *texts: str) -> None:
        self.until(lambda: all(text in self.text for text in texts), repr(texts))

    def shows(self, rows: list[str], what: str) -> None:
        """Look on until the whole picture is ``rows``."""
        self.until(lambda: self.rows == rows, what + " as\n" + "\n".join(rows))

    def settle(self) -> None:
        """Take what is on its way."""
        while True:
            try:
                self._take(0.1)
            except TimeoutError:
                return

    def _take(self, deadline_s: float = PATIENCE_S) -> None:
        frame = self._stream.receive(deadline_s)
        match frame:
            case p.Output():
                self._stream.send(p.Credit(1, len(frame.data)))
                self._end = frame.offset + len(frame.data)
                self.since += frame.data
                self.total += len(frame.data)
                self.terminal.feed(frame.data)
                if replies := self.terminal.replies():
                    self._stream.send(p.Input(1, replies))
            case p.Exited() | p.Started() | p.Removed():
                self.ends.append(frame)
            case p.Gap():
                self._end = frame.until
            case p.Error():
                raise AssertionError(frame)
