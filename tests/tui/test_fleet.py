"""Many supervisors: the lists without a screen, then the console on a pty over several scripted servers."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from supervisor.protocol.stream import ProcessRecord
from supervisor.states import ProcessStates as S
from supervisor.states import getProcessStateDescription
from supervisor.tui.fleet import AttentionView, FleetView, Line, link_words
from supervisor.tui.listview import ListView
from supervisor.tui.model import ChangeTold, GoneTold, LinkKind, LinkTold, Model, Ref, SnapshotTold
from tests.support.consoles import fleet_file, pretended_ssh, urls
from tests.tui.fakes import FakeThread
from tests.tui.ptyapp import PtyApp

NOW = 1_800_000_000.0


def record(name: str, state: int = S.RUNNING, **facts: Any) -> ProcessRecord:
    return ProcessRecord(
        name=name, group="g", state=state, statename=getProcessStateDescription(state) or "", **facts
    )


@pytest.fixture
def model() -> Model:
    model = Model(["web-2", "web-10", "db", "lone"])
    for name, env in (("web-2", "prod"), ("web-10", "prod"), ("db", "test")):
        model.sups[name].env = env
    for name in model.sups:
        model.apply(LinkTold(name, LinkKind.LIVE), NOW)
        model.apply(SnapshotTold(name, (record("a"), record("b", S.STOPPED))), NOW)
    return model


# --- the lists ---------------------------------------------------------------------------------------


def test_supervisors_stand_under_their_environments(model: Model) -> None:
    view = FleetView(model)
    view.refresh()
    assert view.rows == [
        Line("prod"), Line("prod", "web-2"), Line("prod", "web-10"),
        Line("test"), Line("test", "db"), Line(""), Line("", "lone"),
    ]  # fmt: skip
    assert view.cursor == Line("prod", "web-2")
    view.fold(True)
    view.refresh()
    assert view.cursor == Line("prod") and view.rows[:2] == [Line("prod"), Line("test")]
    assert view.chosen() == ["web-2", "web-10"]
    view.pattern = "web-1"
    view.folded.clear()
    view.refresh()
    assert view.rows == [Line("prod"), Line("prod", "web-10")]
    view.pattern = "t*"
    view.refresh()
    assert [row.sup for row in view.rows] == ["", "db"]


def test_without_environments_there_are_no_headings() -> None:
    view = FleetView(Model(["b", "a"]))
    view.refresh()
    assert view.rows == [Line("", "a"), Line("", "b")]


def test_sums_are_of_each_supervisor(model: Model) -> None:
    assert model.counts("db") == [("up", 1, S.RUNNING), ("down", 1, S.STOPPED)]
    model.apply(ChangeTold("db", record("a", S.FATAL)), NOW)
    model.apply(GoneTold("web-2", "g", "b"), NOW)
    assert model.counts("db") == [("up", 0, S.RUNNING), ("FATAL", 1, S.FATAL), ("down", 1, S.STOPPED)]
    assert (model.total("web-2"), model.total()) == (1, 7)
    assert list(model.attention) == [Ref("db", "g", "a")]
    model.apply(ChangeTold("db", record("a")), NOW)
    assert not model.attention
    model.apply(SnapshotTold("db", ()), NOW)
    assert model.total("db") == 0 and not model.sups["db"].groups and model.total("lone") == 2


def test_what_needs_attention_stands_worst_and_newest_first(model: Model) -> None:
    view = AttentionView(model)
    model.apply(ChangeTold("db", record("a", S.BACKOFF, changed=NOW)), NOW)
    model.apply(ChangeTold("web-2", record("a", S.FATAL, changed=NOW - 9)), NOW)
    model.apply(ChangeTold("web-10", record("a", S.FATAL, changed=NOW - 1)), NOW)
    view.refresh(NOW)
    assert [ref.sup for ref in view.rows] == ["web-10", "web-2", "db"]
    view.move(2)
    model.apply(ChangeTold("web-10", record("a")), NOW)
    view.refresh(NOW + 0.1)
    assert len(view.rows) == 3, "not put in order again within half a second"
    assert [ref.sup for ref in view.window(9)] == ["web-10", "web-2", "db"]
    view.refresh(NOW + 1)
    assert [ref.sup for ref in view.rows] == ["web-2", "db"] and view.cursor == Ref("db", "g", "a")


def test_a_list_is_of_one_supervisor_or_of_all(model: Model) -> None:
    view = ListView(model)
    view.look_at("db")
    view.refresh(NOW)
    assert {ref.sup for ref in view.rows} == {"db"} and len(view.rows) == 3
    view.mark_glob("*", on=True)
    assert {ref.sup for ref in view.marks} == {"db"}
    view.look_at(None)
    view.refresh(NOW)
    assert [ref for ref in view.rows if ref.is_group] == [Ref("", "g", "")], "one row, whatever has it"
    assert [ref.sup for ref in view.rows[1::2]] == ["db", "lone", "web-2", "web-10"]


@pytest.mark.parametrize(
    ("told", "rtt", "words"),
    [
        (LinkTold("db", LinkKind.LIVE, identification="x", version="5"), 0.01, ("up", "up", "x 5")),
        (LinkTold("db", LinkKind.LIVE, role="observer"), 1.5, ("degraded", "slow", "read-only")),
        (LinkTold("db", LinkKind.POLL, version="4"), 0.0, ("up", "up", "4, polled every 2 s")),
        (LinkTold("db", LinkKind.AUTH_FAILED, "no"), 0.0, ("down", "refused", "Enter logs in: no")),
    ],
)
def test_how_a_connection_is_said(
    model: Model, told: LinkTold, rtt: float, words: tuple[str, str, str]
) -> None:
    model.apply(told, NOW)
    said = link_words(model.sups["db"], rtt, NOW)
    assert (said.sign, said.word, said.note) == words


def test_a_lost_connection_is_dated(model: Model) -> None:
    model.apply(LinkTold("db", LinkKind.AWAY, "silent", attempt=2, next_at=NOW + 20), NOW)
    said = link_words(model.sups["db"], 0.0, NOW + 12)
    assert (said.sign, said.word) == ("stale", "stale 12s")
    assert said.note.startswith("data of ") and said.note.endswith(": silent, try 3 in 8s")


# --- on the screen -----------------------------------------------------------------------------------


def fleet(tmp_path: Path, **options: Any) -> PtyApp:
    file = fleet_file(
        tmp_path / "fleet.toml",
        {
            "one": {"env": "prod", "protect": "type-name", "title": "alert"},
            "two": {"env": "prod"},
            "shut": {"env": "test", "username": "me", "password": "wrong"},
            "gone": {"env": "test"},
        },
    )
    return PtyApp(["--fleet", str(file)], tmp_path, **options)


@pytest.mark.parametrize(("cols", "rows"), [(80, 24), (120, 40), (200, 60), (40, 12)])
def test_the_fleet(servers: dict[str, FakeThread], tmp_path: Path, cols: int, rows: int) -> None:
    with fleet(tmp_path, cols=cols, rows=rows) as console:
        console.see("FLEET 4 supervisors", "prod", "two", "away", *(["refused"] if rows > 12 else []))

        def one() -> list[str]:
            return next((line.split() for line in console.lines() if " one " in line and " 10 " in line), [])

        console.wait(lambda: bool(one()), "one to be up, and its processes")
        found = one()
        assert all(len(line) <= cols for line in console.lines())
        assert found[found.index("up") :][:3] == ["up", "10", "6"]
        if rows > 12:
            assert found[found.index("up") :][3:5] == ["1", "1"]
            console.see("Needs attention 4", "api:worker_00", "etl:load")


def test_opening_a_supervisor_and_what_needs_attention(
    servers: dict[str, FakeThread], tmp_path: Path
) -> None:
    with fleet(tmp_path, cols=120, rows=40) as console:
        console.see("Needs attention 4", "refused")
        console.keys("down", "enter")
        console.see("console  two   live", "10 procs  6 up  1 backoff  1 FATAL  2 down", "api:web_00  stdout")
        console.keys("esc")
        console.see("FLEET 4 supervisors")
        console.keys("tab", "enter")
        console.wait(
            lambda: any("▸  ✘  load" in line for line in console.lines()), "the cursor on what has failed"
        )
        console.keys("5", "=")
        console.see("all 4 supervisors", "6/8  on 2 supervisors", "20 procs")


def test_a_narrow_screen_says_why_one_is_away(tmp_path: Path) -> None:
    arguments = ["-s", f"a=unix://{tmp_path}/none", "-s", f"b=unix://{tmp_path}/neither"]
    with PtyApp(arguments, tmp_path) as console:
        console.see("a: no such file or directory", "Nothing known needs attention, 2 not connected")
        console.keys("down")
        console.see("b: no such file or directory")


def test_actions_go_to_the_supervisor_that_is_meant(servers: dict[str, FakeThread], tmp_path: Path) -> None:
    with fleet(tmp_path, cols=120, rows=40) as console:
        console.see("Needs attention 4")
        console.keys("down", "enter")
        console.see("console  two")
        console.keys("r")
        console.wait(
            lambda: ("supervisor.stopProcess", ["api:web_00", True]) in servers["two"].do(lambda s: s.calls),
            "the restart of web_00 at two",
        )
        assert servers["one"].do(lambda s: s.calls) == []


def test_one_lost_in_a_restart_does_not_leave_the_others_stopped(
    servers: dict[str, FakeThread], tmp_path: Path
) -> None:
    with fleet(tmp_path, cols=120, rows=40) as console:
        console.see("Needs attention 4")
        for server in (servers["one"], servers["two"]):
            server.do(lambda server: setattr(server, "delay_s", 0.5))
        console.keys("=")
        console.see("all 4 supervisors", "2/2  on 2 supervisors")
        console.keys("+", "cache", "enter")
        console.see("2 marked in 1 group on 2 supervisors")
        console.keys("r")
        console.see("cache@one", "cache@two")
        console.keys("y")
        console.see("Type one and Enter")
        console.keys("one", "enter")
        console.wait(lambda: bool(servers["one"].do(lambda s: s.calls)), "the stop at one")
        servers["one"].do(lambda server: server.die())
        console.wait(
            lambda: any("startProcess" in method for method, _ in servers["two"].do(lambda s: s.calls)),
            "the start at two",
        )


def test_attaching_to_a_protected_supervisor_wants_its_name(
    servers: dict[str, FakeThread], tmp_path: Path
) -> None:
    with fleet(tmp_path, cols=120, rows=40) as console:
        console.see("Needs attention 4")
        console.keys("enter")
        console.see("console  one")
        console.keys("a")
        console.see("Type one and Enter")
        console.keys("one", "enter")
        console.see("ATTACHED")


def test_rows_come_back_when_the_window_grows(model: Model) -> None:
    view = FleetView(model)
    view.refresh()
    view.move(9)
    assert len(view.window(2)) == 2
    assert view.window(20) == view.rows


def test_a_protected_supervisor_wants_its_name(servers: dict[str, FakeThread], tmp_path: Path) -> None:
    with fleet(tmp_path, cols=120, rows=40) as console:
        console.see("Needs attention 4")
        console.keys("enter")
        console.see("console  one")
        console.keys("r")
        console.see("one is protected", "Type one and Enter")
        console.keys("two", "enter")
        console.see("that is not the name")
        assert servers["one"].do(lambda s: s.calls) == []
        console.keys("esc")
        console.see("cancelled, nothing was sent")
        console.keys("r")
        console.see("Type one and Enter")
        console.keys("one", "enter")
        console.wait(lambda: bool(servers["one"].do(lambda s: s.calls)), "the restart at one")


def test_one_that_dies_is_dated_and_comes_back(servers: dict[str, FakeThread], tmp_path: Path) -> None:
    with fleet(tmp_path, cols=120, rows=40) as console:
        console.see("Needs attention 4")
        servers["two"].do(lambda server: server.die())
        console.see("stale", "data of ")
        servers["two"].do(lambda server: server.start())
        console.wait(lambda: not any("stale" in line for line in console.lines()), "two is connected again")


def test_one_that_hangs_disturbs_none(servers: dict[str, FakeThread], tmp_path: Path) -> None:
    """Its sockets take what is sent and nothing answers, while a call to it is under way."""
    go_on = threading.Event()
    with PtyApp(urls(tmp_path, "one", "two"), tmp_path, cols=120, rows=40) as console:
        console.see("Needs attention 4")
        servers["one"].loop.call_soon_threadsafe(go_on.wait)
        try:
            console.keys("enter")
            console.see("console  one", "api:web_00  stdout")
            console.keys("r")  # a restart that nobody answers
            console.see("restart api:web_00")
            console.keys("5", "down", "enter")
            console.see("console  two", "api:web_00  stdout")
            servers["two"].do(lambda server: server.write("api:web_00", b"written while one hangs\n"))
            console.see("written while one hangs")
            console.keys("x")
            console.wait(lambda: _calls(servers["two"], "stopProcess") == ["api:web_00"], "two was asked")
            console.see("STOPPED")
            assert not go_on.is_set() and not servers["one"].server.calls
        finally:
            go_on.set()


def _calls(server: FakeThread, method: str) -> list[str]:
    """The names that ``method`` was called with."""
    return [params[0] for name, params in server.server.calls if name == f"supervisor.{method}"]


def test_a_supervisor_can_have_a_theme_of_its_own(servers: dict[str, FakeThread], tmp_path: Path) -> None:
    file = fleet_file(tmp_path / "themes.toml", {"one": {"theme": "paper"}, "two": {}})
    with PtyApp(["--fleet", str(file)], tmp_path, cols=120, rows=40) as console:
        console.see("Needs attention 4")
        dusk = console.look_of("console").bg
        console.keys("enter")
        console.see("console  one")
        console.wait(lambda: console.look_of("console").bg != dusk, "the theme of one")
        console.keys("5")
        console.see("FLEET 2 supervisors")
        console.wait(lambda: console.look_of("console").bg == dusk, "the operator's theme")
        console.keys("down", "enter")
        console.see("console  two")
        assert console.look_of("console").bg == dusk


def test_sections_of_a_configuration_have_marks_titles_and_themes(
    servers: dict[str, FakeThread], tmp_path: Path
) -> None:
    file = tmp_path / "a.conf"
    file.write_text(
        f"[supervisorctl]\nserverurl=unix://{tmp_path}/one/s.sock\n"
        f"[supervisortui:two]\nserverurl=unix://{tmp_path}/two/s.sock\ntitle=alert\ncolour=cyan\ntheme=paper\n"
    )
    with PtyApp(["-c", str(file)], tmp_path, cols=120, rows=40) as console:
        console.see("Needs attention 4", "▌ two")
        dusk = console.look_of("console").bg
        console.keys("enter")
        console.see("console  local")
        title = console.look_of("local").bg
        assert console.look_of("console").bg == dusk
        console.keys("5", "down", "enter")
        console.see("console  two")
        console.wait(
            lambda: console.look_of("console").bg not in (dusk, title), "a title that warns, in paper"
        )


def test_filter_and_fold(servers: dict[str, FakeThread], tmp_path: Path) -> None:
    with fleet(tmp_path) as console:
        console.see("refused")
        console.keys("/", "tw", "enter")
        console.wait(lambda: not any(" one " in line for line in console.lines()[1:10]), "only two is listed")
        console.keys("esc")
        console.wait(lambda: any(" one " in line for line in console.lines()[1:10]), "all are listed again")
        console.keys("H")
        console.wait(lambda: not any(" two " in line for line in console.lines()[1:6]), "all is folded")
        console.see("2 not connected")
        console.keys("L")
        console.see(" two ")


def test_only_some_of_those_known(servers: dict[str, FakeThread], tmp_path: Path) -> None:
    with fleet(tmp_path) as whole:
        whole.see("FLEET 4")
    with PtyApp(["--fleet", str(tmp_path / "fleet.toml"), "two"], tmp_path) as console:
        console.see("console  two   live")
        console.keys("5")
        console.see("one supervisor is open")


def test_a_fleet_over_ssh(servers: dict[str, FakeThread], tmp_path: Path) -> None:
    path = pretended_ssh(tmp_path / "bin")
    conf = tmp_path / "remote.conf"
    conf.write_text(f"[supervisorctl]\nserverurl=unix://{tmp_path}/two/s.sock\n")
    arguments = ["-s", f"far=ssh://me@far{conf}", "-s", f"near=unix://{tmp_path}/one/s.sock"]
    with PtyApp(arguments, tmp_path, PATH=path) as console:
        console.see("FLEET 2 supervisors", "Needs attention 4")
        console.keys("enter")
        console.see("console  far   live", "GET /items?page=59")
        console.keys("r")
        console.wait(lambda: bool(servers["two"].do(lambda s: s.calls)), "the restart through the bridge")
    conf.write_text(f"[supervisorctl]\nserverurl=unix://{tmp_path}/nowhere\n")
    with PtyApp(arguments, tmp_path, PATH=path, cols=120) as console:
        console.see("away", "supervisorctl bridge: ")


def test_plain_lines_of_several(servers: dict[str, FakeThread], tmp_path: Path) -> None:
    with PtyApp(["--plain", *urls(tmp_path, "one", "two")], tmp_path, cols=120, rows=60) as console:
        console.see("one 10 processes: ", "two 10 processes: ", "two api:web_00 RUNNING")
        os.kill(console.pid, signal.SIGTERM)
        assert console.end() == 0


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--fleet", "{folder}/none.toml"], "none.toml: there is no such file"),
        (["--fleet", "{folder}/bad.toml"], "bad.toml:2: cannot talk to ftp://x"),
        (["-s", "unix:///a/s.sock", "-s", "x=gopher://h"], "cannot talk to gopher://h"),
        (["-s", "a=unix:///1", "-s", "a=unix:///2"], "two supervisors are called a"),
    ],
)
def test_what_cannot_be_opened_is_one_line(tmp_path: Path, arguments: list[str], problem: str) -> None:
    (tmp_path / "bad.toml").write_text('[fleet.a]\nurl = "ftp://x"\n')
    with PtyApp([word.format(folder=tmp_path) for word in arguments], tmp_path, cols=200) as console:
        console.see(problem)
        assert console.end() == 2


@pytest.mark.parametrize("locale", [{"LANG": "C"}, {"LC_ALL": "C"}])
def test_the_c_locale_gets_ascii_and_nothing_is_sheared(
    servers: dict[str, FakeThread], tmp_path: Path, locale: dict[str, str]
) -> None:
    url = f"unix://{tmp_path}/one/s.sock"
    servers["one"].do(lambda server: server.write("api:web_00", "東京 é end\n".encode()))
    with PtyApp(["-s", url], tmp_path, cols=120, rows=40, **locale) as console:
        console.see("web_00", "end")
        text = console.text()
        assert text.isascii() and "+-[ Processes 10 ]" in text
        assert all(line.endswith("|") for line in console.lines()[2:20])
