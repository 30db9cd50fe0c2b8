"""The keeper is killed just after a start, or where nobody reaps: nothing is doubled, nothing is stuck."""

from __future__ import annotations

import os
import signal
import sys
import xmlrpc.client

import pytest

from tests.conftest import Supervise
from tests.faults.conftest import Faults
from tests.faults.test_keeper_killed import kill_keeper
from tests.support.processes import alive
from tests.support.sleepers import programs, running
from tests.support.supervisor import Supervisor
from tests.support.tracing import injected, need_strace
from tests.support.waiting import until

NEVER_REAPS = (
    "import ctypes, subprocess, sys, time\n"
    "ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)\n"  # PR_SET_CHILD_SUBREAPER
    "subprocess.Popen(sys.argv[1:])\n"
    "time.sleep(1000)\n"
)


def another_serves(supervisor: Supervisor, before: int) -> bool:
    try:
        return int(supervisor.rpc.supervisor.getPID()) != before
    except (OSError, xmlrpc.client.Error):
        return False


def check_once(supervisor: Supervisor, count: int) -> int:
    """Each program that there is has one process, the one that the supervisor names. How many things were compared."""
    for number in range(count):
        info = supervisor.wait_state(f"p{number}", "RUNNING")
        # told of, it may still be in the middle of its exec, with no command line
        found = until(lambda number=number: running(number, supervisor.mark), f"p{number} to exec")  # type: ignore[misc]
        assert found == [info["pid"]], f"p{number}"
    return 2 * count


def test_killed_before_it_tells_of_a_start(supervise: Supervise, faults: Faults) -> None:
    need_strace()
    supervisor = supervise(programs(1).replace("autorestart=true", "autostart=false"))
    before = supervisor.keeper_pid
    # the first frame that it sends is the answer to the order to start
    with injected(before, "sendmsg", "signal=SIGKILL:when=1"):
        supervisor.rpc.supervisor.startProcess("p0", False)
        until(lambda: not alive(before), "the keeper to die")
    until(lambda: another_serves(supervisor, before), "another keeper and a daemon that serves")
    supervisor.keeper_pid = int(supervisor.rpc.supervisor.getPID())
    assert supervisor.popen is not None
    supervisor.popen.wait(10)
    supervisor.popen = None
    faults.checked(check_once(supervisor, 1))
    faults.injected("keeper killed before it tells of a start")


@pytest.mark.timeout(120)
def test_killed_during_a_mass_start(supervise: Supervise, faults: Faults) -> None:
    count = 50
    supervisor = supervise(programs(count).replace("autorestart=true", "autostart=false"))
    for number in range(count):
        supervisor.rpc.supervisor.startProcess(f"p{number}", False)
    kill_keeper(supervisor)
    faults.checked(check_once(supervisor, count))
    faults.injected("keeper killed during a mass start")


def test_a_program_ends_where_nobody_reaps(supervise: Supervise) -> None:
    supervisor = supervise(programs(1), wrap=(sys.executable, "-c", NEVER_REAPS))
    supervisor.wait_state("p0", "RUNNING")
    before = supervisor.keeper_pid
    os.kill(before, signal.SIGKILL)
    until(lambda: another_serves(supervisor, before), "another keeper and a daemon that serves")
    supervisor.keeper_pid = int(supervisor.rpc.supervisor.getPID())
    supervisor.rpc.supervisor.stopProcess("p0", False)
    supervisor.wait_state("p0", "STOPPED")
    # the one that reaps nobody goes first, and what it left goes to one that does
    assert supervisor.popen is not None
    supervisor.popen.kill()
    supervisor.popen.wait(10)
    supervisor.popen = None
