"""A pid is given to another process at once: nobody but the program is ever signalled or taken for it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import xmlrpc.client
from collections.abc import Iterator

import pytest

from supervisor.daemon import descendants
from tests.conftest import Supervise
from tests.faults.conftest import Faults
from tests.faults.test_keeper_killed import kill_both, kill_keeper
from tests.support.processes import alive
from tests.support.supervisor import Supervisor
from tests.support.waiting import until

LAST_PID = "/proc/sys/kernel/ns_last_pid"
TRIES = 300
SLEEPER = "[program:a]\ncommand=/bin/sleep 1000\nstartsecs=0\nautorestart=false\nstopasgroup=true\n"


@contextlib.contextmanager
def another(pid: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process of that pid, and leader of that group, which is nobody's business. Skips the test where it cannot be had."""
    until(lambda: not os.path.exists(f"/proc/{pid}"), "the pid to be free")
    for _ in range(TRIES):
        try:
            with open(LAST_PID, "w") as file:
                file.write(str(pid - 1))
        except OSError as error:
            pytest.skip(f"the next pid may not be chosen here: {error}")
        process = subprocess.Popen(["/bin/sleep", "500"], start_new_session=True)
        if process.pid == pid:
            break
        process.kill()
        process.wait()
    else:
        pytest.skip(f"others were quicker to get pid {pid}")
    try:
        yield process
        assert process.poll() is None, f"the innocent one was ended: {process.returncode}"
    finally:
        process.kill()
        process.wait()


def ask_for_everything(supervisor: Supervisor) -> None:
    """Whatever may send a signal."""
    for method, words in (("signalProcess", ["a", "KILL"]), ("stopProcess", ["a"]), ("stopAllProcesses", [])):
        with contextlib.suppress(xmlrpc.client.Fault):
            getattr(supervisor.rpc.supervisor, method)(*words)


def test_of_a_program_that_has_ended(supervise: Supervise, faults: Faults) -> None:
    supervisor = supervise(SLEEPER)
    pid = supervisor.wait_state("a", "RUNNING")["pid"]
    os.kill(pid, signal.SIGKILL)
    supervisor.wait_state("a", "EXITED")
    with another(pid):
        ask_for_everything(supervisor)
        supervisor.kill_daemon()
        supervisor.wait_ready()
        ask_for_everything(supervisor)
        kill_keeper(supervisor)
        ask_for_everything(supervisor)
    faults.injected("the pid of a program is given to another process", 3)


def test_of_one_that_ends_while_its_new_keeper_does_not_look(supervise: Supervise, faults: Faults) -> None:
    """It is no child of that keeper, so that its corpse does not keep the pid."""
    supervisor = supervise(SLEEPER)
    pid = supervisor.wait_state("a", "RUNNING")["pid"]
    kill_keeper(supervisor)
    os.kill(supervisor.keeper_pid, signal.SIGSTOP)
    try:
        os.kill(pid, signal.SIGKILL)
        with another(pid):
            supervisor.rpc.supervisor.stopProcess("a", False)
            os.kill(supervisor.keeper_pid, signal.SIGCONT)
            supervisor.wait_state("a", "EXITED", "STOPPED")
    finally:
        os.kill(supervisor.keeper_pid, signal.SIGCONT)
    faults.injected("the pid of a program is given to another process")


def test_of_one_that_ends_while_there_is_no_supervisord(supervise: Supervise, faults: Faults) -> None:
    supervisor = supervise(SLEEPER)
    pid = supervisor.wait_state("a", "RUNNING")["pid"]
    kill_both(supervisor)
    os.kill(pid, signal.SIGKILL)
    with another(pid):
        supervisor.start()
        fresh = supervisor.wait_state("a", "RUNNING")["pid"]
        assert fresh != pid and alive(fresh)
        ask_for_everything(supervisor)
    faults.injected("the pid of a program is given to another process")


def test_what_was_left_is_known_by_its_start() -> None:
    with subprocess.Popen(["/bin/sleep", "500"]) as process:
        seen = descendants.look_at(process.pid)
        assert seen is not None and descendants.is_there(seen)
        assert not descendants.send(seen._replace(ticks=seen.ticks + 1), signal.SIGKILL)
        assert process.poll() is None
        assert descendants.send(seen, signal.SIGKILL)
        process.wait()
        assert not descendants.is_there(seen)
