"""Which file system a path lies on, found out without touching it; must never know what the path is for.

A file system that something else has to answer for (a server, a process, another machine) may not answer, and then
whoever touches a file on it stands still. The mount table says which those are; a path is followed component by
component, and nothing is looked at that lies on one of them.

Standard library only: the keeper imports this.
"""

from __future__ import annotations

import functools
import os
import select
import stat

TABLE = "/proc/self/mountinfo"
LINKS_MAX = 40
ANSWERED_ELSEWHERE = frozenset(
    [
        "9p",
        "afs",
        "autofs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "fuse",
        "fuseblk",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "orangefs",
        "prl_fs",
        "pvfs2",
        "smb3",
        "smbfs",
        "vboxsf",
        "virtiofs",
        "vmhgfs",
    ]
)


class Mounts:
    """The mount table, read again when it changes. Where there is none, nothing is far."""

    def __init__(self, table: str = TABLE) -> None:
        self._points: dict[str, str] = {}
        """Mount point to the name of its mount, which is empty where the system itself answers."""
        self._any = False
        self._poll = select.poll()
        try:
            self._fd = os.open(table, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._fd = -1
            return
        self._poll.register(self._fd, select.POLLPRI)
        self._read()

    def far(self, path: str) -> str:
        """The name of the mount that something else has to answer for and that ``path`` is on; empty: on none.

        A name is a number and the mount point: what is mounted again in the same place has another one.
        """
        if self._fd < 0:
            return ""
        if self._poll.poll(0):
            self._read()
        if not self._any:
            return ""
        try:
            return self._follow(os.path.join(os.getcwd(), path) if not path.startswith("/") else path)
        except (OSError, ValueError):
            return ""  # nothing is there: whoever opens it will be told

    def _read(self) -> None:
        os.lseek(self._fd, 0, os.SEEK_SET)
        parts = []
        while part := os.read(self._fd, 1 << 16):
            parts.append(part)
        points: dict[str, str] = {}
        for line in os.fsdecode(b"".join(parts)).splitlines():
            words = line.split(" ")
            kind = words[words.index("-", 6) + 1]
            point = _unescaped(words[4])
            far = kind in ANSWERED_ELSEWHERE or kind.startswith("fuse.")
            points[point] = f"{words[0]}:{point}" if far else ""  # the last one lies on top
        self._points, self._any = points, any(points.values())

    def _follow(self, path: str) -> str:
        rest = path.split("/")[::-1]
        at, links = "", 0
        if self._points.get("/"):
            return self._points["/"]
        while rest:
            word = rest.pop()
            if word in ("", "."):
                continue
            if word == "..":
                at = at.rpartition("/")[0]
                continue
            there = f"{at}/{word}"
            mount = self._points.get(there)
            if mount:
                return mount
            if mount is None and stat.S_ISLNK(os.lstat(there).st_mode):
                links += 1
                if links > LINKS_MAX:
                    return ""
                target = os.readlink(there)
                at = "" if target.startswith("/") else at
                rest += target.split("/")[::-1]
            else:
                at = there
        return ""


@functools.cache
def _table() -> Mounts:
    return Mounts()


def is_directory(path: str) -> bool:
    """What is on a file system that may not answer is taken for one: whoever needs it is told of it, and nobody waits."""
    return bool(_table().far(path)) or os.path.isdir(path)


def point_of(mount: str) -> str:
    """The mount point in the name of a mount."""
    return mount.partition(":")[2]


def _unescaped(text: str) -> str:
    r"""Blanks, tabs, line ends and backslashes stand there as ``\040`` and so on."""
    first, *others = text.split("\\")
    return first + "".join(chr(int(other[:3], 8)) + other[3:] for other in others)
