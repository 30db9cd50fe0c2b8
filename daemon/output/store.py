"""Rotating log file or spool: absolute offsets, generations, read-back; must never know processes, clients.

A store takes bytes from a descriptor (``take``, by splice where the system can) or
from memory (``append``) and gives them back by absolute offset. Offsets count the
bytes that were written within a *generation*; a log that is cleared, or cut by
somebody else, begins a new generation at 0. Rotation does not: what is in the
archives stays readable under its offsets until it is dropped.

``LogStore`` is a file. Nothing is in user space between the pipe and the file, so
that a SIGKILL of the daemon loses nothing; the position is ours and not O_APPEND
(splice refuses that), so the size is compared before each write and a truncation
by somebody else leaves no hole. ``Spool`` is a ring in a memfd, for output that has
no log file; its position is the descriptor's own, which the keeper holds.

**Rotation** ends at a line end where one lies in the last 64 KiB, and can be killed
between each two steps: the intent {inode, bytes to keep} is recorded; the tail
behind the last line end is copied to ``PATH.rotating``; archives are shifted, only
as far as the first gap, so that a second try moves nothing twice; PATH becomes
PATH.1, PATH.rotating becomes PATH; PATH.1 is cut to the bytes to keep; the intent is
cleared. Whoever finds an intent looks at the inode of PATH to see how far it came.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .opening import open_log

CHUNK_BYTES = 1 << 16
TAKE_BYTES = 1 << 20
SPOOL_BYTES = 1 << 18
LINE_END_BYTES = 1 << 16
ROTATE_AGAIN_BYTES = 1 << 20
AGAIN = -1
"""What ``take`` returns when the pipe has nothing now."""


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


@dataclass(slots=True)
class Watchers:
    """Callbacks told after each change of a store; a reader may leave while it is told."""

    _callbacks: set[Callable[[], None]] | None = None  # most stores are watched by nobody

    def add(self, callback: Callable[[], None]) -> None:
        if self._callbacks is None:
            self._callbacks = set()
        self._callbacks.add(callback)

    def discard(self, callback: Callable[[], None]) -> None:
        if self._callbacks is not None:
            self._callbacks.discard(callback)

    def tell(self) -> None:
        for callback in tuple(self._callbacks or ()):
            callback()


class Spool:
    """The last ``SPOOL_BYTES`` in a memfd ring. ``fd`` belongs to the spool."""

    # Behind the ring: twice the number of wraps, odd while one is under way; the generation.
    _TRAILER = struct.Struct(">QQ")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.gen = 1
        self.trouble = ""
        self.watchers = Watchers()
        self._position = os.lseek(fd, 0, os.SEEK_CUR)
        kept = os.pread(fd, self._TRAILER.size, SPOOL_BYTES)
        if len(kept) < self._TRAILER.size:
            kept = self._TRAILER.pack(0, 1)
        doubled, self.gen = self._TRAILER.unpack(kept)
        self._wraps: int = doubled // 2
        if self._position >= SPOOL_BYTES:  # another daemon was killed before it could wrap
            self._wrap()
        elif doubled % 2:  # or before it could say that it had
            self._wraps += 1
            self._save()

    @classmethod
    def create(cls) -> Spool:
        """An empty ring. Raises OSError."""
        return cls(os.memfd_create("supervisor-spool", os.MFD_CLOEXEC))

    @property
    def end(self) -> int:
        return self._wraps * SPOOL_BYTES + self._position

    @property
    def start(self) -> int:
        return max(0, self.end - SPOOL_BYTES)

    def take(self, source: int, limit: int) -> int:
        """Splice up to ``limit`` bytes; how many, 0 at the end of input, AGAIN when there are none now."""
        try:
            count = os.splice(source, self.fd, min(limit, SPOOL_BYTES - self._position))
        except BlockingIOError:
            return AGAIN
        self._advance(count)
        return count

    def append(self, data: bytes) -> int:
        """Write ``data`` whole."""
        view = memoryview(data)
        while view:
            count = os.write(self.fd, view[: SPOOL_BYTES - self._position])
            self._advance(count)
            view = view[count:]
        return len(data)

    def _advance(self, count: int) -> None:
        self._position += count
        if self._position >= SPOOL_BYTES:
            self._wrap()

    def _wrap(self) -> None:
        """Go back to the start of the ring; after a kill between two steps the position tells how far it came."""
        self._save(wrapping=1)
        self._position = os.lseek(self.fd, 0, os.SEEK_SET)
        self._wraps += 1
        self._save()

    def _save(self, wrapping: int = 0) -> None:
        os.pwrite(self.fd, self._TRAILER.pack(2 * self._wraps + wrapping, self.gen), SPOOL_BYTES)

    def read(self, offset: int, limit: int) -> bytes:
        """Bytes from ``offset`` on, fewer than ``limit`` at the end of the ring or of what is there."""
        if not self.start <= offset < self.end:
            return b""
        place = offset % SPOOL_BYTES
        return os.pread(self.fd, min(limit, self.end - offset, SPOOL_BYTES - place), place)

    def clear(self) -> None:
        """Begin a new generation."""
        os.lseek(self.fd, 0, os.SEEK_SET)
        os.ftruncate(self.fd, 0)
        self._position = self._wraps = 0
        self.gen += 1
        self._save()
        self.watchers.tell()

    def close(self) -> None:
        os.close(self.fd)
        self.fd = -1  # who reads on must not read what gets the number next


Persist = Callable[[str, dict[str, Any]], None]


class LogStore:
    """One log file. ``persist`` is given its path and what a later daemon must know, see ``restore``.

    ``trouble`` says why the log grows over its limit, or is empty.
    """

    __slots__ = (
        "_archives", "_base", "_fd", "_intent", "_measured", "_persist", "_rotate_at", "_size", "backups", "gen",
        "maxbytes", "path", "trouble", "watchers",
    )  # fmt: skip

    def __init__(
        self, path: str, maxbytes: int, backups: int, persist: Persist = lambda path, record: None
    ) -> None:
        self.path = path
        self.maxbytes = maxbytes
        self.backups = backups
        self.gen = 1
        self.watchers = Watchers()
        self._persist = persist
        self._fd = -1
        self._base = 0
        self._size = 0
        self._archives: list[int] = []  # sizes, newest first
        self._intent: dict[str, int] = {}
        self._measured = False
        self._rotate_at = 0
        self.trouble = ""

    @property
    def end(self) -> int:
        self._measure()
        return self._base + self._size

    @property
    def start(self) -> int:
        self._measure()
        return self._base - sum(self._archives)

    # --- open and close ------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        return self._fd >= 0

    def restore(self, record: dict[str, Any]) -> None:
        """Take over what an earlier daemon persisted of this path."""
        self.gen = int(record.get("gen", 1))
        self._base = int(record.get("base", 0))
        self._intent = dict(record.get("intent", {}))
        count = int(record.get("archives", 0))
        self._archives = self._sizes_on_disk(count)
        self._size = self._size_on_disk()
        self._measured = True
        if self._intent:
            with contextlib.suppress(OSError):  # once the log can be opened again, then
                self._finish_rotation()

    def _measure(self) -> None:
        """On first use: what is on disk already belongs to generation 1."""
        if not self._measured:
            self._measured = True
            self._archives = self._sizes_on_disk(self.backups)
            self._base = sum(self._archives)
            self._size = self._size_on_disk()

    def _size_on_disk(self) -> int:
        try:
            return os.stat(self.path).st_size
        except OSError:
            return 0  # not there, or not to be seen now: ``open`` says so, and finds out

    def _sizes_on_disk(self, count: int) -> list[int]:
        sizes: list[int] = []
        for number in range(1, count + 1):
            try:
                sizes.append(os.stat(f"{self.path}.{number}").st_size)
            except OSError:
                break
        return sizes

    def _save(self) -> None:
        self._persist(
            self.path,
            {"gen": self.gen, "base": self._base, "archives": len(self._archives), "intent": self._intent},
        )

    def open(self) -> None:
        """Open for writing, making the file. Raises OSError; Unsuitable when it is no regular file."""
        if self._intent and self._fd < 0:
            self._finish_rotation()
        if self._fd >= 0:
            return
        if _is_special(self.path):  # opening and closing a FIFO would tell its reader that all is over
            raise Unsuitable(errno.ESPIPE, "not a regular file", self.path)
        self._measure()
        fd = open_log(self.path, os.O_RDWR | os.O_CREAT | os.O_NOCTTY | os.O_NONBLOCK)
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            os.close(fd)
            raise Unsuitable(errno.ESPIPE, "not a regular file", self.path)
        self._fd = fd
        self._size_is(status.st_size)

    def close(self) -> None:
        """Give the descriptor back; the next write opens the file again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def reopen(self) -> None:
        """Close and open by name: after somebody renamed the file. Raises OSError."""
        if self._fd >= 0:
            self._open_again(os.fstat(self._fd))

    def _open_again(self, before: os.stat_result) -> None:
        """Open by name; another file goes on at the offset where the one before ended."""
        fd = open_log(self.path, os.O_RDWR | os.O_CREAT | os.O_NOCTTY | os.O_NONBLOCK)
        now = os.fstat(fd)
        self.close()  # not before: its inode number would be free for the new file
        self._fd = fd
        if (now.st_dev, now.st_ino) != (before.st_dev, before.st_ino):
            self._base += self._size
            self._archives = []
            self._size = now.st_size
            self._save()

    def clear(self) -> None:
        """Remove the file and begin a new generation; archives stay on disk. Raises OSError.

        What is no regular file is left alone: as root, Supervisor removes ``/dev/null`` here.
        """
        was_open = self.is_open
        self.close()
        try:
            if stat.S_ISREG(os.stat(self.path).st_mode):
                os.unlink(self.path)
        except FileNotFoundError:
            pass
        self._new_generation(0)
        if was_open:
            self.open()

    def _new_generation(self, size: int) -> None:
        self._measured = True
        self.gen += 1
        self._base, self._size, self._archives = 0, size, []
        self._save()
        self.watchers.tell()

    def _size_is(self, size: int) -> None:
        """The file has this size; smaller than what we wrote means that somebody cut it."""
        if size < self._size:
            self._new_generation(size)
        else:
            self._size = size

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
        if self.maxbytes <= 0:
            return TAKE_BYTES
        for _ in range(2):  # what is behind the last line end may be over the limit as well
            if self._size >= max(self.maxbytes, self._rotate_at):
                self._try_rotate()
        if self._fd < 0:  # it was given up between two steps
            self.open()
        return max(self.maxbytes, self._rotate_at) - self._size

    def take(self, source: int, limit: int) -> int:
        """Splice up to ``limit`` bytes; how many, 0 at the end of input, AGAIN when there are none now.

        Raises OSError when the file cannot be written; the bytes are then still in the pipe.
        """
        room = self._prepare()
        try:
            count = os.splice(source, self._fd, min(limit, room), offset_dst=self._size)
        except BlockingIOError:
            return AGAIN
        self._wrote(count)
        return count

    def append(self, data: bytes) -> int:
        """Write from memory; how many bytes went in, fewer only when a rotation came between. Raises OSError."""
        room = self._prepare()
        count = os.pwrite(self._fd, data[:room] if len(data) > room else data, self._size)
        self._wrote(count)
        return count

    def _wrote(self, count: int) -> None:
        self._size += count
        if count and self.maxbytes > 0 and max(self.maxbytes, self._rotate_at) <= self._size:
            self._try_rotate()

    def _try_rotate(self) -> None:
        """Rotate; where that cannot be, the current file goes on and it is tried again a little later."""
        try:
            self.rotate()
        except OSError as error:
            self.trouble = f"cannot rotate {self.path}: {os.strerror(error.errno or 0)}"
            self._rotate_at = self._size + ROTATE_AGAIN_BYTES

    # --- read ----------------------------------------------------------------------------------------

    def read(self, offset: int, limit: int) -> bytes:
        """Bytes from ``offset`` on, at most ``limit`` and fewer at a file's end; empty when there are none.

        Raises OSError.
        """
        self._measure()
        if offset >= self._base:
            return self._read_file(self.path, self._fd, offset - self._base, min(limit, self.end - offset))
        begin = self._base
        for number, size in enumerate(self._archives, 1):
            begin -= size
            if offset >= begin:
                place = offset - begin
                return self._read_file(f"{self.path}.{number}", -1, place, min(limit, size - place))
        return b""

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
        """Begin a new file. Raises OSError, and then the current file goes on."""
        keep = self._last_line_end()
        self._intent = {"inode": os.fstat(self._fd).st_ino, "keep": keep}
        self._save()
        waiting = f"{self.path}.rotating"
        try:
            mode = stat.S_IMODE(os.fstat(self._fd).st_mode)
            _unlink(waiting)  # of a rotation that was given up, or a link that somebody put there
            fd = os.open(waiting, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
            try:
                os.fchmod(fd, mode)
                if keep < self._size:
                    os.pwrite(fd, os.pread(self._fd, self._size - keep, keep), 0)
            finally:
                os.close(fd)
            self._shift()
        except OSError:
            self._abandon_rotation()
            raise
        self._finish_rotation()

    def _last_line_end(self) -> int:
        """How many bytes to keep in the old file."""
        begin = max(0, self._size - LINE_END_BYTES)
        tail = os.pread(self._fd, self._size - begin, begin)
        newline = tail.rfind(b"\n")
        return begin + newline + 1 if newline >= 0 else self._size

    def _shift(self) -> None:
        """PATH.i becomes PATH.i+1 as far as the first gap, PATH becomes PATH.1."""
        if self.backups <= 0:
            os.replace(f"{self.path}.rotating", self.path)
            return
        last = next(
            (n for n in range(1, self.backups) if not os.path.lexists(f"{self.path}.{n}")), self.backups
        )
        for number in range(last - 1, 0, -1):
            os.replace(f"{self.path}.{number}", f"{self.path}.{number + 1}")
        os.replace(self.path, f"{self.path}.1")

    def _abandon_rotation(self) -> None:
        self._intent = {}
        self._save()
        _unlink(f"{self.path}.rotating")

    def _finish_rotation(self) -> None:
        """From wherever the steps came to. Raises OSError, with the intent kept for another try."""
        os.stat(os.path.dirname(self.path) or ".")  # where the folder is away, nothing is known
        waiting = f"{self.path}.rotating"
        keep = self._intent["keep"]
        try:
            unmoved = os.stat(self.path).st_ino == self._intent["inode"]
        except FileNotFoundError:
            unmoved = False
        if unmoved:  # killed before the last rename: nothing has happened yet
            self._abandon_rotation()
            return
        self.close()
        if os.path.lexists(waiting):
            os.replace(waiting, self.path)
        if self.backups > 0:
            self._cut_archive(keep)
        self._archives = self._sizes_on_disk(min(len(self._archives) + 1, self.backups))
        self._base += keep
        self._intent = {}
        self.trouble, self._rotate_at = "", 0
        self._size = self._size_on_disk()
        self._save()
        self.open()

    def _cut_archive(self, keep: int) -> None:
        """PATH.1 ends where PATH begins, if it is still what was PATH."""
        try:
            fd = open_log(f"{self.path}.1", os.O_RDWR | os.O_NONBLOCK)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.EMLINK, errno.ENOENT):
                return  # somebody took it away, or put a link in its place
            raise
        try:
            status = os.fstat(fd)
            if status.st_ino == self._intent["inode"] and status.st_size > keep:
                os.ftruncate(fd, keep)
        finally:
            os.close(fd)


class StoreSet:
    """All stores of a daemon: one per path, the longest unused files closed when many are open.

    ``saved``: records by path; ``persist`` saves one, ``forget`` gives back that of a path nobody logs to any more.
    """

    def __init__(
        self,
        persist: Callable[[str, dict[str, Any]], None] = lambda path, record: None,
        saved: dict[str, dict[str, Any]] | None = None,
        open_limit: int = 256,
        forget: Callable[[str], None] = lambda path: None,
    ) -> None:
        self._persist = persist
        self._forget = forget
        self._saved = saved or {}
        self._stores: dict[str, LogStore] = {}
        self._users: dict[str, int] = {}
        self._recent: dict[str, None] = {}
        self._open_limit = open_limit

    def log(self, path: str, maxbytes: int, backups: int) -> LogStore:
        """The store of ``path``, shared by all who log there; give it back with ``release``."""
        store = self._stores.get(path)
        if store is None:
            store = LogStore(path, maxbytes, backups, self._persist)
            if path in self._saved:
                store.restore(self._saved.pop(path))
            self._stores[path] = store
        else:
            store.maxbytes, store.backups = maxbytes, backups
        self._users[path] = self._users.get(path, 0) + 1
        return store

    def users(self, store: LogStore) -> int:
        """How many log there."""
        return self._users.get(store.path, 0)

    def release(self, store: LogStore) -> None:
        """One user less; the last one closes the file."""
        self._users[store.path] -= 1
        if not self._users[store.path]:
            del self._users[store.path], self._stores[store.path]
            self._recent.pop(store.path, None)
            store.close()
            self._forget(store.path)

    def used(self, store: LogStore) -> None:
        """The store was written to: it stays open; the longest unused of too many is closed."""
        if next(reversed(self._recent), None) == store.path:
            return
        self._recent.pop(store.path, None)
        self._recent[store.path] = None
        while len(self._recent) > self._open_limit:
            path = next(iter(self._recent))
            del self._recent[path]
            if path in self._stores:
                self._stores[path].close()

    def reopen(self) -> list[OSError]:
        """Open every open log again by name; the errors of those that cannot be."""
        errors = []
        for store in self._stores.values():
            try:
                store.reopen()
            except OSError as error:
                errors.append(error)
        return errors
