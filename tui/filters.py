"""**Pure**: the filter language of lists: text to a predicate over processes; must never know widgets.

Blanks join with *and*, ``|`` with *or* (which binds weaker), a leading ``!`` negates one
term. A term is ``/regular expression/``, ``state:NAME`` (beginning of the state's name),
``group:GLOB``, ``sup:GLOB``, ``marked``, or plain text sought in ``group:name``, without
regard to case unless it holds a capital.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable
from dataclasses import dataclass

from supervisor.errors import UserError
from supervisor.namespec import make_namespec

from .patterns import LATE, Pattern

MAX_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Subject:
    """What a filter may ask about one process."""

    sup: str
    group: str
    name: str
    statename: str
    marked: bool


Term = Callable[[Subject], bool]


@dataclass(frozen=True, slots=True)
class Filter:
    """``alternatives``: terms that must all hold, one list per side of ``|``; none at all lets everything pass."""

    text: str = ""
    alternatives: tuple[tuple[Term, ...], ...] = ()
    moves: bool = False
    """Whether the answer may change while the name stays: state or mark is asked for."""
    patterns: tuple[Pattern, ...] = ()

    @property
    def words(self) -> str:
        """For a heading."""
        return f"{self.text} {LATE}" if any(pattern.late for pattern in self.patterns) else self.text

    def __call__(self, subject: Subject) -> bool:
        if not self.alternatives:
            return True
        return any(all(term(subject) for term in terms) for terms in self.alternatives)


def parse(text: str) -> Filter:
    """The filter that ``text`` says. Raises UserError naming the term that cannot be understood."""
    if len(text) > MAX_LENGTH:
        raise UserError(f"filter longer than {MAX_LENGTH} characters")
    alternatives: list[tuple[Term, ...]] = []
    patterns: list[Pattern] = []
    moves = False
    for side in _split_bars(text):
        terms = []
        for word in _words(side):
            term, dynamic = _term(word, patterns)
            moves = moves or dynamic
            terms.append(term)
        if terms:
            alternatives.append(tuple(terms))
    return Filter(text.strip(), tuple(alternatives), moves, tuple(patterns))


def _words(side: str) -> list[str]:
    """Split at blanks, but not inside slashes."""
    return re.findall(r"!?/(?:\\.|[^/\\])*/|\S+", side)


def _split_bars(text: str) -> list[str]:
    """Split at ``|``, but not inside slashes."""
    sides = [""]
    inside = False
    for at, char in enumerate(text):
        if char == "/" and (at == 0 or text[at - 1] != "\\"):
            starts_word = not sides[-1].strip("!") or sides[-1].rstrip("!").endswith(" ")
            inside = not inside if inside or starts_word else inside
        if char == "|" and not inside:
            sides.append("")
        else:
            sides[-1] += char
    return sides


def _term(word: str, patterns: list[Pattern]) -> tuple[Term, bool]:
    """What it asks, and whether that moves; a regular expression in it is put into ``patterns``."""
    if word.startswith("!") and len(word) > 1:
        inner, dynamic = _term(word[1:], patterns)
        return (lambda subject: not inner(subject)), dynamic
    if len(word) > 2 and word.startswith("/") and word.endswith("/"):
        return _regex(word[1:-1], patterns), False
    key, colon, value = word.partition(":")
    if colon and key == "state":
        wanted = value.upper()
        return (lambda subject: subject.statename.startswith(wanted)), True
    if colon and key == "group":
        return (lambda subject: _glob(subject.group, value)), False
    if colon and key == "sup":
        return (lambda subject: _glob(subject.sup, value)), False
    if word == "marked":
        return (lambda subject: subject.marked), True
    if word != word.lower():
        return (lambda subject: word in make_namespec(subject.group, subject.name)), False
    return (lambda subject: word in make_namespec(subject.group, subject.name).lower()), False


def _glob(text: str, pattern: str) -> bool:
    return (
        fnmatch.fnmatchcase(text, pattern) if any(c in pattern for c in "*?[") else text.startswith(pattern)
    )


def _regex(source: str, patterns: list[Pattern]) -> Term:
    try:
        pattern = Pattern(source, exact=source != source.lower())
    except UserError as error:
        raise UserError(f"filter /{source}/: {error.__cause__}") from error
    patterns.append(pattern)
    return lambda subject: pattern.search(make_namespec(subject.group, subject.name)) is not None
