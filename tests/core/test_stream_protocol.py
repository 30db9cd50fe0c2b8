"""The stream codec: any cut, identity, limits, and nonsense that raises one error only."""

from __future__ import annotations

import dataclasses
import struct
import types
import typing
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supervisor.errors import LocalProtocolError, RemoteProtocolError
from supervisor.protocol import stream as p

_INTS = st.integers(-(2**31), 2**40)
_TEXT = st.text(max_size=20)
_VALUE: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | _INTS | st.floats(allow_nan=False) | _TEXT | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=8,
)
_SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    int: _INTS, str: _TEXT, bool: st.booleans(), bytes: st.binary(max_size=50), float: st.floats(allow_nan=False),
}  # fmt: skip


def strategy(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a field's type."""
    if hint in _SCALARS:
        return _SCALARS[hint]
    if dataclasses.is_dataclass(hint):
        return records(typing.cast("type[Any]", hint))
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is list:
        return st.lists(strategy(args[0]), max_size=3)
    if origin is dict:
        return st.dictionaries(_TEXT, strategy(args[1]), max_size=3)
    if origin in (typing.Union, types.UnionType):
        members = [arg for arg in args if arg is not type(None)]
        return _VALUE if len(members) > 1 else st.none() | strategy(members[0])
    raise TypeError(hint)


def records(kind: type[Any]) -> st.SearchStrategy[Any]:
    hints = typing.get_type_hints(kind)
    return st.builds(kind, **{f.name: strategy(hints[f.name]) for f in dataclasses.fields(kind)})


CLIENT = st.one_of([records(kind) for kind in p.CLIENT_FRAMES])
SERVER = st.one_of([records(kind) for kind in p.SERVER_FRAMES])


def packed(body: object) -> bytes:
    data: bytes = msgpack.packb(body)
    return struct.pack(">I", len(data)) + data


@pytest.mark.parametrize(
    "kind", dict.fromkeys((*p.CLIENT_FRAMES, *p.SERVER_FRAMES)), ids=lambda k: k.__name__
)
@settings(max_examples=25)
@given(data=st.data())
def test_decode_after_encode_is_identity(kind: type[p.Frame], data: st.DataObject) -> None:
    frame = data.draw(records(kind))
    encoded = p.encode(frame)
    if kind in p.CLIENT_FRAMES:
        assert list(p.server_decoder().feed(encoded)) == [frame]
    if kind in p.SERVER_FRAMES:
        assert list(p.client_decoder().feed(encoded)) == [frame]


@given(st.lists(SERVER, max_size=5), st.data())
def test_any_cut_of_the_input_gives_the_same_frames(frames: list[p.Frame], data: st.DataObject) -> None:
    encoded = b"".join(map(p.encode, frames))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(encoded)), max_size=6)))
    decoder = p.client_decoder()
    got: list[p.Frame] = []
    for begin, end in zip([0, *cuts], [*cuts, len(encoded)], strict=True):
        got += decoder.feed(encoded[begin:end])
    assert got == frames


@settings(max_examples=20)
@given(st.lists(CLIENT, max_size=3))
def test_byte_by_byte(frames: list[p.Frame]) -> None:
    decoder = p.server_decoder()
    got: list[p.Frame] = []
    for byte in b"".join(map(p.encode, frames)):
        got += decoder.feed(bytes([byte]))
    assert got == frames


@given(st.binary(max_size=300))
def test_random_bytes_raise_only_the_codecs_error(data: bytes) -> None:
    for decoder in (p.client_decoder(), p.server_decoder()):
        try:
            list(decoder.feed(data))
        except RemoteProtocolError:
            with pytest.raises(RemoteProtocolError):
                list(decoder.feed(b""))


@settings(max_examples=300)
@given(st.binary(max_size=200), st.sampled_from([*p.CLIENT_FRAMES]), _VALUE)
def test_random_bodies_raise_only_the_codecs_error(junk: bytes, kind: type[p.Frame], value: Any) -> None:
    fields = {f.name: value for f in dataclasses.fields(kind)}
    for body in (
        struct.pack(">I", len(junk)) + junk if junk else b"",
        packed(value),
        packed({"t": kind.TYPE, **fields}),
    ):
        try:
            list(p.server_decoder().feed(body))
        except RemoteProtocolError:
            continue


@pytest.mark.parametrize(
    "body",
    [
        struct.pack(">I", 0),
        struct.pack(">I", p.MAX_FRAME_BYTES + 1),
        b"\xff\xff\xff\xff",
        packed([1, 2]),
        packed({}),
        packed({"t": 5}),
        packed({"t": b"ping"}),
        packed({"t": "ping", "n": "x"}),
        packed({"t": "ping", "n": True}),
        packed({"t": "cancel"}),
        packed({1: "ping"}),
        struct.pack(">I", 5) + b"\xdd\xff\xff\xff\xff",  # an array of 4 G elements
        struct.pack(">I", 5) + b"\xdf\xff\xff\xff\xff",
        struct.pack(">I", 6) + b"\xc6\xff\xff\xff\xff\0",  # 4 GiB of bytes
        struct.pack(">I", 3) + b"\xa2\xff\xfe",  # no UTF-8
        struct.pack(">I", 3) + b"\xd4\x01\x00",  # an extension
        struct.pack(">I", 4) + b"\x80\x80\x80\x80",  # more than one
    ],
)
def test_nonsense(body: bytes) -> None:
    decoder = p.server_decoder()
    with pytest.raises(RemoteProtocolError):
        list(decoder.feed(body))


def test_what_is_whole_before_nonsense_counts() -> None:
    decoder = p.server_decoder()
    got: list[p.Frame] = []
    with pytest.raises(RemoteProtocolError):
        got.extend(decoder.feed(p.encode(p.Ping(1)) + p.encode(p.Cancel(2)) + packed({"t": "cancel"})))
    assert got == [p.Ping(1), p.Cancel(2)]


def test_nesting_is_limited() -> None:
    def nested(depth: int) -> bytes:
        return b"\x91" * depth + b"\xc0"

    head = b"\x84\xa1t\xa4call\xa2id\x01\xa6method\xa1m\xa6params"
    for depth, fine in ((p.MAX_DEPTH - 2, True), (p.MAX_DEPTH, False), (500, False), (200_000, False)):
        body = head + nested(depth)
        decoder = p.server_decoder()
        data = struct.pack(">I", len(body)) + body
        if fine:
            assert len(list(decoder.feed(data))) == 1
        else:
            with pytest.raises(RemoteProtocolError):
                list(decoder.feed(data))


def test_elements_are_limited() -> None:
    def call(elements: int) -> list[p.Frame]:
        body = {"t": "call", "id": 1, "method": "m", "params": [0] * elements}
        return list(p.server_decoder().feed(packed(body)))

    assert call(p.MAX_ELEMENTS)
    with pytest.raises(RemoteProtocolError):
        call(p.MAX_ELEMENTS + 1)


def test_what_is_newer_is_ignored() -> None:
    decoder = p.server_decoder()
    assert list(decoder.feed(packed({"t": "newer", "x": 1}))) == []
    assert list(decoder.feed(packed({"t": "ping", "n": 4, "newer": [1]}))) == [p.Ping(4)]
    # frames of the other side are types like any unknown one
    assert list(decoder.feed(p.encode(p.Welcome("admin")))) == []


def test_left_out_fields_take_their_defaults() -> None:
    assert list(p.server_decoder().feed(packed({"t": "follow", "id": 3, "name": "a"}))) == [p.Follow(3, "a")]


def test_what_cannot_be_sent_is_our_error() -> None:
    for frame in (p.Result(1, "x" * p.MAX_FRAME_BYTES), p.Result(2**70, None)):
        with pytest.raises(LocalProtocolError):
            p.encode(frame)


def test_what_is_no_character_is_sent_as_a_question_mark() -> None:
    data = p.encode(p.Result(1, ["caf\udce9", {"é": "\ud800"}]))
    assert list(p.client_decoder().feed(data)) == [p.Result(1, ["caf?", {"é": "?"}])]


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(["stdout", "stderr"]),
    st.integers(0, 2**40),
    st.integers(0, 2**50),
    st.binary(max_size=300),
)
def test_head_and_tail_are_an_output_frame(
    request_id: int, channel: str, gen: int, offset: int, data: bytes
) -> None:
    tail = p.output_tail(channel, gen, offset, data)
    frame = p.Output(request_id, channel, gen, offset, data)
    assert list(p.client_decoder().feed(p.output_head(request_id, tail) + tail)) == [frame]
    assert list(p.client_decoder().feed(p.encode(frame))) == [frame]


def test_the_decoder_keeps_one_frame_at_most() -> None:
    decoder = p.server_decoder()
    ping = p.encode(p.Ping(1))
    for _ in range(1000):
        assert list(decoder.feed(ping * 50 + ping[:3])) == [p.Ping(1)] * 50
        assert list(decoder.feed(ping[3:])) == [p.Ping(1)]
    assert len(decoder._buffer) == 0
