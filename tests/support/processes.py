"""What the system knows of processes: by a mark in their environment, their descriptors, their parents."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections import Counter

MARK = "SUPERVISOR_TEST_MARK"
"""Every process that a test starts has this variable; who still has it at the end is a survivor."""


def marked(mark: str) -> list[int]:
    """Pids of the processes (no zombies) that carry a mark."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/environ", "rb") as file:
                if wanted in file.read().split(b"\0"):
                    found.append(int(name))
        except OSError:
            continue
    return found


def status(pid: int) -> dict[str, str]:
    """The lines of /proc/PID/status; empty when there is no such process."""
    try:
        with open(f"/proc/{pid}/status") as file:
            return {key: value.strip() for key, _, value in (line.partition(":") for line in file)}
    except OSError:
        return {}


def alive(pid: int) -> bool:
    """Whether it exists and is no zombie."""
    return status(pid).get("State", "Z")[0] not in "ZX"


def state(pid: int) -> str:
    """``R``, ``S``, ``T`` and so on; empty when it is gone."""
    return status(pid).get("State", "")[:1]


def children(pid: int) -> list[int]:
    """Direct children, in the order they were started."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def command_line(pid: int) -> list[str]:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().decode("utf-8", "replace").rstrip("\0").split("\0")
    except OSError:
        return []


def memory_kb(pid: int) -> int:
    """What of it is in memory."""
    return int(status(pid)["VmRSS"].split()[0])


def descriptors(pid: int) -> Counter[str]:
    """How many descriptors beyond 0, 1, 2 a process has, by kind: pipe, socket, tty, memfd, file, other."""
    kinds: Counter[str] = Counter()
    for name in os.listdir(f"/proc/{pid}/fd"):
        if int(name) <= 2:
            continue
        try:
            target = os.readlink(f"/proc/{pid}/fd/{name}")
        except OSError:
            continue
        if target.startswith(("pipe:", "socket:")):
            kinds[target.partition(":")[0]] += 1
        elif target.startswith(("/dev/ptmx", "/dev/pts")):
            kinds["tty"] += 1
        elif target.startswith("/memfd:"):
            kinds["memfd"] += 1
        elif target.startswith("/"):
            kinds["file"] += 1
        else:
            kinds["other"] += 1
    return kinds


def end(pids: list[int]) -> None:
    """SIGKILL, for processes that this test run started."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def dies_within(pid: int, seconds: float) -> bool:
    """Whether a process, which may live on, is gone before the time is over."""
    deadline = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.005)
    return not alive(pid)
