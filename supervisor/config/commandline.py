"""The command lines of supervisord and supervisorctl, read as classic getopt does; must never know files' contents.

Options end at the first word that is none; long ones may be shortened to any
prefix that only one of Supervisor's own options has (ours are added so that no
shortened form of theirs changes its meaning); short flags may be bundled. Every
mistake is a UserError in Supervisor's words, exit code 2.

Records are named tuples, as in ``client/rpc.py``, which says why.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple, NoReturn

from ..errors import UserError
from . import values
from .values import printable

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class SupervisordArguments(NamedTuple):
    """What was asked of supervisord.

    ``configuration``: the path as given, None to search. ``overrides``: raw
    values by option name, for ``load_supervisord``. At most one of ``help`` and
    ``version`` is set: the first on the line. ``profile``: how what the daemon spent its time on
    is told at its end; empty: not at all.
    """

    configuration: str | None = None
    overrides: Mapping[str, str] = _NOTHING
    help: bool = False
    version: bool = False
    check: bool = False
    sample_config: bool = False
    profile: tuple[str, ...] = ()


class CtlArguments(NamedTuple):
    """What was asked of supervisorctl; ``words`` are the command, empty for the shell. Else as above."""

    configuration: str | None = None
    interactive: bool = False
    overrides: Mapping[str, str] = _NOTHING
    words: tuple[str, ...] = ()
    json: bool = False
    raw: bool = False
    help: bool = False
    version: bool = False


class _Option(NamedTuple):
    """``check`` None: a flag. ``ours``: not in Supervisor, so never found by a shortened name."""

    name: str
    short: str = ""
    long: str = ""
    check: Callable[[str], object] | None = None
    ours: bool = False


_FLAG = None

_SUPERVISORD = (
    _Option("configuration", "c", "configuration", str),
    _Option("help", "h", "help", _FLAG),
    _Option("help", "?", "", _FLAG),
    _Option("version", "v", "version", _FLAG),
    _Option("nodaemon", "n", "nodaemon", _FLAG),
    _Option("silent", "s", "silent", _FLAG),
    _Option("user", "u", "user", str),
    _Option("umask", "m", "umask", values.octal),
    _Option("directory", "d", "directory", values.existing_directory),
    _Option("logfile", "l", "logfile", values.main_logfile),
    _Option("logfile_maxbytes", "y", "logfile_maxbytes", values.byte_size),
    _Option("logfile_backups", "z", "logfile_backups", values.integer),
    _Option("loglevel", "e", "loglevel", values.loglevel),
    _Option("pidfile", "j", "pidfile", values.dirpath),
    _Option("identifier", "i", "identifier", str),
    _Option("childlogdir", "q", "childlogdir", values.existing_directory),
    _Option("minfds", "a", "minfds", values.integer),
    _Option("minprocs", "", "minprocs", values.integer),
    _Option("nocleanup", "k", "nocleanup", _FLAG),
    _Option("strip_ansi", "t", "strip_ansi", _FLAG),
    _Option("profile_options", "", "profile_options", values.profile_options),
    _Option("check", "", "check", _FLAG, ours=True),
    _Option("sample_config", "", "sample-config", _FLAG, ours=True),
)

_CTL = (
    _Option("configuration", "c", "configuration", str),
    _Option("help", "h", "help", _FLAG),
    _Option("help", "?", "", _FLAG),
    _Option("interactive", "i", "interactive", _FLAG),
    _Option("serverurl", "s", "serverurl", values.url),
    _Option("username", "u", "username", str),
    _Option("password", "p", "password", str),
    _Option("history_file", "r", "history_file", str),
    _Option("version", "v", "version", _FLAG, ours=True),
    _Option("json", "", "json", _FLAG, ours=True),
    _Option("raw", "", "raw", _FLAG, ours=True),
)

_CTL_OVERRIDES = ("serverurl", "username", "password", "history_file")
_SUPERVISORD_NOT_OVERRIDES = ("configuration", "help", "version", "check", "sample_config", "profile_options")
_STOPPING = ("help", "version")


def parse_supervisord(argv: Sequence[str]) -> SupervisordArguments:
    """The arguments after the program's name. Raises UserError."""
    given, words = _split(argv, _SUPERVISORD)
    if words:
        raise UserError(f"positional arguments are not supported: {list(words)!r}")
    found = _collect(given)
    return SupervisordArguments(
        configuration=found.get("configuration"),
        overrides={name: value for name, value in found.items() if name not in _SUPERVISORD_NOT_OVERRIDES},
        help="help" in found,
        version="version" in found,
        check="check" in found,
        sample_config="sample_config" in found,
        profile=values.profile_options(found.get("profile_options", "")),
    )


def parse_ctl(argv: Sequence[str]) -> CtlArguments:
    """The arguments after the program's name. Raises UserError."""
    given, words = _split(argv, _CTL)
    found = _collect(given)
    return CtlArguments(
        configuration=found.get("configuration"),
        interactive="interactive" in found,
        overrides={name: found[name] for name in _CTL_OVERRIDES if name in found},
        words=tuple(words),
        json="json" in found,
        raw="raw" in found,
        help="help" in found,
        version="version" in found,
    )


def usage_error(argv0: str, message: str) -> str:
    """The two lines for stderr (no newline at the end) that a usage or configuration error is told with."""
    return f"Error: {message}\nFor help, use {argv0} -h"


def sample_config() -> str:
    """The text of the sample configuration."""
    from importlib import resources  # seldom used, slow to import

    return resources.files("supervisor.config").joinpath("sample.conf").read_text("utf-8")


# --- getopt ------------------------------------------------------------------------------------------


class _Given(NamedTuple):
    """An option as it stood on the line: ``spelling`` with its dashes, ``value`` raw (``true`` for a flag)."""

    option: _Option
    spelling: str
    value: str


def _split(argv: Sequence[str], options: Sequence[_Option]) -> tuple[list[_Given], list[str]]:
    """The options in order and the words after them."""
    given: list[_Given] = []
    words = list(argv)
    while words and words[0].startswith("-") and words[0] != "-":
        word = words.pop(0)
        if word == "--":
            break
        if word.startswith("--"):
            given.append(_long(word[2:], words, options))
        else:
            given.extend(_bundle(word[1:], words, options))
    return given, words


def _long(text: str, words: list[str], options: Sequence[_Option]) -> _Given:
    name, equals, value = text.partition("=")
    option = _by_long_name(name, options)
    spelling = f"--{option.long}"
    if option.check is _FLAG:
        if equals:
            _refuse(f"option {spelling} must not have an argument")
        return _Given(option, spelling, "true")
    if equals:
        return _Given(option, spelling, value)
    if not words:
        _refuse(f"option {spelling} requires argument")
    return _Given(option, spelling, words.pop(0))


def _by_long_name(name: str, options: Sequence[_Option]) -> _Option:
    exact = next((option for option in options if option.long and option.long == name), None)
    if exact is not None:
        return exact
    near = [option for option in options if option.long.startswith(name) and option.long and not option.ours]
    if not near:
        _refuse(f"option --{name} not recognized")
    if len(near) > 1:
        _refuse(f"option --{name} not a unique prefix")
    return near[0]


def _bundle(letters: str, words: list[str], options: Sequence[_Option]) -> list[_Given]:
    given = []
    while letters:
        letter, letters = letters[0], letters[1:]
        option = next((option for option in options if option.short and option.short == letter), None)
        if option is None:
            _refuse(f"option -{letter} not recognized")
        if option.check is _FLAG:
            given.append(_Given(option, f"-{letter}", "true"))
            continue
        if not letters and not words:
            _refuse(f"option -{letter} requires argument")
        given.append(_Given(option, f"-{letter}", letters or words.pop(0)))
        break
    return given


def _collect(given: Sequence[_Given]) -> dict[str, str]:
    """Raw values by option name, checked in order; what stands behind a help or version flag is not."""
    found: dict[str, str] = {}
    for item in given:
        name = item.option.name
        if name in found:
            _refuse(f"conflicting command line option '{item.spelling}'")
        if item.option.check is not None:
            try:
                item.option.check(item.value)
            except ValueError as error:
                _refuse(f"invalid value for {item.spelling} {item.value!r}: {error}")
        found[name] = item.value
        if name in _STOPPING:
            break
    return found


def _refuse(message: str) -> NoReturn:
    raise UserError(printable(message))


# --- help --------------------------------------------------------------------------------------------


def supervisord_usage(program: str = "supervisord") -> str:
    """The text of ``supervisord --help``."""
    return f"""\
Usage: {os.path.basename(program)} [options]

Starts programs as the configuration file says, and keeps them running.

What to read:
  -c, --configuration=FILE      the configuration file (without this option the
                                usual places are searched)
      --check                   read the configuration, print every problem and
                                warning in it, and start nothing
      --sample-config           print a commented sample configuration

How to run:
  -n, --nodaemon                stay in the foreground
  -s, --silent                  in the foreground, do not copy the log to stdout
  -u, --user=USER               run as this user (a name or a uid)
  -m, --umask=MODE              umask, in octal (default: 022)
  -d, --directory=DIR           change to this directory
  -i, --identifier=NAME         name of this supervisor (default: supervisor)
  -j, --pidfile=FILE            where to write the process id
  -a, --minfds=N                file descriptors that must be available
      --minprocs=N              processes that must be available

Logs:
  -l, --logfile=FILE            the main log, or the word syslog
  -y, --logfile_maxbytes=SIZE   rotate it at this size: 50MB, 512KB (0: never)
  -z, --logfile_backups=N       how many rotated files to keep
  -e, --loglevel=LEVEL          {", ".join(values.LOG_LEVELS[:4])},
                                {", ".join(values.LOG_LEVELS[4:])}
  -q, --childlogdir=DIR         where programs are logged that name no file
  -k, --nocleanup               keep such logs of an earlier run
  -t, --strip_ansi              remove escape sequences from programs' output

      --profile_options=LIST    tell at the end what took the time: cumulative,
                                calls (how it is sorted), callers

Other:
  -h, -?, --help                print this and exit
  -v, --version                 print the version and exit

An option given here counts more than the same option in the file, also after a
reload. Long options may be shortened as long as it is clear which is meant.

Exit codes: 0 done; 1 failed while running; 2 the command line or the
configuration cannot be used.
"""


def ctl_usage(program: str = "supervisorctl") -> str:
    """The text of ``supervisorctl --help``."""
    return f"""\
Usage: {os.path.basename(program)} [options] [command [argument ...]]

Talks to a running supervisord. With a command, runs it and exits; without one,
opens a shell. "help" as the command lists the commands.

Where to connect:
  -c, --configuration=FILE      the configuration file (without this option the
                                usual places are searched)
  -s, --serverurl=URL           http://localhost:9001, https://host:port,
                                unix:///path/to/socket
  -u, --username=NAME           user name, if the server asks for one
  -p, --password=PASSWORD       password; other users of this machine see it in
                                the list of processes: better in the file

How to run:
  -i, --interactive             confirm shutdown and reload, ask for passwords
  -r, --history_file=FILE       where the shell keeps its history
      --json                    print results as JSON
      --raw                     show what programs wrote as it is, whatever that
                                does to your terminal

Other:
  -h, -?, --help                print this and exit
  -v, --version                 print the version and exit

Exit codes: 0 done; 1 failed; 2 wrong arguments; 3 a listed program does
not run (status), or the server lacks the method; 4 no such program (status),
or no connection; 5 the server speaks another version; 7 the program does not
run.
"""
