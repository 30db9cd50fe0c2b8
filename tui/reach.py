"""Every supervisor of a fleet tried once, a line each; must never know widgets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from supervisor.errors import EXIT_GENERIC, EXIT_OK, UserError

from .link import Link
from .model import LinkKind, LinkTold, Message, SnapshotTold, WholeTold
from .places import Place
from .words import clean

AT_ONCE: Final = 20
WITHIN_S: Final = 15.0
"""For one supervisor; ssh may take its time."""


class _Heard:
    """What one link tells, until that is enough to judge."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.link: LinkTold | None = None
        self.state = ""
        self.processes = -1
        self.trouble = ""

    def told(self, message: Message) -> None:
        match message:
            case LinkTold(kind=LinkKind.LIVE | LinkKind.POLL):
                self.link = message
            case LinkTold(kind=LinkKind.CONNECTING):
                return
            case LinkTold():
                self.trouble = message.reason or message.kind.value
            case WholeTold():
                self.state = message.statename
            case SnapshotTold():
                self.processes = len(message.records)
        told = self.state or (self.link is not None and self.link.kind is LinkKind.LIVE)
        if self.trouble or (told and self.processes >= 0):
            self.over.set()

    def words(self) -> str:
        """Why it is not well, or what is there."""
        link = self.link
        if self.trouble or link is None:
            return self.trouble or f"no answer within {WITHIN_S:.0f} s"
        kind = "polled" if link.kind is LinkKind.POLL else "live"
        role = f", {link.role}" if link.kind is LinkKind.LIVE else ""
        state = f"{self.state}, " if self.state else ""
        return f"{state}{self.processes} processes, {link.identification} {link.version}, {kind}{role}"


async def try_all(places: Sequence[Place], line: Callable[[str], None]) -> int:
    """``NAME  ok|FAILED  words`` for each, in their order, as soon as it is known; the exit code."""
    width = max((len(place.name) for place in places), default=0)
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(place: Place) -> _Heard:
        async with turn:
            return await _try(place)

    tasks = [asyncio.create_task(one(place)) for place in places]
    failed = False
    for place, task in zip(places, tasks, strict=True):
        heard = await task
        well = heard.link is not None and not heard.trouble and heard.processes >= 0
        failed = failed or not well
        line(f"{place.name:<{width}}  {'ok    ' if well else 'FAILED'}  {clean(heard.words())}")
    return EXIT_GENERIC if failed else EXIT_OK


async def _try(place: Place) -> _Heard:
    heard = _Heard()
    try:
        link = Link(place.target, heard.told)
    except UserError as error:
        heard.trouble = str(error)
        return heard
    run = asyncio.create_task(link.run())
    try:
        await asyncio.wait_for(heard.over.wait(), WITHIN_S)
    except TimeoutError:
        pass
    finally:
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
    return heard
