"""What opens to choose from or to read: help, palette, themes, sort, messages; must never know the loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from supervisor.errors import UserError

from . import filters
from .commands import ATTACHED, COMMANDS, described
from .desk import Desk
from .listview import SORTS
from .model import Ref
from .pane import Row
from .screens.dialogs import Choice, Item, Page, help_rows
from .settings import SETTINGS, Settings, shown
from .words import clock

MAX_PALETTE_PROCESSES: Final = 5000
_GO: Final = "go "
_SET: Final = "set "
_NOT_IN_PALETTE: Final = frozenset(
    {
        "up",
        "down",
        "left",
        "right",
        "interrupt",
        "palette",
        "accept",
        "cancel",
        "yes",
        "next",
        "previous",
        "toggle",
    }
)


class Pickers:
    def __init__(self, desk: Desk) -> None:
        self.apply: Callable[[Settings], None] = lambda settings: None
        self._desk = desk

    def sort(self) -> None:
        items = [Item(sort, sort, "the tree" if sort == "group" else "") for sort in SORTS]

        def done(value: str | None) -> None:
            self._desk.close()
            if value is not None:
                self._desk.view.change(sort=value)

        self._desk.open(Choice(self._desk.look, "Sort by", items, done, at=SORTS.index(self._desk.view.sort)))

    def help(self, edit: Callable[[], None]) -> None:
        """``edit`` is what ``K`` does there."""
        contexts = self._desk.contexts()
        cols = self._desk.stage.size[0]
        rows = help_rows(self._desk.keymap, contexts, cols, changing=not self._desk.read_only)
        self._desk.open(
            Page(self._desk.look, f"Keys: {contexts[0]}", rows, self._desk.close, full=True, edit=edit)
        )

    def messages(self) -> None:
        rows: list[Row] = [
            [("ui.text.muted@panel", f" {clock(wall)} "), (f"{role}@panel", text)]
            for wall, role, text in reversed(self._desk.messages)
        ]
        if not rows:
            rows = [[("dialog.body", " no message yet")]]
        self._desk.open(Page(self._desk.look, "Messages", rows, self._desk.close, full=True))

    def history(self) -> None:
        """Commands that were given, the newest first; the chosen one is given again, here."""
        names = list(dict.fromkeys(reversed(self._desk.given)))
        if not names:
            raise UserError("no command was given yet")
        items = [Item(name, described(name).help, name) for name in names]

        def done(name: str | None) -> None:
            self._desk.close()
            if name is not None:
                self._desk.execute(name)

        self._desk.open(Choice(self._desk.look, "Given before", items, done))

    def choose_theme(self) -> None:
        names = self._desk.host.theme_names()
        before = self._desk.theme

        def done(name: str | None) -> None:
            self._desk.close()
            self._desk.theme = name or before
            self._desk.host.show_theme(self._desk.theme)
            if name is not None:
                self._desk.settings = replace(self._desk.settings, theme=name)
                self._desk.host.save_theme(name)
                self._desk.say(f"theme {name}", "msg.ok")

        items = [Item(name, name) for name in names]
        at = names.index(before) if before in names else 0
        self._desk.open(
            Choice(self._desk.look, "Theme", items, done, at=at, moved=self._desk.host.show_theme)
        )

    def use_theme(self, name: str) -> None:
        self._desk.host.show_theme(name)
        self._desk.theme = name

    def palette(self) -> None:
        contexts = self._desk.contexts()
        items = []
        for name, command in COMMANDS.items():
            here = self._desk.replaying or not name.startswith("replay-")
            if name not in _NOT_IN_PALETTE and command.section != ATTACHED and here:
                keys = self._desk.keymap.keys_of(name, contexts)
                allowed = not (command.changes and self._desk.read_only)
                items.append(Item(name, command.help, "", keys[0] if keys else "", allowed))
        items += self._values()
        items += self._processes("go to process")

        def done(value: str | None) -> None:
            self._desk.close()
            if value is not None and value.startswith(_GO):
                self._go_to(value)
            elif value is not None and value.startswith(_SET):
                self._set(value)
            elif value is not None:
                self._desk.execute(value)

        self._desk.open(Choice(self._desk.look, "Command palette", items, done, search=True))

    def _values(self) -> list[Item]:
        """Every value that a setting, the order of the list or the theme can have, but for the one it has."""
        items = []
        for setting in SETTINGS:
            now = getattr(self._desk.settings, setting.key)
            for number, value in enumerate(setting.choices):
                if value != now:
                    label = f"set {setting.key} to {shown(value)}"
                    items.append(Item(f"{_SET}{setting.key} {number}", label, f"now {shown(now)}"))
        names = [
            (f"theme {name}", f"theme {name}", name == self._desk.theme)
            for name in self._desk.host.theme_names()
        ]
        names += [(f"sort {name}", f"sort by {name}", name == self._desk.view.sort) for name in SORTS]
        return items + [Item(value, label) for value, label, here in names if not here]

    def _set(self, value: str) -> None:
        key, number = value.removeprefix(_SET).split()
        setting = next(setting for setting in SETTINGS if setting.key == key)
        chosen = setting.choices[int(number)]
        self.apply(replace(self._desk.settings, **{key: chosen}))  # type: ignore[arg-type]  # of its own kind
        self._desk.say(f"{key} is {shown(chosen)}; F2 and s keep it", "msg.ok")

    def _processes(self, label: str) -> list[Item]:
        """Every process as something to go to; the server's part is shown where there are several."""
        many = len(self._desk.model.sups) > 1
        return [
            Item(
                f"{_GO}{ref.sup}\0{ref.group}\0{ref.name}",
                label or ref.namespec,
                (f"{ref.sup}  " if many else "") + (ref.namespec if label else ""),
            )
            for ref in list(self._desk.model.records)[:MAX_PALETTE_PROCESSES]
        ]

    def _go_to(self, value: str) -> None:
        self._desk.view.change(filter=filters.Filter(), attention=False)
        self._desk.view.go_to(Ref(*value.removeprefix(_GO).split("\0")))
        self._desk.show([self._desk.overview])

    def go(self) -> None:
        """Choose a process by a few letters of its name."""

        def done(value: str | None) -> None:
            self._desk.close()
            if value is not None:
                self._go_to(value)

        self._desk.open(Choice(self._desk.look, "Go to process", self._processes(""), done, search=True))
