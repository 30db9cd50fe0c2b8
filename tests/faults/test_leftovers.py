"""Programs that leave their process group: a stop ends all of it where that is asked for, and names it where not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Supervise
from tests.faults.conftest import Faults
from tests.faults.test_keeper_killed import kill_keeper
from tests.support.processes import alive, end, status
from tests.support.supervisor import Supervisor, child, shell
from tests.support.waiting import until

WAYS = ("child", "setsid", "daemon", "bare")


def scatter(folder: Path, *ways: str, name: str = "a", options: str = "") -> str:
    return (
        f"[program:{name}]\ncommand={child('scatter', folder / f'{name}.pids', *ways)}\n"
        f"startsecs=0\nautorestart=false\nstopwaitsecs=2\n{options}\n"
    )


def scattered(folder: Path, count: int, name: str = "a") -> list[int]:
    """The pids of what a program has started, once all are there."""
    path = folder / f"{name}.pids"
    until(lambda: path.exists() and len(path.read_text().split()) == count, "all to be there")
    return [int(word) for word in path.read_text().split()]


def left(supervisor: Supervisor) -> list[int]:
    return sorted(found["pid"] for found in supervisor.rpc.supervisor.getLeftBehind())


def test_what_is_left_is_named_and_not_touched(supervise: Supervise, tmp_path: Path, faults: Faults) -> None:
    supervisor = supervise(
        f"[supervisorctl]\nserverurl=unix://{tmp_path}/s\n"
        + scatter(tmp_path, *WAYS)
        + "[program:b]\ncommand=/bin/sleep 1000\nstartsecs=0\n"
    )
    pids = scattered(tmp_path, len(WAYS))
    done = supervisor.ctl("stop", "a", "b")
    assert done.stdout == "a: stopped\nb: stopped\n"
    assert done.stderr.startswith("a left behind: ") and done.stderr.count("\n") == 1
    assert all(f"{pid} (" in done.stderr for pid in pids), (pids, done.stderr)
    supervisor.wait_log("'a' left 4 processes behind: ")
    assert all(alive(pid) for pid in pids)
    assert left(supervisor) == sorted(pids)
    assert "a left 4 processes behind" in supervisor.ctl("status").stderr
    assert "left 4 processes behind" in supervisor.ctl("why", "a").stdout
    supervisor.kill_daemon()
    supervisor.wait_ready()
    end(pids[1:])  # the first one has no names, and whose it was the next daemon does not know
    until(lambda: set(left(supervisor)) <= {pids[0]}, "the others to be gone")
    end(pids)
    until(lambda: not left(supervisor), "nothing to be left")
    assert supervisor.ctl("status").stderr == ""
    faults.injected("a program leaves its process group, and is stopped", len(WAYS))


def test_what_dies_with_its_program_is_not_named(supervise: Supervise, tmp_path: Path) -> None:
    supervisor = supervise(scatter(tmp_path, "child", "child", options="stopasgroup=true"))
    pids = scattered(tmp_path, 2)
    supervisor.rpc.supervisor.stopProcess("a")
    assert left(supervisor) == []
    assert not any(alive(pid) for pid in pids)
    assert "behind" not in supervisor.log()


def test_what_is_left_is_no_trouble_any_more_once_it_ends_or_the_program_starts(
    supervise: Supervise, tmp_path: Path
) -> None:
    supervisor = supervise(scatter(tmp_path, "setsid"))
    (pid,) = scattered(tmp_path, 1)
    supervisor.rpc.supervisor.stopProcess("a")
    assert left(supervisor) == [pid]
    supervisor.rpc.supervisor.startProcess("a")
    assert left(supervisor) == []
    pids = scattered(tmp_path, 2)
    supervisor.rpc.supervisor.stopProcess("a")
    assert left(supervisor) == sorted(pids), "the one of the first start is there, too"
    end(pids)


@pytest.mark.parametrize("stubborn", [False, True])
def test_stopastree_leaves_nothing(
    supervise: Supervise, tmp_path: Path, faults: Faults, stubborn: bool
) -> None:
    ways = (*WAYS, "--") if stubborn else WAYS
    supervisor = supervise(
        scatter(tmp_path, *ways, options="stopastree=true")
        + scatter(tmp_path, "daemon", name="b", options="stopastree=true")
    )
    pids, others = scattered(tmp_path, len(WAYS)), scattered(tmp_path, 1, "b")
    supervisor.rpc.supervisor.stopProcess("a")
    assert supervisor.state("a") == "STOPPED"
    assert not any(alive(pid) for pid in pids), "something is left, and the stop is over"
    assert left(supervisor) == []
    assert alive(others[0]) and supervisor.state("b") == "RUNNING"
    assert ("with SIGKILL" in supervisor.log()) == stubborn
    faults.injected("a program leaves its process group, and is stopped", len(WAYS))


def test_stopastree_over_a_kill_of_the_daemon(supervise: Supervise, tmp_path: Path) -> None:
    supervisor = supervise(scatter(tmp_path, "setsid", "daemon", "--", options="stopastree=true"))
    pids = scattered(tmp_path, 2)
    supervisor.rpc.supervisor.stopProcess("a", False)
    supervisor.wait_log("has ended, not yet: ")
    supervisor.kill_daemon()
    supervisor.wait_ready()
    supervisor.wait_state("a", "STOPPED")
    assert not any(alive(pid) for pid in pids)


def test_of_programs_that_outlived_their_keeper(supervise: Supervise, tmp_path: Path) -> None:
    supervisor = supervise(
        scatter(tmp_path, "setsid", "daemon")
        + scatter(tmp_path, "daemon", name="b", options="stopastree=true")
    )
    pids, others = scattered(tmp_path, 2), scattered(tmp_path, 1, "b")
    kill_keeper(supervisor)
    supervisor.rpc.supervisor.stopAllProcesses()
    assert left(supervisor) == sorted(pids)
    assert not alive(others[0])
    end(pids)


RELAY = """\
import os, time
end = time.monotonic() + 60
for _ in range(8):
    if os.fork() == 0:
        while time.monotonic() < end and os.fork() == 0:
            os.setsid()
            time.sleep(0.4)
        os._exit(0)
time.sleep(1000)
"""
"""Eight processes, each of which hands over to a child in a session of its own again and again, and ends."""


def test_processes_that_run_away_are_caught(supervise: Supervise, tmp_path: Path, faults: Faults) -> None:
    (tmp_path / "relay.py").write_text(RELAY)
    supervisor = supervise(
        f"[program:a]\ncommand={sys.executable} -S -E {tmp_path}/relay.py\nstartsecs=0\nautorestart=false\n"
        "stopwaitsecs=1\nstopastree=true\n[program:b]\ncommand=/bin/sleep 1000\nstartsecs=0\n"
    )
    other = supervisor.wait_state("b", "RUNNING")["pid"]
    supervisor.wait_log("reaped unknown pid", 40)
    supervisor.rpc.supervisor.stopProcess("a")
    assert left(supervisor) == []
    done = subprocess.run(["pgrep", "-f", f"{tmp_path}/relay.py"], capture_output=True, check=False)
    assert not done.stdout
    assert alive(other)
    faults.injected("a program whose processes run away is stopped")


def test_a_program_that_puts_itself_into_the_background_is_told_of(
    supervise: Supervise, tmp_path: Path
) -> None:
    supervisor = supervise(
        f"[program:a]\ncommand={shell(f'setsid sleep 1000 & echo $! > {tmp_path}/a.pids')}\nstartretries=0\n"
    )
    supervisor.wait_state("a", "FATAL")
    (pid,) = scattered(tmp_path, 1)
    supervisor.wait_log(f"'a' left 1 process behind: {pid} (")
    assert int(status(pid)["PPid"]) == supervisor.keeper_pid
    os.kill(pid, signal.SIGKILL)
    until(lambda: not alive(pid), "it to be reaped")
