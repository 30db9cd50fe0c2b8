"""The stream door without a daemon around it."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest

from supervisor.config.model import StreamServerConfig
from supervisor.daemon.access import Caller, Doorkeeper
from supervisor.daemon.attach import Attachments
from supervisor.daemon.events import EventBus
from supervisor.daemon.loop import Supervisor
from supervisor.daemon.methods.table import Method, MethodTable
from supervisor.daemon.streamserver import Encoded, StreamDoor
from supervisor.daemon.usage import UsageSampler
from supervisor.faults import Faults
from supervisor.protocol import stream as p
from tests.daemon.test_supervisor import run


def bug(context: Any, caller: Caller) -> None:
    raise KeyError("no such thing")


async def later_bug(context: Any, caller: Caller) -> None:
    await asyncio.sleep(0)
    bug(context, caller)


@pytest.mark.parametrize("function", [bug, later_bug])
def test_a_bug_in_a_method_ends_the_call_alone(tmp_path: Path, function: Any) -> None:
    async def work(supervisor: Supervisor, keeper: socket.socket) -> None:
        table = MethodTable(None)
        table.add([Method("x.bug", function, "observer", "", ("boolean", ""))])
        door = StreamDoor(
            StreamServerConfig("s", "/s"), supervisor, table, Doorkeeper(), Attachments(supervisor), UsageSampler(),
            Encoded(), EventBus(supervisor, {}, True),
        )  # fmt: skip
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        await loop.connect_accepted_socket(door.protocol, theirs)
        ours.setblocking(False)
        await loop.sock_sendall(ours, p.encode(p.Call(1, "x.bug")) + p.encode(p.Ping(7)))
        decoder, frames = p.client_decoder(), list[p.Frame]()
        while len(frames) < 3:
            frames += decoder.feed(await asyncio.wait_for(loop.sock_recv(ours, 65536), 10))
        assert p.Pong(7) in frames
        (fault,) = (frame for frame in frames if isinstance(frame, p.Fault))
        assert fault.code == Faults.FAILED and "its log says more" in fault.text
        door.close()
        ours.close()

    run(work, tmp_path)
    assert "KeyError: 'no such thing'" in (tmp_path / "main").read_text()
