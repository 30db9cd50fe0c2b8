"""Active groups brought to a new definition, touching only what changed; must never know who asked.

``supervisor.config.diff`` says what is to be done, the machines do it; here is the order,
and what the next daemon must know to go on. Before the first step the whole target goes
to the journal, with the names of those that are to run in the end; each step goes there
when it is done; then the end of it. A daemon that finds a target without an end compares
it with what is there now and does the rest. So a daemon may die between any two steps:
no process is forgotten, none is left half way between two definitions.

A member that is replaced keeps its generation count (``Supervisor.replace_process``). It
is started exactly when it still stands as it was put there, so that a rest that is done
again starts nothing that somebody stopped meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from supervisor.config.diff import GroupStep, Step, plan_group
from supervisor.config.model import GroupConfig, ProcessConfig, encode
from supervisor.states import RUNNING_STATES, STOPPED_STATES, SupervisorStates
from supervisor.states import ProcessStates as S

from .loop import Supervisor
from .machines import process as machine
from .process import Process

T = TypeVar("T")

REPLACED: Final = "configuration updated"
"""Cause of a process that was put in another's place and not started yet."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a group is to become. ``start``: names of the members that are to run then; ``by``: who asked."""

    config: GroupConfig
    start: tuple[str, ...]
    by: str

    def entry(self) -> dict[str, Any]:
        """What the journal says of it."""
        return {"update": encode(self.config), "start": list(self.start), "by": self.by}


@dataclass(slots=True)
class Report:
    """What was done, by name of process. ``problems``: a line each for what could not be done."""

    stopped: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class Interrupted(Exception):
    """The supervisor is on its way out, or the group was taken away: nothing more is to be done."""


class Updates:
    """One update at a time for each group; later ones wait."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._running: dict[str, asyncio.Task[Report]] = {}
        self._targets: dict[str, Target] = {}

    def entries(self) -> list[dict[str, Any]]:
        """What the journal says of those under way."""
        return [target.entry() for target in self._targets.values()]

    def busy(self, name: str) -> bool:
        """Whether the group is being updated."""
        return name in self._running

    async def update(self, config: GroupConfig, by: str) -> Report:
        """Bring an active group to ``config``. Goes on when the one who waits for it does not.

        Raises Interrupted.
        """
        while (other := self._running.get(config.name)) is not None:
            await asyncio.wait([other])
        group = self._supervisor.groups.get(config.name)
        if group is None:
            raise Interrupted
        step = plan_group(group.config, config)
        if step.step is Step.KEEP:
            return Report(kept=[process.name for process in config.processes])
        target = Target(config, tuple(self._to_start(group.processes, config, step)), by)
        self._supervisor.journal.append(target.entry())
        return await asyncio.shield(self._begin(target))

    def resume(self, targets: Iterable[Target]) -> None:
        """Do the rest of what an earlier daemon began."""
        for target in targets:
            self._supervisor.log.info(f"going on with the update of {target.config.name}")
            self._begin(target)

    def _begin(self, target: Target) -> asyncio.Task[Report]:
        name = target.config.name
        task = asyncio.get_running_loop().create_task(_Update(self._supervisor, target).run())
        self._running[name] = task
        self._targets[name] = target
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Report]) -> None:
        """Forget it; what went wrong is told here, since maybe nobody waits for it any more."""
        for name in [name for name, running in self._running.items() if running is task]:
            del self._running[name], self._targets[name]
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, Interrupted):
            task.get_loop().call_exception_handler({"message": "update failed", "exception": error})

    @staticmethod
    def _to_start(members: dict[str, Process], config: GroupConfig, step: GroupStep) -> Iterable[str]:
        steps = {process.name: process.step for process in step.processes}
        for process in config.processes:
            if steps[process.name] is Step.ADD and process.autostart:
                yield process.name
            elif steps[process.name] is Step.CHANGE:
                running = members[process.name].machine.state in RUNNING_STATES
                if running or process.autostart:
                    yield process.name


async def _all(work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """The results of all, once all are done; raises the first exception among them."""
    results: list[T] = []
    failed: list[BaseException] = []
    for result in await asyncio.gather(*work, return_exceptions=True):
        if isinstance(result, BaseException):
            failed.append(result)
        else:
            results.append(result)
    for error in failed:
        raise error
    return results


class _Update:
    """One update of one group, from the journal's entry to its end."""

    def __init__(self, supervisor: Supervisor, target: Target) -> None:
        self._supervisor = supervisor
        self._target = target
        self._config = target.config
        self._name = target.config.name
        self._report = Report()

    async def run(self) -> Report:
        """Raises Interrupted."""
        self._check_mood()
        group = self._supervisor.groups.get(self._name)
        step = None if group is None else plan_group(group.config, self._config)
        try:
            if step is None or step.whole:
                await self._whole()
            else:
                await self._members(step)
        except Interrupted:
            self._supervisor.journal.append({"updated": self._name})
            raise
        self._supervisor.journal.append({"updated": self._name})
        for problem in self._report.problems:
            self._supervisor.log.error(f"update of {self._name}: {problem}")
        return self._report

    def _check_mood(self) -> None:
        if self._supervisor.mood != SupervisorStates.RUNNING:
            raise Interrupted

    # --- member by member ----------------------------------------------------------------------------

    async def _members(self, step: GroupStep) -> None:
        group = self._supervisor.groups[self._name]
        wanted = {process.name: process for process in self._config.processes}
        work = []
        for process_step in step.processes:
            name = process_step.name
            if process_step.step is Step.KEEP:
                self._report.kept.append(name)
            elif process_step.step is Step.CHANGE:
                work.append(self._replace(group.processes[name], wanted[name]))
            elif process_step.step is Step.REMOVE:
                work.append(self._remove(group.processes[name]))
            else:
                self._add(wanted[name])
        await _all(work)
        self._check_mood()
        if [p.name for p in group.config.processes] != list(
            wanted
        ) or group.priority != self._config.priority:
            self._supervisor.regroup(self._config)
        for name in self._target.start:  # what an earlier daemon put in place and did not start
            process = group.processes.get(name)
            if process is not None:
                self._start(process)

    async def _replace(self, process: Process, config: ProcessConfig) -> None:
        if not await self._stop(process):
            return
        try:
            fresh = self._supervisor.replace_process(process, config, REPLACED)
        except OSError as error:
            self._report.problems.append(f"cannot change {config.name}: {error}")
            if config.name in self._report.stopped:
                self._supervisor.feed(process, machine.Start(self._cause("started again")))
            return
        self._report.changed.append(config.name)
        if config.name in self._target.start:
            self._start(fresh)

    async def _remove(self, process: Process) -> None:
        if await self._stop(process):
            self._supervisor.remove_process(process)
            self._report.removed.append(process.config.name)

    def _add(self, config: ProcessConfig) -> None:
        try:
            process = self._supervisor.add_process(config)
        except OSError as error:
            self._report.problems.append(f"cannot add {config.name}: {error}")
            return
        self._report.added.append(config.name)
        if config.name in self._target.start:
            self._start(process)

    # --- the group as a whole ------------------------------------------------------------------------

    async def _whole(self) -> None:
        """Stop all, take the old group away, put the new one there; the group may be gone already."""
        supervisor = self._supervisor
        group = supervisor.groups.get(self._name)
        if group is not None:
            if not all(await _all([self._stop(process) for process in group.processes.values()])):
                return
            before = set(group.processes)
            supervisor.remove_group(self._name)
        else:
            before = set()
        after = {process.name for process in self._config.processes}
        try:
            group = supervisor.add_group(self._config)
        except OSError as error:
            self._report.problems.append(
                f"the group is not active any more, it cannot be added again: {error}"
            )
            return
        self._report.removed += sorted(before - after)
        self._report.changed += sorted(before & after)
        self._report.added += sorted(after - before)
        for name in self._target.start:
            process = group.processes.get(name)
            if process is not None and process.machine.gen == 0:
                supervisor.feed(process, machine.Start(self._cause("started")))

    # --- one process ---------------------------------------------------------------------------------

    async def _stop(self, process: Process) -> bool:
        """Whether the process stands still now, whatever others asked of it meanwhile. Raises Interrupted."""
        was_running = process.machine.state not in STOPPED_STATES
        while process.machine.state not in STOPPED_STATES:
            await self._stop_once(process)
            self._check_mood()
        if not self._supervisor.is_known(process):
            raise Interrupted
        if process.machine.state == S.UNKNOWN:
            self._report.problems.append(f"cannot stop {process.config.name}: {process.machine.spawnerr}")
            return False
        if was_running:
            self._report.stopped.append(process.config.name)
        return True

    async def _stop_once(self, process: Process) -> None:
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def observe(transition: machine.Transition) -> None:
            if not ended.done() and transition.new in STOPPED_STATES:
                ended.set_result(None)

        with process.observed(observe):
            if process.machine.state in RUNNING_STATES:
                self._supervisor.feed(process, machine.Stop(self._cause("stopped")))
            await ended

    def _start(self, process: Process) -> None:
        if process.machine.state == S.STOPPED and self._fresh(process):
            self._supervisor.feed(process, machine.Start(self._cause("started")))

    @staticmethod
    def _fresh(process: Process) -> bool:
        """Whether it stands as it was put there: replaced, or added and never started."""
        return process.machine.cause == REPLACED or process.machine.gen == 0

    def _cause(self, verb: str) -> str:
        return f"{verb} by update, {self._target.by}"
