"""Pipes, terminals, descriptors and processes run out for real: the start fails with the reason, and is tried again."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Supervise
from tests.faults.conftest import Faults
from tests.support.processes import descriptors
from tests.support.waiting import until

PIDS = Path("/sys/fs/cgroup/pids")
SLEEPER = "[program:a]\ncommand=/bin/sleep 1000\nautostart=false\nstartsecs=0\nstartretries=50\n"
OWN_TERMINALS = 'mount -t devpts -o newinstance,max=1,ptmxmode=0666 devpts /dev/pts && exec "$@"'


@contextlib.contextmanager
def no_more_processes(pid: int) -> Iterator[None]:
    """``pid`` and what it starts from now on may not become more. Skips the test where there is no such limit."""
    group = PIDS / f"supervisor-test-{pid}"
    try:
        group.mkdir()
        (group / "cgroup.procs").write_text(str(pid))
        (group / "pids.max").write_text((group / "pids.current").read_text())
    except OSError as error:
        pytest.skip(f"no cgroup with a limit of pids to be had: {error}")
    try:
        yield
    finally:
        for member in (group / "cgroup.procs").read_text().split():
            (PIDS / "cgroup.procs").write_text(member)
        until(lambda: not (group / "cgroup.procs").read_text(), "the cgroup to be empty")
        group.rmdir()


def test_no_more_processes(supervise: Supervise, faults: Faults) -> None:
    supervisor = supervise(SLEEPER)
    with no_more_processes(supervisor.keeper_pid):
        supervisor.rpc.supervisor.startProcess("a", False)
        supervisor.wait_log("spawnerr: Too many processes in process table to spawn 'a'")
        assert supervisor.state("a") == "BACKOFF"
    supervisor.wait_state("a", "RUNNING")
    faults.injected("a start is refused: EAGAIN")


def test_no_more_descriptors(supervise: Supervise, faults: Faults) -> None:
    supervisor = supervise(SLEEPER)
    keeper = supervisor.keeper_pid
    before = resource.prlimit(keeper, resource.RLIMIT_NOFILE)
    resource.prlimit(keeper, resource.RLIMIT_NOFILE, (descriptors(keeper).total() + 3 + 2, before[1]))
    supervisor.rpc.supervisor.startProcess("a", False)
    supervisor.wait_log("spawnerr: too many open files to spawn 'a'")
    assert supervisor.state("a") == "BACKOFF"
    resource.prlimit(keeper, resource.RLIMIT_NOFILE, before)
    supervisor.wait_state("a", "RUNNING")
    faults.injected("a start is refused: EMFILE")


def test_no_more_terminals(supervise: Supervise, tmp_path: Path, faults: Faults) -> None:
    wrap = ["unshare", "-m", "/bin/sh", "-c", OWN_TERMINALS, "sh"]
    probe = subprocess.run([*wrap, "true"], capture_output=True, text=True, check=False)
    if probe.returncode:
        pytest.skip(f"no terminals of its own to be had: {probe.stderr.strip()}")
    one = SLEEPER + "tty=true\n"
    supervisor = supervise(one + one.replace("[program:a]", "[program:b]"), wrap=wrap)
    supervisor.rpc.supervisor.startProcess("a")
    supervisor.rpc.supervisor.startProcess("b", False)
    supervisor.wait_log("for 'b': ENOSPC")
    assert (supervisor.state("a"), supervisor.state("b")) == ("RUNNING", "BACKOFF")
    supervisor.rpc.supervisor.stopProcess("a")
    supervisor.wait_state("b", "RUNNING")
    faults.injected("a start is refused: no pseudo-terminal")


HOARDER = "import os, sys, time\npipes = [os.pipe() for _ in range({count})]\nprint('ready', flush=True)\ntime.sleep(1000)\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may have as many pipes as it likes")
def test_pipes_of_one_page(supervise: Supervise, tmp_path: Path, faults: Faults) -> None:
    """A user that has many gets small ones; nothing is lost in them."""
    pages = int(Path("/proc/sys/fs/pipe-user-pages-soft").read_text())
    count = pages // 16 + 1
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if not pages or hard < 2 * count + 10:
        pytest.skip("no limit of pipes, or too few descriptors to reach it")
    writer = f"{sys.executable} -c \"print('x' * 999_999)\""
    supervisor = supervise(
        f"[program:a]\ncommand={writer}\nautostart=false\nstartsecs=0\nautorestart=false\nstdout_logfile={tmp_path}/a.log\n"
    )
    with subprocess.Popen(
        [
            "/bin/sh",
            "-c",
            f'ulimit -Sn {2 * count + 10}; exec "$@"',
            "sh",
            sys.executable,
            "-c",
            HOARDER.format(count=count),
        ],
        stdout=subprocess.PIPE,
    ) as hoarder:
        assert hoarder.stdout is not None and hoarder.stdout.readline() == b"ready\n"
        supervisor.rpc.supervisor.startProcess("a")
        supervisor.wait_state("a", "EXITED")
        hoarder.kill()
    assert (tmp_path / "a.log").read_bytes() == b"x" * 999_999 + b"\n"
    faults.injected("a user has no room for pipes of full size")
