"""The last transitions of a process, bounded; must never know clients, nor who keeps them.

Twenty are kept in the daemon. The last few also go into the state record of the
process, as many as its slot has room for, so that ``why`` knows something after the
daemon died. An exit carries the ends of the logs at that moment: what a process said
last stands just before them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgpack

from supervisor.protocol.packing import pack_local
from supervisor.states import ProcessStates as S

from .machines.process import Transition

KEPT = 20
SAVED = 6
_CAUSE_BYTES = 240
_SAVED_CAUSE_BYTES = 60

Place = tuple[int, int]
"""(generation, offset) in a log."""

Ends = tuple[Place | None, Place | None]
"""Of stdout and stderr."""


class Past(NamedTuple):
    """One transition. ``when``: wall time; ``status``: of an exit, -N for a signal, else None.

    ``stdout``, ``stderr``: where the logs ended, for an exit; None: not known.
    """

    when: float
    old: int
    new: int
    cause: str
    pid: int
    tries: int
    status: int | None = None
    stdout: Place | None = None
    stderr: Place | None = None

    @property
    def is_exit(self) -> bool:
        """Whether a process ended in it."""
        return self.new == S.EXITED or (self.pid != 0 and self.new in (S.BACKOFF, S.STOPPED))


class History:
    """The transitions of one process, the newest last."""

    __slots__ = ("entries",)

    def __init__(self) -> None:
        self.entries: list[Past] = []

    def add(self, transition: Transition, when: float, status: int | None, ends: Callable[[], Ends]) -> None:
        """Keep a transition; ``status`` and ``ends`` count, and are asked for, only where it is an exit."""
        cause = _clipped(transition.cause, _CAUSE_BYTES)
        past = Past(when, transition.old, transition.new, cause, transition.pid, transition.tries)
        if past.is_exit:
            stdout, stderr = ends()
            past = past._replace(status=status, stdout=stdout, stderr=stderr)
        self.entries.append(past)
        del self.entries[:-KEPT]

    def last_exit(self) -> Past | None:
        """The newest transition in which a process ended."""
        return next((past for past in reversed(self.entries) if past.is_exit), None)

    def packed(self) -> list[bytes]:
        """The newest entries for a state record, the newest first."""
        newest = [self.entries[-n] for n in range(1, min(SAVED, len(self.entries)) + 1)]
        return [
            pack_local([round(past.when, 2), *past[1:3], _clipped(past.cause, _SAVED_CAUSE_BYTES), *past[4:]])
            for past in newest
        ]

    def restore(self, packed: Sequence[bytes]) -> None:
        """Take over what ``packed`` gave; what another version has put there is left out."""
        for data in reversed(packed):
            with contextlib.suppress(ValueError, TypeError):
                *facts, stdout, stderr = msgpack.unpackb(data, unicode_errors="surrogateescape")
                self.entries.append(Past._make([*facts, _place(stdout), _place(stderr)]))


def _place(data: list[int] | None) -> Place | None:
    return None if data is None else (data[0], data[1])


def _clipped(text: str, limit_bytes: int) -> str:
    if len(text) * 4 <= limit_bytes:
        return text
    return text.encode("utf-8", "surrogateescape")[:limit_bytes].decode("utf-8", "ignore")
