from __future__ import annotations

import pytest

from supervisor.daemon.methods.cache import BYTES_MAX, ENTRIES_MAX, Store, size_of
from supervisor.errors import RPCError
from supervisor.faults import Faults


def test_the_number_of_keys_is_bounded() -> None:
    store = Store()
    for number in range(ENTRIES_MAX):
        store.put(str(number), 1)
    with pytest.raises(RPCError) as caught:
        store.put("one more", 1)
    assert (caught.value.code, "full" in caught.value.text) == (Faults.FAILED, True)
    store.put("5", "another value for a key that is there")
    store.remove("6")
    store.put("one more", 1)


def test_the_bytes_are_bounded_and_counted_right() -> None:
    store = Store()
    half = "x" * (BYTES_MAX // 2)
    store.put("a", half)
    with pytest.raises(RPCError, match="full"):
        store.put("b", half)
    assert "b" not in store.values
    store.put("a", half[:10])
    store.put("b", half)
    with pytest.raises(RPCError, match="full"):
        store.put("a", half)
    assert store.values["a"] == half[:10]
    store.remove("a")
    store.remove("b")
    assert store.size_bytes == 0
    store.put("c", {"k": [b"1", 2]})
    store.clear()
    assert store.size_bytes == 0


def test_everything_in_a_value_counts() -> None:
    assert size_of([["x"] * 100]) > 100 * size_of("x")
    assert size_of({"key": b"1234"}) == size_of({}) + size_of("key") + size_of(b"1234")
