"""``updateProcessGroup``: members that did not change are not touched, whatever happens to the daemon meanwhile."""

from __future__ import annotations

import os
import random
import time
import xmlrpc.client
from pathlib import Path
from typing import Any

import pytest

from supervisor.faults import Faults
from supervisor.protocol import stream as p
from tests.conftest import Supervise
from tests.support.supervisor import Supervisor, child, shell
from tests.support.waiting import until


def program(name: str, *, word: str = "x", more: str = "") -> str:
    return f"[program:{name}]\ncommand={child('talk', word)}\nstartsecs=0\n{more}"


def pool(count: int, *, word: str = "x", more: str = "") -> str:
    return program("w", word=word, more=f"process_name=%(process_num)02d\nnumprocs={count}\n{more}")


def pids(supervisor: Supervisor) -> dict[str, int]:
    return {f"{i['group']}:{i['name']}": i["pid"] for i in supervisor.rpc.supervisor.getAllProcessInfo()}


def update(supervisor: Supervisor, name: str) -> dict[str, Any]:
    report: dict[str, Any] = supervisor.rpc.supervisor.updateProcessGroup(name)
    return {key: sorted(value) for key, value in report.items() if key != "group" and value}


def all_run(supervisor: Supervisor) -> dict[str, int]:
    """Pids, once every process has one."""

    def found() -> dict[str, int]:
        running = pids(supervisor)
        return running if all(running.values()) else {}

    return until(found, "all to run")


def test_one_changed_member_leaves_its_siblings_alone(supervise: Supervise) -> None:
    group = "[group:g]\nprograms=a,b,c\n"
    supervisor = supervise(program("a") + program("b") + program("c") + group)
    before = all_run(supervisor)
    until(lambda: supervisor.rpc.supervisor.readProcessStdoutLog("g:b", 0, 0) == "x\n", "the old words")
    supervisor.configure(program("a") + program("b", word="other") + program("c") + group)
    assert supervisor.rpc.supervisor.reloadConfig() == [[[], ["g"], []]]
    assert update(supervisor, "g") == {"stopped": ["b"], "changed": ["b"], "kept": ["a", "c"]}
    after = all_run(supervisor)
    assert (after["g:a"], after["g:c"]) == (before["g:a"], before["g:c"])
    assert after["g:b"] != before["g:b"]
    # the automatic log is the same one as before
    until(
        lambda: supervisor.rpc.supervisor.readProcessStdoutLog("g:b", 0, 0) == "x\nother\n", "the new words"
    )
    assert supervisor.rpc.supervisor.reloadConfig() == [[[], [], []]]
    assert update(supervisor, "g") == {"kept": ["a", "b", "c"]}
    assert all_run(supervisor) == after


def test_numprocs_adds_and_removes_the_difference(supervise: Supervise) -> None:
    supervisor = supervise(pool(2))
    two = all_run(supervisor)
    supervisor.configure(pool(4))
    supervisor.rpc.supervisor.reloadConfig()
    assert update(supervisor, "w") == {"added": ["02", "03"], "kept": ["00", "01"]}
    four = all_run(supervisor)
    assert len(four) == 4
    assert two.items() <= four.items()
    supervisor.configure(pool(1))
    supervisor.rpc.supervisor.reloadConfig()
    assert update(supervisor, "w") == {
        "stopped": ["01", "02", "03"],
        "removed": ["01", "02", "03"],
        "kept": ["00"],
    }
    assert pids(supervisor) == {"w:00": two["w:00"]}
    supervisor.kill_daemon()
    supervisor.wait_ready()
    assert pids(supervisor) == {"w:00": two["w:00"]}
    assert supervisor.rpc.supervisor.reloadConfig() == [[[], [], []]]


def test_priority_and_order_restart_nothing(supervise: Supervise) -> None:
    programs = program("a") + program("b")
    supervisor = supervise(programs + "[group:g]\nprograms=a,b\n")
    before = all_run(supervisor)
    supervisor.configure(programs + "[group:g]\nprograms=b,a\npriority=5\n")
    assert supervisor.rpc.supervisor.reloadConfig() == [[[], ["g"], []]]
    assert update(supervisor, "g") == {"kept": ["a", "b"]}
    assert pids(supervisor) == before
    assert supervisor.rpc.supervisor.reloadConfig() == [[[], [], []]]
    supervisor.kill_daemon()
    supervisor.wait_ready()
    assert supervisor.rpc.supervisor.reloadConfig() == [[[], [], []]]
    assert pids(supervisor) == before


def test_what_stood_still_is_started_only_if_it_starts_by_itself(supervise: Supervise) -> None:
    group = "[group:g]\nprograms=auto,manual,idle\n"
    manual = "autostart=false\n"
    supervisor = supervise(
        program("auto") + program("manual", more=manual) + program("idle", more=manual) + group
    )
    supervisor.wait_state("g:auto", "RUNNING")
    supervisor.rpc.supervisor.stopProcess("g:auto")
    supervisor.rpc.supervisor.startProcess("g:manual")
    supervisor.configure(
        program("auto", word="y")
        + program("manual", word="y", more=manual)
        + program("idle", word="y", more=manual)
        + group
    )
    supervisor.rpc.supervisor.reloadConfig()
    assert update(supervisor, "g") == {"stopped": ["manual"], "changed": ["auto", "idle", "manual"]}
    supervisor.wait_state("g:auto", "RUNNING")
    supervisor.wait_state("g:manual", "RUNNING")
    assert supervisor.state("g:idle") == "STOPPED"
    assert supervisor.info("g:idle")["pid"] == 0


def test_unknown_groups_and_broken_files(supervise: Supervise) -> None:
    supervisor = supervise(program("a"))
    before = all_run(supervisor)
    with pytest.raises(xmlrpc.client.Fault) as fault:
        supervisor.rpc.supervisor.updateProcessGroup("nobody")
    assert fault.value.faultCode == Faults.BAD_NAME
    supervisor.configure(program("a", word="y") + "[program:b]\nnumprocs=x\n")
    for method in ("reloadConfig", "getUpdatePlan"):
        with pytest.raises(xmlrpc.client.Fault) as fault:
            getattr(supervisor.rpc.supervisor, method)()
        assert fault.value.faultCode == Faults.CANT_REREAD
        assert "numprocs" in fault.value.faultString
        assert f"{supervisor.config_file}:" in fault.value.faultString
    assert update(supervisor, "a") == {"kept": ["a"]}
    assert pids(supervisor) == before


def test_plan_tells_and_changes_nothing(supervise: Supervise) -> None:
    supervisor = supervise(
        program("a", more="environment=API_TOKEN=old,LEVEL=1\n") + program("gone") + pool(1)
    )
    before = all_run(supervisor)
    assert supervisor.rpc.supervisor.getUpdatePlan() == []
    supervisor.configure(program("a", more="environment=API_TOKEN=new,LEVEL=2\n") + pool(2) + program("new"))
    assert supervisor.rpc.supervisor.getUpdatePlan() == [
        {
            "group": "gone",
            "action": "remove",
            "whole": False,
            "changes": [],
            "processes": [
                {"name": "gone", "action": "remove", "stops": True, "starts": False, "changes": []}
            ],
        },
        {
            "group": "a",
            "action": "change",
            "whole": False,
            "changes": [],
            "processes": [
                {
                    "name": "a",
                    "action": "change",
                    "stops": True,
                    "starts": True,
                    "changes": [
                        {"option": "environment API_TOKEN", "old": "***", "new": "***"},
                        {"option": "environment LEVEL", "old": "1", "new": "2"},
                    ],
                }
            ],
        },
        {
            "group": "w",
            "action": "change",
            "whole": False,
            "changes": [],
            "processes": [
                {"name": "00", "action": "keep", "stops": False, "starts": False, "changes": []},
                {"name": "01", "action": "add", "stops": False, "starts": True, "changes": []},
            ],
        },
        {
            "group": "new",
            "action": "add",
            "whole": False,
            "changes": [],
            "processes": [{"name": "new", "action": "add", "stops": False, "starts": True, "changes": []}],
        },
    ]
    assert pids(supervisor) == before
    assert update(supervisor, "a") == {"kept": ["a"]}  # the files were looked at, not taken over


def test_a_client_that_leaves_does_not_stop_the_update(supervise: Supervise) -> None:
    slow = f"[program:a]\ncommand={shell('trap : TERM; while :; do sleep 0.1; done')}\nstopwaitsecs=2\nstartsecs=0\n"
    supervisor = supervise(slow)
    first = all_run(supervisor)["a:a"]
    supervisor.configure(program("a"))
    supervisor.rpc.supervisor.reloadConfig()
    stream = supervisor.stream()
    stream.send(p.Call(1, "supervisor.updateProcessGroup", ["a"]))
    supervisor.wait_state("a", "STOPPING")
    with pytest.raises(xmlrpc.client.Fault) as fault:
        supervisor.rpc.supervisor.removeProcessGroup("a")
    assert fault.value.faultCode == Faults.STILL_RUNNING
    stream.close()
    assert supervisor.wait_state("a", "RUNNING")["pid"] != first


@pytest.mark.timeout(240)
def test_daemon_killed_at_random_moments_of_updates(supervise: Supervise) -> None:
    """Each round changes, adds and removes; after it all is as the file says, and what was kept never noticed."""
    kept = (
        "[program:k]\nprocess_name=%(process_num)d\nnumprocs=3\nstartsecs=0\ncommand="
        + child("talk", "kept")
        + "\n"
    )
    manual = program("m", word="{word}", more="autostart=false\n")
    group = "[group:g]\nprograms=k,w,m\npriority={priority}\n"

    def text(word: str, count: int, priority: int) -> str:
        return kept + pool(count, word=word) + manual.format(word=word) + group.format(priority=priority)

    supervisor = supervise(text("0", 3, 10))
    supervisor.rpc.supervisor.startProcess("g:m")
    before = all_run(supervisor)
    dice = random.Random(7)
    for turn in range(1, 13):
        count = dice.choice([1, 2, 4, 6])
        supervisor.configure(text(str(turn), count, 10 + turn))
        supervisor.rpc.supervisor.reloadConfig()
        stream = supervisor.stream()
        stream.send(p.Call(1, "supervisor.updateProcessGroup", ["g"]))
        for _ in range(dice.choice([1, 1, 2])):
            time.sleep(dice.uniform(0.0, 0.08))
            supervisor.kill_daemon()
            supervisor.wait_ready()
        stream.close()
        # one that was killed before it heard of the update has nothing to go on with
        supervisor.rpc.supervisor.reloadConfig()
        supervisor.rpc.supervisor.updateProcessGroup("g")
        names = {f"g:{n:02d}" for n in range(count)} | {"g:0", "g:1", "g:2", "g:m"}
        until(lambda names=names: set(all_run(supervisor)) == names, "the members of the file")  # type: ignore[misc]
        assert supervisor.rpc.supervisor.reloadConfig() == [[[], [], []]]
        after = all_run(supervisor)
        assert all(after[f"g:{n}"] == before[f"g:{n}"] for n in range(3))
        for name in names - {"g:0", "g:1", "g:2"}:
            end = f"{turn}\n"
            until(
                lambda name=name, end=end: supervisor.rpc.supervisor.readProcessStdoutLog(
                    name, 0, 0
                ).endswith(end),  # type: ignore[misc]
                f"{name} to run the new command",
            )
        assert len(set(after.values())) == len(after)


@pytest.mark.timeout(120)
def test_a_pool_is_changed_as_a_whole_also_when_the_daemon_dies(supervise: Supervise) -> None:
    def text(events: str) -> str:
        names = "process_name=%(process_num)d\nnumprocs=2\nstartsecs=0\n"
        return f"[eventlistener:e]\ncommand={child('talk')}\nevents={events}\n{names}"

    supervisor = supervise(text("TICK_5"))
    before = all_run(supervisor)
    dice = random.Random(8)
    for events in ("TICK_60", "TICK_5", "TICK_3600", "TICK_60"):
        supervisor.configure(text(events))
        supervisor.rpc.supervisor.reloadConfig()
        (step,) = supervisor.rpc.supervisor.getUpdatePlan()
        assert step["whole"] is True
        assert [change["option"] for change in step["changes"]] == ["events"]
        stream = supervisor.stream()
        stream.send(p.Call(1, "supervisor.updateProcessGroup", ["e"]))
        time.sleep(dice.uniform(0.0, 0.03))
        supervisor.kill_daemon()
        supervisor.wait_ready()
        stream.close()
        supervisor.rpc.supervisor.reloadConfig()
        supervisor.rpc.supervisor.updateProcessGroup("e")
        after = all_run(supervisor)
        assert set(after) == {"e:0", "e:1"}
        assert not set(before.values()) & set(after.values())
        assert supervisor.rpc.supervisor.reloadConfig() == [[[], [], []]]
        before = after


def test_however_often_it_is_updated_the_state_stays_small(supervise: Supervise) -> None:
    def programs(number: int) -> str:
        return program("a") + program("b", more=f'environment=BIG="{str(number) * 60_000}"\n')

    def journal_bytes() -> int:
        """Of the journal that the keeper holds; 0 when one took the place of another meanwhile."""
        try:
            fds = list(Path(f"/proc/{supervisor.keeper_pid}/fd").iterdir())
            return sum(fd.stat().st_size for fd in fds if "supervisor-config" in os.readlink(fd))
        except FileNotFoundError:
            return 0

    supervisor = supervise(programs(1))
    kept = all_run(supervisor)["a:a"]
    sizes = []
    for number in range(10, 30):
        supervisor.configure(programs(number))
        supervisor.rpc.supervisor.reloadConfig()
        assert update(supervisor, "b") == {"stopped": ["b"], "changed": ["b"]}
        sizes.append(until(journal_bytes, "the journal"))
    assert max(sizes) < 4 << 20 and sorted(sizes) != sizes
    running = all_run(supervisor)
    supervisor.kill_daemon()
    assert all_run(supervisor) == running and running["a:a"] == kept
    assert supervisor.rpc.supervisor.reloadConfig() == [[[], [], []]]
