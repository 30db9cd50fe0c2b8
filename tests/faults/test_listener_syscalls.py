"""The daemon is killed at its Nth write of state while a listener misbehaves: the event is offered again all the same."""

from __future__ import annotations

import contextlib
import http.client
import xmlrpc.client
from pathlib import Path

from tests.conftest import Supervise
from tests.faults.conftest import Faults
from tests.support.processes import alive, dies_within
from tests.support.supervisor import child
from tests.support.tracing import injected, need_strace
from tests.support.waiting import until

ROUNDS = 10
UNHARMED_S = 1.0


def test_killed_at_each_write_around_nonsense(supervise: Supervise, tmp_path: Path, faults: Faults) -> None:
    need_strace()
    record = tmp_path / "events"
    supervisor = supervise(
        f"[eventlistener:l]\ncommand={child('listener', record, 'garbage', 1)}\nevents=REMOTE_COMMUNICATION\n"
        "startsecs=0\nautorestart=false\n"
    )

    def offered() -> int:
        return len(record.read_text().splitlines()) if record.exists() else 0

    deaths = 0
    for nth in range(1, ROUNDS + 1):
        supervisor.wait_state("l", "RUNNING")
        pid = supervisor.daemon_pid()
        record.write_text("")  # so that it speaks nonsense once more
        with injected(pid, "pwrite64,write,writev", f"signal=SIGKILL:when={nth}"):
            with contextlib.suppress(OSError, http.client.HTTPException, xmlrpc.client.Error):
                supervisor.rpc.supervisor.sendRemoteCommEvent("t", f"round {nth}")
            dies_within(pid, UNHARMED_S)
        deaths += not alive(pid)
        supervisor.wait_ready()
        until(lambda: offered() != 1, f"offered again after a death at write {nth}")
    assert deaths
    faults.injected("daemon killed at its Nth write around a listener's nonsense", deaths)
