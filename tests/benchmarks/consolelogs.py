"""How soon the console paints what a key did while four programs flood four panes of logs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from tests.support.supervisor import Supervisor
from tests.tui.ptyapp import PtyApp

from .bench import QUICK, Bench, quantile
from .table import Row

FRAME_MS = 33.0
PROGRAMS = "[program:flood]\nprocess_name=flood%(process_num)d\nnumprocs=4\ncommand=yes abcdefgh\n"


def logs(bench: Bench) -> Iterator[Row]:
    """From a key to its answer on the screen, four panes flooded, 200 by 60 cells; 99th percentile."""
    keys = 30 if bench.sizes == QUICK else 200
    bench.say(f"four flooded panes, {keys} keys")
    folder = bench.folder / "logs"
    folder.mkdir()
    supervisor = Supervisor(folder, PROGRAMS).start()
    try:
        taken = _taken(folder, keys)
    finally:
        supervisor.shutdown()
    yield Row("console, key to paint, four flooded panes, p99", "ms", quantile(taken, 0.99), goal=FRAME_MS)
    yield Row("console, key to paint, four flooded panes, median", "ms", quantile(taken, 0.5))


def _taken(folder: Path, keys: int) -> list[float]:
    """Milliseconds for each key."""
    with PtyApp(["-s", f"unix://{folder}/s"], folder, rows=60, cols=200) as console:
        console.see("flood3", "RUNNING")
        console.keys("G", "o")
        console.see("> logs")
        for number, key in enumerate("|-|"):
            console.keys(key)
            console.see("Show in the new pane")
            console.keys(f"flood:flood{number}")
            console.see("  1 of ")
            console.keys("enter")
            console.miss("Show in the new pane")
        console.wait(lambda: console.text().count("abcdefgh") > 100, "four floods")
        return key_times(console, keys)


def key_times(console: PtyApp, keys: int) -> list[float]:
    """Milliseconds from each of so many keys to its answer on the message line."""
    taken = []
    for number in range(keys):
        wanted = "mouse on" if number % 2 else "mouse off"
        begun = time.perf_counter()
        console.keys("M")
        while wanted not in console.lines()[-2]:
            console.pump(0.05)
        taken.append((time.perf_counter() - begun) * 1000)
    return taken
