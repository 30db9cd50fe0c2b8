"""The stream door without a daemon around it."""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from supervisor.config.model import (
    ChannelConfig,
    GroupConfig,
    LogFile,
    LogKind,
    ProcessConfig,
    StreamServerConfig,
)
from supervisor.daemon.access import Caller, Doorkeeper
from supervisor.daemon.attach import Attachments
from supervisor.daemon.events import EventBus
from supervisor.daemon.loop import Supervisor
from supervisor.daemon.machines.process import Start
from supervisor.daemon.methods.table import Method, MethodTable
from supervisor.daemon.output.spool import Spool
from supervisor.daemon.streamserver import Encoded, StreamDoor
from supervisor.daemon.usage import UsageSampler
from supervisor.faults import Faults
from supervisor.protocol import stream as p
from supervisor.states import ProcessStates as S
from tests.daemon.test_supervisor import run

NONE = ChannelConfig(LogFile(LogKind.NONE))


class Peer:
    """The client's end of a connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._loop = asyncio.get_running_loop()
        self._decoder = p.client_decoder()

    async def send(self, *frames: p.Frame) -> None:
        await self._loop.sock_sendall(self.sock, b"".join(map(p.encode, frames)))

    async def receive(self, enough: Callable[[list[p.Frame]], bool]) -> list[p.Frame]:
        """What comes until it is enough, or the connection ends."""
        frames: list[p.Frame] = []
        while not enough(frames):
            data = await asyncio.wait_for(self._loop.sock_recv(self.sock, 65536), 10)
            if not data:
                break
            frames += self._decoder.feed(data)
        return frames

    async def push(self, data: bytes) -> int:
        """Send without reading, until nothing more is taken; how many bytes."""
        sent = turns = 0
        while sent < len(data) and turns < 100:
            try:
                sent += self.sock.send(data[sent : sent + 65536])
                turns = 0
            except BlockingIOError:
                turns += 1
            await asyncio.sleep(0)
        return sent


@asynccontextmanager
async def connected(supervisor: Supervisor, *methods: Method, **section: Any) -> AsyncIterator[Peer]:
    table = MethodTable(None)
    table.add(methods)
    door = StreamDoor(
        StreamServerConfig("s", "/s", **section), supervisor, table, Doorkeeper(), Attachments(supervisor),
        UsageSampler(), Encoded(), EventBus(supervisor, {}, True),
    )  # fmt: skip
    ours, theirs = socket.socketpair()
    await asyncio.get_running_loop().connect_accepted_socket(door.protocol, theirs)
    ours.setblocking(False)
    with ours:
        yield Peer(ours)
        door.close()
        await asyncio.sleep(0)


def programs(count: int) -> GroupConfig:
    members = (ProcessConfig(f"p{n}", "g", "/bin/cat", stdout=NONE, stderr=NONE) for n in range(count))
    return GroupConfig("g", processes=tuple(members))


def bug(context: Any, caller: Caller) -> None:
    raise KeyError("no such thing")


async def later_bug(context: Any, caller: Caller) -> None:
    await asyncio.sleep(0)
    bug(context, caller)


@pytest.mark.parametrize("function", [bug, later_bug])
def test_a_bug_in_a_method_ends_the_call_alone(tmp_path: Path, function: Any) -> None:
    async def work(supervisor: Supervisor, keeper: socket.socket) -> None:
        async with connected(supervisor, Method("x.bug", function, "observer", "", ("boolean", ""))) as peer:
            await peer.send(p.Call(1, "x.bug"), p.Ping(7))
            frames = await peer.receive(lambda frames: len(frames) >= 3)
        assert p.Pong(7) in frames
        (fault,) = (frame for frame in frames if isinstance(frame, p.Fault))
        assert fault.code == Faults.FAILED and "its log says more" in fault.text

    run(work, tmp_path)
    assert "KeyError: 'no such thing'" in (tmp_path / "main").read_text()


@pytest.mark.parametrize("interval", [math.nan, math.inf, -math.inf])
def test_an_interval_that_no_clock_has_is_refused(tmp_path: Path, interval: float) -> None:
    async def work(supervisor: Supervisor, keeper: socket.socket) -> None:
        async with connected(supervisor) as peer:
            await peer.send(p.Stats(1, [], interval))
            frames = await peer.receive(lambda frames: len(frames) >= 2)
        assert isinstance(frames[1], p.Error) and frames[1].code == Faults.BAD_ARGUMENTS

    run(work, tmp_path)


@pytest.mark.parametrize("frame", [p.Ping(1), p.Follow(1, "nobody"), p.Subscribe(2**40)])
def test_of_a_client_that_does_not_read_little_is_read(tmp_path: Path, frame: p.Frame) -> None:
    payload = p.encode(frame) * (2 * 2**20 // len(p.encode(frame)))

    async def work(supervisor: Supervisor, keeper: socket.socket) -> None:
        async with connected(supervisor) as peer:
            sent = await peer.push(payload)
            assert sent < len(payload), "the answers to all of it are in the memory of the daemon"
            whole = len(payload) // len(p.encode(frame))
            rest = asyncio.ensure_future(asyncio.get_running_loop().sock_sendall(peer.sock, payload[sent:]))
            assert len(await peer.receive(lambda frames: len(frames) > whole)) == whole + 1
            await rest

    run(work, tmp_path)


def test_one_login_at_a_time(tmp_path: Path) -> None:
    async def work(supervisor: Supervisor, keeper: socket.socket) -> None:
        slow = "{scrypt}16384$AAAA$AAAA"
        async with connected(supervisor, username="me", password=slow) as peer:
            await peer.send(*[p.Auth("me", "guess")] * 1000)
            frames = await peer.receive(lambda frames: False)
        assert [type(frame) for frame in frames] == [p.Greeting, p.Error]
        assert isinstance(frames[1], p.Error) and "already" in frames[1].text

    run(work, tmp_path)


def test_a_snapshot_of_many_is_told_in_turns_and_is_true_in_the_end(tmp_path: Path) -> None:
    async def work(supervisor: Supervisor, keeper: socket.socket) -> None:
        group = supervisor.add_group(programs(2000))
        turns = 0

        def turn() -> None:
            nonlocal turns
            turns += 1
            if turns == 2:  # between two parts
                for name in ("p1", "p1999"):
                    supervisor.feed(group.processes[name], Start("test"))
                for name in ("p2", "p1998"):
                    supervisor.remove_process(group.processes[name])
            if turns < 100:
                asyncio.get_running_loop().call_soon(turn)

        async with connected(supervisor) as peer:
            await peer.send(p.Subscribe(1))
            asyncio.get_running_loop().call_soon(turn)
            last = supervisor.seq + 4
            frames = await peer.receive(lambda frames: any(getattr(f, "seq", 0) == last for f in frames))
            await peer.send(p.Cancel(1), p.Ping(1))
            await peer.receive(lambda frames: p.Pong(1) in frames)
            assert not supervisor.subscribers
        parts = [frame for frame in frames if isinstance(frame, p.Snapshot)]
        assert [part.more for part in parts] == [True] * 3 + [False]
        assert {part.seq for part in parts} == {last - 4}
        known = {record.name: record for part in parts for record in part.processes}
        assert known["p1"].state == S.STOPPED and known["p1999"].state == S.STARTING
        deltas = [frame for frame in frames if isinstance(frame, p.Delta)]
        assert [delta.seq for delta in deltas] == list(range(last - 3, last + 1))
        for delta in deltas:
            if delta.process is not None:
                known[delta.process.name] = delta.process
            known.pop(delta.removed.removeprefix("g:"), None)
        assert known == {p.config.name: p.record(999) for p in supervisor.processes.values()}
        for process in group.processes.values():
            process.close_outputs(supervisor.stores)

    run(work, tmp_path)


def test_many_snapshots_asked_for_at_once_are_not_in_memory(tmp_path: Path) -> None:
    async def work(supervisor: Supervisor, keeper: socket.socket) -> None:
        supervisor.add_group(programs(1000))
        async with connected(supervisor) as peer:
            await peer.send(
                *[frame for n in range(500) for frame in (p.Subscribe(n), p.Cancel(n))], p.Ping(1)
            )
            frames = await peer.receive(lambda frames: p.Pong(1) in frames)
            assert sum(isinstance(frame, p.Snapshot) for frame in frames) < 20

    run(work, tmp_path)


def test_a_flood_of_some_starves_no_other_follower(tmp_path: Path) -> None:
    async def work(supervisor: Supervisor, keeper: socket.socket) -> None:
        group = supervisor.add_group(programs(8))
        for process in group.processes.values():
            supervisor.generations.open_outputs(process)
        sinks = [process.outputs["stdout"].sink for process in group.processes.values()]

        def flood() -> None:
            there = [sink for sink in sinks if isinstance(sink, Spool) and sink.fd >= 0]
            for sink in there:
                sink.append(bytes(2 * p.MAX_DATA_BYTES))
                sink.watchers.tell()
            if there:
                asyncio.get_running_loop().call_soon(flood)

        async with connected(supervisor) as peer:
            await peer.send(*(p.Follow(n, f"g:p{n}", credit=1 << 30) for n in range(8)))
            flood()
            frames = await peer.receive(lambda frames: sum(isinstance(f, p.Output) for f in frames) > 100)
            assert {frame.id for frame in frames if isinstance(frame, p.Output)} == set(range(8))
            for process in group.processes.values():
                process.close_outputs(supervisor.stores)

    run(work, tmp_path)
