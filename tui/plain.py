"""``supervisortui --plain``: a line for each process, then one for each change; for screen readers, logs and pipes.

Append-only: nothing that was printed is ever changed. Must never know urwid.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time

from supervisor.errors import EXIT_OK

from .link import Link, Target
from .model import LinkKind, LinkTold, Message, Model, SnapshotTold
from .words import clean, clock, story


class Plain:
    """Prints what the model learns."""

    def __init__(self, name: str) -> None:
        self.model = Model([name])
        self._printed = 0
        self._known = False

    def told(self, message: Message) -> None:
        now = time.time()
        self.model.apply(message, now)
        if isinstance(message, SnapshotTold) and not self._known:
            self._known = True
            self._printed = self.model.entries
            self._table(now)
        if isinstance(message, LinkTold) and message.kind in (LinkKind.AUTH_FAILED, LinkKind.INCOMPATIBLE):
            self._line(f"{clock(now)} {message.sup} {message.kind.value}: {clean(message.reason)}")
        new = self.model.entries - self._printed
        self._printed = self.model.entries
        for entry in list(self.model.timeline)[-new:] if new > 0 else ():
            self._line(f"{clock(entry.wall)} {entry.level.value:<5} {entry.subject} {entry.text}")

    def _table(self, now: float) -> None:
        counts = ", ".join(f"{number} {word}" for word, number, _ in self.model.counts())
        self._line(f"{clock(now)} {len(self.model.records)} processes: {counts}")
        records = self.model.records
        for ref in sorted(
            records, key=lambda r: (records[r].group_priority, r.group, records[r].priority, r.name)
        ):
            record = records[ref]
            self._line(f"{clock(now)} {ref.namespec} {record.statename} {story(record, now)}")

    @staticmethod
    def _line(text: str) -> None:
        print(text, flush=True)


async def run_plain(target: Target) -> int:
    """Print until a signal or a closed pipe ends it."""
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, over.set)
    closed = False

    def told(message: Message) -> None:
        nonlocal closed
        try:
            plain.told(message)
        except BrokenPipeError:
            closed = True
            over.set()

    plain = Plain(target.name)
    task = asyncio.create_task(Link(target, told).run())
    waiting = asyncio.create_task(over.wait())
    try:
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
    finally:
        for each in (task, waiting):
            each.cancel()
        await asyncio.gather(task, waiting, return_exceptions=True)
    if closed:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return EXIT_OK
