"""What the mouse does: presses, second presses, the wheel and the right button; must never know the loop.

Dragging is elsewhere: in a log it selects (``logdesk``), at a border it resizes (``screens/stage``).
"""

from __future__ import annotations

from typing import Final

from .desk import Desk
from .fleetdesk import FleetDesk
from .logdesk import LogDesk
from .pane import WHEEL_ROWS, Box
from .screens.dialogs import Dialog
from .screens.events import EventsPane
from .screens.fleet import AttentionPane, SupTable
from .screens.logpane import LogPane
from .screens.table import ProcessTable

TWICE_WITHIN_S: Final = 0.5
LEFT: Final = 1
RIGHT: Final = 3
WHEEL: Final = {4: -1, 5: 1}


class Mouse:
    def __init__(self, desk: Desk, fleet: FleetDesk, logdesk: LogDesk) -> None:
        self._desk = desk
        self._fleet = fleet
        self._logdesk = logdesk
        self._last: tuple[float, object] = (0.0, None)

    def pressed(self, box: Box, button: int, col: int, row: int) -> None:
        desk = self._desk
        desk.host.invalidate()
        if isinstance(box, Dialog):
            self._in_dialog(box, button, col, row)
        elif desk.stage.dialog is not None:
            return
        elif button in WHEEL:
            self._wheel(box, WHEEL[button] * WHEEL_ROWS)
        elif box is desk.stage.footer:
            name = desk.stage.footer.command_at(col)
            if name is not None and button == LEFT:
                desk.execute(name)
        elif button in (LEFT, RIGHT):
            again = self._choose(box, col, row) and button == LEFT
            if button == RIGHT and isinstance(box, (ProcessTable, AttentionPane)):
                desk.execute("actions")
            elif again:
                desk.execute("detail")

    def _in_dialog(self, dialog: Dialog, button: int, col: int, row: int) -> None:
        if button == LEFT:
            dialog.press(col, row)
        elif button in WHEEL:
            for _ in range(WHEEL_ROWS):
                dialog.command("up" if WHEEL[button] < 0 else "down")
        if dialog.over and self._desk.stage.dialog is dialog:
            self._desk.stage.dialog = None

    def _wheel(self, box: Box, by: int) -> None:
        if isinstance(box, ProcessTable):
            self._desk.view.move(by)
        elif isinstance(box, (SupTable, AttentionPane)):
            box.view.move(by)
        elif isinstance(box, (LogPane, EventsPane)):
            box.move(by)

    def _choose(self, box: Box, col: int, row: int) -> bool:
        """Go where the mouse is; whether it is a second press there, which opens."""
        desk, screen = self._desk, self._desk.stage.screen
        if isinstance(box, LogPane) and box in screen.panes:
            screen.focused = box
            self._logdesk.pressed(box, col, row)
        elif isinstance(box, (SupTable, AttentionPane)):
            self._fleet.press(box, row)
        elif isinstance(box, EventsPane) and box in screen.panes:
            number = box.item_at(row)
            if number is not None:
                box.place = number
                return self._again(number)
        elif isinstance(box, ProcessTable):
            screen.focused = box
            place = box.row_at(row)
            sort = box.column_at(col) if place == -1 else None
            if sort is not None:
                desk.view.change(sort=sort)
            if place is not None and place >= 0:
                desk.view.go(place)
                return self._again(place)
        return False

    def _again(self, place: int) -> bool:
        """Whether the same place of this screen was pressed a moment ago."""
        now = self._desk.host.now()
        here = (id(self._desk.stage.screen), place)
        again = self._last[1] == here and 0 <= now - self._last[0] < TWICE_WITHIN_S
        self._last = (now, None if again else here)
        return again
