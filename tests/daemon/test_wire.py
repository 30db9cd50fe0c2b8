"""Frames between keeper and daemon."""

from __future__ import annotations

import json
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.daemon.keeper import wire

_TEXT = st.text() | st.sampled_from(["", "a\0b", "\udcff", "é"])
_VALUES: dict[Any, st.SearchStrategy[Any]] = {
    str: _TEXT,
    int: st.integers(-(2**40), 2**40),
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    list[str]: st.lists(_TEXT, max_size=4),
    list[int]: st.lists(st.integers(0, 2**32), max_size=4),
    dict[str, str]: st.dictionaries(_TEXT, _TEXT, max_size=4),
}


@st.composite
def frames(draw: st.DrawFn) -> wire.Frame:
    kind = draw(st.sampled_from(list(wire.FRAMES.values())))
    frame: wire.Frame = kind(*(draw(_VALUES[hint]) for hint in get_type_hints(kind).values()))
    return frame


@given(frames())
def test_decode_after_encode_is_identity(frame: wire.Frame) -> None:
    again = wire.decode(wire.encode(frame))
    assert again == frame and type(again) is type(frame)


@given(st.binary(max_size=200))
def test_random_bytes_are_no_frame(data: bytes) -> None:
    try:
        wire.decode(data)
    except wire.WireError:
        return


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
def test_any_json_is_a_frame_or_refused(value: object) -> None:
    for body in (value, ["Spawn", value], ["Beat", value], ["Signal", 1, "n", 1, 15, value], [value]):
        try:
            frame = wire.decode(json.dumps(body).encode())
        except wire.WireError:
            continue
        assert isinstance(frame, tuple)


@given(frames(), st.data())
def test_a_changed_type_is_refused(frame: wire.Frame, data: st.DataObject) -> None:
    if not frame:
        return
    values: list[Any] = list(frame)
    place = data.draw(st.integers(0, len(values) - 1))
    values[place] = None
    with pytest.raises(wire.WireError):
        wire.decode(json.dumps([type(frame).__name__, *values]).encode("utf-8", "surrogateescape"))


def test_nested_deep_is_refused() -> None:
    with pytest.raises(wire.WireError):
        wire.decode(b"[" * 100_000)
