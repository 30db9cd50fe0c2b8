"""Two sets of groups to the names added, changed and removed, and to the steps from one to the other; must never
know processes.

``diff_groups`` is what ``reread`` tells. ``plan_groups`` is what ``update`` does: the
least that makes of the active groups those that were read, and for each step the
options that force it. What is no reason to touch a process is said in ``same_group``.
"""

from __future__ import annotations

import dataclasses
import re
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from .model import (
    AutoRestart,
    ChannelConfig,
    FastCgiSocket,
    GroupConfig,
    GroupKind,
    LogFile,
    LogKind,
    ProcessConfig,
)


@dataclass(frozen=True, slots=True)
class GroupChanges:
    """Group names, each tuple sorted."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def diff_groups(active: Sequence[GroupConfig], parsed: Sequence[GroupConfig]) -> GroupChanges:
    """What ``update`` would have to do to make the active groups those that were parsed."""
    old = {group.name: group for group in active}
    new = {group.name: group for group in parsed}
    return GroupChanges(
        added=tuple(sorted(new.keys() - old.keys())),
        changed=tuple(
            sorted(name for name in new.keys() & old.keys() if not same_group(old[name], new[name]))
        ),
        removed=tuple(sorted(old.keys() - new.keys())),
    )


def same_group(one: GroupConfig, other: GroupConfig) -> bool:
    """Whether two groups of one name need no restart to become each other.

    Not compared: whether a [group:x] made it, what the user was called (the uid
    counts), whether AUTO stands for the default ``serverurl``, the order of the environment, and where an automatic log
    went. A change between an automatic log
    and a named one counts.
    """
    if one == other:
        return True
    return (
        one.priority == other.priority
        and _shell(one) == _shell(other)
        and len(one.processes) == len(other.processes)
        and all(same_process(mine, yours) for mine, yours in zip(one.processes, other.processes, strict=True))
    )


def same_process(one: ProcessConfig, other: ProcessConfig) -> bool:
    """Whether a process need not be touched to become the other."""
    return one == other or _comparable(one) == _comparable(other)


_PLAIN_KINDS: Final = (GroupKind.PROGRAM, GroupKind.GROUP)


def _shell(group: GroupConfig) -> GroupConfig:
    """What is the group's own, but for its priority."""
    kind = GroupKind.PROGRAM if group.kind in _PLAIN_KINDS else group.kind
    return dataclasses.replace(group, priority=0, processes=(), kind=kind)


def _comparable(process: ProcessConfig) -> ProcessConfig:
    return dataclasses.replace(
        process,
        program="",
        group="",
        user=None,
        serverurl=None if (process.serverurl or "").upper() == "AUTO" else process.serverurl,
        environment=tuple(sorted(process.environment)),
        stdout=_comparable_channel(process.stdout),
        stderr=_comparable_channel(process.stderr),
    )


def _comparable_channel(channel: ChannelConfig) -> ChannelConfig:
    if channel.logfile.kind is LogKind.AUTO:
        return dataclasses.replace(channel, logfile=LogFile(LogKind.AUTO))
    return channel


# --- the plan ----------------------------------------------------------------------------------------


class Step(StrEnum):
    ADD = "add"
    REMOVE = "remove"
    CHANGE = "change"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class OptionChange:
    """An option as users write it, its value before and after; empty: not given. Secrets are ``***``."""

    option: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class ProcessStep:
    """What becomes of one process. ``changes`` are why, for CHANGE; empty where the group is the reason."""

    name: str
    step: Step
    changes: tuple[OptionChange, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupStep:
    """What becomes of one group (KEEP never is in a plan). ``whole``: no member can be kept, for ``changes``.

    ``processes``: in the order of the new group, then those that go.
    """

    name: str
    step: Step
    whole: bool = False
    changes: tuple[OptionChange, ...] = ()
    processes: tuple[ProcessStep, ...] = ()


def plan_groups(active: Sequence[GroupConfig], parsed: Sequence[GroupConfig]) -> tuple[GroupStep, ...]:
    """The steps in the order in which ``update`` does them: removed, changed, added, each by name."""
    changes = diff_groups(active, parsed)
    old = {group.name: group for group in active}
    new = {group.name: group for group in parsed}
    return (
        *(_all(old[name], Step.REMOVE) for name in changes.removed),
        *(plan_group(old[name], new[name]) for name in changes.changed),
        *(_all(new[name], Step.ADD) for name in changes.added),
    )


def _all(group: GroupConfig, step: Step) -> GroupStep:
    members = tuple(ProcessStep(process.name, step) for process in group.processes)
    return GroupStep(group.name, step, processes=members)


def plan_group(old: GroupConfig, new: GroupConfig) -> GroupStep:
    """What makes ``new`` of ``old``, which is active; KEEP where they are the same.

    The group is changed as a whole where its members share what changed: the options
    of an event listener's pool, the socket of a FastCGI program.
    """
    if same_group(old, new):
        return GroupStep(old.name, Step.KEEP)
    before = {process.name: process for process in old.processes}
    after = {process.name: process for process in new.processes}
    shared = tuple(_shared_changes(old, new))
    whole = bool(shared) or any(group.kind not in _PLAIN_KINDS for group in (old, new))
    steps = []
    for name, process in after.items():
        if name not in before:
            steps.append(ProcessStep(name, Step.ADD))
        elif whole or not same_process(before[name], process):
            steps.append(ProcessStep(name, Step.CHANGE, tuple(process_changes(before[name], process))))
        else:
            steps.append(ProcessStep(name, Step.KEEP))
    steps += [ProcessStep(name, Step.REMOVE) for name in before if name not in after]
    priority = (
        (OptionChange("priority", str(old.priority), str(new.priority)),)
        if old.priority != new.priority
        else ()
    )
    return GroupStep(old.name, Step.CHANGE, whole, (*priority, *shared), tuple(steps))


def _shared_changes(old: GroupConfig, new: GroupConfig) -> Iterator[OptionChange]:
    yield from _differences(dict(_options(_shell(old))), dict(_options(_shell(new))))
    sockets = [next((p.fcgi for p in group.processes if p.fcgi is not None), None) for group in (old, new)]
    if old.processes and new.processes and sockets[0] != sockets[1]:
        yield from _differences(dict(_socket_options(sockets[0])), dict(_socket_options(sockets[1])))


def process_changes(old: ProcessConfig, new: ProcessConfig) -> Iterator[OptionChange]:
    """The options in which two processes differ, by name."""
    one = dict(_process_options(_comparable(old)))
    other = dict(_process_options(_comparable(new)))
    if old.uid != new.uid:
        one["user"] = _user(old)
        other["user"] = _user(new)
    yield from _differences(one, other)


def _user(process: ProcessConfig) -> str:
    return process.user or ("" if process.uid is None else str(process.uid))


def _differences(old: dict[str, str], new: dict[str, str]) -> Iterator[OptionChange]:
    for option in sorted(old.keys() | new.keys()):
        before, after = old.get(option, ""), new.get(option, "")
        if before != after:
            yield OptionChange(option, masked(option, before), masked(option, after))


# --- values as users write them ----------------------------------------------------------------------


def _process_options(process: ProcessConfig) -> Iterator[tuple[str, str]]:
    for field in dataclasses.fields(process):
        value = getattr(process, field.name)
        if field.name in ("name", "program", "group", "user", "uid", "fcgi"):
            continue
        if field.name == "environment":
            yield from ((f"environment {key}", text) for key, text in value)
        elif isinstance(value, ChannelConfig):
            yield from ((f"{field.name}_{option}", text) for option, text in _options(value))
        else:
            yield field.name, _text(field.name, value)
    yield from _socket_options(process.fcgi)


def _socket_options(socket: FastCgiSocket | None) -> Iterator[tuple[str, str]]:
    if socket is not None:
        yield "socket", socket.url
        yield "socket_mode", f"0{socket.mode:o}"
        yield "socket_owner", f"{socket.uid}:{socket.gid}"
        yield "socket_backlog", str(socket.backlog)


def _options(value: object) -> Iterator[tuple[str, str]]:
    """The fields of a dataclass of the model, those of dataclasses in it among them."""
    if not dataclasses.is_dataclass(value):
        return
    for field in dataclasses.fields(value):
        item = getattr(value, field.name)
        if dataclasses.is_dataclass(item) and not isinstance(item, LogFile):
            yield from _options(item)
        elif field.name not in ("name", "processes"):
            yield field.name, _text(field.name, item)


def _text(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, AutoRestart):
        return {AutoRestart.ALWAYS: "true", AutoRestart.NEVER: "false"}.get(value, str(value))
    if isinstance(value, LogFile):
        return value.path if value.kind is LogKind.FILE else value.kind.value.upper()
    if name == "umask":
        return f"0{value:o}" if isinstance(value, int) else str(value)
    if name == "stopsignal" and isinstance(value, int):
        try:
            return signal.Signals(value).name.removeprefix("SIG")
        except ValueError:
            return str(value)
    if name == "tty_size" and isinstance(value, tuple):
        return "x".join(map(str, value))
    if isinstance(value, (tuple, frozenset)):
        return ",".join(str(item) for item in value)
    return str(value)


MASK: Final = "***"
_SECRET_NAME = re.compile(
    r"PASS|PWD|SECRET|TOKEN|KEY|CREDENTIAL|AUTH|PRIVATE|COOKIE|SALT|DSN|SIGN", re.IGNORECASE
)
_URL_PASSWORD = re.compile(r"(://[^/\s:@]*:)[^@\s/]+@")


def masked(option: str, text: str) -> str:
    """The value of an option for people: what looks like a secret is not shown.

    Hidden are environment variables with a telling name, and passwords in URLs.
    """
    if (
        text
        and option.startswith("environment ")
        and _SECRET_NAME.search(option.removeprefix("environment "))
    ):
        return MASK
    return _URL_PASSWORD.sub(rf"\1{MASK}@", text)
