"""Kept lines, their place in the stream, gaps, and search over them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.errors import UserError
from supervisor.tui.logbuffer import MAX_LINE_BYTES, LogBuffer, Mark, Search


def lines(buffer: LogBuffer) -> list[object]:
    return [line for _, line in buffer.lines(0, buffer.end)]


def filled(text: bytes) -> LogBuffer:
    buffer = LogBuffer()
    buffer.begin(1, 0, 0)
    buffer.output(1, 0, text)
    return buffer


def test_lines_and_the_unfinished_last_one() -> None:
    buffer = filled(b"one\ntwo\r\nthr")
    assert lines(buffer) == [b"one", b"two", b"thr"]
    buffer.output(1, buffer.offset, b"ee\n")
    assert lines(buffer) == [b"one", b"two", b"three"]
    assert (buffer.gen, buffer.offset) == (1, 15)


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=8))
def test_any_cut_gives_the_same_lines(data: bytes, cuts: list[int]) -> None:
    buffer = LogBuffer()
    buffer.begin(1, 0, 0)
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    for start, end in itertools.pairwise(edges):
        buffer.output(1, start, data[start:end])
    assert lines(buffer) == lines(filled(data))


def test_a_gap_stands_where_bytes_are_missing() -> None:
    buffer = filled(b"one\n")
    buffer.gap(1, 4, 4 + 2048)
    buffer.output(1, 4 + 2048, b"two\n")
    assert lines(buffer) == [b"one", Mark("... skipped 2K to keep up ...", True), b"two"]
    assert buffer.skipped_bytes == 2048


def test_a_jump_in_the_offsets_is_a_gap_too() -> None:
    buffer = filled(b"one\n")
    buffer.output(1, 104, b"two\n")
    assert Mark("... skipped 100 to keep up ...", True) in lines(buffer)


def test_a_resume_joins_without_a_mark() -> None:
    buffer = filled(b"one\nhal")
    buffer.begin(1, 7, 0)
    buffer.output(1, 7, b"f\n")
    assert lines(buffer) == [b"one", b"half"]


def test_a_resume_in_another_generation_begins_anew() -> None:
    buffer = filled(b"one\n")
    buffer.begin(2, 50, 0)
    buffer.output(2, 50, b"two\n")
    assert lines(buffer) == [Mark("the log was begun anew"), b"two"]


def test_a_cleared_log_is_marked() -> None:
    buffer = filled(b"one\n")
    buffer.output(2, 0, b"two\n")
    assert lines(buffer) == [b"one", Mark("the log was cleared"), b"two"]


def test_the_ring_forgets_the_oldest_and_numbers_go_on() -> None:
    buffer = LogBuffer(max_lines=10)
    buffer.begin(1, 0, 0)
    buffer.output(1, 0, b"".join(b"%d\n" % number for number in range(25)))
    assert (buffer.first, buffer.end) == (15, 25)
    assert buffer.line(15) == b"15" and buffer.line(24) == b"24"
    with pytest.raises(IndexError):
        buffer.line(14)


def test_memory_is_bounded_by_bytes() -> None:
    buffer = LogBuffer(max_bytes=10_000)
    buffer.begin(1, 0, 0)
    for number in range(100):
        buffer.output(1, number * 1000, b"x" * 999 + b"\n")
    assert buffer.bytes_kept <= 10_000


def test_an_endless_line_is_cut() -> None:
    buffer = LogBuffer()
    buffer.begin(1, 0, 0)
    for number in range(40):
        buffer.output(1, number * 10_000, b"x" * 10_000)
    assert all(len(line) <= MAX_LINE_BYTES + 10_000 for line in lines(buffer) if isinstance(line, bytes))


def found(search: Search) -> list[int]:
    while not search.complete:
        search.step()
    return list(search.hits)


def test_search_finds_old_and_new_lines() -> None:
    buffer = filled(b"".join(b"line %d\n" % number for number in range(5000)))
    search = Search(buffer, "line 49(00|99)$")
    assert found(search) == [4900, 4999]
    buffer.output(1, buffer.offset, b"line 4900\nno\n")
    assert found(search) == [4900, 4999, 5000]


def test_search_works_in_slices() -> None:
    buffer = filled(b"x\n" * 5000)
    search = Search(buffer, "x")
    search.step(100)
    assert not search.complete and len(search.hits) == 100


def test_search_ignores_case_unless_there_is_a_capital_and_colours_always() -> None:
    buffer = filled(b"\x1b[31mErr\x1b[0mor\nerror\n")
    assert found(Search(buffer, "error")) == [0, 1]
    assert found(Search(buffer, "Error")) == [0]


def test_hits_go_with_the_lines_that_fall_out() -> None:
    buffer = LogBuffer(max_lines=10)
    buffer.begin(1, 0, 0)
    search = Search(buffer, "x")
    for number in range(50):
        buffer.output(1, number * 2, b"x\n")
        search.step()
    search.step()
    assert list(search.hits) == list(range(buffer.first, 49)) or list(search.hits) == list(
        range(buffer.first, 50)
    )


def test_next_goes_round() -> None:
    search = Search(filled(b"a\nb\na\nb\na\n"), "a")
    assert found(search) == [0, 2, 4]
    assert search.next(0, backward=False) == 2
    assert search.next(4, backward=False) == 0
    assert search.next(0, backward=True) == 4
    assert search.place(2) == 2
    assert Search(filled(b"a\n"), "z").next(0, backward=True) is None


def test_a_bad_pattern_is_a_user_error() -> None:
    with pytest.raises(UserError):
        Search(LogBuffer(), "(")
