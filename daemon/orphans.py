"""Programs whose keeper and daemon were both killed, found again and taken over; must never know what they are to do.

Their pipes are still there as long as they have their own ends open: the other ends are
opened again through /proc. What they wrote while nobody had the read end is lost, and one
that does not ignore SIGPIPE has ended over it; a terminal is lost with its keeper.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import stat
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from supervisor.mounts import Mounts

from .keeper import roster
from .keeper.orphan import send_signal

ENDS_WITHIN_MS: Final = 5000
EXEC_WITHIN_S: Final = 1.0
_PR_SET_CHILD_SUBREAPER: Final = 36
_KERNEL_THREAD: Final = 0x200000  # PF_KTHREAD

Names = frozenset[bytes]
T = TypeVar("T")


def find(pidfile: str) -> list[dict[str, Any]]:
    """What a keeper is to adopt, as ``keeper.main`` says. The descriptors in it are open."""
    found = []
    entries = roster.read(roster.place_of(pidfile, Mounts()))
    end_strays(
        {names(entry.name): entry.ticks for entry in entries if not entry.pid},
        {entry.pid for entry in entries},
        lambda ticks: ticks,
    )
    for entry in entries:
        if not entry.pid:
            continue
        try:
            pidfd = os.pidfd_open(entry.pid)
        except OSError:
            continue  # it has just ended
        if roster.start_ticks(entry.pid) != entry.ticks:  # looked at again: now the pid cannot go to another
            os.close(pidfd)
            continue
        outputs = [_read_end(entry.pid, inode) for inode in entry.pipes[1:]]
        stdin = _other_end(entry.pid, (0,), entry.pipes[0], os.O_WRONLY)
        facts = {
            "name": entry.name,
            "gen": entry.gen,
            "pid": entry.pid,
            "tty": entry.tty,
            "started": entry.started,
            "pidfd": pidfd,
            "stdin": stdin,
            "outputs": outputs,
        }
        found.append(facts)
    return found


def take_in_orphans() -> None:
    """From now on, also after an exec, processes below this one come to it when their parent ends.

    Nothing where the system has no such thing: then what programs leave behind is not found.
    """
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_strays(asked: Mapping[Names, T], known: set[int], begun: Callable[[T], int]) -> list[tuple[T, int]]:
    """Kill what was started and not written down or told of, for it would be started a second time.

    One is known by the names in its environment, leads its process group, is no child of a keeper that lives,
    and is not older than the tick that ``begun`` says of what was asked for. Gives what was asked for, with the pid that had it.
    """
    ended = []
    for word in os.listdir("/proc") if asked else ():
        if word.isdigit() and int(word) not in known:
            pid = int(word)
            with contextlib.suppress(OSError):  # it has just ended, or is not ours to read
                pidfd = os.pidfd_open(pid)
                try:
                    what = asked.get(_names_of(pid))
                    if what is None or os.getpgid(pid) != pid or _has_keeper(pid):
                        continue
                    if roster.start_ticks(pid) < begun(what):
                        continue
                    send_signal(pidfd, pid, signal.SIGKILL, group=True)
                    poll = select.poll()
                    poll.register(pidfd, select.POLLIN)
                    poll.poll(ENDS_WITHIN_MS)
                    ended.append((what, pid))
                finally:
                    os.close(pidfd)
    return ended


def names(key: str) -> Names:
    """What is in the environment of a process that is ``key`` (``group:name``) here."""
    group, _, name = key.partition(":")
    return frozenset(
        f"SUPERVISOR_{what}_NAME={text}".encode("utf-8", "surrogateescape")
        for what, text in (("PROCESS", name), ("GROUP", group))
    )


def _has_keeper(pid: int) -> bool:
    """Whether it belongs to a supervisord that lives. Everybody's orphans go to PID 1, which may be one, too."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        parent = int(file.read().rpartition(b")")[2].split()[1])
    with open(f"/proc/{parent}/cmdline", "rb") as file:
        return parent != 1 and b"\0keeper\0" in file.read()


def _names_of(pid: int) -> Names:
    """Its names; of one in the middle of its exec, whose environment is not there yet, a moment later."""
    words = _environ(pid)
    end = time.monotonic() + EXEC_WITHIN_S
    while words == [b""] and time.monotonic() < end:
        execs = _is_in_exec(pid)
        words = _environ(pid)
        if not execs:
            break
        time.sleep(0.001)
    return frozenset(
        w for w in words if w.startswith((b"SUPERVISOR_PROCESS_NAME=", b"SUPERVISOR_GROUP_NAME="))
    )


def _environ(pid: int) -> list[bytes]:
    with open(f"/proc/{pid}/environ", "rb") as file:
        return file.read().split(b"\0")


def _is_in_exec(pid: int) -> bool:
    """The kernel closes descriptors, which may tell us of an end, before it puts arguments and environment in place."""
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        if file.read(1):
            return False
    with open(f"/proc/{pid}/stat", "rb") as file:
        words = file.read().rpartition(b")")[2].split()
    return words[0] not in (b"Z", b"X") and not int(words[6]) & _KERNEL_THREAD


def _read_end(pid: int, inode: int) -> int:
    fd = _other_end(pid, (1, 2), inode, os.O_RDONLY)
    return fd if fd >= 0 else ended_pipe()


def ended_pipe() -> int:
    """A descriptor to read from that has nothing more to say; the null device cannot be waited for."""
    read, write = os.pipe()
    os.close(write)
    return read


def _other_end(pid: int, numbers: tuple[int, ...], inode: int, flags: int) -> int:
    """One end of the pipe of which a process has the other at one of ``numbers``; -1: it has not."""
    for number in numbers if inode else ():
        with contextlib.suppress(OSError):
            path = f"/proc/{pid}/fd/{number}"
            status = os.stat(path)  # first, for to open some things does something
            if stat.S_ISFIFO(status.st_mode) and status.st_ino == inode:
                return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
    return -1
