"""Every way to end is told as it was: 256 codes, all signals, with a core or without, also over kills of the daemon."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import time
import xmlrpc.client
from pathlib import Path

import pytest

from supervisor.daemon.machines.process import signal_name
from tests.conftest import Supervise
from tests.faults.conftest import Faults
from tests.faults.test_kill import served_again
from tests.support.processes import alive
from tests.support.supervisor import Supervisor
from tests.support.waiting import until

LATER = {"STOP", "TSTP", "TTIN", "TTOU", "CONT", "CHLD", "URG", "WINCH"}
DEADLY = [int(sig) for sig in signal.valid_signals() if signal_name(sig).removeprefix("SIG") not in LATER]
"""Those that end a process that does nothing about them."""


def section(name: str, count: int, start: int, script: str, more: str = "") -> str:
    return (
        f'[program:{name}]\ncommand=/bin/sh -c "{script}"\nprocess_name=%(program_name)s%(process_num)d\n'
        f"numprocs={count}\nnumprocs_start={start}\nautostart=false\nstartsecs=0\nstdout_logfile=NONE\n"
        f"stderr_logfile=NONE\n{more}"
    )


def all_ended(supervisor: Supervisor, group: str, count: int) -> list[dict[str, object]]:
    def ended() -> list[dict[str, object]]:
        infos = [i for i in supervisor.rpc.supervisor.getAllProcessInfo() if i["group"] == group]
        return infos if sum(info["statename"] == "EXITED" for info in infos) == count else []

    return until(ended, f"all of {group} to have ended", 60.0)


def start_all(supervisor: Supervisor, group: str) -> None:
    """The daemon may die over it."""
    with contextlib.suppress(OSError, xmlrpc.client.Error):
        supervisor.rpc.supervisor.startProcessGroup(group, False)


def kill_a_few_times(supervisor: Supervisor) -> None:
    for pause_s in (0.0, 0.05, 0.15):
        time.sleep(pause_s)
        supervisor.kill_daemon()
        served_again(supervisor, time.monotonic())


@pytest.mark.timeout(240)
@pytest.mark.parametrize("kills", [False, True], ids=["undisturbed", "daemon killed"])
def test_every_exit_code(supervise: Supervise, faults: Faults, kills: bool) -> None:
    expected = list(range(0, 256, 3))
    supervisor = supervise(
        section(
            "c",
            256,
            0,
            "exit %(process_num)d",
            f"exitcodes={','.join(map(str, expected))}\nautorestart=false\n",
        )
    )
    start_all(supervisor, "c")
    if kills:
        kill_a_few_times(supervisor)
        start_all(supervisor, "c")  # those that it had not come to
    for info in all_ended(supervisor, "c", 256):
        code = int(str(info["name"])[1:])
        assert info["exitstatus"] == code, info
        last = supervisor.rpc.supervisor.getProcessHistory(f"c:c{code}")["last_exit"]
        assert last["exit"] == f"exit status {code}"
    if not kills:
        log = supervisor.log()
        for code in range(256):
            word = "expected" if code in expected else "not expected"
            assert f"exited: c{code} (exit status {code}; {word})" in log
    faults.injected("a program ends with each of 256 codes", 256)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("kills", [False, True], ids=["undisturbed", "daemon killed"])
def test_every_signal(supervise: Supervise, faults: Faults, kills: bool) -> None:
    supervisor = supervise(
        "".join(section(f"s{n}x", 1, 0, f"kill -{n} $$; sleep 1000", "autorestart=false\n") for n in DEADLY)
    )
    for n in DEADLY:
        start_all(supervisor, f"s{n}x")
        if kills and n % 20 == 7:
            supervisor.kill_daemon()
            served_again(supervisor, time.monotonic())
            start_all(supervisor, f"s{n}x")
    for n in DEADLY:
        (info,) = all_ended(supervisor, f"s{n}x", 1)
        assert info["exitstatus"] == -1
        last = supervisor.rpc.supervisor.getProcessHistory(f"s{n}x:s{n}x0")["last_exit"]
        assert last["exit"] == f"terminated by {signal_name(n)}"
    assert supervisor.log().count("; not expected)") >= (1 if kills else len(DEADLY))
    faults.injected("a program ends by each signal", len(DEADLY))


@pytest.mark.parametrize("kills", [False, True], ids=["undisturbed", "daemon killed"])
def test_a_core_is_told(supervise: Supervise, tmp_path: Path, faults: Faults, kills: bool) -> None:
    if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        pytest.skip("no core may be written")
    supervisor = supervise(
        section(
            "core",
            1,
            0,
            f"ulimit -c unlimited; while ! test -e {tmp_path}/go; do sleep 0.05; done; kill -ABRT $$; sleep 1000",
            f"autorestart=false\ndirectory={tmp_path}\n",
        )
    )
    start_all(supervisor, "core")
    pid = int(supervisor.wait_state("core:core0", "RUNNING")["pid"])
    if kills:
        os.kill(supervisor.daemon_pid(), signal.SIGSTOP)  # it dies before it could hear of it
    (tmp_path / "go").touch()
    if kills:
        until(lambda: not alive(pid), "the end")
        supervisor.kill_daemon()
        served_again(supervisor, time.monotonic())
    all_ended(supervisor, "core", 1)
    if not list(tmp_path.glob("core*")):
        pytest.skip("cores are written elsewhere, or not at all")
    supervisor.wait_log("exited: core0 (terminated by SIGABRT (core dumped); not expected)")
    faults.injected("a program dumps core")
