"""Log lines to runs: colours kept, everything else harmless, bounded."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from supervisor.tui.logtext import MARK, MAX_LINE_BYTES, parse, strip
from supervisor.tui.terminal import DEFAULT, Attrs

RED = Attrs(fg=1)


@pytest.mark.parametrize(
    ("line", "runs"),
    [
        (b"", []),
        (b"plain", [("plain", DEFAULT)]),
        (b"plain\r\n", [("plain", DEFAULT)]),
        (b"\x1b[31mred\x1b[0m no", [("red", RED), (" no", DEFAULT)]),
        (b"\x1b[31ma\x1b[31mb\x1b[mc", [("ab", RED), ("c", DEFAULT)]),
        (b"\x1b[1;38;5;9mx", [("x", Attrs(fg=9, bold=True))]),
        (b"\x1b[38:2::1:2:3mx", [("x", Attrs(fg=(1, 2, 3)))]),
        (b"a\tb", [("a       b", DEFAULT)]),
        (b"12345678\tb\t\tc", [("12345678        b               c", DEFAULT)]),
        (b"\x1b[31mab\x1b[m\tc", [("ab", RED), ("      c", DEFAULT)]),
        ("日\tc".encode(), [("日      c", DEFAULT)]),
        (b"a\x1b[2Jb\x1b[10;10Hc\x1b[?1049hd\x1b[>4;2me", [("abcde", DEFAULT)]),
        (b"a\x1b]0;title\x07b\x1b]8;;http://x\x1b\\c\x1bPdcs\x1b\\d\x1b(0e\x1bcf", [("abcdef", DEFAULT)]),
        (b"a\x1b]52;c;never ends", [("a", DEFAULT)]),
        (b"a\x1b", [("a␛", DEFAULT)]),
        (b"a\x1b[31", [("a␛[31", DEFAULT)]),
        (b"a\x00b\x08c\x07d\x7fe\rf", [("a␀b␈c␇d␡e␍f", DEFAULT)]),
        (b"a\xc2\x9b31mb", [("a\ufffd31mb", DEFAULT)]),
        (b"a\xff\xfeb", [("a\ufffd\ufffdb", DEFAULT)]),
        ("a\u202eb\u2066c\u200fd\u2028e".encode(), [("a\ufffdb\ufffdc\ufffdd\ufffde", DEFAULT)]),
    ],
)
def test_parse(line: bytes, runs: list[tuple[str, Attrs]]) -> None:
    assert parse(line) == runs
    assert strip(line) == "".join(text for text, _ in runs)


def test_a_line_goes_on_in_the_colours_given() -> None:
    assert parse(b"a\x1b[1mb", RED) == [("a", RED), ("b", Attrs(fg=1, bold=True))]


def test_long_lines_are_cut_and_marked() -> None:
    runs = parse(b"x" * 10_000_000)
    assert [len(text) for text, _ in runs] == [MAX_LINE_BYTES, len(MARK)]
    assert runs[-1] == (MARK, Attrs(reverse=True))
    assert strip(b"x" * 10_000_000) == "x" * MAX_LINE_BYTES
    assert parse(b"x" * MAX_LINE_BYTES + b"\r\n") == [("x" * MAX_LINE_BYTES, DEFAULT)]
    assert parse("é".encode() * MAX_LINE_BYTES)[0][0] == "é" * (MAX_LINE_BYTES // 2)


PARTS = st.sampled_from(
    [b"\x1b", b"[", b"31", b";", b"m", b"]", b"\x07", b"P", b"\\", b"\t", b"x", b"\xc2\x9b", b"(", b"\xff"]
)


@example(b"\0\x1b\t")
@given(st.one_of(st.binary(max_size=300), st.lists(PARTS, max_size=40).map(b"".join)))
def test_nothing_dangerous_is_left(line: bytes) -> None:
    runs = parse(line)
    text = "".join(part for part, _ in runs)
    assert strip(line) == text
    assert not any(unicodedata.category(char) == "Cc" for char in text)
    assert not set(text) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029")
    assert all(part for part, _ in runs)
    assert all(one[1] != two[1] for one, two in pairwise(runs))
