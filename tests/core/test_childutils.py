"""The helper for listeners (reference: events, section 11), and the commands that need no daemon."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from supervisor import childutils
from supervisor.config.commandline import sample_config
from supervisor.dispatchers import RejectEvent, default_handler
from supervisor.memmon import Limits, Watch, tree_memory
from supervisor.protocol.listener import envelope
from supervisor.states import ProcessStates
from tests.support.waiting import until

EVENT = envelope("s", 1, "p", 2, "REMOTE_COMMUNICATION", "type:t\nhéé €𐍈 end".encode())
PAYLOAD = "type:t\nhéé €𐍈 end"


def text_stream(data: bytes = b"") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(data), "utf-8", newline="")


@pytest.mark.parametrize(
    ("stdin", "stdout", "payload"),
    [
        (io.StringIO((EVENT * 2).decode()), io.StringIO(), PAYLOAD),
        (io.BytesIO(EVENT * 2), io.BytesIO(), PAYLOAD.encode()),
        (text_stream(EVENT * 2), text_stream(), PAYLOAD),
    ],
    ids=["string", "bytes", "wrapper"],
)
def test_listening(stdin: Any, stdout: Any, payload: str | bytes) -> None:
    for _ in range(2):
        headers, got = childutils.listener.wait(stdin, stdout)
        assert headers["eventname"] == "REMOTE_COMMUNICATION"
        assert got == payload
        childutils.listener.ok(stdout)
    childutils.listener.fail(stdout)
    childutils.listener.send("é", stdout)
    raw = getattr(stdout, "buffer", stdout)
    written = raw.getvalue()
    written = written.decode() if isinstance(written, bytes) else written
    assert written == "READY\nRESULT 2\nOK" * 2 + "RESULT 4\nFAILRESULT 2\né"


@pytest.mark.parametrize("stdin", [io.StringIO(), io.BytesIO(), text_stream()])
def test_the_end_of_input(stdin: Any) -> None:
    with pytest.raises(KeyError) as caught:
        childutils.listener.wait(stdin, io.StringIO())
    assert caught.value.args == ("len",)


@pytest.mark.parametrize("stream", [io.StringIO(), io.BytesIO(), text_stream()])
def test_messages(stream: Any) -> None:
    childutils.pcomm.send("hé", stream)
    childutils.pcomm.send(b"x", stream)
    raw = getattr(stream, "buffer", stream).getvalue()
    text = raw.decode() if isinstance(raw, bytes) else raw
    assert text == (
        "<!--XSUPERVISOR:BEGIN-->hé<!--XSUPERVISOR:END--><!--XSUPERVISOR:BEGIN-->x<!--XSUPERVISOR:END-->"
    )


def test_messages_by_the_standard_streams(capsys: pytest.CaptureFixture[str]) -> None:
    childutils.pcomm.stdout("a")
    childutils.pcomm.stderr("b")
    out, err = capsys.readouterr()
    assert ">a<" in out and ">b<" in err


def test_headers_and_payloads() -> None:
    assert childutils.get_headers("a:1 b:two\n") == {"a": "1", "b": "two"}
    for wrong in ("a", "a:b:c"):
        with pytest.raises(ValueError):
            childutils.get_headers(wrong)
    assert childutils.eventdata("a:1 b:2\nrest\nmore") == ({"a": "1", "b": "2"}, "rest\nmore")
    assert childutils.eventdata("a:1\n") == ({"a": "1"}, "")
    with pytest.raises(ValueError):
        childutils.eventdata("a:1")


def test_time() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}", childutils.get_asctime())
    assert childutils.get_asctime(0.25).endswith(",250")


def test_rpc_needs_a_url() -> None:
    with pytest.raises(KeyError) as caught:
        childutils.getRPCInterface({})
    assert caught.value.args[0] == "SUPERVISOR_SERVER_URL"
    transport = childutils.getRPCTransport({"SUPERVISOR_SERVER_URL": "unix:///x", "SUPERVISOR_USERNAME": "u"})
    assert (transport.username, transport.password, transport.serverurl) == ("u", "", "unix:///x")


def test_the_default_handler() -> None:
    default_handler(None, b"OK")
    for other in (b"FAIL", b"ok", b"OK ", b""):
        with pytest.raises(RejectEvent):
            default_handler(None, other)


# --- commands ----------------------------------------------------------------------------------------


def run(module: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *words], check=False, capture_output=True, text=True, timeout=60
    )


def test_the_sample_configuration_is_printed() -> None:
    assert run("supervisor.sampleconf").stdout == sample_config()


def test_pidproxy_without_arguments_says_how_to_use_it() -> None:
    done = run("supervisor.pidproxy", "x")
    assert (done.returncode, done.stdout) == (1, "usage: pidproxy PIDFILE COMMAND [ARGUMENT...]\n")


def test_pidproxy_ends_with_its_command() -> None:
    assert run("supervisor.pidproxy", "/nowhere", "sh", "-c", "exit 3").returncode == 3


def test_pidproxy_hands_signals_on(tmp_path: Path) -> None:
    pidfile, heard = tmp_path / "pid", tmp_path / "heard"
    script = f"trap 'echo hup >> {heard}' HUP; trap 'echo term >> {heard}; exit' TERM; echo $$ > {pidfile}.new; " \
             f"mv {pidfile}.new {pidfile}; while :; do sleep 0.05; done"  # fmt: skip
    proxy = subprocess.Popen(
        [sys.executable, "-m", "supervisor.pidproxy", str(pidfile), "/bin/sh", "-c", script]
    )
    try:
        until(pidfile.exists, "the pidfile")
        proxy.send_signal(signal.SIGHUP)
        until(lambda: heard.exists() and heard.read_text() == "hup\n", "HUP to arrive")
        proxy.send_signal(signal.SIGTERM)
        assert proxy.wait(30) == 0
        until(lambda: heard.read_text() == "hup\nterm\n", "TERM to arrive")
    finally:
        proxy.kill()
        proxy.wait()


def test_pidproxy_without_a_pidfile_says_so_and_goes_on(tmp_path: Path) -> None:
    started = tmp_path / "started"
    proxy = subprocess.Popen(
        [sys.executable, "-m", "supervisor.pidproxy", str(tmp_path / "no"), "/bin/sh", "-c",
         f"touch {started}; read x; exit 4"],
        stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    until(started.exists, "the command to start")
    proxy.send_signal(signal.SIGTERM)
    assert proxy.stderr is not None
    assert proxy.stderr.readline() == f"Can't read child pidfile {tmp_path}/no!\n"
    proxy.communicate("\n", timeout=30)
    assert proxy.returncode == 4


def info(
    name: str, group: str = "", state: int = ProcessStates.RUNNING, pid: int = 1, age: int = 100
) -> dict[str, Any]:
    return {
        "name": name,
        "group": group or name,
        "state": state,
        "pid": pid,
        "now": 1000,
        "start": 1000 - age,
    }


def test_memmon_finds_what_is_too_big() -> None:
    limits = Limits({"a": 10, "g:b": 20}, {"g": 30}, 40)
    watch = Watch(limits)
    used = {1: 25}
    processes = [info("a"), info("b", "g"), info("c", "g"), info("d"), info("a", state=ProcessStates.STOPPED)]
    assert watch.too_big(processes, lambda pid: used[pid]) == [("a:a", 25, 10), ("g:b", 25, 20)]
    used[1] = 35
    assert [name for name, _, _ in watch.too_big(processes, lambda pid: used[pid])] == ["a:a", "g:b", "g:c"]
    assert Watch(Limits()).too_big(processes, lambda pid: 1 << 40) == []


def test_memmon_waits_for_samples_in_a_row_and_for_the_grace() -> None:
    watch = Watch(Limits(anything=10), samples=3, grace_s=50)
    sizes = iter([20, 20, 5, 20, 20, 20])
    answers = [bool(watch.too_big([info("a")], lambda pid: next(sizes))) for _ in range(6)]
    assert answers == [False, False, False, False, False, True]
    assert watch.too_big([info("a", age=20)], lambda pid: 100) == []


def test_memmon_measures_trees() -> None:
    mine = tree_memory(os.getpid())
    assert mine > 1 << 20
    assert tree_memory(2**22 + 1) == 0


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((), "no limit is given"),
        (("-p", "x"), "not NAME=SIZE"),
        (("-a", "big"), "no size"),
        (("-a", "-1"), ""),
    ],
)
def test_memmon_s_wrong_command_lines(words: tuple[str, ...], text: str) -> None:
    done = run("supervisor.memmon", *words)
    assert done.returncode == 2 and text in done.stderr


def test_memmon_outside_of_supervisord() -> None:
    env = {key: value for key, value in os.environ.items() if key != "SUPERVISOR_SERVER_URL"}
    done = subprocess.run(
        [sys.executable, "-m", "supervisor.memmon", "-a", "1GB"], check=False, capture_output=True, text=True, env=env, timeout=60
    )  # fmt: skip
    assert done.returncode == 2 and "event listener" in done.stderr
