"""``supervisortui --plain``: a line for each process, then one for each change; for screen readers, logs and pipes.

Append-only: nothing that was printed is ever changed. Must never know urwid.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Sequence

from supervisor.errors import EXIT_OK

from .link import Link
from .model import LinkKind, LinkTold, Message, Model, SnapshotTold
from .places import Target
from .words import clean, clock, story


class Plain:
    """Prints what the model learns."""

    def __init__(self, names: Sequence[str]) -> None:
        self.model = Model(names)
        self._printed = 0
        self._known: set[str] = set()

    def told(self, message: Message) -> None:
        now = time.time()
        self.model.apply(message, now)
        if isinstance(message, SnapshotTold) and message.sup not in self._known:
            self._known.add(message.sup)
            self._printed = self.model.entries
            self._table(message.sup, now)
        if isinstance(message, LinkTold) and message.kind in (LinkKind.AUTH_FAILED, LinkKind.INCOMPATIBLE):
            self._line(f"{clock(now)} {message.sup} {message.kind.value}: {clean(message.reason)}")
        new = self.model.entries - self._printed
        self._printed = self.model.entries
        for entry in list(self.model.timeline)[-new:] if new > 0 else ():
            self._line(f"{clock(entry.wall)} {entry.level.value:<5} {entry.subject} {entry.text}")

    def _table(self, sup: str, now: float) -> None:
        counts = ", ".join(f"{number} {word}" for word, number, _ in self.model.counts(sup))
        whose = f"{sup} " if len(self.model.sups) > 1 else ""
        self._line(f"{clock(now)} {whose}{self.model.total(sup)} processes: {counts}")
        records = self.model.records
        for ref in sorted(
            self.model.refs(sup),
            key=lambda r: (records[r].group_priority, r.group, records[r].priority, r.name),
        ):
            record = records[ref]
            self._line(f"{clock(now)} {whose}{ref.namespec} {record.statename} {story(record, now)}")

    @staticmethod
    def _line(text: str) -> None:
        print(text, flush=True)


def run_plain(targets: Sequence[Target]) -> int:
    """Print until a signal or a closed pipe ends it; the exit code."""
    return asyncio.run(_run(targets))


async def _run(targets: Sequence[Target]) -> int:
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

    plain = Plain([target.name for target in targets])
    links = {asyncio.create_task(Link(target, told).run()) for target in targets}
    waiting = asyncio.create_task(over.wait())
    try:
        done, _ = await asyncio.wait({*links, waiting}, return_when=asyncio.FIRST_COMPLETED)
        for task in done & links:
            task.result()
    finally:
        for each in (*links, waiting):
            each.cancel()
        await asyncio.gather(*links, waiting, return_exceptions=True)
    if closed:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return EXIT_OK
