"""Processes that SIGKILL does not end, since they wait in the kernel for what does not come; must never know clients.

A disk or a network file system that hangs keeps a process in uninterruptible sleep. It stays STOPPING, and is sent
SIGKILL again and again, until the system lets go of it; its trouble says for what it waits. A shutdown does not wait for
it: what is still stuck at the second look counts as stopped, is named, and stands in the file beside the pidfile, so that
the next supervisord takes it over and starts no second one.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

from supervisor.states import ProcessStates as S
from supervisor.states import SupervisorStates

from .descendants import deaf_in
from .loop import Supervisor
from .process import Process

LOOK_S: Final = 2.0


class StuckProcesses:
    """Is told of each SIGKILL, and looks some time later whether it was of use."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._loop = asyncio.get_running_loop()
        self._looks: dict[str, asyncio.TimerHandle] = {}
        supervisor.on_killed = self._killed

    def _killed(self, process: Process) -> None:
        if process.key not in self._looks:
            look = partial(self._look, process, process.machine.gen)
            self._looks[process.key] = self._loop.call_later(LOOK_S, look)

    def _look(self, process: Process, gen: int) -> None:
        del self._looks[process.key]
        stops = process.machine.gen == gen and process.machine.state == S.STOPPING
        where = deaf_in(process.machine.pid) if stops else ""
        again, before = bool(process.stuck), process.stuck
        process.stuck = f"does not end by SIGKILL, it waits in the kernel ({where})" if where else ""
        if process.stuck != before:
            self._supervisor.trouble_changed(process)
        if not where:
            return
        if again and self._supervisor.mood == SupervisorStates.SHUTDOWN:
            self._supervisor.log.critical(
                f"not waiting for {process.config.name} (pid {process.machine.pid}), which {process.stuck}"
            )
            self._supervisor.count_as_stopped(process)
        else:
            self._killed(process)
