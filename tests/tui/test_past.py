"""The events screen and the detail screen's past: filters, runs, hours; and the answer of the supervisor."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

import pytest

from supervisor.errors import RPCError
from supervisor.faults import Faults
from supervisor.protocol.stream import ProcessRecord
from supervisor.states import ProcessStates as S
from supervisor.tui.glyphs import ASCII
from supervisor.tui.logbuffer import LogBuffer, number_at
from supervisor.tui.model import ChangeTold, Level, Model, SnapshotTold
from supervisor.tui.pane import Look
from supervisor.tui.screens.events import EventsPane
from supervisor.tui.whys import why_of
from supervisor.tui.words import shortened
from tests.support.consoles import app
from tests.tui.fakes import FakeThread


def pane_of(model: Model) -> EventsPane:
    pane = EventsPane(model, Look(ASCII, lambda: 10000.0), strip=False)
    pane.frame = "none"
    return pane


def rows_of(pane: EventsPane, rows: int = 50, cols: int = 100) -> list[str]:
    return ["".join(text for _, text in row).strip() for row in pane.body(cols, rows, True)]


def lines(pane: EventsPane, rows: int = 50) -> list[str]:
    """What is shown, without the names of days."""
    return [
        line for line in rows_of(pane, rows) if line not in ("Today", "Yesterday") and "day, " not in line
    ]


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


# --- days, doers, notes ------------------------------------------------------------------------------


def test_each_day_has_its_name() -> None:
    now = datetime(2026, 11, 24, 0, 30).timestamp()
    model = Model()
    for hours in (200, 25, 2, 0.25, 0):
        model.note(now - hours * 3600, Level.INFO, "p", f"{hours} h ago")
    pane = EventsPane(model, Look(ASCII, lambda: now), strip=False)
    pane.frame = "none"
    heads = [line for line in rows_of(pane) if not line[:1].isdigit()]
    assert heads == ["Today", "Yesterday", "Sunday, Nov 22", "Sunday, Nov 15"]
    pane.move(2)
    shown = rows_of(pane, 4)
    assert shown[-1].endswith("2 h ago") and pane.body_cursor() == (0, len(shown) - 1)
    assert shown[0] in ("Today", "Yesterday")
    for rows in range(1, 12):
        for place in range(5):
            pane.place = place
            row = pane.body(60, rows, True)
            at = pane.body_cursor()
            assert len(row) <= rows and at is not None and at[1] < rows
            assert f"{(0, 0.25, 2, 25, 200)[place]} h ago" in "".join(text for _, text in row[at[1]])


def test_who_did_it_is_told_and_long_notes_end_in_an_ellipsis() -> None:
    model = Model()

    def told(state: int, name: str, cause: str, when: float) -> None:
        record = ProcessRecord("p", "p", state, name, pid=7, cause=cause)
        model.apply(ChangeTold("local", record, when), when)

    model.apply(SnapshotTold("local", (ProcessRecord("p", "p", S.STOPPED, "STOPPED"),)), 1.0)
    told(S.STARTING, "STARTING", "started by admin at 10.0.0.7", 10.0)
    told(S.RUNNING, "RUNNING", "", 11.0)
    told(S.STOPPING, "STOPPING", "stopped by root (pid 12)\x1b[31m", 20.0)
    pane = pane_of(model)
    assert lines(pane)[1].endswith("STOPPED -> STARTING -> RUNNING  pid 7  by admin at 10.0.0.7")
    assert "RUNNING -> STOPPING  by root (pid 12)" in lines(pane)[0]
    assert "\x1b" not in lines(pane)[0]
    narrow = rows_of(pane, cols=60)[2]
    assert narrow.endswith(ASCII.ellipsis) and len(narrow) <= 60 and "RUNNING" in narrow
    assert [shortened("abcdef", n, "...") for n in (0, 2, 3, 5, 6)] == ["", "..", "...", "ab...", "abcdef"]


def test_a_line_is_found_by_its_time() -> None:
    day = datetime(2026, 11, 24)
    now = [day.replace(hour=12).timestamp()]
    buffer = LogBuffer(clock=lambda: now[0])
    buffer.begin(1, 0, 0, 36)
    buffer.output(1, 0, b"10:00:00 old one\n" + b"11:00:00 old two\n")
    now[0] += 10
    buffer.output(1, buffer.offset, b"new\n")

    def found(hour: int, minute: int = 0, second: int = 0) -> tuple[bytes, bool]:
        wall = day.replace(hour=hour, minute=minute, second=second).timestamp()
        number, later = number_at(buffer, wall, now[0])
        line = buffer.line(number)
        return line if isinstance(line, bytes) else b"", later

    assert found(9) == (b"10:00:00 old one", True)
    assert found(10, 30) == (b"11:00:00 old two", False)
    assert found(12) == (b"new", False)
    assert found(23) == (b"new", False)


def test_the_log_at_the_time_of_an_event(server: FakeThread, tmp_path: Path) -> None:
    east = 12 - time.gmtime().tm_hour  # where it is about noon, so that the old lines are of the morning
    with app(tmp_path, TZ=f"NOON{-east:+}") as console:
        console.see("web_00", "page=59")
        server.do(lambda s: s.write("api:web_00", b"right before it\n"))
        console.see("right before it")
        server.do(lambda s: s.change("api:web_00", S.STOPPED, pid=0, cause="stopped by admin at 10.0.0.7"))
        console.see("STOPPED")
        text = "".join(f"long after {n}\n" for n in range(60)).encode()
        server.do(lambda s: s.write("api:web_00", text))
        console.see("long after 59")
        console.keys("4")
        console.see("Today", "RUNNING", "by admin at 10.0.0.7")
        console.keys("o")
        console.see("> logs", "the log at ", "right before it")
        console.miss("long after 59")
