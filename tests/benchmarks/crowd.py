"""Very many programs; ours alone, since the original takes minutes."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator

from . import machine
from .bench import Bench, quantile
from .output import LINE_GOALS, cost_of_lines
from .servers import Server
from .starting import first_answer, latencies
from .table import Row
from .wires import Rpc

CROWD = 9_000
DESCRIPTORS = 20_000
LISTED = 10_000
RESTARTS = 20
START_PATIENCE_S = 300.0


def crowd(bench: Bench) -> Iterator[Row]:
    """9,000 programs in 20,000 descriptors, and the status of 10,000. Ours only."""
    count = min(CROWD, 9 * bench.sizes.many)
    with bench.one("ours", count, minfds=DESCRIPTORS) as server:
        bench.say(f"starting {count} programs")
        began = server.launch()
        last = max(stamp.when for stamp in server.wait_stamps(count, START_PATIENCE_S))
        server.wait_ready()
        yield Row(f"command to {count} programs exec'ed", "s", last - began)
        pids = server.pids()
        most = max(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)
        yield Row(f"descriptors of one process, {count}", "", most, goal=float(DESCRIPTORS))
        yield Row(f"memory (PSS), {count} programs", "MB", machine.pss_bytes(pids) / 1e6)
        bench.say("status, restarts, lines")
        runs = [server.ctl("status") for _ in range(bench.sizes.runs)]
        yield Row(f"supervisorctl status, {count} programs", "s", statistics.median(runs), goal=0.6)
        yield from _replaced(bench, server, count)
        cost = statistics.median(
            cost_of_lines(server, "lines1000", bench.sizes.seconds) for _ in range(bench.sizes.runs)
        )
        what = f"1,000 lines, 1,000 a second, {count} programs"
        yield Row(what, "CPU ms", cost, goal=LINE_GOALS["lines1000"])
        yield from _recovered(bench, server, count)
        bench.say(f"stopping {count}")
        began = time.monotonic()
        server.call("stopProcessGroup", "idle", True)
        yield Row(f"stopProcessGroup, {count} programs", "s", time.monotonic() - began, goal=5.0)
    listed = min(LISTED, 10 * bench.sizes.many)
    with bench.one("ours", listed, autostart=False) as server:
        server.launch()
        server.wait_ready()
        server.disconnect()
        runs = [server.ctl("status") for _ in range(bench.sizes.runs)]
        what = f"supervisorctl status, {listed} programs, none runs"
        yield Row(what, "s", statistics.median(runs), goal=0.6)


def _replaced(bench: Bench, server: Server, count: int) -> Iterator[Row]:
    taken = latencies(server, bench.sizes.kills)
    yield Row(f"SIGKILL to replacement, {count} programs, p50", "ms", quantile(taken, 0.5) * 1e3, goal=2.0)
    yield Row(f"SIGKILL to replacement, {count} programs, p99", "ms", quantile(taken, 0.99) * 1e3, goal=10.0)
    seconds = []
    for number in range(RESTARTS):
        began = time.monotonic()
        server.call("restartProcess", f"idle:idle_{number:04d}", True)
        seconds.append(time.monotonic() - began)
    server.wait_stamps(RESTARTS)
    yield Row(f"restartProcess, {count} programs, p50", "ms", quantile(seconds, 0.5) * 1e3, goal=15.0)


def _recovered(bench: Bench, server: Server, count: int) -> Iterator[Row]:
    bench.say(f"killing the daemon of {count}")
    request = Rpc.request("supervisor.getState")
    seconds = []
    for _ in range(bench.sizes.runs):
        server.disconnect()
        killed = time.monotonic()
        server.kill_daemon()
        first_answer(server, request)
        seconds.append(time.monotonic() - killed)
    yield Row(f"daemon killed to RPC, {count} programs, median", "s", statistics.median(seconds))
