"""CPU and memory of processes, sampled when somebody asks; must never know who."""

from __future__ import annotations

import psutil


class UsageSampler:
    """CPU is measured between two samples of the same process, whoever asks."""

    def __init__(self) -> None:
        self._known: dict[int, psutil.Process] = {}

    def sample(self, pids: dict[str, int]) -> dict[str, list[float]]:
        """Name to [CPU in percent of one core since the last sample, resident bytes]; those that run."""
        usage: dict[str, list[float]] = {}
        for name, pid in pids.items():
            if not pid:
                continue
            try:
                process = self._known.get(pid)
                if process is None or not process.is_running():
                    process = self._known[pid] = psutil.Process(pid)
                with process.oneshot():
                    usage[name] = [process.cpu_percent(), float(process.memory_info().rss)]
            except psutil.Error:
                self._known.pop(pid, None)  # it has just ended, or is not ours to look at
        if len(self._known) > 4 * max(len(pids), 1000):
            self._known = {pid: p for pid, p in self._known.items() if p.is_running()}
        return usage
