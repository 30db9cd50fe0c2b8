"""TLS in front of a door: handshakes bounded in number and time; must never know what passes.

The door's own protocol sees a connection only once its handshake is through, so its
limits cannot count clients that connect and say nothing. They are counted here: 64
handshakes a door, 16 an address, 10 s each. A client that finds all places taken is cut
off and may try again.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final

from supervisor.tls import HANDSHAKE_S, TlsFiles, server_context

from .outgoing import OverTls

HANDSHAKES_MAX: Final = 64
HANDSHAKES_PEER_MAX: Final = 16
SHUTDOWN_S: Final = 5.0


class TlsDoor:
    """``protocol`` makes what asyncio gives a new connection to; ``inner`` what it talks to afterwards."""

    def __init__(
        self, files: TlsFiles, inner: Callable[[], asyncio.BaseProtocol], log: Callable[[str], None]
    ) -> None:
        """Raises UserError for files that cannot be used."""
        self.context = server_context(files)
        self.inner = inner
        self.log = log
        self.tasks: set[asyncio.Task[None]] = set()
        self.by_address: Counter[str] = Counter()

    def protocol(self) -> asyncio.Protocol:
        return _Opening(self)


class _Opening(asyncio.Protocol):
    """One connection until its handshake is through."""

    def __init__(self, door: TlsDoor) -> None:
        self._door = door

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        door = self._door
        address = str((transport.get_extra_info("peername") or ("gone",))[0])
        if len(door.tasks) >= HANDSHAKES_MAX or door.by_address[address] >= HANDSHAKES_PEER_MAX:
            transport.abort()
            return
        transport.pause_reading()  # what comes is for TLS, which goes on reading
        door.by_address[address] += 1
        task = asyncio.get_running_loop().create_task(self._open(transport, address))
        door.tasks.add(task)
        task.add_done_callback(door.tasks.discard)

    async def _open(self, transport: asyncio.Transport, address: str) -> None:
        door = self._door
        early = _Early()
        try:
            secured = await asyncio.get_running_loop().start_tls(
                transport,
                early,
                door.context,
                server_side=True,
                ssl_handshake_timeout=HANDSHAKE_S,
                ssl_shutdown_timeout=SHUTDOWN_S,
            )
        except (OSError, TimeoutError) as error:
            transport.abort()
            door.log(f"{address}: no TLS: {getattr(error, 'reason', '') or error or type(error).__name__}")
            return
        finally:
            door.by_address[address] -= 1
            if not door.by_address[address]:
                del door.by_address[address]
        if secured is None or early.lost:
            transport.abort()
            return
        inner = door.inner()
        if isinstance(inner, OverTls):
            inner.below = transport
        secured.set_protocol(inner)
        inner.connection_made(secured)
        if early.data and not secured.is_closing():
            _deliver(inner, early.data)


class _Early(asyncio.Protocol):
    """Keeps what comes in the moment between the end of the handshake and the hand-over."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.lost = False

    def data_received(self, data: bytes) -> None:
        self.data += data

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True


def _deliver(protocol: asyncio.BaseProtocol, data: bytearray) -> None:
    if isinstance(protocol, asyncio.BufferedProtocol):
        left = memoryview(data)
        while left:
            room = memoryview(protocol.get_buffer(len(left)))
            piece = left[: len(room)]
            room[: len(piece)] = piece
            protocol.buffer_updated(len(piece))
            left = left[len(piece) :]
    else:
        assert isinstance(protocol, asyncio.Protocol)
        protocol.data_received(bytes(data))
