"""``python -m tests.benchmarks``: ours beside the original Supervisor, in one run, as one table."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from types import FrameType

from . import (
    attaching,
    calls,
    children,
    commands,
    consolefleet,
    consolelogs,
    crowd,
    emulation,
    followers,
    idle,
    listening,
    machine,
    oracle,
    output,
    starting,
    table,
)
from .bench import QUICK, Bench, Benchmark, Sizes
from .pace import Pace
from .servers import SIDES, Side
from .table import Row

BENCHMARKS: dict[str, Benchmark] = {
    "commands": commands.commands,
    "start": starting.start,
    "idle": idle.idle,
    "restart": starting.restart,
    "lines": output.lines,
    "latency": output.latency,
    "bulk": output.bulk,
    "followers": followers.followers,
    "events": listening.events,
    "getstate": calls.getstate,
    "getall": calls.getall,
    "status": calls.status,
    "stop": starting.stop,
    "recovery": starting.recovery,
    "crowd": crowd.crowd,
    "emulator": emulation.emulation,
    "logs": consolelogs.logs,
    "fleet": consolefleet.fleet,
    "day": consolefleet.day,
    "attached": attaching.attaching,
}


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="which benchmarks; all by default")
    parser.add_argument("--list", action="store_true", help="say what there is")
    parser.add_argument("--quick", action="store_true", help="smaller sizes, one run each")
    parser.add_argument("--ours", action="store_true", help="without the original")
    parser.add_argument("--many", type=int, metavar="N", help="how many programs are many (1,000)")
    parser.add_argument("--runs", type=int, metavar="N", help="how often each figure is taken (3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows to a file as well")
    parser.add_argument(
        "--rst", type=Path, metavar="FILE", help="write the table as reStructuredText as well"
    )
    given = parser.parse_args(argv)
    unknown = [name for name in given.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}")
    return given


def sides(ours_only: bool) -> tuple[Side, ...]:
    """Which supervisors there are to compare; says when the original is missing."""
    if ours_only:
        return SIDES[:1]
    problem = oracle.install()
    if problem:
        print(
            f"the original Supervisor {oracle.VERSION} cannot be had, ours alone: {problem}", file=sys.stderr
        )
        return SIDES[:1]
    return SIDES


def measure(bench: Bench, pace: Pace, names: list[str]) -> list[Row]:
    """The rows of the benchmarks; one that fails says so and is left out."""
    rows: list[Row] = []
    for name in names:
        print(f"{name}:", file=sys.stderr, flush=True)
        try:
            for row in BENCHMARKS[name](bench):
                rows.append(replace(row, benchmark=name, pace=pace.since()))
        except (machine.GaveUp, OSError) as error:
            print(f"  {name} failed: {error}", file=sys.stderr)
    return rows


def terminated(sig: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + sig)


def main() -> int:
    given = parse(sys.argv[1:])
    if given.list:
        for name, function in BENCHMARKS.items():
            print(f"{name:10} {(function.__doc__ or '').splitlines()[0]}")
        return 0
    signal.signal(signal.SIGTERM, terminated)
    machine.become_reaper()
    machine.raise_limits()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode, on both sides
    sizes = QUICK if given.quick else Sizes()
    sizes = replace(
        sizes, **{key: value for key in ("many", "runs") if (value := getattr(given, key)) is not None}
    )
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        child = children.build(Path(folder))
        if not child.compiled:
            print("no C compiler: the programs are Python scripts, starts look slower", file=sys.stderr)
        bench = Bench(Path(folder), child, sides(given.ours), sizes)
        try:
            rows = measure(bench, Pace(Path(folder), child), given.names or list(BENCHMARKS))
        finally:
            bench.end()
    load = os.getloadavg()[0]
    print(f"\n{machine.description()}; {time.strftime('%Y-%m-%d')}; load at the end {load:.1f}")
    print(
        f"{time.monotonic() - began:.0f} s; ratio: how many times better ours is; pace: of the machine at that moment\n"
    )
    print(table.text(rows))
    if given.json:
        given.json.write_text(
            json.dumps({"machine": machine.description(), "rows": table.plain(rows)}, indent=1)
        )
    if given.rst:
        given.rst.write_text(f"{table.rst(rows)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
