"""The daemon is killed at its Nth write of state while a program is replaced: it runs with the new definition in the end."""

from __future__ import annotations

import contextlib
import http.client
import xmlrpc.client
from pathlib import Path

from tests.conftest import Supervise
from tests.faults.conftest import MANY, Faults
from tests.support.processes import alive, dies_within
from tests.support.supervisor import child
from tests.support.tracing import injected, need_strace
from tests.support.waiting import until

ROUNDS = 12 + 4 * MANY
UNHARMED_S = 1.5


def test_killed_at_each_write_of_an_update(supervise: Supervise, faults: Faults) -> None:
    need_strace()

    def text(word: int) -> str:
        return f"[program:m]\ncommand={child('talk', str(word))}\nautostart=false\nstartsecs=0\n"

    supervisor = supervise(text(0))
    supervisor.rpc.supervisor.startProcess("m")
    deaths = 0
    for nth in range(1, ROUNDS + 1):
        before = supervisor.wait_state("m", "RUNNING")["pid"]
        supervisor.configure(text(nth))
        supervisor.rpc.supervisor.reloadConfig()
        pid = supervisor.daemon_pid()
        with injected(pid, "pwrite64", f"signal=SIGKILL:when={nth}"):
            with contextlib.suppress(OSError, http.client.HTTPException, xmlrpc.client.Error):
                supervisor.rpc.supervisor.updateProcessGroup("m")
            dies_within(pid, UNHARMED_S)
        deaths += not alive(pid)
        supervisor.wait_ready()
        # one that was killed before it heard of the update has nothing to go on with but what was read
        supervisor.rpc.supervisor.updateProcessGroup("m")
        until(
            lambda before=before: supervisor.info("m")["pid"] not in (0, before),  # type: ignore[misc]
            f"m to run anew after a death at write {nth}",
        )
        command = Path(f"/proc/{supervisor.info('m')['pid']}/cmdline").read_text()
        assert command.endswith(f"\0{nth}\0"), command
        if alive(pid):
            break  # so many are not made
    assert deaths
    faults.injected("daemon killed at its Nth write of state in an update", deaths)
