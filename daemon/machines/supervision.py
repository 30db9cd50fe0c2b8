"""Pure order of the end: which group stops when; must never know asyncio, ``os``, the clock, logs.

Groups stop one after another, down the priorities; within a group all processes
stop at once. A process counts as stopped when it is in a stopped state (reference:
processes.md section 8).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class GroupToStop:
    """``waiting``: keys of the processes that have not stopped yet."""

    name: str
    priority: int
    waiting: set[str] = field(default_factory=set)


class StopPlan:
    """``groups`` in the order of the configuration; ask ``begin``, then tell every ``stopped``."""

    def __init__(self, groups: Iterable[GroupToStop]) -> None:
        self._todo = sorted(groups, key=lambda group: group.priority)  # the last one stops next
        self._groups = {group.name: group for group in self._todo}
        self._current: GroupToStop | None = None

    def begin(self) -> str | None:
        """The first group to stop; None when there is nothing to wait for."""
        return self._next()

    def stopped(self, group: str, key: str) -> str | None:
        """A process stands still; the group to stop now, or None when none is due yet (or ever: ``done``)."""
        entry = self._groups.get(group)
        if entry is not None:
            entry.waiting.discard(key)
        if self._current is None or self._current.waiting:
            return None
        return self._next()

    def _next(self) -> str | None:
        self._current = None
        while self._todo:
            entry = self._todo.pop()
            if entry.waiting:
                self._current = entry
                return entry.name
        return None

    @property
    def done(self) -> bool:
        return self._current is None and not self._todo

    def waiting(self) -> list[str]:
        """Keys of all processes that the end waits for."""
        groups = [*self._todo, *([self._current] if self._current else [])]
        return sorted(key for group in groups for key in group.waiting)
