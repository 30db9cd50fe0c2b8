"""Waiting for conditions, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE_S = 30.0
"""How long anything may take on a loaded machine before a test gives up."""


def until(condition: Callable[[], T], what: str, deadline_s: float = PATIENCE_S, pause_s: float = 0.01) -> T:
    """The first true value of ``condition``. Fails the test when it does not come."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {deadline_s:g} s in vain for {what}; last seen: {value!r}")
        time.sleep(pause_s)
