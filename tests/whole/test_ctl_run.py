"""supervisorctl as a process: arguments, pipes, the interactive shell on a terminal."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervisor.errors import RPCError
from supervisor.protocol.xmlrpc import Dumpable
from tests.core.ctl_support import Answer, Script, from_table, process_info, serve
from tests.whole.ctl_terminal import user

CTL = [sys.executable, "-m", "supervisor.supervisorctl"]
PROCESSES: list[Dumpable] = [process_info("cat"), process_info("g1", "grp")]
TABLE: dict[str, Dumpable | RPCError | Answer] = {
    "getAllProcessInfo": PROCESSES,
    "getSupervisorVersion": "5.0",
    "getPID": 99,
    "shutdown": True,
    "readProcessStdoutLog": "".join(f"line {n}\n" for n in range(100)),
}
STATUS = (
    "cat                              RUNNING   pid 4711, uptime 0:00:03\n"
    "grp:g1                           RUNNING   pid 4711, uptime 0:00:03\n"
)


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    script = Script(from_table(TABLE))
    # A log that goes on until the test ends the server's thread by closing its end.
    script.logs = {"/logtail/cat/stdout": [b"log\n"]}
    with serve(script, tmp_path / "s.sock") as url:
        yield url


def run(*arguments: str, given: str = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*CTL, *arguments], input=given, capture_output=True, text=True, timeout=30, check=False, cwd=cwd
    )


def test_one_command(url: str) -> None:
    ran = run("-s", url, "status")
    assert (ran.stdout, ran.stderr, ran.returncode) == (STATUS, "", 0)


@pytest.mark.parametrize(
    ("closed", "stdout", "stderr"), [("<&-", STATUS, ""), (">&-", "", ""), ("<&- >&- 2>&-", "", "")]
)
def test_standard_descriptors_that_are_closed(url: str, closed: str, stdout: str, stderr: str) -> None:
    words = [*CTL, "-s", url, "status"]
    ran = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {closed}', "sh", *words],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (ran.stdout, ran.stderr, ran.returncode) == (stdout, stderr, 0)


def test_a_shell_without_input_ends(url: str) -> None:
    words = [*CTL, "-s", url]
    ran = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" <&-', "sh", *words],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (ran.stdout, ran.stderr, ran.returncode) == (f"{STATUS}supervisor> \n", "", 0)


@pytest.mark.parametrize("command", ["status", "tail cat", "tail -f cat", "pid"])
def test_output_that_cannot_be_written_is_one_line(url: str, command: str) -> None:
    with open("/dev/full", "wb") as full:
        ran = subprocess.run(
            [*CTL, "-s", url, *command.split()], stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE,
            text=True, timeout=30, check=False,
        )  # fmt: skip
    assert (ran.stderr, ran.returncode) == ("error: cannot write the output: No space left on device\n", 1)


def test_several_commands_and_the_first_failure(url: str) -> None:
    ran = run("-s", url, "version;", "foo", ";", "bar;pid", ";pid")
    assert ran.stdout == "5.0\n*** Unknown syntax: foo\n*** Unknown syntax: bar;pid ;pid\n"
    assert ran.returncode == 1


def test_settings_of_the_file(url: str, tmp_path: Path) -> None:
    (tmp_path / "supervisord.conf").write_text(f"[supervisorctl]\nserverurl = {url}\nprompt = there\n")
    ran = run("pid", cwd=tmp_path)
    assert (ran.stdout, ran.returncode) == ("99\n", 0)
    ran = run("-c", "supervisord.conf", given="pid\n", cwd=tmp_path)
    assert (ran.stdout, ran.returncode) == (f"{STATUS}there> 99\nthere> \n", 0)


def test_commands_from_a_pipe(url: str) -> None:
    ran = run("-s", url, given="version\n\nfoo\npid; version\nshutdown\nn\nquit\nversion\n")
    assert ran.stdout == (
        f"{STATUS}supervisor> 5.0\nsupervisor> supervisor> *** Unknown syntax: foo\nsupervisor> 99\n5.0\n"
        "supervisor> Really shut the remote supervisord process down y/N? supervisor> \n"
    )
    assert (ran.stderr, ran.returncode) == ("", 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--bogus"], "option --bogus not recognized"),
        (["-u"], "option -u requires argument"),
        (["-c", "/nonexistent", "pid"], "could not find config file /nonexistent"),
        (["-s", "ftp://x", "pid"], "Unknown protocol for serverurl ftp://x"),
    ],
)
def test_usage_errors(arguments: list[str], message: str) -> None:
    ran = run(*arguments)
    assert (ran.stdout, ran.returncode) == ("", 2)
    error, help_line = ran.stderr.splitlines()
    assert error == f"Error: {message}"
    assert help_line.startswith("For help, use ")


def test_help_and_version_of_the_program() -> None:
    ran = run("-h")
    assert ran.returncode == 0
    assert "Usage: " in ran.stdout
    ran = run("-v")
    assert ran.returncode == 0
    assert ran.stdout.strip()


def test_a_reader_that_leaves(url: str) -> None:
    command = " ".join(f"'{word}'" for word in [*CTL, "-s", url, "tail cat; " * 200])
    ran = subprocess.run(
        f"{command} | head -1", shell=True, capture_output=True, text=True, timeout=30, check=True
    )
    assert (ran.stdout, ran.stderr) == ("line 0\n", "")


def test_not_a_terminal_gets_bytes_unchanged(url: str) -> None:
    ran = subprocess.run([*CTL, "-s", url, "tail", "-f", "cat"], capture_output=True, timeout=30, check=False)
    assert ran.stdout == b"==> Press Ctrl-C to exit <==\nlog\n"


def test_encodings_that_cannot_show_everything(url: str) -> None:
    ran = subprocess.run(
        [*CTL, "-s", url, "tail -5 cat"],
        capture_output=True,
        timeout=30,
        check=False,
        env={"PYTHONIOENCODING": "ascii", "PATH": "/usr/bin:/bin"},
    )
    assert ran.stdout.startswith(
        b"Warning: sys.stdout.encoding is set to ascii, so Unicode output may fail. "
    )


# --- on a terminal -----------------------------------------------------------------------------------


def test_the_shell(url: str, tmp_path: Path) -> None:
    config = tmp_path / "c.conf"
    history = tmp_path / "history"
    config.write_text(f"[supervisorctl]\nserverurl={url}\nhistory_file={history}\n")
    with user("-c", str(config)) as me:
        me.sees(b"grp:g1")
        me.sees(b"supervisor> ")
        me.type(b"vers\t\r")
        me.sees(b"5.0\r\n")
        me.sees(b"supervisor> ")
        me.type(b"pid g\t")
        me.sees(b"rp:")
        me.type(b"\x15\r")
        me.sees(b"supervisor> ")
        me.type(b"shutdown\r")
        me.sees(b"Really shut the remote supervisord process down y/N? ")
        me.type(b"y\r")
        me.sees(b"Shut down\r\n")
        me.sees(b"supervisor> ")
        me.type(b"\x04")
        assert me.leaves() == 0
    assert "version" in history.read_text()
    with user("-c", str(config)) as me:
        me.sees(b"supervisor> ")
        me.type(b"\x10\x10\x10")
        me.sees(b"version")
        me.type(b"\x15exit\r")
        assert me.leaves() == 0


def test_ctrl_c_at_the_prompt(url: str) -> None:
    with user("-s", url) as me:
        me.sees(b"supervisor> ")
        assert me.interrupts() == 0
        assert b"Traceback" not in me.seen


def test_ctrl_c_while_a_server_is_silent(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        listener.settimeout(20)
        with user("-s", f"unix://{tmp_path}/s", "status") as me:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                assert me.interrupts() == 130
        assert b"Traceback" not in me.seen
        with user("-s", f"unix://{tmp_path}/s") as me:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                me.sees_after_interrupt(b"supervisor> ")
                me.type(b"quit\r")
                assert me.leaves() == 0
        assert b"Traceback" not in me.seen


def test_a_password_is_asked_for_and_not_shown(tmp_path: Path) -> None:
    script = Script(from_table(TABLE), login=("u", "secret"))
    with serve(script, tmp_path / "s") as url, user("-i", "-s", url, "pid") as me:
        me.sees(b"Server requires authentication\r\n")
        me.sees(b"Username:")
        me.type(b"u\r")
        me.sees(b"Password:")
        me.type(b"secret\r")
        me.sees(b"99\r\n")
        assert me.leaves() == 0
        assert b"secret" not in me.seen


def test_long_output_goes_through_the_pager(url: str, tmp_path: Path) -> None:
    pager = tmp_path / "pager"
    pager.write_text("#!/bin/sh\necho PAGED; cat >/dev/null\n")
    pager.chmod(0o755)
    with user("-s", url, environment={"PAGER": str(pager)}) as me:
        me.sees(b"supervisor> ")
        assert b"PAGED" not in me.seen
        me.type(b"tail cat\r")
        me.sees(b"PAGED")
        me.sees(b"supervisor> ")
        assert b"line 5" not in me.seen
        me.type(b"quit\r")
        assert me.leaves() == 0


@pytest.mark.parametrize(("options", "shown"), [((), "␛[2Jx\r\n"), (("--raw",), "\x1b[2Jx\r\n")])
def test_ctrl_c_ends_a_tail(options: tuple[str, ...], shown: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)
        port = listener.getsockname()[1]
        with user(*options, "-s", f"http://127.0.0.1:{port}", "tail -f cat") as me:
            answer = b"<methodResponse><params><param><value>3.0</value></param></params></methodResponse>"
            first, _ = listener.accept()
            with first:
                first.recv(65536)
                first.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))
                second, _ = listener.accept()
                with second:
                    second.recv(65536)
                    second.sendall(
                        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n\x1b[2Jx\n\r\n"
                    )
                    me.sees(shown.encode())
                    me.type(b"\x03")
                    assert me.leaves() == 0
        assert me.seen.endswith(b"\r\n")
        assert b"Traceback" not in me.seen
