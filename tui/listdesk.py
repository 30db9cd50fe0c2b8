"""What keys do with the list of processes: filter, marks, finding, order; must never know the loop."""

from __future__ import annotations

from collections.abc import Callable

from supervisor.errors import UserError

from . import filters
from .desk import Desk
from .listview import SORTS
from .model import Ref


class ListDesk:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._view = desk.view
        self._range_from: Ref | None = None
        self._sought = ""

    def commands(self) -> dict[str, Callable[[], None]]:
        return {
            "follow-row": self._follow_row,
            "mark-range": self._mark_range,
            "mark-glob": lambda: self._mark_glob(on=True),
            "unmark-glob": lambda: self._mark_glob(on=False),
            "sort-next": lambda: self._sort(1),
            "sort-previous": lambda: self._sort(-1),
        }

    def filter(self) -> None:
        view = self._view
        before = view.filter

        def changed(text: str) -> None:
            view.change(filter=filters.parse(text))

        def done(text: str | None) -> None:
            if text is None:
                view.change(filter=before)

        self._desk.ask("filter: ", before.text, changed, done, "filter")

    # --- marks ---------------------------------------------------------------------------------------

    def _mark_range(self) -> None:
        """The first time: here it begins. The second: mark up to here."""
        cursor = self._view.cursor
        if cursor is None:
            raise UserError("no process is selected")
        start, self._range_from = self._range_from, None
        if start is None:
            self._range_from = cursor
            words = f"range from {cursor.namespec}: v again marks up to the cursor, Esc leaves"
            self._desk.say(words, keep=True)
        else:
            self._desk.say(f"{self._view.mark_range(start)} marked in the range")

    def leave_range(self) -> bool:
        """Forget where a range begins; whether one was begun."""
        start, self._range_from = self._range_from, None
        return start is not None

    def _mark_glob(self, *, on: bool) -> None:
        view = self._view
        before = set(view.marks)

        def changed(text: str) -> None:
            view.marks = set(before)
            if text and not view.mark_glob(text, on=on):
                raise UserError(f"{text}: matches no process")

        def done(text: str | None) -> None:
            if text is None:
                view.marks = set(before)

        self._desk.ask("mark: " if on else "unmark: ", "", changed, done, "glob")

    # --- finding -------------------------------------------------------------------------------------

    def find(self) -> None:
        start = self._view.place

        def changed(text: str) -> None:
            self._sought = text
            if text:
                self._jump(start, backward=False, here=True)

        def done(text: str | None) -> None:
            if text is None:
                self._view.go(start)

        self._desk.ask("find: ", "", changed, done, "find")

    def next_match(self, *, backward: bool) -> None:
        if not self._sought:
            raise UserError("nothing is searched for: F3 searches")
        self._jump(self._view.place, backward=backward, here=False)

    def _jump(self, start: int, *, backward: bool, here: bool) -> None:
        """Put the cursor on the next row whose name holds the text. Raises UserError when none does."""
        rows, text = self._view.rows, self._sought.lower()
        step = -1 if backward else 1
        for number in range(0 if here else 1, len(rows) + 1):
            place = (start + step * number) % max(1, len(rows))
            if rows and text in rows[place].namespec.lower():
                self._view.go(place)
                return
        raise UserError(f"{self._sought}: not found")

    # --- order ---------------------------------------------------------------------------------------

    def _sort(self, by: int) -> None:
        self._view.change(sort=SORTS[(SORTS.index(self._view.sort) + by) % len(SORTS)])

    def _follow_row(self) -> None:
        view = self._view
        view.follows = not view.follows
        moves = "the cursor keeps its row: processes move under it when they are put in order"
        self._desk.say("the cursor follows its process" if view.follows else moves)
