"""The connections, one ``Link`` per supervisor, by stream or by polling; must never know urwid.

A link turns what a supervisor sends into messages of ``model``, fills log buffers, and
carries calls. It prefers the stream socket. A supervisor that has none (the original
Supervisor) is polled over XML-RPC, its blocking calls in threads: one for the polling,
one for what the operator asks, so that a slow start does not stop the picture.
"""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final, Protocol

from supervisor.client import rpc
from supervisor.client import stream as client
from supervisor.client.requests import Attachment, Follow
from supervisor.client.session import LinkState, Phase
from supervisor.errors import (
    AccessDenied,
    AuthFailed,
    RPCError,
    ServerError,
    ServerRefused,
    SocketMissing,
    StreamError,
    SupervisorError,
    TransportError,
    UserError,
)
from supervisor.faults import Faults
from supervisor.namespec import split_namespec
from supervisor.protocol import stream as wire
from supervisor.states import ProcessStates
from supervisor.tls import TlsFiles

from .glance import AGAIN_S, CREDIT_BYTES, GLANCE_BYTES, Glance
from .logbuffer import LogBuffer, Older
from .model import ChangeTold, GoneTold, LinkKind, LinkTold, Message, SnapshotTold, UsageTold, WholeTold
from .places import Target, ssh_command
from .tape import Tap

POLL_EVERY_S: Final = 2.0
TAIL_BYTES: Final = 64 * 1024
OLDER_BYTES: Final = 128 * 1024
"""How much older text is asked for at a time; less than a follower's credit."""
OLDER_WITHIN_S: Final = 10.0
RESUME_BYTES: Final = 1 << 20
"""A log that wrote more than this while nobody looked is shown from its end again, with a mark."""
RPC_TIMEOUT_S: Final = 10.0
STREAM_SUFFIX: Final = ".stream"


class Feed:
    """One channel of one process flowing into ``buffer`` until it is closed."""

    def __init__(self, namespec: str, channel: str, buffer: LogBuffer, changed: Callable[[], None]) -> None:
        self.namespec = namespec
        self.channel = channel
        self.buffer = buffer
        self.changed = changed
        self.request: Follow | None = None
        self.too_far: Callable[[Feed], None] = lambda feed: None
        self.heard: Callable[[wire.Frame], None] = lambda frame: None
        self.unreadable = False
        self._skipping = False

    def take(self, frame: wire.Frame) -> None:
        buffer = self.buffer
        self.heard(frame)
        if self._skipping and isinstance(frame, wire.Output | wire.Gap):
            return
        match frame:
            case wire.Following():
                known = buffer.offset >= 0 and frame.gen == buffer.gen
                buffer.begin(frame.gen, frame.offset, frame.start, max(0, frame.live))
                self._skipping = known and frame.live - frame.offset > RESUME_BYTES
                if self._skipping:
                    self.too_far(self)
            case wire.Output():
                buffer.output(frame.gen, frame.offset, frame.data)
            case wire.Gap():
                buffer.gap(frame.gen, frame.offset, frame.until)
            case wire.Error():
                buffer.note(frame.text)
            case wire.Removed():
                buffer.note("the process is gone from the configuration")
        self.changed()


class _Collected:
    """Collects the bytes ``begin`` .. ``until`` of one generation, then tells ``done``."""

    def __init__(self, gen: int, begin: int, until: int, done: asyncio.Future[Older]) -> None:
        self._gen = gen
        self._begin = begin
        self._until = until
        self._done = done
        self._start = 0
        self._data = bytearray()

    def take(self, frame: wire.Frame) -> None:
        if self._done.done():
            return
        match frame:
            case wire.Following():
                self._start = frame.start
                self._check(frame.gen)
                self._begin = max(self._begin, frame.offset)
            case wire.Gap():
                self._check(frame.gen)
                self._begin = frame.until
                self._data.clear()
            case wire.Output():
                self._check(frame.gen)
                self._data += frame.data
            case wire.Error() | wire.Removed():
                words = frame.text if isinstance(frame, wire.Error) else "the process is gone"
                self._done.set_exception(UserError(f"older text: {words}"))
        length = self._until - self._begin
        if not self._done.done() and (length <= 0 or len(self._data) >= length):
            data = bytes(self._data[: max(0, length)])
            self._done.set_result(Older(self._gen, self._until - len(data), data, self._start))

    def _check(self, gen: int) -> None:
        if gen != self._gen and not self._done.done():
            self._done.set_exception(UserError("older text: the log was cleared"))


class Terminal(Protocol):
    """An attachment, for the screen that shows it. ``input`` says whether the bytes were taken."""

    def input(self, data: bytes) -> bool: ...
    def resize(self, rows: int, cols: int) -> None: ...
    def take(self) -> None: ...
    def close(self) -> None: ...


class Connection(Protocol):
    """What the console asks of a supervisor, a real one or a recorded one; see ``Link`` for each."""

    name: str
    target: Target

    @property
    def rtt_s(self) -> float: ...
    @property
    def live(self) -> bool: ...
    async def run(self) -> None: ...
    @property
    def leaving(self) -> bool: ...
    def retry_now(self) -> None: ...
    def log_in(self, username: str, password: str) -> None: ...
    def want_usage(self, namespecs: list[str]) -> None: ...
    def glance(self, namespec: str, changed: Callable[[], None]) -> Glance: ...
    def unglance(self, glance: Glance) -> None: ...
    def follow(self, namespec: str, channel: str, buffer: LogBuffer, changed: Callable[[], None]) -> Feed: ...
    def unfollow(self, feed: Feed) -> None: ...
    async def older(self, namespec: str, channel: str, buffer: LogBuffer) -> int: ...
    async def call(self, method: str, *params: wire.Value) -> object: ...
    def attach(
        self, handler: Callable[[wire.Frame], None], namespec: str, mode: str, rows: int, cols: int
    ) -> Terminal: ...


class Link:
    """``tell`` gets every message, on the loop. ``run`` goes on until it is cancelled. ``tap`` hears all."""

    def __init__(self, target: Target, tell: Callable[[Message], None], tap: Tap | None = None) -> None:
        """Raises UserError for a URL that is none of unix://, http://, https://, ssh://."""
        self.target = target
        self.name = target.name
        self._tap = tap
        self._tell = tell if tap is None else self._tapped(tap.told, tell)
        self._pages: list[wire.ProcessRecord] = []
        self._feeds: set[Feed] = set()
        self._glances: dict[Glance, Follow] = {}
        self._polling = False
        self._switch = asyncio.Event()
        self._poke = asyncio.Event()
        self._polled = asyncio.Event()
        self._polls_begun = 0
        self._polls_done = 0
        self._poller = ThreadPoolExecutor(1, f"poll {target.name}")
        self._caller = ThreadPoolExecutor(1, f"call {target.name}")
        self._stream_path = ""
        where: client.Address | Callable[[], Awaitable[client.Address]] = self._resolve
        if target.url.startswith("ssh://"):
            where = client.CommandAddress(ssh_command(target.url), target.url)
        else:
            try:
                address = rpc.parse_serverurl(target.url)
            except ValueError as error:
                raise UserError(str(error)) from error
            if isinstance(address, rpc.UnixAddress):
                self._stream_path = address.path + STREAM_SUFFIX
        self._client = client.StreamClient(
            where,
            username=target.username,
            password=target.password,
            watch=self._stream_path,
            on_state=self._moved,
        )
        self._client.subscribe(self._subscribed)
        self._usage = self._client.usage(self._used, [])

    @staticmethod
    def _tapped(tap: Callable[[Message], None], tell: Callable[[Message], None]) -> Callable[[Message], None]:
        def told(message: Message) -> None:
            tap(message)
            tell(message)

        return told

    async def run(self) -> None:
        try:
            while True:
                await self._run_stream()
                await self._run_poll()
        finally:
            self._poller.shutdown(wait=False, cancel_futures=True)
            self._caller.shutdown(wait=False, cancel_futures=True)

    # the stream

    async def _run_stream(self) -> None:
        """Return when the supervisor turns out to have no stream socket."""
        self._switch.clear()
        run = asyncio.create_task(self._client.run())
        switch = asyncio.create_task(self._switch.wait())
        try:
            await asyncio.wait({run, switch}, return_when=asyncio.FIRST_COMPLETED)
            if run.done():
                await run
        finally:
            for task in (run, switch):
                task.cancel()
            await asyncio.gather(run, switch, return_exceptions=True)

    async def _resolve(self) -> client.Address:
        """Where the stream socket is: beside the HTTP one, or where the server says."""
        if self._stream_path and os.path.exists(self._stream_path):
            return client.UnixAddress(self._stream_path)
        probe = self._rpc()
        try:
            answer = await self._in_thread(self._poller, probe.call, "supervisor.getStreamAddress")
        except AccessDenied as error:
            raise AuthFailed("the server refuses the user name and password") from error
        except (ServerRefused, SocketMissing) as error:
            number = errno.ECONNREFUSED if isinstance(error, ServerRefused) else errno.ENOENT
            raise OSError(number, os.strerror(number)) from error
        except RPCError as error:
            if error.code != Faults.UNKNOWN_METHOD:
                raise StreamError(str(error)) from error
            self._switch.set()
            raise StreamError("no stream socket, polling") from error
        except ServerError as error:
            raise StreamError(str(error)) from error
        finally:
            probe.close()
        address = stream_address(str(answer), probe.address, self.target.tls)
        if address is None:
            self._switch.set()
            raise StreamError("no stream socket, polling")
        return address

    def _moved(self, state: LinkState) -> None:
        if self._switch.is_set():
            return
        session = self._client.session
        peer = session.peer
        kinds = {
            Phase.LIVE: LinkKind.LIVE,
            Phase.AUTH_FAILED: LinkKind.AUTH_FAILED,
            Phase.INCOMPATIBLE: LinkKind.INCOMPATIBLE,
            Phase.WAITING: LinkKind.AWAY,
        }
        fresh = peer is None and not state.attempt
        kind = kinds.get(state.phase, LinkKind.CONNECTING if fresh else LinkKind.AWAY)
        next_at = time.time() + state.next_at - time.monotonic() if state.phase is Phase.WAITING else 0.0
        self._tell(
            LinkTold(
                self.name,
                kind,
                state.reason,
                state.attempt,
                next_at,
                session.role,
                peer.identification if peer is not None else "",
                peer.supervisor_version if peer is not None else "",
            )
        )
        if kind is LinkKind.LIVE and peer is not None:
            self._tell(WholeTold(self.name, peer.state))

    def _subscribed(self, frame: wire.Frame) -> None:
        match frame:
            case wire.Snapshot():
                self._pages.extend(frame.processes)
                if not frame.more:
                    pages, self._pages = self._pages, []
                    self._tell(SnapshotTold(self.name, tuple(pages)))
            case wire.Resync():
                self._pages = []
            case wire.Delta():
                if frame.process is not None:
                    self._tell(ChangeTold(self.name, frame.process, frame.when))
                if frame.removed:
                    group, name = split_namespec(frame.removed)
                    self._tell(GoneTold(self.name, group, name or group, frame.when))
                if frame.supervisor:
                    self._tell(WholeTold(self.name, frame.supervisor))

    def _used(self, frame: wire.Frame) -> None:
        if isinstance(frame, wire.Usage):
            values = {}
            for namespec, pair in frame.processes.items():
                group, name = split_namespec(namespec)
                if name is not None and len(pair) == 2:
                    values[group, name] = (pair[0], pair[1])
            self._tell(UsageTold(self.name, values))

    # what the console asks for

    @property
    def rtt_s(self) -> float:
        """The last measured round trip; 0 where none was."""
        return self._client.session.rtt_s if self._client.session.live else 0.0

    @property
    def live(self) -> bool:
        return self._polling or self._client.session.live

    @property
    def leaving(self) -> bool:
        """Whether the server is still to take what was typed in a terminal that was left."""
        return self._client.session.leaving

    def retry_now(self) -> None:
        self._client.retry_now()
        self._poke.set()

    def log_in(self, username: str, password: str) -> None:
        """Try the connection now, with another login."""
        self.target = replace(self.target, username=username, password=password)
        self._client.log_in(username, password)
        self._poke.set()

    def want_usage(self, namespecs: list[str]) -> None:
        """The processes whose CPU and memory are shown now."""
        self._client.rename(self._usage, namespecs[:1000])

    def glance(self, namespec: str, changed: Callable[[], None]) -> Glance:
        """Look at the end of a log until ``unglance``."""
        glance = Glance(namespec, changed)
        if (tap := self._tap) is not None:
            glance.heard = lambda line: tap.last(self.name, namespec, line)
        self._look(glance)
        self._poke.set()
        return glance

    def unglance(self, glance: Glance) -> None:
        request = self._glances.pop(glance, None)
        if request is not None:
            self._client.cancel(request)

    def _look(self, glance: Glance) -> None:
        def take(frame: wire.Frame) -> None:
            glance.take(frame)
            if glance.spent and not glance.waiting:
                glance.waiting = True
                asyncio.get_running_loop().call_later(AGAIN_S, self._look_again, glance)

        self._glances[glance] = self._client.follow(
            take, glance.namespec, last=GLANCE_BYTES, credit=CREDIT_BYTES
        )

    def _look_again(self, glance: Glance) -> None:
        glance.waiting = False
        if glance in self._glances:
            self._client.cancel(self._glances[glance])
            self._look(glance)

    def follow(self, namespec: str, channel: str, buffer: LogBuffer, changed: Callable[[], None]) -> Feed:
        """Fill ``buffer`` from the place it has reached, or with the last 64 KiB."""
        feed = Feed(namespec, channel, buffer, changed)
        if (tap := self._tap) is not None:
            feed.heard = lambda frame: tap.fed(self.name, namespec, channel, frame)
        feed.too_far = self._too_far
        self._feeds.add(feed)
        feed.request = self._client.follow(
            feed.take, namespec, channel, gen=buffer.gen, offset=buffer.offset, last=TAIL_BYTES
        )
        self._poke.set()
        return feed

    def _too_far(self, feed: Feed) -> None:
        asyncio.get_running_loop().call_soon(self._skip, feed)

    def _skip(self, feed: Feed) -> None:
        """Go on at the end of the log; the buffer marks what is left out."""
        if feed in self._feeds and feed.request is not None:
            self._client.cancel(feed.request)
            feed.request = self._client.follow(feed.take, feed.namespec, feed.channel, last=TAIL_BYTES)

    async def older(self, namespec: str, channel: str, buffer: LogBuffer) -> int:
        """Put a piece of older text before what ``buffer`` holds; how many lines came.

        Raises UserError where there is none to be had, saying why.
        """
        if buffer.offset < 0 or buffer.oldest < 0:
            raise UserError("older text belongs to a log that was cleared since")
        if buffer.oldest <= buffer.start:
            raise UserError("this is the beginning of the log")
        if not buffer.room_for_older():
            raise UserError("this pane is full of older text: f follows again and frees it")
        begin = max(buffer.start, buffer.oldest - OLDER_BYTES)
        try:
            if self._polling:
                piece = await self._older_polled(namespec, channel, begin, buffer)
            else:
                piece = await asyncio.wait_for(
                    self._older_streamed(namespec, channel, begin, buffer), OLDER_WITHIN_S
                )
        except TimeoutError as error:
            raise UserError("older text: the server did not answer in time") from error
        if self._tap is not None:
            self._tap.older(self.name, namespec, channel, piece)
        return buffer.prepend(piece)

    async def _older_polled(self, namespec: str, channel: str, begin: int, buffer: LogBuffer) -> Older:
        gen, until = buffer.gen, buffer.oldest
        method = f"supervisor.readProcess{channel.capitalize()}Log"
        try:
            answer = await self._in_thread(
                self._caller, _called, self.target, method, (namespec, begin, until - begin)
            )
        except SupervisorError as error:
            raise UserError(f"older text: {error}") from error
        data = str(answer).encode("utf-8", "surrogateescape")
        return Older(gen, until - len(data), data, 0)

    async def _older_streamed(self, namespec: str, channel: str, begin: int, buffer: LogBuffer) -> Older:
        gen, until = buffer.gen, buffer.oldest
        done: asyncio.Future[Older] = asyncio.get_running_loop().create_future()
        piece = _Collected(gen, begin, until, done)
        request = self._client.follow(piece.take, namespec, channel, gen=gen, offset=begin)
        try:
            return await done
        finally:
            self._client.cancel(request)

    def unfollow(self, feed: Feed) -> None:
        self._feeds.discard(feed)
        if feed.request is not None:
            self._client.cancel(feed.request)

    async def call(self, method: str, *params: wire.Value) -> object:
        """The result, once the model knows what it brought about.

        Raises RPCError for a fault, StreamError or ServerError when the server cannot be asked.
        """
        if not self._polling:
            return await self._client.call(method, *params)
        result = await self._in_thread(self._caller, _called, self.target, method, params)
        await self._next_poll()
        return result

    def attach(
        self, handler: Callable[[wire.Frame], None], namespec: str, mode: str, rows: int, cols: int
    ) -> Terminal:
        """Raises UserError where the server has no stream socket."""
        if self._polling:
            raise UserError("attach needs a stream socket, which this server does not have")
        tap = self._tap
        if tap is None:
            return _Terminal(
                self._client, self._client.attach(handler, namespec, mode=mode, rows=rows, cols=cols)
            )

        def heard(frame: wire.Frame) -> None:
            tap.attached(self.name, namespec, frame)
            handler(frame)

        return _Terminal(
            self._client,
            self._client.attach(heard, namespec, mode=mode, rows=rows, cols=cols),
            lambda: tap.attached(self.name, namespec, None),
        )

    # polling

    async def _next_poll(self) -> None:
        """Return when a poll that began after this call is through, or polling has ended."""
        wanted = self._polls_begun + 1
        self._poke.set()
        while self._polling and self._polls_done < wanted:
            self._polled.clear()
            await self._polled.wait()

    def _rpc(self) -> rpc.RPCClient:
        return rpc.RPCClient(
            self.target.url,
            self.target.username,
            self.target.password,
            timeout_s=RPC_TIMEOUT_S,
            tls=self.target.tls,
        )

    @staticmethod
    async def _in_thread(pool: ThreadPoolExecutor, function: Callable[..., object], *args: object) -> object:
        return await asyncio.get_running_loop().run_in_executor(pool, function, *args)

    async def _run_poll(self) -> None:
        """Poll until the server cannot be reached any more."""
        server = self._rpc()
        try:
            identification = str(
                await self._in_thread(self._poller, server.call, "supervisor.getIdentification")
            )
            version = str(await self._in_thread(self._poller, server.call, "supervisor.getSupervisorVersion"))
            self._polling = True
            self._tell(
                LinkTold(
                    self.name, LinkKind.POLL, role="admin", identification=identification, version=version
                )
            )
            before: dict[tuple[str, str], wire.ProcessRecord] = {}
            while True:
                self._poke.clear()
                self._polls_begun += 1
                before = await self._poll(server, before)
                self._polls_done = self._polls_begun
                self._polled.set()
                try:
                    await asyncio.wait_for(self._poke.wait(), POLL_EVERY_S)
                except TimeoutError:
                    pass
        except SupervisorError as error:
            self._tell(LinkTold(self.name, LinkKind.AWAY, str(error)))
        finally:
            self._polling = False
            self._polled.set()
            server.close()

    async def _poll(
        self, server: rpc.RPCClient, before: dict[tuple[str, str], wire.ProcessRecord]
    ) -> dict[tuple[str, str], wire.ProcessRecord]:
        answer = await self._in_thread(self._poller, server.call, "supervisor.getAllProcessInfo")
        records = {(r.group, r.name): r for r in map(record_of, answer if isinstance(answer, list) else [])}
        if records.keys() != before.keys() or not before:
            self._tell(SnapshotTold(self.name, tuple(records.values())))
        else:
            for key, record in records.items():
                if record != before[key]:
                    self._tell(ChangeTold(self.name, record))
        state = await self._in_thread(self._poller, server.call, "supervisor.getState")
        if isinstance(state, dict):
            self._tell(WholeTold(self.name, str(state.get("statename", ""))))
        for feed in list(self._feeds):
            await self._tail(server, feed)
        await self._poll_glances(server)
        return records

    async def _poll_glances(self, server: rpc.RPCClient) -> None:
        """The ends of the logs that are glanced at, in one call."""
        wanted = [glance for glance in self._glances if not glance.unreadable]
        if not wanted:
            return
        try:
            await self._ends(server, wanted)
        except (TransportError, RPCError):
            for glance in wanted:  # the original cannot send one of them: which?
                try:
                    await self._ends(server, [glance])
                except (TransportError, RPCError):
                    glance.unreadable = True

    async def _ends(self, server: rpc.RPCClient, glances: list[Glance]) -> None:
        method = "supervisor.tailProcessStdoutLog"
        calls: list[wire.Value] = [
            {"methodName": method, "params": [glance.namespec, 0, GLANCE_BYTES]} for glance in glances
        ]
        answers = await self._in_thread(self._poller, server.call, "system.multicall", calls)
        for glance, answer in zip(glances, answers if isinstance(answers, list) else [], strict=False):
            if isinstance(answer, list) and answer:
                glance.end_is(str(answer[0]).encode("utf-8", "surrogateescape"))

    async def _tail(self, server: rpc.RPCClient, feed: Feed) -> None:
        method = f"supervisor.tailProcess{feed.channel.capitalize()}Log"
        buffer = feed.buffer
        try:
            answer = await self._in_thread(
                self._poller, server.call, method, feed.namespec, max(0, buffer.offset), TAIL_BYTES
            )
        except RPCError:
            return  # no log: nothing to show
        except TransportError:
            # The original cannot send control characters or half a character; if it is gone the next call says so.
            if not feed.unreadable:
                feed.unreadable = True
                words = "this server cannot send this part of the log: colours or other control characters"
                feed.take(wire.Error(0, 0, words))
            return
        feed.unreadable = False
        if not isinstance(answer, list) or len(answer) != 3 or feed not in self._feeds:
            return
        text, end = str(answer[0]), int(answer[1])
        data = text.encode("utf-8", "surrogateescape")
        begin = max(0, end - len(data))
        if end < buffer.offset:
            # cleared or rotated: what it holds now is read from its beginning with the next poll
            feed.take(wire.Following(0, feed.namespec, feed.channel, buffer.gen + 1, 0))
            return
        if buffer.offset < 0:
            feed.take(wire.Following(0, feed.namespec, feed.channel, 0, begin, 0, end))
        if data and end > buffer.offset:
            had = max(0, buffer.offset - begin)  # the tail is the last 64 KiB, whatever was asked for
            feed.take(wire.Output(0, feed.channel, buffer.gen, begin + had, data[had:]))


class _Terminal:
    """An attachment over the stream. ``closed`` is told when it is left."""

    def __init__(
        self,
        stream: client.StreamClient,
        request: Attachment,
        closed: Callable[[], None] = lambda: None,
    ) -> None:
        self._stream = stream
        self._request = request
        self._closed = closed

    def input(self, data: bytes) -> bool:
        return self._stream.input(self._request, data)

    def resize(self, rows: int, cols: int) -> None:
        self._stream.resize(self._request, rows, cols)

    def take(self) -> None:
        self._stream.take(self._request)

    def close(self) -> None:
        self._stream.cancel(self._request)
        self._closed()


def _called(target: Target, method: str, params: tuple[wire.Value, ...]) -> object:
    """One call on a connection of its own, however long it takes."""
    with rpc.RPCClient(target.url, target.username, target.password, tls=target.tls) as server:
        return server.call(method, *params)


def stream_address(text: str, http: rpc.UnixAddress | rpc.TCPAddress, tls: TlsFiles) -> client.Address | None:
    """What ``getStreamAddress`` answered, for the stream client; None: poll."""
    found = rpc.parse_stream_address(text, http, tls)
    if found is None:
        return None
    return client.UnixAddress(found.path) if isinstance(found, rpc.UnixAddress) else client.TcpAddress(*found)


def record_of(answer: object) -> wire.ProcessRecord:
    """A process as ``getAllProcessInfo`` tells it."""
    facts = answer if isinstance(answer, dict) else {}

    def number(key: str) -> int:
        value = facts.get(key, 0)
        return value if isinstance(value, int) else 0

    def text(key: str) -> str:
        value = facts.get(key, "")
        return value if isinstance(value, str) else ""

    state = number("state")
    start, stop = number("start"), number("stop")
    status = number("exitstatus")
    exited = state == ProcessStates.EXITED or (state == ProcessStates.BACKOFF and not text("spawnerr"))
    return wire.ProcessRecord(
        name=text("name"),
        group=text("group"),
        state=state,
        statename=text("statename"),
        pid=number("pid"),
        start=float(start),
        stop=float(stop),
        changed=float(max(start, stop)),
        exitstatus=status if exited else None,
        expected=not (exited and status != 0),
        spawnerr=text("spawnerr"),
        description=text("description"),
        stdin="none",
        stopwaitsecs=0,
        stdout_logfile=text("stdout_logfile"),
        stderr_logfile=text("stderr_logfile"),
    )
