"""**Pure**: what the links told and sent, as the lines of a recording, and read from them; must never know files

A recording is asciicast v2 (``supervisor/protocol/asciicast.py``). Its header has the
field ``supervisortui``: ``{"version": 1, "supervisors": [names]}``. Events, beside ``o``
(output of the attached program) and ``r`` (its size), are of four codes that other
players pass over; the data of each is JSON, an object with ``sup``, the supervisor's name:

====  =========================================================================================
code  data
====  =========================================================================================
l     the state of the connection: the fields of ``model.LinkTold``
s     processes: a frame ``snapshot``, ``delta`` or ``usage`` of the stream protocol
f     a log: a frame ``following``, ``output``, ``gap``, ``error`` or ``removed``; ``{"t": "older",
      "gen", "offset", "data", "start"}``: text from before that, loaded by hand; ``of`` is the
      process, ``on`` the channel. ``{"t": "last", "line"}``: the last line, as a list shows it
a     the attachment: a frame ``attached``, ``output``, ``gap``, ``size``, ``writer``, ``started``,
      ``exited``, ``removed`` or ``error``; ``{"t": "at", "gen", "offset"}``: the next ``o`` is of this
      process, from there on; ``{"t": "detached"}``; ``of`` is the process
====  =========================================================================================

Frames have the field names of ``supervisor/protocol/stream.py``, their type in ``t``.
Bytes are text in them; a byte that belongs to no UTF-8 character is one of U+DC80 to
U+DCFF. Output of the attached program is an ``o`` where it is UTF-8, else an ``a``.

A recording without our field plays too: as one program whose terminal this was.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Final, Protocol

from supervisor.errors import RemoteProtocolError
from supervisor.namespec import make_namespec, split_namespec
from supervisor.protocol import stream as wire
from supervisor.protocol.asciicast import CastError, Event, Header, Writer, size_of
from supervisor.states import ProcessStates

from .logbuffer import Older
from .model import ChangeTold, GoneTold, LinkKind, LinkTold, Message, SnapshotTold, UsageTold, WholeTold

FIELD: Final = "supervisortui"
VERSION: Final = 1
PAGE: Final = 500
"""Processes in one line."""
MAX_SUPS: Final = 1000
_FOREIGN: Final = "recording"


class Tap(Protocol):
    """Is told what a link hears. ``frame`` None: the attachment was left."""

    def told(self, message: Message) -> None: ...
    def fed(self, sup: str, namespec: str, channel: str, frame: wire.Frame) -> None: ...
    def older(self, sup: str, namespec: str, channel: str, piece: Older) -> None: ...
    def last(self, sup: str, namespec: str, line: str) -> None: ...
    def attached(self, sup: str, namespec: str, frame: wire.Frame | None) -> None: ...


# --- what is played ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Told:
    message: Message


@dataclass(frozen=True, slots=True)
class Fed:
    sup: str
    namespec: str
    channel: str
    frame: wire.Frame


@dataclass(frozen=True, slots=True)
class Dug:
    """Older text of a log was loaded."""

    sup: str
    namespec: str
    channel: str
    piece: Older


@dataclass(frozen=True, slots=True)
class Last:
    """The last line of a process's log, as a list shows it."""

    sup: str
    namespec: str
    line: str


@dataclass(frozen=True, slots=True)
class Shown:
    """``frame`` None: the attachment was left."""

    sup: str
    namespec: str
    frame: wire.Frame | None


Step = Told | Fed | Dug | Last | Shown


# --- writing -----------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class _Place:
    """Where the output of a terminal goes on; ``cut``: the beginning of a character, the last bytes before that."""

    gen: int = 0
    offset: int = -1
    cut: bytes = b""


class Writing:
    """What a tap is told, to lines within ``writer``'s bounds."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._terminals: dict[tuple[str, str], _Place] = {}
        self._last: _Place | None = None
        """The terminal that the last ``o`` was of."""

    def told(self, at_s: float, message: Message) -> bytes:
        if isinstance(message, LinkTold):
            return self._event(at_s, "l", asdict(message))
        return b"".join(
            self._event(at_s, "s", {"sup": message.sup, **_body(frame)}) for frame in _frames(message)
        )

    def fed(self, at_s: float, sup: str, namespec: str, channel: str, frame: wire.Frame) -> bytes:
        return self._event(at_s, "f", {"sup": sup, "of": namespec, "on": channel, **_body(frame)})

    def older(self, at_s: float, sup: str, namespec: str, channel: str, piece: Older) -> bytes:
        head = {"sup": sup, "of": namespec, "on": channel, "t": "older"}
        return self._event(at_s, "f", head | _texts(piece._asdict()))

    def last(self, at_s: float, sup: str, namespec: str, line: str) -> bytes:
        return self._event(at_s, "f", {"sup": sup, "of": namespec, "t": "last", "line": line})

    def attached(self, at_s: float, sup: str, namespec: str, frame: wire.Frame | None) -> bytes:
        head: dict[str, object] = {"sup": sup, "of": namespec}
        if isinstance(frame, wire.Attached):
            self._terminals.pop((sup, namespec), None)
        place = self._terminals.setdefault((sup, namespec), _Place())
        if isinstance(frame, wire.Output):
            return self._output(at_s, head, place, frame)
        line = self._flushed(at_s, head, place)
        if isinstance(frame, wire.InputAck):
            return line
        if frame is None:
            del self._terminals[sup, namespec]
        line += self._event(at_s, "a", head | (_body(frame) if frame is not None else {"t": "detached"}))
        if isinstance(frame, wire.Attached | wire.Size):
            line += self._writer.resized(at_s, max(1, frame.cols), max(1, frame.rows))
        return line

    def _output(self, at_s: float, head: dict[str, object], place: _Place, frame: wire.Output) -> bytes:
        line = b""
        if place is not self._last or (frame.gen, frame.offset) != (place.gen, place.offset):
            if (frame.gen, frame.offset) != (place.gen, place.offset):
                line = self._flushed(at_s, head, place)
            at = frame.offset - len(place.cut)
            line += self._event(at_s, "a", head | {"t": "at", "gen": frame.gen, "offset": at})
            self._last = place
        place.gen, place.offset = frame.gen, frame.offset + len(frame.data)
        data, place.cut = place.cut + frame.data, b""
        try:
            text, taken = codecs.utf_8_decode(data, "strict", False)
        except UnicodeDecodeError:
            return line + self._exact(at_s, head, place, data)
        place.cut = data[taken:]
        return line + (self._writer.event(at_s, "o", text) if text else b"")

    def _flushed(self, at_s: float, head: dict[str, object], place: _Place) -> bytes:
        """A character that was begun and will not be finished."""
        data, place.cut = place.cut, b""
        return self._exact(at_s, head, place, data) if data else b""

    def _exact(self, at_s: float, head: dict[str, object], place: _Place, data: bytes) -> bytes:
        """Bytes that are no text, the last ones before the place reached."""
        frame = wire.Output(0, "stdout", place.gen, place.offset - len(data), data)
        return self._event(at_s, "a", head | _body(frame))

    def _event(self, at_s: float, code: str, body: dict[str, object]) -> bytes:
        # ASCII, so that the halves of characters that stand for bytes are no trouble to other players
        return self._writer.event(at_s, code, json.dumps(body))


def header_field(sups: list[str]) -> dict[str, object]:
    return {FIELD: {"version": VERSION, "supervisors": sups}}


def _frames(message: Message) -> Iterator[wire.Frame]:
    """What a message was made of, as frames."""
    match message:
        case SnapshotTold():
            records = list(message.records)
            for at in range(0, max(1, len(records)), PAGE):
                yield wire.Snapshot(0, 0, records[at : at + PAGE], at + PAGE < len(records))
        case ChangeTold():
            yield wire.Delta(0, 0, message.when, message.record)
        case GoneTold():
            yield wire.Delta(0, 0, message.when, None, make_namespec(message.group, message.name))
        case WholeTold():
            yield wire.Delta(0, 0, supervisor=message.statename)
        case UsageTold():
            yield wire.Usage(0, {make_namespec(g, n): [*pair] for (g, n), pair in message.values.items()})


def _body(frame: wire.Frame) -> dict[str, object]:
    body = wire.to_map(frame)
    body.pop("id", None)
    return _texts(body)


def _texts(body: Mapping[str, object]) -> dict[str, object]:
    return {
        key: value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value
        for key, value in body.items()
    }


# --- reading -----------------------------------------------------------------------------------------


class Reading:
    """Events to steps. ``sups`` are the supervisors that occur. Raises CastError, here and in ``steps``."""

    def __init__(self, header: Header) -> None:
        self._header = header
        self._pages: dict[str, list[wire.ProcessRecord]] = {}
        self._of = ("", "")
        """The supervisor and process that ``o`` is of."""
        self._places: dict[tuple[str, str], tuple[int, int]] = {}
        own = header.fields.get(FIELD)
        self.foreign = own is None
        self.sups = [_FOREIGN]
        if isinstance(own, dict):
            if own.get("version") != VERSION:
                raise CastError(
                    f"a recording of version {own.get('version')!r}: only {VERSION} can be played"
                )
            sups = own.get("supervisors")
            if not (
                isinstance(sups, list) and 0 < len(sups) <= MAX_SUPS and all(isinstance(s, str) and s for s in sups)
            ):  # fmt: skip
                raise CastError("no recording of ours: its header must name the supervisors")
            self.sups = list(dict.fromkeys(sups))
        elif own is not None:
            raise CastError(f"no recording of ours: {FIELD!r} in its header must be an object")

    def begin(self) -> list[Step]:
        """What comes before the first event: for another program's recording, a process and its terminal."""
        if not self.foreign:
            return []
        began, name = self._header.timestamp, self._header.title[:64] or "terminal"
        for bad in ":\n":
            name = name.replace(bad, "-")
        record = wire.ProcessRecord(
            name, name, ProcessStates.RUNNING, "RUNNING", 1, began, 0.0, began, stdin="tty"
        )
        self._of = (_FOREIGN, make_namespec(name, name))
        opening = wire.Attached(0, self._of[1], True, 1, False, self._header.height, self._header.width, 1, 0)
        return [
            Told(LinkTold(_FOREIGN, LinkKind.LIVE, role="observer")),
            Told(SnapshotTold(_FOREIGN, (record,))),
            Shown(*self._of, opening),
        ]

    def steps(self, event: Event) -> list[Step]:
        if event.code == "o":
            return self._shown(event.data.encode("utf-8", "surrogateescape"))
        if event.code == "r" and self.foreign:
            size = size_of(event)
            return [Shown(*self._of, wire.Size(0, size[1], size[0]))] if size is not None else []
        if self.foreign or event.code not in ("l", "s", "f", "a"):
            return []
        try:
            body = json.loads(event.data)
        except (ValueError, RecursionError):
            raise CastError(f"event {event.code!r}: no JSON") from None
        if not isinstance(body, dict) or body.get("sup") not in self.sups:
            raise CastError(f"event {event.code!r}: of no supervisor that the header names")
        try:
            return self._step(event.code, body)
        except (RemoteProtocolError, KeyError, TypeError, ValueError) as error:
            raise CastError(f"event {event.code!r}: {error}") from None

    def _step(self, code: str, body: dict[str, object]) -> list[Step]:
        sup = _text(body, "sup")
        if code == "l":
            return [Told(_link(body))]
        if code == "a" and body.get("t") == "detached":
            return [Shown(sup, _text(body, "of"), None)]
        if code == "a" and body.get("t") == "at":
            self._of = (sup, _text(body, "of"))
            self._places[self._of] = (_number(body, "gen"), _number(body, "offset"))
            return []
        if code == "f" and body.get("t") == "older":
            data = _text(body, "data").encode("utf-8", "surrogateescape")
            piece = Older(_number(body, "gen"), _number(body, "offset"), data, _number(body, "start"))
            return [Dug(sup, _text(body, "of"), _text(body, "on"), piece)]
        if code == "f" and body.get("t") == "last":
            return [Last(sup, _text(body, "of"), _text(body, "line"))]
        frame = _frame(body)
        if frame is None:
            return []
        if code == "s":
            return [Told(message) for message in self._state(sup, frame)]
        if code == "f":
            return [Fed(sup, _text(body, "of"), _text(body, "on"), frame)]
        return self._attachment(sup, _text(body, "of"), frame)

    def _state(self, sup: str, frame: wire.Frame) -> Iterator[Message]:
        match frame:
            case wire.Snapshot():
                pages = self._pages.setdefault(sup, [])
                pages += frame.processes
                if not frame.more:
                    del self._pages[sup]
                    yield SnapshotTold(sup, tuple(pages))
            case wire.Delta():
                if frame.process is not None:
                    yield ChangeTold(sup, frame.process, frame.when)
                if frame.removed:
                    group, name = split_namespec(frame.removed)
                    yield GoneTold(sup, group, name or group, frame.when)
                if frame.supervisor:
                    yield WholeTold(sup, frame.supervisor)
            case wire.Usage():
                values = {}
                for namespec, pair in frame.processes.items():
                    group, name = split_namespec(namespec)
                    if len(pair) == 2:
                        values[group, name or group] = (pair[0], pair[1])
                yield UsageTold(sup, values)

    def _attachment(self, sup: str, namespec: str, frame: wire.Frame) -> list[Step]:
        match frame:
            case wire.Attached():
                self._of = (sup, namespec)
                self._places[self._of] = (frame.gen, -1)
            case wire.Output():
                self._places[sup, namespec] = (frame.gen, frame.offset + len(frame.data))
            case wire.Gap():
                self._places[sup, namespec] = (frame.gen, frame.until)
        return [Shown(sup, namespec, frame)]

    def _shown(self, data: bytes) -> list[Step]:
        if not self._of[1]:
            return []
        gen, offset = self._places.get(self._of, (1, 0))
        self._places[self._of] = (gen, offset + len(data))
        return [Shown(*self._of, wire.Output(0, "stdout", gen, offset, data))]


def _text(body: dict[str, object], key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str):
        raise CastError(f"event without {key!r}")
    return value


def _number(body: dict[str, object], key: str) -> int:
    value = body.get(key)
    if type(value) is not int:
        raise CastError(f"event without the number {key!r}")
    return value


def _frame(body: dict[str, object]) -> wire.Frame | None:
    for key in ("data", "prelude"):
        if isinstance(text := body.get(key), str):
            body[key] = text.encode("utf-8", "surrogateescape")
    return wire.from_map({"id": 0, "seq": 0, **body})


def _link(body: dict[str, object]) -> LinkTold:
    kinds = {str(kind): kind for kind in LinkKind}
    attempt, next_at = body.get("attempt", 0), body.get("next_at", 0.0)
    if body.get("kind") not in kinds or type(attempt) is not int or not isinstance(next_at, int | float):
        raise ValueError("no state of a connection")
    texts = {key: _text(body, key) for key in ("reason", "role", "identification", "version")}
    return LinkTold(
        _text(body, "sup"), kinds[str(body["kind"])], texts["reason"], attempt, float(next_at),
        texts["role"], texts["identification"], texts["version"],
    )  # fmt: skip
