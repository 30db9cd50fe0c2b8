"""What a new daemon gets from the keeper before it does anything; must never know what it is for."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field

from .keeper import wire
from .keeperlink import receive

TIMEOUT_S = 60.0


@dataclass(slots=True)
class Held:
    """``named``: descriptors by name; ``programs``: each with its output descriptors. All are ours now.

    ``given``: what ``named`` was at first; names are taken out of that one.
    """

    named: dict[str, int] = field(default_factory=dict)
    given: dict[str, int] = field(default_factory=dict)
    programs: list[tuple[wire.Program, list[int]]] = field(default_factory=list)
    starts: int = 0
    keeper_pid: int = 0


class KeeperGone(Exception):
    """The keeper ended, or the command did before it was one: nobody is there to serve."""


def adopt(sock: socket.socket) -> Held:
    """Ask the keeper for all it holds. Raises KeeperGone, OSError or WireError."""
    sock.settimeout(TIMEOUT_S)
    try:
        return _adopted(sock)
    except ConnectionError as error:
        raise KeeperGone from error


def _adopted(sock: socket.socket) -> Held:
    sock.send(wire.encode(wire.Adopt()))
    held = Held()
    while True:
        data, fds = receive(sock)
        if not data:
            raise KeeperGone
        frame = wire.decode(data)
        if isinstance(frame, wire.Named):
            held.named[frame.name] = fds[0]
        elif isinstance(frame, wire.Program):
            held.programs.append((frame, fds))
        elif isinstance(frame, wire.AdoptEnd):
            held.given = dict(held.named)
            held.starts, held.keeper_pid = frame.starts, frame.keeper_pid
            return held
        else:
            # An exit that was told before the list was asked for: the list has it too.
            for fd in fds:
                os.close(fd)
