"""A daemon of this version made of a copy of what another one has, and asked once; must never know who it is for.

What can be imported may still fail with the state that is there, with the library that is installed beside it, or with
the files that servers need. Here all of it is made as for a life, but with copies: no keeper hears of it, no log is
opened, no plug-in is called (one that fails is left out of a life as well), and its doors are on sockets of its own.
"""

from __future__ import annotations

import asyncio
import os
import socket
from dataclasses import replace
from typing import Any, Final

from supervisor.config.model import GroupConfig, StreamServerConfig, UnixServerConfig
from supervisor.protocol import stream

from .doors import Doors
from .events import EventBus
from .keeperlink import KeeperLink
from .lastread import LastRead
from .leftovers import Leftovers
from .loop import Supervisor
from .mainlog import MainLog
from .methods import changes, logs, processes
from .methods.supervisor import METHODS, Context
from .methods.system import system_methods
from .methods.table import MethodTable
from .output.storeset import StoreSet
from .saved import Saved, read_state
from .snapshot import Journal, StateTable
from .sockets import ServerConfig, describe

ANSWER_S: Final = 10.0
BAD: Final = 500


async def trial(state_fd: int, config_fd: int) -> None:
    """Raises whatever is wrong, also what only the loop is told."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[None] = loop.create_future()

    def tell(_: object, context: dict[str, Any]) -> None:
        if not told.done():
            told.set_exception(context.get("exception") or RuntimeError(context["message"]))

    loop.set_exception_handler(tell)
    life = loop.create_task(_live_once(state_fd, config_fd))
    await asyncio.wait({life, told}, return_when=asyncio.FIRST_COMPLETED)
    (told if told.done() else life).result()


async def _live_once(state_fd: int, config_fd: int) -> None:
    table, journal = StateTable(_copy(state_fd)), Journal(_copy(config_fd))
    saved = read_state(table, journal)
    supervisor, keeper = _supervisor(saved, table, journal)
    with keeper:
        context = Context(supervisor, lambda: saved.configuration, _last_read(saved), Leftovers(supervisor))
        bus = EventBus(supervisor, {}, fresh=False)
        bus.attach()
        for config in saved.groups:
            records = saved.records.get(config.name, {})
            supervisor.add_group(_known(config, set(records)), records)
        methods = MethodTable(context)
        for some in (METHODS, processes.METHODS, logs.METHODS, changes.METHODS):
            methods.add(some)
        methods.add(system_methods(methods))
        doors = Doors(supervisor, methods, bus)
        of = saved.configuration
        servers: list[ServerConfig] = [*of.unix_servers, *of.inet_servers, *of.stream_servers]
        for server in servers:
            await _ask(doors, server)
        await doors.close()


def _copy(fd: int) -> int:
    """What a memfd holds, in another one: what is written there is nobody's."""
    copy = os.memfd_create("supervisor-trial", os.MFD_CLOEXEC)
    os.sendfile(copy, fd, 0, os.fstat(fd).st_size)
    return copy


def _supervisor(saved: Saved, table: StateTable, journal: Journal) -> tuple[Supervisor, socket.socket]:
    """It, and the end of its keeper, which nobody reads."""
    settings = saved.configuration.supervisord
    keeper, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    log = MainLog("", 0, 0, settings.loglevel, stdout=False)
    # Without the intents: a rotation that is half done is for the daemon that lives to finish.
    stores = StoreSet(saved={path: {**record, "intent": {}} for path, (_, record) in saved.logs.items()})
    link = KeeperLink(ours, lambda frame, fds: None, lambda: None)
    return Supervisor(settings, log, link, table, journal, stores, "", ""), keeper


def _last_read(saved: Saved) -> LastRead:
    return LastRead(saved.configuration, lambda fd: None, lambda text: None)


def _known(config: GroupConfig, names: set[str]) -> GroupConfig:
    """Without those that have no record yet: an automatic log would be made for them."""
    return replace(config, processes=tuple(p for p in config.processes if p.name in names))


async def _ask(doors: Doors, config: ServerConfig) -> None:
    """Open a door of that kind on a socket without a name, and see that it answers. Raises what is wrong."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.bind("")  # the system chooses a name that is in no folder
    sock.listen()
    sock.setblocking(False)
    await doors.open(config, sock)
    if not isinstance(config, UnixServerConfig) and config.tls:
        return  # its files could be read
    async with asyncio.timeout(ANSWER_S):
        reader, writer = await asyncio.open_unix_connection(sock.getsockname())
        if isinstance(config, StreamServerConfig):
            answer = await reader.read(stream.MAX_FRAME_BYTES)
            good = any(isinstance(frame, stream.Greeting) for frame in stream.client_decoder().feed(answer))
        else:
            writer.write(b"GET / HTTP/1.0\r\n\r\n")
            answer = await reader.readline()
            good = answer.startswith(b"HTTP/1") and int(answer.split()[1]) < BAD
        writer.close()
    if not good:
        raise RuntimeError(f"{describe(config)} answers {answer[:100]!r}")
