"""Order of groups and processes, and the end of the whole."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from supervisor.daemon.machines.group import ascending, descending
from supervisor.daemon.machines.supervision import GroupToStop, StopPlan


@dataclass(frozen=True)
class Member:
    name: str
    priority: int


MEMBERS = [Member("b", 2), Member("a", 1), Member("c", 2), Member("d", 0)]


def test_up_the_priorities_and_down_them() -> None:
    assert [m.name for m in ascending(MEMBERS)] == ["d", "a", "b", "c"]
    assert [m.name for m in descending(MEMBERS)] == ["c", "b", "a", "d"]


def test_one_group_after_the_other() -> None:
    plan = StopPlan([GroupToStop("a", 1, {"a:1"}), GroupToStop("b", 2, {"b:1", "b:2"}), GroupToStop("c", 3)])
    assert plan.begin() == "b"  # c stands still already
    assert plan.waiting() == ["a:1", "b:1", "b:2"]
    assert plan.stopped("b", "b:1") is None
    assert plan.stopped("b", "b:2") == "a"
    assert not plan.done
    assert plan.stopped("a", "a:1") is None
    assert plan.done and plan.waiting() == []


def test_one_that_ends_by_itself_is_not_waited_for() -> None:
    plan = StopPlan([GroupToStop("a", 1, {"a:1"}), GroupToStop("b", 2, {"b:1"})])
    assert plan.begin() == "b"
    assert plan.stopped("a", "a:1") is None
    assert plan.stopped("b", "b:1") is None
    assert plan.done


def test_nothing_to_stop() -> None:
    assert StopPlan([]).begin() is None
    plan = StopPlan([GroupToStop("a", 1)])
    assert plan.begin() is None and plan.done


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=6),
    st.randoms(use_true_random=False),
)
def test_every_process_is_asked_once_and_down_the_priorities(
    shape: list[tuple[int, int]], dice: object
) -> None:
    groups = [
        GroupToStop(f"g{n}", priority, {f"g{n}:{i}" for i in range(size)})
        for n, (priority, size) in enumerate(shape)
    ]
    priorities = {g.name: g.priority for g in groups}
    members = {g.name: sorted(g.waiting) for g in groups}
    plan = StopPlan(groups)
    asked: list[str] = []
    due = plan.begin()
    while due is not None:
        asked.append(due)
        following = None
        for key in members[due]:
            assert following is None
            following = plan.stopped(due, key)
        due = following
    assert plan.done
    assert asked == sorted(asked, key=lambda name: -priorities[name])
    assert set(asked) == {name for name, keys in members.items() if keys}
