"""The daemon is killed at its Nth system call while somebody types: every key reaches the program once.

Killed on entering a call means: after all that came before it, so the calls around the
delivery of a key cut it at each place where a key could be lost or arrive twice.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.conftest import Supervise
from tests.faults.conftest import MANY, Faults, only_many
from tests.faults.test_keeper_killed import kill_keeper
from tests.support.processes import alive, dies_within
from tests.support.supervisor import Supervisor, child
from tests.support.tracing import injected, need_strace
from tests.support.waiting import until
from tests.whole.ctl_terminal import User, user

ROUNDS = 8
UNHARMED_S = 4.0


@pytest.fixture(autouse=True)
def strace() -> None:
    need_strace()


class Typist(threading.Thread):
    """Types numbered lines at ``me``, and reads what comes, until it is ``over``; ``typed`` is all of it."""

    def __init__(self, me: User) -> None:
        super().__init__(daemon=True)
        self._me = me
        self.typed = b""
        self.over = threading.Event()

    def run(self) -> None:
        number = 0
        while not self.over.wait(0.004):
            line = b"%d\n" % number
            self._me.type(line)
            self.typed += line
            number += 1
            while select.select([self._me.master], [], [], 0)[0]:
                os.read(self._me.master, 65536)


def killed_while_typing(supervisor: Supervisor, call: str, nth: int) -> bool:
    """Whether so many calls were made, so that the daemon died."""
    supervisor.wait_ready()
    pid = supervisor.daemon_pid()
    with injected(pid, call, f"signal=SIGKILL:when={nth}"):
        dies_within(pid, UNHARMED_S)
    return not alive(pid)


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
@pytest.mark.parametrize(
    "call",
    [
        "sendfile",
        "pwritev,pwritev2",
        "recvfrom",
        *(pytest.param(call, marks=only_many) for call in ("lseek", "sendto", "epoll_wait")),
    ],
)
def test_killed_at_each_call(
    supervise: Supervise, tmp_path: Path, faults: Faults, call: str, terminal: bool
) -> None:
    typed = tmp_path / "typed"
    supervisor = supervise(
        f"[program:t]\ncommand={child('keys', typed)}\ntty={terminal}\nstartsecs=0\nstopsignal=KILL\n"
    )
    until(typed.exists, "the program to run")
    with user("-s", f"unix://{tmp_path}/s", "attach", "t") as me:
        me.sees(b"Attached to t")
        if terminal:
            until(lambda: me.terminal_is_raw, "the keys to be the program's")
        typist = Typist(me)
        typist.start()
        deaths = sum(killed_while_typing(supervisor, call, nth) for nth in range(1, ROUNDS * MANY + 1))
        typist.over.set()
        typist.join()
        assert deaths, f"typing makes no call of {call}"
        until(lambda: len(typed.read_bytes()) >= len(typist.typed), "every key to arrive")
        assert typed.read_bytes() == typist.typed
        faults.injected(f"daemon killed at its Nth {call.partition(',')[0]} while somebody types", deaths)


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
def test_killed_within_a_file_of_a_megabyte(
    supervise: Supervise, tmp_path: Path, faults: Faults, terminal: bool
) -> None:
    typed, file = tmp_path / "typed", tmp_path / "file"
    text = b"".join(b"%07d\n" % number for number in range(125_000))
    file.write_bytes(text)
    supervisor = supervise(
        f"[program:t]\ncommand={child('keys', typed)}\ntty={terminal}\nstartsecs=0\nstopsignal=KILL\n"
    )
    until(typed.exists, "the program to run")
    command = [sys.executable, "-m", "supervisor.supervisorctl", "-s", f"unix://{tmp_path}/s", "attach", "t"]
    pid = supervisor.daemon_pid()
    with file.open("rb") as stdin, injected(pid, "sendfile", "signal=SIGKILL:when=4"):
        ctl = subprocess.Popen(command, stdin=stdin, stdout=subprocess.DEVNULL)
        until(lambda: not alive(pid), "the daemon to be killed on its way")
    for call, nth in (("sendfile", 9), ("pwritev,pwritev2", 5), ("ftruncate", 1)):
        killed_while_typing(supervisor, call, nth)
    assert ctl.wait(60) == 0
    until(lambda: typed.stat().st_size >= len(text), "all of the file to arrive")
    assert typed.read_bytes() == text
    faults.injected("daemon killed while a file is typed")


def test_the_keeper_is_killed_while_somebody_types(
    supervise: Supervise, tmp_path: Path, faults: Faults
) -> None:
    typed = tmp_path / "typed"
    supervisor = supervise(
        f"[program:t]\ncommand={child('keys', typed)}\ntty=true\nstartsecs=0\nstopsignal=KILL\n"
    )
    until(typed.exists, "the program to run")
    with user("-s", f"unix://{tmp_path}/s", "attach", "t") as me:
        me.sees(b"Attached to t")
        until(lambda: me.terminal_is_raw, "the keys to be the program's")
        typist = Typist(me)
        typist.start()
        for _ in range(3):
            kill_keeper(supervisor)
        typist.over.set()
        typist.join()
        until(lambda: len(typed.read_bytes()) >= len(typist.typed), "every key to arrive")
        assert typed.read_bytes() == typist.typed
        faults.injected("keeper killed while somebody types", 3)
