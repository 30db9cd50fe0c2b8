"""A configuration file and a command line to the model, or every reason why not; must never know what runs.

The steps: read the text (``reader``), look at every section once (``sections``,
with ``options`` for what is known), make servers, groups and programs of it.
Nothing stops at the first problem; ConfigError carries them all.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import TypeVar

from ..errors import ConfigError
from . import values
from .common import (
    COMMAND_LINE,
    all_warnings,
    base_names,
    config_error,
    current_directory,
    find_config,
    no_config_message,
    overridden,
    search_paths,
    warn_of_unknown_options,
)
from .ctl import load_ctl
from .environment import environment
from .expand import Names
from .exposure import exposures
from .factories import rpc_plugin
from .footguns import foot_guns, place, program_section
from .groups import GroupLoader
from .model import (
    Configuration,
    GroupConfig,
    LogKind,
    ProcessConfig,
    StreamServerConfig,
    SupervisordConfig,
    UnixServerConfig,
)
from .options import (
    section_kind,
    unknown_section_reason,
)
from .programs import Surroundings, load_processes
from .reader import Document, Glob, Problems, RawSection, RawValue, Read, glob_files, read_document, read_file
from .sections import Budget, Section
from .servers import (
    default_stream_servers,
    inet_server,
    inet_stream_server,
    unix_server,
    unix_stream_server,
)

__all__ = [
    "COMMAND_LINE",
    "current_directory",
    "find_config",
    "load_ctl",
    "load_program",
    "load_supervisord",
    "no_config_message",
    "search_paths",
]

T = TypeVar("T")


# --- supervisord -------------------------------------------------------------------------------------


def load_supervisord(
    path: str,
    overrides: Mapping[str, str],
    *,
    environ: Mapping[str, str],
    read: Read = read_file,
    glob: Glob = glob_files,
    cwd: str | None = None,
    strict: bool = False,
) -> Configuration:
    """What a supervisord is to run by; ``strict``: its warnings tell of foot-guns too.

    ``overrides`` are raw values of [supervisord] options from the command line,
    which win over the file and are not expanded. ``environ`` gives ``ENV_*``.
    A relative ``path`` and relative paths in the file are relative to ``cwd``
    (default: the current one); those of programs to ``directory``, where given.
    Raises ConfigError.
    """
    cwd = current_directory() if cwd is None else cwd
    path = os.path.normpath(os.path.join(cwd, path))
    names = base_names(environ)
    document = read_document(path, names, read=read, glob=glob)
    if document.problems.errors and not document.sections:
        raise config_error(document)
    supervisord = document.sections.get("supervisord")
    if supervisord is None:
        document.problems.error(".ini file does not include supervisord section", file=path)
        supervisord = RawSection("supervisord", path)
    budget = Budget()
    main = _supervisord(
        Section(overridden(supervisord, overrides), document.defaults, names, document.problems, budget), cwd
    )
    names = {**names, **{f"ENV_{key}": value for key, value in main.environment}}
    loader = _Sections(document, names, cwd, budget)
    configuration = loader.configuration(main)
    if document.problems.errors:
        raise config_error(document)
    document.problems.warnings.extend(exposures(configuration, document.sections))
    if strict:
        document.problems.warnings.extend(foot_guns(configuration, document.sections))
    return replace(configuration, warnings=all_warnings(document))


def load_program(
    program: str,
    group: str,
    options: Mapping[str, str],
    *,
    path: str,
    environ: Mapping[str, str],
    base: str,
    inherited: Sequence[tuple[str, str]] = (),
) -> tuple[ProcessConfig, ...]:
    """The processes of a program that is in no file: its options came over RPC.

    ``path`` is the main file (for ``here`` and for messages), ``base`` the
    directory of relative paths, ``inherited`` the environment beneath the
    program's own. Raises ConfigError.
    """
    problems = Problems()
    raw = RawSection(
        f"program:{program}",
        path,
        options={key.lower(): RawValue(text, path) for key, text in options.items()},
    )
    section = Section(raw, {}, base_names(environ), problems, Budget())
    try:
        values.name(program)
    except ValueError as error:
        section.error(f"cannot use this name: {error}")
    processes = load_processes(section, program, group, Surroundings(base, tuple(inherited)))
    if problems.errors:
        raise ConfigError(problems.errors)
    return processes


def _supervisord(section: Section, cwd: str) -> SupervisordConfig:
    get = section.get
    default = SupervisordConfig()
    dirpath = partial(values.dirpath, base=cwd)
    directory = partial(values.existing_directory, base=cwd)
    return SupervisordConfig(
        logfile=get("logfile", partial(values.main_logfile, base=cwd), os.path.join(cwd, default.logfile)),
        logfile_maxbytes=get("logfile_maxbytes", values.byte_size, default.logfile_maxbytes),
        logfile_backups=get("logfile_backups", values.integer, default.logfile_backups),
        loglevel=get("loglevel", values.loglevel, default.loglevel),
        pidfile=get("pidfile", dirpath, os.path.join(cwd, default.pidfile)),
        umask=get("umask", values.octal, default.umask),
        nodaemon=get("nodaemon", values.boolean, default.nodaemon),
        silent=get("silent", values.boolean, default.silent),
        minfds=get("minfds", values.integer, default.minfds),
        minprocs=get("minprocs", values.integer, default.minprocs),
        nocleanup=get("nocleanup", values.boolean, default.nocleanup),
        childlogdir=get("childlogdir", partial(values.log_directory, base=cwd), "") or _temporary_folder(),
        user=get("user", str, default.user),
        uid=get("user", values.user, default.uid),
        directory=get("directory", directory, default.directory),
        strip_ansi=get("strip_ansi", values.boolean, default.strip_ansi),
        audit=get("audit", values.boolean, default.audit),
        environment=get(
            "environment",
            partial(environment, lost=partial(section.warning, option="environment")),
            default.environment,
        ),
        identifier=get("identifier", str, default.identifier),
    )


def _temporary_folder() -> str:
    """As ``tempfile`` has it, which takes longer to import than all that is here."""
    named = [os.environ.get(name, "") for name in ("TMPDIR", "TEMP", "TMP")]
    for folder in (*filter(None, named), "/tmp", "/var/tmp", "/usr/tmp"):
        if os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK):
            return os.path.abspath(folder)
    return current_directory()


class _Sections:
    """The sections of one document, sorted by kind, and what is made of them."""

    def __init__(self, document: Document, names: Names, cwd: str, budget: Budget) -> None:
        self._document = document
        self._cwd = cwd
        self._by_kind: dict[str, list[Section]] = {}
        for raw in document.sections.values():
            section = Section(raw, document.defaults, names, document.problems, budget)
            kind = section_kind(raw.name)
            if kind is None:
                section.warning("" if document.problems.crowded else unknown_section_reason(raw.name))
            else:
                self._by_kind.setdefault(kind, []).append(section)
            if kind is not None:
                warn_of_unknown_options(section, kind)

    def configuration(self, main: SupervisordConfig) -> Configuration:
        """The whole; problems are in the document."""
        document = self._document
        unix = self._each("unix_http_server", partial(unix_server, base=self._cwd))
        inet = self._each("inet_http_server", partial(inet_server, base=self._cwd))
        streams = (
            *self._each("unix_stream_server", partial(unix_stream_server, base=self._cwd)),
            *self._each("inet_stream_server", partial(inet_stream_server, base=self._cwd)),
        )
        # before the groups: a plug-in may bring event types that listeners ask for
        rpcinterfaces = self._each("rpcinterface", rpc_plugin)
        surroundings = Surroundings(
            main.directory or self._cwd, main.environment, lru_cache(10_000)(values.user)
        )
        groups = GroupLoader(
            self._of("program"),
            self._of("fcgi-program"),
            self._of("group"),
            surroundings,
            self._of("eventlistener"),
        ).load()
        _warn_of_shared_logs(main, groups, document)
        has_stream_section = self._of("unix_stream_server") or self._of("inet_stream_server")
        return Configuration(
            path=document.files[0],
            supervisord=main,
            unix_servers=unix,
            inet_servers=inet,
            stream_servers=streams if has_stream_section else self._default_streams(unix),
            rpcinterfaces=rpcinterfaces,
            groups=groups,
            included=tuple(document.files[1:]),
            warnings=all_warnings(document),
            notes=tuple(f'Included extra file "{path}" during parsing' for path in document.files[1:]),
        )

    def _default_streams(self, unix: Sequence[UnixServerConfig]) -> tuple[StreamServerConfig, ...]:
        streams = default_stream_servers(unix)
        if unix and not streams:
            (section,) = (s for s in self._of("unix_http_server") if s.name == unix[0].section)
            section.warning(
                "there is no room for .stream behind this path, so that the console has to poll"
                " ([unix_stream_server] gives it a socket)",
                "file",
            )
        return streams

    def _of(self, kind: str) -> Sequence[Section]:
        return self._by_kind.get(kind, ())

    def _each(self, kind: str, make: Callable[[Section], T | None]) -> tuple[T, ...]:
        made = (make(section) for section in self._of(kind))
        return tuple(item for item in made if item is not None)


def _warn_of_shared_logs(main: SupervisordConfig, groups: Sequence[GroupConfig], document: Document) -> None:
    """One warning for each log file with two writers; devices (``/dev/stdout``) are made to be shared."""
    writers: dict[str, str] = {os.path.normpath(main.logfile): "the main log"}
    warned: set[str] = set()
    for group in groups:
        for process in group.processes:
            for channel, config in (("stdout", process.stdout), ("stderr", process.stderr)):
                if config.logfile.kind is not LogKind.FILE or config.logfile.path.startswith("/dev/"):
                    continue
                path = os.path.normpath(config.logfile.path)
                writer = f"{channel} of {group.name}:{process.name}"
                other = writers.setdefault(path, writer)
                if other != writer and path not in warned:
                    warned.add(path)
                    option = f"{channel}_logfile"
                    section = program_section(document.sections, process.program)
                    file, line = place(document.sections, section, option)
                    reason = f"{other} and {writer} are both logged to {path}"
                    document.problems.warning(reason, file=file, line=line, section=section, option=option)
