"""Starts, restarts, stops, recovery."""

from __future__ import annotations

import os
import random
import signal
import statistics
import time
from collections.abc import Iterator

from supervisor.states import ProcessStates

from . import machine
from .bench import Bench, medians, quantile, row
from .servers import Server, Side
from .table import Row
from .wires import Rpc

ORIGINAL_KILLS = 10
"""It takes a second for each."""
GROWN_UP_S = 1.1
HEAP_SECTION = "[rpcinterface:heap]\nsupervisor.rpcinterface_factory=heap:make\n"
HEAP_PLUGIN = """
def make(supervisord, **config):
    make.heap = [b"x" * 1_000_000 for _ in range(200)]
    return make
"""
"""A plug-in that makes the process big that it lives in: a fork of that one copies what maps it."""
START_GOALS = {10: 0.25, 1000: 1.0}


def start(bench: Bench) -> Iterator[Row]:
    """From the command ``supervisord -n`` to the first instruction of the last program."""
    sizes = bench.sizes
    for count, runs in (
        (sizes.few, sizes.runs),
        (sizes.medium, sizes.runs),
        (sizes.many, min(sizes.runs, 2)),
    ):

        def command(side: Side, count: int = count) -> float:
            bench.say(f"start of {count} programs, {side}")
            with bench.one(side, count) as server:
                began = server.launch()
                return max(stamp.when for stamp in server.wait_stamps(count)) - began

        figures = medians(bench.alternating(runs, command))
        yield row(f"command to {count} programs exec'ed", "s", figures, goal=START_GOALS.get(count))
    yield from start_group(bench)


def start_group(bench: Bench) -> Iterator[Row]:
    """From ``startProcessGroup`` to a running supervisor to the first instruction of the last program."""
    few, many = bench.sizes.few, bench.sizes.many
    for count, more, what in ((few, "", ""), (many, "", ""), (many, HEAP_SECTION, ", 200 MB heap")):

        def group(side: Side, count: int = count, more: str = more, what: str = what) -> float:
            bench.say(f"startProcessGroup of {count}{what}, {side}")
            with bench.one(side, count, autostart=False, more=more) as server:
                (server.folder / "heap.py").write_text(HEAP_PLUGIN)
                server.launch()
                server.wait_ready()
                began = time.monotonic()
                server.rpc.send(Rpc.request("supervisor.startProcessGroup", "idle", False))
                return max(stamp.when for stamp in server.wait_stamps(count)) - began

        figures = medians(bench.alternating(1, group))
        yield row(f"startProcessGroup to {count} exec'ed{what}", "s", figures, goal=START_GOALS.get(count))


def restart(bench: Bench) -> Iterator[Row]:
    """From SIGKILL of a program to the first instruction of the one that takes its place."""
    sizes = bench.sizes
    for count in (sizes.few, sizes.many):
        p50: dict[Side, float] = {}
        p99: dict[Side, float] = {}
        for side in bench.sides:
            server = bench.fleet(side, count)
            bench.say(f"killing programs of {count}, {side}")
            taken = latencies(server, sizes.kills if side == "ours" else min(sizes.kills, ORIGINAL_KILLS))
            p50[side], p99[side] = (quantile(taken, share) * 1e3 for share in (0.5, 0.99))
        yield row(f"SIGKILL to replacement, {count} programs, p50", "ms", p50, goal=2.0)
        yield row(f"SIGKILL to replacement, {count} programs, p99", "ms", p99, goal=10.0)


def latencies(server: Server, kills: int) -> list[float]:
    """Kill programs in turn, at times that have nothing to do with the server's own clock.

    None is killed in its first second: ours then waits on purpose.
    """
    rng = random.Random(1)
    begin = time.monotonic()
    running = [
        (begin, info["pid"])
        for info in server.call("getAllProcessInfo")
        if info["group"] == "idle" and info["state"] == ProcessStates.RUNNING
    ]
    server.disconnect()
    server.stamps.read()
    latencies = []
    for number in range(kills):
        since, pid = running[number % len(running)]
        pause = rng.uniform(0.01, 0.03) if server.side == "ours" else rng.uniform(0.01, 0.5)
        time.sleep(max(pause, since + GROWN_UP_S - time.monotonic()))
        killed = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        (stamp,) = server.wait_stamps(1)
        latencies.append(stamp.when - killed)
        running[number % len(running)] = (stamp.when, stamp.pid)
    return latencies


def stop(bench: Bench) -> Iterator[Row]:
    """``stopProcessGroup`` until it answers, then ``supervisorctl restart`` of the group."""
    count = bench.sizes.many
    name = f"{count} programs that die at once"

    def whole(side: Side) -> float:
        server = bench.fleet(side, count)
        bench.say(f"stop of {count}, {side}")
        began = time.monotonic()
        server.call("stopProcessGroup", "idle", True)
        seconds = time.monotonic() - began
        left = sum(info["pid"] != 0 for info in server.call("getAllProcessInfo"))
        if left:
            raise machine.GaveUp(f"{side} says that all are stopped, {left} run")
        server.call("startProcessGroup", "idle", True)
        server.wait_stamps(count)
        return seconds

    yield row(f"stopProcessGroup, {name}", "s", medians(bench.alternating(bench.sizes.runs, whole)), goal=0.5)

    def restarted(side: Side) -> float:
        server = bench.fleet(side, count)
        bench.say(f"restart of {count}, {side}")
        seconds = server.ctl("restart", "idle:*")
        server.wait_stamps(count)
        return seconds

    yield row(
        f"supervisorctl restart idle:*, {count}", "s", medians(bench.alternating(1, restarted)), goal=1.5
    )


def recovery(bench: Bench) -> Iterator[Row]:
    """SIGKILL of the daemon until RPC answers again; the programs run on. Ours only."""
    for count, runs in ((bench.sizes.medium, 7), (bench.sizes.many, 3)):
        server = bench.fleet("ours", count)
        bench.say(f"killing the daemon of {count}")
        request = Rpc.request("supervisor.getState")
        seconds: list[float] = []
        for _ in range(min(runs, 2 * bench.sizes.runs + 1)):
            time.sleep(0.3)
            server.disconnect()
            killed = time.monotonic()
            server.kill_daemon()
            first_answer(server, request)
            seconds.append(time.monotonic() - killed)
        goal = 1.0 if count == 100 else None
        yield Row(f"daemon killed to RPC, {count} programs, median", "s", statistics.median(seconds))
        yield Row(f"daemon killed to RPC, {count} programs, worst", "s", max(seconds), goal=goal)


def first_answer(server: Server, request: bytes) -> None:
    def answered() -> bool:
        try:
            server.reconnect()
            return bool(server.rpc.exchange(request))
        except OSError:
            return False

    machine.until(answered, "the next daemon to answer", pause_s=0.001)
