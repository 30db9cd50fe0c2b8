"""The daemon's end of the keeper: adoption, spawn requests, exits; must never know *why*.

``KeeperLink`` wraps the socket: frames out, frames in with their descriptors.
What it reads it hands to one callback, in the order the keeper sent it.
"""

from __future__ import annotations

import array
import asyncio
import errno
import os
import socket
from collections import deque
from collections.abc import Callable

from .keeper import wire

OnFrame = Callable[[wire.Frame, list[int]], None]


def receive(sock: socket.socket) -> tuple[bytes, list[int]]:
    """One datagram and the descriptors beside it; none and nothing at the end. Raises OSError.

    No descriptors, too, where this process has no room for all of them.
    """
    data, control, flags, _ = sock.recvmsg(
        wire.MAX_FRAME_BYTES, socket.CMSG_SPACE(wire.MAX_FDS * 4), socket.MSG_CMSG_CLOEXEC
    )
    fds = wire.descriptors(control)
    if flags & socket.MSG_CTRUNC:
        for fd in fds:
            os.close(fd)
        fds = []
    return data, fds


class KeeperLink:
    """``on_frame`` gets each frame and owns the descriptors beside it; ``on_lost`` is told once."""

    def __init__(self, sock: socket.socket, on_frame: OnFrame, on_lost: Callable[[], None]) -> None:
        self._sock = sock
        self._on_frame = on_frame
        self._on_lost = on_lost
        self._outgoing: deque[tuple[bytes, list[int]]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: dict[int, asyncio.Future[tuple[int, list[int]]]] = {}
        self._token = 0
        self._ending = False
        self._full = False  # the socket takes no more for now, and the loop says when it does
        self._held: dict[str, tuple[int, int, int]] = {}
        self.lost = False
        """The keeper is gone: nothing that is asked for is answered any more."""
        sock.setblocking(False)

    def start(self) -> None:
        """Begin to read, on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._sock, self._read)
        self._flush()  # what did not fit before there was a loop to say when it does

    def stop(self) -> None:
        """Stop reading; what is queued is sent first, as far as the socket takes it."""
        self._flush()
        if self._loop is not None:
            self._loop.remove_reader(self._sock)
            self._loop.remove_writer(self._sock)
            self._loop = None

    def send(self, frame: wire.Frame, fds: tuple[int, ...] = ()) -> None:
        """Queue a frame; its descriptors are duplicated, the caller keeps its own.

        Raises OSError: no descriptors are left, or E2BIG for what is too long for any frame.
        """
        if isinstance(frame, wire.Hold):
            self.note_held(frame.name, fds[0])
        elif isinstance(frame, wire.Drop):
            self._held.pop(frame.name, None)
        data = wire.encode(frame)
        if len(data) > wire.MAX_ENCLOSED_BYTES:
            raise OSError(errno.E2BIG, os.strerror(errno.E2BIG))
        kept = [os.dup(fd) for fd in fds]
        if len(data) > wire.MAX_FRAME_BYTES:
            memfd = os.memfd_create("supervisor-frame", os.MFD_CLOEXEC)
            os.pwrite(memfd, data, 0)
            kept.insert(0, memfd)
            data = wire.encode(wire.Enclosed(len(data)))
        self._outgoing.append((data, kept))
        if len(self._outgoing) == 1:
            self._flush()

    @property
    def idle(self) -> bool:
        """Whether the keeper was sent all there was to send."""
        return not self._outgoing

    def note_held(self, name: str, fd: int) -> None:
        """The keeper holds what our own ``fd`` is, too."""
        found = os.fstat(fd)
        self._held[name] = (fd, found.st_dev, found.st_ino)

    def held_now(self) -> dict[str, int]:
        """What the keeper holds, as descriptors of ours, as far as they are still open here."""
        held: dict[str, int] = {}
        for name, (fd, device, inode) in self._held.items():
            try:
                found = os.fstat(fd)
            except OSError:
                continue
            if (found.st_dev, found.st_ino) == (device, inode):
                held[name] = fd
        return held

    async def signal(self, name: str, gen: int, sig: int, group: bool, wake: bool = False) -> int:
        """Send a signal, with ``wake`` SIGCONT behind it; errno, 0 for sent."""
        code, _ = await self._ask(lambda token: wire.Signal(token, name, gen, sig, group, wake))
        return code

    async def fetch_stdin(self, name: str, gen: int) -> int:
        """The write end of a process's stdin, now the caller's; -1 when it has none."""
        _, fds = await self._ask(lambda token: wire.Fetch(token, name, gen))
        return fds[0] if fds else -1

    async def _ask(self, make: Callable[[int], wire.Frame]) -> tuple[int, list[int]]:
        self._token += 1
        token = self._token
        future: asyncio.Future[tuple[int, list[int]]] = asyncio.get_running_loop().create_future()
        self._waiting[token] = future
        self.send(make(token))
        try:
            return await future
        finally:
            self._waiting.pop(token, None)

    def _flush(self) -> None:
        while self._outgoing:
            data, fds = self._outgoing[0]
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
            try:
                self._sock.sendmsg([data], ancillary)
            except BlockingIOError:
                if self._loop is not None:
                    self._full = True
                    self._loop.add_writer(self._sock, self._flush)
                return
            except OSError:
                self._read_rest()
                self._lose()
                return
            self._outgoing.popleft()
            for fd in fds:
                os.close(fd)
        if self._full and self._loop is not None:
            self._full = False
            self._loop.remove_writer(self._sock)

    def _read(self) -> None:
        for _ in range(256):  # then let others have their turn
            try:
                data, fds = receive(self._sock)
            except BlockingIOError:
                return
            except OSError:
                self._lose()
                return
            if not data:
                self._lose()
                return
            self._dispatch(wire.decode(data), fds)
            if self._loop is None:
                return

    def _read_rest(self) -> None:
        """What the keeper had said before it was gone."""
        while self._outgoing:  # what is asked for meanwhile goes nowhere
            for fd in self._outgoing.popleft()[1]:
                os.close(fd)
        before, self._ending = self._ending, True
        while not before and self._loop is not None:
            try:
                data, fds = receive(self._sock)
            except OSError:
                return
            if not data:
                return
            self._dispatch(wire.decode(data), fds)

    def _dispatch(self, frame: wire.Frame, fds: list[int]) -> None:
        if isinstance(frame, wire.Signalled):
            self._resolve(frame.token, (frame.errno, []))
        elif isinstance(frame, wire.Fetched):
            if not self._resolve(frame.token, (0, fds)):
                for fd in fds:
                    os.close(fd)
        else:
            self._on_frame(frame, fds)

    def _resolve(self, token: int, result: tuple[int, list[int]]) -> bool:
        future = self._waiting.pop(token, None)
        if future is None or future.done():
            return False
        future.set_result(result)
        return True

    def _lose(self) -> None:
        if self._loop is None:
            return
        self._loop.remove_reader(self._sock)
        self._loop.remove_writer(self._sock)
        self._loop = None
        self.lost = True
        for future in self._waiting.values():
            future.cancel()
        self._on_lost()
