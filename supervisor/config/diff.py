"""Two sets of groups to the names added, changed and removed; must never know processes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from .model import ChannelConfig, GroupConfig, LogFile, LogKind, ProcessConfig


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
    counts), the order of the environment, and where an automatic log went. A change between an automatic log
    and a named one counts.
    """
    if one == other:
        return True
    return (
        one.name == other.name
        and one.priority == other.priority
        and len(one.processes) == len(other.processes)
        and all(
            mine == yours or _comparable(mine) == _comparable(yours)
            for mine, yours in zip(one.processes, other.processes, strict=True)
        )
    )


def _comparable(process: ProcessConfig) -> ProcessConfig:
    return dataclasses.replace(
        process,
        program="",
        group="",
        user=None,
        environment=tuple(sorted(process.environment)),
        stdout=_comparable_channel(process.stdout),
        stderr=_comparable_channel(process.stderr),
    )


def _comparable_channel(channel: ChannelConfig) -> ChannelConfig:
    if channel.logfile.kind is LogKind.AUTO:
        return dataclasses.replace(channel, logfile=LogFile(LogKind.AUTO))
    return channel
