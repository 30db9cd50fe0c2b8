"""Door: converters of option values, by the names that listeners and plug-ins import; thin.

They take what a file says (text) and also values that a plug-in has converted already.
All raise ValueError for text that is no such value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .config import values
from .config.model import LogKind

__all__ = [
    "Automatic",
    "RestartUnconditionally",
    "RestartWhenExitUnexpected",
    "SuffixMultiplier",
    "Syslog",
    "boolean",
    "byte_size",
    "integer",
    "list_of_strings",
    "logfile_name",
    "logging_level",
]

_LEVELS: Final = {"critical": 50, "error": 40, "warn": 30, "info": 20, "debug": 10, "trace": 5, "blather": 3}


class Automatic:
    """A log file that the supervisor names and makes; compared by identity, never made."""


class Syslog:
    """A log that goes to syslog and no file; compared by identity, never made."""


class RestartWhenExitUnexpected:
    """``autorestart=unexpected``; compared by identity, never made."""


class RestartUnconditionally:
    """``autorestart=true``; compared by identity, never made."""


class SuffixMultiplier:
    """Converts an integer with an optional suffix: ``SuffixMultiplier({"m": 60})("5m")`` is 300.

    All suffixes of ``factors`` have one length. Without a suffix ``default`` is the factor.
    """

    def __init__(self, factors: Mapping[str, int], default: int = 1) -> None:
        self._factors = {suffix.lower(): factor for suffix, factor in factors.items()}
        self._default = default
        lengths = {len(suffix) for suffix in self._factors}
        if len(lengths) > 1:
            raise ValueError("suffix lengths vary")
        self._length = lengths.pop() if lengths else 0

    def __call__(self, text: str) -> int:
        lowered = text.lower()
        if self._length and lowered[-self._length :] in self._factors:
            return values.integer(lowered[: -self._length]) * self._factors[lowered[-self._length :]]
        return values.integer(lowered) * self._default


def boolean(value: object) -> bool:
    """``true yes on 1`` or ``false no off 0``, in any case; a bool as it is."""
    return values.boolean(str(value))


def integer(value: str | float) -> int:
    """The number of a text; other numbers are cut to whole ones."""
    return values.integer(value) if isinstance(value, str) else int(value)


def byte_size(text: str) -> int:
    """Bytes: an integer with an optional ``KB``, ``MB`` or ``GB``."""
    return values.byte_size(text)


def list_of_strings(value: str | list[str] | None) -> list[str]:
    """The members of a comma list, trimmed; of nothing (``""``, None, ``[]``) the empty list."""
    if not value:
        return []
    if isinstance(value, str):
        return list(values.string_list(value))
    raise ValueError(f"not a valid list of strings: {value!r}")


def logfile_name(text: str) -> type[Automatic | Syslog] | str | None:
    """The path of a child log, or what stands for ``AUTO``, ``syslog``, ``NONE``. The folder has to exist."""
    logfile, syslog = values.logfile(text)
    if syslog:
        return Syslog
    if logfile.kind is LogKind.AUTO:
        return Automatic
    return None if logfile.kind is LogKind.NONE else logfile.path


def logging_level(text: str) -> int:
    """The number of a level's name: ``info`` is 20."""
    return _LEVELS[values.loglevel(str(text))]
