"""Older text in merged panes: times that programs write, the order made of them, and what cannot be known."""

from __future__ import annotations

import time
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.tui.linetime import times
from supervisor.tui.logbuffer import Line, LogBuffer, Mark, Merged, Older, Search
from tests.support.consoles import app
from tests.tui.fakes import FakeServer, FakeThread

NOW = datetime(2026, 11, 24, 12, 0, 0).timestamp()


def at(hour: int, minute: int = 0, second: int = 0, *, day: int = 24) -> float:
    return datetime(2026, 11, day, hour, minute, second).timestamp()


@pytest.mark.parametrize(
    ("line", "when"),
    [
        (b"2026-11-23 10:00:01,250 INFO x", at(10, 0, 1, day=23) + 0.25),
        (b"[2026-11-23T10:00:01Z] x", 1795428001.0),
        (b"2026-11-23T10:00:01+01:00 x", 1795424401.0),
        (b"2026/11/23 10:00:01 x", at(10, 0, 1, day=23)),
        (b"Nov 23 10:00:01 host x", at(10, 0, 1, day=23)),
        (b"Dec 23 10:00:01 host x", datetime(2025, 12, 23, 10, 0, 1).timestamp()),
        (b"\x1b[32mINFO\x1b[0m 10:00:01 x", at(10, 0, 1)),
        (b"ERROR: 10:00:01.5 x", at(10, 0, 1) + 0.5),
        (b"2026-13-23 10:00:01 x", None),
        (b"Foo 23 10:00:01 x", None),
        (b"no time here 10:00:01", None),
        (b"25:00:00 x", None),
        (b"", None),
    ],
)
def test_times_that_programs_write(line: bytes, when: float | None) -> None:
    assert times([line], NOW) == [when]


def test_a_line_without_one_has_that_of_the_line_before() -> None:
    lines = [b"lead", b"10:00:00 one", b"  at x.py", b"10:00:05 two"]
    assert times(lines, NOW) == [None, at(10), at(10), at(10, 0, 5)]


def test_midnight_lies_where_the_hour_grows_on_the_way_back() -> None:
    lines = [b"23:00:00 a", b"08:00:00 b", b"23:59:59 c", b"00:00:01 d", b"11:59:00 e"]
    days = [datetime.fromtimestamp(when or 0).day for when in times(lines, NOW)]
    assert days == [22, 23, 23, 24, 24]


@pytest.mark.parametrize(
    ("clock", "day"), [(b"12:00:00", 24), (b"12:00:30", 24), (b"12:02:00", 23), (b"14:54:00", 23)]
)
def test_no_line_is_of_a_time_that_is_still_to_come(clock: bytes, day: int) -> None:
    """But for clocks that do not quite agree; in the first hours of a day the log may be of the evening before."""
    (when,) = times([clock + b" a"], NOW)
    assert when is not None and datetime.fromtimestamp(when).day == day


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_random_lines_have_times_or_none(lines: list[bytes]) -> None:
    assert len(times(lines, NOW)) == len(lines)


# --- merged ------------------------------------------------------------------------------------------


def source(text: str, *, older: int = 0) -> LogBuffer:
    """A log whose text was written before we listened; ``older`` bytes more are kept by the server."""
    buffer = LogBuffer(clock=lambda: NOW)
    data = text.encode()
    buffer.begin(1, older, 0, older + len(data))
    buffer.output(1, older, data)
    return buffer


def merged(**sources: LogBuffer) -> Merged:
    made = Merged(clock=lambda: NOW)
    made.join([(name, name, buffer) for name, buffer in sources.items()])
    made.settle()
    return made


def lines(buffer: LogBuffer) -> list[str]:
    return [shown(line) for _, line in buffer.lines(buffer.first, buffer.end)]


def shown(line: Line) -> str:
    return f"-- {line.text}" if isinstance(line, Mark) else line.decode()


def test_the_past_stands_in_the_order_of_its_times() -> None:
    a = source("10:00:01 a\n  more\n10:00:03 a\n")
    b = source("10:00:02 b\n10:00:04 b\n")
    both = merged(a=a, b=b)
    assert lines(both) == ["10:00:01 a", "  more", "10:00:02 b", "10:00:03 a", "10:00:04 b"]
    assert [both.names[both.source(n)] for n in range(both.first, both.end)] == ["a", "a", "b", "a", "b"]


def test_what_has_no_times_is_said_to_have_no_order() -> None:
    a, b, c = source("x\n"), source("y\n"), source("10:00:00 z\n")
    assert lines(merged(a=a)) == ["x"]
    no_order = "-- without times: in which order this was written is not known"
    assert lines(merged(a=a, b=b)) == [no_order, "x", "y"]
    by_time = "-- in the order of the times that the programs wrote"
    assert lines(merged(a=a, b=b, c=c)) == [no_order, "x", "y", by_time, "10:00:00 z"]


def test_what_came_since_keeps_its_numbers_and_what_was_found_is_found_anew() -> None:
    a, b = source("10:00:05 a\n", older=20), source("10:00:01 b\n")
    both = merged(a=a, b=b)
    a.output(1, a.offset, b"live needle\n")
    number = next(n for n, line in both.lines(both.first, both.end) if line == b"live needle")
    search = Search(both, "needle|10:00")
    search.step()
    assert len(search.hits) == 3
    assert a.prepend(Older(1, 9, b"10:00:03 a\n", 0)) == 1
    both.settle(anew=True)
    assert both.line(number) == b"live needle"
    assert lines(both) == [
        "10:00:01 b", "-- a: 9 of older output is kept by the server (K loads it)",
        "10:00:03 a", "10:00:05 a", "live needle",
    ]  # fmt: skip
    search.step()
    assert [shown(both.line(hit)) for hit in search.hits] == [
        "10:00:01 b",
        "10:00:03 a",
        "10:00:05 a",
        "live needle",
    ]


def test_a_past_that_comes_late_stands_before_what_came_since() -> None:
    a, b = source("10:00:05 a\n"), LogBuffer(clock=lambda: NOW)
    both = merged(a=a, b=b)
    a.output(1, a.offset, b"since\n")
    b.begin(1, 0, 0, 11)
    b.output(1, 0, b"10:00:01 b\n")
    both.settle()
    assert lines(both) == ["10:00:01 b", "10:00:05 a", "since"]


def test_a_clock_that_ran_back_does_not_part_the_lines_of_a_program() -> None:
    both = merged(a=source("10:00:05 1\n10:00:01 2\n10:00:06 3\n"), b=source("10:00:03 b\n"))
    assert lines(both) == ["10:00:03 b", "10:00:05 1", "10:00:01 2", "10:00:06 3"]


def _write(name: str, data: bytes, server: FakeServer) -> None:
    server.processes[name].logs["stdout"].data.clear()
    server.write(name, data)


def test_older_text_of_several_is_loaded_and_ordered(server: FakeThread, tmp_path: Path) -> None:
    day = time.strftime("%Y-%m-%d")
    for name, second in (("api:web_00", 0), ("api:web_01", 1)):
        text = "".join(
            f"{day} {n // 3600:02d}:{n // 60 % 60:02d}:{n % 60:02d} {name[4:]} says {'x' * 80} {n}\n"
            for n in range(second, 4000, 2)
        )
        server.do(partial(_write, name, text.encode()))
    with app(tmp_path, rows=40, cols=140) as console:
        console.see("web_00")
        console.keys("o")
        console.see("says", "3998")
        console.keys("+", "api:web_01")
        console.see("1 of ")
        console.keys("enter")
        console.see("merged: 2 processes", "web_01 says", "3999")
        console.keys("g", "g")
        console.see("of older output is kept by the server (K loads it)")

        def all_loaded() -> bool:
            console.keys("K")
            return "this is the beginning of these logs" in console.text()

        console.wait(all_loaded, "the beginning")
        console.keys("g", "g")
        console.see(f"{day} 00:00:00", f"{day} 00:00:01")
        seconds = [int(line.rpartition("says")[2].split()[-2]) for line in console.lines() if "says" in line]
        assert len(seconds) > 20 and seconds == sorted(seconds)
