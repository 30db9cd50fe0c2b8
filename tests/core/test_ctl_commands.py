"""Every command's lines and exit statuses against a real little server."""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervisor.ctl import commands
from supervisor.ctl.help import HELP
from supervisor.errors import RPCError
from supervisor.faults import Faults
from supervisor.protocol.xmlrpc import Dumpable, Value
from tests.core.ctl_support import (
    Answer,
    Ran,
    Script,
    free_port,
    from_table,
    process_info,
    process_of,
    run_ctl,
    serve,
)

PROCESSES: list[Dumpable] = [
    process_info("cat"),
    process_info("g1", "grp"),
    process_info("g2", "grp", "STOPPED"),
]
STATUS = """\
cat                              RUNNING   pid 4711, uptime 0:00:03
grp:g1                           RUNNING   pid 4711, uptime 0:00:03
grp:g2                           STOPPED   Not started
"""


class Server:
    """A served script whose answers a test fills in."""

    def __init__(self, script: Script, url: str, table: dict[str, Dumpable | RPCError | Answer]) -> None:
        self.script = script
        self.url = url
        self.table = table

    def ran(self, line: str, **more: object) -> Ran:
        return run_ctl(self.url, line, **more)  # type: ignore[arg-type]  # keywords of run_ctl

    def out(self, line: str) -> tuple[str, int]:
        ran = self.ran(line)
        assert ran.err == ""
        return ran.out, ran.status

    @property
    def calls(self) -> list[tuple[str, tuple[Value, ...]]]:
        """The calls but the question for the version."""
        return [
            (method.removeprefix("supervisor."), params)
            for method, params in self.script.calls
            if method != "supervisor.getVersion"
        ]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    table: dict[str, Dumpable | RPCError | Answer] = {
        "getAllProcessInfo": PROCESSES,
        "getProcessInfo": process_of(PROCESSES),
    }
    script = Script(from_table(table))
    with serve(script, tmp_path / "s.sock") as url:
        yield Server(script, url, table)


def help_of(name: str) -> str:
    return "".join(f"{line}\n" for line in HELP[name])


def result(
    name: str, status: int = Faults.SUCCESS, description: str = "OK", group: str = ""
) -> dict[str, Value]:
    return {"name": name, "group": group or name, "status": status, "description": description}


SHUTDOWN = RPCError(Faults.SHUTDOWN_STATE)


# --- status, pid, avail, version ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "out", "status"),
    [
        ("status", STATUS, 3),
        ("status cat all", STATUS, 3),
        ("status cat", STATUS.splitlines(True)[0], 0),
        ("status cat cat:cat", STATUS.splitlines(True)[0] * 2, 0),
        ("status grp:*", "".join(STATUS.splitlines(True)[1:]), 3),
        ("status grp:", "".join(STATUS.splitlines(True)[1:]), 3),
        ("status grp:g2", STATUS.splitlines(True)[2], 3),
        ("status x", "x: ERROR (no such process)\n", 4),
        ("status grp", "grp: ERROR (no such process)\n", 4),
        ("status x:*", "x: ERROR (no such group)\n", 4),
        ("status cat x", "x: ERROR (no such process)\n" + STATUS.splitlines(True)[0], 4),
        ("status x grp:g2", "x: ERROR (no such process)\n" + STATUS.splitlines(True)[2], 3),
    ],
)
def test_status(server: Server, line: str, out: str, status: int) -> None:
    assert server.out(line) == (out, status)


def test_status_of_nothing(server: Server) -> None:
    server.table["getAllProcessInfo"] = []
    assert server.out("status") == ("", 0)


@pytest.mark.parametrize(
    ("line", "out", "status"),
    [
        ("pid", "99\n", 0),
        ("pid cat", "4711\n", 0),
        ("pid grp:g2", "0\n", 7),
        ("pid x", "No such process x\n", 1),
        ("pid grp:*", "No such process grp:*\n", 1),
        ("pid all", "4711\n4711\n0\n", 0),
        ("pid x cat", "No such process x\n4711\n", 1),
    ],
)
def test_pid(server: Server, line: str, out: str, status: int) -> None:
    server.table["getPID"] = 99
    assert server.out(line) == (out, status)


def config_info(name: str, group: str, **more: Value) -> dict[str, Value]:
    return {
        "name": name,
        "group": group,
        "inuse": True,
        "autostart": True,
        "group_prio": 1,
        "process_prio": 2,
        **more,
    }


def test_avail(server: Server) -> None:
    server.table["getAllConfigInfo"] = [
        config_info("cat", "cat"),
        config_info("a", "g", inuse=False, autostart=False),
    ]
    lines = (
        "cat                              in use    auto      1:2\n"
        "g:a                              avail     manual    1:2\n"
    )
    assert server.out("avail") == (lines, 0)
    assert server.out("avail x") == ("Error: avail accepts no arguments\n" + help_of("avail"), 1)
    server.table["getAllConfigInfo"] = SHUTDOWN
    assert server.out("avail") == ("ERROR: supervisor shutting down\n", 1)


def test_version(server: Server) -> None:
    server.table["getSupervisorVersion"] = "5.0"
    assert server.out("version") == ("5.0\n", 0)
    assert server.out("version x") == ("Error: version accepts no arguments\n" + help_of("version"), 1)


# --- start, stop, restart, signal, clear -------------------------------------------------------------

ONE = {
    "start": "startProcess",
    "stop": "stopProcess",
    "signal HUP": "signalProcess",
    "clear": "clearProcessLogs",
}
GROUP = {"start": "startProcessGroup", "stop": "stopProcessGroup", "signal HUP": "signalProcessGroup"}
ALL = {
    "start": "startAllProcesses",
    "stop": "stopAllProcesses",
    "signal HUP": "signalAllProcesses",
    "clear": "clearAllProcessLogs",
}
DONE = {"start": "started", "stop": "stopped", "signal HUP": "signalled", "clear": "cleared"}


@pytest.mark.parametrize("command", ONE)
def test_success_on_one_on_a_group_and_on_all(server: Server, command: str) -> None:
    server.table[ONE[command]] = True
    assert server.out(f"{command} cat:cat grp:g1") == (f"cat: {DONE[command]}\ngrp:g1: {DONE[command]}\n", 0)
    results: list[Dumpable] = [result("g2", group="grp"), result("cat")]
    lines = f"grp:g2: {DONE[command]}\ncat: {DONE[command]}\n"
    if command in GROUP:
        server.table[GROUP[command]] = results
        assert server.out(f"{command} grp:*") == (lines, 0)
        server.table[GROUP[command]] = []
        assert server.out(f"{command} grp:") == ("", 0)
    server.table[ALL[command]] = results
    assert server.out(f"{command} x all") == (lines, 0)


@pytest.mark.parametrize(
    ("command", "code", "line", "status"),
    [
        ("start", Faults.BAD_NAME, "a:b: ERROR (no such process)", 1),
        ("start", Faults.NO_FILE, "a:b: ERROR (no such file)", 1),
        ("start", Faults.NOT_EXECUTABLE, "a:b: ERROR (file is not executable)", 1),
        ("start", Faults.ALREADY_STARTED, "a:b: ERROR (already started)", 0),
        ("start", Faults.SPAWN_ERROR, "a:b: ERROR (spawn error)", 7),
        ("start", Faults.ABNORMAL_TERMINATION, "a:b: ERROR (abnormal termination)", 7),
        ("start", Faults.FAILED, "a:b: ERROR (FAILED: why)", 1),
        ("stop", Faults.BAD_NAME, "a:b: ERROR (no such process)", 1),
        ("stop", Faults.NOT_RUNNING, "a:b: ERROR (not running)", 0),
        ("signal HUP", Faults.BAD_NAME, "a:b: ERROR (no such process)", 1),
        ("signal HUP", Faults.BAD_SIGNAL, "a:b: ERROR (bad signal name)", 1),
        ("signal HUP", Faults.NOT_RUNNING, "a:b: ERROR (not running)", 7),
        ("clear", Faults.BAD_NAME, "a:b: ERROR (no such process)", 1),
        ("clear", Faults.FAILED, "a:b: ERROR (failed)", 1),
    ],
)
def test_faults_of_one_and_of_all(server: Server, command: str, code: int, line: str, status: int) -> None:
    server.table[ONE[command]] = RPCError(code, "why")
    assert server.out(f"{command} a:b") == (f"{line}\n", status)
    server.table[ALL[command]] = [result("b", code, RPCError(code, "why").text, "a"), result("ok")]
    assert server.out(f"{command} all") == (f"{line}\nok: {DONE[command]}\n", status)


def test_stop_failed_is_the_text_of_the_fault(server: Server) -> None:
    server.table["stopProcess"] = RPCError(Faults.FAILED, "no permission")
    assert server.out("stop a") == ("FAILED: no permission\n", 1)


@pytest.mark.parametrize(("command", "status"), [("start", 2), ("stop", 1), ("signal HUP", 1), ("clear", 1)])
def test_unknown_groups(server: Server, command: str, status: int) -> None:
    for method in GROUP.values():
        server.table[method] = RPCError(Faults.BAD_NAME, "x")
    assert server.out(f"{command} x:*") == ("x: ERROR (no such group)\n", status)


def test_clear_goes_through_a_group(server: Server) -> None:
    server.table["clearProcessLogs"] = True
    assert server.out("clear grp:*") == ("grp:g1: cleared\ngrp:g2: cleared\n", 0)
    server.table["clearProcessLogs"] = RPCError(Faults.FAILED, "x")
    assert server.out("clear grp:*") == ("grp:g1: ERROR (failed)\ngrp:g2: ERROR (failed)\n", 1)


@pytest.mark.parametrize(
    ("line", "error", "status"),
    [
        ("start", "Error: start requires a process name", 2),
        ("stop", "Error: stop requires a process name", 1),
        ("restart", "Error: restart requires a process name", 1),
        ("clear", "Error: clear requires a process name", 1),
        ("signal", "Error: signal requires a signal name and a process name", 1),
        ("signal HUP", "Error: signal requires a signal name and a process name", 1),
    ],
)
def test_missing_names(server: Server, line: str, error: str, status: int) -> None:
    assert server.out(line) == (f"{error}\n{help_of(line.split()[0])}", status)


def test_restart_stops_then_starts(server: Server) -> None:
    server.table |= {"stopProcess": RPCError(Faults.NOT_RUNNING, "cat"), "startProcess": True}
    assert server.out("restart cat") == ("cat: ERROR (not running)\ncat: started\n", 0)
    assert server.calls == [("stopProcess", ("cat",)), ("startProcess", ("cat",))]


def test_signal_passes_the_name(server: Server) -> None:
    server.table["signalProcess"] = True
    server.out("signal usr1 cat")
    assert server.calls == [("signalProcess", ("cat", "usr1"))]


@pytest.mark.parametrize(
    "command", ["start a b", "stop a", "signal HUP a", "clear a", "restart all", "start g:*"]
)
def test_shutting_down_is_one_line(server: Server, command: str) -> None:
    server.table |= dict.fromkeys([*ONE.values(), *GROUP.values(), *ALL.values()], SHUTDOWN)
    assert server.out(command) == (
        f"error: supervisord at {server.url} is shutting down or restarting: try again when it is up\n",
        1,
    )


# --- configuration -----------------------------------------------------------------------------------


def test_reread(server: Server) -> None:
    server.table["reloadConfig"] = [[["new", "b"], ["c"], ["a"]]]
    assert server.out("reread") == ("a: disappeared\nb: available\nc: changed\nnew: available\n", 0)
    server.table["reloadConfig"] = [[[], [], []]]
    assert server.out("reread") == ("No config updates to processes\n", 0)
    assert server.out("reread x") == ("Error: reread accepts no arguments\n" + help_of("reread"), 1)
    server.table["reloadConfig"] = SHUTDOWN
    assert server.out("reread") == ("ERROR: supervisor shutting down\n", 1)
    server.table["reloadConfig"] = RPCError(Faults.CANT_REREAD, "bad value")
    assert server.out("reread") == ("ERROR: CANT_REREAD: bad value\n", 1)


@pytest.mark.parametrize(
    ("answer", "out", "status"),
    [
        (True, "g: added process group\n", 0),
        (RPCError(Faults.ALREADY_ADDED, "g"), "ERROR: process group already active\n", 0),
        (RPCError(Faults.BAD_NAME, "g"), "ERROR: no such process/group: g\n", 1),
        (SHUTDOWN, "ERROR: shutting down\n", 1),
    ],
)
def test_add(server: Server, answer: Dumpable | RPCError, out: str, status: int) -> None:
    server.table["addProcessGroup"] = answer
    assert server.out("add g g") == (out * 2, status)
    assert server.out("add") == ("", 0)


@pytest.mark.parametrize(
    ("answer", "out", "status"),
    [
        (True, "g: removed process group\n", 0),
        (RPCError(Faults.STILL_RUNNING, "g"), "ERROR: process/group still running: g\n", 1),
        (RPCError(Faults.BAD_NAME, "g"), "ERROR: no such process/group: g\n", 1),
    ],
)
def test_remove(server: Server, answer: Dumpable | RPCError, out: str, status: int) -> None:
    server.table["removeProcessGroup"] = answer
    assert server.out("remove g") == (out, status)


@pytest.fixture
def changed(server: Server) -> Server:
    server.table |= {
        "reloadConfig": [[["new"], ["grp"], ["cat"]]],
        "stopProcessGroup": [result("x")],
        "removeProcessGroup": True,
        "addProcessGroup": True,
    }
    return server


def test_update_in_order(changed: Server) -> None:
    out = (
        "cat: stopped\ncat: removed process group\ngrp: stopped\ngrp: updated process group\n"
        "new: added process group\n"
    )
    assert changed.out("update") == (out, 0)
    assert changed.out("update all") == (out, 0)


def test_update_of_some(changed: Server) -> None:
    assert changed.out("update new nosuch") == ("ERROR: no such group: nosuch\nnew: added process group\n", 1)
    assert changed.out("update cat") == ("cat: stopped\ncat: removed process group\n", 0)


def test_update_that_cannot_stop(changed: Server) -> None:
    changed.table["stopProcessGroup"] = [result("x", Faults.FAILED, "FAILED: x")]
    assert changed.out("update cat") == ("cat: stopped\ncat: has problems; not removing\n", 1)


def test_update_that_cannot_read(changed: Server) -> None:
    changed.table["reloadConfig"] = SHUTDOWN
    assert changed.out("update") == ("ERROR: already shutting down\n", 1)
    changed.table["reloadConfig"] = RPCError(Faults.CANT_REREAD, "x")
    assert changed.out("update") == ("ERROR: CANT_REREAD: x\n", 1)
    changed.table["reloadConfig"] = [[[], [], []]]
    assert changed.out("update") == ("", 0)


# --- supervisord itself ------------------------------------------------------------------------------


def test_reload_and_shutdown(server: Server) -> None:
    server.table |= {"restart": True, "shutdown": True}
    assert server.out("reload") == ("Restarted supervisord\n", 0)
    assert server.out("shutdown") == ("Shut down\n", 0)
    assert server.out("reload x") == ("Error: reload accepts no arguments\n" + help_of("reload"), 1)
    assert server.out("shutdown x") == ("Error: shutdown accepts no arguments\n" + help_of("shutdown"), 1)
    server.table |= {"restart": SHUTDOWN, "shutdown": SHUTDOWN}
    assert server.out("reload") == ("ERROR: already shutting down\n", 1)
    assert server.out("shutdown") == ("ERROR: already shutting down\n", 0)


@pytest.mark.parametrize(
    ("command", "question", "done"),
    [
        ("reload", "Really restart the remote supervisord process y/N? ", "Restarted supervisord\n"),
        ("shutdown", "Really shut the remote supervisord process down y/N? ", "Shut down\n"),
    ],
)
def test_questions(server: Server, command: str, question: str, done: str) -> None:
    server.table |= {"restart": True, "shutdown": True}
    for reply, out, status in (("yes", done, 0), ("Y", done, 0), ("n", "", 0), ("", "", 0)):
        ran = server.ran(command, interactive=True, replies=(reply,))
        assert (ran.out, ran.status) == (question + out, status)
    ran = server.ran(command, interactive=True)
    assert (ran.out, ran.status) == (f"{question}\n", 1)


def test_shutdown_of_a_server_that_is_away(tmp_path: Path) -> None:
    url = f"unix://{tmp_path}/none"
    assert run_ctl(url, "shutdown") == Ran(f"ERROR: {url} no such file (already shut down?)\n", 1)
    url = f"http://127.0.0.1:{free_port()}"
    assert run_ctl(url, "shutdown") == Ran(f"ERROR: {url} refused connection (already shut down?)\n", 1)


def test_restart_daemon(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Dumpable | RPCError] = [SHUTDOWN, {"statecode": 1, "statename": "RUNNING"}]

    def restart(method: str, params: tuple[Value, ...]) -> Dumpable:
        server.script.closes = True
        return True

    def state(method: str, params: tuple[Value, ...]) -> Dumpable:
        answer = answers.pop(0)
        if isinstance(answer, RPCError):
            raise answer
        return answer

    server.table |= {"restartDaemon": restart, "getState": state}
    assert server.out("restart-daemon") == ("Daemon restarted\n", 0)
    assert answers == []
    server.table["restartDaemon"] = RPCError(Faults.UNKNOWN_METHOD)
    out, status = server.out("restart-daemon")
    assert (status, out.startswith("ERROR: supervisord at unix://")) == (1, True)
    monkeypatch.setattr(commands, "RESTART_DEADLINE_S", 0.0)
    server.table |= {"restartDaemon": True, "getState": SHUTDOWN}
    out, status = server.out("restart-daemon")
    assert (status, "does not answer after the restart" in out) == (1, True)


def test_open(server: Server, tmp_path: Path) -> None:
    for url in ("", " foo", " ftp://x"):
        assert server.out(f"open{url}") == ("ERROR: url must be http:// or unix://\n", 1)
    with serve(Script(from_table({"getAllProcessInfo": [process_info("other", state="FATAL")]}))) as url:
        lines = f"{'other':<33}FATAL     Not started\n"
        assert server.out(f"open {url}; status") == (lines * 2, 3)
        assert server.out(f"open {url}") == (lines, 0)
    missing = f"unix://{tmp_path}/none"
    assert server.out(f"open {missing}") == (f"{missing} no such file\n", 4)


# --- logs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "call"),
    [
        ("tail cat", ("readProcessStdoutLog", ("cat", -1600, 0))),
        ("tail -100 cat", ("readProcessStdoutLog", ("cat", -100, 0))),
        ("tail -0 cat", ("readProcessStdoutLog", ("cat", 0, 0))),
        ("tail grp:g1 STDERR", ("readProcessStderrLog", ("grp:g1", -1600, 0))),
        ("maintail", ("readLog", (-1600, 0))),
        ("maintail -5", ("readLog", (-5, 0))),
    ],
)
def test_tails(server: Server, line: str, call: tuple[str, tuple[Value, ...]]) -> None:
    server.table[call[0]] = "some\nlog\x1b[2J"
    # What XML cannot carry was replaced on its way already.
    assert server.out(line) == ("some\nlog\ufffd[2J\n", 0)
    assert server.calls == [call]


@pytest.mark.parametrize(
    ("line", "out"),
    [
        ("tail", "Error: too few arguments\n" + help_of("tail")),
        ("tail -f cat stdout x", "Error: too many arguments\n" + help_of("tail")),
        ("tail cat foo", "Error: bad channel 'foo'\n"),
        ("tail -f", "Error: tail requires process name\n"),
        ("tail -x cat", "Error: bad argument -x\n"),
        ("maintail a b", "Error: too many arguments\n" + help_of("maintail")),
        ("maintail x", "Error: bad argument x\n"),
        ("maintail -x", "Error: bad argument -x\n"),
    ],
)
def test_tails_that_cannot_be_meant(server: Server, line: str, out: str) -> None:
    assert server.out(line) == (out, 1)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (Faults.NO_FILE, "no log file"),
        (Faults.FAILED, "unknown error reading log"),
        (Faults.BAD_NAME, "no such process name"),
    ],
)
def test_tails_that_fail(server: Server, code: int, text: str) -> None:
    server.table |= {"readProcessStdoutLog": RPCError(code, "x"), "readLog": RPCError(code, "x")}
    assert server.out("tail x") == (f"x: ERROR ({text})\n", 1)
    if code != Faults.BAD_NAME:
        assert server.out("maintail") == (f"supervisord: ERROR ({text})\n", 1)


def test_following_tails(server: Server) -> None:
    server.script.logs = {"/logtail/cat/stderr": [b"a\x1b[2J\xff", b"b\n"], "/mainlogtail": [b"main\n"]}
    banner = "==> Press Ctrl-C to exit <==\n"
    assert server.out("tail -f cat stderr") == (f"{banner}a\x1b[2J\udcffb\n", 0)
    assert server.out("maintail -f") == (f"{banner}main\n", 0)
    ran = server.ran("tail -f cat stderr", terminal=True)
    assert (ran.out, ran.status) == (f"{banner}a␛[2J\ufffdb\n", 0)
    ran = server.ran("tail -f nosuch")
    assert ran == Ran(banner, 1, f"{server.url}/logtail/nosuch/stdout Cannot read, status code 404\n")


# --- fg and attach without a stream socket -----------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "out"),
    [
        ("fg", "ERROR: no process name supplied\n" + help_of("fg")),
        ("fg a b", "ERROR: too many process names supplied\n"),
        ("fg x", "ERROR: bad process name supplied\n"),
        ("fg grp:g2", "ERROR: process not running\n"),
    ],
)
def test_fg_errors(server: Server, line: str, out: str) -> None:
    assert server.out(line) == (out, 1)


def test_attach_errors(server: Server) -> None:
    assert server.out("attach") == ("ERROR: one process name is needed\n" + help_of("attach"), 2)
    assert server.out("attach --x a") == ("ERROR: unknown option --x\n" + help_of("attach"), 2)
    out, status = server.out("attach cat")
    assert (status, "has no stream socket" in out) == (1, True)


# --- help, unknown, several --------------------------------------------------------------------------


def test_help(server: Server) -> None:
    out, status = server.out("help")
    assert status == 0
    assert out.startswith(
        "\ndefault commands (type help <topic>):\n=====================================\nadd "
    )
    assert out.endswith("\n\n")
    for name in commands.COMMANDS:
        assert server.out(f"help {name}") == (help_of(name), 0)
    assert server.out("?start") == (help_of("start"), 0)
    assert server.out("help nosuch") == ("*** No help on nosuch\n", 0)
    assert server.out("help start stop") == ("*** No help on start stop\n", 0)


@pytest.mark.parametrize("line", ["foo", "foo  bar", "!ls", "restart_daemon"])
def test_unknown_commands(server: Server, line: str) -> None:
    assert server.out(line) == (f"*** Unknown syntax: {line}\n", 1)


@pytest.mark.parametrize("line", ["quit", "exit", "EOF"])
def test_leaving_alone_is_an_empty_line(server: Server, line: str) -> None:
    assert server.out(line) == ("\n", 0)


def test_several_commands(server: Server) -> None:
    server.table |= {"getPID": 5, "getSupervisorVersion": "5.0"}
    assert server.out("version; pid x ; status grp:g2; pid") == (
        "5.0\nNo such process x\n" + STATUS.splitlines(True)[2] + "5\n",
        1,
    )


# --- JSON --------------------------------------------------------------------------------------------


def test_json(server: Server) -> None:
    server.table |= {
        "getPID": 5,
        "getSupervisorVersion": "5.0",
        "reloadConfig": [[["new"], [], ["old"]]],
        "getAllConfigInfo": [config_info("cat", "cat")],
    }

    def value(line: str, status: int = 0) -> object:
        ran = server.ran(line, json=True)
        assert (ran.err, ran.status) == ("", status)
        return json.loads(ran.out)

    assert value("version") == {"version": "5.0"}
    assert value("pid") == {"supervisord": 5}
    assert value("pid cat grp:g2", 7) == {"cat": 4711, "grp:g2": 0}
    assert value("pid all") == {"cat": 4711, "grp:g1": 4711, "grp:g2": 0}
    assert value("reread") == {"added": ["new"], "changed": [], "removed": ["old"]}
    assert value("avail") == [config_info("cat", "cat")]
    (cat,) = json.loads(server.out("status --json cat")[0])
    assert cat == {"namespec": "cat", **process_info("cat")}


def test_json_leaves_stdout_to_the_values(server: Server, tmp_path: Path) -> None:
    ran = server.ran("status x", json=True)
    assert (json.loads(ran.out), ran.status, ran.err) == ([], 4, "x: ERROR (no such process)\n")
    ran = server.ran("reload", json=True)
    assert ran == Ran("", 2, "Error: reload has no --json\n")
    url = f"unix://{tmp_path}/none"
    assert run_ctl(url, "version", json=True) == Ran("", 7, f"{url} no such file\n")


# --- the server is away, or wants something else -----------------------------------------------------

CHECKED = ("status", "start a", "stop a", "restart a", "signal 1 a", "pid", "tail a", "maintail", "clear a", "fg a",
           "version", "attach a", "restart-daemon")  # fmt: skip
UNCHECKED = ("avail", "reread", "update", "add a", "remove a", "reload")


@pytest.mark.parametrize("line", CHECKED)
def test_unreachable(tmp_path: Path, line: str) -> None:
    url = f"unix://{tmp_path}/none"
    assert run_ctl(url, line) == Ran(f"{url} no such file\n", 4 if line == "status" else 7)
    url = f"http://127.0.0.1:{free_port()}"
    assert run_ctl(url, line) == Ran(f"{url} refused connection\n", 4)


@pytest.mark.parametrize("line", UNCHECKED)
def test_unreachable_without_the_question_for_the_version(tmp_path: Path, line: str) -> None:
    url = f"unix://{tmp_path}/none"
    me = pwd.getpwuid(os.geteuid()).pw_name
    assert run_ctl(url, line, username="u", password="p") == Ran(
        f"error: cannot reach supervisord at {url} as user {me}, login 'u' (no such file): is it running, and is "
        "the serverurl right (-s, or [supervisorctl] in the configuration file)?\n",
        1,
    )


def test_people_at_a_terminal_are_told_what_to_try(tmp_path: Path) -> None:
    url = f"unix://{tmp_path}/none"
    ran = run_ctl(url, "status", terminal=True)
    assert ran.out == f"{url} no such file\n"
    me = pwd.getpwuid(os.geteuid()).pw_name
    assert ran.err.startswith(f"Tried {url} as user {me}. Is supervisord running, and is this its address")


@pytest.mark.parametrize("line", CHECKED)
def test_other_versions(line: str) -> None:
    with serve(Script(lambda method, params: "2.0")) as url:
        ran = run_ctl(url, line)
    assert ran.out == (
        "Sorry, this version of supervisorctl expects to talk to a server with API version 3.0, but the remote "
        "version is 2.0.\n"
    )
    assert ran.status == (4 if line == "status" else 5)


def unknown_method(method: str, params: tuple[Value, ...]) -> Dumpable:
    raise RPCError(Faults.UNKNOWN_METHOD)


def test_a_server_without_the_namespace() -> None:
    with serve(Script(unknown_method)) as url:
        ran = run_ctl(url, "version")
        assert ran.status == 3
        assert ran.out.startswith(
            "Sorry, supervisord responded but did not recognize the supervisor namespace commands that "
            "supervisorctl uses to control it."
        )
        assert "[rpcinterface:supervisor]" in ran.out
        assert run_ctl(url, "avail") == Ran(
            f"error: supervisord at {url} answered UNKNOWN_METHOD (fault 1)\n", 1
        )


def test_other_trouble() -> None:
    with serve(Script(unknown_method, status=500)) as url:
        assert run_ctl(url, "pid") == Ran(f"error: {url}: HTTP status 500 Internal Server Error\n", 1)
    with serve(Script(from_table({"getAllProcessInfo": ["odd"]}))) as url:
        assert run_ctl(url, "status") == Ran(
            f"error: {url}: unexpected answer: str in place of a struct\n", 1
        )


def test_login_refused_runs_the_command_once() -> None:
    script = Script(from_table({"getPID": 5}), login=("u", "p"))
    with serve(script) as url:
        ran = run_ctl(url, "pid")
        assert ran == Ran(
            "Server requires authentication\n"
            f"error: {url} refused the login of a client without a user name: give -u and -p, or set username "
            "and password in [supervisorctl]\n",
            1,
        )
        assert script.connections == 1
        ran = run_ctl(url, "reread", username="v", password="p")
        assert "refused the login of user 'v'" in ran.out
        assert run_ctl(url, "pid", username="u", password="p") == Ran("5\n", 0)


def test_login_asked_for() -> None:
    with serve(Script(from_table({"getPID": 5}), login=("u", "p"))) as url:
        asked = "Server requires authentication\nUsername:Password:\n"
        ran = run_ctl(url, "pid", interactive=True, replies=("u", "p"))
        assert ran == Ran(f"{asked}5\n", 0)
        ran = run_ctl(url, "pid; pid", interactive=True, replies=("u", "x", "u", "p"))
        assert ran == Ran(f"{asked * 2}5\n5\n", 0)
        ran = run_ctl(url, "pid", interactive=True, replies=("u",))
        assert (ran.status, ran.out.startswith(asked + "error: ")) == (1, True)


def test_names_and_texts_cannot_act_on_a_terminal(server: Server) -> None:
    evil: list[Dumpable] = [process_info("a\u202e\u009b", description="\u200bx")]
    server.table["getAllProcessInfo"] = evil
    out = server.ran("status", terminal=True).out
    assert "a<U+202E><U+009B>" in out
    assert "<U+200B>x" in out
