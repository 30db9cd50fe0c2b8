"""The whole console on a pty against the scripted server: keys in, screen text and calls out."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from supervisor.protocol import stream as wire
from supervisor.states import ProcessStates as S
from supervisor.version import VERSION
from tests.support.consoles import app, scripted, until
from tests.tui.fakes import FakeServer, FakeThread
from tests.tui.ptyapp import PtyApp


def _write(name: str, data: bytes, server: FakeServer) -> None:
    server.write(name, data)


def test_overview_at_80_by_24(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("10 procs  6 up  1 backoff  1 FATAL  2 down", "worker_01", "88M", "GET /items?page=59")
        lines = console.lines()
        assert lines[0].startswith(" console  local   live ")
        assert lines[1].split() == ["NAME", "STATE", "PID", "UPTIME", "CPU", "RSS", "RST"]
        assert lines[2] == "  ▾ api                  3/4"
        assert lines[3].split() == ["▸", "◉", "web_00", "RUNNING", "4120", "3d02h", "2%", "88M", "-"]
        assert lines[5].startswith("   ↻  worker_00          BACKOFF    retry 3/5 ") and lines[5].endswith(
            "exit 1"
        )
        assert "exited too quickly, 4 tries" in lines[11]
        assert lines[17].startswith("─ api:web_00  stdout ──")
        assert lines[23].startswith(
            " F1 Help F3 Find F4 Filter F5 Logs F6 Sort F7 Start F8 Stop F9 Signal F10 Quit"
        )
        assert len(lines) == 24


def test_overview_at_120_by_40_is_side_by_side(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path, cols=120, rows=40) as console:
        console.see("Processes 10", "api:web_00  stdout", "Events", "page=59")
        assert any("RUNNING" in line and "GET /items" in line for line in console.lines())
        assert all(len(line) <= 120 for line in console.lines())


def test_overview_at_200_by_60_has_facts_too(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path, cols=200, rows=60) as console:
        console.see("Processes 10", "Events", "TERM, then KILL after 10 s", "page=59")


def test_overview_at_40_by_12_and_smaller(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path, cols=40, rows=12) as console:
        console.see("6up", "worker_00", "try 3/5", "F1 Help")
        console.resize(4, 18)
        console.see("terminal too small")
        console.resize(1, 1)
        console.resize(24, 80)
        console.see("10 procs", "F10 Quit")


def test_group_restart_asks_and_escape_sends_nothing(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("R")
        console.see(
            "RESTART GROUP API", "Restart group api: 4 processes, in start order?", "stopwaitsecs max 10 s"
        )
        assert "RUNNING   web_00 web_01 worker_01" in console.text()
        assert "BACKOFF   worker_00" in console.text()
        console.keys("esc")
        console.see("cancelled, nothing was sent")
        console.keys("R")
        console.see("RESTART GROUP API")
        console.keys("enter")  # the focus is on Cancel
        console.see("cancelled, nothing was sent")
        assert server.do(lambda s: s.calls) == []


def test_group_restart_goes_ahead_and_shows_its_progress(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        server.do(lambda s: setattr(s, "delay_s", 0.3))
        console.keys("R")
        console.see("RESTART GROUP API")
        console.keys("tab", "enter")
        console.see("restart group api  0/4 RUNNING")
        console.see("restart group api  4/4 RUNNING")
        assert server.do(lambda s: s.calls) == [
            ("supervisor.stopProcessGroup", ["api", True]),
            ("supervisor.startProcessGroup", ["api", True]),
        ]


def test_stop_start_and_what_cannot_be_done(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("x")
        console.see("stop api:web_00  1/1 STOPPED  u: start again")
        console.keys("x")
        console.see("api:web_00 is STOPPED: nothing to stop")
        server.do(lambda s: setattr(s.processes["api:web_00"], "start_fails", "no such file"))
        console.keys("s")
        console.see("start: api:web_00 could not start: see stderr")


def test_marks_and_a_bulk_stop(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys(" ", " ")
        console.see("2 marked in 1 group")
        console.keys("f8")
        console.see("2 processes")
        console.keys("y")
        console.see("stop 2 marked  2/2 STOPPED")
        called = server.do(lambda s: sorted(params[0] for _, params in s.calls))
        assert called == ["api:web_00", "api:web_01"]


def test_filter_and_trouble_only(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("f4", "state:fatal|mail")
        console.miss("web_00   ", "transform")
        console.see("load", "mail", "filter: state:fatal|mail")
        console.keys("enter", "esc")
        console.see("web_00 ", "transform")
        console.keys("t")
        console.see("worker_00", "load", "trouble only")
        console.miss("transform")


def test_signal_dialog_begins_at_term(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("f9")
        console.see("Signal to api:web_00", "▸ TERM")
        console.keys("enter")
        until(server, lambda s: s.calls == [("supervisor.signalProcess", ["api:web_00", "TERM"])], console)


def test_log_pane_follows_searches_and_switches_stream(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path, rows=40) as console:
        console.see("web_00", "page=59")
        server.do(lambda s: s.write("api:web_00", b"something new\n"))
        console.see("something new")
        console.keys("j", "j")
        console.see("api:worker_00  stdout", "exit requested")
        assert console.look_of("ERROR").fg is not None
        console.keys("tab", "/", "timeout")
        console.see("/timeout")
        console.keys("enter")
        console.see("/timeout  1 of 1")
        console.keys("tab", "e")
        console.see("api:worker_00  stderr", "ERROR   File worker.py")


def test_pause_counts_new_lines(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("page=59")
        console.keys("tab", "p")
        console.see("PAUSED")
        server.do(lambda s: s.write("api:web_00", b"one\ntwo\nthree\n"))
        console.see("PAUSED, 3 new")
        assert "three" not in console.text()


def test_detail_events_help_and_palette(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("enter")
        console.see("> api:web_00", "TERM, then KILL after 10 s", "/srv/api/bin/web")
        server.do(lambda s: s.change("api:web_00", S.EXITED, exitstatus=3, expected=False, pid=0))
        console.keys("4")
        console.see("> events", "RUNNING → EXITED 3  unexpected")
        console.keys("f1")
        console.see("Keys: events")
        console.keys("esc")
        console.miss("Keys: events")
        console.keys(":", "go transform")
        console.see("go to process", "etl:transform")
        console.keys("enter")
        console.see("NAME", "─ etl:transform  stdout")


def test_theme_preview_choice_and_memory(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00", "live")
        before = console.look_of("console")
        console.keys("\x14")
        console.see("Theme", "paper")
        console.keys("\x1b[F")
        console.wait(lambda: console.look_of("console") != before, "another title colour")
        console.keys("esc")
        console.wait(lambda: console.look_of("console") == before, "the old colour")
        console.keys("\x14")
        console.see("paper")
        console.keys("\x1b[F", "enter")
        console.see("theme paper")
    with app(tmp_path) as console:
        console.see("web_00")
        assert console.look_of("console").bg == (0x2F, 0x5D, 0x94)


def test_no_color_and_ascii(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path, "--ascii", NO_COLOR="1") as console:
        console.see("web_00", "+  web_00", "[-] api", "X  load")
        assert console.text().isascii()
        for line in console.terminal.lines():
            assert all(attrs.fg is None and attrs.bg is None for _, attrs in line.runs)
        assert console.look_of("X  load").bold


def test_read_only_refuses_changes(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path, "--read-only") as console:
        console.see("web_00", "F10 Quit")
        assert "F7 Start" not in console.text()
        console.keys("x")
        console.see("read-only: stop is not allowed")
        assert server.do(lambda s: s.calls) == []


def test_attach_round_trip(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("G")
        console.see("▸  ◉  console")
        console.keys("a")
        console.see("ATTACHED shell:console  pid 7001  pty 80x23 (owner)", "Ctrl-] d detaches", ">>>")
        console.wait(lambda: not console.mode()[3] & termios.ISIG, "raw keys")  # type: ignore[operator]
        assert not console.mode()[0] & termios.ICRNL  # type: ignore[operator]
        until(server, lambda s: s.resizes == [(22, 80), (23, 80)], console)  # so that it paints its picture
        typed = "hé\r\n\t\x03\x1a\x11\x13\x7f\x08"
        console.keys(typed)
        until(server, lambda s: s.typed == typed.encode(), console)
        server.do(lambda s: setattr(s, "typed", b""))
        console.keys("prefix", "prefix")
        until(server, lambda s: s.typed == b"\x1d", console)
        server.do(lambda s: s.write("shell:console", b"\x1b[?1h\x1b[c"))
        until(server, lambda s: s.typed.startswith(b"\x1d\x1b[?62"), console)
        server.do(lambda s: setattr(s, "typed", b""))
        console.keys("up")
        until(server, lambda s: s.typed == b"\x1bOA", console)
        console.resize(30, 100)
        until(server, lambda s: s.resizes[2:] == [(29, 100)], console)
        console.keys("prefix")
        console.see("d detach")
        console.keys("d")
        console.see("detached from shell:console", "NAME")
        assert console.mode()[3] & termios.ISIG  # type: ignore[operator]


def test_attach_on_a_groups_row(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("g", "g", "a")
        console.see("Attach to a program of api", "web_01", "worker_00", "BACKOFF")
        console.keys("down", "enter")
        console.see("ATTACHED api:web_01", "line mode")
        console.keys("prefix", "d")
        console.see("detached from api:web_01")
        console.keys("G", "up", "A")  # the only one of its group
        console.see("ATTACHED shell:console", "read-only")
        console.keys("prefix", "d")
        console.see("detached from shell:console")


def test_several_attached_programs(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("g", "a")
        console.see("nothing is attached to")
        console.keys("G", "a")
        console.see("ATTACHED shell:console", ">>>")
        console.keys("prefix", "b")
        console.see("stays attached", "NAME")
        assert console.mode()[3] & termios.ISIG  # type: ignore[operator]
        console.keys("g", "g", "down", "a")
        console.see("ATTACHED api:web_00", "line mode")
        server.do(partial(_write, "shell:console", b"meanwhile"))
        # from one to the next, and round; the keys are those of the one that is shown
        console.keys("prefix", "tab")
        console.see("ATTACHED shell:console", "meanwhile")
        console.wait(lambda: not console.mode()[3] & termios.ISIG, "raw keys")  # type: ignore[operator]
        console.keys("\x03")
        until(server, lambda s: s.typed == b"\x03", console)
        console.keys("prefix", "tab")
        console.see("ATTACHED api:web_00")
        # the list
        console.keys("prefix", "l")
        console.see("Attached to", "api:web_00     pid 4120", "shell:console  pid 7001  pty 80x23 (owner)")
        console.keys("up", "enter")
        console.see("ATTACHED shell:console", "meanwhile")
        # the palette leads away, and nothing is lost by it
        console.keys("prefix", ":")
        console.see("Command palette")
        console.keys("esc")
        console.see("attached to shell:console, api:web_00", "g a")
        # a on one that is attached to shows it again
        console.keys("G", "a")
        console.see("ATTACHED shell:console", "meanwhile")
        assert server.do(lambda s: sum(len(peer.attaches) for peer in s.peers)) == 2
        console.keys("prefix", "d")
        console.see("detached from shell:console", "NAME")
        console.keys("g", "a", "enter")
        console.see("ATTACHED api:web_00")
        console.keys("prefix", "d")
        console.see("detached from api:web_00")
        until(server, lambda s: not any(peer.attaches for peer in s.peers), console)


def test_an_attached_program_in_the_lower_half(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("G", "a")
        console.see("ATTACHED shell:console", ">>>")
        console.keys("prefix", "z")
        console.see("ATTACHED shell:console", ">>>", "transform", "NAME")
        assert console.lines()[12].startswith(" ATTACHED")
        until(server, lambda s: s.resizes[-1:] == [(11, 80)], console)
        # the mouse is told by the program's own rows, and not at all above them
        server.do(partial(_write, "shell:console", b"\x1b[?1000h\x1b[?1006hmouse"))
        console.see(">>> mouse")
        console.keys("\x1b[<0;5;4M", "\x1b[<0;5;15M")
        until(server, lambda s: s.typed == b"\x1b[<0;5;2M", console)
        console.keys("prefix", "z")
        until(server, lambda s: s.resizes[-1:] == [(23, 80)], console)
        assert "transform" not in console.text()


def test_what_is_copied_while_looking_back_goes_to_the_clipboard(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("G", "a")
        console.see("ATTACHED shell:console", ">>>")
        server.do(partial(_write, "shell:console", "\r\n日本 to keep\r\n>>> ".encode()))
        console.see("to keep")
        console.keys("prefix", "[")
        console.see("SCROLL")
        console.keys("/", "keep", "enter", "V", "y")
        console.see("copied")
        wanted = b"\x1b]52;c;" + base64.b64encode("日本 to keep".encode())
        console.wait(lambda: wanted in console.raw, "the terminal to be told")
        console.keys("prefix", "p")
        until(server, lambda s: s.typed == "日本 to keep".encode(), console)


def test_the_past_of_a_terminal_is_not_answered(server: FakeThread, tmp_path: Path) -> None:
    server.do(lambda s: s.write("shell:console", b"\x1b[c\x1b[6n"))
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("G", "a")
        console.see("ATTACHED", ">>>")
        console.keys("z")
        until(server, lambda s: b"z" in s.typed, console)
        assert server.do(lambda s: s.typed) == b"z"


def test_attach_to_a_pipe_goes_by_lines(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("a")
        console.see("pipe, line mode (owner)", "Enter sends the line")
        console.keys("statux", "backspace", "s")
        console.see("> status")
        console.keys("enter")
        until(server, lambda s: s.typed == b"status\n", console)
        console.keys("prefix", "d")
        console.see("detached")


def test_attach_survives_exit_and_loss(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("G", "a")
        console.see("ATTACHED", ">>>")  # its output: the server knows of the attachment

        def tell(frame: Callable[[int], wire.Frame]) -> Callable[[FakeServer], None]:
            def act(s: FakeServer) -> None:
                for peer in s.peers:
                    for request in peer.attaches:
                        peer.send(frame(request))

            return act

        server.do(tell(lambda request: wire.Exited(request, 7001, 3)))
        console.see("exit 3 after", "Enter detaches, r starts it again")
        server.do(tell(lambda request: wire.Started(request, 7002)))
        console.see("ATTACHED shell:console  pid 7002")
        server.do(lambda s: s.die())
        console.see("link lost")
        server.do(lambda s: s.write("shell:console", b"\r\nback again"))
        server.do(lambda s: s.start())
        console.see("ATTACHED shell:console", "back again")


def test_away_and_back(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path, rows=40) as console:
        console.see("web_00", "page=59")
        server.do(lambda s: s.die())
        console.see("reconnecting, try", "⋯◉  web_00", "connection lost")
        assert "page=59" in console.text()
        console.keys("r")
        console.see("cannot restart: not connected to local, nothing is sent")
        for number in range(3):
            line = b"while away %d\n" % number
            server.do(partial(_write, "api:web_00", line))
        server.do(lambda s: s.change("mail", S.RUNNING, pid=99))
        began = time.monotonic()
        server.do(lambda s: s.start())
        console.see(" live ", "while away 2", "7 up")
        assert time.monotonic() - began < 5
        shown = [line for line in console.lines() if "while away" in line]
        assert [line.split()[-1] for line in shown] == ["0", "1", "2"]
        assert sum("page=59 " in line for line in console.lines()) == 1
        assert server.do(lambda s: s.calls) == []


def test_a_flood_is_shown_and_keys_still_work(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("page=59")
        line = b"x" * 99 + b"\n"
        for _ in range(40):
            server.do(lambda s: s.write("api:web_00", line * 2000))
        console.keys("j")
        console.see("─ api:web_01  stdout")


def test_no_server_at_the_start_then_one(tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("no answer, try", "no supervisor answers at unix://")
        with scripted(tmp_path):
            console.see("live", "web_00")


def test_wrong_password_says_so_and_stays(tmp_path: Path) -> None:
    with scripted(tmp_path, password="good"), app(tmp_path, "-u", "admin", "-p", "bad") as console:
        console.see("AUTH FAILED", "g l logs in")
        console.keys("q")
        assert console.end() == 0


def test_quit_leaves_the_terminal_as_it_was(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        assert console.terminal.alternate
        console.keys("f10")
        assert console.end() == 0
        assert not console.terminal.alternate
        assert console.mode() == console.mode_before


def test_interrupt_twice_quits(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("\x03")
        console.see("Ctrl-C again quits")
        console.keys("\x03")
        assert console.end() == 0


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGHUP, 1)])
def test_signals_end_it_in_order(server: FakeThread, tmp_path: Path, number: int, status: int) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        os.kill(console.pid, number)
        assert console.end() == status
        assert console.mode() == console.mode_before


CRASH = """
import sys
from supervisor.tui import main, pickers
def broken(self):
    raise RuntimeError("boom")
pickers.Pickers.choose_theme = broken
sys.exit(main.main())
"""


def test_a_bug_gives_the_terminal_back_and_keeps_the_traceback(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path, main=CRASH) as console:
        console.see("web_00")
        console.keys("\x14")
        assert console.end() == 70
        assert not console.terminal.alternate and console.mode() == console.mode_before
        assert "a bug of ours" in console.text()
    (kept,) = tmp_path.glob("supervisortui-*.traceback")
    assert "boom" in kept.read_text()


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--nonsense"], 2, "unrecognized arguments: --nonsense"),
        (["-c", "/nowhere.conf"], 2, "/nowhere.conf"),
        (["--theme", "nix"], 2, "there is no theme 'nix'"),
        (["-s", "ftp://x"], 2, "ftp://x"),
        (["--help"], 0, "--read-only"),
        (["--version"], 0, VERSION),
    ],
)
def test_command_line(tmp_path: Path, arguments: list[str], status: int, words: str) -> None:
    with PtyApp(arguments, tmp_path, cols=120) as console:
        assert console.end() == status
        assert words in console.text()


def test_the_version_does_not_cost_the_whole_console() -> None:
    code = (
        "import sys; from supervisor.tui.main import main; main(['--version']); print('urwid' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == f"{VERSION}\nFalse\n"


def test_quitting_asks_where_something_is_attached_to(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("g", "p", "shell", "enter", "a")
        console.see("ATTACHED")
        console.keys("prefix", "b")
        console.see("stays attached")
        console.keys("q")
        console.see("Leave the console?", "Attached to shell:console.")
        console.keys("esc")
        console.miss("Leave the console?")
        console.keys("q")
        console.see("Leave the console?")
        console.keys("y")
        assert console.end() == 0


def test_plain_prints_lines(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path, "--plain", cols=120) as console:
        console.see("10 processes: 6 up", "api:worker_00 BACKOFF retry 3/5")
        server.do(lambda s: s.change("mail", S.STARTING, pid=9))
        console.see("mail STOPPED -> STARTING")
        console.keys("\x03")
        assert console.end() == 0
        assert b"\x1b" not in console.raw
