"""The event bus of the daemon: what happened, to whom it matters; must never know pipes, protocols.

It makes events of transitions, groups, output and the clock, gives each to the pools
whose ``events=`` name its type (found by type, not by asking every pool), and is the
host of ``supervisor.events`` for plug-ins and result handlers. Where nobody listens,
no event is made and no timer runs.
"""

from __future__ import annotations

import asyncio
import threading
import time
import traceback
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from supervisor import events
from supervisor.config.model import GroupConfig, GroupKind, ListenerConfig, ProcessConfig
from supervisor.events import Event, ProcessStateEvent, following
from supervisor.states import ProcessStates as S
from supervisor.states import SupervisorStates

from .eventjournal import EventJournal, Record
from .eventviews import ProcessView
from .groups import Group
from .keeper import wire
from .loop import Change, Supervisor
from .machines.process import Transition
from .machines.ticks import Ticks
from .output.transform import Item, Text
from .process import Process
from .syslogger import Syslogger

if TYPE_CHECKING:
    from .listeners import Pool

STATE_EVENTS: Final[dict[int, type[ProcessStateEvent]]] = {
    S.STOPPED: events.ProcessStateStoppedEvent,
    S.STARTING: events.ProcessStateStartingEvent,
    S.RUNNING: events.ProcessStateRunningEvent,
    S.BACKOFF: events.ProcessStateBackoffEvent,
    S.STOPPING: events.ProcessStateStoppingEvent,
    S.EXITED: events.ProcessStateExitedEvent,
    S.FATAL: events.ProcessStateFatalEvent,
    S.UNKNOWN: events.ProcessStateUnknownEvent,
}
LOG_EVENTS: Final = {"stdout": events.ProcessLogStdoutEvent, "stderr": events.ProcessLogStderrEvent}
MESSAGE_EVENTS: Final = {
    "stdout": events.ProcessCommunicationStdoutEvent,
    "stderr": events.ProcessCommunicationStderrEvent,
}
TICKS: Final = {kind.period: kind for kind in events.TICK_EVENTS}
DROPPED_REPORT_S: Final = 60.0

Watcher = Callable[[int, str, bytes], None]
"""Told of an event: serial, name, payload."""


class EventBus:
    """``held``: descriptors from the keeper. Attach it before groups are made."""

    def __init__(self, supervisor: Supervisor, held: dict[str, int], fresh: bool) -> None:
        self.supervisor = supervisor
        self.pools: dict[str, Pool] = {}
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._journal = EventJournal(held, lambda name, fd: supervisor.link.send(wire.Hold(name), (fd,)))
        self._journal.everything = self._records
        saved = self._journal.saved
        self._saved_pools = {} if fresh else saved.pools
        self._serial = saved.serial
        self._ticks = Ticks({} if fresh else saved.ticks)
        self._timer: asyncio.TimerHandle | None = None
        self._interested: dict[type, tuple[Pool, ...]] = {}
        self._watchers: dict[Watcher, tuple[type, ...]] = {}
        self._watching: dict[type, tuple[Watcher, ...]] = {}
        self._wanted: dict[type, bool] = {}
        self._names: dict[type, str] = {}
        self._member_of: dict[str, Pool] = {}
        self._stopping = False
        self._syslog = Syslogger()
        self._dropped_at = 0.0
        self.shown: Callable[[Process], Any] = lambda process: None
        """The object that plug-ins have of a process; None where there are no plug-ins."""

    def attach(self) -> None:
        """Begin to listen to the supervisor."""
        events.set_host(self)
        supervisor = self.supervisor
        supervisor.subscribers_quiet.add(self._changed)
        hearing = supervisor.hearing
        hearing.item, hearing.line, hearing.missed = self._item, self._line, self._missed
        hearing.begin, hearing.end = self._journal.begin, self._journal.end
        supervisor.on_group_added = self._group_added
        supervisor.on_group_removed = self._group_removed

    def running(self) -> None:
        """The supervisor has begun to work, or to work again after a reload."""
        events.notify(events.SupervisorRunningEvent())

    # --- the host of supervisor.events ----------------------------------------------------------------

    def dispatch(self, event: Event) -> None:
        """Give an event to every pool that wants it."""
        if threading.get_ident() != self._thread:
            self._loop.call_soon_threadsafe(self.dispatch, event)
            return
        pools = self._pools_for(type(event))
        if isinstance(event, events.EventBufferOverflowEvent):
            # the pool that is meant would lose one more event for each that tells it so
            pools = tuple(pool for pool in pools if pool.name != event.pool)
        watchers = self._watching_for(type(event))
        name = self._name_of(type(event)) if pools or watchers else None
        if name is None:
            return
        try:
            payload = event.payload().encode("utf-8", "backslashreplace")
        except Exception:  # noqa: BLE001  # a plug-in's own event
            self.subscriber_failed(f"event {name} has no payload:\n{traceback.format_exc()}")
            return
        serial, self._serial = self._serial, following(self._serial)
        event.serial = serial
        event.pool_serials = {pool.name: pool.machine.poolserial for pool in pools}
        for pool in pools:
            pool.offer(serial, name, payload, event)
        for watcher in watchers:
            watcher(serial, name, payload)

    def _name_of(self, kind: type) -> str | None:
        name = self._names.get(kind)
        if name is None and (name := events.getEventNameByType(kind)) is not None:
            self._names[kind] = name
        return name

    @property
    def serial(self) -> int:
        """Of the next event that anybody gets."""
        return self._serial

    def watch(self, watcher: Watcher, types: tuple[type[Event], ...]) -> None:
        """Tell somebody who is no pool of all events of these types."""
        self._watchers[watcher] = types
        self.subscriptions_changed()

    def unwatch(self, watcher: Watcher) -> None:
        if self._watchers.pop(watcher, None) is not None:
            self.subscriptions_changed()

    def subscriptions_changed(self) -> None:
        """Somebody subscribed, or no longer does."""
        if threading.get_ident() != self._thread:
            self._loop.call_soon_threadsafe(self.subscriptions_changed)
            return
        self._interested.clear()
        self._watching.clear()
        self._wanted.clear()
        self._arm_ticks()

    def subscriber_failed(self, text: str) -> None:
        self.supervisor.log.error(text)

    def _pools_for(self, kind: type) -> tuple[Pool, ...]:
        pools = self._interested.get(kind)
        if pools is None:
            pools = tuple(pool for pool in self.pools.values() if issubclass(kind, pool.types))
            self._interested[kind] = pools
        return pools

    def _watching_for(self, kind: type) -> tuple[Watcher, ...]:
        watchers = self._watching.get(kind)
        if watchers is None:
            watchers = tuple(w for w, types in self._watchers.items() if issubclass(kind, types))
            self._watching[kind] = watchers
        return watchers

    def wants(self, kind: type) -> bool:
        """Whether anybody listens to events of this class."""
        wanted = self._wanted.get(kind)
        if wanted is None:
            wanted = bool(self._pools_for(kind) or self._watching_for(kind)) or any(
                issubclass(kind, k) for k, _ in events.callbacks
            )
            self._wanted[kind] = wanted
        return wanted

    # --- what happens ---------------------------------------------------------------------------------

    def _changed(self, change: Change) -> None:
        ending = change.supervisor and self.supervisor.mood != SupervisorStates.RUNNING
        if ending and not self._stopping:
            self._stopping = True
            events.notify(events.SupervisorStoppingEvent())
        process, transition = change.process, change.transition
        if process is None or transition is None:
            return
        kind = STATE_EVENTS[transition.new]
        if self.wants(kind):
            events.notify(kind(self._view(process, transition), transition.old, transition.expected))
        pool = self._member_of.get(process.key)
        if pool is not None:
            pool.changed(process, transition)

    def _view(self, process: Process, transition: Transition) -> ProcessView:
        return self._show(process, transition.pid, transition.tries, transition.new)

    def _show(self, process: Process, pid: int, backoff: int, state: int) -> ProcessView:
        supervisor = self.supervisor
        group = supervisor.groups.get(process.config.group)

        def live() -> Any:
            return self.shown(process) if supervisor.is_known(process) else None

        config = group.config if group is not None else None
        return ProcessView(process.config, config, live, pid=pid, backoff=backoff, state=state)

    def _recalled(self, group: str, name: str, pid: int) -> ProcessView:
        """The process of an event that an earlier daemon made; its group may come only later, or never."""

        def live() -> Any:
            there = self.supervisor.groups.get(group)
            process = there.processes.get(name) if there is not None else None
            return None if process is None else self.shown(process)

        return ProcessView(ProcessConfig(name, group, ""), GroupConfig(group), live, pid=pid)

    def _group_added(self, group: Group, fresh: bool) -> None:
        config = group.config.listener
        if group.config.kind is GroupKind.LISTENER and config is not None:
            self._add_pool(group, config)
        for pool in self.pools.values():
            pool.make_room()
        if fresh:
            events.notify(events.ProcessGroupAddedEvent(group.name))

    def _group_removed(self, name: str) -> None:
        events.notify(events.ProcessGroupRemovedEvent(name))
        pool = self.pools.pop(name, None)
        if pool is not None:
            pool.close()
            for process in pool.members.values():
                self._member_of.pop(process.key, None)
            self.subscriptions_changed()

    def _add_pool(self, group: Group, config: ListenerConfig) -> None:
        # Where there is no pool programs need not wait for it: a tenth of what they would wait for. See doors.
        from .listeners import Pool

        try:
            pool = Pool(self.supervisor, self._journal, group, config)
        except Exception as error:  # noqa: BLE001  # the handler could be imported when the file was read
            self.supervisor.log.error(
                f"pool {group.name} gets no events, its result handler is gone: {error}"
            )
            return
        self.pools[group.name] = pool
        for process in group.processes.values():
            self._member_of[process.key] = pool
            process.protocol = partial(pool.heard, process)
            process.started = partial(pool.started, process)
        saved = self._saved_pools.pop(group.name, None)
        if saved is not None:
            pool.restore(saved, self._recalled)
        self._journal.compact()
        self.subscriptions_changed()

    # --- output ---------------------------------------------------------------------------------------

    def _item(self, process: Process, channel: str, item: Item) -> None:
        if process.hearing.all_output:
            self._copy(process, channel, item)
        if channel == "stdout" and process.protocol is not None:
            return
        if isinstance(item, Text):
            config = process.outputs[channel].config
            if config.events_enabled and self.wants(LOG_EVENTS[channel]):
                events.notify(LOG_EVENTS[channel](self._writer(process), self._pid(process), item.data))
        elif self.wants(MESSAGE_EVENTS[channel]):
            events.notify(MESSAGE_EVENTS[channel](self._writer(process), self._pid(process), item.data))

    def _copy(self, process: Process, channel: str, item: Item) -> None:
        """What a program printed, in the main log."""
        log, name = self.supervisor.log, process.config.name
        if not isinstance(item, Text):
            log.debug(f"'{name}' {channel} emitted a comm event")
        elif process.outputs[channel].path == log.path:
            return  # it stands there already, and a copy of the copy would follow
        elif channel == "stdout" and process.protocol is not None:
            log.debug(f"'{name}' {channel} output:\n{item.data!r}")
        else:
            log.debug(f"'{name}' {channel} output:\n{events.decoded(item.data)}")

    def _writer(self, process: Process) -> ProcessView:
        m = process.machine
        return self._show(process, self._pid(process), m.backoff, m.state)

    @staticmethod
    def _pid(process: Process) -> int:
        """Of the process that runs, or of the last one whose output is still read."""
        if process.machine.pid:
            return process.machine.pid
        return max(((g.gen, g.pid) for g in process.generations.values()), default=(0, 0))[1]

    def _line(self, process: Process, line: bytes) -> None:
        self._syslog.line(process.config.name.encode("utf-8", "surrogateescape") + b" " + line)
        if self._syslog.dropped and time.monotonic() >= self._dropped_at:
            self._dropped_at = time.monotonic() + DROPPED_REPORT_S
            self.supervisor.log.warn(
                f"syslog does not take lines of programs: {self._syslog.dropped} were dropped"
            )
            self._syslog.dropped = 0

    def _missed(self, process: Process, channel: str, count: int) -> None:
        self.supervisor.log.warn(
            f"{process.key}: {count} bytes of {channel} were gone from the log before they could be made events"
        )

    # --- the clock ------------------------------------------------------------------------------------

    def _periods(self) -> list[int]:
        return [period for period, kind in TICKS.items() if self.wants(kind)]

    def _arm_ticks(self) -> None:
        periods = self._periods()
        if not periods:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        elif self._timer is None:
            self._tick()

    def _tick(self) -> None:
        self._timer = None
        periods = self._periods()
        if not periods:
            return
        wall = time.time()
        due = self._ticks.due(wall, periods)
        self._timer = self._loop.call_later(self._ticks.wait_s(wall, periods), self._tick)
        if due:
            self._journal.append(self._tick_record())
        for period, when in due:
            events.notify(TICKS[period](when, self.supervisor))

    # --- over the death of a daemon -------------------------------------------------------------------

    def _tick_record(self) -> Record:
        return {"ticks": [list(pair) for pair in self._ticks.slices.items()]}

    def _records(self) -> list[Record]:
        records = [record for pool in self.pools.values() for record in pool.records()]
        return [*records, {"serial": self._serial}, self._tick_record()]
