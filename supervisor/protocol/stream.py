"""The stream protocol: frames and codec, sans-IO; must never know sockets, stores, panes.

This docstring is the specification; ``docs/stream.rst`` tells the same to readers.

**Framing.** Each frame is a 4-byte big-endian length N (1 <= N <= 1 MiB) and N
bytes of msgpack: one map with string keys. Key ``t`` names the type, the other
keys are the fields of the dataclass of that type below. Nesting is at most 32
deep, a container has at most 20,000 elements. Unknown types and unknown fields
are ignored, so that either side may be newer; a missing or ill-typed field, or
anything else that breaks these rules, ends the connection.

**Opening.** The server speaks first: ``greeting``. ``role`` in it is what the
peer may do already (unix sockets: by its credentials); where it is ``none`` the
client sends ``auth``, one at a time, and gets a ``welcome``, or an ``error`` and the end. A
``boot`` names one life of the *state*, not of the daemon: it survives a crash
and an upgrade of the daemon, and changes when the supervisor starts afresh.
Sequence numbers, generations and offsets are comparable within one boot only.

**Requests** carry an ``id`` that the client chooses (0 .. 2**32-1, not in use);
what belongs to the answer carries the same id. ``cancel`` ends any request that
goes on: subscribe, stats, follow, attach, events, or the wait of a call (the work that a
call began goes on). ``error`` answers a request that cannot be done; the
connection stays.

**State.** ``subscribe`` is answered by ``snapshot`` frames (the last has
``more`` false) and then, for as long as the connection lasts, one ``delta`` for
each change, numbered without holes. With ``since`` (and the ``boot`` it came
from) the server sends the missed deltas in place of the snapshot if it still has
them, else ``resync`` and a snapshot. A delta either has the whole new record in
``process``, or names a process that is gone in ``removed``. ``supervisor`` in a
delta, when not empty, is the new state name of the whole (RUNNING, RESTARTING,
SHUTDOWN, or DEGRADED: no keeper answers, see getState). All frames of a snapshot have the
``seq`` at which it was asked for; what the deltas after it say of a process may be in it already.

**Use.** ``stats`` asks for CPU and memory of the named processes every
``interval`` seconds; a later ``stats`` with the same id replaces the names.

**Output.** ``follow`` asks for one channel of one process, from ``gen`` and
``offset`` (what was seen last time) or with the ``last`` bytes; with neither, from
now on. The server answers ``following`` and then ``output``
frames. Offsets count the bytes the program wrote, within a generation; a log that
is cleared or replaced begins a new generation at 0. ``gap`` says that the bytes
from ``offset`` to ``until`` are no longer kept or were skipped because the client
did not keep up. Older text is read by a ``follow`` from an earlier offset of the
same generation, down to ``start`` and across rotated files, that is cancelled when
enough came. A follower may be sent ``credit`` bytes before it must grant more
with a ``credit`` frame; the server never waits for one follower on behalf of
another, nor a program for any.

**Attach.** ``attach`` joins the terminal of a process. ``mode`` is ``write`` (be the
writer if there is none), ``take`` (be the writer) or ``read``. The server answers
``attached``, then the last output as ``output`` frames, and from ``live`` on what
comes new: offsets below ``live`` are the past, and terminal queries in it must not
be answered. A tty program has one channel, ``stdout``; a program on pipes sends
``stdout`` and ``stderr``. ``input`` carries bytes for the program; the server
acknowledges the running total with ``input_ack``, and a client keeps at most 64
KiB unacknowledged. ``resize`` sets the terminal's size (writers only). ``writer``
tells who writes now; ``size``, ``exited``, ``started`` and ``removed`` tell what
happened to the terminal and the process; the attachment outlives a restart of the
process. Input may outlive a connection, and the server: all that one client types is
one stream of bytes, named by the ``token`` of its requests. ``typed`` in ``attached``
says how much of it was taken, counted from its beginning; the client sends on from
there. A second request with the same token ends the first. When it is cancelled,
``input_ack`` still tells when all that was sent is kept for the program, in a place that
outlives the server; until then its id is in use.

**Calls.** ``call`` runs any method of the method table (the XML-RPC names and
parameters); answered by ``result`` or ``fault``. A client may send the next calls before
the answer came; those of a client that does not read wait until it does. Of such a client
no more than 256 KiB are read, whatever it sends.

**Events.** ``events`` asks for events of the named types, as ``[eventlistener:x]``
does: a name stands for all below it. The server answers ``listening`` and then sends
an ``event`` for each, with the serial and the payload that listeners get; serials go
up, with holes where an event was of no type asked for. Nothing is answered, and
nothing is kept beyond the connection. To a client that does not keep up
``events_missed`` says how many it was not sent.

**Alive.** Either side may send ``ping`` at any time and gets ``pong`` with the same
``n``.
"""

from __future__ import annotations

import dataclasses
import struct
import types
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar, Final, TypeGuard, Union

import msgpack

from ..errors import LocalProtocolError, RemoteProtocolError
from .packing import Packing
from .record import ProcessRecord as ProcessRecord  # noqa: PLC0414 - part of this module's vocabulary
from .structs import Extended

VERSION: Final = 1
MAX_FRAME_BYTES: Final = 1 << 20
MAX_DEPTH: Final = 32
MAX_ELEMENTS: Final = 20_000
MAX_DATA_BYTES: Final = 64 * 1024
"""The most output or input bytes that one frame of ours carries."""
DEFAULT_CREDIT_BYTES: Final = 256 * 1024
INPUT_WINDOW_BYTES: Final = 64 * 1024

Value = None | bool | int | float | str | bytes | list["Value"] | dict[str, "Value"]


@dataclass(frozen=True, slots=True)
class Frame:
    """Base of all frames; ``TYPE`` is the value of key ``t``."""

    TYPE: ClassVar[str] = ""


# --- both ways ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ping(Frame):
    TYPE: ClassVar[str] = "ping"
    n: int = 0


@dataclass(frozen=True, slots=True)
class Pong(Frame):
    TYPE: ClassVar[str] = "pong"
    n: int = 0


# --- client to server --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Auth(Frame):
    TYPE: ClassVar[str] = "auth"
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Cancel(Frame):
    TYPE: ClassVar[str] = "cancel"
    id: int


@dataclass(frozen=True, slots=True)
class Subscribe(Frame):
    """``since`` -1: no sequence number known, send a snapshot."""

    TYPE: ClassVar[str] = "subscribe"
    id: int
    boot: str = ""
    since: int = -1


@dataclass(frozen=True, slots=True)
class Stats(Frame):
    """``names``: namespecs, at most 1,000; ``interval``: seconds, at least 0.5."""

    TYPE: ClassVar[str] = "stats"
    id: int
    names: list[str]
    interval: float = 2.0


@dataclass(frozen=True, slots=True)
class Follow(Frame):
    """``name``: namespec. ``offset`` >= 0 with ``gen``: resume there; else ``last`` bytes, 0 for none."""

    TYPE: ClassVar[str] = "follow"
    id: int
    name: str
    channel: str = "stdout"
    gen: int = 0
    offset: int = -1
    last: int = 0
    credit: int = DEFAULT_CREDIT_BYTES


@dataclass(frozen=True, slots=True)
class Credit(Frame):
    """Grants ``bytes`` more on follow or attach ``id``."""

    TYPE: ClassVar[str] = "credit"
    id: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Attach(Frame):
    """``rows``/``cols`` 0: leave the terminal's size. ``last``: how many bytes of the past to send.

    ``token``: 16 random bytes that name what this client types, on all its connections; ``typed``: how many
    bytes of it are known to be taken. See *Attach* above.
    """

    TYPE: ClassVar[str] = "attach"
    id: int
    name: str
    mode: str = "write"
    rows: int = 0
    cols: int = 0
    last: int = 256 * 1024
    credit: int = DEFAULT_CREDIT_BYTES
    token: bytes = b""
    typed: int = 0


@dataclass(frozen=True, slots=True)
class Input(Frame):
    TYPE: ClassVar[str] = "input"
    id: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Resize(Frame):
    TYPE: ClassVar[str] = "resize"
    id: int
    rows: int
    cols: int


@dataclass(frozen=True, slots=True)
class Take(Frame):
    """Become the writer of attachment ``id``."""

    TYPE: ClassVar[str] = "take"
    id: int


@dataclass(frozen=True, slots=True)
class Events(Frame):
    """``names``: event types, in any case."""

    TYPE: ClassVar[str] = "events"
    id: int
    names: list[str]


@dataclass(frozen=True, slots=True)
class Call(Frame):
    TYPE: ClassVar[str] = "call"
    id: int
    method: str
    params: list[Value] = field(default_factory=list)


# --- server to client --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Greeting(Frame):
    """``now``: wall time of the server, epoch seconds. ``role``: none, observer, operator or admin."""

    TYPE: ClassVar[str] = "greeting"
    version: int
    identification: str
    supervisor_version: str
    pid: int
    boot: str
    role: str
    now: float = 0.0
    state: str = "RUNNING"


@dataclass(frozen=True, slots=True)
class Welcome(Frame):
    TYPE: ClassVar[str] = "welcome"
    role: str


@dataclass(frozen=True, slots=True)
class Error(Frame):
    """``id`` -1: not about one request. ``code`` is a fault code of ``supervisor.faults``."""

    TYPE: ClassVar[str] = "error"
    id: int
    code: int
    text: str


@dataclass(frozen=True, slots=True)
class Snapshot(Frame):
    TYPE: ClassVar[str] = "snapshot"
    id: int
    seq: int
    processes: list[ProcessRecord]
    more: bool = False


@dataclass(frozen=True, slots=True)
class Resync(Frame):
    """The deltas after ``since`` are no longer all there; a snapshot follows."""

    TYPE: ClassVar[str] = "resync"
    id: int
    since: int


@dataclass(frozen=True, slots=True)
class Delta(Frame):
    TYPE: ClassVar[str] = "delta"
    id: int
    seq: int
    when: float = 0.0
    process: ProcessRecord | None = None
    removed: str = ""
    supervisor: str = ""


@dataclass(frozen=True, slots=True)
class Usage(Frame):
    """Answer to stats: namespec to [CPU in percent of one core, resident bytes]; only running ones."""

    TYPE: ClassVar[str] = "usage"
    id: int
    processes: dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class Following(Frame):
    """``offset``: where the first output frame will begin; ``start``: the oldest byte kept.

    ``live``: the end of the log now; what lies before it is the past. -1 from a server that does not say.
    """

    TYPE: ClassVar[str] = "following"
    id: int
    name: str
    channel: str
    gen: int
    offset: int
    start: int = 0
    live: int = -1


@dataclass(frozen=True, slots=True)
class Output(Frame):
    TYPE: ClassVar[str] = "output"
    id: int
    channel: str
    gen: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Gap(Frame):
    """Bytes ``offset`` .. ``until`` of generation ``gen`` will not be sent."""

    TYPE: ClassVar[str] = "gap"
    id: int
    channel: str
    gen: int
    offset: int
    until: int


@dataclass(frozen=True, slots=True)
class Listening(Frame):
    """``serial``: that of the next event of the supervisor, of whatever type."""

    TYPE: ClassVar[str] = "listening"
    id: int
    serial: int


@dataclass(frozen=True, slots=True)
class Event(Frame):
    """``length``: that of the whole payload in bytes; what is longer than 512 KiB is cut."""

    TYPE: ClassVar[str] = "event"
    id: int
    serial: int
    name: str
    payload: bytes
    length: int = 0


@dataclass(frozen=True, slots=True)
class EventsMissed(Frame):
    TYPE: ClassVar[str] = "events_missed"
    id: int
    count: int


@dataclass(frozen=True, slots=True)
class Attached(Frame):
    """``tty``: a terminal; else pipes, to be driven in line mode. ``live``: see *Attach* above.

    ``prelude``: brings a fresh terminal into the modes that were set before the first output that is sent.
    ``typed``: how many bytes were taken of what the request's ``token`` names; -1: nobody knows.
    """

    TYPE: ClassVar[str] = "attached"
    id: int
    name: str
    tty: bool
    pid: int
    writer: bool
    rows: int
    cols: int
    gen: int
    live: int
    prelude: bytes = b""
    typed: int = -1


@dataclass(frozen=True, slots=True)
class InputAck(Frame):
    """``bytes``: how many input bytes of this attachment were taken so far."""

    TYPE: ClassVar[str] = "input_ack"
    id: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Writer(Frame):
    """``writer``: whether this client is the writer now; ``by``: who is, for people."""

    TYPE: ClassVar[str] = "writer"
    id: int
    writer: bool
    by: str = ""


@dataclass(frozen=True, slots=True)
class Size(Frame):
    TYPE: ClassVar[str] = "size"
    id: int
    rows: int
    cols: int


@dataclass(frozen=True, slots=True)
class Started(Frame):
    """The attached process runs (again); ``gen`` and ``live`` as in attached."""

    TYPE: ClassVar[str] = "started"
    id: int
    pid: int


@dataclass(frozen=True, slots=True)
class Exited(Frame):
    """``status``: exit code, or -N for death by signal N."""

    TYPE: ClassVar[str] = "exited"
    id: int
    pid: int
    status: int


@dataclass(frozen=True, slots=True)
class Removed(Frame):
    """The attached or followed process is gone from the configuration; the request is over."""

    TYPE: ClassVar[str] = "removed"
    id: int


@dataclass(frozen=True, slots=True)
class Result(Frame):
    TYPE: ClassVar[str] = "result"
    id: int
    value: Value


@dataclass(frozen=True, slots=True)
class Fault(Frame):
    TYPE: ClassVar[str] = "fault"
    id: int
    code: int
    text: str


CLIENT_FRAMES: Final[tuple[type[Frame], ...]] = (
    Ping, Pong, Auth, Cancel, Subscribe, Stats, Follow, Credit, Attach, Input, Resize, Take, Events,
    Call,
)  # fmt: skip
SERVER_FRAMES: Final[tuple[type[Frame], ...]] = (
    Ping, Pong, Greeting, Welcome, Error, Snapshot, Resync, Delta, Usage, Following, Output, Gap, Listening,
    Event, EventsMissed, Attached, InputAck, Writer, Size, Started, Exited, Removed, Result, Fault,
)  # fmt: skip


# --- from and to msgpack -----------------------------------------------------------------------------

Reader = Callable[[Any], Any]


class _Bad(Exception):
    """Wrong shape; becomes RemoteProtocolError with the frame's name."""


def _scalar(kind: type) -> Reader:
    def read(data: Any) -> Any:
        # bool is an int to Python, not to the protocol
        if type(data) is kind:
            return data
        if kind is float and type(data) is int:
            return float(data)
        raise _Bad(f"expected {kind.__name__}, not {type(data).__name__}")

    return read


def _reader_of(hint: Any) -> Reader:
    if isinstance(hint, typing.ForwardRef):
        return lambda data: data
    origin = typing.get_origin(hint)
    if origin is list:
        item = _reader_of(typing.get_args(hint)[0])

        def read_list(data: Any) -> Any:
            if type(data) is not list:
                raise _Bad(f"expected list, not {type(data).__name__}")
            return [item(element) for element in data]

        return read_list
    if origin is dict:
        member = _reader_of(typing.get_args(hint)[1])

        def read_dict(data: Any) -> Any:
            if type(data) is not dict:
                raise _Bad(f"expected map, not {type(data).__name__}")
            return {key: member(element) for key, element in data.items()}

        return read_dict
    if origin in (Union, types.UnionType):
        members = [arg for arg in typing.get_args(hint) if arg is not type(None)]
        if len(members) > 1:  # Value: whatever msgpack made, within the limits
            return lambda data: data
        inner = _reader_of(members[0])
        return lambda data: None if data is None else inner(data)
    if dataclasses.is_dataclass(hint):
        return _record_reader(hint)  # type: ignore[arg-type]  # a class can be hashed
    return _scalar(hint)


@cache
def _record_reader(kind: type[Any]) -> Reader:
    """Made when the first such record comes: to make all of them takes longer than the rest of this module."""
    hints = typing.get_type_hints(kind)
    fields = {f.name: _reader_of(hints[f.name]) for f in dataclasses.fields(kind)}
    required = {
        f.name
        for f in dataclasses.fields(kind)
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    }

    def read(data: Any) -> Any:
        if type(data) is not dict:
            raise _Bad(f"expected map, not {type(data).__name__}")
        values = {}
        for name, reader in fields.items():
            if name in data:
                try:
                    values[name] = reader(data[name])
                except _Bad as error:
                    raise _Bad(f"{name}: {error}") from None
            elif name in required:
                raise _Bad(f"{name}: missing")
        return kind(**values)

    return read


_CLIENT_KINDS: Final[dict[str, type[Any]]] = {frame.TYPE: frame for frame in CLIENT_FRAMES}
_SERVER_KINDS: Final[dict[str, type[Any]]] = {frame.TYPE: frame for frame in SERVER_FRAMES}


def _check_depth(body: dict[str, Any]) -> None:
    level: list[Any] = [body]
    for _ in range(MAX_DEPTH):
        level = [
            item
            for container in level
            for item in (container.values() if type(container) is dict else container)
            if type(item) is dict or type(item) is list
        ]
        if not level:
            return
    raise RemoteProtocolError(f"frame nested more than {MAX_DEPTH} deep")


def _fields(kind: type[Any]) -> tuple[str, ...]:
    return tuple(spec.name for spec in dataclasses.fields(kind))


_FIELDS: Final[dict[type[Any], tuple[str, ...]]] = {
    kind: _fields(kind) for kind in (*CLIENT_FRAMES, *SERVER_FRAMES, ProcessRecord)
}


def _plain(value: Any) -> dict[str, Any]:
    """What msgpack asks for where it knows no type: the records inside of frames."""
    names = _FIELDS.get(type(value))
    if names is None:
        raise TypeError(f"a {type(value).__name__} does not travel")
    return {name: getattr(value, name) for name in names}


_strictly: Final = Packing(default=_plain)
_replacing: Final = Packing(default=_plain, unicode_errors="replace")


def _pack(body: dict[str, Any]) -> bytes:
    """A byte of text that was no UTF-8, such as an environment may bring, is sent as a question mark."""
    try:
        return _strictly(body)
    except UnicodeEncodeError:
        return _replacing(body)


def _is_table(value: object) -> TypeGuard[list[Extended]]:
    return type(value) is list and bool(value) and all(type(item) is Extended for item in value)


def _pack_result(request_id: int, value: Value) -> bytes:
    """A list of structs that are much the same each time is joined from what was packed before."""
    if _is_table(value):
        try:
            rows = _strictly.structs(value)
        except UnicodeEncodeError:
            rows = _replacing.structs(value)
        return b"".join((b"\x83\xa1t\xa6result\xa2id", _strictly(request_id), b"\xa5value", rows))
    return _pack({"t": Result.TYPE, "id": request_id, "value": value})


def encode(frame: Frame) -> bytes:
    """One frame, length included. Raises LocalProtocolError when it would break the limits."""
    try:
        if type(frame) is Result:
            packed = _pack_result(frame.id, frame.value)
        else:
            packed = _pack({"t": frame.TYPE} | {name: getattr(frame, name) for name in _FIELDS[type(frame)]})
    except (ValueError, TypeError, OverflowError) as error:
        raise LocalProtocolError(f"cannot pack {frame.TYPE}: {error}") from error
    if len(packed) > MAX_FRAME_BYTES:
        raise LocalProtocolError(f"{frame.TYPE} frame of {len(packed)} bytes is over {MAX_FRAME_BYTES}")
    return struct.pack(">I", len(packed)) + packed


# An output frame is the same for all its followers but for the id. It is laid out with the id in
# front, at a fixed width, so that one encoded tail serves all of them.
_OUTPUT_HEAD = b"\x86\xa1t\xa6output\xa2id\xce"


def output_tail(channel: str, gen: int, offset: int, data: bytes) -> bytes:
    """The shared part of an output frame; to be sent behind ``output_head``."""
    pack = _strictly
    return b"".join(
        (
            b"\xa7channel", pack(channel), b"\xa3gen", pack(gen), b"\xa6offset", pack(offset),
            b"\xa4data", pack(data),
        )
    )  # fmt: skip


def output_head(request_id: int, tail: bytes) -> bytes:
    """The part of an output frame that is one follower's own."""
    return struct.pack(">I", len(_OUTPUT_HEAD) + 4 + len(tail)) + _OUTPUT_HEAD + struct.pack(">I", request_id)


def _frame_of(body: dict[str, Any], kinds: dict[str, type[Any]]) -> Frame | None:
    kind = body.get("t")
    if type(kind) is not str:
        raise RemoteProtocolError("frame without a type")
    known = kinds.get(kind)
    if known is None:
        return None
    try:
        frame: Frame = _record_reader(known)(body)  # type: ignore[arg-type]  # as in _reader_of
    except _Bad as error:
        raise RemoteProtocolError(f"{kind} frame: {error}") from None
    return frame


def to_map(frame: Frame) -> dict[str, Any]:
    """A frame as a map of plain values and bytes, as it would travel; for those who keep frames in another shape."""
    return {"t": frame.TYPE} | {
        name: [_plain(item) for item in value] if isinstance(value, list) and value and type(value[0]) in _FIELDS
        else _plain(value) if type(value) in _FIELDS
        else value
        for name, value in _plain(frame).items()
    }  # fmt: skip


def from_map(body: dict[str, Any]) -> Frame | None:
    """The server's frame that ``to_map`` made this of; None for one unknown here. Raises RemoteProtocolError."""
    return _frame_of(body, _SERVER_KINDS)


class Decoder:
    """Bytes in, frames out; any cut of the input gives the same frames.

    ``kinds`` is which side's frames are accepted: use ``client_decoder`` (reads
    what servers send) or ``server_decoder``. Raises RemoteProtocolError and
    nothing else, behind the frames that are whole, and then stays broken. Keeps at
    most one frame in memory.
    """

    def __init__(self, kinds: dict[str, type[Any]]) -> None:
        self._kinds = kinds
        self._buffer = bytearray()
        self._broken = False

    def feed(self, data: bytes | memoryview) -> Iterator[Frame]:
        """The frames that ``data`` completes, in order; nothing is done before they are taken."""
        if self._broken:
            raise RemoteProtocolError("data after a broken frame")
        buffer = self._buffer
        buffer += data
        position = 0
        try:
            while len(buffer) - position >= 4:
                (length,) = struct.unpack_from(">I", buffer, position)
                if not 0 < length <= MAX_FRAME_BYTES:
                    raise RemoteProtocolError(f"frame length {length} is not between 1 and {MAX_FRAME_BYTES}")
                end = position + 4 + length
                if len(buffer) < end:
                    break
                with memoryview(buffer) as view:
                    frame = self._decode(view[position + 4 : end])
                position = end
                if frame is not None:
                    yield frame
        except RemoteProtocolError:
            self._broken = True
            buffer.clear()
            raise
        del buffer[:position]

    def _decode(self, packed: memoryview) -> Frame | None:
        try:
            body = msgpack.unpackb(
                packed,
                raw=False,
                strict_map_key=True,
                max_array_len=MAX_ELEMENTS,
                max_map_len=MAX_ELEMENTS,
                max_ext_len=0,
            )
        except Exception as error:  # msgpack raises ValueError, its own and OverflowError kinds
            raise RemoteProtocolError(f"not msgpack: {error}") from error
        finally:
            packed.release()
        if type(body) is not dict:
            raise RemoteProtocolError(f"frame is a {type(body).__name__}, not a map")
        _check_depth(body)
        return _frame_of(body, self._kinds)


def client_decoder() -> Decoder:
    """A decoder for what a server sends."""
    return Decoder(_SERVER_KINDS)


def server_decoder() -> Decoder:
    """A decoder for what a client sends."""
    return Decoder(_CLIENT_KINDS)
