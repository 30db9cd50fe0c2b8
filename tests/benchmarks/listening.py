"""Events: how many a second a listener gets."""

from __future__ import annotations

import statistics
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
        yield row(
            f"events to a listener, {count} programs", "events/s", figures, goal=10_000.0, better="more"
        )


def _rate(bench: Bench, side: Side, count: int) -> float:
    """Events a second, from the first instruction of the program that writes them."""
    server = bench.fleet(side, count)
    with server.running("hear"), server.running("tokens") as (stamp,):
        server.disconnect()
        heard = server.wait_mode("heard", PATIENCE_S)
    server.remove_logs("tokens")
    return TOKENS[side] / (heard.when - stamp.when)
