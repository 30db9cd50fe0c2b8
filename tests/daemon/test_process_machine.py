"""The machine of one process, by playbook: events in, actions out, invented time."""

from __future__ import annotations

import signal
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from supervisor.config.model import AutoRestart, ProcessConfig
from supervisor.daemon.machines.process import (
    _TABLE,
    KILL_AGAIN_S,
    MIN_RESTART_INTERVAL_S,
    TOO_QUICK,
    Action,
    Deadline,
    Event,
    Exited,
    Hold,
    Kill,
    Log,
    NotSignalled,
    NotSpawned,
    ProcessMachine,
    Resumed,
    Signalled,
    Spawn,
    Spawned,
    Start,
    Stop,
    Transition,
    describe_exit,
    signal_name,
    state_name,
)
from supervisor.states import ProcessStates as S

CONFIG = ProcessConfig("cat", "cats", "/bin/cat", startsecs=10, stopwaitsecs=5, startretries=3)
EVENTS: tuple[Event, ...] = (
    Start("you"), Stop("you"), Spawned(77), NotSpawned("no"), Exited(0), Signalled(), NotSignalled("EPERM"),
    Resumed(), Deadline(), Hold(),
)  # fmt: skip
FAILURES: tuple[Event, ...] = (NotSpawned("no"), Deadline())
STATES = (S.STOPPED, S.STARTING, S.RUNNING, S.BACKOFF, S.STOPPING, S.EXITED, S.FATAL, S.UNKNOWN)


def machine(**changes: Any) -> ProcessMachine:
    return ProcessMachine(replace(CONFIG, **changes))


def play(m: ProcessMachine, *steps: tuple[Event, float]) -> list[Action]:
    """Handle all; the actions of the last one without the log lines."""
    actions: list[Action] = []
    for event, now in steps:
        actions = m.handle(event, now)
    return [a for a in actions if not isinstance(a, Log)]


def path(actions: list[Action]) -> list[int]:
    """The states gone through."""
    return [a.new for a in actions if isinstance(a, Transition)]


def lines(actions: list[Action]) -> list[tuple[str, str]]:
    return [(a.level, a.text) for a in actions if isinstance(a, Log)]


def in_state(state: int, **changes: Any) -> ProcessMachine:
    """A machine that got to a state in the ordinary way, at time 100."""
    m = machine(**changes)
    roads: dict[int, list[Event]] = {
        S.STOPPED: [],
        S.STARTING: [Start("x"), Spawned(42)],
        S.RUNNING: [Start("x"), Spawned(42)],
        S.BACKOFF: [Start("x"), NotSpawned("no")],
        S.STOPPING: [Start("x"), Spawned(42), Stop("x")],
        S.EXITED: [Start("x"), Spawned(42)],
        S.FATAL: [Start("x"), *FAILURES, *FAILURES, *FAILURES, NotSpawned("no")],
        S.UNKNOWN: [Start("x"), Spawned(42), Stop("x"), NotSignalled("EPERM")],
    }
    now = 50.0
    for event in roads[state]:
        m.handle(event, now)
        now += 5
    if state == S.RUNNING:
        m.handle(Deadline(), 90)
    if state == S.EXITED:
        m.handle(Exited(0), 90)
    assert m.state == state
    return m


# --- the ordinary life -------------------------------------------------------------------------------


def test_start_run_stop() -> None:
    m = machine()
    assert play(m, (Start("autostart"), 1.0)) == [
        Transition(S.STOPPED, S.STARTING, "autostart", 0, 0),
        Spawn(1),
    ]
    assert m.deadline() is None  # the fork has no deadline of ours
    assert play(m, (Spawned(42), 2.0)) == []
    assert m.deadline() == 12.0
    assert play(m, (Deadline(), 11.9)) == []
    assert play(m, (Deadline(), 12.0)) == [
        Transition(S.STARTING, S.RUNNING, "stayed up for 10 seconds", 42, 0)
    ]
    assert m.deadline() is None
    assert play(m, (Stop("you"), 20.0)) == [
        Transition(S.RUNNING, S.STOPPING, "you", 42, 0),
        Kill(signal.SIGTERM, False),
    ]
    assert m.deadline() == 25.0
    assert play(m, (Exited(-15), 21.0)) == [Transition(S.STOPPING, S.STOPPED, "you", 42, 0, False)]
    assert (m.pid, m.exitstatus, m.status, m.deadline()) == (0, -1, -15, None)


def test_lines_of_an_ordinary_life() -> None:
    m = machine()
    said: list[tuple[str, str]] = []
    life: list[tuple[Event, float]] = [
        (Start("x"), 0.0), (Spawned(42), 0.0), (Deadline(), 10.0), (Stop("x"), 11.0), (Exited(0), 12.0),
    ]  # fmt: skip
    for event, now in life:
        said += lines(m.handle(event, now))
    assert said == [
        ("info", "spawned: 'cat' with pid 42"),
        (
            "info",
            "success: cat entered RUNNING state, process has stayed up for > than 10 seconds (startsecs)",
        ),
        ("debug", "killing cat (pid 42) with signal SIGTERM"),
        ("info", "stopped: cat (exit status 0)"),
    ]


def test_startsecs_zero_is_running_at_once_and_any_exit_is_an_exit() -> None:
    m = machine(startsecs=0, autorestart=AutoRestart.NEVER)
    assert path(play(m, (Start("x"), 0), (Spawned(1), 0))) == [S.RUNNING]
    assert path(play(m, (Exited(1), 0))) == [S.EXITED]
    assert m.spawnerr == "Bad exit code 1"


# --- failing to start --------------------------------------------------------------------------------


def test_too_quick_an_exit_backs_off_longer_each_time_and_gives_up() -> None:
    m = machine(startretries=2)
    now = 0.0
    m.handle(Start("x"), now)
    for attempt in (1, 2):
        m.handle(Spawned(attempt), now)
        actions = m.handle(Exited(0), now + 1)
        assert path(actions) == [S.BACKOFF]
        assert lines(actions) == [("warn", "exited: cat (exit status 0; not expected)")]
        assert (m.backoff, m.spawnerr, m.exitstatus, m.status, m.pid) == (attempt, TOO_QUICK, None, 0, 0)
        assert m.deadline() == now + 1 + attempt
        now += 1 + attempt
        assert play(m, (Deadline(), now)) == [
            Transition(S.BACKOFF, S.STARTING, f"retry {attempt} of 2", 0, attempt, m.expected),
            Spawn(attempt + 1),
        ]
    m.handle(Spawned(3), now)
    actions = m.handle(Exited(-11, core=True), now + 1)
    assert path(actions) == [S.BACKOFF, S.FATAL]
    assert lines(actions) == [
        ("warn", "exited: cat (terminated by SIGSEGV (core dumped); not expected)"),
        ("info", "gave up: cat entered FATAL state, too many start retries too quickly"),
    ]
    assert (m.state, m.backoff, m.deadline(), m.restarts) == (S.FATAL, 0, None, 2)


def test_no_retries_means_one_attempt() -> None:
    m = machine(startretries=0)
    assert path(play(m, (Start("x"), 0), (NotSpawned("can't find command 'x'"), 0))) == [S.BACKOFF, S.FATAL]
    assert m.spawnerr == "can't find command 'x'"


def test_what_failed_before_exec_is_the_reason() -> None:
    m = machine()
    play(m, (Start("x"), 0), (Spawned(1), 0), (Exited(127, failure="couldn't chdir to /no: ENOENT"), 0.1))
    assert (m.state, m.spawnerr) == (S.BACKOFF, "couldn't chdir to /no: ENOENT")


def test_exit_exactly_at_startsecs_is_a_normal_exit() -> None:
    m = machine(autorestart=AutoRestart.NEVER)
    assert path(play(m, (Start("x"), 0), (Spawned(1), 5.0), (Exited(0), 15.0))) == [S.RUNNING, S.EXITED]
    m = machine(autorestart=AutoRestart.NEVER)
    assert path(play(m, (Start("x"), 0), (Spawned(1), 5.0), (Exited(0), 14.999))) == [S.BACKOFF]
    m = machine(autorestart=AutoRestart.NEVER)  # the clock was told first
    assert path(play(m, (Start("x"), 0), (Spawned(1), 5.0), (Deadline(), 15.0))) == [S.RUNNING]
    assert path(play(m, (Exited(0), 15.0))) == [S.EXITED]


def test_startsecs_counts_from_the_spawn_not_from_the_request() -> None:
    m = machine()
    play(m, (Start("x"), 0), (Spawned(1), 100))
    assert path(play(m, (Exited(0), 105))) == [S.BACKOFF]


def test_a_stop_or_start_by_hand_forgets_earlier_failures() -> None:
    m = machine()
    play(m, (Start("x"), 0), (NotSpawned("no"), 0), (Deadline(), 1), (NotSpawned("no"), 1))
    assert m.backoff == 2
    assert path(play(m, (Stop("x"), 2))) == [S.STOPPED]
    assert m.backoff == 0
    play(m, (Start("x"), 3), (NotSpawned("no"), 3))
    assert (m.state, m.backoff) == (S.BACKOFF, 1)


def test_running_forgets_earlier_failures() -> None:
    m = machine()
    play(m, (Start("x"), 0), (NotSpawned("no"), 0), (Deadline(), 1), (Spawned(1), 1))
    assert m.backoff == 1
    play(m, (Deadline(), 11))
    assert (m.state, m.backoff) == (S.RUNNING, 0)


# --- restarts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "status", "restarts"),
    [
        (AutoRestart.NEVER, 0, False), (AutoRestart.NEVER, 1, False),
        (AutoRestart.UNEXPECTED, 0, False), (AutoRestart.UNEXPECTED, 2, False),
        (AutoRestart.UNEXPECTED, 1, True), (AutoRestart.UNEXPECTED, -15, True), (AutoRestart.UNEXPECTED, -9, True),
        (AutoRestart.ALWAYS, 0, True), (AutoRestart.ALWAYS, 1, True), (AutoRestart.ALWAYS, -15, True),
    ],
)  # fmt: skip
def test_autorestart_and_exitcodes(mode: AutoRestart, status: int, restarts: bool) -> None:
    m = machine(autorestart=mode, exitcodes=(0, 2))
    actions = play(m, (Start("x"), 0), (Spawned(1), 0), (Deadline(), 10), (Exited(status), 20))
    assert path(actions) == ([S.EXITED, S.STARTING] if restarts else [S.EXITED])
    assert [a for a in actions if isinstance(a, Spawn)] == ([Spawn(2)] if restarts else [])
    assert m.restarts == restarts
    assert m.expected is (status in (0, 2))


def test_a_death_by_signal_is_never_expected() -> None:
    m = machine(exitcodes=(0, 255), autorestart=AutoRestart.NEVER)
    play(m, (Start("x"), 0), (Spawned(1), 0), (Deadline(), 10), (Exited(-1), 20))
    assert (m.expected, m.exitstatus, m.status) == (False, -1, -1)


def test_a_life_of_less_than_a_second_waits_for_the_rest_of_it() -> None:
    m = machine(startsecs=0, autorestart=AutoRestart.ALWAYS)
    assert path(play(m, (Start("x"), 0), (Spawned(1), 0.5), (Exited(0), 0.75))) == [S.EXITED]
    assert m.deadline() == 0.5 + MIN_RESTART_INTERVAL_S
    assert play(m, (Deadline(), 1.4)) == []
    assert path(play(m, (Deadline(), 1.5))) == [S.STARTING]
    assert m.gen == 2


def test_a_restart_that_is_due_can_be_called_off() -> None:
    events: tuple[Event, ...] = (Stop("you"), Hold())
    for event in events:
        m = machine(startsecs=0, autorestart=AutoRestart.ALWAYS)
        play(m, (Start("x"), 0), (Spawned(1), 0), (Exited(0), 0.1))
        assert play(m, (event, 0.2)) == []
        assert m.deadline() is None
        assert play(m, (Deadline(), 5)) == []
        assert m.state == S.EXITED


# --- stopping ----------------------------------------------------------------------------------------


def test_a_stop_during_the_fork_waits_for_it() -> None:
    m = machine(stopasgroup=True, stopsignal=signal.SIGINT)
    assert play(m, (Start("x"), 0), (Stop("you"), 1)) == [Transition(S.STARTING, S.STOPPING, "you", 0, 0)]
    assert m.deadline() is None
    assert play(m, (Spawned(42), 2)) == [Kill(signal.SIGINT, True)]
    assert m.deadline() == 7
    assert path(play(m, (Exited(0), 3))) == [S.STOPPED]


def test_a_stop_during_a_fork_that_fails() -> None:
    m = machine()
    assert path(play(m, (Start("x"), 0), (Stop("you"), 1), (NotSpawned("no memory"), 2))) == [S.STOPPED]
    assert (m.spawnerr, m.backoff) == ("no memory", 0)


def test_who_does_not_obey_is_killed_again_and_again() -> None:
    m = machine(killasgroup=True)
    play(m, (Start("x"), 0), (Spawned(42), 0), (Deadline(), 10))
    assert Kill(signal.SIGTERM, False) in play(m, (Stop("x"), 20))
    assert play(m, (Deadline(), 24.9)) == []
    actions = m.handle(Deadline(), 25)
    assert Kill(signal.SIGKILL, True) in actions
    assert ("warn", "killing 'cat' (42) with SIGKILL") in lines(actions)
    assert ("debug", "killing cat (pid 42) process group with signal SIGKILL") in lines(actions)
    assert m.deadline() == 30
    assert Kill(signal.SIGKILL, True) in play(m, (Deadline(), 30))
    assert path(play(m, (Exited(-9), 31))) == [S.STOPPED]


@pytest.mark.parametrize("seconds", [0, -3])
def test_a_process_that_does_not_end_is_killed_again_no_sooner_than_in_a_second(seconds: int) -> None:
    m = machine(startsecs=0, stopwaitsecs=seconds)
    play(m, (Start("you"), 0), (Spawned(42), 0), (Stop("you"), 10))
    assert m.deadline() == 10 + seconds
    assert play(m, (Deadline(), 10)) == [Kill(signal.SIGKILL, False)]
    assert m.deadline() == 10 + KILL_AGAIN_S
    assert play(m, (Deadline(), 10.5)) == []
    assert play(m, (Deadline(), 11)) == [Kill(signal.SIGKILL, False)]


def test_an_exit_in_stopping_is_the_stops_whatever_the_status() -> None:
    for status, level in ((0, "info"), (3, "warn"), (-15, "warn")):
        m = in_state(S.STOPPING, autorestart=AutoRestart.ALWAYS)
        actions = m.handle(Exited(status), 101)
        assert path(actions) == [S.STOPPED]
        assert lines(actions)[0][0] == level
        assert m.spawnerr == ""


def test_a_start_in_stopping_changes_nothing_but_is_told() -> None:
    m = in_state(S.STOPPING)
    assert m.handle(Start("x"), 101) == [Log("warn", "process 'cat' already running")]


def test_stop_in_backoff() -> None:
    m = in_state(S.BACKOFF)
    actions = m.handle(Stop("you"), 100)
    assert path(actions) == [S.STOPPED]
    assert lines(actions) == [("debug", "Attempted to kill cat, which is in BACKOFF state.")]
    m = in_state(S.BACKOFF)
    assert path(m.handle(Stop("shutdown", giving_up=True), 100)) == [S.FATAL]
    assert (m.backoff, m.deadline()) == (0, None)


def test_a_signal_that_cannot_be_sent_leads_to_unknown_and_the_end_out_of_it() -> None:
    m = in_state(S.STOPPING)
    actions = m.handle(NotSignalled("cannot signal: EPERM"), 101)
    assert path(actions) == [S.UNKNOWN]
    assert lines(actions)[0][0] == "critical"
    assert (m.spawnerr, m.deadline(), m.pid) == ("cannot signal: EPERM", None, 42)
    assert path(m.handle(Exited(0), 102)) == [S.STOPPED]
    assert m.pid == 0


def test_at_the_end_of_all_one_that_could_not_be_signalled_is_signalled_once_more() -> None:
    m = in_state(S.UNKNOWN)
    actions = m.handle(Stop("shutdown", giving_up=True), 200)
    assert path(actions) == [S.STOPPING] and Kill(15, False) in actions
    assert path(m.handle(NotSignalled("EPERM"), 200)) == [S.UNKNOWN]
    m.handle(Stop("shutdown", giving_up=True), 201)
    assert path(m.handle(Exited(-15), 202)) == [S.STOPPED]


def test_hold_starts_nothing_any_more() -> None:
    m = in_state(S.BACKOFF)
    m.handle(Hold(), 100)
    assert m.handle(Deadline(), 1000) == []
    assert m.deadline() is None
    assert path(m.handle(Stop("shutdown", giving_up=True), 1001)) == [S.FATAL]
    for state in (S.STOPPED, S.EXITED, S.FATAL):
        m = in_state(state)
        m.handle(Hold(), 100)
        assert m.handle(Start("you"), 101) == []
    m = in_state(S.RUNNING, autorestart=AutoRestart.ALWAYS)
    m.handle(Hold(), 100)
    assert path(m.handle(Exited(1), 101)) == [S.EXITED]
    assert m.deadline() is None


# --- another daemon ----------------------------------------------------------------------------------


def test_the_next_daemon_repeats_a_stop_that_may_not_have_been_sent() -> None:
    m = in_state(S.STOPPING)
    again = machine()
    again.restore(m.save())
    assert play(again, (Resumed(), 101)) == [Kill(signal.SIGTERM, False)]
    assert again.deadline() == 106
    m.handle(Signalled(), 101)
    again = machine()
    again.restore(m.save())
    assert again.handle(Resumed(), 102) == []
    assert again.deadline() == m.deadline()


@pytest.mark.parametrize("state", STATES)
def test_what_is_saved_is_enough(state: int) -> None:
    """A machine restored from what was saved answers everything as the one that saved it."""
    for event in EVENTS:
        one, other = in_state(state), machine()
        other.restore({**one.save(), "unknown to this version": 1})
        assert one.handle(event, 200) == other.handle(event, 200)
        assert one.save() == other.save()


def test_missing_fields_keep_their_defaults() -> None:
    m = machine()
    m.restore({"state": S.RUNNING, "pid": 3})
    assert (m.state, m.pid, m.held, m.gen) == (S.RUNNING, 3, False, 0)


# --- the table ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("event", EVENTS, ids=lambda e: type(e).__name__)
def test_every_pair_that_is_not_in_the_table_changes_nothing(state: int, event: Event) -> None:
    if type(event) in _TABLE[state] or isinstance(event, Hold):
        return
    m = in_state(state)
    before = m.save()
    assert m.handle(event, 100) == []
    assert m.save() == before


@pytest.mark.parametrize(
    ("state", "event"),
    [(state, event) for state in STATES for event in EVENTS if type(event) in _TABLE[state]],
    ids=lambda x: state_name(x) if isinstance(x, int) else type(x).__name__,
)
def test_every_cell_of_the_table_does_something(state: int, event: Event) -> None:
    m = in_state(state)
    if isinstance(event, (Spawned, NotSpawned)):  # they answer a fork that is under way
        m = machine()
        m.handle(Start("x"), 50)
        if state == S.STOPPING:
            m.handle(Stop("x"), 50)
    elif (state, type(event)) in ((S.EXITED, Stop), (S.EXITED, Deadline)):  # while a restart is due
        m = machine(autorestart=AutoRestart.ALWAYS, startsecs=0)
        play(m, (Start("x"), 50), (Spawned(1), 50), (Exited(0), 50.1))
    assert m.state == state
    before = m.save()
    actions = m.handle(event, 1000)
    assert actions or m.save() != before


# --- invariants --------------------------------------------------------------------------------------


class Lives(RuleBasedStateMachine):
    """Random events, as the world can send them; the theory's invariants after each."""

    @initialize(
        startsecs=st.integers(0, 3),
        startretries=st.integers(0, 3),
        autorestart=st.sampled_from(AutoRestart),
        stopwaitsecs=st.integers(0, 3),
    )
    def begin(self, **options: Any) -> None:
        self.m = machine(**options)
        self.now = 0.0
        self.forking = False
        self.lives = 0
        self.held = False

    def send(self, event: Event) -> None:
        before = self.m.state
        for action in self.m.handle(event, self.now):
            if isinstance(action, Spawn):
                assert not self.forking and not self.lives, "a second Spawn without an end between"
                assert not self.held, "a start after Hold"
                assert action.gen == self.m.gen
                self.forking = True
            elif isinstance(action, Kill):
                assert self.lives, "a signal to nobody"
            elif isinstance(action, Transition):
                assert action.old == before
                before = action.new
        assert before == self.m.state

    @rule(seconds=st.sampled_from([0.0, 0.1, 0.5, 1.0, 2.0, 10.0]))
    def time_passes(self, seconds: float) -> None:
        deadline = self.m.deadline()
        self.now += seconds
        if deadline is not None and self.now >= deadline:
            self.send(Deadline())

    @rule()
    def early_deadline(self) -> None:
        before = self.m.save()
        if self.m.deadline() is not None and self.now < (self.m.deadline() or 0):
            self.send(Deadline())
            assert self.m.save() == before

    @rule()
    def start(self) -> None:
        self.send(Start("you"))

    @rule(giving_up=st.booleans())
    def stop(self, giving_up: bool) -> None:
        self.send(Stop("you", giving_up))

    @precondition(lambda self: self.forking)
    @rule()
    def spawned(self) -> None:
        self.forking, self.lives = False, 1
        self.send(Spawned(1000 + self.m.gen))

    @precondition(lambda self: self.forking)
    @rule()
    def not_spawned(self) -> None:
        self.forking = False
        self.send(NotSpawned("no"))

    @precondition(lambda self: self.lives)
    @rule(status=st.sampled_from([0, 1, 255, -9, -15]))
    def exited(self, status: int) -> None:
        self.lives = 0
        self.send(Exited(status))

    @precondition(lambda self: self.lives and self.m.state == S.STOPPING)
    @rule(sent=st.booleans())
    def signal_answered(self, sent: bool) -> None:
        self.send(Signalled() if sent else NotSignalled("EPERM"))

    @rule()
    def another_daemon(self) -> None:
        again = ProcessMachine(self.m.config)
        again.restore(self.m.save())
        self.m = again
        if self.lives:
            self.send(Resumed())

    @precondition(lambda self: self.lives or self.forking)
    @rule()
    def hold(self) -> None:
        self.held = True
        self.send(Hold())

    @invariant()
    def theory(self) -> None:
        if not hasattr(self, "m"):
            return
        m = self.m
        assert bool(m.pid) == bool(self.lives)
        if m.pid:
            assert m.state in (S.STARTING, S.RUNNING, S.STOPPING, S.UNKNOWN)
        if m.state in (S.STARTING, S.STOPPING):
            assert (m.deadline() is not None) == bool(m.pid)
            assert self.forking != bool(self.lives)
        elif m.state == S.BACKOFF:
            assert m.deadline() is not None or self.held
            assert m.backoff <= m.config.startretries
        elif m.state != S.EXITED:
            assert m.deadline() is None
        assert m.held == self.held

    def teardown(self) -> None:
        """No state is a trap: told to stop, with the world answering, it comes to stand still."""
        if not hasattr(self, "m"):
            return
        self.send(Hold())
        self.held = True
        self.send(Stop("end", True))
        for _ in range(4):
            if self.forking:
                self.spawned()
            if self.lives:
                self.exited(0)
        assert self.m.state in (S.STOPPED, S.EXITED, S.FATAL)
        assert self.m.deadline() is None


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)


# --- words -------------------------------------------------------------------------------------------


def test_words() -> None:
    assert signal_name(15) == "SIGTERM"
    assert signal_name(99) == "signal 99"
    assert describe_exit(3) == "exit status 3"
    assert describe_exit(-9) == "terminated by SIGKILL"
    assert describe_exit(-11, True) == "terminated by SIGSEGV (core dumped)"
    assert state_name(20) == "RUNNING"
    assert state_name(12345) == "UNKNOWN"
