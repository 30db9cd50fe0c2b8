"""The daemon is killed at its Nth system call of a kind, for N = 1, 2, …, and nothing is lost or doubled.

strace attaches to the daemon that there is and kills it when it enters the call; the
next daemon is then the next N's. The load makes every kind of call happen: writers
whose logs rotate often, and a program that is started and stopped all the time.
"""

from __future__ import annotations

import contextlib
import threading
import time
import xmlrpc.client
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import Supervise
from tests.faults.conftest import Faults
from tests.support.load import Writers
from tests.support.processes import alive, dies_within
from tests.support.supervisor import Supervisor, child
from tests.support.tracing import injected, need_strace
from tests.support.waiting import until

ROUNDS = 12
UNHARMED_S = 4.0
HEARD_S = 1.0


@pytest.fixture(autouse=True)
def strace() -> None:
    need_strace()


class Restarter(threading.Thread):
    """Starts and stops one program as long as it lives; a daemon that is away is no reason to end.

    A stop waits, for a moment at most, until the program has said in ``events`` that it started: one that is
    ended before it can say anything shows nothing.
    """

    def __init__(self, supervisor: Supervisor, name: str, events: Path) -> None:
        super().__init__(daemon=True)
        self._supervisor = supervisor
        self._name = name
        self._events = events
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.02):
            said = self._starts()
            with contextlib.suppress(OSError, xmlrpc.client.Error):
                self._supervisor.rpc.supervisor.startProcess(self._name)
            end = time.monotonic() + HEARD_S
            while self._starts() == said and time.monotonic() < end and not self.over.wait(0.01):
                pass
            with contextlib.suppress(OSError, xmlrpc.client.Error):
                self._supervisor.rpc.supervisor.stopProcess(self._name)

    def _starts(self) -> int:
        return self._events.read_text().count("start") if self._events.exists() else 0


@pytest.mark.parametrize("call", ["splice", "pwrite64", "rename,renameat,renameat2", "truncate,ftruncate", "openat",
                                  "sendmsg", "recvmsg"])  # fmt: skip
def test_killed_at_each_call(supervise: Supervise, tmp_path: Path, faults: Faults, call: str) -> None:
    writers = Writers(tmp_path, 2, maxbytes=20_000, burst_bytes=4_000, pause_s=0.02)
    events = tmp_path / "events"
    supervisor = supervise(
        writers.config()
        + f"[program:r]\ncommand={child('graceful', events)}\nautostart=false\nautorestart=false\n"
        f"startsecs=0\nstopwaitsecs=20\n"
    )
    restarter = Restarter(supervisor, "r", events)
    restarter.start()
    deaths = 0
    for nth in range(1, ROUNDS + 1):
        supervisor.wait_ready()
        pid = supervisor.daemon_pid()
        with injected(pid, call, f"signal=SIGKILL:when={nth}"):
            dies_within(pid, UNHARMED_S)
        if not alive(pid):
            deaths += 1
        else:
            break  # so many calls of this kind are not made
    assert deaths, f"the load makes no call of {call}"
    supervisor.wait_ready()
    # where each death came before a start was done
    until(lambda: events.exists() and "start" in events.read_text(), "the program to start")
    restarter.over.set()
    restarter.join(60)
    assert not restarter.is_alive()
    faults.checked(writers.check(supervisor))
    with contextlib.suppress(xmlrpc.client.Fault):
        supervisor.rpc.supervisor.stopProcess("r")
    supervisor.wait_state("r", "STOPPED", "EXITED")
    faults.checked(check_events(events))
    faults.injected(f"daemon killed at its Nth {call.partition(',')[0]}", deaths)


def check_events(path: Path) -> int:
    """No two instances at once; every instance was told to end, none had to be killed. How many of them."""
    words = [line.split() for line in path.read_text().splitlines()]
    count = Counter(word for word, _ in words)
    assert count["start"], "no instance lived long enough to say anything"
    assert not count["double"], words
    started = [pid for word, pid in words if word == "start"]
    ended = [pid for word, pid in words if word == "end"]
    assert len(set(started)) == len(started)
    assert set(started) <= set(ended), f"killed without a word: {set(started) - set(ended)}"
    return len(started)
