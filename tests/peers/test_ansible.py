"""Ansible's own module, ``community.general.supervisorctl``, run on our supervisorctl as Ansible runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.conftest import Supervise
from tests.peers import third_party
from tests.support.supervisor import Supervisor, child
from tests.support.waiting import PATIENCE_S, until

PROGRAMS = f"""
[program:web]
command={child("graceful", "@FOLDER@/web")}
startsecs=0
[program:idle]
command=/bin/cat
autostart=false
startsecs=0
[group:pair]
programs=one,two
[program:one]
command=/bin/cat
startsecs=0
[program:two]
command=/bin/cat
startsecs=0
"""


@pytest.fixture(autouse=True)
def _packages() -> None:
    reason = third_party.missing()
    if reason:
        pytest.skip(reason)


@pytest.fixture
def supervisor(supervise: Supervise) -> Supervisor:
    made = supervise(start=False, sections="[supervisorctl]\nserverurl=unix://%(here)s/s\n")
    made.configure(PROGRAMS.replace("@FOLDER@", str(made.folder)))
    made.start()
    for name in ("web", "pair:one", "pair:two"):
        made.wait_state(name, "RUNNING")
    command = made.folder / "supervisorctl"
    command.write_text(
        f"#!{sys.executable}\nfrom supervisor.supervisorctl import main\nraise SystemExit(main())\n"
    )
    command.chmod(0o755)
    return made


def ansible(supervisor: Supervisor, name: str, state: str, *, check: bool = False, **more: Any) -> Any:
    """What the module answers."""
    arguments = {
        "name": name,
        "state": state,
        "config": str(supervisor.config_file),
        "supervisorctl_path": str(supervisor.folder / "supervisorctl"),
        "_ansible_check_mode": check,
        **more,
    }
    done = subprocess.run(
        [sys.executable, str(third_party.FOLDER / third_party.ANSIBLE_MODULE)],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
        capture_output=True,
        text=True,
        env=os.environ | third_party.environment(),
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def test_started_and_stopped(supervisor: Supervisor) -> None:
    assert ansible(supervisor, "idle", "started", check=True)["changed"] is True
    assert supervisor.state("idle") == "STOPPED"
    answer = ansible(supervisor, "idle", "started")
    assert (answer["changed"], answer["affected"]) == (True, ["idle"])
    assert supervisor.state("idle") == "RUNNING"
    assert ansible(supervisor, "idle", "started")["changed"] is False
    assert ansible(supervisor, "idle", "stopped")["changed"] is True
    assert supervisor.state("idle") == "STOPPED"
    assert ansible(supervisor, "idle", "stopped")["changed"] is False


def test_groups_and_all(supervisor: Supervisor) -> None:
    answer = ansible(supervisor, "pair:", "stopped")
    assert (answer["changed"], answer["affected"]) == (True, ["pair:one", "pair:two"])
    assert supervisor.state("web") == "RUNNING"
    answer = ansible(supervisor, "all", "started")
    assert (answer["changed"], answer["affected"]) == (True, ["idle", "pair:one", "pair:two"])
    assert ansible(supervisor, "all", "started")["changed"] is False


def test_restarted_takes_a_new_configuration(supervisor: Supervisor) -> None:
    before = supervisor.info("web")["pid"]
    answer = ansible(supervisor, "web", "restarted")
    assert (answer["changed"], answer["affected"]) == (True, ["web"])
    assert supervisor.info("web")["pid"] != before
    text = PROGRAMS.replace("@FOLDER@", str(supervisor.folder))
    supervisor.configure(text + "[program:new]\ncommand=/bin/cat\nstartsecs=0\n")
    assert ansible(supervisor, "new", "restarted")["changed"] is True
    assert supervisor.state("new") == "RUNNING"


def test_present_and_absent(supervisor: Supervisor) -> None:
    assert ansible(supervisor, "web", "present")["changed"] is False
    text = PROGRAMS.replace("@FOLDER@", str(supervisor.folder))
    supervisor.configure(text + "[program:new]\ncommand=/bin/cat\nstartsecs=0\nautostart=false\n")
    assert ansible(supervisor, "new", "present", check=True)["changed"] is True
    assert ansible(supervisor, "new", "present")["changed"] is True
    assert supervisor.state("new") == "STOPPED"
    assert ansible(supervisor, "new", "started")["changed"] is True
    refused = ansible(supervisor, "new", "absent")
    assert refused["failed"] is True and "still running" in refused["msg"]
    supervisor.configure(text)
    assert ansible(supervisor, "new", "absent", stop_before_removing=True)["changed"] is True
    assert ansible(supervisor, "new", "absent")["changed"] is False


def test_signalled(supervisor: Supervisor) -> None:
    events = supervisor.folder / "web"
    until(lambda: events.exists() and "start" in events.read_text(), "the program says that it is there")
    assert ansible(supervisor, "web", "signalled", signal="TERM")["changed"] is True
    until(lambda: "end" in events.read_text(), "the program had the signal")
    assert ansible(supervisor, "idle", "signalled", signal="TERM")["changed"] is False


def test_what_cannot_be_done_fails_with_a_reason(supervisor: Supervisor) -> None:
    assert ansible(supervisor, "nobody", "started")["msg"] == "ERROR (no such process)"
    gone = ansible(supervisor, "web", "started", config=None, server_url="unix:///nowhere/s")
    assert gone["failed"] is True
