"""**Pure**: the key-map file, merged over a preset, every mistake with its line; must never know widgets.

The file::

    [keys]
    preset = "default"          # default, vi, fkeys, emacs or none
    sequence_timeout = 1.0      # seconds to wait for the next key of "g g"

    [keys.list]                 # a context: global, list, log, detail, events, dialog, choice
    "K" = "signal HUP"          # a command may carry an argument
    "ctrl d" = ""               # nothing: the key is free

    [keys.attach]
    prefix = ["ctrl ]", "f12"]
    "e" = "detach"              # what a key does behind the prefix; one key each

A line that cannot be used is reported and what the preset says is kept: an unknown
context, key or command, two commands for one key, a key that begins another's sequence,
or a command that changes something on a key that moves the cursor.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from supervisor.errors import UserError

from . import tomltext
from .commands import ATTACHED, COMMANDS, check_argument
from .keymap import ATTACH, DEFAULTS, Keys, show, split_keys

SEQUENCE_S: Final = 1.0
PREFIX: Final[tuple[str, ...]] = ("ctrl ]",)
_DIALOGS: Final = ("dialog", "choice")
_ANSWERS: Final = {command for context in _DIALOGS for command in DEFAULTS[context].values()} - {
    command
    for context, table in DEFAULTS.items()
    if context not in (*_DIALOGS, "attach")
    for command in table.values()
}
"""Commands that mean nothing where no dialog is open."""
Tables = dict[str, dict[str, str]]
Wrong = Callable[[str, str, str], None]
"""Told of a mistake: table, key, reason."""

_NAMED: Final = frozenset(
    {"up", "down", "left", "right", "home", "end", "page up", "page down", "insert", "delete", "backspace",
     "enter", "esc", "tab", "space", " ", *(f"f{number}" for number in range(1, 21))}
)  # fmt: skip
_MODIFIED: Final = re.compile(r"(?:(?:ctrl|meta|shift) )*")
_MOVING: Final = frozenset(
    {"h", "j", "k", "l", "g", "G", "n", "N", "v", "y", "up", "down", "left", "right", "home", "end",
     "page up", "page down", "tab", "shift tab", "ctrl d", "ctrl u", "ctrl f", "ctrl b"}
)  # fmt: skip
_FUNCTION: Final = re.compile(r"f\d+$")
_SAFE: Final[Mapping[str, str]] = {
    "up": "up", "down": "down", "enter": "detail", "esc": "back", "f1": "help", "f10": "quit", "ctrl c": "interrupt",
}  # fmt: skip
_EMACS: Final[Mapping[str, str]] = {
    "ctrl n": "down", "ctrl p": "up", "ctrl v": "page-down", "meta v": "page-up", "meta <": "first", "meta >": "last",
    "ctrl f": "right", "ctrl b": "left", "ctrl g": "back", "meta x": "palette", "ctrl x o": "next-pane",
    "ctrl x ctrl c": "quit", "ctrl x 1": "zoom",
}  # fmt: skip


def is_key(key: str) -> bool:
    bare = _MODIFIED.sub("", key, count=1)
    return bare in _NAMED or (len(bare) == 1 and bare.isprintable())


def preset(name: str) -> Tables:
    """The bindings to begin with. Raises UserError for a name that is none."""
    tables = {context: dict(table) for context, table in DEFAULTS.items()}
    dialogs = ("dialog", "choice", "attach")
    match name:
        case "default":
            pass
        case "vi":  # the default without function keys: but for the two that lead out
            for context in tables.keys() - dialogs:
                _drop(tables[context], {k for k in tables[context] if _FUNCTION.match(k)} - {"f1", "f10"})
        case "fkeys":  # function keys and arrows, no letter that acts
            for context in tables.keys() - dialogs:
                acting = {key for key, command in tables[context].items() if COMMANDS[command].changes}
                _drop(tables[context], {key for key in acting if not _FUNCTION.match(key)})
        case "emacs":
            for key, command in _EMACS.items():
                tables["global"][key] = command
        case "none":
            tables = {c: dict(t) if c in dialogs else {} for c, t in tables.items()}
            tables["global"] = dict(_SAFE)
        case _:
            raise UserError(f"no preset {name!r}: it is one of {', '.join(PRESETS)}")
    return tables


PRESETS: Final = ("default", "vi", "fkeys", "emacs", "none")


def _drop(table: dict[str, str], keys: Iterable[str]) -> None:
    for key in keys:
        del table[key]


@dataclass(frozen=True, slots=True)
class KeyFile:
    """``problems``: ``FILE:LINE: what``, for people."""

    tables: Mapping[str, Mapping[str, str]]
    preset: str = "default"
    sequence_s: float = SEQUENCE_S
    prefix: tuple[str, ...] = PREFIX
    problems: tuple[str, ...] = ()


def read(text: str, path: str, *, start: str = "default") -> KeyFile:
    """What the file makes of the keys; ``start``: the preset where it names none."""
    try:
        data = tomltext.parse(text, path)
    except UserError as error:
        return KeyFile(preset(start), start, problems=(str(error),))
    problems: list[str] = []

    def wrong(table: str, key: str, reason: str) -> None:
        problems.append(f"{path}:{tomltext.line_of(text, table, key)}: {reason}")

    for other in data.keys() - {"keys"}:
        wrong(
            "" if not isinstance(data[other], dict) else other, other, f"there is no {other!r}, only [keys]"
        )
    keys = tomltext.section(data, "keys")
    name = str(keys.get("preset", start))
    try:
        tables = preset(name)
    except UserError as error:
        wrong("keys", "preset", str(error))
        name, tables = start, preset(start)
    wait = keys.get("sequence_timeout", SEQUENCE_S)
    if isinstance(wait, bool) or not isinstance(wait, (int, float)) or not 0.1 <= wait <= 10:
        wrong("keys", "sequence_timeout", "sequence_timeout must be seconds from 0.1 to 10")
        wait = SEQUENCE_S
    prefix = PREFIX
    for context, table in keys.items():
        if context in ("preset", "sequence_timeout"):
            continue
        if not isinstance(table, dict):
            wrong("keys", context, f"[keys] has no {context!r}")
        elif context == "attach":
            prefix = _prefix(table, wrong)
            _merge(tables[context], context, {k: c for k, c in table.items() if k != "prefix"}, wrong)
        elif context not in tables:
            wrong(f"keys.{context}", "", f"no context {context!r}{_near(context, tables)}")
        else:
            _merge(tables[context], context, table, wrong)
    return KeyFile(tables, name, float(wait), prefix, tuple(problems))


def _merge(into: dict[str, str], context: str, table: Mapping[str, object], wrong: Wrong) -> None:
    where = f"keys.{context}"
    mine: dict[Keys, str] = {}
    bound = {split_keys(key): key for key in into}
    for key, command in table.items():
        try:
            keys = _keys(key)
            if keys in mine:
                raise UserError(f"{key!r} has two commands: it is {mine[keys]!r} as well")
            text = _command(command)
            _belongs(text, context, keys)
            if text and COMMANDS[text.partition(" ")[0]].changes and keys[0] in _MOVING:
                raise UserError(f"{show(keys)} moves the cursor: {text!r} cannot be on it")
            if text:
                _fits(keys, [other for other in bound if other != keys])
        except UserError as error:
            wrong(where, key, f"[{where}] {error}")
            continue
        mine[keys] = key
        if keys in bound:
            del into[bound.pop(keys)]
        if text:
            into[key] = text
            bound[keys] = key


def _keys(text: str) -> Keys:
    keys = split_keys(text)
    if not keys:
        raise UserError("a key is empty")
    for key in keys:
        if not is_key(key):
            raise UserError(f"no key {key!r}{_near(key, _NAMED)}")
    return keys


def _belongs(text: str, context: str, keys: Keys) -> None:
    """Raises UserError where the command means nothing in the context."""
    if context == "attach" and len(keys) > 1:
        raise UserError(f"{show(keys)} is more than one key: the prefix is the first already")
    if text and context == "attach" and text not in ATTACH.values():
        raise UserError(f"{text!r} is nothing that is done while attached{_near(text, ATTACH.values())}")
    if text and context != "attach" and COMMANDS[text.partition(" ")[0]].section == ATTACHED:
        raise UserError(f"{text!r} is done while attached: it belongs in [keys.attach]")
    if text in _ANSWERS and context not in (*_DIALOGS, "attach"):
        raise UserError(f"{text!r} answers a dialog: it belongs in [keys.dialog] or [keys.choice]")


def _command(value: object) -> str:
    if not isinstance(value, str):
        raise UserError(f"{value!r} is no command: it must be text")
    name, _, argument = value.strip().partition(" ")
    if name and name not in COMMANDS:
        raise UserError(f"no command {name!r}{_near(name, COMMANDS)}")
    if argument:
        check_argument(name, argument.strip())
    return value.strip()


def _fits(keys: Keys, others: Iterable[Keys]) -> None:
    for other in others:
        if keys[: len(other)] == other:
            raise UserError(f"{show(other)} is bound itself: nothing can follow it")
        if other[: len(keys)] == keys:
            raise UserError(f"{show(keys)} begins {show(other)}: unbind that first")


def _prefix(table: Mapping[str, object], wrong: Wrong) -> tuple[str, ...]:
    value = table.get("prefix", list(PREFIX))
    keys = [value] if isinstance(value, str) else value
    if (
        not isinstance(keys, list)
        or not keys
        or not all(isinstance(key, str) and is_key(key) for key in keys)
    ):
        wrong("keys.attach", "prefix", "prefix must be a key or a list of keys")
        return PREFIX
    plain = next(
        (key for key in keys if len(key) == 1 or key in ("space", "enter", "backspace", "tab")), None
    )
    if plain is not None:
        wrong("keys.attach", "prefix", f"prefix {plain!r} could never be typed into a program")
        return PREFIX
    return tuple(keys)


def _near(word: str, known: Iterable[str]) -> str:
    near = get_close_matches(word, list(known), 1)
    return f", did you mean {near[0]!r}?" if near else ""


def bind(text: str, context: str, key: str, command: str) -> str:
    """The file's text with ``key`` of ``context`` bound to ``command``; the rest stays as it was."""
    line = f"{tomltext.quoted(key)} = {tomltext.quoted(command)}"
    lines = text.splitlines()
    header = f"[keys.{context}]"
    at = next((n for n, old in enumerate(lines) if old.strip().partition("#")[0].strip() == header), None)
    if at is None:
        lines += ([""] if lines and lines[-1].strip() else []) + [header, line]
        return "\n".join(lines) + "\n"
    number = tomltext.line_of(text, f"keys.{context}", key)
    if number != tomltext.line_of(text, f"keys.{context}"):
        lines[number - 1] = line
    else:
        lines.insert(at + 1, line)
    return "\n".join(lines) + "\n"
