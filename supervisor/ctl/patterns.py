"""Words that name many processes, expanded: ``web-*``, ``api:work*``, ``@group``; must never know commands or the wire.

``@group`` is ``group:*``. A word with ``*``, ``?`` or ``[…]`` is a pattern for the name
as ``status`` shows it, or for ``group:name``; the star also runs over the colon. What is
the name of a process, and ``group:*``, is no pattern.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from supervisor.namespec import split_namespec

from .records import ProcessInfo


class Expanded(NamedTuple):
    """``words``: names, and ``group:*`` where that was not to be expanded; ``unmatched``: patterns for nothing."""

    words: list[str]
    unmatched: list[str]


def is_pattern(word: str) -> bool:
    """Whether a word cannot be a plain name or ``group:*``."""
    group, process = split_namespec(word)
    return any(char in "*?[" for char in (group if process is None else word))


def expand(
    words: Sequence[str], fetch: Callable[[], Sequence[ProcessInfo]], *, groups: bool = True
) -> Expanded:
    """The words with every pattern replaced by what it matches, in the order of ``fetch``, nothing twice.

    ``groups``: keep ``group:*`` for a server that knows it, else it too becomes its
    members where it was written as ``@group``. ``fetch`` is called only where it is needed.
    """
    found: list[str] = []
    unmatched = []
    for word in words:
        if word.startswith("@") and groups:
            found.append(f"{word[1:]}:*")
        elif word.startswith("@") or is_pattern(word):
            matching = _matching(word, fetch())
            found += [name for name in matching if name not in found]
            if not matching:
                unmatched.append(word)
        else:
            found.append(word)
    return Expanded(found, unmatched)


def _matching(word: str, infos: Sequence[ProcessInfo]) -> list[str]:
    if word.startswith("@"):
        return [info.namespec for info in infos if info.group == word[1:]]
    exact = [info.namespec for info in infos if word in (info.namespec, f"{info.group}:{info.name}")]
    return exact or [
        info.namespec
        for info in infos
        if fnmatchcase(info.namespec, word) or fnmatchcase(f"{info.group}:{info.name}", word)
    ]
