"""The main log: format, levels, and what happens when it cannot be written."""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path

import pytest

from supervisor.daemon.mainlog import KEPT_LINES, LEVELS, TAGS, MainLog


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


def test_to_a_pipe(tmp_path: Path) -> None:
    """/dev/stdout and the like: written, not rotated."""
    os.mkfifo(tmp_path / "fifo")
    read: list[bytes] = []

    def reader() -> None:
        with open(tmp_path / "fifo", "rb") as file:
            read.append(file.read())

    thread = threading.Thread(target=reader)
    thread.start()
    log = MainLog(str(tmp_path / "fifo"), 100, 1, "info", False)
    log.info("x" * 200)
    log.reopen()
    log.info("end")
    log.close()
    thread.join(10)
    assert b"x" * 200 in read[0] and read[0].endswith(b"end\n")
