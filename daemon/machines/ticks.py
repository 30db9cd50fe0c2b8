"""Pure: when TICK events are due by the wall clock; must never know who wants them, timers.

A period's *slice* is the wall time rounded down to a multiple of it; a tick is due when
the slice is another one than at the last look. However many were missed (the machine
slept, the clock was set), one tick makes up for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable

PERIODS = (5, 60, 3600)
LOOK_S = 30.0
"""How long to sleep at most: a clock that was set is noticed by then."""


class Ticks:
    """``slices``: the last slice seen of each period, epoch seconds; to be kept over a crash."""

    def __init__(self, slices: dict[int, int] | None = None) -> None:
        self.slices = dict(slices or {})

    def due(self, wall: float, periods: Iterable[int] = PERIODS) -> list[tuple[int, int]]:
        """(period, when) of each tick that is due at ``wall``, shortest period first; the first look gives none."""
        found = []
        for period in sorted(periods):
            now = int(wall // period) * period
            if self.slices.get(period, now) != now:
                found.append((period, now))
            self.slices[period] = now
        return found

    @staticmethod
    def wait_s(wall: float, periods: Iterable[int]) -> float:
        """Seconds until the next look, a little behind the next boundary of the nearest period."""
        nearest = min(period - wall % period for period in periods)
        return min(nearest + 0.001, LOOK_S)
