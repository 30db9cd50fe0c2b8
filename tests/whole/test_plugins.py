"""RPC plug-ins in a real supervisord: what they can do, and what they cannot break."""

from __future__ import annotations

import errno
import os
import xmlrpc.client
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Supervise
from tests.support.supervisor import CHILDREN, Supervisor, child
from tests.support.waiting import until

ENV = {"PYTHONPATH": os.pathsep.join(filter(None, (str(CHILDREN), os.environ.get("PYTHONPATH"))))}
MINE = "[rpcinterface:mine]\nsupervisor.rpcinterface_factory=rpc_plugin:make\nbind=tcp://*:1\n"
CAT = "[program:cat]\ncommand=/bin/cat\nautostart=false\nstartsecs=0\n"
TWO_SERVERS = "[unix_http_server:two]\nfile=%(here)s/s2\n"


def fault(call: Callable[[], Any]) -> tuple[int, str]:
    with pytest.raises(xmlrpc.client.Fault) as caught:
        call()
    return caught.value.faultCode, caught.value.faultString


@pytest.fixture
def plugged(supervise: Supervise) -> Supervisor:
    return supervise(CAT, sections=MINE + TWO_SERVERS, env=ENV)


def test_methods_are_there_once_with_options_help_and_signature(plugged: Supervisor) -> None:
    rpc = plugged.rpc
    assert rpc.mine.options() == {"bind": "tcp://*:1"}
    assert rpc.mine.made() == 1
    names = rpc.system.listMethods()
    assert {"mine.add", "mine.getState", "supervisor.getState"} <= set(names)
    assert not {"mine._hidden", "mine.data", "mine.costly", "mine.supervisord"} & set(names)
    assert rpc.system.methodSignature("mine.add") == ["int", "int", "int"]
    assert rpc.system.methodHelp("mine.add").startswith("Add two numbers.\n")
    assert fault(lambda: rpc.system.methodSignature("mine.made"))[0] == 4
    assert fault(lambda: rpc.mine.data()) == fault(lambda: rpc.mine._hidden()) == (1, "UNKNOWN_METHOD")


def test_arguments(plugged: Supervisor) -> None:
    mine = plugged.rpc.mine
    assert (mine.add(2), mine.add(2, 3)) == (3, 5)
    assert fault(mine.add) == (2, "INCORRECT_PARAMETERS")
    assert fault(lambda: mine.add(1, 2, 3)) == (2, "INCORRECT_PARAMETERS")


def test_what_a_plugin_raises_is_a_fault_and_the_daemon_lives(plugged: Supervisor) -> None:
    mine, daemon = plugged.rpc.mine, plugged.daemon_pid()
    code, text = fault(mine.wrong_type)
    assert (code, text[:18]) == (30, "FAILED: TypeError:")
    assert fault(mine.leave) == (30, "FAILED: SystemExit: 3")
    assert fault(mine.fault) == (30, "FAILED: on purpose")
    assert fault(mine.own_fault) == (777, "UNKNOWN")
    assert fault(mine.foreign_fault) == (5, "from elsewhere")
    assert fault(mine.a_set) == (30, "FAILED: mine.a_set gave a set, which no answer can carry")
    binary, when = mine.binary()
    assert (binary.data, when) == (b"\0", xmlrpc.client.DateTime(datetime(2020, 1, 2, 3, 4, 5)))
    assert plugged.daemon_pid() == daemon
    plugged.wait_log("plug-in method mine.leave failed: SystemExit: 3\n  File ")


def test_a_call_that_keeps_the_loop_is_named(plugged: Supervisor) -> None:
    assert plugged.rpc.mine.block(0.3) is True
    plugged.wait_log("mine.block kept the supervisor from all other work for ")


def test_deferred_results(plugged: Supervisor) -> None:
    mine = plugged.rpc.mine
    assert (mine.later(0), mine.later(0.01), mine.awaited()) == ("late", "late", "awaited")
    assert fault(mine.later_fault) == (10, "BAD_NAME: late")
    assert fault(mine.later_error) == (30, "FAILED: KeyError: 'late'")


def test_a_subclass_of_the_namespace_calls_it(plugged: Supervisor) -> None:
    mine = plugged.rpc.mine
    assert mine.info("cat") == "STOPPED"
    assert fault(lambda: mine.info("dog")) == (10, "BAD_NAME: dog")
    assert mine.restart_one("cat") is True
    assert mine.info("cat") == "RUNNING"
    assert mine.log_text("cat") == ""
    assert mine.stopProcess("cat") is True
    assert mine.stopAllProcesses() == []
    assert mine.from_thread("cat") == "True RUNNING"
    assert mine.reloadConfig() == [[[], [], []]]


def test_a_plugin_adds_to_what_is_told_of_processes(plugged: Supervisor) -> None:
    everyone = plugged.rpc.mine.with_more()
    assert len(everyone) > 1 and [struct["more"] for struct in everyone] == [len(everyone) - 1] * len(
        everyone
    )
    assert all("more" not in struct for struct in plugged.rpc.supervisor.getAllProcessInfo())


def test_events_reach_plugins(plugged: Supervisor) -> None:
    plugged.rpc.supervisor.startProcess("cat")
    events = plugged.rpc.mine.events()
    assert "SupervisorRunningEvent" in events
    assert events[-2:] == ["ProcessStateStartingEvent", "ProcessStateRunningEvent"]


def test_event_types_of_plugins_can_be_listened_to(supervise: Supervise) -> None:
    listener = f"[eventlistener:l]\ncommand={child('talk', 'READY')}\nevents=MY_TICK\nautostart=false\n"
    supervisor = supervise(CAT, sections=MINE + listener, env=ENV)
    assert supervisor.state("l") == "STOPPED"


def test_the_objects(plugged: Supervisor) -> None:
    mine = plugged.rpc.mine
    assert mine.facts() == {
        "identifier": "test",
        "configfile": str(plugged.config_file),
        "mood": 1,
        "state": 1,
        "servers": ["unix_http_server", "unix_http_server:two"],
        "groups": ["cat"],
    }
    facts = mine.process_facts("cat")
    assert (facts["pid"], facts["state"], facts["group"], facts["same"]) == (0, 0, "cat", True)
    assert (facts["command"], facts["never"], facts["log"]) == ("/bin/cat", False, True)
    mine.say("100% from a plug-in")
    plugged.wait_log("INFO 100% from a plug-in\n")


def test_writing_to_stdin(plugged: Supervisor) -> None:
    mine = plugged.rpc.mine
    assert mine.write("cat", "x") == errno.EPIPE
    plugged.rpc.supervisor.startProcess("cat")
    for line in ("one\n", "two\n", "three\n"):
        assert mine.write("cat", line) == 0
    until(lambda: mine.log_text("cat") == "one\ntwo\nthree\n", "what was written")


def test_options_that_a_plugin_sets_count_from_the_next_start_and_survive_the_daemon(
    plugged: Supervisor,
) -> None:
    mine = plugged.rpc.mine
    assert mine.set_option("cat", "command", child("talk", "hello")) == child("talk", "hello")
    assert mine.set_option("cat", "autorestart", False) is False
    assert fault(lambda: mine.set_option("cat", "name", "dog"))[1].startswith("FAILED: AttributeError: name ")
    assert fault(lambda: mine.set_option("cat", "stdout_logfile", "/x"))[0] == 30
    assert fault(lambda: mine.set_option("cat", "startsecs", "many"))[1].startswith("FAILED: TypeError: ")
    plugged.kill_daemon()
    plugged.wait_ready()
    assert mine.process_facts("cat")["never"] is True
    plugged.rpc.supervisor.startProcess("cat")
    until(lambda: mine.log_text("cat") == "hello\n", "the new command's output")


def test_laststart_arms_autostart_again(supervise: Supervise) -> None:
    supervisor = supervise("[program:cat]\ncommand=/bin/cat\nstartsecs=0\n", sections=MINE, env=ENV)
    supervisor.wait_state("cat", "RUNNING")
    supervisor.rpc.supervisor.stopProcess("cat")
    supervisor.rpc.mine.rearm("cat")
    supervisor.wait_state("cat", "RUNNING")


def test_processes_added_and_taken_out_through_the_objects(plugged: Supervisor) -> None:
    mine, supervisor = plugged.rpc.mine, plugged.rpc.supervisor
    assert mine.add_program("cat", "dog", "/bin/cat") == ["cat", "dog"]
    plugged.wait_state("cat:dog", "RUNNING")
    assert fault(lambda: mine.drop("cat", "dog"))[1] == "FAILED: ValueError: cat:dog is still running"
    assert supervisor.reloadConfig() == [[[], ["cat"], []]]
    supervisor.stopProcess("cat:dog")
    assert mine.drop("cat", "dog") == ["cat"]
    assert supervisor.reloadConfig() == [[[], [], []]]
    code, text = fault(lambda: mine.add_program("cat", "dog", "%(nothing)s"))
    assert (code, text[:40]) == (30, "FAILED: ValueError: command: cannot use ")


# --- what cannot be made -----------------------------------------------------------------------------


def refused(supervise: Supervise, factory: str) -> tuple[int, str]:
    section = f"[rpcinterface:bad]\nsupervisor.rpcinterface_factory={factory}\n"
    supervisor = supervise(CAT, sections=section, env=ENV, start=False)
    supervisor.launch()
    assert supervisor.popen is not None
    return supervisor.popen.wait(30), supervisor.stderr()


def test_a_factory_that_cannot_be_found_ends_the_start(supervise: Supervise) -> None:
    code, text = refused(supervise, "no_such_package.x:make")
    assert code == 2
    assert (
        "no_such_package.x:make cannot be resolved within [rpcinterface:bad]: No module named 'no_such_package'"
        in text
    )
    assert text.count("\n") <= 2, text


@pytest.mark.parametrize(
    ("factory", "reason"),
    [("make_failing", "LookupError: nothing found"), ("make_leaving", "SystemExit: 1")],
)
def test_a_factory_that_fails_ends_the_start(supervise: Supervise, factory: str, reason: str) -> None:
    code, text = refused(supervise, f"rpc_plugin:{factory}")
    first, second = text.splitlines()
    assert (code, first) == (2, f"Error: Could not make bad rpc interface: {reason}")
    assert second.startswith("For help, use ")


def test_reread_tells_of_a_plugin_that_cannot_be_found(plugged: Supervisor) -> None:
    plugged.sections += "[rpcinterface:bad]\nsupervisor.rpcinterface_factory=no_such_package.x:make\n"
    plugged.configure(CAT)
    code, text = fault(plugged.rpc.supervisor.reloadConfig)
    assert (code, text[:12]) == (92, "CANT_REREAD:")
    assert "cannot be resolved within [rpcinterface:bad]" in text


def test_a_plugin_that_broke_meanwhile_does_not_stop_an_adoption(
    supervise: Supervise, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("plugin")
    (folder / "frail.py").write_text(
        "class P:\n    def ok(self):\n        return 1\ndef make(s):\n    return P()\n"
    )
    section = "[rpcinterface:frail]\nsupervisor.rpcinterface_factory=frail:make\n"
    supervisor = supervise(
        CAT, sections=section, env={"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    )
    assert supervisor.rpc.frail.ok() == 1
    supervisor.rpc.supervisor.startProcess("cat")
    pid = supervisor.info("cat")["pid"]
    (folder / "frail.py").write_text("raise OSError('gone')\n")
    supervisor.kill_daemon()
    supervisor.wait_ready()
    assert supervisor.info("cat")["pid"] == pid
    assert fault(supervisor.rpc.frail.ok) == (1, "UNKNOWN_METHOD")
    supervisor.wait_log(
        "cannot be resolved within [rpcinterface:frail]: gone; the methods frail.* are missing"
    )


@pytest.mark.parametrize("end", ["os._exit(7)", "open(been + '-again', 'w').close(); time.sleep(1000)"])
def test_a_factory_in_which_the_next_daemon_ends_or_hangs_keeps_it_from_serving_only_once(
    supervise: Supervise, tmp_path: Path, end: str
) -> None:
    (tmp_path / "deadly.py").write_text(
        "import os, time\n"
        "class P:\n"
        "    def ok(self):\n"
        "        return 1\n"
        "def make(supervisord, been):\n"
        "    if os.path.exists(been):\n"
        f"        {end}\n"
        "    open(been, 'w').close()\n"
        "    return P()\n"
    )
    section = f"[rpcinterface:deadly]\nsupervisor.rpcinterface_factory=deadly:make\nbeen={tmp_path}/been\n"
    supervisor = supervise(
        CAT, sections=section, env={"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    )
    assert supervisor.rpc.deadly.ok() == 1
    supervisor.rpc.supervisor.startProcess("cat")
    pid = supervisor.info("cat")["pid"]
    supervisor.kill_daemon()
    if "sleep" in end:
        until((tmp_path / "been-again").exists, "the next daemon to hang")
        supervisor.kill_daemon()  # as the keeper does with one that is not ready after a minute
    supervisor.wait_log("the last daemon ended, or hung, in deadly:make; the methods deadly.* are missing")
    supervisor.wait_ready()
    assert supervisor.info("cat")["pid"] == pid
    assert fault(supervisor.rpc.deadly.ok) == (1, "UNKNOWN_METHOD")
    (tmp_path / "been").unlink()
    supervisor.kill_daemon()
    supervisor.wait_ready()
    assert supervisor.rpc.deadly.ok() == 1


def test_without_its_section_the_supervisor_namespace_is_there(supervise: Supervise) -> None:
    assert supervise(CAT).rpc.supervisor.getAPIVersion() == "3.0"


def test_another_factory_replaces_the_supervisor_namespace(supervise: Supervise) -> None:
    section = "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory=rpc_plugin:make\n"
    supervisor = supervise(CAT, sections=section, env=ENV)
    assert supervisor.rpc.supervisor.add(1, 1) == 2
    assert supervisor.state("cat") == "STOPPED"


def test_one_that_cannot_be_made_at_a_reload_is_missing_and_the_programs_start(
    supervise: Supervise, tmp_path: Path
) -> None:
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "moody.py").write_text(
        "import os\n"
        "class Moody:\n"
        "    def mood(self):\n"
        "        return 'good'\n"
        "def make(supervisord, **options):\n"
        "    if os.path.exists(options['bad']):\n"
        "        raise OSError('a bad day')\n"
        "    return Moody()\n"
    )
    bad = tmp_path / "bad"
    supervisor = supervise(
        "[program:cat]\ncommand=/bin/cat\nstartsecs=0\n",
        sections=f"[rpcinterface:moody]\nsupervisor.rpcinterface_factory=moody:make\nbad={bad}\n",
        env={"PYTHONPATH": os.pathsep.join((str(folder), *ENV.values()))},
    )
    assert supervisor.rpc.moody.mood() == "good"
    before = supervisor.wait_state("cat", "RUNNING")["pid"]
    bad.touch()
    supervisor.rpc.supervisor.restart()
    supervisor.wait_log("a bad day; the methods moody.* are missing")
    supervisor.wait_ready()
    assert supervisor.wait_state("cat", "RUNNING")["pid"] != before
    assert fault(supervisor.rpc.moody.mood) == (1, "UNKNOWN_METHOD")
