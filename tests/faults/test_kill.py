"""Kill the daemon, and nothing happens."""

from __future__ import annotations

import contextlib
import random
import statistics
import time
import xmlrpc.client
from pathlib import Path

import pytest

from tests.conftest import Supervise
from tests.faults.conftest import MANY, Faults
from tests.faults.test_keeper_killed import kill_keeper
from tests.support.load import Follower, Writers
from tests.support.processes import alive
from tests.support.supervisor import Supervisor, child
from tests.support.waiting import until

KILLS = 30 if MANY == 1 else 50 * MANY


def served_again(supervisor: Supervisor, since: float) -> float:
    """Seconds until RPC answers."""

    def answers() -> bool:
        with contextlib.suppress(OSError, xmlrpc.client.Error):
            return bool(supervisor.rpc.supervisor.getAPIVersion())
        return False

    until(answers, "the next daemon to serve", 10.0, 0.002)
    return time.monotonic() - since


@pytest.mark.timeout(240 * MANY)
def test_killed_under_load(supervise: Supervise, tmp_path: Path, faults: Faults) -> None:
    writers = Writers(tmp_path, 10)
    supervisor = supervise(writers.config())
    follower = Follower(supervisor, "w0")
    follower.start()
    dice = random.Random(20)
    gaps = []
    for kill in range(KILLS):
        time.sleep(dice.uniform(0.0, 0.3))
        supervisor.kill_daemon()
        begin = time.monotonic()
        if kill % (10 * MANY) == 5:
            writers.end(1 + kill // (10 * MANY))  # its end falls into the gap, or soon after it
        gaps.append(served_again(supervisor, begin))
        faults.recovered(gaps[-1])
    faults.checked(writers.check(supervisor))
    faults.checked(follower.finish(tmp_path / "w0.log"))
    assert follower.connections > KILLS // 2
    faults.injected("daemon killed under load of ten writers", KILLS)
    print(f"recovery: median {statistics.median(gaps):.3f} s, max {max(gaps):.3f} s of {KILLS} kills")


@pytest.mark.timeout(240)
def test_exits_while_there_is_no_daemon_are_known(supervise: Supervise, tmp_path: Path) -> None:
    writers = Writers(tmp_path, 3, burst_bytes=300, pause_s=0.02)  # its pipe never fills
    supervisor = supervise(writers.config())
    for n in range(3):
        until(lambda n=n: (tmp_path / f"w{n}.starts").exists(), "a start")  # type: ignore[misc]
    pids = [supervisor.info(f"w{n}")["pid"] for n in range(3)]
    for n in (1, 2):
        supervisor.kill_daemon()
        writers.end(n)
        # the keeper starts the next daemon at once; keep killing until the writer ended between two of them
        until(lambda n=n: not alive(pids[n]) or supervisor.kill_daemon() == 0, f"w{n} to end in a gap")  # type: ignore[misc]
        served_again(supervisor, time.monotonic())
    writers.check(supervisor)


@pytest.mark.timeout(240)
def test_daemon_replaced_on_request_under_load(supervise: Supervise, tmp_path: Path) -> None:
    writers = Writers(tmp_path, 10)
    supervisor = supervise(writers.config())
    follower = Follower(supervisor, "w0")
    follower.start()
    before = supervisor.daemon_pid()
    for _ in range(5):
        assert supervisor.rpc.supervisor.restartDaemon() is True
        until(lambda before=before: supervisor.daemon_pid() != before, "another daemon")  # type: ignore[misc]
        before = supervisor.daemon_pid()
        served_again(supervisor, time.monotonic())
        seen = len(follower.data)
        until(lambda seen=seen: len(follower.data) > seen, "output over the new daemon")  # type: ignore[misc]
    writers.check(supervisor)
    follower.finish(tmp_path / "w0.log")
    logs = [path.read_text("utf-8", "replace") for path in supervisor.folder.glob("main.log*")]
    assert sum(log.count("daemon makes place for another one") for log in logs) == 5


def mass_config(folder: Path, count: int, autostart: bool) -> str:
    return "".join(
        f"[program:p{n}]\ncommand={child('once', folder, f'p{n}')}\nautostart={autostart}\n"
        f"stdout_logfile={folder}/p{n}.log\nstderr_logfile=NONE\nstartsecs=0\n"
        for n in range(count)
    )


def check_mass(supervisor: Supervisor, folder: Path, count: int) -> int:
    """Each started once, as the pid that is told, and with its line. How many things were compared."""

    def all_started() -> bool:
        return all((folder / f"p{n}.starts").exists() for n in range(count))

    until(all_started, "all programs to run", 60.0)
    pids = []
    for n in range(count):
        info = supervisor.wait_state(f"p{n}", "RUNNING")
        starts = [int(word) for word in (folder / f"p{n}.starts").read_text().split()]
        assert starts == [info["pid"]], (n, starts, info)
        until(lambda n=n: (folder / f"p{n}.log").read_text() == f"p{n}\n", f"the log of p{n}")  # type: ignore[misc]
        pids += starts
    assert len(set(pids)) == count
    return 4 * count


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", range(min(MANY, 3)))
def test_killed_during_a_mass_start(supervise: Supervise, tmp_path: Path, faults: Faults, seed: int) -> None:
    count = 100 if MANY == 1 else 300
    supervisor = supervise(mass_config(tmp_path, count, True))
    dice = random.Random(21 + seed)
    for _ in range(6):
        supervisor.kill_daemon()
        served_again(supervisor, time.monotonic())
        time.sleep(dice.uniform(0.0, 0.05))
    faults.checked(check_mass(supervisor, tmp_path, count))
    faults.injected("daemon killed during a mass start", 6)


@pytest.mark.timeout(240)
def test_killed_during_a_requested_mass_start(supervise: Supervise, tmp_path: Path) -> None:
    supervisor = supervise(mass_config(tmp_path, 60, False))
    dice = random.Random(22)
    for _ in range(4):
        with contextlib.suppress(OSError, xmlrpc.client.Error):
            supervisor.rpc.supervisor.startAllProcesses(False)
        time.sleep(dice.uniform(0.0, 0.03))
        supervisor.kill_daemon()
        served_again(supervisor, time.monotonic())
    supervisor.rpc.supervisor.startAllProcesses(False)  # whatever was not asked for yet
    check_mass(supervisor, tmp_path, 60)


def test_what_was_read_is_known_after_a_death(supervise: Supervise) -> None:
    def text(word: str, *names: str) -> str:
        return "".join(f"[program:{name}]\ncommand={child('talk', word)}\nstartsecs=0\n" for name in names)

    supervisor = supervise(text("one", "a", "b"))
    rpc = supervisor.rpc.supervisor
    rpc.stopProcess("b")
    rpc.removeProcessGroup("b")
    supervisor.kill_daemon()
    served_again(supervisor, time.monotonic())
    assert {info["name"]: info["inuse"] for info in rpc.getAllConfigInfo()} == {"a": True, "b": False}
    assert rpc.addProcessGroup("b") is True
    supervisor.configure(text("two", "a", "c"))
    assert rpc.reloadConfig() == [[["c"], ["a"], ["b"]]]
    known = rpc.getAllConfigInfo()
    for kill in (supervisor.kill_daemon, lambda: kill_keeper(supervisor)):
        kill()
        served_again(supervisor, time.monotonic())
        assert rpc.getAllConfigInfo() == known
    assert rpc.addProcessGroup("c") is True
    assert rpc.updateProcessGroup("a")["changed"] == ["a"]
    until(lambda: "two" in rpc.readProcessStdoutLog("a", 0, 0), "the new command to run")
    supervisor.configure(text("three", "d"))
    rpc.restart()  # nothing of that life is in the next one

    def of_the_next_life() -> bool:
        with contextlib.suppress(OSError, xmlrpc.client.Error):
            return {info["name"] for info in rpc.getAllConfigInfo()} == {"d"}
        return False

    until(of_the_next_life, "a reload")
