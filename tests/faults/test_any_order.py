"""Operations, deaths of programs, of the daemon and of the keeper in any order: nothing is doubled, forgotten or stuck."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
import xmlrpc.client
from pathlib import Path

import pytest

from tests.conftest import Supervise
from tests.faults.conftest import MANY, Faults
from tests.faults.test_keeper_killed import kill_both, kill_keeper
from tests.faults.test_kill import served_again
from tests.support.processes import alive
from tests.support.supervisor import Supervisor
from tests.support.waiting import until

STEPS = 60 * MANY if MANY <= 4 else 500 * MANY
KILLS, LOOKS = (1.0, 10) if MANY <= 4 else (0.25, 40)
"""Of the kills of daemon or keeper that the dice choose, the share that is done; steps between two looks at it all."""
NAMES = [f"p{n}" for n in range(6)]


def programs(count: int) -> str:
    return "".join(
        f"[program:p{n}]\ncommand=/bin/sleep {1000 + n}\nstartsecs=0\nautorestart=true\nstopwaitsecs=5\n"
        for n in range(count)
    )


def running(number: int, mark: str) -> list[int]:
    """Pids of the sleepers of one program, found without asking the supervisor."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            command = Path(f"/proc/{name}/cmdline").read_bytes()
            if command == f"/bin/sleep\0{1000 + number}\0".encode():
                environ = Path(f"/proc/{name}/environ").read_bytes()
                state = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[0]
                if mark.encode() in environ and state != "Z":
                    found.append(int(name))
    return found


def stopped(supervisor: Supervisor, name: str) -> bool:
    """Whether it could be stopped; one that waits to be started again after its end is not started any more."""
    try:
        return bool(supervisor.rpc.supervisor.stopProcess(name))
    except xmlrpc.client.Fault:
        return supervisor.state(name) in ("STOPPED", "EXITED")


@pytest.mark.timeout(240 * MANY)
def test_any_order(supervise: Supervise, faults: Faults) -> None:
    supervisor = supervise(programs(len(NAMES)))
    rpc = supervisor.rpc.supervisor
    seed = int(os.environ.get("FAULTS_SEED", "7"))
    dice = random.Random(seed)
    wanted = dict.fromkeys(NAMES, True)
    for step in range(STEPS):
        name = dice.choice(NAMES)
        act = dice.choice(
            ("start", "stop", "restart", "signal", "crash", "daemon", "update", "keeper", "crash", "stop")
        )
        if act in ("daemon", "keeper") and dice.random() >= KILLS:
            act = "signal"
        with contextlib.suppress(xmlrpc.client.Fault):  # already started, not running: either is right
            if act == "start":
                wanted[name] = True
                rpc.startProcess(name)
            elif act == "stop":
                wanted[name] = False
                until(lambda name=name: stopped(supervisor, name), f"{name} to be stopped")  # type: ignore[misc]
            elif act == "restart":
                wanted[name] = True
                rpc.restartProcess(name)
            elif act == "signal":
                rpc.signalProcess(name, "CONT")
            elif act == "update":
                rpc.reloadConfig()
        if act == "crash":
            pid = supervisor.info(name)["pid"]
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        elif act == "daemon":
            supervisor.kill_daemon()
            faults.recovered(served_again(supervisor, time.monotonic()))
            faults.injected("daemon killed between operations in any order")
        elif act == "keeper" and step % 3 == 0:
            kill_keeper(supervisor)
            faults.injected("keeper killed between operations in any order")
        elif act == "keeper" and step % 3 == 1:
            kill_both(supervisor)
            supervisor.start()
            faults.injected("both killed between operations in any order")
            # what nobody asked to stop and ended with nobody there is started like everything else
            wanted = dict.fromkeys(NAMES, True)
        if step % LOOKS == LOOKS - 1:
            settle(supervisor, wanted, f"seed {seed}, step {step}, {act} {name}")
    settle(supervisor, wanted, f"seed {seed}, the end")
    faults.injected("operation in any order", STEPS)


def settle(supervisor: Supervisor, wanted: dict[str, bool], where: str) -> None:
    """What was asked for is so, in the answers and in the process table."""

    def so() -> bool:
        for number, name in enumerate(NAMES):
            info = supervisor.info(name)
            pids = running(number, supervisor.mark)
            if wanted[name] and (info["statename"] != "RUNNING" or pids != [info["pid"]]):
                return False
            if not wanted[name] and (info["statename"] not in ("STOPPED", "EXITED") or pids):
                return False
        return True

    def report() -> str:
        return "; ".join(
            f"{name} wanted {wanted[name]}: {supervisor.info(name)['statename']} {supervisor.info(name)['pid']}, "
            f"there {running(number, supervisor.mark)}"
            for number, name in enumerate(NAMES)
        )

    try:
        until(so, "everything to be as asked for", 30)
    except AssertionError:
        raise AssertionError(f"{where}: {report()}") from None
    assert all(alive(pid) for number in range(len(NAMES)) for pid in running(number, supervisor.mark))
