"""What loading for supervisord and for supervisorctl share; must never know which of them it is for."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from ..errors import ConfigError, ConfigProblem
from ..tls import TlsFiles
from . import values
from .expand import Names
from .kinds import PluginConfig
from .options import FREE_KINDS, SECTION_OPTIONS, unknown_option_reason
from .reader import Document, RawSection, RawValue
from .sections import Section

COMMAND_LINE = "command line"
"""What stands for the file of a value that was given on the command line."""

# --- where the file is -------------------------------------------------------------------------------


def current_directory() -> str:
    """The current directory; ``/`` where it was removed, so that only relative paths suffer."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return "/"


def search_paths(argv0: str) -> tuple[str, ...]:
    """Where a configuration file is looked for, in order, as messages show it (some relative to the cwd)."""
    prefix = os.path.dirname(os.path.dirname(argv0))
    return (
        os.path.join(prefix, "etc/supervisord.conf"),
        os.path.join(prefix, "supervisord.conf"),
        "supervisord.conf",
        "etc/supervisord.conf",
        "/etc/supervisord.conf",
        "/etc/supervisor/supervisord.conf",
    )


def find_config(argv0: str, cwd: str, exists: Callable[[str], bool] = os.path.exists) -> str | None:
    """The absolute path of the first file of ``search_paths`` that exists; None when there is none."""
    absolute = (os.path.join(cwd, path) for path in search_paths(argv0))
    return next((path for path in absolute if exists(path)), None)


def no_config_message(argv0: str) -> str:
    """What supervisord says when ``find_config`` finds nothing."""
    return (
        f"No config file found at default paths ({', '.join(search_paths(argv0))});"
        " use the -c option to specify a config file at a different path"
    )


# --- sections ---


def base_names(environ: Mapping[str, str]) -> Names:
    names: dict[str, str | int] = {f"ENV_{key}": value for key, value in environ.items()}
    names["host_node_name"] = os.uname().nodename
    return names


def tls_files(section: Section, base: str) -> TlsFiles:
    """``cafile``, ``certfile`` and ``keyfile``, absolute; whether they can be read is found out when they are used."""

    def path(text: str) -> str:
        return values.resolved(text, base) if text else ""

    return TlsFiles(*(section.get(option, path, "") for option in TlsFiles._fields))


def overridden(section: RawSection, overrides: Mapping[str, str]) -> RawSection:
    given = {option: RawValue(text, COMMAND_LINE, literal=True) for option, text in overrides.items()}
    return RawSection(section.name, section.file, section.line, section.options | given)


def warn_of_unknown_options(section: Section, kind: str) -> None:
    if kind in FREE_KINDS:
        return
    for option in section.raw.options:
        if option not in SECTION_OPTIONS[kind]:
            reason = "" if section.problems.crowded else unknown_option_reason(kind, option)
            if reason is not None:
                section.warning(reason, option)


def plugin(section: Section, factory_option: str) -> PluginConfig | None:
    """A ``[rpcinterface:x]`` or ``[ctlplugin:x]``: the options written in it, for its factory.

    What [DEFAULT] holds is not for a plug-in: its factory would refuse the argument.
    """
    factory = section.get(factory_option, str.strip, "")
    options = tuple(
        (option, section.get(option, str, "")) for option in section.raw.options if option != factory_option
    )
    if not factory:
        section.error(
            f"cannot load this plug-in: section [{section.name}] does not specify a {factory_option}",
            factory_option,
        )
        return None
    return PluginConfig(section.name.partition(":")[2], factory, options)


# --- problems ----------------------------------------------------------------------------------------


def config_error(document: Document) -> ConfigError:
    return ConfigError(_in_file_order(document.problems.errors, document.files))


def all_warnings(document: Document) -> tuple[ConfigProblem, ...]:
    warnings = _in_file_order(document.problems.warnings, document.files)
    if document.problems.dropped:
        warnings.append(ConfigProblem(f"there are {document.problems.dropped} more warnings"))
    return tuple(warnings)


def _in_file_order(problems: Sequence[ConfigProblem], files: Sequence[str]) -> list[ConfigProblem]:
    order = {file: index for index, file in enumerate(files)}
    return sorted(problems, key=lambda problem: (order.get(problem.file, -1), problem.line))
