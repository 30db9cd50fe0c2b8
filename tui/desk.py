"""What the parts of the console share: the model and its view, what is shown, messages; must never know the loop.

What they need of the outside (redraw, timers, tasks, files, the terminal's mode) is the
``Host``, which ``app`` is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Protocol

import urwid

from supervisor.errors import UserError

from .keyfile import SEQUENCE_S, KeyFile
from .keymap import KeyMap
from .link import Connection
from .listview import ListView
from .model import Message, Model
from .pane import Box, Look, Prompt
from .screens.dialogs import Dialog
from .screens.events import Events
from .screens.logpane import LogPane
from .screens.overview import Overview
from .screens.screen import Screen
from .screens.stage import Stage
from .settings import Settings
from .words import clean

MESSAGE_S: Final = 5.0


class Timer(Protocol):
    def cancel(self) -> None: ...


class Host(Protocol):
    """What the console needs of the program around it. ``now`` is wall time."""

    def now(self) -> float: ...
    def invalidate(self) -> None: ...
    def later(self, delay_s: float, act: Callable[[], None]) -> Timer: ...
    def spawn(self, work: Coroutine[object, object, None]) -> None: ...
    def quit(self) -> None: ...
    def redraw(self) -> None: ...
    def raw_keys(self, raw: bool) -> None: ...
    def mouse(self, on: bool) -> None: ...
    def terminal(self, data: bytes) -> None: ...
    def outside(self, program: str | None, text: str) -> None: ...
    def show_theme(self, name: str) -> None: ...
    def keep(self, **changes: Any) -> None: ...
    def use(self, settings: Settings) -> None: ...
    def save_settings(self, settings: Settings) -> Path: ...
    def load_keys(self, preset: str) -> KeyFile: ...
    def save_key(self, context: str, key: str, command: str) -> KeyFile: ...
    def theme_names(self) -> list[str]: ...


class Desk:
    """``links`` by supervisor's name; ``stack``: the screens one came through, the shown one last.

    ``critical``: patterns of processes that are asked about even alone. ``given``: the
    commands that did something, the last one last.
    """

    def __init__(self, host: Host, model: Model, look: Look, *, theme: str, read_only: bool) -> None:
        self.host = host
        self.model = model
        self.look = look
        self.theme = theme
        self.keymap = KeyMap()
        self.sequence_s = SEQUENCE_S
        self.view = ListView(model)
        self.links: dict[str, Connection] = {}
        self.overview = Overview(model, self.view, look)
        self.events = Events(model, look)
        self.base: list[Screen] = []
        """What lies below every other screen: where there are several supervisors, all of them."""
        self.stack: list[Screen] = [self.overview]
        self.stage = Stage(model, look, self.overview)
        self.messages: deque[tuple[float, str, str]] = deque(maxlen=500)
        self.settings = Settings()
        self.critical: tuple[str, ...] = ()
        self._histories: dict[str, list[str]] = {}
        self.replaying = False
        self.given: deque[str] = deque(maxlen=50)
        self._read_only = read_only
        self._message_timer: Timer | None = None

    @property
    def read_only(self) -> bool:
        """Whether what would change something is refused: asked for, or all that the server allows."""
        sups = self.model.sups
        scope = self.view.scope
        meant = [sups[scope]] if scope is not None else list(sups.values())
        # of several supervisors, each says by itself what it refuses
        return self._read_only or (len(meant) == 1 and meant[0].link.role == "observer")

    def contexts(self) -> Sequence[str]:
        """The key map's contexts, the innermost first."""
        if self.stage.dialog is not None:
            return (self.stage.dialog.context,)
        own: tuple[str, ...] = (self.stage.screen.context, "global")
        focused = self.stage.screen.focused
        if isinstance(focused, LogPane) and focused.selection is not None:
            own = ("select", *own)
        return ("replay", *own) if self.replaying else own

    def keep(self, **changes: Any) -> None:
        """Change settings, and keep these by themselves; what else was changed stays unsaved."""
        self.settings = replace(self.settings, **changes)
        self.host.keep(**changes)

    def told(self, message: Message) -> None:
        """A supervisor told something."""
        raise NotImplementedError

    def show(self, stack: list[Screen]) -> None:
        self.stack = stack
        self.stage.screen = stack[-1]

    def open(self, dialog: Dialog) -> None:
        self.stage.dialog = dialog
        urwid.connect_signal(dialog, "mouse", self.pressed)

    def close(self) -> None:
        self.stage.dialog = None

    def pressed(self, box: Box, button: int, col: int, row: int, size: tuple[int, int]) -> None:
        """A mouse button went down in ``box``."""
        raise NotImplementedError

    def execute(self, name: str, key: str = "") -> None:
        """Run a command by name."""
        raise NotImplementedError

    def ask(
        self, caption: str, text: str, changed: Callable[[str], None], done: Callable[[str | None], None], history: str
    ) -> None:  # fmt: skip
        """Open a prompt; ``changed`` may raise UserError for text that cannot be used."""

        def tried(value: str) -> str:
            try:
                changed(value)
            except UserError as error:
                return str(error)
            return ""

        def ended(value: str | None) -> None:
            self.stage.message.prompt = None
            if value is not None:
                try:
                    changed(value)
                except UserError as error:
                    self.say(str(error), "msg.warn")
            done(value)

        self.stage.message.prompt = Prompt(
            caption, text, tried, ended, self._histories.setdefault(history, [])
        )

    def say(self, text: str, role: str = "msg.info", *, keep: bool = False) -> None:
        """Show a line; errors and kept ones stay until the next key or message."""
        text = clean(text)
        self.messages.append((self.host.now(), role, text))
        self.stage.message.text, self.stage.message.role = text, role
        if self._message_timer is not None:
            self._message_timer.cancel()
            self._message_timer = None
        if not keep and role != "msg.error":
            self._message_timer = self.host.later(MESSAGE_S, self.unsay)
        self.host.invalidate()

    def error(self, text: str) -> None:
        self.say(text, "msg.error")

    def unsay(self) -> None:
        self._message_timer = None
        if self.stage.message.text:
            self.stage.message.text = ""
            self.host.invalidate()
