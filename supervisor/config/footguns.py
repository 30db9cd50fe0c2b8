"""What a configuration may say but seldom means, with file and line; must never know what runs.

``supervisord --check`` tells these beside the warnings of loading. None of them keeps
supervisord from starting.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from typing import Final

from .. import shellwords
from ..errors import ConfigProblem
from .model import (
    Configuration,
    GroupConfig,
    GroupKind,
    InetServerConfig,
    LogKind,
    ProcessConfig,
    StreamServerConfig,
)
from .reader import RawSection

Sections = dict[str, RawSection]

_SHELLS: Final = frozenset(("sh", "bash", "dash", "ash", "ksh", "zsh"))
_SCRIPT_FLAG: Final = re.compile(r"-[a-z]*c")
_PROGRAM_KINDS: Final = ("program", "eventlistener", "fcgi-program")


def can_seek(path: str) -> bool:
    """Whether a log can be rotated: a regular file, or one that is not there yet."""
    if path.startswith(("/dev/", "/proc/")):
        return False
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return True


def foot_guns(
    configuration: Configuration, sections: Sections, seekable: Callable[[str], bool] = can_seek
) -> Iterator[ConfigProblem]:
    """Every foot-gun, once for each program; ``sections`` are those that were read, for file and line."""
    servers: list[InetServerConfig | StreamServerConfig] = [
        *configuration.inet_servers,
        *configuration.stream_servers,
    ]
    for server in servers:
        proven = server.tls is not None and server.tls.cafile
        if server.port and not server.username and not server.narrowed and not proven:
            yield _problem(sections, server.section, "port", _open_server(server))
    seen: set[str] = set()
    for group in configuration.groups:
        if group.listener is not None and group.processes:
            yield from _small_buffer(configuration, sections, group)
            yield from _impatient(configuration, sections, group)
        for process in group.processes:
            if process.program not in seen:
                seen.add(process.program)
                section = program_section(sections, process.program)
                yield from _unrotatable(sections, section, process, seekable)
                yield from _half_stopped(sections, section, process)


def program_section(sections: Sections, program: str) -> str:
    """The name of the section that describes a program; that of a [program:x] where there is none."""
    names = [f"{kind}:{program}" for kind in _PROGRAM_KINDS]
    return next((name for name in names if name in sections), names[0])


def _problem(sections: Sections, section: str, option: str, reason: str) -> ConfigProblem:
    file, line = place(sections, section, option)
    return ConfigProblem(reason, file, line, section, option)


def place(sections: Sections, section: str, option: str) -> tuple[str, int]:
    """File and line of an option, else of its section's header; empty and 0 where that is not known either."""
    raw = sections.get(section)
    if raw is None:
        return "", 0
    value = raw.options.get(option)
    return (raw.file, raw.line) if value is None else (value.file, value.line)


def _open_server(server: InetServerConfig | StreamServerConfig) -> str:
    where = f"{server.host or 'all addresses'}, port {server.port}"
    return (
        f"without username and password everybody who reaches {where} controls all programs; "
        "set them, or use a unix socket"
    )


def _small_buffer(
    configuration: Configuration, sections: Sections, group: GroupConfig
) -> Iterator[ConfigProblem]:
    listener = group.listener
    programs = sum(len(g.processes) for g in configuration.groups if g.kind is not GroupKind.LISTENER)
    if listener is not None and 0 < listener.buffer_size < programs:
        yield _problem(
            sections,
            program_section(sections, group.processes[0].program),
            "buffer_size",
            f"{listener.buffer_size} events do not hold one of each of the {programs} processes, such as a start "
            "of all makes; leave buffer_size out, or raise it",
        )


def _impatient(
    configuration: Configuration, sections: Sections, group: GroupConfig
) -> Iterator[ConfigProblem]:
    """A listener may be ended while it waits for a program to stop, and leave that stopped."""
    section = program_section(sections, group.processes[0].program)
    programs = (p for g in configuration.groups if g.kind is not GroupKind.LISTENER for p in g.processes)
    slowest = max(programs, key=lambda process: process.stopwaitsecs, default=None)
    limit = group.listener.ack_timeout if group.listener is not None else 0
    if slowest is not None and slowest.stopwaitsecs >= limit > 0:
        yield _problem(
            sections,
            section,
            "ack_timeout",
            f"it is restarted when it works {limit} s on an event; one that restarts programs may wait "
            f"{slowest.stopwaitsecs} s for {slowest.group}:{slowest.name} to stop (ack_timeout=0: as long as it takes)",
        )


def _unrotatable(
    sections: Sections, section: str, process: ProcessConfig, seekable: Callable[[str], bool]
) -> Iterator[ConfigProblem]:
    for name, channel in (("stdout", process.stdout), ("stderr", process.stderr)):
        path = channel.logfile.path
        if channel.logfile.kind is LogKind.FILE and channel.logfile_maxbytes > 0 and not seekable(path):
            yield _problem(
                sections,
                section,
                f"{name}_logfile",
                f"{path} cannot be rotated, it is no regular file; set {name}_logfile_maxbytes=0",
            )


def _half_stopped(sections: Sections, section: str, process: ProcessConfig) -> Iterator[ConfigProblem]:
    shell = shell_of(process.command)
    if shell and not (process.stopasgroup or process.tty):
        yield _problem(
            sections,
            section,
            "command",
            f"a stop reaches {shell} only, what it started goes on; put exec before the command in it, "
            "or set stopasgroup=true",
        )


def shell_of(command: str) -> str:
    """The shell that runs a line of commands and stays (``sh -c '…'`` without exec); empty for others."""
    try:
        words = shellwords.split(command)
    except ValueError:
        return ""
    name = os.path.basename(words[0]) if words else ""
    if name not in _SHELLS or len(words) < 3:
        return ""
    at = next((n for n, word in enumerate(words) if n and _SCRIPT_FLAG.fullmatch(word)), 0)
    script = words[at + 1] if at and at + 1 < len(words) else ""
    stays = script.split()[:1] != ["exec"] or any(mark in script for mark in ";|&")
    return name if script and stays else ""
