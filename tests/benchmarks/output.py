"""What programs write: its cost by the line and by the gigabyte, how fast it goes, how late it is seen."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Iterator

from . import machine
from .bench import RATES, Bench, medians, quantile, row
from .children import LINE_BYTES, Stamps
from .servers import Server, Side
from .table import Row
from .wires import LineTimes, follow, stream_path, tail

LINE_GOALS = {"lines1000": 20.0, "lines100": 150.0, "burst": 2.0}
SETTLE_S = 0.4


def lines(bench: Bench) -> Iterator[Row]:
    """CPU of the supervisor for 1,000 lines of one program beside many that sleep."""
    titles = {"lines1000": "1,000 a second", "lines100": "100 a second", "burst": "20,000 a second in bursts"}
    for name in RATES:
        for count in (bench.sizes.few, bench.sizes.many):

            def cost(side: Side, name: str = name, count: int = count) -> float:
                server = bench.fleet(side, count)
                bench.say(f"lines, {titles[name]}, {count} programs, {side}")
                return cost_of_lines(server, name, bench.sizes.seconds)

            figures = medians(bench.alternating(bench.sizes.runs, cost))
            what = f"1,000 lines, {titles[name]}, {count} programs"
            yield row(what, "CPU ms", figures, goal=LINE_GOALS[name])


def cost_of_lines(server: Server, name: str, seconds: float) -> float:
    """Milliseconds of CPU for each 1,000 lines that reached the log."""
    server.remove_logs(name)
    with server.running(name):
        server.disconnect()
        machine.until(lambda: server.log_bytes(name), "the first line")
        time.sleep(SETTLE_S)
        pids = server.pids()
        cpu, size = machine.cpu_s(pids), server.log_bytes(name)
        time.sleep(seconds)
        cpu, size = machine.cpu_s(pids) - cpu, server.log_bytes(name) - size
    return cpu * 1e6 / (size / LINE_BYTES)


def bulk(bench: Bench) -> Iterator[Row]:
    """One program writes as fast as it can; beside it the same program into ``cat > file``."""
    sizes = bench.sizes
    for name, title, total, chunk, cpu_goal in (
        ("bulk", "64 KiB writes", sizes.bulk_bytes, 65536, 0.7),
        ("bulkrot", "64 KiB writes, rotated", sizes.bulk_bytes, 65536, 0.7),
        ("small", "100-byte writes", sizes.small_bytes, 100, 1.5),
    ):
        cat: list[float] = []
        speed: dict[Side, list[float]] = {side: [] for side in bench.sides}
        relative: dict[Side, list[float]] = {side: [] for side in bench.sides}
        cpu: dict[Side, list[float]] = {side: [] for side in bench.sides}
        what = f"{total / 1e6:.0f} MB in {title}"
        for _ in range(sizes.runs):
            bench.say(what)
            cat.append(_cat(bench, total, chunk) / 1e6)
            for side in bench.sides:
                seconds, used = _bulk(bench.fleet(side, sizes.few), name, total)
                speed[side].append(total / seconds / 1e6)
                relative[side].append(speed[side][-1] / cat[-1])
                cpu[side].append(used / (total / 1e9))
        goal = 0.9 if name != "small" else None
        floor = statistics.median(cat)
        yield row(f"{what}, speed", "of cat", medians(relative), goal=goal, better="more")
        yield row(f"{what}, speed", "MB/s", medians(speed), better="more", floor=floor)
        yield row(f"{what}, cost", "CPU s/GB", medians(cpu), goal=cpu_goal)


def _cat(bench: Bench, total: int, chunk: int) -> float:
    """Bytes a second through a pipe into ``cat > file``."""
    path, stamps = bench.folder / "cat", Stamps(bench.folder / "cat.stamps")
    stamps.read()
    with open(path, "wb") as file:
        writer = subprocess.Popen(
            bench.child.argv("bulk", stamps.path, total, chunk),
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        )
        reader = subprocess.Popen(["cat"], stdin=writer.stdout, stdout=file)
        assert writer.stdout is not None
        writer.stdout.close()
        reader.wait()
        ended = time.monotonic()
        writer.wait()
    (stamp,) = stamps.read()
    path.unlink()
    return total / (ended - stamp.when)


def _bulk(server: Server, name: str, total: int) -> tuple[float, float]:
    """Seconds from the program's first instruction to the last byte in the log; CPU seconds of the supervisor."""
    server.remove_logs(name)
    server.stamps.read()
    pids = server.pids()
    cpu = machine.cpu_s(pids)
    written = (total + 65535) // 65536 * 65536 if name != "small" else total
    server.call("startProcess", name, False)
    machine.until(lambda: server.log_bytes(name) >= written, f"all of {name} in the log")
    ended = time.monotonic()
    cpu = machine.cpu_s(pids) - cpu
    stamp = next(stamp for stamp in server.stamps.read() if stamp.mode == "bulk")
    server.remove_logs(name)
    return ended - stamp.when, cpu


def latency(bench: Bench) -> Iterator[Row]:
    """How old a line is when a client has it; the pipe is quiet between two lines."""
    count, seconds = bench.sizes.few, 2 * bench.sizes.seconds
    tails: dict[Side, list[float]] = {}
    for side in bench.sides:
        server = bench.fleet(side, count)
        bench.say(f"line latency, {side}")
        with server.running("late"):
            server.disconnect()
            tails[side] = _ages(tail(server.socket, "late"), seconds)
            if side == "ours":
                followed = _ages(follow(stream_path(server.socket), "late"), seconds)
    for share, goal in ((0.5, 1.0), (0.99, 6.0)):
        title = f"p{share * 100:.0f}"
        figures = {side: quantile(ages, share) * 1e3 for side, ages in tails.items()}
        yield row(f"line to an HTTP tail -f, {title}", "ms", figures, goal=goal)
        yield Row(f"line to a stream follower, {title}", "ms", quantile(followed, share) * 1e3, goal=goal)


def _ages(client: LineTimes, seconds: float) -> list[float]:
    """The first second is not counted: it brings old lines."""
    try:
        for _ in client.lateness(0.5):
            pass
        return list(client.lateness(seconds))
    finally:
        client.close()
