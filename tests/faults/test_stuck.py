"""A program in uninterruptible sleep: neither TERM nor KILL reaches it, others do not notice, the end does not wait."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.conftest import Supervise
from tests.faults.conftest import Faults
from tests.support.fuse import fuse_disk
from tests.support.processes import alive, state
from tests.support.supervisor import Supervisor
from tests.support.waiting import until


def programs(folder: Path) -> str:
    return (
        f"[program:a]\ncommand=/bin/cat {folder}/far/file\nstartsecs=0\nstopwaitsecs=1\nautorestart=false\n"
        "[program:b]\ncommand=/bin/sleep 1000\nstartsecs=0\n"
    )


def stuck(supervisor: Supervisor) -> int:
    """The pid of the program, once it is stopped in vain."""
    pid: int = supervisor.wait_state("a", "RUNNING")["pid"]
    supervisor.rpc.supervisor.stopProcess("a", False)
    supervisor.wait_log("'a' does not end by SIGKILL, it waits in the kernel (")
    assert state(pid) == "D" and supervisor.state("a") == "STOPPING"
    return pid


def test_neither_term_nor_kill(supervise: Supervise, tmp_path: Path, faults: Faults) -> None:
    with fuse_disk(tmp_path / "far") as far:
        far.swallow()
        supervisor = supervise(programs(tmp_path))
        pid = stuck(supervisor)
        supervisor.wait_log(f"killing 'a' ({pid}) with SIGKILL", 3)
        assert supervisor.log().count("does not end by SIGKILL") == 1
        assert "does not end" in supervisor.rpc.supervisor.getProcessHistory("a")["trouble"]
        supervisor.rpc.supervisor.stopProcess("b")
        supervisor.rpc.supervisor.startProcess("b")
        supervisor.kill_daemon()
        supervisor.wait_ready()
        assert (supervisor.state("a"), supervisor.info("a")["pid"]) == ("STOPPING", pid)
        assert supervisor.state("b") == "RUNNING"
    supervisor.wait_state("a", "STOPPED")
    until(lambda: not supervisor.rpc.supervisor.getProcessHistory("a")["trouble"], "the trouble to be over")
    faults.injected("a program is in uninterruptible sleep")


def test_the_end_does_not_wait_and_the_next_one_starts_no_second(
    supervise: Supervise, tmp_path: Path, faults: Faults
) -> None:
    with fuse_disk(tmp_path / "far") as far:
        far.swallow()
        supervisor = supervise(programs(tmp_path))
        pid = stuck(supervisor)
        os.kill(supervisor.keeper_pid, signal.SIGTERM)
        assert supervisor.wait_end() == 0
        assert f"not waiting for a (pid {pid}), which does not end by SIGKILL" in supervisor.log()
        assert alive(pid)
        supervisor.start()
        assert supervisor.info("a")["pid"] == pid
    supervisor.wait_state("a", "EXITED", "STOPPED")
    faults.injected("a shutdown with a program in uninterruptible sleep")
