"""Settings, columns and keys as the operator changes them: shown at once, kept when asked; must never know the loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from supervisor.errors import UserError

from .commands import COMMANDS
from .desk import Desk
from .keyfile import KeyFile
from .keymap import KeyMap, show, split_keys
from .pickers import Pickers
from .screens.dialogs import Choice, Item
from .screens.logs import Logs
from .screens.settings import SettingsPage
from .settings import COLUMNS, Settings


class Setup:
    def __init__(self, desk: Desk, pickers: Pickers, logs: Logs) -> None:
        self._desk = desk
        self._logs = logs
        self._pickers = pickers
        pickers.apply = self.apply

    def apply(self, settings: Settings) -> None:
        """Show the console as ``settings`` say."""
        desk = self._desk
        before, desk.settings = desk.settings, settings
        desk.critical = settings.critical
        desk.look.osc52 = settings.osc52 == "ask"
        desk.overview.table.wished = settings.columns
        desk.overview.splits = [*settings.splits]
        self._logs.kept = settings.log_splits
        if before.preset != settings.preset:
            self.tell(self.use_keys(desk.host.load_keys(settings.preset)))
        desk.host.use(settings)
        desk.host.invalidate()

    def use_keys(self, found: KeyFile) -> Sequence[str]:
        """Take the key map of a file; what is wrong in it."""
        self._desk.keymap = KeyMap(found.tables)
        self._desk.sequence_s = found.sequence_s
        self._desk.look.prefix = found.prefix
        self._desk.look.after_prefix = found.tables["attach"]
        return found.problems

    def tell(self, problems: Sequence[str]) -> None:
        for problem in problems[1:]:
            self._desk.messages.append((self._desk.host.now(), "msg.warn", problem))
        if problems:
            more = f" (and {len(problems) - 1} more, g m shows)" if len(problems) > 1 else ""
            self._desk.say(f"{problems[0]}{more}", "msg.warn", keep=True)

    def settings(self) -> None:
        desk = self._desk

        def chosen(key: str) -> None:
            if key == "theme":
                desk.close()
                self._pickers.choose_theme()
            elif key == "columns":
                desk.close()
                self.columns()
            else:
                desk.say(f"{key} is a list in the settings file", "msg.info")

        desk.open(SettingsPage(desk.look, desk.settings, self.apply, chosen, self.save, desk.close))

    def save(self) -> None:
        try:
            path = self._desk.host.save_settings(self._desk.settings)
        except UserError as error:
            self._desk.say(str(error), "msg.warn")
        else:
            self._desk.say(f"saved in {path}", "msg.ok")

    def columns(self, at: int = 0) -> None:
        """Choose the columns of the list; each choice is seen at once, and the list stays open."""
        shown = self._desk.settings.columns
        items = [Item(name, f"[{'x' if name in shown else ' '}] {name}") for name in COLUMNS]

        def done(name: str | None) -> None:
            self._desk.close()
            if name is None:
                return
            kept = tuple(c for c in COLUMNS if (c in shown) != (c == name))
            self.apply(replace(self._desk.settings, columns=kept))
            self.columns(COLUMNS.index(name))

        self._desk.open(Choice(self._desk.look, "Columns (Enter: on, off)", items, done, at=at))

    def edit_key(self) -> None:
        """Choose a command that is bound here, then the key that it gets in the operator's file."""
        desk = self._desk
        contexts = [context for context in desk.contexts() if context not in ("replay", "dialog", "choice")]
        if not contexts:
            raise UserError("close this first")
        items = []
        for _, rows in desk.keymap.help(contexts):
            items += [Item(command.name, command.help, keys) for keys, command in rows]

        def done(name: str | None) -> None:
            desk.close()
            if name is not None:
                self._ask_key(contexts[0], name)

        desk.open(Choice(desk.look, f"Edit keys: {contexts[0]}", items, done, search=True))

    def _ask_key(self, context: str, name: str) -> None:
        def changed(text: str) -> None:
            split_keys(text)

        def done(text: str | None) -> None:
            if not text:
                return
            try:
                found = self._desk.host.save_key(context, text, name)
            except UserError as error:
                self._desk.say(str(error), "msg.warn")
                return
            self.tell(self.use_keys(found))
            if not found.problems:
                self._desk.say(f"{show(split_keys(text))} is {name} now, in {context}", "msg.ok")

        caption = f"key for {COMMANDS[name].help} (as ctrl k, f5, g x): "
        self._desk.ask(caption, "", changed, done, "key")
