"""The command line of the console, with what the configuration adds; must never know urwid."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from getpass import getpass
from pathlib import Path
from typing import Final, NoReturn

from supervisor.config.load import find_config, load_ctl
from supervisor.errors import UserError
from supervisor.tls import TlsFiles
from supervisor.version import VERSION

from . import files
from . import places as places_of
from .places import Place
from .replay import Tape

COLOURS: Final = {"never": 1, "16": 16, "256": 256, "truecolor": 2**24}


@dataclass(frozen=True, slots=True)
class Options:
    """The command line, with what the configuration adds."""

    places: tuple[Place, ...]
    read_only: bool = False
    ascii: bool = False
    colour: str = "auto"
    theme: str = ""
    plain: bool = False
    keys: str = ""
    record: str = ""
    tape: Tape | None = None


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}. For help, use {self.prog} --help")


def _parser() -> _Parser:
    parser = _Parser(
        prog="supervisortui",
        description="A full-screen console for supervisord.",
        epilog="supervisortui keys --check FILE and supervisortui theme --check FILE tell what is wrong in such a file; supervisortui fleet --check also tries every supervisor. "
        "Exit codes: 0; 1 no terminal, or it went away; 2 command line or configuration; 70 a bug of ours.",
        add_help=False,
    )
    add = parser.add_argument
    add(
        "-c",
        "--configuration",
        metavar="FILE",
        help="configuration whose [supervisorctl] says where the server is",
    )
    add("names", nargs="*", metavar="NAME", help="open only these supervisors of those that are known")
    add(
        "-s",
        "--serverurl",
        metavar="[NAME=]URL",
        action="append",
        help="unix:///path/to.sock, https://host:port, http://host:port or ssh://host; more than once for several",
    )
    add(
        "--fleet",
        metavar="FILE",
        default="",
        help="open the supervisors of this file; else of fleet.toml of your settings",
    )
    add("-u", "--username", metavar="USER", help="who to log in as; the password is asked for")
    add("-p", "--password", metavar="PASSWORD", help="and with what; others on this machine can see it")
    add(
        "--cafile",
        metavar="FILE",
        help="with -s https://...: the CA to believe, in place of those of the system",
    )
    add("--certfile", metavar="FILE", help="and a certificate of ours, where the server wants one")
    add("--keyfile", metavar="FILE", help="and its key, where that is not in --certfile")
    add("--read-only", action="store_true", help="refuse every command that changes something")
    add("--ascii", action="store_true", help="draw with ASCII characters only")
    add(
        "--color",
        choices=[*COLOURS, "auto"],
        default="auto",
        metavar="MODE",
        help="never, 16, 256, truecolor or auto",
    )
    add(
        "--theme",
        metavar="NAME",
        default="",
        help="dusk, paper, okabe, mono, contrast, ansi16, moss, your own, or auto",
    )
    add("--keys", metavar="FILE", default="", help="key map to use instead of keys.toml of your settings")
    add("--plain", action="store_true", help="print lines, one for each change, and draw nothing")
    add(
        "--record",
        metavar="FILE",
        default="",
        help="write all that comes in to FILE (asciicast v2, mode 0600)",
    )
    add(
        "--replay",
        metavar="FILE",
        default="",
        help="show a recording instead of a supervisor (any asciicast v2)",
    )
    add("-h", "--help", action="store_true", help="print this and end")
    add("-v", "--version", action="store_true", help="print the version and end")
    return parser


def _places(given: argparse.Namespace) -> tuple[Place, ...]:
    """Which supervisors to open. Raises UserError and ConfigError."""
    environ = os.environ
    if given.serverurl:
        tls = TlsFiles(*(os.path.expanduser(getattr(given, name) or "") for name in TlsFiles._fields))
        places = places_of.from_words(given.serverurl, given.username, given.password, tls)
    elif given.fleet or (given.configuration is None and files.fleet_file(environ).exists()):
        places = files.load_fleet(Path(given.fleet) if given.fleet else files.fleet_file(environ), environ)
    else:
        places = _configured(given)
    places = _with_password(places_of.unique(places), given.username)
    return tuple(places_of.chosen(places, given.names) if given.names else places)


def _with_password(places: list[Place], username: str | None) -> list[Place]:
    """Where ``-u`` names a user and nobody a password, it is asked for; once, whatever the number of supervisors.

    Without a terminal nobody can be asked: then there is none. Raises UserError when none is given.
    """
    lacking = [place.name for place in places if username is not None and place.password is None]
    if not lacking or not sys.stdin.isatty():
        return places
    try:
        password = getpass(
            f"Password of {username} for {', '.join(lacking[:3])}{' ...' if lacking[3:] else ''}: "
        )
    except EOFError as error:
        print(file=sys.stderr)
        raise UserError("no password was given") from error
    return [replace(place, password=password) if place.name in lacking else place for place in places]


def _configured(given: argparse.Namespace) -> list[Place]:
    """What the configuration file names: its own server, and others for the console."""
    overrides = {
        name: value for name in ("username", "password") if (value := getattr(given, name)) is not None
    }
    path = given.configuration
    if path is None:
        path = find_config(sys.argv[0], os.getcwd())
    ctl = load_ctl(path, overrides, environ=os.environ)
    places_of.check_url(ctl.serverurl)
    places = [Place("local", ctl.serverurl, ctl.username, ctl.password, tls=ctl.tls)]
    for other in ctl.consoles:
        places_of.check_url(other.serverurl)
        places.append(
            Place(
                other.name,
                other.serverurl,
                other.username,
                other.password,
                other.env,
                other.protect,
                other.alert,
                other.tls,
                other.colour,
                other.theme,
            )
        )
    return places


def options_of(argv: Sequence[str]) -> Options | None:
    """None when help or the version was asked for, and printed."""
    parser = _parser()
    given = parser.parse_args(argv)
    if given.help:
        parser.print_help()
        return None
    if given.version:
        print(VERSION)
        return None
    if bool(given.record) + bool(given.replay) + given.plain > 1:
        raise UserError("--record, --replay and --plain: one of them at a time")
    tape = Tape(given.replay) if given.replay else None
    places = _places(given) if tape is None else tuple(Place(name, given.replay) for name in tape.sups)
    return Options(
        places,
        given.read_only,
        given.ascii,
        given.color,
        given.theme,
        given.plain,
        given.keys,
        given.record,
        tape,
    )
