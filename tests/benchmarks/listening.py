"""Events: how many a second a listener gets."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Iterator

from . import machine
from .bench import TOKENS, Bench, row
from .servers import Side
from .table import Row

PATIENCE_S = 30.0


def events(bench: Bench) -> Iterator[Row]:
    """Communication tokens of one program, back to back, until a listener in C has answered for the last."""
    for count in (bench.sizes.few, bench.sizes.many):
        figures: dict[Side, float] = {}
        for side in bench.sides:
            bench.say(f"events with {count} programs, {side}")
            runs = bench.sizes.runs if side == "ours" else 1
            try:
                figures[side] = statistics.median(_rate(bench, side, count) for _ in range(runs))
            except machine.GaveUp as error:
                if side == "ours":
                    raise
                bench.say(f"left out: {error}")  # it does not always get through
        what, floor = f"events to a listener, {count} programs", _relayed(bench)
        yield row(what, "events/s", figures, goal=10_000.0, better="more", floor=floor)


def _rate(bench: Bench, side: Side, count: int) -> float:
    """Events a second, from the first instruction of the program that writes them."""
    server = bench.fleet(side, count)
    with server.running("hear"), server.running("tokens") as (stamp,):
        server.disconnect()
        heard = server.wait_mode("heard", PATIENCE_S)
    server.remove_logs("tokens")
    return TOKENS[side] / (heard.when - stamp.when)


_RELAY = r"""
import asyncio, os, subprocess, sys, time
COUNT, PAYLOAD = int(sys.argv[1]), b"processname:tokens groupname:tokens pid:4711\ntoken 000000"
listener = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
loop, sent, answers = asyncio.new_event_loop(), 0, listener.stdout.fileno()
def ready():
    global sent
    if not os.read(answers, 65536).endswith(b"READY\n"):
        return
    if sent == COUNT:
        loop.stop()
        return
    sent += 1
    head = b"ver:3.0 server:supervisor serial:%d pool:hear poolserial:%d eventname:PROCESS_COMMUNICATION_STDOUT len:%d\n"
    os.write(listener.stdin.fileno(), head % (sent, sent, len(PAYLOAD)) + PAYLOAD)
loop.add_reader(answers, ready)
began = time.monotonic()
loop.run_forever()
print(COUNT / (time.monotonic() - began))
listener.kill()
listener.wait()
"""


def _relayed(bench: Bench) -> float:
    """What a bare asyncio loop makes that sends the listener the next event for each answer, and keeps none."""
    count = TOKENS["ours"]
    argv = bench.child.argv("listen", bench.folder / "relayed", count)
    relay = [sys.executable, "-c", _RELAY, str(count), *argv]
    return float(
        subprocess.run(relay, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=120).stdout
    )
