"""Who the peer is and what it may do; throttle; must never know methods' insides.

Roles, each including the one before: ``none``, ``observer`` (state and logs),
``operator`` (start, stop, signal), ``admin`` (the rest; equals code execution as
any program's user). A server gives its ``role`` to whoever can connect to its unix
socket without a password, to everybody who gives the right one, and to everybody on
a TCP server that has none; admin unless the file says otherwise.

**Guessing.** An attempt counts as a failure until it turned out right, so that a
hundred at once are no cheaper than a hundred in a row. Five are free; after them
each attempt of an address waits for its turn, turns lie 1 s and then twice as far
apart, up to 60 s. Who would have to wait longer is turned away unchecked. Other
addresses do not notice, and a unix socket waits a second at most. The same login
from the same address is checked once, however often it is sent meanwhile. A login
that was right is remembered for five minutes (as an HMAC under a key that only this
process has), so that not every request of a dashboard costs a slow hash; while its
address is being slowed down it waits its turn all the same, or the answer's speed
would tell right from wrong.

Slow hashes run in threads: one at a time for all of TCP, another for unix sockets. Who has many addresses gains
little: all of TCP together has twenty checks a second, more are turned away unchecked. Remembered logins need none.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import os
import socket
import struct
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from supervisor import passwords

ROLES: Final = ("none", "observer", "operator", "admin")
FREE_FAILURES: Final = 5
DELAY_MAX_S: Final = 60.0
UNIX_DELAY_MAX_S: Final = 1.0
CHECKS_A_SECOND: Final = 20
WAITING_MAX: Final = 256
"""So many checks that wait for their turn; a client that has gone leaves its own behind."""
REMEMBERED: Final = 1024
REMEMBERED_S: Final = 300.0
BASIC_MAX_CHARACTERS: Final = 8192


@dataclass(frozen=True, slots=True)
class Caller:
    """``name``: for causes and logs, such as ``root (pid 12)`` or ``admin at 127.0.0.1``."""

    name: str
    role: str
    remote: bool = False
    """Over TCP."""

    def may(self, role: str) -> bool:
        return ROLES.index(self.role) >= ROLES.index(role)


@dataclass(frozen=True, slots=True)
class Peer:
    """``address``: what failures are counted by. ``name``: for people. ``uid`` -1: over TCP."""

    address: str
    name: str
    uid: int = -1
    place: str = "localhost:0"
    """``host:port`` as access lines show it."""


def peer_of(sock: socket.socket, name_of: Callable[[int], str]) -> Peer:
    """Who is at the other end of a connected socket; unix peers by their credentials. ``name_of``: a uid, for people."""
    if sock.family == socket.AF_UNIX:
        packed = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        pid, uid, _gid = struct.unpack("3i", packed)
        return Peer(f"uid {uid}", f"{name_of(uid)} (pid {pid})", uid)
    try:
        host, port = sock.getpeername()[:2]
    except OSError:
        host, port = "gone", 0
    return Peer(host, host, place=f"{host}:{port}")


# --- passwords ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Login:
    """A name and a password as a client gave them."""

    name: bytes
    password: bytes


@dataclass(frozen=True, slots=True)
class Account:
    """The name and the stored password of one server."""

    username: str
    password: str

    def admits(self, login: Login) -> bool:
        """Whether both are right; a wrong name costs as much as a wrong password. May take half a second."""
        name = hmac.compare_digest(self.username.encode("utf-8", "surrogateescape"), login.name)
        return passwords.matches(self.password, login.password) and name


def basic_login(header: str) -> Login | None:
    """What an Authorization header of the scheme Basic says; None for anything else."""
    scheme, _, packed = header.partition(" ")
    if scheme.lower() != "basic" or len(packed) > BASIC_MAX_CHARACTERS:
        return None
    try:
        name, colon, password = base64.b64decode(packed.strip(), validate=True).partition(b":")
    except ValueError:
        return None
    return Login(name, password) if colon else None


class Throttle:
    """When an address may try again. Pure: ``now`` is monotonic seconds."""

    def __init__(self) -> None:
        self._attempts: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def delay(self, address: str, now: float) -> float:
        """Seconds until an attempt of this address would be checked."""
        _, due = self._attempts.get(address, (0, 0.0))
        return max(0.0, due - now)

    def attempt(self, address: str, now: float) -> float | None:
        """Counts an attempt as failed; the seconds it has to wait, None: too many wait already.

        ``succeeded`` forgets what was counted.
        """
        count, due = self._attempts.pop(address, (0, 0.0))
        most = UNIX_DELAY_MAX_S if address.startswith("uid ") else DELAY_MAX_S
        start = max(now, due)
        if start - now > most:
            self._attempts[address] = (count, due)
            return None
        count += 1
        beyond = count - FREE_FAILURES
        pause = min(most, 2.0 ** min(beyond, 16)) if beyond >= 0 else 0.0
        self._attempts[address] = (count, start + pause)
        if len(self._attempts) > REMEMBERED:
            self._attempts.popitem(last=False)
        return start - now

    def succeeded(self, address: str) -> None:
        self._attempts.pop(address, None)


class Allowance:
    """So many a second, as many saved up at most. Pure: ``now`` is monotonic seconds."""

    def __init__(self, per_s: int) -> None:
        self._per_s = per_s
        self._left = float(per_s)
        self._at = 0.0

    def take(self, now: float) -> bool:
        """Whether there is one more."""
        self._left = min(float(self._per_s), self._left + (now - self._at) * self._per_s)
        self._at = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


class TooManyAttempts(Exception):
    """This address is to come back in ``retry_s`` seconds."""

    def __init__(self, retry_s: float) -> None:
        super().__init__(retry_s)
        self.retry_s = retry_s


class Doorkeeper:
    """Checks logins for all servers of a daemon; see the theory above."""

    def __init__(self) -> None:
        self.throttle = Throttle()
        self._tcp_checks = Allowance(CHECKS_A_SECOND)
        self._key = os.urandom(32)
        self._right: OrderedDict[bytes, float] = OrderedDict()
        self._checking: dict[tuple[str, bytes], asyncio.Task[bool]] = {}
        self._lanes = {"tcp": asyncio.Lock(), "unix": asyncio.Lock()}

    def form_token(self, purpose: str, now: float, days_ago: int = 0) -> str:
        """A text that only this process can make; another one each day."""
        day = int(now // 86400) - days_ago
        return hmac.new(self._key, f"form {purpose} {day}".encode(), hashlib.sha256).hexdigest()[:32]

    def is_form_token(self, given: str, purpose: str, now: float) -> bool:
        """Whether a token was made for this purpose today or yesterday."""
        packed = given.encode("utf-8", "surrogateescape")
        today = hmac.compare_digest(packed, self.form_token(purpose, now).encode())
        return hmac.compare_digest(packed, self.form_token(purpose, now, 1).encode()) or today

    async def admits(self, account: Account, login: Login, peer: Peer) -> bool:
        """Whether the login is right; may take its time. Raises TooManyAttempts."""
        mark = self._mark(account, login)
        now = time.monotonic()
        if self._remembers(mark, now) and not self.throttle.delay(peer.address, now):
            return True
        key = (peer.address, mark)
        task = self._checking.get(key)
        if task is None:
            waiting = self.throttle.delay(peer.address, now)  # who waits too long costs the others nothing
            counts = peer.uid < 0 and waiting <= DELAY_MAX_S
            if counts and (len(self._checking) >= WAITING_MAX or not self._tcp_checks.take(now)):
                raise TooManyAttempts(1.0)
            delay = self.throttle.attempt(peer.address, now)
            if delay is None:
                raise TooManyAttempts(self.throttle.delay(peer.address, now))
            if not delay and not passwords.is_slow(account.password):
                return self._note(account.admits(login), mark, peer)
            task = asyncio.get_running_loop().create_task(self._check(account, login, peer, mark, delay))
            self._checking[key] = task
            task.add_done_callback(lambda _: self._checking.pop(key, None))
        return await asyncio.shield(task)

    async def _check(self, account: Account, login: Login, peer: Peer, mark: bytes, delay: float) -> bool:
        await asyncio.sleep(delay)
        if self._remembers(mark, time.monotonic()):
            return self._note(True, mark, peer)
        if not passwords.is_slow(account.password):
            return self._note(account.admits(login), mark, peer)
        async with self._lanes["unix" if peer.uid >= 0 else "tcp"]:
            right = await asyncio.to_thread(account.admits, login)
        return self._note(right, mark, peer)

    def _note(self, right: bool, mark: bytes, peer: Peer) -> bool:
        if right:
            self.throttle.succeeded(peer.address)
            self._right.pop(mark, None)
            self._right[mark] = time.monotonic() + REMEMBERED_S
            if len(self._right) > REMEMBERED:
                self._right.popitem(last=False)
        return right

    def _remembers(self, mark: bytes, now: float) -> bool:
        until = self._right.get(mark)
        if until is None:
            return False
        if until < now:
            del self._right[mark]
            return False
        return True

    def _mark(self, account: Account, login: Login) -> bytes:
        parts = (
            account.username.encode("utf-8", "surrogateescape"),
            account.password.encode("utf-8", "surrogateescape"),
            login.name,
            login.password,
        )
        text = b"".join(struct.pack(">I", len(part)) + part for part in parts)
        return hmac.new(self._key, text, hashlib.sha256).digest()
