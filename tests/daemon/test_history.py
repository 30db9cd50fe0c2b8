"""The last transitions of a process: kept, saved, restored."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.daemon.history import KEPT, SAVED, Ends, History, Past
from supervisor.daemon.machines.process import Transition
from supervisor.states import ProcessStates as S

NOWHERE: Ends = (None, None)


def transition(new: int, pid: int = 0, cause: str = "") -> Transition:
    return Transition(S.STOPPED, new, cause, pid, 0)


def test_the_newest_are_kept_and_the_last_exit_is_found() -> None:
    history = History()
    assert history.last_exit() is None
    history.add(transition(S.EXITED, 9), 1000.123456, -15, lambda: ((1, 20), None))
    for number in range(5):
        history.add(transition(S.STARTING, number), 1001.0 + number, None, lambda: NOWHERE)
    assert history.last_exit() == Past(1000.12, S.STOPPED, S.EXITED, "", 9, 0, -15, (1, 20), None)
    for number in range(2 * KEPT):
        history.add(transition(S.STARTING, number), 2000.0 + number, None, lambda: NOWHERE)
    assert [past.pid for past in history.entries] == list(range(KEPT, 2 * KEPT))
    assert history.last_exit() is None


@given(st.lists(st.text() | st.text("\udcff", max_size=100), max_size=10))
def test_what_is_saved_comes_back_with_causes_cut(causes: list[str]) -> None:
    history, again = History(), History()
    for number, cause in enumerate(causes):
        history.add(transition(S.STARTING, number, cause), 1000.0, None, lambda: NOWHERE)
    packed = history.packed()
    assert all(len(data) <= 120 for data in packed)
    again.restore(packed)
    kept = history.entries[-SAVED:]
    assert [past.pid for past in again.entries] == [past.pid for past in kept]
    assert all(old.cause.startswith(new.cause) for old, new in zip(kept, again.entries, strict=True))
    assert again.packed() == packed


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x90", b"\x93\x01\x02\x03", b"\xc0", b"\x99" + 9 * b"\x01"])
def test_what_another_version_wrote_is_left_out(data: bytes) -> None:
    history = History()
    history.add(transition(S.STARTING, 7), 1.0, None, lambda: NOWHERE)
    again = History()
    again.restore([data, *history.packed()])
    assert [past.pid for past in again.entries] == [7]
