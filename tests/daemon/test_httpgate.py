"""The bounds of HTTP connections, with clocks that run fast."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from supervisor.daemon import httpgate
from supervisor.daemon.access import Peer
from supervisor.daemon.httpgate import Gates
from supervisor.daemon.httphead import PIPELINE_MAX_BYTES, Refused

BIG_BYTES = 32 << 20
GET = b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n"


class Server:
    """Answers with the path; ``/big`` is long, ``/hold`` waits for ``release``."""

    def __init__(self) -> None:
        self.refused: list[int] = []
        self.release = asyncio.Event()
        self.holding = 0
        self.written = 0

        outer = self

        class Finisher(AbstractAccessLogger):
            def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
                gate = outer.gates.of(request.protocol)
                if gate is not None:
                    gate.answered()

        quiet = logging.getLogger("supervisor.test")
        quiet.disabled = True
        self.web = web.Server(
            self.handle, access_log=quiet, access_log_class=Finisher, logger=quiet, keepalive_timeout=1e6
        )
        self.gates = Gates("test", self.web, self._refused, str)

    def _refused(self, peer: Peer, refused: Refused) -> None:
        self.refused.append(refused.status)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/hold":
            self.holding += 1
            await self.release.wait()
        if request.path == "/big":
            response = web.StreamResponse()
            response.content_length = BIG_BYTES
            await response.prepare(request)
            for _ in range(BIG_BYTES >> 16):
                await response.write(b"x" * (1 << 16))
                self.written += 1 << 16
            return response
        body = await request.read()
        return web.Response(body=request.path.encode() + body)


Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
Work = Callable[[Server, Connect], Awaitable[None]]


def serve(work: Work, path: Path | None = None) -> Server:
    """Run ``work`` against a server on TCP, or on a unix socket; nothing of it is left."""

    async def run() -> Server:
        server = Server()
        loop = asyncio.get_running_loop()
        if path is None:
            listener = await loop.create_server(server.gates.protocol, "127.0.0.1", 0)
            port = listener.sockets[0].getsockname()[1]
        else:
            listener = await loop.create_unix_server(server.gates.protocol, str(path))
            port = 0
        writers: list[asyncio.StreamWriter] = []

        async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            if path is None:
                pair = await asyncio.open_connection("127.0.0.1", port)
            else:
                pair = await asyncio.open_unix_connection(str(path))
            writers.append(pair[1])
            return pair

        try:
            await asyncio.wait_for(work(server, connect), 60)
        finally:
            server.release.set()
            for writer in writers:
                writer.close()
            listener.close()
            await server.web.shutdown(1.0)
            while server.gates._gates:
                await asyncio.sleep(0.01)
        return server

    return asyncio.run(run())


async def answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
    return await reader.readexactly(int(length.split(b":")[1]))


async def until_closed(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionResetError:
        return b"reset"


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HEAD_S", "BODY_S", "STALLED_S", "LINGER_S", "IDLE_S"):
        monkeypatch.setattr(httpgate, name, 0.3)
    monkeypatch.setattr(httpgate, "BODY_GRACE_S", 0.1)


def test_a_head_has_to_come_in_time(fast: None) -> None:
    async def work(server: Server, connect: Connect) -> None:
        silent, _ = await connect()
        slow, writer = await connect()
        writer.write(b"GET / HT")
        assert (await until_closed(slow)).startswith(b"HTTP/1.1 408 Request Timeout\r\n")
        assert await until_closed(silent) == b""
        assert server.refused == [408]

    serve(work)


def test_a_body_has_to_keep_coming(fast: None) -> None:
    async def work(server: Server, connect: Connect) -> None:
        reader, writer = await connect()
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc")
        assert await until_closed(reader) in (b"", b"reset")

    serve(work)


def test_an_idle_connection_ends(fast: None) -> None:
    async def work(server: Server, connect: Connect) -> None:
        reader, writer = await connect()
        writer.write(GET % b"a")
        assert await answer(reader) == b"/a"
        assert await until_closed(reader) == b""

    serve(work)


def test_who_does_not_read_is_cut_and_holds_little(fast: None) -> None:
    async def work(server: Server, connect: Connect) -> None:
        sock = socket.socket()
        sock.setblocking(False)
        _, writer = await connect()
        peer = writer.get_extra_info("peername")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await asyncio.get_running_loop().sock_connect(sock, peer)
        await asyncio.get_running_loop().sock_sendall(sock, GET % b"big")
        while len(server.gates._gates) > 1 or not server.written:
            await asyncio.sleep(0.01)
        sock.close()
        # what the server wrote is in its buffer of 1 MiB and in the kernel's
        assert server.written < 16 << 20

    serve(work)


def test_who_reads_slowly_gets_everything() -> None:
    async def work(server: Server, connect: Connect) -> None:
        reader, writer = await connect()
        writer.write(GET % b"big" + GET % b"b")
        assert len(await answer(reader)) == BIG_BYTES
        assert await answer(reader) == b"/b"

    serve(work)


def test_pipelined_requests_are_answered_in_order_and_few_are_taken_in() -> None:
    async def work(server: Server, connect: Connect) -> None:
        reader, writer = await connect()
        writer.write(GET % b"hold" + b"".join(GET % b"%d" % n for n in range(5000)))
        while not server.holding:
            await asyncio.sleep(0.01)
        (gate,) = server.gates._gates
        while gate._transport.is_reading():
            await asyncio.sleep(0.01)
        assert len(gate._framer._buffer) <= PIPELINE_MAX_BYTES + (1 << 18)
        server.release.set()
        assert await answer(reader) == b"/hold"
        for number in range(5000):
            assert await answer(reader) == b"/%d" % number

    serve(work)


def test_who_stops_sending_gets_the_answer() -> None:
    async def work(server: Server, connect: Connect) -> None:
        reader, writer = await connect()
        writer.write(GET % b"hold")
        while not server.holding:
            await asyncio.sleep(0.01)
        writer.write_eof()
        await asyncio.sleep(0)
        server.release.set()
        assert await answer(reader) == b"/hold"
        assert await until_closed(reader) == b""

    serve(work)


def test_who_goes_away_while_it_waits_leaves_nothing() -> None:
    async def work(server: Server, connect: Connect) -> None:
        _, writer = await connect()
        writer.write(GET % b"hold")
        while not server.holding:
            await asyncio.sleep(0.01)
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.transport.abort()
        while server.gates._gates:
            await asyncio.sleep(0.01)
        server.release.set()

    serve(work)


def test_an_address_has_so_many_connections_and_idle_ones_make_place() -> None:
    most = httpgate.CONNECTIONS_PEER_MAX

    async def work(server: Server, connect: Connect) -> None:
        first, _ = await connect()
        others = [await connect() for _ in range(most)]
        assert await until_closed(first) in (b"", b"reset")  # the longest idle
        for _, writer in others:
            writer.write(GET % b"hold")
        while server.holding < most:
            await asyncio.sleep(0.01)
        late, _ = await connect()
        assert await until_closed(late) in (b"", b"reset")
        assert len(server.gates._gates) == most

    serve(work)


def test_an_administrator_gets_in_where_all_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(httpgate, "CONNECTIONS_MAX", 10)
    reserved = httpgate.CONNECTIONS_RESERVED

    async def work(server: Server, connect: Connect) -> None:
        for _ in range(10 + reserved - 1):
            _, writer = await connect()
            writer.write(GET % b"hold")
        while server.holding < 10 + reserved - 1:
            await asyncio.sleep(0.01)
        reader, writer = await connect()
        writer.write(GET % b"in")
        assert await answer(reader) == b"/in"
        monkeypatch.setattr(os, "geteuid", lambda: 4711)
        monkeypatch.setattr(httpgate, "peer_of", lambda sock, name_of: Peer("uid 12", "somebody", 12))
        writer.write(GET % b"hold")
        while server.holding < 10 + reserved:
            await asyncio.sleep(0.01)
        stranger, _ = await connect()
        assert await until_closed(stranger) in (b"", b"reset")

    serve(work, tmp_path / "s")


def test_a_refusal_is_readable_though_more_was_sent() -> None:
    async def work(server: Server, connect: Connect) -> None:
        reader, writer = await connect()
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n" + b"x" * 200_000)
        said = await until_closed(reader)
        assert said.startswith(b"HTTP/1.1 413 ") and said.endswith(b"</body>\r\n")

    serve(work)
