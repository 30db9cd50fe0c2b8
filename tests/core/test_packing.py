"""Small values packed with a packer that is kept."""

from __future__ import annotations

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.protocol.packing import KEPT_BYTES, Packing, pack_local
from supervisor.protocol.structs import Row, Table

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.binary(max_size=50)
    | st.text(max_size=50)
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner)
)


@given(st.lists(values, max_size=5))
def test_the_same_bytes_as_a_packer_for_each(several: list[object]) -> None:
    pack = Packing()
    assert [pack(value) for value in several] == [msgpack.packb(value) for value in several]


@pytest.mark.parametrize("bad", [{"a": "\udce9"}, {"a": 2**70}, [1, 2, object()]])
def test_what_cannot_be_packed_leaves_nothing_for_the_next(bad: object) -> None:
    pack = Packing()
    for _ in range(2):
        with pytest.raises((UnicodeEncodeError, OverflowError, TypeError)):
            pack(bad)
        assert pack({"a": 1}) == msgpack.packb({"a": 1})


def test_a_large_value_does_not_keep_its_buffer() -> None:
    pack = Packing()
    small = pack._packer
    pack(b"x" * 100)
    assert pack._packer is small
    assert msgpack.unpackb(pack(b"x" * (KEPT_BYTES + 1))) == b"x" * (KEPT_BYTES + 1)
    assert pack._packer is not small


def test_bytes_of_a_path_that_are_no_text_come_back() -> None:
    packed = pack_local({"path": "/tmp/\udce9"})
    assert msgpack.unpackb(packed, unicode_errors="surrogateescape") == {"path": "/tmp/\udce9"}


@given(
    st.dictionaries(st.text(max_size=5), values, max_size=20), st.integers(-5, 2**40), st.text(max_size=300)
)
def test_tables_are_packed_as_the_dicts_that_they_are(members: dict[str, object], now: int, ago: str) -> None:
    members.pop("now", None)
    members.pop("description", None)
    names, values = tuple(members), tuple(members.values())
    rows = [Row(names, values, 5, "since "), Row(names, values), Row((), (), 6), Row(names, values, 6)]
    for table in (Table(rows, now, {5: ago, 6: ""}), Table(rows[:0], now, {})):
        for _ in range(2):
            told = msgpack.unpackb(Packing().table(table), strict_map_key=False)
            assert told == [dict(struct) for struct in table] and len(told) == len(table)


def test_text_of_a_table_that_is_no_text_is_packed_as_its_packer_does() -> None:
    table = Table([Row(("a",), ("\udce9",), 5, "\udce9")], 1, {5: "\udce9"})
    with pytest.raises(UnicodeEncodeError):
        Packing().table(table)
    (struct,) = msgpack.unpackb(Packing(unicode_errors="replace").table(table))
    assert struct == {"a": "?", "now": 1, "description": "??"}
