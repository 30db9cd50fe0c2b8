"""Which options each kind of section has, and the nearest name to a misspelt one; must never know values."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Final

_SERVER_LOGIN = frozenset(("username", "password"))

_CHANNEL = frozenset(
    f"{channel}_{option}"
    for channel in ("stdout", "stderr")
    for option in (
        "logfile",
        "logfile_maxbytes",
        "logfile_backups",
        "capture_maxbytes",
        "events_enabled",
        "syslog",
    )
)

_PROGRAM = (
    frozenset(
        (
            "command",
            "process_name",
            "numprocs",
            "numprocs_start",
            "priority",
            "autostart",
            "autorestart",
            "startsecs",
            "startretries",
            "exitcodes",
            "stopsignal",
            "stopwaitsecs",
            "stopasgroup",
            "killasgroup",
            "user",
            "redirect_stderr",
            "environment",
            "directory",
            "umask",
            "serverurl",
        )
    )
    | _CHANNEL
)

SECTION_OPTIONS: Final[Mapping[str, frozenset[str]]] = {
    "supervisord": frozenset(
        (
            "logfile",
            "logfile_maxbytes",
            "logfile_backups",
            "loglevel",
            "pidfile",
            "umask",
            "nodaemon",
            "silent",
            "minfds",
            "minprocs",
            "nocleanup",
            "childlogdir",
            "user",
            "directory",
            "strip_ansi",
            "environment",
            "identifier",
        )
    ),
    "supervisorctl": frozenset(("serverurl", "username", "password", "prompt", "history_file")),
    "include": frozenset(("files",)),
    "unix_http_server": frozenset(("file", "chmod", "chown")) | _SERVER_LOGIN,
    "inet_http_server": frozenset(("port", "insecure")) | _SERVER_LOGIN,
    "unix_stream_server": frozenset(("file", "chmod", "chown")) | _SERVER_LOGIN,
    "inet_stream_server": frozenset(("port", "insecure")) | _SERVER_LOGIN,
    "group": frozenset(("programs", "priority")),
    "program": _PROGRAM | frozenset(("tty", "tty_size", "term")),
    "eventlistener": _PROGRAM | frozenset(("events", "buffer_size", "result_handler", "ack_timeout")),
    "fcgi-program": _PROGRAM | frozenset(("socket", "socket_owner", "socket_mode", "socket_backlog")),
}
"""Every option that this version acts on, by kind of section."""

FREE_KINDS: Final = frozenset(("rpcinterface", "ctlplugin"))
"""Sections whose options are for a plug-in to judge."""

_NAMED_KINDS = frozenset(("program", "fcgi-program", "eventlistener", "group")) | FREE_KINDS
_SERVER_KINDS = ("unix_http_server", "inet_http_server", "unix_stream_server", "inet_stream_server")
_SINGLE_KINDS = frozenset(("supervisord", "supervisorctl", "include"))
_FOREIGN_PREFIXES = ("dependent_startup",)


def section_kind(section: str) -> str | None:
    """``program`` for ``program:cat``, ``unix_http_server`` for ``unix_http_server:x``; None for what is not ours."""
    if section in _SINGLE_KINDS:
        return section
    kind, colon, _ = section.partition(":")
    if colon and kind in _NAMED_KINDS:
        return kind
    return next((kind for kind in _SERVER_KINDS if section.startswith(kind)), None)


def unknown_section_reason(section: str) -> str:
    """The warning for a section that nobody reads."""
    kind, colon, name = section.partition(":")
    known = [*_SINGLE_KINDS, *_NAMED_KINDS, *_SERVER_KINDS]
    near = kind if kind in _NAMED_KINDS else _nearest(kind, known)
    if near is None:
        return "this section is not known and is ignored"
    suffix = f":{name if colon else 'NAME'}" if near in _NAMED_KINDS else ""
    return f"this section is not known and is ignored; did you mean [{near}{suffix}]?"


def unknown_option_reason(kind: str, option: str) -> str | None:
    """The warning for an option that a section of this kind does not have; None when there is nothing to say."""
    known = SECTION_OPTIONS[kind]
    if option in known or option.startswith(_FOREIGN_PREFIXES):
        return None
    near = _nearest(option, known)
    hint = f"; did you mean {near}?" if near is not None else ""
    return f"this option is not known and is ignored{hint}"


def _nearest(word: str, known: Iterable[str]) -> str | None:
    return next(iter(difflib.get_close_matches(word[:100], sorted(known), 1, 0.6)), None)
