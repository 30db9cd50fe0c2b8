"""A blocking client of the stream socket that hides nothing: frames out, frames in."""

from __future__ import annotations

import contextlib
import socket
import time
from collections import deque
from types import TracebackType
from typing import Self, TypeVar

from supervisor.protocol import stream as p
from tests.support.waiting import PATIENCE_S

F = TypeVar("F", bound=p.Frame)


class Stream:
    """One connection; ``greeting`` is the first frame. ``address``: a path, or (host, port)."""

    def __init__(self, address: str | tuple[str, int]) -> None:
        if isinstance(address, str):
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        else:
            self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            self.sock.settimeout(PATIENCE_S)
            self.sock.connect(address)
            self._decoder = p.client_decoder()
            self._frames: deque[p.Frame] = deque()
            self.greeting = self.expect(p.Greeting)
        except BaseException:
            self.sock.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.sock.close()

    def send(self, *frames: p.Frame) -> None:
        self.sock.sendall(b"".join(p.encode(frame) for frame in frames))

    def receive(self, deadline_s: float = PATIENCE_S) -> p.Frame:
        """The next frame. Raises TimeoutError, or ConnectionError at the end."""
        end = time.monotonic() + deadline_s
        while not self._frames:
            self.sock.settimeout(max(0.01, end - time.monotonic()))
            data = self.sock.recv(1 << 18)
            if not data:
                raise ConnectionError("the server closed the connection")
            self._frames.extend(self._decoder.feed(data))
        return self._frames.popleft()

    def expect(self, kind: type[F], deadline_s: float = PATIENCE_S) -> F:
        """The next frame of a kind, those before it left out; an error or fault in its place fails."""
        end = time.monotonic() + deadline_s
        while True:
            frame = self.receive(max(0.01, end - time.monotonic()))
            if isinstance(frame, kind):
                return frame
            if isinstance(frame, (p.Error, p.Fault)):
                raise AssertionError(f"waiting for {kind.__name__}, got {frame}")  # noqa: TRY004

    def ends(self) -> list[p.Frame]:
        """What comes until the server closes the connection."""
        frames: list[p.Frame] = []
        while True:
            try:
                frames.append(self.receive())
            except ConnectionError:
                return frames

    def ping(self) -> list[p.Frame]:
        """What was sent before the answer to a ping: all that our frames so far caused at once."""
        self.send(p.Ping(4711))
        frames: list[p.Frame] = []
        while True:
            frame = self.receive()
            if frame == p.Pong(4711):
                return frames
            frames.append(frame)

    def call(self, request_id: int, method: str, *params: p.Value) -> p.Value:
        self.send(p.Call(request_id, method, list(params)))
        return self.expect(p.Result).value

    def read_output(self, request_id: int, until: bytes, credit: int = 1 << 20) -> bytes:
        """Output of a request until a text is in it; grants credit as it goes, fails at a gap."""
        data = b""
        while until not in data:
            frame = self.receive()
            assert not isinstance(frame, (p.Gap, p.Error, p.Fault)), frame
            if isinstance(frame, p.Output) and frame.id == request_id:
                data += frame.data
                self.send(p.Credit(request_id, len(frame.data)))
        return data
