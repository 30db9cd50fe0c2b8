"""The shell of the listener pools: descriptors, result handlers, journal, timers; must never know which event
means what.

A pool is a group of kind LISTENER. What a member writes comes from the ring that its
stdout goes through (``output/tap.py``), so that a later daemon can read again what was
not understood yet; what it is sent goes the way of every stdin. The journal is written
before an event is sent and after an answer was taken: a daemon that dies in between is
followed by one that sends the event again.
"""

from __future__ import annotations

import asyncio
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, cast

from supervisor.config.imports import resolve
from supervisor.config.model import ListenerConfig
from supervisor.dispatchers import RejectEvent
from supervisor.errors import RemoteProtocolError
from supervisor.events import Event, EventBufferOverflowEvent, FindProcess, event_types, notify, restored
from supervisor.protocol.listener import DaemonEnd, Ready, Result, envelope
from supervisor.states import EventListenerStates, SupervisorStates, getEventListenerStateDescription
from supervisor.states import ProcessStates as S

from .eventjournal import EventJournal, Record, SavedMember, SavedPool
from .eventviews import ProcessView
from .groups import Group
from .input import Input, InputClosed, InputFull
from .loop import Supervisor
from .machines import listenerpool as pool
from .machines import process as machine
from .output.tap import Transformed
from .process import Process
from .stdin import input_of

RESTART = "event listener restarted: "
"""How the cause of a stop begins that is to be followed by a start."""

NOT_BEGUN = -1
"""Where the output begins of a member that is to be started."""

ROOM_FOR_A_START = 1000
EVENTS_PER_PROCESS = 6

Handler = Callable[[Event, bytes], object]


class Pool:
    """One ``[eventlistener:x]`` at run time. ``buffer_size`` 0 in ``config``: room for a start of everything."""

    def __init__(
        self, supervisor: Supervisor, journal: EventJournal, group: Group, config: ListenerConfig
    ) -> None:
        self.supervisor = supervisor
        self.journal = journal
        self.group = group
        self.name = group.name
        self.types = tuple(event_types()[name] for name in config.events if name in event_types())
        self.members = dict(group.processes)
        self.machine = pool.ListenerPool(self.name, self.members, config.buffer_size, config.ack_timeout)
        self._automatic = not config.buffer_size
        self._handler = cast(Handler, resolve(config.result_handler))
        self._loop = asyncio.get_running_loop()
        self._ends = {name: DaemonEnd(EventListenerStates.UNKNOWN) for name in self.members}
        self._understood = dict.fromkeys(self.members, 0)
        self._busy: dict[str, Record] = {}
        self._saved_members: dict[str, list[Any]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._events: deque[pool.Event] = deque()
        self._feeding = False
        self.make_room()

    def make_room(self) -> None:
        """Let the automatic size of the buffer follow the number of processes."""
        if self._automatic:
            self.machine.limit = max(ROOM_FOR_A_START, EVENTS_PER_PROCESS * len(self.supervisor.processes))

    def close(self) -> None:
        """The pool is removed; what it had is forgotten."""
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        self.journal.append({"gone": self.name})

    # --- events in ------------------------------------------------------------------------------------

    def offer(self, serial: int, name: str, payload: bytes, event: Event) -> None:
        """An event that the pool subscribes to."""
        process = getattr(event, "process", None)
        own = isinstance(process, ProcessView) and process.event_names.endswith(f" groupname:{self.name}")
        self.feed(pool.Offered(serial, name, payload, event, own))

    def feed(self, event: pool.Event) -> None:
        """Give an event to the machine and carry out what it answers; called from within, it queues."""
        self._events.append(event)
        if self._feeding:
            return
        self._feeding = True
        self.journal.begin()
        try:
            while self._events:
                for action in self.machine.handle(self._events.popleft(), self._loop.time()):
                    self._act(action)
        finally:
            self._feeding = False
            self.journal.end()
        self._arm()

    def changed(self, process: Process, transition: machine.Transition) -> None:
        """A member's process is in another state."""
        name = process.config.name
        if transition.new == S.STARTING:
            self._understood[name] = NOT_BEGUN
            self._begin(name, DaemonEnd(EventListenerStates.UNKNOWN))
        elif transition.new == S.RUNNING:
            self.feed(pool.Running(name))
        elif transition.new == S.STOPPING:
            self.feed(pool.Leaving(name))
        else:
            self._ended(process)
            if transition.new == S.STOPPED and transition.cause.startswith(RESTART):
                self._start_again(process)

    def started(self, process: Process) -> None:
        """A member's process is there; what it writes begins where its ring ends now."""
        sink = process.outputs["stdout"].sink
        if isinstance(sink, Transformed):
            self._understood[process.config.name] = sink.raw.end
        self._begin(process.config.name, DaemonEnd())

    def _ended(self, process: Process) -> None:
        for generation in tuple(process.generations.values()):
            # what a process left behind writes is not the protocol of the next one
            if generation.ended and "stdout" in generation.channels:
                generation.channels["stdout"].close()
        self._begin(process.config.name, DaemonEnd(EventListenerStates.UNKNOWN))
        self.feed(pool.Gone(process.config.name))

    def _start_again(self, process: Process) -> None:
        if self.supervisor.mood == SupervisorStates.RUNNING:
            self.supervisor.feed(process, machine.Start(process.machine.cause))

    def _begin(self, name: str, end: DaemonEnd) -> None:
        self._ends[name] = end
        self._busy.pop(name, None)
        self._save_member(name)

    def heard(self, process: Process, offset: int, data: bytes) -> None:
        """What a member wrote. ``offset``: of the first byte, in its ring."""
        self.journal.begin()
        try:
            self._heard(process, offset, data)
        finally:
            self.journal.end()

    def _heard(self, process: Process, offset: int, data: bytes) -> None:
        name = process.config.name
        end = self._ends[name]
        before = end.state
        if before == EventListenerStates.UNKNOWN:
            return
        if self._understood[name] == NOT_BEGUN:  # started while there was no daemon
            self._understood[name] = offset
            self._save_member(name)
        fed = self._understood[name] + end.buffered
        try:
            if offset > fed:  # a daemon before this one had read it, and not understood all
                data = self._read_again(process, fed, offset) + data
            elif offset < fed:
                data = data[fed - offset :]
            end.feed(data)
        except RemoteProtocolError as error:
            broken = str(error)
            end.state = EventListenerStates.UNKNOWN
        else:
            broken = ""
        self._understood[name] = fed + len(data) - end.buffered
        self._log_state(name, before, end.state)
        if self._take_events(name, end, whole=not broken) or end.state != before:
            self._save_member(name)
        if broken:
            self.feed(pool.Violated(name, broken))

    @staticmethod
    def _read_again(process: Process, start: int, until: int) -> bytes:
        sink = process.outputs["stdout"].sink
        data = b""
        while isinstance(sink, Transformed) and start + len(data) < until:
            part = sink.raw.read(start + len(data), until - start - len(data))
            if not part:
                raise RemoteProtocolError("more unfinished output than is kept over a restart of the daemon")
            data += part
        return data

    def _take_events(self, name: str, end: DaemonEnd, *, whole: bool) -> bool:
        """Pass on what was understood; ``whole``: no nonsense came behind it, so that READY still counts."""
        found = end.events()
        for event in found:
            if not isinstance(event, Ready):
                self._judge(name, event)
            elif whole and end.state == EventListenerStates.READY:
                self.feed(pool.BecameReady(name))
        return bool(found)

    def _judge(self, name: str, result: Result) -> None:
        entry = self.machine.members[name].entry
        if entry is None:
            return
        self._busy.pop(name, None)
        try:
            self._handler(entry.event, result.data)
        except RejectEvent:
            outcome = pool.Outcome.REJECTED
        except (Exception, SystemExit) as error:  # noqa: BLE001  # a handler is a stranger's code
            outcome = pool.Outcome.FAILED
            self._ends[name].state = EventListenerStates.UNKNOWN
            reason = traceback.format_exception_only(error)[-1].strip()
            self.supervisor.log.warn(f"{name}: result handler failed on event {entry.serial}: {reason}")
        else:
            outcome = pool.Outcome.ACCEPTED
        self._save_member(name)
        self.feed(pool.Answered(name, outcome))

    # --- actions --------------------------------------------------------------------------------------

    def _act(self, action: pool.Action) -> None:
        if isinstance(action, pool.Keep):
            self.journal.append(self._entry_record(action.entry))
        elif isinstance(action, pool.Done):
            self.journal.append({"pool": self.name, "done": action.serial})
        elif isinstance(action, pool.Send):
            self._send(action.member, action.entry)
        elif isinstance(action, pool.TakenBack):
            self._busy.pop(action.member, None)
            self._save_member(action.member)
        elif isinstance(action, pool.Restart):
            self._restart(action)
        elif isinstance(action, pool.Trouble):
            for process in self.members.values():
                process.pool_trouble = action.text
                self.supervisor.trouble_changed(process, quiet=True)
        elif isinstance(action, pool.Overflowed):
            notify(EventBufferOverflowEvent(self.name, action.lost, action.total))
        else:
            self.supervisor.log.log(action.level, action.text)

    def _send(self, name: str, entry: pool.Entry) -> None:
        process = self.members[name]
        gen = process.machine.gen
        self._ends[name].send()
        self._busy[name] = {"serial": entry.serial, "since": self._loop.time(), "written": False}
        self._save_member(name)
        data = envelope(
            self.supervisor.settings.identifier, entry.serial, self.name, entry.poolserial, entry.name, entry.payload
        )  # fmt: skip
        self.supervisor.log.debug(f"event {entry.serial} sent to listener {name}")
        generation = process.generations.get(gen)
        if generation is not None and generation.input is not None:
            self._write(name, entry.serial, generation.input, data)
        else:
            task = self._loop.create_task(self._open_and_write(process, gen, entry.serial, data))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _open_and_write(self, process: Process, gen: int, serial: int, data: bytes) -> None:
        name = process.config.name
        try:
            way = await input_of(self.supervisor, process)
        except InputClosed:
            if self._has(name, serial):
                self.feed(pool.Unwritable(name))
            return
        if process.machine.gen == gen and self._has(name, serial):
            self._write(name, serial, way, data)

    def _has(self, name: str, serial: int) -> bool:
        entry = self.machine.members[name].entry
        return entry is not None and entry.serial == serial

    def _write(self, name: str, serial: int, way: Input, data: bytes) -> None:
        left = len(data)

        def written(count: int) -> None:
            nonlocal left
            left -= count
            busy = self._busy.get(name)
            if not left and busy is not None and busy["serial"] == serial:
                busy["written"] = True
                self._saved_members[name] = self._member_facts(name)
                self.journal.append({"pool": self.name, "written": name})

        self.journal.flush()  # a daemon after this one must know who has the event
        try:
            way.write(data, written, whole=True)
        except InputClosed:
            self.feed(pool.Unwritable(name))
        except InputFull:
            self._ends[name].state = EventListenerStates.UNKNOWN
            self.feed(pool.Violated(name, "it answers events without reading them, its stdin is full"))

    def _restart(self, action: pool.Restart) -> None:
        process = self.members[action.member]
        if (
            process.machine.state in (S.STARTING, S.RUNNING)
            and self.supervisor.mood == SupervisorStates.RUNNING
        ):
            self.supervisor.feed(process, machine.Stop(f"{RESTART}{action.reason}"[:100]))

    def _log_state(self, name: str, before: int, after: int) -> None:
        if before != after:
            old, new = (getEventListenerStateDescription(state) for state in (before, after))
            self.supervisor.log.debug(f"{name}: {old} -> {new}")

    # --- time -----------------------------------------------------------------------------------------

    def _arm(self) -> None:
        """Have a timer that is not later than the deadline: each event has another one, and few are ever reached."""
        deadline = self.machine.deadline()
        if deadline is None or (self._timer is not None and self._timer.when() <= deadline):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(deadline, self._deadline)

    def _deadline(self) -> None:
        self._timer = None
        deadline = self.machine.deadline()
        if deadline is not None and deadline <= self._loop.time():
            self.feed(pool.Deadline())
        else:
            self._arm()

    # --- over the death of a daemon -------------------------------------------------------------------

    def _entry_record(self, entry: pool.Entry) -> Record:
        return {"pool": self.name, "event": [entry.serial, entry.poolserial, entry.name, entry.payload]}

    def _save_member(self, name: str) -> None:
        facts = self._member_facts(name)
        if facts != self._saved_members.get(name):
            self._saved_members[name] = facts
            self.journal.append({"pool": self.name, "member": facts})

    def _member_facts(self, name: str) -> list[Any]:
        """What the record of a member says, see ``SavedMember``."""
        end, busy = self._ends[name], self._busy.get(name)
        state = end.state
        if busy is not None and state != EventListenerStates.UNKNOWN:
            state = EventListenerStates.BUSY
        if self._understood[name] == NOT_BEGUN:
            state = EventListenerStates.ACKNOWLEDGED
        facts: list[Any] = [name, self.members[name].machine.gen, state, self._understood[name]]
        if busy is not None:
            facts += [busy["serial"], busy["since"], busy["written"]]
        return facts

    def records(self) -> Iterator[Record]:
        """Everything that a later daemon needs."""
        for entry in self.machine.entries():
            yield self._entry_record(entry)
        yield {"pool": self.name, "next": self.machine.poolserial}
        for name in self.members:
            yield {"pool": self.name, "member": self._member_facts(name)}

    def restore(self, saved: SavedPool, find: FindProcess) -> None:
        """Go on where an earlier daemon ended; processes that ended since then are told of later."""
        entries = [
            pool.Entry(poolserial, serial, name, payload, _restored(name, payload, find))
            for serial, (poolserial, name, payload) in saved.entries.items()
        ]
        known = {n: m for n, m in saved.members.items() if n in self.members and self._is_same(n, m)}
        busy = {n: (m.serial, m.since) for n, m in known.items() if m.state == EventListenerStates.BUSY}
        self.machine.restore(entries, saved.poolserial, busy)
        for name, member in known.items():
            self._restore_member(name, member)
        for name, process in self.members.items():
            if process.machine.state == S.STOPPED and process.machine.cause.startswith(RESTART):
                self._loop.call_soon(self._start_again, process)
            elif name not in known and process.machine.state == S.STARTING:
                self._ends[name] = DaemonEnd()
                self._understood[name] = NOT_BEGUN

    def _is_same(self, name: str, member: SavedMember) -> bool:
        m = self.members[name].machine
        return m.gen == member.gen and m.state in (S.STARTING, S.RUNNING, S.STOPPING)

    def _restore_member(self, name: str, member: SavedMember) -> None:
        has = self.machine.members[name].entry is not None
        state = (
            member.state if has or member.state != EventListenerStates.BUSY else EventListenerStates.UNKNOWN
        )
        self._ends[name] = DaemonEnd(state)
        self._understood[name] = member.offset
        if has:
            self._busy[name] = {"serial": member.serial, "since": member.since, "written": member.written}
        if self.members[name].machine.state == S.RUNNING:
            self.feed(pool.Running(name))
        else:
            self.feed(pool.Leaving(name))
        if state == EventListenerStates.READY:
            self.feed(pool.BecameReady(name))
        elif state == EventListenerStates.UNKNOWN:
            self.feed(pool.Violated(name, "it had broken the protocol before the daemon was restarted"))
        elif has and not member.written:
            self._ends[name].state = EventListenerStates.UNKNOWN
            self.feed(pool.Violated(name, "the daemon ended while it was sending an event"))


def _restored(name: str, payload: bytes, find: FindProcess) -> Event:
    try:
        return restored(name, payload.decode("utf-8", "replace"), find)
    except KeyError:  # a plug-in's own type that this daemon does not know (yet)
        event = Event()
        event.payload = partial(payload.decode, "utf-8", "replace")  # type: ignore[method-assign]
        return event
