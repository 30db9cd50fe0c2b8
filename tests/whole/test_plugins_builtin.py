"""``twiddler`` and ``cache``, built in, under the factory names that users have in their files."""

from __future__ import annotations

import os
import subprocess
import sys
import xmlrpc.client
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Supervise
from tests.support.supervisor import Rpc, Supervisor
from tests.support.waiting import PATIENCE_S

CAT = "[program:cat]\ncommand=/bin/cat\nautostart=false\nstartsecs=0\n[group:empty]\nprograms=\npriority=5\n"
CACHE = "[rpcinterface:cache]\nsupervisor.rpcinterface_factory=supervisor_cache.rpcinterface:make_cache_rpcinterface\n"
TWO_SERVERS = "[unix_http_server:two]\nfile=%(here)s/s2\n"


def twiddler(options: str = "") -> str:
    factory = "supervisor_twiddler.rpcinterface:make_twiddler_rpcinterface"
    return f"[rpcinterface:twiddler]\nsupervisor.rpcinterface_factory={factory}\n{options}"


def fault(call: Callable[..., Any], *params: Any) -> tuple[int, str]:
    with pytest.raises(xmlrpc.client.Fault) as caught:
        call(*params)
    return caught.value.faultCode, caught.value.faultString


# --- twiddler ----------------------------------------------------------------------------------------


@pytest.fixture
def twiddled(supervise: Supervise) -> Supervisor:
    return supervise(CAT, sections=twiddler(), settings="environment=FROM_MAIN='1'\n")


def test_names_version_signatures(twiddled: Supervisor) -> None:
    rpc = twiddled.rpc
    assert rpc.twiddler.getAPIVersion() == "1.0"
    assert rpc.twiddler.getGroupNames() == ["empty", "cat"]
    assert rpc.system.methodSignature("twiddler.addProgramToGroup") == [
        "boolean",
        "string",
        "string",
        "struct",
    ]


@pytest.mark.parametrize(("level", "tag"), [("WARN", "WARN"), ("erro", "ERRO"), (50, "CRIT"), (10, "DEBG")])
def test_log(twiddled: Supervisor, level: str | int, tag: str) -> None:
    assert twiddled.rpc.twiddler.log("a 100% message", level) is True
    twiddled.wait_log(f" {tag} a 100% message\n")


def test_log_levels(twiddled: Supervisor) -> None:
    assert twiddled.rpc.twiddler.log("plain") is True
    twiddled.wait_log(" INFO plain\n")
    wrong: tuple[Any, ...] = ("LOUD", 7, True, [])
    for level in wrong:
        assert fault(twiddled.rpc.twiddler.log, "x", level) == (2, "INCORRECT_PARAMETERS")


def test_programs_come_and_go(twiddled: Supervisor) -> None:
    rpc = twiddled.rpc
    options = {"command": "/bin/cat", "numprocs": 2, "process_name": "p%(process_num)d", "startsecs": 0,
               "autorestart": False}  # fmt: skip
    assert rpc.twiddler.addProgramToGroup("empty", "p", options) is True
    twiddled.wait_state("empty:p1", "RUNNING")
    assert fault(rpc.twiddler.addProgramToGroup, "empty", "p", options) == (10, "BAD_NAME: p0")
    infos = {info["name"]: info for info in rpc.supervisor.getAllConfigInfo()}
    assert (infos["p0"]["group"], infos["p0"]["autorestart"]) == ("empty", False)
    assert rpc.supervisor.reloadConfig() == [[[], ["empty"], []]]
    assert fault(rpc.twiddler.removeProcessFromGroup, "empty", "p0") == (91, "STILL_RUNNING: p0")
    rpc.supervisor.stopProcessGroup("empty")
    for name in ("p0", "p1"):
        assert rpc.twiddler.removeProcessFromGroup("empty", name) is True
    assert fault(rpc.supervisor.getProcessInfo, "empty:p0") == (10, "BAD_NAME: empty:p0")
    assert rpc.supervisor.reloadConfig() == [[[], [], []]]


def test_the_environment_of_the_supervisor_is_not_merged_in(twiddled: Supervisor) -> None:
    command = "/bin/sh -c 'echo main=$FROM_MAIN own=$OWN'"
    options = {"command": command, "environment": "OWN=1", "startsecs": 0, "autorestart": "false"}
    twiddled.rpc.twiddler.addProgramToGroup("empty", "e", options)
    twiddled.wait_state("empty:e", "EXITED")
    assert twiddled.rpc.supervisor.readProcessStdoutLog("empty:e", 0, 0) == "main= own=1\n"


def test_faults(twiddled: Supervisor) -> None:
    add, remove = twiddled.rpc.twiddler.addProgramToGroup, twiddled.rpc.twiddler.removeProcessFromGroup
    fine = {"command": "/bin/cat"}
    assert fault(add, "nosuch", "x", fine) == (10, "BAD_NAME: group: nosuch")
    assert fault(remove, "nosuch", "x") == (10, "BAD_NAME: group: nosuch")
    assert fault(remove, "cat", "x") == (10, "BAD_NAME: x")
    assert fault(add, "cat", "x", "text") == (2, "INCORRECT_PARAMETERS")
    where = f" in section 'program:x' (file: '{twiddled.config_file}')"
    nothing: tuple[Any, ...] = ({}, [])
    for options in nothing:
        code, text = fault(add, "cat", "x", options)
        assert (code, text.endswith(where), "does not specify a command" in text) == (2, True, True), text
    code, text = fault(lambda: add("cat", "x", {"command": "/bin/cat", "startsecs": "many"}))
    assert (code, "startsecs: cannot use 'many'" in text, text.endswith(where)) == (2, True, True), text
    assert fault(add, "cat", "x", {"command": ["a"]})[0] == 2
    assert fault(add, "cat", "x" * 500, fine)[0] == 2
    assert fault(add, "cat", "a:b", fine)[0] == 2
    assert [info["name"] for info in twiddled.rpc.supervisor.getAllProcessInfo()] == ["cat"]


def test_changes_survive_the_daemon(twiddled: Supervisor) -> None:
    rpc = twiddled.rpc
    rpc.twiddler.addProgramToGroup("empty", "kept", {"command": "/bin/cat", "startsecs": 0})
    rpc.twiddler.addProgramToGroup("empty", "gone", {"command": "/bin/cat", "autostart": "false"})
    rpc.twiddler.removeProcessFromGroup("empty", "gone")
    pid = twiddled.wait_state("empty:kept", "RUNNING")["pid"]
    known = rpc.supervisor.getAllConfigInfo()
    twiddled.kill_daemon()
    twiddled.wait_ready()
    assert twiddled.info("empty:kept")["pid"] == pid
    assert [info["name"] for info in rpc.supervisor.getAllProcessInfo()] == ["cat", "kept"]
    assert rpc.supervisor.getAllConfigInfo() == known
    assert rpc.supervisor.stopProcess("empty:kept") is True


def test_whitelist(supervise: Supervise) -> None:
    supervisor = supervise(CAT, sections=twiddler("whitelist=getGroupNames, log\n"))
    assert supervisor.rpc.twiddler.getGroupNames() == ["empty", "cat"]
    assert fault(supervisor.rpc.twiddler.getAPIVersion) == (230, "UNKNOWN: getAPIVersion")
    assert fault(supervisor.rpc.twiddler.removeProcessFromGroup, "a", "b")[0] == 230


# --- cache -------------------------------------------------------------------------------------------


def test_one_cache_for_all_servers(supervise: Supervise, tmp_path: Path) -> None:
    supervisor = supervise(CAT, sections=CACHE + TWO_SERVERS)
    cache, other = supervisor.rpc.cache, Rpc(f"unix://{tmp_path / 's2'}").cache
    assert cache.getAPIVersion() == "0.2"
    value = {"a": [1, 2.5, True, "text"], "b": {}}
    assert cache.store("two", value) is True
    assert other.store("one", "x") is True
    assert (cache.getKeys(), other.getCount()) == (["one", "two"], 2)
    assert other.fetch("two") == value
    assert fault(cache.fetch, "three") == (10, "BAD_NAME")

    def store_one(key: Any) -> Any:
        return cache.store(key, 1)

    for call in (cache.fetch, cache.delete, store_one):
        for key in ("", 5, ["x"]):
            expected = (10, "BAD_NAME: Cache key must be a non-empty string")
            assert fault(call, key) == expected
    assert cache.delete("two") is True
    assert cache.delete("two") is True
    assert cache.clear() is True
    assert cache.getKeys() == []
    assert supervisor.rpc.system.methodSignature("cache.getCount") == ["integer"]
    assert supervisor.rpc.system.methodSignature("cache.store") == ["boolean", "string", "string"]


def test_cache_commands_of_supervisorctl(supervise: Supervise) -> None:
    plugin = "supervisor_cache.controllerplugin:make_cache_controllerplugin"
    ctl = (
        f"[supervisorctl]\nserverurl=unix://%(here)s/s\n[ctlplugin:cache]\nsupervisor.ctl_factory={plugin}\n"
    )
    supervisor = supervise(CAT, sections=CACHE + ctl)

    def run(*words: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "supervisor.supervisorctl", "-c", str(supervisor.config_file)]
        done = subprocess.run(
            [*command, *words],
            capture_output=True,
            text=True,
            env=os.environ,
            timeout=PATIENCE_S,
            check=False,
        )
        assert not done.stderr, done.stderr
        return done.returncode, done.stdout

    assert run("cache_store", "a", "'two words'") == (0, "")
    assert run("cache_fetch", "a") == (0, "'two words'\n")
    assert run("cache_keys") == (0, "['a']\n")
    assert run("cache_count") == (0, "1\n")
    assert run("cache_delete", "a") == run("cache_clear") == (0, "")
    code, out = run("cache_fetch", "a")
    assert (code, out.startswith("error: ")) == (1, True)
    code, out = run("cache_fetch")
    assert (code, out.startswith("cache_fetch <key>\t")) == (0, True)
