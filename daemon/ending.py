"""The end of everything: groups stop one after another, and it is told whom that waits for; must never know why it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from supervisor.states import STOPPED_STATES
from supervisor.states import ProcessStates as S

from .groups import Group
from .machines import process as machine
from .machines.group import descending
from .machines.supervision import GroupToStop, StopPlan
from .mainlog import MainLog
from .process import Process

WAITING_REPORT_S: Final = 3.0


class Ending:
    """``feed`` gives an event to a process's machine; ``over`` is called when all stand still, maybe more than once."""

    def __init__(
        self,
        processes: Mapping[str, Process],
        groups: Mapping[str, Group],
        feed: Callable[[Process, machine.Event], None],
        log: MainLog,
        over: Callable[[], None],
    ) -> None:
        self._processes = processes
        self._groups = groups
        self._feed = feed
        self._log = log
        self._over = over
        self._plan: StopPlan | None = None

    def begin(self, cause: str) -> None:
        """Hold every process, then stop the first group."""
        for process in self._processes.values():
            self._feed(process, machine.Hold())
        self._plan = StopPlan(
            GroupToStop(
                group.name,
                group.priority,
                {process.key for process in group.processes.values() if _to_stop(process)},
            )
            for group in self._groups.values()
        )
        self._report(self._plan)
        self._stop(self._plan, self._plan.begin(), cause)

    def stopped(self, process: Process) -> None:
        """A process stands still, or is not to be waited for."""
        if self._plan is not None:
            self._stop(self._plan, self._plan.stopped(process.config.group, process.key), "shutdown")

    def _stop(self, plan: StopPlan, name: str | None, cause: str) -> None:
        if name is not None:
            for process in descending(self._groups[name].processes.values()):
                if _to_stop(process):
                    self._feed(process, machine.Stop(cause, giving_up=True))
        elif plan.done:
            self._over()

    def _report(self, plan: StopPlan) -> None:
        waiting = plan.waiting()
        if waiting:
            names = ", ".join(self._processes[key].config.name for key in waiting)
            self._log.info(f"waiting for {names} to die")
            asyncio.get_running_loop().call_later(WAITING_REPORT_S, self._report, plan)


def _to_stop(process: Process) -> bool:
    """Whether the end has to stop it: one that could not be signalled before gets its signal once more."""
    m = process.machine
    return m.state not in STOPPED_STATES or (m.state == S.UNKNOWN and m.pid != 0)
