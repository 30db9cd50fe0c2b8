"""Event types, their tree, names, payload text, and the in-process door to them; must never know who listens.

``notify`` hands an event to the *host* (the daemon, which serves the listener pools)
and then to everybody who called ``subscribe``. Names and constructors are those that
plug-ins and result handlers written for Supervisor use; what each event says is its
``payload()``.

A subscriber that raises is reported to the host and does no harm to whoever notified.

The subscriptions are module state, against the rule: plug-ins reach them by import alone.
"""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Callable
from typing import Any, ClassVar, Protocol

from .states import ProcessStates, getProcessStateDescription


class Named(Protocol):
    @property
    def name(self) -> str: ...


class Configured(Protocol):
    @property
    def config(self) -> Named: ...


class ProcessLike(Protocol):
    """What an event asks of a process. ``backoff``: failed starts so far."""

    @property
    def config(self) -> Named: ...

    @property
    def group(self) -> Configured | None: ...

    @property
    def pid(self) -> int: ...

    @property
    def backoff(self) -> int: ...


class Host(Protocol):
    """Who runs the event system: told of every event, of changed subscriptions, of failing subscribers."""

    def dispatch(self, event: Event) -> None: ...

    def subscriptions_changed(self) -> None: ...

    def subscriber_failed(self, text: str) -> None: ...


# --- the types ---------------------------------------------------------------------------------------

SERIAL_MAX = 2**63 - 1


def following(serial: int) -> int:
    """The number after ``serial``; 0 behind the largest."""
    return 0 if serial >= SERIAL_MAX else serial + 1


class Event:
    """``serial`` and ``pool_serials`` (pool name to number) are set once a pool has accepted it."""

    serial: int | None = None
    pool_serials: dict[str, int]

    def payload(self) -> str:
        """The body that a listener reads."""
        return ""


def _names(process: ProcessLike) -> str:
    # The daemon's own have it: it need not make a plug-in's object of each process for a payload.
    known: str | None = getattr(process, "event_names", None)
    if known is not None:
        return known
    group = process.group.config.name if process.group is not None else ""
    return f"processname:{process.config.name} groupname:{group}"


def decoded(data: bytes | str) -> str:
    """Data as text; ``Undecodable: b'...'`` when it is not UTF-8."""
    if isinstance(data, str):
        return data
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return f"Undecodable: {data!r}"


class ProcessStateEvent(Event):
    """``from_state``: the number of the state that was left. ``extra_values`` are fixed when it is made."""

    def __init__(self, process: ProcessLike, from_state: int, expected: bool = True) -> None:
        self.process = process
        self.from_state = from_state
        self.expected = expected
        self.extra_values: list[tuple[str, Any]] = self.get_extra_values()

    def get_extra_values(self) -> list[tuple[str, Any]]:
        """(key, value) pairs behind the common ones of the payload."""
        return []

    def payload(self) -> str:
        state = getProcessStateDescription(self.from_state)
        extra = "".join(f" {key}:{value}" for key, value in self.extra_values)
        return f"{_names(self.process)} from_state:{state}{extra}"


class _WithPid(ProcessStateEvent):
    def get_extra_values(self) -> list[tuple[str, Any]]:
        return [("pid", self.process.pid)]


class ProcessStateFatalEvent(ProcessStateEvent):
    pass


class ProcessStateUnknownEvent(ProcessStateEvent):
    pass


class ProcessStateStartingOrBackoffEvent(ProcessStateEvent):
    def get_extra_values(self) -> list[tuple[str, Any]]:
        return [("tries", int(self.process.backoff))]


class ProcessStateStartingEvent(ProcessStateStartingOrBackoffEvent):
    pass


class ProcessStateBackoffEvent(ProcessStateStartingOrBackoffEvent):
    pass


class ProcessStateExitedEvent(ProcessStateEvent):
    def get_extra_values(self) -> list[tuple[str, Any]]:
        return [("expected", int(self.expected)), ("pid", self.process.pid)]


class ProcessStateRunningEvent(_WithPid):
    pass


class ProcessStateStoppingEvent(_WithPid):
    pass


class ProcessStateStoppedEvent(_WithPid):
    pass


class ProcessLogEvent(Event):
    channel: ClassVar[str | None] = None

    def __init__(self, process: ProcessLike, pid: int, data: bytes | str) -> None:
        self.process = process
        self.pid = pid
        self.data = data

    def payload(self) -> str:
        return f"{_names(self.process)} pid:{self.pid} channel:{self.channel}\n{decoded(self.data)}"


class ProcessLogStdoutEvent(ProcessLogEvent):
    channel = "stdout"


class ProcessLogStderrEvent(ProcessLogEvent):
    channel = "stderr"


class ProcessCommunicationEvent(Event):
    BEGIN_TOKEN: ClassVar[bytes] = b"<!--XSUPERVISOR:BEGIN-->"
    END_TOKEN: ClassVar[bytes] = b"<!--XSUPERVISOR:END-->"
    channel: ClassVar[str | None] = None

    def __init__(self, process: ProcessLike, pid: int, data: bytes | str) -> None:
        self.process = process
        self.pid = pid
        self.data = data

    def payload(self) -> str:
        return f"{_names(self.process)} pid:{self.pid}\n{decoded(self.data)}"


class ProcessCommunicationStdoutEvent(ProcessCommunicationEvent):
    channel = "stdout"


class ProcessCommunicationStderrEvent(ProcessCommunicationEvent):
    channel = "stderr"


class RemoteCommunicationEvent(Event):
    def __init__(self, type: str, data: str) -> None:
        self.type = type
        self.data = data

    def payload(self) -> str:
        return f"type:{self.type}\n{self.data}"


class SupervisorStateChangeEvent(Event):
    pass


class SupervisorRunningEvent(SupervisorStateChangeEvent):
    pass


class SupervisorStoppingEvent(SupervisorStateChangeEvent):
    pass


class ProcessGroupEvent(Event):
    """``group`` is the name of the group."""

    def __init__(self, group: str) -> None:
        self.group = group

    def payload(self) -> str:
        return f"groupname:{self.group}\n"


class ProcessGroupAddedEvent(ProcessGroupEvent):
    pass


class ProcessGroupRemovedEvent(ProcessGroupEvent):
    pass


class TickEvent(Event):
    """``when``: epoch seconds, a multiple of ``period``."""

    period: ClassVar[int] = 0

    def __init__(self, when: int, supervisord: object = None) -> None:
        self.when = when
        self.supervisord = supervisord

    def payload(self) -> str:
        return f"when:{self.when}"


class Tick5Event(TickEvent):
    period = 5


class Tick60Event(TickEvent):
    period = 60


class Tick3600Event(TickEvent):
    period = 3600


class EventBufferOverflowEvent(Event):
    """A pool lost events: ``lost`` since it was last told, ``total`` in this life of it. Supervisor has no such type."""

    def __init__(self, pool: str, lost: int, total: int) -> None:
        self.pool = pool
        self.lost = lost
        self.total = total

    def payload(self) -> str:
        return f"groupname:{self.pool} lost:{self.lost} total:{self.total}"


class EventRejectedEvent:
    """A listener refused an event. Not an Event: no listener can subscribe to it."""

    def __init__(self, process: object, event: Event) -> None:
        self.process = process
        self.event = event


TICK_EVENTS: list[type[TickEvent]] = [Tick5Event, Tick60Event, Tick3600Event]


# --- names -------------------------------------------------------------------------------------------


class EventTypes:
    """One attribute for each name that ``events=`` may list; ``register`` adds more."""

    EVENT = Event
    PROCESS_STATE = ProcessStateEvent
    PROCESS_STATE_STOPPED = ProcessStateStoppedEvent
    PROCESS_STATE_EXITED = ProcessStateExitedEvent
    PROCESS_STATE_STARTING = ProcessStateStartingEvent
    PROCESS_STATE_STOPPING = ProcessStateStoppingEvent
    PROCESS_STATE_BACKOFF = ProcessStateBackoffEvent
    PROCESS_STATE_FATAL = ProcessStateFatalEvent
    PROCESS_STATE_RUNNING = ProcessStateRunningEvent
    PROCESS_STATE_UNKNOWN = ProcessStateUnknownEvent
    PROCESS_COMMUNICATION = ProcessCommunicationEvent
    PROCESS_COMMUNICATION_STDOUT = ProcessCommunicationStdoutEvent
    PROCESS_COMMUNICATION_STDERR = ProcessCommunicationStderrEvent
    PROCESS_LOG = ProcessLogEvent
    PROCESS_LOG_STDOUT = ProcessLogStdoutEvent
    PROCESS_LOG_STDERR = ProcessLogStderrEvent
    REMOTE_COMMUNICATION = RemoteCommunicationEvent
    SUPERVISOR_STATE_CHANGE = SupervisorStateChangeEvent
    SUPERVISOR_STATE_CHANGE_RUNNING = SupervisorRunningEvent
    SUPERVISOR_STATE_CHANGE_STOPPING = SupervisorStoppingEvent
    TICK = TickEvent
    TICK_5 = Tick5Event
    TICK_60 = Tick60Event
    TICK_3600 = Tick3600Event
    PROCESS_GROUP = ProcessGroupEvent
    PROCESS_GROUP_ADDED = ProcessGroupAddedEvent
    PROCESS_GROUP_REMOVED = ProcessGroupRemovedEvent
    EVENT_BUFFER_OVERFLOW = EventBufferOverflowEvent


def event_types() -> dict[str, type[Event]]:
    """Every name that may be subscribed to, with its class."""
    return {
        name: value
        for name, value in vars(EventTypes).items()
        if isinstance(value, type) and issubclass(value, Event)
    }


def getEventNameByType(requested: type) -> str | None:
    """``TICK_5`` for Tick5Event and so on; None for a class without a name."""
    return next((name for name, kind in vars(EventTypes).items() if kind is requested), None)


def register(name: str, event: type[Event]) -> None:
    """Make a name usable in ``events=``. The class has to be an Event with a ``payload()`` that gives text."""
    setattr(EventTypes, name, event)


FindProcess = Callable[[str, str, int], ProcessLike | None]
"""The process of a group, a name and a pid."""


def _nobody(group: str, name: str, pid: int) -> None:
    return None


def restored(name: str, payload: str, process: FindProcess = _nobody) -> Event:
    """An event as its payload tells of it: its maker is gone. It keeps exactly this payload.

    ``process`` is asked for the one that it is about. Raises KeyError when no class has the name.
    """
    kind = event_types()[name]
    event = kind.__new__(kind)
    event.payload = lambda: payload  # type: ignore[method-assign]  # this one object only
    head, _, rest = payload.partition("\n")
    facts = {key: value for key, colon, value in (word.partition(":") for word in head.split(" ")) if colon}
    with contextlib.suppress(KeyError, ValueError, AttributeError):  # a plug-in's subclass may tell otherwise
        _recall(event, facts, rest, process)
    return event


def _recall(event: Event, facts: dict[str, str], rest: str, process: FindProcess) -> None:
    known: dict[str, object] = {}
    if isinstance(event, (ProcessStateEvent, ProcessLogEvent, ProcessCommunicationEvent)):
        pid = int(facts.get("pid", 0))
        known["process"] = process(facts["groupname"], facts["processname"], pid)
    if isinstance(event, ProcessStateEvent):
        known["from_state"] = getattr(ProcessStates, facts["from_state"])
        known["expected"] = facts.get("expected", "1") == "1"
        known["extra_values"] = [(k, int(facts[k])) for k in ("expected", "tries", "pid") if k in facts]
    elif isinstance(event, (ProcessLogEvent, ProcessCommunicationEvent)):
        known |= {"pid": pid, "data": rest}
    elif isinstance(event, RemoteCommunicationEvent):
        known |= {"type": facts["type"], "data": rest}
    elif isinstance(event, TickEvent):
        known |= {"when": int(facts["when"]), "supervisord": None}
    elif isinstance(event, ProcessGroupEvent):
        known["group"] = facts["groupname"]
    elif isinstance(event, EventBufferOverflowEvent):
        known |= {"pool": facts["groupname"], "lost": int(facts["lost"]), "total": int(facts["total"])}
    vars(event).update(known)


# --- subscriptions -----------------------------------------------------------------------------------

Callback = Callable[[Any], object]

callbacks: list[tuple[type, Callback]] = []
"""Who is told of what, in the order of subscription."""

_hosts: list[Host] = []


def subscribe(type: type, callback: Callback) -> None:
    """Have ``callback(event)`` called for each event of a class or of one below it."""
    callbacks.append((type, callback))
    _tell_host()


def unsubscribe(type: type, callback: Callback) -> None:
    """Undo a ``subscribe``. Raises ValueError when there was none."""
    callbacks.remove((type, callback))
    _tell_host()


def clear() -> None:
    """Forget every subscription (not the host)."""
    callbacks[:] = []
    _tell_host()


def notify(event: Event) -> None:
    """Tell the host and all subscribers, in order; what a subscriber raises is reported and goes no further."""
    for host in tuple(_hosts):
        host.dispatch(event)
    for kind, callback in tuple(callbacks):
        if isinstance(event, kind):
            try:
                callback(event)
            except Exception:  # noqa: BLE001  # whatever a plug-in raises is its own fault
                _report(
                    f"subscriber {callback!r} failed on {type(event).__name__}:\n{traceback.format_exc()}"
                )


def set_host(host: Host | None) -> None:
    """Whom ``notify`` tells first; None: nobody."""
    _hosts[:] = [host] if host is not None else []


def _tell_host() -> None:
    for host in _hosts:
        host.subscriptions_changed()


def _report(text: str) -> None:
    if not _hosts:
        print(text, file=sys.stderr)
    for host in tuple(_hosts):
        host.subscriber_failed(text)
