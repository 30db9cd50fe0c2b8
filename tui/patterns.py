"""Regular expressions that an operator types, held to a bound; must never know what they are sought in.

Python's matcher can backtrack over one line for longer than anybody lives, and nothing
else runs meanwhile. It does look for signals, so a timer of the processor time that is
spent in it ends such a match. No thread could (the matcher keeps the others out), and a
process of its own would have to be sent every line.
"""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable
from typing import Final, TypeVar

from supervisor.errors import UserError

T = TypeVar("T")

LIMIT_S: Final = 0.2
"""What a pattern may take at once; each text that it is tried on gives a little of it back."""
PER_TEXT_S: Final = 50e-6
PER_CHARACTER_S: Final = 100e-9
LATE: Final = "takes too long"


class _Late(Exception):
    pass


def _ring(number: int, frame: object) -> None:
    raise _Late


class Pattern:
    """``late``: it took too long once, and finds nothing from then on. For the main thread only.

    Raises UserError, with ``source`` in it, when that is no regular expression.
    """

    def __init__(self, source: str, *, regex: bool = True, exact: bool) -> None:
        """``exact``: capitals are told from small letters."""
        self.source = source
        self.late = False
        try:
            self._regex = re.compile(source if regex else re.escape(source), 0 if exact else re.IGNORECASE)
        except (re.error, OverflowError, RecursionError) as error:
            raise UserError(f"/{source}: {error}") from error
        self._left = LIMIT_S
        self._repeats = regex and any(sign in source for sign in "*+?{")
        if self._repeats:
            signal.signal(signal.SIGVTALRM, _ring)

    @property
    def words(self) -> str:
        """For a heading."""
        return f"{self.source} {LATE}" if self.late else self.source

    def search(self, text: str) -> re.Match[str] | None:
        return self._within(self._regex.search, text)

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where it is found, but for places where it matches nothing at all."""
        return self._within(self._spans, text) or []

    def _spans(self, text: str) -> list[tuple[int, int]]:
        return [match.span() for match in self._regex.finditer(text) if match.end() > match.start()]

    def _within(self, find: Callable[[str], T], text: str) -> T | None:
        if not self._repeats:
            return find(text)
        if self.late:
            return None
        began = time.perf_counter()
        try:
            signal.setitimer(signal.ITIMER_VIRTUAL, self._left)
            try:
                found = find(text)
            finally:
                signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        except _Late:
            self.late = True
            return None
        given = PER_TEXT_S + PER_CHARACTER_S * len(text) - (time.perf_counter() - began)
        self._left = min(LIMIT_S, self._left + given)
        self.late = self._left <= 0
        return found
