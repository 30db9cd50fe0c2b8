"""Added, changed, removed (reference: reload, reread, update)."""

from __future__ import annotations

import dataclasses

import pytest

from supervisor.config.diff import GroupChanges, diff_groups, same_group
from supervisor.config.model import (
    AutoRestart,
    ChannelConfig,
    FastCgiSocket,
    GroupConfig,
    GroupKind,
    LogFile,
    LogKind,
    ProcessConfig,
)

PROCESS = ProcessConfig(name="p", group="g", command="/bin/cat", environment=(("A", "1"), ("B", "2")))
AUTO = LogFile(LogKind.AUTO)
FILE = LogFile(LogKind.FILE, "/tmp/a")


def group(name: str = "g", *processes: ProcessConfig, priority: int = 999) -> GroupConfig:
    return GroupConfig(name, priority, processes=processes)


def with_log(logfile: LogFile, channel: str = "stdout") -> ProcessConfig:
    config = ChannelConfig(logfile)
    return dataclasses.replace(PROCESS, **{channel: config})  # type: ignore[arg-type]  # the name is a parameter


def test_names() -> None:
    old = (group("a", PROCESS), group("b", PROCESS), group("z"))
    new = (group("c"), group("b", PROCESS, priority=1), group("z"), group("Aa"))
    assert diff_groups(old, new) == GroupChanges(added=("Aa", "c"), changed=("b",), removed=("a",))
    assert diff_groups(old, old) == GroupChanges()
    assert diff_groups((), old) == GroupChanges(added=("a", "b", "z"))
    assert diff_groups(old, ()) == GroupChanges(removed=("a", "b", "z"))


CHANGES: dict[str, object] = {
    "name": "q",
    "command": "/bin/dog",
    "directory": "/tmp",
    "umask": 0o22,
    "priority": 1,
    "autostart": False,
    "autorestart": AutoRestart.NEVER,
    "startsecs": 2,
    "startretries": 0,
    "exitcodes": (0, 1),
    "stopsignal": 2,
    "stopwaitsecs": 1,
    "stopasgroup": True,
    "killasgroup": True,
    "stopastree": True,
    "uid": 0,
    "redirect_stderr": True,
    "stdout": ChannelConfig(logfile_backups=1),
    "stderr": ChannelConfig(syslog=True),
    "environment": (("A", "1"),),
    "serverurl": "http://localhost:1",
    "tty": True,
    "tty_size": (1, 1),
    "term": "vt100",
    "fcgi": FastCgiSocket("/tmp/s"),
}
SAME: dict[str, object] = {
    "program": "x",
    "user": "root",
    "group": "g",
    "environment": (("B", "2"), ("A", "1")),
}


@pytest.mark.parametrize("field", CHANGES)
def test_a_changed_field(field: str) -> None:
    changed = dataclasses.replace(PROCESS, **{field: CHANGES[field]})  # type: ignore[arg-type]  # any field
    assert not same_group(group("g", PROCESS), group("g", changed))


def test_every_field_is_compared_or_said_not_to_be() -> None:
    fields = {field.name for field in dataclasses.fields(ProcessConfig)}
    assert fields == CHANGES.keys() | SAME.keys()


@pytest.mark.parametrize("field", SAME)
def test_a_field_that_does_not_count(field: str) -> None:
    changed = dataclasses.replace(PROCESS, **{field: SAME[field]})  # type: ignore[arg-type]  # any field
    assert same_group(group("g", PROCESS), group("g", changed))


def test_the_order_of_processes_counts_and_the_kind_does_not() -> None:
    other = dataclasses.replace(PROCESS, name="q")
    assert not same_group(group("g", PROCESS, other), group("g", other, PROCESS))
    assert not same_group(group("g", PROCESS, other), group("g", PROCESS))
    assert same_group(group("g"), dataclasses.replace(group("g"), kind=GroupKind.GROUP))


@pytest.mark.parametrize("channel", ["stdout", "stderr"])
@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (AUTO, AUTO, True),
        (LogFile(LogKind.AUTO, "/tmp/p-stdout---x.log"), AUTO, True),
        (LogFile(LogKind.AUTO, "/tmp/1"), LogFile(LogKind.AUTO, "/tmp/2"), True),
        (AUTO, FILE, False),
        (LogFile(LogKind.AUTO, "/tmp/a"), FILE, False),
        (AUTO, LogFile(LogKind.NONE), False),
        (FILE, LogFile(LogKind.FILE, "/tmp/b"), False),
    ],
)
def test_automatic_logs(one: LogFile, other: LogFile, same: bool, channel: str) -> None:
    first, second = group("g", with_log(one, channel)), group("g", with_log(other, channel))
    assert same_group(first, second) is same
    assert same_group(second, first) is same
