"""The stream protocol: frames and codec, sans-IO; must never know sockets, stores, panes.

This docstring is the specification; ``docs/stream.rst`` tells the same to readers.

**Framing.** Each frame is a 4-byte big-endian length N (1 <= N <= 1 MiB) and N
bytes of msgpack: one map with string keys. Key ``t`` names the type, the other
keys are the fields of the frame of that type. Nesting is at most 32
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
from functools import cache
from typing import Any, Final, Union, cast

import msgpack

from ..errors import LocalProtocolError, RemoteProtocolError
from .frames import *  # they are this module's vocabulary
from .frames import CLIENT_FRAMES, SERVER_FRAMES, Frame, Result, Value
from .packing import Packing
from .record import ProcessRecord as ProcessRecord  # noqa: PLC0414  # as well
from .structs import Extended, Table, plain

VERSION: Final = 1
MAX_FRAME_BYTES: Final = 1 << 20
MAX_DEPTH: Final = 32
MAX_ELEMENTS: Final = 20_000
MAX_DATA_BYTES: Final = 64 * 1024
"""The most output or input bytes that one frame of ours carries."""
INPUT_WINDOW_BYTES: Final = 64 * 1024

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
    """A record as a map."""
    names = _FIELDS.get(type(value))
    if names is None:
        raise TypeError(f"a {type(value).__name__} does not travel")
    return {name: getattr(value, name) for name in names}


def _untyped(value: Any) -> Any:
    """What msgpack asks for where it knows no type: the records inside of frames, tables inside of values."""
    return plain(value) if type(value) is Table else _plain(value)


_strictly: Final = Packing(default=_untyped)
_replacing: Final = Packing(default=_untyped, unicode_errors="replace")


def _pack(body: dict[str, Any]) -> bytes:
    """A byte of text that was no UTF-8, such as an environment may bring, is sent as a question mark."""
    try:
        return _strictly(body)
    except UnicodeEncodeError:
        return _replacing(body)


def _pack_result(request_id: int, value: Value | Table) -> bytes:
    """Tables, and lists with some in them, are joined from what was packed before."""
    if type(value) is not Table and not (type(value) is list and not _KEPT.isdisjoint(map(type, value))):
        return _pack({"t": Result.TYPE, "id": request_id, "value": value})

    def packed(pack: Packing) -> bytes:
        return pack.table(value) if type(value) is Table else pack.several(cast("list[Value]", value))

    try:
        rows = packed(_strictly)
    except UnicodeEncodeError:
        rows = packed(_replacing)
    return b"".join((b"\x83\xa1t\xa6result\xa2id", _strictly(request_id), b"\xa5value", rows))


_KEPT: Final = frozenset((Table, Extended))


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
