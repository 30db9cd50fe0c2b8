"""The bounds of HTTP connections, with clocks that run fast."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from supervisor.daemon import httpgate, tlsdoor
from supervisor.daemon.access import Peer
from supervisor.daemon.httpanswer import GO_ON, Answer
from supervisor.daemon.httpgate import Exchange, Gate, Gates
from supervisor.daemon.httphead import PIPELINE_MAX_BYTES, Head, Refused
from supervisor.daemon.tlsdoor import TlsDoor
from supervisor.tls import TlsFiles, client_context
from tests.support.certificates import Authority

BIG_BYTES = 32 << 20
LONG_BYTES = 16 << 20
GET = b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n"


class Server:
    """Answers with the path and the body; ``/big`` is long, ``/hold`` waits for ``release``, ``/deaf`` reads no body."""

    def __init__(self) -> None:
        self.refused: list[int] = []
        self.release = asyncio.Event()
        self.holding = 0
        self.written = 0
        self.called = 0
        self.gates = Gates(self.serve, self._refused, str, self._at_once)

    def _refused(self, peer: Peer, refused: Refused) -> None:
        self.refused.append(refused.status)

    def _at_once(self, gate: Gate, head: Head, body: bytes) -> Answer:
        self.called += 1
        return Answer(200, body)

    async def serve(self, exchange: Exchange) -> None:
        path = exchange.head.target
        if path == "/hold":
            self.holding += 1
            await self.release.wait()
        if path == "/big":
            exchange.begin({})
            for _ in range(BIG_BYTES >> 16):
                await exchange.write(b"x" * (1 << 16))
                self.written += 1 << 16
            exchange.end()
        elif path == "/long":
            exchange.answer(Answer(200, b"x" * LONG_BYTES))
        elif path == "/broken":
            exchange.begin({})
            exchange.answer(Answer(500, b""))
        elif path in ("/deaf", "/last"):
            exchange.answer(Answer(200, path.encode(), closes=path == "/last"))
        else:
            exchange.answer(Answer(200, path.encode() + await exchange.read()))


Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
Work = Callable[[Server, Connect], Awaitable[None]]


def serve(work: Work, path: Path | None = None, authority: Authority | None = None) -> Server:
    """Run ``work`` against a server on TCP, by TLS where there is an authority, or on a unix socket; nothing is left."""
    client = None
    if authority is not None:
        client = client_context(TlsFiles(cafile=str(authority.file)))
        files = TlsFiles(certfile=str(authority.issue("server", "IP:127.0.0.1")))

    async def run() -> Server:
        server = Server()
        loop = asyncio.get_running_loop()
        if path is None:
            protocol: Callable[[], asyncio.Protocol] = server.gates.protocol
            if client is not None:
                protocol = TlsDoor(files, protocol, print).protocol
            listener = await loop.create_server(protocol, "127.0.0.1", 0)
            port = listener.sockets[0].getsockname()[1]
        else:
            listener = await loop.create_unix_server(server.gates.protocol, str(path))
            port = 0
        writers: list[asyncio.StreamWriter] = []

        async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            if path is None:
                pair = await asyncio.open_connection("127.0.0.1", port, ssl=client)
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
            await server.gates.close(1.0)
            while server.gates._gates:
                await asyncio.sleep(0.01)
        return server

    return asyncio.run(run())


async def answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
    return await reader.readexactly(int(length.split(b":")[1]))


async def chunks(reader: asyncio.StreamReader) -> int:
    """How long a body in chunks is."""
    await reader.readuntil(b"\r\n\r\n")
    total = 0
    while size := int(await reader.readuntil(b"\r\n"), 16):
        assert (await reader.readexactly(size + 2)).endswith(b"\r\n")
        total += size
    assert await reader.readexactly(2) == b"\r\n"
    return total


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


def test_who_does_not_read_by_tls_is_cut(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(httpgate, "STALLED_S", 0.3)

    async def work(server: Server, connect: Connect) -> None:
        reader, writer = await connect()
        while not server.gates._gates:
            await asyncio.sleep(0.01)
        (gate,) = server.gates._gates
        gate.admitted = True
        writer.write(GET % b"long")
        while server.gates._gates:
            await asyncio.sleep(0.01)
        assert len(await until_closed(reader)) < LONG_BYTES

    serve(work, authority=Authority(tmp_path))


def test_who_leaves_by_tls_behind_several_calls_causes_no_error(tmp_path: Path) -> None:
    async def work(server: Server, connect: Connect) -> None:
        errors: list[dict[str, object]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
        _, writer = await connect()
        while not server.gates._gates:
            await asyncio.sleep(0.01)
        writer.write(b"POST /RPC2 HTTP/1.1\r\nContent-Length: 1\r\n\r\nx" * 2)
        writer.close()
        while not server.called or server.gates._gates:
            await asyncio.sleep(0.01)
        assert not errors

    serve(work, authority=Authority(tmp_path))


def lingering(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When it was looked whether an answer has left: every 50 ms now."""
    monkeypatch.setattr(httpgate, "LINGER_S", 0.05)
    looks: list[float] = []
    look = httpgate.Gate._linger_on

    def noted(self: httpgate.Gate) -> None:
        looks.append(time.monotonic())
        look(self)

    monkeypatch.setattr(httpgate.Gate, "_linger_on", noted)
    return looks


@pytest.mark.parametrize("behind", [b"\r\n", b"BAD\r\n\r\n"])
def test_an_answer_is_not_cut_while_it_is_read(
    behind: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither where the connection is closed with it, nor where what came behind it is refused."""
    looks = lingering(monkeypatch)

    async def work(server: Server, connect: Connect) -> None:
        reader, writer = await connect()
        close = b"Connection: close\r\n" if behind == b"\r\n" else b""
        writer.write(b"GET /long HTTP/1.1\r\nHost: x\r\n" + close + b"\r\n" + behind)
        while len(looks) < 4:
            await asyncio.sleep(0.01)
        assert len(await answer(reader)) == LONG_BYTES

    serve(work, authority=Authority(tmp_path))


def test_a_close_by_tls_waits_for_the_answer_to_leave(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tlsdoor, "SHUTDOWN_S", 0.1)
    looks = lingering(monkeypatch)

    async def work(server: Server, connect: Connect) -> None:
        reader, writer = await connect()
        writer.write(b"GET /long HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        while len(looks) < 4:
            await asyncio.sleep(0.01)
        assert len(await reader.readexactly(LONG_BYTES)) == LONG_BYTES

    serve(work, authority=Authority(tmp_path))


def test_who_reads_slowly_gets_everything() -> None:
    async def work(server: Server, connect: Connect) -> None:
        reader, writer = await connect()
        writer.write(GET % b"big" + GET % b"b")
        assert await chunks(reader) == BIG_BYTES
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


def test_who_stops_sending_gets_the_answers_to_all_that_it_sent() -> None:
    async def work(server: Server, connect: Connect) -> None:
        for behind in (b"", b"GET / HT", b"nonsense\r\n\r\n"):
            reader, writer = await connect()
            writer.write(GET % b"a" + GET % b"b" + GET % b"c" + behind)
            writer.write_eof()
            assert [await answer(reader) for _ in range(3)] == [b"/a", b"/b", b"/c"]
            rest = await until_closed(reader)
            assert rest.startswith(b"HTTP/1.1 400 ") if behind.startswith(b"nonsense") else rest == b""

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


def test_a_body_that_nobody_asked_for_is_read_over() -> None:
    post = b"POST /deaf HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n"

    async def work(server: Server, connect: Connect) -> None:
        reader, writer = await connect()
        writer.write(post + b"x" * 300_000)
        assert await answer(reader) == b"/deaf"
        writer.write(b"x" * 600_000 + GET % b"a")
        assert await answer(reader) == b"/a"

    serve(work)


def test_little_of_a_body_is_taken_in_before_it_is_asked_for() -> None:
    post = b"POST /hold HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"

    async def work(server: Server, connect: Connect) -> None:
        reader, writer = await connect()
        writer.write(post + b"x" * 1_000_000)
        while not server.holding:
            await asyncio.sleep(0.01)
        (gate,) = server.gates._gates
        while gate._transport.is_reading():
            await asyncio.sleep(0.01)
        assert gate._exchange is not None and len(gate._exchange._body) < 512 << 10
        server.release.set()
        assert await answer(reader) == b"/hold" + b"x" * 1_000_000

    serve(work)


def test_a_client_that_asks_whether_to_send_its_body_is_told() -> None:
    async def work(server: Server, connect: Connect) -> None:
        reader, writer = await connect()
        writer.write(b"POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert await reader.readexactly(len(GO_ON)) == GO_ON
        writer.write(b"abc")
        assert await answer(reader) == b"/aabc"

    serve(work)


def test_an_answer_that_closes_is_read_whole_though_more_was_sent() -> None:
    post = b"POST /last HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n"

    async def work(server: Server, connect: Connect) -> None:
        for behind in (b"", GET % b"more", b"x" * 100_000):
            reader, writer = await connect()
            writer.write((GET % b"last" if behind != b"x" * 100_000 else post) + behind)
            said = await until_closed(reader)
            assert b"\r\nConnection: close\r\n" in said and said.endswith(b"\r\n\r\n/last")

    serve(work)


def test_an_answer_that_was_begun_and_fails_is_cut_off() -> None:
    async def work(server: Server, connect: Connect) -> None:
        reader, writer = await connect()
        writer.write(GET % b"broken")
        said = await until_closed(reader)
        assert said == b"reset" or (said.startswith(b"HTTP/1.1 200 OK") and b"\r\n0\r\n" not in said)

    serve(work)


def test_who_leaves_within_its_body_leaves_nothing() -> None:
    async def work(server: Server, connect: Connect) -> None:
        _, writer = await connect()
        writer.write(b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
        while not any(gate.answering for gate in server.gates._gates):
            await asyncio.sleep(0.01)
        (task,) = [gate.answering for gate in server.gates._gates]
        writer.close()
        assert task is not None
        await asyncio.wait_for(task, 10)

    serve(work)


def test_the_end_waits_for_answers_for_a_moment() -> None:
    async def work(server: Server, connect: Connect) -> None:
        (soon, first), (never, _) = await connect(), await connect()
        first.write(GET % b"hold")
        while server.holding < 1:
            await asyncio.sleep(0.01)
        ending = asyncio.create_task(server.gates.close(30.0))
        await asyncio.sleep(0)
        server.release.set()
        await ending
        assert await answer(soon) == b"/hold" and await until_closed(soon) == b""
        assert await until_closed(never) == b""

    serve(work)
