"""Screen 3 on a pty against the scripted server: keys in, screen text out."""

from __future__ import annotations

import base64
from pathlib import Path

from supervisor.states import ProcessStates as S
from tests.support.consoles import app, until
from tests.tui.fakes import FakeThread


def write(server: FakeThread, name: str, text: str, channel: str = "stdout") -> None:
    server.do(lambda s: s.write(name, text.encode(), channel))


def test_o_opens_the_log_and_escape_comes_back(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00", "page=59")
        console.keys("o")
        console.see("> logs", "api:web_00  stdout", "FOLLOW")
        console.keys("esc")
        console.see("NAME")
        console.keys("3")
        console.see("> logs", "api:web_00  stdout")


def test_panes_split_close_and_are_remembered(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path, rows=40, cols=120) as console:
        console.see("web_00")
        console.keys("o", "|")
        console.see("Show in the new pane")
        console.keys("worker_01")
        console.see("1 of ")
        console.keys("enter")
        console.miss("Show in the new pane")
        console.see("logs (2 panes)", "1 api:web_00", "2 api:worker_01")
        console.keys("-")
        console.see("Show in the new pane")
        console.keys("esc")
        console.miss("Show in the new pane")
        console.see("logs (3 panes)", "3 api:worker_01")
        console.keys("|")
        console.see("logs (4 panes)", "Show in the new pane")
        console.keys("esc")
        console.miss("Show in the new pane")
        console.keys("|")
        console.see("4 panes are shown already")
        console.keys("z")
        console.miss("1 api:web_00")
        console.keys("z")
        console.see("1 api:web_00")
        console.keys("esc")
        console.see("NAME")
        console.keys("3")
        console.see("logs (4 panes)", "1 api:web_00")
        console.keys("\x17", "c", "\x17", "c", "\x17", "c", "\x17", "c")
        console.see("this is the last pane")


def test_a_group_is_merged_in_order_of_arrival(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("k", "o")
        console.see("merged: group api")
        until(server, lambda s: sum(len(peer.follows) for peer in s.peers) == 4, console)
        for number in range(3):
            write(server, "api:web_00", f"first {number}\n")
            console.see(f"first {number}")
            write(server, "api:worker_01", f"second {number}\n")
            console.see(f"second {number}")
        rows = [line.split()[:3] for line in console.lines() if "first" in line or "second" in line]
        assert rows == [
            ["web_00", "first", "0"], ["worker_01", "second", "0"], ["web_00", "first", "1"],
            ["worker_01", "second", "1"], ["web_00", "first", "2"], ["worker_01", "second", "2"],
        ]  # fmt: skip
        console.keys("K")
        console.see("this is the beginning of these logs")


def test_merge_by_pattern_and_both_streams(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path, rows=24, cols=100) as console:
        console.see("web_00")
        console.keys("o", "e", "e")
        console.see("stdout+stderr")
        until(server, lambda s: sum(len(peer.follows) for peer in s.peers) == 2, console)
        console.see("page=59")
        write(server, "api:web_00", "complaint\n", "stderr")
        console.see("web_00 err complaint")
        console.keys("+")
        console.see("Merge into this pane")
        console.keys("w*_01")
        console.see("all that match")
        console.keys("enter")
        console.see("merged: 3 processes")
        until(server, lambda s: sum(len(peer.follows) for peer in s.peers) == 6, console)
        write(server, "api:web_01", "joined\n")
        console.see("web_01 out    joined")


def test_filters_are_named_and_taken_back(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("o")
        console.see("> logs")
        write(server, "api:web_00", "apple one\nplum two\napple three\n")
        console.see("plum two")
        console.keys("&", "apple|plum", "enter")
        console.see("&apple|plum", "apple one", "plum two")
        console.miss("page=59")
        console.keys("\x1b&", "plum", "enter")
        console.see("&!plum")
        console.miss("plum two")
        write(server, "api:web_00", "plum four\napple five\n")
        console.see("apple five")
        assert "plum four" not in console.text()
        console.keys("esc")
        console.see("page=59", "plum four")


def test_search_case_plain_and_backward(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("o")
        write(server, "api:web_00", "Alpha a.c\nalpha abc\nALPHA\n")
        console.see("ALPHA")
        console.keys("/", "alpha", "enter")
        console.see("/alpha  3 of 3")
        console.keys("N")
        console.see("2 of 3")
        console.keys("\x1bc")
        console.see("/alpha case  1")
        console.keys("\x1bc")
        console.see("nocase  3")
        console.keys("?", "a.c", "enter")
        console.see("?a.c nocase  2 of 2")
        console.keys("\x1br")
        console.see("plain nocase  1")


def test_errors_restarts_and_marks_are_jumped_to(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("o")
        write(server, "api:web_00", "ERROR this\n" + "padding\n" * 40)
        console.see("padding")
        server.do(lambda s: s.change("api:web_00", S.EXITED, exitstatus=3, expected=False, pid=0))
        write(server, "api:web_00", "filler\n" * 40)
        console.see("filler")
        console.keys("(")
        console.see("exit 3")
        console.keys("[")
        console.see("ERROR this")
        console.keys("m", "G")
        console.miss("ERROR this")
        console.keys('"')
        console.see("*ERROR this")
        console.keys("]")
        console.see("no error line below")


def test_selection_goes_to_the_clipboard(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("o")
        write(server, "api:web_00", "one\n\x1b[31mtwo\x1b[0m\nthree\n")
        console.see("three")
        console.keys("V", "k", "k")
        console.see("SELECT 3 lines")
        console.keys("y")
        console.see("3 lines given to the terminal")
        assert b"\x1b]52;c;" + base64.b64encode(b"one\ntwo\nthree") + b"\x07" in bytes(console.raw)
        console.miss("SELECT")


def test_save_does_not_overwrite_unasked(server: FakeThread, tmp_path: Path) -> None:
    target = tmp_path / "saved.txt"
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("o")
        write(server, "api:web_00", "one\n")
        console.see("one")
        console.keys("&", "^one", "enter", "S", str(target), "enter")
        console.see("1 line saved")
        assert target.read_text() == "one\n"
        target.write_text("mine")
        console.keys("S", str(target), "enter")
        console.see("exists. Type yes")
        console.keys("no", "enter")
        console.see("as it was")
        assert target.read_text() == "mine"
        console.keys("S", str(tmp_path / "none" / "x"), "enter")
        console.see("cannot write: No such file")


def test_pager_and_bare_page_give_the_screen_back(server: FakeThread, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    pager = tmp_path / "pager"
    pager.write_text(f'#!/bin/sh\ncp "$1" {kept}\n')
    pager.chmod(0o755)
    with app(tmp_path, PAGER=str(pager)) as console:
        console.see("web_00")
        console.keys("o")
        write(server, "api:web_00", "for the pager\n")
        console.see("for the pager")
        console.keys("E")
        console.wait(lambda: kept.exists() and "for the pager" in kept.read_text(), "the pager")
        console.see("> logs", "FOLLOW")
        console.keys("\x19")
        console.see("Enter goes back")
        assert "> logs" not in console.text()
        console.keys("enter")
        console.see("> logs", "FOLLOW")
        assert not list(tmp_path.glob("supervisortui-*.log"))


def test_a_pager_that_is_not_there_says_so(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path, PAGER="/nonexistent/pager") as console:
        console.see("web_00")
        console.keys("o", "E")
        console.see("cannot run /nonexistent/pager", "> logs")


def test_older_text_is_loaded_without_a_seam(server: FakeThread, tmp_path: Path) -> None:
    write(server, "api:web_00", "".join(f"old {n:05}\n" for n in range(30_000)))
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("o")
        console.see("old 29999")
        console.keys("g", "g")
        console.see("of older output is kept")
        console.keys("pgup")
        console.see("older lines loaded")
        console.keys("&", "old 2[0-9]{4}", "enter")
        console.keys("S", str(tmp_path / "all"), "enter")
        console.see("saved to")
    numbers = [
        int(line.split()[1]) for line in (tmp_path / "all").read_text().splitlines()[1:] if "old" in line
    ]
    assert numbers == list(range(numbers[0], 30_000))
    assert len(numbers) > 15_000 or numbers[0] == 20_000


def test_times_are_honest_about_the_past(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("o", "t")
        console.see("--:--:-- 02:54:59")
        write(server, "api:web_00", "now\n")
        console.wait(
            lambda: any(line.endswith(" now") and line[0].isdigit() for line in console.lines()), "a time"
        )


def test_a_log_goes_on_without_a_hole_after_being_away(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("o")
        console.see("page=59")
        console.keys("esc")
        console.see("NAME")
        console.keys("z")
        console.wait(
            lambda: server.do(lambda s: not any(peer.follows for peer in s.peers)), "no log being followed"
        )
        write(server, "api:web_00", "while away\n")
        console.keys("3")
        console.see("page=59", "while away")
        assert "skipped" not in console.text()
        console.keys("esc")
        console.see("NAME")
        console.wait(
            lambda: server.do(lambda s: not any(peer.follows for peer in s.peers)), "no log being followed"
        )
        server.do(lambda s: setattr(s.processes["api:web_00"].logs["stdout"], "keep", 1 << 23))
        write(server, "api:web_00", "x" * 99 + "\n" + ("y" * 99 + "\n") * 20_000)
        console.keys("3")
        console.see("yyyy")
        console.keys("/", "while", "enter")
        console.see("while away", "skipped 2M to keep up")
