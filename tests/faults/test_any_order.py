"""Operations, deaths of programs, of the daemon and of the keeper in any order: a small model, and the real thing.

Hypothesis chooses the steps and prints those of a run that failed. The model knows of each program whether it is there,
whether it is to run, and what its command is; the process table has to agree.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
import xmlrpc.client
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from supervisor.states import STOPPED_STATES, getProcessStateDescription
from tests.conftest import Supervise
from tests.faults.conftest import MANY, Faults
from tests.faults.test_keeper_killed import kill_both, kill_keeper
from tests.faults.test_kill import served_again
from tests.support.sleepers import sleepers
from tests.support.supervisor import Supervisor
from tests.support.waiting import until

STEPS = 30 if MANY <= 4 else 100
RUNS = 4 * MANY if MANY <= 4 else 5 * MANY
LOOKS = 10
DEATHS = 2 if MANY <= 4 else 5
"""One of so many of the deaths that are chosen does happen."""
DOWN = frozenset(getProcessStateDescription(state) for state in STOPPED_STATES)


@dataclass
class Program:
    """What the model knows. ``once``: it is not started again when it ends. ``version`` is part of its command."""

    name: str
    once: bool
    version: int = 0
    there: bool = True
    runs: bool = True

    @property
    def seconds(self) -> int:
        return 1000 + 100 * self.version + int(self.name[1:])

    def config(self) -> str:
        return (
            f"[program:{self.name}]\ncommand=/bin/sleep {self.seconds}\nstartsecs=0\nstopwaitsecs=5\n"
            f"autorestart={not self.once}\n"
        )


def configured(programs: Iterable[Program]) -> str:
    return "".join(program.config() for program in programs)


class AnyOrder(RuleBasedStateMachine):
    """One supervisord from its start to its end; see the theory above."""

    make: Supervise
    folder: Path
    faults: Faults
    runs = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).runs += 1
        folder = self.folder / str(self.runs)
        folder.mkdir()
        self.programs = {f"p{n}": Program(f"p{n}", once=n >= 4) for n in range(6)}
        self.supervisor: Supervisor = self.make(configured(self.programs.values()), folder=folder)
        self.steps = 0
        self.settle()

    # --- what people do --------------------------------------------------------------------------

    @rule(name=st.sampled_from([f"p{n}" for n in range(6)]))
    def start(self, name: str) -> None:
        program = self.programs[name]
        with contextlib.suppress(xmlrpc.client.Fault):  # already started, or not there
            self.supervisor.rpc.supervisor.startProcess(name)
        program.runs = program.there
        self.step()

    @rule(name=st.sampled_from([f"p{n}" for n in range(6)]))
    def stop(self, name: str) -> None:
        if self.programs[name].there:
            until(lambda: self.stopped(name), f"{name} to be stopped")
        self.programs[name].runs = False
        self.step()

    @rule(name=st.sampled_from([f"p{n}" for n in range(6)]))
    def restart(self, name: str) -> None:
        program = self.programs[name]
        with contextlib.suppress(xmlrpc.client.Fault):
            self.supervisor.rpc.supervisor.restartProcess(name)
        program.runs = program.there
        self.step()

    @rule(name=st.sampled_from([f"p{n}" for n in range(6)]), sig=st.sampled_from(["CONT", "WINCH"]))
    def send(self, name: str, sig: str) -> None:
        with contextlib.suppress(xmlrpc.client.Fault):
            self.supervisor.rpc.supervisor.signalProcess(name, sig)
        self.step()

    @rule(name=st.sampled_from([f"p{n}" for n in range(6)]))
    def update(self, name: str) -> None:
        """Its command changes: it is stopped, and started with the new one."""
        program = self.programs[name]
        program.version += 1
        self.supervisor.configure(configured(self.programs.values()))
        self.supervisor.rpc.supervisor.reloadConfig()
        if program.there:
            self.supervisor.rpc.supervisor.updateProcessGroup(name)
            program.runs = True
        self.step()

    @rule(name=st.sampled_from([f"p{n}" for n in range(6)]))
    def remove(self, name: str) -> None:
        program = self.programs[name]
        if program.there:
            until(lambda: self.stopped(name), f"{name} to be stopped")
            self.supervisor.rpc.supervisor.removeProcessGroup(name)
        program.there = program.runs = False
        self.step()

    @rule(name=st.sampled_from([f"p{n}" for n in range(6)]))
    def add(self, name: str) -> None:
        program = self.programs[name]
        if not program.there:
            self.supervisor.rpc.supervisor.addProcessGroup(name)
            program.there = program.runs = True
        self.step()

    # --- what befalls them -----------------------------------------------------------------------

    @rule(name=st.sampled_from([f"p{n}" for n in range(6)]), sig=st.sampled_from(["KILL", "TERM", "USR1"]))
    def end(self, name: str, sig: str) -> None:
        """The program ends by itself."""
        program = self.programs[name]
        for pid in sleepers(self.supervisor.mark).get(program.seconds, []):
            for one in (signal.Signals[f"SIG{sig}"], signal.SIGCONT):
                with contextlib.suppress(ProcessLookupError):  # reaped, maybe between the two
                    os.kill(pid, one)
            if program.once:
                until(lambda: self.supervisor.state(name) in DOWN, f"{name} to be seen to end")
                program.runs = False
        self.step()

    @rule(number=st.integers(1, DEATHS))
    def daemon_dies(self, number: int) -> None:
        if number > 1:
            return
        self.supervisor.kill_daemon()
        self.faults.recovered(served_again(self.supervisor, time.monotonic()))
        self.faults.injected("daemon killed between operations in any order")
        self.step()

    @rule(number=st.integers(1, 2 * DEATHS))
    def keeper_dies(self, number: int) -> None:
        if number > 1:
            return
        kill_keeper(self.supervisor)
        self.faults.injected("keeper killed between operations in any order")
        self.step()

    @rule(number=st.integers(1, 2 * DEATHS))
    def both_die(self, number: int) -> None:
        if number > 1:
            return
        kill_both(self.supervisor)
        self.supervisor.start()
        self.faults.injected("both killed between operations in any order")
        for program in self.programs.values():  # what does not run is started, as everything is at a start
            program.there = program.runs = True
        self.step()

    # --- what has to be so -----------------------------------------------------------------------

    def stopped(self, name: str) -> bool:
        """Whether it could be stopped; one that waits to be started again after its end is not started any more."""
        try:
            return bool(self.supervisor.rpc.supervisor.stopProcess(name))
        except xmlrpc.client.Fault:
            return self.supervisor.state(name) in DOWN

    def step(self) -> None:
        self.steps += 1
        if self.steps % LOOKS == 0:
            self.settle()

    def settle(self) -> None:
        """What was asked for is so, in the answers and in the process table."""
        last: list[str] = []

        def so() -> bool:
            infos = {info["name"]: info for info in self.supervisor.rpc.supervisor.getAllProcessInfo()}
            there = sleepers(self.supervisor.mark)
            last[:] = [
                f"{program}: {infos.get(name, {}).get('statename')} {infos.get(name, {}).get('pid')}"
                for name, program in self.programs.items()
                if not self.agrees(program, infos.get(name), there.pop(program.seconds, []))
            ]
            return not last and not there

        try:
            until(so, "everything to be as asked for", 30)
        except AssertionError:
            raise AssertionError(f"{last}, there: {sleepers(self.supervisor.mark)}") from None
        self.faults.checked(2 * len(self.programs))  # its state, and who is in the process table

    @staticmethod
    def agrees(program: Program, info: dict[str, object] | None, pids: list[int]) -> bool:
        if info is None or not program.there:
            return info is None and not program.there and not pids
        if program.runs:
            return info["statename"] == "RUNNING" and pids == [info["pid"]]
        return info["statename"] in DOWN and not pids

    def teardown(self) -> None:
        self.settle()
        self.supervisor.finish()
        self.faults.injected("operation in any order", self.steps)


@pytest.mark.timeout(240 * MANY)
def test_any_order(supervise: Supervise, tmp_path: Path, faults: Faults) -> None:
    machine = type(
        "AnyOrderHere", (AnyOrder,), {"make": staticmethod(supervise), "folder": tmp_path, "faults": faults}
    )
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=RUNS,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=MANY == 1,
            database=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )
