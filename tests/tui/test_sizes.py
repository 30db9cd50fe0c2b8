"""Sizes of panes by keys, focus by direction, and a cursor that keeps its row."""

from __future__ import annotations

from pathlib import Path

import pytest

from supervisor.errors import UserError
from supervisor.protocol.stream import ProcessRecord
from supervisor.states import ProcessStates as S
from supervisor.tui.glyphs import ASCII
from supervisor.tui.listview import ListView
from supervisor.tui.model import ChangeTold, Model, Ref, SnapshotTold
from supervisor.tui.pane import Look
from supervisor.tui.screens.logs import Logs
from supervisor.tui.screens.overview import Overview
from tests.support.consoles import app
from tests.tui.fakes import FakeThread
from tests.tui.ptyapp import PtyApp


def record(name: str, state: int = S.RUNNING) -> ProcessRecord:
    return ProcessRecord(name, "g", state, "", restarts=0)


def model() -> Model:
    made = Model()
    made.apply(SnapshotTold("local", tuple(record(name) for name in "abc")), 1.0)
    return made


def test_a_cursor_follows_its_process_or_keeps_its_row() -> None:
    of = model()
    view = ListView(of)
    view.change(sort="state")
    view.refresh(1.0)
    assert view.cursor == Ref("local", "g", "a")
    of.apply(ChangeTold("local", record("c", S.FATAL)), 2.0)
    view.refresh(2.0)
    assert (view.cursor, view.place) == (Ref("local", "g", "a"), 1)
    view.follows = False
    of.apply(ChangeTold("local", record("b", S.FATAL)), 3.0)
    view.refresh(3.0)
    assert (view.cursor, view.place) == (Ref("local", "g", "c"), 1)
    view.change(inverted=True)  # what the operator changes is no surprise: the process stays
    view.refresh(4.0)
    assert view.cursor == Ref("local", "g", "c")
    view.change(sort="group")
    view.refresh(5.0)
    of.apply(ChangeTold("local", record("b")), 6.0)
    view.refresh(6.0)
    assert view.cursor == Ref("local", "g", "c")


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60), (40, 12), (1, 1)])
def test_the_overview_is_divided_within_bounds(size: tuple[int, int]) -> None:
    of = model()
    screen = Overview(of, ListView(of), Look(ASCII, lambda: 1.0))
    for focused in screen.panes:
        screen.focused = focused
        for across, down in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            for _ in range(30):
                try:
                    screen.resize(across, down)
                except UserError:
                    break
                finally:
                    screen.render(size, focus=True)
    screen.even()
    screen.render(size, focus=True)
    assert all(split == 0 or 10 <= split <= 90 for split in screen.splits)


def test_log_panes_are_resized_within_bounds_and_made_even() -> None:
    screen = Logs(model(), Look(ASCII, lambda: 1.0), lambda pane: None)
    for across, down, words in ((1, 0, "beside"), (0, 1, "above or below")):
        with pytest.raises(UserError, match=words):
            screen.resize(across, down)
    screen.split(right=True)
    screen.split(right=False)
    screen.toward(0, -1)
    assert screen.focused is screen.panes[0]
    for _ in range(30):
        screen.resize(1, 0)
        screen.resize(0, 1)
        screen.render((100, 40), focus=True)
    left, right, below = screen.panes
    assert left.width > 3 * right.width > 0 and left.height > 3 * below.height > 0
    screen.even()
    screen.render((100, 40), focus=True)
    assert abs(left.width - right.width) <= 1 and abs(left.height - below.height) <= 1


def border(console: PtyApp) -> int:
    return console.lines()[1].index("┐")


def test_sizes_are_changed_by_keys_and_remembered(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path, rows=40, cols=120) as console:
        console.see("web_00", "page=59")
        before = border(console)
        console.keys("\x17", "<")
        console.wait(lambda: border(console) < before, "a narrower tree")
        console.keys("\x17", "l")
        console.keys("\x17", "<", "\x17", "<")
        console.wait(lambda: border(console) > before, "a narrower log")
        now = border(console)
        console.keys("\x17", "+")
        console.see("the panes stand side by side")
        console.keys("q", "q")
        console.end()
    with app(tmp_path, rows=40, cols=120) as console:
        console.see("web_00", "page=59")
        console.wait(lambda: border(console) == now, "as it was left")
        console.resize(24, 80)
        console.see("api:web_00  stdout")
        row = console.row_of("api:web_00  stdout")
        console.keys("\x17", "j", "\x17", "+")
        console.wait(lambda: console.row_of("api:web_00  stdout") < row, "a higher log")
        console.keys("=")
        console.wait(lambda: console.row_of("api:web_00  stdout") == row, "the usual height")
        console.keys("\x17", "k", "f")
        console.see("the cursor keeps its row")


def test_panes_of_screen_3_are_resized(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path, rows=40, cols=120) as console:
        console.see("web_00")
        console.keys("o", "|")
        console.see("Show in the new pane")
        console.keys("esc")
        console.see("logs (2 panes)")
        console.miss("Show in the new pane")
        before = border(console)
        console.keys("\x17", ">")
        console.wait(lambda: border(console) < before, "a wider pane at the right")
        console.keys("=")
        console.wait(lambda: border(console) == before, "even panes")
