"""What was typed for one program and is on its way, over many connections; must never know frames, sockets.

Everything typed in one attachment is one stream of bytes with a ``token``. ``taken``
counts those that the server is known to have; the rest waits, or was sent and is not
acknowledged. Another connection begins with what the server says it has by now, so that
nothing is sent twice and nothing is left out.

What is *forgotten* was meant for a process, or a time, that is over. What of it was sent
still counts, since the server will acknowledge it, but it is not sent again.
"""

from __future__ import annotations

from typing import Final

from ..protocol.stream import INPUT_WINDOW_BYTES

TOKEN_BYTES: Final = 16


class Typed:
    """At most ``INPUT_WINDOW_BYTES`` are sent and neither acknowledged nor forgotten.

    ``token``: ``TOKEN_BYTES`` random ones, or none, and then nobody knows over a loss what was taken.
    """

    def __init__(self, token: bytes = b"") -> None:
        self.token = token
        self.taken = 0
        self._base = 0
        self._sent = bytearray()
        self._forgotten = 0
        self._waiting = bytearray()

    def __len__(self) -> int:
        """How many bytes the program may still have to get."""
        return len(self._sent) - self._forgotten + len(self._waiting)

    @property
    def waiting(self) -> int:
        """How many bytes were not sent."""
        return len(self._waiting)

    def add(self, data: bytes) -> None:
        self._waiting += data

    def next(self, limit: int) -> bytes:
        """What to send now, ``limit`` bytes at most; empty when there is nothing or the window is full."""
        room = INPUT_WINDOW_BYTES - (len(self._sent) - self._forgotten)
        piece = bytes(self._waiting[: max(0, min(room, limit))])
        del self._waiting[: len(piece)]
        self._sent += piece
        return piece

    def rest(self) -> bytes:
        """All that was not sent, to be sent now whatever the window is: who types it leaves."""
        piece = bytes(self._waiting)
        self._waiting.clear()
        self._sent += piece
        return piece

    def acknowledged(self, count: int) -> None:
        """The server took ``count`` bytes on this connection so far."""
        self._took(self._base + count)

    def _took(self, total: int) -> None:
        known = max(0, min(total - self.taken, len(self._sent)))
        del self._sent[:known]
        self._forgotten = max(0, self._forgotten - known)
        self.taken += known

    def forget(self) -> None:
        """Nobody is to get what is on its way."""
        self._waiting.clear()
        self._forgotten = len(self._sent)

    def joined(self, typed: int) -> None:
        """Another connection; ``typed``: how much the server has, -1 where it does not know."""
        self._took(typed)
        self._waiting[:0] = self._sent[self._forgotten :]
        self._sent.clear()
        self._forgotten = 0
        self._base = self.taken
