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
_SAVED_BYTES = 120
"""A longer entry is cut, so that a record has room for several."""

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
    """The transitions of one process, the newest last. They are kept as they are saved: that takes less room than
    objects, and packing them is most of what a save costs.
    """

    __slots__ = ("_packed",)

    def __init__(self) -> None:
        self._packed: list[bytes] = []

    @property
    def entries(self) -> list[Past]:
        return [_unpacked(data) for data in self._packed]

    def add(self, transition: Transition, when: float, status: int | None, ends: Callable[[], Ends]) -> None:
        """Keep a transition; ``status`` and ``ends`` count, and are asked for, only where it is an exit."""
        cause = _clipped(transition.cause, _CAUSE_BYTES)
        past = Past(round(when, 2), transition.old, transition.new, cause, transition.pid, transition.tries)
        if past.is_exit:
            stdout, stderr = ends()
            past = past._replace(status=status, stdout=stdout, stderr=stderr)
        self._packed.append(pack_local(past))
        del self._packed[:-KEPT]

    def last_exit(self) -> Past | None:
        """The newest transition in which a process ended."""
        return next((past for past in map(_unpacked, reversed(self._packed)) if past.is_exit), None)

    def packed(self) -> list[bytes]:
        """The newest entries for a state record, the newest first; a long cause is cut."""
        newest = self._packed[: -SAVED - 1 : -1]
        return [data if len(data) <= _SAVED_BYTES else _shorter(data) for data in newest]

    def restore(self, packed: Sequence[bytes]) -> None:
        """Take over what ``packed`` gave; what another version has put there is left out."""
        for data in reversed(packed):
            with contextlib.suppress(ValueError, TypeError, LookupError):
                _unpacked(data)
                self._packed.append(data)


def _unpacked(data: bytes) -> Past:
    """Raises ValueError, TypeError, LookupError."""
    *facts, stdout, stderr = msgpack.unpackb(data, unicode_errors="surrogateescape")
    return Past._make([*facts, _place(stdout), _place(stderr)])


def _shorter(data: bytes) -> bytes:
    past = _unpacked(data)
    return pack_local(past._replace(cause=_clipped(past.cause, _SAVED_CAUSE_BYTES)))


def _place(data: list[int] | None) -> Place | None:
    return None if data is None else (data[0], data[1])


def _clipped(text: str, limit_bytes: int) -> str:
    if len(text) * 4 <= limit_bytes:
        return text
    return text.encode("utf-8", "surrogateescape")[:limit_bytes].decode("utf-8", "ignore")
