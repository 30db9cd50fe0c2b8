"""One blocking connection to a stream socket: greeting, login, frames; must never know what they are for."""

from __future__ import annotations

import os
import select
import socket
import time
from dataclasses import replace
from typing import Final, Self

from supervisor.client.rpc import TCPAddress, UnixAddress, connect, parse_stream_address, translate_error
from supervisor.errors import (
    AccessDenied,
    RemoteProtocolError,
    RPCError,
    TransportError,
    UserError,
)
from supervisor.faults import Faults
from supervisor.protocol import stream

from .session import Session

OPEN_TIMEOUT_S: Final = 10.0
SEND_TIMEOUT_S: Final = 30.0
_RECEIVE_BYTES: Final = 1 << 16


def stream_address(session: Session) -> UnixAddress | TCPAddress | None:
    """Where the server's stream socket is; None when it has none.

    Beside a unix socket it has that one's name and ``.stream``; else the server is asked.
    """
    server = session.client.address
    if isinstance(server, UnixAddress) and os.path.exists(f"{server.path}.stream"):
        return UnixAddress(f"{server.path}.stream")
    try:
        text = session.reader.text(session.call("getStreamAddress"))
    except RPCError as error:
        if error.code == Faults.UNKNOWN_METHOD:
            return None
        raise
    return parse_stream_address(text, server, session.config.tls)


def address_text(address: UnixAddress | TCPAddress) -> str:
    """``unix:///path`` or ``tcp://host:port``."""
    if isinstance(address, UnixAddress):
        return f"unix://{address.path}"
    return f"{'tcp' if address.tls is None else 'tls'}://{address.host}:{address.port}"


class StreamLink:
    """A connected stream client. All methods raise the ServerError kinds, and nothing else.

    Opening it waits for the greeting and logs in where the peer asks for that; ``greeting``
    says what we may do then.
    """

    def __init__(
        self, address: UnixAddress | TCPAddress, username: str | None = None, password: str | None = None
    ) -> None:
        self.address = address_text(address)
        self._decoder = stream.client_decoder()
        self._waiting: list[stream.Frame] = []
        self._broken = ""  # why nothing more can be read, behind what was read
        self.boot = ""
        try:
            self._socket = connect(address, OPEN_TIMEOUT_S)
        except OSError as error:
            raise translate_error(self.address, error) from error
        except UserError as error:
            raise TransportError(self.address, str(error)) from error
        try:
            self._open(username, password)
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, frame: stream.Frame) -> None:
        try:
            self._socket.sendall(stream.encode(frame))
        except OSError as error:
            raise translate_error(self.address, error) from error

    def receive(self) -> list[stream.Frame]:
        """The frames that one read gives, maybe none; waits for bytes if there are none."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            return waiting
        if self._broken:
            raise TransportError(self.address, self._broken)
        try:
            data = self._socket.recv(_RECEIVE_BYTES)
        except OSError as error:
            raise translate_error(self.address, error) from error
        if not data:
            raise TransportError(self.address, "the server closed the connection")
        frames: list[stream.Frame] = []
        try:
            frames.extend(self._decoder.feed(data))
        except RemoteProtocolError as error:
            self._broken = f"no proper stream frame: {error}"
            if not frames:
                raise TransportError(self.address, self._broken) from error
        return frames

    def rest(self) -> list[stream.Frame]:
        """What had come before the connection broke: a reset is told ahead of the bytes that wait behind it."""
        frames, self._waiting = self._waiting, []
        self._socket.settimeout(0)
        for _ in range(2):
            try:
                while data := self._socket.recv(_RECEIVE_BYTES):
                    frames += self._decoder.feed(data)
                break
            except (OSError, RemoteProtocolError):
                continue
        return frames

    def give_up(self) -> tuple[bytes, socket.socket]:
        """What has come and was not asked for yet, and the socket, now blocking and the caller's."""
        waiting = b"".join(map(stream.encode, self._waiting))
        self._socket.settimeout(None)
        return waiting, self._socket

    def wait(self, timeout_s: float) -> bool:
        """Whether bytes come within that time."""
        return bool(select.select([self._socket], [], [], timeout_s)[0])

    @property
    def has_frames(self) -> bool:
        """Whether ``receive`` will not wait although the socket may be silent."""
        return bool(self._waiting or self._broken)

    def _open(self, username: str | None, password: str | None) -> None:
        deadline = time.monotonic() + OPEN_TIMEOUT_S
        greeting = self._next(deadline)
        if not isinstance(greeting, stream.Greeting):
            raise TransportError(self.address, "not a stream socket")
        if greeting.version != stream.VERSION:
            raise TransportError(
                self.address, f"stream protocol version {greeting.version} is not known here"
            )
        self.boot = greeting.boot
        self.greeting = greeting
        if greeting.role == "none":
            self.send(stream.Auth(username or "", password or ""))
            answer = self._next(deadline)
            if not isinstance(answer, stream.Welcome):
                raise AccessDenied(self.address, "login refused")
            self.greeting = replace(greeting, role=answer.role)
        self._socket.settimeout(SEND_TIMEOUT_S)

    def _next(self, deadline: float) -> stream.Frame:
        """The next frame but pings."""
        while True:
            while self._waiting:
                frame = self._waiting.pop(0)
                if not isinstance(frame, stream.Ping):
                    return frame
                self.send(stream.Pong(frame.n))
            left = deadline - time.monotonic()
            if left <= 0 or not (self.has_frames or self.wait(left)):
                raise TransportError(self.address, "no answer in time")
            self._waiting = self.receive()
