"""Lines to the system's log, without ever waiting for it; must never know processes.

The C library's ``syslog`` blocks while the log daemon does; this sends datagrams from a
non-blocking socket instead.
"""

from __future__ import annotations

import socket
import time

PATH = "/dev/log"
FACILITY_USER = 1 << 3
SEVERITY_INFO = 6
MAX_BYTES = 8192
TRY_AGAIN_S = 5.0
_CLEAN = bytes(c if c >= 32 or c == 9 else 63 for c in range(256))


class Syslogger:
    """``path``: the socket of the log daemon. ``ident`` stands in front of each line."""

    def __init__(self, path: str = PATH, ident: str = "supervisord") -> None:
        self.dropped = 0
        self._path = path
        self._ident = ident
        self._socket: socket.socket | None = None
        self._closed_until = 0.0

    def line(self, text: bytes) -> None:
        """Send one line as ``send`` does; one that cannot be sent is dropped and counted."""
        try:
            self.send(text)
        except OSError:
            self.dropped += 1

    def send(self, text: bytes) -> int:
        """Send one line; control characters but tabs become ``?``. Its length. Raises OSError: not now."""
        stamp = time.strftime("%b %e %H:%M:%S").encode()
        head = b"<%d>%s %s: " % (FACILITY_USER | SEVERITY_INFO, stamp, self._ident.encode())
        data = (head + text.translate(_CLEAN))[:MAX_BYTES]
        try:
            self._connected().send(data)
        except BlockingIOError:
            raise
        except OSError:  # once more: the log daemon may have been started anew
            self.close()
            self._connected().send(data)
        return len(text)

    def _connected(self) -> socket.socket:
        if self._socket is None:
            if time.monotonic() < self._closed_until:
                raise OSError("no log daemon a moment ago")
            made = socket.socket(
                socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
            )
            try:
                made.connect(self._path)
            except OSError:
                made.close()
                self._closed_until = time.monotonic() + TRY_AGAIN_S
                raise
            self._socket = made
        return self._socket

    def close(self) -> None:
        """Give the socket back; the next line opens it again."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
