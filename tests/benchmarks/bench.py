"""What all benchmarks share: sizes, running supervisors, the registry; must never know one benchmark."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from . import machine
from .children import Child
from .servers import SIDES, Server, Side, listener, section
from .table import Row

RATES = {"lines1000": (1000, 1), "lines100": (100, 1), "burst": (20_000, 20)}
"""Programs that write lines: lines a second, and how many at once."""
FLOOD = (100_000, 100)
TOKENS: dict[Side, int] = {"ours": 20_000, "original": 500}
"""How many communication tokens a program writes back to back, and a listener hears."""
LATE_MS = 50


@dataclass(frozen=True)
class Sizes:
    """How much is measured. ``many``, ``medium``, ``few``: numbers of programs; times in seconds."""

    many: int = 1000
    medium: int = 100
    few: int = 10
    runs: int = 3
    seconds: float = 3.0
    idle_seconds: float = 20.0
    bulk_bytes: int = 500_000_000
    small_bytes: int = 100_000_000
    kills: int = 100


QUICK = Sizes(many=200, medium=50, runs=1, seconds=1.0, idle_seconds=4.0, bulk_bytes=100_000_000,
              small_bytes=20_000_000, kills=20)  # fmt: skip


class Bench:
    """``sides``: which supervisors there are. ``folder`` is removed by whoever made it."""

    def __init__(self, folder: Path, child: Child, sides: Sequence[Side], sizes: Sizes) -> None:
        self.folder = folder
        self.child = child
        self.sides = tuple(sides)
        self.sizes = sizes
        self._fleets: dict[tuple[Side, int], Server] = {}
        self._number = 0
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        """Progress, on standard error."""
        print(f"  {time.monotonic() - self._began:5.1f} s  {text}", file=sys.stderr, flush=True)

    # --- supervisors ---------------------------------------------------------------------------------

    def server(
        self, side: Side, count: int, *, autostart: bool = True, more: str = "", minfds: int = 0
    ) -> Server:
        """A new supervisor that is not started yet; its caller ends it. ``more``: sections."""
        self._number += 1
        folder = self.folder / f"{side}{self._number}"
        programs = self._programs(side, folder) + more
        return Server(side, folder, self.child, count, autostart=autostart, programs=programs, minfds=minfds)

    @contextmanager
    def one(
        self, side: Side, count: int, *, autostart: bool = True, more: str = "", minfds: int = 0
    ) -> Iterator[Server]:
        """A supervisor for one measurement; not started yet."""
        server = self.server(side, count, autostart=autostart, more=more, minfds=minfds)
        try:
            yield server
        finally:
            server.end()

    def fleet(self, side: Side, count: int) -> Server:
        """A running supervisor with so many idle programs, shared by the benchmarks."""
        if (side, count) not in self._fleets:
            self.say(f"starting {side} with {count} programs")
            server = self.server(side, count)
            self._fleets[side, count] = server
            server.start()
        return self._fleets[side, count]

    def end(self) -> None:
        """End what runs; nothing of ours is left behind it."""
        for server in self._fleets.values():
            server.end()
        self._fleets.clear()
        machine.end_children()

    def _programs(self, side: Side, folder: Path) -> str:
        stamps, sizes = folder / "stamps", self.sizes
        tokens = TOKENS[side]
        rotated = ("stdout_logfile_maxbytes=50MB", "stdout_logfile_backups=20")
        return "".join(
            [
                *(section(n, self.child.line("lines", stamps, *words)) for n, words in RATES.items()),
                section("flood", self.child.line("lines", stamps, *FLOOD)),
                section("tokens", self.child.line("tokens", stamps, tokens), "stdout_capture_maxbytes=4KB"),
                listener("hear", self.child.line("listen", stamps, tokens), tokens),
                section("late", self.child.line("late", stamps, LATE_MS)),
                section("bulk", self.child.line("bulk", stamps, sizes.bulk_bytes, 65536)),
                section("bulkrot", self.child.line("bulk", stamps, sizes.bulk_bytes, 65536)).replace(
                    "stdout_logfile_maxbytes=0", "\n".join(rotated)
                ),
                section("small", self.child.line("bulk", stamps, sizes.small_bytes, 100)),
            ]
        )

    # --- measuring -----------------------------------------------------------------------------------

    def alternating(self, runs: int, measure: Callable[[Side], float]) -> dict[Side, list[float]]:
        """Measure both sides in turns; all figures by side."""
        figures: dict[Side, list[float]] = {side: [] for side in self.sides}
        for number in range(runs):
            order = self.sides if number % 2 == 0 else tuple(reversed(self.sides))
            for side in order:
                figures[side].append(measure(side))
        return figures


Benchmark = Callable[[Bench], Iterator[Row]]


def row(what: str, unit: str, figures: dict[Side, float], **more: float | str | None) -> Row:
    """A row of figures by side; ``more`` are fields of Row."""
    made = Row(what, unit, figures[SIDES[0]], figures.get(SIDES[1]))
    return replace(made, **more)  # type: ignore[arg-type]  # the fields are checked by their users' names


def medians(figures: dict[Side, list[float]]) -> dict[Side, float]:
    return {side: statistics.median(values) for side, values in figures.items()}


def quantile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
