"""Lines cut anew for another width, pure; must never know screens or sequences."""

from __future__ import annotations

from itertools import pairwise

from .attrs import Attrs
from .rows import NOT_WRAPPED, WRAPPED, WRAPPED_BEFORE_WIDE, Line
from .width import cells

Cell = tuple[str, Attrs]


def rewrap(lines: list[Line], columns: int, cursor: tuple[int, int]) -> tuple[list[Line], tuple[int, int]]:
    """``lines`` cut at ``columns``, and where the cursor ``(row, x)`` is then.

    Lines that were wrapped are joined first. Nothing is lost, but that a wide
    character becomes U+FFFD on a screen of one column. The cursor's x may be
    ``columns`` (a wrap is pending); its row may be one beyond the last line.
    """
    out: list[Line] = []
    new_cursor: tuple[int, int] | None = None
    start = 0
    for index, line in enumerate(lines):
        if line.wrapped and index + 1 < len(lines):
            continue
        group = lines[start : index + 1]
        logical, starts = _joined(group)
        offset = None
        if start <= cursor[0] <= index:
            offset = starts[cursor[0] - start] + cursor[1]
        pieces, place = _cut(logical, columns, offset, group[-1].flow)
        if place is not None:
            new_cursor = (len(out) + place[0], place[1])
        out += pieces
        start = index + 1
    if new_cursor is None:
        new_cursor = (len(out) + max(0, cursor[0] - len(lines)), min(cursor[1], columns))
    return out, new_cursor


def _joined(group: list[Line]) -> tuple[list[Cell], list[int]]:
    """The cells of one program line, and at which of them each row began."""
    logical: list[Cell] = []
    starts: list[int] = []
    for line in group:
        starts.append(len(logical))
        for text, attrs in line.runs:
            logical += [(char, attrs) for char in cells(text)]
        if line.flow == WRAPPED_BEFORE_WIDE and logical and logical[-1][0] == " ":
            logical.pop()
    return logical, starts


def _cut(
    logical: list[Cell], columns: int, offset: int | None, last_flow: int
) -> tuple[list[Line], tuple[int, int] | None]:
    """One program line as rows of ``columns``, and the place of cell ``offset`` in them."""
    ends = [0]
    flows: list[int] = []
    while True:
        end = ends[-1] + columns
        if end >= len(logical):
            break
        before_wide = not logical[end][0] and columns > 1
        ends.append(end - 1 if before_wide else end)
        flows.append(WRAPPED_BEFORE_WIDE if before_wide else WRAPPED)
    ends.append(len(logical))
    flows.append(NOT_WRAPPED if last_flow == NOT_WRAPPED else WRAPPED)
    rows: list[Line] = []
    place: tuple[int, int] | None = None
    for (start, end), flow in zip(pairwise(ends), flows, strict=True):
        runs = _readable(logical[start:end], columns)
        if flow == WRAPPED_BEFORE_WIDE:
            runs.append((" ", logical[end][1]))
        if offset is not None and place is None and offset < end:
            place = (len(rows), offset - start)
        rows.append(Line.from_runs(runs, flow))
    if offset is not None and place is None:
        # behind the text: stay in its last row where there is room
        place = (len(rows) - 1, min(offset - ends[-2], columns))
    return rows, place


def _readable(row: list[Cell], columns: int) -> list[Cell]:
    return (
        [cell for cell in row if cell[0]] if columns > 1 else [_one_column(cell) for cell in row if cell[0]]
    )


def _one_column(cell: Cell) -> Cell:
    return ("\ufffd", cell[1]) if len(cells(cell[0])) > 1 else cell
