"""CPU and memory of processes, sampled when somebody asks; must never know who."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

import psutil

FRESH_S: Final = 0.4
"""A sample that is no older serves whoever asks: measured over less, CPU would be noise."""
KNOWN_FREE: Final = 1000
"""So many processes may have ended and still be known."""


@dataclass(slots=True)
class _Sampled:
    """``usage``: [CPU in percent of one core, resident bytes] ``at`` monotonic seconds."""

    process: psutil.Process
    at: float
    usage: list[float]


class UsageSampler:
    """CPU is measured between two samples of the same process, whoever asks."""

    def __init__(self) -> None:
        self._known: dict[int, _Sampled] = {}
        self._look_over = KNOWN_FREE

    def sample(self, pids: dict[str, int]) -> dict[str, list[float]]:
        """Name to [CPU in percent of one core since the last sample, resident bytes]; those that run."""
        usage: dict[str, list[float]] = {}
        for name, pid in pids.items():
            found = self._sampled(pid) if pid else None
            if found is not None:
                usage[name] = found.usage
        if len(self._known) > self._look_over:
            self._known = {pid: known for pid, known in self._known.items() if known.process.is_running()}
            self._look_over = 2 * len(self._known) + KNOWN_FREE  # so that not every question looks at all
        return usage

    def _sampled(self, pid: int) -> _Sampled | None:
        known = self._known.get(pid)
        now = time.monotonic()
        if known is not None and now - known.at < FRESH_S:
            return known
        try:
            process = (
                known.process if known is not None and known.process.is_running() else psutil.Process(pid)
            )
            with process.oneshot():
                usage = [process.cpu_percent(), float(process.memory_info().rss)]
        except psutil.Error:
            self._known.pop(pid, None)  # it has just ended, or is not ours to look at
            return None
        fresh = self._known[pid] = _Sampled(process, now, usage)
        return fresh
