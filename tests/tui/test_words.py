"""Short words for people, and text cut to cells."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.protocol.stream import ProcessRecord
from supervisor.states import ProcessStates as S
from supervisor.tui import glyphs, words

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59.9, "59s"), (60, "1m00s"), (3599, "59m59s"), (3600, "1h00m"), (86400 * 3 + 7200, "3d02h"), (1e8, "1157d")],
)  # fmt: skip
def test_duration(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0"), (512, "512"), (88 * 2**20, "88M"), (1.2 * 2**30, "1.2G"), (2**40 * 12, "12T"), (-5, "0")]
)  # fmt: skip
def test_size(count: float, text: str) -> None:
    assert words.size(count) == text


@given(st.text(max_size=40), st.integers(0, 50))
def test_fit_is_exact(text: str, width: int) -> None:
    assert words.width_of(words.fit(words.clean(text), width)) == width
    assert words.width_of(words.right(words.clean(text), width)) == width


@given(st.text(alphabet=st.characters(max_codepoint=126, min_codepoint=32), max_size=60), st.integers(0, 30))
def test_middle_never_is_wider(text: str, width: int) -> None:
    assert words.width_of(words.middle(text, width)) <= max(width, 0)


def test_middle_keeps_both_ends() -> None:
    assert words.middle("worker_very_long_00", 11) == "worke~ng_00"
    assert words.middle("とても長い名前-1", 11) == "とて~前-1"
    assert words.middle("e\u0301" * 20, 7) == "e\u0301" * 3 + "~" + "e\u0301" * 3


def test_lines_are_broken_by_cells() -> None:
    assert words.wrapped("on one (4), 東京東京 (4)", 12) == ["on one (4),", "東京東京 (4)"]
    assert words.wrapped("東京東京東京 x", 5) == ["東京", "東京", "東京", "x"]
    assert words.wrapped("", 5) == [""] and words.wrapped("東", 1) == ["東"]
    assert words.wrapped("a bb 東京東京", 6, "  ", "    ") == [
        "  a bb",
        "    東",
        "    京",
        "    東",
        "    京",
    ]
    assert words.wrapped("wide-東京-name on", 9, "", "  ") == ["wide-東京", "  -name", "  on"]


@given(st.text(max_size=60))
def test_nothing_clean_can_act_on_a_terminal(text: str) -> None:
    assert not any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 for char in words.clean(text))


def record(state: int, **facts: Any) -> ProcessRecord:
    return ProcessRecord("p", "g", state, "?", **facts)


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (record(S.RUNNING, pid=7, start=NOW - 61), "pid 7, up 1m01s"),
        (
            record(S.BACKOFF, tries=3, startretries=5, retry_at=NOW + 3.5, exitstatus=1),
            "retry 3/5 in 4s, exit 1",
        ),
        (record(S.BACKOFF), "to be tried again"),
        (record(S.STOPPING, pid=7, changed=NOW - 2, stopwaitsecs=10), "pid 7, TERM sent, KILL in 8s"),
        (record(S.EXITED, exitstatus=-9, stop=NOW - 400 * 86400), "killed by KILL, "),
        (record(S.FATAL, spawnerr="no such file", tries=4), "no such file, 4 tries"),
        (record(S.FATAL, spawnerr="Exited too quickly (process log may have details)"), "Exited too quickly"),
        (record(S.STOPPED), "not started"),
        (record(S.RUNNING, pid=7, start=NOW - 5, trouble="log is full"), "log is full, pid 7, up 5s"),
    ],
)
def test_stories(found: ProcessRecord, text: str) -> None:
    assert words.story(found, NOW).startswith(text)


def test_every_glyph_takes_one_cell() -> None:
    for kind in (glyphs.UNICODE, glyphs.ASCII):
        shown = [
            *kind.states.values(),
            kind.bad_exit,
            kind.stale,
            kind.cursor,
            kind.mark,
            kind.follow,
            kind.paused,
        ]
        shown += [*kind.spark, *kind.box, kind.line, kind.more, kind.ellipsis]
        assert all(words.width_of(glyph) == 1 for glyph in shown)
    assert all(glyph.isascii() for glyph in glyphs.ASCII.states.values())


@pytest.mark.parametrize(
    ("wish", "encoding", "term", "ascii_only"),
    [
        ("auto", "utf-8", "xterm-256color", False),
        ("auto", "ascii", "xterm", True),
        ("auto", "utf8", "linux", True),
        ("ascii", "utf8", "xterm", True),
        ("unicode", "ascii", "linux", False),
    ],
)
def test_choice_of_glyphs(wish: str, encoding: str, term: str, ascii_only: bool) -> None:
    assert (glyphs.choose(wish, encoding, term) is glyphs.ASCII) is ascii_only


def test_spark_is_as_wide_as_asked_and_never_out_of_range() -> None:
    assert glyphs.spark([], 5, glyphs.ASCII) == "     "
    assert glyphs.spark([0.0, 100.0], 2, glyphs.ASCII, 100.0) == " #"
    assert glyphs.spark([50.0], 1, glyphs.ASCII, 100.0) in "-="
    assert len(glyphs.spark([1.0] * 50, 10, glyphs.UNICODE)) == 10


@pytest.mark.parametrize(
    ("environ", "plain"),
    [
        ({}, False),
        ({"LANG": "C.UTF-8"}, False),
        ({"LANG": "C"}, True),
        ({"LC_ALL": "POSIX", "LANG": "de_DE.UTF-8"}, True),
        ({"LC_CTYPE": "C.UTF-8", "LANG": "C"}, True),
        ({"LC_CTYPE": "C.UTF-8"}, False),
        ({"LC_CTYPE": "de_DE.UTF-8", "LANG": "C"}, False),
    ],
)
def test_the_c_locale_that_was_asked_for(environ: dict[str, str], plain: bool) -> None:
    assert glyphs.is_plain_locale(environ) is plain
