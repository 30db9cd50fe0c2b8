"""Room for what is about to be written."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from supervisor.daemon.outgoing import ROOM_FROM_BYTES, ROOM_MAX_BYTES, make_room


def room(sock: socket.socket) -> int:
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)


def made(ours: socket.socket, size: int) -> int:
    """How much more room there is for so many bytes."""

    async def work() -> int:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_accepted_socket(asyncio.Protocol, ours)
        before = room(ours)
        make_room(transport, size)
        more = room(ours) - before
        transport.write(bytes(size))
        left = transport.get_write_buffer_size()
        if more >= size:
            assert left == 0, "it leaves at once"
        transport.abort()
        return more

    return asyncio.run(work())


def test_a_large_answer_gets_room_on_a_unix_socket_and_a_small_one_needs_none() -> None:
    allowed = int(Path("/proc/sys/net/core/wmem_max").read_text())
    for size, grows in ((ROOM_FROM_BYTES - 1, False), (1 << 20, True), (4 * ROOM_MAX_BYTES, True)):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            more = made(ours, size)
            assert (more > 0) is (grows and 2 * allowed > room(theirs))
            assert more <= 2 * ROOM_MAX_BYTES


def test_the_buffer_of_a_tcp_socket_is_left_to_the_system() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        theirs = socket.create_connection(server.getsockname())
        ours, _ = server.accept()
        ours.setblocking(False)
        with ours, theirs:
            assert made(ours, 1 << 20) == 0
