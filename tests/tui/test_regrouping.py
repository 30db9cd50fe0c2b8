"""A process that an update has put into another group: it is shown as that, and what was said of it goes with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from supervisor.protocol.stream import ProcessRecord
from supervisor.states import ProcessStates as S
from supervisor.states import getProcessStateDescription
from supervisor.tui.listview import ListView
from supervisor.tui.model import ChangeTold, GoneTold, Model, Ref, SnapshotTold, UsageTold
from tests.conftest import Supervise
from tests.support.supervisor import child
from tests.tui.ptyapp import PtyApp

NOW = 1_800_000_000.0
OLD, NEW = Ref("local", "web", "web"), Ref("local", "front", "web")


def record(group: str, name: str, state: int = S.RUNNING, **facts: Any) -> ProcessRecord:
    return ProcessRecord(name, group, state, getProcessStateDescription(state) or "", **facts)


def model_of(*records: ProcessRecord) -> Model:
    model = Model()
    model.apply(SnapshotTold("local", records), NOW)
    return model


def test_it_is_one_line_and_keeps_its_past() -> None:
    model = model_of(record("web", "web", command="run"), record("b", "b"))
    model.apply(UsageTold("local", {("web", "web"): (1.0, 2.0)}), NOW)
    model.apply(GoneTold("local", "web", "web"), NOW + 1)
    model.apply(ChangeTold("local", record("front", "web", S.STOPPED, command="run")), NOW + 20)
    assert [(e.subject, e.text) for e in model.timeline] == [("front:web", "moved here from group web")]
    assert list(model.past[NEW].cpu) == [1.0] and model.regrouped == {OLD: NEW}


def test_what_is_another_program_or_comes_much_later_is_new() -> None:
    for command, later in (("other", 2.0), ("run", 1000.0)):
        model = model_of(record("web", "web", command="run"), record("b", "b"))
        model.apply(GoneTold("local", "web", "web"), NOW + 1)
        model.apply(ChangeTold("local", record("front", "web", command=command)), NOW + later)
        assert [e.text for e in model.timeline] == ["removed", "added"] and not model.regrouped


def test_a_snapshot_shows_it_too() -> None:
    model = model_of(record("web", "web"))
    model.apply(SnapshotTold("local", (record("front", "web"),)), NOW + 2)
    assert [e.text for e in model.timeline] == ["moved here from group web"]


def test_mark_and_cursor_go_with_it_also_when_it_was_away_for_a_while() -> None:
    for together in (True, False):
        model = model_of(record("web", "web"), record("a", "a"))
        view = ListView(model)
        view.go_to(OLD)
        view.refresh(NOW)
        view.toggle_mark()
        view.go_to(OLD)
        view.refresh(NOW)
        model.apply(GoneTold("local", "web", "web"), NOW + 1)
        if not together:
            view.refresh(NOW + 1)
            assert view.cursor != OLD and not view.marks
        model.apply(ChangeTold("local", record("front", "web")), NOW + 2)
        view.refresh(NOW + 2)
        assert (view.cursor, view.marks) == (NEW, {NEW})
        model.apply(ChangeTold("local", record("front", "web", S.FATAL)), NOW + 3)
        view.move(1)
        view.unmark()
        view.refresh(NOW + 3)
        assert not view.marks and view.cursor != OLD


def test_who_has_moved_the_cursor_keeps_it_there() -> None:
    model = model_of(record("web", "web"), record("a", "a"), record("b", "b"))
    view = ListView(model)
    view.go_to(OLD)
    view.refresh(NOW)
    model.apply(GoneTold("local", "web", "web"), NOW + 1)
    view.refresh(NOW + 1)
    view.go(1)
    model.apply(ChangeTold("local", record("front", "web")), NOW + 2)
    view.refresh(NOW + 2)
    assert view.cursor == Ref("local", "a", "a")


def test_a_real_update_and_the_panes_that_show_it(supervise: Supervise, tmp_path: Path) -> None:
    program = f"[program:talker]\ncommand={child('talk')}\n"
    supervisor = supervise(program)
    supervisor.wait_state("talker", "RUNNING")
    home = tmp_path / "home"
    home.mkdir()
    with PtyApp(["-s", f"unix://{supervisor.folder}/s"], home, cols=120, rows=36) as console:
        console.see("talker", "RUNNING")
        console.keys(" ", "enter")
        console.see("command")
        supervisor.configure(f"{program}[group:front]\nprograms=talker\n")
        supervisor.rpc.supervisor.reloadConfig()
        supervisor.rpc.supervisor.stopProcessGroup("talker")
        supervisor.rpc.supervisor.removeProcessGroup("talker")
        supervisor.rpc.supervisor.addProcessGroup("front")
        console.see("front:talker", "RUNNING")
        console.keys("4")
        console.see("front:talker", "moved here from group talker")
        console.keys("1")
        console.see("1 marked in 1 group")
