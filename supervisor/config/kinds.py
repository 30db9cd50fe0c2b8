"""The part of the model that supervisorctl needs, and that converters give; must never know how the text looked.

``model`` has all of it under the same names. It stands apart because every dataclass
costs an interpreter that starts: a one-shot command makes only these.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from ..errors import ConfigProblem
from ..tls import NO_FILES, TlsFiles


class AutoRestart(StrEnum):
    NEVER = "never"
    UNEXPECTED = "unexpected"
    ALWAYS = "always"


class LogKind(StrEnum):
    NONE = "none"
    AUTO = "auto"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class LogFile:
    """Where a channel is logged; ``path`` is set for FILE only (AUTO gets one when it is made)."""

    kind: LogKind = LogKind.AUTO
    path: str = ""


AUTO_LOG: Final = LogFile()


@dataclass(frozen=True, slots=True)
class PluginConfig:
    """``[rpcinterface:x]`` or ``[ctlplugin:x]``: its name, factory and remaining options as strings."""

    name: str
    factory: str
    options: tuple[tuple[str, str], ...] = ()


CONSOLE_COLOURS: Final = ("red", "yellow", "green", "cyan", "blue", "magenta")
"""What the mark of a supervisor can be; the theme decides what it looks like."""


@dataclass(frozen=True, slots=True)
class ConsoleConfig:
    """``[supervisortui:NAME]``: one more supervisor for the console.

    ``protect``: its name is asked for. ``alert``: its title bar is to warn.
    """

    name: str
    serverurl: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    env: str = ""
    protect: bool = False
    tls: TlsFiles = NO_FILES
    alert: bool = False
    colour: str = ""
    theme: str = ""


@dataclass(frozen=True, slots=True)
class CtlConfig:
    """``[supervisorctl]`` and its command line. ``history_file`` empty: no history, of ``fg`` neither."""

    serverurl: str = "http://localhost:9001"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    prompt: str = "supervisor"
    history_file: str = ""
    fg_history: bool = True
    tls: TlsFiles = NO_FILES
    plugins: tuple[PluginConfig, ...] = ()
    consoles: tuple[ConsoleConfig, ...] = ()
    warnings: tuple[ConfigProblem, ...] = ()
