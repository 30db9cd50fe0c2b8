"""The life of a stream connection, decided: bytes and times in; bytes, a phase and handler calls out.

``Session`` knows the phase of the connection, when to dial again, when the peer is dead
and which requests are open; it must never know sockets or the loop, see ``stream``.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from ..protocol import stream as wire
from .requests import OVER, Request

DELAYS_S: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
JITTER: Final = 0.2
ABSENT_DELAY_S: Final = 0.2
"""Between attempts at a socket that is missing or refuses, right after a loss: a daemon that is being restarted."""
ABSENT_FOR_S: Final = 5.0
PING_EVERY_S: Final = 5.0
DEAD_AFTER_S: Final = 10.0
OPEN_WITHIN_S: Final = 10.0


class Phase(StrEnum):
    CONNECTING = "connecting"
    OPENING = "opening"
    LIVE = "live"
    WAITING = "waiting"
    AUTH_FAILED = "auth failed"
    INCOMPATIBLE = "incompatible"
    CLOSED = "closed"


HOPELESS: Final = frozenset({Phase.AUTH_FAILED, Phase.INCOMPATIBLE, Phase.CLOSED})
"""Phases that only ``retry_now`` leaves."""


@dataclass(frozen=True, slots=True)
class LinkState:
    """``attempt``: how many in a row failed. ``next_at``: monotonic time of the next one, when waiting."""

    phase: Phase = Phase.CONNECTING
    reason: str = ""
    attempt: int = 0
    next_at: float = 0.0


class Session:
    """The life of a connection, decided: bytes and times in; bytes, a phase and handler calls out.

    ``random_01`` gives numbers in 0..1 for the jitter. ``peer`` is the last greeting,
    ``role`` what we may do, ``rtt_s`` the last measured round trip.
    """

    def __init__(
        self,
        username: str | None = None,
        password: str | None = None,
        random_01: Callable[[], float] = random.random,
    ) -> None:
        self._username = username
        self._password = password
        self._random = random_01
        self._decoder = wire.client_decoder()
        self._out = bytearray()
        self._requests: dict[int, Request] = {}
        self._left: set[int] = set()
        self._next_id = 1
        self._lost_at = float("-inf")
        self._step = 0
        self._nonsense = False
        self._same_boot = False
        self._heard_at = 0.0
        self._ping_at = 0.0
        self._ping_sent_at = 0.0
        self._ping_n = 0
        self.state = LinkState()
        self.peer: wire.Greeting | None = None
        self.role = "none"
        self.rtt_s = 0.0

    # the connection

    def log_in(self, username: str, password: str) -> None:
        """With these from the next connection on."""
        self._username, self._password = username, password

    def dialing(self) -> None:
        self.state = replace(self.state, phase=Phase.CONNECTING)

    def connected(self, now: float) -> None:
        """The socket is open; the server is to speak within OPEN_WITHIN_S."""
        self.state = replace(self.state, phase=Phase.OPENING)
        self._decoder = wire.client_decoder()
        self._out.clear()
        self._heard_at = now

    def failed(self, reason: str, now: float, *, absent: bool = False) -> None:
        """An attempt came to nothing. ``absent``: nobody listens there (missing or refused)."""
        if absent and now - self._lost_at < ABSENT_FOR_S:
            delay = ABSENT_DELAY_S
        else:
            step = DELAYS_S[min(self._step, len(DELAYS_S) - 1)]
            self._step += 1
            delay = step * (1 + JITTER * (2 * self._random() - 1))
        self.state = LinkState(Phase.WAITING, reason, self.state.attempt + 1, now + delay)

    def misunderstood(self) -> None:
        """The server talks nonsense: the loss that follows counts as an attempt that came to nothing."""
        self._nonsense = True

    def lost(self, reason: str, now: float) -> None:
        """The open connection ended."""
        was_live = self.state.phase is Phase.LIVE
        for request in list(self._requests.values()):
            request.lost()
            if not request.lasting:
                del self._requests[request.id]
        if self.state.phase in HOPELESS:
            return
        if was_live and not self._nonsense:
            self._lost_at = now
            self.state = LinkState(Phase.WAITING, reason, 0, now + ABSENT_DELAY_S)
        else:
            self.failed(reason, now)

    def give_up(self, phase: Phase, reason: str) -> None:
        """Enter a phase that only ``retry_now`` leaves."""
        self.state = LinkState(phase, reason, self.state.attempt)

    def retry_now(self, now: float) -> None:
        if self.state.phase in HOPELESS - {Phase.CLOSED} or self.state.phase is Phase.WAITING:
            self.state = LinkState(Phase.WAITING, self.state.reason, self.state.attempt, now)

    @property
    def wants_connection(self) -> bool:
        """Whether an open connection is to be kept open."""
        return self.state.phase in (Phase.OPENING, Phase.LIVE)

    def deadline(self) -> float:
        """When ``timer`` is to be called next while connected, monotonic seconds."""
        if self.state.phase is Phase.OPENING:
            return self._heard_at + OPEN_WITHIN_S
        return min(self._ping_at, self._heard_at + DEAD_AFTER_S)

    def timer(self, now: float) -> str:
        """The reason why the connection is to be given up, or an empty string; may queue a ping."""
        if self.state.phase is Phase.OPENING:
            late = now >= self._heard_at + OPEN_WITHIN_S
            return f"no greeting within {OPEN_WITHIN_S:.0f} s" if late else ""
        if now >= self._heard_at + DEAD_AFTER_S:
            return f"silent for {DEAD_AFTER_S:.0f} s"
        if now >= self._ping_at:
            self._ping_n += 1
            self._ping_sent_at = now
            self._ping_at = now + PING_EVERY_S
            self._send(wire.Ping(self._ping_n))
        return ""

    def to_send(self) -> bytes:
        data = bytes(self._out)
        self._out.clear()
        return data

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes from the server. Raises RemoteProtocolError when it broke the protocol."""
        self._heard_at = now
        for frame in self._decoder.feed(data):
            self._take(frame, now)

    def _take(self, frame: wire.Frame, now: float) -> None:
        match frame:
            case wire.Ping():
                self._send(wire.Pong(frame.n))
            case wire.Pong():
                if frame.n == self._ping_n:
                    self.rtt_s = now - self._ping_sent_at
            case wire.Greeting():
                self._greeted(frame, now)
            case wire.Welcome():
                self._live(frame.role, now)
            case wire.Error(id=-1):
                if self.state.phase is Phase.OPENING:
                    self.give_up(Phase.AUTH_FAILED, frame.text)
            case _:
                self._answer(frame)

    def _greeted(self, frame: wire.Greeting, now: float) -> None:
        if frame.version != wire.VERSION:
            self.give_up(
                Phase.INCOMPATIBLE,
                f"the server speaks version {frame.version} of the stream protocol, not {wire.VERSION}",
            )
            return
        self._same_boot = self.peer is not None and self.peer.boot == frame.boot
        self.peer = frame
        if frame.role != "none":
            self._live(frame.role, now)
        elif self._username is None:
            self.give_up(Phase.AUTH_FAILED, "the server asks for a user name and a password")
        else:
            self._send(wire.Auth(self._username, self._password or ""))

    def _live(self, role: str, now: float) -> None:
        if self.state.phase is not Phase.OPENING:
            return
        self.role = role
        if not self._nonsense:  # else it has not shown yet that it does better this time
            self._step = 0
        self._nonsense = False
        self.state = LinkState(Phase.LIVE)
        self._ping_at = now + PING_EVERY_S
        self._forget_left()
        for request in list(self._requests.values()):
            self._send(request.opening(self._same_boot))

    def _answer(self, frame: wire.Frame) -> None:
        request = self._requests.get(getattr(frame, "id", -1))
        if request is None:
            return  # cancelled while it was under way
        if isinstance(frame, OVER):
            self._requests.pop(request.id, None)
        for answer in request.take(frame):
            self._send(answer)
        if request.id in self._left:
            self._forget_left()

    def _send(self, frame: wire.Frame) -> None:
        self._out += wire.encode(frame)

    # requests

    @property
    def live(self) -> bool:
        return self.state.phase is Phase.LIVE

    @property
    def boot(self) -> str:
        return self.peer.boot if self.peer is not None else ""

    def add(self, request: Request) -> None:
        """Open ``request`` now if the link is live, else when it becomes so."""
        while self._next_id in self._requests:
            self._next_id = (self._next_id + 1) % 2**32
        request.id = self._next_id
        self._next_id = (self._next_id + 1) % 2**32
        self._requests[request.id] = request
        if self.live:
            self._send(request.opening(True))

    def send(self, request: Request, frames: list[wire.Frame]) -> None:
        """Send frames of an open request; dropped while the link is away."""
        if self.live and request.id in self._requests:
            for frame in frames:
                self._send(frame)

    def cancel(self, request: Request) -> None:
        """Say that nobody wants it any more; what was typed in an attachment still gets to the server."""
        if self._requests.get(request.id) is None or request.id in self._left:
            return
        self.send(request, request.leave())
        self._left.add(request.id)
        self._forget_left()

    @property
    def leaving(self) -> bool:
        """Whether something that was cancelled is not known to be over."""
        self._forget_left()
        return bool(self._left)

    def _forget_left(self) -> None:
        for number in [n for n in self._left if n not in self._requests or not self._requests[n].leaving]:
            self._left.discard(number)
            self._requests.pop(number, None)
