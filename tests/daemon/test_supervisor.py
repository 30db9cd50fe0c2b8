"""The shell of the supervision without a keeper: what it makes, and what it gives back."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from supervisor.config.model import (
    ChannelConfig,
    GroupConfig,
    LogFile,
    LogKind,
    ProcessConfig,
    SupervisordConfig,
)
from supervisor.daemon.keeperlink import KeeperLink
from supervisor.daemon.loop import Supervisor
from supervisor.daemon.mainlog import MainLog
from supervisor.daemon.output.store import StoreSet
from supervisor.daemon.snapshot import Journal, StateTable


def test_a_process_whose_automatic_log_cannot_be_made_leaves_nothing_behind(tmp_path: Path) -> None:
    kept = ChannelConfig(logfile=LogFile(LogKind.FILE, str(tmp_path / "kept")))
    good = ProcessConfig("good", "g", "/bin/cat", stdout=kept, stderr=ChannelConfig(LogFile(LogKind.NONE)))
    bad = ProcessConfig("bad", "g", "/bin/cat", stdout=kept)

    async def work() -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        table, journal, stores = StateTable.create(), Journal.create(), StoreSet()
        with ours, theirs:
            settings = SupervisordConfig(childlogdir=str(tmp_path / "gone"))
            log = MainLog(str(tmp_path / "main"), 0, 0, "info", False)
            link = KeeperLink(ours, lambda frame, fds: None, lambda: None)
            supervisor = Supervisor(settings, log, link, table, journal, stores, "boot", "")
            store = stores.log(str(tmp_path / "kept"), 0, 0)
            with pytest.raises(FileNotFoundError):
                supervisor.add_group(GroupConfig("g", processes=(good, bad)))
            assert stores.users(store) == 1 and not supervisor.processes
            supervisor.add_group(GroupConfig("g", processes=(good,)))
            with pytest.raises(FileNotFoundError):
                supervisor.add_process(bad)
            assert stores.users(store) == 2
            assert [process.index for process in supervisor.processes.values()] == [1]
            assert table.allocate() == 2
            log.close()
        os.close(table.fd)
        os.close(journal.fd)

    asyncio.run(work())
