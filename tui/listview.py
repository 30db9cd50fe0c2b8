"""**Pure**: one list over the model: order, folding, filter, marks, a cursor; must never know urwid or sockets.

The cursor stays on its process whatever moves. The list is put in order anew only when
what it is ordered by has changed, at most twice a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from typing import Final

from supervisor.states import ProcessStates

from .filters import Filter
from .model import REORDER_EVERY_S, Model, Ref, matches, natural, severity

SORTS: Final = ("group", "name", "state", "cpu", "rss", "uptime", "restarts")
_BY_STATE: Final = frozenset({"state", "uptime", "restarts"})
_BY_USE: Final = frozenset({"cpu", "rss"})


class ListView:
    """Rows in order, a cursor, marks. ``rows`` holds refs of groups (tree order only) and processes."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.scope: str | None = None
        """The supervisor whose processes are listed; None: all."""
        self.group = ""
        """The one group that is listed, of all supervisors; empty: all groups."""
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
        self._gone: set[Ref] = set()
        self._lost: Ref | None = None
        """What was marked, and what the cursor stood on, when it went: it may come back in another group."""
        self._wish: Ref | None = None
        """Where the cursor stood when no row was left: it goes there when rows come back."""
        self._place = 0
        self._changed = True
        self._built = (-1, -1)
        self._built_at = float("-inf")

    # order

    @property
    def spans(self) -> bool:
        """Whether groups of one name are one row, whatever their supervisors."""
        return self.scope is None and len(self.model.sups) > 1

    def heading(self, ref: Ref) -> Ref:
        """The group that a process stands under."""
        return ref.of_span if self.spans else ref.of_group

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
        self._follow_regrouped()
        self.rows = self._tree() if self.sort == "group" else self._flat(now)
        self.listed = sum(not ref.is_group for ref in self.rows)
        self._index = {ref: number for number, ref in enumerate(self.rows)}
        if kept or not self.rows:
            self._keep_cursor()
        else:
            self.go(self._place)

    def _follow_regrouped(self) -> None:
        """Let marks and cursor go with a process that has left its group for another one."""
        model = self.model
        gone = self.marks - model.records.keys()
        self._gone = {ref for ref in self._gone | gone if (ref.sup, ref.name) in model.left}
        self.marks -= gone
        for ref in [ref for ref in self._gone if ref in model.regrouped]:
            self._gone.discard(ref)
            self.marks.add(model.regrouped[ref])
        self.marks &= model.records.keys()
        was = self._lost or self.cursor or self._wish
        if was is not None and was not in model.records and was in model.regrouped:
            self.cursor, self._lost = model.regrouped[was], None

    def _keep_cursor(self) -> None:
        self.cursor, self._wish = self.cursor or self._wish, None
        if not self.rows:  # nothing is acted on that cannot be seen
            self.cursor, self._wish = None, self.cursor
            return
        if self.cursor in self._index:
            self._place = self._index[self.cursor]
            return
        group = self.heading(self.cursor) if self.cursor is not None else None
        if group is not None and group in self._index and group in self.folded:
            self.cursor = group
        elif self.cursor is None:
            self.cursor = next((ref for ref in self.rows if not ref.is_group), self.rows[0])
        else:
            if not self.cursor.is_group and self.cursor not in self.model.records:
                self._lost = self._lost or self.cursor
            self.cursor = self.rows[min(self._place, len(self.rows) - 1)]
        self._place = self._index[self.cursor]

    def _passing(self) -> Iterator[Ref]:
        model, marks = self.model, self.marks
        everything = not self.filter.alternatives and not self.attention
        for ref in model.attention if self.attention else self.within():
            if self.attention and (self.scope not in (None, ref.sup) or self.group not in ("", ref.group)):
                continue
            if everything or self.filter(model.subject(ref, ref in marks)):
                yield ref

    def within(self) -> Iterable[Ref]:
        """The processes that are listed, but for filters."""
        return self.model.members_of(Ref("", self.group, "")) if self.group else self.model.refs(self.scope)

    def _tree(self) -> list[Ref]:
        records = self.model.records
        groups: dict[Ref, list[Ref]] = {}
        for ref in self._passing():
            groups.setdefault(self.heading(ref), []).append(ref)
        place = {sup: number for number, sup in enumerate(sorted(self.model.sups, key=natural))}
        rows: list[Ref] = []
        order = sorted(
            groups,
            key=lambda g: (min(records[ref].group_priority for ref in groups[g]), g.group),
            reverse=self.inverted,
        )
        for group in order:
            rows.append(group)
            if group not in self.folded:
                members = groups[group]
                members.sort(key=lambda ref: (place[ref.sup], records[ref].priority, natural(ref.name)))
                rows.extend(members)
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

    def look_at(self, scope: str | None, group: str = "") -> None:
        """List the processes of one supervisor, of one group on all of them, or (None) of all."""
        if (scope, group) == (self.scope, self.group):
            return
        self.scope, self.group = scope, group
        self.top = 0
        was = self.cursor
        if was is not None and was.is_group:
            where = Ref(scope or ("" if self.spans else was.sup), was.group, "")
            self.cursor = where if where in self.model.by_group else None
        elif was is not None and (scope not in (None, was.sup) or group not in ("", was.group)):
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
        self._lost = None
        if self.rows:
            self._place = max(0, min(place, len(self.rows) - 1))
            self.cursor = self.rows[self._place]

    def go_to(self, ref: Ref) -> None:
        """Put the cursor on ``ref``, unfolding its group; what is listed is changed where it is not in it."""
        if self.scope not in (None, ref.sup):
            self.look_at(ref.sup)
        elif self.group not in ("", ref.group):
            self.look_at(self.scope)
        self.folded.discard(self.heading(ref))
        self.cursor = ref
        self._changed = True

    def fold(self, folded: bool) -> None:
        """Fold or unfold the group of the cursor."""
        if self.cursor is None or self.sort != "group":
            return
        if folded:
            self.cursor = self.heading(self.cursor)
            self.folded.add(self.cursor)
        else:
            self.folded.discard(self.heading(self.cursor))
        self._changed = True

    def fold_all(self, folded: bool) -> None:
        self.folded = set(self.model.by_group) if folded else set()
        self._changed = True

    def toggle_mark(self) -> None:
        """Mark the process of the cursor, or all of the group; marked already: unmark. Moves on."""
        if self.cursor is None:
            return
        refs = set(self.model.members_of(self.cursor)) if self.cursor.is_group else {self.cursor}
        refs &= self.model.records.keys()
        self.mark(refs, on=not refs <= self.marks)
        self.move(1)

    def mark(self, refs: AbstractSet[Ref], *, on: bool) -> None:
        """Mark or unmark these, shown or not."""
        self.marks = self.marks | refs if on else self.marks - refs
        self._changed = self._changed or self.filter.moves

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
        found = {ref for ref in self.within() if matches(ref, pattern)}
        self.mark(found, on=on)
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
