"""``supervisortui --replay``: a recording in the place of supervisors; must never know screens or urwid

``Player`` gives the steps of a recording in their own time, held, faster, slower, from
another place. ``Recorded`` is the connection to one supervisor that the recording tells
of: whoever follows a log gets what was recorded of it up to now, then what comes. What
was recorded is kept for those who ask later, at most ``KEPT_BYTES`` of each log; nothing
can be asked of a recording, and nothing is sent anywhere.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO, Final

from supervisor.client import castfile
from supervisor.errors import StreamError, UserError
from supervisor.protocol import stream as wire
from supervisor.protocol.asciicast import CastError, Event

from .desk import Timer
from .glance import Glance
from .link import Feed, Terminal
from .logbuffer import LogBuffer, Older
from .model import Message
from .places import Target
from .tape import Dug, Fed, Last, Reading, Shown, Step, Told
from .words import duration

KEPT_BYTES: Final = 4 << 20
SPEEDS: Final = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 50.0)
TURN_S: Final = 0.008
EPSILON_S: Final = 1e-6
SEEK_S: Final = 10.0
NOT_HERE: Final = "this is a recording: nothing is sent anywhere"


class Tape:
    """A recording, read once to the end to see that all of it can be played. Raises UserError with file and line."""

    def __init__(self, path: str) -> None:
        self.path = path
        with castfile.opened(path) as file:
            reader = castfile.Reader(path, file)
            self.began = reader.header.timestamp
            self.sups = self._reading(reader).sups
            self.length_s = 0.0
            for at_s, _ in self._steps(reader):
                self.length_s = at_s

    def steps(self, file: BinaryIO) -> Iterator[tuple[float, list[Step]]]:
        """(seconds, steps) from the beginning; the seconds never run back."""
        return self._steps(castfile.Reader(self.path, file))

    def _reading(self, reader: castfile.Reader) -> Reading:
        try:
            return Reading(reader.header)
        except CastError as error:
            raise reader.wrong(error) from None

    def _steps(self, reader: castfile.Reader) -> Iterator[tuple[float, list[Step]]]:
        reading = self._reading(reader)
        yield 0.0, reading.begin()
        at_s = 0.0
        for event in reader.events():
            at_s = max(at_s, event.at_s)
            yield at_s, self._of(reader, reading, event)

    @staticmethod
    def _of(reader: castfile.Reader, reading: Reading, event: Event) -> list[Step]:
        try:
            return reading.steps(event)
        except CastError as error:
            raise reader.wrong(error) from None


class Clock:
    """The time that a recording has reached. ``clock``: monotonic seconds."""

    def __init__(self, began: float, length_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = began
        self._length_s = length_s
        self._at_s = 0.0
        self._since = clock()
        self.speed = 1.0
        self.held = False
        self.meant: float | None = None
        """Wall time of what is told just now, where that is not the place reached."""

    @property
    def at_s(self) -> float:
        passed = 0.0 if self.held else (self._clock() - self._since) * self.speed
        return min(self._at_s + passed, self._length_s)

    def wall(self) -> float:
        return self.meant if self.meant is not None else self.wall_of(self.at_s)

    def wall_of(self, at_s: float) -> float:
        return self._began + at_s

    def put(self, at_s: float) -> None:
        self._at_s, self._since = max(0.0, min(at_s, self._length_s)), self._clock()

    def change(self, *, held: bool | None = None, speed: float | None = None) -> None:
        self.put(self.at_s)
        self.held = self.held if held is None else held
        self.speed = self.speed if speed is None else speed

    @property
    def over(self) -> bool:
        return self.at_s >= self._length_s


@dataclass(frozen=True, slots=True)
class Host:
    """What a player needs of the program around it. ``forget``: what was shown so far is not so."""

    later: Callable[[float, Callable[[], None]], Timer]
    tell: Callable[[Message], None]
    attached: Callable[[str, str], None]
    left: Callable[[str, str], None]
    forget: Callable[[], None]
    changed: Callable[[], None]


class Player:
    """``links`` by name. ``begin`` starts it; it goes on by itself until ``close``."""

    def __init__(self, tape: Tape, host: Host, clock: Clock) -> None:
        self._tape = tape
        self._host = host
        self.clock = clock
        self.links = {name: Recorded(name, tape.path, clock) for name in tape.sups}
        self._file: BinaryIO | None = None
        self._timer: Timer | None = None
        self._next: tuple[float, list[Step]] | None = None
        self._steps: Iterator[tuple[float, list[Step]]] = iter(())

    def begin(self) -> None:
        self.close()
        self._file = castfile.opened(self._tape.path)
        self._steps = self._tape.steps(self._file)
        self._next = next(self._steps, None)
        self._turn()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._file is not None:
            self._file.close()
            self._file = None

    def words(self) -> str:
        clock = self.clock
        state = " END" if clock.over else " HELD" if clock.held else ""
        speed = f" x{clock.speed:g}" if clock.speed != 1.0 else ""
        at, length = (duration(seconds) for seconds in (clock.at_s, self._tape.length_s))
        return f"REPLAY {at} of {length}{speed}{state}"

    # --- what keys do --------------------------------------------------------------------------------

    def hold(self) -> None:
        """Hold, or go on."""
        self.clock.change(held=not self.clock.held)
        self._turn()

    def faster(self, by: int) -> None:
        place = SPEEDS.index(self.clock.speed) + by
        self.clock.change(speed=SPEEDS[max(0, min(place, len(SPEEDS) - 1))])
        self._turn()

    def step(self) -> None:
        """Hold, right behind the next thing that happens."""
        self.clock.change(held=True)
        if self._next is not None:
            self.clock.put(self._next[0])
            self._once()
        self._turn()

    def seek(self, by_s: float) -> None:
        at_s = self.clock.at_s + by_s
        self.clock.put(at_s)
        if by_s < 0:
            for link in self.links.values():
                link.forget()
            self._host.forget()
            self.begin()
        else:
            self._turn()

    # --- going on ------------------------------------------------------------------------------------

    def _turn(self) -> None:
        """Do what is due, within a slice, and come again when more is."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        until = time.monotonic() + TURN_S
        while self._next is not None and self._next[0] <= self.clock.at_s + EPSILON_S:
            self._once()
            if time.monotonic() > until:
                break
        self._host.changed()
        if self._next is None:
            return
        wait_s = max(0.0, self._next[0] - self.clock.at_s) / self.clock.speed
        if wait_s == 0 or not self.clock.held:
            self._timer = self._host.later(wait_s, self._turn)

    def _once(self) -> None:
        assert self._next is not None
        at_s, steps = self._next
        self.clock.meant = self.clock.wall_of(at_s)
        try:
            for step in steps:
                self._do(step)
        finally:
            self.clock.meant = None
        self._next = next(self._steps, None)

    def _do(self, step: Step) -> None:
        match step:
            case Told():
                self._host.tell(step.message)
            case Fed() if step.sup in self.links:
                self.links[step.sup].fed(step)
            case Dug() if step.sup in self.links:
                self.links[step.sup].dug(step)
            case Last() if step.sup in self.links:
                self.links[step.sup].last(step)
            case Shown() if step.sup in self.links:
                began = isinstance(step.frame, wire.Attached)
                self.links[step.sup].shown(step)
                if began:
                    self._host.attached(step.sup, step.namespec)
                elif step.frame is None:
                    self._host.left(step.sup, step.namespec)


class _Kept:
    """Frames with their wall times, the oldest output forgotten first."""

    def __init__(self) -> None:
        self.frames: deque[tuple[float, wire.Frame]] = deque()
        self._size = 0

    def add(self, wall: float, frame: wire.Frame) -> None:
        self.frames.append((wall, frame))
        self._size += _size(frame)
        while self._size > KEPT_BYTES and len(self.frames) > 1:
            self._size -= _size(self.frames.popleft()[1])


def _size(frame: wire.Frame) -> int:
    return 100 + (len(frame.data) if isinstance(frame, wire.Output) else 0)


class Recorded:
    """One supervisor of a recording, as a ``link.Connection``."""

    live = True
    rtt_s = 0.0

    def __init__(self, name: str, path: str, clock: Clock) -> None:
        self.name = name
        self.target = Target(path, name=name)
        self._clock = clock
        self._logs: dict[tuple[str, str], _Kept] = {}
        self._older: dict[tuple[str, str], dict[tuple[int, int], Older]] = {}
        """Of each log the older text that was loaded, by generation and where it ends."""
        self._feeds: set[Feed] = set()
        self._lasts: dict[str, str] = {}
        self._glances: set[Glance] = set()
        self._terminals: dict[str, tuple[wire.Attached, _Kept]] = {}
        self._watching: dict[str, Callable[[wire.Frame], None]] = {}

    def forget(self) -> None:
        self._logs.clear()
        self._older.clear()
        self._feeds.clear()
        self._lasts.clear()
        for glance in self._glances:
            glance.end_is(b"")
        self._terminals.clear()
        self._watching.clear()

    # what the recording tells

    def fed(self, step: Fed) -> None:
        key = (step.namespec, step.channel)
        self._logs.setdefault(key, _Kept()).add(self._clock.wall(), step.frame)
        for feed in list(self._feeds):
            if (feed.namespec, feed.channel) == key:
                feed.take(step.frame)

    def dug(self, step: Dug) -> None:
        piece = step.piece
        kept = self._older.setdefault((step.namespec, step.channel), {})
        if sum(len(other.data) for other in kept.values()) < KEPT_BYTES:
            kept[piece.gen, piece.offset + len(piece.data)] = piece

    def last(self, step: Last) -> None:
        self._lasts[step.namespec] = step.line
        for glance in self._glances:
            if glance.namespec == step.namespec:
                glance.end_is(step.line.encode("utf-8", "surrogateescape"))

    def shown(self, step: Shown) -> None:
        frame = step.frame
        if frame is None:
            return
        if isinstance(frame, wire.Attached):
            frame = replace(frame, writer=False)
            self._terminals[step.namespec] = (frame, _Kept())
        elif step.namespec in self._terminals:
            if isinstance(frame, wire.Writer):
                frame = replace(frame, writer=False)
            self._terminals[step.namespec][1].add(self._clock.wall(), frame)
        if (watching := self._watching.get(step.namespec)) is not None:
            watching(frame)

    # what the console asks for

    async def run(self) -> None:
        """A recording has nothing to wait for."""

    @property
    def leaving(self) -> bool:
        return False

    def retry_now(self) -> None:
        pass

    def log_in(self, username: str, password: str) -> None:
        pass

    def want_usage(self, namespecs: list[str]) -> None:
        pass

    def glance(self, namespec: str, changed: Callable[[], None]) -> Glance:
        glance = Glance(namespec, changed)
        glance.line = self._lasts.get(namespec, "")
        self._glances.add(glance)
        return glance

    def unglance(self, glance: Glance) -> None:
        self._glances.discard(glance)

    def follow(self, namespec: str, channel: str, buffer: LogBuffer, changed: Callable[[], None]) -> Feed:
        feed = Feed(namespec, channel, buffer, changed)
        self._feeds.add(feed)
        kept = self._logs.get((namespec, channel))
        for wall, frame in [*kept.frames] if kept is not None else []:
            if _is_new(frame, buffer):
                self._clock.meant = wall
                feed.take(frame)
        self._clock.meant = None
        return feed

    def unfollow(self, feed: Feed) -> None:
        self._feeds.discard(feed)

    async def older(self, namespec: str, channel: str, buffer: LogBuffer) -> int:
        piece = self._older.get((namespec, channel), {}).get((buffer.gen, buffer.oldest))
        if piece is None:
            raise UserError("older text than this was not recorded up to here")
        return buffer.prepend(piece)

    async def call(self, method: str, *params: wire.Value) -> object:
        raise StreamError(NOT_HERE)

    def attach(
        self, handler: Callable[[wire.Frame], None], namespec: str, mode: str, rows: int, cols: int
    ) -> Terminal:
        """Raises UserError where the recording has not come to an attachment of that process."""
        if namespec not in self._terminals:
            raise UserError(f"no terminal of {namespec} was recorded up to here")

        def catch_up() -> None:
            """What the terminal showed up to now; what comes follows by itself."""
            if screen.closed or namespec not in self._terminals:
                return
            opening, kept = self._terminals[namespec]
            handler(opening)
            for _, frame in kept.frames:
                handler(frame)
            self._watching[namespec] = handler

        screen = _Screen(lambda: self._watching.pop(namespec, None))
        asyncio.get_running_loop().call_soon(catch_up)
        return screen


class _Screen:
    """The terminal that was recorded: it takes nothing."""

    def __init__(self, leave: Callable[[], object]) -> None:
        self._leave = leave
        self.closed = False

    def input(self, data: bytes) -> bool:
        return False

    def resize(self, rows: int, cols: int) -> None:
        pass

    def take(self) -> None:
        raise UserError(NOT_HERE)

    def close(self) -> None:
        self.closed = True
        self._leave()


def _is_new(frame: wire.Frame, buffer: LogBuffer) -> bool:
    """Whether a buffer that was filled up to somewhere before has not had ``frame``."""
    if buffer.offset < 0:
        return True
    match frame:
        case wire.Output():
            return frame.gen > buffer.gen or (
                frame.gen == buffer.gen and frame.offset + len(frame.data) > buffer.offset
            )
        case wire.Following():
            return frame.gen > buffer.gen
        case wire.Gap():
            return frame.gen > buffer.gen or (frame.gen == buffer.gen and frame.until > buffer.offset)
    return False
