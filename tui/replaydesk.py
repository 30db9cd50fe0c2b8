"""What keys do with a recording that is played in the place of supervisors; must never know the loop."""

from __future__ import annotations

from collections.abc import Callable

from supervisor.errors import UserError
from supervisor.namespec import split_namespec

from .attaching import Attaching
from .desk import Desk
from .feeds import Feeds
from .model import Ref
from .replay import SEEK_S, Clock, Host, Player, Tape


class ReplayDesk:
    """``play`` puts a recording on the desk. ``player`` is None in a console that is none of a recording."""

    def __init__(self, desk: Desk, feeds: Feeds, attaching: Attaching) -> None:
        self._desk = desk
        self._feeds = feeds
        self._attaching = attaching
        self.player: Player | None = None

    def play(self, tape: Tape, clock: Clock) -> Player:
        desk = self._desk
        host = Host(
            desk.host.later, desk.told, self._attached, self._left, self._forget, desk.host.invalidate
        )
        self.player = player = Player(tape, host, clock)
        desk.links.update(player.links)
        desk.replaying = True
        desk.look.tape = player.words
        return player

    def commands(self) -> dict[str, Callable[[], None]]:
        return {
            "replay-hold": lambda: self._playing().hold(),
            "replay-faster": lambda: self._playing().faster(1),
            "replay-slower": lambda: self._playing().faster(-1),
            "replay-step": lambda: self._playing().step(),
            "replay-back": lambda: self._playing().seek(-SEEK_S),
            "replay-on": lambda: self._playing().seek(SEEK_S),
        }

    def key(self, key: str) -> bool:
        """A key in a recorded terminal, which takes none; whether it was one of ours."""
        if self.player is None:
            return False
        found = self._desk.keymap.find(("replay",), (key,))
        if isinstance(found, str):
            self._desk.execute(found)
        elif key in ("q", "esc") and self._attaching.attached is not None:
            self._attaching.detach(self._attaching.attached)
        self._desk.host.invalidate()
        return True

    def _playing(self) -> Player:
        if self.player is None:
            raise UserError("this is no recording: supervisortui --replay FILE plays one")
        return self.player

    # what the recording does

    def _attached(self, sup: str, namespec: str) -> None:
        self._attaching.watch(_ref(sup, namespec))

    def _left(self, sup: str, namespec: str) -> None:
        attached = self._attaching.session(_ref(sup, namespec))
        if attached is not None:
            self._attaching.detach(attached)

    def _forget(self) -> None:
        self._attaching.leave_all()
        self._desk.model.forget()
        self._feeds.forget()


def _ref(sup: str, namespec: str) -> Ref:
    group, name = split_namespec(namespec)
    return Ref(sup, group, name or group)
