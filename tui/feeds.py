"""The kept logs of this session and which of them flow; must never know urwid.

A log that is shown is followed; one that was shown a moment ago is kept, so that going
back shows it at once and goes on where it was.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from .link import Feed, Link
from .logbuffer import LogBuffer
from .model import Ref

KEPT_LOGS: Final = 12
RESUMED_WITHIN_S: Final = 60.0
"""A log that was left longer ago begins anew at its end: what it missed may be more than anyone reads."""

Key = tuple[Ref, str]


@dataclass(slots=True)
class _Kept:
    buffer: LogBuffer
    feed: Feed | None = None
    left_at: float = 0.0


class Feeds:
    """``links`` by supervisor's name; ``changed`` is called when a followed log has something new."""

    def __init__(self, links: dict[str, Link], changed: Callable[[], None]) -> None:
        self._links = links
        self._changed = changed
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()

    def buffer(self, key: Key) -> LogBuffer:
        """The buffer of a log, empty if it was not shown lately."""
        kept = self._kept.get(key)
        now = time.monotonic()
        if kept is None or (kept.feed is None and now - kept.left_at > RESUMED_WITHIN_S):
            kept = self._kept[key] = _Kept(LogBuffer(), left_at=now)
            self._forget()
        return kept.buffer

    def _forget(self) -> None:
        for key in list(self._kept)[: max(0, len(self._kept) - KEPT_LOGS)]:
            if self._kept[key].feed is None:
                del self._kept[key]

    def follow(self, wanted: Iterable[Key]) -> None:
        """Let exactly these logs flow."""
        wishes = set(wanted)
        for key, kept in self._kept.items():
            if kept.feed is not None and key not in wishes:
                self._links[key[0].sup].unfollow(kept.feed)
                kept.feed = None
                kept.left_at = time.monotonic()
        for key in wishes:
            buffer = self.buffer(key)
            kept = self._kept[key]
            self._kept.move_to_end(key)
            if kept.feed is None:
                ref, channel = key
                kept.feed = self._links[ref.sup].follow(ref.namespec, channel, buffer, self._changed)

    def note(self, ref: Ref, text: str) -> None:
        """A line of ours in the followed logs of a process."""
        for (of, _), kept in self._kept.items():
            if of == ref and kept.feed is not None:
                kept.buffer.note(text)
