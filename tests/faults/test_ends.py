"""The end of all while programs are in each of their states, and while there is no CPU to be had."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Callable, Iterator

import pytest

from tests.conftest import Supervise
from tests.faults.conftest import Faults, only_many
from tests.faults.test_kill import served_again
from tests.support.processes import alive, end, marked
from tests.support.supervisor import Supervisor, shell
from tests.support.waiting import until

DEAF_S = 2
STATES = (
    "[program:starting]\ncommand=/bin/sleep 1000\nstartsecs=1000\n"
    "[program:backoff]\ncommand=/bin/false\nstartretries=1000\n"
    "[program:fatal]\ncommand=/bin/false\nstartretries=0\n"
    "[program:exited]\ncommand=/bin/true\nautorestart=false\nstartsecs=0\n"
    "[program:again]\ncommand=/bin/true\nautorestart=true\nstartsecs=0\n"
    "[program:running]\ncommand=/bin/sleep 1000\nstartsecs=0\n"
    f"[program:stopping]\ncommand={shell('trap : TERM; while :; do sleep 0.1; done')}\nstartsecs=0\n"
    f"stopwaitsecs={DEAF_S}\n"
)


def in_all_states(supervisor: Supervisor) -> None:
    for name, state in (
        ("starting", "STARTING"),
        ("fatal", "FATAL"),
        ("exited", "EXITED"),
        ("running", "RUNNING"),
    ):
        supervisor.wait_state(name, state)
    supervisor.wait_state("backoff", "BACKOFF")
    supervisor.wait_state("stopping", "RUNNING")
    supervisor.rpc.supervisor.stopProcess("stopping", False)
    assert supervisor.state("stopping") == "STOPPING"


def by_signal(supervisor: Supervisor) -> None:
    os.kill(supervisor.keeper_pid, signal.SIGTERM)


def by_call(supervisor: Supervisor) -> None:
    supervisor.rpc.supervisor.shutdown()


def by_two_and_a_death(supervisor: Supervisor) -> None:
    os.kill(supervisor.keeper_pid, signal.SIGHUP)
    os.kill(supervisor.keeper_pid, signal.SIGTERM)
    supervisor.wait_log("received SIGTERM")
    supervisor.kill_daemon()


@pytest.mark.parametrize("ended", [by_signal, by_call, by_two_and_a_death])
def test_it_ends_from_every_state(
    supervise: Supervise, faults: Faults, ended: Callable[[Supervisor], None]
) -> None:
    supervisor = supervise(STATES)
    in_all_states(supervisor)
    begin = time.monotonic()
    ended(supervisor)
    assert supervisor.wait_end() == 0
    print(f"ended within {time.monotonic() - begin:.1f} s, {DEAF_S} s of it for one that is deaf")
    until(lambda: not marked(supervisor.mark), "all to be gone")
    faults.injected("an end while programs are in each of their states")


def test_it_begins_again_from_every_state(supervise: Supervise, faults: Faults) -> None:
    supervisor = supervise(STATES)
    in_all_states(supervisor)
    before = supervisor.info("running")["pid"]
    supervisor.rpc.supervisor.restart()

    def anew() -> bool:
        with contextlib.suppress(OSError, xmlrpc.client.Error):
            return int(supervisor.info("running")["pid"]) not in (0, before)
        return False

    until(anew, "the next life", 30.0)
    assert not alive(before)
    in_all_states(supervisor)
    faults.injected("a reload while programs are in each of their states")


@contextlib.contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that do nothing but take time."""
    burners = [subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        end([burner.pid for burner in burners])
        for burner in burners:
            burner.wait()


@only_many
@pytest.mark.timeout(240)
def test_no_cpu_to_be_had(supervise: Supervise, faults: Faults) -> None:
    """The watchdog does not take a daemon that is slow for one that hangs; what is due by the clock is done."""
    supervisor = supervise(
        "[program:slow]\ncommand=/bin/sleep 1000\nautostart=false\nstartsecs=3\n"
        f"[program:deaf]\ncommand={shell('trap : TERM; while :; do sleep 0.1; done')}\nstartsecs=0\nstopwaitsecs=3\n"
    )
    daemon = supervisor.daemon_pid()
    with busy(16):
        begin = time.monotonic()
        supervisor.rpc.supervisor.startProcess("slow")
        started = time.monotonic() - begin
        supervisor.wait_state("deaf", "RUNNING")
        begin = time.monotonic()
        supervisor.rpc.supervisor.stopProcess("deaf")
        stopped = time.monotonic() - begin
        print(f"3 s took {started:.1f} s and {stopped:.1f} s")
        assert started >= 3 and stopped >= 3
        time.sleep(15)  # longer than a daemon may be silent
        served_again(supervisor, time.monotonic())
    assert supervisor.daemon_pid() == daemon
    assert "did not answer" not in supervisor.stderr()
    assert "degraded" not in supervisor.log()
    faults.injected("sixteen processes take all the CPU")
