"""Logs that cannot be written for a while: programs wait, everybody else is answered, nothing is lost."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from supervisor.protocol import stream as p
from tests.conftest import Supervise
from tests.faults.conftest import Faults
from tests.support.load import Writers
from tests.support.supervisor import Supervisor
from tests.support.tracing import injected, need_strace
from tests.support.waiting import until


def troubles(supervisor: Supervisor) -> list[str]:
    """What the state says is wrong."""
    with supervisor.stream() as stream:
        stream.send(p.Subscribe(1))
        return [record.trouble for record in stream.expect(p.Snapshot).processes if record.trouble]


@pytest.mark.parametrize("error", ["ENOSPC", "EIO", "EDQUOT", "EROFS"])
def test_a_log_that_cannot_be_written(
    supervise: Supervise, tmp_path: Path, faults: Faults, error: str
) -> None:
    need_strace()
    writers = Writers(tmp_path, 3, maxbytes=50_000, burst_bytes=20_000, pause_s=0.05)
    supervisor = supervise(writers.config())
    until(lambda: all((tmp_path / f"w{n}.log").exists() for n in range(3)), "the first lines")
    with injected(supervisor.daemon_pid(), "splice", f"error={error}:when=1+"):
        until(lambda: any(error in text for text in troubles(supervisor)), f"the state to tell of {error}")
        assert supervisor.rpc.supervisor.getState()["statename"] == "RUNNING"
        assert supervisor.info("w0")["statename"] == "RUNNING"
    until(lambda: not troubles(supervisor), "the trouble to be over")
    writers.check(supervisor)
    faults.injected(f"write of a log fails: {error}")


def test_the_folder_of_the_logs_goes_away_and_comes_back(
    supervise: Supervise, tmp_path: Path, faults: Faults
) -> None:
    logs, away = tmp_path / "logs", tmp_path / "away"
    logs.mkdir()
    writers = Writers(logs, 2, maxbytes=30_000, burst_bytes=10_000, pause_s=0.02)
    supervisor = supervise(writers.config())
    until(lambda: len(list(logs.glob("w0.log*"))) > 3, "a few rotations")
    logs.rename(away)
    until(
        lambda: bool(troubles(supervisor)) or (away / "w0.log").stat().st_size > 0,
        "the next rotation to be tried",
    )
    assert supervisor.rpc.supervisor.getState()["statename"] == "RUNNING"
    away.rename(logs)
    until(lambda: not troubles(supervisor), "the trouble to be over")
    writers.check(supervisor)
    faults.injected("the folder of the logs is moved away and back")


@pytest.mark.parametrize("how", ["renamed", "deleted"])
def test_a_log_that_somebody_takes_away(
    supervise: Supervise, tmp_path: Path, faults: Faults, how: str
) -> None:
    supervisor = supervise(
        f"[program:a]\ncommand=/bin/sh -c 'while :; do echo line; sleep 0.02; done'\nstartsecs=0\n"
        f"stdout_logfile={tmp_path}/a.log\nstdout_logfile_maxbytes=0\n"
    )
    log = tmp_path / "a.log"
    until(lambda: log.exists() and log.stat().st_size > 0, "the first lines")
    before = log.stat().st_ino
    if how == "renamed":  # as logrotate does
        log.rename(tmp_path / "a.log.old")
        os.kill(supervisor.keeper_pid, signal.SIGUSR2)
    else:
        log.unlink()
    until(
        lambda: log.exists() and log.stat().st_ino != before and log.stat().st_size > 0,
        "a new file, written to",
        20,
    )
    supervisor.rpc.supervisor.stopProcess("a")
    faults.injected(f"a log is {how} under the program")
    assert os.path.getsize(log) > 0
