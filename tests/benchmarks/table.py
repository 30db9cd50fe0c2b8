"""Rows of figures and how they are printed; must never know how they were taken."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from .reference import ORIGINAL

HEAD = ("what", "unit", "ours", "original", "ratio", "pace", "goal", "")
Better = Literal["less", "more"]
PACED_UNITS = frozenset(("s", "ms", "%", "CPU ms", "CPU s/GB", "calls/s", "events/s"))
"""Of figures that are better on a faster machine."""


@dataclass(frozen=True)
class Row:
    """One figure. ``original`` None: not taken, or it cannot do this. ``goal`` None: none was set.

    ``ratio``: how many times better than the original; ``floor``: what the machine
    itself does at best here, shown beside the goal. ``pace``: of the machine, see there.

    The goal is for another machine. Where it is known what the original took there (``reference``), the ratio that the goal
    is to it is the goal here; else it is for a pace of 1, and the figure is judged by what it would be then.
    """

    what: str
    unit: str
    ours: float
    original: float | None = None
    goal: float | None = None
    better: Better = "less"
    floor: float | None = None
    benchmark: str = ""
    pace: float = 1.0

    @property
    def ratio(self) -> float | None:
        if self.original is None or not self.ours or not self.original:
            return None
        return self.original / self.ours if self.better == "less" else self.ours / self.original

    @property
    def wanted(self) -> float | None:
        """The ratio that the goal asks for; None: it is judged by the pace."""
        there = ORIGINAL.get(self.what)
        if self.goal is None or self.ratio is None or there is None:
            return None
        return there / self.goal if self.better == "less" else self.goal / there

    @property
    def missed(self) -> bool:
        if self.goal is None:
            return False
        if self.ratio is not None and self.wanted is not None:
            return self.ratio < self.wanted
        pace = self.pace if self.unit in PACED_UNITS else 1.0
        return self.ours * pace > self.goal if self.better == "less" else self.ours / pace < self.goal

    def cells(self) -> tuple[str, ...]:
        sign = "≤" if self.better == "less" else "≥"
        of_original = "" if self.wanted is None else f", {figure(self.wanted)}x"
        verdict = "" if self.goal is None else "missed" if self.missed else "met"
        if self.floor is not None:
            verdict = f"{verdict} (floor {figure(self.floor)})".strip()
        return (
            self.what,
            self.unit,
            figure(self.ours),
            "–" if self.original is None else figure(self.original),
            "" if self.ratio is None else f"{figure(self.ratio)}x",
            figure(self.pace),
            "" if self.goal is None else f"{sign} {figure(self.goal)}{of_original}",
            verdict,
        )


def figure(value: float) -> str:
    """Three digits that mean something; thousands with commas."""
    size = abs(value)
    if size == 0:
        return "0"
    if size >= 100:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if size >= 0.1 else f"{value:.2g}"


def _widths(cells: list[tuple[str, ...]]) -> list[int]:
    return [max(len(row[i]) for row in cells) for i in range(len(HEAD))]


def text(rows: Iterable[Row]) -> str:
    """The table for a terminal, a line between benchmarks."""
    rows = list(rows)
    cells = [HEAD, *(row.cells() for row in rows)]
    widths = _widths(cells)

    def line(row: tuple[str, ...]) -> str:
        return "  ".join(
            cell.ljust(width) if i in (0, 1, 7) else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()

    out = [line(HEAD), "-" * (sum(widths) + 2 * len(widths) - 2)]
    previous = rows[0].benchmark if rows else ""
    for row in rows:
        if row.benchmark != previous:
            out.append("")
            previous = row.benchmark
        out.append(line(row.cells()))
    return "\n".join(out)


def rst(rows: Iterable[Row]) -> str:
    """The same as a reStructuredText simple table."""
    rows = list(rows)
    head = (*HEAD[:-1], "verdict")
    cells = [tuple(cell.replace("*", "\\*") or "\\" for cell in row.cells()) for row in rows]
    widths = _widths([head, *cells])
    rule = "  ".join("=" * width for width in widths)
    out = [rule, "  ".join(c.ljust(w) for c, w in zip(head, widths, strict=True)).rstrip(), rule]
    out += ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join([*out, rule])


def plain(rows: Iterable[Row]) -> list[dict[str, str | float | bool | None]]:
    """The rows for JSON."""
    return [
        {**dataclasses.asdict(row), "ratio": row.ratio, "wanted": row.wanted, "missed": row.missed}
        for row in rows
    ]
