"""Descriptors and processes run out for a while: what fails says so and is tried again, the rest goes on."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Supervise
from tests.faults.conftest import Faults
from tests.support.supervisor import shell
from tests.support.tracing import injected, need_strace
from tests.support.waiting import until

SLEEPER = "[program:a]\ncommand=/bin/sleep 1000\nautostart=false\nstartsecs=0\nstartretries=50\n"


@pytest.mark.parametrize(
    ("calls", "error", "said"),
    [
        ("pipe2", "EMFILE", "too many open files to spawn 'a'"),
        ("clone,clone3,vfork,fork", "EAGAIN", "Too many processes in process table to spawn 'a'"),
        ("clone,clone3,vfork,fork", "ENOMEM", "unknown error during fork for 'a': ENOMEM"),
    ],
)
def test_a_start_that_the_system_refuses(
    supervise: Supervise, faults: Faults, calls: str, error: str, said: str
) -> None:
    need_strace()
    supervisor = supervise(SLEEPER)
    with injected(supervisor.keeper_pid, calls, f"error={error}:when=1+"):
        supervisor.rpc.supervisor.startProcess("a", False)
        supervisor.wait_log(said)
        assert supervisor.state("a") == "BACKOFF"
    supervisor.wait_state("a", "RUNNING")
    faults.injected(f"a start is refused: {error}")


def test_no_descriptor_for_a_client(supervise: Supervise, faults: Faults) -> None:
    need_strace()
    supervisor = supervise(SLEEPER)
    with (
        injected(supervisor.daemon_pid(), "accept4", "error=EMFILE:when=1+"),
        socket.socket(socket.AF_UNIX) as client,
    ):
        client.settimeout(0.5)
        client.connect(str(supervisor.folder / "s"))
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        with pytest.raises(TimeoutError):
            client.recv(1)
    until(
        lambda: supervisor.rpc.supervisor.getState()["statename"] == "RUNNING", "clients to be served again"
    )
    faults.injected("accept fails: EMFILE")


def test_silent_clients_on_both_doors_hold_nobody_up(supervise: Supervise, faults: Faults) -> None:
    supervisor = supervise(SLEEPER)
    silent = []
    for name in ("s", "s.stream"):
        for _ in range(100):
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(str(supervisor.folder / name))
            silent.append(sock)
    try:
        supervisor.rpc.supervisor.startProcess("a")
        assert supervisor.state("a") == "RUNNING"
    finally:
        for sock in silent:
            sock.close()
    faults.injected("a client connects and says nothing", 200)


def test_every_byte_and_very_long_lines_arrive(supervise: Supervise, tmp_path: Path, faults: Faults) -> None:
    writer = (
        "import os,time\n"
        "data=bytes(range(256))*4096+b'x'*10_000_000+bytes(reversed(range(256)))\n"
        "view=memoryview(data)\n"
        "while view: view=view[os.write(1,view):]\n"
        "time.sleep(1000)\n"
    )
    (tmp_path / "w.py").write_text(writer)
    supervisor = supervise(
        f"[program:a]\ncommand={sys.executable} {tmp_path}/w.py\nstartsecs=0\n"
        f"stdout_logfile={tmp_path}/a.log\nstdout_logfile_maxbytes=0\n"
    )
    wanted = bytes(range(256)) * 4096 + b"x" * 10_000_000 + bytes(reversed(range(256)))
    log = tmp_path / "a.log"
    until(lambda: log.exists() and log.stat().st_size >= len(wanted), "all of it", 60)
    assert log.read_bytes() == wanted
    tail = supervisor.rpc.supervisor.readProcessStdoutLog("a", -100, 0)
    assert len(tail) >= 1
    faults.injected("all byte values, a line of 10 MB")


def test_programs_that_leave_processes_behind(supervise: Supervise, faults: Faults) -> None:
    supervisor = supervise(
        f"[program:a]\ncommand={shell('sleep 1000 & sleep 1000 & exec sleep 1000')}\nstartsecs=0\nstopasgroup=true\n"
        f"[program:b]\ncommand={shell('trap : TERM; while :; do sleep 0.1; done')}\nstartsecs=0\nstopwaitsecs=1\n"
    )
    pid = supervisor.wait_state("a", "RUNNING")["pid"]
    supervisor.wait_state("b", "RUNNING")

    def group() -> list[str]:
        done = subprocess.run(["pgrep", "-g", str(pid)], capture_output=True, text=True, check=False)
        return done.stdout.split()

    until(lambda: len(group()) >= 3, "the whole group to be there")
    supervisor.rpc.supervisor.stopProcess("a")
    until(lambda: not group(), "the whole group to be gone")
    supervisor.rpc.supervisor.stopProcess("b")
    supervisor.wait_log("killing 'b' (", 1)
    assert supervisor.state("b") == "STOPPED"
    faults.injected("a program ignores TERM")
    faults.injected("a program leaves a process group behind")
