"""Which options each kind of section has, and the nearest name to a misspelt one; must never know values."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, slots=True)
class Option:
    """One option, for readers. ``kind``: what may be written; ``default``: as it would be written, empty for none.

    ``help``: may be more than one sentence. ``ours``: Supervisor does not know it.
    """

    name: str
    kind: str
    default: str
    help: str
    ours: bool = False


_LOGIN = (
    Option("username", "text", "", "with ``password``: who may come in; both or neither. Empty: everybody"),
    Option(
        "password", "text", "",
        "as it is, ``{SHA}`` and 40 hexadecimal digits, or better what ``supervisorctl hash-password`` prints",
    ),
    Option(
        "role", "admin, operator or observer", "admin",
        "what those who come in may do. Observers see states and logs; operators start, stop and signal as well; admins "
        "may do everything",
        ours=True,
    ),
)  # fmt: skip

_UNIX = (
    Option("file", "path", "", "of the socket; required"),
    Option("chmod", "octal", "0700", "mode of the socket"),
    Option("chown", "user or user:group", "", "owner of the socket"),
    *_LOGIN,
)

_TLS = (
    Option(
        "certfile",
        "path",
        "",
        "speak TLS, with this certificate (PEM, with those between it and the CA), readable to the user "
        "that supervisord becomes",
        ours=True,
    ),
    Option(
        "keyfile", "path", "", "its key, without a pass phrase; default: it is in ``certfile``", ours=True
    ),
    Option("cafile", "path", "", "let in only who has a certificate of this CA", ours=True),
)

_TLS_CLIENT = (
    Option(
        "cafile",
        "path",
        "",
        "for https: the CA that the server is believed by; default: those of the system",
        ours=True,
    ),
    Option("certfile", "path", "", "for https: a certificate to show to the server", ours=True),
    Option("keyfile", "path", "", "its key; default: it is in ``certfile``", ours=True),
)

_INET = (
    Option(
        "port", "port, host:port or \\*:port", "",
        "required; ``*`` is every address, but without a login only 127.0.0.1 is listened on",
    ),
    Option("insecure", "boolean", "false", "let everybody in who can reach ``port``, without a login", ours=True),
    *_LOGIN,
    *_TLS,
)  # fmt: skip

_EACH_CHANNEL = (
    Option(
        "logfile", "path, AUTO, NONE or syslog", "AUTO",
        "AUTO: a file in ``childlogdir`` that the next start removes. What cannot be rotated, such as ``/dev/stdout``, "
        "is not",
    ),
    Option("logfile_maxbytes", "size", "50MB", "rotate the file at this size; 0: never"),
    Option("logfile_backups", "integer", "10", "how many rotated files to keep"),
    Option(
        "capture_maxbytes", "size", "0",
        "keep so much between ``<!--XSUPERVISOR:BEGIN-->`` and ``<!--XSUPERVISOR:END-->`` and make an event of it; "
        "0: no capture",
    ),
    Option("events_enabled", "boolean", "false", "make PROCESS_LOG events of what is written"),
    Option("syslog", "boolean", "false", "send the lines to syslog as well"),
)  # fmt: skip

_CHANNELS = tuple(
    Option(f"{channel}_{option.name}", option.kind, option.default, option.help)
    for channel in ("stdout", "stderr")
    for option in _EACH_CHANNEL
)

_PROGRAM = (
    Option("command", "command line", "", "required; split by the rules of the shell, but no shell runs it"),
    Option(
        "process_name", "text", "%(program_name)s",
        "name of each process; with ``numprocs`` above 1 it has ``%(process_num)d`` in it",
    ),
    Option("numprocs", "integer", "1", "how many processes"),
    Option("numprocs_start", "integer", "0", "number of the first one"),
    Option("priority", "integer", "999", "low ones start first and stop last"),
    Option("autostart", "boolean", "true", "start with supervisord"),
    Option(
        "autorestart", "boolean or unexpected", "unexpected",
        "start again after an exit; unexpected: where the status is none of ``exitcodes``",
    ),
    Option("startsecs", "integer", "1", "how many seconds it has to stay up to count as started"),
    Option("startretries", "integer", "3", "failed starts before it is FATAL; each waits a second longer"),
    Option("exitcodes", "list of integers", "0", "statuses that are expected"),
    Option("stopsignal", "signal", "TERM", "asks it to end"),
    Option("stopwaitsecs", "integer", "10", "how many seconds it may take before SIGKILL"),
    Option("stopasgroup", "boolean", "false", "send ``stopsignal`` to the whole process group"),
    Option("killasgroup", "boolean", "", "send SIGKILL to the whole process group; default: as ``stopasgroup``"),
    Option(
        "stopastree", "boolean", "false",
        "send both to everything that it has started, in whatever process group that is; it is stopped once all of that "
        "has ended",
        ours=True,
    ),
    Option("user", "user", "", "run it as this user (supervisord has to be root)"),
    Option("redirect_stderr", "boolean", "false", "stderr goes where stdout goes"),
    *_CHANNELS,
    Option("environment", "KEY=value,...", "", "laid over that of supervisord; quote what is more than a word"),
    Option("directory", "path", "", "where it runs"),
    Option("umask", "octal", "", "default: that of supervisord"),
    Option("serverurl", "URL or AUTO", "", "``SUPERVISOR_SERVER_URL`` of the process; default: of the first server"),
)  # fmt: skip

_TERMINAL = (
    Option(
        "tty", "boolean", "false",
        "run it on a terminal that outlives the daemon, to attach to; stderr is stdout then",
        ours=True,
    ),
    Option("tty_size", "ROWSxCOLUMNS", "24x80", "size of the terminal at the start", ours=True),
    Option("term", "text", "xterm-256color", "``TERM`` of the process", ours=True),
)  # fmt: skip

OPTIONS: Final[Mapping[str, tuple[Option, ...]]] = {
    "supervisord": (
        Option("logfile", "path or syslog", "supervisord.log", "the main log; syslog: no file"),
        Option("logfile_maxbytes", "size", "50MB", "rotate it at this size; 0: never"),
        Option("logfile_backups", "integer", "10", "how many rotated files to keep"),
        Option(
            "loglevel", "level", "info",
            "critical, error, warn, info, debug (with a copy of what programs print), trace or blather",
        ),
        Option("pidfile", "path", "supervisord.pid", "held locked; a second supervisord with it does not start"),
        Option("umask", "octal", "022", "of supervisord and the programs"),
        Option("nodaemon", "boolean", "false", "stay in the foreground"),
        Option("silent", "boolean", "false", "in the foreground: no copy of the main log on stdout"),
        Option("minfds", "integer", "1024", "descriptors that have to be available, about four a process"),
        Option("minprocs", "integer", "200", "processes that have to be available"),
        Option("nocleanup", "boolean", "false", "keep the AUTO logs of an earlier run"),
        Option("childlogdir", "existing folder", "", "where AUTO logs go; default: that for temporary files"),
        Option("user", "user", "", "become this user before anything else"),
        Option("directory", "existing folder", "", "change to it"),
        Option("strip_ansi", "boolean", "false", "remove escape sequences from what programs write"),
        Option(
            "audit", "boolean", "false",
            "log who attached, took over, left and sent input to a program, and when, whatever ``loglevel`` is; "
            "never what was typed",
            ours=True,
        ),
        Option("environment", "KEY=value,...", "", "for all programs; the keys are expansions, too"),
        Option("identifier", "text", "supervisor", "names this supervisor in answers, events and AUTO logs"),
    ),
    "unix_http_server": _UNIX,
    "inet_http_server": _INET,
    "unix_stream_server": tuple(replace(option, ours=True) for option in _UNIX),
    "inet_stream_server": tuple(replace(option, ours=True) for option in _INET),
    "supervisorctl": (
        Option("serverurl", "URL", "http://localhost:9001", "``unix://PATH``, ``http://HOST:PORT`` or ``https://HOST:PORT``"),
        Option("username", "text", "", "who to log in as"),
        Option("password", "text", "", "and with what"),
        *_TLS_CLIENT,
        Option("prompt", "text", "supervisor", "of the shell"),
        Option("history_file", "path", "", "keeps the lines of the shell"),
        Option(
            "fg_history", "boolean", "true",
            "with ``history_file``: the lines that ``fg`` and ``attach`` send to a program on pipes are kept, too, "
            "in ``HISTORY_FILE.fg/NAME``, mode 0600",
            ours=True,
        ),
    ),
    "supervisortui": (
        Option("serverurl", "URL", "", "required; as above, or ``ssh://HOST``", ours=True),
        Option("username", "text", "", "who to log in as", ours=True),
        Option("password", "text", "", "and with what", ours=True),
        *_TLS_CLIENT,
        Option("env", "text", "", "what the console lists it under", ours=True),
        Option("protect", "boolean", "false", "ask for its name before anything is done to it", ours=True),
        Option("title", "alert", "", "``alert``: its title bar warns while it is worked on", ours=True),
        Option("colour", "colour", "", "of the mark in front of its name: ``red``, ``yellow``, ``green``, ``cyan``, ``blue`` or ``magenta``", ours=True),
        Option("theme", "name", "", "the console's while it is worked on", ours=True),
    ),
    "include": (Option("files", "patterns", "", "required; files whose sections are read as well"),),
    "program": (*_PROGRAM, *_TERMINAL),
    "fcgi-program": (
        *_PROGRAM,
        Option("socket", "unix://PATH or tcp://HOST:PORT", "", "required; the processes get it as stdin"),
        Option("socket_owner", "user or user:group", "", "of a unix socket; default: ``user``"),
        Option("socket_mode", "octal", "0700", "of a unix socket"),
        Option("socket_backlog", "integer", "", "how many connections may wait; default: what the system allows"),
    ),
    "eventlistener": (
        *(option for option in _PROGRAM if option.name != "priority"),
        Option("priority", "integer", "", "default: -1 for the pool, which starts first and stops last"),
        Option("events", "list of names", "", "required; see ``docs/events.rst``"),
        Option("buffer_size", "integer", "", "events that may wait; default: a start of everything fits, 1,000 at least"),
        Option("result_handler", "module:function", "supervisor.dispatchers:default_handler", "judges the results"),
        Option("ack_timeout", "seconds", "60", "for one event, then the listener is restarted; 0: for ever", ours=True),
    ),
    "group": (
        Option("programs", "list of names", "", "members, in their order"),
        Option("priority", "integer", "999", "low groups start first and stop last"),
    ),
}  # fmt: skip
"""Every option that this version acts on, by kind of section: the table behind warnings and documentation."""

SECTION_OPTIONS: Final[Mapping[str, frozenset[str]]] = {
    kind: frozenset(option.name for option in options) for kind, options in OPTIONS.items()
}

FREE_KINDS: Final = frozenset(("rpcinterface", "ctlplugin"))
"""Sections whose options are for a plug-in to judge."""

_NAMED_KINDS = frozenset(("program", "fcgi-program", "eventlistener", "group", "supervisortui")) | FREE_KINDS
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
    if option.startswith("["):  # read as a name and its value, where it has a colon
        return "this is no section, for it has no ], and is ignored"
    near = _nearest(option, known)
    hint = f"; did you mean {near}?" if near is not None else ""
    return f"this option is not known and is ignored{hint}"


def _nearest(word: str, known: Iterable[str]) -> str | None:
    return next(iter(difflib.get_close_matches(word[:100], sorted(known), 1, 0.6)), None)
