"""Updates and restarts while the supervisor is on its way out, without a keeper."""

from __future__ import annotations

import asyncio
import gc
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from supervisor.config.model import Configuration
from supervisor.daemon.access import Caller
from supervisor.daemon.lastread import LastRead
from supervisor.daemon.leftovers import Leftovers
from supervisor.daemon.loop import Supervisor
from supervisor.daemon.machines.process import Exited, Spawned, Start
from supervisor.daemon.methods.processes import restart_process, signal_process
from supervisor.daemon.methods.supervisor import Context
from supervisor.daemon.update import Interrupted, Updates
from supervisor.errors import RPCError
from supervisor.faults import Faults
from tests.daemon.test_streamserver import programs
from tests.daemon.test_supervisor import run
from tests.support.loops import until

NO_PID = 2**30


def begin(supervisor: Supervisor) -> None:
    group = supervisor.add_group(programs(3))
    for process in group.processes.values():
        supervisor.feed(process, Start("test"))
        supervisor.feed(process, Spawned(NO_PID))


async def end(supervisor: Supervisor) -> None:
    """Once what was asked for has begun, everything is told to stop, and stops."""
    for _ in range(5):
        await asyncio.sleep(0)
    supervisor.shutdown("test")
    for process in supervisor.processes.values():
        supervisor.feed(process, Exited(0))


def close(supervisor: Supervisor) -> None:
    for process in supervisor.processes.values():
        process.close_outputs(supervisor.stores)


def test_an_update_that_is_interrupted_is_no_bug(tmp_path: Path) -> None:
    reported: list[dict[str, Any]] = []

    async def work(supervisor: Supervisor, keeper: socket.socket) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
        begin(supervisor)
        config = supervisor.groups["g"].config
        changed = replace(config, processes=tuple(replace(p, command="/bin/true") for p in config.processes))
        update = asyncio.ensure_future(Updates(supervisor).update(changed, "me"))
        await end(supervisor)
        with pytest.raises(Interrupted):
            await asyncio.wait_for(update, 10)
        close(supervisor)

    run(work, tmp_path)
    gc.collect()
    assert reported == []


def test_a_signal_that_no_keeper_can_send_is_answered(tmp_path: Path) -> None:
    async def work(supervisor: Supervisor, keeper: socket.socket) -> None:
        begin(supervisor)
        supervisor.link.start()
        keeper.close()
        await until(lambda: supervisor.link.lost, "the keeper to be missed")
        parsed = Configuration("/c")
        last_read = LastRead(parsed, lambda fd: None, supervisor.log.warn)
        context = Context(supervisor, lambda: parsed, last_read, Leftovers(supervisor))
        with pytest.raises(RPCError, match="the keeper is gone"):
            await asyncio.wait_for(signal_process(context, Caller("me", "admin"), "g:p0", "HUP"), 10)
        close(supervisor)

    run(work, tmp_path)


@pytest.mark.parametrize("name", ["g:p0", "g:*"])
def test_what_was_to_be_restarted_is_not_started_by_a_supervisor_on_its_way_out(
    tmp_path: Path, name: str
) -> None:
    async def work(supervisor: Supervisor, keeper: socket.socket) -> None:
        begin(supervisor)
        parsed = Configuration("/c")
        last_read = LastRead(parsed, lambda fd: None, supervisor.log.warn)
        context = Context(supervisor, lambda: parsed, last_read, Leftovers(supervisor))
        restart = asyncio.ensure_future(restart_process(context, Caller("me", "admin"), name, True))
        await end(supervisor)
        if name.endswith("*"):
            answers = await asyncio.wait_for(restart, 10)
            assert {answer["status"] for answer in answers} == {Faults.SHUTDOWN_STATE}
        else:
            with pytest.raises(RPCError) as raised:
                await asyncio.wait_for(restart, 10)
            assert raised.value.code == Faults.SHUTDOWN_STATE
        close(supervisor)

    run(work, tmp_path)
