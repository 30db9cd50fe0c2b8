"""**Pure**: one list over the model: order, folding, filter, marks, a cursor; must never know urwid or sockets.

The cursor stays on its process whatever moves. The list is put in order anew only when
what it is ordered by has changed, at most twice a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Final

from supervisor.states import ProcessStates

from .filters import Filter
from .model import REORDER_EVERY_S, Model, Ref, natural, severity

SORTS: Final = ("group", "name", "state", "cpu", "rss", "uptime", "restarts")
_BY_STATE: Final = frozenset({"state", "uptime", "restarts"})
_BY_USE: Final = frozenset({"cpu", "rss"})


class ListView:
    """Rows in order, a cursor, marks. ``rows`` holds refs of groups (tree order only) and processes."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.scope: str | None = None
        """The supervisor whose processes are listed; None: all."""
        self.rows: list[Ref] = []
        self.listed = 0
        """How many of the rows are processes."""
        self.marks: set[Ref] = set()
        self.folded: set[Ref] = set()
        self.filter = Filter()
        self.attention = False
        self.sort = "group"
        self.inverted = False
        self.cursor: Ref | None = None
        self.follows = True
        """Whether the cursor stays on its process when the order changes by itself; else in its row."""
        self.top = 0
        self._index: dict[Ref, int] = {}
        self._place = 0
        self._changed = True
        self._built = (-1, -1)
        self._built_at = float("-inf")

    # order

    @property
    def _moving(self) -> bool:
        return self.filter.moves or self.attention or self.sort in _BY_STATE or self.sort in _BY_USE

    def refresh(self, now: float) -> None:
        """Bring ``rows`` up to date; call before reading them."""
        model = self.model
        members, states = self._built
        if not self._changed and members == model.members:
            if not self._moving or 0 <= now - self._built_at < REORDER_EVERY_S:
                return
            if states == model.states and self.sort not in _BY_USE:
                return
        kept = self.follows or self._changed or self.sort == "group"
        self._changed = False
        self._built = (model.members, model.states)
        self._built_at = now
        self.marks &= model.records.keys()
        self.rows = self._tree() if self.sort == "group" else self._flat(now)
        self.listed = sum(not ref.is_group for ref in self.rows)
        self._index = {ref: number for number, ref in enumerate(self.rows)}
        if kept or not self.rows:
            self._keep_cursor()
        else:
            self.go(self._place)

    def _keep_cursor(self) -> None:
        if self.cursor in self._index:
            self._place = self._index[self.cursor]
            return
        group = self.cursor.of_group if self.cursor is not None else None
        if group is not None and group in self._index and group in self.folded:
            self.cursor = group
        elif not self.rows:
            return  # keep the wish: the row may come back
        elif self.cursor is None:
            self.cursor = next((ref for ref in self.rows if not ref.is_group), self.rows[0])
        else:
            self.cursor = self.rows[min(self._place, len(self.rows) - 1)]
        self._place = self._index[self.cursor]

    def _passing(self) -> Iterator[Ref]:
        model, marks = self.model, self.marks
        everything = not self.filter.alternatives and not self.attention
        for ref in model.attention if self.attention else model.refs(self.scope):
            if self.scope is not None and ref.sup != self.scope:
                continue
            if everything or self.filter(model.subject(ref, ref in marks)):
                yield ref

    def _tree(self) -> list[Ref]:
        records = self.model.records
        groups: dict[Ref, list[Ref]] = {}
        for ref in self._passing():
            groups.setdefault(ref.of_group, []).append(ref)
        rows: list[Ref] = []
        order = sorted(
            groups,
            # a group of several supervisors stands together
            key=lambda g: (records[groups[g][0]].group_priority, g.group, g.sup),
            reverse=self.inverted,
        )
        for group in order:
            rows.append(group)
            if group not in self.folded:
                rows.extend(sorted(groups[group], key=lambda ref: (records[ref].priority, natural(ref.name))))
        return rows

    def _flat(self, now: float) -> list[Ref]:
        records, usage = self.model.records, self.model.usage

        def key(ref: Ref) -> tuple[float, tuple[object, ...]]:
            record = records[ref]
            name = natural(ref.namespec)
            match self.sort:
                case "state":
                    return severity(record), name
                case "cpu":
                    return -usage.get(ref, (-1.0, -1.0))[0], name
                case "rss":
                    return -usage.get(ref, (-1.0, -1.0))[1], name
                case "uptime":
                    return (record.start if record.state == ProcessStates.RUNNING else now + 1), name
                case "restarts":
                    return -record.restarts, name
                case _:
                    return 0, name

        return sorted(self._passing(), key=key, reverse=self.inverted)

    # what the user does

    def look_at(self, scope: str | None) -> None:
        """List the processes of one supervisor, or (None) of all."""
        if scope != self.scope:
            self.scope = scope
            self.top = 0
            if self.cursor is not None and scope not in (None, self.cursor.sup):
                self.cursor = None
            self._changed = True

    def change(
        self,
        *,
        filter: Filter | None = None,
        sort: str | None = None,
        inverted: bool | None = None,
        attention: bool | None = None,
    ) -> None:
        self.filter = self.filter if filter is None else filter
        self.sort = self.sort if sort is None else sort
        self.inverted = self.inverted if inverted is None else inverted
        self.attention = self.attention if attention is None else attention
        self._changed = True

    @property
    def place(self) -> int:
        return self._place

    def move(self, by: int) -> None:
        self.go(self._place + by)

    def go(self, place: int) -> None:
        """Put the cursor on a row by number; out of range means the nearest."""
        if self.rows:
            self._place = max(0, min(place, len(self.rows) - 1))
            self.cursor = self.rows[self._place]

    def go_to(self, ref: Ref) -> None:
        """Put the cursor on ``ref``, unfolding its group."""
        self.folded.discard(ref.of_group)
        self.cursor = ref
        self._changed = True

    def fold(self, folded: bool) -> None:
        """Fold or unfold the group of the cursor."""
        if self.cursor is None or self.sort != "group":
            return
        if folded:
            self.folded.add(self.cursor.of_group)
            self.cursor = self.cursor.of_group
        else:
            self.folded.discard(self.cursor.of_group)
        self._changed = True

    def fold_all(self, folded: bool) -> None:
        self.folded = set(self.model.groups) if folded else set()
        self._changed = True

    def toggle_mark(self) -> None:
        """Mark the process of the cursor, or all of the group; marked already: unmark. Moves on."""
        if self.cursor is None:
            return
        refs = set(self.model.members_of(self.cursor)) if self.cursor.is_group else {self.cursor}
        refs &= self.model.records.keys()
        if refs <= self.marks:
            self.marks -= refs
        else:
            self.marks |= refs
        self._changed = self._changed or self.filter.moves
        self.move(1)

    def mark_shown(self) -> None:
        for ref in self.rows:
            self.marks |= set(self.model.members_of(ref)) if ref in self.folded else set()
            if not ref.is_group:
                self.marks.add(ref)

    def mark_range(self, start: Ref) -> int:
        """Mark every process shown between ``start`` and the cursor; how many there are."""
        there = self._index.get(start, self._place)
        between = self.rows[min(there, self._place) : max(there, self._place) + 1]
        refs = {ref for ref in between if not ref.is_group}
        self.marks |= refs
        self._changed = self._changed or self.filter.moves
        return len(refs)

    def mark_glob(self, pattern: str, *, on: bool) -> int:
        """Mark or unmark what matches by name or by ``group:name``, shown or not; how many there are."""
        found = {
            ref
            for ref in self.model.refs(self.scope)
            if fnmatchcase(ref.namespec, pattern) or fnmatchcase(ref.name, pattern)
        }
        self.marks = self.marks | found if on else self.marks - found
        self._changed = self._changed or self.filter.moves
        return len(found)

    def unmark(self) -> None:
        self.marks.clear()
        self._changed = self._changed or self.filter.moves

    def window(self, height: int) -> list[Ref]:
        """The rows to show in ``height`` lines, the cursor among them."""
        if height <= 0:
            return []
        self.top = min(self.top, self._place)
        self.top = max(self.top, self._place - height + 1)
        self.top = max(0, min(self.top, len(self.rows) - height))
        return self.rows[self.top : self.top + height]

    def targets(self) -> list[Ref]:
        """What an action applies to: the marks if there are any, else the row, else the row's group."""
        if self.marks:
            return sorted(self.marks)
        if self.cursor is None:
            return []
        if self.cursor.is_group:
            return list(self.model.members_of(self.cursor))
        return [self.cursor] if self.cursor in self.model.records else []
