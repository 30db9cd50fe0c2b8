"""``%(name)s`` expansions: a text compiled once and filled in often; must never know options.

The syntax is Python's ``%`` formatting with named keys (reference: expansions).
Widths and the size of a result are limited, since a few characters could
otherwise ask for gigabytes.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

MAX_WIDTH: Final = 1000
MAX_RESULT_CHARACTERS: Final = 16 * 1024 * 1024

Names = Mapping[str, str | int]

_SPEC = re.compile(r"[#0\- +]*(?P<width>\d*)(?:\.(?P<precision>\d*))?[hlL]?(?P<kind>[diouxXeEfFgGcrsa%])")

_PARENTHESIS = re.compile(r"[()]")


class ExpansionError(ValueError):
    """A text that cannot be expanded; the message names it by the label it was given."""


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    spec: str
    """``02d`` and the like, without the ``%``."""


@dataclass(frozen=True, slots=True)
class Template:
    """A text cut into literal parts and fields. ``names`` are those it uses."""

    raw: str
    parts: tuple[str | _Field, ...]
    names: frozenset[str]

    def expand(self, names: Names, label: str, here: str) -> str:
        """The text with every field filled in; ``here`` is the value of that name. Raises ExpansionError."""
        if not all(name in names or name == "here" for name in self.names):
            unknown = [name for name in self.names if name not in names and name != "here"]
            raise ExpansionError(_unknown_names(self.raw, label, sorted(unknown), names))
        pieces = []
        length = 0
        for part in self.parts:
            if isinstance(part, str):
                piece = part
            else:
                piece = self._filled(part, here if part.name == "here" else names[part.name], label)
            length += len(piece)
            if length > MAX_RESULT_CHARACTERS:
                raise ExpansionError(f"Format string for '{label}' expands to more than 16 MiB")
            pieces.append(piece)
        return "".join(pieces)

    def _filled(self, part: _Field, value: str | int, label: str) -> str:
        if part.spec == "s":
            return str(value)
        try:
            return f"%{part.spec}" % (value,)
        except (TypeError, ValueError, OverflowError) as error:
            raise ExpansionError(_badly_formatted(self.raw, label, str(error))) from None


def compile_template(raw: str, label: str) -> Template:
    """The template of a text. Raises ExpansionError when it is badly formatted."""
    parts: list[str | _Field] = []
    at = 0
    while (percent := raw.find("%", at)) >= 0:
        parts.append(raw[at:percent])
        if raw.startswith("%%", percent):
            parts.append("%")
            at = percent + 2
            continue
        part, at = _field(raw, percent, label)
        parts.append(part)
    parts.append(raw[at:])
    return Template(
        raw,
        tuple(part for part in parts if part != ""),
        frozenset(part.name for part in parts if isinstance(part, _Field)),
    )


def expand(raw: str, names: Names, label: str, here: str) -> str:
    """The text expanded once. Raises ExpansionError."""
    return compile_template(raw, label).expand(names, label, here) if "%" in raw else raw


def _field(raw: str, percent: int, label: str) -> tuple[_Field, int]:
    """The field that begins at ``percent`` and the place after it."""
    if percent + 1 == len(raw):
        raise ExpansionError(_badly_formatted(raw, label, "incomplete format"))
    if raw[percent + 1] != "(":
        raise ExpansionError(
            _badly_formatted(
                raw, label, f"'%{raw[percent + 1]}' at index {percent} is no expansion; write %% for %"
            )
        )
    close = _closing_parenthesis(raw, percent + 1)
    if close < 0:
        raise ExpansionError(_badly_formatted(raw, label, "incomplete format key"))
    if raw.startswith("s", close + 1):
        return _Field(raw[percent + 2 : close], "s"), close + 2
    match = _SPEC.match(raw, close + 1)
    if match is None:
        reason = (
            "incomplete format"
            if close + 1 == len(raw)
            else f"unsupported format character '{raw[close + 1]}' at index {close + 1}"
        )
        raise ExpansionError(_badly_formatted(raw, label, reason))
    for number in (match["width"], match["precision"]):
        if number and (len(number) > 4 or int(number) > MAX_WIDTH):
            raise ExpansionError(_badly_formatted(raw, label, "width too large"))
    name = raw[percent + 2 : close]
    if match["kind"] == "%":
        raise ExpansionError(_badly_formatted(raw, label, f"'%({name})%' is no expansion; write %% for %"))
    return _Field(name, match[0]), match.end()


def _closing_parenthesis(raw: str, opening: int) -> int:
    close = raw.find(")", opening)
    if close < 0 or raw.find("(", opening + 1, close) < 0:
        return close
    depth = 0
    for match in _PARENTHESIS.finditer(raw, opening):
        depth += 1 if match[0] == "(" else -1
        if depth == 0:
            return match.start()
    return -1


def _badly_formatted(raw: str, label: str, reason: str) -> str:
    return f"Format string '{shortened(raw)}' for '{label}' is badly formatted: {reason}"


def _unknown_names(raw: str, label: str, unknown: list[str], names: Names) -> str:
    """The message; environment variables are not listed, they may be many and are nobody's business."""
    listed = ", ".join(f"'{name}'" for name in unknown)
    plain = ", ".join(sorted({"here", *(name for name in names if not name.startswith("ENV_"))}))
    near = [
        match for name in unknown[:3] for match in difflib.get_close_matches(name, list(names)[:500], 1, 0.75)
    ]
    hint = f" (did you mean {', '.join(near)}?)" if near else ""
    return (
        f"Format string '{shortened(raw)}' for '{label}' contains names ({listed}) which cannot be expanded."
        f" Available names: {plain}, ENV_<variable>{hint}"
    )


def shortened(text: str, limit: int = 200) -> str:
    """The text, cut with ``...`` when it is longer than ``limit`` characters."""
    return text if len(text) <= limit else f"{text[:limit]}..."
