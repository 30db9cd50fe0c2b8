"""Somebody stands still for longer than the keeper is patient. These wait by the clock, so only ``make faults`` runs them."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from supervisor.daemon.keeper.keeper import SILENCE_TIMEOUT_S
from tests.conftest import Supervise
from tests.faults.conftest import Faults, only_many
from tests.faults.test_degraded import degraded
from tests.faults.test_kill import served_again
from tests.support.load import Writers
from tests.support.processes import alive
from tests.support.waiting import until

pytestmark = only_many


def test_a_daemon_that_stands_still_is_replaced(supervise: Supervise, tmp_path: Path, faults: Faults) -> None:
    writers = Writers(tmp_path, 3, maxbytes=20_000, burst_bytes=4_000, pause_s=0.02)
    supervisor = supervise(writers.config())
    daemon = supervisor.daemon_pid()
    os.kill(daemon, signal.SIGSTOP)
    until(lambda: not alive(daemon), "the keeper to end it", 60)
    served_again(supervisor, time.monotonic())
    faults.checked(writers.check(supervisor))
    faults.injected("daemon stands still (SIGSTOP): the keeper replaces it")


def test_a_keeper_that_stands_still_for_half_a_minute(
    supervise: Supervise, tmp_path: Path, faults: Faults
) -> None:
    writers = Writers(tmp_path, 3, maxbytes=20_000, burst_bytes=4_000, pause_s=0.02)
    supervisor = supervise(writers.config())
    supervisor.wait_state("w0", "RUNNING")
    daemon = supervisor.daemon_pid()
    os.kill(supervisor.keeper_pid, signal.SIGSTOP)
    time.sleep(30)
    assert degraded(supervisor)
    os.kill(supervisor.keeper_pid, signal.SIGCONT)
    until(lambda: not degraded(supervisor), "the keeper to answer")
    assert supervisor.daemon_pid() == daemon, (
        "the daemon was taken for dead, and it was the keeper that was away"
    )
    faults.checked(writers.check(supervisor))
    faults.injected("keeper stands still for 30 s")


def test_all_stand_still_as_in_a_frozen_container(
    supervise: Supervise, tmp_path: Path, faults: Faults
) -> None:
    writers = Writers(tmp_path, 1, maxbytes=20_000, burst_bytes=4_000, pause_s=0.02)
    supervisor = supervise(writers.config())
    pid, daemon = supervisor.wait_state("w0", "RUNNING")["pid"], supervisor.daemon_pid()
    for who in (pid, daemon, supervisor.keeper_pid):
        os.kill(who, signal.SIGSTOP)
    time.sleep(SILENCE_TIMEOUT_S + 5)
    for who in (supervisor.keeper_pid, daemon, pid):
        os.kill(who, signal.SIGCONT)
    assert supervisor.info("w0")["pid"] == pid
    for _ in range(2):  # between the two answers the keeper has looked how long the daemon was silent
        supervisor.rpc.supervisor.signalProcess("w0", "CONT")
    assert supervisor.daemon_pid() == daemon
    faults.checked(writers.check(supervisor))
    faults.injected("keeper, daemon and programs stand still for 15 s")
