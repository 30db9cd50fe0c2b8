"""How processes of others ended: while their corpses lie there, and when they are gone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervisor.daemon.keeper.orphan import UNKNOWN_STATUS, exit_status
from tests.support.waiting import until

PARENT = """
import os, signal, sys
pid = os.fork()
if not pid:
    sys.stdin.read(1)
    {end}
print(pid, flush=True)
signal.sigwait({{signal.SIGTERM}})
os.waitpid(pid, 0)
print("reaped", flush=True)
signal.sigwait({{signal.SIGTERM}})
"""
"""Its child ends when its stdin says so; it looks at it only when it is told to, and says that it has."""


class Orphan:
    """``end``: what the last line of it does."""

    def __init__(self, end: str) -> None:
        lead = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n"
        argv = [sys.executable, "-S", "-E", "-c", lead + PARENT.format(end=end)]
        self.parent = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        assert self.parent.stdout is not None
        self.pid = int(self.parent.stdout.readline())
        self.pidfd = os.pidfd_open(self.pid)

    def ended(self) -> None:
        assert self.parent.stdin is not None
        self.parent.stdin.write(b"x")
        stat = Path(f"/proc/{self.pid}/stat")
        until(lambda: stat.read_bytes().rpartition(b")")[2].split()[0] == b"Z", "a corpse")

    def reaped(self) -> None:
        assert self.parent.stdout is not None
        self.parent.terminate()
        assert self.parent.stdout.readline() == b"reaped\n"

    def close(self) -> None:
        os.close(self.pidfd)
        self.parent.kill()
        self.parent.communicate()


@pytest.fixture(params=[("os._exit(7)", 7 << 8), ("os.kill(os.getpid(), 9)", 9), ("os._exit(0)", 0)])
def orphan(request: pytest.FixtureRequest) -> Iterator[tuple[Orphan, int]]:
    end, status = request.param
    made = Orphan(end)
    yield made, status
    made.close()


def test_while_nobody_has_reaped_it(orphan: tuple[Orphan, int]) -> None:
    """Some parents take their time, and some never do it. A 0 may also stand for what is not ours to look at."""
    made, status = orphan
    made.ended()
    assert exit_status(made.pidfd, made.pid) in ((status,) if status else (None, UNKNOWN_STATUS))


def test_once_it_is_reaped(orphan: tuple[Orphan, int]) -> None:
    made, status = orphan
    made.ended()
    made.reaped()
    assert exit_status(made.pidfd, made.pid) in (status, UNKNOWN_STATUS)  # before Linux 6.15 nobody can say


def test_of_a_number_that_is_another_process_by_now_nothing_is_believed(orphan: tuple[Orphan, int]) -> None:
    made, status = orphan
    other = Orphan("os._exit(9)")
    try:
        other.ended()
        made.ended()
        made.reaped()
        assert exit_status(made.pidfd, other.pid) in (status, UNKNOWN_STATUS)
    finally:
        other.close()
