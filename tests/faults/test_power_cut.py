"""The disk as a power cut at any moment would leave it: the next supervisord starts, and goes on with what is there."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from supervisor.daemon.keeper.roster import boot_id, line_of
from tests.conftest import Supervise
from tests.faults.conftest import MANY, Faults
from tests.support.load import Writers, log_set, whole_log
from tests.support.supervisor import Supervisor, shell
from tests.support.waiting import until

CUTS = 5 * MANY


@contextmanager
def standing_still(supervisor: Supervisor) -> Iterator[None]:
    """Whoever writes the files: nothing changes while they are copied."""
    pids = supervisor.keeper_pid, supervisor.daemon_pid()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def after_a_boot(roster: Path) -> None:
    """As if what is in it had run before the system was started."""
    head, rest = roster.read_bytes().split(b"\n", 1)
    assert boot_id().encode() in head
    roster.write_bytes(line_of({"boot": "another", "keeper": 2}) + rest)
    roster.chmod(0o600)


def lines_of(name: str, log: Path) -> int:
    """How many lines of a writer there are, each once and whole but for the last, before the word of the next program."""
    until(lambda: whole_log(log).endswith(b"after\n"), "the next line")
    data = whole_log(log)
    *lines, last = data[: -len(b"after\n")].split(b"\n")
    expected = [f"{name} {n:09d} {'.' * (n % 70)}".encode() for n in range(len(lines) + 1)]
    assert lines == expected[:-1]
    assert expected[-1].startswith(last)
    return len(lines)


@pytest.mark.timeout(120 * MANY)
def test_a_start_from_what_is_there(supervise: Supervise, tmp_path: Path, faults: Faults) -> None:
    first = tmp_path / "first"
    first.mkdir()
    writers = Writers(first, 2, maxbytes=9_000, burst_bytes=4_000, pause_s=0.005)
    config = writers.config()
    transformed = config.replace("[program:w1]", "[program:w1]\nstdout_capture_maxbytes=1000")
    supervisor = supervise(transformed, folder=first)
    until(lambda: all(len(log_set(writers.log(n))) > 5 for n in range(2)), "a few rotations")
    dice = random.Random(7)
    for cut in range(CUTS):
        time.sleep(dice.uniform(0.0, 0.1))
        copy = tmp_path / f"copy{cut}"
        with standing_still(supervisor):
            shutil.copytree(first, copy, ignore=shutil.ignore_patterns("s", "s.stream", "conf"))
        after_a_boot(copy / "pid.programs")
        (copy / "main.log").unlink()
        second = supervise(
            "".join(
                f"[program:w{n}]\ncommand={shell('echo after; exec sleep 1000')}\nstartsecs=0\n"
                f"stdout_logfile={copy}/w{n}.log\nstdout_logfile_maxbytes=9000\nstdout_logfile_backups=999\n"
                for n in range(2)
            ),
            folder=copy,
        )
        for n in range(2):
            second.wait_state(f"w{n}", "RUNNING")
            faults.checked(lines_of(f"w{n}", copy / f"w{n}.log"))
        assert not list(copy.glob("*.rotating")) and "runs since before" not in second.log()
        second.finish()
        shutil.rmtree(copy)
    faults.checked(writers.check(supervisor))
    faults.injected("a power cut under load (the files as they are, after another boot)", CUTS)
