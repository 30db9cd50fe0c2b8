"""Events for clients of the stream socket: what listeners get, within bounds; must never know sockets.

A client that does not read has a few thousand events kept for it; what comes beyond
that is counted, and told before the next one that it gets. Unlike those of a pool,
its events are gone with the connection or the daemon.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from supervisor.errors import RPCError
from supervisor.events import Event, event_types
from supervisor.faults import Faults
from supervisor.protocol import stream as p

from .events import EventBus

KEPT_MAX: Final = 4096
KEPT_MAX_BYTES: Final = 1 << 20
PAYLOAD_MAX_BYTES: Final = 1 << 19


def types_named(names: Iterable[str]) -> tuple[type[Event], ...]:
    """The classes of event names, in any case. Raises RPCError for an unknown one."""
    known = event_types()
    wanted = {name.strip().upper() for name in names}
    unknown = sorted(wanted - known.keys())
    if unknown or not wanted:
        raise RPCError(
            Faults.BAD_ARGUMENTS, f"unknown event type {unknown[0]}" if unknown else "no event type"
        )
    return tuple(known[name] for name in sorted(wanted))


class EventStream:
    """One request of one client. ``paused``: whether it reads too slowly now."""

    def __init__(
        self,
        bus: EventBus,
        request_id: int,
        names: Iterable[str],
        send: Callable[[p.Frame], None],
        paused: Callable[[], bool],
    ) -> None:
        types = types_named(names)
        self._bus = bus
        self._id = request_id
        self._send = send
        self._paused = paused
        self._kept: deque[p.Event] = deque()
        self._kept_bytes = 0
        self._missed = 0
        send(p.Listening(request_id, bus.serial))
        bus.watch(self._happened, types)

    def _happened(self, serial: int, name: str, payload: bytes) -> None:
        frame = p.Event(self._id, serial, name, payload[:PAYLOAD_MAX_BYTES], len(payload))
        if not self._paused() and not self._kept and not self._missed:
            self._send(frame)
        elif self._missed or len(self._kept) >= KEPT_MAX or self._kept_bytes >= KEPT_MAX_BYTES:
            self._missed += 1
        else:
            self._kept.append(frame)
            self._kept_bytes += len(frame.payload)

    def resume(self) -> None:
        """The client reads again: send what was kept, then say what was not."""
        while self._kept and not self._paused():
            frame = self._kept.popleft()
            self._kept_bytes -= len(frame.payload)
            self._send(frame)
        if self._missed and not self._kept and not self._paused():
            self._send(p.EventsMissed(self._id, self._missed))
            self._missed = 0

    def close(self) -> None:
        self._bus.unwatch(self._happened)
        self._kept.clear()
