"""The event-listener protocol: what goes either way, and the daemon's end, sans-IO; must never know pipes, pools.

Daemon to listener (its stdin), an *envelope*: one header line of ``key:value`` words,
a line feed, and ``len`` **bytes** of payload, UTF-8::

    ver:3.0 server:ID serial:N pool:POOL poolserial:M eventname:NAME len:L\\n<payload>

Nothing stands behind a payload that is ASCII. Supervisor 4.3 counts characters, so that
who reads bytes loses the beginning of the next header; but who reads text, as most
listeners do (``sys.stdin.read(len)``), would wait for ever for the characters that a
count of bytes promises. So behind a payload come as many blanks as it has bytes more than
characters: who reads text gets them at its end, and who reads bytes finds them in
front of the next header line, where blanks only part the words.

Listener to daemon (its stdout)::

    READY\\n                   it takes one event now
    RESULT <n>\\n<n bytes>     what came of that event; no line feed needed behind it

States, as the daemon sees them (``supervisor.states.EventListenerStates``)::

    ACKNOWLEDGED --READY--> READY --an envelope is sent--> BUSY --RESULT--> ACKNOWLEDGED

Everything else that a listener writes is nonsense: RemoteProtocolError, state UNKNOWN,
and whatever comes later is ignored. A result is at most ``MAX_RESULT_BYTES``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import LocalProtocolError, RemoteProtocolError
from ..states import EventListenerStates as S
from ..states import getEventListenerStateDescription

VERSION = "3.0"
MAX_RESULT_BYTES = 1 << 20
MAX_LINE_BYTES = 32
READY_LINE = b"READY\n"
RESULT_WORD = b"RESULT "
_LENGTH = re.compile(rb"[0-9]{1,9}")
_SEPARATORS = re.compile(r"[\s:]")


@dataclass(frozen=True, slots=True)
class Ready:
    """The listener takes an event now."""


@dataclass(frozen=True, slots=True)
class Result:
    """``data``: what the listener says of the event that it had."""

    data: bytes


def envelope(server: str, serial: int, pool: str, poolserial: int, name: str, payload: bytes) -> bytes:
    """The bytes of one event. Blanks and colons in ``server`` become underscores: they would end the word."""
    blanks = len(payload) - len(payload.decode("utf-8", "surrogateescape"))
    header = (
        f"ver:{VERSION} server:{_SEPARATORS.sub('_', server)} serial:{serial} pool:{pool} "
        f"poolserial:{poolserial} eventname:{name} len:{len(payload)}\n"
    )
    return header.encode("utf-8", "backslashreplace") + payload + b" " * blanks


def parse_headers(line: str) -> dict[str, str]:
    """``{"ver": "3.0", …}`` of a header line. Raises ValueError for a word without exactly one colon."""
    headers = {}
    for word in line.split():
        key, value = word.split(":")
        headers[key] = value
    return headers


def ready() -> bytes:
    """What a listener writes when it can take an event."""
    return READY_LINE


def result(data: bytes) -> bytes:
    """What a listener writes to answer an event."""
    return RESULT_WORD + b"%d\n" % len(data) + data


class DaemonEnd:
    """The daemon's view of one listener process. ``buffered``: bytes read, of a message that is not whole."""

    def __init__(self, state: int = S.ACKNOWLEDGED) -> None:
        self.state = state
        self._buffer = bytearray()
        self._length = -1  # of the result under way, once its line was read
        self._taken = 0  # length of that line
        self._events: list[Ready | Result] = []

    @property
    def buffered(self) -> int:
        """How many of the bytes fed last are not part of an event yet."""
        return self._taken + len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Take what the listener wrote; see ``events``. Raises RemoteProtocolError, state UNKNOWN then."""
        if self.state == S.UNKNOWN:
            return
        self._buffer += data
        try:
            while self._buffer and self._step():
                pass
        except RemoteProtocolError:
            self.state = S.UNKNOWN
            self._buffer.clear()
            self._taken = 0
            raise

    def events(self) -> list[Ready | Result]:
        """What was understood since the last call, also before an error."""
        events, self._events = self._events, []
        return events

    def send(self) -> None:
        """An envelope goes out. Raises LocalProtocolError unless the listener is READY."""
        if self.state != S.READY:
            raise LocalProtocolError(f"listener is {getEventListenerStateDescription(self.state)}, not READY")
        self.state = S.BUSY

    def _step(self) -> bool:
        """Take one piece out of the buffer; False when more is needed."""
        if self.state == S.ACKNOWLEDGED:
            return self._ready_line()
        if self.state == S.BUSY:
            return self._result_line() if self._length < 0 else self._result_data()
        raise RemoteProtocolError(f"{_shown(self._buffer)} where nothing was to come")

    def _ready_line(self) -> bool:
        head = bytes(self._buffer[: len(READY_LINE)])
        if not READY_LINE.startswith(head):
            raise RemoteProtocolError(f"{_shown(self._buffer)} where READY was to come")
        if len(head) < len(READY_LINE):
            return False
        del self._buffer[: len(READY_LINE)]
        self.state = S.READY
        self._events.append(Ready())
        return True

    def _result_line(self) -> bool:
        end = self._buffer.find(b"\n", 0, MAX_LINE_BYTES)
        line = bytes(self._buffer[: end if end >= 0 else MAX_LINE_BYTES])
        head = line[: len(RESULT_WORD)]
        if not RESULT_WORD.startswith(head) or (end < 0 and len(line) == MAX_LINE_BYTES):
            raise RemoteProtocolError(f"bad result line: {_shown(line)}")
        if end < 0:
            return False
        length = line[len(RESULT_WORD) :].strip()
        if _LENGTH.fullmatch(length) is None:
            raise RemoteProtocolError(f"bad result line: {_shown(line)}")
        if int(length) > MAX_RESULT_BYTES:
            raise RemoteProtocolError(f"a result of {int(length)} bytes is over {MAX_RESULT_BYTES}")
        del self._buffer[: end + 1]
        self._length, self._taken = int(length), end + 1
        return self._result_data()

    def _result_data(self) -> bool:
        if len(self._buffer) < self._length:
            return False
        data = bytes(self._buffer[: self._length])
        del self._buffer[: self._length]
        self._length, self._taken = -1, 0
        self.state = S.ACKNOWLEDGED
        self._events.append(Result(data))
        return True


def _shown(data: bytes | bytearray) -> str:
    """The beginning of some bytes, printable."""
    return repr(bytes(data[:100]))[1:]
