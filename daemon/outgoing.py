"""What a connection still has to send: room for it, and where that lies; must never know what it is."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Final

ROOM_FROM_BYTES: Final = 1 << 17
ROOM_MAX_BYTES: Final = 2 << 20


class OverTls(asyncio.Protocol):
    """A protocol that has to know what has left. ``below``: under TLS the transport of what is encrypted, else None.

    TLS hands a long answer down at once, and says from then on that nothing of it is left.
    """

    below: asyncio.Transport | None = None


def make_room(transport: asyncio.Transport, size: int) -> None:
    """Let so many bytes, about to be written, leave at once, as far as the system allows.

    What does not fit into the socket leaves in parts, and for each of them client and daemon wake each other:
    that takes longer than to make the answer. The buffer of a TCP socket grows by itself.
    """
    if size < ROOM_FROM_BYTES:
        return
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.family == socket.AF_UNIX:  # of TLS whose connection is lost there is none
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, min(size, ROOM_MAX_BYTES))
