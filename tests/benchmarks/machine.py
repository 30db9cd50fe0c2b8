"""What the system says of processes and of itself; must never know supervisors."""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")

PR_SET_CHILD_SUBREAPER = 36
PATIENCE_S = 60.0


class GaveUp(Exception):
    """Something that was waited for did not come."""


def until(condition: Callable[[], T], what: str, deadline_s: float = PATIENCE_S, pause_s: float = 0.002) -> T:
    """The first true value of ``condition``. Raises GaveUp."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise GaveUp(f"waited {deadline_s:g} s in vain for {what}")
        time.sleep(pause_s)


def _read(path: str) -> str:
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


def children(pid: int) -> list[int]:
    """Direct children of all its threads."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
    return [int(word) for thread in threads for word in _read(f"/proc/{pid}/task/{thread}/children").split()]


def command_line(pid: int) -> list[str]:
    return _read(f"/proc/{pid}/cmdline").split("\0")


def alive(pid: int) -> bool:
    """Whether it exists and is no zombie."""
    state = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return bool(state) and state[0] not in "ZX"


def cpu_s(pids: Iterable[int]) -> float:
    """User and system time used so far by all threads, in seconds; exact, not in clock ticks."""
    total = 0
    for pid in pids:
        try:
            threads = os.listdir(f"/proc/{pid}/task")
        except OSError:
            continue
        for thread in threads:
            total += int((_read(f"/proc/{pid}/task/{thread}/schedstat") or "0").split()[0])
    return total / 1e9


def wakeups(pids: Iterable[int]) -> int:
    """How often they went to sleep by themselves so far."""
    total = 0
    for pid in pids:
        for line in _read(f"/proc/{pid}/status").splitlines():
            if line.startswith("voluntary_ctxt_switches:"):
                total += int(line.split()[1])
    return total


def pss_bytes(pids: Iterable[int]) -> int:
    """Proportional set size."""
    total = 0
    for pid in pids:
        for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


def become_reaper() -> None:
    """Orphans of what we start become our children, so that none can get away."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "cannot become subreaper")


def raise_limits() -> int:
    """As many descriptors as we may have; how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def end_tree(root: int) -> None:
    """Kill a process that we started and everything below it, by pid; waits until all are reaped.

    Each is stopped before it is looked at, so that none starts another meanwhile.
    """
    found: list[int] = []
    queue = [root]
    while queue:
        pid = queue.pop()
        try:
            os.kill(pid, signal.SIGSTOP)
        except ProcessLookupError:
            continue
        found.append(pid)
        queue += children(pid)
    for pid in found:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it was the child of one that was just killed and reaped by another
    until(lambda: not any(alive(pid) for pid in found), "processes to die")
    reap(found)


def reap(pids: Iterable[int]) -> None:
    """Take the exit status of those that have become our children."""
    for pid in pids:
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            pass


def end_children() -> int:
    """Kill and reap whatever is still our child; how many were running."""
    count = 0
    while left := children(os.getpid()):
        for pid in left:
            count += alive(pid)
            os.kill(pid, signal.SIGKILL)  # not yet reaped, so the pid is still its own
            os.waitpid(pid, 0)
    return count


def description() -> str:
    """Cores, memory, kernel, Python; nothing that names the machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    model = next(
        (line.partition(": ")[2] for line in _read("/proc/cpuinfo").splitlines() if "model name" in line), ""
    )
    kernel = ".".join(platform.release().split("-")[0].split(".")[:2])
    cores = len(os.sched_getaffinity(0))
    return (
        f"{cores} cores{f' ({model})' if model else ''}, {memory:.0f} GiB, "
        f"{platform.system()} {kernel} {platform.machine()}, Python {platform.python_version()}"
    )
