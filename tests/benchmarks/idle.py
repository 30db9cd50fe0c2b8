"""What it costs to do nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator

from . import machine
from .bench import Bench, row
from .servers import Side
from .table import Row


def idle(bench: Bench) -> Iterator[Row]:
    """CPU, wake-ups and memory with programs that sleep; both supervisors at the same time."""
    few, many, seconds = bench.sizes.few, bench.sizes.many, bench.sizes.idle_seconds
    pids = {side: bench.fleet(side, many).pids() for side in bench.sides}
    for side in bench.sides:
        bench.fleet(side, many).disconnect()
    bench.say(f"{seconds:.0f} s of nothing, {many} programs")
    time.sleep(0.5)
    before = {side: (machine.cpu_s(p), machine.wakeups(p)) for side, p in pids.items()}
    time.sleep(seconds)
    after = {side: (machine.cpu_s(p), machine.wakeups(p)) for side, p in pids.items()}
    cpu = {side: (after[side][0] - before[side][0]) / seconds * 100 for side in pids}
    woken = {side: (after[side][1] - before[side][1]) / seconds for side in pids}
    yield row(f"idle CPU, {many} programs", "%", cpu, goal=0.05)
    yield row(f"idle wake-ups, {many} programs", "a second", woken, goal=1.0)
    memory: dict[Side, float] = {side: machine.pss_bytes(p) for side, p in pids.items()}
    small: dict[Side, float] = {
        side: machine.pss_bytes(bench.fleet(side, few).pids()) for side in bench.sides
    }
    yield row(f"memory (PSS), {few} programs", "MB", {s: v / 1e6 for s, v in small.items()})
    yield row(f"memory (PSS), {many} programs", "MB", {s: v / 1e6 for s, v in memory.items()}, goal=55.0)
    each = {side: (memory[side] - small[side]) / (many - few) / 1e3 for side in pids}
    yield row("memory for each program", "KB", each, goal=6.0)
