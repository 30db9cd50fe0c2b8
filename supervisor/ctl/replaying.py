"""``replay``: plays a recording in its own time; must never know servers.

What the recorded program asked its terminal is taken out, and modes it left switched on
are switched off at the end, as with an attachment. Space holds, ``q`` and Ctrl-C leave.
"""

from __future__ import annotations

import math
import os
import select
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from supervisor.client import castfile
from supervisor.errors import UserError
from supervisor.protocol import asciicast
from supervisor.protocol.asciicast import Event

from .attachment import only_picture
from .help import usage
from .session import GENERIC, INTERRUPTED, INVALID_ARGS, Session
from .terminal import Terminal, Terminated, write_all

_LEAVE: Final = frozenset(b"q\x03\x1d")
_HOLD: Final = frozenset(b" ")
_MAX_SPEED: Final = 1000.0


@dataclass
class Wanted:
    path: str = ""
    speed: float = 1.0
    idle_limit_s: float = math.inf


class _Left(Exception):
    """The user has seen enough."""


def parse(words: list[str]) -> Wanted:
    """Raises UserError with what is wrong."""
    wanted = Wanted()
    paths: list[str] = []
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        if name == "--speed":
            wanted.speed = _number(name, value if equals else next(rest, ""), 1 / _MAX_SPEED, _MAX_SPEED)
        elif name == "--idle-limit":
            wanted.idle_limit_s = _number(name, value if equals else next(rest, ""), 0.0, 1e9)
        elif word.startswith("--"):
            raise UserError(f"unknown option {word}")
        else:
            paths.append(word)
    if len(paths) != 1:
        raise UserError("one file is needed")
    wanted.path = paths[0]
    return wanted


def _number(name: str, text: str, least: float, most: float) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not least <= number <= most:
        raise UserError(f"{name} {text!r} is no number from {least:g} to {most:g}")
    return number


def replay(session: Session, words: list[str]) -> None:
    try:
        wanted = parse(words)
    except UserError as error:
        usage(session, f"ERROR: {error}", "replay", INVALID_ARGS)
        return
    try:
        with castfile.opened(wanted.path) as file:
            _play(session, wanted, castfile.Reader(wanted.path, file))
    except UserError as error:
        session.failure(f"ERROR: {error}")


def _play(session: Session, wanted: Wanted, recording: castfile.Reader) -> None:
    header = recording.header
    terminal = Terminal()
    rows, columns = terminal.size()
    if terminal.output_is_tty and (header.height > rows or header.width > columns):
        session.line(
            f"The recording has {header.width}x{header.height}, this terminal {columns}x{rows}: "
            "the picture will be out of shape"
        )
    try:
        with terminal:
            terminal.set_raw()
            _Player(terminal, wanted).run(recording.events())
    except (_Left, KeyboardInterrupt):
        session.fail(INTERRUPTED)
    except Terminated as end:
        session.fail(128 + end.signal_number)
    except BrokenPipeError:
        session.fail(GENERIC)


class _Player:
    def __init__(self, terminal: Terminal, wanted: Wanted) -> None:
        self._terminal = terminal
        self._wanted = wanted

    def run(self, events: Iterator[Event]) -> None:
        """Raises _Left."""
        before = Event(0.0, "", "")
        due = time.monotonic()
        for event in events:
            due += asciicast.due_s(before, event, self._wanted.speed, self._wanted.idle_limit_s)
            before = event
            due += self._wait(due)
            if event.code == "o":
                self._show(event.data.encode("utf-8", "replace"))

    def _show(self, data: bytes) -> None:
        if self._terminal.output_is_tty:
            self._terminal.show(only_picture(data))
        else:
            write_all(self._terminal.output_fd, data)

    def _wait(self, due: float) -> float:
        """Wait until then, with an ear for keys; for how long it was held."""
        held = 0.0
        while True:
            left = due + held - time.monotonic()
            keys = self._keys(max(0.0, left))
            if keys & _HOLD:
                began = time.monotonic()
                while not (keys := self._keys(None)) & (_HOLD | _LEAVE):
                    pass
                held += time.monotonic() - began
            if keys & _LEAVE:
                raise _Left
            if left <= 0:
                return held

    def _keys(self, timeout_s: float | None) -> frozenset[int]:
        """What was typed within that time, as far as there is a terminal to type at."""
        terminal = self._terminal
        waited = [terminal.wake_fd, *([terminal.input_fd] if terminal.input_is_tty else [])]
        ready, _, _ = select.select(waited, [], [], timeout_s)
        if terminal.wake_fd in ready:
            terminal.woken()
        if terminal.input_fd not in ready:
            return frozenset()
        return frozenset(os.read(terminal.input_fd, 4096) or b"q")
