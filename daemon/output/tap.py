"""What else is done with a channel's output than logging it; must never know processes, pools, clients.

``Transformed`` is a sink for a channel whose bytes change on the way (escapes, capture
tokens) or whose log cannot be read back: the raw bytes go to a bounded ring in a memfd,
as those without a log do, and from there through ``transform`` into the log. The place
in the ring, the state of the transformation and what an unfinished capture holds lie in
the same memfd, so that a later daemon goes on at the byte; what an earlier one wrote to
the log beyond the saved place is not written again. A log that cannot be written leaves
the bytes in the ring, and then in the pipe.

``Readback`` only reads: the log is written by splice as ever, and this follows it.

Both hand on what they find (``heard``), no character of it cut in two, when the store's watchers are told, never in the
middle of a write; a daemon that dies in between hands it on again.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable
from typing import Any

from supervisor.daemon.slots import newest, slot
from supervisor.protocol.packing import pack_local

from .cursor import Chunk, Cursor, Missed
from .lane import reason
from .pump import RETRY_S, STALL_S, TURN_S, Target
from .spool import SPOOL_BYTES, Spool, Watchers
from .store import LogStore
from .transform import Characters, Item, Lines, Text, Transform

STATE_AT = SPOOL_BYTES + 4096
STATE_BYTES = 8192
CAPTURE_AT = STATE_AT + 2 * STATE_BYTES
CHUNK_BYTES = 1 << 16

Out = LogStore | Spool | Target
Heard = Callable[[Item], None]
RawHeard = Callable[[int, bytes], None]


class _RingState:
    """Two slots for a state and a ring for a capture, behind the ring of a raw spool.

    The capture's ring is twice as large as a capture may be: what is written between two states never
    touches what the older one speaks of.
    """

    def __init__(self, fd: int, capture_bytes: int) -> None:
        self._fd = fd
        self._capture_bytes = capture_bytes
        self._sequence = 0

    def load(self) -> dict[str, Any]:
        """The state written last; empty when there is none."""
        places = (STATE_AT, STATE_AT + STATE_BYTES)
        self._sequence, found = newest(os.pread(self._fd, STATE_BYTES, place) for place in places)
        return found

    def save(self, state: dict[str, Any]) -> None:
        packed = pack_local(state)
        self._sequence += 1
        os.pwrite(self._fd, slot(self._sequence, packed), STATE_AT + self._sequence % 2 * STATE_BYTES)

    def keep(self, place: int, data: bytes) -> None:
        """Put captured bytes at a place of the ring; at most as many as a capture may have."""
        size = 2 * self._capture_bytes
        place %= size
        first = data[: size - place]
        os.pwrite(self._fd, first, CAPTURE_AT + place)
        if len(first) < len(data):
            os.pwrite(self._fd, data[len(first) :], CAPTURE_AT)

    def kept(self, end: int, count: int) -> bytes:
        """The ``count`` captured bytes before a place."""
        if not count or not self._capture_bytes:
            return b""
        size = 2 * self._capture_bytes
        begin = (end - count) % size
        data = os.pread(self._fd, min(count, size - begin), CAPTURE_AT + begin)
        return data + os.pread(self._fd, count - len(data), CAPTURE_AT)


class Transformed:
    """A sink that writes to ``out`` what ``transform`` makes of its bytes; readers read ``out``.

    ``raw`` belongs to it, ``out`` to the caller. ``raw_heard`` is told of the raw bytes
    and their offset in the ring. ``shared``: others write to ``out`` as well. ``used``:
    told before each write of a log store. ``changed``: told when ``trouble`` changes.
    ``around``: called before and after many calls of ``heard`` and ``raw_heard``; with the
    second, what they were told is kept for good.
    """

    def __init__(
        self,
        raw: Spool,
        out: Out,
        transform: Transform,
        capture_maxbytes: int,
        heard: Heard,
        *,
        raw_heard: RawHeard | None = None,
        syslog: Callable[[bytes], None] | None = None,
        shared: bool = False,
        used: Callable[[LogStore], None] = lambda store: None,
        changed: Callable[[], None] = lambda: None,
        around: tuple[Callable[[], None], Callable[[], None]] = (lambda: None, lambda: None),
    ) -> None:
        self.raw = raw
        self.out = out
        self.copies = isinstance(out, Target)
        self._transform = transform
        self._heard = heard
        self._raw_heard = raw_heard
        self._syslog = syslog
        self._lines = Lines()
        self._characters = Characters()
        self._captured = False  # whether what is held back of a character was
        self._used = used
        self._changed = changed
        self._around = around
        self._state = _RingState(raw.fd, capture_maxbytes)
        self._error: OSError | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._pending = b""
        self._queue: deque[Item | tuple[int, bytes]] = deque()
        self._delivering = False
        self._capture_maxbytes = capture_maxbytes
        self._fresh = bytearray()  # of the capture under way, not kept yet
        self._kept_end = self._kept = 0
        self._skip = 0
        self._closed = False
        self._shared = shared
        self._unplaced: dict[str, Any] | None = None  # what was saved, until the log can be looked at
        self._restore()
        out.watchers.add(self.deliver)
        if self._offset < raw.end:  # left by an earlier daemon
            asyncio.get_running_loop().call_soon(self._again)

    def _restore(self) -> None:
        saved = self._state.load()
        self._kept_end, self._kept = saved.get("t", (0, 0))
        self._transform.restore(saved, self._state.kept(self._kept_end, self._kept))
        self._lines.carry = bytes(saved.get("l", b""))
        self._characters.carry = bytes(saved.get("u", b""))
        self._captured = bool(saved.get("v", False))
        self._offset = max(int(saved.get("o", self.raw.start)), self.raw.start)
        self._saved = self._offset
        self._unplaced = saved
        self._place()

    def _place(self) -> bool:
        """See how much of what is to be written stands in the log already; False when that has to wait."""
        saved = self._unplaced
        if saved is None:
            return True
        if isinstance(self.out, LogStore):
            try:
                self.out.measure()
            except OSError as error:
                self._blocked(error)
                return False
        self._unplaced = None
        if not saved:
            self._save()  # from here on it is known how long the log was
        elif not self._shared and saved.get("g") == self.out.gen:
            self._skip = max(0, self.out.end - int(saved.get("n", 0)))
        return True

    # --- as a store ----------------------------------------------------------------------------------

    @property
    def gen(self) -> int:
        return self.out.gen

    @property
    def watchers(self) -> Watchers:
        return self.out.watchers

    @property
    def start(self) -> int:
        return self.out.start

    @property
    def end(self) -> int:
        return self.out.end

    @property
    def trouble(self) -> str:
        """What is wrong with the log, for people, or empty."""
        error = self._error
        if error is None or isinstance(error, BlockingIOError):
            return self.out.trouble
        return f"log blocked: {reason(error)}"

    def read(self, offset: int, limit: int) -> bytes:
        """Transformed bytes; see LogStore."""
        return self.out.read(offset, limit)

    def clear(self) -> None:
        self.out.clear()

    def close(self) -> None:
        """Stop, give the ring back."""
        self._closed = True
        self.out.watchers.discard(self.deliver)
        if self._timer is not None:
            self._timer.cancel()
        self.raw.close()

    # --- in ------------------------------------------------------------------------------------------

    def _room(self) -> int:
        """How much the ring takes. Raises the error that keeps the log from being written when that is nothing."""
        room = SPOOL_BYTES - (self.raw.end - self._saved)
        if room <= 0:
            self._process()
            self._save()
            room = SPOOL_BYTES - (self.raw.end - self._saved)
        if room <= 0:
            raise self._error or BlockingIOError()
        return room

    def take(self, source: int, limit: int) -> int:
        """Splice up to ``limit`` bytes; see LogStore."""
        count = self.raw.take(source, min(limit, self._room()))
        if count > 0:
            self._process()
        return count

    def append(self, data: bytes) -> int:
        """Take from memory what fits; how much. Raises OSError when that is nothing."""
        count = self.raw.append(data[: self._room()])
        self._process()
        return count

    def finish(self) -> None:
        """The program's end of the channel is closed: what was held back comes out."""
        for item in self._transform.finish():
            self._sort(item)
        if self._syslog is not None:
            for line in self._lines.finish():
                self._syslog(line)
        self._fresh.clear()
        self._kept = 0
        self._process()
        self.deliver()
        self._hear_rest()
        self._save()

    # --- through -------------------------------------------------------------------------------------

    def _process(self) -> None:
        """Transform what is in the ring, as far as the log takes it."""
        while self._place() and self._write() and self._offset < self.raw.end:
            data = self.raw.read(self._offset, CHUNK_BYTES)
            if self._raw_heard is not None:
                self._queue.append((self._offset, data))
            self._offset += len(data)
            for item in self._transform.feed(data):
                self._sort(item)

    def _sort(self, item: Item) -> None:
        if not isinstance(item, Text):
            self._fresh.clear()
            self._kept = 0
        elif item.captured:
            self._fresh += item.data
            del self._fresh[: max(0, len(self._fresh) - self._capture_maxbytes)]
        else:
            fresh = item.data[self._skip :]
            self._skip -= len(item.data) - len(fresh)
            self._pending += fresh
        self._queue.append(item)

    def _write(self) -> bool:
        """Write what is transformed; False when it has to wait."""
        end = asyncio.get_running_loop().time() + TURN_S
        while self._pending:
            if asyncio.get_running_loop().time() > end:
                self._retry(0.0)
                return False
            try:
                if isinstance(self.out, LogStore):
                    self._used(self.out)
                count = self.out.append(self._pending)
            except OSError as error:
                self._blocked(error)
                return False
            self._pending = self._pending[count:]
        self._blocked(None)
        return True

    def _blocked(self, error: OSError | None) -> None:
        before = self._error
        if isinstance(error, BlockingIOError):  # a target that is slow is no trouble, nor the end of one
            self._error = before or error
            self._retry(STALL_S)
            return
        self._error = error
        if error is not None:
            self._retry(RETRY_S)
        if (before is None or isinstance(before, BlockingIOError)) != (error is None):
            self._changed()

    def _retry(self, seconds: float) -> None:
        if self._timer is None and not self._closed:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._again)

    def _again(self) -> None:
        self._timer = None
        if not self._closed:
            self._process()
            self.out.watchers.tell()

    # --- out -----------------------------------------------------------------------------------------

    def deliver(self) -> None:
        """Hand on what was found, then note how far this came."""
        if self._delivering:
            return
        if self._queue:
            begin, end = self._around
            self._delivering = True
            begin()
            try:
                while self._queue:
                    self._hand_on(self._queue.popleft())
            finally:
                end()
                self._delivering = False
        self._save()

    def _hand_on(self, item: Item | tuple[int, bytes]) -> None:
        if isinstance(item, tuple):
            if self._raw_heard is not None:
                self._raw_heard(*item)
            return
        if self._syslog is not None and isinstance(item, Text) and not item.captured:
            for line in self._lines.feed(item.data):
                self._syslog(line)
        if not isinstance(item, Text):
            self._hear_rest()
            self._heard(item)
            return
        if item.captured != self._captured:
            self._hear_rest()
            self._captured = item.captured
        data = self._characters.feed(item.data)
        if data:
            self._heard(Text(data, item.captured))

    def _hear_rest(self) -> None:
        """The character that was held back does not go on."""
        rest = self._characters.finish()
        if rest:
            self._heard(Text(rest, self._captured))

    def _save(self) -> None:
        if self._pending or self._queue or self._closed or self._unplaced is not None:
            return  # a later daemon begins again where the log is known to be written
        if self._fresh:
            self._state.keep(self._kept_end, bytes(self._fresh))
            self._kept_end += len(self._fresh)
            self._kept = min(self._kept + len(self._fresh), self._capture_maxbytes)
            self._fresh.clear()
        self._saved = self._offset
        self._state.save(
            {
                **self._transform.save(),
                "o": self._offset,
                "t": (self._kept_end, self._kept),
                "l": self._lines.carry,
                "u": self._characters.carry,
                "v": self._captured,
                "g": self.out.gen,
                "n": self.out.end,
            }
        )


class Readback:
    """Follows a log that is written by splice. ``place`` is (generation, offset); ``moved`` is told of a new one."""

    def __init__(
        self,
        store: LogStore,
        place: tuple[int, int] | None,
        heard: Heard,
        *,
        syslog: Callable[[bytes], None] | None = None,
        moved: Callable[[], None] = lambda: None,
        missed: Callable[[int], None] = lambda count: None,
    ) -> None:
        self._cursor = Cursor(store, *(place or (store.gen, store.end)))
        self._heard = heard
        self._syslog = syslog
        self._lines = Lines()
        self._characters = Characters()
        self._moved = moved
        self._missed = missed
        self._delivering = False
        store.watchers.add(self.deliver)
        if self._cursor.offset < store.end:
            asyncio.get_running_loop().call_soon(self.deliver)

    @property
    def place(self) -> tuple[int, int]:
        """Where a later daemon is to go on: before the line, or the character, that is not whole yet."""
        held = max(len(self._lines.carry), len(self._characters.carry))
        return self._cursor.gen, max(0, self._cursor.offset - held)

    def deliver(self) -> None:
        """Hand on what is new in the log."""
        if self._delivering:
            return
        self._delivering = True
        try:
            while (item := self._next()) is not None:
                if isinstance(item, Chunk):
                    self._hand_on(item.data)
                else:
                    self._hear_rest()
                    self._missed(item.until - item.offset)
        finally:
            self._delivering = False

    def _next(self) -> Chunk | Missed | None:
        try:
            return self._cursor.next(CHUNK_BYTES)
        except OSError:
            return None  # unreadable for now; the next change of the log tries again

    def _hand_on(self, data: bytes) -> None:
        if self._syslog is not None:
            for line in self._lines.feed(data):
                self._syslog(line)
        whole = self._characters.feed(data)
        if whole:
            self._heard(Text(whole))
        self._moved()

    def _hear_rest(self) -> None:
        """The character that was held back does not go on."""
        rest = self._characters.finish()
        if rest:
            self._heard(Text(rest))

    def finish(self) -> None:
        """The program's end of the channel is closed: its last line may have had no end."""
        self.deliver()
        self._hear_rest()
        if self._syslog is not None:
            for line in self._lines.finish():
                self._syslog(line)

    def close(self) -> None:
        self._cursor.store.watchers.discard(self.deliver)
