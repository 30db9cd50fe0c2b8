"""The line that is typed to a program on pipes: readline's keys, history, one row however long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.ctl.lineedit import END, LINE_MAX, LineEdit, width
from supervisor.ctl.linehistory import LINES_MAX


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        (b"plain", "plain"),
        (b"helo\x7flo", "hello"),
        (b"gone\x15here", "here"),
        (b"b\x01a\x05c", "abc"),
        (b"ac\x02b\x06d", "abcd"),
        (b"ac\x1b[Db\x1b[C\x1b[Ha", "aabc"),
        (b"one two three\x17", "one two "),
        (b"one two-three\x1b\x7f", "one two-"),
        (b"one two\x1bbx", "one xtwo"),
        (b"one two\x01\x1bf!", "one! two"),
        (b"one two\x01\x1bd", " two"),
        (b"one two\x01\x0b\x19\x19", "one twoone two"),
        (b"abc\x01\x04", "bc"),
        (b"abc\x1b[D\x1b[3~", "ab"),
        (b"ba\x14", "ab"),
        ("日本é".encode() + b"\x7f", "日本"),
        (b"a\x1b[5~\x1b[200~b\x00\x07c", "abc"),
        (b"\xff", "\udcff"),
        (b"tab\there", "tab\there"),
    ],
)
def test_keys(typed: bytes, line: str) -> None:
    assert LineEdit().feed(typed + b"\r") == [line + "\n"]
    edit = LineEdit()
    assert [line for byte in typed + b"\n" for line in edit.feed(bytes((byte,)))] == [line + "\n"]


def test_history() -> None:
    edit = LineEdit()
    assert edit.feed(b"one\ntwo\ntwo\n\n") == ["one\n", "two\n", "two\n", "\n"]
    edit.feed(b"half")
    shown = []
    for key in (b"\x1b[A", b"\x10", b"\x10", b"\x1b[B", b"\x0e", b"\x0e"):
        edit.feed(key)
        shown.append(edit.text)
    assert shown == ["two", "one", "one", "two", "half", "half"]
    assert edit.feed(b"\x10\x10!\n") == ["one!\n"]
    for number in range(LINES_MAX + 50):
        edit.feed(b"%d\n" % number)
    assert len(edit._history.lines) == LINES_MAX


def test_ctrl_d_ends_only_an_empty_line() -> None:
    edit = LineEdit()
    assert edit.feed(b"x\x02\x04") == []
    assert edit.text == ""
    assert edit.feed(b"\x04") == [END]


def test_a_long_line_is_one_row_around_the_cursor() -> None:
    edit = LineEdit()
    edit.feed(b"x" * 2 * LINE_MAX)
    assert len(edit.text) == LINE_MAX
    text, behind = edit.picture(80)
    assert len(text) < 80 and behind == 0
    edit.feed(b"\x01")
    text, behind = edit.picture(80)
    assert len(text) == behind == 79


@given(st.binary(max_size=60), st.integers(0, 200))
def test_whatever_is_typed_fits(data: bytes, columns: int) -> None:
    edit = LineEdit()
    edit.feed(data)
    assert 0 <= edit.at <= len(edit.text)
    text, behind = edit.picture(columns)
    assert sum(map(width, text)) <= max(3, columns - 1) and behind <= max(3, columns)
