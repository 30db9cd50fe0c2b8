"""One ``[program:x]`` section to its processes; must never know other sections, or what runs."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from . import values
from .environment import environment
from .expand import Names
from .model import AutoRestart, ChannelConfig, LogFile, LogKind, ProcessConfig
from .sections import Section

MAX_PROCESSES: Final = 100_000
"""The most processes that one configuration may define."""

Environment = tuple[tuple[str, str], ...]

_NO_ENVIRONMENT: Environment = ()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all programs of a configuration share.

    ``base``: the directory that relative paths are relative to. ``environment``:
    that of [supervisord], which lies under each program's own. ``find_user``: the
    uid of a user; the loader of many programs asks the system once for each.
    """

    base: str
    environment: Environment = ()
    find_user: Callable[[str], int] = values.user


def program_names(names: Names, program: str, group: str) -> Names:
    """The expansions that every option of a program may use."""
    return {**names, "program_name": program, "group_name": group}


def load_processes(
    section: Section, program: str, group: str, surroundings: Surroundings, *, limit: int = MAX_PROCESSES
) -> tuple[ProcessConfig, ...]:
    """The processes of a program as members of one group, in the order of their numbers.

    Problems go to the section. ``limit`` is the most processes that are allowed.
    """
    section = section.with_names(program_names(section.names, program, group))
    numprocs = section.get("numprocs", values.integer, 1)
    first = section.get("numprocs_start", values.integer, 0)
    common = _common_options(section, program, group, surroundings)
    varying = _VaryingOptions(section, program, surroundings, common)
    count = numprocs
    if numprocs > limit:
        count = 0
        section.error(
            f"cannot use {numprocs}: a configuration may have at most {MAX_PROCESSES} processes", "numprocs"
        )
    elif numprocs <= 0:
        section.warning("no process is made of this program", "numprocs")
    elif numprocs > 1 and not varying.numbered:
        count = 0
        section.error(
            "cannot name the processes: %(process_num) must be present within process_name when numprocs > 1",
            "process_name" if section.find("process_name") else "numprocs",
        )
    names = {**section.names, "numprocs": numprocs}
    if count <= 0:
        varying.process({**names, "process_num": first})  # for the problems in it alone
        return ()
    processes = tuple(varying.process({**names, "process_num": first + index}) for index in range(count))
    return () if varying.nameless else processes


def _common_options(section: Section, program: str, group: str, surroundings: Surroundings) -> ProcessConfig:
    """What is the same for all processes of the program; the rest has its default."""
    stopasgroup = section.get("stopasgroup", values.boolean, False)
    killasgroup = section.get("killasgroup", values.boolean, stopasgroup)
    if stopasgroup and not killasgroup:
        section.error(
            "cannot combine these: Cannot set stopasgroup=true and killasgroup=false", "killasgroup"
        )
    tty = section.get("tty", values.boolean, False)
    user = section.get("user", str, None)
    return ProcessConfig(
        name="",
        group=group,
        command="",
        program=program,
        umask=section.get("umask", values.octal, None),
        priority=section.get("priority", values.integer, 999),
        autostart=section.get("autostart", values.boolean, True),
        autorestart=section.get("autorestart", values.autorestart, AutoRestart.UNEXPECTED),
        startsecs=section.get("startsecs", values.integer, 1),
        startretries=section.get("startretries", values.integer, 3),
        exitcodes=section.get("exitcodes", values.exit_codes, (0,)),
        stopsignal=section.get("stopsignal", values.signal, 15),
        stopwaitsecs=section.get("stopwaitsecs", values.integer, 10),
        stopasgroup=stopasgroup,
        killasgroup=killasgroup,
        stopastree=section.get("stopastree", values.boolean, False),
        user=user,
        uid=section.get("user", surroundings.find_user, None),
        redirect_stderr=section.get("redirect_stderr", values.boolean, False) or tty,
        serverurl=section.get("serverurl", _server_url, None),
        tty=tty,
        tty_size=section.get("tty_size", values.tty_size, (24, 80)),
        term=section.get("term", _term, "xterm-256color"),
    )


def _server_url(text: str) -> str:
    return "AUTO" if text.upper() == "AUTO" else text


def _term(text: str) -> str:
    if not text or not text.isascii() or not text.isprintable() or " " in text or "/" in text:
        raise ValueError(f"not a terminal type: '{text}'")
    return text


def _process_name(text: str) -> str:
    name = values.name(text)
    if not name:
        raise ValueError("a process name cannot be empty")
    return name


class _VaryingOptions:
    """The options that are read once for each process."""

    def __init__(
        self, section: Section, program: str, surroundings: Surroundings, common: ProcessConfig
    ) -> None:
        self._common = common
        self._inherited = surroundings.environment
        self._environment = section.varying(
            "environment",
            partial(environment, lost=partial(section.warning, option="environment")),
            _NO_ENVIRONMENT,
        )
        self._name = section.varying("process_name", _process_name, program)
        self._command = section.varying("command", str, "")
        self._directory = section.varying("directory", partial(os.path.join, surroundings.base), None)
        self._stdout = _Channel(section, "stdout", surroundings.base, common)
        self._stderr = _Channel(section, "stderr", surroundings.base, common)
        self._merged: dict[Environment, Environment] = {(): surroundings.environment}
        name = section.find("process_name")
        self.numbered = name is not None and "%(process_num)" in name.text
        command = section.find("command")
        if command is None:
            section.error(
                f"cannot start this program: program section {section.name} does not specify a command",
                "command",
            )
        elif not command.text:
            section.warning("the command is empty: the program cannot be started", "command")

    @property
    def nameless(self) -> bool:
        """Whether process_name could not be used, so that names are not to be compared."""
        return self._name.failed

    def process(self, names: Names) -> ProcessConfig:
        """The process whose number is in ``names``."""
        own = self._environment.read(names)
        if own:
            names = {**names, **{f"ENV_{key}": value for key, value in own}}
        return dataclasses.replace(
            self._common,
            name=self._name.read(names),
            command=self._command.read(names),
            directory=self._directory.read(names),
            stdout=self._stdout.read(names),
            stderr=self._stderr.read(names),
            environment=self._merge(own),
        )

    def _merge(self, own: Environment) -> Environment:
        merged = self._merged.get(own)
        if merged is None:
            merged = self._merged[own] = tuple({**dict(self._inherited), **dict(own)}.items())
        return merged


class _Channel:
    """The ``stdout_*`` or ``stderr_*`` options of one program."""

    def __init__(self, section: Section, channel: str, base: str, common: ProcessConfig) -> None:
        self._section = section
        self._channel = channel
        self._redirected = channel == "stderr" and common.redirect_stderr
        self._tty = common.tty
        self._capture = section.get(f"{channel}_capture_maxbytes", values.byte_size, 0)
        self._events = section.get(f"{channel}_events_enabled", values.boolean, False)
        convert = partial(values.logfile, base=base)
        self._logfile = section.varying(f"{channel}_logfile", convert, (LogFile(), False))
        self._maxbytes = section.varying(f"{channel}_logfile_maxbytes", values.byte_size, 50 * 1024 * 1024)
        self._backups = section.varying(f"{channel}_logfile_backups", values.integer, 10)
        self._syslog = section.varying(f"{channel}_syslog", values.boolean, False)

    def read(self, names: Names) -> ChannelConfig:
        """The channel of one process."""
        logfile, old_syslog = self._logfile.read(names)
        maxbytes = self._maxbytes.read(names)
        option = f"{self._channel}_logfile"
        if old_syslog:
            self._warn(
                option,
                f"{option}=syslog but this is deprecated and will be removed.  "
                f"Use {self._channel}_syslog=true to enable syslog instead.",
            )
        if self._redirected:
            if logfile.kind is LogKind.FILE:
                cause = "tty" if self._tty else "redirect_stderr"
                self._warn(
                    option,
                    f"{cause}=true but stderr_logfile has also been set to a filename, the filename has been ignored",
                )
            logfile = LogFile(LogKind.NONE)
        if logfile.kind is LogKind.AUTO and maxbytes == 0:
            self._warn(
                option,
                f"AUTO logging used for {option} without rollover, "
                "set maxbytes > 0 to avoid filling up filesystem unintentionally",
            )
        return ChannelConfig(
            logfile=logfile,
            logfile_maxbytes=maxbytes,
            logfile_backups=self._backups.read(names),
            capture_maxbytes=self._capture,
            events_enabled=self._events,
            syslog=self._syslog.read(names) or old_syslog,
        )

    def _warn(self, option: str, text: str) -> None:
        self._section.classic_warning(f"For [{self._section.name}], {text}", option)
