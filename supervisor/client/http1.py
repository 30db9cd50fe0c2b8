"""An HTTP/1.x answer from bytes, sans-IO; must never know sockets or what the body means.

Small on purpose: a one-shot command pays for every import, and the standard client with
its mail parser and TLS costs more time than the whole of a ``status``. Reads what any
server of ours or of the original sends: a length, chunks, or a body up to the end of the
connection. Any cut of the input gives the same; nonsense raises RemoteProtocolError and
nothing else; a head is at most 64 KiB.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from ..errors import RemoteProtocolError

MAX_HEAD_BYTES: Final = 64 * 1024
_MAX_LINE_BYTES: Final = 1024
_STATUS_LINE = re.compile(rb"HTTP/(1\.[0-9]) ([1-5][0-9][0-9])(?: ([^\r\n]*))?")
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?")


class Head(NamedTuple):
    """``headers``: values by lower-case name; of a name that came twice the last."""

    status: int
    reason: str
    headers: dict[str, str]


class ResponseDecoder:
    """Feed it what the socket gives; ``feed(b"")`` is the end of the connection.

    ``head`` is None until it is complete. ``keeps_open``: whether the connection can be
    used for another request once ``done``.
    """

    def __init__(self) -> None:
        self.head: Head | None = None
        self.done = False
        self.keeps_open = False
        self._buffer = bytearray()
        self._length: int | None = None  # bytes left of the body or chunk; None: up to the end
        self._chunked = False
        self._in_chunk = False
        self._in_trailer = False

    def feed(self, data: bytes) -> bytes:
        """The bytes of the body that ``data`` brings, maybe none."""
        if self.done:
            raise RemoteProtocolError("bytes after the end of an HTTP answer")
        if not data:
            return self._end()
        self._buffer += data
        if self.head is None and not self._read_head():
            return b""
        return self._read_chunks() if self._chunked else self._read_plain()

    def _end(self) -> bytes:
        if self.head is None or self._chunked or self._length is not None:
            raise RemoteProtocolError("connection closed in an HTTP answer")
        self.done = True
        return b""

    def _read_head(self) -> bool:
        while True:
            end = self._buffer.find(b"\r\n\r\n")
            if end > MAX_HEAD_BYTES or (end < 0 and len(self._buffer) > MAX_HEAD_BYTES):
                raise RemoteProtocolError("HTTP head too long")
            if end < 0:
                return False
            lines = bytes(self._buffer[:end]).split(b"\r\n")
            del self._buffer[: end + 4]
            head, version = _parse_head(lines)
            if head.status >= 200:  # those below only announce the answer (RFC 9110, 15.2)
                self._take_head(head, version)
                return True

    def _take_head(self, head: Head, version: bytes) -> None:
        self.head = head
        headers = head.headers
        connection = headers.get("connection", "").lower()
        self._chunked = headers.get("transfer-encoding", "").lower() == "chunked"
        length = headers.get("content-length")
        if head.status in (204, 304):
            self._length = 0
        elif length is not None and not self._chunked:
            if not (length.isascii() and length.isdigit()) or len(length) > 18:
                raise RemoteProtocolError(f"odd Content-Length {length[:40]!r}")
            self._length = int(length)
        framed = self._chunked or self._length is not None
        wanted = connection != "close" if version == b"1.1" else connection == "keep-alive"
        self.keeps_open = framed and wanted

    def _read_plain(self) -> bytes:
        size = len(self._buffer) if self._length is None else min(self._length, len(self._buffer))
        body = self._take(size)
        if self._length is not None:
            self._length -= size
            self._finish_if(self._length == 0)
        return body

    def _read_chunks(self) -> bytes:
        body = bytearray()
        while not self.done:
            if self._in_chunk:
                assert self._length is not None
                if not self._buffer:
                    break
                size = min(self._length, len(self._buffer))
                body += self._take(size)
                self._length -= size
                self._in_chunk = self._length > 0
                continue
            line = self._take_line()
            if line is None:
                break
            self._chunk_line(line)
        return bytes(body)

    def _chunk_line(self, line: bytes) -> None:
        """A line between chunks: the empty one after a chunk, a size, or a part of the trailer."""
        if self._in_trailer:
            self._finish_if(line == b"")
            return
        if line == b"" and self._length == 0:
            self._length = None  # the end of a chunk: a size comes next
            return
        match = _CHUNK_LINE.fullmatch(line)
        if match is None or self._length is not None:
            raise RemoteProtocolError("odd chunk in an HTTP answer")
        size = int(match.group(1), 16)
        if size == 0:
            self._in_trailer = True
        else:
            self._length, self._in_chunk = size, True

    def _finish_if(self, done: bool) -> None:
        if done:
            self.done = True
            if self._buffer:
                raise RemoteProtocolError("bytes after the end of an HTTP answer")

    def _take(self, size: int) -> bytes:
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def _take_line(self) -> bytes | None:
        end = self._buffer.find(b"\r\n")
        if end > _MAX_LINE_BYTES or (end < 0 and len(self._buffer) > _MAX_LINE_BYTES):
            raise RemoteProtocolError("line too long in an HTTP answer")
        if end < 0:
            return None
        line = self._take(end)
        del self._buffer[:2]
        return line


def _parse_head(lines: list[bytes]) -> tuple[Head, bytes]:
    match = _STATUS_LINE.fullmatch(lines[0])
    if match is None:
        raise RemoteProtocolError("no HTTP answer")
    version, status, reason = match.groups()
    headers = {}
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if not colon:
            raise RemoteProtocolError("odd header in an HTTP answer")
        headers[name.decode("latin-1").strip().lower()] = value.decode("latin-1").strip()
    return Head(int(status), (reason or b"").decode("latin-1"), headers), version


def encode_request(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """A request. ``path`` is percent-encoded where it has to be; names and values must be free of newlines."""
    lines = [
        f"{method} {quote_path(path)} HTTP/1.1",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    if method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


_PLAIN_IN_PATH: Final = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/:*!$&'()+,;=@"
)


def quote_path(path: str) -> str:
    """``path`` with everything that may not stand in one percent-encoded as UTF-8."""
    data = path.encode("utf-8", "surrogateescape")
    return "".join(chr(byte) if byte in _PLAIN_IN_PATH else f"%{byte:02X}" for byte in data)
