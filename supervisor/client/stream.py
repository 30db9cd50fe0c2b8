"""Stream client: one connection to a supervisor that comes back by itself; must never know panes or urwid.

``Session`` decides: it knows the phase of the connection, when to dial again, when the
peer is dead, which requests are open and how each goes on after a reconnect. It sees
bytes and times, no socket. ``StreamClient`` is the asyncio shell around it.

What goes on over a loss of the connection:

* the subscription, from its last sequence number if the ``boot`` is the same;
* follows, from the (generation, offset) reached: no byte twice, none missed unnoticed;
* usage requests; attachments (the server sends the last output again, see ``Attached``).

Calls do not go on: nobody knows whether they were done. They end with ``LinkLost``.
"""

from __future__ import annotations

import asyncio
import errno
import os
import random
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, TypeVar

from ..errors import RemoteProtocolError, RPCError, SupervisorError, UserError
from ..faults import fault_name
from ..protocol import stream as wire
from ..tls import HANDSHAKE_S, TlsFiles, client_context, closed, trouble
from .command import Command
from .typed import TOKEN_BYTES, Typed

DELAYS_S: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
JITTER: Final = 0.2
ABSENT_DELAY_S: Final = 0.2
"""Between attempts at a socket that is missing or refuses, right after a loss: a daemon that is being restarted."""
ABSENT_FOR_S: Final = 5.0
PING_EVERY_S: Final = 5.0
DEAD_AFTER_S: Final = 10.0
OPEN_WITHIN_S: Final = 10.0
READ_BYTES: Final = 256 * 1024
LOOK_EVERY_S: Final = 0.5
"""How often a unix socket's file is looked at while the next attempt is waited for."""

KEEPS_WRITING_S: Final = 10.0
"""How long after a loss an attachment takes the writer's place again."""

Handler = Callable[[wire.Frame], None]


class StreamError(SupervisorError):
    """A request that the stream cannot do."""


class LinkLost(StreamError):
    """The connection went away before the answer came; what was asked may or may not have been done."""


class AuthFailed(StreamError):
    """The server does not take the user name and password."""


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


@dataclass(frozen=True, slots=True)
class UnixAddress:
    path: str

    def __str__(self) -> str:
        return f"unix://{self.path}"


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """``tls``: spoken with the help of these files; None: plain TCP. ``name``: of the certificate, if not the host."""

    host: str
    port: int
    tls: TlsFiles | None = None
    name: str = ""

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class CommandAddress:
    """A program whose stdin and stdout are the connection, such as ``ssh HOST supervisorctl bridge``.

    ``name``: what errors call it.
    """

    argv: tuple[str, ...]
    name: str

    def __str__(self) -> str:
        return self.name


Address = UnixAddress | TcpAddress | CommandAddress


# --- requests ----------------------------------------------------------------------------------------


class Request:
    """One open request: how it is put to a new connection, and what becomes of the frames that answer."""

    lasting = True

    def __init__(self, handler: Handler) -> None:
        self.id = -1
        self.handler = handler

    def opening(self, same_boot: bool) -> wire.Frame:
        """The frame that begins, or goes on with, this request on a new connection."""
        raise NotImplementedError

    def take(self, frame: wire.Frame) -> list[wire.Frame]:
        """Hand ``frame`` on; the frames to send in return."""
        self.handler(frame)
        return []

    def lost(self) -> None:
        """The connection is gone."""


class Subscription(Request):
    def __init__(self, handler: Handler, boot: Callable[[], str]) -> None:
        super().__init__(handler)
        self._boot = boot
        self.seq = -1
        self._whole = False

    def opening(self, same_boot: bool) -> wire.Frame:
        if not same_boot or not self._whole:
            self.seq = -1
        return wire.Subscribe(self.id, self._boot() if self.seq >= 0 else "", self.seq)

    def take(self, frame: wire.Frame) -> list[wire.Frame]:
        if isinstance(frame, wire.Delta):
            if self.seq >= 0 and frame.seq <= self.seq:
                return []
            if self.seq >= 0 and frame.seq != self.seq + 1:
                raise RemoteProtocolError(f"delta {frame.seq} follows {self.seq}")
            self.seq = frame.seq
        elif isinstance(frame, wire.Resync):
            self._whole = False
        elif isinstance(frame, wire.Snapshot):
            self.seq = frame.seq
            self._whole = not frame.more
        return super().take(frame)


class Usage(Request):
    def __init__(self, handler: Handler, names: list[str], interval_s: float) -> None:
        super().__init__(handler)
        self.names = names
        self.interval_s = interval_s

    def opening(self, same_boot: bool) -> wire.Frame:
        return wire.Stats(self.id, self.names, self.interval_s)


class Follow(Request):
    """``gen`` and ``offset``: where the next byte is expected; offset -1 for not known."""

    def __init__(self, handler: Handler, name: str, channel: str, gen: int, offset: int, last: int) -> None:
        super().__init__(handler)
        self.name = name
        self.channel = channel
        self.gen = gen
        self.offset = offset
        self.last = last
        self._eaten = 0

    def opening(self, same_boot: bool) -> wire.Frame:
        if not same_boot:
            self.offset = -1
        self._eaten = 0
        return wire.Follow(self.id, self.name, self.channel, max(self.gen, 0), self.offset, self.last)

    def take(self, frame: wire.Frame) -> list[wire.Frame]:
        if isinstance(frame, wire.Following):
            self.gen, self.offset = frame.gen, frame.offset
        elif isinstance(frame, wire.Gap):
            self.gen, self.offset = frame.gen, frame.until
        elif isinstance(frame, wire.Output):
            return self._output(frame)
        return super().take(frame)

    def _output(self, frame: wire.Output) -> list[wire.Frame]:
        self._eaten += len(frame.data)
        answer: list[wire.Frame] = []
        if self._eaten >= wire.DEFAULT_CREDIT_BYTES // 2:
            answer.append(wire.Credit(self.id, self._eaten))
            self._eaten = 0
        if frame.gen == self.gen and 0 <= frame.offset < self.offset:
            known = self.offset - frame.offset
            frame = replace(frame, offset=self.offset, data=frame.data[known:])
        self.gen, self.offset = frame.gen, frame.offset + len(frame.data)
        if frame.data:
            self.handler(frame)
        return answer


class Attachment(Request):
    """Bytes typed before the server has acknowledged the earlier ones wait here, at most one window.

    Over the loss of a connection they wait too, with those that were not acknowledged,
    for the same process; another one must not get what was meant for it. Who wrote goes
    on writing if it was not away for long: a watcher may be back sooner.
    """

    def __init__(
        self, handler: Handler, name: str, mode: str, rows: int, cols: int, token: bytes = b""
    ) -> None:
        super().__init__(handler)
        self.name = name
        self.mode = mode
        self.rows = rows
        self.cols = cols
        self._eaten = 0
        self._typed = Typed(token)
        self._open = False
        self._pid = 0
        self._writer = False
        self._lost_at = 0.0

    def opening(self, same_boot: bool) -> wire.Frame:
        self._eaten = 0
        if not same_boot:
            self._pid = 0
        soon = self._writer and time.monotonic() - self._lost_at < KEEPS_WRITING_S
        return wire.Attach(
            self.id, self.name, "take" if soon else self.mode, self.rows, self.cols,
            token=self._typed.token, typed=self._typed.taken,
        )  # fmt: skip

    def lost(self) -> None:
        if self._open:
            self._lost_at = time.monotonic()
        self._open = False

    def take(self, frame: wire.Frame) -> list[wire.Frame]:
        answer: list[wire.Frame] = []
        match frame:
            case wire.Output():
                self._eaten += len(frame.data)
                if self._eaten >= wire.DEFAULT_CREDIT_BYTES // 2:
                    answer.append(wire.Credit(self.id, self._eaten))
                    self._eaten = 0
            case wire.InputAck():
                self._typed.acknowledged(frame.bytes)
                answer.extend(self._send())
            case wire.Attached():
                if frame.pid != self._pid or not frame.writer:
                    self._typed.forget()
                self._typed.joined(frame.typed)
                self._open, self._pid, self._writer = True, frame.pid, frame.writer
                answer.extend(self._send())
            case wire.Writer():
                self._writer = frame.writer
            case wire.Started() | wire.Exited():
                self._pid = frame.pid if isinstance(frame, wire.Started) else 0
                self._typed.forget()
        self.handler(frame)
        return answer

    def input(self, data: bytes) -> tuple[list[wire.Frame], bool]:
        """Frames to send, and whether ``data`` was taken (False: nothing is attached, or the window is full)."""
        if not self._pid or len(self._typed) + len(data) > 2 * wire.INPUT_WINDOW_BYTES:
            return [], False
        self._typed.add(data)
        return self._send() if self._open else [], True

    def _send(self) -> list[wire.Frame]:
        piece = self._typed.next(wire.INPUT_WINDOW_BYTES)
        return [wire.Input(self.id, piece)] if piece else []


class _CallRequest(Request):
    lasting = False

    def __init__(self, method: str, params: list[wire.Value], answer: asyncio.Future[wire.Value]) -> None:
        super().__init__(self._answered)
        self._method = method
        self._params = params
        self._answer = answer

    def opening(self, same_boot: bool) -> wire.Frame:
        return wire.Call(self.id, self._method, self._params)

    def _answered(self, frame: wire.Frame) -> None:
        if self._answer.done():
            return
        if isinstance(frame, wire.Result):
            self._answer.set_result(frame.value)
        elif isinstance(frame, (wire.Fault, wire.Error)):
            self._answer.set_exception(fault_error(frame.code, frame.text))

    def lost(self) -> None:
        if not self._answer.done():
            self._answer.set_exception(LinkLost("the connection was lost before the answer came"))


def fault_error(code: int, text: str) -> RPCError:
    """A fault off the wire, whose text begins with the fault's name, as the exception."""
    name = fault_name(code)
    if text == name:
        return RPCError(code)
    return RPCError(code, text.removeprefix(f"{name}: "))


_OVER: Final = (wire.Error, wire.Removed, wire.Result, wire.Fault)
"""Frames with which a request ends."""


# --- the pure part -----------------------------------------------------------------------------------


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
        self._next_id = 1
        self._lost_at = float("-inf")
        self._step = 0
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

    def lost(self, reason: str, now: float) -> None:
        """The open connection ended."""
        was_live = self.state.phase is Phase.LIVE
        for request in list(self._requests.values()):
            request.lost()
            if not request.lasting:
                del self._requests[request.id]
        if self.state.phase in HOPELESS:
            return
        if was_live:
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
        self._step = 0
        self.state = LinkState(Phase.LIVE)
        self._ping_at = now + PING_EVERY_S
        for request in list(self._requests.values()):
            self._send(request.opening(self._same_boot))

    def _answer(self, frame: wire.Frame) -> None:
        request = self._requests.get(getattr(frame, "id", -1))
        if request is None:
            return  # cancelled while it was under way
        if isinstance(frame, _OVER):
            self._requests.pop(request.id, None)
        for answer in request.take(frame):
            self._send(answer)

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
        if self._requests.pop(request.id, None) is not None and self.live:
            self._send(wire.Cancel(request.id))


# --- the shell ---------------------------------------------------------------------------------------

R = TypeVar("R", bound=Request)
Resolve = Callable[[], Awaitable[Address]]


class StreamClient:
    """Keeps a connection to ``address`` and runs requests on it; handlers are called on the loop.

    ``address`` may be a coroutine function that finds the address before each attempt;
    a StreamError or OSError that it raises counts as a failed attempt, AuthFailed ends
    the attempts. When the file ``watch`` comes back, the next attempt is made at once.
    ``on_state`` is called after each change of phase. ``run`` goes on until it is
    cancelled, and may then be run again.
    """

    def __init__(
        self,
        address: Address | Resolve,
        *,
        username: str | None = None,
        password: str | None = None,
        watch: str = "",
        on_state: Callable[[LinkState], None] = lambda state: None,
    ) -> None:
        self.session = Session(username, password)
        self._address = address
        self._watch = watch or (address.path if isinstance(address, UnixAddress) else "")
        self._on_state = on_state
        self._told = self.session.state
        self._writer: asyncio.StreamWriter | None = None
        self._command: Command | None = None
        self._tls: TlsFiles | None = None
        self._poke = asyncio.Event()

    async def run(self) -> None:
        session = self.session
        try:
            while True:
                self._tell()
                await self._wait_for_turn()
                session.dialing()
                self._tell()
                try:
                    reader, writer = await asyncio.wait_for(self._open(), OPEN_WITHIN_S)
                except AuthFailed as error:
                    session.give_up(Phase.AUTH_FAILED, str(error))
                    continue
                except (OSError, StreamError, TimeoutError) as error:
                    session.failed(_words(error), time.monotonic(), absent=_absent(error))
                    continue
                self._writer = writer
                session.connected(time.monotonic())
                self._tell()
                try:
                    reason = await self._pump(reader)
                finally:
                    self._writer = None
                    if self._tls is None:
                        writer.close()
                    else:
                        writer.transport.abort()  # close would wait for the peer's goodbye
                if self._command is not None:
                    reason = await self._command.last_words() or reason
                session.lost(reason, time.monotonic())
        finally:
            if self._command is not None:
                self._command.end()
            session.lost("closed", time.monotonic())

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        address = self._address if isinstance(self._address, Address) else await self._address()
        self._tls = address.tls if isinstance(address, TcpAddress) else None
        if isinstance(address, UnixAddress):
            return await asyncio.open_unix_connection(address.path)
        if isinstance(address, CommandAddress):
            self._command = await Command.start(address.argv, READ_BYTES)
            return self._command.streams
        if address.tls is None:
            return await asyncio.open_connection(address.host, address.port)
        try:
            context = await asyncio.to_thread(client_context, address.tls)
        except UserError as error:
            raise StreamError(str(error)) from error
        return await asyncio.open_connection(
            address.host,
            address.port,
            ssl=context,
            server_hostname=address.name or address.host,
            ssl_handshake_timeout=HANDSHAKE_S,
        )

    async def _pump(self, reader: asyncio.StreamReader) -> str:
        """Read until the connection ends; why it did."""
        session = self.session
        while True:
            self.flush()
            try:
                async with asyncio.timeout(max(0.0, session.deadline() - time.monotonic())):
                    data = await reader.read(READ_BYTES)
            except TimeoutError:
                reason = session.timer(time.monotonic())
                if reason:
                    return reason
                continue
            except OSError as error:
                return _words(error)
            if not data:
                unanswered = session.state.phase is Phase.OPENING and self._tls is not None
                return closed(self._tls) if unanswered and self._tls else "the server closed the connection"
            try:
                session.receive(data, time.monotonic())
            except RemoteProtocolError as error:
                return f"protocol error: {error}"
            self._tell()
            if not session.wants_connection:
                return session.state.reason

    async def _wait_for_turn(self) -> None:
        """Return when it is time to dial, at once where a unix socket's file came back."""
        before = self._file()
        while True:
            state = self.session.state
            wait_s: float | None = state.next_at - time.monotonic()
            if state.phase in HOPELESS:
                wait_s = None
            elif state.phase is not Phase.WAITING or (wait_s is not None and wait_s <= 0):
                return
            elif self._watch:
                wait_s = min(wait_s or 0.0, LOOK_EVERY_S)
            self._poke.clear()
            try:
                await asyncio.wait_for(self._poke.wait(), wait_s)
            except TimeoutError:
                pass
            now_there = self._file()
            if now_there is not None and now_there != before:
                before = now_there
                self.session.retry_now(time.monotonic())

    def _file(self) -> tuple[int, int] | None:
        if not self._watch:
            return None
        try:
            found = os.stat(self._watch)
        except OSError:
            return None
        return found.st_ino, found.st_ctime_ns

    def _tell(self) -> None:
        if self._told != self.session.state:
            self._told = self.session.state
            self._on_state(self._told)

    # what users of the client call

    @property
    def state(self) -> LinkState:
        return self.session.state

    def retry_now(self) -> None:
        """Dial at once, whatever is waited for."""
        self.session.retry_now(time.monotonic())
        self._poke.set()

    def log_in(self, username: str, password: str) -> None:
        """Connect at once, with another login."""
        self.session.log_in(username, password)
        self.retry_now()

    def flush(self) -> None:
        data = self.session.to_send()
        if data and self._writer is not None:
            self._writer.write(data)

    def subscribe(self, handler: Handler) -> Subscription:
        """Snapshot, resync and delta frames, in order, over all reconnects."""
        return self._opened(Subscription(handler, lambda: self.session.boot))

    def usage(self, handler: Handler, names: list[str], interval_s: float = 2.0) -> Usage:
        """Usage frames of ``names``; ``rename`` changes the names."""
        return self._opened(Usage(handler, names, interval_s))

    def rename(self, usage: Usage, names: list[str]) -> None:
        if names != usage.names:
            usage.names = names
            self.session.send(usage, [usage.opening(True)])
            self.flush()

    def follow(
        self,
        handler: Handler,
        name: str,
        channel: str = "stdout",
        *,
        gen: int = 0,
        offset: int = -1,
        last: int = 0,
    ) -> Follow:
        """Following, output and gap frames of one channel; each byte once."""
        return self._opened(Follow(handler, name, channel, gen, offset, last))

    def attach(
        self, handler: Handler, name: str, *, mode: str = "write", rows: int = 0, cols: int = 0
    ) -> Attachment:
        return self._opened(Attachment(handler, name, mode, rows, cols, secrets.token_bytes(TOKEN_BYTES)))

    def input(self, attachment: Attachment, data: bytes) -> bool:
        """Send ``data`` to the program; False when it was not taken (away, or too much under way)."""
        frames, taken = attachment.input(data)
        self.session.send(attachment, frames)
        self.flush()
        return taken

    def resize(self, attachment: Attachment, rows: int, cols: int) -> None:
        attachment.rows, attachment.cols = rows, cols
        self.session.send(attachment, [wire.Resize(attachment.id, rows, cols)])
        self.flush()

    def take(self, attachment: Attachment) -> None:
        """Become the writer."""
        self.session.send(attachment, [wire.Take(attachment.id)])
        self.flush()

    def cancel(self, request: Request) -> None:
        self.session.cancel(request)
        self.flush()

    async def call(self, method: str, *params: wire.Value) -> wire.Value:
        """The result of a method. Raises RPCError for a fault, LinkLost when there is no connection."""
        if not self.session.live:
            raise LinkLost("not connected")
        answer: asyncio.Future[wire.Value] = asyncio.get_running_loop().create_future()
        request = self._opened(_CallRequest(method, list(params), answer))
        try:
            return await answer
        finally:
            self.cancel(request)

    def _opened(self, request: R) -> R:
        self.session.add(request)
        self.flush()
        return request


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "timed out"
    if words := trouble(error):
        return words
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno).lower()
    return str(error)


def _absent(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOENT, errno.ECONNREFUSED)


__all__ = [
    "Address", "Attachment", "AuthFailed", "CommandAddress", "Follow", "LinkLost", "LinkState", "Phase", "Request", "Session",
    "StreamClient", "StreamError", "Subscription", "TcpAddress", "UnixAddress", "Usage", "fault_error",
]  # fmt: skip
