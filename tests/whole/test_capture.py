"""Capture, strip_ansi, PROCESS_LOG events and syslog of programs under a real supervisord."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from tests.conftest import Supervise
from tests.support.supervisor import Supervisor
from tests.support.waiting import until
from tests.whole.test_listeners import Record, pool

BEGIN, END = "<!--XSUPERVISOR:BEGIN-->", "<!--XSUPERVISOR:END-->"


def program(folder: Path, code: str, options: str = "") -> str:
    """A section for a program of Python code; ``say`` writes at once."""
    script = folder / "program.py"
    script.write_text(
        "import os, sys, time\ndef say(text, fd=1):\n    os.write(fd, text.encode())\n"
        f"BEGIN, END = {BEGIN!r}, {END!r}\n" + code
    )
    return f"\n[program:p]\ncommand={sys.executable} {script}\nautorestart=false\nstartsecs=0\n{options}\n"


def log(folder: Path, name: str = "log") -> str:
    path = folder / name
    return path.read_text() if path.exists() else ""


def wait_log(folder: Path, text: str, name: str = "log") -> None:
    until(lambda: log(folder, name) == text, f"{name} to be {text!r}")


def about(payload: str, supervisor: Supervisor) -> tuple[str, str]:
    """(first line without pid, rest) of a payload."""
    head, _, rest = payload.partition("\n")
    words = [word for word in head.split() if not word.startswith("pid:")]
    (pid,) = [word[4:] for word in head.split() if word.startswith("pid:")]
    assert int(pid) > 1
    return " ".join(words), rest


def test_messages_split_over_writes_on_both_channels(supervise: Supervise, tmp_path: Path) -> None:
    record = Record(tmp_path / "events")
    code = """
for text in ("before ", BEGIN[:5], BEGIN[5:] + "one", " more" + END[:9], END[9:] + BEGIN + "two" + END, "after\\n"):
    say(text)
    time.sleep(0.03)
say(BEGIN + "err" + END + "e\\n", 2)
say("last" + BEGIN[:10])
"""
    options = "stdout_capture_maxbytes=1KB\nstderr_capture_maxbytes=1KB\nstdout_logfile=%(here)s/log\nstderr_logfile=%(here)s/err"
    supervisor = supervise(
        pool(record.path, events="PROCESS_COMMUNICATION", options="startsecs=0")
        + program(tmp_path, code, options)
    )
    record.wait("PROCESS_COMMUNICATION_STDERR")
    supervisor.wait_state("p", "EXITED")
    wait_log(tmp_path, f"before after\nlast{BEGIN[:10]}")
    wait_log(tmp_path, "e\n", "err")
    record.wait("PROCESS_COMMUNICATION_STDOUT", count=2)
    assert [about(p, supervisor) for p in record.named("PROCESS_COMMUNICATION_STDOUT")] == [
        ("processname:p groupname:p", "one more"),
        ("processname:p groupname:p", "two"),
    ]
    assert [about(p, supervisor) for p in record.named("PROCESS_COMMUNICATION_STDERR")] == [
        ("processname:p groupname:p", "err")
    ]


def test_a_message_just_before_the_end_is_not_lost(supervise: Supervise, tmp_path: Path) -> None:
    record = Record(tmp_path / "events")
    code = "say('x' * 100_000 + BEGIN + 'bye' + END)\n"
    supervise(
        pool(record.path, events="PROCESS_COMMUNICATION", options="startsecs=0")
        + program(tmp_path, code, "stdout_capture_maxbytes=10\nstdout_logfile=%(here)s/log")
    )
    record.wait("PROCESS_COMMUNICATION_STDOUT")
    wait_log(tmp_path, "x" * 100_000)


def test_a_capture_keeps_its_end_and_one_without_end_is_nothing(supervise: Supervise, tmp_path: Path) -> None:
    record = Record(tmp_path / "events")
    code = "say(BEGIN + '123456789' + END + 'a' + BEGIN + 'never')\n"
    supervisor = supervise(
        pool(record.path, events="PROCESS_COMMUNICATION", options="startsecs=0")
        + program(tmp_path, code, "stdout_capture_maxbytes=4\nstdout_logfile=%(here)s/log")
    )
    supervisor.wait_state("p", "EXITED")
    wait_log(tmp_path, "a")
    assert record.wait("PROCESS_COMMUNICATION_STDOUT")[0].endswith("\n6789")
    supervisor.rpc.supervisor.startProcess("p")
    record.wait("PROCESS_COMMUNICATION_STDOUT", count=2)
    wait_log(tmp_path, "aa")


def test_escapes_are_stripped_everywhere(supervise: Supervise, tmp_path: Path) -> None:
    record = Record(tmp_path / "events")
    code = "for c in 'a\\x1b[1;31mred\\x1b[0m\\x1b]0;t\\x07 end\\n':\n    say(c)\n"
    supervisor = supervise(
        pool(record.path, events="PROCESS_LOG", options="startsecs=0")
        + program(tmp_path, code, "stdout_logfile=%(here)s/log\nstdout_events_enabled=true"),
        settings="strip_ansi=true",
    )
    wait_log(tmp_path, "ared end\n")

    def told() -> str:
        return "".join(about(payload, supervisor)[1] for payload in record.named("PROCESS_LOG_STDOUT"))

    until(lambda: told() == "ared end\n", "the events")
    assert supervisor.rpc.supervisor.readProcessStdoutLog("p", 0, 0) == "ared end\n"


@pytest.mark.parametrize("logfile", ["%(here)s/log", "NONE", "AUTO"])
def test_log_events(supervise: Supervise, tmp_path: Path, logfile: str) -> None:
    record = Record(tmp_path / "events")
    code = "say('öut\\n')\nsay('err\\n', 2)\nsay('x' * 300_000)\n"
    options = f"stdout_events_enabled=true\nstderr_events_enabled=true\nstdout_logfile={logfile}\nstderr_logfile={logfile}2"
    if logfile in ("NONE", "AUTO"):
        options = options.replace("2", "")
    supervisor = supervise(
        pool(record.path, events="PROCESS_LOG", options="startsecs=0") + program(tmp_path, code, options)
    )

    def told(channel: str) -> str:
        found = [about(p, supervisor) for p in record.named(f"PROCESS_LOG_{channel.upper()}")]
        assert all(head == f"processname:p groupname:p channel:{channel}" for head, _ in found)
        return "".join(rest for _, rest in found)

    until(lambda: told("stdout") == "öut\n" + "x" * 300_000, "all of stdout")
    until(lambda: told("stderr") == "err\n", "all of stderr")


def test_captured_text_is_also_a_log_event_and_comes_first(supervise: Supervise, tmp_path: Path) -> None:
    record = Record(tmp_path / "events")
    code = "say('a' + BEGIN + 'm' + END + 'b')\n"
    supervise(
        pool(record.path, events="PROCESS_LOG,PROCESS_COMMUNICATION", options="startsecs=0")
        + program(tmp_path, code, "stdout_capture_maxbytes=9\nstdout_events_enabled=true")
    )
    record.wait("PROCESS_LOG_STDOUT", count=3)
    kinds = [(e["eventname"][8:11], e["payload"].partition("\n")[2]) for e in record.events()]
    assert kinds == [("LOG", "a"), ("LOG", "m"), ("COM", "m"), ("LOG", "b")]


def test_without_a_listener_output_is_transformed_all_the_same(supervise: Supervise, tmp_path: Path) -> None:
    code = "say('a' + BEGIN + 'm' + END + 'b')\n"
    options = "stdout_capture_maxbytes=9\nstdout_syslog=true\nstdout_logfile=%(here)s/log"
    supervisor = supervise(program(tmp_path, code, options))
    wait_log(tmp_path, "ab")
    supervisor.wait_state("p", "EXITED")


def test_a_transformed_log_loses_and_doubles_nothing_over_deaths_of_the_daemon(
    supervise: Supervise, tmp_path: Path
) -> None:
    record = Record(tmp_path / "events")
    code = """
for i in range(3000):
    say(f"\\x1b[3{i % 8}mline {i}\\x1b[0m\\n")
    if i % 100 == 0:
        say(BEGIN + f"message {i}")
        time.sleep(0.02)
        say(END)
time.sleep(1000)
"""
    supervisor = supervise(
        pool(record.path, events="PROCESS_COMMUNICATION", options="startsecs=0")
        + program(tmp_path, code, "stdout_capture_maxbytes=1KB\nstdout_logfile=%(here)s/log"),
        settings="strip_ansi=true",
    )
    wanted = "".join(f"line {i}\n" for i in range(3000))
    end = time.monotonic() + 60
    while log(tmp_path) != wanted and time.monotonic() < end:
        supervisor.kill_daemon()
        supervisor.wait_ready()
    wait_log(tmp_path, wanted)
    record.wait("PROCESS_COMMUNICATION_STDOUT", "message 2900")
    told = [payload.partition("\n")[2] for payload in record.named("PROCESS_COMMUNICATION_STDOUT")]
    assert list(dict.fromkeys(told)) == [f"message {i}" for i in range(0, 3000, 100)]


def test_log_events_over_deaths_of_the_daemon(supervise: Supervise, tmp_path: Path) -> None:
    record = Record(tmp_path / "events")
    code = "for i in range(60):\n    say(f'line {i}\\n')\n    time.sleep(0.03)\ntime.sleep(1000)\n"
    supervisor = supervise(
        pool(record.path, events="PROCESS_LOG", options="startsecs=0")
        + program(tmp_path, code, "stdout_events_enabled=true\nstdout_logfile=%(here)s/log")
    )
    for _ in range(3):
        supervisor.kill_daemon()
        supervisor.wait_ready()
    record.wait("PROCESS_LOG_STDOUT", "line 59\n")
    lines = "".join(payload.partition("\n")[2] for payload in record.named("PROCESS_LOG_STDOUT")).splitlines()
    assert list(dict.fromkeys(lines)) == [f"line {i}" for i in range(60)]
