"""What the snapshot says, as values, and what is put into it; must never know how a daemon goes on from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from supervisor.config.model import Configuration, GroupConfig, ProcessConfig, decode, encode

from .groups import in_order
from .loop import Supervisor
from .snapshot import Journal, StateTable
from .update import Target, Updates

ENTRY_PROCESSES = 200
"""How many processes of a group are in one entry of the journal, where it is written afresh."""


@dataclass(slots=True)
class Saved:
    """What the snapshot says. ``records``: group to process name to (record number, record).

    ``updates``: by group, those that were begun and not ended.
    """

    configuration: Configuration
    groups: list[GroupConfig]
    supervisor: dict[str, Any] = field(default_factory=dict)
    records: dict[str, dict[str, tuple[int, dict[str, Any]]]] = field(default_factory=dict)
    logs: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    updates: dict[str, Target] = field(default_factory=dict)


def read_state(table: StateTable, journal: Journal) -> Saved:
    """The snapshot as values; records of what was removed are given back. Raises ValueError or TypeError when it is not ours."""
    configuration: Configuration | None = None
    groups: dict[str, GroupConfig] = {}
    updates: dict[str, Target] = {}
    for entry in journal.entries():
        if "all" in entry:
            configuration = decode(Configuration, entry["all"])
        elif "add" in entry:
            config = decode(GroupConfig, entry["add"])
            groups[config.name] = config
        elif "remove" in entry:
            groups.pop(entry["remove"], None)
        elif "more" in entry:
            name, members = entry["more"]
            more = (decode(ProcessConfig, member) for member in members)
            groups[name] = replace(groups[name], processes=(*groups[name].processes, *more))
        elif "process" in entry:
            process = decode(ProcessConfig, entry["process"])
            if process.group in groups:
                groups[process.group] = _with(groups[process.group], process.name, process)
        elif "without" in entry:
            group, name = entry["without"]
            if group in groups:
                groups[group] = _with(groups[group], name, None)
        elif "group" in entry:
            own = decode(GroupConfig, entry["group"])
            if own.name in groups:
                own = replace(own, processes=groups[own.name].processes)
                groups[own.name] = in_order(own, entry["order"])
        elif "update" in entry:
            config = decode(GroupConfig, entry["update"])
            updates[config.name] = Target(config, tuple(entry["start"]), entry["by"])
        elif "updated" in entry:
            updates.pop(entry["updated"], None)
    if configuration is None:
        raise ValueError("the snapshot has no configuration")
    saved = Saved(configuration, list(groups.values()), updates=updates)
    members = {(process.group, process.name) for group in saved.groups for process in group.processes}
    for index, record in table.load().items():
        if record.get("k") == "s":
            saved.supervisor = record
        elif record.get("k") == "p" and (record["g"], record["n"]) in members:
            saved.records.setdefault(record["g"], {})[record["n"]] = (index, record)
        elif record.get("k") == "p":
            table.free(
                index
            )  # the daemon before died between a removal and this: not to be taken for the next of its name
        elif record.get("k") == "l":
            saved.logs[record["p"]] = (index, record)
    return saved


def _with(group: GroupConfig, name: str, config: ProcessConfig | None) -> GroupConfig:
    """The group with one process put in place, added at its end, or left out (None)."""
    processes = {process.name: process for process in group.processes}
    if config is None:
        processes.pop(name, None)
    else:
        processes[name] = config
    return replace(group, processes=tuple(processes.values()))


def group_of(entry: Mapping[str, Any]) -> str:
    """The name of the group that an entry of the journal changes, adds or removes; empty: it is about none."""
    for word in ("add", "group"):
        if word in entry:
            return str(entry[word]["name"])
    if "process" in entry:
        return str(entry["process"]["group"])
    if "without" in entry:
        return str(entry["without"][0])
    return str(entry.get("remove", ""))


def without_groups(configuration: Configuration) -> dict[str, Any]:
    """The first entry of the journal: groups come and go by entries of their own."""
    return {"all": {**encode(configuration), "groups": []}}


def in_force(
    configuration: Configuration, supervisor: Supervisor, updates: Updates
) -> Iterator[dict[str, Any]]:
    """The entries of a journal that say what is now, each when it is taken; ``read_state`` understands them."""
    yield without_groups(configuration)
    for name in tuple(supervisor.groups):
        group = supervisor.groups.get(name)
        if group is not None:
            yield from group_entries(group.config)
    yield from updates.entries()


def group_entries(config: GroupConfig) -> Iterator[dict[str, Any]]:
    """A group for the journal; one of very many processes in more than one entry."""
    members = config.processes
    yield {"add": encode(replace(config, processes=members[:ENTRY_PROCESSES]))}
    for start in range(ENTRY_PROCESSES, len(members), ENTRY_PROCESSES):
        yield {"more": [config.name, [encode(p) for p in members[start : start + ENTRY_PROCESSES]]]}


class LogRecords:
    """Where stores keep what a later daemon must know of them: one state record a path, made when needed."""

    def __init__(self, table: StateTable, saved: dict[str, tuple[int, dict[str, Any]]]) -> None:
        self._table = table
        self._index = {path: index for path, (index, _) in saved.items()}

    def persist(self, path: str, record: dict[str, Any]) -> None:
        index = self._index.get(path)
        if index is None:
            index = self._index[path] = self._table.allocate()
        self._table.write(index, {"k": "l", "p": path, **record})

    def forget(self, path: str) -> None:
        """Nobody logs there any more."""
        index = self._index.pop(path, None)
        if index is not None:
            self._table.free(index)
