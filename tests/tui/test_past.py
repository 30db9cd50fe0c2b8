"""The events screen and the detail screen's past: filters, runs, hours; and the answer of the supervisor."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from supervisor.errors import RPCError
from supervisor.faults import Faults
from supervisor.states import ProcessStates as S
from supervisor.tui.glyphs import ASCII
from supervisor.tui.model import Level, Model
from supervisor.tui.pane import Look
from supervisor.tui.screens.events import EventsPane
from supervisor.tui.whys import why_of
from tests.support.consoles import app
from tests.tui.fakes import FakeThread


def pane_of(model: Model) -> EventsPane:
    pane = EventsPane(model, Look(ASCII, lambda: 10000.0), strip=False)
    pane.frame = "none"
    return pane


def lines(pane: EventsPane, rows: int = 50) -> list[str]:
    return ["".join(text for _, text in row).strip() for row in pane.body(100, rows, True)]


def cron(model: Model, count: int, start: float = 0.0) -> None:
    for number in range(count):
        model.note(start + number * 60, Level.INFO, "etl:extract", "RUNNING -> EXITED 0")


def test_runs_of_the_same_become_one_line_until_they_are_expanded() -> None:
    model = Model()
    model.note(0.0, Level.USER, "you", "start etl:extract")
    cron(model, 25, 60.0)
    model.note(9000.0, Level.ERROR, "etl:load", "BACKOFF -> FATAL")
    pane = pane_of(model)
    assert [line.rpartition("  ")[2] for line in lines(pane)][1] == "... 24 more like this"
    assert len(lines(pane)) == 3
    assert not pane.expand()
    pane.move(1)
    assert pane.expand()
    assert len(lines(pane)) == 27


def test_the_cursor_stays_on_its_line() -> None:
    model = Model()
    for number in range(5):
        model.note(float(number), Level.INFO, f"p{number}", "started")
    pane = pane_of(model)
    pane.move(2)
    before = pane.selected()
    model.note(9.0, Level.INFO, "new", "started")
    lines(pane)
    assert pane.selected() is before is not None
    pane.move(-99)
    model.note(10.0, Level.INFO, "newest", "started")
    found = pane.selected()
    assert found is not None and found.subject == "newest"


def test_kinds_and_levels() -> None:
    model = Model()
    model.note(1.0, Level.INFO, "a", "started")
    model.note(2.0, Level.ERROR, "b", "FATAL")
    model.note(3.0, Level.USER, "you", "stop a")
    model.note(4.0, Level.LINK, "local", "connection lost")
    pane = pane_of(model)
    for kind, subjects in (("states", ["b", "a"]), ("actions", ["you"]), ("links", ["local"])):
        pane.choose(kind=kind)
        assert [item.entry.subject for item in pane.items()] == subjects
    pane.choose(kind="all", least=Level.ERROR)
    assert [item.entry.subject for item in pane.items()] == ["local", "you", "b"]
    pane.choose(kind="states", least=Level.WARN)
    model.timeline.clear()
    model.note(5.0, Level.INFO, "a", "started")
    assert lines(pane) == ["nothing of this kind"]


def test_hours() -> None:
    model = Model()
    for hour in range(5):
        model.note(hour * 3600.0, Level.INFO, f"p{hour}", "started")
    pane = pane_of(model)
    pane.hour(1)
    pane.hour(1)
    assert (pane.place, lines(pane)[2].split()[-2]) == (2, "p2")
    pane.hour(-1)
    assert pane.place == 1
    for _ in range(9):
        pane.hour(1)
    assert pane.place == 4
    for _ in range(9):
        pane.hour(-1)
    assert pane.place == 0


def test_events_by_keys(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("x")
        console.see("1/1 STOPPED")
        console.keys("4")
        console.see("kind: all", "level >= INFO", "FOLLOW", "stop api:web_00", "STOPPED")
        console.keys("t", "t")
        console.see("kind: actions")
        console.miss("STOPPING")
        console.keys("t", "t", "L")
        console.see("kind: all", "level >= WARN")
        console.keys("q", "4")
        console.see("level >= WARN")


HISTORY = {
    "transitions": [
        {"when": 1000.0, "to": "RUNNING", "cause": "started", "pid": 6113, "exit": ""},
        {"when": 1008.0, "to": "EXITED", "cause": "unexpected", "pid": 6113, "exit": "exit status 1"},
    ],
    "last_exit": {"stdout": "queue depth 8121\n", "stderr": "Traceback\nKeyError: \x1b[31m'task'\n"},
}


def test_detail_says_why_and_the_last_words(server: FakeThread, tmp_path: Path) -> None:
    server.do(lambda s: s.answers.update(getProcessHistory=HISTORY))
    for size in ({}, {"cols": 120, "rows": 40}):
        with app(tmp_path, **size) as console:
            console.see("worker_00")
            console.keys("j", "j", "enter")
            console.see(
                "> api:worker_00", "Why", "EXITED   unexpected (exit status 1", "last words before it ended"
            )
            console.see("KeyError:  [31m'task'")


def test_detail_asks_again_when_the_process_moves(server: FakeThread, tmp_path: Path) -> None:
    server.do(lambda s: s.answers.update(getProcessHistory={"transitions": []}))
    with app(tmp_path) as console:
        console.see("worker_00")
        console.keys("enter")
        console.see("nothing happened to it yet")
        server.do(lambda s: s.answers.update(getProcessHistory=HISTORY))
        server.do(lambda s: s.change("api:web_00", S.EXITED, exitstatus=1, expected=False, pid=0))
        console.see("unexpected (exit status 1)")


def test_a_server_without_history_leaves_what_this_session_saw(server: FakeThread, tmp_path: Path) -> None:
    server.do(lambda s: s.answers.update(getProcessHistory=RPCError(Faults.UNKNOWN_METHOD)))
    with app(tmp_path, cols=120, rows=40) as console:
        console.see("worker_00")
        console.keys("enter")
        console.see("this session", "nothing happened to it yet")
        server.do(
            lambda s: s.change(
                "api:web_00", S.EXITED, exitstatus=3, expected=False, pid=0, changed=time.time()
            )
        )
        console.see("EXITED 3")


@pytest.mark.parametrize(
    "answer", [None, [], {}, {"transitions": 3}, {"transitions": [1, "x"], "last_exit": 5}]
)
def test_nonsense_is_no_history(answer: object) -> None:
    why = why_of(answer)
    assert why is None or why.transitions == ()
