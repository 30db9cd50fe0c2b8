"""``update``, ``plan`` and ``why`` against servers that know them and servers that do not."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervisor.errors import RPCError
from supervisor.faults import Faults
from supervisor.protocol.xmlrpc import Dumpable
from tests.core.ctl_support import Answer, Ran, Script, from_table, process_info, run_ctl, serve

Table = dict[str, Dumpable | RPCError | Answer]


class Server:
    def __init__(self, table: Table, script: Script, url: str) -> None:
        self.table = table
        self.script = script
        self.url = url

    def out(self, line: str) -> tuple[str, int]:
        ran = run_ctl(self.url, line)
        assert ran.err == ""
        return ran.out, ran.status

    @property
    def calls(self) -> list[str]:
        return [method.removeprefix("supervisor.") for method, _ in self.script.calls]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    table: Table = {
        "getAllProcessInfo": [process_info("a"), process_info("x", "g")],
        "getProcessInfo": lambda method, params: process_info(str(params[0]), state="FATAL"),
        "reloadConfig": [[[], ["g"], []]],
        "stopProcessGroup": [],
        "removeProcessGroup": True,
        "addProcessGroup": True,
    }
    script = Script(from_table(table))
    with serve(script, tmp_path / "s") as url:
        yield Server(table, script, url)


def report(*, stopped: list[str], problems: list[str]) -> Dumpable:
    return {"group": "g", "stopped": list(stopped), "problems": list(problems)}


def test_update_by_member(server: Server) -> None:
    server.table["updateProcessGroup"] = report(stopped=["x"], problems=[])
    assert server.out("update") == ("g: stopped\ng: updated process group\n", 0)
    server.table["updateProcessGroup"] = report(stopped=[], problems=[])
    assert server.out("update g") == ("g: updated process group\n", 0)
    assert "stopProcessGroup" not in server.calls
    server.table["updateProcessGroup"] = report(stopped=["x"], problems=["cannot add y: disk full"])
    assert server.out("update") == (
        "g: stopped\ng: updated process group\ng: ERROR (cannot add y: disk full)\n",
        1,
    )


@pytest.mark.parametrize("line", ["update", "update --whole-groups", "update --whole-groups g"])
def test_update_of_whole_groups(server: Server, line: str) -> None:
    if "--" in line:
        server.table["updateProcessGroup"] = RPCError(Faults.FAILED, "not to be called")
    assert server.out(line) == ("g: stopped\ng: updated process group\n", 0)
    assert server.calls[-3:] == ["stopProcessGroup", "removeProcessGroup", "addProcessGroup"]


def test_update_refuses_unknown_options(server: Server) -> None:
    out, status = server.out("update --force")
    assert out.startswith("Error: update has no --force\n")
    assert status == 2
    assert "reloadConfig" not in server.calls


# --- plan --------------------------------------------------------------------------------------------


def member(
    name: str, action: str, *, stops: bool = False, starts: bool = False, **changes: tuple[str, str]
) -> Dumpable:
    listed: list[Dumpable] = [{"option": o, "old": old, "new": new} for o, (old, new) in changes.items()]
    return {"name": name, "action": action, "stops": stops, "starts": starts, "changes": listed}


def group(
    name: str, action: str, *members: Dumpable, whole: bool = False, **changes: tuple[str, str]
) -> Dumpable:
    listed: list[Dumpable] = [{"option": o, "old": old, "new": new} for o, (old, new) in changes.items()]
    return {"group": name, "action": action, "whole": whole, "changes": listed, "processes": list(members)}


PLAN: list[Dumpable] = [
    group("old", "remove", member("old", "remove", stops=True)),
    group(
        "g",
        "change",
        member("x", "change", stops=True, starts=True, command=("cat", "dog"), user=("", "www")),
        member("y", "change", starts=True, umask=("022", "")),
        member("z", "keep"),
        member("n", "add", starts=True),
        member("m", "add"),
        priority=("1", "2"),
    ),
    group("pool", "change", member("pool", "change"), whole=True, buffer_size=("1", "2")),
]
PLAN_TEXT = """\
old: removed
  old: stop, remove
g: changed
  priority: 1 -> 2
  g:x: restart
    command: cat -> dog
    user: (none) -> www
  g:y: change, start
    umask: 022 -> (none)
  g:n: add, start
  g:m: add
  1 process is not touched
pool: changed as a whole
  buffer_size: 1 -> 2
  pool: change
"""


@pytest.mark.parametrize("line", ["plan", "plan all", "reread --diff"])
def test_plan(server: Server, line: str) -> None:
    server.table["getUpdatePlan"] = PLAN
    assert server.out(line) == (PLAN_TEXT, 10)
    assert "reloadConfig" not in server.calls


def test_plan_of_some_groups(server: Server) -> None:
    server.table["getUpdatePlan"] = PLAN
    assert server.out("plan old") == ("".join(PLAN_TEXT.splitlines(True)[:2]), 10)
    assert server.out("plan a") == ("No config updates to processes\n", 0)
    out, status = server.out("plan nobody")
    assert (out, status) == ("No config updates to processes\nERROR: no such group: nobody\n", 1)


def test_plan_as_json(server: Server) -> None:
    server.table["getUpdatePlan"] = PLAN
    ran = run_ctl(server.url, "plan --json")
    assert (json.loads(ran.out), ran.status) == (PLAN, 10)
    server.table["getUpdatePlan"] = []
    assert run_ctl(server.url, "reread --diff --json") == Ran("[]\n", 0)


def test_plan_that_cannot_be_made(server: Server) -> None:
    assert server.out("plan") == (
        f"ERROR: supervisord at {server.url} does not tell its plans: see reread\n",
        3,
    )
    server.table["getUpdatePlan"] = RPCError(Faults.CANT_REREAD, "c.conf:3: [program:a] numprocs: bad")
    assert server.out("plan") == ("ERROR: CANT_REREAD: c.conf:3: [program:a] numprocs: bad\n", 1)
    server.table["getUpdatePlan"] = [{"group": "g"}]
    out, status = server.out("plan")
    assert (out, status) == (f"error: {server.url}: unexpected answer: member action\n", 1)


# --- why ---------------------------------------------------------------------------------------------


def past(
    to: str, cause: str, *, pid: int = 0, exit_text: str = "", when: float = 1.5e9
) -> dict[str, Dumpable]:
    return {"when": when, "from": "X", "to": to, "cause": cause, "pid": pid, "tries": 0, "exit": exit_text}


def test_why(server: Server) -> None:
    ended = past("BACKOFF", "Exited too quickly", pid=7, exit_text="exit status 3")
    server.table["getProcessHistory"] = {
        "trouble": "cannot write its log",
        "transitions": [past("STARTING", "started by root"), ended, past("FATAL", "Exited too quickly")],
        "last_exit": {**ended, "stdout": "one\ntwo\n", "stderr": ""},
    }
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(1.5e9))
    expected = f"""\
a                                FATAL     Not started
  cannot write its log
  {moment}  STARTING  started by root
  {moment}  BACKOFF   Exited too quickly (exit status 3), pid 7
  {moment}  FATAL     Exited too quickly
Last lines of stdout before it ended:
  one
  two
"""
    assert server.out("why a") == (expected, 0)


def test_why_shows_ten_lines_and_no_escapes(server: Server) -> None:
    text = "".join(f"line {n}\n" for n in range(30)) + "\x1b]0;title\x07bad\n"
    server.table["getProcessHistory"] = {
        "transitions": [],
        "last_exit": {**past("EXITED", "exit status 1"), "stdout": "", "stderr": text},
    }
    out = run_ctl(server.url, "why a", terminal=True).out
    assert "\x1b" not in out
    assert "\x07" not in out
    assert "line 20\n" not in out
    assert "line 21\n" in out
    assert "nothing happened to it since supervisord started" in out


def test_why_of_nobody(server: Server) -> None:
    server.table["getProcessHistory"] = RPCError(Faults.BAD_NAME, "nobody")
    assert server.out("why nobody") == ("nobody: ERROR (no such process)\n", 1)
    del server.table["getProcessHistory"]
    assert server.out("why a") == (
        f"ERROR: supervisord at {server.url} keeps no history: see status and tail\n",
        3,
    )
    out, status = server.out("why")
    assert out.startswith("Error: why requires a process name\n")
    assert status == 2


# --- wait, by polling --------------------------------------------------------------------------------


def test_wait_polls_where_there_is_no_stream(server: Server) -> None:
    states = iter(["STARTING", "STARTING", "RUNNING"])
    server.table["getAllProcessInfo"] = lambda method, params: [
        {**process_info("a"), "statename": next(states)},
        process_info("b"),
    ]
    assert server.out("wait b a") == ("b: RUNNING\na: RUNNING\n", 0)


def test_wait_in_vain(server: Server) -> None:
    assert server.out("wait a @g --for exited,FATAL --timeout=0") == (
        "a: ERROR (still RUNNING after 0 seconds)\ng:x: ERROR (still RUNNING after 0 seconds)\n",
        1,
    )
    ran = run_ctl(server.url, "wait a --for=STOPPED --timeout 0 --json")
    assert json.loads(ran.out) == [{"namespec": "a", "statename": "RUNNING", "reached": False}]
    assert ran.status == 1


@pytest.mark.parametrize(
    ("line", "first", "status"),
    [
        ("wait", "Error: wait requires a process name", 2),
        ("wait a --for", "Error: --for needs a value", 2),
        ("wait a --for RUNING", "Error: no such state: RUNING; there are ", 2),
        ("wait a --timeout soon", "Error: no number of seconds: soon", 2),
        ("wait a --timeout nan", "Error: no number of seconds: nan", 2),
        ("wait a --until x", "Error: wait has no --until", 2),
        ("wait nobody", "nobody: ERROR (no such process)", 1),
        ("wait nobody:*", "nobody: ERROR (no such group)", 1),
    ],
)
def test_wait_for_nothing(server: Server, line: str, first: str, status: int) -> None:
    out, found = server.out(line)
    assert out.splitlines()[0].startswith(first)
    assert found == status
