from __future__ import annotations

import cmd
import io
import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.ctl.format import Sanitiser, avail_line, columns, sanitise, status_lines


def test_status_lines_as_scripts_parse_them() -> None:
    assert status_lines(
        [("cat", "RUNNING", "pid 1, uptime 0:00:03"), ("grp:g1", "STOPPED", "Not started")]
    ) == [
        "cat                              RUNNING   pid 1, uptime 0:00:03",
        "grp:g1                           STOPPED   Not started",
    ]
    long = "x" * 40
    assert status_lines([(long, "STARTING", ""), ("a", "FATAL", "e")]) == [
        long + "   STARTING  ",
        "a" + " " * 42 + "FATAL     e",
    ]


def test_avail_line() -> None:
    assert (
        avail_line("grp:g1", True, False, 999, 1)
        == "grp:g1                           in use    manual    999:1"
    )
    assert avail_line("x", False, True, 1, 2) == "x" + " " * 32 + "avail     auto      1:2"


@given(st.lists(st.text("abcdefgh", min_size=1, max_size=30), min_size=1, max_size=40))
def test_columns_are_those_of_the_standard_shell(words: list[str]) -> None:
    out = io.StringIO()
    cmd.Cmd(stdout=out).columnize(words, 80)
    assert "".join(line + "\n" for line in columns(words)) == out.getvalue()


def test_no_columns() -> None:
    assert columns([]) == []


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m\x1b[0m"),
        ("\x1b[38;2;1;2;3mx", "\x1b[38;2;1;2;3mx\x1b[0m"),
        ("\x1b[38:5:1mx", "\x1b[38:5:1mx\x1b[0m"),
        ("\x1b]0;title\x07", "␛]0;title␇"),
        ("\x1b]52;c;aGk=\x1b\\", "␛]52;c;aGk=␛\\"),
        ("\x1b[6n\x1b[c\x1bP+q\x1b\\", "␛[6n␛[c␛P+q␛\\"),
        ("\x1b[2J\x1b[?1049h", "␛[2J␛[?1049h"),
        ("\x9b6n\x85", "<U+009B>6n<U+0085>"),
        ("a\u202eb\u200bc\ufeff", "a<U+202E>b<U+200B>c<U+FEFF>"),
        ("secret\rover", "secret␍over"),
        ("dos\r\n", "dos\n"),
        ("\x7f\x00\x08", "␡␀␈"),
        ("\x1b[" + "1" * 100 + "m", "␛[" + "1" * 100 + "m"),
        ("cut\x1b[3", "cut␛[3"),
    ],
)
def test_what_a_terminal_gets(text: str, safe: str) -> None:
    assert sanitise(text) == safe


@given(st.text(st.sampled_from("\x1b[]0;1mn?\r\n\tab\x9b\u202e"), max_size=60), st.lists(st.integers(0, 60)))
def test_any_cut_gives_the_same(text: str, cuts: list[int]) -> None:
    sanitiser = Sanitiser()
    edges = sorted({0, len(text), *(min(cut, len(text)) for cut in cuts)})
    pieces = [text[start:end] for start, end in itertools.pairwise(edges)]
    assert "".join(map(sanitiser.feed, pieces)) + sanitiser.finish() == sanitise(text)


@given(st.text())
def test_only_printable_text_and_colours_come_out(text: str) -> None:
    safe = re.sub(r"\x1b\[[0-9;:]*m", "", sanitise(text))
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e]", safe)


def test_bytes_of_a_stream() -> None:
    sanitiser = Sanitiser()
    assert sanitiser.feed_bytes("ü".encode()[:1]) == ""
    assert sanitiser.feed_bytes("ü".encode()[1:] + b"\xff\x1b[1") == "ü\ufffd"
    assert sanitiser.feed_bytes(b"mx") == "\x1b[1mx"
    assert sanitiser.feed_bytes(b"\xc3") == ""
    assert sanitiser.finish() == "\ufffd\x1b[0m"


def test_memory_is_bounded() -> None:
    sanitiser = Sanitiser()
    for _ in range(1000):
        sanitiser.feed("\x1b[" + "1;" * 10)
        assert len(sanitiser.finish()) < 200
