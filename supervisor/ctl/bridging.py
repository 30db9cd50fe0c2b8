"""``bridge``: stdin and stdout become a connection to the stream socket, for ``ssh HOST supervisorctl bridge``.

It logs in with what the configuration here says, so that the other end of the bridge
needs no password, and then only moves bytes. Must never know what they mean.

Each direction has a thread: one that has to wait must not keep the other waiting, or both
ends wait for each other.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import threading
from collections.abc import Callable
from typing import Final, TypeVar

from supervisor.client.rpc import TCPAddress
from supervisor.errors import SupervisorError, UserError
from supervisor.protocol import stream

from .session import GENERIC, Session
from .streamlink import StreamLink, stream_address

PIECE_BYTES: Final = 1 << 16

_Given = TypeVar("_Given")
_Got = TypeVar("_Got")


def bridge(session: Session, words: list[str]) -> None:
    """Until either end closes. What goes wrong is said on stderr: stdout is the connection."""
    try:
        link, tls = _connect(session, words)
    except SupervisorError as error:
        print(f"supervisorctl bridge: {error}", file=session.errors, flush=True)
        session.fail(GENERIC)
        return
    waiting, sock = link.give_up()
    with sock:
        try:
            _write(stream.encode(link.greeting) + waiting)
            _carry(_Secured(sock) if tls else sock, sock)
        except OSError:
            return  # one of the ends is gone: so is the bridge


def _connect(session: Session, words: list[str]) -> tuple[StreamLink, bool]:
    """And whether it speaks TLS. Raises UserError where there is no stream socket, and the ServerError kinds."""
    if words:
        raise UserError("no arguments are taken")
    address = stream_address(session)
    if address is None:
        raise UserError(f"{session.client.serverurl} has no stream socket")
    tls = isinstance(address, TCPAddress) and address.tls is not None
    return StreamLink(address, session.config.username, session.config.password), tls


class _Secured:
    """A TLS connection that one thread reads and another writes: OpenSSL takes one of them at a time."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._lock = threading.Lock()
        sock.setblocking(False)

    def recv(self, limit: int) -> bytes:
        return self._tried(self._sock.recv, limit)

    def sendall(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._tried(self._sock.send, view) :]

    def _tried(self, act: Callable[[_Given], _Got], given: _Given) -> _Got:
        """What ``act`` gives once the socket is ready for it; nobody is kept waiting meanwhile."""
        import ssl  # it is here already, as this connection is

        while True:
            try:
                with self._lock:
                    return act(given)
            except ssl.SSLWantReadError:
                wanted = select.POLLIN
            except ssl.SSLWantWriteError:
                wanted = select.POLLOUT
            poll = select.poll()
            poll.register(self._sock, wanted)
            poll.poll()


def _carry(connection: _Secured | socket.socket, sock: socket.socket) -> None:
    """Move bytes both ways until the server ends. Raises OSError."""
    threading.Thread(target=_inwards, args=(connection, sock), daemon=True).start()
    while data := connection.recv(PIECE_BYTES):
        _write(data)


def _inwards(connection: _Secured | socket.socket, sock: socket.socket) -> None:
    try:
        while data := os.read(sys.stdin.fileno(), PIECE_BYTES):
            connection.sendall(data)
        socket.socket.shutdown(
            sock, socket.SHUT_WR
        )  # what is still to come is read; TLS's own would forbid it
    except OSError:
        return  # the other direction sees it, too


def _write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(sys.stdout.fileno(), view) :]
