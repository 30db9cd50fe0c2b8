"""**Pure**: bytes of a connection cut into HTTP requests, strictly; must never know sockets, or what is answered.

What two readers could read differently is refused, not guessed (RFC 9112): a head is
lines that end in CR LF; the request line has one space between its three parts and a
path for a target; field names are tokens right before their colon; no line is
continued on the next; there is at most one Content-Length, in decimal digits, and no
Transfer-Encoding; bodies are not compressed. Only GET, HEAD and POST are requests
that anything here answers. A Host may be missing: clients of Supervisor that write
their HTTP by hand leave it out, no browser does, and it frames nothing; it is added.

``RequestFramer`` gives what is to be handed on, one request at a time: the head of
the next one is looked at when ``answered`` said that the one before is done. An
XML-RPC call of a few plain fields is given as a whole, with ``call`` beside it, for
who can answer it without reading the head once more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

HEAD_MAX_BYTES: Final = 16 << 10
FIELDS_MAX: Final = 100
BODY_MAX_BYTES: Final = 1 << 20
PIPELINE_MAX_BYTES: Final = 32 << 10
"""How much may wait behind a request that is being answered."""

CALL_MAX_BYTES: Final = 64 << 10
"""The longest body that is waited for to give a call as a whole."""

_HOST: Final = b"\r\nHost: localhost"
_REQUEST_LINE = re.compile(rb"([A-Z]{1,20}) (/[\x21-\x7e]*) HTTP/1\.([01])")
_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)")
_LENGTH = re.compile(rb"[0-9]{1,20}")
_METHODS: Final = frozenset((b"GET", b"HEAD", b"POST"))
_CALLED: Final = frozenset((b"/RPC2", b"/RPC2/"))
_OF_CALLS: Final = frozenset(
    (
        b"host",
        b"content-type",
        b"content-length",
        b"user-agent",
        b"accept",
        b"accept-encoding",
        b"authorization",
    )
)
"""What no browser and no proxy is needed for to send, and which asks for nothing beside the answer."""
_SINGLE: Final = frozenset((b"content-length", b"host", b"authorization", b"content-type", b"origin"))


class Refused(Exception):
    """This connection sent what is not answered but with this status, and then closed."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Waiting(Enum):
    """What a connection is waiting for."""

    REQUEST = "the first byte of a request"
    HEAD = "the rest of a head"
    BODY = "the rest of a body"
    ANSWER = "an answer"


@dataclass(frozen=True, slots=True)
class Head:
    """``length``: of the body in bytes, -1 when none was given."""

    method: bytes
    length: int
    hostless: bool = False
    """It is HTTP/1.1 without the Host that it should have."""
    call: bool = False
    """It is an XML-RPC call with nothing but plain fields, on a connection that stays."""
    host: bytes | None = None
    authorization: bytes = b""


@dataclass(frozen=True, slots=True)
class Call:
    """A whole XML-RPC call."""

    head: Head
    body: bytes


def parse_head(data: bytes) -> Head:
    """What frames the request of a head, the empty line not included. Raises Refused."""
    first, *lines = data.split(b"\r\n")
    line = _REQUEST_LINE.fullmatch(first)
    if line is None:
        raise Refused(400, "bad request line")
    method = line[1]
    if method not in _METHODS:
        raise Refused(400, f"method {method.decode()}")
    if len(lines) > FIELDS_MAX:
        raise Refused(431, f"more than {FIELDS_MAX} fields")
    length = -1
    values: dict[bytes, bytes] = {}
    call = line[3] == b"1" and method == b"POST" and line[2] in _CALLED
    for text in lines:
        field = _FIELD.fullmatch(text)
        if field is None:
            raise Refused(400, "bad header field")
        name = field[1].lower()
        if name not in _OF_CALLS and not (name == b"connection" and field[2].lower() == b"keep-alive"):
            call = False
        if name in _SINGLE:
            if name in values:
                raise Refused(400, f"two fields {name.decode()}")
            values[name] = field[2]
            if name == b"content-length":
                length = _length(field[2])
        elif name == b"transfer-encoding":
            raise Refused(400, "Transfer-Encoding")
        elif name == b"content-encoding" and field[2].strip().lower() != b"identity":
            raise Refused(415, "Content-Encoding")
    if method == b"POST" and length < 0:
        raise Refused(411, "no Content-Length")
    host = values.get(b"host")
    hostless = line[3] == b"1" and host is None
    return Head(method, length, hostless, call, host, values.get(b"authorization", b""))


def _length(value: bytes) -> int:
    value = value.strip(b" \t")
    if not _LENGTH.fullmatch(value):
        raise Refused(400, "bad Content-Length")
    if int(value) > BODY_MAX_BYTES:
        raise Refused(413, f"body over {BODY_MAX_BYTES} bytes")
    return int(value)


class RequestFramer:
    """Feed bytes, take bytes; see the theory above. ``waiting`` says what comes next."""

    def __init__(self) -> None:
        self.waiting = Waiting.REQUEST
        self._buffer = bytearray()
        self._searched = 0
        self._body_left = 0
        self._answered = False
        self._overlooked = False
        """An empty line in front of the next request."""
        self._whole: tuple[Head, int, int] | None = None
        """The head of a call that is not all there, where its body begins, and where it ends."""
        self.call: Call | None = None
        """What was handed on last, if it is a call."""
        self.body_seen = 0
        """How much of the current body has come."""

    @property
    def has_more(self) -> bool:
        """Whether something waits to be looked at."""
        return bool(self._buffer)

    @property
    def crowded(self) -> bool:
        """More waits behind the current request than may: nothing more is to be read for now."""
        return len(self._buffer) > PIPELINE_MAX_BYTES

    def feed(self, data: bytes) -> bytes:
        """What is to be handed on now; empty when it is not yet time. Raises Refused."""
        self._buffer += data
        return self._take()

    def answered(self) -> bytes:
        """The answer was written: what is to be handed on of the next request. Raises Refused."""
        if self.waiting is not Waiting.ANSWER:
            self._answered = True  # before its body was there
            return b""
        self.waiting = Waiting.REQUEST
        return self._take()

    def _take(self) -> bytes:
        if self.waiting is Waiting.ANSWER or not self._buffer:
            return b""
        self.call = None
        if self._whole is not None:
            return self._take_call(*self._whole)
        if self.waiting is Waiting.BODY:
            return self._take_bytes(self._body_left)
        if self.waiting is Waiting.REQUEST and not self._overlooked:  # RFC 9112 section 2.2: one is to be
            if self._buffer == b"\r":
                return b""
            if self._buffer.startswith(b"\r\n"):
                self._overlooked = True
                del self._buffer[:2]
                if not self._buffer:
                    return b""
        self.waiting = Waiting.HEAD
        end = self._buffer.find(b"\r\n\r\n", max(0, self._searched - 3))
        if end < 0:
            self._look_at_part()
            return b""
        if end + 4 > HEAD_MAX_BYTES:
            raise Refused(431, "head too long")
        head = parse_head(bytes(self._buffer[:end]))
        if head.hostless:  # whoever parses what is handed on insists on one
            self._buffer[end:end] = _HOST
            end += len(_HOST)
        self._searched = self.body_seen = 0
        self._answered = self._overlooked = False
        begin, end = end + 4, end + 4 + max(0, head.length)
        if head.call and head.length <= CALL_MAX_BYTES:
            return self._take_call(head, begin, end)
        self.body_seen = -begin  # of what is taken next that is head
        return self._take_bytes(end)

    def _take_call(self, head: Head, begin: int, end: int) -> bytes:
        """All of a call, or nothing yet."""
        self.body_seen = min(len(self._buffer), end) - begin
        if len(self._buffer) < end:
            self._whole, self.waiting = (head, begin, end), Waiting.BODY
            return b""
        self._whole, self.waiting = None, Waiting.ANSWER
        data = bytes(self._buffer[:end])
        del self._buffer[:end]
        self.call = Call(head, data[begin:])
        return data

    def _look_at_part(self) -> None:
        """Refuse a head that will not become one, before its end is there. Raises Refused."""
        if len(self._buffer) > HEAD_MAX_BYTES:
            raise Refused(431, "head too long")
        line_end = self._buffer.find(b"\n")
        if line_end >= 0 and (line_end == 0 or self._buffer[line_end - 1] != 13):
            raise Refused(400, "line without CR")
        self._searched = len(self._buffer)

    def _take_bytes(self, wanted: int) -> bytes:
        """Up to ``wanted`` bytes of the current request; the rest is its body."""
        data = bytes(self._buffer[:wanted])
        del self._buffer[:wanted]
        self.body_seen += len(data)
        self._body_left = wanted - len(data)
        if self._body_left:
            self.waiting = Waiting.BODY
        else:
            self.waiting = Waiting.REQUEST if self._answered else Waiting.ANSWER
        return data
