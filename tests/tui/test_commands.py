"""What actions send, when they ask, and how their progress reads."""

from __future__ import annotations

from typing import Any

import pytest

from supervisor.errors import UserError
from supervisor.faults import Faults
from supervisor.protocol.stream import ProcessRecord
from supervisor.states import ProcessStates as S
from supervisor.states import getProcessStateDescription
from supervisor.tui.commands import Plan, Progress, Verb, describe_marks, fault_words, plan
from supervisor.tui.model import ChangeTold, Model, Ref, SnapshotTold


def record(group: str, name: str, state: int = S.RUNNING, **facts: Any) -> ProcessRecord:
    return ProcessRecord(name, group, state, getProcessStateDescription(state) or "", **facts)


def model_of(*records: ProcessRecord) -> Model:
    model = Model()
    model.apply(SnapshotTold("local", records), 0.0)
    return model


@pytest.fixture
def model() -> Model:
    return model_of(
        record("api", "web", priority=1, stopwaitsecs=10),
        record("api", "worker", S.BACKOFF, priority=2, stopwaitsecs=60),
        record("etl", "load", S.FATAL),
        record("etl", "extract"),
        record("mail", "mail", S.STOPPED),
    )


def refs(model: Model, *names: str) -> list[Ref]:
    return [ref for ref in model.records if ref.name in names]


def sent(proposal: Plan) -> list[list[tuple[Any, ...]]]:
    short = "supervisor."
    return [[(call.method.removeprefix(short), *call.params) for call in phase] for phase in proposal.phases]


def test_one_process_is_not_asked_about(model: Model) -> None:
    proposal = plan(Verb.RESTART, refs(model, "web"), model, "api:web")
    assert not proposal.asks
    assert sent(proposal) == [[("stopProcess", "api:web", True)], [("startProcess", "api:web", True)]]


def test_restart_of_a_stopped_process_starts_it(model: Model) -> None:
    assert sent(plan(Verb.RESTART, refs(model, "mail"), model, "mail")) == [[("startProcess", "mail", True)]]


def test_a_whole_group_goes_by_group_calls_and_asks(model: Model) -> None:
    proposal = plan(Verb.RESTART, refs(model, "web", "worker"), model, "group api")
    assert proposal.asks and proposal.longest_stop_s == 60
    assert sent(proposal) == [[("stopProcessGroup", "api", True)], [("startProcessGroup", "api", True)]]
    assert proposal.by_state == [("RUNNING", ["web"]), ("BACKOFF", ["worker"])]


def test_restart_leaves_what_does_not_run_alone(model: Model) -> None:
    proposal = plan(Verb.RESTART, refs(model, "load", "extract"), model, "group etl")
    assert proposal.resting == 1
    assert sent(proposal) == [[("stopProcess", "etl:extract", True)], [("startProcess", "etl:extract", True)]]
    both = plan(Verb.RESTART, refs(model, "load", "extract"), model, "group etl", also_stopped=True)
    assert sent(both) == [[("stopProcess", "etl:extract", True)], [("startProcessGroup", "etl", True)]]


def test_starts_of_single_processes_go_by_priority_and_stops_backwards() -> None:
    model = model_of(
        record("a", "x", priority=2), record("a", "y", priority=1), record("a", "z", S.STOPPED, priority=3),
        record("a", "other", priority=1),
    )  # fmt: skip
    proposal = plan(Verb.RESTART, refs(model, "x", "y"), model, "2 marked")
    assert sent(proposal) == [
        [("stopProcess", "a:x", True), ("stopProcess", "a:y", True)],
        [("startProcess", "a:y", True)],
        [("startProcess", "a:x", True)],
    ]


def test_start_never_asks(model: Model) -> None:
    proposal = plan(Verb.START, refs(model, "load", "mail"), model, "2 marked")
    assert not proposal.asks and len(proposal.records) == 2


def test_stop_of_several_asks(model: Model) -> None:
    assert plan(Verb.STOP, refs(model, "web", "extract"), model, "2 marked").asks


@pytest.mark.parametrize(
    ("signal", "asks"), [("TERM", False), ("HUP", False), ("KILL", True), ("STOP", True)]
)
def test_dangerous_signals_ask(model: Model, signal: str, asks: bool) -> None:
    proposal = plan(Verb.SIGNAL, refs(model, "web"), model, "api:web", signal=signal)
    assert proposal.asks is asks
    assert sent(proposal) == [[("signalProcess", "api:web", signal)]]


@pytest.mark.parametrize(
    ("verb", "names", "words"),
    [
        (Verb.STOP, ["mail"], "mail is STOPPED: nothing to stop"),
        (Verb.START, ["web"], "api:web is RUNNING: nothing to start"),
        (Verb.STOP, ["mail", "load"], "nothing to stop"),
        (Verb.RESTART, ["mail", "load"], r"nothing to restart \(.*\), start them instead"),
        (Verb.STOP, [], "no process is selected"),
    ],
)
def test_nothing_to_do_is_said(model: Model, verb: Verb, names: list[str], words: str) -> None:
    with pytest.raises(UserError, match=words):
        plan(verb, refs(model, *names), model, "some")


def test_progress_lasts_until_everything_has_settled(model: Model) -> None:
    progress = Progress(plan(Verb.RESTART, refs(model, "web", "worker"), model, "group api"))
    assert progress.text(model) == "restart group api  1/2 RUNNING, 1 BACKOFF"
    progress.finished = True
    assert not progress.settled(model)
    model.apply(ChangeTold("local", record("api", "worker")), 1.0)
    assert progress.settled(model)
    assert progress.text(model) == "restart group api  2/2 RUNNING"


def test_progress_outlives_a_process_that_is_removed(model: Model) -> None:
    progress = Progress(plan(Verb.STOP, refs(model, "web", "worker"), model, "group api"), finished=True)
    model.apply(SnapshotTold("local", ()), 1.0)
    assert progress.settled(model)
    assert progress.text(model) == "stop group api  0/2 STOPPED"


def test_faults_are_told_in_words() -> None:
    assert fault_words(Faults.NOT_RUNNING, "NOT_RUNNING: x", "x") == "x is not running"
    assert fault_words(1234, "PLUGIN: odd", "x") == "x: PLUGIN: odd"


def test_marks_are_described(model: Model) -> None:
    assert describe_marks(refs(model, "web", "worker")) == "2 marked in 1 group"
    assert describe_marks([]) == ""


def test_a_rolling_restart_stops_and_starts_a_few_at_a_time() -> None:
    model = model_of(*(record("a", f"p{n}", S.RUNNING if n != 2 else S.STOPPED) for n in range(3)))
    proposal = plan(
        Verb.RESTART, refs(model, "p0", "p1", "p2"), model, "group a", also_stopped=True, rolling=2
    )
    assert proposal.asks and proposal.title == "rolling restart"
    assert sent(proposal) == [
        [("stopProcess", "a:p0", True), ("stopProcess", "a:p1", True)],
        [("startProcess", "a:p0", True), ("startProcess", "a:p1", True)],
        [("startProcess", "a:p2", True)],
    ]
    assert proposal.sent == ["stopProcess a:p0", "stopProcess a:p1", "", "startProcess a:p0", "startProcess a:p1",
                             "", "startProcess a:p2"]  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "verb", "asks"),
    [
        ("api:*", Verb.STOP, True),
        ("web", Verb.RESTART, True),
        ("etl:*", Verb.STOP, False),
        ("*", Verb.START, False),
    ],
)
def test_critical_programs_are_asked_about(model: Model, pattern: str, verb: Verb, asks: bool) -> None:
    chosen = refs(model, "mail" if verb is Verb.START else "web")
    assert plan(verb, chosen, model, "x", critical=(pattern,)).asks is asks
