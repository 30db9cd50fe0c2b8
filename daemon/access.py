"""Who the peer is and what it may do; throttle; must never know methods' insides.

Roles, each including the one before: ``none``, ``observer`` (state and logs),
``operator`` (start, stop, signal), ``admin`` (the rest; equals code execution as
any program's user). Who can connect to a unix socket without a password is admin;
so is everybody who gives the right password, and, as with Supervisor, everybody on
a TCP server that has none.
"""

from __future__ import annotations

import hashlib
import hmac
import pwd
import socket
import struct
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

ROLES: Final = ("none", "observer", "operator", "admin")
FREE_FAILURES: Final = 5
DELAY_MAX_S: Final = 60.0
REMEMBERED: Final = 1024


@dataclass(frozen=True, slots=True)
class Caller:
    """``name``: for causes and logs, such as ``root (pid 12)`` or ``admin at 127.0.0.1``."""

    name: str
    role: str

    def may(self, role: str) -> bool:
        return ROLES.index(self.role) >= ROLES.index(role)


@dataclass(frozen=True, slots=True)
class Peer:
    """``address``: what failures are counted by. ``name``: for people."""

    address: str
    name: str


def peer_of(sock: socket.socket) -> Peer:
    """Who is at the other end of a connected socket; unix peers by their credentials."""
    if sock.family == socket.AF_UNIX:
        packed = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        pid, uid, _gid = struct.unpack("3i", packed)
        try:
            user = pwd.getpwuid(uid).pw_name
        except KeyError:
            user = f"uid {uid}"
        return Peer(f"uid {uid}", f"{user} (pid {pid})")
    try:
        host = sock.getpeername()[0]
    except OSError:
        host = "gone"
    return Peer(host, host)


def password_matches(stored: str, given: str) -> bool:
    """Compare with a plain or ``{SHA}`` password, in constant time."""
    if stored.startswith("{SHA}"):
        given = hashlib.sha1(given.encode("utf-8", "surrogateescape")).hexdigest()
        stored = stored[5:]
    return hmac.compare_digest(
        stored.encode("utf-8", "surrogateescape"), given.encode("utf-8", "surrogateescape")
    )


def login_matches(username: str, password: str, given_username: str, given_password: str) -> bool:
    """Both right; a wrong name costs as much as a wrong password."""
    name_right = hmac.compare_digest(
        username.encode("utf-8", "surrogateescape"), given_username.encode("utf-8", "surrogateescape")
    )
    return password_matches(password, given_password) and name_right


class Throttle:
    """Slows down whoever guesses: after five failures each answer waits, 1 s doubling to 60 s."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def delay(self, address: str, now: float) -> float:
        """Seconds to wait before this address is answered; ``now`` is monotonic."""
        count, last = self._failures.get(address, (0, 0.0))
        if count < FREE_FAILURES:
            return 0.0
        pause = float(min(DELAY_MAX_S, 2.0 ** (count - FREE_FAILURES)))
        return max(0.0, last + pause - now)

    def failed(self, address: str, now: float) -> None:
        count, _ = self._failures.pop(address, (0, 0.0))
        self._failures[address] = (count + 1, now)
        if len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)

    def succeeded(self, address: str) -> None:
        self._failures.pop(address, None)
