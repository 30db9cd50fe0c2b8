"""The tokenizer: what is a token, any cut, bounds."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supervisor.tui.terminal.tokenizer import MAX_OSC, Csi, Tokenizer, parse_csi, split_controls

FRAGMENTS = [
    *(b"text", b"\r\n", b"\r", b"\n", b"\x1b[1;31m", b"\x1b[m", b"\x1b[?1049h", b"\x1b]0;title\x07"),
    *(
        b"\x1b]2;t\x1b\\",
        b"\x1bP1$r\x1b\\",
        b"\x1b_Gi=1;AAAA\x1b\\",
        b"\x1b(0",
        b"\x1bM",
        b"\x1b",
        b"\x1b[",
        b"\x1b]",
    ),
    *(
        b"\x1bP",
        b"\x1b\\",
        b"\x07",
        b"\x18",
        b"\x9c",
        b"\xc2\x9c",
        "é日🚀".encode(),
        b"\xe6\x97",
        b"\xff",
        b"1;2",
        b":",
    ),
    *(
        b"\x1b[3\n1m",
        b"\x1b[ q",
        b"\x1b[!p",
        b"\x1b#8",
        b"x" * 300,
        b"\x1b[" + b"1" * 300,
        b"\x1b]8;;http://x/\x07",
    ),
]


def normal(tokens: list[tuple[str, str]]) -> list[str]:
    """Tokens as a flat list; text joined, CR LF as two."""
    out: list[str] = []
    for text, sequence in tokens:
        if text:
            if out and out[-1].startswith("text "):
                out[-1] += text
            else:
                out.append("text " + text)
        if sequence == "\r\n":
            out += ["\r", "\n"]
        elif sequence:
            out.append(sequence)
    return out


def feed_all(pieces: list[bytes]) -> list[str]:
    tokenizer = Tokenizer()
    return normal([token for piece in pieces for token in tokenizer.feed(piece)])


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


@pytest.mark.parametrize(
    ("data", "tokens"),
    [
        (b"abc", ["text abc"]),
        (b"a\r\nb", ["text a", "\r", "\n", "text b"]),
        (b"\x1b[1;31mx\x1b[K", ["\x1b[1;31m", "text x", "\x1b[K"]),
        (b"\x1b[38:2::1:2:3m", ["\x1b[38:2::1:2:3m"]),
        (
            b"\x1b[?25l\x1b[>4;2m\x1b[!p\x1b[=1;1u\x1b[<u",
            ["\x1b[?25l", "\x1b[>4;2m", "\x1b[!p", "\x1b[=1;1u", "\x1b[<u"],
        ),
        (b"\x1b(0q\x1b(B", ["\x1b(0", "text q", "\x1b(B"]),
        (b"\x1b]0;t\x07\x1b]2;u\x1b\\", ["\x1b]0;t\x07", "\x1b]2;u\x1b\\"]),
        (b"a\x1bPpayload\x1b\\b", ["text a", "\x1b\\", "text b"]),
        (b"\x1b_x\x07y\x1b\\\x1b^z\x1b\\\x1bXq\x1b\\.", ["\x1b\\", "\x1b\\", "\x1b\\", "text ."]),
        (b"\x1b]0;broken\x1b[1mx", ["\x1b[1m", "text x"]),
        (b"\x1b]0;broken\x18x", ["\x18", "text x"]),
        (b"\x1b[3\x1b[5Cx", ["\x1b[5C", "text x"]),
        (b"\x1b[3\r5Cx", ["\x1b[3\r5C", "text x"]),
        (b"\xe6\x97\xa5\xff!", ["text 日\ufffd!"]),
        (b"\xc2\x9b1m", ["\x9b", "text 1m"]),
        (b"\x1b\x1b[1m", ["\x1b[1m"]),
        (b"\x1b\xc3\xa9", ["text é"]),
    ],
)
def test_tokens(data: bytes, tokens: list[str]) -> None:
    assert feed_all([data]) == tokens
    assert feed_all([data[i : i + 1] for i in range(len(data))]) == tokens


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.binary(max_size=6)), max_size=25),
    st.lists(st.integers(0)),
)
def test_any_cut_gives_the_same_tokens(fragments: list[bytes], places: list[int]) -> None:
    data = b"".join(fragments)
    whole = feed_all([data])
    assert feed_all(cut(data, places)) == whole
    assert feed_all([data[i : i + 1] for i in range(len(data))]) == whole


@pytest.mark.parametrize("start", [b"\x1b]52;c;", b"\x1bP", b"\x1b_G", b"\x1b[", b"\x1b[1\n", b"\x1b"])
@pytest.mark.parametrize("filler", [b"1", b";", b" ", b"A" * 7, b"\n1"])
@pytest.mark.parametrize("piece", [1, 1000, 5000, 100_000])
def test_what_never_ends_is_bounded_and_cut_alike(start: bytes, filler: bytes, piece: int) -> None:
    data = start + filler * (12_000 // len(filler)) + b"\x07" + b"after\x1b\\\x1b[1m"
    tokenizer = Tokenizer()
    tokens = []
    for i in range(0, len(data), piece):
        tokens += tokenizer.feed(data[i : i + piece])
        assert len(tokenizer._tail) <= MAX_OSC + 3
    assert normal(tokens) == feed_all([data])
    assert normal(tokens)[-1] == "\x1b[1m"


def test_an_osc_that_is_too_long_is_swallowed_with_its_end() -> None:
    assert feed_all([b"a\x1b]52;c;" + b"A" * 5000 + b"\x07b"]) == ["text ab"]
    tokenizer = Tokenizer()
    assert normal(tokenizer.feed(b"\x1b]1337;File=" + b"A" * 50_000)) == []
    assert tokenizer.feed(b"A" * 50_000) == []
    assert normal(tokenizer.feed(b"A\x07b")) == ["text b"]


def test_reset_forgets_what_is_unfinished() -> None:
    tokenizer = Tokenizer()
    for half in (b"\x1b[3", b"\x1bPabc", b"\xe6\x97"):
        tokenizer.feed(half)
        tokenizer.reset()
        assert normal(tokenizer.feed(b"1m")) == ["text 1m"]


def test_parse_csi() -> None:
    assert parse_csi("\x1b[?1;2$p") == Csi("?", "1;2", "$", "p")
    assert parse_csi("\x1b[!p") == Csi("", "", "!", "p")
    assert parse_csi("\x1b[>4;2m") == Csi(">", "4;2", "", "m")
    assert parse_csi("\x1b[1?m") is None
    assert parse_csi("\x1bM") is None
    assert Csi("", ";5;999999999;3:2", "", "H").numbers() == (0, 5, 9999, 3)
    assert len(Csi("", "1;" * 200, "", "H").numbers()) == 32


def test_controls_inside_a_csi_act_first() -> None:
    assert split_controls("\x1b[3\r\n5C") == ["\r", "\n", "\x1b[35C"]
