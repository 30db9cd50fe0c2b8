"""How long a user waits for a command that has next to nothing to do."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Iterator

from .bench import Bench, medians, row
from .servers import BIN, Side
from .table import Row

TIMES = 5
"""A command is short: so many runs for each that others have."""


def commands(bench: Bench) -> Iterator[Row]:
    """Wall time of ``supervisord --version`` and its like, and of a start until RPC answers."""
    times = TIMES * bench.sizes.runs
    for name in ("supervisord", "supervisorctl"):
        words = ("--version",) if name == "supervisord" else ("--help",)

        def run(side: Side, name: str = name, words: tuple[str, ...] = words) -> float:
            return _wall_s(str(BIN[side] / name), *words)

        bench.say(name)
        figures = medians(bench.alternating(times, run))
        yield row(f"{name} {words[0]}", "s", figures)
    bench.say("supervisortui")
    walls = [_wall_s(str(BIN["ours"] / "supervisortui"), "--version") for _ in range(times)]
    yield Row("supervisortui --version", "s", statistics.median(walls))

    def ready(side: Side) -> float:
        with bench.one(side, bench.sizes.few) as server:
            began = server.launch()
            server.wait_ready()
            return time.monotonic() - began

    bench.say("start until RPC answers")
    figures = medians(bench.alternating(bench.sizes.runs, ready))
    yield row(f"command to RPC, {bench.sizes.few} programs", "s", figures)


def _wall_s(*argv: str) -> float:
    began = time.monotonic()
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return time.monotonic() - began
