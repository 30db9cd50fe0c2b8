"""Which processes run, in a small file beside the pidfile, for when keeper and daemon are killed together.

A line of fixed size for each program, so that a start or an end is a small write or two whatever the
number of programs: the first says that it is about to be started. In front stands the boot that the pids belong to. Whoever finds
the file believes a line only if the process of that pid began at that tick of that boot, and the
file only if nobody else could have written it. A new file is put in place whole; a line that
was cut, or that a disk has not kept as it was, does not fit its checksum and counts as none.

Standard library only: the keeper imports this.
"""

from __future__ import annotations

import json
import os
import stat
import time
import zlib
from collections.abc import Iterable
from typing import NamedTuple

from supervisor.mounts import Mounts

SLOT_BYTES = 1024
"""Enough for a group and a program whose names are as long as names may be."""
CHECKSUM_BYTES = 8
"""In front of a line, in hexadecimal digits."""
SIZE_MAX_BYTES = 64 << 20
SUFFIX = ".programs"
MEMORY = "/dev/shm"
_EXITING = 4  # PF_EXITING
STAT_BYTES = 4096
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_to_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode

Key = tuple[str, int]


def place_of(pidfile: str, mounts: Mounts) -> str:
    """The roster beside a pidfile; in memory where the file system of that is answered for by something else.

    It is written at each start, which must not wait, and says nothing of use on another machine.
    """
    if not mounts.far(pidfile):
        return pidfile + SUFFIX
    name = zlib.crc32(os.path.abspath(pidfile).encode("utf-8", "surrogateescape"))
    return f"{MEMORY}/supervisor-{os.geteuid()}-{name:08x}{SUFFIX}"


class Entry(NamedTuple):
    """One process. ``ticks``: its start as in /proc; ``started``: the same in monotonic seconds.

    ``pid`` 0: it was about to be started, at ``ticks`` or later.
    ``pipes``: the inodes of stdin (0: none), then of the outputs, as the program has them.
    """

    name: str
    gen: int
    pid: int
    ticks: int
    started: float
    tty: bool
    pipes: list[int]


class Roster:
    """``path`` empty: nothing is written. What cannot be written is left out; ``entries`` are made if there is a file."""

    def __init__(self, path: str, entries: Iterable[Entry]) -> None:
        self.whole = False
        """Whether all that runs stands in it."""
        self._path = path
        self._fd = -1
        self._places: dict[Key, int] = {}
        self._free: list[int] = []
        self._end = 1
        if not path:
            return
        temporary = f"{path}.new"
        try:
            _remove(temporary)
            self._fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            os.pwrite(self._fd, line_of({"boot": boot_id(), "keeper": os.getpid()}), 0)
            self.whole = True
            for entry in entries:
                self.add(entry)
            os.rename(temporary, path)
        except OSError:
            self.close()  # no room, or no right: there is none, and the one before is left as it was
            _remove(temporary)

    def begin(self, key: Key, ticks: int) -> None:
        """Write down that one is about to be started, which is at ``ticks``."""
        if self._fd >= 0:
            self.add(Entry(*key, 0, ticks, 0.0, False, [0]))

    def add(self, entry: Entry) -> None:
        """Write down one that runs now."""
        data = line_of(entry)
        if self._fd < 0 or len(data) != SLOT_BYTES:
            return
        place = self._places.get((entry.name, entry.gen), 0)
        if not place:
            place = self._free.pop() if self._free else self._end
        try:
            os.pwrite(self._fd, data, place * SLOT_BYTES)
        except OSError:
            self._free.append(place)
            self._places.pop((entry.name, entry.gen), None)
            self.whole = False
        else:
            self._places[entry.name, entry.gen] = place
        self._end = max(self._end, place + 1)

    def remove(self, key: Key) -> None:
        """It has ended."""
        place = self._places.pop(key, 0)
        if not place:
            return
        try:
            os.pwrite(self._fd, line_of([]), place * SLOT_BYTES)
        except OSError:
            pass  # its pid and tick are nobody's any more
        self._free.append(place)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self.whole = -1, False

    def take_away(self) -> None:
        """Remove the file, unless something in it still runs: then the next supervisord is to know."""
        if self._fd < 0:
            return
        if not self._places:
            _remove(self._path)
        self.close()


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass  # gone already, or not ours to remove


def line_of(value: object) -> bytes:
    """One line of the file; longer than ``SLOT_BYTES`` where the value is too long."""
    text = _to_json(value).encode("utf-8", "surrogateescape")
    return b"%08x %s\n" % (zlib.crc32(text), text.ljust(SLOT_BYTES - CHECKSUM_BYTES - 2))


def boot_id() -> str:
    """Names this run of the system; empty where there is no such thing, and then nothing is believed."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return ""


def _facts(pid: int) -> list[bytes]:
    """What the system says of a process, behind its name. Raises OSError. Asked at each start: without a file object."""
    fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, STAT_BYTES).rpartition(b")")[2].split()
    finally:
        os.close(fd)


def ticks_now() -> int:
    """The clock by which processes begin."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) * TICKS_A_SECOND // 1_000_000_000


def start_ticks(pid: int) -> int:
    """When a process began, in clock ticks since the system did; 0: there is none, or only its corpse."""
    try:
        facts = _facts(pid)
        return 0 if facts[0] in (b"Z", b"X") else int(facts[19])
    except (OSError, ValueError, IndexError):
        return 0


def runs(pid: int) -> bool:
    """Whether anything of a process may still run: False for a corpse, and for one that is on its way out."""
    try:
        facts = _facts(pid)
        return facts[0] not in (b"Z", b"X") and not int(facts[6]) & _EXITING
    except (OSError, ValueError, IndexError):
        return False


def read(path: str) -> list[Entry]:
    """What stands in a file and still runs, or was about to be started; nothing where it is not ours, or of another boot."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
            return []
        if found.st_nlink != 1 or found.st_size > SIZE_MAX_BYTES:
            return []
        with os.fdopen(os.dup(fd), "rb") as file:
            lines = file.read(SIZE_MAX_BYTES).splitlines()
    finally:
        os.close(fd)
    head = _value(lines[0]) if lines else None
    boot = boot_id()
    if not boot or not isinstance(head, dict) or head.get("boot") != boot:
        return []
    entries = [entry for entry in map(_entry, lines[1:]) if entry is not None]
    return [entry for entry in entries if not entry.pid or start_ticks(entry.pid) == entry.ticks]


def _value(line: bytes) -> object:
    checksum, _, text = line.partition(b" ")
    if checksum != b"%08x" % zlib.crc32(text.rstrip()):
        return None
    try:
        return json.loads(text.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError):
        return None


def _entry(line: bytes) -> Entry | None:
    value = _value(line)
    if not isinstance(value, list) or len(value) != len(Entry._fields):
        return None
    kinds = (str, int, int, int, float, bool, list)
    if not all(isinstance(part, kind) for part, kind in zip(value, kinds, strict=True)):
        return None
    entry = Entry(*value)
    if entry.pid < 0 or entry.pid == 1 or entry.ticks <= 0 or not entry.pipes:
        return None
    if not all(isinstance(inode, int) for inode in entry.pipes):
        return None
    return entry
