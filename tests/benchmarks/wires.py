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


class Inbox:
    """What came on a socket and is not taken yet, in a buffer that stays: a large answer costs no memory anew."""

    def __init__(self, sock: socket.socket) -> None:
        self.data = bytearray(1 << 18)
        self.end = 0
        self._sock = sock

    def want(self, size: int) -> None:
        """Return when so many bytes are there. Raises ConnectionError."""
        if len(self.data) < size:
            self.data.extend(bytes(size - len(self.data)))
        with memoryview(self.data) as view:
            while self.end < size:
                count = self._sock.recv_into(view[self.end :])
                if not count:
                    raise ConnectionError("the server closed the connection")
                self.end += count

    def find(self, mark: bytes) -> int:
        """Where this is, once it is there. Raises ConnectionError."""
        while (place := self.data.find(mark, 0, self.end)) < 0:
            self.want(self.end + 1)
        return place

    def drop(self, size: int) -> None:
        """So many bytes were taken."""
        rest = self.data[size : self.end]
        self.data[: len(rest)] = rest
        self.end = len(rest)


class Rpc:
    """XML-RPC over one keep-alive connection."""

    def __init__(self, path: Path) -> None:
        self._sock = connect(path)
        self._inbox = Inbox(self._sock)

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
        start, end = self._answer()
        body = bytes(self._inbox.data[start:end])
        self._inbox.drop(end)
        return body

    def skip(self) -> int:
        """The length of the next answer, which is thrown away. Raises ConnectionError."""
        _, end = self._answer()
        self._inbox.drop(end)
        return end

    def _answer(self) -> tuple[int, int]:
        """Where the body of the next answer begins and ends."""
        inbox = self._inbox
        start = inbox.find(b"\r\n\r\n") + 4
        head = inbox.data[:start].lower()
        if not head.startswith((b"http/1.1 200", b"http/1.0 200")):
            raise http.client.HTTPException(head[:80].decode("latin-1"))
        length = head.index(b"content-length:") + 15
        end = start + int(head[length : head.index(b"\r\n", length)])
        inbox.want(end)
        return start, end

    def exchange(self, request: bytes) -> int:
        """The length of the answer to prepared bytes."""
        self.send(request)
        return self.skip()

    def call(self, method: str, *params: Any) -> Any:
        """The value. Raises xmlrpc.client.Fault."""
        self.send(self.request(method, *params))
        return xmlrpc.client.loads(self.receive())[0][0]

    def close(self) -> None:
        self._sock.close()


class Stream:
    """The stream socket, blocking."""

    def __init__(self, path: Path) -> None:
        self._sock = connect(path)
        self._inbox = Inbox(self._sock)
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

    def exchange(self, request: bytes, answers: int = 1) -> int:
        """Send prepared bytes, and take so many frames, not decoded; how many bytes these were."""
        self._sock.sendall(request)
        inbox, end = self._inbox, 0
        for _ in range(answers):
            inbox.want(end + 4)
            end += 4 + int.from_bytes(inbox.data[end : end + 4], "big")
            inbox.want(end)
        inbox.drop(end)
        return end

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
