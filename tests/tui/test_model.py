"""Messages in, rows, sums and a timeline out; marks and cursor stay on their process."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from supervisor.protocol.stream import ProcessRecord
from supervisor.states import ProcessStates as S
from supervisor.states import getProcessStateDescription
from supervisor.tui import filters
from supervisor.tui.listview import ListView
from supervisor.tui.model import (
    CHAIN_LENGTH,
    ChangeTold,
    GoneTold,
    Level,
    LinkKind,
    LinkTold,
    Model,
    Ref,
    SnapshotTold,
    UsageTold,
    natural,
)


def record(group: str, name: str, state: int = S.RUNNING, **facts: Any) -> ProcessRecord:
    return ProcessRecord(name, group, state, getProcessStateDescription(state) or "", **facts)


def ref(group: str, name: str) -> Ref:
    return Ref("local", group, name)


def told(*records: ProcessRecord) -> Model:
    model = Model()
    model.apply(SnapshotTold("local", records), 1000.0)
    return model


@pytest.fixture
def model() -> Model:
    return told(
        record("web", "web_10", group_priority=2),
        record("web", "web_9", S.STOPPED, group_priority=2),
        record("api", "api", S.FATAL, group_priority=1, priority=5),
        record("api", "first", S.RUNNING, group_priority=1, priority=1),
    )


def view_of(model: Model, **change: Any) -> ListView:
    view = ListView(model)
    view.change(**change)
    view.refresh(1000.0)
    return view


def names(view: ListView) -> list[str]:
    return [row.name or f"[{row.group}]" for row in view.rows]


def test_tree_is_in_start_order_with_natural_names(model: Model) -> None:
    assert names(view_of(model)) == ["[api]", "first", "api", "[web]", "web_9", "web_10"]


def test_cursor_begins_on_a_process(model: Model) -> None:
    assert view_of(model).cursor == ref("api", "first")


def test_sums(model: Model) -> None:
    assert {word: number for word, number, _ in model.counts()} == {"up": 2, "FATAL": 1, "down": 1}
    assert (model.up(ref("web", "")), len(model.groups[ref("web", "")])) == (1, 2)


def test_sums_are_right_after_any_changes() -> None:
    """The running sums equal those counted anew, whatever came in between."""
    dice = random.Random(7)
    model = Model()
    states = [S.RUNNING, S.STOPPED, S.FATAL, S.BACKOFF, S.EXITED, S.STARTING]
    for _ in range(800):
        group, name = f"g{dice.randrange(4)}", f"p{dice.randrange(12)}"
        if dice.random() < 0.2:
            model.apply(GoneTold("local", group, name), 1.0)
        else:
            model.apply(ChangeTold("local", record(group, name, dice.choice(states))), 1.0)
    for state in states:
        assert model.tally[state] == sum(r.state == state for r in model.records.values())
    for group_ref, members in model.groups.items():
        up = sum(model.records[r].state == S.RUNNING for r in model.members_of(group_ref))
        assert (model.up(group_ref), bool(members)) == (up, True)
    assert {r.of_group for r in model.records} == set(model.groups)


def test_fold_keeps_the_group_and_takes_the_cursor(model: Model) -> None:
    view = view_of(model)
    view.go_to(ref("web", "web_9"))
    view.refresh(1000.0)
    view.fold(True)
    view.refresh(1000.0)
    assert names(view) == ["[api]", "first", "api", "[web]"]
    assert view.cursor == ref("web", "")
    view.fold(False)
    view.refresh(1000.0)
    assert len(view.rows) == 6


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("name", ["api", "first", "web_9", "web_10"]),
        ("state", ["api", "first", "web_10", "web_9"]),
        ("cpu", ["web_10", "first", "api", "web_9"]),
    ],
)
def test_flat_orders(model: Model, sort: str, expected: list[str]) -> None:
    model.apply(UsageTold("local", {("web", "web_10"): (50.0, 1.0), ("api", "first"): (5.0, 9.0)}), 1.0)
    assert names(view_of(model, sort=sort)) == expected


def test_inverted(model: Model) -> None:
    assert names(view_of(model, sort="name", inverted=True)) == ["web_10", "web_9", "first", "api"]


def test_cursor_stays_on_its_process_when_rows_move(model: Model) -> None:
    view = view_of(model, sort="state")
    view.go_to(ref("web", "web_10"))
    view.refresh(1000.0)
    model.apply(ChangeTold("local", record("web", "web_10", S.FATAL)), 1001.0)
    view.refresh(1002.0)
    assert names(view)[:2] == ["api", "web_10"] and view.cursor == ref("web", "web_10")


def test_cursor_of_a_process_that_goes_moves_to_the_neighbour(model: Model) -> None:
    view = view_of(model)
    view.go_to(ref("api", "api"))
    view.refresh(1000.0)
    model.apply(GoneTold("local", "api", "api"), 1001.0)
    view.refresh(1002.0)
    assert view.cursor == ref("web", "")


def test_reordering_waits_half_a_second(model: Model) -> None:
    view = view_of(model, attention=True)
    model.apply(ChangeTold("local", record("web", "web_10", S.FATAL, group_priority=2)), 1000.1)
    view.refresh(1000.2)
    assert "web_10" not in names(view)
    view.refresh(1000.6)
    assert "web_10" in names(view)


def test_tree_order_does_not_look_at_states(model: Model) -> None:
    view = view_of(model)
    rows = view.rows
    model.apply(ChangeTold("local", record("web", "web_10", S.FATAL, group_priority=2)), 1000.1)
    view.refresh(2000.0)
    assert view.rows is rows


def test_marks_survive_filters_and_end_with_the_process(model: Model) -> None:
    view = view_of(model)
    view.go_to(ref("web", "web_9"))
    view.refresh(1000.0)
    view.toggle_mark()
    view.toggle_mark()
    assert view.marks == {ref("web", "web_9"), ref("web", "web_10")}
    view.change(filter=filters.parse("api"))
    view.refresh(1000.0)
    assert view.targets() == [ref("web", "web_10"), ref("web", "web_9")]
    model.apply(GoneTold("local", "web", "web_9"), 1001.0)
    view.refresh(1002.0)
    assert view.targets() == [ref("web", "web_10")]


def test_what_a_filter_hides_altogether_is_not_acted_on(model: Model) -> None:
    view = view_of(model)
    view.go_to(ref("web", "web_9"))
    view.refresh(1000.0)
    view.change(filter=filters.parse("no-such"))
    view.refresh(1000.0)
    assert view.cursor is None and view.targets() == []
    view.move(1)
    view.change(filter=filters.parse("web"))
    view.refresh(1000.0)
    assert view.cursor == ref("web", "web_9")
    view.go(0)
    view.change(filter=filters.parse("no-such"))
    view.refresh(1000.0)
    assert view.cursor is None
    view.change(filter=filters.parse("api"))
    view.refresh(1000.0)
    assert view.cursor in view.rows


def test_mark_on_a_group_marks_its_members(model: Model) -> None:
    view = view_of(model)
    view.go(0)
    view.toggle_mark()
    assert view.marks == {ref("api", "api"), ref("api", "first")}


def test_targets_of_a_group_row(model: Model) -> None:
    view = view_of(model)
    view.go(0)
    assert set(view.targets()) == {ref("api", "api"), ref("api", "first")}


def test_window_keeps_the_cursor_in_sight() -> None:
    model = told(*(record("g", f"p{n}") for n in range(100)))
    view = view_of(model)
    view.go(50)
    assert ref("g", "p49") in view.window(10)
    view.go(100)
    assert view.window(10)[-1] == ref("g", "p99")
    view.go(0)
    assert view.window(10)[0] == ref("g", "")
    assert view.window(0) == []


def test_an_empty_list_can_be_moved_in() -> None:
    view = view_of(Model())
    view.move(1)
    view.go(10**9)
    view.toggle_mark()
    assert view.window(5) == [] and view.targets() == []


def test_timeline_chains_quick_changes() -> None:
    model = told(record("a", "a"))
    for state in (S.STOPPING, S.STOPPED, S.STARTING):
        model.apply(ChangeTold("local", record("a", "a", state), 1001.0), 1001.0)
    assert [entry.text for entry in model.timeline] == ["RUNNING -> STOPPING -> STOPPED -> STARTING"]
    model.apply(ChangeTold("local", record("a", "a", S.RUNNING, pid=7), 1010.0), 1010.0)
    assert model.timeline[-1].text == "STARTING -> RUNNING  pid 7"


def test_each_life_of_a_crash_loop_is_a_line_of_its_own() -> None:
    model = told(record("a", "a"))
    for _ in range(20):
        crash(model, S.EXITED, S.STARTING, S.RUNNING)
    assert {entry.text for entry in model.timeline} == {"RUNNING -> EXITED 3 -> STARTING -> RUNNING  pid 7"}
    assert len(model.timeline) == 20


def test_crash_loops_beside_one_another_are_told_apart() -> None:
    model = told(record("a", "x"), record("a", "y"))
    for state in (S.EXITED, S.STARTING, S.RUNNING):
        for name in "xy":
            model.apply(ChangeTold("local", record("a", name, state, pid=7, exitstatus=3), 1001.0), 1001.0)
    assert [(entry.subject, entry.text.count("->")) for entry in model.timeline] == [("a:x", 3), ("a:y", 3)]


def test_no_line_of_the_timeline_grows_without_end() -> None:
    model = told(record("a", "a", S.STOPPED))
    for _ in range(50):
        crash(model, S.STARTING, S.STOPPING, S.STOPPED)
    assert max(entry.text.count("->") for entry in model.timeline) <= CHAIN_LENGTH


def crash(model: Model, *states: int) -> None:
    for state in states:
        model.apply(ChangeTold("local", record("a", "a", state, pid=7, exitstatus=3), 1001.0), 1001.0)


def test_what_a_server_does_not_tell_of_tries_is_not_said() -> None:
    model = told(record("a", "a", S.STARTING))
    model.apply(ChangeTold("local", record("a", "a", S.BACKOFF, spawnerr="no such file"), 1001.0), 1001.0)
    assert model.timeline[-1].text == "STARTING -> BACKOFF  no such file"


def test_what_a_folded_group_says_of_its_members() -> None:
    model = told(record("a", "x"), record("a", "y", S.STOPPED), record("a", "z", S.FATAL))
    assert model.others(ref("a", "")) == [((S.FATAL, True), 1), ((S.STOPPED, True), 1)]
    model.apply(ChangeTold("local", record("a", "z", S.EXITED, expected=False)), 1.0)
    assert model.others(ref("a", "")) == [((S.EXITED, False), 1), ((S.STOPPED, True), 1)]


def test_trouble_is_loud_in_the_timeline() -> None:
    model = told(record("a", "a"))
    bad = record("a", "a", S.EXITED, exitstatus=3, expected=False)
    model.apply(ChangeTold("local", bad), 1001.0)
    assert (model.timeline[-1].level, model.timeline[-1].text) == (
        Level.WARN,
        "RUNNING -> EXITED 3  unexpected",
    )
    model.apply(ChangeTold("local", record("a", "a", S.FATAL, spawnerr="no such file")), 1010.0)
    assert model.timeline[-1].level is Level.ERROR


def test_snapshot_after_a_loss_tells_what_changed_meanwhile() -> None:
    model = told(record("a", "a"), record("b", "b"))
    model.apply(SnapshotTold("local", (record("a", "a", S.FATAL), record("c", "c"))), 2000.0)
    texts = [(entry.subject, entry.text) for entry in model.timeline]
    assert ("b", "removed") in texts and ("c", "added") in texts
    assert any(subject == "a" and "FATAL" in text for subject, text in texts)


def test_the_first_snapshot_is_no_news() -> None:
    assert not told(record("a", "a")).timeline


def test_exits_are_kept_with_how_long_they_lived() -> None:
    model = told(record("a", "a", pid=5, start=990.0))
    model.apply(
        ChangeTold("local", record("a", "a", S.EXITED, exitstatus=-9, expected=False), 1001.5), 1001.5
    )
    assert list(model.past[ref("a", "a")].exits) == [(1001.5, "killed by KILL, lived 11.5 s")]


def test_link_states_reach_the_timeline_once() -> None:
    model = told(record("a", "a"))
    model.apply(LinkTold("local", LinkKind.LIVE), 1000.0)
    for attempt in range(3):
        model.apply(LinkTold("local", LinkKind.AWAY, "closed", attempt), 1001.0)
    model.apply(LinkTold("local", LinkKind.LIVE), 1005.0)
    links = [entry.text for entry in model.timeline if entry.level is Level.LINK]
    assert links.count("connection lost: closed") == 1 and links[-1] == "connected again"
    assert model.sups["local"].as_of == 1001.0


def test_stale_until_live() -> None:
    model = Model()
    assert model.sups["local"].stale
    model.apply(LinkTold("local", LinkKind.POLL), 1.0)
    assert not model.sups["local"].stale


def test_control_characters_do_not_reach_the_timeline() -> None:
    model = told(record("a", "a"))
    model.apply(ChangeTold("local", record("a", "a", S.FATAL, spawnerr="\x1b]0;x\x07evil")), 1.0)
    assert "\x1b" not in model.timeline[-1].text


def test_natural_order() -> None:
    assert sorted(["w10", "w9", "w", "v2", "w9a"], key=natural) == ["v2", "w", "w9", "w9a", "w10"]


def test_a_record_that_keeps_its_state_is_no_news() -> None:
    before = record("a", "a")
    model = told(before)
    model.apply(ChangeTold("local", replace(before, restarts=2)), 1001.0)
    assert not model.timeline and model.records[ref("a", "a")].restarts == 2
