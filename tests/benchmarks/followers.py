"""One program that floods, and many that follow it on the stream socket."""

from __future__ import annotations

import selectors
import time
from collections.abc import Iterator

from supervisor.protocol import stream as p

from . import machine
from .bench import FLOOD, Bench
from .children import LINE_BYTES
from .table import Row
from .wires import connect, stream_path

FOLLOWERS = 10
ARRIVE_SHARE = 0.99
"""The program is on time in the long run only, so the last few milliseconds may be missing."""


class Follower:
    """What one client got. ``lost``: told missing; ``holes``: missing and not told."""

    def __init__(self, bench: Bench, number: int) -> None:
        server = bench.fleet("ours", bench.sizes.few)
        self.sock = connect(stream_path(server.socket))
        self._decoder = p.client_decoder()
        self._next = -1
        self.bytes = self.lost = self.holes = 0
        self.sock.sendall(p.encode(p.Follow(number, "flood", credit=1 << 30)))

    def read(self) -> None:
        for frame in self._decoder.feed(self.sock.recv(1 << 20)):
            if isinstance(frame, p.Output):
                self._reach(frame.offset, frame.offset + len(frame.data))
                self.bytes += len(frame.data)
            elif isinstance(frame, p.Gap):
                self._reach(frame.offset, frame.until)
                self.lost += frame.until - frame.offset

    def _reach(self, offset: int, end: int) -> None:
        if self._next >= 0:
            self.holes += abs(offset - self._next)
        self._next = end


def followers(bench: Bench) -> Iterator[Row]:
    """100,000 lines a second to ten followers on the stream socket. Ours only."""
    server, seconds = bench.fleet("ours", bench.sizes.few), bench.sizes.seconds
    bench.say(f"{FLOOD[0]} lines a second to {FOLLOWERS} followers")
    with server.running("flood"):
        clients = [Follower(bench, number) for number in range(FOLLOWERS)]
        pids = server.pids()
        with selectors.DefaultSelector() as ready:
            for client in clients:
                ready.register(client.sock, selectors.EVENT_READ, client)
            for measured in (False, True):
                if measured:
                    begin = [client.bytes for client in clients]
                    cpu = machine.cpu_s(pids)
                began = time.monotonic()
                while (left := began + (seconds if measured else 0.5) - time.monotonic()) > 0:
                    for key, _ in ready.select(left):
                        key.data.read()
        took = time.monotonic() - began
        cpu = machine.cpu_s(pids) - cpu
        for client in clients:
            client.sock.close()
    server.remove_logs("flood")
    slowest = min(client.bytes - first for client, first in zip(clients, begin, strict=True))
    what = f"{FLOOD[0]:,} lines a second to {FOLLOWERS} followers"
    rate = slowest / LINE_BYTES / took
    yield Row(f"{what}, the slowest", "lines/s", rate, goal=FLOOD[0] * ARRIVE_SHARE, better="more")
    yield Row(f"{what}, told missing", "bytes", sum(client.lost for client in clients))
    yield Row(f"{what}, missing and not told", "bytes", sum(client.holes for client in clients), goal=0.0)
    yield Row(f"{what}, CPU", "%", cpu / took * 100)
