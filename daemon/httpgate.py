"""The bounds of an HTTP connection: who gets one, how long it may take, how much it may hold; must never know
what is asked or answered.

A ``Gate`` stands between the transport and aiohttp's protocol. It lets pass only what
``httphead`` has framed, one request at a time, so that aiohttp sees no ambiguous
byte and queues nothing; and it holds the clock:

* a head has to be there within 10 s, the first one counted from the connect;
* a body gets 30 s, and after 5 s has to come with 1 KiB/s;
* a client that does not read its answer is cut when nothing moved for 30 s;
* an idle connection is kept for half an hour, as by Supervisor, but is the first to
  go when its server is full.

``Gates`` counts: 128 connections a server, 32 a TCP address; beyond them eight more
on a unix socket for root and the daemon's own user, so that an administrator always
gets in.
"""

from __future__ import annotations

import asyncio
import html
import http
import os
from collections.abc import Callable, Iterable
from email.utils import formatdate
from typing import Final

from aiohttp import web

from .access import Peer, peer_of
from .httphead import Call, Refused, RequestFramer, Waiting

CONNECTIONS_MAX: Final = 128
CONNECTIONS_PEER_MAX: Final = 32
CONNECTIONS_RESERVED: Final = 8
HEAD_S: Final = 10.0
BODY_S: Final = 30.0
BODY_GRACE_S: Final = 5.0
BODY_RATE_BYTES: Final = 1024
IDLE_S: Final = 1800.0
STALLED_S: Final = 30.0
LINGER_S: Final = 2.0
HALF_CLOSED_S: Final = 5.0
LINGER_BYTES: Final = 1 << 18
WRITE_BUFFER_BYTES: Final = 1 << 20


def error_page(status: int) -> str:
    """The HTML body of an answer that is no 200, as Supervisor words it."""
    reason = html.escape(http.HTTPStatus(status).phrase)
    return (
        f"<head>\r\n<title>Error response</title>\r\n</head>\r\n<body>\r\n<h1>Error response</h1>\r\n"
        f"<p>Error code {status}.\r\n<p>Message: {reason}.\r\n</body>\r\n"
    )


def refusal(status: int, server: str) -> bytes:
    """A whole answer that ends the connection."""
    body = error_page(status)
    return (
        f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}\r\n"
        f"Server: {server}\r\nDate: {formatdate(usegmt=True)}\r\n"
        f"Content-Type: text/html\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
    ).encode()


class Gates:
    """All connections of one server.

    ``handlers`` makes aiohttp's protocol for a connection; ``refused`` is told of each
    request that was not let pass. ``name_of``: who a uid is, for people. ``at_once``
    gives the whole answer to a call, or None where aiohttp is to have it.
    """

    def __init__(
        self,
        server_name: str,
        handlers: Callable[[], web.RequestHandler],
        refused: Callable[[Peer, Refused], None],
        name_of: Callable[[int], str],
        at_once: Callable[[Gate, Call], bytes | None] = lambda gate, call: None,
    ) -> None:
        self.server_name = server_name
        self.handlers = handlers
        self.refused = refused
        self.name_of = name_of
        self.at_once = at_once
        self._gates: dict[Gate, None] = {}
        self._by_handler: dict[web.RequestHandler, Gate] = {}

    def protocol(self) -> asyncio.Protocol:
        """A protocol for one more connection."""
        return Gate(self)

    def of(self, handler: web.RequestHandler | None) -> Gate | None:
        """The gate in front of aiohttp's protocol; None once the connection is gone."""
        return self._by_handler.get(handler) if handler is not None else None

    def admit(self, gate: Gate) -> web.RequestHandler | None:
        """A protocol for a new connection, which is counted; None: there is no room.

        Where the room is taken, a connection that is idle makes place.
        """
        peer = gate.peer
        if peer.uid < 0:
            same = [other for other in self._gates if other.peer.address == peer.address]
            if len(same) >= CONNECTIONS_PEER_MAX and not _drop_idle(same):
                return None
        if len(self._gates) >= CONNECTIONS_MAX and not _drop_idle(self._gates):
            reserved = CONNECTIONS_RESERVED if peer.uid in (0, os.geteuid()) else 0
            if len(self._gates) >= CONNECTIONS_MAX + reserved:
                return None
        handler = self.handlers()
        self._gates[gate] = None
        self._by_handler[handler] = gate
        return handler

    def forget(self, gate: Gate) -> None:
        self._gates.pop(gate, None)
        if gate.handler is not None:
            self._by_handler.pop(gate.handler, None)


def _drop_idle(gates: Iterable[Gate]) -> bool:
    """Close the connection that is idle for the longest time; False: all are busy."""
    idle = [(gate.idle_since, gate) for gate in gates if gate.idle_since is not None]
    if not idle:
        return False
    _, gate = min(idle, key=lambda pair: pair[0])
    gate.abort()
    return True


class Gate(asyncio.Protocol):
    """One connection; see the theory above.

    ``admitted``: it has shown that it may be here. ``authorization``: the header that
    it did it with. ``idle_since``: monotonic, None while something is under way.
    ``on_lost``: called when the client has gone, or sends no more.
    """

    def __init__(self, gates: Gates) -> None:
        self.handler: web.RequestHandler | None = None
        self.peer = Peer("gone", "gone")
        self.admitted = False
        self.authorization = ""
        self.idle_since: float | None = None
        self.on_lost: set[Callable[[], None]] = set()
        self.lost = False  # whether that was told
        self._gates = gates
        self._framer = RequestFramer()
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._timer: asyncio.TimerHandle | None = None
        self._due: float | None = None
        self._begun = 0.0
        self._in_body = False
        self._stalled_bytes = 0
        self._stalled_since = 0.0
        self._lingering = False
        self._discarded = 0
        self._half_closed = False

    # --- what asyncio tells ---------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        sock = transport.get_extra_info("socket")
        self.peer = peer_of(sock, self._gates.name_of)
        self.handler = self._gates.admit(self)
        if self.handler is None:
            transport.abort()
            return
        transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        self.handler.connection_made(transport)
        self.idle_since = self._begun = self._loop.time()
        self._arm()

    def data_received(self, data: bytes) -> None:
        if self._lingering:
            self._discarded += len(data)
            if self._discarded > LINGER_BYTES:
                self.abort()
            return
        if self.handler is None or self._half_closed:
            return
        if self.idle_since is not None:
            self.idle_since = None
            self._begun = self._loop.time()
        try:
            self._pass(self._framer.feed(data))
        except Refused as refused:
            self._refuse(refused)

    def eof_received(self) -> bool:
        """Who only shut down sending still gets the answer that is under way."""
        self._half_closed = True
        self._begun = self._loop.time()
        self._tell_lost()
        self._arm()
        if self._transport.get_extra_info("sslcontext") is not None:
            return False  # TLS knows no half-closed connection
        return self._framer.waiting is Waiting.ANSWER and not self._lingering

    def pause_writing(self) -> None:
        self._watch_writing()
        if self.handler is not None:
            self.handler.pause_writing()

    def resume_writing(self) -> None:
        self._stalled_bytes = 0
        if self.handler is not None:
            self.handler.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._gates.forget(self)
        if self.handler is not None:
            self.handler.connection_lost(error)
            self.handler = None
        self._tell_lost()

    # --- one request after another --------------------------------------------------------------------

    def _pass(self, data: bytes) -> None:
        """Hand on what was framed, and look at the clock again."""
        waiting = self._framer.waiting
        if waiting is Waiting.BODY:
            if not self._in_body:
                self._begun = self._loop.time()
            self._in_body = True
        elif waiting is Waiting.ANSWER:
            self._in_body = False
            if self._framer.crowded:
                self._transport.pause_reading()
        if data and self.handler is not None and not self._answer_at_once():
            self.handler.data_received(data)
        self._arm()

    def _answer_at_once(self) -> bool:
        """Whether what was framed is answered; what is not makes the longer way, through aiohttp."""
        call = self._framer.call
        if call is None or self._transport.get_write_buffer_size():
            return False
        answer = self._gates.at_once(self, call)
        if answer is None:
            return False
        self._transport.write(answer)
        if self._framer.has_more:  # others have their turn
            self._loop.call_soon(self.answered)
        else:
            self.answered()
        return True

    def answered(self) -> None:
        """The answer was written, or will be as the client reads: the next request may pass."""
        if self._half_closed:
            self._transport.close()
        elif self.handler is not None and not self._lingering:
            self._begun = self._loop.time()
            try:
                passed = self._framer.answered()
            except Refused as refused:
                self._refuse(refused)
                return
            if self._framer.waiting is Waiting.REQUEST:
                self.idle_since = self._begun
            if not self._transport.is_reading() and not self._transport.is_closing():
                self._transport.resume_reading()
            self._pass(passed)
        if self._transport.get_write_buffer_size():
            self._watch_writing()

    def _refuse(self, refused: Refused) -> None:
        """Answer and close; what is still sent is read for a moment, or the answer would be lost with it."""
        self._gates.refused(self.peer, refused)
        self._transport.write(refusal(refused.status, self._gates.server_name))
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._lingering = True
        self.idle_since = None
        self._begun = self._loop.time()
        self._arm()

    def abort(self) -> None:
        """Close at once."""
        self.idle_since = None
        self._transport.abort()

    def _tell_lost(self) -> None:
        self.lost = True
        for callback in tuple(self.on_lost):
            callback()

    # --- the clock ------------------------------------------------------------------------------------

    def _deadline(self) -> float | None:
        """When the client is out of time; None: it is not its turn."""
        if self._lingering:
            return self._begun + LINGER_S
        if self._stalled_bytes:
            return self._stalled_since + STALLED_S
        waiting = self._framer.waiting
        if waiting is Waiting.REQUEST:
            return self._begun + (IDLE_S if self.admitted else HEAD_S)
        if waiting is Waiting.HEAD:
            return self._begun + HEAD_S
        if waiting is Waiting.BODY:
            return self._begun + min(BODY_S, BODY_GRACE_S + self._framer.body_seen / BODY_RATE_BYTES)
        if self._half_closed and not self.admitted:
            return self._begun + HALF_CLOSED_S  # most likely it is gone, and its login waits for its turn
        return None

    def _arm(self) -> None:
        """Have a timer no later than the deadline; an earlier one finds out that it was early."""
        due = self._due = self._deadline()
        if due is None:
            return
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if self._due is None:
            return
        if self._loop.time() < self._due:
            self._arm()
        elif self._stalled_bytes and not self._lingering:
            left = self._transport.get_write_buffer_size()
            if left >= self._stalled_bytes:
                self.abort()
                return
            self._watch_writing()
        elif self._framer.waiting is Waiting.HEAD and not self._lingering:
            self._refuse(Refused(408, "the head did not arrive in time"))
        else:
            self.abort()

    def _watch_writing(self) -> None:
        """From now on the client has to read."""
        self._stalled_bytes = self._transport.get_write_buffer_size()
        self._stalled_since = self._loop.time()
        self._arm()
