"""**Pure**: what the operator chose to keep, as TOML, every mistake with its line; must never know files or widgets.

Each setting is one ``Setting``: its key in the file, what it may be, what it is for.
The settings screen, the check of the file and the documentation are made of this table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Final

from supervisor.errors import UserError

from . import sizes, tomltext
from .keyfile import PRESETS

COLUMNS: Final = ("pid", "uptime", "cpu", "rss", "restarts", "last")
"""``last``: the last line of its log."""
FRAME_RATES: Final = (5, 10, 15, 30, 60)
MAX_PATTERNS: Final = 100


@dataclass(frozen=True, slots=True)
class Settings:
    """``theme`` empty: the default. ``critical``: patterns of programs that are asked about even alone."""

    theme: str = ""
    preset: str = "default"
    columns: tuple[str, ...] = COLUMNS
    mouse: bool = True
    glyphs: str = "auto"
    frame_rate: int = 30
    ansi: str = "keep"
    osc52: str = "ignore"
    critical: tuple[str, ...] = ()
    splits: tuple[int, ...] = (0, 0, 0)
    log_splits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Setting:
    """``choices``: what the settings screen goes through; empty where it is chosen elsewhere."""

    key: str
    help: str
    choices: tuple[str | int | bool, ...] = ()


SETTINGS: Final = (
    Setting("theme", "colours; C-t shows each as you choose"),
    Setting("preset", "keys to begin with, before your key-map file", PRESETS),
    Setting("columns", "columns of the process list, as far as they fit"),
    Setting("mouse", "the console hears the mouse; off: the terminal selects text", (True, False)),
    Setting("glyphs", "signs: as the terminal can, Unicode, or ASCII only", ("auto", "unicode", "ascii")),
    Setting("frame_rate", "pictures a second, at most", FRAME_RATES),
    Setting("ansi", "colours that programs put into their logs", ("keep", "strip")),
    Setting("osc52", "a program that you are attached to wants to set the clipboard", ("ignore", "ask")),
    Setting("critical", "programs that are asked about even alone (patterns, in the file)"),
    Setting("splits", "where screen 1 is divided (C-w and < > + - =), kept by itself"),
    Setting("log_splits", "where screen 3 is divided, for each arrangement; kept by itself"),
)
_BY_KEY: Final = {setting.key: setting for setting in SETTINGS}


def read(text: str, path: str) -> tuple[Settings, tuple[str, ...]]:
    """The settings, and ``FILE:LINE: what`` for each that could not be used and is left at its default."""
    try:
        data = tomltext.parse(text, path)
    except UserError as error:
        return Settings(), (str(error),)
    problems: list[str] = []
    chosen = Settings()
    for key, value in data.items():
        try:
            chosen = replace(chosen, **{key: _value(key, value)})  # type: ignore[arg-type]
        except UserError as error:
            problems.append(f"{path}:{tomltext.line_of(text, '', key)}: {error}")
    return chosen, tuple(problems)


def _value(key: str, value: object) -> object:
    setting = _BY_KEY.get(key)
    if setting is None:
        near = get_close_matches(key, _BY_KEY, 1)
        raise UserError(f"no setting {key!r}" + (f", did you mean {near[0]!r}?" if near else ""))
    if key == "theme":
        if not isinstance(value, str):
            raise UserError("theme must be a name")
        return value
    if key in ("columns", "critical"):
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise UserError(f"{key} must be a list of names")
        unknown = [item for item in value if key == "columns" and item not in COLUMNS]
        if unknown:
            raise UserError(f"no column {unknown[0]!r}: it is one of {', '.join(COLUMNS)}")
        if len(value) > MAX_PATTERNS:
            raise UserError(f"{key}: more than {MAX_PATTERNS} patterns")
        return tuple(value)
    if key == "splits":
        if not (
            isinstance(value, list)
            and len(value) == 3
            and all(type(n) is int and 0 <= n <= 90 for n in value)
        ):
            raise UserError(
                "splits must be three percentages: of small, medium and large terminals; 0 is as usual"
            )
        return tuple(value)
    if key == "log_splits":
        if not isinstance(value, list) or not all(
            isinstance(text, str) and sizes.read(text) for text in value
        ):
            raise UserError('log_splits must be a list of arrangements, as "60:50,50 40:100"')
        return tuple(value[:MAX_PATTERNS])
    if key == "frame_rate":
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 60:
            raise UserError("frame_rate must be a number from 1 to 60")
        return value
    if not any(type(value) is type(choice) and value == choice for choice in setting.choices):
        raise UserError(f"{key} must be one of {', '.join(map(shown, setting.choices))}")
    return value


def shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return " ".join(map(str, value)) or "none"
    return str(value) or "default"


def write(settings: Settings) -> str:
    """The file; what is as by default is left out."""
    lines = []
    for setting in SETTINGS:
        value = getattr(settings, setting.key)
        if value != getattr(Settings(), setting.key):
            lines.append(f"{setting.key} = {_toml(value)}\n")
    return "".join(lines)


def _toml(value: object) -> str:
    if isinstance(value, str):
        return tomltext.quoted(value)
    if isinstance(value, tuple):
        return f"[{', '.join(str(n) if isinstance(n, int) else tomltext.quoted(n) for n in value)}]"
    return shown(value)


def following(key: str, value: object, by: int) -> object:
    """The choice after ``value``, or before it."""
    choices: Sequence[object] = _BY_KEY[key].choices
    at = next((n for n, choice in enumerate(choices) if choice == value and type(choice) is type(value)), -by)
    return choices[(at + by) % len(choices)]
