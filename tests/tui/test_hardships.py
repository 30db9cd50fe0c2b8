"""What consoles have broken at: sizes, servers and processes that change under them, terminals, keys, logs."""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from supervisor.protocol import stream as wire
from supervisor.protocol.stream import ProcessRecord
from supervisor.states import ProcessStates as S
from supervisor.tui.listview import ListView
from supervisor.tui.model import ChangeTold, Model, Ref, SnapshotTold
from supervisor.tui.screens.attach import END_SEEN_S
from tests.support.consoles import app, until
from tests.support.waiting import until as wait_until
from tests.tui.fakes import FakeServer, FakeThread
from tests.tui.ptyapp import PtyApp

SCREENS = {
    "overview": ((), "NAME"),
    "detail": (("enter",), "state"),
    "logs": (("o",), "> logs"),
    "events": (("4",), "events"),
    "question": (("R",), "Cancel"),
    "palette": ((":",), "Command palette"),
    "help": (("f1",), "Keys: list"),
    "prompt": (("/", "web"), "filter: web"),
    "settings": (("f2",), "preset"),
}


@pytest.mark.parametrize("screen", SCREENS)
def test_any_screen_lives_through_no_room_at_all(server: FakeThread, tmp_path: Path, screen: str) -> None:
    keys, words = SCREENS[screen]
    with app(tmp_path) as console:
        console.see("web_00", "page=59")
        console.keys(*keys)
        console.see(words)
        for rows, cols in ((1, 1), (2, 200), (60, 1), (3, 3), (24, 80)):
            console.resize(rows, cols)
            console.settle(0.05)
        console.see(words)
        set_no_size(console)
        console.settle(0.05)
        console.resize(24, 80)
        console.see(words)
        assert not bugs(tmp_path)


def test_an_attached_program_lives_through_it_too(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("G", "a")
        console.see("ATTACHED shell:console", ">>>")
        for rows, cols in ((1, 1), (2, 2), (1, 80), (24, 80)):
            console.resize(rows, cols)
            console.settle(0.05)
        set_no_size(console)
        console.resize(24, 80)
        console.keys("print(1)")
        console.see(">>> print(1)")
        assert all(r >= 1 and c >= 1 for r, c in server.server.resizes)


def set_no_size(console: PtyApp) -> None:
    """The terminal says that it has no rows and no columns, as some do while they start."""
    console._set_size(0, 0)
    os.kill(console.pid, signal.SIGWINCH)


def bugs(folder: Path) -> list[Path]:
    """The tracebacks that a console left."""
    return list(folder.glob("supervisortui-*.traceback"))


# --- what is shown changes -----------------------------------------------------------------------------


def other_list(server: FakeServer) -> None:
    server.processes.clear()
    server.boot, server.seq, server.deltas = "boot-2", 0, []
    server.add("new", "one", S.RUNNING, pid=1, start=1.0)
    server.add("new", "two", S.FATAL)


@pytest.mark.parametrize("screen", ["overview", "detail", "logs", "events"])
def test_the_server_comes_back_with_another_list(server: FakeThread, tmp_path: Path, screen: str) -> None:
    with app(tmp_path) as console:
        console.see("web_00", "page=59")
        console.keys(" ", "k")  # a mark
        console.keys(*SCREENS[screen][0])
        console.see(SCREENS[screen][1])
        server.do(lambda s: s.die())
        console.see("reconnecting")
        server.do(other_list)
        server.do(lambda s: s.start())
        until(server, lambda s: any(peer.subscription is not None for peer in s.peers), console)
        console.keys("j", "k", "G", "g", "g", "1")
        console.see("one", "two", "FATAL", "live")
        console.miss("web_00   ", "marked")
        console.keys("g", "g", "j", "x")
        until(server, lambda s: s.calls, console)
        assert {str(params[0]) for _, params in server.server.calls} <= {"new:one", "new:two"}


def test_a_process_is_removed_while_it_is_attached(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("G", "a")
        console.see("ATTACHED shell:console", ">>>")
        server.do(remove_attached)
        console.see("gone from the configuration, Enter detaches")
        time.sleep(END_SEEN_S)  # so long keys are taken to be meant for the program
        console.keys("enter")
        console.see("NAME", "9 procs")
        console.miss("console   ")
        assert server.server.typed == b""


def remove_attached(server: FakeServer) -> None:
    for peer in server.peers:
        for request in list(peer.attaches):
            peer.send(wire.Removed(request))
    server.remove("shell:console")


def test_a_process_goes_to_another_group(server: FakeThread, tmp_path: Path) -> None:
    def regroup(s: FakeServer) -> None:
        s.remove("api:web_00")
        fake = s.add("front", "web_00", S.RUNNING, pid=9, start=1.0)
        s.change(fake.namespec, S.RUNNING)
        s.write(fake.namespec, b"in its new group\n")

    with app(tmp_path, rows=40, cols=120) as console:
        console.see("web_00", "page=59")
        console.keys(" ", "k", "enter")
        console.see("> api:web_00")
        server.do(regroup)
        console.keys("1")
        console.see("front", "1/1")
        console.miss("marked")
        console.keys("g", "p", "front")
        console.see("1 of ")
        console.keys("enter")
        console.see("front:web_00  stdout", "in its new group")


# --- terminals and keys -------------------------------------------------------------------------------


def test_a_terminal_that_goes_away_ends_it_without_a_traceback(server: FakeThread, tmp_path: Path) -> None:
    console = app(tmp_path)
    try:
        console.see("web_00", "page=59")
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, console._slave)
        os.dup2(null, console._fd)  # the last one that held it: the line hangs up
        os.close(null)
        pid, status = wait_until(partial(reaped, console.pid), "the end of the console") or (0, 0)
        console.status = os.waitstatus_to_exitcode(status)
        assert (pid, console.status) == (console.pid, 1)
        assert not bugs(tmp_path)
    finally:
        console.__exit__()


def reaped(pid: int) -> tuple[int, int] | None:
    found, status = os.waitpid(pid, os.WNOHANG)
    return (found, status) if found else None


def test_a_terminal_that_takes_nothing_stops_nothing_else(server: FakeThread, tmp_path: Path) -> None:
    """Nobody reads what is drawn; keys come all the same. The log flows on, and what comes later is right."""
    with app(tmp_path, rows=60, cols=200) as console:
        console.see("web_00", "page=59")
        line = "".join(chr(0x4E00 + n % 200) for n in range(60)).encode()
        sent = 0
        for turn in range(4):
            console.keys("w", "2" if turn % 2 else "1")  # each would draw all anew
            text = b"".join(b"%d " % (sent + n) + line + b"\n" for n in range(200))
            sent += 200
            server.do(partial(_write, text))
            wait_until(lambda: server.do(caught_up), "the log to be taken while nothing is drawn")
        console.keys("1")
        console.see("NAME", f"{sent - 1} ")
        assert not bugs(tmp_path)


def _write(text: bytes, server: FakeServer) -> None:
    server.write("api:web_00", text)


def caught_up(server: FakeServer) -> bool:
    """Whether every follower of the log has all of it."""
    followers = [f for peer in server.peers for f in peer.follows.values() if f.fake.namespec == "api:web_00"]
    return all(f.offset == f.fake.logs[f.channel].end for f in followers)


ODD_KEYS = (
    "\x1b[200;5;9~", "\x1bOz", "\x1b[1;99Q", "\x1b[<999;1;1M", "\x1b[M", "\x00", "\x1e", "\x7f",
    "\x1b[27;5;9~", "\x1b[57399u", "\x1b[?1;2c", "é", "日", "\u0301",
)  # fmt: skip


def test_keys_that_nobody_can_name(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00", "page=59")
        for key in ODD_KEYS:
            console.keys(key)
            console.settle(0.02)
        for data in (
            b"\x1b]11;rgb:0000/0000/0000\x07",
            b"\x1bP1+r544e=7872\x1b\\",
            b"\xff\xfe",
            b"\xc3",
            b"\x1b\x1b\x1b",
            bytes(range(0x80, 0xA0)),
        ):
            os.write(console._fd, data)
            console.settle(0.05)
        for _ in range(10):  # what was begun, the first keys may still end
            console.keys("esc")
            console.settle()
            console.keys("f1")
            console.settle()
            if "Keys: list" in console.text():
                break
        console.see("Keys: list")
        assert not server.server.calls and not bugs(tmp_path)


# --- clocks and logs ----------------------------------------------------------------------------------


def test_a_clock_that_is_put_back_holds_nothing_up() -> None:
    model = Model()
    model.apply(
        SnapshotTold("local", tuple(ProcessRecord(n, "g", S.RUNNING, "RUNNING") for n in "ab")), 5000.0
    )
    view = ListView(model)
    view.change(sort="state")
    view.refresh(5000.0)
    model.apply(ChangeTold("local", ProcessRecord("b", "g", S.FATAL, "FATAL")), 1400.0)
    view.refresh(1400.0)
    assert view.rows[0] == Ref("local", "g", "b")


def test_a_log_with_everything_in_it(server: FakeThread, tmp_path: Path) -> None:
    dangers = (
        b"\x1b]0;pwned\x07", b"\x1b]52;c;cHduZWQ=\x07", b"\x1b[?1049h", b"\x1b[2J\x1b[H", b"\x1bP+q544e\x1b\\", b"\x1b[6n",
        b"\x1b[?1000h", b"\x1bc",
    )  # fmt: skip
    with app(tmp_path) as console:
        console.see("web_00", "page=59")
        console.keys("o")
        console.see("> logs")
        begin = len(console.raw)
        for danger in dangers:
            server.do(partial(_write, b"before " + danger + b" after\n"))
        server.do(partial(_write, b"nul \x00 bad \xff\xc3( end\n"))
        console.see("nul \u2400 bad \ufffd\ufffd( end", "before  after")
        drawn = bytes(console.raw[begin:])
        assert b"pwned" not in drawn and b"cHduZWQ" not in drawn and b"\x1b[?1049h" not in drawn
        assert b"\x1b[6n" not in drawn and b"\x1bc" not in drawn
        for _ in range(10):
            server.do(partial(_write, b"x" * (1 << 20)))
        server.do(partial(_write, b"\nthe next line\n"))
        console.see("the next line")
        assert memory_of(console.pid) < 400 << 20


def memory_of(pid: int) -> int:
    """Resident bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
