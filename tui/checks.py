"""``supervisortui keys``, ``theme`` and ``fleet``: files of the operator, checked or shown; must never know widgets.

All print one line for a mistake, ``FILE:LINE: what``; ``fleet --check`` then tries every
supervisor as the console would. Exit codes: 0 nothing is wrong, 1 something is, 2 wrong
usage.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Final, NoReturn

from supervisor.errors import EXIT_GENERIC, EXIT_OK, UserError

from . import files, keyfile, theme, tomltext
from . import places as places_of
from .reach import try_all

SUBCOMMANDS: Final = ("keys", "theme", "fleet")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}. For help, use {self.prog} --help")


def run(words: Sequence[str], environ: Mapping[str, str]) -> int:
    """``words`` begins with one of SUBCOMMANDS. Raises UserError."""
    which = words[0]
    if which == "fleet":
        return _fleet(words[1:], environ)
    parser = _Parser(prog=f"supervisortui {which}", description=_WHAT[which])
    parser.add_argument("--check", metavar="FILE", help="tell what is wrong in FILE, with its lines")
    given = parser.parse_args(words[1:])
    if given.check is None:
        print("\n".join(_keys_lines() if which == "keys" else files.theme_names(environ)))
        return EXIT_OK
    path = Path(given.check)
    try:
        text = files.text_of(path)
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is no such file") from error
    if which == "keys":
        problems, good = list(keyfile.read(text, str(path)).problems), f"{path}: nothing is wrong"
    else:
        problems, good = check_theme(text, path, environ)
    print("\n".join(problems or [good]))
    return EXIT_GENERIC if problems else EXIT_OK


def _fleet(words: Sequence[str], environ: Mapping[str, str]) -> int:
    parser = _Parser(prog="supervisortui fleet", description=_WHAT["fleet"])
    parser.add_argument(
        "--fleet", metavar="FILE", default="", help="another file than fleet.toml of the settings"
    )
    parser.add_argument(
        "--check",
        metavar="FILE",
        nargs="?",
        const="",
        help="tell what is wrong in FILE, and try every supervisor",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these supervisors")
    given = parser.parse_args(words)
    path = Path(given.check or given.fleet or files.fleet_file(environ))
    try:
        places = places_of.unique(files.load_fleet(path, environ))
    except UserError as error:
        if given.check is None or not path.exists():
            raise
        print(error)
        return EXIT_GENERIC
    if given.names:
        places = places_of.chosen(places, given.names)
    if given.check is not None:
        return asyncio.run(try_all(places, lambda line: print(line, flush=True)))
    for place in places:
        print(f"{place.name}\t{place.env}\t{place.url}")
    return EXIT_OK


_WHAT: Final = {
    "keys": "Print all keys as a key-map file, or check such a file.",
    "theme": "Print the names of all themes, or check a theme file.",
    "fleet": "Print the supervisors of the fleet file: name, environment and URL; or check the file and try every one "
    "of them. Exit codes: 0 all are well; 1 the file has a mistake, or one is not reached or refuses the login; 2 wrong "
    "usage.",
}


def _keys_lines() -> list[str]:
    lines = ["[keys]", 'preset = "default"']
    for context, table in keyfile.preset("default").items():
        lines += ["", f"[keys.{context}]"]
        lines += [f"{tomltext.quoted(key)} = {tomltext.quoted(command)}" for key, command in table.items()]
    return lines


def check_theme(text: str, path: Path, environ: Mapping[str, str]) -> tuple[list[str], str]:
    """(mistakes, what to say where there are none)."""
    name = path.stem

    def read(wanted: str) -> str:
        return text if wanted == name else files.theme_text(wanted, environ)

    data = tomltext.parse(text, str(path))
    loaded = theme.load(name, read)
    known = files.load_theme("base", environ).styles
    problems: list[str] = []

    def wrong(table: str, key: str, reason: str) -> None:
        problems.append(f"{path}:{tomltext.line_of(text, table, key)}: {reason}")

    for role in tomltext.section(data, "roles"):
        if role not in known:
            near = get_close_matches(role, known, 1)
            wrong("roles", role, f"no role {role!r}" + (f", did you mean {near[0]!r}?" if near else ""))
    for warning in loaded.warnings:
        kind, _, key = warning.partition(":")[0].partition(" ")
        wrong({"colour": "palette", "palette": "palette", "role": "roles"}.get(kind, ""), key, warning)
    for role, ratio in theme.hard_to_read(loaded):
        table, key = ("roles", role) if role in tomltext.section(data, "roles") else ("palette", "")
        wrong(table, key, f"role {role}: contrast {ratio:.1f} is below {theme.MIN_CONTRAST}")
    worst, role = theme.lowest_contrast(loaded)
    return problems, f"{path}: nothing is wrong; the lowest contrast is {worst:.1f} ({role or 'not known'})"
