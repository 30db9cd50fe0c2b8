"""Signals at the worst moment."""

from __future__ import annotations

import os
import signal
import xmlrpc.client

import pytest

from tests.conftest import Supervise
from tests.support.processes import alive
from tests.support.supervisor import shell
from tests.support.tracing import injected, need_strace
from tests.support.waiting import until


def test_a_stop_between_fork_and_exec_hits_the_program_alone(supervise: Supervise) -> None:
    """A child that has not yet become its program must not pass its signals on to the keeper."""
    need_strace()
    supervisor = supervise(
        "[program:a]\ncommand=/bin/sleep 1000\nautostart=false\nautorestart=false\nstartsecs=60\n"
    )
    with injected(supervisor.keeper_pid, "execve", "delay_enter=200000", "-f"):
        for _ in range(3):
            supervisor.rpc.supervisor.startProcess("a", False)
            supervisor.wait_log("spawned: 'a'")
            assert supervisor.rpc.supervisor.stopProcess("a") is True
    log = supervisor.log()
    assert "received SIGTERM" not in log
    assert log.count("stopped: a (terminated by SIGTERM)") == 3


def test_programs_begin_with_default_signals(supervise: Supervise) -> None:
    supervisor = supervise("[program:a]\ncommand=/bin/sleep 1000\nstartsecs=0\n")
    pid = supervisor.wait_state("a", "RUNNING")["pid"]
    until(lambda: os.readlink(f"/proc/{pid}/exe").endswith("sleep"), "the exec")
    with open(f"/proc/{pid}/status") as file:
        lines = dict(line.split(":\t") for line in file.read().splitlines() if line.startswith("Sig"))
    assert int(lines["SigBlk"], 16) == 0
    ignored = [n for n in range(1, 32) if int(lines["SigIgn"], 16) >> (n - 1) & 1]
    assert not ignored, [signal.Signals(n).name for n in ignored]


def test_term_in_the_gap_ends_all_in_order(supervise: Supervise) -> None:
    """SIGTERM while no daemon serves is not lost, and is not more than a shutdown."""
    supervisor = supervise(f"[program:a]\ncommand={shell('trap exit TERM; while :; do sleep 0.05; done')}\n")
    supervisor.wait_state("a", "RUNNING")
    supervisor.kill_daemon()
    os.kill(supervisor.keeper_pid, signal.SIGTERM)
    assert supervisor.wait_end() == 0


def test_term_that_the_daemon_dies_over_is_told_to_the_next(supervise: Supervise) -> None:
    supervisor = supervise(f"[program:a]\ncommand={shell('trap exit TERM; while :; do sleep 0.05; done')}\n")
    supervisor.wait_state("a", "RUNNING")
    pid = supervisor.daemon_pid()
    os.kill(pid, signal.SIGSTOP)  # so that the keeper hands the signal to a daemon that never reads it
    os.kill(supervisor.keeper_pid, signal.SIGTERM)
    until(
        lambda: supervisor.keeper_pid and _delivered(supervisor.keeper_pid), "the keeper to take the signal"
    )
    os.kill(pid, signal.SIGKILL)
    until(lambda: not alive(pid), "the daemon to die")
    assert supervisor.wait_end() == 0


def _delivered(pid: int) -> bool:
    """Whether a process has taken its pending signals and sleeps again."""
    with open(f"/proc/{pid}/status") as file:
        lines = dict(line.split(":\t", 1) for line in file.read().splitlines() if ":\t" in line)
    return int(lines["ShdPnd"], 16) == 0 and lines["State"].startswith("S")


def test_one_that_could_not_be_signalled_is_stopped_at_the_end(supervise: Supervise) -> None:
    need_strace()
    supervisor = supervise("[program:a]\ncommand=/bin/sleep 1000\nstartsecs=0\n")
    pid = supervisor.wait_state("a", "RUNNING")["pid"]
    with (
        injected(supervisor.keeper_pid, "kill,pidfd_send_signal", "error=EPERM"),
        pytest.raises(xmlrpc.client.Fault, match="cannot signal: EPERM"),
    ):
        supervisor.rpc.supervisor.stopProcess("a")
    assert supervisor.state("a") == "UNKNOWN" and alive(pid)
    assert supervisor.shutdown() == 0
    assert not alive(pid)
    assert "stopped: a (terminated by SIGTERM)" in supervisor.log()
