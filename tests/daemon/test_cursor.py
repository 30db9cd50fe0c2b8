"""A reader's place: everything once, and what is missing is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.daemon.output.cursor import Chunk, Cursor, Missed
from supervisor.daemon.output.spool import Watchers
from supervisor.daemon.output.store import LogStore
from supervisor.daemon.streamserver import Encoded


@dataclass
class Kept:
    """A store in memory that keeps the last ``limit`` bytes."""

    limit: int = 20
    gen: int = 1
    data: bytes = b""
    watchers: Watchers = field(default_factory=Watchers)

    @property
    def end(self) -> int:
        return len(self.data)

    @property
    def start(self) -> int:
        return max(0, self.end - self.limit)

    def read(self, offset: int, limit: int) -> bytes:
        return self.data[offset : offset + limit] if offset >= self.start else b""


@given(
    st.lists(st.tuples(st.sampled_from(["write", "read", "clear"]), st.integers(1, 30)), max_size=40),
    st.integers(0, 30),
)
def test_what_is_read_and_what_is_missed_add_up(steps: list[tuple[str, int]], first: int) -> None:
    store = Kept()
    cursor = Cursor(store, 1, first)
    place, gen = min(first, store.end), 1
    for step, count in steps:
        if step == "write":
            store.data += bytes((len(store.data) + n) % 256 for n in range(count))
        elif step == "clear":
            store.data, store.gen = b"", store.gen + 1
        else:
            item = cursor.next(count)
            if gen != store.gen:
                gen, place = store.gen, 0
            if item is None:
                assert place == store.end
            elif isinstance(item, Missed):
                assert (item.gen, item.offset, item.until) == (gen, place, store.start)
                place = item.until
            else:
                assert (item.gen, item.offset) == (gen, place)
                assert item.data == store.data[place : place + count] and item.data
                place += len(item.data)


def test_last() -> None:
    store = Kept(data=b"0123456789")
    assert Cursor.last(store, 4).next() == Chunk(1, 6, b"6789")
    assert Cursor.last(store, 0).next() is None
    assert Cursor.last(store, 100).next(3) == Chunk(1, 0, b"012")
    store.data *= 3
    assert Cursor.last(store, 100).offset == 10


def test_a_place_beyond_the_end_is_the_end() -> None:
    store = Kept(data=b"0123")
    cursor = Cursor(store, 1, 4000)
    assert cursor.offset == 4
    store.data += b"45"
    assert cursor.next() == Chunk(1, 4, b"45")


def test_a_place_in_a_later_generation_of_the_same_number_does_not_hide_bytes() -> None:
    store = Kept(data=b"0123", gen=2)
    assert Cursor(store, 1, 3).next() == Chunk(2, 0, b"0123")


def test_bytes_that_somebody_took_away() -> None:
    class Robbed(Kept):
        def read(self, offset: int, limit: int) -> bytes:
            return b""

    store = Robbed(data=b"0123")
    cursor = Cursor(store, 1, 1)
    assert cursor.next() == Missed(1, 1, 4)
    assert cursor.next() is None


def test_what_was_encoded_for_one_log_is_never_sent_for_another(tmp_path: Path) -> None:
    """A log that is gone leaves its place in memory to the next one."""
    encoded = Encoded()
    for number in range(20):
        store = LogStore(str(tmp_path / str(number)), 0, 0)
        store.append(b"%02d\n" % number)
        found = encoded.next(Cursor(store, 1, 0), "stdout", 1000)
        assert isinstance(found, tuple) and found[0].data == b"%02d\n" % number
        store.close()


@pytest.mark.parametrize("instead", ["nothing", "a directory", "an empty file", "a link"])
def test_of_a_log_whose_archive_somebody_took_away_the_rest_is_read(tmp_path: Path, instead: str) -> None:
    store = LogStore(str(tmp_path / "log"), 10, 3)
    for number in range(4):
        store.append(b"line %04d\n" % number)
    store.append(b"now\n")
    archive, written = tmp_path / "log.2", store.end
    archive.unlink()
    if instead == "a directory":
        archive.mkdir()
    elif instead == "an empty file":
        archive.touch()
    elif instead == "a link":
        archive.symlink_to("log.2")
    cursor = Cursor.last(store, written)
    items = []
    while (item := cursor.next()) is not None:
        items.append(item)
    data = b"".join(item.data for item in items if isinstance(item, Chunk))
    missed = sum(item.until - item.offset for item in items if isinstance(item, Missed))
    assert data.endswith(b"line 0003\nnow\n") and len(data) + missed == written - items[0].offset
    store.close()
