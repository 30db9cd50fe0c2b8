"""The shell of the supervision without a keeper: what it makes, and what it gives back."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from supervisor.config.model import (
    ChannelConfig,
    GroupConfig,
    LogFile,
    LogKind,
    ProcessConfig,
    SupervisordConfig,
)
from supervisor.daemon.keeper import wire
from supervisor.daemon.keeperlink import KeeperLink
from supervisor.daemon.loop import Change, Supervisor
from supervisor.daemon.machines.process import Start
from supervisor.daemon.mainlog import MainLog
from supervisor.daemon.output.storeset import StoreSet
from supervisor.daemon.snapshot import Journal, StateTable
from supervisor.states import ProcessStates as S


def run(work: Callable[[Supervisor, socket.socket], Awaitable[None]], folder: Path, **settings: Any) -> None:
    """Do something with a supervisor, and the end of the link that its keeper would have."""

    async def whole() -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        table, journal = StateTable.create(), Journal.create()
        log = MainLog(str(folder / "main"), 0, 0, "info", False)
        link = KeeperLink(ours, lambda frame, fds: None, lambda: None)
        with ours, theirs:
            supervisor = Supervisor(
                SupervisordConfig(**settings), log, link, table, journal, StoreSet(), "boot", ""
            )
            await work(supervisor, theirs)
        log.close()
        os.close(table.fd)
        os.close(journal.fd)

    asyncio.run(whole())


def test_a_subscriber_that_fails_keeps_nothing_from_being_done(tmp_path: Path) -> None:
    none = ChannelConfig(LogFile(LogKind.NONE))
    config = ProcessConfig("p", "p", "/bin/cat", stdout=none, stderr=none)
    told: list[Change] = []
    reported: list[dict[str, Any]] = []

    def fails(change: Change) -> None:
        raise ValueError("a bug")

    async def work(supervisor: Supervisor, keeper: socket.socket) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
        supervisor.subscribers.add(fails)
        supervisor.subscribers_quiet.add(told.append)
        process = supervisor.add_group(GroupConfig("p", processes=(config,))).processes["p"]
        supervisor.feed(process, Start("test"))
        assert [change.transition.new for change in told if change.transition] == [S.STARTING]
        asked = [wire.decode(keeper.recv(wire.MAX_FRAME_BYTES)) for _ in range(3)]
        assert isinstance(asked[-1], wire.Spawn), "behind the rings of both outputs"
        assert str(reported[-1]["exception"]) == "a bug"
        process.close_outputs(supervisor.stores)

    run(work, tmp_path)


def test_a_ring_is_held_by_the_keeper_though_the_other_output_could_not_be_opened(tmp_path: Path) -> None:
    late = tmp_path / "late"
    config = ProcessConfig(
        "p", "p", "/bin/cat", stdout=ChannelConfig(LogFile(LogKind.NONE)),
        stderr=ChannelConfig(LogFile(LogKind.FILE, str(late / "log"))),
    )  # fmt: skip

    async def work(supervisor: Supervisor, keeper: socket.socket) -> None:
        process = supervisor.add_group(GroupConfig("p", processes=(config,))).processes["p"]
        with pytest.raises(FileNotFoundError):
            supervisor.generations.open_outputs(process)
        late.mkdir()
        keeper.setblocking(False)
        supervisor.generations.open_outputs(process)
        assert wire.decode(keeper.recv(wire.MAX_FRAME_BYTES)) == wire.Hold("spool:stdout:p:p")
        process.close_outputs(supervisor.stores)

    run(work, tmp_path)
