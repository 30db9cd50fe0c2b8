"""``bridge``: stdin and stdout become a connection to the stream socket, for ``ssh HOST supervisorctl bridge``.

It logs in with what the configuration here says, so that the other end of the bridge
needs no password, and then only moves bytes. Must never know what they mean.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from typing import Final

from supervisor.client.rpc import TCPAddress
from supervisor.errors import SupervisorError, UserError
from supervisor.protocol import stream

from .session import GENERIC, Session
from .streamlink import StreamLink

PIECE_BYTES: Final = 1 << 16


def bridge(session: Session, words: list[str]) -> None:
    """Until either end closes. What goes wrong is said on stderr: stdout is the connection."""
    try:
        link = _connect(session, words)
    except SupervisorError as error:
        print(f"supervisorctl bridge: {error}", file=session.errors, flush=True)
        session.fail(GENERIC)
        return
    waiting, sock = link.give_up()
    with sock:
        try:
            _write(stream.encode(link.greeting) + waiting)
            threading.Thread(target=_inwards, args=(sock,), daemon=True).start()
            while data := sock.recv(PIECE_BYTES):
                _write(data)
        except OSError:
            return  # one of the ends is gone: so is the bridge


def _connect(session: Session, words: list[str]) -> StreamLink:
    """Raises UserError where there is no stream socket, and the ServerError kinds."""
    from .attach import stream_address  # seldom used, see commands.fg

    if words:
        raise UserError("no arguments are taken")
    address = stream_address(session)
    if address is None:
        raise UserError(f"{session.client.serverurl} has no stream socket")
    if isinstance(address, TCPAddress) and address.tls is not None:
        raise UserError(f"{session.client.serverurl} speaks TLS: it can be reached without a bridge")
    return StreamLink(address, session.config.username, session.config.password)


def _inwards(sock: socket.socket) -> None:
    try:
        while data := os.read(sys.stdin.fileno(), PIECE_BYTES):
            sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
    except OSError:
        return  # the other direction sees it, too


def _write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(sys.stdout.fileno(), view) :]
