"""A user at a pty who runs supervisorctl, and a scripted stream server, for the tests of attach and the shell."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from supervisor.protocol import stream

DEADLINE_S = 20.0
F = TypeVar("F", bound=stream.Frame)


class User:
    """supervisorctl on a terminal of 24 rows and 80 columns; ``seen`` is all that it showed."""

    def __init__(self, *arguments: str, environment: dict[str, str] | None = None) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.slave = slave
        self.settings = termios.tcgetattr(slave)
        self.seen = b""
        self._mark = 0
        # The first terminal that a session's leader opens becomes its controlling one.
        on_terminal = ("/bin/sh", "-c", 'exec "$@" <"$0" >"$0" 2>&1', os.ttyname(slave))
        self.process = subprocess.Popen(
            [*on_terminal, sys.executable, "-m", "supervisor.supervisorctl", *arguments],
            start_new_session=True,
            env={**os.environ, "TERM": "xterm", "PAGER": "", **(environment or {})},
        )

    def type(self, data: bytes) -> None:
        os.write(self.master, data)

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def sees(self, text: bytes) -> bytes:
        """Wait until ``text`` shows up behind what was waited for before; what came up to its end."""
        deadline = time.monotonic() + DEADLINE_S
        while (found := self.seen.find(text, self._mark)) < 0:
            self._read(deadline, text)
        start, self._mark = self._mark, found + len(text)
        return self.seen[start : self._mark]

    def looks(self) -> None:
        """Take what has come by now."""
        while select.select([self.master], [], [], 0)[0] and self._read(
            time.monotonic() + 1.0, "what is there"
        ):
            pass

    def _read(self, deadline: float, wanted: object) -> bool:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self.master], [], [], left)[0]:
            raise AssertionError(f"{wanted!r} did not come; seen: {self.seen!r}")
        try:
            data = os.read(self.master, 65536)
        except OSError:
            data = b""
        self.seen += data
        return bool(data)

    def leaves(self) -> int:
        """Wait for the end; the exit status. All output is in ``seen``."""
        deadline = time.monotonic() + DEADLINE_S
        while self.process.poll() is None:
            if select.select([self.master], [], [], 0.02)[0]:
                self._read(deadline, "the end")
            assert time.monotonic() < deadline, f"does not end; seen: {self.seen!r}"
        while select.select([self.master], [], [], 0)[0] and self._read(deadline, "the rest"):
            pass
        return self.process.returncode

    def interrupts(self) -> int:
        """Press Ctrl-C and wait for the end; the exit status.

        Once more where it was lost: Python's readline does not notice a signal between
        showing the prompt and waiting for keys.
        """
        deadline = time.monotonic() + DEADLINE_S
        while self.process.poll() is None and time.monotonic() < deadline:
            self.type(b"\x03")
            try:
                self.process.wait(1)
            except subprocess.TimeoutExpired:
                pass
        return self.leaves()

    def sees_after_interrupt(self, text: bytes) -> bytes:
        """Press Ctrl-C and wait for ``text``.

        Once more where it was lost: a signal between Python's last look and a system call that waits does not end it.
        """
        deadline = time.monotonic() + DEADLINE_S
        while self.seen.find(text, self._mark) < 0 and time.monotonic() < deadline:
            self.type(b"\x03")
            again = time.monotonic() + DEADLINE_S / 4
            while self.seen.find(text, self._mark) < 0 and (left := again - time.monotonic()) > 0:
                if select.select([self.master], [], [], left)[0]:
                    self._read(deadline, text)
        return self.sees(text)

    @property
    def terminal_is_as_found(self) -> bool:
        return termios.tcgetattr(self.slave) == self.settings

    @property
    def terminal_is_raw(self) -> bool:
        return not termios.tcgetattr(self.slave)[3] & termios.ICANON

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@contextmanager
def user(*arguments: str, environment: dict[str, str] | None = None) -> Iterator[User]:
    """A user, whose command is ended afterwards if it is still there."""
    found = User(*arguments, environment=environment)
    try:
        yield found
    finally:
        found.close()


class Peer:
    """The server's end of one stream connection, driven by a test."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._connection.settimeout(DEADLINE_S)
        self._decoder = stream.server_decoder()
        self._frames: list[stream.Frame] = []

    def send(self, *frames: stream.Frame) -> None:
        for frame in frames:
            self._connection.sendall(stream.encode(frame))

    def expect(self, kind: type[F]) -> F:
        """The next frame, which is to be of that kind."""
        while not self._frames:
            data = self._connection.recv(65536)
            assert data, f"connection closed in place of {kind.__name__}"
            self._frames += self._decoder.feed(data)
        frame = self._frames.pop(0)
        assert isinstance(frame, kind), frame
        return frame

    def expect_input(self, data: bytes) -> None:
        """Input frames that add up to ``data``; acknowledges nothing."""
        got = b""
        while len(got) < len(data):
            got += self.expect(stream.Input).data
        assert got == data

    def expect_end(self) -> None:
        assert not self._frames
        assert self._connection.recv(65536) == b""

    def send_bytes(self, data: bytes) -> None:
        """Something that is no frame."""
        self._connection.sendall(data)


@contextmanager
def stream_server(path: Path, script: Callable[[Peer], None]) -> Iterator[None]:
    """Serve one connection on the socket ``path`` with ``script``; what it raises fails the test."""
    failures: list[BaseException] = []
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    listener.settimeout(DEADLINE_S)

    def run() -> None:
        try:
            connection, _ = listener.accept()
            with connection:
                script(Peer(connection))
        except BaseException as error:  # noqa: BLE001  # told to the test's thread
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
        thread.join(DEADLINE_S)
        assert not thread.is_alive()
    finally:
        listener.close()
    if failures:
        raise failures[0]
