"""Stream client: one connection to a supervisor that comes back by itself; must never know panes or urwid.

The asyncio shell around ``Session``, which decides, and the requests in ``requests``.
"""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from ..errors import AuthFailed, LinkLost, RemoteProtocolError, StreamError, UserError
from ..protocol import stream as wire
from ..tls import HANDSHAKE_S, TlsFiles, client_context, closed, trouble
from .command import Command
from .requests import Attachment, Follow, Handler, Request, Subscription, Usage, fault_error
from .session import HOPELESS, OPEN_WITHIN_S, LinkState, Phase, Session
from .typed import TOKEN_BYTES

READ_BYTES: Final = 256 * 1024
LOOK_EVERY_S: Final = 0.5
"""How often a unix socket's file is looked at while the next attempt is waited for."""


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
        self._remote = False
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
        self._remote = isinstance(address, TcpAddress)
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
                unanswered = session.state.phase is Phase.OPENING and self._remote
                return closed(self._tls, "tls://") if unanswered else "the server closed the connection"
            try:
                session.receive(data, time.monotonic())
            except RemoteProtocolError as error:
                session.misunderstood()
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
        credit: int = wire.DEFAULT_CREDIT_BYTES,
    ) -> Follow:
        """Following, output and gap frames of one channel; each byte once."""
        return self._opened(Follow(handler, name, channel, gen, offset, last, credit))

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
