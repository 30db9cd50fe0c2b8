"""Rotating log file or spool: absolute offsets, generations, read-back; must never know processes, clients.

A store takes bytes from a descriptor (``take``, by splice where the system can) or
from memory (``append``) and gives them back by absolute offset. Offsets count the
bytes that were written within a *generation*; a log that is cleared, or cut by
somebody else, begins a new generation at 0. Rotation does not: what is in the
archives stays readable under its offsets until it is dropped.

``LogStore`` is a file. Nothing is in user space between the pipe and the file, so
that a SIGKILL of the daemon loses nothing; the position is ours and not O_APPEND
(splice refuses that), so the size is compared before each write and a truncation
by somebody else leaves no hole. Output that has no log file goes to a ``Spool``, see there.

**Rotation** ends at a line end where one lies in the last 64 KiB, and can be killed
between each two steps: archives are shifted, only as far as the first gap, so that a second try moves
nothing twice; the intent {inode, bytes to keep} is recorded; the tail behind the last line end is copied
to ``PATH.rotating``; PATH becomes PATH.1; that is cut to the bytes to keep; PATH.rotating becomes PATH;
the intent is cleared. Whoever finds an intent looks at the inode of PATH to see how far it came.
Where there is none (a power cut, a kill of the keeper as well) what lies there says it: PATH.rotating
beside PATH is of no use; where there is no PATH it is the next one, and PATH.1 is not cut yet if it ends with it.

Very many archives are shifted in slices, between which everything else has its turn. The current file goes on
meanwhile, to twice its limit at the most.

**A step that fails** is tried again after a while, and the writing goes on in the file that is there: before PATH was
moved that is PATH, afterwards PATH.rotating, whatever hinders it from being called PATH. There is then no moment at
which something has to be undone.

**A file system that may not answer** (a network's, a process's) is touched in its lane only, see ``lane``: every
method of ``LogStore`` that needs the file asks there, and raises BlockingIOError or Unanswered where that takes long.
How the log was when the lane last answered is what ``gen``, ``start`` and ``end`` say meanwhile.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import stat
import time
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from .archives import TAKEN_AWAY, Archives, is_there
from .lane import Lane, Lanes, Unanswered
from .opening import open_log
from .spool import AGAIN, Watchers

CHUNK_BYTES = 1 << 16
TAKE_BYTES = 1 << 20
LINE_END_BYTES = 1 << 16
WAITING = ".rotating"
NAME_BYTES = 255
ROTATE_AGAIN_BYTES = 1 << 20
ROTATE_AGAIN_S = 10.0
SLICE_S = 0.005
SLICE_STEPS = 32
"""At the least: the log does not grow over its limit where few archives are shifted on a machine that is busy."""
SLICES_APART_S = 0.02
"""In a lane, where others wait for their turn while one works."""
PASSING = frozenset((errno.EAGAIN, errno.EINVAL, errno.ENOSPC, errno.EDQUOT))
"""Errors that are no reason to open the file again."""


class Unsuitable(OSError):
    """The path is no regular file: it cannot be positioned in, nor rotated."""


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass  # it was never made, or lies where nothing can be removed now


def _is_special(path: str) -> bool:
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False


def _nothing_in(source: int) -> int | None:
    """What ``take`` answers where no bytes wait, so that a log need not be opened for none; None: some may."""
    asked = select.poll()
    asked.register(source, select.POLLIN)
    found = asked.poll(0)
    if not found:
        return AGAIN
    return 0 if found[0][1] == select.POLLHUP else None


Persist = Callable[[str, dict[str, Any]], None]
Later = Callable[[float, Callable[[], None]], object]


class LogStore:
    """One log file. ``persist`` is given its path and what a later daemon must know, see ``restore``.

    ``trouble`` says why the log grows over its limit, or is empty.
    """

    __slots__ = (
        "_appending", "_archives", "_base", "_fd", "_found", "_gen", "_intent", "_lane", "_lanes", "_measured",
        "_persist", "_reading", "_retries", "_rotate_after", "_rotate_at", "_seen", "_shift", "_size", "backups", "maxbytes",
        "path", "trouble", "watchers",
    )  # fmt: skip

    def __init__(
        self,
        path: str,
        maxbytes: int,
        backups: int,
        persist: Persist = lambda path, record: None,
        lanes: Lanes | None = None,
    ) -> None:
        self.path = path
        self.maxbytes = maxbytes
        self.backups = backups
        self.watchers = Watchers()
        self._persist = persist
        self._lanes = lanes
        self._lane: Lane | None = None
        self._seen = (1, 0, 0)
        self._appending = b""  # what the lane is writing, and nobody has been told how much of it went in
        self._reading = (0, 0, 0)
        self._found: dict[str, Any] | None = None
        self._gen = 1
        self._fd = -1
        self._base = 0
        self._size = 0
        self._archives = Archives(path)
        self._shift: Iterator[None] | None = None
        self._retries = False
        self._intent: dict[str, int] = {}
        self._measured = False
        self._rotate_at = 0
        self._rotate_after = 0.0
        self.trouble = ""

    @property
    def gen(self) -> int:
        return self._gen if self._lane is None else self._seen[0]

    @property
    def start(self) -> int:
        if not self._measured:
            self._look()
        return self._base - sum(self._archives.sizes) if self._lane is None else self._seen[1]

    @property
    def end(self) -> int:
        if not self._measured:
            self._look()
        return self._base + self._size if self._lane is None else self._seen[2]

    @property
    def known(self) -> bool:
        """Whether ``start`` and ``end`` are those of the file; False until its file system has answered."""
        if not self._measured:
            self._look()
        return self._measured

    def measure(self) -> None:
        """See how long the log is, if that was not seen yet. Raises OSError."""
        if not self._measured:
            if self._elsewhere():
                self._lane_now.call(self._in_lane(self._measure))
            else:
                self._measure()

    def _look(self) -> None:
        """Measure for somebody who only asks where the log ends; a file that cannot be looked at has nothing."""
        try:
            self.measure()
        except OSError:
            pass  # whoever reads or writes is told

    @property
    def slow(self) -> bool:
        """Whether what could not be written now may be in a moment."""
        return self._lane is not None and not self._lane.hangs

    # --- open and close ------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        return self._fd >= 0

    def restore(self, record: dict[str, Any]) -> None:
        """Take over what an earlier daemon persisted of this path.

        A file that cannot be looked at now is looked at when it is used.
        """
        self._gen = int(record.get("gen", 1))
        self._base = int(record.get("base", 0))
        self._seen = (self._gen, self._base, self._base)
        self._found = record
        self._look()

    def _measure(self) -> None:
        """On first use: what is on disk already belongs to generation 1, or to what was restored. Raises OSError."""
        if self._measured:
            return
        if self._found is None:
            self._finish_unknown_rotation()
            self._archives.look(self.backups)
            self._size = self._size_on_disk()
            self._base += sum(self._archives.sizes)
            self._measured = True
            return
        self._intent = dict(self._found.get("intent", {}))
        self._look_at_archives(int(self._found.get("archives", 0)), int(self._found.get("hole", 0)))
        self._size = self._size_on_disk()
        self._measured, self._found = True, None
        if self._intent:
            with contextlib.suppress(OSError):  # once the log can be opened again, then
                self._finish_rotation()

    @property
    def _waiting(self) -> str:
        """What is to be the next PATH; of a name to which so much cannot be added, a part and its checksum."""
        folder, name = os.path.split(self.path)
        data = os.fsencode(name)
        if len(data) + len(WAITING) > NAME_BYTES:
            name = f"{os.fsdecode(data[: NAME_BYTES // 2])}.{zlib.crc32(data):08x}"
        return os.path.join(folder, name + WAITING)

    @property
    def _name(self) -> str:
        """Where the current file is. Raises OSError."""
        return self._waiting if self._intent.get("moved") and is_there(self._waiting) else self.path

    def _size_on_disk(self) -> int:
        try:
            return os.stat(self._name).st_size
        except FileNotFoundError:
            return 0

    def _look_at_archives(self, count: int, hole: int = 0) -> None:
        self._archives.look(count, hole)
        if self._intent.get("moved"):
            self._archives.limit_newest(self._intent["keep"])

    def _save(self) -> None:
        self._persist(
            self.path,
            {
                "gen": self._gen,
                "base": self._base,
                "archives": len(self._archives.sizes),
                "hole": self._archives.hole,
                "intent": self._intent,
            },
        )

    def open(self) -> None:
        """Open for writing, making the file. Raises OSError; Unsuitable when it is no regular file."""
        if self._fd >= 0:
            return
        if self._elsewhere():
            self._lane_now.call(self._in_lane(self.open))
            return
        if self._intent:
            self._finish_rotation()
        if _is_special(self.path):  # opening and closing a FIFO would tell its reader that all is over
            raise Unsuitable(errno.ESPIPE, "not a regular file", self.path)
        self._measure()
        fd = open_log(self._name, os.O_RDWR | os.O_CREAT | os.O_NOCTTY | os.O_NONBLOCK)
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            os.close(fd)
            raise Unsuitable(errno.ESPIPE, "not a regular file", self.path)
        self._fd = fd
        self._size_is(status.st_size)

    def close(self) -> None:
        """Give the descriptor back; the next write opens the file again."""
        if self._fd < 0 and self._lane is None:
            return
        if self._lane is not None and not self._lane.here:
            self._lane.post(self.close)
            return
        self._shift = None  # the next rotation goes on from the hole
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def reopen(self) -> None:
        """Close and open by name: after somebody renamed the file. Raises OSError."""
        if self._fd < 0:
            return
        if self._elsewhere():
            self._lane_now.post(self._in_lane(self.reopen))
            return
        if self._intent:
            self._finish_rotation()
        if not self._intent:  # else it has no other name yet
            self._open_again(os.fstat(self._fd))

    def _open_again(self, before: os.stat_result) -> None:
        """Open by name; another file goes on at the offset where the one before ended."""
        fd = open_log(self._name, os.O_RDWR | os.O_CREAT | os.O_NOCTTY | os.O_NONBLOCK)
        now = os.fstat(fd)
        self.close()  # not before: its inode number would be free for the new file
        self._fd = fd
        if (now.st_dev, now.st_ino) != (before.st_dev, before.st_ino):
            self._base += self._size
            self._archives.forget()
            self._size = now.st_size
            self._save()

    def clear(self) -> None:
        """Remove the file and begin a new generation; archives stay on disk. Raises OSError.

        What is no regular file is left alone: as root, Supervisor removes ``/dev/null`` here.
        """
        if self._elsewhere():
            self._lane_now.call(self._in_lane(self.clear))
            return
        was_open = self.is_open
        self.close()
        try:
            if stat.S_ISREG(os.stat(self.path).st_mode):
                os.unlink(self.path)
        except FileNotFoundError:
            pass
        if self._intent:
            _unlink(self._waiting)
            self._intent = {}
        self._new_generation(0)
        if was_open:
            self.open()

    def _new_generation(self, size: int) -> None:
        self._measured = True
        self._gen += 1
        self._base, self._size = 0, size
        self._archives.forget()
        self._save()
        if self._lane is None:
            self.watchers.tell()
        else:
            self._lane.on_loop(self.watchers.tell)

    def _size_is(self, size: int) -> None:
        """The file has this size; smaller than what we wrote means that somebody cut it."""
        if size < self._size:
            self._new_generation(size)
        else:
            self._size = size

    # --- where the file is touched -------------------------------------------------------------------

    @property
    def _lane_now(self) -> Lane:
        """Asked after ``_elsewhere`` only."""
        assert self._lane is not None
        return self._lane

    def _elsewhere(self) -> bool:
        """Whether the file is to be touched in its lane, and this is not the lane."""
        lane = self._lane
        if lane is not None and lane.here:
            return False
        if self._lanes is not None and (self._fd < 0 if lane is None else lane.hangs or self._fd < 0):
            self._choose(self._lanes.of(self.path))
        return self._lane is not None

    def _choose(self, lane: Lane | None) -> None:
        """Use another lane, where the path leads to another mount by now. What the old one still does is its own."""
        before = self._lane
        if lane is before or (before is not None and before.busy and not before.hangs):
            return
        if before is not None:
            fd, self._fd = self._fd, -1
            if fd >= 0:
                before.post(partial(os.close, fd))
            self._appending, self._measured, self._found = b"", False, None
            self._gen, self._base, self._size = self._seen[0] + 1, 0, 0
            self._archives.forget()
            self._shift, self._intent = None, {}
        self._lane = lane
        self._seen = (self._gen, self._base - sum(self._archives.sizes), self._base + self._size)

    def _in_lane(self, work: Callable[[], Any]) -> Callable[[], Any]:
        """``work``, to be done in the lane; how the log is afterwards is noted for those who ask meanwhile."""

        def run() -> Any:
            try:
                return work()
            finally:
                if self._measured:
                    end = self._base + self._size
                    self._seen = (self._gen, self._base - sum(self._archives.sizes), end)

        return run

    def _take_elsewhere(self, source: int, limit: int) -> int:
        found = os.fstat(source)

        def begin() -> Callable[[], int]:
            own = os.dup(
                source
            )  # the other one may be closed, and its number be another's, before this is done

            def work() -> int:
                try:
                    return self.take(own, limit)
                finally:
                    os.close(own)

            return self._in_lane(work)

        return self._lane_now.collect((found.st_dev, found.st_ino), begin)

    def _append_elsewhere(self, data: bytes) -> int:
        if not data.startswith(self._appending):  # of a writer that is gone
            self._lane_now.forget(self)
            self._appending = b""
        try:
            count: int = self._lane_now.collect(self, lambda: self._in_lane(partial(self._append, data)))
        finally:
            if not self._lane_now.owes(self):
                self._appending = b""
        return count

    def _read_elsewhere(self, offset: int, limit: int) -> bytes:
        lane, what = self._lane_now, (self._seen[0], offset, limit)
        if what != self._reading:
            lane.forget((self, "read"))
            self._reading = what
        try:
            data: bytes = lane.collect(
                (self, "read"), lambda: self._in_lane(partial(self.read, offset, limit))
            )
        except (BlockingIOError, Unanswered):
            lane.when_free(
                self.watchers.tell
            )  # who reads on when there is something new is told when there is this
            raise
        return data

    def _append(self, data: bytes) -> int:
        self._appending = data
        return self.append(data)

    # --- write ---------------------------------------------------------------------------------------

    def _prepare(self) -> int:
        """Be where the next byte goes; how many may be written before rotation."""
        if self._fd < 0:
            self.open()
        status = os.fstat(self._fd)
        if status.st_nlink == 0:
            self._open_again(status)
        elif status.st_size != self._size:
            self._size_is(status.st_size)
        if self._intent and time.monotonic() >= self._rotate_after:
            self._finish_in_time()
        if self.maxbytes <= 0:
            return TAKE_BYTES
        for _ in range(2):  # what is behind the last line end may be over the limit as well
            if self._size >= self._limit():
                if self._mounted_over():
                    raise BlockingIOError(errno.EAGAIN, "to be opened again", self.path)
                self._try_rotate()
        if self._fd < 0:  # it was given up between two steps
            self.open()
        if self._shift is not None:
            if self._size >= 2 * self.maxbytes:
                raise BlockingIOError(errno.EAGAIN, "its archives are being shifted", self.path)
            return 2 * self.maxbytes - self._size
        return max(1, self._limit() - self._size)  # a rotation may be due again by now

    def _limit(self) -> int:
        """How large the file may be before it is rotated."""
        if self._rotate_at and time.monotonic() >= self._rotate_after:
            self._rotate_at = 0
        return max(self.maxbytes, self._rotate_at)

    def take(self, source: int, limit: int) -> int:
        """Splice up to ``limit`` bytes; how many, 0 at the end of input, AGAIN when there are none now.

        Raises OSError when the file cannot be written; the bytes are then still in the pipe.
        """
        if self._fd < 0 and (nothing := _nothing_in(source)) is not None:
            return nothing
        if (self._fd < 0 or self._lane is not None) and self._elsewhere():
            return self._take_elsewhere(source, limit)
        try:
            room = self._prepare()
            try:
                count = os.splice(source, self._fd, min(limit, room), offset_dst=self._size)
            except BlockingIOError:
                return AGAIN
        except OSError as error:
            self._failed(error)
            raise
        self._wrote(count)
        return count

    def append(self, data: bytes) -> int:
        """Write from memory; how many bytes went in, fewer only when a rotation came between. Raises OSError."""
        if (self._fd < 0 or self._lane is not None) and self._elsewhere():
            return self._append_elsewhere(data)
        try:
            room = self._prepare()
            count = os.pwrite(self._fd, data[:room] if len(data) > room else data, self._size)
        except OSError as error:
            self._failed(error)
            raise
        self._wrote(count)
        return count

    def _failed(self, error: OSError) -> None:
        """The descriptor may be of a file system that is gone, and another be in its place: open by name next time."""
        if error.errno not in PASSING:
            try:
                self.close()
            except OSError:
                pass  # it is closed all the same

    def _wrote(self, count: int) -> None:
        self._size += count
        full = count and self.maxbytes > 0 and self._limit() <= self._size
        if full and not self._mounted_over():
            self._try_rotate()

    def _mounted_over(self) -> bool:
        """Whether the path leads to a mount by now that may not answer; the next write goes there."""
        if self._lane is not None or self._lanes is None or self._lanes.of(self.path) is None:
            return False
        self.close()
        return True

    def _try_rotate(self) -> None:
        """Rotate; where that cannot be, the current file goes on and it is tried again a little later."""
        try:
            self.rotate()
        except OSError as error:
            self._put_off(error)

    def _put_off(self, error: OSError) -> None:
        self.trouble = f"cannot rotate {self.path}: {os.strerror(error.errno or 0)}"
        self._rotate_at = self._size + ROTATE_AGAIN_BYTES
        self._rotate_after = time.monotonic() + ROTATE_AGAIN_S
        if not self._retries:
            self._retries = self._later(ROTATE_AGAIN_S, self._retry)

    def _retry(self) -> None:
        """For a log to which nothing is written."""
        self._retries = False
        if not self.trouble:
            return
        if (wait_s := self._rotate_after - time.monotonic()) > 0:
            self._retries = self._later(wait_s, self._retry)
            return
        was_open = self.is_open
        try:
            self._prepare()
            if not self._intent and (self.maxbytes <= 0 or self._size < self.maxbytes):
                self.trouble, self._rotate_at = "", 0  # somebody cleared it, or gave it another limit
        except OSError:
            self._retries = self._retries or self._later(ROTATE_AGAIN_S, self._retry)
        if not was_open and self._shift is None:
            self.close()

    def _later(self, seconds: float, work: Callable[[], None]) -> bool:
        """Have something done after a while, where the file is touched; whether it will be."""
        later = self._lanes.later if self._lanes is not None else None
        if later is None:
            return False
        lane = self._lane
        if lane is None:
            later(seconds, work)
            return True

        def arrange(later: Later = later, lane: Lane = lane) -> None:
            later(max(seconds, SLICES_APART_S), partial(lane.post, self._in_lane(work)))

        lane.on_loop(arrange)
        return True

    # --- read ----------------------------------------------------------------------------------------

    def read(self, offset: int, limit: int) -> bytes:
        """Bytes from ``offset`` on, at most ``limit`` and fewer at a file's end; empty when there are none.

        Raises OSError.
        """
        if (self._lane is not None or self._fd < 0) and self._elsewhere():
            return self._read_elsewhere(offset, limit)
        self._measure()
        if offset >= self._base:
            return self._read_file(
                self._name, self._fd, offset - self._base, min(limit, self._base + self._size - offset)
            )
        begin = self._base
        for number, size in enumerate(self._archives.sizes):
            begin -= size
            if offset >= begin:
                place = offset - begin
                return self._read_archive(number, place, min(limit, size - place))
        return b""

    def _read_archive(self, number: int, place: int, limit: int) -> bytes:
        """Nothing where somebody took it away; the log begins behind it then. Raises OSError."""
        data = b""
        try:
            data = self._read_file(self._archives.name(number), -1, place, limit)
        except OSError as error:
            if error.errno not in TAKEN_AWAY:
                raise
        if limit > 0 and not data:
            self._archives.lose(number)
        return data

    @staticmethod
    def _read_file(path: str, fd: int, place: int, limit: int) -> bytes:
        if limit <= 0:
            return b""
        if fd >= 0:
            return os.pread(fd, limit, place)
        fd = open_log(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            return os.pread(fd, limit, place)
        finally:
            os.close(fd)

    # --- rotation ------------------------------------------------------------------------------------

    def rotate(self) -> None:
        """Begin a new file, or begin to. Raises OSError, and then the current file goes on."""
        if self._shift is not None:
            return
        if self._intent:
            self._finish_moved()
        if self.backups > 0:
            self._shift = self._archives.shifting(self.backups, self._save)
            if not self._shift_on(self._shift):
                return
        self._switch()

    def _shift_on(self, steps: Iterator[None]) -> bool:
        """Shift archives for a while; whether all are. Raises OSError."""
        end = time.monotonic() + SLICE_S
        try:
            for count, _ in enumerate(steps, 1):
                if (
                    count % SLICE_STEPS == 0
                    and time.monotonic() > end
                    and self._later(0.0, partial(self._go_on, steps))
                ):
                    return False
                if self._shift is not steps:
                    return False
        except OSError:
            self._shift = None
            raise
        self._shift = None
        return True

    def _go_on(self, steps: Iterator[None]) -> None:
        if self._shift is not steps:
            return  # the log was closed meanwhile
        try:
            if self._shift_on(steps):
                self._switch()
        except OSError as error:
            self._put_off(error)

    def _switch(self) -> None:
        """PATH becomes PATH.1, which is free, and a new file the current one. Raises OSError."""
        status = os.fstat(self._fd)
        if status.st_nlink == 0 or status.st_size != self._size:
            return  # removed or cut by somebody while the archives were shifted: the next write sees to that
        keep = self._last_line_end()
        self._intent = {"inode": status.st_ino, "keep": keep}
        self._save()
        try:
            fd = self._make_next(keep, stat.S_IMODE(status.st_mode))
            try:
                if self.backups > 0:
                    os.replace(self.path, self._archives.newest)
                else:
                    os.replace(self._waiting, self.path)
            except OSError:
                os.close(fd)
                raise
        except OSError:
            self._abandon_rotation()
            raise
        self._moved(keep)
        old, self._fd = self._fd, fd  # not opened by name, which may not be possible now
        self._size -= keep
        try:
            if self.backups > 0:
                os.ftruncate(old, keep)
        except OSError:
            pass  # it is tried again
        finally:
            os.close(old)
        try:
            self._finish_moved()
        except OSError:
            self._save()
            raise

    def _make_next(self, keep: int, mode: int) -> int:
        """PATH.rotating, with what is behind the last line end. Raises OSError."""
        _unlink(self._waiting)  # of a rotation that was given up, or a link that somebody put there
        fd = os.open(self._waiting, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            os.fchmod(fd, mode)
            self._copy_tail(keep, fd)
        except OSError:
            os.close(fd)
            raise
        return fd

    def _moved(self, keep: int) -> None:
        """PATH is PATH.1 now."""
        self._base += keep
        self._archives.add(keep, self.backups)
        self._intent["moved"] = 1

    def _copy_tail(self, keep: int, fd: int) -> None:
        """All of it: a disk that is nearly full takes a part, and has no room for the next."""
        place = keep
        while place < self._size:
            tail = os.pread(self._fd, CHUNK_BYTES, place)
            if not tail:
                raise OSError(errno.EIO, "shorter than it was", self.path)
            place += os.pwrite(fd, tail, place - keep)

    def _last_line_end(self) -> int:
        """How many bytes to keep in the old file."""
        begin = max(0, self._size - LINE_END_BYTES)
        tail = os.pread(self._fd, self._size - begin, begin)
        newline = tail.rfind(b"\n")
        return begin + newline + 1 if newline >= 0 else self._size

    def _abandon_rotation(self) -> None:
        self._intent = {}
        self._save()
        _unlink(self._waiting)

    def _finish_rotation(self) -> None:
        """From wherever the steps came to; what cannot be done yet is put off. Raises OSError, with the intent kept."""
        os.stat(os.path.dirname(self.path) or ".")  # where the folder is away, nothing is known
        if not self._intent.get("moved"):
            try:
                unmoved = os.stat(self.path).st_ino == self._intent["inode"]
            except FileNotFoundError:
                unmoved = False
            if unmoved:  # killed before the last rename: nothing has happened yet
                self._abandon_rotation()
                return
            self._intent["moved"] = 1
            self._look_at_archives(min(len(self._archives.sizes) + 1, self.backups))
            self._base += self._intent["keep"]
            self._size = self._size_on_disk()
            self._save()
        self._finish_in_time()

    def _finish_in_time(self) -> None:
        try:
            self._finish_moved()
        except OSError as error:
            self._put_off(error)

    def _finish_moved(self) -> None:
        """PATH.1 ends where the next file begins, and that becomes PATH. Raises OSError, and is to be done again."""
        if self.backups > 0:
            self._archives.cut_newest(self._intent["inode"], self._intent["keep"])
        if is_there(self._waiting):
            os.replace(self._waiting, self.path)
        else:
            os.stat(self.path)  # neither is there where the folder is away: it is done when that is back
        self._intent = {}
        self.trouble, self._rotate_at = "", 0
        self._save()

    def _finish_unknown_rotation(self) -> None:
        """Of a supervisord that nothing is known of. Raises OSError."""
        if not is_there(self._waiting):
            return
        if is_there(self.path) or not stat.S_ISREG(os.lstat(self._waiting).st_mode):
            _unlink(self._waiting)
            return
        tail = self._read_file(self._waiting, -1, 0, LINE_END_BYTES)
        fd = self._archives.open_newest()
        if fd >= 0:
            try:
                keep = os.fstat(fd).st_size - len(tail)
                # One with a line end was written to, and that is done when the archive was cut.
                if tail and b"\n" not in tail and keep >= 0 and os.pread(fd, len(tail), keep) == tail:
                    os.ftruncate(fd, keep)
            finally:
                os.close(fd)
        os.replace(self._waiting, self.path)
