"""What /proc tells of real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from supervisor.daemon import descendants
from tests.support.waiting import until

THREADED = """
import subprocess, threading
def start():
    child = subprocess.Popen(["sleep", "1000"])
    child.wait()
threading.Thread(target=start).start()
"""


@contextmanager
def group(*command: str) -> Iterator[int]:
    """The pid of a process that leads a group; all of it is ended."""
    process = subprocess.Popen(command, start_new_session=True)
    try:
        yield process.pid
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def names_below(pid: int) -> list[str]:
    return [seen.name for seen in descendants.tree([pid])[1:]]


def test_children_of_one_thread() -> None:
    with group("sh", "-c", "sleep 1000 & sleep 1000 & wait") as pid:
        until(lambda: names_below(pid) == ["sleep", "sleep"], "both to be there")
        assert {seen.parent for seen in descendants.tree([pid])[1:]} == {pid}


def test_children_of_another_thread() -> None:
    with group(sys.executable, "-c", THREADED) as pid:
        until(lambda: names_below(pid) == ["sleep"], "the thread's child to be there")


def test_nobody_has_no_children() -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    assert descendants.children(process.pid) == [] and descendants.look_at(process.pid) is None
