"""**Pure**: cells shared out between panes by weight, borders moved, arrangements kept as text; must never know widgets.

An arrangement is rows of panes: of each row its height, and of its panes their widths. As text it is
``60:50,50 40:100``: percent, rows with a blank between.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Final

Weights = list[tuple[float, list[float]]]
"""Of each row its height and its panes' widths; 1 is the usual size."""

MAX_ROWS: Final = 4
LEAST: Final = 5
"""Percent; less than this no pane keeps."""
_ROW: Final = re.compile(r"(\d{1,3}):(\d{1,3}(?:,\d{1,3})*)")


def shares(total: int, weights: Sequence[float]) -> list[int]:
    """``total`` cells, shared out by weight."""
    whole = sum(weights)
    edges = [round(total * edge / whole) for edge in accumulate(weights, initial=0.0)]
    return [end - start for start, end in pairwise(edges)]


def border_at(total: int, weights: Sequence[float], cell: int) -> int | None:
    """The number of the first share at the border of which ``cell`` lies: it ends there, or the next one begins."""
    ends = list(accumulate(shares(total, weights)))[:-1]
    return next((number for number, end in enumerate(ends) if cell in (end - 1, end)), None)


def moved(total: int, weights: Sequence[float], border: int, end: int, least: int) -> list[float]:
    """The weights with which share ``border`` ends before cell ``end``; it and the next keep ``least`` cells."""
    cells = shares(total, weights)
    start = sum(cells[:border])
    both = cells[border] + cells[border + 1]
    if both < 2 * least:
        return list(weights)
    cells[border] = max(least, min(end - start, both - least))
    cells[border + 1] = both - cells[border]
    return [size * len(cells) / total for size in cells]


def written(arrangement: Weights) -> str:
    heights = _percent([high for high, _ in arrangement])
    rows = zip(heights, (_percent(wide) for _, wide in arrangement), strict=True)
    return " ".join(f"{high}:{','.join(map(str, wide))}" for high, wide in rows)


def _percent(weights: Sequence[float]) -> list[int]:
    return shares(100, weights)


def read(text: str) -> Weights | None:
    """None for what is no arrangement."""
    rows: Weights = []
    for word in text.split(" "):
        match = _ROW.fullmatch(word)
        if match is None:
            return None
        wide = [int(percent) for percent in match[2].split(",")]
        rows.append((int(match[1]), _weights(wide)))
    heights = [int(high) for high, _ in rows]
    every = [percent for row in text.split(" ") for percent in map(int, re.findall(r"\d+", row))]
    if not 0 < len(rows) <= MAX_ROWS or any(not LEAST <= percent <= 100 for percent in every):
        return None
    return [(high, wide) for high, (_, wide) in zip(_weights(heights), rows, strict=True)]


def _weights(percent: Sequence[int]) -> list[float]:
    return [part * len(percent) / max(1, sum(percent)) for part in percent]


def shape(arrangement: Weights) -> tuple[int, ...]:
    """How many panes each row has."""
    return tuple(len(wide) for _, wide in arrangement)
