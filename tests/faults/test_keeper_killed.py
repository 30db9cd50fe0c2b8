"""The keeper is killed: the daemon takes its place; programs, logs, exit codes and the state go on."""

from __future__ import annotations

import os
import signal
import xmlrpc.client
from pathlib import Path

import pytest

from tests.conftest import Supervise
from tests.faults.conftest import MANY, Faults
from tests.support.load import Writers
from tests.support.processes import alive, descriptors
from tests.support.supervisor import Supervisor, child, shell
from tests.support.waiting import until


def kill_keeper(supervisor: Supervisor) -> None:
    """Kill it; back when another one serves."""
    before = supervisor.keeper_pid
    os.kill(before, signal.SIGKILL)

    def served_by_another() -> bool:
        try:
            return int(supervisor.rpc.supervisor.getPID()) != before
        except (OSError, xmlrpc.client.Error):
            return False

    until(served_by_another, "another keeper and a daemon that serves")
    supervisor.keeper_pid = int(supervisor.rpc.supervisor.getPID())
    if supervisor.popen is not None:
        supervisor.popen.wait(10)
        supervisor.popen = None  # the one that lives is no child of ours


def kill_both(supervisor: Supervisor) -> None:
    """Kill keeper and daemon so that neither sees the other die."""
    see_both_die(supervisor, *send_kills(supervisor))


def send_kills(supervisor: Supervisor) -> tuple[int, int]:
    """The pids of keeper and daemon."""
    keeper, daemon = supervisor.keeper_pid, supervisor.daemon_pid()
    for pid in (daemon, keeper):
        os.kill(pid, signal.SIGSTOP)
    for pid in (daemon, keeper):
        os.kill(pid, signal.SIGKILL)
    return keeper, daemon


def see_both_die(supervisor: Supervisor, keeper: int, daemon: int) -> None:
    until(lambda: not alive(keeper) and not alive(daemon), f"keeper {keeper} and daemon {daemon} to die")
    if supervisor.popen is not None:
        supervisor.popen.wait(10)


@pytest.mark.timeout(120 * MANY)
def test_programs_and_logs_go_on_and_no_line_is_lost(
    supervise: Supervise, tmp_path: Path, faults: Faults
) -> None:
    writers = Writers(tmp_path, 3, maxbytes=20_000, burst_bytes=4_000, pause_s=0.02)
    supervisor = supervise(writers.config())
    names = [info["name"] for info in supervisor.rpc.supervisor.getAllProcessInfo()]
    before = {name: supervisor.wait_state(name, "RUNNING")["pid"] for name in names}
    kills = 2 * MANY
    for _ in range(kills):
        kill_keeper(supervisor)
        assert {name: supervisor.info(name)["pid"] for name in names} == before
    assert all(alive(pid) for pid in before.values())
    faults.checked(writers.check(supervisor))
    faults.injected("keeper killed under load", kills)


def test_a_program_that_ends_then_is_started_again_and_its_status_is_known(
    supervise: Supervise, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    supervisor = supervise(
        f"[program:a]\ncommand={shell(f'while ! test -e {go}; do sleep 0.05; done; rm {go}; exit 7')}\n"
        "startsecs=0\n[program:b]\ncommand=/bin/sleep 1000\nstartsecs=0\n"
    )
    first = supervisor.wait_state("a", "RUNNING")["pid"]
    kill_keeper(supervisor)
    go.touch()
    until(lambda: supervisor.info("a")["pid"] not in (0, first), "a to be started again", 30)
    supervisor.wait_log("a (exit status 7; not expected)")
    second = supervisor.info("b")["pid"]
    supervisor.rpc.supervisor.stopProcess("b")
    assert not alive(second) and supervisor.state("b") == "STOPPED"
    supervisor.rpc.supervisor.startProcess("b")
    assert supervisor.state("b") == "RUNNING"


def test_the_pidfile_and_signals_are_those_of_the_new_keeper(supervise: Supervise) -> None:
    supervisor = supervise(f"[program:a]\ncommand={child('talk', 'a')}\nstartsecs=0\n")
    program = supervisor.wait_state("a", "RUNNING")["pid"]
    kill_keeper(supervisor)
    pidfile = supervisor.folder / "pid"
    until(lambda: pidfile.read_text().strip() == str(supervisor.keeper_pid), "the new pid in the pidfile")
    supervisor.kill_daemon()
    supervisor.wait_ready()
    assert supervisor.info("a")["pid"] == program
    os.kill(supervisor.keeper_pid, signal.SIGTERM)
    until(lambda: not alive(supervisor.keeper_pid) and not alive(program), "everything to end", 30)
    assert not pidfile.exists()


def test_a_program_that_closed_its_outputs_is_kept(supervise: Supervise) -> None:
    supervisor = supervise(
        f"[program:a]\ncommand={shell('exec >&- 2>&-; while :; do sleep 0.1; done')}\nstartsecs=0\n"
    )
    pid = supervisor.wait_state("a", "RUNNING")["pid"]
    until(lambda: descriptors(supervisor.daemon_pid())["pipe"] == 0, "its outputs to be at their end")
    kill_keeper(supervisor)
    assert supervisor.info("a")["pid"] == pid
