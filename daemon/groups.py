"""Groups at run time: their configuration, their processes, their order; must never know who starts or stops them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from supervisor.config.model import GroupConfig

from .process import Process


@dataclass(slots=True)
class Group:
    config: GroupConfig
    processes: dict[str, Process] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def priority(self) -> int:
        return self.config.priority


def in_order(config: GroupConfig, names: Iterable[str]) -> GroupConfig:
    """The group with its processes in the order of ``names``; others stay behind them."""
    place = {name: index for index, name in enumerate(names)}
    ordered = sorted(config.processes, key=lambda process: place.get(process.name, len(place)))
    return replace(config, processes=tuple(ordered))


def rank(group: Group) -> tuple[int, str]:
    """What groups are sorted by."""
    return group.priority, group.name
