"""**Pure**: TOML that people write, with the line of each mistake; must never know what the keys mean."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Final

from supervisor.errors import UserError

_AT: Final = re.compile(r"\s*\(at line (\d+), column \d+\)$")


def parse(text: str, path: str) -> Mapping[str, object]:
    """Raises UserError ``FILE:LINE: cannot read it: reason``."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _AT.search(str(error))
        line = found[1] if found else str(text.count("\n") + 1)
        reason = _AT.sub("", str(error)).replace(" (at end of document)", " at the end of the file")
        reason = reason[:1].lower() + reason[1:]
        raise UserError(f"{path}:{line}: cannot read it: {reason}") from error


def section(data: Mapping[str, object], name: str) -> Mapping[str, object]:
    """The table ``name``, empty where it is missing or no table."""
    found = data.get(name, {})
    return found if isinstance(found, dict) else {}


def line_of(text: str, table: str, key: str = "") -> int:
    """The line where ``key`` of ``[table]`` (empty: before any table) stands, or the table itself; 1 if nowhere."""
    here, table_line = "", 1
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith("["):
            here = stripped.partition("]")[0].strip("[ ").replace(" ", "")
            if here == table:
                table_line = number
        elif here == table and key:
            name = re.match(r"""("(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_.-]+)\s*=""", stripped)
            if name is not None and _unquoted(name[1]) == key:
                return number
    return table_line


def _unquoted(name: str) -> str:
    if name.startswith("'"):
        return name[1:-1]
    if name.startswith('"'):
        try:
            return str(tomllib.loads(f"x = {name}")["x"])
        except tomllib.TOMLDecodeError:
            return name[1:-1]
    return name


def quoted(text: str) -> str:
    """A basic string of TOML."""
    marks = {'"': '\\"', "\\": "\\\\", "\t": "\\t", "\n": "\\n"}
    return '"' + "".join(marks.get(char, char if char.isprintable() else "") for char in text) + '"'
