"""One converter per kind of value: text in, value out; must never know sections or files.

A converter raises ValueError with the reason as Supervisor words it (reference:
value types). What is read from the outside is the password database and
whether a directory exists, nothing more. Integers are kept within what every
consumer can hold (a msgpack snapshot, an XML-RPC answer, a timer).
"""

from __future__ import annotations

import grp
import ipaddress
import os
import pwd
import signal as signals
from typing import Final
from urllib.parse import urlsplit

from ..mounts import is_directory
from .kinds import AutoRestart, LogFile, LogKind

MAX_NAME_BYTES: Final = 255
"""The most that a name of a program, group or process may have: all of them go into one record of the state."""

SOCKET_PATH_MAX_BYTES: Final = 107
"""What the address of a unix socket holds."""

MAX_LOG_PATH_BYTES: Final = 1900
"""Likewise for the path of a log, which has a record of its own."""

LOG_LEVELS: Final = ("critical", "error", "warn", "info", "debug", "trace", "blather")

ROLES: Final = ("observer", "operator", "admin")

_TRUE = frozenset(("true", "yes", "on", "1"))
_FALSE = frozenset(("false", "no", "off", "0"))
_SIZES = {"kb": 1024, "mb": 1024**2, "gb": 1024**3}
_INTEGER_LIMIT = 2**53
_MODE_LIMIT = 0o7777
_TTY_LIMIT = 65535


def boolean(text: str) -> bool:
    """``true yes on 1`` or ``false no off 0``, in any case."""
    word = text.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError(f"not a valid boolean value: '{text}'")


def integer(text: str) -> int:
    """Python's ``int``: sign, surrounding space and ``_`` are fine; at most 2**53 either way."""
    if len(text) > 1000:
        raise ValueError(f"invalid literal for int() with base 10: '{text[:40]}...'")
    try:
        number = int(text)
    except ValueError:
        raise ValueError(f"invalid literal for int() with base 10: '{text}'") from None
    if abs(number) > _INTEGER_LIMIT:
        raise ValueError(f"{text} is out of range")
    return number


def byte_size(text: str) -> int:
    """An integer with an optional ``KB``, ``MB`` or ``GB`` (powers of 1024)."""
    lowered = text.strip().lower()
    factor = _SIZES.get(lowered[-2:])
    if factor is None:
        return integer(lowered)
    size = integer(lowered[:-2]) * factor
    if abs(size) > _INTEGER_LIMIT:
        raise ValueError(f"{text} is out of range")
    return size


def octal(text: str) -> int:
    """A file mode or umask: ``022``, ``22`` and ``0o22`` are the same."""
    try:
        number = int(text, 8)
    except ValueError:
        number = -1
    if not 0 <= number <= _MODE_LIMIT:
        raise ValueError(f"{text} can not be converted to an octal type")
    return number


def existing_directory(text: str, base: str = "") -> str:
    """The directory with ``~`` expanded, relative to ``base``."""
    path = resolved(text, base)
    if not is_directory(path):
        raise ValueError(f"{text} is not an existing directory")
    return path


def log_directory(text: str, base: str = "") -> str:
    """The same for a directory of logs, whose names are at most 255 bytes long."""
    path = existing_directory(text, base)
    if len(os.fsencode(path)) > MAX_LOG_PATH_BYTES - 256:
        raise ValueError(f"the path of a directory of logs has at most {MAX_LOG_PATH_BYTES - 256} bytes")
    return path


def dirpath(text: str, base: str = "") -> str:
    """The path of a file whose directory exists; ``~`` expanded, relative to ``base``."""
    path = resolved(text, base)
    directory = os.path.dirname(path)
    if directory and not is_directory(directory):
        raise ValueError(f"The directory named as part of the path {text} does not exist")
    return path


def resolved(text: str, base: str = "") -> str:
    """The path with ``~`` expanded and joined to ``base``; ``..`` is left for the system to walk."""
    return os.path.join(base, os.path.expanduser(text))


def loglevel(text: str) -> str:
    """The level's name in lower case."""
    level = text.strip().lower()
    if level not in LOG_LEVELS:
        raise ValueError(f"bad logging level name '{text}'")
    return level


def user(text: str) -> int:
    """The uid of a user given by name, or by a number that the password database knows."""
    return _account(text)[0]


def _account(text: str) -> tuple[int, int]:
    name = text.strip()
    try:
        uid = int(name)
    except ValueError:
        try:
            entry = pwd.getpwnam(name)
        except (KeyError, ValueError):
            raise ValueError(f"Invalid user name {text}") from None
        return entry.pw_uid, entry.pw_gid
    try:
        entry = pwd.getpwuid(uid)
    except (KeyError, OverflowError):
        raise ValueError(f"Invalid user id {text}") from None
    return entry.pw_uid, entry.pw_gid


def _group(text: str) -> int:
    name = text.strip()
    try:
        return grp.getgrgid(int(name)).gr_gid if name.isdecimal() else grp.getgrnam(name).gr_gid
    except (KeyError, ValueError, OverflowError):
        raise ValueError(f"Invalid group {text}") from None


def user_and_group(text: str) -> tuple[int, int]:
    """(uid, gid) of ``user`` or ``user:group``; gid -1 (leave it) when no group is given."""
    name, colon, group_name = text.partition(":")
    try:
        return user(name), _group(group_name) if colon else -1
    except ValueError:
        raise ValueError(f"Invalid user:group definition {text}") from None


def signal(text: str) -> int:
    """The number of a signal of this platform: ``TERM``, ``sigterm`` or ``15``; 0 passes as itself."""
    word = text.strip().upper()
    try:
        number = int(word)
    except ValueError:
        name = word if word.startswith("SIG") else f"SIG{word}"
        try:
            return int(signals.Signals[name])
        except KeyError:
            raise ValueError(f"value '{text}' is not a valid signal name") from None
    try:
        return int(signals.Signals(number)) if number else 0
    except ValueError:
        raise ValueError(f"value '{text}' is not a valid signal number") from None


def exit_codes(text: str) -> tuple[int, ...]:
    """A comma list of 0..255; nothing at all is the empty list."""
    if not text.strip():
        return ()
    try:
        codes = tuple(int(word) for word in text.split(","))
    except ValueError:
        codes = (-1,)
    if not all(0 <= code <= 255 for code in codes):
        raise ValueError(f"not a valid list of exit codes: '{text}'")
    return codes


def autorestart(text: str) -> AutoRestart:
    """A boolean word (always or never) or ``unexpected``."""
    word = text.strip().lower()
    if word == "unexpected":
        return AutoRestart.UNEXPECTED
    try:
        return AutoRestart.ALWAYS if boolean(word) else AutoRestart.NEVER
    except ValueError:
        raise ValueError(f"invalid 'autorestart' value '{word}'") from None


def string_list(text: str) -> tuple[str, ...]:
    """A comma list, members trimmed; a trailing comma gives an empty member."""
    if not text.strip():
        return ()
    return tuple(member.strip() for member in text.split(","))


PROFILE_OPTIONS: Final = ("cumulative", "calls", "callers")


def profile_options(text: str) -> tuple[str, ...]:
    """A comma list of words from ``PROFILE_OPTIONS``."""
    words = string_list(text)
    for word in words:
        if word not in PROFILE_OPTIONS:
            raise ValueError(f"{word!r} is none of {', '.join(PROFILE_OPTIONS)}")
    return words


def name(text: str) -> str:
    """The name of a program, group or process, trimmed.

    Beyond Supervisor's three characters everything is refused that a terminal
    would act on or not show: such a name cannot be told apart or typed.
    """
    trimmed = text.strip()
    for character in trimmed:
        if character in " :/":
            raise ValueError(f"Invalid name: '{text}' because of character: '{character}'")
        if not character.isprintable():
            raise ValueError(
                f"Invalid name: '{printable(text)}' because of character: '{printable(character)}'"
            )
    if len(trimmed.encode("utf-8", "surrogateescape")) > MAX_NAME_BYTES:
        raise ValueError(f"a name has at most {MAX_NAME_BYTES} bytes")
    return trimmed


def printable(text: str) -> str:
    """The text with everything that is not shown as itself (controls, line ends) as ``\\x1b`` and so on."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def logfile(text: str, base: str = "") -> tuple[LogFile, bool]:
    """A child log: (the file, whether it was the old word ``syslog`` for "no file but syslog")."""
    word = text.strip().lower()
    if word in ("none", "off", ""):  # no value is no file: 4.3 takes it so, undocumented
        return LogFile(LogKind.NONE), False
    if word == "auto":
        return LogFile(LogKind.AUTO), False
    if word == "syslog":
        return LogFile(LogKind.NONE), True
    path = dirpath(text, base)
    if len(os.fsencode(path)) > MAX_LOG_PATH_BYTES:
        raise ValueError(f"the path of a log has at most {MAX_LOG_PATH_BYTES} bytes")
    return LogFile(LogKind.FILE, path), False


def role(text: str) -> str:
    """What the clients of a server may do."""
    word = text.strip().lower()
    if word not in ROLES:
        raise ValueError(f"not one of {', '.join(ROLES)}: '{text}'")
    return word


def main_logfile(text: str, base: str = "") -> str:
    """The main log: a path, or the word ``syslog``."""
    return "syslog" if text.strip().lower() == "syslog" else dirpath(text, base)


def is_loopback(host: str) -> bool:
    """Whether this is a literal loopback address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def inet_address(text: str) -> tuple[str, int]:
    """(host, port) of ``port``, ``host:port``, ``*:port``; an empty host means all interfaces.

    The last colon separates; brackets around an IPv6 host are taken off.
    """
    host, _, port_text = text.strip().rpartition(":")
    try:
        port = int(port_text)
    except ValueError:
        port = 0
    if not 1 <= port <= 65535:
        raise ValueError(f"not a valid port number: '{text}'")
    host = host.strip().lower()
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    return "" if host == "*" else host, port


def fcgi_socket(text: str) -> tuple[str, str, int]:
    """(path, host, port) of ``unix:///path``, or ``tcp://host:port`` with an empty path."""
    scheme, separator, place = text.strip().partition("://")
    if separator and scheme.lower() == "unix" and place:
        if not place.startswith("/"):
            raise ValueError(f"Unix socket path {place} is not an absolute path")
        return place, "", 0
    if not separator or scheme.lower() != "tcp" or ":" not in place:
        raise ValueError(f"Bad socket format {text}")
    return "", *inet_address(place)


def url(text: str) -> str:
    """A URL with a scheme and an address or path, unchanged."""
    try:
        parts = urlsplit(text)
        valid = bool(parts.scheme and (parts.netloc or parts.path))
    except ValueError:
        valid = False
    if not valid:
        raise ValueError(f"value '{text}' is not a URL")
    return text


def tty_size(text: str) -> tuple[int, int]:
    """(rows, columns) of ``24x80``, each 1..65535."""
    rows_text, _, columns_text = text.strip().lower().partition("x")
    if rows_text.isdecimal() and columns_text.isdecimal() and max(len(rows_text), len(columns_text)) <= 5:
        rows, columns = int(rows_text), int(columns_text)
        if 1 <= rows <= _TTY_LIMIT and 1 <= columns <= _TTY_LIMIT:
            return rows, columns
    raise ValueError(f"not a terminal size of the form ROWSxCOLUMNS: '{text}'")
