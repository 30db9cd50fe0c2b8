"""The attached program: its screen, its connection, its size; must never know the loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from supervisor.errors import UserError
from supervisor.protocol import stream as wire

from .actions import Actions
from .commands import Verb
from .desk import Desk, Timer
from .link import Terminal
from .model import Ref
from .screens.attach import AttachScreen, Wish

RESIZE_AFTER_S: Final = 0.15


@dataclass(slots=True)
class Attached:
    screen: AttachScreen
    ref: Ref
    terminal: Terminal
    sent: tuple[int, int] = (0, 0)
    timer: Timer | None = None


class Attaching:
    """``attached`` is what has the terminal for itself now."""

    def __init__(self, desk: Desk, actions: Actions) -> None:
        self._desk = desk
        self._actions = actions
        self.attached: Attached | None = None
        self._copied = ""

    def attach(self, *, read_only: bool) -> None:
        ref = self._desk.stage.screen.ref()
        if ref is None or ref not in self._desk.model.records:
            raise UserError("no process is selected")
        if self._desk.model.sups[ref.sup].stale:
            raise UserError(f"cannot attach: not connected to {ref.sup}")
        record = self._desk.model.records[ref]
        read_only = read_only or self._desk.read_only or record.stdin == "none"
        if read_only:
            self._begin(ref, read_only=True)
        else:
            what = f"attach to {ref.namespec}, what you type goes to it"
            self._actions.protected([what], [ref.sup], lambda: self._begin(ref, read_only=False))

    def _begin(self, ref: Ref, *, read_only: bool) -> None:
        cols, rows = self._desk.stage.size
        screen = AttachScreen(self._desk.look, ref.namespec, self._type, self._wished, read_only=read_only)
        screen.size = (rows - 1, cols)
        mode = "read" if read_only else "write"
        terminal = self._desk.links[ref.sup].attach(
            self._attach_frame, ref.namespec, mode, *(screen.size if not read_only else (0, 0))
        )
        self.attached = Attached(screen, ref, terminal, screen.size)
        self._desk.stage.full = screen
        self._desk.close()

    def _attach_frame(self, frame: wire.Frame) -> None:
        attached = self.attached
        if attached is None:
            return
        attached.screen.take(frame)
        if isinstance(frame, wire.Attached):
            record = self._desk.model.records.get(attached.ref)
            attached.screen.peer.started = record.start if record is not None else 0.0
            self._desk.host.raw_keys(attached.screen.raw)
        self._desk.host.invalidate()

    def _type(self, data: bytes) -> bool:
        return self.attached is not None and self.attached.terminal.input(data)

    def _wished(self, wish: Wish) -> None:
        if self.attached is not None:
            try:
                self._do(wish, self.attached)
            except UserError as error:
                if self.attached is not None:
                    self.attached.screen.peer.ended = str(error)
                else:
                    self._desk.say(str(error), "msg.warn")

    def _do(self, wish: Wish, attached: Attached) -> None:
        match wish:
            case Wish.DETACH:
                self.detach()
            case Wish.REDRAW:
                rows, cols = attached.screen.size
                attached.terminal.resize(max(1, rows - 1), cols)
                attached.terminal.resize(rows, cols)
                self._desk.host.redraw()
            case Wish.TAKE:
                attached.terminal.take()
                attached.terminal.resize(*attached.screen.size)
            case Wish.RESTART:
                self._actions.propose(Verb.START, [attached.ref], attached.ref.namespec)
            case Wish.SIGNAL:
                self.detach()
                self._desk.view.go_to(attached.ref)
                self._actions.signal()
            case Wish.COPY:
                self._copied = attached.screen.copied
                self._desk.host.invalidate()
            case Wish.PASTE if self._copied:
                attached.screen.paste(self._copied)
            case Wish.PASTE | Wish.BEEP:
                self._desk.host.invalidate()

    def detach(self) -> None:
        attached, self.attached = self.attached, None
        if attached is None:
            return
        attached.terminal.close()
        if attached.timer is not None:
            attached.timer.cancel()
        self._desk.stage.full = None
        self._desk.host.raw_keys(False)
        self._desk.say(f"detached from {attached.ref.namespec}, it goes on running")

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
        attached.timer = self._desk.host.later(RESIZE_AFTER_S, lambda: attached.terminal.resize(rows, cols))

    def link_lost(self, sup: str) -> None:
        attached = self.attached
        if attached is not None and attached.ref.sup == sup and not attached.screen.peer.away_since:
            attached.screen.peer.away_since = self._desk.host.now()
