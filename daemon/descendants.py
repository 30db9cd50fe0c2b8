"""What /proc tells of processes and of those that they started; must never know programs, or why somebody asks.

Where there is no /proc nothing is found. A process is known by its pid and the tick at
which it began, so that a number which the system has given to another one is nobody's.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

FOUND_MAX: Final = 10_000
NAMED_MAX: Final = 5
READ_BYTES: Final = 1 << 14
ONE_THREAD_LINKS: Final = 3
"""Of ``/proc/PID/task`` where there is one thread: what a folder with one folder in it has."""


class Seen(NamedTuple):
    """A process that was there: ``name`` is what the kernel calls it, without what acts on a terminal."""

    pid: int
    ticks: int
    parent: int
    group: int
    name: str

    def __str__(self) -> str:
        return f"{self.pid} ({self.name})"


def named(found: Sequence[Seen]) -> str:
    """The first of them, for people."""
    more = f" and {len(found) - NAMED_MAX} more" if len(found) > NAMED_MAX else ""
    return ", ".join(map(str, found[:NAMED_MAX])) + more


def look_at(pid: int) -> Seen | None:
    """One process; None: there is none, or only its corpse."""
    try:
        head, _, tail = _read(f"/proc/{pid}/stat").rpartition(b")")
    except OSError:
        return None
    words = tail.split()
    if len(words) < 20 or words[0] in (b"Z", b"X"):
        return None
    name = head.partition(b"(")[2].decode("utf-8", "replace")
    shown = "".join(c if c.isprintable() else "?" for c in name)
    return Seen(pid, int(words[19]), int(words[1]), int(words[2]), shown)


def is_there(seen: Seen) -> bool:
    """Whether it has not ended."""
    now = look_at(seen.pid)
    return now is not None and now.ticks == seen.ticks


def children(pid: int) -> list[int]:
    """The children of all threads of a process."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        folder = f"/proc/{pid}/task"
        alone = os.stat(folder).st_nlink == ONE_THREAD_LINKS
        for thread in (pid,) if alone else os.listdir(folder):
            with contextlib.suppress(OSError):
                found += map(int, _read(f"{folder}/{thread}/children").split())
    return found


def _read(path: str) -> bytes:
    """A file of /proc, all of it. Raises OSError. Without the file object, which takes longer than the reading."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = [os.read(fd, READ_BYTES)]
        while parts[-1]:
            parts.append(os.read(fd, READ_BYTES))
    finally:
        os.close(fd)
    return b"".join(parts)


def tree(pids: Collection[int]) -> list[Seen]:
    """The processes ``pids`` and all below them, those above first; at most FOUND_MAX."""
    found: dict[int, Seen] = {}
    waiting = list(pids)
    for pid in waiting:  # it grows meanwhile
        if len(found) >= FOUND_MAX:
            break
        seen = None if pid in found else look_at(pid)
        if seen is not None:
            found[pid] = seen
            waiting += children(pid)
    return list(found.values())


def variables(pid: int, names: Collection[str]) -> frozenset[bytes]:
    """Those variables, as ``NAME=value``, of the environment that a process began with; empty where it is not ours to read."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            words = file.read().split(b"\0")
    except OSError:
        return frozenset()
    return frozenset(word for word in words if os.fsdecode(word.partition(b"=")[0]) in names)


def deaf_in(pid: int) -> str:
    """Where in the kernel a process waits that SIGKILL was sent to and does not reach; empty: it is not so."""
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            facts = dict(line.split(b":", 1) for line in file.read().splitlines() if b":" in line)
        with open(f"/proc/{pid}/wchan", "rb") as file:
            where = file.read().decode("ascii", "replace")
    except OSError:
        return ""
    pending = int(facts.get(b"SigPnd", b"0"), 16) | int(facts.get(b"ShdPnd", b"0"), 16)
    if not facts.get(b"State", b"").lstrip().startswith(b"D") or not pending >> signal.SIGKILL - 1 & 1:
        return ""
    return where if where.isidentifier() else "somewhere"


def send(seen: Seen, sig: int) -> bool:
    """Signal that very process; whether it could be. One that is gone is nobody to signal."""
    try:
        pidfd = os.pidfd_open(seen.pid)
    except OSError:
        return False
    try:
        if not is_there(seen):
            return False
        signal.pidfd_send_signal(pidfd, sig)
        return True
    except OSError:
        return False
    finally:
        os.close(pidfd)
