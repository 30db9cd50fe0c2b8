"""**Pure**: which supervisors the console opens, from a fleet file and from words; must never know connections.

A fleet file is TOML, one table for each supervisor::

    [fleet.web-1]
    url = "ssh://web-1.example.org"     # or unix:///path, https://host:port, http://host:port
    env = "prod"                        # what it is listed under
    protect = "type-name"               # its name is asked for before anything is done to it
    title = "alert"                     # its title bar warns
    colour = "red"                      # of the mark in front of its name
    theme = "contrast"                  # the console's, while it is worked on

    [fleet.db-1]
    url = "https://db-1.example.org:9001"
    cafile = "~/.config/supervisortui/ca.pem"    # also certfile, keyfile
    username = "admin"
    password_file = "~/.config/supervisortui/db-1"

What is wrong is told with file and line. ``ssh://[USER@]HOST[:PORT][/CONFIGURATION]`` runs
``supervisorctl bridge`` there, by the system's ssh.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from os.path import expanduser
from typing import Any, Final
from urllib.parse import unquote

from supervisor.config.kinds import CONSOLE_COLOURS
from supervisor.errors import UserError
from supervisor.tls import NO_FILES, TlsFiles

PLACES_MAX: Final = 1000
_NAME: Final = re.compile(r"[^\s:/\x00-\x1f\x7f]{1,64}")
_KEYS: Final = frozenset(
    {
        "url",
        "env",
        "username",
        "password",
        "password_file",
        "password_env",
        "protect",
        "title",
        "colour",
        "theme",
        *TlsFiles._fields,
    }
)
_SSH: Final = re.compile(
    r"ssh://(?:([A-Za-z0-9_][A-Za-z0-9._-]*)@)?([A-Za-z0-9_][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])"
    r"(?::([0-9]{1,5}))?(/[^\x00-\x1f\x7f]*)?"
)
KINDS: Final = ("unix://", "http://", "https://", "ssh://")


@dataclass(frozen=True, slots=True)
class Target:
    """``url``: as [supervisorctl] serverurl. ``name``: what the console calls it."""

    url: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    name: str = "local"
    tls: TlsFiles = NO_FILES


@dataclass(frozen=True, slots=True)
class Place:
    """One supervisor. ``alert``: its title bar is to warn."""

    name: str
    url: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    env: str = ""
    protect: bool = False
    alert: bool = False
    tls: TlsFiles = NO_FILES
    colour: str = ""
    theme: str = ""

    @property
    def target(self) -> Target:
        return Target(self.url, self.username, self.password, self.name, self.tls)


def read_fleet(text: str, file: str, secret: Callable[[str], str], environ: Mapping[str, str]) -> list[Place]:
    """The supervisors of a fleet file, in its order.

    ``secret`` gives the text of a password file, and raises UserError. Raises UserError
    of a line for each mistake, beginning with file and line.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(_syntax(file, text, str(error))) from error
    lines = _Lines(text, file)
    problems = [
        f"{lines.at(key)}: {key!r} is not known here; supervisors are [fleet.NAME]"
        for key in document
        if key != "fleet"
    ]
    fleet = document.get("fleet", {})
    if problems and not fleet:
        raise UserError("\n".join(problems))
    if not isinstance(fleet, dict) or not fleet:
        raise UserError(f'{file}: names no supervisor; write [fleet.NAME] and url = "..."')
    if len(fleet) > PLACES_MAX:
        raise UserError(f"{file}: more than {PLACES_MAX} supervisors")
    places = []
    for name, table in fleet.items():
        try:
            places.append(_place(name, table, lines, secret, environ))
        except UserError as error:
            problems.append(str(error))
    if problems:
        raise UserError("\n".join(problems))
    return places


def _syntax(file: str, text: str, problem: str) -> str:
    found = re.search(r"\(at line (\d+)", problem)
    line = found[1] if found is not None else len(text.splitlines())
    return f"{file}:{line}: no TOML: {problem.partition(' (at ')[0]}"


class _Lines:
    """Where things stand in a file."""

    def __init__(self, text: str, file: str) -> None:
        self._lines = text.splitlines()
        self._file = file

    def at(self, name: str, key: str = "") -> str:
        """``FILE:LINE`` of a supervisor's table, or of a key in it; of the file where it is not found."""
        bare, quoted = re.escape(name), re.escape(f'"{name}"')
        head = re.compile(rf"\s*\[\s*(?:fleet\s*\.\s*)?(?:{bare}|{quoted})\s*\]")
        start = next((n for n, line in enumerate(self._lines) if head.match(line)), None)
        if start is None:
            other = re.compile(rf"\s*\[*\s*\"?{bare}\b")
            start = next((n for n, line in enumerate(self._lines) if other.match(line)), None)
            return self._file if start is None else f"{self._file}:{start + 1}"
        if key:
            option = re.compile(rf"\s*\"?{re.escape(key)}\"?\s*=")
            for number in range(start + 1, len(self._lines)):
                if self._lines[number].lstrip().startswith("["):
                    break
                if option.match(self._lines[number]):
                    return f"{self._file}:{number + 1}"
        return f"{self._file}:{start + 1}"


def _place(
    name: str, table: Any, lines: _Lines, secret: Callable[[str], str], environ: Mapping[str, str]
) -> Place:
    if not isinstance(table, dict):
        raise UserError(f"{lines.at(name)}: fleet.{name} is to be a table: [fleet.{name}]")
    if not _NAME.fullmatch(name):
        raise UserError(f"{lines.at(name)}: {name!r} is no name: no blanks, colons or slashes, at most 64")

    def text(key: str) -> str:
        value = table.get(key, "")
        if not isinstance(value, str):
            raise UserError(f"{lines.at(name, key)}: {key} is to be a text in quotes")
        return value

    for key in table:
        if key not in _KEYS:
            known = ", ".join(sorted(_KEYS))
            raise UserError(f"{lines.at(name, key)}: {key} is not known; there are {known}")
    if "url" not in table:
        raise UserError(f"{lines.at(name)}: fleet.{name} has no url")
    url = text("url")
    try:
        check_url(url)
    except UserError as error:
        raise UserError(f"{lines.at(name, 'url')}: {error}") from error
    given = [key for key in ("password", "password_file", "password_env") if key in table]
    if len(given) > 1:
        raise UserError(f"{lines.at(name, given[1])}: {given[0]} and {given[1]}: only one of them")
    password = text("password") or None
    try:
        if text("password_file"):
            password = secret(text("password_file"))
        elif text("password_env"):
            password = environ.get(text("password_env"))
            if password is None:
                raise UserError(f"there is no variable {text('password_env')} in the environment")
    except UserError as error:
        raise UserError(f"{lines.at(name, given[0])}: {error}") from error
    protect = table.get("protect", False)
    if protect not in (True, False, "type-name"):
        raise UserError(f'{lines.at(name, "protect")}: protect is "type-name", true or false')
    title = text("title")
    if title not in ("", "alert"):
        raise UserError(f'{lines.at(name, "title")}: title is "alert", or left out')
    colour = text("colour")
    if colour not in ("", *CONSOLE_COLOURS):
        raise UserError(f"{lines.at(name, 'colour')}: colour is one of {', '.join(CONSOLE_COLOURS)}")
    tls = TlsFiles(*(expanduser(text(key)) for key in TlsFiles._fields))
    for key in TlsFiles._fields:
        if key in table and not url.startswith("https://"):
            raise UserError(f"{lines.at(name, key)}: {key} is for https:// only")
    return Place(
        name,
        url,
        text("username") or None,
        password,
        text("env"),
        bool(protect),
        title == "alert",
        tls,
        colour,
        text("theme"),
    )


def check_url(url: str) -> None:
    """Raises UserError for what cannot be a supervisor's address."""
    if not url.startswith(KINDS):
        raise UserError(f"cannot talk to {url or 'nothing'}: the URL must begin with {', '.join(KINDS)}")
    if url.startswith("ssh://"):
        ssh_command(url)


def ssh_command(url: str) -> tuple[str, ...]:
    """What runs the bridge of an ``ssh://`` URL. Raises UserError.

    Nothing is asked on the terminal (BatchMode): keys, jump hosts and shared connections
    are for the user's ssh configuration.
    """
    found = _SSH.fullmatch(url)
    if found is None:
        raise UserError(f"{url}: is to be ssh://[USER@]HOST[:PORT][/CONFIGURATION]")
    user, host, port, config = found[1], found[2].strip("[]"), found[3], unquote(found[4] or "")
    remote = ["supervisorctl", *(["-c", _quoted(config)] if len(config) > 1 else []), "bridge"]
    return (
        "ssh", "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", *(["-p", port] if port else []),
        f"{user}@{host}" if user else host, "--", " ".join(remote),
    )  # fmt: skip


def _quoted(path: str) -> str:
    return "'" + path.replace("'", "'\\''") + "'"


def from_words(
    words: Sequence[str], username: str | None, password: str | None, tls: TlsFiles = NO_FILES
) -> list[Place]:
    """``[NAME=]URL`` of the command line; one alone without a name is ``local``. Raises UserError."""
    places = [replace(from_word(word, username, password), tls=tls) for word in words]
    if len(words) == 1 and words[0] == places[0].url:
        return [replace(places[0], name="local")]
    return places


def from_word(word: str, username: str | None, password: str | None) -> Place:
    """Raises UserError."""
    name, equals, url = word.partition("=")
    if not equals or "/" in name or ":" in name:
        name, url = "", word
    check_url(url)
    if name and not _NAME.fullmatch(name):
        raise UserError(f"{name!r} is no name for {url}")
    return Place(name or short_name(url), url, username, password)


def short_name(url: str) -> str:
    """What to call a supervisor that nobody named."""
    kind, _, rest = url.partition("://")
    if kind == "unix":
        folder, _, file = rest.rpartition("/")
        stem = file.removesuffix(".sock") or "local"
        parent = folder.rpartition("/")[2]
        return stem if stem not in ("supervisor", "supervisord", "s") or not parent else f"{parent}-{stem}"
    host = rest.partition("/")[0].rpartition("@")[2]
    return host.replace(":", "-").replace("[", "").replace("]", "") or kind


def unique(places: Iterable[Place]) -> list[Place]:
    """Raises UserError where two have one name."""
    found: dict[str, Place] = {}
    for place in places:
        if place.name in found:
            raise UserError(
                f"two supervisors are called {place.name}: {found[place.name].url} and {place.url}; "
                "name them, on the command line with -s NAME=URL"
            )
        found[place.name] = place
    return list(found.values())


def chosen(places: Iterable[Place], names: Iterable[str]) -> list[Place]:
    """Those of ``names``, in that order. Raises UserError for a name that there is not."""
    known = {place.name: place for place in places}
    missing = [name for name in names if name not in known]
    if missing:
        raise UserError(f"no supervisor is called {missing[0]}; there are {', '.join(known) or 'none'}")
    return [known[name] for name in names]
