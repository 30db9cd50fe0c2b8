"""The daemon's end of the keeper, over a socket pair."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest

from supervisor.daemon.keeper import wire
from supervisor.daemon.keeperlink import KeeperLink
from tests.support.waiting import PATIENCE_S

FRAMES = 5_000


def test_what_did_not_fit_before_the_loop_ran_is_sent_when_it_does() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.setblocking(False)
    got: list[wire.Frame] = []

    async def talk() -> None:
        link = KeeperLink(ours, lambda frame, fds: None, lambda: None)
        for number in range(FRAMES):
            link.send(wire.Forget("p", number))
        assert not link.idle, "the socket took them all: the test shows nothing"
        link.start()
        loop = asyncio.get_running_loop()
        while len(got) < FRAMES:
            data = await asyncio.wait_for(loop.sock_recv(theirs, wire.MAX_FRAME_BYTES), PATIENCE_S)
            got.append(wire.decode(data))
        assert link.idle
        link.send(wire.Ready())
        got.append(wire.decode(await loop.sock_recv(theirs, wire.MAX_FRAME_BYTES)))
        link.stop()

    with ours, theirs:
        asyncio.run(talk())
    assert got == [*(wire.Forget("p", number) for number in range(FRAMES)), wire.Ready()]


def test_what_is_too_long_for_any_frame_is_refused() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        link = KeeperLink(ours, lambda frame, fds: None, lambda: None)
        with pytest.raises(OSError, match="too long"):
            link.send(wire.Drop("x" * wire.MAX_ENCLOSED_BYTES))
        assert link.idle


def test_what_a_keeper_that_is_gone_was_to_hold_is_closed() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    read, write = os.pipe()
    os.set_blocking(read, False)
    with ours:
        link = KeeperLink(ours, lambda frame, fds: None, lambda: None)
        theirs.close()
        for _ in range(3):
            link.send(wire.Hold("x"), (write,))
        os.close(write)
        assert os.read(read, 1) == b"", "somebody still has the other end"
    os.close(read)
