"""The asyncio shell of the stream client against a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Self

import pytest

from supervisor.client import stream as client
from supervisor.client.session import LinkState, Phase
from supervisor.errors import LinkLost, RPCError
from supervisor.protocol import stream as wire
from supervisor.states import ProcessStates
from tests.tui.fakes import FakeServer, example


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 20))


async def until(condition: Callable[[], bool]) -> None:
    """Wait for ``condition``, at most 10 s."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


class Session:
    """A server, a client connected to it, and what came."""

    def __init__(self, path: Path, **options: Any) -> None:
        self.path = str(path / "s.stream")
        self.server = FakeServer(self.path, **{k: v for k, v in options.items() if k == "password"})
        example(self.server)
        self.states: list[LinkState] = []
        self.client = client.StreamClient(
            client.UnixAddress(self.path),
            username=options.get("username"),
            password=options.get("secret"),
            on_state=self.states.append,
        )
        self.frames: list[wire.Frame] = []
        self.task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.server.start()
        self.task = asyncio.create_task(self.client.run())
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self.task is not None
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.server.die()

    @property
    def live(self) -> bool:
        return self.client.session.live


def test_calls_give_results_and_faults(tmp_path: Path) -> None:
    async def work() -> None:
        async with Session(tmp_path) as s:
            await until(lambda: s.live)
            assert await s.client.call("supervisor.stopProcess", "api:web_00", True) is True
            assert s.server.processes["api:web_00"].record.state == ProcessStates.STOPPED
            with pytest.raises(RPCError) as caught:
                await s.client.call("supervisor.stopProcess", "nobody", True)
            assert caught.value.text == "BAD_NAME: nobody"

    run(work())


def test_a_call_ends_when_the_connection_does(tmp_path: Path) -> None:
    async def work() -> None:
        async with Session(tmp_path) as s:
            await until(lambda: s.live)
            s.server.released.clear()
            call = asyncio.create_task(s.client.call("supervisor.startProcess", "mail", True))
            await until(lambda: bool(s.server.calls))
            await s.server.die()
            with pytest.raises(LinkLost):
                await call
            with pytest.raises(LinkLost):
                await s.client.call("supervisor.getState")

    run(work())


def test_snapshot_deltas_and_what_was_missed_while_away(tmp_path: Path) -> None:
    async def work() -> None:
        async with Session(tmp_path) as s:
            s.client.subscribe(s.frames.append)
            await until(lambda: bool(s.frames))
            s.server.change("mail", ProcessStates.STARTING)
            await until(lambda: len(s.frames) == 2)
            await s.server.die()
            await until(lambda: not s.live)
            s.server.change("mail", ProcessStates.RUNNING)
            await s.server.start()
            await until(lambda: len(s.frames) == 3)
            assert [type(frame) for frame in s.frames] == [wire.Snapshot, wire.Delta, wire.Delta]
            assert isinstance(s.frames[2], wire.Delta) and s.frames[2].process is not None
            assert s.frames[2].process.statename == "RUNNING"

    run(work())


def test_a_follower_gets_each_byte_once_over_a_death_of_the_daemon(tmp_path: Path) -> None:
    async def work() -> None:
        async with Session(tmp_path) as s:
            got = bytearray()
            s.client.follow(lambda f: got.extend(f.data) if isinstance(f, wire.Output) else None, "mail")
            await until(lambda: any(isinstance(f, wire.Follow) for f in s.server.frames))
            expected = bytearray()

            def caught_up() -> bool:
                return len(got) == len(expected)

            for number in range(300):
                line = b"line %d\n" % number
                expected += line
                s.server.write("mail", line)
                if number == 150:
                    await until(caught_up)
                    await s.server.die()
                if number == 200:
                    await s.server.start()
                    await until(lambda: s.live)
            await until(lambda: len(got) >= len(expected))
            assert got == expected

    run(work())


def test_a_flood_is_followed_by_granting_credit(tmp_path: Path) -> None:
    async def work() -> None:
        async with Session(tmp_path) as s:
            s.server.processes["mail"].logs["stdout"].keep = 1 << 24
            s.server.write("mail", b"x" * 3_000_000)
            got = 0

            def take(frame: wire.Frame) -> None:
                nonlocal got
                got += len(frame.data) if isinstance(frame, wire.Output) else 0

            s.client.follow(take, "mail", last=3_000_000)
            await until(lambda: got == 3_000_000)

    run(work())


def test_wrong_password_is_a_phase_and_the_client_stays(tmp_path: Path) -> None:
    async def work() -> None:
        async with Session(tmp_path, password="good", username="admin", secret="bad") as s:
            await until(lambda: s.client.state.phase is Phase.AUTH_FAILED)
            assert s.task is not None and not s.task.done()

    run(work())


def test_right_password(tmp_path: Path) -> None:
    async def work() -> None:
        async with Session(tmp_path, password="good", username="admin", secret="good") as s:
            await until(lambda: s.live)

    run(work())


def test_no_server_at_the_start_then_one(tmp_path: Path) -> None:
    async def work() -> None:
        s = Session(tmp_path)
        task = s.task = asyncio.create_task(s.client.run())
        await until(lambda: s.client.state.phase is Phase.WAITING)
        assert s.client.state.reason == "no such file or directory"
        await s.server.start()
        await until(lambda: s.live)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await s.server.die()

    run(work())


def test_attach_round_trip(tmp_path: Path) -> None:
    async def work() -> None:
        async with Session(tmp_path) as s:
            attachment = s.client.attach(s.frames.append, "shell:console", rows=20, cols=70)
            await until(lambda: any(isinstance(f, wire.Attached) for f in s.frames))
            assert s.client.input(attachment, b"ls\r")
            await until(lambda: s.server.typed == b"ls\r")
            s.client.resize(attachment, 10, 40)
            await until(lambda: s.server.resizes == [(10, 40)])
            s.client.cancel(attachment)
            await until(lambda: any(isinstance(f, wire.Cancel) for f in s.server.frames))

    run(work())
