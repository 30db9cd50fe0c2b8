"""Questions: how many a second, how late under load, what supervisorctl makes of them."""

from __future__ import annotations

import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from supervisor.protocol import stream as p

from .bench import Bench, medians, quantile, row
from .servers import Server, Side
from .table import Row
from .wires import Inbox, Rpc

CALLS_MAX = 20_000
TOGETHER = 16
"""How many calls a client that does not wait for each answer has under way."""


def _a_second(ask: Callable[[], object], seconds: float) -> float:
    """How many a second, one after the other; at least two."""
    ask()
    began = time.monotonic()
    count = 0
    while count < CALLS_MAX and ((now := time.monotonic()) < began + seconds or count < 2):
        ask()
        count += 1
    return count / (time.monotonic() - began) if count else now


def getstate(bench: Bench) -> Iterator[Row]:
    """``getState`` on one keep-alive connection of raw bytes, and as a ``call`` of the stream socket."""
    request = Rpc.request("supervisor.getState")
    seconds = bench.sizes.seconds / 2
    for count in (bench.sizes.few, bench.sizes.many):

        def calls(side: Side, count: int = count) -> float:
            server = bench.fleet(side, count)
            bench.say(f"getState with {count} programs, {side}")
            server.reconnect()
            return _a_second(lambda: server.rpc.exchange(request), seconds)

        figures = medians(bench.alternating(bench.sizes.runs, calls))
        yield row(f"getState, {count} programs", "calls/s", figures, goal=5000.0, better="more")
        server = bench.fleet("ours", count)
        rates = [_stream_rate(server, "supervisor.getState", seconds) for _ in range(bench.sizes.runs)]
        rate = statistics.median(rates)
        yield Row(
            f"getState, {count} programs, stream",
            "calls/s",
            rate,
            goal=20_000.0,
            better="more",
            floor=_echo_rate(seconds),
        )
        rates = [
            TOGETHER * _stream_rate(server, "supervisor.getState", seconds, TOGETHER)
            for _ in range(bench.sizes.runs)
        ]
        what = f"getState, {count} programs, stream, {TOGETHER} together"
        yield Row(what, "calls/s", statistics.median(rates), goal=20_000.0, better="more")


_ECHO = r"""
import asyncio, socket, sys
answer = bytes(int(sys.argv[2]))
class Echo(asyncio.BufferedProtocol):
    def connection_made(self, transport):
        self.transport, self.buffer = transport, memoryview(bytearray(65536))
        if len(answer) > 65536:
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, len(answer))
    def get_buffer(self, sizehint):
        return self.buffer
    def buffer_updated(self, count):
        self.transport.write(answer or bytes(self.buffer[:count]))
    def connection_lost(self, error):
        asyncio.get_running_loop().stop()
loop = asyncio.new_event_loop()
loop.run_until_complete(loop.connect_accepted_socket(Echo, socket.socket(fileno=int(sys.argv[1]))))
loop.run_forever()
"""


def _echo_rate(seconds: float, size: int = 0) -> float:
    """What a bare asyncio protocol makes that sends back what it gets, or always the same ``size`` bytes.

    Nothing in Python on asyncio is faster.
    """
    ours, theirs = socket.socketpair()
    request = p.encode(p.Call(0, "supervisor.getState"))
    with ours, theirs:
        fd = theirs.fileno()
        echo = subprocess.Popen(
            [sys.executable, "-c", _ECHO, str(fd), str(size)], pass_fds=[fd], stdin=subprocess.DEVNULL
        )
        theirs.close()
        inbox, answer = Inbox(ours), size or len(request)

        def ask() -> None:
            ours.sendall(request)
            inbox.want(answer)
            inbox.drop(answer)

        try:
            return _a_second(ask, seconds)
        finally:
            ours.close()
            echo.wait()


def _stream_rate(server: Server, method: str, seconds: float, together: int = 1) -> float:
    """Exchanges a second of so many calls, sent in one write and answered before the next."""
    stream = server.stream()
    request = b"".join(p.encode(p.Call(number, method)) for number in range(together))
    try:
        return _a_second(lambda: stream.exchange(request, together), seconds)
    finally:
        stream.close()


def getall(bench: Bench) -> Iterator[Row]:
    """``getAllProcessInfo``, and ``getState`` asked on another connection right behind it."""
    request = Rpc.request("supervisor.getAllProcessInfo")
    count, seconds = bench.sizes.many, bench.sizes.seconds / 2

    def call(side: Side) -> float:
        server = bench.fleet(side, count)
        bench.say(f"getAllProcessInfo with {count} programs, {side}")
        server.reconnect()
        return 1e3 / _a_second(lambda: server.rpc.exchange(request), seconds)

    figures = medians(bench.alternating(bench.sizes.runs, call))
    ours = bench.fleet("ours", count)
    ours.reconnect()
    floor = 1e3 / _echo_rate(seconds, ours.rpc.exchange(request))
    yield row(f"getAllProcessInfo, {count} programs", "ms", figures, goal=5.0, floor=floor)
    frame = p.encode(p.Call(0, "supervisor.getAllProcessInfo"))
    stream = ours.stream()
    floor = 1e3 / _echo_rate(seconds, stream.exchange(frame))
    figures = {
        "ours": 1e3
        * statistics.median(
            [1 / _stream_rate(ours, "supervisor.getAllProcessInfo", seconds) for _ in range(bench.sizes.runs)]
        )
    }
    stream.close()
    yield row(f"getAllProcessInfo, {count} programs, stream", "ms", figures, goal=2.0, floor=floor)
    late = {
        side: _behind(bench.fleet(side, count), request, 300 if side == "ours" else 2) for side in bench.sides
    }
    yield row(f"getState behind getAllProcessInfo, {count}, p99", "ms", late, goal=10.0)


def _behind(server: Server, heavy: bytes, times: int) -> float:
    """p99 in milliseconds of a getState that is asked just after something heavy."""
    request = Rpc.request("supervisor.getState")
    first, second = Rpc(server.socket), Rpc(server.socket)
    latencies = []
    try:
        second.exchange(request)
        for _ in range(times):
            first.send(heavy)
            began = time.monotonic()
            second.exchange(request)
            latencies.append(time.monotonic() - began)
            first.skip()
    finally:
        first.close()
        second.close()
    return quantile(latencies, 0.99) * 1e3


def status(bench: Bench) -> Iterator[Row]:
    """Wall time of ``supervisorctl status``, its output thrown away."""
    for count, goal in ((bench.sizes.few, None), (bench.sizes.many, 0.25)):

        def run(side: Side, count: int = count) -> float:
            server = bench.fleet(side, count)
            bench.say(f"supervisorctl status with {count} programs, {side}")
            server.disconnect()
            return server.ctl("status")

        yield row(
            f"supervisorctl status, {count} programs",
            "s",
            medians(bench.alternating(bench.sizes.runs, run)),
            goal=goal,
        )
