"""supervisorctl attach and fg, run on a real terminal against scripted servers."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from supervisor.errors import RPCError
from supervisor.faults import Faults
from supervisor.protocol import stream
from supervisor.protocol.xmlrpc import Dumpable, Value
from tests.core.ctl_support import Script, from_table, process_info, serve
from tests.whole.ctl_terminal import DEADLINE_S, Peer, stream_server, user

GREETING = stream.Greeting(stream.VERSION, "supervisor", "5.0", 1, "boot", "admin")


def attached(*, tty: bool = True, live: int = 0, writer: bool = True) -> stream.Attached:
    return stream.Attached(1, "p", tty, 7, writer, 24, 80, 1, live)


def output(offset: int, data: bytes, channel: str = "stdout") -> stream.Output:
    return stream.Output(1, channel, 1, offset, data)


@contextmanager
def servers(tmp_path: Path, script: Callable[[Peer], None]) -> Iterator[list[str]]:
    """Both sockets, served; gives the arguments that lead supervisorctl there."""
    table = from_table({"getProcessInfo": process_info("p")})
    path = tmp_path / "s.sock"
    with serve(Script(table), path) as url, stream_server(tmp_path / "s.sock.stream", script):
        config = tmp_path / "ctl.conf"
        config.write_text(f"[supervisorctl]\nserverurl={url}\n")
        yield ["-c", str(config)]


def test_a_terminal_both_ways(tmp_path: Path) -> None:
    resized = threading.Event()

    def script(peer: Peer) -> None:
        peer.send(GREETING)
        request = peer.expect(stream.Attach)
        assert (request.name, request.mode, request.rows, request.cols) == ("p", "write", 24, 80)
        # The past asks the terminal where its cursor is; the answer must not be typed into the program.
        peer.send(attached(live=10), output(0, b"old\x1b[6n"), output(7, b"er>"))
        assert peer.expect(stream.Resize) == stream.Resize(1, 23, 80)
        assert peer.expect(stream.Resize) == stream.Resize(1, 24, 80)
        peer.send(output(10, b"\x1b[?1049h\x1b[?25lready"))
        peer.expect_input(b"ls\r\x03\x1a")
        peer.send(stream.InputAck(1, 5), output(30, b"typed"))
        assert peer.expect(stream.Resize) == stream.Resize(1, 40, 100)
        resized.set()
        peer.expect_input(b"\x1d")
        peer.send(stream.InputAck(1, 6), output(40, b"literal"))
        peer.expect(stream.Cancel)
        peer.expect_end()

    with servers(tmp_path, script) as arguments, user(*arguments, "attach", "p") as me:
        me.sees(b"Attached to p (pid 7); Ctrl-] detaches\r\n")
        assert me.sees(b"older>").endswith(b"older>")
        me.sees(b"ready")
        assert me.terminal_is_raw
        me.type(b"ls\r\x03\x1a")
        me.sees(b"typed")
        me.resize(40, 100)
        assert resized.wait(20)
        me.type(b"\x1d\x1d")
        me.sees(b"literal")
        me.type(b"\x1d")
        rest = me.sees(b"Detached from p\r\n")
        assert b"\x1b[?1049l" in rest
        assert b"\x1b[?25h" in rest
        assert me.leaves() == 0
        assert me.terminal_is_as_found
        assert b"\x1b[6n" not in me.seen


def test_answers_of_the_terminal_to_the_past_are_dropped_and_what_was_typed_is_not(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.send(GREETING)
        peer.expect(stream.Attach)
        peer.send(attached(live=6), output(0, b"pa"))
        pending.wait(20)
        peer.send(output(2, b"st>>"))
        peer.expect_input(b"early")
        peer.send(stream.InputAck(1, 5))
        peer.expect(stream.Resize)
        peer.expect(stream.Resize)
        peer.send(output(6, b"live"))
        peer.expect_input(b"x")
        peer.send(stream.InputAck(1, 6))
        peer.expect(stream.Cancel)

    pending = threading.Event()
    with servers(tmp_path, script) as arguments, user(*arguments, "attach", "p") as me:
        me.sees(b"Attached")
        wait_until(lambda: me.terminal_is_raw)
        me.type(b"\x1b[1;1Re\x1b]11;rgb:00/00/00\x07arly")
        pending.set()
        me.sees(b"live")
        me.type(b"x\x1d")
        assert me.leaves() == 0


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def until_told(peer: Peer) -> None:
    peer.send(GREETING)
    peer.expect(stream.Attach)
    peer.send(attached(), output(0, b"\x1b[?2004hready"))
    peer.expect_end()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_leave_a_sane_terminal(tmp_path: Path, number: signal.Signals) -> None:
    with servers(tmp_path, until_told) as arguments, user(*arguments, "attach", "p") as me:
        me.sees(b"ready")
        assert me.terminal_is_raw
        me.process.send_signal(number)
        assert me.leaves() == 128 + number
        assert me.terminal_is_as_found
        assert b"\x1b[?2004l" in me.seen


def test_a_stop_and_its_end(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.send(GREETING)
        peer.expect(stream.Attach)
        peer.send(attached(), output(0, b"ready"))
        peer.expect(stream.Resize)
        peer.expect(stream.Resize)
        peer.send(output(5, b"painted"))
        peer.expect(stream.Cancel)

    with servers(tmp_path, script) as arguments, user(*arguments, "attach", "p") as me:
        me.sees(b"ready")
        me.process.send_signal(signal.SIGTSTP)
        wait_until(lambda: me.terminal_is_as_found)
        me.process.send_signal(signal.SIGCONT)
        me.sees(b"painted")
        assert me.terminal_is_raw
        me.type(b"\x1d")
        assert me.leaves() == 0
        assert me.terminal_is_as_found


def test_exit_start_and_removal(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.send(GREETING)
        peer.expect(stream.Attach)
        peer.send(attached(), output(0, b"\x1b[?1049hhere"), stream.Exited(1, 7, 3), stream.Started(1, 8))
        peer.expect(stream.Resize)
        peer.send(stream.Removed(1))
        peer.expect_end()

    with servers(tmp_path, script) as arguments, user(*arguments, "attach", "p") as me:
        me.sees(b"\x1b[?1049hhere\x1b[0m\x1b(B\x0f\x1b[?1049l\r\n")  # what it switched on is off for the next
        me.sees(b"p exited with status 3; waiting for its next start, Ctrl-] detaches\r\n")
        me.sees(b"p started, pid 8\r\n")
        me.sees(b"p is no longer configured\r\n")
        assert me.leaves() == 20
        assert me.terminal_is_as_found


def test_until_exit(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.send(GREETING)
        assert peer.expect(stream.Attach).mode == "take"
        peer.send(attached(), stream.Exited(1, 7, -15))
        peer.expect_end()

    with servers(tmp_path, script) as arguments, user(*arguments, "attach", "--exit", "--take", "p") as me:
        me.sees(b"p exited by signal 15\r\n")
        assert me.leaves() == 20


@pytest.mark.parametrize("garbage", [b"", b"\xff\xff\xff\xff"])
def test_a_lost_link(tmp_path: Path, garbage: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.send(GREETING)
        peer.expect(stream.Attach)
        peer.send(attached(), output(0, b"half a line"))
        peer.expect_input(b"x")
        peer.send_bytes(garbage)

    with servers(tmp_path, script) as arguments, user(*arguments, "attach", "p") as me:
        me.sees(b"half a line")
        me.type(b"x")
        me.sees(b"\r\nConnection lost: unix://")
        assert me.leaves() == 21
        assert me.terminal_is_as_found


def test_an_unknown_process_and_a_refused_one(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.send(GREETING)
        peer.expect(stream.Attach)
        peer.send(stream.Error(1, Faults.BAD_NAME, "BAD_NAME: x"))
        peer.expect_end()

    with servers(tmp_path, script) as arguments, user(*arguments, "attach", "x") as me:
        assert me.leaves() == 1
        assert me.seen == b"ERROR: bad process name supplied\r\n"


def test_login_over_the_stream(tmp_path: Path) -> None:
    greeting = stream.Greeting(stream.VERSION, "supervisor", "5.0", 1, "boot", "none")

    def script(peer: Peer) -> None:
        peer.send(greeting)
        assert peer.expect(stream.Auth) == stream.Auth("u", "p")
        peer.send(stream.Ping(3), stream.Welcome("operator"))
        assert peer.expect(stream.Pong).n == 3
        peer.expect(stream.Attach)
        peer.send(attached(writer=False))
        peer.expect(stream.Cancel)

    with servers(tmp_path, script) as arguments, user(*arguments, "-u", "u", "-p", "p", "attach", "p") as me:
        me.sees(b"Somebody else writes to it")
        wait_until(lambda: me.terminal_is_raw)
        me.type(b"\x1d")
        assert me.leaves() == 0


def line_script(peer: Peer) -> None:
    peer.send(GREETING)
    peer.expect(stream.Attach)
    peer.send(attached(tty=False, live=4), output(0, b"old\n"), output(0, b"bad\x1b[2J\n", "stderr"))
    peer.expect_input(b"hello\n")
    peer.send(stream.InputAck(1, 6), output(4, b"HELLO\n"))
    peer.expect(stream.Cancel)
    peer.expect_end()


@pytest.mark.parametrize("command", ["attach", "fg"])
@pytest.mark.parametrize("leave", [b"\x1d", b"\x04", b"\x03"])
def test_lines_for_a_program_on_pipes(tmp_path: Path, command: str, leave: bytes) -> None:
    with servers(tmp_path, line_script) as arguments, user(*arguments, command, "p") as me:
        me.sees(b"Attached to p (pid 7); Enter sends a line, Ctrl-] detaches\r\n")
        me.sees("bad␛[2J\r\n".encode())
        me.type(b"helo\x7flo\x15hello\r")
        me.sees(b"HELLO")
        me.type(leave)
        me.sees(b"Detached from p\r\n")
        assert me.leaves() == 0
        assert me.terminal_is_as_found


def test_a_line_is_typed_while_the_program_writes_and_comes_back_from_history(tmp_path: Path) -> None:
    typing = threading.Event()

    def script(peer: Peer) -> None:
        peer.send(GREETING)
        peer.expect(stream.Attach)
        peer.send(attached(tty=False), output(0, b"begin\n"))
        typing.wait(20)
        peer.send(output(6, b"NEWS\nhalf"))
        peer.expect_input(b"hello\n")
        peer.send(stream.InputAck(1, 6), output(14, b" and more\n"))
        peer.expect_input(b"hello!\n")
        peer.send(stream.InputAck(1, 13))
        peer.expect(stream.Cancel)

    with servers(tmp_path, script) as arguments, user(*arguments, "fg", "p") as me:
        me.sees(b"begin\r\n")
        me.type(b"hel")
        me.sees(b"hel")
        typing.set()
        me.sees(b"\r\x1b[KNEWS\r\nhalf\r\nhel")  # the line stands below what came
        me.type(b"lo\r")
        me.sees(b"hello\r\n")
        me.sees(b"and more\r\n")
        me.type(b"\x1b[A!\r")
        me.sees(b"hello!\r\n")
        me.type(b"unsent")
        me.sees(b"unsent")
        me.type(b"\x1d")
        me.sees(b"\r\x1b[KDetached from p\r\n")
        assert me.leaves() == 0
        assert me.terminal_is_as_found


def test_lines_are_kept_for_the_next_time_but_not_passwords(tmp_path: Path) -> None:
    def first(peer: Peer) -> None:
        peer.send(GREETING)
        peer.expect(stream.Attach)
        peer.send(attached(tty=False), output(0, b"> "))
        peer.expect_input(b"open\n")
        peer.send(stream.InputAck(1, 5), output(2, b"Password: ", "stderr"))
        peer.expect_input(b"hunter2\n")
        peer.send(stream.InputAck(1, 13), output(2, b"welcome\n> "))
        peer.expect(stream.Cancel)

    def second(peer: Peer) -> None:
        peer.send(GREETING)
        peer.expect(stream.Attach)
        peer.send(attached(tty=False), output(0, b"> "))
        peer.expect_input(b"open\n")
        peer.send(stream.InputAck(1, 5))
        peer.expect(stream.Cancel)

    history = tmp_path / "history"
    with servers(tmp_path, first) as arguments, user(*arguments, "-r", str(history), "fg", "p") as me:
        me.sees(b"> ")
        me.type(b"open\r")
        me.sees(b"Password: ")
        me.type(b"hunter2\r")
        me.sees(b"welcome")
        me.type(b"\x1d")
        assert me.leaves() == 0
    assert (tmp_path / "history.fg" / "p").read_text() == "open\n"
    (tmp_path / "s.sock").unlink(missing_ok=True)
    (tmp_path / "s.sock.stream").unlink()
    with servers(tmp_path, second) as arguments, user(*arguments, "-r", str(history), "fg", "p") as me:
        me.sees(b"> ")
        me.type(b"\x1b[A\r")
        me.sees(b"open\r\n")
        me.type(b"\x1d")
        assert me.leaves() == 0


def test_piped_input_is_sent_and_then_the_end(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.send(GREETING)
        peer.expect(stream.Attach)
        peer.send(attached(tty=False))
        peer.expect_input(b"one\ntwo\n")
        peer.send(output(0, b"\x1b[2Jraw\xff\n"), stream.InputAck(1, 8))
        peer.expect(stream.Cancel)

    with servers(tmp_path, script) as arguments:
        ran = subprocess.run(
            [sys.executable, "-m", "supervisor.supervisorctl", *arguments, "attach", "p"],
            input=b"one\ntwo\n",
            capture_output=True,
            timeout=30,
            check=False,
        )
    assert ran.returncode == 0
    assert b"\x1b[2Jraw\xff\n" in ran.stdout
    assert ran.stderr == b""


def test_the_address_can_be_asked_for(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"

    def script(peer: Peer) -> None:
        peer.send(GREETING)
        peer.expect(stream.Attach)
        peer.send(attached(), stream.Removed(1))
        peer.expect_end()

    table = from_table({"getStreamAddress": f"unix://{elsewhere}"})
    with serve(Script(table)) as url, stream_server(elsewhere, script), user("-s", url, "attach", "p") as me:
        assert me.leaves() == 20


# --- fg against a server without a stream socket -----------------------------------------------------


def test_classic_fg(tmp_path: Path) -> None:
    states = ["RUNNING", "RUNNING", "EXITED"]
    sent: list[Value] = []

    def state(method: str, params: tuple[Value, ...]) -> Dumpable:
        return process_info("p", state=states.pop(0))

    def stdin(method: str, params: tuple[Value, ...]) -> Dumpable:
        sent.append(params[1])
        return True

    script = Script(from_table({"getProcessInfo": state, "sendProcessStdin": stdin}))
    script.logs = {"/logtail/p/stdout": [b"out\n"], "/logtail/p/stderr": [b"err\x1b[2J\n"]}
    with serve(script) as url, user("-s", url, "fg", "p") as me:
        me.sees(b"==> Press Ctrl-C to exit <==\r\n")
        me.sees(b"\r\n")
        me.type(b"one\rtwo\r")
        me.sees(b"Process got killed\r\nExiting foreground\r\n")
        assert me.leaves() == 0
    assert sent == ["one\n", "two\n"]
    assert b"out\r\n" in me.seen
    assert "err␛[2J\r\n".encode() in me.seen


def test_fg_beside_the_socket_of_a_daemon_that_is_no_more(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "s.stream"))
    script = Script(from_table({"getProcessInfo": process_info("p")}))
    with serve(script, tmp_path / "s") as url, user("-s", url, "fg", "p") as me:
        me.sees(b"==> Press Ctrl-C to exit <==\r\n")
        me.type(b"\x04")
        me.sees(b"Exiting foreground\r\n")
        assert me.leaves() == 0
    with serve(script, tmp_path / "t") as url, user("-s", url, "attach", "p") as me:
        assert me.leaves() == 1
        assert b"has no stream socket" in me.seen


@pytest.mark.parametrize("leave", [b"\x03", b"\x04"])
def test_leaving_classic_fg(leave: bytes) -> None:
    script = Script(from_table({"getProcessInfo": process_info("p")}))
    with serve(script) as url, user("-s", url, "fg", "p") as me:
        me.sees(b"==> Press Ctrl-C to exit <==\r\n")
        # Both tails are 404: the reader is ready when that has been told.
        me.sees(b"Cannot read, status code 404")
        me.sees(b"Cannot read, status code 404")
        me.type(leave)
        me.sees(b"Exiting foreground\r\n")
        assert me.leaves() == 0
    assert b"Traceback" not in me.seen


def test_classic_fg_fault() -> None:
    table: dict[str, Dumpable | RPCError] = {
        "getProcessInfo": process_info("p"),
        "sendProcessStdin": RPCError(Faults.NO_FILE, "p"),
    }
    with serve(Script(from_table({**table}))) as url, user("-s", url, "fg", "p") as me:
        me.sees(b"<==")
        me.type(b"x\r")
        me.sees(b"ERROR: NO_FILE: p\r\nExiting foreground\r\n")
        assert me.leaves() == 1
