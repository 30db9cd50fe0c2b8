"""**Pure**: the kept end of output channels, as raw lines with a place to resume at, and what is found in it.

Lines are bytes as the program wrote them, without the line end; between them stand marks
of our own (bytes skipped, process restarted). Line numbers are absolute: they go on
counting when old lines fall out, and older text that is loaded counts down from there.

Each line has the wall time at which it arrived here. Text that was written before this
console listened has none (0): nobody knows when its bytes came. ``Merged`` holds the
lines of several buffers in the order in which they arrived.

Must never know widgets or links.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import merge
from itertools import accumulate, repeat
from typing import Final, NamedTuple

from .linetime import times
from .logtext import strip
from .patterns import Pattern
from .words import size

MAX_LINES: Final = 20_000
MAX_BYTES: Final = 8 << 20
MAX_LINE_BYTES: Final = 64 * 1024
LINE_COST: Final = 64
"""What a line takes beside its bytes, about."""
OLDER_FACTOR: Final = 2
"""How much more is kept while older text is looked at."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A line of ours. ``gap``: it stands for output that is missing, up to ``until``; ``life``: a process ended."""

    text: str
    gap: bool = False
    until: int = field(default=-1, compare=False)
    life: bool = False
    older: bool = False


class Older(NamedTuple):
    """Text from before what a buffer holds: it begins at ``offset``; ``start`` is the oldest byte that the server has."""

    gen: int
    offset: int
    data: bytes
    start: int


class Unended(bytes):
    """A piece of a line: what follows it is the same line of the program."""


Line = bytes | Mark
Sink = Callable[[Sequence[Line], float], None]


class LogBuffer:
    """A ring of lines. ``gen``/``offset``: where the next byte is expected, offset -1 while nothing is known.

    ``oldest``: offset of the first byte kept, -1 where that cannot be said; ``start``: the
    oldest byte that the server had. ``received``: lines that arrived while we listened, for a rate.
    """

    def __init__(
        self,
        max_lines: int = MAX_LINES,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._lines: deque[Line] = deque()
        self._stamps: deque[float] = deque()
        self._partial = b""
        self._partial_stamp = 0.0
        self._max_lines = max_lines
        self._max_bytes = max_bytes
        self._factor = 1
        self._clock = clock
        self.first = 0
        self.bytes_kept = 0
        self.skipped_bytes = 0
        self.gen = 0
        self.offset = -1
        self.oldest = -1
        self.start = 0
        self.live = 0
        self.received = 0
        self._heard = False
        """Whether anything came while we listened."""
        self.version = 0
        self.turns = 0
        """How often lines that were there already got other numbers."""
        self.sinks: list[Sink] = []

    # from the link

    def begin(self, gen: int, offset: int, start: int, live: int = 0) -> None:
        """Output will go on at ``offset`` of generation ``gen``; what we have stays if that joins on to it.

        ``live``: what lies before it was written before we listened.
        """
        self.start, self.live = start, live
        if self.offset >= 0 and gen == self.gen and offset >= self.offset:
            if offset > self.offset:
                self.gap(gen, self.offset, offset)
            return
        if self.offset >= 0:
            self.clear()
            self._heard = False
            self.note("the log was begun anew")
            self.oldest = -1
        else:
            self.oldest = offset
            self._note_older()
        self.gen, self.offset = gen, offset

    def output(self, gen: int, offset: int, data: bytes) -> None:
        if gen != self.gen:
            self._end_line()
            self.note("the log was cleared")
            self.oldest = -1
            self.live = 0
        elif offset > self.offset >= 0:
            self.gap(gen, self.offset, offset)
        self.gen, self.offset = gen, offset + len(data)
        # what was written while nobody looked came after what is here, and comes now
        stamp = self._clock() if offset >= self.live or self._heard else 0.0
        self._heard = self._heard or stamp > 0
        pieces = (self._partial + data).split(b"\n")
        if not self._partial:
            self._partial_stamp = stamp
        self._partial = pieces.pop()
        if pieces:
            first, self._partial_stamp = self._partial_stamp, stamp
            self._append(pieces[:1], first)
            self._append(pieces[1:], stamp)
        if len(self._partial) > MAX_LINE_BYTES:
            self._end_line()
        self._trim()
        self.version += 1

    def prepend(self, piece: Older) -> int:
        """Put older text, which ends where ours begins, before it; how many lines came."""
        gen, offset, data, start = piece
        if gen != self.gen or self.oldest < 0 or offset + len(data) != self.oldest:
            return 0
        self.start = start
        self._factor = OLDER_FACTOR
        if offset > start and (cut := data.find(b"\n") + 1) < len(data):
            offset, data = offset + cut, data[cut:]
        if self._lines and isinstance(mark := self._lines[0], Mark) and mark.older:
            self._lines.popleft()
            self._stamps.popleft()
            self.first += 1
        pieces: list[Line] = list(data.split(b"\n"))
        tail = pieces.pop()
        if tail and isinstance(tail, bytes):
            self._join(tail, pieces)
        self._lines.extendleft(reversed(pieces))
        self._stamps.extendleft(repeat(0.0, len(pieces)))
        self.first -= len(pieces)
        self.bytes_kept += sum(len(piece) + LINE_COST for piece in pieces if isinstance(piece, bytes))
        self.oldest = offset
        self._note_older()
        self.version += 1
        return len(pieces)

    def _join(self, tail: bytes, pieces: list[Line]) -> None:
        """The first line that we have is the rest of a line that begins with ``tail``."""
        if not self._lines:
            self._partial = tail + self._partial
        elif isinstance(first := self._lines[0], bytes):
            self._lines[0] = type(first)(tail + first)
            self.bytes_kept += len(tail)
        else:
            pieces.append(Unended(tail))

    def _note_older(self) -> None:
        if self.oldest > self.start:
            words = f"{size(self.oldest - self.start)} of older output is kept by the server (K loads it)"
            self._lines.appendleft(Mark(words, older=True))
            self._stamps.appendleft(0.0)
            self.first -= 1

    def room_for_older(self) -> bool:
        """Whether older text would stay."""
        return (
            len(self._lines) < self._max_lines * OLDER_FACTOR * 0.9
            and self.bytes_kept < self._max_bytes * OLDER_FACTOR * 0.9
        )

    def relax(self) -> None:
        """Older text is not looked at any more."""
        if self._factor != 1:
            self._factor = 1
            self._trim()

    def limit(self, max_bytes: int) -> None:
        """Keep less, or more again."""
        self._max_bytes = max_bytes
        self._trim()

    def gap(self, gen: int, offset: int, until: int) -> None:
        """Bytes ``offset`` .. ``until`` will not come."""
        self._end_line()
        if gen == self.gen and until <= self.offset:
            return  # told already
        if gen == self.gen and until > offset:
            self.skipped_bytes += until - offset
            self._put(Mark(f"... skipped {size(until - offset)} to keep up ...", gap=True, until=until))
        self.gen, self.offset = gen, until

    def note(self, text: str, *, gap: bool = False, life: bool = False) -> None:
        """A line of our own at the end."""
        self._end_line()
        self._put(Mark(text, gap, life=life))

    def _put(self, mark: Mark) -> None:
        stamp = self._clock()
        self._lines.append(mark)
        self._stamps.append(stamp)
        for sink in self.sinks:
            sink((mark,), stamp)
        self._trim()
        self.version += 1

    def clear(self) -> None:
        """Forget the lines, not the place."""
        self.first += self.count
        self._lines.clear()
        self._stamps.clear()
        self._partial = b""
        self.bytes_kept = 0
        self.oldest = self.offset
        self.version += 1

    def _append(self, lines: Sequence[Line], stamp: float) -> None:
        if any(len(line) > MAX_LINE_BYTES for line in lines if isinstance(line, bytes)):
            lines = [piece for line in lines for piece in _pieces(line)]
        self.received += len(lines) if stamp else 0
        self._lines.extend(lines)
        self._stamps.extend(repeat(stamp, len(lines)))
        self.bytes_kept += sum(map(len, lines)) + LINE_COST * len(lines)  # type: ignore[arg-type]
        if lines:
            for sink in self.sinks:
                sink(lines, stamp)

    def _end_line(self) -> None:
        if self._partial:
            partial, self._partial = self._partial, b""
            self._append([Unended(partial)], self._partial_stamp)

    def _trim(self) -> None:
        lines, stamps = self._lines, self._stamps
        most, most_bytes = self._max_lines * self._factor, self._max_bytes * self._factor
        while lines and (len(lines) > most or self.bytes_kept > most_bytes):
            line = lines.popleft()
            stamps.popleft()
            self.first += 1
            if isinstance(line, Mark):
                if line.gap and line.until >= 0:
                    self.oldest = line.until
                continue
            self.bytes_kept -= len(line) + LINE_COST
            if self.oldest >= 0:
                self.oldest += len(line) + (type(line) is bytes)

    # reading

    @property
    def count(self) -> int:
        """Lines kept, an unfinished last one included."""
        return len(self._lines) + bool(self._partial)

    @property
    def settled(self) -> int:
        """The number after the last line that will not grow."""
        return self.first + len(self._lines)

    @property
    def end(self) -> int:
        """The number after the last line."""
        return self.first + self.count

    def line(self, number: int) -> Line:
        """Line ``number``; raises IndexError where it is not kept."""
        at = number - self.first
        if at == len(self._lines) and self._partial:
            return self._partial
        if at < 0:
            raise IndexError(number)
        line = self._lines[at]
        return line[:-1] if isinstance(line, bytes) and line.endswith(b"\r") else line

    def stamp(self, number: int) -> float:
        """When line ``number`` arrived, wall time; 0 where nobody knows."""
        at = number - self.first
        return self._stamps[at] if 0 <= at < len(self._stamps) else self._partial_stamp

    def source(self, number: int) -> int:
        """Which of several sources line ``number`` is from; -1 where there is one only."""
        return -1

    def lines(self, start: int, end: int) -> Iterator[tuple[int, Line]]:
        for number in range(max(start, self.first), min(end, self.end)):
            yield number, self.line(number)


def number_at(buffer: LogBuffer, wall: float, now: float) -> tuple[int, bool]:
    """The first line of ``wall`` or later, else the last one; and whether what is kept begins only after ``wall``.

    By the time of arrival; for what is older by the times that the program wrote.
    """
    numbers = range(buffer.first, buffer.settled)
    old = [number for number in numbers if not buffer.stamp(number)]
    lines = (buffer.line(number) for number in old)
    when = dict(
        zip(old, times([line if isinstance(line, bytes) else b"" for line in lines], now), strict=True)
    )
    earlier = False
    for number in numbers:
        time = buffer.stamp(number) or when.get(number)
        if time is not None and time >= wall:
            return number, not earlier
        earlier = earlier or time is not None
    return max(buffer.first, buffer.end - 1), False


def _pieces(line: Line) -> Iterator[Line]:
    """A line that is too long in pieces."""
    if isinstance(line, bytes):
        while len(line) > MAX_LINE_BYTES:
            yield Unended(line[:MAX_LINE_BYTES])
            line = line[MAX_LINE_BYTES:]
    yield line


class Merged(LogBuffer):
    """The whole lines of several buffers, in the order in which they came here.

    ``names``: what the sources are called, by number. Text from before we listened stands
    first, in the order of the times that the programs wrote into it; ``settle`` puts it so.
    What has no times stands before all that, source by source, under a mark that says that
    its order is not known. ``oldest_of``: by source, the time of its first line, None for none.
    """

    def __init__(
        self,
        max_lines: int = MAX_LINES,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(max_lines, max_bytes, clock)
        self.names: list[str] = []
        self._sources: deque[int] = deque()
        self._buffers: list[LogBuffer] = []
        self._sinks: list[Sink] = []
        self._keys: dict[Hashable, int] = {}
        self._unsettled = False
        self._read: dict[int, tuple[list[Line], list[float | None]]] = {}
        self.oldest_of: dict[int, float | None] = {}

    def join(self, sources: Sequence[tuple[Hashable, str, LogBuffer]]) -> None:
        """Take the lines of ``sources`` (key, name, buffer) from now on, and what those hold that are new here."""
        seeds = []
        for key, name, buffer in sources:
            place = self._keys.get(key)
            if place is not None and self._buffers[place] is buffer:
                continue
            self._read.pop(place if place is not None else -1, None)
            if place is None:
                place = self._keys[key] = len(self.names)
                self.names.append(name)
                self._buffers.append(buffer)
                self._sinks.append(self._sink(place))
            else:
                self._leave(place)
                self._buffers[place] = buffer
            buffer.sinks.append(self._sinks[place])
            seeds.append(_seed(buffer, place))
        for stamp, place, line in merge(*seeds, key=lambda item: item[0]):
            self._take(place, (line,), stamp)
        self._unsettled = self._unsettled or bool(seeds)

    def buffer_of(self, key: Hashable) -> tuple[int, LogBuffer]:
        """The number of a source, and its buffer."""
        place = self._keys[key]
        return place, self._buffers[place]

    def settle(self, *, anew: bool = False) -> None:
        """Put the past in order, if more of it came, or ``anew`` what there is by now."""
        if not (self._unsettled or anew):
            return
        self._unsettled = False
        past = [[*_past(buffer)] for buffer in self._buffers]
        if sum(map(len, past)) == 0:
            return
        now = self._clock()
        untimed: list[tuple[int, Line]] = []
        timed: list[list[tuple[float, int, Line]]] = []
        for place, lines in enumerate(past):
            when = self._times(place, lines, now)
            first = next((time for time in when if time is not None), None)
            self.oldest_of[place] = first
            if first is None:
                untimed += [(place, self._named(place, line)) for line in lines]
            else:
                # a clock that ran back does not part a program's lines
                lead = accumulate((first if time is None else time for time in when), max)
                timed.append(
                    [(t, place, self._named(place, line)) for t, line in zip(lead, lines, strict=True)]
                )
        if untimed and (timed or len({place for place, _ in untimed}) > 1):
            untimed.insert(0, (-1, Mark("without times: in which order this was written is not known")))
        ordered = untimed + [(place, line) for _, place, line in merge(*timed, key=lambda item: item[0])]
        if untimed and timed:
            ordered.insert(len(untimed), (-1, Mark("in the order of the times that the programs wrote")))
        self._put_past(ordered)

    def _times(self, place: int, lines: list[Line], now: float) -> list[float | None]:
        """The times of these lines; read once, however often others come."""
        kept = self._read.get(place)
        if kept is None or len(kept[0]) != len(lines) or lines[:1] != kept[0][:1]:
            kept = lines, times([line if isinstance(line, bytes) else b"" for line in lines], now)
            self._read[place] = kept
        return kept[1]

    def _named(self, place: int, line: Line) -> Line:
        """A mark of a source, with whose it is."""
        if isinstance(line, Mark):
            return Mark(f"{self.names[place]}: {line.text}", line.gap, line.until, line.life, line.older)
        return line

    def _put_past(self, past: Sequence[tuple[int, Line]]) -> None:
        """These lines instead of those of the past; the numbers of what came since stay."""
        live = list(zip(self._lines, self._stamps, self._sources, strict=True))
        live = [item for item in live if item[1]]  # the past came in between, too
        end = self.first + len(self._lines)
        self._lines = deque([line for _, line in past])
        self._lines.extend(line for line, _, _ in live)
        self._stamps = deque(repeat(0.0, len(past)))
        self._stamps.extend(stamp for _, stamp, _ in live)
        self._sources = deque(place for place, _ in past)
        self._sources.extend(place for _, _, place in live)
        self.first = end - len(self._lines)
        self.bytes_kept = sum(len(line) + LINE_COST for line in self._lines if isinstance(line, bytes))
        self.turns += 1
        self._trim()
        self.version += 1

    def keep_older(self) -> None:
        """Older text is looked at: keep more."""
        self._factor = OLDER_FACTOR

    def relax(self) -> None:
        super().relax()
        for buffer in self._buffers:
            buffer.relax()

    def place_of(self, line: Line) -> int | None:
        """The number of this very line; None where it is not kept."""
        return next((self.first + at for at, kept in enumerate(self._lines) if kept is line), None)

    def very_line(self, number: int) -> Line | None:
        at = number - self.first
        return self._lines[at] if 0 <= at < len(self._lines) else None

    def leave(self) -> None:
        """Take nothing more."""
        for place in range(len(self._buffers)):
            self._leave(place)

    def _leave(self, place: int) -> None:
        sinks = self._buffers[place].sinks
        if self._sinks[place] in sinks:
            sinks.remove(self._sinks[place])

    def _sink(self, place: int) -> Sink:
        def take(lines: Sequence[Line], stamp: float) -> None:
            self._take(place, lines, stamp)

        return take

    def _take(self, place: int, lines: Sequence[Line], stamp: float) -> None:
        ended = isinstance(lines[0], Mark) and lines[0].life
        if ended and self._lines and self._lines[-1] == lines[0]:
            return  # both channels of one process tell of the same end
        self._lines.extend(lines)
        self._stamps.extend(repeat(stamp, len(lines)))
        self._sources.extend(repeat(place, len(lines)))
        self.received += len(lines) if stamp else 0
        self._unsettled = self._unsettled or not stamp
        self.bytes_kept += sum(len(line) + LINE_COST for line in lines if isinstance(line, bytes))
        self._trim()
        self.version += 1

    def _trim(self) -> None:
        super()._trim()
        while len(self._sources) > len(self._lines):
            self._sources.popleft()

    def clear(self) -> None:
        super().clear()
        self._sources.clear()

    def source(self, number: int) -> int:
        at = number - self.first
        return self._sources[at] if 0 <= at < len(self._sources) else -1


def _past(buffer: LogBuffer) -> Iterator[Line]:
    """What a buffer has from before we listened, the lines themselves."""
    for line, stamp in zip(buffer._lines, buffer._stamps, strict=True):
        if not stamp:
            yield line


def _seed(buffer: LogBuffer, place: int) -> Iterator[tuple[float, int, Line]]:
    for number, line in buffer.lines(buffer.first, buffer.settled):
        if not (isinstance(line, Mark) and line.older):
            yield buffer.stamp(number), place, line


class Index:
    """Which lines of a buffer are ``wanted``, found a slice at a time, newest first.

    ``hits`` are line numbers in ascending order; ``complete`` when all kept lines were
    looked at.
    """

    def __init__(self, buffer: LogBuffer, wanted: Callable[[Line], bool]) -> None:
        self.hits: deque[int] = deque()
        self._wanted = wanted
        self._buffer = buffer
        self._low = buffer.settled
        self._high = buffer.settled
        self._turns = buffer.turns

    @property
    def complete(self) -> bool:
        return self._low <= self._buffer.first and self._high >= self._buffer.settled

    def step(self, budget_lines: int = 2000) -> None:
        """Look at new lines, then at older ones, at most ``budget_lines`` in all."""
        buffer = self._buffer
        if self._turns != buffer.turns:
            self._turns = buffer.turns
            self.hits.clear()
            self._low = self._high = buffer.settled
        while self.hits and self.hits[0] < buffer.first:
            self.hits.popleft()
        settled = buffer.settled  # an unfinished line may still grow
        while self._high < settled and budget_lines > 0:
            if self._high >= buffer.first and self._wanted(buffer.line(self._high)):
                self.hits.append(self._high)
            self._high += 1
            budget_lines -= 1
        self._low = max(self._low, buffer.first)
        while self._low > buffer.first and budget_lines > 0:
            self._low -= 1
            budget_lines -= 1
            if self._low < settled and self._wanted(buffer.line(self._low)):
                self.hits.appendleft(self._low)

    def next(self, number: int, *, backward: bool) -> int | None:
        """The hit after, or before, line ``number``; round the corner at the end."""
        if not self.hits:
            return None
        if backward:
            before = self.before(number)
            return self.hits[-1] if before is None else before
        after = self.at_or_after(number + 1)
        return self.hits[0] if after is None else after

    def before(self, number: int) -> int | None:
        at = bisect_left(self.hits, number)
        return self.hits[at - 1] if at else None

    def at_or_after(self, number: int) -> int | None:
        at = bisect_left(self.hits, number)
        return self.hits[at] if at < len(self.hits) else None

    def place(self, number: int) -> int:
        """Which hit ``number`` is, from 1; 0 for none."""
        at = bisect_left(self.hits, number)
        return at + 1 if at < len(self.hits) and self.hits[at] == number else 0


def compiled(pattern: str, *, regex: bool = True, case: bool | None = None) -> Pattern:
    """``case`` None: small letters match capitals too, a capital in the pattern means it.

    Raises UserError when ``pattern`` is no regular expression.
    """
    return Pattern(pattern, regex=regex, exact=pattern != pattern.lower() if case is None else case)


class Search(Index):
    """The lines in which a pattern is found; see ``compiled`` for its parameters."""

    def __init__(
        self, buffer: LogBuffer, pattern: str, *, regex: bool = True, case: bool | None = None
    ) -> None:
        """Raises UserError when ``pattern`` is no regular expression."""
        self.regex = compiled(pattern, regex=regex, case=case)
        self.pattern = pattern
        super().__init__(buffer, self._matches)

    def _matches(self, line: Line) -> bool:
        return isinstance(line, bytes) and self.regex.search(strip(line)) is not None


@dataclass(frozen=True, slots=True)
class Rule:
    """Lines with ``pattern`` are kept, or left out."""

    pattern: Pattern
    keep: bool


class Filter(Index):
    """Lines that one of the keeping rules (if there is one) and none of the others finds; marks of ours stay."""

    def __init__(self, buffer: LogBuffer, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        self._keep = [rule.pattern.search for rule in self.rules if rule.keep]
        self._drop = [rule.pattern.search for rule in self.rules if not rule.keep]
        super().__init__(buffer, self.shows)

    def shows(self, line: Line) -> bool:
        if isinstance(line, Mark):
            return True
        text = strip(line)
        if self._keep and not any(search(text) for search in self._keep):
            return False
        return not any(search(text) for search in self._drop)
