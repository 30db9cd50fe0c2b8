"""Keeper and daemon are killed together: the next supervisord takes over what runs, and starts nothing twice."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from supervisor.daemon.keeper.roster import line_of
from tests.conftest import Supervise
from tests.faults.conftest import MANY, Faults, only_many
from tests.faults.test_keeper_gaps import check_once
from tests.faults.test_keeper_killed import kill_both, see_both_die, send_kills
from tests.support.processes import alive, marked
from tests.support.sleepers import programs, running
from tests.support.supervisor import child, shell
from tests.support.tracing import injected, need_strace
from tests.support.waiting import until


def test_programs_are_taken_over_with_their_pipes(
    supervise: Supervise, tmp_path: Path, faults: Faults
) -> None:
    lines = tmp_path / "lines.py"
    # it goes on when nobody reads, as a shell or a C program that ignores SIGPIPE does
    lines.write_text(
        "import os, sys\n"
        "while line := sys.stdin.readline():\n"
        "    os.write(1, b'got ' + line.encode())\n"
        "while True:\n"
        "    try:\n"
        "        word = open(sys.argv[1]).read()\n"
        "    except OSError:\n"
        "        continue\n"
        "    os.remove(sys.argv[1])\n"
        "    os.write(2, word.encode())\n"
        "    sys.exit(7)\n"
    )
    supervisor = supervise(
        f"{programs(2)}[program:x]\ncommand={sys.executable} -S -E {lines} {tmp_path}/go\nstartsecs=0\n"
        f"autorestart=false\nstdout_logfile={tmp_path}/x.out\nstderr_logfile={tmp_path}/x.err\n"
    )
    info = supervisor.wait_state("x", "RUNNING")
    pid, start = info["pid"], info["start"]
    supervisor.rpc.supervisor.sendProcessStdin("x", "one\n")
    until(lambda: (tmp_path / "x.out").read_text() == "got one\n", "an answer")
    before = [supervisor.wait_state(f"p{n}", "RUNNING")["pid"] for n in range(2)]
    kill_both(supervisor)
    supervisor.start()
    faults.checked(check_once(supervisor, 2))
    assert [supervisor.info(f"p{n}")["pid"] for n in range(2)] == before
    assert abs(supervisor.info("x")["start"] - start) <= 1, "the uptime goes on"
    assert supervisor.wait_state("x", "RUNNING")["pid"] == pid
    (tmp_path / "new").write_text("the end")
    (tmp_path / "new").rename(tmp_path / "go")
    info = supervisor.wait_state("x", "EXITED")
    assert info["exitstatus"] == 7
    until(lambda: (tmp_path / "x.err").read_text() == "the end", "what it wrote to the new supervisord")
    supervisor.rpc.supervisor.stopProcess("p0")
    assert not alive(before[0])
    supervisor.wait_log("p1:p1 runs since before")
    faults.injected("keeper and daemon killed together")


@only_many
def test_killed_together_again_and_again(supervise: Supervise, faults: Faults) -> None:
    count = 10
    supervisor = supervise(programs(count))
    for _ in range(2 * MANY):
        kill_both(supervisor)
        supervisor.start()
        faults.checked(check_once(supervisor, count))
        faults.injected("keeper and daemon killed together")


def test_what_ended_meanwhile_is_started_and_what_has_no_section_is_named(
    supervise: Supervise, faults: Faults
) -> None:
    supervisor = supervise(programs(3))
    pids = [supervisor.wait_state(f"p{n}", "RUNNING")["pid"] for n in range(3)]
    kill_both(supervisor)
    os.kill(pids[0], signal.SIGKILL)
    until(lambda: not alive(pids[0]), "p0 to die")
    supervisor.configure(programs(2))
    supervisor.start()
    faults.checked(check_once(supervisor, 2))
    assert supervisor.info("p0")["pid"] not in pids
    assert supervisor.info("p1")["pid"] == pids[1]
    supervisor.wait_log(f"pid {pids[2]} was p2:p2 of a supervisord that was killed")
    assert running(2, supervisor.mark) == [pids[2]]
    os.kill(pids[2], signal.SIGKILL)


def test_a_terminal_and_a_listener_are_started_anew(supervise: Supervise, tmp_path: Path) -> None:
    record = tmp_path / "events"
    supervisor = supervise(
        f"[program:t]\ncommand={shell('trap : HUP TERM; while :; do sleep 0.1; done')}\ntty=true\nstartsecs=0\n"
        "stopwaitsecs=1\n"
        f"[eventlistener:l]\ncommand={child('listener', record, 'ok')}\nevents=REMOTE_COMMUNICATION\nstartsecs=0\n"
    )
    first = {name: supervisor.wait_state(name, "RUNNING")["pid"] for name in ("t", "l")}
    kill_both(supervisor)
    supervisor.start()
    for name, pid in first.items():
        until(lambda name=name, pid=pid: supervisor.info(name)["pid"] not in (0, pid), f"{name} anew")  # type: ignore[misc]
        assert not alive(pid)
        supervisor.wait_state(name, "RUNNING")
    supervisor.rpc.supervisor.sendRemoteCommEvent("t", "hello")
    until(lambda: record.exists() and "REMOTE_COMMUNICATION" in record.read_text(), "the event to be heard")


def test_a_mistake_at_the_next_start_forgets_nothing(supervise: Supervise) -> None:
    supervisor = supervise(programs(1))
    pid = supervisor.wait_state("p0", "RUNNING")["pid"]
    kill_both(supervisor)
    good = supervisor.config_file.read_text()
    supervisor.config_file.write_text(good.replace("%(here)s/s\n", "%(here)s/no/such/folder/s\n"))
    done = supervisor.run()
    assert done.returncode == 2 and alive(pid), done
    supervisor.config_file.write_text(good)
    supervisor.start()
    assert supervisor.wait_state("p0", "RUNNING")["pid"] == pid
    check_once(supervisor, 1)


def test_the_file_is_believed_only_if_nobody_else_wrote_it(supervise: Supervise, tmp_path: Path) -> None:
    supervisor = supervise(programs(1))
    pid = supervisor.wait_state("p0", "RUNNING")["pid"]
    kill_both(supervisor)
    roster = tmp_path / "pid.programs"
    head, *lines = roster.read_bytes().splitlines()
    os.kill(pid, signal.SIGKILL)
    until(lambda: not alive(pid), "p0 to die")
    # the pid of a process that began at another time, in a file that says p0 has it
    said = json.loads(lines[0].partition(b" ")[2])
    assert said[2] == pid
    roster.write_bytes(head + b"\n" + line_of([*said[:2], os.getpid(), *said[3:]]))
    supervisor.start()
    assert supervisor.wait_state("p0", "RUNNING")["pid"] not in (pid, os.getpid())
    kill_both(supervisor)
    left = running(0, supervisor.mark)
    roster.chmod(0o666)
    supervisor.start()
    # it was not believed, so the program is there twice; but nobody else could make it adopt a process
    assert supervisor.wait_state("p0", "RUNNING")["pid"] not in left
    os.kill(left[0], signal.SIGKILL)
    assert supervisor.shutdown() == 0
    assert not roster.exists()
    assert not marked(supervisor.mark)


@only_many
def test_killed_together_during_a_mass_start(supervise: Supervise, faults: Faults) -> None:
    count = 50
    supervisor = supervise(programs(count), start=False)
    supervisor.launch()
    assert supervisor.popen is not None
    supervisor.keeper_pid = supervisor.popen.pid
    supervisor.daemon_pid()
    until(lambda: running(7, supervisor.mark), "one of the first to run")
    kill_both(supervisor)
    supervisor.start()
    faults.checked(check_once(supervisor, count))
    faults.injected("keeper and daemon killed together during a mass start")


def test_killed_after_a_start_that_is_not_yet_written_down(
    supervise: Supervise, tmp_path: Path, faults: Faults
) -> None:
    need_strace()
    supervisor = supervise(programs(1).replace("autorestart=true", "autostart=false"))
    # the first write into the file says that it is about to be started, the second its pid
    with injected(supervisor.keeper_pid, "pwrite64", "delay_enter=60000000:when=2"):
        supervisor.rpc.supervisor.startProcess("p0", False)
        until(lambda: running(0, supervisor.mark), "the program to run")
        killed = send_kills(supervisor)
    see_both_die(supervisor, *killed)  # only now: strace holds it back
    (tmp_path / "other").mkdir()
    other = supervise(programs(1), folder=tmp_path / "other")  # what it starts has the same names
    theirs = other.wait_state("p0", "RUNNING")["pid"]
    supervisor.start()
    assert not running(0, supervisor.mark)
    assert running(0, other.mark) == [theirs]
    supervisor.rpc.supervisor.startProcess("p0")
    faults.checked(check_once(supervisor, 1))
    faults.injected("keeper killed before it writes down a start")
