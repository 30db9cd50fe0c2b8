"""Pipes, terminals, descriptors and processes run out for real: the start fails with the reason, and is tried again."""

from __future__ import annotations

import contextlib
import itertools
import os
import resource
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Supervise
from tests.faults.conftest import Faults
from tests.faults.test_keeper_gaps import check_once
from tests.faults.test_keeper_killed import kill_keeper
from tests.faults.test_storage import troubles
from tests.support.load import Writers
from tests.support.processes import descriptors
from tests.support.sleepers import programs
from tests.support.supervisor import Supervisor, shell
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


def leave(pid: int, count: int) -> tuple[int, int]:
    """Have a process get ``count`` more descriptors; its limits before."""
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    used = {int(fd) for fd in os.listdir(f"/proc/{pid}/fd")}
    free = (number for number in itertools.count() if number not in used)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (next(itertools.islice(free, count, None)), before[1]))
    return before


SPEAKERS = 20


def speakers(folder: Path, ends: str = "; exec sleep 1000") -> str:
    """Each writes one line; their logs are open from then on."""
    return (
        f"[program:a]\ncommand={shell('echo line' + ends)}\nprocess_name=a%(process_num)d\nnumprocs={SPEAKERS}\n"
        "startsecs=0\nautorestart=false\nstartretries=1000\n"
        f"stdout_logfile={folder}/%(process_num)d.log\n"
    )


def have_spoken(supervisor: Supervisor, state: str, times: int) -> None:
    for n in range(SPEAKERS):
        supervisor.wait_state(f"a:a{n}", state)
        log = supervisor.folder / f"{n}.log"
        until(lambda log=log: log.exists() and log.read_text() == "line\n" * times, "the line")  # type: ignore[misc]


def test_programs_leave_descriptors_to_clients(supervise: Supervise, tmp_path: Path, faults: Faults) -> None:
    """However many are started at once."""
    supervisor = supervise(speakers(tmp_path))
    have_spoken(supervisor, "RUNNING", 1)
    supervisor.rpc.supervisor.stopProcessGroup("a")
    daemon = supervisor.daemon_pid()
    before = leave(daemon, 40)
    supervisor.rpc.supervisor.startProcessGroup("a", False)
    supervisor.wait_log("spawnerr: too many open files to spawn 'a")
    supervisor.wait_state("a:a0", "RUNNING")
    for _ in range(20):
        states = Counter(info["statename"] for info in supervisor.rpc.supervisor.getAllProcessInfo())
    assert states["RUNNING"] and states["RUNNING"] < SPEAKERS, states
    assert "cannot take another client" not in supervisor.log()
    resource.prlimit(daemon, resource.RLIMIT_NOFILE, before)
    have_spoken(supervisor, "RUNNING", 2)
    faults.injected("a start finds no descriptors in the daemon", SPEAKERS - states["RUNNING"])


@pytest.mark.parametrize("state, ends", [("RUNNING", "; exec sleep 1000"), ("EXITED", "")])
def test_descriptors_that_cannot_be_handed_over_are_asked_for_again(
    supervise: Supervise, tmp_path: Path, faults: Faults, state: str, ends: str
) -> None:
    """They were there when the keeper was asked: programs run, or have ended, and are read from later."""
    supervisor = supervise(speakers(tmp_path, ends))
    have_spoken(supervisor, state, 1)
    supervisor.rpc.supervisor.stopProcessGroup("a")
    daemon = supervisor.daemon_pid()
    with supervisor.stream() as stream:
        os.kill(supervisor.keeper_pid, signal.SIGSTOP)
        stream.call(1, "supervisor.startProcessGroup", "a", False)
        before = leave(daemon, 1)  # each has two outputs
        os.kill(supervisor.keeper_pid, signal.SIGCONT)
        supervisor.wait_log("' start waits: too many open files", SPEAKERS)
        resource.prlimit(daemon, resource.RLIMIT_NOFILE, before)
        have_spoken(supervisor, state, 2)
    until(lambda: not troubles(supervisor), "the trouble to be over")
    faults.injected("descriptors of a start cannot be handed over", SPEAKERS)


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


def limit_of(pid: int) -> tuple[int, int]:
    return resource.prlimit(pid, resource.RLIMIT_FSIZE)


def test_a_limit_of_file_sizes_is_for_programs(supervise: Supervise, faults: Faults) -> None:
    """What the supervisor has to know lies in memory files and is larger than that; programs keep the limit."""
    count = 30
    supervisor = supervise(programs(count), wrap=["/bin/sh", "-c", 'ulimit -S -f 16; exec "$@"', "sh"])
    faults.checked(check_once(supervisor, count))
    limit = limit_of(supervisor.keeper_pid)
    assert 0 < limit[0] <= 16 * 1024
    kill_keeper(supervisor)
    faults.checked(check_once(supervisor, count))
    supervisor.rpc.supervisor.restartProcess("p0")
    for pid in (supervisor.keeper_pid, *(supervisor.info(f"p{n}")["pid"] for n in range(count))):
        assert limit_of(pid) == limit
    faults.checked(count + 1)
    faults.injected("a limit of file sizes (ulimit -f) under the size of the state")


def test_a_log_and_the_main_log_are_as_large_as_they_may_be(
    supervise: Supervise, tmp_path: Path, faults: Faults
) -> None:
    limit = 400_000
    writers = Writers(tmp_path, 1, maxbytes=0, burst_bytes=20_000, pause_s=0.02)
    main = tmp_path / "main.log"
    main.write_text("x" * (limit - 2_001) + "\n")
    idle = "[program:idle]\ncommand=/bin/sleep 1000\nstartsecs=0\n"
    supervisor = supervise(writers.config() + idle, argv=("-n", "-e", "info"))
    daemon = supervisor.daemon_pid()
    before = limit_of(daemon)
    resource.prlimit(daemon, resource.RLIMIT_FSIZE, (limit, before[1]))
    until(lambda: "log blocked: EFBIG" in troubles(supervisor), "the state to tell of it")
    times = 0
    while main.stat().st_size < limit or times < 20:
        supervisor.rpc.supervisor.stopProcess("idle")
        supervisor.rpc.supervisor.startProcess("idle")
        times += 1
        assert times < 200
    assert main.stat().st_size == (tmp_path / "w0.log").stat().st_size == limit
    resource.prlimit(daemon, resource.RLIMIT_FSIZE, before)
    until(lambda: not troubles(supervisor), "the trouble to be over")
    supervisor.wait_log("stopped: idle", times)
    assert supervisor.log().count("stopped: idle") == times and supervisor.daemon_pid() == daemon
    faults.checked(writers.check(supervisor) + times)
    faults.injected("a write of a log or of the main log fails: EFBIG", 2)
