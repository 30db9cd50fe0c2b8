"""What a supervisorctl is to run by, from the same files as supervisord; must never know its other sections.

Apart from ``load`` because every command pays for what is imported here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import Final

from . import values
from .common import (
    all_warnings,
    base_names,
    config_error,
    current_directory,
    overridden,
    plugin,
    tls_files,
    warn_of_unknown_options,
)
from .expand import Names
from .kinds import CONSOLE_COLOURS, ConsoleConfig, CtlConfig, PluginConfig
from .options import section_kind
from .reader import Document, Glob, RawSection, Read, glob_files, read_document, read_file
from .sections import Budget, Section

_CTL_FACTORY: Final = "supervisor.ctl_factory"


def load_ctl(
    path: str | None,
    overrides: Mapping[str, str],
    *,
    environ: Mapping[str, str],
    read: Read = read_file,
    glob: Glob = glob_files,
    cwd: str | None = None,
) -> CtlConfig:
    """What a supervisorctl is to run by; with no file, the defaults and the command line.

    Included files are read for [supervisorctl] and [ctlplugin:x], but what is
    wrong with them is only a warning: they need not be readable to a user of
    supervisorctl, and they are supervisord's to complain about. Raises ConfigError.
    """
    cwd = current_directory() if cwd is None else cwd
    names = base_names(environ)
    if path is None:
        document = Document(files=[""])
        raw: RawSection | None = RawSection("supervisorctl")
    else:
        path = os.path.normpath(os.path.join(cwd, path))
        document = read_document(path, names, read=read, glob=glob)
        _forgive_included(document)
        if document.problems.errors and not document.sections:
            raise config_error(document)
        raw = document.sections.get("supervisorctl")
    if raw is None:
        document.problems.error(".ini file does not include supervisorctl section", file=document.files[0])
        raw = RawSection("supervisorctl", document.files[0])
    budget = Budget()
    section = Section(overridden(raw, overrides), document.defaults, names, document.problems, budget)
    warn_of_unknown_options(section, "supervisorctl")
    default = CtlConfig()
    config = CtlConfig(
        serverurl=section.get("serverurl", partial(_server_url, base=cwd), default.serverurl),
        username=section.get("username", str, None),
        password=section.get("password", str, None),
        prompt=section.get("prompt", str, default.prompt),
        history_file=section.get("history_file", partial(_history_file, base=cwd), default.history_file),
        fg_history=section.get("fg_history", values.boolean, default.fg_history),
        tls=tls_files(section, cwd),
        plugins=_ctl_plugins(document, names, budget),
        consoles=_consoles(document, names, budget, cwd),
        warnings=all_warnings(document),
    )
    if document.problems.errors:
        raise config_error(document)
    return config


def _forgive_included(document: Document) -> None:
    problems = document.problems
    main = document.files[0]
    fatal = [
        problem for problem in problems.errors if problem.file in ("", main) and problem.section != "include"
    ]
    problems.warnings.extend(problem for problem in problems.errors if problem not in fatal)
    problems.errors[:] = fatal


def _ctl_plugins(document: Document, names: Names, budget: Budget) -> tuple[PluginConfig, ...]:
    sections = (
        Section(raw, document.defaults, names, document.problems, budget)
        for raw in document.sections.values()
        if section_kind(raw.name) == "ctlplugin"
    )
    plugins = (plugin(section, _CTL_FACTORY) for section in sections)
    return tuple(config for config in plugins if config is not None)


def _consoles(document: Document, names: Names, budget: Budget, cwd: str) -> tuple[ConsoleConfig, ...]:
    found: list[ConsoleConfig] = []
    for raw in document.sections.values():
        if section_kind(raw.name) != "supervisortui":
            continue
        section = Section(raw, document.defaults, names, document.problems, budget)
        warn_of_unknown_options(section, "supervisortui")
        url = section.get("serverurl", partial(_server_url, base=cwd), "")
        if not url:
            section.error(f"cannot open this supervisor: section [{raw.name}] has no serverurl value")
            continue
        found.append(
            ConsoleConfig(
                raw.name.partition(":")[2],
                url,
                section.get("username", str, None),
                section.get("password", str, None),
                section.get("env", str, ""),
                section.get("protect", values.boolean, False),
                tls_files(section, cwd),
                section.get("title", _console_title, False),
                section.get("colour", _console_colour, ""),
                section.get("theme", str, ""),
            )
        )
    return tuple(found)


def _console_title(text: str) -> bool:
    if text not in ("", "alert"):
        raise ValueError("title is alert, or left out")
    return text == "alert"


def _console_colour(text: str) -> str:
    if text not in ("", *CONSOLE_COLOURS):
        raise ValueError(f"colour is one of {', '.join(CONSOLE_COLOURS)}")
    return text


def _server_url(text: str, base: str) -> str:
    if not text.startswith("unix://"):
        return text
    return f"unix://{os.path.normpath(values.resolved(text.removeprefix('unix://'), base))}"


def _history_file(text: str, base: str) -> str:
    return values.resolved(text, base) if text else ""
