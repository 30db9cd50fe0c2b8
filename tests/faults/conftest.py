"""What the fault tests injected and how long recoveries took; ``make faults`` prints it as a table at the end."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pytest

MANY = int(os.environ.get("FAULTS_MANY", "1"))
"""How many times as many as in a quick run."""

only_many = pytest.mark.skipif(MANY == 1, reason="takes its time; make faults")


@dataclass
class Faults:
    """Notes of one test; they travel with its report, also from another process."""

    record: Callable[[str, object], None]

    def injected(self, kind: str, count: int = 1) -> None:
        self.record("fault", (kind, count))

    def checked(self, count: int) -> None:
        """How many invariants were looked at and held: each line compared, each process, each status."""
        assert count > 0, "nothing was checked"
        self.record("checked", count)

    def recovered(self, seconds: float) -> None:
        """How long it took until a control call was answered after the death of the daemon."""
        self.record("recovery", seconds)


@pytest.fixture
def faults(record_property: Callable[[str, object], None]) -> Faults:
    return Faults(record_property)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not os.environ.get("FAULTS_TABLE"):
        return
    counts: Counter[str] = Counter()
    recoveries: list[float] = []
    passed, lost, checked = 0, 0, 0
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.stats.get(outcome, []):
            notes = [value for name, value in report.user_properties if name == "fault"]
            recoveries += [value for name, value in report.user_properties if name == "recovery"]
            if outcome == "passed":
                passed += 1
                checked += sum(value for name, value in report.user_properties if name == "checked")
                for kind, count in notes:
                    counts[kind] += count
            else:
                lost += 1
    write = terminalreporter.write_line
    write("")
    write(f"{'fault injected':<58}{'times':>8}")
    write("-" * 66)
    for kind, count in sorted(counts.items()):
        write(f"{kind:<58}{count:>8,}")
    write("-" * 66)
    write(f"{'in all, every invariant of every test held':<54}{sum(counts.values()):>12,}")
    write(f"{'invariants checked (each line, process, status compared)':<58}{checked:>12,}")
    write(f"{'tests passed':<58}{passed:>8,}")
    write(f"{'tests in which something was lost, doubled or stuck':<58}{lost:>8,}")
    skipped = len(terminalreporter.stats.get("skipped", []))
    if skipped:
        write(f"{'tests skipped, their faults were not injected':<58}{skipped:>8,}")
    if recoveries:
        ordered = sorted(recoveries)
        for name, share in (("p50", 0.5), ("p99", 0.99)):
            value = ordered[min(len(ordered) - 1, int(len(ordered) * share))]
            write(f"{f'daemon killed to the next answer, {name} of {len(ordered):,}':<58}{value:>6.2f} s")
