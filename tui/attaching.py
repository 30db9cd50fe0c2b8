"""Attached programs: their screens, connections, sizes, and which one is shown; must never know the loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from supervisor.errors import UserError
from supervisor.protocol import stream as wire

from .actions import Actions
from .commands import Aim, Verb
from .desk import Desk, Timer
from .link import Terminal
from .model import Ref
from .screens.attach import AttachScreen, Wish, key_words
from .screens.dialogs import Choice, Item

RESIZE_AFTER_S: Final = 0.15
SESSIONS_MAX: Final = 16


@dataclass(slots=True, eq=False)
class Attached:
    """One attachment; ``terminal`` is its connection, ``sent`` the size that the program was told."""

    ref: Ref
    screen: AttachScreen
    terminal: Terminal | None = None
    sent: tuple[int, int] = (0, 0)
    timer: Timer | None = None

    def resize(self, rows: int, cols: int) -> None:
        if self.terminal is not None:
            self.terminal.resize(rows, cols)


class Attaching:
    """``sessions`` in the order they were begun; ``attached`` is the one that is shown and has the keys.

    Those that are not shown stay attached. Nothing of theirs is parsed until they are shown.
    """

    def __init__(self, desk: Desk, actions: Actions) -> None:
        self._desk = desk
        self._actions = actions
        self.sessions: list[Attached] = []
        self.attached: Attached | None = None
        self.palette: Callable[[], None] = lambda: None
        self.give: Callable[[bytes, str], None] = lambda data, words: None
        """Gives text to where there is a clipboard."""
        self.spare: Callable[[str], bool] = lambda key: False
        """Is offered what would else go to the program; whether it took it."""
        self._copied = ""
        self._lines: dict[Ref, list[str]] = {}  # sent to programs line by line

    def attach(self, *, read_only: bool) -> None:
        ref = self._desk.stage.screen.ref()
        members = self._members() if ref is None else []
        if len(members) > 1:
            self._choose_member(members, read_only=read_only)
            return
        ref = members[0] if members else ref
        if ref is None or ref not in self._desk.model.records:
            raise UserError("no process is selected")
        self._attach(ref, read_only=read_only)

    def _members(self) -> list[Ref]:
        """The processes of the group that the cursor of the list is on."""
        cursor = self._desk.view.cursor if self._desk.stage.screen is self._desk.overview else None
        return [*self._desk.model.members_of(cursor)] if cursor is not None and cursor.is_group else []

    def _choose_member(self, members: list[Ref], *, read_only: bool) -> None:
        records = self._desk.model.records

        def done(value: str | None) -> None:
            self._desk.close()
            if value is not None and members[int(value)] in records:
                try:
                    self._attach(members[int(value)], read_only=read_only)
                except UserError as error:
                    self._desk.say(str(error), "msg.warn")

        items = [
            Item(str(n), ref.name, records[ref].statename) for n, ref in enumerate(members) if ref in records
        ]
        title = f"{'Watch' if read_only else 'Attach to'} a program of {members[0].group}"
        self._desk.open(Choice(self._desk.look, title, items, done))

    def _attach(self, ref: Ref, *, read_only: bool) -> None:
        already = self.session(ref)
        if already is not None:
            self._show(already)
            return
        if self._desk.model.sups[ref.sup].stale:
            raise UserError(f"cannot attach: not connected to {ref.sup}")
        if len(self.sessions) >= SESSIONS_MAX:
            raise UserError(f"{SESSIONS_MAX} programs are attached to: leave one of them first")
        record = self._desk.model.records[ref]
        read_only = read_only or self._desk.read_only or record.stdin == "none"
        if read_only:
            self._begin(ref, read_only=True)
        else:
            what = f"attach to {ref.namespec}, what you type goes to it"
            self._actions.protected([what], [ref.sup], lambda: self._begin(ref, read_only=False))

    def watch(self, ref: Ref) -> None:
        """Show the terminal of ``ref``, which nothing can be typed into."""
        already = self.session(ref)
        if already is None:
            self._begin(ref, read_only=True)
        elif already is not self.attached:
            self._show(already)

    def session(self, ref: Ref) -> Attached | None:
        return next((attached for attached in self.sessions if attached.ref == ref), None)

    def _begin(self, ref: Ref, *, read_only: bool) -> None:
        cols, rows = self._desk.stage.size

        def type_(data: bytes) -> bool:
            return attached.terminal is not None and attached.terminal.input(data)

        def wished(wish: Wish) -> None:
            self._wished(attached, wish)

        screen = AttachScreen(
            self._desk.look, ref.namespec, type_, wished, read_only=read_only,
            history=self._lines.setdefault(ref, []),
        )  # fmt: skip
        screen.size = (rows - 1, cols)
        screen.spare = self.spare
        attached = Attached(ref, screen, sent=screen.size)
        attached.terminal = self._desk.links[ref.sup].attach(
            partial(self._attach_frame, attached),
            ref.namespec,
            "read" if read_only else "write",
            *(screen.size if not read_only else (0, 0)),
        )
        self.sessions.append(attached)
        self._show(attached)

    def _show(self, attached: Attached) -> None:
        self.attached = attached
        self._desk.stage.full = attached.screen
        self._desk.host.raw_keys(attached.screen.raw)
        self._desk.close()

    def _hide(self) -> None:
        """Back to the screens; what was shown stays attached."""
        self.attached = None
        self._desk.stage.full = None
        self._desk.host.raw_keys(False)

    def _attach_frame(self, attached: Attached, frame: wire.Frame) -> None:
        attached.screen.take(frame)
        if isinstance(frame, wire.Attached):
            record = self._desk.model.records.get(attached.ref)
            attached.screen.peer.started = record.start if record is not None else 0.0
            if attached is self.attached:
                self._desk.host.raw_keys(attached.screen.raw)
        if attached is self.attached:
            self._desk.host.invalidate()

    def words(self) -> str:
        """The names of what is attached to."""
        return ", ".join(attached.ref.namespec for attached in self.sessions)

    def choose(self, at: Attached | None = None) -> None:
        """List what is attached to, to show one of them, ``at`` first. Raises UserError where there is nothing."""
        if not self.sessions:
            raise UserError("nothing is attached to, a attaches")
        many = len(self._desk.model.sups) > 1
        items = [
            Item(
                str(n),
                attached.ref.namespec,
                (f"{attached.ref.sup}  " if many else "")
                + attached.screen.words().partition(f"{attached.ref.namespec}  ")[2],
            )
            for n, attached in enumerate(self.sessions)
        ]

        def done(value: str | None) -> None:
            self._desk.close()
            if value is not None and int(value) < len(self.sessions):
                self._show(self.sessions[int(value)])

        begin = self.sessions.index(at) if at is not None else 0
        self._desk.open(Choice(self._desk.look, "Attached to", items, done, at=begin))

    def _wished(self, attached: Attached, wish: Wish) -> None:
        try:
            self._do(wish, attached)
        except UserError as error:
            if self.attached is not None:
                self.attached.screen.peer.ended = str(error)
            else:
                self._desk.say(str(error), "msg.warn")

    def _do(self, wish: Wish, attached: Attached) -> None:
        match wish:
            case Wish.DETACH:
                self.detach(attached)
            case Wish.NEXT:
                at = self.sessions.index(attached) + 1
                self._show(self.sessions[at % len(self.sessions)])
            case Wish.LEAVE:
                self._hide()
                prefix = key_words(self._desk.look.prefix[0])
                self._desk.say(
                    f"{attached.ref.namespec} stays attached, a shows it again; {prefix} d there detaches"
                )
            case Wish.LIST:
                self._hide()
                self.choose(attached)
            case Wish.PALETTE:
                self._hide()
                self.palette()
            case Wish.HALF:
                self._desk.stage.half = not self._desk.stage.half
                self._desk.host.invalidate()
            case Wish.REDRAW:
                rows, cols = attached.screen.size
                attached.resize(max(1, rows - 1), cols)
                attached.resize(rows, cols)
                self._desk.host.redraw()
            case Wish.TAKE if attached.terminal is not None:
                attached.terminal.take()
                attached.resize(*attached.screen.size)
            case Wish.RESTART:
                self._actions.propose(Verb.START, Aim((attached.ref,), attached.ref.namespec))
            case Wish.SIGNAL:
                self.detach(attached)
                self._desk.view.go_to(attached.ref)
                self._actions.signal()
            case Wish.COPY:
                self._copied = attached.screen.copied
                self.give(self._copied.encode("utf-8", "replace"), f"{len(self._copied)} characters")
                self._desk.host.invalidate()
            case Wish.CLIPBOARD:
                data = attached.screen.clipboard
                self.give(data, f"{len(data)} bytes, from {attached.ref.namespec},")
                self._desk.host.invalidate()
            case Wish.PASTE if self._copied:
                attached.screen.paste(self._copied)
            case _:
                self._desk.host.invalidate()

    def detach(self, attached: Attached) -> None:
        self._leave(attached)
        self._desk.say(f"detached from {attached.ref.namespec}, it goes on running")

    def leave_all(self) -> None:
        """Give up every terminal, and say nothing of it."""
        for attached in [*self.sessions]:
            self._leave(attached)

    def _leave(self, attached: Attached) -> None:
        self.sessions.remove(attached)
        if attached.terminal is not None:
            attached.terminal.close()
        if attached.timer is not None:
            attached.timer.cancel()
        if attached is self.attached:
            self._hide()

    def check_size(self) -> None:
        """Tell the program its size a moment after the last change."""
        attached = self.attached
        if attached is None or attached.screen.size == attached.sent or not attached.screen.peer.writer:
            return
        rows, cols = attached.sent = attached.screen.size
        if rows < 2 or cols < 2:
            return
        if attached.timer is not None:
            attached.timer.cancel()
        attached.timer = self._desk.host.later(RESIZE_AFTER_S, lambda: attached.resize(rows, cols))

    def link_lost(self, sup: str) -> None:
        for attached in self.sessions:
            if attached.ref.sup == sup and not attached.screen.peer.away_since:
                attached.screen.peer.away_since = self._desk.host.now()
