"""Words that name many processes, expanded: ``web-*``, ``api:work*``, ``@group``; must never know commands or the wire.

``@group`` is ``group:*``. A word with ``*``, ``?`` or ``[…]`` is a pattern for the name
as ``status`` shows it, or for ``group:name``; the star also runs over the colon. What is
the name of a process, and ``group:*``, is no pattern.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from supervisor.namespec import split_namespec

from .records import ConfigInfo, ProcessInfo


class Expanded(NamedTuple):
    """``words``: names, and ``group:*`` where that was not to be expanded; ``unmatched``: patterns for nothing."""

    words: list[str]
    unmatched: list[str]


def is_pattern(word: str) -> bool:
    """Whether a word cannot be a plain name or ``group:*``."""
    group, process = split_namespec(word)
    return any(char in "*?[" for char in (group if process is None else word))


def expand(
    words: Sequence[str], fetch: Callable[[], Sequence[ProcessInfo | ConfigInfo]], *, groups: bool = True
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


def expand_groups(words: Sequence[str], fetch: Callable[[], Collection[str]]) -> list[str]:
    """Names of groups: ``@group`` without its sign, for a pattern what it matches of ``fetch``, sorted.

    A pattern that matches nothing stays as it is: no group has that name, and who looks
    for it says so. ``fetch`` is called only where there is a pattern.
    """
    found: list[str] = []
    for word in words:
        if word.startswith("@"):
            found.append(word[1:])
        elif any(char in "*?[" for char in word):
            groups = fetch()
            matching = (
                [word] if word in groups else sorted(name for name in groups if fnmatchcase(name, word))
            )
            found += [name for name in matching or [word] if name not in found]
        else:
            found.append(word)
    return found


def _matching(word: str, infos: Sequence[ProcessInfo | ConfigInfo]) -> list[str]:
    if word.startswith("@"):
        return [info.namespec for info in infos if info.group == word[1:]]
    exact = [info.namespec for info in infos if word in (info.namespec, f"{info.group}:{info.name}")]
    return exact or [
        info.namespec
        for info in infos
        if fnmatchcase(info.namespec, word) or fnmatchcase(f"{info.group}:{info.name}", word)
    ]
