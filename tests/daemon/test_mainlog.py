"""The main log: format, levels, and what happens when it cannot be written."""

from __future__ import annotations

import os
import re
import select
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from supervisor.daemon.lines import KEPT_LINES
from supervisor.daemon.mainlog import LEVELS, TAGS, MainLog
from supervisor.daemon.syslogger import Syslogger


def test_lines(tmp_path: Path) -> None:
    log = MainLog(str(tmp_path / "log"), 0, 0, "blather", False)
    for level in LEVELS:
        log.log(level, f"a {level} message")
    log.info("two\nlines")
    log.warn("caf\udce9")
    log.close()
    lines = (tmp_path / "log").read_text().splitlines()
    for line, (level, number) in zip(lines, LEVELS.items(), strict=False):
        assert re.fullmatch(
            rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d,\d{{3}} {TAGS[number]} a {level} message", line
        )
    assert lines[len(LEVELS) : len(LEVELS) + 2] == [lines[len(LEVELS)], "lines"]
    assert lines[-1].endswith("WARN caf\\udce9")


@pytest.mark.parametrize("level", LEVELS)
def test_what_is_not_loud_enough_is_left_out(tmp_path: Path, level: str) -> None:
    log = MainLog(str(tmp_path / "log"), 0, 0, level, False)
    for name in LEVELS:
        log.log(name, name)
    log.close()
    written = (tmp_path / "log").read_text() if (tmp_path / "log").exists() else ""
    assert [line.split()[-1] for line in written.splitlines()] == [
        n for n, v in LEVELS.items() if v >= LEVELS[level]
    ]


def test_rotates(tmp_path: Path) -> None:
    log = MainLog(str(tmp_path / "log"), 200, 2, "info", False)
    for n in range(20):
        log.info(f"line {n}")
    log.close()
    assert {p.name for p in tmp_path.iterdir()} == {"log", "log.1", "log.2"}
    kept = "".join((tmp_path / name).read_text() for name in ("log.2", "log.1", "log"))
    numbers = [int(line.split()[-1]) for line in kept.splitlines()]
    assert numbers == list(range(numbers[0], 20))


def test_that_it_cannot_be_rotated_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "log.rotating").mkdir()
    log = MainLog(str(tmp_path / "log"), 200, 2, "info", False)
    for n in range(20):
        log.info(f"line {n}")
    (tmp_path / "log.rotating").rmdir()
    log.close()
    text = (tmp_path / "log").read_text()
    assert text.count("line ") == 20
    assert text.count(f" WARN cannot rotate {tmp_path}/log: File exists\n") == 1


def test_also_on_stdout(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = MainLog(str(tmp_path / "log"), 0, 0, "info", True)
    log.info("both")
    log.quiet()
    log.info("file alone")
    log.close()
    out = capfd.readouterr().out
    assert "both" in out and "file alone" not in out


def test_reopen_after_a_rename(tmp_path: Path) -> None:
    log = MainLog(str(tmp_path / "log"), 0, 0, "info", False)
    log.info("old")
    (tmp_path / "log").rename(tmp_path / "log.old")
    log.reopen()
    log.info("new")
    log.close()
    assert (tmp_path / "log").read_text().endswith("new\n")
    assert (tmp_path / "log.old").read_text().endswith("old\n")


def test_lines_wait_while_it_cannot_be_written_and_what_is_lost_is_counted(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    log = MainLog(str(folder / "log"), 0, 0, "info", False)
    log.info("before")
    # the file is gone, and there is no place to make it anew
    folder.rename(tmp_path / "away")
    (tmp_path / "away" / "log").unlink()
    for n in range(KEPT_LINES + 5):
        log.info(f"waiting {n}")
    folder.mkdir()
    log.info("after")
    log.close()
    lines = (folder / "log").read_text().splitlines()
    assert lines[0].endswith("waiting 5")
    assert lines[-2].endswith("after")
    assert lines[-1].endswith("WARN 5 lines of this log could not be written and are lost")


def test_begins_without_a_place_to_write(tmp_path: Path) -> None:
    """A daemon that is started again finds the log's folder gone: it serves all the same."""
    log = MainLog(str(tmp_path / "none" / "log"), 0, 0, "info", False)
    log.info("waits")
    (tmp_path / "none").mkdir()
    log.info("comes")
    log.close()
    assert [line.split()[-1] for line in (tmp_path / "none" / "log").read_text().splitlines()] == [
        "waits",
        "comes",
    ]


def test_to_a_fifo(tmp_path: Path) -> None:
    """Written, not rotated; its reader sees no end before ours."""
    os.mkfifo(tmp_path / "fifo")
    read = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    log = MainLog(str(tmp_path / "fifo"), 100, 1, "info", False)
    poll = select.poll()
    poll.register(read, select.POLLIN)
    assert poll.poll(0) == []  # neither lines nor a writer that came and went
    log.info("x" * 200)
    log.reopen()
    log.info("end")
    log.close()
    os.set_blocking(read, True)
    with open(read, "rb") as file:
        data = file.read()
    assert b"x" * 200 in data and data.endswith(b"end\n")


def test_to_a_fifo_that_nobody_reads(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    log = MainLog(str(tmp_path / "fifo"), 0, 0, "info", False)
    again: list[Callable[[], None]] = []
    log.later = lambda seconds, call: again.append(call)
    for n in range(2 * KEPT_LINES):
        log.info(f"{n} " + "x" * 200)
    assert len(again) == 1
    read = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(read, True)
    data = b""
    while b"lines of this log could not be written and are lost" not in data:
        data += os.read(read, 1 << 20)
        for call in (again.pop() for _ in tuple(again)):
            call()
    lines = data.split(b"\n")
    assert b" INFO 0 " in lines[0] and any(b" INFO %d " % (2 * KEPT_LINES - 1) in line for line in lines)
    os.close(read)
    log.close()


@pytest.mark.parametrize("kind", ["pipe", "terminal"])
def test_output_that_nobody_takes(tmp_path: Path, kind: str) -> None:
    """A full pipe, a terminal stopped with Ctrl-S: the log goes on, the output later."""
    read, write = os.pipe() if kind == "pipe" else os.openpty()
    kept = os.dup(1)
    os.dup2(write, 1)
    try:
        log = MainLog(str(tmp_path / "log"), 0, 0, "info", True)
    finally:
        os.dup2(kept, 1)
        os.close(kept)
    again: list[Callable[[], None]] = []
    log.later = lambda seconds, call: again.append(call)
    for n in range(900):
        log.info(f"{n} " + "x" * 200)
    assert len((tmp_path / "log").read_text().splitlines()) == 900
    assert os.get_blocking(write)  # it is not ours alone
    data = b""
    while b" INFO 899 " not in data:
        data += os.read(read, 1 << 16)
        for call in (again.pop() for _ in tuple(again)):
            call()
    assert data.count(b" INFO ") == 900
    log.close()
    os.close(read)
    os.close(write)


def test_the_log_of_the_system_is_never_waited_for(tmp_path: Path) -> None:
    path = str(tmp_path / "log")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(path)
        server.settimeout(5)
        log = MainLog("syslog", 0, 0, "info", False, Syslogger(path))
        log.error("two\nlines\x1b")
        got = [server.recv(1000) for _ in range(2)]
        for number in range(KEPT_LINES + 2000):  # far more than the socket takes
            log.info(f"line {number}")
    assert [line.partition(b" supervisord: ")[2] for line in got] == [b"two", b"lines?"]
    assert all(line.startswith(b"<14>") for line in got)
    log.info("nobody is there any more")
    log.close()
