"""Configuration files that exist only in a dict, and what loading them gives."""

from __future__ import annotations

import fnmatch
import textwrap
from collections.abc import Mapping

import pytest

from supervisor.config.load import load_ctl, load_supervisord
from supervisor.config.model import Configuration, CtlConfig, ProcessConfig
from supervisor.errors import ConfigError

MAIN = "/etc/supervisord.conf"
ENVIRON = {"HOME": "/home/me", "DATA": "/srv", "PERCENT": "100%"}
SUPERVISORD = "[supervisord]\n"


class Files:
    """``read`` and ``glob`` over a dict of texts; an OSError in place of a text is raised."""

    def __init__(self, files: Mapping[str, str | OSError]) -> None:
        self.files = files

    def read(self, path: str) -> str:
        text = self.files.get(path)
        if text is None:
            raise FileNotFoundError(2, "No such file or directory")
        if isinstance(text, OSError):
            raise text
        return text

    def glob(self, pattern: str) -> list[str]:
        return [path for path in reversed(list(self.files)) if fnmatch.fnmatch(path, pattern)]


def load(
    text: str,
    overrides: Mapping[str, str] | None = None,
    *,
    others: Mapping[str, str | OSError] | None = None,
    cwd: str = "/tmp",
    environ: Mapping[str, str] = ENVIRON,
) -> Configuration:
    """The configuration of a main file with this text (indented as one likes)."""
    files = Files({MAIN: textwrap.dedent(text), **(others or {})})
    return load_supervisord(MAIN, overrides or {}, environ=environ, read=files.read, glob=files.glob, cwd=cwd)


def load_program(options: str, *, name: str = "cat", more: str = "") -> Configuration:
    """The configuration of one program, options one a line, and of further sections."""
    return load(f"[supervisord]\n[program:{name}]\ncommand=/bin/cat\n{options}\n{textwrap.dedent(more)}")


def one_process(options: str) -> ProcessConfig:
    """The only process of a program with these options."""
    configuration = load_program(options)
    (group,) = configuration.groups
    (process,) = group.processes
    return process


def warnings(configuration: Configuration | CtlConfig) -> list[str]:
    return [str(problem) for problem in configuration.warnings]


def errors(
    text: str,
    overrides: Mapping[str, str] | None = None,
    *,
    others: Mapping[str, str | OSError] | None = None,
) -> list[str]:
    """The lines of the ConfigError that loading this raises."""
    with pytest.raises(ConfigError) as caught:
        load(text, overrides, others=others)
    assert str(caught.value) == "\n".join(str(problem) for problem in caught.value.problems)
    return [str(problem) for problem in caught.value.problems]


def program_errors(options: str, *, more: str = "") -> list[str]:
    """The same for one program; its options begin at line 4."""
    return errors(f"[supervisord]\n[program:cat]\ncommand=/bin/cat\n{options}\n{textwrap.dedent(more)}")


def ctl(
    text: str,
    overrides: Mapping[str, str] | None = None,
    *,
    others: Mapping[str, str | OSError] | None = None,
    cwd: str = "/tmp",
) -> CtlConfig:
    """What supervisorctl makes of a main file with this text."""
    files = Files({MAIN: textwrap.dedent(text), **(others or {})})
    return load_ctl(MAIN, overrides or {}, environ=ENVIRON, read=files.read, glob=files.glob, cwd=cwd)
