"""The kept logs of this session and which of them flow; must never know urwid.

A log that is shown is followed; one that was shown before is kept, so that going back
shows it at once and goes on where it was. Memory: at most ``KEPT_LOGS`` logs that are not
shown, and ``TOTAL_BYTES`` for all, shared out evenly between them.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from supervisor.errors import UserError

from .link import Connection, Feed
from .logbuffer import MAX_BYTES, LogBuffer, Merged
from .model import Ref

KEPT_LOGS: Final = 12
KEPT_MERGES: Final = 4
MAX_MERGED: Final = 50
"""Channels in one pane."""
TOTAL_BYTES: Final = 64 << 20

Key = tuple[Ref, str]


@dataclass(slots=True)
class _Kept:
    buffer: LogBuffer
    feed: Feed | None = None


class Feeds:
    """``links`` by supervisor's name; ``changed`` is called when a followed log has something new; ``clock`` is wall time."""

    def __init__(
        self, links: dict[str, Connection], changed: Callable[[], None], clock: Callable[[], float]
    ) -> None:
        self._links = links
        self._clock = clock
        self._changed = changed
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()
        self._merges: OrderedDict[tuple[Key, ...], Merged] = OrderedDict()

    def buffer(self, key: Key) -> LogBuffer:
        """The buffer of a log, empty if it was not shown lately."""
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = _Kept(LogBuffer(clock=self._clock))
            self._forget()
        return kept.buffer

    def merged(self, keys: tuple[Key, ...]) -> LogBuffer:
        """One buffer with the lines of several logs in it; the log itself for one key."""
        if len(keys) == 1:
            return self.buffer(keys[0])
        merged = self._merges.get(keys)
        if merged is None:
            merged = self._merges[keys] = Merged(clock=self._clock)
            while len(self._merges) > KEPT_MERGES:
                self._merges.popitem(last=False)[1].leave()
            self._share()
        self._merges.move_to_end(keys)
        several = len({channel for _, channel in keys}) > 1
        merged.join([(key, _name(key, keys, several), self.buffer(key)) for key in keys])
        merged.settle()
        return merged

    def forget(self) -> None:
        """None of what was shown so far is so: begin anew."""
        self._kept.clear()
        self._merges.clear()

    def _forget(self) -> None:
        idle = [key for key, kept in self._kept.items() if kept.feed is None]
        for key in idle[: max(0, len(idle) - KEPT_LOGS - 1)]:
            del self._kept[key]
        self._share()

    def _share(self) -> None:
        share = min(MAX_BYTES, TOTAL_BYTES // max(1, len(self._kept) + len(self._merges)))
        for buffer in (*(kept.buffer for kept in self._kept.values()), *self._merges.values()):
            buffer.limit(share)

    def follow(self, wanted: Iterable[Key]) -> None:
        """Let exactly these logs flow."""
        wishes = set(wanted)
        for key, kept in self._kept.items():
            if kept.feed is not None and key not in wishes:
                self._links[key[0].sup].unfollow(kept.feed)
                kept.feed = None
        for key in wishes:
            buffer = self.buffer(key)
            kept = self._kept[key]
            self._kept.move_to_end(key)
            if kept.feed is None:
                ref, channel = key
                kept.feed = self._links[ref.sup].follow(ref.namespec, channel, buffer, self._changed)

    async def older(self, keys: tuple[Key, ...]) -> int:
        """Load older text of a log; how many lines. Raises UserError, saying why there is none."""
        merged = self.merged(keys)
        if not isinstance(merged, Merged):
            return await self._older(keys[0])
        if not merged.room_for_older():
            raise UserError("this pane is full of older text: f follows again and frees it")
        wanted = _behind(merged, keys)
        results = await asyncio.gather(*map(self._older, wanted), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, UserError):
                raise result
        count = sum(result for result in results if isinstance(result, int))
        if not count:
            raise next(
                (result for result in results if isinstance(result, UserError)),
                UserError("this is the beginning of these logs"),
            )
        merged.keep_older()
        merged.settle(anew=True)
        return count

    async def _older(self, key: Key) -> int:
        ref, channel = key
        return await self._links[ref.sup].older(ref.namespec, channel, self.buffer(key))

    def note(self, ref: Ref, text: str) -> None:
        """A line of ours in the followed logs of a process: its life ended."""
        for (of, _), kept in self._kept.items():
            if of == ref and kept.feed is not None:
                kept.buffer.note(text, life=True)


def _behind(merged: Merged, keys: tuple[Key, ...]) -> list[Key]:
    """The logs of which older text is to be loaded: those that do not reach back as far as another does.

    All that have more, where that cannot be told.
    """
    reach: dict[Key, float | None] = {}
    for key in keys:
        place, buffer = merged.buffer_of(key)
        if buffer.offset >= 0 and buffer.oldest > buffer.start:
            reach[key] = merged.oldest_of.get(place)
    known = [time for time in reach.values() if time is not None]
    earliest = min(known, default=0.0)
    late = [key for key, time in reach.items() if time is None or time > earliest]
    return late or [*reach]


def _name(key: Key, keys: tuple[Key, ...], several: bool) -> str:
    """What a source is called beside the others of its pane."""
    ref, channel = key
    name = ref.name if len({r.group for r, _ in keys}) == 1 else ref.namespec
    if len({r.sup for r, _ in keys}) > 1:
        name = f"{ref.sup} {name}"
    if several:
        name = f"{name} {channel.removeprefix('std')}"
    return name
