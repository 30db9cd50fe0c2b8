"""The table of all processes for a client of the stream socket, and every change of it; must never know sockets.

Neither a snapshot of ten thousand programs nor a day of missed changes is told in one go: some at a turn of the
loop, and nothing while the client does not read. All parts of a snapshot bear the number at which it was asked
for. What has changed since then comes behind the last part, also for those that were told as they are by now:
a change carries the whole record, and the last one is the truth.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from supervisor.errors import LocalProtocolError
from supervisor.protocol import stream as p

from .loop import Change, Supervisor
from .process import Process

PART: Final = 500
"""How many processes or changes are told at a turn of the loop."""
HELD_BACK_MAX: Final = 10_000


class StateStream:
    """One request of one client. ``paused``: whether it reads too slowly now; ``give_up``: it did so for too long."""

    def __init__(
        self,
        supervisor: Supervisor,
        request: p.Subscribe,
        send: Callable[[p.Frame], None],
        paused: Callable[[], bool],
        give_up: Callable[[], None],
    ) -> None:
        self._supervisor = supervisor
        self._id = request.id
        self._send = send
        self._paused = paused
        self._give_up = give_up
        self._loop = asyncio.get_running_loop()
        self._seq = supervisor.seq
        self._untold: list[Process] | None = None  # of the snapshot
        self._held: deque[Change] = deque()
        self._behind = True
        self._scheduled = False
        missed = None
        if request.boot == supervisor.boot and request.since >= 0:
            missed = self._changes_since(request.since)
            if missed is None:
                send(p.Resync(request.id, request.since))
        if missed is None:
            self._untold = [p for group in supervisor.groups.values() for p in group.processes.values()]
        else:
            self._held.extend(missed)
        self._held_max = len(self._held) + HELD_BACK_MAX
        supervisor.subscribers.add(self._changed)
        self.resume()

    def _changes_since(self, since: int) -> list[Change] | None:
        """What came after ``since``, or None when some of it is no longer kept."""
        supervisor = self._supervisor
        if since == supervisor.seq:
            return []
        if since > supervisor.seq or not supervisor.changes or supervisor.changes[0].seq > since + 1:
            return None
        return [change for change in supervisor.changes if change.seq > since]

    def close(self) -> None:
        self._supervisor.subscribers.discard(self._changed)
        self._untold, self._behind = None, False
        self._held.clear()

    def resume(self) -> None:
        """The client reads: go on with what it was not told yet."""
        if self._behind and not self._scheduled:
            self._go_on()

    def _go_on(self) -> None:
        self._scheduled = False
        if not self._behind or self._paused():
            return
        if self._untold is not None:
            self._tell_part(self._untold)
        else:
            for _ in range(min(PART, len(self._held))):
                self._tell(self._held.popleft())
        self._behind = self._untold is not None or bool(self._held)
        if self._behind:
            self._scheduled = True
            self._loop.call_soon(self._go_on)

    def _tell_part(self, untold: list[Process]) -> None:
        part, rest = untold[:PART], untold[PART:]
        self._untold = rest or None
        groups = self._supervisor.groups
        there = filter(self._supervisor.is_known, part)  # of one that is gone by now the changes tell
        self._send_records([p.record(groups[p.config.group].priority) for p in there], bool(rest))

    def _send_records(self, records: list[p.ProcessRecord], more: bool) -> None:
        """In as many frames as it takes: few have room for none but short commands."""
        try:
            self._send(p.Snapshot(self._id, self._seq, records, more))
        except LocalProtocolError:  # a frame of so many would be too large
            if len(records) < 2:
                raise
            middle = len(records) // 2
            self._send_records(records[:middle], True)
            self._send_records(records[middle:], more)

    def _changed(self, change: Change) -> None:
        if not self._behind and not self._paused():
            self._tell(change)
            return
        self._behind = True
        self._held.append(change)
        if len(self._held) > self._held_max:
            self._give_up()

    def _tell(self, change: Change) -> None:
        record = change.record
        if record is None and change.process is not None:
            group = self._supervisor.groups.get(change.process.config.group)
            record = change.process.record(group.priority if group is not None else 999)
        self._send(p.Delta(self._id, change.seq, change.when, record, change.removed, change.supervisor))
