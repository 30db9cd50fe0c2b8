"""Groups that several supervisors have: sums, lists, plans, then the console on a pty over scripted servers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from supervisor.protocol.stream import ProcessRecord
from supervisor.states import ProcessStates as S
from supervisor.states import getProcessStateDescription
from supervisor.tui.commands import Progress, Verb, aim_at, plan
from supervisor.tui.fleet import FleetView, Line
from supervisor.tui.glyphs import UNICODE
from supervisor.tui.listview import ListView
from supervisor.tui.model import ChangeTold, GoneTold, LinkKind, LinkTold, Model, Ref, SnapshotTold
from supervisor.tui.pane import Look
from supervisor.tui.screens.dialogs import Confirm
from tests.support.consoles import urls
from tests.tui.fakes import FakeServer, FakeThread
from tests.tui.ptyapp import PtyApp

NOW = 1_800_000_000.0
WEB = Ref("", "web", "")


def record(group: str, name: str, state: int = S.RUNNING, **facts: Any) -> ProcessRecord:
    return ProcessRecord(name, group, state, getProcessStateDescription(state) or "", **facts)


@pytest.fixture
def model() -> Model:
    """``web`` is on three supervisors, ``db`` on one."""
    model = Model(["h10", "h2", "lone"])
    for name in model.sups:
        model.apply(LinkTold(name, LinkKind.LIVE), NOW)
        records = [record("web", "a"), record("web", "b", S.STOPPED if name == "h2" else S.RUNNING)]
        model.apply(SnapshotTold(name, (*records, *([record("db", "db")] if name == "lone" else []))), NOW)
    return model


# --- sums and lists ----------------------------------------------------------------------------------


def test_a_group_is_summed_over_its_supervisors(model: Model) -> None:
    assert (model.up(WEB), model.kinds_of(WEB).total(), model.sups_of(WEB)) == (5, 6, ["h10", "h2", "lone"])
    assert model.up(Ref("h2", "web", "")) == 1
    assert model.worst(WEB) == (S.RUNNING, True), "what was stopped needs no eye"
    model.apply(ChangeTold("h10", record("web", "a", S.EXITED, expected=False)), NOW)
    assert model.worst(WEB) == (S.EXITED, False)
    model.apply(ChangeTold("h10", record("web", "a", S.FATAL)), NOW)
    assert model.worst(WEB) == (S.FATAL, True)
    assert model.tally_of(None, "web") == {S.RUNNING: 4, S.STOPPED: 1, S.FATAL: 1, S.EXITED: 0}
    for name in ("a", "b"):
        model.apply(GoneTold("h10", "web", name), NOW)
    assert model.sups_of(WEB) == ["h2", "lone"] and model.kinds_of(WEB).total() == 4
    model.apply(SnapshotTold("lone", ()), NOW)
    model.apply(SnapshotTold("h2", ()), NOW)
    assert not model.spans and not model.by_group and not list(model.members_of(WEB))


def test_the_list_of_all_has_one_row_for_a_group(model: Model) -> None:
    view = ListView(model)
    view.refresh(NOW)
    assert [ref for ref in view.rows if ref.is_group] == [Ref("", "db", ""), WEB]
    assert [ref.sup for ref in view.rows[3:]] == ["h2", "h2", "h10", "h10", "lone", "lone"]
    view.go_to(Ref("h10", "web", "a"))
    view.fold(True)
    view.refresh(NOW)
    assert view.cursor == WEB and view.rows[-1] == WEB
    view.toggle_mark()
    assert len(view.marks) == 6
    view.look_at("h2")
    view.refresh(NOW)
    assert view.cursor == Ref("h2", "web", "") and len(view.rows) == 3
    view.look_at(None, "web")
    view.refresh(NOW)
    assert view.cursor == WEB and not any(ref.group == "db" for ref in view.rows)
    view.change(attention=True)
    model.apply(ChangeTold("lone", record("db", "db", S.FATAL)), NOW)
    model.apply(ChangeTold("lone", record("web", "a", S.FATAL)), NOW)
    view.refresh(NOW + 1)
    assert view.rows == [WEB], "folded"
    view.change(attention=False)
    view.go_to(Ref("lone", "db", "db"))
    view.refresh(NOW + 2)
    assert view.group == "" and view.cursor == Ref("lone", "db", "db"), "what is gone to is shown"


def test_the_fleet_by_group(model: Model) -> None:
    view = FleetView(model)
    view.refresh()
    view.turn()
    view.refresh()
    assert view.rows == [Line("", "", "db"), Line("", "", "web")]
    view.move(1)
    assert (view.aim().words, len(view.aim().refs)) == ("group web on 3 supervisors", 6)
    assert view.chosen() == ["h10", "h2", "lone"]
    view.fold(False)
    view.refresh()
    assert view.rows[1:] == [Line("", name, "web") for name in ("", "h2", "h10", "lone")]
    view.move(1)
    assert (view.aim().words, view.chosen()) == ("group web on h2", ["h2"])
    assert set(view.aim().refs) == {Ref("h2", "web", "a"), Ref("h2", "web", "b")}
    view.fold(True)
    view.refresh()
    assert view.cursor == Line("", "", "web") and len(view.rows) == 2
    view.pattern = "lon"
    view.refresh()
    assert view.rows == [Line("", "", "db"), Line("", "", "web")], (
        "the groups of a supervisor are found by its name"
    )
    view.turn()
    view.refresh()
    assert view.rows == [Line("", "lone")]


# --- plans -------------------------------------------------------------------------------------------


def test_no_supervisor_waits_for_another(model: Model) -> None:
    aim = aim_at(model, WEB)
    proposal = plan(Verb.RESTART, aim.refs, model, aim.words, also_stopped=True)
    assert proposal.asks and proposal.by_sup == {"h2": 2, "h10": 2, "lone": 2}
    lanes = [
        [(call.sup, call.method.rpartition(".")[2]) for phase in lane for call in phase]
        for lane in proposal.lanes
    ]
    assert [("h10", "stopProcessGroup"), ("h10", "startProcessGroup")] in lanes and len(lanes) == 3
    assert "h10: stopProcessGroup web" in proposal.sent


def test_a_few_at_a_time_go_host_by_host(model: Model) -> None:
    proposal = plan(Verb.RESTART, list(model.members_of(WEB)), model, "group web", rolling=2)
    assert len(proposal.lanes) == 1
    assert [ref.sup for ref, _ in proposal.records] == ["h2", "h10", "h10", "lone", "lone"]
    progress = Progress(proposal, done={proposal.records[0][0]})
    assert progress.text(model) == "rolling restart group web  1/5 done, 2 at a time, now h10"


# --- on the screen -----------------------------------------------------------------------------------


def calls(thread: FakeThread) -> list[tuple[str, str]]:
    """What a server was asked to do, as (method, first parameter)."""
    made = thread.do(lambda server: list(server.calls))
    return [(method.removeprefix("supervisor."), params[0]) for method, params in made]


def console(tmp_path: Path, *names: str, cols: int = 120, rows: int = 40) -> PtyApp:
    return PtyApp(urls(tmp_path, *names), tmp_path, cols=cols, rows=rows)


@pytest.mark.parametrize(("cols", "rows"), [(80, 24), (120, 40), (40, 12)])
def test_groups_are_listed_opened_and_left(
    servers: dict[str, FakeThread], tmp_path: Path, cols: int, rows: int
) -> None:
    with console(tmp_path, "one", "two", cols=cols, rows=rows) as app:
        app.see("etl", "load") if rows > 12 else app.see("one")
        app.keys("g", "b")
        app.see("GROUP", "WORST", "cache")
        app.wait(lambda: any("etl" in line and "FATAL" in line for line in app.lines()), "the worst of etl")
        app.keys("down", "l")
        app.wait(
            lambda: sum(" up " in line for line in app.lines()[1:]) == 2, "the supervisors that have cache"
        )
        app.keys("enter")
        app.see("group cache on 2", "one cache", "two cache")
        app.miss("extract")
        app.keys("esc")
        app.see("WORST")
        app.keys("g", "b")
        app.miss("WORST")


def test_one_question_restarts_a_group_everywhere(servers: dict[str, FakeThread], tmp_path: Path) -> None:
    with console(tmp_path, "one", "two", "none") as app:
        app.see("Needs attention 4")
        app.keys("g", "b", "R")
        app.see(
            "RESTART GROUP API ON 2 SUPERVISORS",
            "Restart group api on 2 supervisors: 8 processes",
            "on one (4), two (4)",
            "left out: nothing is known yet of none",
        )
        assert not calls(servers["one"]) and not calls(servers["two"])
        app.keys("y")
        app.see("restart group api on 2 supervisors  8/8 RUNNING")
        for name in ("one", "two"):
            assert calls(servers[name]) == [("stopProcessGroup", "api"), ("startProcessGroup", "api")]


def test_what_is_not_connected_is_named_and_the_rest_is_asked_about(
    servers: dict[str, FakeThread], tmp_path: Path
) -> None:
    with console(tmp_path, "one", "two") as app:
        app.see("Needs attention 4")
        servers["two"].do(lambda server: server.die())
        app.see("1 not connected")
        app.keys("=", "/", "mail", "enter", "G", "S")  # a start alone would not be asked about
        app.see("on one (1)", "left out: not connected to two: 1 process")
        app.keys("y")
        app.see("1/1 RUNNING")
        assert [method for method, _ in calls(servers["one"])] == ["startProcess"]
        servers["one"].do(lambda server: server.die())
        app.see("2 not connected")
        app.keys("S")
        app.see("nothing is sent")


def test_a_rolling_restart_over_supervisors_ends_at_the_first_failure(
    servers: dict[str, FakeThread], tmp_path: Path
) -> None:
    def fails(server: FakeServer) -> None:
        server.processes["api:web_00"].start_fails = "no such file"

    servers["two"].do(fails)
    with console(tmp_path, "one", "two") as app:
        app.see("Needs attention 4")
        app.keys("g", "b")
        app.see("WORST")
        app.keys(":", "a few at", "enter")
        app.see("Rolling restart group api on 2 supervisors", "on one (4), two (4)")
        app.keys("y")
        app.see("rolling restart stopped: api:web_00@two could not start", "not touched or not up")
        started = [name for method, name in calls(servers["two"]) if method == "startProcess"]
        assert "api:worker_01" not in started
        assert len([1 for method, _ in calls(servers["one"]) if method == "startProcess"]) == 4


def test_a_supervisor_that_is_slow_to_stop_keeps_no_other_stopped(
    servers: dict[str, FakeThread], tmp_path: Path
) -> None:
    servers["one"].do(lambda server: server.released.clear())
    with console(tmp_path, "one", "two") as app:
        app.see("Needs attention 4")
        app.keys("g", "b", "down", "r", "y")
        app.wait(lambda: len(calls(servers["two"])) == 2, "two to be stopped and started")
        assert [method for method, _ in calls(servers["one"])] == ["stopProcess"]
        servers["one"].do(lambda server: server.released.set())
        app.see("2/2 RUNNING")


def test_rows_of_the_fleet_are_marked_and_acted_on(servers: dict[str, FakeThread], tmp_path: Path) -> None:
    with console(tmp_path, "one", "two") as app:
        app.see("Needs attention 4")
        app.keys("r")
        app.see("Restart all of one: 7 processes")
        app.keys("esc")
        app.see("cancelled, nothing was sent")
        app.keys("g", "b", " ", " ")
        app.see("10 marked in 2 groups on 2 supervisors")
        app.keys("x")
        app.see("Stop 10 marked: 10 processes", "on one (5), two (5)")
        app.keys("esc")
        app.see("cancelled, nothing was sent")
        app.keys("U", "R")
        app.see("RESTART GROUP ETL")


def test_the_palette_and_the_menu_know_groups_everywhere(
    servers: dict[str, FakeThread], tmp_path: Path
) -> None:
    with console(tmp_path, "one", "two") as app:
        app.see("Needs attention 4")
        app.keys(":", "restart cache")
        app.see("all  cache (2)", "two  cache (1)")
        app.keys("esc")
        app.miss("Command palette")
        app.keys("g", "b", "down", "m")
        app.see("Actions: group cache on 2 supervisors", "restart")


def test_logs_of_a_group_everywhere_name_their_supervisor(
    servers: dict[str, FakeThread], tmp_path: Path
) -> None:
    with console(tmp_path, "one", "two") as app:
        app.see("Needs attention 4")
        app.keys("g", "b", "down", "o")
        app.see("merged: group cache on 2 supervisors")
        servers["two"].do(lambda server: server.write("cache", b"a line of two\n"))
        app.see("two cache", "a line of two")


def test_what_is_done_to_one_supervisor_wants_one(servers: dict[str, FakeThread], tmp_path: Path) -> None:
    """On the fleet screen it is that of its cursor, not one that was worked on before."""
    with console(tmp_path, "one", "two") as app:
        app.see("Needs attention 4")
        app.keys("enter")
        app.see("console  one")
        app.keys("5", "down", ":", "shut the", "enter")
        app.see("Shut down the supervisor two")
        app.keys("esc")
        app.see("cancelled, nothing was sent")
        app.keys("g", "b", ":", "shut the", "enter")
        app.see("of which supervisor?")


def test_a_group_of_many_supervisors_fits_its_question() -> None:
    model = Model([f"host-{number:03d}" for number in range(200)])
    for name in model.sups:
        model.apply(LinkTold(name, LinkKind.LIVE), NOW)
        model.apply(SnapshotTold(name, (record("web", "a"),)), NOW)
    aim = aim_at(model, WEB)
    asked = plan(Verb.RESTART, aim.refs, model, aim.words)
    asked = replace(asked, left_out=tuple(f"not connected to away-{n}: 3 processes" for n in range(9)))
    dialog = Confirm(Look(UNICODE, lambda: NOW), asked, lambda plan: None)
    for cols, rows in ((40, 12), (80, 24), (200, 60)):
        width, height = dialog.size(cols, rows - 3)
        text = "\n".join("".join(part for _, part in row) for row in dialog.paint(width, height, focus=True))
        assert "Cancel" in text and "left out: not connected to" in text
        assert rows == 12 or (
            "host-000 (1)" in text and "and 6 more left out" in text and " 189 more" in text
        )
