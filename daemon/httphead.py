"""**Pure**: bytes of a connection cut into HTTP requests, strictly; must never know sockets, or what is answered.

What two readers could read differently is refused, not guessed (RFC 9112): a head is
lines that end in CR LF; the request line has one space between its three parts and a
path for a target; field names are tokens right before their colon; no line is
continued on the next; there is at most one Content-Length, in decimal digits, and no
Transfer-Encoding; bodies are not compressed. Only GET, HEAD and POST are requests
that anything here answers. A Host may be missing: clients of Supervisor that write
their HTTP by hand leave it out, no browser does, and it frames nothing.

``RequestFramer`` gives one request at a time, its body as it comes: the head of the
next one is looked at when ``answered`` said that the one before is done. An XML-RPC
call of a few plain fields is given as a whole, for who can answer it at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
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


class Fields(Mapping[str, str]):
    """Header fields by name in any case; of a name that came twice the first, but for Connection, whose lists are joined.

    Bytes beyond ASCII that are no UTF-8 come as lone surrogates.
    """

    __slots__ = ("_values",)

    def __init__(self, values: dict[bytes, bytes]) -> None:
        """``values``: by lower-case name."""
        self._values = values

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower().encode()].decode("utf-8", "surrogateescape")

    def __iter__(self) -> Iterator[str]:
        return (name.decode() for name in self._values)

    def __len__(self) -> int:
        return len(self._values)


@dataclass(frozen=True, slots=True)
class Head:
    """``target``: as it was sent, ASCII. ``length``: of the body in bytes, 0 when none was given.

    ``stays``: the connection is kept after the answer. ``call``: it is a short XML-RPC
    call with nothing but plain fields, on a connection that stays.
    """

    method: str
    target: str
    http11: bool
    fields: Fields
    length: int = 0
    stays: bool = True
    call: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """What came of a request. ``head``: where it begins one. ``last``: nothing more of it comes."""

    head: Head | None
    body: bytes
    last: bool


def parse_head(data: bytes) -> Head:
    """The request of a head, the empty line not included. Raises Refused."""
    first, *lines = data.split(b"\r\n")
    line = _REQUEST_LINE.fullmatch(first)
    if line is None:
        raise Refused(400, "bad request line")
    method, target, http11 = line[1], line[2], line[3] == b"1"
    if method not in _METHODS:
        raise Refused(400, f"method {method.decode()}")
    if len(lines) > FIELDS_MAX:
        raise Refused(431, f"more than {FIELDS_MAX} fields")
    length = -1
    values: dict[bytes, bytes] = {}
    plain = True
    for text in lines:
        field = _FIELD.fullmatch(text)
        if field is None:
            raise Refused(400, "bad header field")
        name, value = field[1].lower(), field[2].rstrip(b" \t")
        if name not in _OF_CALLS:
            plain = plain and name == b"connection" and value.lower() == b"keep-alive"
        if name not in values:
            values[name] = value
        elif name in _SINGLE:
            raise Refused(400, f"two fields {name.decode()}")
        elif name == b"connection":
            values[name] += b"," + value
        if name == b"content-length":
            length = _length(value)
        elif name == b"transfer-encoding":
            raise Refused(400, "Transfer-Encoding")
        elif name == b"content-encoding" and value.lower() != b"identity":
            raise Refused(415, "Content-Encoding")
    if method == b"POST" and length < 0:
        raise Refused(411, "no Content-Length")
    call = plain and http11 and method == b"POST" and target in _CALLED and length <= CALL_MAX_BYTES
    stays = call or _stays(values.get(b"connection", b""), http11)
    return Head(method.decode(), target.decode(), http11, Fields(values), max(0, length), stays, call)


def _stays(connection: bytes, http11: bool) -> bool:
    """RFC 9112 section 9.3."""
    options = [option.strip(b" \t") for option in connection.lower().split(b",")]
    return b"close" not in options and (http11 or b"keep-alive" in options)


def _length(value: bytes) -> int:
    if not _LENGTH.fullmatch(value):
        raise Refused(400, "bad Content-Length")
    if int(value) > BODY_MAX_BYTES:
        raise Refused(413, f"body over {BODY_MAX_BYTES} bytes")
    return int(value)


class RequestFramer:
    """Feed bytes, take parts; see the theory above. ``waiting`` says what comes next."""

    def __init__(self) -> None:
        self.waiting = Waiting.REQUEST
        self._buffer = bytearray()
        self._searched = 0
        self._body_left = 0
        self._answered = False
        self._overlooked = False
        """An empty line in front of the next request."""
        self._call: Head | None = None
        """The head of a call that is not all there."""
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

    def feed(self, data: bytes) -> Part | None:
        """What is to be handed on now; None when it is not yet time. Raises Refused."""
        self._buffer += data
        return self._take()

    def answered(self) -> Part | None:
        """The answer was written: what is to be handed on of the next request. Raises Refused."""
        if self.waiting is not Waiting.ANSWER:
            self._answered = True  # before its body was there
            return None
        self.waiting = Waiting.REQUEST
        return self._take()

    def _take(self) -> Part | None:
        if self.waiting is Waiting.ANSWER or not self._buffer:
            return None
        if self._call is not None:
            return self._take_call(self._call)
        if self.waiting is Waiting.BODY:
            return self._take_body(None)
        if self.waiting is Waiting.REQUEST and not self._overlooked:  # RFC 9112 section 2.2: one is to be
            if self._buffer == b"\r":
                return None
            if self._buffer.startswith(b"\r\n"):
                self._overlooked = True
                del self._buffer[:2]
                if not self._buffer:
                    return None
        self.waiting = Waiting.HEAD
        end = self._buffer.find(b"\r\n\r\n", max(0, self._searched - 3))
        if end < 0:
            self._look_at_part()
            return None
        if end + 4 > HEAD_MAX_BYTES:
            raise Refused(431, "head too long")
        head = parse_head(bytes(self._buffer[:end]))
        del self._buffer[: end + 4]
        self._searched = self.body_seen = 0
        self._answered = self._overlooked = False
        self._body_left = head.length
        return self._take_call(head) if head.call else self._take_body(head)

    def _take_call(self, head: Head) -> Part | None:
        """All of a call, or nothing yet."""
        if len(self._buffer) < head.length:
            self._call, self.waiting, self.body_seen = head, Waiting.BODY, len(self._buffer)
            return None
        self._call, self.body_seen = None, 0
        return self._take_body(head)

    def _take_body(self, head: Head | None) -> Part:
        """What is there of the body of the current request."""
        data = bytes(self._buffer[: self._body_left])
        del self._buffer[: self._body_left]
        self.body_seen += len(data)
        self._body_left -= len(data)
        if self._body_left:
            self.waiting = Waiting.BODY
        else:
            self.waiting = Waiting.REQUEST if self._answered else Waiting.ANSWER
        return Part(head, data, not self._body_left)

    def _look_at_part(self) -> None:
        """Refuse a head that will not become one, before its end is there. Raises Refused."""
        if len(self._buffer) > HEAD_MAX_BYTES:
            raise Refused(431, "head too long")
        line_end = self._buffer.find(b"\n")
        if line_end >= 0 and (line_end == 0 or self._buffer[line_end - 1] != 13):
            raise Refused(400, "line without CR")
        self._searched = len(self._buffer)
