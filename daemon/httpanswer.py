"""**Pure**: answers of HTTP/1.x as bytes; must never know sockets, or what was asked.

RFC 9112: a body has its length, is in chunks (to HTTP/1.1), or goes on to the end of the
connection (to HTTP/1.0); an answer to HEAD has the length, and no body. What is said of
the connection is what every client of Supervisor knows: ``close`` where HTTP/1.1 would
have it stay, ``keep-alive`` where HTTP/1.0 would not.
"""

from __future__ import annotations

import html
import http
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from supervisor.version import VERSION

from .httphead import Head

SERVER_NAME: Final = f"supervisor/{VERSION}"
WITHOUT_BODY: Final = frozenset((204, 304))
GO_ON: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
LAST_CHUNK: Final = b"0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole one. ``closes``: nothing more is answered on its connection."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    closes: bool = False


class Stamp:
    """The time in an answer; put together once a second."""

    def __init__(self) -> None:
        self._second = -1
        self._date = ""

    def date(self) -> str:
        now = int(time.time())
        if now != self._second:
            self._second, self._date = now, http_date(now)
        return self._date


def http_date(wall: float) -> str:
    """RFC 9110 section 5.6.7, in English wherever we are."""
    year, month, day, hour, minute, second, weekday, *_ = time.gmtime(wall)
    return f"{DAYS[weekday]}, {day:02} {MONTHS[month - 1]} {year:04} {hour:02}:{minute:02}:{second:02} GMT"


def error_page(status: int) -> str:
    """The HTML body of an answer that is no 200, as Supervisor words it."""
    reason = html.escape(http.HTTPStatus(status).phrase)
    return (
        f"<head>\r\n<title>Error response</title>\r\n</head>\r\n<body>\r\n<h1>Error response</h1>\r\n"
        f"<p>Error code {status}.\r\n<p>Message: {reason}.\r\n</body>\r\n"
    )


def refusal(status: int, date: str) -> bytes:
    """What is said to bytes that are no request, before the connection ends."""
    body = error_page(status)
    headers = {"Content-Type": "text/html", "Content-Length": str(len(body)), "Connection": "close"}
    return _head(True, status, date, headers) + body.encode()


def whole(asked: Head, answer: Answer, date: str, stays: bool) -> tuple[bytes, bytes]:
    """The head of an answer, and what is sent behind it. ``stays``: the connection."""
    headers = dict(answer.headers)
    if answer.status in WITHOUT_BODY:
        return _head(asked.http11, answer.status, date, _connection(asked, stays, headers)), b""
    headers["Content-Length"] = str(len(answer.body))
    head = _head(asked.http11, answer.status, date, _connection(asked, stays, headers))
    return head, b"" if asked.method == "HEAD" else answer.body


def beginning(asked: Head, headers: Mapping[str, str], date: str) -> bytes:
    """The head of an answer whose length is not known; its body is made of ``piece``, then ``ending``."""
    framed = {**headers, "Transfer-Encoding": "chunked"} if asked.http11 else dict(headers)
    return _head(asked.http11, 200, date, _connection(asked, asked.http11 and asked.stays, framed))


def piece(asked: Head, data: bytes) -> bytes:
    """``data``: not empty, since an empty chunk is the last."""
    return b"%x\r\n%b\r\n" % (len(data), data) if asked.http11 else data


def ending(asked: Head) -> bytes:
    return LAST_CHUNK if asked.http11 else b""


def _connection(asked: Head, stays: bool, headers: dict[str, str]) -> dict[str, str]:
    if asked.http11 and not stays:
        headers["Connection"] = "close"
    elif stays and not asked.http11:
        headers["Connection"] = "keep-alive"
    return headers


def _head(http11: bool, status: int, date: str, headers: Mapping[str, str]) -> bytes:
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    reason = http.HTTPStatus(status).phrase
    return (
        f"HTTP/1.{int(http11)} {status} {reason}\r\nServer: {SERVER_NAME}\r\nDate: {date}\r\n{lines}\r\n"
    ).encode("latin-1")
