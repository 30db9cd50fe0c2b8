"""Requests of the stream client: how each opens, what it takes, and how it goes on after a loss; must never know sockets.

What goes on over a loss of the connection:

* the subscription, from its last sequence number if the ``boot`` is the same;
* follows, from the (generation, offset) reached: no byte twice, none missed unnoticed;
* usage requests; attachments (the server sends the last output again, see ``Attached``).

Calls do not go on: nobody knows whether they were done. They end with ``LinkLost``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from ..errors import RemoteProtocolError, RPCError
from ..faults import fault_name
from ..protocol import stream as wire
from .typed import Typed

KEEPS_WRITING_S: Final = 10.0
"""How long after a loss an attachment takes the writer's place again."""
LEAVE_WAIT_S: Final = 10.0
"""How long the server may take to take what was typed in an attachment that was left."""

Handler = Callable[[wire.Frame], None]


class Request:
    """One open request: how it is put to a new connection, and what becomes of the frames that answer."""

    lasting = True

    def __init__(self, handler: Handler) -> None:
        self.id = -1
        self.handler = handler

    def opening(self, same_boot: bool) -> wire.Frame:
        """The frame that begins, or goes on with, this request on a new connection."""
        raise NotImplementedError

    def take(self, frame: wire.Frame) -> list[wire.Frame]:
        """Hand ``frame`` on; the frames to send in return."""
        self.handler(frame)
        return []

    def lost(self) -> None:
        """The connection is gone."""

    def leave(self) -> list[wire.Frame]:
        """Nobody wants it any more: the frames that say so."""
        return [wire.Cancel(self.id)]

    @property
    def leaving(self) -> bool:
        """Whether its end was asked for, and the server has still something to say about it."""
        return False


def _nobody(frame: wire.Frame) -> None:
    """Hears what comes for an attachment that was left."""


class _Flow(Request):
    """A request whose output comes as far as it is given credit for."""

    def __init__(self, handler: Handler) -> None:
        super().__init__(handler)
        self._eaten = 0

    def _eat(self, data: bytes) -> list[wire.Frame]:
        """The credit for what came, half of all that there is at a time."""
        self._eaten += len(data)
        if self._eaten < wire.DEFAULT_CREDIT_BYTES // 2:
            return []
        eaten, self._eaten = self._eaten, 0
        return [wire.Credit(self.id, eaten)]


class Subscription(Request):
    def __init__(self, handler: Handler, boot: Callable[[], str]) -> None:
        super().__init__(handler)
        self._boot = boot
        self.seq = -1
        self._whole = False

    def opening(self, same_boot: bool) -> wire.Frame:
        if not same_boot or not self._whole:
            self.seq = -1
        return wire.Subscribe(self.id, self._boot() if self.seq >= 0 else "", self.seq)

    def take(self, frame: wire.Frame) -> list[wire.Frame]:
        if isinstance(frame, wire.Delta):
            if self.seq >= 0 and frame.seq <= self.seq:
                return []
            if self.seq >= 0 and frame.seq != self.seq + 1:
                raise RemoteProtocolError(f"delta {frame.seq} follows {self.seq}")
            self.seq = frame.seq
        elif isinstance(frame, wire.Resync):
            self._whole = False
        elif isinstance(frame, wire.Snapshot):
            self.seq = frame.seq
            self._whole = not frame.more
        return super().take(frame)


class Usage(Request):
    def __init__(self, handler: Handler, names: list[str], interval_s: float) -> None:
        super().__init__(handler)
        self.names = names
        self.interval_s = interval_s

    def opening(self, same_boot: bool) -> wire.Frame:
        return wire.Stats(self.id, self.names, self.interval_s)


class Follow(_Flow):
    """``gen`` and ``offset``: where the next byte is expected; offset -1 for not known.

    ``credit``: bytes that may come before the first are acknowledged; one that is less than
    half of the usual is never renewed.
    """

    def __init__(
        self,
        handler: Handler,
        name: str,
        channel: str,
        gen: int,
        offset: int,
        last: int,
        credit: int = wire.DEFAULT_CREDIT_BYTES,
    ) -> None:
        super().__init__(handler)
        self.name = name
        self.channel = channel
        self.gen = gen
        self.offset = offset
        self.last = last
        self.credit = credit

    def opening(self, same_boot: bool) -> wire.Frame:
        if not same_boot:
            self.offset = -1
        self._eaten = 0
        gen = max(self.gen, 0)
        return wire.Follow(self.id, self.name, self.channel, gen, self.offset, self.last, self.credit)

    def take(self, frame: wire.Frame) -> list[wire.Frame]:
        if isinstance(frame, wire.Following):
            self.gen, self.offset = frame.gen, frame.offset
        elif isinstance(frame, wire.Gap):
            self.gen, self.offset = frame.gen, frame.until
        elif isinstance(frame, wire.Output):
            return self._output(frame)
        return super().take(frame)

    def _output(self, frame: wire.Output) -> list[wire.Frame]:
        answer = self._eat(frame.data)
        if frame.gen == self.gen and 0 <= frame.offset < self.offset:
            known = self.offset - frame.offset
            frame = replace(frame, offset=self.offset, data=frame.data[known:])
        self.gen, self.offset = frame.gen, frame.offset + len(frame.data)
        if frame.data:
            self.handler(frame)
        return answer


class Attachment(_Flow):
    """Bytes typed before the server has acknowledged the earlier ones wait here, at most one window.

    Over the loss of a connection they wait too, with those that were not acknowledged,
    for the same process; another one must not get what was meant for it. Who wrote goes
    on writing if it was not away for long: a watcher may be back sooner. One that is left
    lives on until the server has all of them.
    """

    def __init__(
        self, handler: Handler, name: str, mode: str, rows: int, cols: int, token: bytes = b""
    ) -> None:
        super().__init__(handler)
        self.name = name
        self.mode = mode
        self.rows = rows
        self.cols = cols
        self._typed = Typed(token)
        self._open = False
        self._pid = 0
        self._writer = False
        self._lost_at = 0.0
        self._left_at = 0.0

    def opening(self, same_boot: bool) -> wire.Frame:
        self._eaten = 0
        if not same_boot:
            self._pid = 0
        soon = self._writer and time.monotonic() - self._lost_at < KEEPS_WRITING_S
        return wire.Attach(
            self.id, self.name, "take" if soon else self.mode, self.rows, self.cols,
            token=self._typed.token, typed=self._typed.taken,
        )  # fmt: skip

    def lost(self) -> None:
        if self._open:
            self._lost_at = time.monotonic()
        self._open = False

    def take(self, frame: wire.Frame) -> list[wire.Frame]:
        answer: list[wire.Frame] = []
        match frame:
            case wire.Output():
                answer.extend(self._eat(frame.data))
            case wire.InputAck():
                self._typed.acknowledged(frame.bytes)
                answer.extend(self._send())
            case wire.Attached():
                if frame.pid != self._pid or not frame.writer:
                    self._typed.forget()
                self._typed.joined(frame.typed)
                self._open, self._pid, self._writer = True, frame.pid, frame.writer
                answer.extend(self._rest() if self._left_at else self._send())
            case wire.Writer():
                self._writer = frame.writer
            case wire.Started() | wire.Exited():
                self._pid = frame.pid if isinstance(frame, wire.Started) else 0
                self._typed.forget()
        self.handler(frame)
        return answer

    def leave(self) -> list[wire.Frame]:
        self.handler = _nobody
        self._left_at = time.monotonic()
        if self._open:
            return self._rest()
        return [] if self._typed else [wire.Cancel(self.id)]  # what waits is sent once it is open again

    @property
    def leaving(self) -> bool:
        return bool(self._left_at and self._typed) and time.monotonic() - self._left_at < LEAVE_WAIT_S

    def _rest(self) -> list[wire.Frame]:
        """All that was typed, and the end."""
        rest = self._typed.rest()
        return [*([wire.Input(self.id, rest)] if rest else []), wire.Cancel(self.id)]

    def input(self, data: bytes) -> tuple[list[wire.Frame], bool]:
        """Frames to send, and whether ``data`` was taken (False: nothing is attached, or the window is full)."""
        if not self._pid or len(self._typed) + len(data) > 2 * wire.INPUT_WINDOW_BYTES:
            return [], False
        self._typed.add(data)
        return self._send() if self._open else [], True

    def _send(self) -> list[wire.Frame]:
        piece = self._typed.next(wire.INPUT_WINDOW_BYTES)
        return [wire.Input(self.id, piece)] if piece else []


def fault_error(code: int, text: str) -> RPCError:
    """A fault off the wire, whose text begins with the fault's name, as the exception."""
    name = fault_name(code)
    if text == name:
        return RPCError(code)
    return RPCError(code, text.removeprefix(f"{name}: "))


OVER: Final = (wire.Error, wire.Removed, wire.Result, wire.Fault)
"""Frames with which a request ends."""
