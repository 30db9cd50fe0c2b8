"""Starting and ending the real command."""

from __future__ import annotations

from tests.conftest import Supervise
from tests.support.supervisor import child


def test_starts_serves_and_ends(supervise: Supervise) -> None:
    supervisor = supervise(f"[program:a]\ncommand={child('talk', 'hello')}\n")
    info = supervisor.wait_state("a", "RUNNING")
    assert info["pid"] > 0
    assert supervisor.rpc.supervisor.readProcessStdoutLog("a", 0, 0) == "hello\n"
    assert supervisor.pidfile_pid() == supervisor.keeper_pid == supervisor.rpc.supervisor.getPID()
    assert supervisor.shutdown() == 0
