"""The steps of an update, pure: what is kept, what forces a change, what is not shown."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.config.diff import (
    OptionChange,
    ProcessStep,
    Step,
    masked,
    plan_group,
    plan_groups,
    process_changes,
    same_group,
)
from supervisor.config.model import (
    ChannelConfig,
    FastCgiSocket,
    GroupConfig,
    GroupKind,
    ListenerConfig,
    LogFile,
    LogKind,
    ProcessConfig,
)

PROCESS = ProcessConfig("p", "g", "/bin/cat", environment=(("A", "1"),))


def named(name: str, command: str = "/bin/cat") -> ProcessConfig:
    return ProcessConfig(name, "g", command)


def group(*processes: ProcessConfig, name: str = "g", priority: int = 999) -> GroupConfig:
    return GroupConfig(name, priority, processes=processes)


def test_members_are_kept_changed_added_removed() -> None:
    step = plan_group(
        group(named("a"), named("b"), named("c")), group(named("d"), named("b", "/bin/dog"), named("a"))
    )
    assert (step.step, step.whole, step.changes) == (Step.CHANGE, False, ())
    assert step.processes == (
        ProcessStep("d", Step.ADD),
        ProcessStep("b", Step.CHANGE, (OptionChange("command", "/bin/cat", "/bin/dog"),)),
        ProcessStep("a", Step.KEEP),
        ProcessStep("c", Step.REMOVE),
    )


def test_priority_and_order_touch_nobody() -> None:
    step = plan_group(group(named("a"), named("b")), group(named("b"), named("a"), priority=1))
    assert step.changes == (OptionChange("priority", "999", "1"),)
    assert {process.step for process in step.processes} == {Step.KEEP}


def test_groups_in_the_order_of_an_update() -> None:
    old = [group(name="z"), group(named("a"), name="c"), group(named("a"), name="same")]
    new = [group(named("x"), name="a"), group(name="c"), group(named("a"), name="same")]
    steps = plan_groups(old, new)
    assert [(step.name, step.step) for step in steps] == [
        ("z", Step.REMOVE),
        ("c", Step.CHANGE),
        ("a", Step.ADD),
    ]
    assert plan_groups(old, old) == ()
    assert plan_group(old[0], old[0]).step is Step.KEEP


def test_what_members_share_changes_the_whole() -> None:
    pool = GroupConfig(
        "g", kind=GroupKind.LISTENER, processes=(named("a"),), listener=ListenerConfig(("EVENT",), 5)
    )
    wider = dataclasses.replace(pool, listener=ListenerConfig(("EVENT", "TICK_5"), 5))
    step = plan_group(pool, wider)
    assert step.whole
    assert step.changes == (OptionChange("events", "EVENT", "EVENT,TICK_5"),)
    assert [process.step for process in step.processes] == [Step.CHANGE]
    assert plan_group(pool, dataclasses.replace(pool, processes=(named("a", "x"),))).whole
    assert plan_group(pool, group(named("a"))).whole
    old, new = (group(dataclasses.replace(PROCESS, fcgi=FastCgiSocket(path))) for path in ("/a", "/b"))
    assert plan_group(old, new).whole
    assert plan_group(old, new).changes == (OptionChange("socket", "unix:///a", "unix:///b"),)


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"stopsignal": 9}, OptionChange("stopsignal", "TERM", "KILL")),
        ({"umask": 0o22}, OptionChange("umask", "", "022")),
        ({"autostart": False}, OptionChange("autostart", "true", "false")),
        ({"exitcodes": (0, 2)}, OptionChange("exitcodes", "0", "0,2")),
        ({"uid": 0, "user": "root"}, OptionChange("user", "", "root")),
        ({"tty_size": (50, 100)}, OptionChange("tty_size", "24x80", "50x100")),
        ({"environment": (("A", "2"),)}, OptionChange("environment A", "1", "2")),
        ({"environment": ()}, OptionChange("environment A", "1", "")),
        (
            {"stdout": ChannelConfig(LogFile(LogKind.FILE, "/x"))},
            OptionChange("stdout_logfile", "AUTO", "/x"),
        ),
        ({"stderr": ChannelConfig(logfile_backups=1)}, OptionChange("stderr_logfile_backups", "10", "1")),
        (
            {"command": "x http://u:pw@h/"},
            OptionChange("command", "/bin/cat", "x http://u:***@h/"),
        ),
    ],
)
def test_options_as_users_write_them(change: dict[str, object], shown: OptionChange) -> None:
    other = dataclasses.replace(PROCESS, **change)  # type: ignore[arg-type]  # names are parameters
    assert list(process_changes(PROCESS, other)) == [shown]


@pytest.mark.parametrize("name", ["DB_PASSWORD", "api_key", "GITHUB_TOKEN", "AUTH", "SENTRY_DSN"])
def test_secrets_are_not_shown(name: str) -> None:
    old = dataclasses.replace(PROCESS, environment=((name, "hush"),))
    new = dataclasses.replace(PROCESS, environment=((name, "tell"),))
    assert list(process_changes(old, new)) == [OptionChange(f"environment {name}", "***", "***")]
    assert masked(f"environment {name}", "") == ""


MEMBERS = st.lists(
    st.builds(named, st.sampled_from("abcdef"), st.sampled_from(["x", "y"])),
    max_size=6,
    unique_by=lambda p: p.name,
)


@given(MEMBERS, MEMBERS)
def test_carrying_a_plan_out_gives_the_new_group(old: list[ProcessConfig], new: list[ProcessConfig]) -> None:
    before, after = group(*old), group(*new)
    wanted = {process.name: process for process in new}
    result = {process.name: process for process in old}
    for step in plan_group(before, after).processes:
        if step.step is Step.REMOVE:
            del result[step.name]
        elif step.step is not Step.KEEP:
            result[step.name] = wanted[step.name]
    assert result == wanted
    assert (plan_group(before, after).step is Step.KEEP) == same_group(before, after)
