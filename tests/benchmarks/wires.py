"""Prepared bytes over unix sockets, so that the client costs next to nothing; must never know what is measured."""

from __future__ import annotations

import http.client
import select
import socket
import time
import xmlrpc.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from supervisor.protocol import stream as p

TIMEOUT_S = 120.0


def connect(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(TIMEOUT_S)
    try:
        sock.connect(str(path))
    except OSError:
        sock.close()
        raise
    return sock


def stream_path(path: Path) -> Path:
    """The stream socket beside an HTTP socket."""
    return path.with_name(path.name + ".stream")


class Rpc:
    """XML-RPC over one keep-alive connection."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sock = connect(path)
        self._rest = b""

    @staticmethod
    def request(method: str, *params: Any) -> bytes:
        """All bytes of a call."""
        body = xmlrpc.client.dumps(params, method).encode()
        head = (
            "POST /RPC2 HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\n"
            f"Connection: keep-alive\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def send(self, request: bytes) -> None:
        self._sock.sendall(request)

    def receive(self) -> bytes:
        """The body of the next answer. Raises ConnectionError."""
        data = self._rest
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._more()
        head = data[:end].lower()
        if not head.startswith((b"http/1.1 200", b"http/1.0 200")):
            raise http.client.HTTPException(head[:80].decode("latin-1"))
        start = head.index(b"content-length:") + 15
        length = int(head[start : (head + b"\r\n").index(b"\r\n", start)])
        pieces, have = [data[end + 4 :]], len(data) - end - 4
        while have < length:
            piece = self._more()
            pieces.append(piece)
            have += len(piece)
        body = b"".join(pieces)
        self._rest = body[length:]
        return body[:length]

    def exchange(self, request: bytes) -> bytes:
        self.send(request)
        return self.receive()

    def call(self, method: str, *params: Any) -> Any:
        """The value. Raises xmlrpc.client.Fault."""
        return xmlrpc.client.loads(self.exchange(self.request(method, *params)))[0][0]

    def _more(self) -> bytes:
        data = self._sock.recv(1 << 18)
        if not data:
            raise ConnectionError("the server closed the connection")
        return data

    def close(self) -> None:
        self._sock.close()


class Stream:
    """The stream socket, blocking."""

    def __init__(self, path: Path) -> None:
        self._sock = connect(path)
        self._decoder = p.client_decoder()
        self._frames: list[p.Frame] = []

    def send(self, frame: p.Frame) -> None:
        self._sock.sendall(p.encode(frame))

    def receive(self) -> p.Frame:
        while not self._frames:
            data = self._sock.recv(1 << 18)
            if not data:
                raise ConnectionError("the server closed the connection")
            self._frames += self._decoder.feed(data)
        return self._frames.pop(0)

    def exchange(self, request: bytes, answers: int = 1) -> None:
        """Send prepared bytes, and take so many frames, not decoded."""
        self._sock.sendall(request)
        data, end = b"", 0
        for _ in range(answers):
            while len(data) < end + 4:
                data += self._sock.recv(1 << 18)
            end += 4 + int.from_bytes(data[end : end + 4], "big")
        while len(data) < end:
            data += self._sock.recv(1 << 18)

    def close(self) -> None:
        self._sock.close()


class LineTimes:
    """Reads a connection on which lines arrive that are the time at which they were written."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._rest = b""

    def lateness(self, seconds: float) -> Iterator[float]:
        """For each line how many seconds old it was when it came."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not select.select([self.sock], [], [], left)[0]:
                return
            data = self.sock.recv(1 << 16)
            now = time.monotonic_ns()
            if not data:
                raise ConnectionError("the server closed the connection")
            *lines, self._rest = (self._rest + data).split(b"\n")
            # headers, the sizes of chunks and frames are no such line
            for line in lines:
                digits = line[-20:].lstrip(b"\r")
                tail = digits[len(digits.rstrip(b"0123456789")) :]
                if len(tail) >= 12 and 0 <= now - int(tail) < 5_000_000_000:
                    yield (now - int(tail)) / 1e9

    def close(self) -> None:
        self.sock.close()


def tail(path: Path, name: str) -> LineTimes:
    """An HTTP client that follows a program's log, as ``tail -f`` does."""
    sock = connect(path)
    sock.sendall(f"GET /logtail/{name}/stdout HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n".encode())
    return LineTimes(sock)


def follow(path: Path, name: str) -> LineTimes:
    """A stream client that follows a program."""
    sock = connect(path)
    sock.sendall(p.encode(p.Follow(1, name, credit=1 << 30)))
    return LineTimes(sock)
