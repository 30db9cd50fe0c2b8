"""**Pure**: a selection of text, by characters or by whole lines, and where keys move its end

Places are (number of the line, index of the character in it). A character that combines
with the one before it is no place: it is taken along. Must never know panes, buffers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from .terminal.width import width

Place = tuple[int, int]

_WORDS: Final = re.compile(r"\w+|[^\w\s]+")
END: Final = 1 << 30
"""An index behind every character: the end of whichever line."""


@dataclass(slots=True)
class Selection:
    """From ``anchor`` to ``spot``, both in it, whichever comes first. ``whole``: all of these lines.

    ``wish``: the index that moving up and down comes back to.
    """

    anchor: Place
    spot: Place
    whole: bool = False
    wish: int = field(init=False)

    def __post_init__(self) -> None:
        self.wish = self.spot[1]

    @property
    def low(self) -> Place:
        return min(self.anchor, self.spot)

    @property
    def high(self) -> Place:
        return max(self.anchor, self.spot)

    def holds(self, number: int) -> bool:
        """Whether something of line ``number`` is in it."""
        return self.low[0] <= number <= self.high[0]

    def span(self, number: int, text: str) -> tuple[int, int]:
        """The characters of line ``number`` that are in it: first, and behind the last."""
        if not self.holds(number):
            return 0, 0
        if self.whole:
            return 0, len(text)
        start = snapped(text, self.low[1]) if number == self.low[0] else 0
        end = behind(text, snapped(text, self.high[1])) if number == self.high[0] else len(text)
        return start, end

    def swap(self) -> None:
        """The other end is the one that moves."""
        self.anchor, self.spot = self.spot, self.anchor
        self.wish = self.spot[1]

    def along(self, text: str, at: int) -> None:
        """Move the end to character ``at`` of its line, which is ``text``."""
        self.wish = at
        self.spot = (self.spot[0], snapped(text, at))

    def to(self, number: int, text: str) -> None:
        """Move the end to line ``number``, which is ``text``, as near below or above as there are characters."""
        self.spot = (number, snapped(text, self.wish))


def snapped(text: str, at: int) -> int:
    """The character ``at``, or the last one; where that combines, the one that it belongs to."""
    at = max(0, min(at, len(text) - 1))
    while at > 0 and not width(text[at]):
        at -= 1
    return at


def behind(text: str, at: int) -> int:
    """The index behind the character ``at`` and what combines with it."""
    at += 1
    while at < len(text) and not width(text[at]):
        at += 1
    return min(at, len(text))


def before(text: str, at: int) -> int:
    return snapped(text, at - 1)


def word_after(text: str, at: int) -> int | None:
    """Where the next word begins; None where there is none on this line."""
    return next((found.start() for found in _WORDS.finditer(text) if found.start() > at), None)


def word_before(text: str, at: int) -> int | None:
    """Where this word began, or the one before it."""
    found = None
    for word in _WORDS.finditer(text):
        if word.start() >= at:
            break
        found = word.start()
    return found


def word_end(text: str, at: int) -> int | None:
    """Where this word ends, or the next one."""
    return next((found.end() - 1 for found in _WORDS.finditer(text) if found.end() - 1 > at), None)
