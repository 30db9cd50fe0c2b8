"""One console over several real supervisors: one is killed and comes back, one is protected, one is of the original."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Supervise
from tests.support.consoles import fleet_file
from tests.support.supervisor import Supervisor, child
from tests.tui.ptyapp import PtyApp

PROGRAMS = f"""
[program:web]
command={child("talk")}
process_name=%(program_name)s_%(process_num)d
numprocs=2

[program:job]
command={child("talk")}
autostart=false
"""


@pytest.fixture
def pair(supervise: Supervise, tmp_path: Path) -> dict[str, Supervisor]:
    made = {}
    for name in ("prod", "test"):
        (tmp_path / name).mkdir()
        made[name] = supervise(PROGRAMS, folder=tmp_path / name)
    for supervisor in made.values():
        supervisor.wait_state("web:web_1", "RUNNING")
    return made


@pytest.fixture
def console(pair: dict[str, Supervisor], tmp_path: Path) -> Iterator[PtyApp]:
    home = tmp_path / "home"
    home.mkdir()
    fleet = fleet_file(
        home / "fleet.toml",
        {
            "prod": {"url": _url(pair["prod"]), "env": "live", "protect": "type-name", "title": "alert"},
            "test": {"url": _url(pair["test"]), "env": "lab"},
        },
    )
    with PtyApp(["--fleet", str(fleet)], home, rows=36, cols=120) as app:
        app.see("FLEET 2 supervisors", "protected", "6 procs  4 up")
        yield app


def _url(supervisor: Supervisor) -> str:
    return f"unix://{supervisor.folder}/s"


def row(console: PtyApp, name: str) -> str:
    """The first row of the fleet that begins with a supervisor's name; empty where there is none."""
    return next((line for line in console.lines() if name in line.split()[1:4]), "")


def test_a_daemon_that_is_killed_comes_back_and_no_program_was_touched(
    pair: dict[str, Supervisor], console: PtyApp
) -> None:
    before = [pair["test"].info(f"web:web_{number}")["pid"] for number in (0, 1)]
    pair["test"].kill_daemon()
    console.wait(lambda: "lost" in console.text() or "stale" in console.text(), "the loss of test")
    console.wait(lambda: " up " in row(console, "test"), "test back")
    assert " up " in row(console, "prod")
    assert [pair["test"].info(f"web:web_{number}")["pid"] for number in (0, 1)] == before
    os.kill(before[0], signal.SIGKILL)  # and what happens now is seen
    console.keys("4")
    console.see("test web:web_0")


def test_one_that_ends_is_away_and_is_found_again(pair: dict[str, Supervisor], console: PtyApp) -> None:
    pair["test"].shutdown()
    console.wait(lambda: "stale" in row(console, "test"), "test stale")
    console.see("1 not connected")
    pair["test"].start()
    console.wait(lambda: " up " in row(console, "test"), "test found again")
    console.miss("1 not connected")


def test_one_action_over_both_asks_for_the_protected_name(
    pair: dict[str, Supervisor], console: PtyApp
) -> None:
    console.keys("=")
    console.see("all 2 supervisors", "0/2  on 2 supervisors")
    console.keys("+", "job", "enter")
    console.see("2 marked")
    console.keys("s")
    console.see("start 2 marked", "prod is protected", "Type prod and Enter")
    assert [supervisor.state("job") for supervisor in pair.values()] == ["STOPPED", "STOPPED"]
    console.keys("test", "enter")
    console.see("that is not the name")
    console.keys("\x15", "prod", "enter")
    console.wait(lambda: "6 up" in console.text(), "all six up")
    assert [supervisor.state("job") for supervisor in pair.values()] == ["RUNNING", "RUNNING"]


def test_groups_of_one_name_are_restarted_on_every_host(pair: dict[str, Supervisor], console: PtyApp) -> None:
    before = {name: s.info("web:web_0")["pid"] for name, s in pair.items()}
    console.keys("=")
    console.see("4/4  on 2 supervisors")
    console.keys("G", "R")
    console.see("Restart group web on 2 supervisors: 4 processes", "on prod (2), test (2)", "web_1@test")
    console.keys("y")
    console.see("Type prod and Enter")
    console.keys("prod", "enter")

    def restarted() -> bool:
        infos = {name: s.info("web:web_0") for name, s in pair.items()}
        return all(i["statename"] == "RUNNING" and i["pid"] != before[name] for name, i in infos.items())

    console.wait(restarted, "both groups to be restarted")
