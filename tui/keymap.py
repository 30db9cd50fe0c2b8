"""**Pure**: context and keys to a command's name; must never know widgets.

A binding is written as key names after one another: ``g g``, ``ctrl w w``, ``page up``.
Key names are urwid's, and ``space``. Contexts are asked in order, the innermost first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from supervisor.errors import UserError

from .commands import COMMANDS, SECTIONS, Command, described

Keys = tuple[str, ...]

_MODIFIERS: Final = frozenset({"ctrl", "meta", "shift"})


def split_keys(text: str) -> Keys:
    """``ctrl w page up`` as ``("ctrl w", "page up")``; ``space`` becomes the character."""
    keys: list[str] = []
    pending: list[str] = []
    for word in text.split():
        pending.append(" " if word == "space" else word)
        if word in _MODIFIERS or (word == "page" and pending[-1] == "page"):
            continue
        keys.append(" ".join(pending))
        pending = []
    if pending:
        raise UserError(f"key {text!r} ends in the middle")
    return tuple(keys)


GLOBAL: Final = {
    "k": "up", "up": "up", "j": "down", "down": "down",
    "ctrl u": "half-up", "ctrl d": "half-down",
    "ctrl b": "page-up", "page up": "page-up", "ctrl f": "page-down", "page down": "page-down",
    "g g": "first", "home": "first", "G": "last", "end": "last",
    "h": "left", "left": "left", "l": "right", "right": "right",
    "tab": "next-pane", "shift tab": "previous-pane", "ctrl w w": "next-pane", "ctrl w W": "previous-pane",
    "ctrl w h": "pane-left", "ctrl w l": "pane-right", "ctrl w k": "pane-up", "ctrl w j": "pane-down",
    "ctrl w >": "wider", "ctrl w <": "narrower", "ctrl w +": "higher", "ctrl w -": "lower", "ctrl w =": "even", "=": "even",
    "1": "overview", "2": "detail", "3": "log-screen", "4": "events", "5": "fleet", "g e": "events", "g p": "go", "g l": "log-in", "meta 1": "overview", "meta 2": "detail", "meta 3": "log-screen", "meta 4": "events", "meta 5": "fleet", "g m": "messages", "g a": "attached",
    "?": "help", "f1": "help", ":": "palette", "ctrl p": "palette", "f2": "settings", "ctrl t": "theme",
    "esc": "back", "q": "back", "f10": "quit", "ctrl c": "interrupt",
    "ctrl l": "redraw", "ctrl r": "reconnect", "z": "zoom", "M": "mouse",
    "n": "next-match", "N": "previous-match", "g c": "stop-rolling", "ctrl o": "history", ".": "repeat",
}  # fmt: skip

LIST: Final = {
    "enter": "detail", "o": "logs", "f5": "logs",
    "s": "start", "f7": "start", "x": "stop", "f8": "stop", "r": "restart",
    "S": "start-group", "X": "stop-group", "R": "restart-group",
    "f9": "signal", "!": "signal", "a": "attach", "A": "watch", "m": "actions",
    "u": "undo", "c": "clear-log", "f11": "reload", "y": "copy-name", "Y": "copy-command",
    "space": "mark", "v": "mark-range", "*": "mark-all", "U": "unmark-all", "+": "mark-glob", "_": "unmark-glob", "H": "fold-all", "L": "unfold-all",
    "/": "filter", "f4": "filter", "\\": "filter", "f3": "find", "t": "attention", "f": "follow-row",
    "f6": "sort", ">": "sort-next", "<": "sort-previous", "I": "invert", "e": "stream", "C": "columns",
}  # fmt: skip

LOG: Final = {
    "/": "find", "f3": "find", "?": "find-back", "&": "filter-in", "f4": "filter-in", "\\": "filter-in",
    "meta &": "filter-out", "meta c": "case", "meta r": "regex",
    "f": "follow", "p": "pause", "w": "wrap", "t": "times", "#": "numbers", "e": "stream", "ctrl k": "clear-pane",
    "]": "next-error", "[": "previous-error", "}": "next-warning", "{": "previous-warning",
    ")": "next-restart", "(": "previous-restart",
    "m": "mark-line", "'": "next-mark", '"': "previous-mark", "U": "clear-marks",
    "v": "select", "V": "select-lines", "y": "copy", "ctrl y": "bare", "S": "save", "E": "open",
    "K": "older", "0": "line-start", "$": "line-end",
    "|": "split-right", "-": "split-below", "+": "merge", "ctrl w c": "close-pane",
}  # fmt: skip

SELECT: Final = {
    "v": "select", "V": "select-lines", "y": "copy", "enter": "copy", "0": "line-start", "$": "line-end",
    "w": "word", "b": "word-back", "e": "word-end", "o": "other-end",
}  # fmt: skip

DETAIL: Final = {
    "s": "start", "f7": "start", "x": "stop", "f8": "stop", "r": "restart", "R": "restart-group",
    "f9": "signal", "!": "signal", "a": "attach", "A": "watch", "o": "logs", "f5": "logs", "e": "stream", "m": "actions",
    "u": "undo", "c": "clear-log", "f11": "reload", "y": "copy-name", "Y": "copy-command",
}  # fmt: skip

EVENTS: Final = {
    "enter": "detail", "o": "logs-then", "f5": "logs", "f": "follow", "t": "kind", "L": "level", "<": "hour-back", ">": "hour-on",
}  # fmt: skip

FLEET: Final = {
    "enter": "open-supervisor", "=": "everything", "g b": "group-by", "H": "fold-all", "L": "unfold-all",
    "/": "filter", "f4": "filter", "\\": "filter",
    "space": "mark", "U": "unmark-all", "s": "start", "f7": "start", "x": "stop", "f8": "stop", "r": "restart",
    "S": "start-group", "X": "stop-group", "R": "restart-group", "f9": "signal", "!": "signal", "f11": "reload",
    "o": "logs", "f5": "logs", "m": "actions",
}  # fmt: skip

TROUBLE: Final = {
    "enter": "open-supervisor", "=": "everything", "s": "start", "f7": "start", "x": "stop", "f8": "stop",
    "r": "restart", "R": "restart-group", "f9": "signal", "!": "signal", "a": "attach", "A": "watch", "u": "undo", "m": "actions",
}  # fmt: skip

REPLAY: Final = {
    "space": "replay-hold", "+": "replay-faster", "-": "replay-slower", ".": "replay-step",
    ",": "replay-back", "meta left": "replay-back", ";": "replay-on", "meta right": "replay-on",
    "a": "watch",
}  # fmt: skip

DIALOG: Final = {
    "tab": "next", "right": "next", "l": "next", "shift tab": "previous", "left": "previous", "h": "previous",
    "up": "up", "down": "down", "k": "up", "j": "down", "home": "first", "end": "last",
    "enter": "accept", "y": "yes", "n": "cancel", "esc": "cancel", "q": "cancel", "space": "toggle", "d": "sent",
    "ctrl c": "cancel", "f10": "cancel",
}  # fmt: skip

CHOICE: Final = {
    "up": "up", "down": "down", "ctrl p": "up", "ctrl n": "down", "page up": "page-up", "page down": "page-down",
    "home": "first", "end": "last", "enter": "accept", "esc": "cancel", "ctrl c": "cancel", "f10": "cancel",
}  # fmt: skip

ATTACH: Final = {
    "d": "detach", ".": "detach", "q": "detach", "[": "look-back", "page up": "look-back",
    "tab": "next-attached", "l": "attached", "b": "leave-attached", "z": "half", "s": "signal-it", "r": "repaint",
    "o": "own-size", "w": "only-watch", "p": "paste", "c": "interrupt-goes", "y": "allow-copy", "n": "refuse-copy", ":": "palette", "?": "menu",
}  # fmt: skip
"""Keys after the prefix, while attached; a program gets all others."""

DEFAULTS: Final[Mapping[str, Mapping[str, str]]] = {
    "global": GLOBAL,
    "list": LIST,
    "log": LOG,
    "select": SELECT,
    "detail": DETAIL,
    "events": EVENTS,
    "fleet": FLEET,
    "trouble": TROUBLE,
    "replay": REPLAY,
    "dialog": DIALOG,
    "choice": CHOICE,
    "attach": ATTACH,
}

FOOTERS: Final[Mapping[str, tuple[str, ...]]] = {
    "list": (
        "help", "find", "filter", "logs", "sort", "start", "stop", "signal", "quit",
        "palette", "mark", "restart", "restart-group", "attach", "zoom", "events", "attention", "settings", "theme",
    ),
    "log": ("help", "find", "next-match", "previous-match", "follow", "pause", "wrap", "stream", "zoom", "next-pane",
        "split-right", "merge", "filter-in", "copy", "older", "times", "next-error", "back"),
    "select": ("copy", "select", "select-lines", "word", "word-back", "word-end", "line-start", "line-end", "other-end", "back"),
    "detail": ("back", "start", "stop", "restart", "signal", "attach", "logs", "stream", "next-pane", "copy-name", "copy-command", "help"),
    "events": ("back", "detail", "logs-then", "logs", "follow", "kind", "level", "hour-back", "hour-on", "help"),
    "fleet": (
        "help", "open-supervisor", "group-by", "filter", "everything", "mark", "restart", "reconnect", "next-pane", "events",
        "palette", "quit",
    ),
    "trouble": ("help", "open-supervisor", "restart", "start", "stop", "signal", "attach", "next-pane", "back"),
    "replay": ("replay-hold", "replay-faster", "replay-slower", "replay-step", "replay-back", "replay-on"),
    "dialog": ("accept", "yes", "cancel", "next", "sent"),
    "choice": ("accept", "cancel"),
}  # fmt: skip
KEPT: Final = frozenset({"help", "back", "cancel"})
"""Never cut from a footer."""

_PREFERRED: Final = {
    "list": {
        "find": "f3",
        "filter": "f4",
        "logs": "f5",
        "start": "f7",
        "stop": "f8",
        "signal": "f9",
        "palette": ":",
    },
    "log": {"find": "/", "help": "f1"},
    "dialog": {"cancel": "esc"},
    "choice": {"cancel": "esc"},
}


@dataclass(frozen=True, slots=True)
class Prefix:
    """The keys so far begin these bindings: key to press next, command."""

    choices: tuple[tuple[str, str], ...]


class KeyMap:
    """Bindings by context. Raises UserError at creation for a command or context that does not exist."""

    def __init__(self, tables: Mapping[str, Mapping[str, str]] = DEFAULTS) -> None:
        self._tables: dict[str, dict[Keys, str]] = {}
        for context, table in tables.items():
            bindings: dict[Keys, str] = {}
            for text, command in table.items():
                if command.partition(" ")[0] not in COMMANDS:
                    raise UserError(f"key map: [{context}] {text}: no command {command!r}")
                bindings[split_keys(text)] = command
            self._check_prefixes(context, bindings)
            self._tables[context] = bindings

    @staticmethod
    def _check_prefixes(context: str, bindings: Mapping[Keys, str]) -> None:
        for keys in bindings:
            for length in range(1, len(keys)):
                if keys[:length] in bindings:
                    raise UserError(
                        f"key map: [{context}] {' '.join(keys)}: {' '.join(keys[:length])} is bound itself"
                    )

    def find(self, contexts: Sequence[str], keys: Keys) -> str | Prefix | None:
        """The command, what may follow, or None where nothing is bound."""
        choices: dict[str, str] = {}
        for context in contexts:
            bindings = self._tables[context]
            if keys in bindings and not choices:
                return bindings[keys]
            for bound, command in bindings.items():
                if len(bound) > len(keys) and bound[: len(keys)] == keys:
                    choices.setdefault(bound[len(keys)], command)
        return Prefix(tuple(choices.items())) if choices else None

    def keys_of(self, command: str, contexts: Sequence[str]) -> list[str]:
        """Keys as shown to people, in the order of the table, without those that mean something else here."""
        found = []
        for context in contexts:
            for keys, bound in self._tables[context].items():
                if bound == command and self.find(contexts, keys) == command:
                    found.append(show(keys))
        return found

    def footer(self, contexts: Sequence[str], *, changing: bool = True) -> list[tuple[str, Command]]:
        """(key, command) for the footer of the innermost context, most used first."""
        preferred = {
            name: key for context in reversed(contexts) for name, key in _PREFERRED.get(context, {}).items()
        }
        entries = []
        for name in dict.fromkeys(name for context in contexts for name in FOOTERS.get(context, ())):
            command = COMMANDS[name]
            keys = self.keys_of(name, contexts)
            if not keys or (command.changes and not changing):
                continue
            wish = show((preferred[name],)) if name in preferred else None
            functional = next((key for key in keys if key[0] == "F" and key[1:].isdigit()), None)
            entries.append((wish if wish in keys and wish else functional or keys[0], command))
        return entries

    def help(self, contexts: Sequence[str]) -> list[tuple[str, list[tuple[str, Command]]]]:
        """(section, [(keys, command)]) of everything that is bound here."""
        bound: dict[str, None] = {}
        for context in contexts:
            bound.update(dict.fromkeys(self._tables[context].values()))
        sections: dict[str, list[tuple[str, Command]]] = {section: [] for section in SECTIONS}
        for name in (*COMMANDS, *(text for text in bound if " " in text)):
            keys = self.keys_of(name, contexts) if name in bound else []
            if keys:
                command = described(name)
                sections[command.section].append((" ".join(keys), command))
        return [(section, rows) for section, rows in sections.items() if rows]


_SHOWN: Final = {
    "enter": "Enter", "esc": "Esc", " ": "Space", "tab": "Tab", "shift tab": "S-Tab", "page up": "PgUp",
    "page down": "PgDn", "up": "Up", "down": "Down", "left": "Left", "right": "Right", "home": "Home", "end": "End",
}  # fmt: skip


def show(keys: Iterable[str]) -> str:
    """Keys as people read them: ``F5``, ``^P``, ``g g``, ``Space``."""
    return " ".join(_show_one(key) for key in keys)


def _show_one(key: str) -> str:
    if key in _SHOWN:
        return _SHOWN[key]
    if key.startswith("ctrl ") and len(key) == 6:
        return f"^{key[5:].upper()}"
    if key.startswith("meta "):
        return f"M-{_show_one(key[5:])}"
    if key[0] == "f" and key[1:].isdigit():
        return key.upper()
    return key
