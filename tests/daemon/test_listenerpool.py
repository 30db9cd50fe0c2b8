"""Playbooks of a listener pool: events in, actions out, invented time."""

from __future__ import annotations

from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.daemon.machines import listenerpool as p
from supervisor.events import SERIAL_MAX, Event

T = TypeVar("T")
THING = Event()


class Play:
    """A pool and what it did."""

    def __init__(self, *members: str, limit: int = 100, timeout_s: float = 60) -> None:
        self.pool = p.ListenerPool("pool", members or ("a",), limit, timeout_s)
        self.now = 1000.0
        self.serial = 0
        self.actions: list[p.Action] = []

    def feed(self, *events: p.Event) -> list[p.Action]:
        self.actions = [action for event in events for action in self.pool.handle(event, self.now)]
        return self.actions

    def offer(self, count: int = 1, size: int = 0) -> list[p.Action]:
        events = [p.Offered(self.serial + i, "TICK_5", b"x" * size, THING) for i in range(count)]
        self.serial += count
        return self.feed(*events)

    def up(self, *members: str) -> Play:
        for member in members or tuple(self.pool.members):
            self.feed(p.Running(member), p.BecameReady(member))
        return self

    def answer(
        self, member: str, outcome: p.Outcome = p.Outcome.ACCEPTED, ready: bool = True
    ) -> list[p.Action]:
        events: list[p.Event] = [p.Answered(member, outcome)]
        return self.feed(*events, *([p.BecameReady(member)] if ready else []))

    def sleep(self, seconds: float) -> list[p.Action]:
        """Time goes by, a Deadline at every deadline."""
        end = self.now + seconds
        found: list[p.Action] = []
        while (due := self.pool.deadline()) is not None and due <= end:
            self.now = max(self.now, due)
            found += self.feed(p.Deadline())
        self.now = end
        self.actions = found
        return found

    def of(self, kind: type[T]) -> list[T]:
        return [action for action in self.actions if isinstance(action, kind)]

    def sent(self) -> list[tuple[str, int]]:
        return [(send.member, send.entry.serial) for send in self.of(p.Send)]

    def waiting(self) -> list[int]:
        return [entry.serial for entry in self.pool.waiting]


def test_events_wait_for_a_member_that_runs_and_is_ready() -> None:
    play = Play()
    play.offer(2)
    assert play.sent() == [] and play.waiting() == [0, 1]
    play.feed(p.BecameReady("a"))
    assert play.sent() == []
    play.feed(p.Running("a"))
    assert play.sent() == [("a", 0)]
    play.answer("a")
    assert play.sent() == [("a", 1)]
    assert play.of(p.Done) == [p.Done(0)]
    play.answer("a")
    assert play.pool.entries() == []


def test_poolserials_count_what_the_pool_took() -> None:
    play = Play()
    actions = play.feed(p.Offered(7, "X", b"", THING), p.Offered(9, "X", b"", THING))
    assert [(a.entry.serial, a.entry.poolserial) for a in actions if isinstance(a, p.Keep)] == [
        (7, 0),
        (9, 1),
    ]
    play.pool.poolserial = SERIAL_MAX
    play.offer(2)
    assert [keep.entry.poolserial for keep in play.of(p.Keep)] == [SERIAL_MAX, 0]


def test_the_first_ready_member_gets_it_without_rotation() -> None:
    play = Play("a", "b", "c").up()
    play.offer()
    assert play.sent() == [("a", 0)]
    play.offer()
    assert play.sent() == [("b", 1)]
    play.answer("a")
    play.offer()
    assert play.sent() == [("a", 2)]


@pytest.mark.parametrize(
    "event",
    [
        p.Gone("a"),
        p.Violated("a", "x"),
        p.Answered("a", p.Outcome.REJECTED),
        p.Answered("a", p.Outcome.FAILED),
    ],
)
def test_an_event_comes_back_first_with_its_serials(event: p.Event) -> None:
    play = Play("a", "b").up()
    play.offer(4)
    assert play.waiting() == [2, 3]
    play.feed(event)
    assert play.waiting() == [0, 2, 3]
    assert play.of(p.TakenBack) == [p.TakenBack("a")] and play.of(p.Done) == []
    play.answer("b")
    assert play.sent() == [("b", 0)]


def test_two_that_come_back_keep_their_order() -> None:
    for order in (("a", "b"), ("b", "a")):
        play = Play("a", "b").up()
        play.offer(3)
        play.feed(*(p.Gone(member) for member in order))
        assert play.waiting() == [0, 1, 2]


def test_an_answer_before_the_end_counts() -> None:
    play = Play().up()
    play.offer(2)
    play.feed(p.Leaving("a"), p.Answered("a", p.Outcome.ACCEPTED), p.BecameReady("a"), p.Gone("a"))
    assert play.sent() == [] and play.waiting() == [1]
    assert play.of(p.Done) == [p.Done(0)]


def test_a_member_that_leaves_gets_nothing_new_and_one_that_comes_back_does() -> None:
    play = Play().up()
    play.feed(p.Leaving("a"))
    play.offer()
    assert play.sent() == []
    play.feed(p.Gone("a"), p.Running("a"))
    assert play.sent() == []
    play.feed(p.BecameReady("a"))
    assert play.sent() == [("a", 0)]


def test_overflow_drops_the_oldest_that_waits_and_says_so_once_a_second() -> None:
    play = Play(limit=2)
    play.offer(2)
    play.offer()
    assert play.waiting() == [1, 2]
    assert play.of(p.Done) == [p.Done(0)]
    assert play.of(p.Log) == [p.Log("error", "pool pool event buffer overflowed, discarding event 0")]
    assert play.of(p.Trouble) == [p.Trouble("event buffer of pool pool overflows, 1 events lost")]
    assert play.of(p.Overflowed) == [p.Overflowed(1, 1)]
    play.offer(10)
    assert play.of(p.Log) == [] and len(play.of(p.Done)) == 10
    play.sleep(1)
    assert play.of(p.Log) == [
        p.Log("error", "pool pool event buffer overflowed, discarding event 10 and 9 before it")
    ]
    assert play.of(p.Trouble) == [p.Trouble("event buffer of pool pool overflows, 11 events lost")]
    assert play.of(p.Overflowed) == [p.Overflowed(10, 11)]
    play.sleep(10)
    assert play.actions == [] and play.pool.deadline() is None
    play.up()
    play.answer("a")
    assert play.of(p.Trouble) == [p.Trouble("")] and play.pool.dropped == 0


def test_a_full_buffer_and_a_rejected_event_drop_the_oldest_that_waits() -> None:
    play = Play(limit=2).up()
    play.offer(3)
    play.answer("a", p.Outcome.REJECTED, ready=False)
    assert play.waiting() == [0, 2]
    assert play.of(p.Done) == [p.Done(1)]


def test_bytes_are_bounded_too() -> None:
    play = Play(limit=1_000_000)
    play.offer(40, size=1 << 20)
    assert len(play.waiting()) == p.BUFFER_MAX_BYTES >> 20


def test_a_rejected_event_comes_again_at_once_then_later_and_later() -> None:
    play = Play().up()
    play.offer(2)
    play.answer("a", p.Outcome.REJECTED)
    assert play.sent() == [("a", 0)]
    pauses = []
    for _ in range(9):
        play.answer("a", p.Outcome.REJECTED)
        assert play.sent() == []
        before = play.now
        due = play.pool.deadline()
        assert due is not None
        pauses.append(round(due - before, 3))
        play.sleep(due - before)
        assert play.sent() == [("a", 0)]
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]
    play.answer("a")
    assert play.sent() == [("a", 1)]
    play.answer("a", p.Outcome.REJECTED)
    assert play.sent() == [("a", 1)]


def test_the_words_of_the_log() -> None:
    play = Play().up()
    play.offer(2)
    play.answer("a", p.Outcome.REJECTED, ready=False)
    assert [(log.level, log.text) for log in play.of(p.Log)] == [
        ("warn", "a: event was rejected"),
        ("debug", "rebuffering event 0 for pool pool (buf size=1, max=100)"),
    ]
    play.feed(p.BecameReady("a"))
    play.answer("a", ready=False)
    assert [log.text for log in play.of(p.Log)] == ["a: event was processed"]


def test_one_that_hangs_is_restarted_and_its_event_kept_first() -> None:
    play = Play(timeout_s=60).up()
    play.offer(2)
    assert play.pool.deadline() == play.now + 60
    play.sleep(59)
    assert play.actions == []
    play.sleep(1)
    assert play.of(p.Restart) == [p.Restart("a", "no answer to event 0 in 60 s")]
    assert play.waiting() == [0, 1] and play.pool.deadline() is None
    play.answer("a")  # too late, and not listened to any more
    assert play.sent() == [] and play.waiting() == [0, 1]
    play.feed(p.Leaving("a"), p.Gone("a"))
    play.up()
    assert play.waiting() == [1]


def test_without_a_time_out_a_member_may_take_for_ever_and_that_is_told_once() -> None:
    play = Play(timeout_s=0).up()
    play.offer(2)
    play.sleep(100_000)
    assert [log.text for log in play.of(p.Log)] == [
        "a: no answer to event 0 in 60 s; with ack_timeout it would be restarted"
    ]
    assert play.of(p.Restart) == [] and play.pool.deadline() is None
    play.answer("a")
    assert play.sent() == [("a", 1)]


def test_a_member_that_has_an_event_gets_no_other() -> None:
    play = Play(limit=1).up()
    play.offer()
    play.offer()
    play.feed(p.BecameReady("a"))
    assert play.sent() == [] and play.waiting() == [1]
    play.answer("a")
    assert play.sent() == [("a", 1)]


def test_violations_restart_with_growing_pauses_until_an_answer() -> None:
    play = Play().up()
    for _ in range(10):
        play.feed(p.Violated("a", "nonsense"))
        assert next(log.text for log in play.of(p.Log)) == "a: nonsense"
        if not play.of(p.Restart):
            play.sleep(100)
        assert play.of(p.Restart) == [p.Restart("a", "nonsense")]
        play.feed(p.Gone("a"))
        play.up()
    play.feed(p.Violated("a", "nonsense"))
    assert play.pool.deadline() == play.now + p.RESTART_MAX_S
    play.feed(p.Gone("a"))
    assert play.pool.deadline() is None
    play.up()
    play.offer()
    play.answer("a")
    play.feed(p.Violated("a", "nonsense"))
    assert play.of(p.Restart)


def test_the_pauses_between_restarts() -> None:
    play = Play()
    found = []
    for _ in range(9):
        play.feed(p.Violated("a", "x"))
        due = play.pool.deadline()
        found.append(0.0 if due is None else due - play.now)
        play.feed(p.Gone("a"))
    assert found == [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]


def test_a_second_violation_before_the_restart_means_nothing() -> None:
    play = Play().up()
    play.feed(p.Violated("a", "x"))
    play.feed(p.Violated("a", "x"), p.BecameReady("a"))
    play.offer()
    assert play.sent() == [] and not play.of(p.Restart)


def test_a_closed_stdin_gives_the_event_to_the_next_and_is_mended_after_a_while() -> None:
    play = Play("a", "b").up()
    play.offer()
    play.feed(p.Unwritable("a"))
    assert play.sent() == [("b", 0)]
    assert "epipe occurred while sending event 0 to listener a, listener state unchanged" in [
        log.text for log in play.of(p.Log)
    ]
    play.sleep(2)
    assert play.of(p.Restart) == [p.Restart("a", "its stdin is closed")]


def test_a_closed_stdin_of_one_that_ends_is_nothing() -> None:
    play = Play().up()
    play.offer()
    play.feed(p.Unwritable("a"), p.Gone("a"))
    play.sleep(100)
    assert play.actions == []


def warned(actions: list[p.Action]) -> list[str]:
    return [a.text for a in actions if isinstance(a, p.Log) and a.level == "warn"]


def test_a_member_whose_handling_causes_the_next_event_is_told_of_once() -> None:
    play = Play("a").up()
    play.offer()
    said: list[str] = []
    for _ in range(4 * p.ECHOES):
        play.now += 0.01
        said += warned(play.offer())
        said += warned(play.answer("a"))
    assert said == [
        "pool pool seems to cause the events that it gets: 100 within 10 s came while it handled the one before"
    ]
    play.now += p.ECHO_AGAIN_S
    play.answer("a")
    assert not warned(play.offer())
    for _ in range(p.ECHOES):
        said += warned([*play.offer(), *play.answer("a")])
    assert len(said) == 2, "and again, once in a while"


def test_events_about_its_own_processes() -> None:
    play = Play("a", limit=10).up()
    said = warned(
        [a for n in range(300) for a in play.feed(p.Offered(n, "PROCESS_LOG_STDERR", b"", THING, own=True))]
    )
    assert said == [
        "pool pool seems to cause the events that it gets: 100 within 10 s were about its own processes"
    ]


@pytest.mark.parametrize("together", [1, 2, 50])
@pytest.mark.parametrize("pause_s", [0.0, 0.2])
def test_one_that_is_busy_is_not_suspected(together: int, pause_s: float) -> None:
    """Events that come when nothing is under way, several at once, or at leisure."""
    play = Play("a", limit=1000).up()
    for _ in range(300):
        assert not warned(play.offer(together))
        for _ in range(together):
            play.now += pause_s
            assert not warned(play.answer("a"))
    play.offer()
    for _ in range(300):
        play.now += 2 * p.ECHO_S / p.ECHOES
        assert not warned([*play.offer(), *play.answer("a")])


def test_events_of_strangers_mean_nothing() -> None:
    play = Play()
    assert (
        play.feed(p.Running("z"), p.Answered("z", p.Outcome.ACCEPTED), p.Gone("z"), p.Violated("z", "")) == []
    )


def test_answers_without_an_event_mean_nothing() -> None:
    assert Play().up().answer("a") == []


def entry(serial: int) -> p.Entry:
    return p.Entry(serial, serial + 10, "X", b"", THING)


def test_restoring_puts_events_where_they_were() -> None:
    play = Play("a", "b", timeout_s=60)
    play.pool.restore([entry(2), entry(0), entry(1)], 3, {"a": (11, 980.0), "z": (12, 1.0)})
    assert play.waiting() == [10, 12]
    assert play.pool.entries() == [entry(0), entry(1), entry(2)]
    assert play.pool.deadline() == 980.0 + 60
    play.answer("a")
    assert play.of(p.Done) == [p.Done(11)] and play.sent() == [("a", 10)]
    play.offer()
    assert play.of(p.Keep)[0].entry.poolserial == 3


EVENTS = st.one_of(
    st.just("offer"),
    st.sampled_from("ab").flatmap(
        lambda m: st.sampled_from(
            [
                p.Running(m),
                p.Leaving(m),
                p.Gone(m),
                p.BecameReady(m),
                p.Violated(m, "x"),
                p.Unwritable(m),
                *(p.Answered(m, outcome) for outcome in p.Outcome),
            ]
        )
    ),
    st.floats(0.01, 70),
)


@given(st.lists(EVENTS, max_size=60), st.integers(1, 5))
def test_whatever_happens_no_event_is_lost_doubled_or_sent_out_of_turn(
    steps: list[str | p.Event | float], limit: int
) -> None:
    play = Play("a", "b", limit=limit)
    done: list[int] = []
    holders: dict[str, int] = {}
    for step in steps:
        if isinstance(step, float):
            actions = play.sleep(step)
        elif isinstance(step, str):
            actions = play.offer()
        else:
            actions = play.feed(step)
        for action in actions:
            if isinstance(action, p.Done):
                done.append(action.serial)
                holders = {m: s for m, s in holders.items() if s != action.serial}
            elif isinstance(action, p.TakenBack):
                del holders[action.member]
            elif isinstance(action, p.Send):
                assert action.member not in holders
                holders[action.member] = action.entry.serial
        kept = [e.serial for e in play.pool.entries()]
        assert kept == sorted(kept)
        assert sorted(done + kept) == list(range(play.serial))
        assert len(play.waiting()) <= limit + 2
        held = {n: m.entry.serial for n, m in play.pool.members.items() if m.entry is not None}
        assert held == holders
        if play.waiting() and held:
            assert play.waiting() == sorted(play.waiting())
