"""One blocking connection to a stream socket: greeting, login, frames; must never know what they are for."""

from __future__ import annotations

import select
import socket
import time
from typing import Final, Self

from supervisor.client.rpc import TCPAddress, UnixAddress
from supervisor.errors import (
    AccessDenied,
    RemoteProtocolError,
    ServerError,
    ServerRefused,
    SocketMissing,
    TransportError,
)
from supervisor.protocol import stream

OPEN_TIMEOUT_S: Final = 10.0
SEND_TIMEOUT_S: Final = 30.0
_RECEIVE_BYTES: Final = 1 << 16


def address_text(address: UnixAddress | TCPAddress) -> str:
    """``unix:///path`` or ``tcp://host:port``."""
    if isinstance(address, UnixAddress):
        return f"unix://{address.path}"
    return f"tcp://{address.host}:{address.port}"


class StreamLink:
    """A connected stream client. All methods raise the ServerError kinds, and nothing else.

    Opening it waits for the greeting and logs in where the peer asks for that.
    """

    def __init__(
        self, address: UnixAddress | TCPAddress, username: str | None = None, password: str | None = None
    ) -> None:
        self.address = address_text(address)
        self._decoder = stream.client_decoder()
        self._waiting: list[stream.Frame] = []
        self._socket = self._connect(address)
        try:
            self._open(username, password)
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        self._socket.close()

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, frame: stream.Frame) -> None:
        try:
            self._socket.sendall(stream.encode(frame))
        except OSError as error:
            raise self._lost(error) from error

    def receive(self) -> list[stream.Frame]:
        """The frames that one read gives, maybe none; waits for bytes if there are none."""
        if self._waiting:
            frames, self._waiting = self._waiting, []
            return frames
        try:
            data = self._socket.recv(_RECEIVE_BYTES)
        except OSError as error:
            raise self._lost(error) from error
        if not data:
            raise TransportError(self.address, "the server closed the connection")
        try:
            return self._decoder.feed(data)
        except RemoteProtocolError as error:
            raise TransportError(self.address, f"no proper stream frame: {error}") from error

    @property
    def has_frames(self) -> bool:
        """Whether ``receive`` will not wait although the socket may be silent."""
        return bool(self._waiting)

    def _connect(self, address: UnixAddress | TCPAddress) -> socket.socket:
        family = socket.AF_UNIX if isinstance(address, UnixAddress) else socket.AF_INET
        try:
            if isinstance(address, TCPAddress):
                return socket.create_connection((address.host, address.port), timeout=OPEN_TIMEOUT_S)
            connection = socket.socket(family, socket.SOCK_STREAM)
            try:
                connection.settimeout(OPEN_TIMEOUT_S)
                connection.connect(address.path)
            except BaseException:
                connection.close()
                raise
            return connection
        except OSError as error:
            raise self._lost(error) from error

    def _lost(self, error: OSError) -> ServerError:
        if isinstance(error, ConnectionRefusedError):
            return ServerRefused(self.address, "connection refused")
        if isinstance(error, FileNotFoundError):
            return SocketMissing(self.address, "no such file")
        if isinstance(error, TimeoutError):
            return TransportError(self.address, "no answer in time")
        return TransportError(self.address, (error.strerror or str(error)).lower())

    def _open(self, username: str | None, password: str | None) -> None:
        deadline = time.monotonic() + OPEN_TIMEOUT_S
        greeting = self._next(deadline)
        if not isinstance(greeting, stream.Greeting):
            raise TransportError(self.address, "not a stream socket")
        if greeting.version != stream.VERSION:
            raise TransportError(
                self.address, f"stream protocol version {greeting.version} is not known here"
            )
        if greeting.role == "none":
            self.send(stream.Auth(username or "", password or ""))
            answer = self._next(deadline)
            if not isinstance(answer, stream.Welcome):
                raise AccessDenied(self.address, "login refused")
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
            if left <= 0 or not select.select([self._socket], [], [], left)[0]:
                raise TransportError(self.address, "no answer in time")
            self._waiting = self.receive()
