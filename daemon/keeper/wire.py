"""The frames between keeper and daemon, both ends, sans-IO; must never know what they are used for.

One SEQPACKET datagram is one frame: a JSON array of the frame's name and its
fields in order. Descriptors travel beside a frame (SCM_RIGHTS) and are listed in
its docstring. A frame over ``MAX_FRAME_BYTES`` does not fit a datagram: it is
written to a memfd, and an ``Enclosed`` frame carries that descriptor in its place
(in front of the frame's own).

Standard library only, and no ``dataclasses``: the keeper imports this.
"""

from __future__ import annotations

import array
import json
import socket
from typing import Any, NamedTuple

MAX_FRAME_BYTES = 32 * 1024
MAX_ENCLOSED_BYTES = 8 * 1024 * 1024
MAX_FDS = 16


class WireError(Exception):
    """The other side sent what is no frame."""


class Enclosed(NamedTuple):
    """The frame is in the memfd that comes first. Descriptors: memfd, then the frame's own."""

    length: int


# --- daemon to keeper --------------------------------------------------------------------------------


class Adopt(NamedTuple):
    """A new daemon is there and wants all that is held: Program and Named frames, then AdoptEnd."""


class Ready(NamedTuple):
    """The daemon serves."""


class Beat(NamedTuple):
    """The daemon is alive; due every BEAT_S seconds after Ready."""


class Spawn(NamedTuple):
    """Start a process. The same (name, gen) again answers for the process that was started before.

    ``env`` is laid over the keeper's environment. ``uid`` -1: keep user and groups.
    ``umask`` -1: inherit. ``cwd`` empty: inherit. ``rows``/``cols``: of the terminal.
    ``stdin``: the name of a held descriptor that becomes fd 0; empty: a pipe, or the terminal.
    """

    name: str
    gen: int
    path: str
    argv: list[str]
    env: dict[str, str]
    cwd: str
    umask: int
    uid: int
    gid: int
    groups: list[int]
    tty: bool
    rows: int
    cols: int
    merge_stderr: bool
    stdin: str = ""


class Signal(NamedTuple):
    """Send ``sig`` to the process, or its process group; answered by Signalled with the same token.

    ``wake``: then SIGCONT, too; one that stands still would only see the signal once it goes on.
    """

    token: int
    name: str
    gen: int
    sig: int
    group: bool
    wake: bool = False


class Forget(NamedTuple):
    """The exit record was taken over and the output read to its end: close all of (name, gen)."""

    name: str
    gen: int


class Fetch(NamedTuple):
    """Send the stdin of a process; answered by Fetched."""

    token: int
    name: str
    gen: int


class Hold(NamedTuple):
    """Keep a descriptor under a name, in place of the one before. Descriptors: that one."""

    name: str


class Drop(NamedTuple):
    """Close the descriptor held under a name."""

    name: str


class Restart(NamedTuple):
    """The daemon is about to end on purpose: start the next one at once."""


class Finish(NamedTuple):
    """The daemon is about to end for good: the keeper ends with ``code`` after it."""

    code: int


# --- keeper to daemon --------------------------------------------------------------------------------


class Program(NamedTuple):
    """Adoption: one started process. ``status`` -1: still runs, else its wait status; see Exited.

    Descriptors: stdout (or the terminal), then stderr unless merged.
    """

    name: str
    gen: int
    pid: int
    started: float
    tty: bool
    status: int
    ended: float
    failure: str


class Named(NamedTuple):
    """Adoption: one held descriptor. Descriptors: that one."""

    name: str


class AdoptEnd(NamedTuple):
    """Everything held was sent. ``starts``: how many daemons were started before this one."""

    starts: int
    keeper_pid: int


class Spawned(NamedTuple):
    """Descriptors as in Program. ``started``: monotonic seconds."""

    name: str
    gen: int
    pid: int
    started: float
    tty: bool


class SpawnFailed(NamedTuple):
    """No process came of it: pipes or fork failed."""

    name: str
    gen: int
    step: str
    errno: int


class Exited(NamedTuple):
    """``status`` as of wait(2); ``ended``: monotonic seconds.

    ``failure``: what went wrong between fork and exec, as ``step: ERRNAME``, or empty.
    Kept, and told again to a later daemon, until Forget.
    """

    name: str
    gen: int
    pid: int
    status: int
    ended: float
    failure: str


class Signalled(NamedTuple):
    """``errno`` 0: sent."""

    token: int
    errno: int


class Fetched(NamedTuple):
    """Descriptors: the write end of stdin, or none when the process has none any more."""

    token: int


class Stranger(NamedTuple):
    """A process that nobody started through the keeper was reaped."""

    pid: int
    status: int


class Got(NamedTuple):
    """The keeper received a signal that is meant for the daemon."""

    sig: int


Frame = (
    Adopt | Ready | Beat | Spawn | Signal | Forget | Fetch | Hold | Drop | Restart | Finish
    | Program | Named | AdoptEnd | Spawned | SpawnFailed | Exited | Signalled | Fetched | Stranger | Got | Enclosed
)  # fmt: skip

FRAMES: dict[str, Any] = {
    kind.__name__: kind
    for kind in (
        Adopt, Ready, Beat, Spawn, Signal, Forget, Fetch, Hold, Drop, Restart, Finish,
        Program, Named, AdoptEnd, Spawned, SpawnFailed, Exited, Signalled, Fetched, Stranger, Got, Enclosed,
    )
}  # fmt: skip

_TYPES: dict[str, Any] = {"str": str, "int": int, "bool": bool, "float": (int, float), "list[str]": list,
          "list[int]": list, "dict[str, str]": dict}  # fmt: skip
_CHECKS: dict[str, tuple[Any, ...]] = {
    name: tuple(_TYPES[h if isinstance(h, str) else h.__forward_arg__] for h in kind.__annotations__.values())
    for name, kind in FRAMES.items()
}
_to_json = json.JSONEncoder(separators=(",", ":")).encode  # json.dumps makes an encoder for each call

BEAT_S = 4.0


def descriptors(control: list[tuple[int, int, bytes]]) -> list[int]:
    """What came beside a datagram, as recvmsg gave it."""
    fds = array.array("i")
    for level, kind, packed in control:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(packed[: len(packed) - len(packed) % fds.itemsize])
    return fds.tolist()


def encode(frame: Frame) -> bytes:
    """The bytes of one frame; may be longer than MAX_FRAME_BYTES, then it has to be enclosed."""
    return _to_json((type(frame).__name__, *frame)).encode("utf-8", "surrogateescape")


def decode(data: bytes) -> Frame:
    """The frame in ``data``. Raises WireError."""
    try:
        name, *values = json.loads(data.decode("utf-8", "surrogateescape"))
        frame: Frame = FRAMES[name](*values)
        if not all(map(isinstance, frame, _CHECKS[name])):
            raise TypeError(f"{name} has a field of another type")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise WireError(f"not a frame: {data[:80]!r}: {error}") from error
    return frame
