"""Pure start and stop order of groups and their processes; must never know asyncio, ``os``, the clock, logs.

Orders are Supervisor's: RPC calls for a group or for all go up the priorities,
the end of the supervisor goes down them, one group at a time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar


class HasPriority(Protocol):
    @property
    def priority(self) -> int: ...


T = TypeVar("T", bound=HasPriority)


def ascending(members: Iterable[T]) -> list[T]:
    """By priority; equals stay in the order they are in."""
    return sorted(members, key=lambda member: member.priority)


def descending(members: Iterable[T]) -> list[T]:
    """By falling priority; equals in reverse order, so that it is the exact reverse of ``ascending``."""
    return ascending(members)[::-1]
