"""What opens to choose from or to read: help, palette, themes, sort, messages; must never know the loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

from supervisor.errors import UserError

from . import filters
from .commands import ACT, ATTACHED, COMMANDS, MOVE, SECTIONS, Aim, Verb, aim_at, described
from .desk import Desk
from .listview import SORTS
from .model import Ref
from .pane import Row
from .screens.dialogs import Choice, Item
from .screens.page import Page, help_rows
from .settings import SETTINGS, Settings, shown
from .words import clock, wrapped

MAX_PALETTE_PROCESSES: Final = 5000
_GO: Final = "go "
_SET: Final = "set "
_DO: Final = "do "
MAX_DEEDS: Final = 20
_VERBS: Final = (Verb.START, Verb.STOP, Verb.RESTART)
_ORDER: Final = sorted(SECTIONS, key=lambda section: (section != ACT, section == MOVE))
"""Of the palette: what acts stands first, what moves last."""
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


_ON_PROCESS: Final = (
    "detail", "logs", "start", "stop", "restart", "signal", "attach", "watch", "start-group", "stop-group",
    "restart-group", "clear-log", "copy-name", "copy-command",
)  # fmt: skip
"""What the menu of actions offers, where it has a key."""


class Pickers:
    def __init__(self, desk: Desk) -> None:
        self.apply: Callable[[Settings], None] = lambda settings: None
        self.propose: Callable[[Verb, Aim], None] = lambda verb, aim: None
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
        desk = self._desk
        contexts = desk.contexts()

        def made(cols: int) -> list[Row]:
            return help_rows(desk.keymap, contexts, cols, changing=not desk.read_only)

        desk.open(Page(desk.look, f"Keys: {contexts[0]}", made, desk.close, edit=edit))

    def messages(self) -> None:
        messages = [*reversed(self._desk.messages)]

        def made(cols: int) -> list[Row]:
            rows: list[Row] = []
            for wall, role, text in messages:
                for number, line in enumerate(wrapped(text, max(10, cols - 11))):
                    when = clock(wall) if number == 0 else " " * 8
                    rows.append([("ui.text.muted@panel", f" {when} "), (f"{role}@panel", line)])
            return rows or [[("dialog.body", " no message yet")]]

        self._desk.open(Page(self._desk.look, "Messages", made, self._desk.close))

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
                self._desk.keep(theme=name)
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
        for name, command in sorted(COMMANDS.items(), key=lambda item: _ORDER.index(item[1].section)):
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
            elif value is not None and value.startswith(_DO):
                self._do(value)
            elif value is not None:
                self._desk.execute(value)

        self._desk.open(
            Choice(self._desk.look, "Command palette", items, done, search=True, made=self._deeds)
        )

    def actions(self, scope: str) -> None:
        """What can be done with the selected process, group or marks."""
        if not scope:
            raise UserError("no process is selected")
        contexts = self._desk.contexts()
        items = []
        for name in _ON_PROCESS:
            keys = self._desk.keymap.keys_of(name, contexts)
            if keys:
                command = COMMANDS[name]
                allowed = not (command.changes and self._desk.read_only)
                items.append(Item(name, command.help, "", keys[0], allowed))

        def done(value: str | None) -> None:
            self._desk.close()
            if value is not None:
                self._desk.execute(value)

        self._desk.open(Choice(self._desk.look, f"Actions: {scope}", items, done))

    def _deeds(self, text: str) -> list[Item]:
        """What ``restart web`` may mean: one process of that name, a group, all that match."""
        first, *rest = text.lower().split() or [""]
        verb = next((verb for verb in _VERBS if len(first) > 2 and verb.value.startswith(first)), None)
        if verb is None or not rest:
            return []
        model, enabled = self._desk.model, not self._desk.read_only
        found = _named(model.records, rest)
        many = len(model.sups) > 1
        items = []
        for ref in found[:MAX_DEEDS]:
            detail = f"{ref.sup}  {ref.namespec}" if many else ref.namespec
            items.append(Item(_deed(verb, ref), verb.value, detail, enabled=enabled))
        spans = [span for span, groups in model.spans.items() if len(groups) > 1]
        for ref in [*_named(spans, rest), *_named(model.groups, rest)][:MAX_DEEDS]:
            name = f"{ref.sup or 'all'}  {ref.group}" if many else ref.group
            count = model.kinds_of(ref).total()
            items.append(Item(_deed(verb, ref), f"{verb.value} group", f"{name} ({count})", enabled=enabled))
        if len(found) > 1:
            words = " ".join(rest)
            items.append(
                Item(
                    f"{_DO}{verb.value} {words}",
                    f"{verb.value} all matching",
                    f"{words} ({len(found)})",
                    enabled=enabled,
                )
            )
        return items

    def _do(self, value: str) -> None:
        name, _, what = value.removeprefix(_DO).partition(" ")
        model = self._desk.model
        try:
            if self._desk.read_only:
                raise UserError(f"read-only: {name} is not allowed on this connection")
            if "\0" not in what:
                found = _named(model.records, what.split())
                self.propose(Verb(name), Aim(tuple(found), f"{len(found)} matching {what}"))
                return
            ref = Ref(*what.split("\0"))
            self.propose(Verb(name), aim_at(model, ref) if ref.is_group else Aim((ref,), ref.namespec))
        except UserError as error:
            self._desk.say(str(error), "msg.warn")

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
        self._desk.show([*self._desk.base, self._desk.overview])

    def go(self) -> None:
        """Choose a process by a few letters of its name."""

        def done(value: str | None) -> None:
            self._desk.close()
            if value is not None:
                self._go_to(value)

        self._desk.open(Choice(self._desk.look, "Go to process", self._processes(""), done, search=True))


def _named(refs: Iterable[Ref], words: Sequence[str]) -> list[Ref]:
    """Those that have all of the words (small letters) in their names."""
    return [ref for ref in refs if all(word in _name(ref) for word in words)]


def _name(ref: Ref) -> str:
    return (ref.group if ref.is_group else ref.namespec).lower()


def _deed(verb: Verb, ref: Ref) -> str:
    return f"{_DO}{verb.value} {ref.sup}\0{ref.group}\0{ref.name}"
