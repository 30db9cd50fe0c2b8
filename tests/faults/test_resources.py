"""Descriptors and processes run out for a while: what fails says so and is tried again, the rest goes on."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import xmlrpc.client
from pathlib import Path

import pytest

from tests.conftest import Supervise
from tests.faults.conftest import MANY, Faults
from tests.support.processes import alive, children
from tests.support.supervisor import shell
from tests.support.tracing import injected, need_strace
from tests.support.waiting import until

LINE_BYTES = 10_000_000 if MANY == 1 else 100_000_000
SLEEPER = "[program:a]\ncommand=/bin/sleep 1000\nautostart=false\nstartsecs=0\nstartretries=50\n"


@pytest.mark.parametrize(
    ("calls", "error", "said"),
    [
        ("pipe2", "EMFILE", "too many open files to spawn 'a'"),
        ("pipe2", "ENFILE", "unknown error during pipe for 'a': ENFILE"),
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


def test_no_process_for_the_next_daemon(supervise: Supervise, faults: Faults) -> None:
    need_strace()
    supervisor = supervise(SLEEPER)
    supervisor.rpc.supervisor.startProcess("a")
    pid = supervisor.info("a")["pid"]
    with injected(supervisor.keeper_pid, "clone,clone3,vfork,fork", "error=EAGAIN:when=1+"):
        supervisor.kill_daemon()
        until(lambda: "cannot start the daemon for now" in supervisor.stderr(), "the keeper to say so")
    supervisor.wait_ready()
    assert supervisor.info("a")["pid"] == pid and alive(pid)
    faults.injected("the next daemon cannot be started: EAGAIN")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("EMFILE", "too many open files to spawn 'a'"),
        ("ENFILE", "unknown error making dispatchers for 'a': ENFILE"),
    ],
)
def test_no_descriptor_for_a_log(
    supervise: Supervise, tmp_path: Path, faults: Faults, error: str, said: str
) -> None:
    need_strace()
    supervisor = supervise(SLEEPER + f"stdout_logfile={tmp_path}/a.log\n")
    with injected(supervisor.daemon_pid(), "openat", f"error={error}:when=1+", "-P", f"{tmp_path}/a.log"):
        with pytest.raises(xmlrpc.client.Fault, match="SPAWN_ERROR"):
            supervisor.rpc.supervisor.startProcess("a", False)
        supervisor.wait_log(said)
    supervisor.wait_state("a", "RUNNING")
    faults.injected(f"a log cannot be opened: {error}")


@pytest.mark.parametrize("error", ["EMFILE", "ENFILE"])
def test_no_descriptor_for_a_client(supervise: Supervise, faults: Faults, error: str) -> None:
    need_strace()
    supervisor = supervise(SLEEPER)
    with (
        injected(supervisor.daemon_pid(), "accept4", f"error={error}:when=1+"),
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
    faults.injected(f"accept fails: {error}")


def test_no_terminal_for_a_program(supervise: Supervise, faults: Faults) -> None:
    need_strace()
    supervisor = supervise(SLEEPER + "tty=true\n")
    with injected(supervisor.keeper_pid, "openat", "error=ENOSPC:when=1+", "-P", "/dev/ptmx"):
        supervisor.rpc.supervisor.startProcess("a", False)
        supervisor.wait_log("for 'a': ENOSPC")
        assert supervisor.state("a") == "BACKOFF"
    supervisor.wait_state("a", "RUNNING")
    faults.injected("a start is refused: no pseudo-terminal")


STORM = "import os\nfor _ in range(1000):\n    if os.fork() == 0:\n        if os.fork() == 0:\n            os._exit(0)\n        os._exit(0)\n    os.wait()\n"


def test_a_storm_of_zombies(supervise: Supervise, tmp_path: Path, faults: Faults) -> None:
    """As PID 1 of a container it is the one that reaps."""
    wrap = ["unshare", "--fork", "--pid", "--mount-proc", "--kill-child"]
    probe = subprocess.run([*wrap, "true"], capture_output=True, text=True, check=False)
    if probe.returncode:
        pytest.skip(f"no pid namespace to be had: {probe.stderr.strip()}")
    (tmp_path / "storm.py").write_text(STORM + "import time\ntime.sleep(1000)\n")
    supervisor = supervise(
        f"[program:o]\ncommand={sys.executable} -S -E {tmp_path}/storm.py\nstartsecs=0\n",
        start=False,
        wrap=wrap,
    )
    supervisor.launch()
    supervisor.wait_ready()
    assert supervisor.popen is not None
    unshare = supervisor.popen
    supervisor.keeper_pid = until(lambda: children(unshare.pid), "the first process inside")[0]
    supervisor.leaks_checked = False
    until(lambda: supervisor.log().count("reaped unknown pid") >= 1000, "all to be reaped", 60)
    until(lambda: all(alive(pid) for pid in children(supervisor.keeper_pid)), "no zombie to be left")
    assert supervisor.state("o") == "RUNNING"
    os.kill(supervisor.keeper_pid, signal.SIGTERM)
    assert unshare.wait(30) == 0
    faults.injected("an orphan ends, of 1,000 in a storm", 1000)


def test_every_byte_and_very_long_lines_arrive(supervise: Supervise, tmp_path: Path, faults: Faults) -> None:
    writer = (
        "import os,time\n"
        f"data=bytes(range(256))*4096+b'x'*{LINE_BYTES}+bytes(reversed(range(256)))\n"
        "view=memoryview(data)\n"
        "while view: view=view[os.write(1,view):]\n"
        "time.sleep(1000)\n"
    )
    (tmp_path / "w.py").write_text(writer)
    supervisor = supervise(
        f"[program:a]\ncommand={sys.executable} {tmp_path}/w.py\nstartsecs=0\n"
        f"stdout_logfile={tmp_path}/a.log\nstdout_logfile_maxbytes=0\n"
    )
    wanted = bytes(range(256)) * 4096 + b"x" * LINE_BYTES + bytes(reversed(range(256)))
    log = tmp_path / "a.log"
    until(lambda: log.exists() and log.stat().st_size >= len(wanted), "all of it", 60)
    assert log.read_bytes() == wanted
    tail = supervisor.rpc.supervisor.readProcessStdoutLog("a", -100, 0)
    assert len(tail) >= 1
    faults.injected(f"all byte values, a line of {LINE_BYTES // 10**6} MB")


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
