"""Actions on many, rolling restarts, undo, and what concerns the whole server: keys in, screen text and calls out."""

from __future__ import annotations

import re
from base64 import b64decode
from pathlib import Path

from supervisor.errors import RPCError
from supervisor.faults import Faults
from supervisor.states import ProcessStates as S
from tests.support.consoles import app, until
from tests.tui.fakes import FakeServer, FakeThread
from tests.tui.ptyapp import PtyApp


def methods(server: FakeServer) -> list[str]:
    return [method.removeprefix("supervisor.") for method, _ in server.calls]


def farm(server: FakeServer, count: int) -> None:
    server.processes.clear()
    for number in range(count):
        server.add("farm", f"job_{number:02d}", S.RUNNING, pid=100 + number, start=1.0)
    server.delay_s = 0.01


def test_marks_by_range_and_by_pattern(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("v")
        console.see("range from api:web_00")
        console.keys("j", "j", "v")
        console.see("3 marked in the range")
        console.keys("_", "web*")
        console.see("unmark: web*")
        console.keys("enter")
        console.see("1 marked in 1 group")
        console.keys("+", "etl:*", "enter")
        console.see("4 marked in 2 groups")
        console.keys("+", "nosuch")
        console.see("nosuch: matches no process")
        console.keys("esc")
        console.see("4 marked in 2 groups")


def test_the_confirmation_shows_what_will_be_sent(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("R")
        console.see("RESTART GROUP API")
        console.keys("d")
        console.see("stopProcessGroup api", "startProcessGroup api")
        console.keys("d")
        console.miss("stopProcessGroup")
        console.keys("esc")
        console.see("nothing was sent")


def test_the_buttons_are_seen_on_a_small_screen(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path, cols=40, rows=12) as console:
        console.see("web_00")
        console.keys("R")
        console.see("RESTART GROUP API", "‹ Cancel › ‹ Restart 4 ›", "start order?", "nothing is sent.")
        console.keys("y")
        console.see("restart group api")
        until(server, lambda s: "startProcessGroup" in methods(s), console)


def test_a_process_is_gone_to_by_name(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("g", "p")
        console.see("Go to process")
        console.keys("trans", "enter")
        console.see("─ etl:transform  stdout")


def test_a_large_restart_rolls_to_its_end(server: FakeThread, tmp_path: Path) -> None:
    server.do(lambda s: farm(s, 22))
    with app(tmp_path) as console:
        console.see("job_00")
        console.keys("R")
        console.see("Restart group farm: 22 processes", "(all at once)")
        console.keys("tab", "tab", " ", " ", " ")
        console.see("Rolling restart group farm: 22 processes", "(5 at a time)")
        console.keys("y")
        console.see("rolling restart group farm  22/22 done, 5 at a time")
        calls = server.do(lambda s: [(m.split(".")[1], p[0]) for m, p in s.calls])
        assert sorted(calls[:5]) == [("stopProcess", f"farm:job_{n:02d}") for n in range(5)]
        assert sorted(calls[5:10]) == [("startProcess", f"farm:job_{n:02d}") for n in range(5)]
        assert len(calls) == 44


def test_a_rolling_restart_ends_at_the_first_failure(server: FakeThread, tmp_path: Path) -> None:
    server.do(lambda s: farm(s, 6))
    server.do(lambda s: setattr(s.processes["farm:job_02"], "start_fails", "no such file"))
    with app(tmp_path) as console:
        console.see("job_00")
        console.keys(":", "few at a time", "enter")
        console.see("Rolling restart group farm: 6 processes", "(2 at a time)")
        console.keys("y")
        console.see("rolling restart stopped: farm:job_02 could not start")
        started = server.do(lambda s: [p[0] for m, p in s.calls if m.endswith("startProcess")])
        assert sorted(started) == [f"farm:job_{n:02d}" for n in range(4)]


def test_a_rolling_restart_is_stopped_by_hand(server: FakeThread, tmp_path: Path) -> None:
    server.do(lambda s: farm(s, 6))
    with app(tmp_path) as console:
        console.see("job_00")
        server.do(lambda s: s.released.clear())
        console.keys(":", "few at a time", "enter")
        console.see("Rolling restart")
        console.keys("y")
        console.see("0/6 done", "g c stops it")
        console.keys("g", "c")
        console.see("stops after these")
        server.do(lambda s: s.released.set())
        console.see("rolling restart stopped as asked: 0 done, 6 not touched")


def test_undo_starts_again_what_was_stopped(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("x")
        console.see("stop api:web_00  1/1 STOPPED  u: start again")
        console.keys("u")
        console.see("start api:web_00  1/1 RUNNING")
        console.keys("u")
        console.see("nothing to undo any more")


def test_repeat_asks_and_does_the_same_to_another_row(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys(".")
        console.see("nothing to repeat")
        console.keys("x")
        console.see("1/1 STOPPED")
        console.keys("j", ".")
        console.see("Stop api:web_01: 1 process?")
        console.keys("y")
        console.see("stop api:web_01  1/1 STOPPED")


def test_history_gives_a_command_again(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("x")
        console.see("1/1 STOPPED")
        console.keys("j", "\x0f")
        console.see("Given before", "stop")
        console.keys("enter")
        console.see("stop api:web_01  1/1 STOPPED")


def test_clearing_a_log_on_the_server_asks(server: FakeThread, tmp_path: Path) -> None:
    server.do(lambda s: s.answers.update(clearProcessLogs=True))
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("c")
        console.see("CLEAR LOG", "api:web_00")
        console.keys("enter")  # the focus is on Cancel
        console.see("nothing was sent")
        console.keys("c")
        console.see("CLEAR LOG")
        console.keys("y")
        console.see("log of api:web_00 cleared")
        assert server.do(lambda s: s.calls) == [("supervisor.clearProcessLogs", ["api:web_00"])]


PLAN = [
    {
        "group": "etl",
        "action": "change",
        "whole": False,
        "changes": [],
        "processes": [
            {"name": "load", "action": "change", "stops": False, "starts": True,
             "changes": [{"option": "command", "old": "/srv/old", "new": "/srv/new"}]},
            {"name": "extract", "action": "keep", "stops": False, "starts": False, "changes": []},
        ],
    },
    {"group": "new", "action": "add", "whole": True, "changes": [], "processes": []},
]  # fmt: skip


def test_reload_shows_the_plan_asks_and_updates(server: FakeThread, tmp_path: Path) -> None:
    server.do(
        lambda s: s.answers.update(
            getUpdatePlan=PLAN,
            reloadConfig=[[["new"], ["etl"], ["old"]]],
            updateProcessGroup={"problems": []},
            addProcessGroup=True,
            removeProcessGroup=True,
            stopProcessGroup=[],
        )
    )
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("f11")
        console.see("RELOAD", "etl: changed", "command: /srv/old -> /srv/new", "1 process is not touched")
        assert server.do(methods) == ["getUpdatePlan"]
        console.keys("y")
        console.see("reload local: 1 added, 1 changed, 1 removed")
        assert server.do(methods)[1:] == [
            "reloadConfig", "stopProcessGroup", "removeProcessGroup", "updateProcessGroup", "addProcessGroup",
        ]  # fmt: skip


def test_reload_of_a_server_without_plans_shows_its_groups(server: FakeThread, tmp_path: Path) -> None:
    unknown = RPCError(Faults.UNKNOWN_METHOD, "UNKNOWN_METHOD")
    server.do(lambda s: s.answers.update(getUpdatePlan=unknown, reloadConfig=[[["new"], ["etl"], ["old"]]]))
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("f11")
        console.see(
            "RELOAD", "new is added", "etl is stopped, and started anew", "old is stopped and removed"
        )
        assert server.do(methods) == ["getUpdatePlan", "reloadConfig"]
        console.keys("esc")
        console.see("cancelled, nothing was sent")
        server.do(lambda s: s.answers.update(reloadConfig=[[[], [], []]]))
        console.keys("f11")
        console.see("the configuration has not changed")


def test_the_palette_does_things_to_what_is_named(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys(":", "rest wor")
        console.see("restart               ", "api:worker_00", "restart all matching", "wor (2)")
        console.keys("down", "enter")
        console.wait(lambda: bool(server.do(lambda s: s.calls)), "a restart")
        assert server.do(lambda s: s.calls[0]) == ("supervisor.stopProcess", ["api:worker_01", True])
        console.keys(":", "stop etl")
        console.see("stop group", "etl (3)")
        console.keys("down", "down", "down", "enter")
        console.see("stop group etl")


def test_a_configuration_that_cannot_be_read_is_said(server: FakeThread, tmp_path: Path) -> None:
    fault = RPCError(Faults.CANT_REREAD, "/etc/s.conf:3: [program:x] command: missing")
    server.do(lambda s: s.answers.update(getUpdatePlan=fault))
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("f11")
        console.see("/etc/s.conf:3: [program:x] command: missing")


def test_shutdown_wants_the_name_typed(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys(":", "shut the sup", "enter")
        console.see("Shut down the supervisor local", "Type local and Enter")
        console.keys("loca", "enter")
        console.see("that is not the name")
        assert server.do(lambda s: s.calls) == []
        console.keys("l", "enter")
        console.see("local: shutdown was sent")
        assert server.do(lambda s: s.calls) == [("supervisor.shutdown", [])]


def test_read_only_refuses_them_all(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path, "--read-only") as console:
        console.see("web_00")
        for key, words in (
            ("c", "clear its log"),
            ("f11", "read the configuration"),
            (".", "the last action again"),
        ):
            console.keys(key)
            console.see(f"read-only: {words}")
        console.keys(":", "shut the sup", "enter")
        console.see("read-only: shut the supervisor down")
        assert server.do(lambda s: s.calls) == []


def test_a_resize_while_a_question_is_open(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("R")
        console.see("RESTART GROUP API")
        for rows, cols in ((12, 40), (4, 18), (1, 1), (60, 200), (24, 80)):
            console.resize(rows, cols)
            console.settle()
        console.see("RESTART GROUP API", "‹ Cancel ›")
        console.keys("esc")
        console.see("nothing was sent")


def test_the_server_goes_away_during_a_rolling_restart(server: FakeThread, tmp_path: Path) -> None:
    server.do(lambda s: farm(s, 6))
    with app(tmp_path) as console:
        console.see("job_00")
        server.do(lambda s: s.released.clear())
        console.keys(":", "few at a time", "enter")
        console.see("Rolling restart")
        console.keys("y")
        console.see("0/6 done")
        server.do(lambda s: s.die())
        console.see("connection lost, nobody knows how far it came")
        console.keys("r")
        console.see("cannot restart: not connected to local")


def test_an_empty_list_takes_every_key(server: FakeThread, tmp_path: Path) -> None:
    server.do(lambda s: s.processes.clear())
    with app(tmp_path) as console:
        console.see("no processes are configured")
        for key in ("g", "g", "G", " ", "v", "*", "U", "u", "r", "R", "c", "a", "H", "L", "t", "t", "o", "."):
            console.keys(key)
        console.keys("enter", "4")
        console.see("kind: all")
        console.keys("q")
        console.see("no processes are configured")


def copied(console: PtyApp) -> list[str]:
    return [
        b64decode(part).decode() for part in re.findall(rb"\x1b\]52;c;([A-Za-z0-9+/=]+)", bytes(console.raw))
    ]


def test_the_name_and_the_command_are_copied(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path, cols=160) as console:
        console.see("web_00")
        console.keys("y")
        console.see("api:web_00 given to")
        console.keys("Y")
        console.wait(lambda: len(copied(console)) == 2, "the second copy")
        console.keys("x")
        console.see("1/1 STOPPED")
        console.keys("j", " ", " ", "Y")
        console.wait(lambda: len(copied(console)) == 3, "the third copy")
        ctl = f"supervisorctl -s unix://{tmp_path}/s.sock"
        expected = ["api:web_00", f"{ctl} status api:web_00", f"{ctl} stop api:web_01 api:worker_00"]
        assert [text.replace("'", "") for text in copied(console)] == expected
