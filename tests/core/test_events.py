"""Event types, payloads and the in-process door (reference: events, sections 1, 2, 10)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from supervisor import events
from supervisor.states import ProcessStates as S

TREE = """
EVENT
  PROCESS_STATE
    PROCESS_STATE_STOPPED
    PROCESS_STATE_EXITED
    PROCESS_STATE_STARTING
    PROCESS_STATE_STOPPING
    PROCESS_STATE_BACKOFF
    PROCESS_STATE_FATAL
    PROCESS_STATE_RUNNING
    PROCESS_STATE_UNKNOWN
  PROCESS_COMMUNICATION
    PROCESS_COMMUNICATION_STDOUT
    PROCESS_COMMUNICATION_STDERR
  PROCESS_LOG
    PROCESS_LOG_STDOUT
    PROCESS_LOG_STDERR
  REMOTE_COMMUNICATION
  SUPERVISOR_STATE_CHANGE
    SUPERVISOR_STATE_CHANGE_RUNNING
    SUPERVISOR_STATE_CHANGE_STOPPING
  TICK
    TICK_5
    TICK_60
    TICK_3600
  PROCESS_GROUP
    PROCESS_GROUP_ADDED
    PROCESS_GROUP_REMOVED
  EVENT_BUFFER_OVERFLOW
"""


@dataclass
class Config:
    name: str


@dataclass
class Group:
    config: Config


@dataclass
class Process:
    config: Config = field(default_factory=lambda: Config("p"))
    group: Group | None = field(default_factory=lambda: Group(Config("g")))
    pid: int = 42
    backoff: int = 3


@dataclass
class Host:
    seen: list[events.Event] = field(default_factory=list)
    changes: int = 0
    failures: list[str] = field(default_factory=list)

    def dispatch(self, event: events.Event) -> None:
        self.seen.append(event)

    def subscriptions_changed(self) -> None:
        self.changes += 1

    def subscriber_failed(self, text: str) -> None:
        self.failures.append(text)


@pytest.fixture
def host() -> Iterator[Host]:
    host = Host()
    events.set_host(host)
    yield host
    events.set_host(None)
    events.clear()


def test_the_tree() -> None:
    path: list[type[events.Event]] = []
    names = []
    types = events.event_types()
    for line in TREE.strip().splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        name = line.strip()
        names.append(name)
        kind = types[name]
        assert all(issubclass(kind, above) for above in path[:depth])
        assert getattr(events.EventTypes, name) is kind
        assert events.getEventNameByType(kind) == name
        path[depth:] = [kind]
    assert sorted(types) == sorted(names)
    assert events.getEventNameByType(int) is None
    assert events.getEventNameByType(events.ProcessStateStartingOrBackoffEvent) is None


P = Process()

PAYLOADS: list[tuple[events.Event, str]] = [
    (events.ProcessStateStartingEvent(P, S.STOPPED), "processname:p groupname:g from_state:STOPPED tries:3"),
    (events.ProcessStateBackoffEvent(P, S.STARTING), "processname:p groupname:g from_state:STARTING tries:3"),
    (events.ProcessStateRunningEvent(P, S.STARTING), "processname:p groupname:g from_state:STARTING pid:42"),
    (events.ProcessStateStoppingEvent(P, S.RUNNING), "processname:p groupname:g from_state:RUNNING pid:42"),
    (events.ProcessStateStoppedEvent(P, S.STOPPING), "processname:p groupname:g from_state:STOPPING pid:42"),
    (
        events.ProcessStateExitedEvent(P, S.RUNNING, expected=False),
        "processname:p groupname:g from_state:RUNNING expected:0 pid:42",
    ),
    (
        events.ProcessStateExitedEvent(P, S.RUNNING),
        "processname:p groupname:g from_state:RUNNING expected:1 pid:42",
    ),
    (events.ProcessStateFatalEvent(P, S.BACKOFF), "processname:p groupname:g from_state:BACKOFF"),
    (events.ProcessStateUnknownEvent(P, S.STOPPING), "processname:p groupname:g from_state:STOPPING"),
    (events.ProcessCommunicationStdoutEvent(P, 7, b"a\nb"), "processname:p groupname:g pid:7\na\nb"),
    (events.ProcessLogStdoutEvent(P, 7, b"x"), "processname:p groupname:g pid:7 channel:stdout\nx"),
    (
        events.ProcessLogStderrEvent(P, 7, b"\xff"),
        "processname:p groupname:g pid:7 channel:stderr\nUndecodable: b'\\xff'",
    ),
    (events.RemoteCommunicationEvent("t", "d\ne"), "type:t\nd\ne"),
    (events.SupervisorRunningEvent(), ""),
    (events.SupervisorStoppingEvent(), ""),
    (events.Tick60Event(120), "when:120"),
    (events.ProcessGroupAddedEvent("g"), "groupname:g\n"),
    (events.ProcessGroupRemovedEvent("g"), "groupname:g\n"),
]


@pytest.mark.parametrize(("event", "payload"), PAYLOADS, ids=lambda value: type(value).__name__)
def test_payloads(event: events.Event, payload: str) -> None:
    assert event.payload() == payload


def test_extras_are_fixed_when_the_event_is_made_and_names_read_later() -> None:
    process = Process()
    event = events.ProcessStateRunningEvent(process, S.STARTING)
    process.pid, process.config.name, process.group = 1, "q", None
    assert event.payload() == "processname:q groupname: from_state:STARTING pid:42"


def test_subscribers_get_their_class_and_those_below_in_order(host: Host) -> None:
    told: list[str] = []
    events.subscribe(events.TickEvent, lambda event: told.append("tick"))
    events.subscribe(events.Tick5Event, lambda event: told.append("five"))
    events.subscribe(events.Event, lambda event: told.append("all"))
    events.notify(events.Tick5Event(5))
    events.notify(events.SupervisorRunningEvent())
    assert told == ["tick", "five", "all", "all"]
    assert len(host.seen) == 2 and host.changes == 3


def test_unsubscribing(host: Host) -> None:
    told: list[events.Event] = []
    events.subscribe(events.Event, told.append)
    events.unsubscribe(events.Event, told.append)
    events.notify(events.Tick5Event(5))
    assert told == []
    with pytest.raises(ValueError):
        events.unsubscribe(events.Event, told.append)


def test_what_a_subscriber_raises_stays_with_it(host: Host) -> None:
    told: list[events.Event] = []

    def broken(event: events.Event) -> None:
        raise RuntimeError("oh")

    events.subscribe(events.Event, broken)
    events.subscribe(events.Event, told.append)
    events.notify(events.Tick5Event(5))
    assert len(told) == 1
    assert "RuntimeError: oh" in host.failures[0]


def test_a_subscriber_may_unsubscribe_while_it_is_told(host: Host) -> None:
    told: list[events.Event] = []

    def once(event: events.Event) -> None:
        told.append(event)
        events.unsubscribe(events.Event, once)

    events.subscribe(events.Event, once)
    events.subscribe(events.Event, told.append)
    events.notify(events.Tick5Event(5))
    assert len(told) == 2


def test_registered_names(monkeypatch: pytest.MonkeyPatch) -> None:
    class Mine(events.Event):
        def payload(self) -> str:
            return "mine"

    monkeypatch.setattr(events.EventTypes, "MINE_X", None, raising=False)
    events.register("MINE_X", Mine)
    assert events.getEventNameByType(Mine) == "MINE_X"
    assert events.event_types()["MINE_X"] is Mine


def made_events() -> list[events.Event]:
    """One of each kind, as the daemon makes them."""
    process = Process()
    given: list[events.Event] = [
        kind(process, S.STARTING)
        for kind in events.event_types().values()
        if issubclass(kind, events.ProcessStateEvent) and not kind.__subclasses__()
    ]
    given.append(events.ProcessStateExitedEvent(process, S.RUNNING, expected=False))
    given += [
        events.ProcessLogStdoutEvent(process, 7, "a:b\nc"),
        events.ProcessLogStderrEvent(process, 8, ""),
    ]
    given += [events.ProcessCommunicationStdoutEvent(process, 7, "x y:z\n")]
    given += [events.RemoteCommunicationEvent("t", "d\ne"), events.Tick60Event(120)]
    given += [events.ProcessGroupAddedEvent("g"), events.EventBufferOverflowEvent("p", 2, 5)]
    return [*given, events.SupervisorRunningEvent()]


@pytest.mark.parametrize("event", made_events(), ids=lambda event: type(event).__name__)
def test_restored_events_know_what_their_payload_tells(event: events.Event) -> None:
    name = events.getEventNameByType(type(event))
    asked: list[tuple[str, str, int]] = []
    found = Process()

    def find(group: str, name: str, pid: int) -> Process:
        asked.append((group, name, pid))
        return found

    assert name is not None
    back = events.restored(name, event.payload(), find)
    assert type(back) is type(event) and back.payload() == event.payload()
    wanted = vars(event)
    known = {key: value for key, value in vars(back).items() if key != "payload"}
    assert {**known, "process": None} == {**wanted, "process": None}
    if "process" in wanted:
        pid = wanted.get("pid", dict(wanted.get("extra_values", ())).get("pid", 0))
        assert asked == [("g", "p", pid)] and known["process"] is found


def test_restored_events_have_class_and_payload() -> None:
    event = events.restored("PROCESS_STATE_EXITED", "a:b")
    assert isinstance(event, events.ProcessStateExitedEvent)
    assert event.payload() == "a:b"
    with pytest.raises(KeyError):
        events.restored("NOTHING", "")
