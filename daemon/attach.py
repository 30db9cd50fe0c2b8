"""Attachments: who types into which process, and who only looks; must never know sockets.

A process has one writer at most and any number of watchers. Input is taken in the
order it comes and acknowledged when it went into the pipe or terminal; what is not
acknowledged waits in one bounded buffer per process, so that a paste into a program
that does not read stops at the client.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from supervisor.protocol import stream as p
from supervisor.states import ProcessStates as S

from .input import InputClosed, InputFull
from .inputjournal import NOBODY, Origin
from .keeper.spawn import set_size
from .loop import Change, Supervisor
from .output.cursor import Readable
from .process import Process
from .stdin import input_of, kept_input_of

ROWS_MAX = 1000
COLS_MAX = 2000
PAST_MAX_BYTES = 8 << 20
CUT_WITHIN_BYTES = 4096
TOKEN_BYTES = 16
PLACE_MAX = 1 << 62


class Session:
    """One client's attachment to one process.

    ``send`` queues a frame for the client, ``flush`` what was written and is not yet queued.
    ``token`` names what the client types, over all its connections; empty: it has no name.
    """

    def __init__(
        self,
        request_id: int,
        process: Process,
        who: str,
        send: Callable[[p.Frame], None],
        flush: Callable[[], None],
        token: bytes = b"",
    ) -> None:
        self.token = token if len(token) == TOKEN_BYTES else b""
        self.id = request_id
        self.process = process
        self.who = who
        self.send = send
        self.flush = flush
        self.taken = 0
        self._owner: Attachments | None = None
        self._place = 0
        self._queue: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()
        self._queued = 0
        self._task: asyncio.Task[None] | None = None
        self._wait: asyncio.Future[None] | None = None
        self._leaving = False

    def joined(self, owner: Attachments, place: int) -> None:
        """``place``: how much of what the client types under its token was taken before."""
        self._owner = owner
        self._place = place

    def close(self) -> None:
        """Leave; the writer's place becomes free."""
        if self._task is not None:
            self._task.cancel()
        if self._owner is not None:
            self._owner.leave(self)

    def finish(self) -> None:
        """The same, when the client says so: what it typed is taken first, and acknowledged when it was."""
        self._leaving = True
        if self._task is None:
            self.send = _nobody
        else:
            self._queue.put_nowait((0, b""))
            if self._wait is not None and not self._wait.done():
                self._wait.set_result(None)
        if self._owner is not None:
            self._owner.leave(self)

    def input(self, data: bytes) -> None:
        """Bytes for the program; those of a watcher are dropped and acknowledged."""
        if not data:
            return
        place = self._place
        self._place += len(data)
        if self._owner is None or self._owner.writer(self.process) is not self:
            self._acknowledge(len(data))
            return
        self._queued += len(data)
        if self._queued > 2 * p.INPUT_WINDOW_BYTES:  # a client that ignores the window
            self._queued -= len(data)
            self.send(p.Error(self.id, 3, "more input than the window allows; it was dropped"))
            return
        self._queue.put_nowait((place, data))
        if self._task is None:
            self._task = self._owner.supervisor.task(self._write())

    async def _write(self) -> None:
        """Move queued input, one piece after another."""
        while self._owner is not None:
            place, data = await self._queue.get()
            if not data:
                return
            self._queued -= len(data)
            try:
                await self._write_one(data, place)
            except InputClosed:
                self._acknowledge(len(data))  # nobody reads: gone, as with a terminal that hung up
            except InputFull:
                self.send(p.Error(self.id, 30, "the program does not read, its input buffer is full"))
                self._acknowledge(len(data))

    async def _write_one(self, data: bytes, place: int) -> None:
        assert self._owner is not None
        open_way = kept_input_of if self.token else input_of
        way = await open_way(self._owner.supervisor, self.process)
        done = self._wait = asyncio.get_running_loop().create_future()
        left = len(data)

        def written(count: int) -> None:
            nonlocal left
            count = min(count, left)  # of one who left all is acknowledged already
            left -= count
            self._acknowledge(count)
            if left == 0 and not done.done():
                done.set_result(None)

        way.write(data, written, origin=Origin(self.token, place) if self.token else NOBODY)
        while not done.done() and not self._leaving:
            await asyncio.wait([done], timeout=1.0)
            if way.closed:
                break
        self._acknowledge(left)
        left = 0

    def _acknowledge(self, count: int) -> None:
        if count:
            self.taken += count
            self.send(p.InputAck(self.id, self.taken))

    def resize(self, rows: int, cols: int) -> None:
        if self._owner is not None:
            self._owner.resize(self, rows, cols)

    def take(self) -> None:
        if self._owner is not None:
            self._owner.take(self)


def _nobody(frame: p.Frame) -> None:
    """Where frames for a client go that has left."""


def _whole(data: bytes) -> int:
    """Where in ``data`` a line or a sequence begins; 0 where neither does."""
    line, sequence = data.find(b"\n") + 1, data.find(b"\x1b")
    return min((place for place in (line, sequence) if place > 0), default=0)


def _place(process: Process, token: bytes, known: int) -> int:
    """How much of what is typed under ``token`` was taken; the client knows of ``known`` bytes."""
    generation = process.generations.get(process.machine.gen)
    journal = generation.journal if generation is not None else None
    return max(0, min(known, PLACE_MAX), journal.places.get(token, 0) if journal is not None else 0)


class Attachments:
    """All attachments of a daemon."""

    def __init__(self, supervisor: Supervisor) -> None:
        self.supervisor = supervisor
        self._tell = supervisor.log.always if supervisor.settings.audit else supervisor.log.info
        self._sessions: dict[str, list[Session]] = {}
        self._writers: dict[str, Session] = {}
        supervisor.subscribers_quiet.add(self._changed)
        supervisor.on_started = self.started
        supervisor.on_removed = self.removed

    def writer(self, process: Process) -> Session | None:
        return self._writers.get(process.key)

    def past(self, process: Process, store: Readable, count: int) -> tuple[int, bytes]:
        """Where the last ``count`` bytes of a terminal's output begin, and the modes that were set before.

        The place is moved on to a line or a sequence. It is never further back than 8 MiB
        before the end, unless the whole past of the program is asked for. Raises OSError.
        """
        gen, origin = process.origin
        oldest = max(store.start, min(origin, store.end) if gen == store.gen else 0)
        begin = max(oldest, store.end - count)
        if begin == origin and gen == store.gen:
            return begin, b""
        begin = max(begin, store.end - PAST_MAX_BYTES)
        begin += _whole(store.read(begin, CUT_WITHIN_BYTES))
        return begin, process.modes.before(begin) if process.modes is not None else b""

    def join(self, session: Session, frame: p.Attach, prelude: bytes = b"") -> None:
        """Let a client in and tell it where it is."""
        process = session.process
        before = self._again(session)
        place = _place(process, session.token, frame.typed)
        session.joined(self, place)
        if before is not None and frame.mode != "read" and self._writers.get(process.key) is before:
            self._writers[process.key] = session
        if frame.mode == "take" or (frame.mode == "write" and process.key not in self._writers):
            self._give(process, session)
        if before is not None:
            before.close()
        writer = self._writers.get(process.key) is session
        if writer and frame.rows and frame.cols:
            self._set_size(process, frame.rows, frame.cols)
        self._sessions.setdefault(process.key, []).append(session)
        sink = process.outputs["stdout"].sink
        rows, cols = process.size
        session.send(
            p.Attached(
                session.id,
                process.namespec,
                process.config.tty,
                process.machine.pid,
                writer,
                rows,
                cols,
                sink.gen if sink is not None else 0,
                sink.end if sink is not None else 0,
                prelude,
                place if session.token else -1,
            )
        )
        self._tell(f"{session.who} attached to {process.namespec}{'' if writer else ' (reading)'}")

    def _again(self, session: Session) -> Session | None:
        """The session that the same client had on a connection which nobody has seen end yet."""
        others = self._sessions.get(session.process.key, ())
        return next((other for other in others if session.token and other.token == session.token), None)

    def leave(self, session: Session) -> None:
        process = session.process
        sessions = self._sessions.get(process.key, [])
        if session in sessions:
            sessions.remove(session)
            self._tell(f"{session.who} detached from {process.namespec}")
        if not sessions:
            self._sessions.pop(process.key, None)
        if self._writers.get(process.key) is session:
            del self._writers[process.key]

    def take(self, session: Session) -> None:
        if self._writers.get(session.process.key) is not session:
            self._give(session.process, session)
            session.send(p.Writer(session.id, True, session.who))

    def _give(self, process: Process, session: Session) -> None:
        before = self._writers.get(process.key)
        self._writers[process.key] = session
        if before is not None:
            self._tell(f"{session.who} writes to {process.namespec} now, not {before.who}")
            before.send(p.Writer(before.id, False, session.who))

    def resize(self, session: Session, rows: int, cols: int) -> None:
        """Set the terminal's size; only the writer's word counts."""
        if self._writers.get(session.process.key) is session:
            self._set_size(session.process, rows, cols)

    def _set_size(self, process: Process, rows: int, cols: int) -> None:
        if not process.config.tty or rows <= 0 or cols <= 0:
            return
        size = (min(rows, ROWS_MAX), min(cols, COLS_MAX))
        generation = process.generations.get(process.machine.gen)
        channel = generation.channels.get("stdout") if generation is not None else None
        if channel is not None and channel.fd >= 0:
            try:
                set_size(channel.fd, *size)
            except OSError as error:
                self.supervisor.log.warn(f"cannot resize the terminal of {process.namespec}: {error}")
                return
        if size != process.size:
            process.size = size
            self.supervisor.save(process)
            for session in self._sessions.get(process.key, []):
                session.send(p.Size(session.id, *size))

    def _changed(self, change: Change) -> None:
        process, transition = change.process, change.transition
        if process is None or transition is None:
            return
        for session in tuple(self._sessions.get(process.key, ())):
            if transition.new in (S.STOPPED, S.EXITED, S.BACKOFF) and transition.pid:
                session.flush()  # its last words come before the news of its end
                session.send(p.Exited(session.id, transition.pid, process.machine.status or 0))

    def started(self, process: Process) -> None:
        """A new generation of a process runs."""
        for session in self._sessions.get(process.key, ()):
            session.send(p.Started(session.id, process.machine.pid))

    def removed(self, key: str) -> None:
        """A process is gone for good."""
        for session in self._sessions.pop(key, []):
            session.send(p.Removed(session.id))
        self._writers.pop(key, None)
