"""What keys do on the fleet screen, and which supervisor is worked on; must never know the loop."""

from __future__ import annotations

from supervisor.errors import UserError

from .desk import Desk
from .fleet import link_words
from .model import LinkKind, Ref
from .screens.fleet import WIDE, AttentionPane, Fleet, SupTable
from .screens.login import Login


class FleetDesk:
    """``screen``: the one to show where there are several supervisors."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.screen = Fleet(desk.model, desk.look, self._rtt_s, desk.view)
        desk.base = [self.screen] if self.many else []
        self._worn = desk.theme

    def _rtt_s(self, sup: str) -> float:
        link = self._desk.links.get(sup)
        return link.rtt_s if link is not None else 0.0

    @property
    def many(self) -> bool:
        return len(self._desk.model.sups) > 1

    @property
    def shown(self) -> bool:
        return self._desk.stage.screen is self.screen

    def wear(self) -> None:
        """Show the theme of the supervisor that is worked on, or the operator's; called before each picture."""
        scope = self._desk.view.scope
        sup = self._desk.model.sups.get(scope) if scope is not None and not self.shown else None
        wanted = (sup.theme if sup is not None else "") or self._desk.theme
        if wanted != self._worn:
            self._worn = wanted
            self._desk.host.show_theme(wanted)

    def show(self) -> None:
        if not self.many:
            raise UserError("one supervisor is open: -s NAME=URL (more than once) or a fleet file")
        self._desk.show([self.screen])

    def open(self) -> None:
        """Work on what the cursor is on."""
        focused = self.screen.focused
        if isinstance(focused, AttentionPane):
            ref = focused.view.cursor
            if ref is None:
                raise UserError("nothing needs attention")
            self.go_to(ref)
            return
        view = self.screen.sups.view
        cursor = view.cursor
        if cursor is None:
            raise UserError("no supervisor is selected")
        if cursor.sup and self._desk.model.sups[cursor.sup].link.kind is LinkKind.AUTH_FAILED:
            self.log_in()
        elif cursor.sup:
            self._desk.view.look_at(cursor.sup)
            self._show_list(view.group_of(cursor) if cursor.group else None)
        elif cursor.group:
            self._desk.view.look_at(None, cursor.group)
            self._show_list(view.group_of(cursor))
        else:
            view.fold(not view.is_folded(cursor))

    def _show_list(self, at: Ref | None) -> None:
        """Show the list of processes, the cursor on ``at``."""
        if at is not None:
            self._desk.view.go_to(at)
        self._desk.show([*self._desk.base, self._desk.overview])

    def go_to(self, ref: Ref) -> None:
        """Show the overview of a process's supervisor, or of all as it was, the cursor on the process."""
        self._show_list(ref)

    def turn(self) -> None:
        """List groups over all supervisors, or supervisors."""
        if not self.shown:
            raise UserError("this is for screen 5, where several supervisors are listed")
        self.screen.focused = self.screen.sups
        self.screen.sups.view.turn()

    def mark(self) -> None:
        """Mark all that the row stands for; marked already: unmark. Moves on."""
        refs = set(self.screen.sups.view.aim().refs)
        marks = self._desk.view.marks
        self._desk.view.mark(refs, on=not refs <= marks)
        self.screen.sups.view.move(1)

    def everything(self) -> None:
        """All processes of all supervisors as one list."""
        self._desk.view.look_at(None)
        self._show_list(None)

    def move(self, by: int) -> None:
        focused = self.screen.focused
        if isinstance(focused, (SupTable, AttentionPane)):
            focused.view.move(by)

    def page(self, pages: float) -> None:
        self.move(int(pages * max(2, self.screen.focused.height - 1)))

    def sideways(self, by: int) -> None:
        if self.screen.focused is self.screen.sups:
            self.screen.sups.view.fold(by < 0)

    def press(self, pane: SupTable | AttentionPane, row: int) -> None:
        """A mouse button went down on a row."""
        self.screen.focused = pane
        number = pane.row_at(row)
        if number is not None:
            again = pane.view.place == number
            pane.view.place = number
            if again:
                self.open()

    def log_in(self) -> None:
        """Ask for a login of the one supervisor that is meant. Raises UserError where it is not one, or wants none."""
        meant = self.meant()
        if len(meant) != 1:
            raise UserError("log in to which? Put the cursor on a supervisor of screen 5")
        name = meant[0]
        link = self._desk.links[name]
        if link.target.url.startswith("ssh://"):
            raise UserError(f"{name} is reached by ssh: the login is a matter of its configuration there")
        told = self._desk.model.sups[name].link
        lines = [f"{name}  {link.target.url}"]
        if told.kind is LinkKind.AUTH_FAILED:
            lines.append(told.reason)

        def done(login: tuple[str, str] | None) -> None:
            if login is None:
                self._desk.say("cancelled")
                return
            link.log_in(*login)
            self._desk.say(f"{name}: logging in as {login[0]}")

        self._desk.open(Login(self._desk.look, lines, link.target.username or "", done))

    def filter(self) -> None:
        view = self.screen.sups.view
        before = view.pattern

        def changed(text: str) -> None:
            view.pattern = text.strip()

        def done(text: str | None) -> None:
            if text is None:
                view.pattern = before

        self._desk.ask("groups: " if view.by_group else "supervisors: ", before, changed, done, "fleet")

    def back(self) -> bool:
        """Undo what narrows the screen; False when nothing does."""
        view = self.screen.sups.view
        if not self.shown or not view.pattern:
            return False
        view.pattern = ""
        return True

    def note(self) -> str:
        """What there is to say of the connection under the cursor, where the table has no room for it."""
        cursor = self.screen.sups.view.cursor
        if not self.shown or self.screen.size[0] >= WIDE or cursor is None or not cursor.sup:
            return ""
        sup = self._desk.model.sups[cursor.sup]
        note = link_words(sup, self._rtt_s(cursor.sup), self._desk.host.now()).note
        return f"{cursor.sup}: {note}" if sup.stale and note else ""

    def meant(self) -> list[str]:
        """The supervisors that a command about connections means."""
        if self.shown and self.screen.focused is self.screen.sups:
            return self.screen.sups.view.chosen()
        scope = self._desk.view.scope
        return [scope] if scope is not None and not self.shown else list(self._desk.links)
