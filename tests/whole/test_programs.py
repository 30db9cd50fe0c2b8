"""What a program gets, what becomes of what it writes, and how it is ended."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import tempfile
import time
import xmlrpc.client
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Supervise
from tests.support.load import whole_log
from tests.support.processes import MARK, alive, state
from tests.support.supervisor import Supervisor, child, shell
from tests.support.waiting import until

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")


def shown(path: Path) -> dict[str, Any]:
    """What a show.py program has written."""
    until(path.exists, "the program to show what it got")
    value: dict[str, Any] = json.loads(path.read_text())
    return value


def test_environment_descriptors_and_rights(supervise: Supervise, tmp_path: Path) -> None:
    supervisor = supervise(
        f'[program:show]\ncommand={child("show", tmp_path / "shown")}\nenvironment=B=two,C="th,ree",PATH=/bin:/usr/bin\n'
        f"umask=027\ndirectory={tmp_path}/auto\n",
        settings="environment=A=one,B=overridden\n",
        env={"NOTIFY_SOCKET": "/run/x", "LISTEN_FDS": "3", "FROM_OUTSIDE": "yes"},
    )
    got = shown(tmp_path / "shown")
    environ = got["environ"]
    for name in ("LC_CTYPE", "PWD", "OLDPWD", "SHLVL", "_"):
        environ.pop(name, None)
    outside = {**supervisor.env}
    for name in ("NOTIFY_SOCKET", "LISTEN_FDS", "LC_CTYPE", "PWD", "OLDPWD", "SHLVL", "_"):
        outside.pop(name, None)
    assert environ == {
        **outside, "A": "one", "B": "two", "C": "th,ree", "PATH": "/bin:/usr/bin", "FROM_OUTSIDE": "yes",
        "SUPERVISOR_ENABLED": "1", "SUPERVISOR_SERVER_URL": f"unix://{tmp_path}/s",
        "SUPERVISOR_PROCESS_NAME": "show", "SUPERVISOR_GROUP_NAME": "show", MARK: supervisor.mark,
    }  # fmt: skip
    fds = {int(n): target for n, target in got["fds"].items() if not target.endswith("/fd")}
    assert sorted(fds) == [0, 1, 2], fds
    assert all(target.startswith("pipe:") for target in fds.values()) and len(set(fds.values())) == 3
    assert got["cwd"] == f"{tmp_path}/auto"
    assert got["umask"] == 0o027
    assert got["pid"] == got["pgid"] and got["ppid"] == supervisor.keeper_pid
    assert got["sid"] == os.getsid(supervisor.keeper_pid)
    assert int(got["status"]["SigBlk"], 16) == 0
    assert got["nofile"][0] >= 256


def test_a_program_started_by_a_later_daemon_gets_the_same(supervise: Supervise, tmp_path: Path) -> None:
    supervisor = supervise(f"[program:show]\ncommand={child('show', tmp_path / 'shown')}\nstartsecs=0\n")
    before = shown(tmp_path / "shown")
    supervisor.kill_daemon()
    supervisor.wait_ready()
    (tmp_path / "shown").unlink()
    supervisor.rpc.supervisor.restartProcess("show")
    after = shown(tmp_path / "shown")
    for changing in ("pid", "pgid", "fds"):
        del before[changing], after[changing]
    assert before == after


@AS_ROOT
def test_another_user(supervise: Supervise, request: pytest.FixtureRequest) -> None:
    nobody = pwd.getpwnam("nobody")
    shared = Path(tempfile.mkdtemp())  # below tmp_path every folder is closed to others
    request.addfinalizer(lambda: shutil.rmtree(shared))
    shared.chmod(0o777)
    script = f"id -u >{shared}/shown; id -g >>{shared}/shown; id -G >>{shared}/shown; exec sleep 1000"
    supervise(f"[program:show]\ncommand={shell(script)}\nuser=nobody\nstartsecs=0\n")
    until(lambda: (shared / "shown").exists() and (shared / "shown").read_text().count("\n") == 3, "ids")
    lines = (shared / "shown").read_text().splitlines()
    assert lines[:2] == [str(nobody.pw_uid), str(nobody.pw_gid)]
    assert set(map(int, lines[2].split())) == set(os.getgrouplist("nobody", nobody.pw_gid))


# --- set-up that fails -------------------------------------------------------------------------------


@pytest.mark.parametrize("redirect", [False, True])
def test_a_directory_that_is_not_there(supervise: Supervise, redirect: bool) -> None:
    supervisor = supervise(
        "[program:a]\ncommand=/bin/sleep 1000\ndirectory=/nowhere\nstartretries=0\n"
        f"redirect_stderr={redirect}\nstdout_logfile=%(here)s/out\n"
        + ("" if redirect else "stderr_logfile=%(here)s/err\n")
    )
    info = supervisor.wait_state("a", "FATAL")
    assert info["spawnerr"] == "couldn't chdir to /nowhere: ENOENT"
    log = supervisor.folder / ("out" if redirect else "err")
    until(
        lambda: (
            log.exists()
            and log.read_text()
            == "supervisor: couldn't chdir to /nowhere: ENOENT\nsupervisor: child process was not spawned\n"
        ),
        "the reason in the log",
    )
    supervisor.wait_log("exited: a (exit status 127; not expected)")


def test_a_file_that_cannot_be_executed(supervise: Supervise, tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("#!/no/such/interpreter\n")
    (tmp_path / "garbage").write_bytes(b"\0\1\2\3")
    for name in ("bad", "garbage"):
        (tmp_path / name).chmod(0o755)
    supervisor = supervise(
        "".join(
            f"[program:{name}]\ncommand={tmp_path}/{name} x\nstartretries=0\nstderr_logfile={tmp_path}/{name}.err\n"
            for name in ("bad", "garbage")
        )
    )
    for name, reason in (("bad", "ENOENT"), ("garbage", "ENOEXEC")):
        info = supervisor.wait_state(name, "FATAL")
        assert info["spawnerr"] == f"couldn't exec {tmp_path}/{name}: {reason}"
        err = tmp_path / f"{name}.err"
        until(lambda err=err: err.read_text().endswith("was not spawned\n"), "the reason")  # type: ignore[misc]
        assert err.read_text().startswith(f"supervisor: couldn't exec {tmp_path}/{name}: {reason}\n")


def test_what_is_no_program_is_told_by_kind(supervise: Supervise, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "plain").write_text("#!/bin/sh\n")
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "fifo", 0o755)
    (tmp_path / "fifo").chmod(0o755)
    shutil.copy("/bin/sleep", tmp_path / "busy")
    told = {
        "folder": f"command at '{tmp_path}/folder' is a directory",
        "plain": f"command at '{tmp_path}/plain' is not executable",
        "loop": f"can't find command '{tmp_path}/loop'",
        "nothing": f"can't find command '{tmp_path}/nothing'",
        "fifo": f"couldn't exec {tmp_path}/fifo: EACCES",
        "busy": f"couldn't exec {tmp_path}/busy: ETXTBSY",
    }
    with (tmp_path / "busy").open("ab"):
        supervisor = supervise(
            "".join(f"[program:{name}]\ncommand={tmp_path}/{name}\nstartretries=0\n" for name in told)
        )
        for name, reason in told.items():
            assert supervisor.wait_state(name, "FATAL")["spawnerr"] == reason


def test_many_failures_at_once_are_each_told(supervise: Supervise) -> None:
    supervisor = supervise(
        "[program:f]\ncommand=/bin/true\ndirectory=/nowhere/%(process_num)s\nnumprocs=40\n"
        "process_name=%(program_name)s%(process_num)s\nstartretries=0\n"
    )
    for n in range(40):
        info = supervisor.wait_state(f"f:f{n}", "FATAL")
        assert info["spawnerr"] == f"couldn't chdir to /nowhere/{n}: ENOENT"


def test_a_log_that_is_a_folder(supervise: Supervise) -> None:
    supervisor = supervise(
        "[program:a]\ncommand=/bin/sleep 1000\nstdout_logfile=%(here)s/auto\nstartretries=0\n"
    )
    info = supervisor.wait_state("a", "FATAL")
    assert info["spawnerr"] == "unknown error making dispatchers for 'a': EISDIR"


# --- exits and restarts ------------------------------------------------------------------------------


def test_a_log_folder_that_became_a_file(supervise: Supervise, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    supervisor = supervise(
        "[program:a]\ncommand=/bin/cat\nautostart=false\nstartretries=0\nstdout_logfile=%(here)s/logs/a\n"
    )
    (tmp_path / "logs").rmdir()
    (tmp_path / "logs").write_text("")
    with pytest.raises(xmlrpc.client.Fault, match="SPAWN_ERROR"):
        supervisor.rpc.supervisor.startProcess("a")
    assert supervisor.info("a")["spawnerr"] == "unknown error making dispatchers for 'a': ENOTDIR"


@pytest.mark.parametrize("code", [0, 1, 42, 255, -9, -15, -11])
def test_exit_statuses(supervise: Supervise, code: int) -> None:
    supervisor = supervise(f"[program:a]\ncommand={child('exits', code)}\nautorestart=false\nstartsecs=0\n")
    info = supervisor.wait_state("a", "EXITED")
    assert info["exitstatus"] == (code if code >= 0 else -1)
    how = f"exit status {code}" if code >= 0 else f"terminated by {signal.Signals(-code).name}"
    log = until(
        lambda: next((line for line in supervisor.log().splitlines() if "exited: a" in line), ""), "the line"
    )
    assert log.split("exited: ")[1] in (f"a ({how}; {'expected' if code == 0 else 'not expected'})",
                                        f"a ({how} (core dumped); not expected)")  # fmt: skip


def test_restarts_and_gives_up(supervise: Supervise, tmp_path: Path) -> None:
    supervisor = supervise(
        f"[program:twice]\ncommand={child('exits', 1, 0, tmp_path / 'twice')}\nstartretries=1\n"
        f"[program:always]\ncommand={child('exits', 0, 0, tmp_path / 'always')}\nautorestart=true\nstartsecs=0\n"
        f"[program:expected]\ncommand={child('exits', 7, 0, tmp_path / 'expected')}\nexitcodes=0,7\nstartsecs=0\n"
    )
    supervisor.wait_state("twice", "FATAL")
    assert len((tmp_path / "twice").read_text().split()) == 2
    until(lambda: len((tmp_path / "always").read_text().split()) >= 3, "restarts")
    supervisor.wait_state("expected", "EXITED")
    assert len((tmp_path / "expected").read_text().split()) == 1


# --- stopping ----------------------------------------------------------------------------------------


def test_one_that_does_not_obey_is_killed(supervise: Supervise) -> None:
    supervisor = supervise(
        f"[program:deaf]\ncommand={shell('trap : TERM; echo up; while :; do sleep 0.05; done')}\n"
        "startsecs=0\nstopwaitsecs=1\nkillasgroup=true\n"
    )
    until(lambda: supervisor.rpc.supervisor.readProcessStdoutLog("deaf", 0, 0) == "up\n", "it to listen")
    pid = supervisor.info("deaf")["pid"]
    begin = time.monotonic()
    assert supervisor.rpc.supervisor.stopProcess("deaf") is True
    assert time.monotonic() - begin >= 1.0  # not before its time
    assert not alive(pid)
    assert f"killing 'deaf' ({pid}) with SIGKILL" in supervisor.log()


def test_a_stopped_process_can_be_told_to_end(supervise: Supervise, tmp_path: Path) -> None:
    events = tmp_path / "events"
    supervisor = supervise(
        f"[program:g]\ncommand={child('graceful', events)}\nstartsecs=0\nstopwaitsecs=60\n"
    )
    until(events.exists, "the start")
    pid = supervisor.info("g")["pid"]
    os.kill(pid, signal.SIGSTOP)
    until(lambda: state(pid) == "T", "it to stand still")
    assert supervisor.rpc.supervisor.stopProcess("g") is True
    assert [line.split()[0] for line in events.read_text().splitlines()] == ["start", "end"]


def test_stopasgroup_reaches_children(supervise: Supervise, tmp_path: Path) -> None:
    script = f"sleep 1000 & echo $! >{tmp_path}/inner; wait"
    supervisor = supervise(f"[program:g]\ncommand={shell(script)}\nstopasgroup=true\nstartsecs=0\n")
    until(lambda: (tmp_path / "inner").exists() and (tmp_path / "inner").read_text().strip(), "the child")
    inner = int((tmp_path / "inner").read_text())
    supervisor.rpc.supervisor.stopProcess("g")
    until(lambda: not alive(inner), "the child to end")


def test_stopsignal(supervise: Supervise) -> None:
    supervisor = supervise("[program:a]\ncommand=/bin/sleep 1000\nstopsignal=USR1\nstartsecs=0\n")
    supervisor.wait_state("a", "RUNNING")
    supervisor.rpc.supervisor.stopProcess("a")
    supervisor.wait_log("stopped: a (terminated by SIGUSR1)")


def test_order_of_start_and_end(supervise: Supervise) -> None:
    supervisor = supervise(
        "".join(
            f"[program:{name}]\ncommand=/bin/sleep 1000\npriority={priority}\nstartsecs=0\n"
            for name, priority in (("third", 30), ("first", 10), ("second", 20))
        )
    )
    for name in ("first", "second", "third"):
        supervisor.wait_state(name, "RUNNING")
    supervisor.shutdown()
    lines = supervisor.log().splitlines()
    spawned = [line.split("'")[1] for line in lines if "spawned: " in line]
    assert spawned == ["first", "second", "third"]
    ended = [line.split(": ")[1].split()[0] for line in lines if "stopped: " in line]
    assert ended == ["third", "second", "first"]


def test_numprocs(supervise: Supervise) -> None:
    supervisor = supervise(
        f"[program:n]\ncommand={child('talk', 'number%(process_num)02d')}\nnumprocs=3\nnumprocs_start=5\nstartsecs=0\n"
        "process_name=%(program_name)s_%(process_num)02d\nstdout_logfile=%(here)s/%(program_name)s%(process_num)d.log\n"
    )
    for n in (5, 6, 7):
        supervisor.wait_state(f"n:n_{n:02d}", "RUNNING")
        path = supervisor.folder / f"n{n}.log"
        until(lambda path=path, n=n: path.read_text() == f"number{n:02d}\n", "its line")  # type: ignore[misc]


# --- output ------------------------------------------------------------------------------------------


def test_redirect_stderr(supervise: Supervise) -> None:
    supervisor = supervise(
        f"[program:a]\ncommand={child('talk', 'out', '-e', 'err', 'more')}\nredirect_stderr=true\n"
        "stdout_logfile=%(here)s/log\nstartsecs=0\n"
    )
    until(lambda: (supervisor.folder / "log").read_text() == "out\nerr\nmore\n", "both in one")
    assert supervisor.info("a")["stderr_logfile"] == ""


def test_every_byte_is_kept_and_none_invented(supervise: Supervise, tmp_path: Path) -> None:
    data = bytes(range(256)) * 600 + b"no end of line"
    (tmp_path / "data").write_bytes(data)
    supervisor = supervise(
        f"[program:a]\ncommand=/bin/cat {tmp_path}/data\nautorestart=false\nstartsecs=0\n"
        f"stdout_logfile={tmp_path}/log\nstdout_logfile_maxbytes=50000\nstdout_logfile_backups=20\n"
    )
    supervisor.wait_state("a", "EXITED")
    until(lambda: whole_log(tmp_path / "log") == data, "all bytes")
    for part in tmp_path.glob("log*"):
        assert part.stat().st_size <= 50_000


def test_a_grandchild_that_holds_the_pipe(supervise: Supervise, tmp_path: Path) -> None:
    """The exit is told at once, what the grandchild writes later is kept."""
    script = f"(while [ ! -e {tmp_path}/go ]; do sleep 0.05; done; echo late) & echo early; exit 5"
    supervisor = supervise(
        f"[program:a]\ncommand={shell(script)}\nautorestart=false\nstartsecs=0\nstdout_logfile={tmp_path}/log\n"
    )
    info = supervisor.wait_state("a", "EXITED")
    assert info["exitstatus"] == 5
    assert (tmp_path / "log").read_text() == "early\n"
    supervisor.kill_daemon()  # also what is left behind survives
    supervisor.wait_ready()
    (tmp_path / "go").touch()
    until(lambda: (tmp_path / "log").read_text() == "early\nlate\n", "the late line")


def test_a_program_that_closes_its_outputs_runs_on(supervise: Supervise) -> None:
    supervisor = supervise(f"[program:a]\ncommand={shell('exec >&- 2>&-; exec sleep 1000')}\nstartsecs=0\n")
    pid = supervisor.wait_state("a", "RUNNING")["pid"]
    daemon = supervisor.daemon_pid()

    def cpu() -> int:
        with open(f"/proc/{daemon}/stat") as file:
            return sum(map(int, file.read().rpartition(")")[2].split()[11:13]))

    before, begin = cpu(), time.monotonic()
    until(lambda: time.monotonic() - begin > 1.0, "a second to pass")
    assert cpu() - before < 50, "the daemon is busy with a pipe that was closed"  # of 100 ticks
    assert supervisor.info("a")["pid"] == pid
    supervisor.rpc.supervisor.restartProcess("a")


def test_a_log_folder_that_is_away_while_the_daemon_is_replaced(supervise: Supervise, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    supervisor = supervise(
        f"[program:e]\ncommand={child('echo')}\nstartsecs=0\nstdout_logfile={logs}/out\nstderr_logfile={logs}/err\n"
    )
    supervisor.wait_state("e", "RUNNING")
    supervisor.rpc.supervisor.sendProcessStdin("e", "one\n")
    until(lambda: (logs / "out").exists() and (logs / "out").read_text() == "one\n", "the first line")
    logs.rename(tmp_path / "away")
    supervisor.kill_daemon()
    supervisor.wait_ready()
    supervisor.rpc.supervisor.sendProcessStdin("e", "two\n")
    (tmp_path / "away").rename(logs)
    until(lambda: (logs / "out").read_text() == "one\ntwo\n", "the line that waited")


def test_two_programs_in_one_log(supervise: Supervise, tmp_path: Path) -> None:
    supervisor = supervise(
        f"[program:n]\ncommand={child('echo')}\nnumprocs=2\nprocess_name=n%(process_num)s\n"
        f"startsecs=0\nstdout_logfile={tmp_path}/log\nstderr_logfile=NONE\n"
    )
    for n in range(2):
        supervisor.wait_state(f"n:n{n}", "RUNNING")
    for round_ in range(10):
        for n in range(2):
            supervisor.rpc.supervisor.sendProcessStdin(f"n:n{n}", f"{n} {round_}\n")
    expected = sorted(f"{n} {round_}" for round_ in range(10) for n in range(2))
    until(lambda: sorted((tmp_path / "log").read_text().splitlines()) == expected, "all lines of both")


def test_names_and_paths_in_other_scripts(supervise: Supervise) -> None:
    """A name of wide letters, as AUTO log, through a crash."""
    name = "программа-" + "漢" * 20
    supervisor = supervise(f"[program:{name}]\ncommand={child('talk', 'x')}\nstartsecs=0\n")
    before = supervisor.wait_state(name, "RUNNING")
    supervisor.kill_daemon()
    supervisor.wait_ready()
    after = supervisor.info(name)
    for key in ("pid", "start", "stdout_logfile", "stderr_logfile"):
        assert before[key] == after[key]
    supervisor.rpc.supervisor.restartProcess(name)


def test_usual_supervisor(supervise: Supervise) -> None:
    """A supervisor without any program."""
    supervisor: Supervisor = supervise("")
    assert supervisor.rpc.supervisor.getAllProcessInfo() == []
    assert supervisor.rpc.supervisor.startAllProcesses() == []
