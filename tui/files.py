"""The operator's own folder: settings, key map, themes; must never know widgets or sockets.

It is ``supervisortui`` in ``$XDG_CONFIG_HOME``, else in ``~/.config``. A file that
cannot be used never keeps the console from starting: its mistakes are told.
"""

from __future__ import annotations

import importlib.resources
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from supervisor.errors import UserError

from . import keyfile, settings, theme
from .places import Place, read_fleet
from .settings import Settings

DEFAULT_THEME: Final = "dusk"
LIGHT_THEME: Final = "paper"
MAX_FILE_BYTES: Final = 256 * 1024


def folder(environ: Mapping[str, str]) -> Path:
    base = environ.get("XDG_CONFIG_HOME") or os.path.join(environ.get("HOME", "/"), ".config")
    return Path(base) / "supervisortui"


def text_of(path: Path) -> str:
    """Raises UserError; FileNotFoundError for a file that is not there."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            raise UserError(f"{path}: cannot read it: longer than {MAX_FILE_BYTES // 1024} KiB")
        return data.decode("utf-8")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UserError(f"{path}: cannot read it: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise UserError(f"{path}:{line}: cannot read it: this is not UTF-8") from error


def _write(path: Path, text: str) -> None:
    """Replace the file as a whole. Raises UserError."""
    new = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(text, encoding="utf-8")
        new.replace(path)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error


# --- settings and keys -------------------------------------------------------------------------------


def load_settings(environ: Mapping[str, str]) -> tuple[Settings, tuple[str, ...]]:
    path = folder(environ) / "settings.toml"
    try:
        return settings.read(text_of(path), path.name)
    except FileNotFoundError:
        return Settings(), ()
    except UserError as error:
        return Settings(), (str(error),)


def save_settings(environ: Mapping[str, str], chosen: Settings) -> Path:
    """Raises UserError."""
    path = folder(environ) / "settings.toml"
    _write(path, settings.write(chosen))
    return path


def keys_path(environ: Mapping[str, str], given: str) -> Path:
    return Path(given) if given else folder(environ) / "keys.toml"


def load_keys(path: Path, preset: str, *, must: bool) -> keyfile.KeyFile:
    """``must``: the file was asked for, so that a missing one is a UserError."""
    try:
        return keyfile.read(text_of(path), str(path) if must else path.name, start=preset)
    except FileNotFoundError as error:
        if must:
            raise UserError(f"{path}: there is no such file") from error
    except UserError as error:
        return keyfile.KeyFile(keyfile.preset(preset), preset, problems=(str(error),))
    return keyfile.KeyFile(keyfile.preset(preset), preset)


def save_key(path: Path, context: str, key: str, command: str) -> None:
    """Bind one key in the file, which is made where it is missing. Raises UserError."""
    try:
        text = text_of(path)
    except FileNotFoundError:
        text = ""
    _write(path, keyfile.bind(text, context, key, command))


# --- themes ------------------------------------------------------------------------------------------


def theme_folders(environ: Mapping[str, str]) -> list[Path]:
    return [folder(environ) / "themes", Path(str(importlib.resources.files("supervisor") / "themes"))]


def theme_names(environ: Mapping[str, str]) -> list[str]:
    names = {path.stem for place in theme_folders(environ) for path in _toml_files(place)}
    return sorted(names - {"base"}, key=lambda name: (name != DEFAULT_THEME, name))


def _toml_files(place: Path) -> list[Path]:
    try:
        return sorted(place.glob("*.toml"))
    except OSError:
        return []


def load_theme(name: str, environ: Mapping[str, str]) -> theme.Theme:
    """``auto`` is light or dark as the terminal. Raises UserError for a theme that cannot be had.

    The terminal is known by ``COLORFGBG`` alone. Asking it (OSC 11) was not taken: an
    answer that comes late, over a slow link, would be read as keys, and ``rgb:`` begins
    with the key that restarts a program.
    """
    if name == "auto":
        name = LIGHT_THEME if is_light(environ.get("COLORFGBG", "")) else DEFAULT_THEME
    return theme.load(name, lambda wanted: theme_text(wanted, environ))


def is_light(colorfgbg: str) -> bool:
    """Whether ``TEXT;BACKGROUND`` (or ``TEXT;x;BACKGROUND``), colours of 16, has a light background."""
    return colorfgbg.rpartition(";")[2] in ("7", "15")


def theme_text(name: str, environ: Mapping[str, str]) -> str:
    if not name.replace("-", "").replace("_", "").isalnum():
        raise UserError(f"theme {name!r}: not a name")
    for place in theme_folders(environ):
        try:
            return text_of(place / f"{name}.toml")
        except FileNotFoundError:
            continue
    raise UserError(f"there is no theme {name!r}: there are {', '.join(theme_names(environ))}")


def fleet_file(environ: Mapping[str, str]) -> Path:
    """Where the supervisors are named that are opened when nothing else is."""
    return folder(environ) / "fleet.toml"


def load_fleet(path: Path, environ: Mapping[str, str]) -> list[Place]:
    """Raises UserError."""
    try:
        text = text_of(path)
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is no such file") from error
    return read_fleet(text, str(path), _secret, environ)


def _secret(name: str) -> str:
    """The first line of a password file that nobody else can read. Raises UserError."""
    path = Path(name).expanduser()
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    if mode & 0o077:
        raise UserError(f"{path} can be read by others: chmod 600 it")
    lines = text_of(path).splitlines()
    return lines[0] if lines else ""
