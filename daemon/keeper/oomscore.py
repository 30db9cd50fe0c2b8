"""Whom the system ends when memory runs out: keeper and daemon last; must never know programs.

What may lower its score does so before it becomes the keeper, and what it was is handed on:
while a program is started the keeper has that again, since a child inherits it, and its own
afterwards. So no process of a program is ever taken for one of ours.

Way not taken: the score of a child written from outside. Another process may run before it is.

Standard library only: the keeper imports this.
"""

from __future__ import annotations

import os
from typing import Final

OWN: Final = "/proc/self/oom_score_adj"
LAST: Final = -900
"""Behind everything but what must not be ended at all (-1000)."""
ALLOWED_TO_ALL: Final = 0
"""Where it was raised by who is nobody special."""


def lower() -> int | None:
    """Lower our own as far as we may; what it was before, None where that changes nothing."""
    try:
        fd = os.open(OWN, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None  # not Linux, or no /proc
    try:
        before = int(os.pread(fd, 16, 0))
        for score in (LAST, ALLOWED_TO_ALL):
            if score < before and _written(fd, score):
                return before
    finally:
        os.close(fd)
    return None


def _written(fd: int, score: int) -> bool:
    try:
        os.pwrite(fd, b"%d" % score, 0)
    except OSError:
        return False
    return True


class OomScore:
    """``with score:`` what is started within gets ``inherited``; None: nothing was changed, nor is now."""

    def __init__(self, inherited: int | None) -> None:
        self._fd = -1
        if inherited is None:
            return
        try:
            self._fd = os.open(OWN, os.O_RDWR | os.O_CLOEXEC)  # kept open: each start takes two microseconds
            self._own = int(os.pread(self._fd, 16, 0))
        except OSError:
            return
        self._inherited = inherited

    def __enter__(self) -> None:
        if self._fd >= 0:
            _written(self._fd, self._inherited)

    def __exit__(self, *_: object) -> None:
        if self._fd >= 0:
            _written(self._fd, self._own)
