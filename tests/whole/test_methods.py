"""Every method of the API over a real socket, and every fault of it."""

from __future__ import annotations

import math
import os
import signal
import time
import xmlrpc.client
from collections.abc import Callable
from typing import Any

import pytest

from supervisor.daemon.methods import logs, processes
from supervisor.daemon.methods.supervisor import METHODS
from supervisor.faults import Faults
from supervisor.protocol import stream as p
from tests.conftest import Supervise
from tests.support.processes import alive, state
from tests.support.supervisor import Supervisor, child, shell
from tests.support.waiting import until

STUBBORN = "trap : TERM; echo up; while :; do sleep 0.1; done"

PROGRAMS = f"""
[program:talk]
command={child("talk", "one", "two", "-e", "complaint")}
startsecs=0
[program:echo]
command={child("echo")}
startsecs=0
autorestart=false
[program:off]
command={child("talk", "off")}
autostart=false
startsecs=0
[program:quick]
command={child("exits", 3)}
autostart=false
startretries=0
startsecs=1
[program:late]
command={child("exits", 3, 0.3)}
autostart=false
autorestart=false
startsecs=0
[program:none]
command=/nowhere/at/all
autostart=false
[program:plain]
command=%(here)s/conf
autostart=false
[program:unparsable]
command=/bin/echo "a
autostart=false
[program:silent]
command={child("talk", "x")}
stdout_logfile=NONE
redirect_stderr=true
startsecs=0
[program:member1]
command={child("talk", "m1")}
startsecs=0
priority=2
[program:member2]
command={child("talk", "m2")}
startsecs=0
priority=1
[group:g]
programs=member1,member2
"""


@pytest.fixture
def supervisor(supervise: Supervise) -> Supervisor:
    made = supervise(PROGRAMS)
    for name in ("talk", "echo", "silent", "g:member1", "g:member2"):
        made.wait_state(name, "RUNNING")
    return made


def fault(call: Callable[..., Any], *params: Any) -> tuple[int, str]:
    with pytest.raises(xmlrpc.client.Fault) as caught:
        call(*params)
    return caught.value.faultCode, caught.value.faultString


def ok(name: str, group: str | None = None) -> dict[str, Any]:
    return {"name": name, "group": group or name, "status": 80, "description": "OK"}


def by_name(statuses: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(statuses, key=lambda status: status["name"])


def test_about_the_supervisor(supervisor: Supervisor) -> None:
    rpc = supervisor.rpc.supervisor
    assert rpc.getAPIVersion() == rpc.getVersion() == "3.0"
    assert rpc.getSupervisorVersion()
    assert rpc.getIdentification() == "test"
    assert rpc.getState() == {"statecode": 1, "statename": "RUNNING"}
    assert rpc.getPID() == supervisor.keeper_pid
    assert rpc.getStreamAddress() == f"unix://{supervisor.folder}/s.stream"
    for call in (rpc.getState, rpc.getPID):
        assert fault(call, 1) == (Faults.INCORRECT_PARAMETERS, "INCORRECT_PARAMETERS")
    for name in (
        "supervisor.none",
        "none.getState",
        "supervisor.__init__",
        "a.b.c",
        "supervisor",
        "supervisor._x",
    ):
        assert fault(getattr(supervisor.rpc, name)) == (1, "UNKNOWN_METHOD"), name


def test_process_info(supervisor: Supervisor) -> None:
    info = supervisor.info("talk")
    pid, start, now = info.pop("pid"), info.pop("start"), info.pop("now")
    assert alive(pid) and abs(now - time.time()) < 60 and now - 60 < start <= now
    assert info.pop("description").startswith(f"pid {pid}, uptime 0:00:")
    stdout, stderr = info.pop("stdout_logfile"), info.pop("stderr_logfile")
    assert info.pop("logfile") == stdout
    assert stdout.startswith(f"{supervisor.folder}/auto/talk-stdout---test-") and stdout.endswith(".log")
    assert stderr.startswith(f"{supervisor.folder}/auto/talk-stderr---test-")
    assert os.stat(stdout).st_mode & 0o777 == 0o600
    assert info == {
        "name": "talk", "group": "talk", "stop": 0, "state": 20, "statename": "RUNNING", "spawnerr": "",
        "exitstatus": 0,
    }  # fmt: skip
    assert supervisor.info("off")["description"] == "Not started"
    assert supervisor.info("silent")["stderr_logfile"] == supervisor.info("silent")["stdout_logfile"] == ""
    everything = supervisor.rpc.supervisor.getAllProcessInfo()
    names = [(entry["group"], entry["name"]) for entry in everything]
    assert names == sorted(names) and len(names) == 11
    for name in ("nobody", "g:nobody", "g", "g:*", "talk:echo"):
        assert fault(supervisor.info, name) == (10, f"BAD_NAME: {name}")


def test_config_info(supervisor: Supervisor) -> None:
    entries = supervisor.rpc.supervisor.getAllConfigInfo()
    assert [e["name"] for e in entries] == sorted(e["name"] for e in entries)
    entry = next(e for e in entries if e["name"] == "member1")
    assert entry["group"] == "g" and entry["inuse"] is True and entry["process_prio"] == 2
    assert entry["uid"] == entry["directory"] == entry["serverurl"] == "none"
    assert entry["exitcodes"] == [0] and entry["stdout_logfile_maxbytes"] == 50 * 1024 * 1024
    silent = next(e for e in entries if e["name"] == "silent")
    assert (silent["stdout_logfile"], silent["redirect_stderr"]) == ("none", True)


def test_start(supervisor: Supervisor) -> None:
    rpc = supervisor.rpc.supervisor
    assert rpc.startProcess("off") is True
    assert supervisor.state("off") == "RUNNING"
    assert fault(rpc.startProcess, "off") == (60, "ALREADY_STARTED: off")
    assert fault(rpc.startProcess, "talk", False) == (60, "ALREADY_STARTED: talk")
    assert fault(rpc.startProcess, "nobody") == (10, "BAD_NAME: nobody")
    assert fault(rpc.startProcess, "g:nobody") == (10, "BAD_NAME: g:nobody")
    assert fault(rpc.startProcess, "none") == (20, "NO_FILE: can't find command '/nowhere/at/all'")
    conf = f"{supervisor.folder}/conf"
    assert fault(rpc.startProcess, "plain") == (21, f"NOT_EXECUTABLE: command at '{conf}' is not executable")
    assert fault(rpc.startProcess, "unparsable") == (
        21, "NOT_EXECUTABLE: can't parse command '/bin/echo \"a': No closing quotation"
    )  # fmt: skip
    assert fault(rpc.startProcess, "quick") == (50, "SPAWN_ERROR: quick")
    info = supervisor.wait_state("quick", "FATAL")
    assert info["spawnerr"] == info["description"] == "Exited too quickly (process log may have details)"
    assert rpc.startProcess("late") is True
    info = supervisor.wait_state("late", "EXITED")
    assert (info["exitstatus"], info["spawnerr"], info["pid"]) == (3, "Bad exit code 3", 0)
    assert info["stop"] >= info["start"] > 0
    assert fault(rpc.startProcess) == (2, "INCORRECT_PARAMETERS")
    assert fault(rpc.startProcess, 5)[0] == Faults.INCORRECT_PARAMETERS


def test_start_that_ends_while_it_is_waited_for(supervise: Supervise) -> None:
    supervisor = supervise(
        f"[program:slow]\ncommand={child('talk', 'x')}\nautostart=false\nstartsecs=60\n"
        f"[program:back]\ncommand={child('exits', 1)}\nautostart=false\nstartsecs=5\nstartretries=9\n"
    )
    rpc = supervisor.rpc.supervisor
    with supervisor.stream() as stream:
        stream.send(p.Call(1, "supervisor.startProcess", ["slow"]))
        supervisor.wait_state("slow", "STARTING")
        assert rpc.stopProcess("slow") is True
        answer = stream.receive()
        assert answer == p.Fault(1, 40, "ABNORMAL_TERMINATION: slow")
    assert rpc.startProcess("back", False) is True
    supervisor.wait_state("back", "BACKOFF")
    assert fault(rpc.startProcess, "back") == (60, "ALREADY_STARTED: back")
    assert rpc.stopProcess("back") is True
    assert supervisor.state("back") == "STOPPED"


def test_stop(supervisor: Supervisor) -> None:
    rpc = supervisor.rpc.supervisor
    pid = supervisor.info("talk")["pid"]
    assert rpc.stopProcess("talk") is True
    assert not alive(pid)
    info = supervisor.info("talk")
    assert (info["statename"], info["pid"], info["exitstatus"]) == ("STOPPED", 0, -1)
    assert fault(rpc.stopProcess, "talk") == (70, "NOT_RUNNING: talk")
    assert fault(rpc.stopProcess, "off", False) == (70, "NOT_RUNNING: off")
    assert fault(rpc.stopProcess, "nobody") == (10, "BAD_NAME: nobody")
    assert rpc.stopProcess("echo", False) is True
    supervisor.wait_state("echo", "STOPPED")
    assert rpc.startProcess("talk") is True
    assert supervisor.info("talk")["pid"] != pid


def test_restart_of_ours(supervisor: Supervisor) -> None:
    rpc = supervisor.rpc.supervisor
    pid = supervisor.info("talk")["pid"]
    assert rpc.restartProcess("talk") is True
    assert supervisor.info("talk")["pid"] != pid and not alive(pid)
    assert rpc.restartProcess("off") is True
    assert supervisor.state("off") == "RUNNING"
    assert by_name(rpc.restartProcessGroup("g")) == [ok("member1", "g"), ok("member2", "g")]
    assert by_name(rpc.restartProcess("g:*")) == [ok("member1", "g"), ok("member2", "g")]
    assert fault(rpc.restartProcess, "nobody") == (10, "BAD_NAME: nobody")
    assert fault(rpc.restartProcessGroup, "nobody") == (10, "BAD_NAME: nobody")


def test_groups(supervisor: Supervisor) -> None:
    rpc = supervisor.rpc.supervisor
    both = [ok("member1", "g"), ok("member2", "g")]
    assert rpc.startProcessGroup("g") == []  # all run
    assert by_name(rpc.stopProcessGroup("g")) == both
    assert rpc.stopProcessGroup("g", False) == []
    assert by_name(rpc.startProcess("g:*")) == both
    assert by_name(rpc.stopProcess("g:", False)) == both
    for name in ("g:member1", "g:member2"):
        supervisor.wait_state(name, "STOPPED")
    assert by_name(rpc.startProcessGroup("g", False)) == both
    for call in (rpc.startProcessGroup, rpc.stopProcessGroup):
        assert fault(call, "nobody") == (10, "BAD_NAME: nobody")


def test_all(supervisor: Supervisor) -> None:
    rpc = supervisor.rpc.supervisor
    running = by_name([ok("talk"), ok("echo"), ok("silent"), ok("member1", "g"), ok("member2", "g")])
    assert by_name(rpc.stopAllProcesses()) == running
    assert rpc.stopAllProcesses() == []
    statuses = {s["name"]: s for s in rpc.startAllProcesses()}
    assert len(statuses) == 11
    assert statuses["talk"] == ok("talk")
    assert statuses["none"]["status"] == 20
    assert statuses["none"]["description"] == "NO_FILE: can't find command '/nowhere/at/all'"
    assert statuses["quick"]["status"] == 50
    assert statuses["plain"]["status"] == 21


def test_signals(supervisor: Supervisor) -> None:
    rpc = supervisor.rpc.supervisor
    pid = supervisor.info("talk")["pid"]
    for given in ("STOP", "sigcont", "19", 18, "SIGSTOP", "cont"):
        assert rpc.signalProcess("talk", given) is True
        stopped = str(given).upper().removeprefix("SIG") in ("STOP", "19")
        until(lambda stopped=stopped: (state(pid) == "T") == stopped, f"signal {given}")  # type: ignore[misc]
    for given in ("NOSUCH", 0, -1, 1000, "", "SIG", "_DFL", "SIG_DFL"):
        assert fault(rpc.signalProcess, "talk", given) == (11, f"BAD_SIGNAL: {given}"), given
    assert fault(rpc.signalProcess, "off", "HUP") == (70, "NOT_RUNNING: off")
    assert fault(rpc.signalProcess, "nobody", "HUP") == (10, "BAD_NAME: nobody")
    assert by_name(rpc.signalProcessGroup("g", "CONT")) == [ok("member1", "g"), ok("member2", "g")]
    assert by_name(rpc.signalProcess("g:*", "CONT")) == [ok("member1", "g"), ok("member2", "g")]
    assert {s["status"] for s in rpc.signalProcessGroup("g", "NOSUCH")} == {11}
    assert fault(rpc.signalProcessGroup, "nobody", "HUP") == (10, "BAD_NAME: nobody")
    assert len(rpc.signalAllProcesses("CONT")) == 5
    assert rpc.signalProcess("talk", int(signal.SIGKILL)) is True
    until(lambda: supervisor.info("talk")["pid"] not in (0, pid), "the restart")


def test_stdin(supervisor: Supervisor) -> None:
    rpc = supervisor.rpc.supervisor
    assert rpc.sendProcessStdin("echo", "héllo\n") is True
    until(lambda: rpc.readProcessStdoutLog("echo", 0, 0) == "héllo\n", "the echo")
    assert rpc.sendProcessStdin("echo", "") is True
    assert fault(rpc.sendProcessStdin, "echo", 5) == (2, "INCORRECT_PARAMETERS: 5")
    assert fault(rpc.sendProcessStdin, "nobody", "x") == (10, "BAD_NAME: nobody")
    assert fault(rpc.sendProcessStdin, "off", "x") == (70, "NOT_RUNNING: off")
    assert fault(rpc.sendProcessStdin, "nobody", 5) == (2, "INCORRECT_PARAMETERS: 5")  # looked at first
    data = "x" * 500_000 + "\n"
    assert rpc.sendProcessStdin("echo", data) is True
    until(lambda: rpc.readProcessStdoutLog("echo", -len(data), 0) == data, "all of it")


def test_stdin_that_nobody_reads(supervise: Supervise) -> None:
    supervisor = supervise(
        f"[program:deaf]\ncommand={child('talk', 'x')}\nstartsecs=0\n"
        f"[program:closed]\ncommand={shell('exec <&-; echo closed; exec sleep 1000')}\nstartsecs=0\n"
    )
    rpc = supervisor.rpc.supervisor
    supervisor.wait_state("deaf", "RUNNING")
    with pytest.raises(xmlrpc.client.Fault) as caught:
        for _ in range(10):
            rpc.sendProcessStdin("deaf", "x" * 300_000)
    assert caught.value.faultCode == Faults.FAILED
    until(lambda: rpc.readProcessStdoutLog("closed", 0, 0), "it to be ready")
    assert fault(rpc.sendProcessStdin, "closed", "x") == (20, "NO_FILE: closed")


# --- logs --------------------------------------------------------------------------------------------


@pytest.fixture
def reader(supervise: Supervise) -> Supervisor:
    made = supervise(
        f"[program:t]\ncommand={child('talk', 'abc')}\nstartsecs=0\n"
        f"stdout_logfile={{0}}/out\nstderr_logfile=NONE\nautorestart=false\n".replace("{0}", "%(here)s")
    )
    made.wait_state("t", "RUNNING")
    until(lambda: (made.folder / "out").exists() and (made.folder / "out").read_text() == "abc\n", "the line")
    made.rpc.supervisor.stopProcess("t")
    return made


@pytest.mark.parametrize("method", ["readProcessStdoutLog", "readProcessLog"])
def test_read(reader: Supervisor, method: str) -> None:
    read = getattr(reader.rpc.supervisor, method)
    (reader.folder / "out").write_text("0123456789")
    for offset, length, expected in [
        (0, 0, "0123456789"), (3, 0, "3456789"), (3, 4, "3456"), (0, 100, "0123456789"), (10, 0, ""), (10, 5, ""),
        (50, 0, ""), (50, 5, ""), (-3, 0, "789"), (-100, 0, "0123456789"),
    ]:  # fmt: skip
        assert read("t", offset, length) == expected, (offset, length)
    for offset, length in [(-1, 1), (-1, -1), (0, -1), (3, -5)]:
        assert fault(read, "t", offset, length) == (3, "BAD_ARGUMENTS"), (offset, length)
    assert fault(read, "nobody", 0, 0) == (10, "BAD_NAME: nobody")
    assert fault(read, "t:*", 0, 0) == (10, "BAD_NAME: t:*")
    assert fault(read, "t", "x", 0)[0] == Faults.INCORRECT_PARAMETERS
    assert read("t", "2", "3") == "234"
    (reader.folder / "out").write_bytes(b"caf\xc3\xa9 \xff\x00\x1b[31m")
    text = read("t", 0, 0)
    assert (
        text.startswith("café ") and "[31m" in text
    )  # what XML cannot carry is replaced, not a broken answer
    assert read("t", 4, 1) == "�"
    (reader.folder / "out").unlink()
    assert fault(read, "t", 0, 0) == (20, f"NO_FILE: {reader.folder}/out")
    assert fault(reader.rpc.supervisor.readProcessStderrLog, "t", 0, 0) == (20, "NO_FILE")


@pytest.mark.parametrize("method", ["tailProcessStdoutLog", "tailProcessLog"])
def test_tail(reader: Supervisor, method: str) -> None:
    tail = getattr(reader.rpc.supervisor, method)
    (reader.folder / "out").write_text("0123")
    for offset, length, expected in [
        (0, 2, ["23", 4, True]),
        (0, 4, ["0123", 4, False]),
        (0, 100, ["0123", 4, False]),
        (3, 100, ["0123", 4, False]),
        (4, 100, ["", 4, False]),
        (9, 100, ["", 4, False]),
        (0, 0, ["", 4, True]),
        (2, 1, ["3", 4, True]),
    ]:
        assert tail("t", offset, length) == expected, (offset, length)
    (reader.folder / "out").unlink()
    assert tail("t", 0, 10) == ["", 0, False]
    assert reader.rpc.supervisor.tailProcessStderrLog("t", 0, 10) == ["", 0, False]
    assert fault(tail, "nobody", 0, 10) == (10, "BAD_NAME: nobody")


def test_stderr_has_its_own_log(supervisor: Supervisor) -> None:
    rpc = supervisor.rpc.supervisor
    until(lambda: rpc.readProcessStderrLog("talk", 0, 0) == "complaint\n", "the complaint")
    assert rpc.readProcessStdoutLog("talk", 0, 0) == "one\ntwo\n"
    assert rpc.tailProcessStderrLog("talk", 0, 100) == ["complaint\n", 10, False]


def test_clear(supervisor: Supervisor) -> None:
    rpc = supervisor.rpc.supervisor
    until(lambda: rpc.readProcessStdoutLog("talk", 0, 0) == "one\ntwo\n", "the lines")
    for name in ("clearProcessLogs", "clearProcessLog"):
        assert getattr(rpc, name)("talk") is True
        assert rpc.tailProcessStdoutLog("talk", 0, 100)[:2] == ["", 0]
        assert fault(getattr(rpc, name), "nobody") == (10, "BAD_NAME: nobody")
        assert fault(getattr(rpc, name), "g:*") == (10, "BAD_NAME: g:*")
    rpc.sendProcessStdin("echo", "again\n")
    until(lambda: rpc.readProcessStdoutLog("echo", 0, 0) == "again\n", "the echo")
    assert len(rpc.clearAllProcessLogs()) == 11
    assert rpc.tailProcessStdoutLog("echo", 0, 100)[:2] == ["", 0]
    rpc.sendProcessStdin("echo", "more\n")
    until(lambda: rpc.readProcessStdoutLog("echo", 0, 0) == "more\n", "the echo after the clear")


def test_main_log(supervisor: Supervisor) -> None:
    rpc = supervisor.rpc.supervisor
    assert "supervisord started with pid" in rpc.readLog(0, 0)
    assert rpc.readMainLog(0, 10) == rpc.readLog(0, 10) == supervisor.log()[:10]
    assert fault(rpc.readLog, 0, -1) == (3, "BAD_ARGUMENTS")
    assert rpc.clearLog() is True
    assert supervisor.log() == "", "the line that tells of it goes with what is cleared, as in the original"
    (supervisor.folder / "main.log").unlink()
    assert fault(rpc.readLog, 0, 0) == (20, f"NO_FILE: {supervisor.folder}/main.log")


# --- groups that come and go -------------------------------------------------------------------------


def test_reload_add_remove(supervisor: Supervisor) -> None:
    rpc = supervisor.rpc.supervisor
    assert rpc.reloadConfig() == [[[], [], []]]
    changed = PROGRAMS.replace("[program:late]", "[program:new]").replace("'off'", "'on'")
    supervisor.configure(changed.replace("two -e", "three -e"))
    assert rpc.reloadConfig() == [[["new"], ["talk"], ["late"]]]
    assert fault(rpc.addProcessGroup, "talk") == (90, "ALREADY_ADDED: talk")
    assert fault(rpc.addProcessGroup, "nobody") == (10, "BAD_NAME: nobody")
    assert rpc.addProcessGroup("new") is True
    assert supervisor.state("new") == "STOPPED"  # autostart=false
    assert fault(rpc.removeProcessGroup, "talk") == (91, "STILL_RUNNING: talk")
    assert fault(rpc.removeProcessGroup, "nobody") == (10, "BAD_NAME: nobody")
    rpc.stopProcess("talk")
    assert rpc.removeProcessGroup("talk") is True
    assert fault(supervisor.info, "talk") == (10, "BAD_NAME: talk")
    assert rpc.addProcessGroup("talk") is True
    supervisor.wait_state("talk", "RUNNING")
    until(lambda: "three" in rpc.readProcessStdoutLog("talk", 0, 0), "the new words")
    assert rpc.removeProcessGroup("late") is True
    supervisor.config_file.write_text("[supervisord]\nloglevel=loud\n[program:x]\n")
    code, text = fault(rpc.reloadConfig)
    assert code == Faults.CANT_REREAD and text.startswith("CANT_REREAD: ") and "loglevel" in text
    supervisor.config_file.unlink()
    assert fault(rpc.reloadConfig)[0] == Faults.CANT_REREAD
    # what was added and removed outlives the daemon
    supervisor.kill_daemon()
    supervisor.wait_ready()
    names = {entry["group"] for entry in rpc.getAllProcessInfo()}
    assert {"new", "talk"} <= names and "late" not in names


# --- system ------------------------------------------------------------------------------------------


def test_introspection(supervisor: Supervisor) -> None:
    system = supervisor.rpc.system
    names = system.listMethods()
    assert names == sorted(names)
    assert {m.name for m in (*METHODS, *processes.METHODS, *logs.METHODS)} <= set(names)
    assert {"system.listMethods", "system.methodHelp", "system.methodSignature", "system.multicall"} <= set(
        names
    )
    assert system.methodSignature("supervisor.startProcess") == ["boolean", "string", "boolean"]
    assert system.methodSignature("supervisor.getProcessInfo") == ["struct", "string"]
    assert system.methodSignature("system.listMethods") == ["array"]
    for name in names:
        assert system.methodHelp(name)
        assert system.methodSignature(name)
    for call in (system.methodHelp, system.methodSignature):
        assert fault(call, "supervisor.none") == (4, "SIGNATURE_UNSUPPORTED")


def test_multicall(supervisor: Supervisor) -> None:
    multicall = supervisor.rpc.system.multicall
    assert multicall([]) == []
    results = multicall([
        {"methodName": "supervisor.getAPIVersion", "params": []},
        {"methodName": "supervisor.getIdentification"},
        {"params": []},
        {"methodName": "system.multicall", "params": [[]]},
        {"methodName": "supervisor.stopProcess", "params": ["talk"]},
        {"methodName": "supervisor.getProcessInfo", "params": ["talk"]},
        {"methodName": "supervisor.startProcess", "params": ["talk"]},
        {"methodName": "supervisor.none", "params": []},
        {"methodName": "supervisor.getProcessInfo", "params": ["nobody"]},
    ])  # fmt: skip
    assert results[:2] == ["3.0", "test"]
    assert results[2] == {"faultCode": 2, "faultString": "INCORRECT_PARAMETERS: No methodName"}
    assert results[3] == {
        "faultCode": 2, "faultString": "INCORRECT_PARAMETERS: Recursive system.multicall forbidden"
    }  # fmt: skip
    assert results[4] is True and results[5]["statename"] == "STOPPED" and results[6] is True
    assert results[7] == {"faultCode": 1, "faultString": "UNKNOWN_METHOD"}
    assert results[8] == {"faultCode": 10, "faultString": "BAD_NAME: nobody"}


# --- the end -----------------------------------------------------------------------------------------


def test_numbers_that_no_log_is_so_long_for(supervise: Supervise) -> None:
    supervisor = supervise(f"[program:a]\ncommand={child('talk', 'a')}\nstartsecs=0\n")
    rpc = supervisor.rpc.supervisor
    supervisor.wait_state("a", "RUNNING")
    text = until(lambda: rpc.readProcessStdoutLog("a", 0, 0), "it to write")
    huge = "9" * 30
    assert rpc.readProcessStdoutLog("a", "0", str(2**62)) == text
    assert rpc.readProcessStdoutLog("a", str(2**62), "5") == ""
    assert rpc.tailProcessStdoutLog("a", str(2**62), str(2**62))[1] == len(text)
    for method in (rpc.readProcessStdoutLog, rpc.tailProcessStdoutLog):
        for offset, length in ((huge, "0"), ("0", huge), (f"-{huge}", "0")):
            assert fault(method, "a", offset, length)[0] == Faults.INCORRECT_PARAMETERS
    with supervisor.stream() as stream:
        for number in (math.nan, math.inf, -math.inf, 1e300):
            stream.send(p.Call(1, "supervisor.readLog", [number, 0]))
            assert (
                isinstance(answer := stream.receive(), p.Fault) and answer.code == Faults.INCORRECT_PARAMETERS
            )


def test_all_but_the_end_is_refused_while_it_ends(supervise: Supervise) -> None:
    supervisor = supervise(f"[program:slow]\ncommand={shell(STUBBORN)}\nstartsecs=0\nstopwaitsecs=3\n")
    rpc = supervisor.rpc.supervisor
    supervisor.wait_state("slow", "RUNNING")
    until(lambda: rpc.readProcessStdoutLog("slow", 0, 0), "it to listen")
    assert rpc.shutdown() is True
    examples: dict[str, Any] = {"string": "slow", "int": 0, "boolean": True, "any": "1", "array": []}
    for method in (*METHODS, *processes.METHODS, *logs.METHODS):
        name = method.name.partition(".")[2]
        if name == "sendRemoteCommEvent":  # listeners may hear of the end from others, too
            continue
        params = [examples[param.kind] for param in method.params]
        assert fault(getattr(rpc, name), *params) == (6, "SHUTDOWN_STATE"), name
    assert supervisor.wait_end() == 0
    assert "killing 'slow'" in supervisor.log()


def test_restart_reads_the_files_again(supervise: Supervise) -> None:
    supervisor = supervise(f"[program:a]\ncommand={child('talk', 'a')}\nstartsecs=0\n")
    before = supervisor.wait_state("a", "RUNNING")["pid"]
    supervisor.config_file.write_text("[supervisord\n")
    assert fault(supervisor.rpc.supervisor.restart)[0] == Faults.CANT_REREAD
    assert supervisor.info("a")["pid"] == before
    supervisor.configure(f"[program:b]\ncommand={child('talk', 'b')}\nstartsecs=0\n")
    assert supervisor.rpc.supervisor.restart() is True

    def restarted() -> bool:
        try:
            return {e["name"] for e in supervisor.rpc.supervisor.getAllProcessInfo()} == {"b"}
        except (OSError, xmlrpc.client.Error):
            return False

    until(restarted, "the new configuration")
    assert not alive(before)
    assert supervisor.pidfile_pid() == supervisor.keeper_pid
    supervisor.wait_state("b", "RUNNING")


def test_numbers_beyond_what_xml_rpc_can_carry_do_not_spoil_the_answer(supervise: Supervise) -> None:
    supervisor = supervise(
        f"[program:far]\ncommand=/bin/cat\nautostart=false\npriority={10**12}\nstartsecs={10**10}\n"
        "stdout_logfile_maxbytes=5GB\n"
    )
    (far,) = supervisor.rpc.supervisor.getAllConfigInfo()
    top = 2**31 - 1
    assert far["process_prio"] == far["startsecs"] == far["stdout_logfile_maxbytes"] == top
