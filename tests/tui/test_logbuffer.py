"""Kept lines, their place in the stream, gaps, and search over them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.errors import UserError
from supervisor.tui.logbuffer import (
    MAX_LINE_BYTES,
    Filter,
    LogBuffer,
    Mark,
    Merged,
    Older,
    Rule,
    Search,
    compiled,
)


def lines(buffer: LogBuffer) -> list[object]:
    return [line for _, line in buffer.lines(buffer.first, buffer.end)]


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


@given(st.text("ab\n", max_size=300).map(str.encode), st.integers(0, 300), st.integers(1, 60))
def test_older_text_joins_without_a_seam(data: bytes, at: int, step: int) -> None:
    at = min(at, len(data))
    whole, buffer = filled(data), LogBuffer()
    buffer.begin(1, at, 0)
    buffer.output(1, at, data[at:])
    while buffer.oldest > 0:
        begin = max(0, buffer.oldest - step)
        before = buffer.oldest
        buffer.prepend(Older(1, begin, data[begin:before], 0))
        if buffer.oldest == before:  # no line began in that piece
            step *= 2
    assert [line for line in lines(buffer) if line != b""] == [line for line in lines(whole) if line != b""]


def test_the_place_of_the_oldest_byte_goes_with_the_ring() -> None:
    data = b"".join(b"line %d\n" % n for n in range(100))
    buffer = LogBuffer(max_lines=10)
    buffer.begin(1, 0, 0)
    buffer.output(1, 0, data)
    assert data[buffer.oldest :].startswith(b"line 90\n")
    buffer.prepend(Older(1, buffer.oldest - 24, data[buffer.oldest - 24 : buffer.oldest], 0))
    assert [line for line in lines(buffer) if isinstance(line, bytes)][:3] == [
        b"line 88",
        b"line 89",
        b"line 90",
    ]
    buffer.relax()
    assert buffer.line(buffer.first) == b"line 90"


def test_what_does_not_join_is_not_put_there() -> None:
    buffer = LogBuffer()
    buffer.begin(1, 100, 0)
    buffer.output(1, 100, b"x\n")
    assert buffer.prepend(Older(1, 0, b"far away\n", 0)) == 0
    assert buffer.prepend(Older(2, 91, b"far away\n", 0)) == 0
    assert buffer.prepend(Older(1, 91, b"near one\n", 91)) == 1
    assert lines(buffer) == [b"near one", b"x"]


def test_merged_lines_stand_as_they_came_with_their_times() -> None:
    now = [100.0]
    one, two = (LogBuffer(clock=lambda: now[0]) for _ in range(2))
    for buffer in (one, two):
        buffer.begin(1, 0, 0, 4)
        buffer.output(1, 0, b"old\n")
    merged = Merged(clock=lambda: now[0])
    merged.join([("a", "one", one), ("b", "two", two)])
    for number, buffer in enumerate((one, two, one)):
        now[0] += 1
        buffer.output(1, buffer.offset, b"new %d\n" % number)
    found = [(merged.stamp(n), merged.names[merged.source(n)], line) for n, line in merged.lines(0, 99)]
    assert found == [
        (0.0, "one", b"old"), (0.0, "two", b"old"),
        (101.0, "one", b"new 0"), (102.0, "two", b"new 1"), (103.0, "one", b"new 2"),
    ]  # fmt: skip
    merged.leave()
    one.output(1, one.offset, b"unheard\n")
    assert merged.count == 5


def test_what_was_written_while_nobody_looked_comes_when_it_is_read() -> None:
    now = [100.0]
    buffer = LogBuffer(clock=lambda: now[0])
    buffer.begin(1, 0, 0, 4)
    buffer.output(1, 0, b"old\nseen\n")  # the second line in time
    buffer.output(1, 9, b"heard\n")
    now[0] = 200.0
    buffer.begin(1, 15, 0, 23)  # looked at again, with something in between
    buffer.output(1, 15, b"between\n")
    assert [buffer.stamp(n) for n in range(buffer.first, buffer.end)] == [0.0, 0.0, 100.0, 200.0]


def test_a_filter_keeps_marks_and_what_its_rules_say() -> None:
    buffer = filled(b"apple\nplum\napple pie\n")
    buffer.note("exit 1", life=True)
    rules = [Rule(compiled("apple|plum"), True), Rule(compiled("PIE", case=False), False)]
    sieve = Filter(buffer, rules)
    while not sieve.complete:
        sieve.step(1)
    assert [buffer.line(n) for n in sieve.hits] == [b"apple", b"plum", Mark("exit 1", life=True)]


def test_a_flood_of_lines_stays_within_the_ring() -> None:
    buffer = LogBuffer(max_lines=1000)
    buffer.begin(1, 0, 0)
    for _ in range(20):
        buffer.output(1, buffer.offset, b"y\n" * 5000)
    assert buffer.count == 1000 and buffer.received == 100_000


def test_the_past_does_not_count_as_arrived() -> None:
    buffer = LogBuffer()
    buffer.begin(1, 0, 0, 8)
    buffer.output(1, 0, b"old\nold\n")
    assert buffer.received == 0
    buffer.output(1, 8, b"new\n")
    assert buffer.received == 1
