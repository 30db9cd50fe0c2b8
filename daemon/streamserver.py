"""The stream socket: a shell over asyncio around ``supervisor.protocol.stream``; must never know HTTP.

Each client has its own cursors and its own credit; what is read and encoded for one
follower serves all that are at the same place. A client that does not read stops
being written to and nothing else: its cursors stand still, and find a gap later; its
calls wait, so that their answers do not pile up. What one read brought is answered
by one write.
"""

from __future__ import annotations

import asyncio
import inspect
import math
import time
import traceback
from collections import deque
from collections.abc import Awaitable
from typing import Any

from supervisor.config.model import StreamServerConfig
from supervisor.errors import LocalProtocolError, RemoteProtocolError, RPCError
from supervisor.faults import Faults
from supervisor.protocol import stream as p
from supervisor.version import VERSION

from .access import Account, Caller, Doorkeeper, Login, Peer, TooManyAttempts, peer_of
from .attach import Attachments, Session
from .events import EventBus
from .eventstream import EventStream
from .loop import Change, Supervisor
from .methods.table import MethodTable
from .outgoing import make_room
from .output.cursor import Chunk, Cursor, Missed, Readable
from .process import Process
from .statestream import StateStream
from .usage import UsageSampler

READ_BYTES = 1 << 16
WRITE_HIGH_BYTES = 1 << 19
ENCODED_KEPT = 64
REQUESTS_MAX = 1024
CLIENTS_MAX = 512
FLUSH_BYTES = 1 << 18
STATS_NAMES_MAX = 1000
STATS_AT_ONCE = 100
ANSWERS_BYTES = 1 << 16
"""Answers to what one read brought are sent together, up to about so much."""
UNREAD_BYTES = 1 << 18
"""So much is read of a client that does not read; what it asks for would pile up."""


class Encoded:
    """The chunk of a store that was encoded last, for the next follower at the same place."""

    def __init__(self) -> None:
        self._kept: dict[Readable, tuple[Chunk, bytes]] = {}

    def next(self, cursor: Cursor, channel: str, limit: int) -> tuple[Chunk, bytes] | Missed | None:
        """What comes next for a cursor, with its encoded tail."""
        store = cursor.store
        kept = self._kept.get(store)
        if kept is not None:
            chunk, tail = kept
            if chunk.gen == cursor.gen == store.gen and chunk.offset == cursor.offset:
                ends_live = chunk.offset + len(chunk.data) == store.end
                if len(chunk.data) <= limit and (ends_live or len(chunk.data) == p.MAX_DATA_BYTES):
                    cursor.offset += len(chunk.data)
                    return kept
        item = cursor.next(min(limit, p.MAX_DATA_BYTES))
        if not isinstance(item, Chunk):
            return item
        tail = p.output_tail(channel, item.gen, item.offset, item.data)
        if len(self._kept) > ENCODED_KEPT:
            self._kept.clear()
        self._kept[store] = (item, tail)
        return item, tail


class Follower:
    """One channel being sent to one client. ``credit``: bytes it may still be sent."""

    def __init__(self, request_id: int, channel: str, cursor: Cursor, credit: int) -> None:
        self.id = request_id
        self.channel = channel
        self.cursor = cursor
        self.credit = credit


class StreamDoor:
    """One stream server section; makes a ``Client`` for each connection."""

    def __init__(
        self,
        config: StreamServerConfig,
        supervisor: Supervisor,
        table: MethodTable,
        doorkeeper: Doorkeeper,
        attachments: Attachments,
        usage: UsageSampler,
        encoded: Encoded,
        bus: EventBus,
    ) -> None:
        self.config = config
        self.supervisor = supervisor
        self.table = table
        self.doorkeeper = doorkeeper
        self.attachments = attachments
        self.usage = usage
        self.encoded = encoded
        self.bus = bus
        self.clients: set[Client] = set()
        self.buffer = memoryview(bytearray(READ_BYTES))
        """What is received passes through here, at once: asyncio's own way takes and gives back memory each time."""

    def protocol(self) -> Client:
        return Client(self)

    def close(self) -> None:
        """Send what is queued and end every connection."""
        for client in tuple(self.clients):
            client.close()


class Client(asyncio.BufferedProtocol):
    """One connection."""

    def __init__(self, door: StreamDoor) -> None:
        self.door = door
        self.supervisor = door.supervisor
        self.caller = Caller("nobody", "none")
        self._peer = Peer("gone", "gone")
        self._transport: asyncio.Transport | None = None
        self._decoder = p.server_decoder()
        self._loop = asyncio.get_running_loop()
        self._paused = False
        self._flushing = False
        self._followers: dict[int, list[Follower]] = {}
        self._names: dict[int, str] = {}  # whose output is followed or attached to
        self._watched: dict[int, tuple[Readable, int]] = {}
        self._sessions: dict[int, Session] = {}
        self._events: dict[int, EventStream] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._states: dict[int, StateStream] = {}
        self._turn = 0  # whose output is sent first the next time
        self._answers: list[bytes] | None = None  # collected while what was read is handled
        self._answers_bytes = 0
        self._calls: deque[p.Call] = deque()  # wait until the client reads
        self._unread_bytes = 0

    # --- the connection -------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if len(self.door.clients) >= CLIENTS_MAX:
            transport.abort()
            return
        self.door.clients.add(self)
        self.supervisor.subscribers_quiet.add(self._removed)
        transport.set_write_buffer_limits(high=WRITE_HIGH_BYTES)
        peer = self._peer = peer_of(transport.get_extra_info("socket"), self.supervisor.users.name)
        self.caller = Caller(peer.name, "none" if self.door.config.username else self.door.config.role)
        supervisor = self.supervisor
        self.send(
            p.Greeting(
                p.VERSION,
                supervisor.settings.identifier,
                VERSION,
                supervisor.keeper_pid,
                supervisor.boot,
                self.caller.role,
                time.time(),
                supervisor.state_name,
            )
        )

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._calls.clear()
        self.door.clients.discard(self)
        self.supervisor.subscribers_quiet.discard(self._removed)
        for request_id in {*self._followers, *self._sessions, *self._tasks, *self._events, *self._states}:
            self._cancel(request_id)

    def close(self) -> None:
        if self._transport is not None:
            self._send_answers()
            self._transport.close()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        for states in self._states.values():
            states.resume()
        for events in self._events.values():
            events.resume()
        self._schedule()
        while self._calls and not self._paused and self._transport is not None:
            self._handle(self._calls.popleft())
        if not self._paused:
            if self._unread_bytes > UNREAD_BYTES and self._transport is not None:
                self._transport.resume_reading()
            self._unread_bytes = 0

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.door.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._answers = []
        try:
            for frame in self._decoder.feed(self.door.buffer[:nbytes]):
                self._handle(frame)
                if self._transport is None:
                    return
        except RemoteProtocolError as error:
            self.supervisor.log.warn(f"stream client {self.caller.name}: {error}")
            self.send(p.Error(-1, Faults.BAD_ARGUMENTS, str(error)))
            self.close()
        finally:
            self._send_answers()
            self._answers = None
        if self._paused and self._transport is not None:
            before, self._unread_bytes = self._unread_bytes, self._unread_bytes + nbytes
            if before <= UNREAD_BYTES < self._unread_bytes:
                self._transport.pause_reading()

    def send(self, frame: p.Frame) -> None:
        """Queue one frame for the client."""
        if self._transport is None:
            return
        data = p.encode(frame)
        if type(frame) is p.Result:
            make_room(self._transport, len(data))
        if self._answers is None:
            self._transport.write(data)
            return
        self._answers.append(data)
        self._answers_bytes += len(data)
        if self._answers_bytes >= ANSWERS_BYTES:
            self._send_answers()

    def _send_answers(self) -> None:
        if self._answers and self._transport is not None:
            self._transport.write(b"".join(self._answers) if len(self._answers) > 1 else self._answers[0])
            self._answers.clear()
            self._answers_bytes = 0

    # --- frames ---------------------------------------------------------------------------------------

    def _handle(self, frame: p.Frame) -> None:
        if isinstance(frame, p.Ping):
            self.send(p.Pong(frame.n))
        elif isinstance(frame, p.Auth):
            self._log_in(frame)
        elif isinstance(frame, p.Cancel):
            if (session := self._sessions.pop(frame.id, None)) is not None:
                session.finish()
            self._cancel(frame.id)
        elif isinstance(frame, (p.Credit, p.Input, p.Resize, p.Take)):
            self._go_on(frame)
        elif isinstance(frame, (p.Subscribe, p.Stats, p.Follow, p.Attach, p.Events, p.Call)):
            try:
                self._request(frame)
            except RPCError as error:
                self.send(p.Error(frame.id, error.code, error.text))

    def _request(self, frame: p.Subscribe | p.Stats | p.Follow | p.Attach | p.Events | p.Call) -> None:
        if not 0 <= frame.id < 2**32:
            raise RPCError(Faults.BAD_ARGUMENTS, "id is not between 0 and 2**32-1")
        if isinstance(frame, p.Call):
            if self._paused:
                self._calls.append(frame)
                return
            self._new(frame.id)
            self._call(frame)
            return
        if not self.caller.may("observer"):
            raise RPCError(Faults.FAILED, "log in first")
        if isinstance(frame, p.Subscribe):
            self._new(frame.id)
            if self._states:
                raise RPCError(Faults.BAD_ARGUMENTS, "already subscribed")
            self._states[frame.id] = StateStream(
                self.supervisor, frame, self.send, lambda: self._paused, self._give_up
            )
        elif isinstance(frame, p.Stats):
            task = self._tasks.pop(frame.id, None)
            if task is not None:
                task.cancel()
            if len(frame.names) > STATS_NAMES_MAX:
                raise RPCError(Faults.BAD_ARGUMENTS, f"more than {STATS_NAMES_MAX} names")
            if not math.isfinite(
                frame.interval
            ):  # a timer that is never due, and puts all others out of order
                raise RPCError(Faults.BAD_ARGUMENTS, "interval is no number of seconds")
            self._start(frame.id, self._stats(frame))
        elif isinstance(frame, p.Follow):
            self._new(frame.id)
            self._follow(frame)
        elif isinstance(frame, p.Events):
            self._new(frame.id)
            self._events[frame.id] = EventStream(
                self.door.bus, frame.id, frame.names, self.send, lambda: self._paused
            )
        else:
            if frame.mode != "read" and not self.caller.may("admin"):
                raise RPCError(Faults.FAILED, "writing to a program needs the role admin")
            self._new(frame.id)
            self._attach(frame)

    def _new(self, request_id: int) -> None:
        kinds: tuple[dict[int, Any], ...] = (
            self._followers, self._tasks, self._sessions, self._events, self._states,
        )  # fmt: skip
        if any(request_id in requests for requests in kinds):
            raise RPCError(Faults.BAD_ARGUMENTS, f"id {request_id} is in use")
        if sum(map(len, kinds)) >= REQUESTS_MAX:
            raise RPCError(Faults.FAILED, f"more than {REQUESTS_MAX} requests at once")

    def _start(self, request_id: int, work: Any) -> None:
        task = self._loop.create_task(self._guarded(request_id, work))
        self._tasks[request_id] = task
        task.add_done_callback(lambda done: self._finished(request_id, done))

    def _finished(self, request_id: int, task: asyncio.Task[None]) -> None:
        if self._tasks.get(request_id) is task:
            del self._tasks[request_id]

    async def _guarded(self, request_id: int, work: Any) -> None:
        try:
            await work
        except RPCError as error:
            self.send(p.Error(request_id, error.code, error.text))

    def _cancel(self, request_id: int) -> None:
        if self._calls:
            self._calls = deque(call for call in self._calls if call.id != request_id)
        task = self._tasks.pop(request_id, None)
        if task is not None:
            task.cancel()
        self._names.pop(request_id, None)
        for follower in self._followers.pop(request_id, []):
            self._unwatch(follower.cursor.store)
        session = self._sessions.pop(request_id, None)
        if session is not None:
            session.close()
        for stream in (self._events.pop(request_id, None), self._states.pop(request_id, None)):
            if stream is not None:
                stream.close()

    def _log_in(self, frame: p.Auth) -> None:
        """One login at a time: those of a client that sends more would wait together, as many as there are."""
        if -1 in self._tasks:
            self.send(p.Error(-1, Faults.BAD_ARGUMENTS, "a login is being checked already"))
            self.close()
            return
        self._start(-1, self._authenticate(frame))

    async def _authenticate(self, frame: p.Auth) -> None:
        config = self.door.config
        if not config.username:
            self.send(p.Welcome(self.caller.role))
            return
        login = Login(
            frame.username.encode("utf-8", "surrogateescape"),
            frame.password.encode("utf-8", "surrogateescape"),
        )
        account = Account(config.username, config.password)
        try:
            right = await self.door.doorkeeper.admits(account, login, self._peer)
        except TooManyAttempts as error:
            self.send(
                p.Error(-1, Faults.FAILED, f"too many attempts, try again in {int(error.retry_s) + 1} s")
            )
            self.close()
            return
        if right:
            self.caller = Caller(f"{frame.username} ({self._peer.name})", config.role)
            self.send(p.Welcome(config.role))
            return
        self.send(p.Error(-1, Faults.FAILED, "wrong name or password"))
        self.close()

    def _call(self, frame: p.Call) -> None:
        """Answer at once what waits for nothing: a task for each would take longer than the work."""
        try:
            value = self.door.table.begin(frame.method, frame.params, self.caller)
            if inspect.isawaitable(value):
                self._start(frame.id, self._answer(frame.id, value))
            else:
                self.send(p.Result(frame.id, value))
        except Exception as error:  # noqa: BLE001  # a bug of ours ends this call, and nothing else
            self.send(self._fault(frame.id, error))

    async def _answer(self, request_id: int, value: Awaitable[p.Value]) -> None:
        try:
            self.send(p.Result(request_id, await value))
        except Exception as error:  # noqa: BLE001  # as in _call
            self.send(self._fault(request_id, error))

    def _fault(self, request_id: int, error: Exception) -> p.Fault:
        if isinstance(error, RPCError):
            return p.Fault(request_id, error.code, error.text)
        if isinstance(error, LocalProtocolError):
            return p.Fault(request_id, Faults.FAILED, str(error))
        trace = "".join(traceback.format_exception(error))
        self.supervisor.log.critical(f"uncaptured python exception in a call of {self.caller.name}:\n{trace}")
        return p.Fault(request_id, Faults.FAILED, "an error of supervisord's own; its log says more")

    # --- state ----------------------------------------------------------------------------------------

    def _give_up(self) -> None:
        """The client has not read for so long that what it is to be told cannot be kept."""
        if self._transport is not None:
            self.supervisor.log.warn(
                f"stream client {self.caller.name} does not read; closing its connection"
            )
            self._transport.abort()

    async def _stats(self, frame: p.Stats) -> None:
        interval = max(frame.interval, 0.5)
        while True:
            usage: dict[str, list[float]] = {}
            for start in range(0, len(frame.names), STATS_AT_ONCE):
                usage |= self._usage_of(frame.names[start : start + STATS_AT_ONCE])
                await asyncio.sleep(0)  # others have their turn
            if not self._paused:
                self.send(p.Usage(frame.id, usage))
            await asyncio.sleep(interval)

    def _usage_of(self, names: list[str]) -> dict[str, list[float]]:
        found = ((name, self.supervisor.find(name)) for name in names)
        return self.door.usage.sample({name: process.machine.pid for name, process in found if process})

    # --- output ---------------------------------------------------------------------------------------

    def _process(self, name: str) -> Process:
        process = self.supervisor.find(name)
        if process is None:
            raise RPCError(Faults.BAD_NAME, name)
        return process

    def _store(self, process: Process, channel: str) -> Readable:
        output = process.outputs.get(channel)
        if output is None:
            raise RPCError(Faults.NO_FILE, f"{process.namespec} has no {channel}")
        if output.sink is None:
            try:
                self.supervisor.generations.open_outputs(process)
            except OSError as error:
                raise RPCError(Faults.NO_FILE, str(error)) from error
        if output.sink is None:
            raise RPCError(Faults.NO_FILE, process.namespec)
        return output.sink

    def _follow(self, frame: p.Follow) -> None:
        process = self._process(frame.name)
        store = self._store(process, frame.channel)
        if frame.offset >= 0 and frame.gen == store.gen:
            cursor = Cursor(store, frame.gen, frame.offset)
        elif frame.offset >= 0:  # that generation is over: all there is of this one
            cursor = Cursor(store, store.gen, 0)
        else:
            cursor = Cursor.last(store, frame.last)
        place = (cursor.gen, cursor.offset, store.start, store.end)
        self.send(p.Following(frame.id, frame.name, frame.channel, *place))
        self._names[frame.id] = process.namespec
        self._add_follower(Follower(frame.id, frame.channel, cursor, frame.credit))

    def _add_follower(self, follower: Follower) -> None:
        self._followers.setdefault(follower.id, []).append(follower)
        store = follower.cursor.store
        _, users = self._watched.get(id(store), (store, 0))
        self._watched[id(store)] = (store, users + 1)
        store.watchers.add(self._schedule)
        self._schedule()

    def _unwatch(self, store: Readable) -> None:
        _, users = self._watched.pop(id(store))
        if users > 1:
            self._watched[id(store)] = (store, users - 1)
        else:
            store.watchers.discard(self._schedule)

    def _removed(self, change: Change) -> None:
        """A process is gone for good; its attachments have been told."""
        if not change.removed:
            return
        for request_id in [i for i, name in self._names.items() if name == change.removed]:
            if request_id not in self._sessions:
                self.send(p.Removed(request_id))
            self._cancel(request_id)

    def _schedule(self) -> None:
        """Send output at the end of this turn of the loop."""
        if not self._flushing and self._transport is not None:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        budget = FLUSH_BYTES
        followers = [f for group in self._followers.values() for f in group]
        first = self._turn % max(len(followers), 1)
        for number, follower in enumerate(followers[first:] + followers[:first], 1):
            share = max(p.MAX_DATA_BYTES, budget // (len(followers) - number + 1))
            budget -= self._flush_one(follower, min(share, budget))
            if self._paused or self._transport is None or budget <= 0:
                self._turn = first + number  # those behind must not wait for floods in front of them
                if not self._paused:
                    self._schedule()
                return

    def _flush_one(self, follower: Follower, limit: int) -> int:
        """Send up to ``limit`` bytes of one channel; how many."""
        sent = 0
        while sent < limit and follower.credit > 0 and not self._paused and self._transport is not None:
            try:
                item = self.door.encoded.next(
                    follower.cursor, follower.channel, min(follower.credit, limit - sent)
                )
            except OSError:
                item = None  # unreadable for now; the next change of the log tries again
            if item is None:
                return sent
            if isinstance(item, Missed):
                self.send(p.Gap(follower.id, follower.channel, item.gen, item.offset, item.until))
                continue
            chunk, tail = item
            self._transport.writelines([p.output_head(follower.id, tail), tail])
            follower.credit -= len(chunk.data)
            sent += len(chunk.data)
        if sent >= limit and follower.credit > 0:
            self._schedule()
        return sent

    # --- attach ---------------------------------------------------------------------------------------

    def _attach(self, frame: p.Attach) -> None:
        process = self._process(frame.name)
        stores = {channel: self._store(process, channel) for channel in process.outputs}
        session = Session(frame.id, process, self.caller.name, self.send, self._flush, frame.token)
        self._sessions[frame.id] = session
        self._names[frame.id] = process.namespec
        begin, prelude = -1, b""
        if process.config.tty and "stdout" in stores:
            try:
                begin, prelude = self.door.attachments.past(process, stores["stdout"], frame.last)
            except OSError:
                pass  # unreadable for now: the picture begins with what comes
        self.door.attachments.join(session, frame, prelude)
        for channel, store in stores.items():
            cursor = Cursor.last(store, frame.last)
            gen, offset = process.origin
            if gen == store.gen and channel == "stdout":
                cursor.offset = max(cursor.offset, min(offset, store.end), begin)
            self._add_follower(Follower(frame.id, channel, cursor, frame.credit))

    def _go_on(self, frame: p.Credit | p.Input | p.Resize | p.Take) -> None:
        """Frames that belong to a request under way; one that has just ended is no error."""
        if isinstance(frame, p.Credit):
            for follower in self._followers.get(frame.id, []):
                follower.credit = min(follower.credit + max(frame.bytes, 0), 1 << 30)
            self._schedule()
            return
        session = self._sessions.get(frame.id)
        if session is None:
            return
        if isinstance(frame, p.Input):
            session.input(frame.data)
        elif isinstance(frame, p.Resize):
            session.resize(frame.rows, frame.cols)
        elif self.caller.may("admin"):
            session.take()
