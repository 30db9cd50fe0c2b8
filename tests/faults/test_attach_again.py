"""Attaching and leaving again and again leaves no process, descriptor or memory behind, in daemon, keeper or console."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.conftest import Supervise
from tests.faults.conftest import MANY
from tests.support.processes import children, descriptors, memory_kb
from tests.support.supervisor import Supervisor, child
from tests.support.waiting import until
from tests.whole.ctl_terminal import user
from tests.whole.test_attach_console import console

CYCLES = 25 * MANY
WARM = 8
DAEMON_KB = 1500


def as_before(pid: int, had: Counter[str]) -> bool:
    return descriptors(pid) <= had


def nothing_is_left(
    supervisor: Supervisor, typed: Path, cycle: Callable[[], None], each: bytes = b"x"
) -> None:
    """Each ``cycle`` types ``each``."""
    pids = supervisor.daemon_pid(), supervisor.pidfile_pid()
    for _ in range(WARM):
        cycle()
    until(lambda: typed.read_bytes() == each * WARM, "the first keys to arrive")
    before = [descriptors(pid) for pid in pids]
    memory = [memory_kb(pid) for pid in pids]
    processes = [children(pid) for pid in pids]
    for _ in range(CYCLES):
        cycle()
    until(lambda: typed.read_bytes() == each * (WARM + CYCLES), "every key to arrive, once")
    # the count before may hold a connection that the daemon was still to close
    for pid, had in zip(pids, before, strict=True):
        until(partial(as_before, pid, had), f"the descriptors of {pid} to be as before")
    assert [children(pid) for pid in pids] == processes
    assert all(memory_kb(pid) - had < DAEMON_KB for pid, had in zip(pids, memory, strict=True))


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
def test_fg(supervise: Supervise, tmp_path: Path, terminal: bool) -> None:
    typed = tmp_path / "typed"
    supervisor = supervise(f"[program:t]\ncommand={child('keys', typed)}\ntty={terminal}\nstartsecs=0\n")
    until(typed.exists, "the program to run")

    def cycle() -> None:
        with user("-s", f"unix://{tmp_path}/s", "attach" if terminal else "fg", "t") as me:
            me.sees(b"Attached to t")
            until(lambda: me.terminal_is_raw, "the keys to be the program's")
            me.type(b"x\x1dq" if terminal else b"x\r\x1d")
            assert me.leaves() == 0
            assert me.terminal_is_as_found

    nothing_is_left(supervisor, typed, cycle, b"x" if terminal else b"x\n")


def test_the_console(supervise: Supervise, tmp_path: Path) -> None:
    typed = tmp_path / "typed"
    supervisor = supervise(f"[program:t]\ncommand={child('keys', typed)}\ntty=true\nstartsecs=0\n")
    until(typed.exists, "the program to run")
    with console(tmp_path) as app:
        app.see("RUNNING")

        def cycle() -> None:
            app.keys("a")
            app.see("ATTACHED", "(owner)")
            app.keys("x", "prefix", "d")
            app.see("detached from t", "NAME")

        for _ in range(WARM):
            cycle()
        until(lambda: typed.read_bytes() == b"x" * WARM, "all that was typed so far")
        typed.write_bytes(b"")
        before, memory = descriptors(app.pid), memory_kb(app.pid)
        nothing_is_left(supervisor, typed, cycle)
        assert descriptors(app.pid) <= before
        assert memory_kb(app.pid) - memory < 4000
        assert children(app.pid) == []
