"""The keeper stands still, or is gone and cannot be followed: the supervisor says so and goes on with what it can."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from supervisor.protocol import stream as p
from tests.conftest import Supervise
from tests.faults.conftest import Faults
from tests.faults.test_keeper_gaps import another_serves, check_once
from tests.support.load import Writers
from tests.support.processes import alive
from tests.support.sleepers import programs, running
from tests.support.supervisor import Supervisor
from tests.support.tracing import injected, need_strace
from tests.support.waiting import until


def degraded(supervisor: Supervisor) -> str:
    return str(supervisor.rpc.supervisor.getState().get("degraded", ""))


def state_on_stream(supervisor: Supervisor) -> str:
    with supervisor.stream() as stream:
        return stream.greeting.state


def test_a_keeper_that_stands_still(supervise: Supervise, tmp_path: Path, faults: Faults) -> None:
    writers = Writers(tmp_path, 1, maxbytes=20_000, burst_bytes=4_000, pause_s=0.02)
    one = programs(1).replace("autorestart=true", "autostart=false")
    supervisor = supervise(one + writers.config())
    supervisor.wait_state("w0", "RUNNING")
    try:
        events = supervisor.stream()
        events.send(p.Events(1, ["SUPERVISOR_STATE_CHANGE"]))
        events.expect(p.Listening)
        with supervisor.stream() as stream:
            stream.send(p.Subscribe(1))
            stream.expect(p.Snapshot)
            os.kill(supervisor.keeper_pid, signal.SIGSTOP)
            supervisor.rpc.supervisor.startProcess("p0", False)
            until(lambda: stream.expect(p.Delta).supervisor == "DEGRADED", "the stream to say so")
        assert "has not answered" in degraded(supervisor)
        assert state_on_stream(supervisor) == "DEGRADED"
        done = supervisor.ctl("status")
        assert "supervisord is degraded: the keeper" in done.stderr and "degraded" not in done.stdout
        size = (tmp_path / "w0.log").stat().st_size
        until(lambda: (tmp_path / "w0.log").stat().st_size != size, "logs to go on")
        assert supervisor.state("p0") == "STARTING" and not running(0, supervisor.mark)
    finally:
        os.kill(supervisor.keeper_pid, signal.SIGCONT)
    supervisor.wait_state("p0", "RUNNING")
    faults.checked(check_once(supervisor, 1))
    until(lambda: not degraded(supervisor), "the keeper to answer")
    assert state_on_stream(supervisor) == "RUNNING"
    faults.checked(writers.check(supervisor))
    assert supervisor.log().count("degraded: the keeper") == 1
    events.send(p.Ping(1))
    assert isinstance(events.receive(), p.Pong), "the end was announced"
    supervisor.shutdown()
    assert events.expect(p.Event).name == "SUPERVISOR_STATE_CHANGE_STOPPING"
    events.close()
    faults.injected("keeper stands still (SIGSTOP)")


def test_a_daemon_that_cannot_follow_its_keeper(supervise: Supervise, faults: Faults) -> None:
    need_strace()
    supervisor = supervise(programs(2))
    pids = [supervisor.wait_state(f"p{n}", "RUNNING")["pid"] for n in range(2)]
    before = supervisor.keeper_pid
    with injected(supervisor.daemon_pid(), "memfd_create", "error=ENOMEM:when=1+"):
        os.kill(before, signal.SIGKILL)
        until(lambda: "cannot take its place" in degraded(supervisor), "the state to say so")
        assert state_on_stream(supervisor) == "DEGRADED"
        assert supervisor.state("p0") == "RUNNING"
        os.kill(pids[0], signal.SIGKILL)  # its status is known all the same
        until(lambda: not alive(pids[0]), "p0 to die")
        supervisor.rpc.supervisor.stopProcess("p1", False)
    until(lambda: another_serves(supervisor, before), "another keeper and a daemon that serves")
    supervisor.keeper_pid = int(supervisor.rpc.supervisor.getPID())
    assert supervisor.popen is not None
    supervisor.popen.wait(10)
    supervisor.popen = None
    assert not degraded(supervisor)
    supervisor.wait_state("p1", "STOPPED")
    assert not alive(pids[1])
    until(lambda: supervisor.info("p0")["pid"] not in (0, pids[0]), "p0 to be started again")
    supervisor.wait_log("p0 (terminated by SIGKILL; not expected)")
    faults.injected("keeper killed, and its daemon cannot follow it at first")
