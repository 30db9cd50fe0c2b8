"""Pipe or terminal to store; must never know who reads.

A ``Channel`` moves what one descriptor has to say into one store: by splice from a
pipe, by read and write from a terminal or to a target that cannot be spliced to.
It takes a bounded amount at a turn of the loop, so that one flood does not delay
the others.

Read late and in bulk: a pipe that was drained and fills again soon is then left alone
for a while, as network drivers do, so that a chatty program costs neither itself nor
the daemon a wake-up per line: for up to ``PAUSE_S`` where somebody reads along, and
``ALONE_S`` where nobody does. A flood gets a larger pipe; where one is found a quarter
full all the same the pause is halved, down to none, since its program may be waiting.

A store that cannot be written keeps the bytes in the pipe: the program blocks,
``trouble`` says why, and it is tried again every second; one that is only slow, sooner.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
from collections.abc import Callable
from typing import Protocol

from .cursor import Readable
from .lane import reason
from .spool import AGAIN, Spool
from .store import TAKE_BYTES, LogStore

PAUSE_S = 0.004
ALONE_S = 0.02
PAUSE_MIN_S = 0.001
RETRY_S = 1.0
"""How soon a log that cannot be written is tried again, and one that is in trouble is asked whether it still is."""
STALL_S = 0.02
TURN_S = 0.02
"""No turn takes longer, where a log is rotated at every few bytes."""
DRAIN_S = 0.2
FULL_BYTES = 1 << 15
DEFAULT_PIPE_BYTES = 1 << 16
PIPE_BYTES = 1 << 20
READ_BYTES = 1 << 16


class Sink(Readable, Protocol):
    """What a channel writes into. ``trouble``: what is wrong with it, for people, or empty."""

    @property
    def trouble(self) -> str: ...

    def take(self, source: int, limit: int) -> int: ...

    def append(self, data: bytes) -> int: ...


class Owner(Protocol):
    """Who a channel belongs to: told when its ``trouble`` changes, and once, when nothing more can come."""

    def channel_changed(self, channel: Channel) -> None: ...

    def channel_ended(self, channel: Channel) -> None: ...


class Channel:
    """``fd`` belongs to the channel.

    ``copy``: read and write instead of splice. ``used``: told before each write of a
    log store. ``trouble``: what is wrong with the log, for people, or empty.
    ``prompt``: somebody waits for an answer, never pause.
    """

    __slots__ = (
        "_blocked", "_capacity", "_enlarged", "_last", "_loop", "_owner", "_pause_s", "_prompt", "_reading",
        "_stalled", "_timer", "_used", "_waiting", "copy", "fd", "store", "trouble",
    )  # fmt: skip

    def __init__(
        self,
        fd: int,
        store: Sink,
        owner: Owner,
        *,
        copy: bool,
        used: Callable[[LogStore], None] | None = None,
        prompt: bool = False,
    ) -> None:
        self.fd = fd
        self.store = store
        self.copy = copy
        self.trouble = ""
        self._blocked = False
        self._stalled = False
        self._owner = owner
        self._used = used
        self._prompt = prompt
        self._loop = asyncio.get_running_loop()
        self._last = 0.0
        self._waiting = b""
        self._timer: asyncio.TimerHandle | None = None
        self._reading = False
        self._enlarged = False
        self._capacity = DEFAULT_PIPE_BYTES
        self._pause_s = ALONE_S

    def start(self) -> None:
        """Begin to move what comes."""
        self._listen()

    def _listen(self) -> None:
        if not self._reading and self.fd >= 0:
            self._reading = True
            self._loop.add_reader(self.fd, self._ready)
        if self.trouble and self._timer is None:
            self._timer = self._loop.call_later(RETRY_S, self._ask)

    def _ask(self) -> None:
        """The log may have come out of its trouble by itself."""
        self._timer = None
        if self.fd >= 0:
            self._report(self.store.trouble, False)
            self._listen()

    def _pause(self, seconds: float, then: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self.fd)
        self._timer = self._loop.call_later(seconds, then)

    def _ready(self) -> None:
        moved, ended = self._move(TAKE_BYTES)
        if moved:
            self.store.watchers.tell()
        if ended:
            self.close()
        elif self._blocked:
            self._pause(RETRY_S, self._again)
        elif self._stalled:
            self._pause(STALL_S, self._again)
        elif moved and self._is_chatty(moved) and not self._prompt:
            self._pause(self._pause_s, self._again)
        else:
            self._listen()

    def _is_chatty(self, moved: int) -> bool:
        """Whether to leave the pipe alone for a while; for how long follows from how full it was found."""
        longest_s = PAUSE_S if self.copy or self.store.watchers else ALONE_S
        now = self._loop.time()
        recent, self._last = now - self._last < 2 * longest_s, now
        if moved >= FULL_BYTES:
            self._enlarge()
        if moved > self._capacity // 4:
            self._pause_s = self._pause_s / 2 if self._pause_s > PAUSE_MIN_S else 0.0
        elif moved < self._capacity // (8 if self._pause_s else 32):
            self._pause_s = max(PAUSE_MIN_S, self._pause_s * 2)
        self._pause_s = min(self._pause_s, longest_s)
        return recent and self._pause_s > 0.0

    def _again(self) -> None:
        """After a pause: more of it, or back to waiting for the kernel to say so."""
        self._timer = None
        if self.fd >= 0:
            self._ready()

    def _enlarge(self) -> None:
        """A flood: let the program run on for longer between two turns."""
        if self._enlarged or self.copy:
            return
        self._enlarged = True
        try:
            self._capacity = fcntl.fcntl(self.fd, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        except OSError:
            pass  # over the user's share of pipe memory: the default size works as well, a little slower

    def _move(self, limit: int) -> tuple[int, bool]:
        """Move up to ``limit`` bytes; (how many, whether the input ended)."""
        self._stalled = False
        try:
            if self._used is not None and isinstance(self.store, LogStore):
                self._used(self.store)
            moved, ended = self._copy(limit) if self.copy else self._splice(limit)
        except BlockingIOError:
            self._stalled = True
            return 0, False
        except OSError as error:
            self._report(f"log blocked: {reason(error)}", True)
            return 0, False
        self._report(self.store.trouble, False)
        return moved, ended

    def _report(self, trouble: str, blocked: bool) -> None:
        self._blocked = blocked
        if trouble != self.trouble:
            self.trouble = trouble
            self._owner.channel_changed(self)

    def _splice(self, limit: int) -> tuple[int, bool]:
        total = 0
        while total < limit:
            try:
                count = self.store.take(self.fd, limit - total)
            except OSError as error:
                if error.errno == errno.EINVAL:  # a file system that cannot be spliced to
                    self.copy = True
                    return total, False
                if total:
                    return total, False  # what went in counts; the error comes again at the next turn
                raise
            if count == AGAIN:
                break
            if count == 0:
                return total, True
            total += count
            if count < FULL_BYTES:
                break  # the pipe is most likely empty; if not, the next turn has more, and more at once
        return total, False

    def _copy(self, limit: int) -> tuple[int, bool]:
        total = 0
        end = self._loop.time() + TURN_S
        while total < limit:
            if total and self._loop.time() > end:
                self._stalled = bool(self._waiting)
                break
            if not self._waiting:
                try:
                    self._waiting = os.read(self.fd, READ_BYTES)
                except BlockingIOError:
                    break
                except OSError as error:
                    if error.errno == errno.EIO:  # the last process of a terminal is gone
                        return total, True
                    raise
                if not self._waiting:
                    return total, True
            try:
                count = self.store.append(self._waiting)
            except BlockingIOError:
                self._stalled = True
                break
            self._waiting = self._waiting[count:]
            total += count
            if count < READ_BYTES and not self._waiting:
                break
        return total, False

    def drain(self, limit: int) -> None:
        """Move what is there now, up to ``limit`` bytes: the program has just ended."""
        total = 0
        end = self._loop.time() + DRAIN_S  # what is there then is read as ever
        while self.fd >= 0 and total < limit and not self._blocked and self._loop.time() < end:
            moved, ended = self._move(min(TAKE_BYTES, limit - total))
            total += moved
            if moved or ended:
                self.store.watchers.tell()
            if ended:
                self.close()
                return
            if not moved:
                break

    def close(self) -> None:
        """Stop, close the descriptor, say so."""
        if self.fd < 0:
            return
        if self._timer is not None:
            self._timer.cancel()
        if self._reading:
            self._loop.remove_reader(self.fd)
        os.close(self.fd)
        self.fd = -1
        self._owner.channel_ended(self)


class Target:
    """A spool whose bytes also go to something that cannot be positioned in: ``/dev/stdout``, a FIFO.

    ``fd`` belongs to the target. A reader that went away costs its bytes, not the
    program: they are dropped and ``lost`` counts them; one that is slow holds the
    program up.
    """

    def __init__(self, spool: Spool, fd: int) -> None:
        self.spool = spool
        self.fd = fd
        self.lost = 0
        self.trouble = ""
        self.watchers = spool.watchers

    @property
    def gen(self) -> int:
        return self.spool.gen

    @property
    def start(self) -> int:
        return self.spool.start

    @property
    def end(self) -> int:
        return self.spool.end

    def read(self, offset: int, limit: int) -> bytes:
        return self.spool.read(offset, limit)

    def take(self, source: int, limit: int) -> int:
        """Not possible here: channels to a target copy."""
        raise OSError(errno.EINVAL, "target cannot be spliced to")

    def append(self, data: bytes) -> int:
        """Write what the target takes now. Raises BlockingIOError when that is nothing."""
        try:
            count = os.write(self.fd, data)
            self.trouble = ""
        except BrokenPipeError:
            count = len(data)
            self.lost += count
            self.trouble = "nobody reads its log: what it writes there is dropped"
        self.spool.append(data[:count])
        return count

    def clear(self) -> None:
        self.spool.clear()

    def close(self) -> None:
        os.close(self.fd)
        self.spool.close()
