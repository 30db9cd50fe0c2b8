"""Frozen dataclasses of the whole configuration; must never know how the text looked or what runs.

Field names are the option names users write. Paths are absolute; numbers carry
the unit of the option (sizes in bytes, times in seconds). Everything here is
plain data, so that it can be written to the daemon's snapshot and read back
(``encode`` / ``decode`` at the end).
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from types import UnionType
from typing import Any, Final, TypeVar

from ..errors import ConfigProblem
from ..tls import TlsFiles
from .kinds import AUTO_LOG, AutoRestart, CtlConfig, LogFile, LogKind, PluginConfig

__all__ = [
    "DEFAULT_HANDLER",
    "AutoRestart",
    "ChannelConfig",
    "Configuration",
    "CtlConfig",
    "FastCgiSocket",
    "GroupConfig",
    "GroupKind",
    "InetServerConfig",
    "ListenerConfig",
    "LogFile",
    "LogKind",
    "PluginConfig",
    "ProcessConfig",
    "StreamServerConfig",
    "SupervisordConfig",
    "UnixServerConfig",
    "decode",
    "encode",
]


@dataclass(frozen=True, slots=True)
class ChannelConfig:
    """``stdout_*`` or ``stderr_*`` options of one process. ``maxbytes`` 0: no rotation."""

    logfile: LogFile = AUTO_LOG
    logfile_maxbytes: int = 50 * 1024 * 1024
    logfile_backups: int = 10
    capture_maxbytes: int = 0
    events_enabled: bool = False
    syslog: bool = False


@dataclass(frozen=True, slots=True)
class FastCgiSocket:
    """The socket of an ``[fcgi-program:x]``, fd 0 of its processes; ``path``, or ``host`` and ``port``.

    Empty ``host``: all interfaces. ``uid`` -1: the program's user, where it has one;
    ``gid`` -1: unchanged, or that user's. ``backlog`` 0: the most the system takes.
    """

    path: str = ""
    host: str = ""
    port: int = 0
    mode: int = 0o700
    uid: int = -1
    gid: int = -1
    backlog: int = 0

    @property
    def url(self) -> str:
        return f"unix://{self.path}" if self.path else f"tcp://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ProcessConfig:
    """One process, numprocs already multiplied out.

    ``uid`` is None when no ``user`` is given; ``user`` keeps the name as written.
    ``environment`` is the merged [supervisord] and program environment in
    definition order, keys unique. ``serverurl`` None: not given; ``AUTO`` stays
    the word ``AUTO``. ``tty_size`` is (rows, columns).
    """

    name: str
    group: str
    command: str
    program: str = ""
    directory: str | None = None
    umask: int | None = None
    priority: int = 999
    autostart: bool = True
    autorestart: AutoRestart = AutoRestart.UNEXPECTED
    startsecs: int = 1
    startretries: int = 3
    exitcodes: tuple[int, ...] = (0,)
    stopsignal: int = 15
    stopwaitsecs: int = 10
    stopasgroup: bool = False
    killasgroup: bool = False
    stopastree: bool = False
    user: str | None = None
    uid: int | None = None
    redirect_stderr: bool = False
    stdout: ChannelConfig = ChannelConfig()
    stderr: ChannelConfig = ChannelConfig()
    environment: tuple[tuple[str, str], ...] = ()
    serverurl: str | None = None
    tty: bool = False
    tty_size: tuple[int, int] = (24, 80)
    term: str = "xterm-256color"
    fcgi: FastCgiSocket | None = None


class GroupKind(StrEnum):
    PROGRAM = "program"  # a program that is in no [group:x]
    GROUP = "group"  # a [group:x]
    LISTENER = "listener"  # an [eventlistener:x]


DEFAULT_HANDLER = "supervisor.dispatchers:default_handler"


@dataclass(frozen=True, slots=True)
class ListenerConfig:
    """What an ``[eventlistener:x]`` has beside its processes.

    ``events``: names, sorted. ``buffer_size`` 0: room for a start of all programs.
    ``ack_timeout`` in seconds, 0 for ever.
    """

    events: tuple[str, ...] = ()
    buffer_size: int = 0
    result_handler: str = DEFAULT_HANDLER
    ack_timeout: int = 60


@dataclass(frozen=True, slots=True)
class GroupConfig:
    """A group and its processes in definition order; ``listener`` is set for LISTENER only."""

    name: str
    priority: int = 999
    kind: GroupKind = GroupKind.PROGRAM
    processes: tuple[ProcessConfig, ...] = ()
    listener: ListenerConfig | None = None


@dataclass(frozen=True, slots=True)
class UnixServerConfig:
    """``[unix_http_server*]``. ``uid``/``gid`` -1: unchanged. Empty ``username``: no authentication.

    ``role``: what its clients may do, admin, operator or observer.
    """

    section: str
    file: str
    chmod: int = 0o700
    uid: int = -1
    gid: int = -1
    username: str = ""
    password: str = field(default="", repr=False)
    role: str = "admin"


@dataclass(frozen=True, slots=True)
class InetServerConfig:
    """``[inet_http_server*]``. Empty ``host``: all interfaces. Empty ``username``: no authentication.

    ``narrowed``: more than loopback was asked for, without a login.
    """

    section: str
    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)
    narrowed: bool = False
    role: str = "admin"
    tls: TlsFiles | None = None
    """None: plain TCP. With ``cafile`` clients need a certificate."""


@dataclass(frozen=True, slots=True)
class StreamServerConfig:
    """``[unix_stream_server]`` (``file``) or ``[inet_stream_server]`` (``host``, ``port``).

    ``uid``/``gid``, the login, ``narrowed`` and ``role`` are as for the HTTP servers.
    """

    section: str
    file: str = ""
    chmod: int = 0o700
    host: str = ""
    port: int = 0
    username: str = ""
    password: str = field(default="", repr=False)
    uid: int = -1
    gid: int = -1
    narrowed: bool = False
    role: str = "admin"
    tls: TlsFiles | None = None


@dataclass(frozen=True, slots=True)
class SupervisordConfig:
    """``[supervisord]`` and the command line on top of it. ``logfile`` may be the word ``syslog``."""

    logfile: str = "supervisord.log"
    logfile_maxbytes: int = 50 * 1024 * 1024
    logfile_backups: int = 10
    loglevel: str = "info"  # one of critical error warn info debug trace blather
    pidfile: str = "supervisord.pid"
    umask: int = 0o022
    nodaemon: bool = False
    silent: bool = False
    minfds: int = 1024
    minprocs: int = 200
    nocleanup: bool = False
    childlogdir: str = "/tmp"
    user: str | None = None
    uid: int | None = None
    directory: str | None = None
    strip_ansi: bool = False
    audit: bool = False
    environment: tuple[tuple[str, str], ...] = ()
    identifier: str = "supervisor"


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a supervisord runs by. ``groups`` are sorted by (priority, name).

    ``path`` is the main file, ``included`` the files read through [include];
    ``warnings`` are for the main log, at WARN; ``notes`` likewise, at INFO.
    """

    path: str
    supervisord: SupervisordConfig = SupervisordConfig()
    unix_servers: tuple[UnixServerConfig, ...] = ()
    inet_servers: tuple[InetServerConfig, ...] = ()
    stream_servers: tuple[StreamServerConfig, ...] = ()
    rpcinterfaces: tuple[PluginConfig, ...] = ()
    groups: tuple[GroupConfig, ...] = ()
    included: tuple[str, ...] = ()
    warnings: tuple[ConfigProblem, ...] = ()
    notes: tuple[str, ...] = ()


T = TypeVar("T")


_PLAIN: Final = frozenset({str, int, bool, float, bytes, type(None)})


def encode(value: object) -> Any:
    """A dataclass of this file as msgpack-able data: dicts by field name, lists, scalars."""
    kind: Any = type(value)
    if kind in _PLAIN:
        return value
    names = _field_names(kind)
    if names:
        return {name: encode(getattr(value, name)) for name in names}
    if isinstance(value, tuple):
        return [encode(item) for item in value]
    if isinstance(value, StrEnum):
        return value.value
    return value


@cache
def _field_names(kind: Any) -> tuple[str, ...]:
    """Of a dataclass; empty for any other class."""
    return tuple(f.name for f in dataclasses.fields(kind)) if dataclasses.is_dataclass(kind) else ()


def decode(kind: type[T], data: Any) -> T:
    """The dataclass ``kind`` from what ``encode`` made; unknown keys are ignored, missing ones take defaults.

    Raises TypeError or ValueError when the data has another shape.
    """
    hashable: Any = kind
    return typing.cast(T, _decoder(hashable)(data))


@cache
def _decoder(kind: Any) -> Callable[[Any], Any]:
    """What makes a ``kind``; its hints are looked at once, not for each of thousands of programs."""
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _record_decoder(kind)
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        decoders = [_decoder(arg) for arg in args if arg is not Ellipsis]
        if len(args) == 2 and args[1] is Ellipsis:
            return lambda data: tuple([decoders[0](item) for item in data])
        return lambda data: tuple([d(item) for d, item in zip(decoders, data, strict=True)])
    if origin in (UnionType, typing.Union):
        inner = _decoder(next(arg for arg in args if arg is not type(None)))
        return lambda data: None if data is None else inner(data)
    if kind is TlsFiles:
        return lambda data: TlsFiles(*(_decoder(str)(item) for item in data))
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind

    def same(data: Any) -> Any:
        if not isinstance(data, kind):
            raise TypeError(f"expected {kind.__name__}, not {type(data).__name__}")
        return data

    return same


def _record_decoder(kind: type) -> Callable[[Any], Any]:
    hints = typing.get_type_hints(kind)
    decoders = {name: _decoder(hints[name]) for name in _field_names(kind)}

    def record(data: Any) -> Any:
        if not isinstance(data, dict):
            raise TypeError(f"expected a map for {kind.__name__}")
        return kind(**{key: decoders[key](item) for key, item in data.items() if key in decoders})

    return record
