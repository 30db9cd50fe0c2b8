"""The servers of one daemon: a door for each listening socket; must never know what passes through.

Imported late, see ``serve``: the programs need none of it. Once a daemon serves it imports nothing more, so that
files may be replaced under it.
"""

from __future__ import annotations

# time and asyncio import these two when they are first needed
import _strptime  # type: ignore[import-not-found]  # noqa: F401
import asyncio
import concurrent.futures.thread  # noqa: F401
import contextlib
import socket
from collections.abc import Callable
from typing import Final

from supervisor.config.model import StreamServerConfig, UnixServerConfig
from supervisor.tls import TlsFiles

from . import listeners  # noqa: F401  # a pool may be added later
from .access import Doorkeeper
from .attach import Attachments
from .events import EventBus
from .httpserver import HttpDoor
from .loop import Supervisor
from .methods.table import MethodTable
from .sockets import ServerConfig
from .streamserver import Encoded, StreamDoor
from .tlsdoor import TlsDoor
from .usage import UsageSampler

SHUTDOWN_S: Final = 1.0


class Doors:
    """``open`` one by one; they share who is let in, attachments and samples."""

    def __init__(self, supervisor: Supervisor, table: MethodTable, bus: EventBus) -> None:
        self._supervisor = supervisor
        self._table = table
        self._bus = bus
        self._doorkeeper = Doorkeeper()
        self._attachments = Attachments(supervisor)
        self._usage = UsageSampler()
        self._encoded = Encoded()
        self._servers: list[asyncio.Server] = []
        self._http: list[HttpDoor] = []
        self._stream: list[StreamDoor] = []

    async def open(self, config: ServerConfig, sock: socket.socket) -> None:
        """Serve what ``config`` says on a socket that listens. Raises UserError: TLS cannot use its files."""
        if isinstance(config, StreamServerConfig):
            stream = StreamDoor(
                config, self._supervisor, self._table, self._doorkeeper, self._attachments, self._usage,
                self._encoded, self._bus,
            )  # fmt: skip
            self._stream.append(stream)
            await self._serve(config.tls, stream.protocol, sock)
        else:
            http = HttpDoor(config, self._supervisor, self._table, self._doorkeeper)
            self._http.append(http)
            tls = None if isinstance(config, UnixServerConfig) else config.tls
            await self._serve(tls, http.protocol, sock)

    async def _serve(
        self, tls: TlsFiles | None, protocol: Callable[[], asyncio.BaseProtocol], sock: socket.socket
    ) -> None:
        if tls is not None:
            protocol = TlsDoor(tls, protocol, self._supervisor.log.debug).protocol
        self._servers.append(await asyncio.get_running_loop().create_server(protocol, sock=sock))

    async def close(self) -> None:
        """End all connections; a client that does not go is given ``SHUTDOWN_S``."""
        for stream in self._stream:
            stream.close()
        for http in self._http:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(http.shutdown(), SHUTDOWN_S)
