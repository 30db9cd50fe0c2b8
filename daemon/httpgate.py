"""The bounds of an HTTP connection: who gets one, how long it may take, how much it may hold; must never know
what is asked or answered.

A ``Gate`` is a connection. It takes what ``httphead`` has framed, one request at a time,
gives each to who answers as an ``Exchange``, and holds the clock:

* a head has to be there 10 s after its first byte, and that of the first one 10 s after the connect;
* a body gets 30 s, and after 5 s has to come with 1 KiB/s;
* a client that does not read its answer is cut when nothing moved for 30 s;
* an idle connection is kept for half an hour, as by Supervisor, but is the first to
  go when its server is full.

``Gates`` counts: 128 connections a server, 32 a TCP address; beyond them eight more
on a unix socket for root and the daemon's own user, so that an administrator always
gets in.

Not built on an HTTP library: the strict half of one, the framing, is ours in any case; what
is left is smaller than the seam was, and the library was a third of the daemon's memory and
half of its start.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Final

from .access import Peer, peer_of
from .httpanswer import GO_ON, Answer, Stamp, beginning, ending, piece, refusal, whole
from .httphead import Head, Part, Refused, RequestFramer, Waiting
from .outgoing import OverTls, make_room

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
JOINED_BYTES: Final = 1 << 16
"""A body up to this goes out in one piece with its head; a longer one is not copied for that."""
UNREAD_BYTES: Final = 1 << 16
"""How much of a body is taken in before somebody asks for it."""


class Gates:
    """All connections of one server.

    ``serve`` answers one exchange; it fails with nothing but ConnectionError, where the client has
    gone. ``refused`` is told of each request that was not let pass. ``name_of``: who a uid is, for
    people. ``at_once`` has the answer to a call that came whole, or None where ``serve`` is to give it.
    """

    def __init__(
        self,
        serve: Callable[[Exchange], Coroutine[None, None, None]],
        refused: Callable[[Peer, Refused], None],
        name_of: Callable[[int], str],
        at_once: Callable[[Gate, Head, bytes], Answer | None] = lambda gate, head, body: None,
    ) -> None:
        self.serve = serve
        self.refused = refused
        self.name_of = name_of
        self.at_once = at_once
        self.stamp = Stamp()
        self._gates: dict[Gate, None] = {}

    def protocol(self) -> asyncio.Protocol:
        """A protocol for one more connection."""
        return Gate(self)

    def admit(self, gate: Gate) -> bool:
        """Count a new connection; False: there is no room.

        Where the room is taken, a connection that is idle makes place.
        """
        peer = gate.peer
        if peer.uid < 0:
            same = [other for other in self._gates if other.peer.address == peer.address]
            if len(same) >= CONNECTIONS_PEER_MAX and not _drop_idle(same):
                return False
        if len(self._gates) >= CONNECTIONS_MAX and not _drop_idle(self._gates):
            reserved = CONNECTIONS_RESERVED if peer.uid in (0, os.geteuid()) else 0
            if len(self._gates) >= CONNECTIONS_MAX + reserved:
                return False
        self._gates[gate] = None
        return True

    def forget(self, gate: Gate) -> None:
        self._gates.pop(gate, None)

    async def close(self, timeout_s: float) -> None:
        """End all connections; answers under way have ``timeout_s`` to come to their end."""
        gates = tuple(self._gates)
        for gate in gates:
            gate.tell_lost()
        answering = {gate.answering for gate in gates if gate.answering is not None}
        if answering:
            _, late = await asyncio.wait(answering, timeout=timeout_s)
            for task in late:
                task.cancel()
        for gate in gates:
            gate.close()


def _drop_idle(gates: Iterable[Gate]) -> bool:
    """Close the connection that is idle for the longest time; False: all are busy."""
    idle = [(gate.idle_since, gate) for gate in gates if gate.idle_since is not None]
    if not idle:
        return False
    _, gate = min(idle, key=lambda pair: pair[0])
    gate.abort()
    return True


class Exchange:
    """One request, whose body may still come, and its answer.

    ``status`` and ``sent`` (bytes of the body): of what was answered; 0 before.
    """

    def __init__(self, gate: Gate, head: Head) -> None:
        self.gate = gate
        self.head = head
        self.status = 0
        self.sent = 0
        self.stays = head.stays
        self._body = bytearray()
        self._whole = False
        self._reader: asyncio.Future[None] | None = None

    # --- the request ----------------------------------------------------------------------------------

    def feed(self, data: bytes, last: bool) -> None:
        """More of the body. It is thrown away once the answer is given."""
        if self.status:
            return
        self._body += data
        self._whole = last
        if last:
            self._wake()
        elif self._reader is None and len(self._body) > UNREAD_BYTES:
            self.gate.pause_reading()

    async def read(self) -> bytes:
        """The whole body. Raises ConnectionError: it will never be there."""
        if not self._whole:
            self._check()
            self._reader = asyncio.get_running_loop().create_future()
            if self.head.http11 and self.head.fields.get("Expect", "").lower() == "100-continue":
                self.gate.write(GO_ON)  # RFC 9110 section 10.1.1
            self.gate.resume_reading()
            await self._reader
        if not self._whole:
            raise ConnectionResetError("the client has gone")
        return bytes(self._body)

    def lost(self) -> None:
        """Nothing more comes."""
        self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    # --- the answer -----------------------------------------------------------------------------------

    def answer(self, answer: Answer) -> None:
        """All of it. Raises ConnectionError where nobody is there any more, or another one was begun."""
        self._begin(answer.status)
        self.stays = self.stays and not answer.closes
        head, body = whole(self.head, answer, self.gate.date(), self.stays)
        self.sent = len(body)
        self.gate.write(head, body)

    def begin(self, headers: Mapping[str, str]) -> None:
        """A 200 whose body is still to come, by ``write``. Raises ConnectionError as above."""
        self._begin(200)
        self.stays = self.stays and self.head.http11
        self.gate.write(beginning(self.head, headers, self.gate.date()))

    async def write(self, data: bytes) -> None:
        """More of the body, as fast as the client reads. Raises ConnectionError where it has gone."""
        if data:
            self._check()
            self.sent += len(data)
            self.gate.write(piece(self.head, data))
            await self.gate.drained()

    def end(self) -> None:
        self.gate.write(ending(self.head))

    def _begin(self, status: int) -> None:
        self._check()
        if self.status:
            raise ConnectionAbortedError("an answer that was begun cannot be taken back")
        self.status = status

    def _check(self) -> None:
        if self.gate.is_closing():
            raise ConnectionResetError("the client has gone")


class Gate(OverTls):
    """One connection; see the theory above.

    ``admitted``: it has shown that it may be here. ``authorization``: the header that
    it did it with. ``idle_since``: monotonic, None while something is under way.
    ``on_lost``: called when the client has gone, or sends no more.
    """

    def __init__(self, gates: Gates) -> None:
        self.answering: asyncio.Task[None] | None = None
        self.peer = Peer("gone", "gone")
        self.admitted = False
        self.authorization = ""
        self.idle_since: float | None = None
        self.on_lost: set[Callable[[], None]] = set()
        self.lost = False  # whether that was told
        self._gates = gates
        self._exchange: Exchange | None = None
        """The last one, whose body may come after its answer."""
        self._framer = RequestFramer()
        self._writable: asyncio.Future[None] | None = None
        """Only while the client has to read first."""
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
        self._closed = False

    # --- what asyncio tells ---------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        sock = transport.get_extra_info("socket")
        self.peer = peer_of(sock, self._gates.name_of)
        if not self._gates.admit(self):
            self._closed = True
            transport.abort()
            return
        transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        self.idle_since = self._begun = self._loop.time()
        self._arm()

    def data_received(self, data: bytes) -> None:
        if self._lingering:
            self._discarded += len(data)
            if self._discarded > LINGER_BYTES:
                self.abort()
            return
        if self._closed or self._half_closed:
            return
        if self.idle_since is not None:
            self.idle_since = None
            self._begun = self._loop.time()
        self._take(lambda: self._framer.feed(data))

    def eof_received(self) -> bool:
        """Who only shut down sending still gets the answer that is under way."""
        self._half_closed = True
        self._begun = self._loop.time()
        self.tell_lost()
        self._arm()
        if self._transport.get_extra_info("sslcontext") is not None:
            return False  # TLS knows no half-closed connection
        return self._framer.waiting is Waiting.ANSWER and not self._lingering

    def pause_writing(self) -> None:
        self._watch_writing()
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        if not self._lingering:
            self._stalled_bytes = 0
        if self._writable is not None:
            self._writable.set_result(None)
            self._writable = None

    def connection_lost(self, error: Exception | None) -> None:
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._gates.forget(self)
        self.resume_writing()
        self.tell_lost()

    # --- one request after another --------------------------------------------------------------------

    def _take(self, framed: Callable[[], Part | None]) -> None:
        """Go on with what was framed, and look at the clock again."""
        try:
            part = framed()
            if part is not None and part.head is None:
                self._feed(part)
                # The body of a request that was answered early is over, and the next one may be here already.
                part = self._framer.feed(b"") if part.last else None
        except Refused as refused:
            self._refuse(refused)
            return
        waiting = self._framer.waiting
        if waiting is Waiting.BODY:
            if not self._in_body:
                self._begun = self._loop.time()
            self._in_body = True
        else:
            self._in_body = False
            if waiting is Waiting.ANSWER and self._framer.crowded:
                self._transport.pause_reading()
            elif waiting is Waiting.REQUEST and self.idle_since is None:
                self.idle_since = self._begun = self._loop.time()
        if part is not None and part.head is not None:
            self._begin(part, part.head)
        self._arm()

    def _begin(self, part: Part, head: Head) -> None:
        if not (head.call and self._answer_at_once(head, part.body)):
            self._exchange = exchange = Exchange(self, head)
            self._feed(part)
            self.answering = self._loop.create_task(self._serve(exchange))

    def _feed(self, part: Part) -> None:
        if self._exchange is not None:
            self._exchange.feed(part.body, part.last)

    def _answer_at_once(self, head: Head, body: bytes) -> bool:
        """Whether a call is answered; the longer way for one that is not is an exchange with a task."""
        if self._unsent():
            return False
        answer = self._gates.at_once(self, head, body)
        if answer is None:
            return False
        self.write(*whole(head, answer, self.date(), head.stays))
        if self._framer.has_more:  # others have their turn
            self._loop.call_soon(self._answered, True)
        else:
            self._answered(True)
        return True

    async def _serve(self, exchange: Exchange) -> None:
        try:
            await self._gates.serve(exchange)
            await self.drained()
        except ConnectionError:
            self.abort()
            return
        finally:
            self.answering = None
        self._answered(exchange.stays)

    def _answered(self, stays: bool) -> None:
        """The answer was written, or will be as the client reads: the next request may pass."""
        if self._closed or self._lingering:
            return
        if not stays:
            self._end()
        else:
            self.resume_reading()
            self._begun = self._loop.time()
            self._take(self._framer.answered)
            if self._half_closed and self._framer.waiting is not Waiting.ANSWER:
                self.close()
        if self._unsent():
            self._watch_writing()

    def _refuse(self, refused: Refused) -> None:
        self._gates.refused(self.peer, refused)
        self._transport.write(refusal(refused.status, self.date()))
        self._linger()

    def _end(self) -> None:
        """Close behind an answer."""
        read_all = self._framer.waiting is Waiting.ANSWER and not self._framer.has_more
        # TLS that is closed does not wait long for who reads slowly.
        if read_all and not (self.below and self._unsent()):
            self.close()
        else:
            self._linger()

    def _linger(self) -> None:
        """Close once the answer has left; what is still sent is read for a moment, or it would be lost with it."""
        if self._half_closed:
            self.close()
            return
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self.resume_reading()
        self._lingering = True
        self.idle_since = None
        self._begun = self._loop.time()
        self._watch_writing()

    def _linger_on(self) -> None:
        left = self._unsent()
        if left < self._stalled_bytes:
            self._watch_writing()
        elif not left:
            self.close()
            return
        elif self._loop.time() - self._stalled_since >= STALLED_S:
            self.abort()
            return
        self._begun = self._loop.time()
        self._arm()

    def close(self) -> None:
        """Close when what was written is sent."""
        self.idle_since = None
        if not self._transport.is_closing():  # TLS that is closed twice answers nothing any more
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self.idle_since = None
        self._transport.abort()

    def tell_lost(self) -> None:
        self.lost = True
        if self._exchange is not None:
            self._exchange.lost()
        for callback in tuple(self.on_lost):
            callback()

    # --- what an exchange needs -----------------------------------------------------------------------

    def date(self) -> str:
        return self._gates.stamp.date()

    def is_closing(self) -> bool:
        return self._closed or self._transport.is_closing()

    def write(self, data: bytes, more: bytes = b"") -> None:
        """``more`` is sent behind ``data``."""
        if len(more) <= JOINED_BYTES:
            data, more = data + more, b""
        else:
            make_room(self._transport, len(more))
        self._transport.write(data)
        if more:
            # a view, or asyncio copies what does not leave at once twice
            self._transport.write(memoryview(more))

    async def drained(self) -> None:
        """Return when more may be written."""
        if self._writable is not None:
            await asyncio.shield(self._writable)

    def pause_reading(self) -> None:
        if not self.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if not self.is_closing() and not self._transport.is_reading():
            self._transport.resume_reading()

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
        elif self._lingering:
            self._linger_on()
        elif self._stalled_bytes:
            if self._unsent() >= self._stalled_bytes:
                self.abort()
                return
            self._watch_writing()
        elif self._framer.waiting is Waiting.HEAD:
            self._refuse(Refused(408, "the head did not arrive in time"))
        else:
            self.abort()

    def _unsent(self) -> int:
        """Bytes that the system has not taken yet."""
        below = self.below.get_write_buffer_size() if self.below else 0
        return self._transport.get_write_buffer_size() + below

    def _watch_writing(self) -> None:
        """From now on the client has to read."""
        self._stalled_bytes = self._unsent()
        self._stalled_since = self._loop.time()
        self._arm()
