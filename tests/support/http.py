"""A blocking HTTP client that sends exactly what it is told, and reads what comes."""

from __future__ import annotations

import base64
import contextlib
import socket
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.support.waiting import PATIENCE_S

Address = str | tuple[str, int]


@dataclass(frozen=True)
class Answer:
    """``headers`` by lower-case name."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


def basic(name: str, password: str) -> str:
    """A header line."""
    return f"Authorization: Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}\r\n"


class Http:
    """One connection. ``address``: a path, or (host, port)."""

    def __init__(self, address: Address, timeout_s: float = PATIENCE_S) -> None:
        self.sock = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        try:
            self.sock.settimeout(timeout_s)
            self.sock.connect(address)
        except BaseException:
            self.sock.close()
            raise
        self.buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.sock.close()

    def send(self, data: bytes | str) -> None:
        self.sock.sendall(data.encode() if isinstance(data, str) else data)

    def read_until(self, mark: bytes) -> bytes:
        """Everything up to and with a mark. Raises ConnectionError at the end."""
        while mark not in self.buffer:
            part = self.sock.recv(1 << 16)
            if not part:
                raise ConnectionError(f"closed after {self.buffer[:200]!r}")
            self.buffer += part
        data, _, self.buffer = self.buffer.partition(mark)
        return data + mark

    def read(self, count: int) -> bytes:
        while len(self.buffer) < count:
            part = self.sock.recv(1 << 16)
            if not part:
                raise ConnectionError(f"closed after {len(self.buffer)} of {count} bytes")
            self.buffer += part
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def head(self) -> Answer:
        """The head of an answer; its body is left."""
        first, *lines = self.read_until(b"\r\n\r\n").decode("latin-1").rstrip("\r\n").split("\r\n")
        pairs = (line.split(": ", 1) for line in lines)
        return Answer(int(first.split(" ")[1]), {name.lower(): value for name, value in pairs}, b"")

    def answer(self) -> Answer:
        """An answer with a Content-Length."""
        head = self.head()
        return Answer(head.status, head.headers, self.read(int(head.headers.get("content-length", "0"))))

    def ask(self, method: str, target: str, headers: str = "", body: bytes = b"") -> Answer:
        """``headers``: whole lines."""
        length = f"Content-Length: {len(body)}\r\n" if method == "POST" else ""
        self.send(f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n{headers}{length}\r\n".encode() + body)
        return self.answer()

    def chunk(self) -> bytes:
        """The next chunk of a chunked body; empty: the last."""
        size = int(self.read_until(b"\r\n"), 16)
        data = self.read(size)
        assert self.read(2) == b"\r\n"
        return data

    def closed(self) -> bool:
        """Wait for the end; whether nothing more came before it."""
        with contextlib.suppress(ConnectionResetError):
            while part := self.sock.recv(1 << 16):
                self.buffer += part
        return not self.buffer


def ask(address: Address, method: str, target: str, headers: str = "", body: bytes = b"") -> Answer:
    """One request on a connection of its own."""
    with Http(address) as http:
        return http.ask(method, target, headers, body)


def raw(address: Address, data: bytes) -> int:
    """The status that some bytes are answered with, the connection being closed after it."""
    with Http(address) as http:
        http.send(data)
        status = http.answer()
        assert status.headers["connection"] == "close"
        assert http.closed()
        return status.status
