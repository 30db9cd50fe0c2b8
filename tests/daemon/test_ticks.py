"""When ticks are due."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from supervisor.daemon.machines.ticks import LOOK_S, PERIODS, Ticks


def test_the_first_look_gives_none() -> None:
    ticks = Ticks()
    assert ticks.due(7200.0) == []
    assert ticks.due(7204.9) == []
    assert ticks.due(7205.0) == [(5, 7205)]


def test_all_at_once_shortest_first() -> None:
    ticks = Ticks()
    ticks.due(3599.0)
    assert ticks.due(3600.2) == [(5, 3600), (60, 3600), (3600, 3600)]


def test_one_tick_makes_up_for_all_missed_and_a_clock_set_back_fires() -> None:
    ticks = Ticks()
    ticks.due(1000.0)
    assert ticks.due(5003.0) == [(5, 5000), (60, 4980), (3600, 3600)]
    assert ticks.due(5004.0) == []
    assert ticks.due(1001.0, [5]) == [(5, 1000)]


def test_it_goes_on_from_saved_slices() -> None:
    assert Ticks({5: 995, 60: 960}).due(1001.0) == [(5, 1000)]


def test_only_what_is_asked_for() -> None:
    ticks = Ticks()
    ticks.due(0.0, [60])
    assert ticks.due(61.0, [60]) == [(60, 60)]
    assert ticks.due(62.0, [5, 60]) == []


@given(st.floats(0, 4e9), st.sets(st.sampled_from(PERIODS), min_size=1))
def test_the_next_look_is_behind_the_next_boundary_or_soon(wall: float, periods: set[int]) -> None:
    wait = Ticks.wait_s(wall, periods)
    assert 0 < wait <= LOOK_S
    nearest = min((wall // period + 1) * period for period in periods)
    assert wait == LOOK_S or wall + wait >= nearest - 1e-5
