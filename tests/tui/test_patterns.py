"""Patterns that a matcher would take years for are given up, and say so; all others find what they always found."""

from __future__ import annotations

import time

import pytest

from supervisor.errors import UserError
from supervisor.tui import filters
from supervisor.tui.filters import Subject
from supervisor.tui.logbuffer import LogBuffer, Search
from supervisor.tui.patterns import LATE, Pattern

ENDLESS = r"(a+)+$"
VICTIM = "a" * 60 + "b"


def test_a_pattern_that_takes_years_is_given_up_at_once() -> None:
    pattern = Pattern(ENDLESS, exact=True)
    began = time.process_time()
    assert pattern.search(VICTIM) is None
    assert pattern.late and pattern.words == f"{ENDLESS} {LATE}"
    assert pattern.search("aaa") is None and pattern.spans("aaa") == []
    assert time.process_time() - began < 5


def test_one_that_is_slow_on_each_of_many_lines_is_given_up_too() -> None:
    pattern = Pattern(r"(x+x+)+y", exact=True)
    began = time.process_time()
    for _ in range(100_000):
        pattern.search("x" * 14)
    assert pattern.late
    assert time.process_time() - began < 5


def test_usual_patterns_find_what_they_found_however_often() -> None:
    pattern = Pattern(r"t\w+t \d*", exact=False)
    line = "02:54:02.771 ERROR task 91c failed: TIMEOUT after 700 ms, test 1"
    for _ in range(20_000):
        assert pattern.search(line) is not None
    assert pattern.spans("timeout 7 and test 1") == [(0, 9), (14, 20)]
    assert pattern.spans("x" * 100_000 + "tent 1") == [(100_000, 100_006)]
    assert Pattern("x*", exact=True).spans("ab") == []
    assert Pattern("a.b", regex=False, exact=True).spans("a.b axb") == [(0, 3)]
    assert not pattern.late


def test_a_bad_pattern_says_so() -> None:
    with pytest.raises(UserError, match=r"^/\(: "):
        Pattern("(", exact=True)


def test_a_search_and_a_filter_go_on_without_the_pattern() -> None:
    buffer = LogBuffer()
    buffer.begin(1, 0, 0)
    buffer.output(1, 0, f"{VICTIM}\n".encode() * 2000)
    search = Search(buffer, ENDLESS)
    began = time.process_time()
    while not search.complete:
        search.step()
    assert search.regex.late and not search.hits
    found = filters.parse(f"/{ENDLESS}/")
    assert not found(Subject("local", VICTIM, VICTIM, "RUNNING", False))
    assert found.words == f"/{ENDLESS}/ {LATE}"
    assert time.process_time() - began < 5


def test_a_filter_of_nothing_but_backslashes_is_read_at_once() -> None:
    began = time.process_time()
    filters.parse("/" + "\\" * 199)
    assert time.process_time() - began < 5
