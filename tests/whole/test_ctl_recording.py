"""supervisorctl record, replay and send, and attachments over the death of the daemon, all for real."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import Supervise
from tests.support.supervisor import Supervisor, child
from tests.support.waiting import until
from tests.whole.ctl_terminal import user


def ctl(*words: str, cwd: Path | None = None, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "supervisor.supervisorctl", *words]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=60, check=False, cwd=cwd)


def keys_program(supervise: Supervise, folder: Path) -> tuple[Supervisor, Path, str]:
    """A program that writes down what is typed; (supervisor, file, address)."""
    typed = folder / "typed"
    supervisor = supervise(f"[program:t]\ncommand={child('keys', typed)}\ntty=true\nstartsecs=0\n")
    until(typed.exists, "the program to run")
    return supervisor, typed, f"unix://{folder}/s"


def arrives(typed: Path, wanted: bytes) -> None:
    """Wait for as many bytes as are wanted, which they have to be."""
    until(lambda: len(typed.read_bytes()) >= len(wanted), "all keys to arrive")
    assert typed.read_bytes() == wanted


def test_record_and_replay(supervise: Supervise, tmp_path: Path) -> None:
    _, typed, url = keys_program(supervise, tmp_path)
    cast = tmp_path / "t.cast"
    with user("-s", url, "record", "--input", "t", str(cast)) as me:
        me.sees(b"Recording to ")
        me.sees(b"winch")  # the past is over, what is typed counts
        me.type("hé".encode())
        until(lambda: typed.read_bytes() == "hé".encode(), "the keys to arrive")
        me.sees(b">")
        me.resize(30, 100)
        until(lambda: b'"r"' in cast.read_bytes(), "the new size to be recorded")
        me.type(b"\x1d")
        me.sees(b"Detached from t")
        assert me.leaves() == 0
    assert stat.S_IMODE(cast.stat().st_mode) == 0o600
    header, *events = map(json.loads, cast.read_text().splitlines())
    assert (header["version"], header["width"], header["height"], header["title"]) == (2, 80, 24, "t")
    assert "ready" in "".join(data for _, code, data in events if code == "o")
    assert "".join(data for _, code, data in events if code == "i").startswith("hé")
    assert [data for _, code, data in events if code == "r"][-1] == "100x30"
    assert [at for at, *_ in events] == sorted(at for at, *_ in events)
    played = ctl("replay", "--speed", "1000", str(cast))
    assert (played.returncode, played.stderr) == (0, b"")
    assert played.stdout.decode() == "".join(data for _, code, data in events if code == "o")


def test_a_recording_is_not_overwritten_unasked(supervise: Supervise, tmp_path: Path) -> None:
    _, _, url = keys_program(supervise, tmp_path)
    cast = tmp_path / "mine"
    cast.write_text("precious")
    refused = ctl("-s", url, "record", "t", str(cast))
    assert refused.returncode == 1
    assert refused.stdout == f"ERROR: {cast} is there already: give another name, or --force\n".encode()
    assert cast.read_text() == "precious"
    with user("-s", url, "record", "t", str(cast)) as me:
        me.sees(b"Overwrite it y/N? ")
        me.type(b"n\r")
        assert me.leaves() == 1
    link = tmp_path / "link"
    link.symlink_to(cast)
    assert ctl("-s", url, "record", "--force", "t", str(link)).returncode == 1
    assert cast.read_text() == "precious"
    cast.chmod(0o644)
    assert ctl("-s", url, "record", "--force", "t", str(cast), stdin=b"x").returncode == 0
    assert cast.read_text().startswith('{"version": 2')
    assert "i" not in [json.loads(line)[1] for line in cast.read_text().splitlines()[1:]]
    assert stat.S_IMODE(cast.stat().st_mode) == 0o600


def test_a_recording_has_an_end(supervise: Supervise, tmp_path: Path) -> None:
    supervisor = supervise(f"[program:t]\ncommand={child('screen')}\ntty=true\nstartsecs=0\n")
    cast = tmp_path / "t.cast"
    with user("-s", f"unix://{tmp_path}/s", "record", "--max-size=1KB", "t", str(cast)) as me:
        me.sees(b"size")
        me.sees(b"size")  # told again: the past is over, what is typed counts
        me.type(b"x" * 200 + b"\r" + b"y" * 1000 + b"\r")
        me.sees(b"has reached --max-size and ends here")
        me.type(b"z\r")
        me.sees(b"z")
        me.type(b"\x1d")
        assert me.leaves() == 0
    assert cast.stat().st_size <= 1024
    assert all(isinstance(json.loads(line), (dict, list)) for line in cast.read_text().splitlines())
    assert supervisor.state("t") == "RUNNING"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", ":1: no JSON"),
        (
            '{"version": 3, "width": 80, "height": 24}\n',
            ":1: asciicast version 3: only version 2 can be played",
        ),
        (
            '{"version": 2, "width": 80}\n',
            ":1: no asciicast header: width and height must be positive numbers",
        ),
        ('{"version": 2, "width": 80, "height": 24}\n\n[0, "o", "a"]\n[1, "o"]\n', ":4: no event"),
        (
            '{"version": 2, "width": 80, "height": 24}\n[NaN, "o", "a"]\n',
            ":2: no event: its time is out of range",
        ),
        ('{"version": 2, "width": 80, "height": 24}\n' + "[" * 100_000, ":2: no JSON"),
    ],
)
def test_what_cannot_be_played_is_one_line(tmp_path: Path, content: str, complaint: str) -> None:
    cast = tmp_path / "bad.cast"
    cast.write_text(content)
    played = ctl("replay", str(cast))
    assert played.returncode == 1
    line = played.stdout.decode().splitlines()[-1]
    assert f"{cast}{complaint}" in line
    assert b"Traceback" not in played.stderr


def test_replay_on_a_terminal_takes_questions_out_and_leaves_it_as_found(tmp_path: Path) -> None:
    cast = tmp_path / "a.cast"
    events = [[0, "o", "\x1b[?1049h\x1b[6none"], [0.1, "x", "?"], [0.2, "o", "two"], [99999, "o", "three"]]
    head = {"version": 2, "width": 80, "height": 24, "theme": {}}
    cast.write_text("\n".join(map(json.dumps, [head, *events])) + "\n")
    with user("replay", "--idle-limit", "0.1", str(cast)) as me:
        seen = me.sees(b"three")
        assert b"\x1b[6n" not in seen
        assert me.leaves() == 0
        assert me.terminal_is_as_found
        assert b"\x1b[?1049l" in me.seen
    with user("replay", str(cast)) as me:
        me.sees(b"two")
        me.type(b"q")
        assert me.leaves() == 130
        assert me.terminal_is_as_found


def test_send(supervise: Supervise, tmp_path: Path) -> None:
    supervisor, typed, url = keys_program(supervise, tmp_path)
    assert ctl("-s", url, "send", "t", r"ls -l\r", "a;", r"\x03\xff\\").returncode == 0
    assert ctl("-s", url, "send", "t", "--keys", "ctrl-c alt-x up é Q").returncode == 0
    wanted = b"ls -l\ra;\x03\xff\\" + b"\x03\x1bx\x1b[A" + "éQ".encode()
    until(lambda: typed.read_bytes() == wanted, "the keys to arrive")
    for words, status, line in (
        (("nix", "x"), 1, "nix: ERROR (no such process)"),
        (
            ("t", r"\q"),
            2,
            r"""ERROR: '\\q' in the text is no escape: use \r \n \t \e \xHH, or \\ for one \ """.strip(),
        ),
        (("t", "--keys", "ctrl-nix"), 2, "ERROR: no key is called 'ctrl-nix'"),
        (("t",), 2, "ERROR: a process name and something to send are needed"),
    ):
        done = ctl("-s", url, "send", *words)
        assert done.returncode == status, done
        assert line in done.stdout.decode()
    supervisor.rpc.supervisor.stopProcess("t")
    done = ctl("-s", url, "send", "t", "x")
    assert (done.returncode, done.stdout) == (7, b"t: ERROR (not running)\n")


def test_no_key_is_lost_or_doubled_when_the_daemon_dies(supervise: Supervise, tmp_path: Path) -> None:
    supervisor, typed, url = keys_program(supervise, tmp_path)
    with user("-s", url, "fg", "t") as me:
        me.sees(b"Attached to t")
        me.sees(b"winch")
        wanted, took_s = b"", []
        for round_ in range(4):
            # What it answered it has read, and that was acknowledged; what follows finds no daemon.
            me.type(b"%d" % round_)
            me.sees(b"<1>")
            os.kill(supervisor.daemon_pid(), signal.SIGKILL)
            killed_at = time.monotonic()
            keys = [b"%d " % number for number in range(25)]
            for key in keys:
                me.type(key)
            wanted += b"%d" % round_ + b"".join(keys)
            arrives(typed, wanted)
            took_s.append(time.monotonic() - killed_at)
            me.sees(b">")
        print(f"keys arrived {took_s} s after the kill")  # on a loaded machine it is any number
        me.type(b"\x1d")
        me.sees(b"Detached from t")
        assert me.leaves() == 0
    assert me.seen.count(b"ready") == 1  # what was shown is not shown again
    supervisor.wait_ready()


def test_no_key_is_lost_when_the_daemon_dies_between_the_key_and_the_end(
    supervise: Supervise, tmp_path: Path
) -> None:
    supervisor, typed, url = keys_program(supervise, tmp_path)
    for wanted in (b"x", b"xx"):
        with user("-s", url, "fg", "t") as me:
            me.sees(b"Attached to t")
            me.sees(b"winch")
            pid = supervisor.daemon_pid()
            os.kill(pid, signal.SIGSTOP)  # so it reads neither the key nor the end
            me.type(b"x\x1dq")
            me.looks()
            os.kill(pid, signal.SIGKILL)
            me.sees(b"Detached from t\r\n")
            assert me.leaves() == 0
        arrives(typed, wanted)
        supervisor.wait_ready()


def test_a_lost_daemon_that_does_not_come_back_can_be_left(supervise: Supervise, tmp_path: Path) -> None:
    supervisor, _, url = keys_program(supervise, tmp_path)
    with user("-s", url, "attach", "t") as me:
        me.sees(b"ready")
        supervisor.rpc.supervisor.shutdown()
        me.sees(b"Connection lost, attaching again; Ctrl-] detaches")
        me.type(b"\x1d")
        me.sees(b"Detached from t")
        assert me.leaves() == 0


def test_an_unattended_recording_ends_with_the_program(supervise: Supervise, tmp_path: Path) -> None:
    _, typed, url = keys_program(supervise, tmp_path)
    cast = tmp_path / "t.cast"
    words = ["-s", url, "record", "--read", "--exit", "t", str(cast)]
    command = [sys.executable, "-m", "supervisor.supervisorctl", *words]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as recording:
        until(lambda: cast.exists() and b"ready" in cast.read_bytes(), "the recording to begin")
        assert ctl("-s", url, "send", "t", "quit").returncode == 0
        assert recording.stdout is not None
        assert b"t exited with status 0" in recording.stdout.read()
        assert recording.wait(30) == 20
    assert "<4>" in cast.read_text()
    arrives(typed, b"quit")


def test_another_key_detaches(supervise: Supervise, tmp_path: Path) -> None:
    _, typed, url = keys_program(supervise, tmp_path)
    with user("-s", url, "fg", "t", environment={"SUPERVISORCTL_DETACH_KEY": "ctrl-a"}) as me:
        me.sees(b"Ctrl-A detaches")
        me.sees(b"winch")
        me.type(b"\x1d\x01\x01x")
        arrives(typed, b"\x1d\x01x")
        me.type(b"\x01")
        me.sees(b"Detached from t")
        assert me.leaves() == 0
    with user("-s", url, "fg", "t", environment={"SUPERVISORCTL_DETACH_KEY": "f12"}) as me:
        me.sees(b"'f12' is no key to detach with")
        assert me.leaves() == 1
