"""The mouse: what a press, a second one, the wheel and the right button do, and borders that are dragged."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.tui import sizes
from tests.support.consoles import app
from tests.tui.fakes import FakeThread


def test_the_wheel_runs_no_command(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        console.mouse(("up", *console.place_of("F8 Stop")), ("down", *console.place_of("F8 Stop")))
        console.keys("R")
        console.see("RESTART GROUP API", "Restart 4")
        console.mouse(("up", *console.place_of("Restart 4")), ("down", *console.place_of("Restart 4")))
        console.keys("d")
        console.see("startProcessGroup api")
        console.keys("n", "?")
        console.see("Keys: list", "row down")
        console.mouse(("down", 20, 10))
        console.miss("row down")
        console.see("Keys: list")
        console.keys("esc")
        console.miss("Keys: list")
        assert server.do(lambda s: s.calls) == []


def test_the_right_button_opens_a_menu_for_what_is_under_it(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("worker_01")
        console.mouse(("right", *console.place_of("worker_01")))
        console.see("Actions: api:worker_01", "restart its group (asks)")
        console.mouse(("press", *console.place_of("restart   ")))
        console.wait(lambda: bool(server.do(lambda s: s.calls)), "a restart")
        assert server.do(lambda s: s.calls[0]) == ("supervisor.stopProcess", ["api:worker_01", True])
        console.keys("m")
        console.see("Actions: api:worker_01")


def test_a_second_press_opens(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("worker_00")
        for _ in range(2):
            console.mouse(
                ("press", *console.place_of("worker_00")), ("release", *console.place_of("worker_00"))
            )
        console.see("> api:worker_00")
        console.keys("q", "x")
        console.see("stop api:worker_00  1/1 STOPPED  u: start again")
        console.keys("4")
        console.see("> events", "by admin", "@ you")
        console.mouse(("press", *console.place_of("you")), ("release", *console.place_of("you")))
        console.keys("enter")
        console.see("no process is selected")


def test_borders_are_dragged_and_kept(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path, rows=40, cols=120) as console:
        console.see("web_00", "page=59")
        at = console.lines()[1].index("┐")
        console.mouse(("press", at, 8), ("drag", at + 3, 8), ("drag", at + 11, 9), ("release", at + 11, 9))
        console.wait(lambda: abs(console.lines()[1].index("┐") - at - 11) <= 1, "a wider tree")
        console.keys("o", "-")
        console.see("Show in the new pane")
        console.keys("esc")
        console.see("logs (2 panes)")
        console.miss("Show in the new pane")
        row = console.row_of("2 api:web_00")
        console.mouse(("press", 5, row), ("drag", 5, row - 9), ("release", 5, row - 9))
        console.wait(lambda: console.row_of("2 api:web_00") in (row - 9, row - 8), "a higher pane")
        now = console.row_of("2 api:web_00")
        console.keys("f10")
        console.end()
    with app(tmp_path, rows=40, cols=120) as console:
        console.see("web_00", "page=59")
        assert abs(console.lines()[1].index("┐") - at - 11) <= 1
        console.keys("o", "-")
        console.see("Show in the new pane")
        console.keys("esc")
        console.wait(
            lambda: "2 api:web_00" in console.text() and abs(console.row_of("2 api:web_00") - now) <= 1,
            "as it was",
        )


def test_the_border_between_tree_and_log_is_dragged_at_80_by_24(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00", "page=59")
        row = console.row_of("api:web_00  stdout")
        console.mouse(("press", 5, row), ("drag", 5, row - 5), ("release", 5, row - 5))
        console.wait(lambda: console.row_of("api:web_00  stdout") == row - 5, "a higher log")


# --- sizes -------------------------------------------------------------------------------------------

WEIGHTS = st.lists(st.floats(0.25, 4.0), min_size=2, max_size=4)


@given(st.integers(1, 300), WEIGHTS)
def test_every_cell_is_shared_out(total: int, weights: list[float]) -> None:
    cells = sizes.shares(total, weights)
    assert sum(cells) == total and min(cells) >= 0
    assert sizes.shares(total, [2 * weight for weight in weights]) == cells


@given(st.integers(60, 300), WEIGHTS, st.integers(0, 2), st.integers(-50, 400))
def test_a_border_is_moved_between_its_neighbours_alone(
    total: int, weights: list[float], border: int, end: int
) -> None:
    border %= len(weights) - 1
    before = sizes.shares(total, weights)
    after = sizes.shares(total, sizes.moved(total, weights, border, end, 3))
    assert after[:border] == before[:border] and after[border + 2 :] == before[border + 2 :]
    if before[border] + before[border + 1] >= 6:
        assert min(after[border : border + 2]) >= 3


@given(st.integers(8, 200), WEIGHTS)
def test_both_cells_of_a_border_hold_it(total: int, weights: list[float]) -> None:
    start = 0
    for number, (one, two) in enumerate(pairwise(sizes.shares(total, weights))):
        start += one
        if one > 1 and two > 1:
            assert (
                sizes.border_at(total, weights, start - 1) == sizes.border_at(total, weights, start) == number
            )
            if one > 2:
                assert sizes.border_at(total, weights, start - 2) in (None, number - 1)


@pytest.mark.parametrize("text", ["60:50,50 40:100", "25:100 25:100 25:100 25:100", "100:20,30,50"])
def test_an_arrangement_is_text_and_back(text: str) -> None:
    found = sizes.read(text)
    assert found is not None and sizes.written(found) == text


@pytest.mark.parametrize(
    "text", ["", "60", "60:", ":50", "60:50, 50", "0:100 100:100", "60:50,50 x", "1:100", "101:100"]
)
def test_what_is_no_arrangement(text: str) -> None:
    assert sizes.read(text) is None
