"""Escape stripping, capture tokens, lines."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.daemon.output.transform import (
    BEGIN,
    CARRY_MAX_BYTES,
    END,
    LINE_MAX_BYTES,
    STRING_MAX_BYTES,
    Characters,
    Item,
    Lines,
    Message,
    Text,
    Transform,
)


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({min(place, len(data)) for place in cuts} | {0, len(data)})
    return [data[a:b] for a, b in itertools.pairwise(places)]


def through(parts: list[bytes], strip: bool = False, capture: int = 0) -> list[Item]:
    transform = Transform(strip=strip, capture_maxbytes=capture)
    items = [item for part in parts for item in transform.feed(part)]
    return items + transform.finish()


def joined(items: list[Item]) -> list[Item]:
    """Neighbouring texts of one kind made one."""
    result: list[Item] = []
    for item in items:
        last = result[-1] if result else None
        if isinstance(item, Text) and isinstance(last, Text) and last.captured == item.captured:
            result[-1] = Text(last.data + item.data, item.captured)
        else:
            result.append(item)
    return result


def stripped(data: bytes) -> bytes:
    return b"".join(item.data for item in through([data], strip=True))


@pytest.mark.parametrize(
    ("data", "left"),
    [
        (b"plain \xff text\n", b"plain \xff text\n"),
        (b"a\x1b[31mred\x1b[0m b", b"ared b"),
        (b"\x1b[2J\x1b[1;1H\x1b[?25l\x1b[38;5;9m\x1b[>c\x1b[0 qx", b"x"),
        (b"\x1b]0;title\x07x\x1b]8;;http://x\x1b\\y\x1bP1$r\x1b\\z", b"xyz"),
        (b"\x1b(B\x1b)0\x1b7\x1b8\x1bM\x1b=x", b"x"),
        (b"\x1b[31", b"\x1b[31"),
        (b"\x1b", b"\x1b"),
        (b"\x1b\x1b[0m[1m", b"\x1b[1m"),
        (b"\x1b[31\nm", b"\x1b[31\nm"),
        (b"\x1b]no end\nnext", b"\x1b]no end\nnext"),
        (b"\x1b[" + b"1" * 100 + b"m", b"\x1b[" + b"1" * 100 + b"m"),
        (
            b"\x1b]" + b"t" * (STRING_MAX_BYTES + 1) + b"\x07",
            b"\x1b]" + b"t" * (STRING_MAX_BYTES + 1) + b"\x07",
        ),
    ],
)
def test_stripping(data: bytes, left: bytes) -> None:
    assert stripped(data) == left


PIECES = st.lists(
    st.sampled_from(
        [b"a", b"\n", b"\x1b", b"[", b"31", b"m", b"]", b"\x07", b"\\", b"P", b"(", b"B", b"<", b"<!--XSUPER", b"VISOR:",
         b"BEGIN-->", b"END-->", BEGIN, END, b"\xc3", b"\xa9", b"\x1b[0m", b"text "]
    ),
    max_size=30,
)  # fmt: skip


@given(PIECES, st.lists(st.integers(0, 300)), st.booleans(), st.sampled_from([0, 1, 5, 10_000]))
def test_any_cut_gives_the_same(pieces: list[bytes], cuts: list[int], strip: bool, capture: int) -> None:
    data = b"".join(pieces)
    whole = joined(through([data], strip, capture))
    assert joined(through(cut(data, cuts), strip, capture)) == whole
    if not strip and not capture:
        assert b"".join(item.data for item in whole) == data


@given(PIECES, st.integers(0, 300), st.booleans(), st.sampled_from([0, 5, 10_000]))
def test_saved_and_restored_anywhere_gives_the_same(
    pieces: list[bytes], place: int, strip: bool, capture: int
) -> None:
    data = b"".join(pieces)
    one = Transform(strip=strip, capture_maxbytes=capture)
    items = one.feed(data[:place])
    other = Transform(strip=strip, capture_maxbytes=capture)
    other.restore(one.save(), one.captured)
    items += other.feed(data[place:]) + other.finish()
    assert joined(items) == joined(through([data], strip, capture))


@given(st.binary(max_size=5000))
def test_what_is_held_back_is_bounded(data: bytes) -> None:
    transform = Transform(strip=True, capture_maxbytes=10)
    transform.feed(b"\x1b]" + data.replace(b"\n", b"") + b"<!--XSUPER")
    saved = transform.save()
    assert len(saved["e"]) <= CARRY_MAX_BYTES and len(saved["c"]) < len(BEGIN)


def test_capture() -> None:
    assert joined(through([b"a" + BEGIN + b"one" + END + BEGIN + b"two" + END + b"b"], capture=100)) == [
        Text(b"a"),
        Text(b"one", captured=True),
        Message(b"one"),
        Text(b"two", captured=True),
        Message(b"two"),
        Text(b"b"),
    ]


def test_an_empty_capture_is_a_message() -> None:
    assert through([BEGIN + END], capture=1) == [Message(b"")]


def test_a_capture_keeps_its_end() -> None:
    items = through([BEGIN, b"123", b"456", b"789", END], capture=5)
    assert [item.data for item in items if isinstance(item, Message)] == [b"56789"]


def test_a_capture_without_an_end_is_no_message_and_not_in_the_log() -> None:
    assert through([b"a" + BEGIN + b"x"], capture=10) == [Text(b"a"), Text(b"x", captured=True)]


def test_nothing_is_lost_at_the_end() -> None:
    assert joined(through([b"last words<!--XSUPERVISOR:"], capture=10)) == [
        Text(b"last words<!--XSUPERVISOR:")
    ]


def test_only_what_may_be_a_token_is_held_back() -> None:
    transform = Transform(strip=False, capture_maxbytes=10)
    assert transform.feed(b"short") == [Text(b"short")]
    assert transform.feed(b"x<!--XS") == [Text(b"x")]
    assert joined(transform.feed(b"!")) == [Text(b"<!--XS!")]


def test_without_capture_tokens_are_text() -> None:
    assert through([BEGIN + b"x" + END]) == [Text(BEGIN + b"x" + END)]


def test_after_the_end_of_a_channel_the_next_one_begins_afresh() -> None:
    transform = Transform(strip=True, capture_maxbytes=10)
    transform.feed(BEGIN + b"half\x1b[")
    transform.finish()
    assert transform.feed(b"new") == [Text(b"new")]


@given(
    st.lists(st.sampled_from([b"a", b"\n", b"\r\n", b"x" * 3000, b"\r"]), max_size=12),
    st.lists(st.integers(0, 20_000)),
)
def test_lines(pieces: list[bytes], cuts: list[int]) -> None:
    data = b"".join(pieces)
    lines = Lines()
    found = [line for part in cut(data, cuts) for line in lines.feed(part)]
    assert len(lines.carry) <= LINE_MAX_BYTES
    found += lines.finish()
    assert all(len(line) <= LINE_MAX_BYTES and b"\n" not in line for line in found)
    assert b"".join(found).replace(b"\r", b"") == data.replace(b"\n", b"").replace(b"\r", b"")


def test_lines_end_without_their_ends() -> None:
    lines = Lines()
    assert lines.feed(b"a\r\n\nb") == [b"a", b""]
    assert lines.finish() == [b"b"] and lines.finish() == []


@given(st.text(max_size=20), st.lists(st.integers(0, 80)))
def test_no_piece_cuts_a_character_wherever_the_output_is_cut(text: str, cuts: list[int]) -> None:
    data = text.encode("utf-8")
    places = sorted({0, *(min(cut, len(data)) for cut in cuts), len(data)})
    characters = Characters()
    pieces = [characters.feed(data[a:b]) for a, b in itertools.pairwise(places)]
    assert "".join(piece.decode("utf-8") for piece in pieces) == text
    assert characters.finish() == b""


@given(st.lists(st.binary(max_size=6), max_size=8))
def test_what_is_no_text_goes_through_and_little_is_held_back(pieces: list[bytes]) -> None:
    characters = Characters()
    found = b""
    for piece in pieces:
        found += characters.feed(piece)
        assert len(characters.carry) <= 3
    assert found + characters.finish() == b"".join(pieces)
