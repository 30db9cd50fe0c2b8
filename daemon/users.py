"""Who users are, asked of a system that may not answer (LDAP, NIS, a network that is gone); must never know why
somebody asks.

The system's name service (nsswitch.conf) is asked in a thread of its own, as a file system is (``output.lane``): the
loop waits for a moment at most. What was known before is used where there is no answer, so that programs start while
the directory of users is away. ``lane`` is for names of hosts, too.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, TypeVar

from .command import CommandError
from .output.lane import Lane, Unanswered

FRESH_S: Final = 1.0
"""Who starts many programs asks once; who changes a user's groups and restarts a program finds them changed."""
NAME_FRESH_S: Final = 60.0
NAMES_MAX: Final = 1024
GROUPS_MAX: Final = 1 << 16  # NGROUPS_MAX of Linux

Rights = tuple[int, int, list[int]]
"""What the keeper is to set: uid, gid, groups; uid -1: nothing."""
SAME: Final[Rights] = (-1, -1, [])
T = TypeVar("T")


def look_up(uid: int) -> Rights:
    """Raises CommandError. May block."""
    try:
        entry = pwd.getpwuid(uid)
    except KeyError as error:  # there was one when the configuration was read
        raise CommandError(f"there is no user with uid {uid} any more", found=True) from error
    return uid, entry.pw_gid, groups_of(entry.pw_name, entry.pw_gid)


def groups_of(name: str, gid: int) -> list[int]:
    """As ``os.getgrouplist``, which lets no other thread run while it waits."""
    count = 64
    while True:
        room = ctypes.c_int(count)
        groups = (ctypes.c_uint32 * count)()
        if ctypes.CDLL(None).getgrouplist(os.fsencode(name), gid, groups, ctypes.byref(room)) >= 0:
            return list(groups[: room.value])
        if count > GROUPS_MAX:
            return os.getgrouplist(name, gid)
        count = max(room.value, 2 * count)


def name_of(uid: int) -> str:
    """May block."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


class Users:
    """``on_loop``: has something done by the loop."""

    def __init__(self, on_loop: Callable[[Callable[[], None]], object]) -> None:
        self.lane = Lane("users", on_loop, "the name service")
        self._rights: dict[int, tuple[float, Rights]] = {}
        self._names: dict[int, tuple[float, str]] = {}

    def learn(self, uids: Iterable[int | None]) -> None:
        """Ask for them already, and wait for nothing."""
        for uid in {uid for uid in uids if uid is not None and uid != os.geteuid()}:
            self.lane.post(partial(self._learn, uid))

    def _learn(self, uid: int) -> None:
        self._rights.setdefault(uid, (time.monotonic(), look_up(uid)))

    def rights(self, uid: int | None) -> Rights:
        """Of a program's user. Raises CommandError, BlockingIOError, and Unanswered where nothing is known."""
        if uid is None or uid == os.geteuid():
            return SAME
        known = self._rights.get(uid)
        if known is None or time.monotonic() - known[0] > FRESH_S:
            try:
                known = self._rights[uid] = self._ask(("rights", uid), partial(look_up, uid), FRESH_S)
            except CommandError:
                self._rights.pop(uid, None)
                raise
            except Unanswered:
                if known is None:
                    raise
        return known[1]

    def name(self, uid: int) -> str:
        """For people; its number where it has none, or none is told."""
        known = self._names.get(uid)
        if known is None or time.monotonic() - known[0] > NAME_FRESH_S:
            if len(self._names) > NAMES_MAX:
                self._names.clear()
            try:
                known = self._names[uid] = self._ask(("name", uid), partial(name_of, uid), NAME_FRESH_S)
            except OSError:
                return known[1] if known is not None else f"uid {uid}"
        return known[1]

    def _ask(self, name: object, function: Callable[[], T], fresh_s: float) -> tuple[float, T]:
        """The answer and when it came. Raises BlockingIOError or Unanswered."""

        def dated() -> tuple[float, T]:
            return time.monotonic(), function()

        answer: tuple[float, T] = self.lane.collect(name, lambda: dated)
        if time.monotonic() - answer[0] > fresh_s:  # it came too late for who asked
            answer = self.lane.collect(name, lambda: dated)
        return answer
