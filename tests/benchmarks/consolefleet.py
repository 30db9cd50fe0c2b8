"""The console over very many scripted supervisors, and over a day that is played fast."""

from __future__ import annotations

import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.tui.ptyapp import PtyApp

from .bench import QUICK, Bench, quantile
from .consolelogs import FRAME_MS, key_times
from .machine import cpu_s, pss_bytes
from .table import Row

SUPERVISORS = 200
EACH = 100
CHANGES_A_SECOND = 200
IDLE_PERCENT = 5.0
GROWTH_MB = 15.0
"""What 64 MiB of kept logs, a timeline and histories may still take after the first hour: the log here is small."""


class Servers:
    """The process that serves; ``order`` sends it a line, ``hear`` waits for one."""

    def __init__(self, folder: Path, supervisors: int, each: int) -> None:
        self.folder = folder
        self.names = [f"s{number:03d}" for number in range(supervisors)]
        self._popen = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.scripted", str(folder), str(supervisors), str(each)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self.hear("ready")

    def order(self, text: str) -> None:
        assert self._popen.stdin is not None
        self._popen.stdin.write(f"{text}\n".encode())
        self._popen.stdin.flush()

    def hear(self, wanted: str) -> None:
        assert self._popen.stdout is not None
        line = self._popen.stdout.readline().decode().strip()
        if line != wanted:
            raise OSError(f"the scripted supervisors said {line!r}, not {wanted!r}")

    def heard(self) -> int:
        """A descriptor that becomes readable when there is something to ``hear``."""
        assert self._popen.stdout is not None
        return self._popen.stdout.fileno()

    def end(self) -> None:
        self._popen.kill()
        self._popen.communicate()


@contextmanager
def _serving(bench: Bench, name: str, supervisors: int, each: int) -> Iterator[Servers]:
    folder = bench.folder / name
    folder.mkdir()
    servers = Servers(folder, supervisors, each)
    try:
        file = folder / "fleet.toml"
        file.write_text("".join(f'[fleet.{n}]\nurl = "unix://{folder}/{n}"\n' for n in servers.names))
        yield servers
    finally:
        servers.end()


def fleet(bench: Bench) -> Iterator[Row]:
    """200 supervisors of 100 processes: first paint, all known, a key's answer while states change, CPU when idle."""
    keys = 30 if bench.sizes == QUICK else 200
    bench.say(f"a fleet of {SUPERVISORS} supervisors, {SUPERVISORS * EACH} processes")
    with _serving(bench, "fleet", SUPERVISORS, EACH) as servers:
        begun = time.perf_counter()
        file = servers.folder / "fleet.toml"
        with PtyApp(["--fleet", str(file)], servers.folder, rows=60, cols=200) as console:
            console.see(f"FLEET {SUPERVISORS} supervisors")
            painted = time.perf_counter() - begun
            console.see(f"{SUPERVISORS * EACH} procs  {SUPERVISORS * EACH} up")
            known = time.perf_counter() - begun
            console.settle()
            servers.order(f"rate {CHANGES_A_SECOND}")
            taken = key_times(console, keys)
            servers.order("rate 0")
            console.settle()
            idle = _cpu_percent(console, bench.sizes.idle_seconds)
            memory = pss_bytes([console.pid]) / 1e6
    yield Row("console, 200 supervisors: first paint", "s", painted, goal=1.0)
    yield Row("console, 200 supervisors: 20,000 processes known", "s", known)
    yield Row("console, 200 supervisors: key to paint, p99", "ms", quantile(taken, 0.99), goal=FRAME_MS)
    yield Row("console, 200 supervisors: key to paint, median", "ms", quantile(taken, 0.5))
    yield Row("console, 200 supervisors: idle CPU", "%", idle, goal=IDLE_PERCENT)
    yield Row("console, 200 supervisors: memory (PSS)", "MB", memory)


def _cpu_percent(console: PtyApp, seconds: float) -> float:
    before, begun = cpu_s([console.pid]), time.perf_counter()
    while time.perf_counter() - begun < seconds:
        console.pump(0.2)
    return (cpu_s([console.pid]) - before) / (time.perf_counter() - begun) * 100


def day(bench: Bench) -> Iterator[Row]:
    """A day, a change and a line of a log a second, played fast: what memory grows by after its first hour."""
    hours = 3 if bench.sizes == QUICK else 24
    bench.say(f"{hours} hours of changes and a log, played fast")
    with (
        _serving(bench, "day", 1, EACH) as servers,
        PtyApp(["-s", f"unix://{servers.folder}/s000"], servers.folder, rows=60, cols=200) as console,
    ):
        console.see(f"{EACH} procs", "g00:p000  stdout")
        memory = []
        for _ in range(hours):
            servers.order("hour")
            _pump_until_heard(console, servers)
            console.settle()
            memory.append(pss_bytes([console.pid]) / 1e6)
    yield Row("console, memory (PSS) after an hour", "MB", memory[0])
    yield Row(f"console, growth from hour 1 to {hours}", "MB", memory[-1] - memory[0], goal=GROWTH_MB)


def _pump_until_heard(console: PtyApp, servers: Servers) -> None:
    while not select.select([servers.heard()], [], [], 0)[0]:
        console.pump(0.05)
    servers.hear("done")
