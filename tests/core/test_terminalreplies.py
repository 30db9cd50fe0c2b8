"""A terminal's answers are no keys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.terminalreplies import STRING_MAX_BYTES, STRING_MAX_S, Replies, without_answers

ANSWERS = [
    b"\x1b]11;rgb:ffff/ffff/ffff\x07",
    b"\x1b]10;rgb:0000/0000/0000\x1b\\",
    b"\x1b]52;c;cmVzdGFydA==\x1b\\",
    b"\x1bP1$r0m\x1b\\",
    b"\x1bP>|xterm(390)\x1b\\",
    b"\x1bP1+r544e=787465726d\x1b\\",
    b"\x1b_Gi=1;OK\x1b\\",
    b"\x1b[?62;1;6;22c",
    b"\x1b[>41;390;0c",
    b"\x1b[?2026;2$y",
]


def stripped(*reads: bytes, pause_s: float = 0.01) -> bytes:
    replies, kept = Replies(), b""
    for number, data in enumerate(reads):
        typed = replies.strip(list(data), number * pause_s)
        kept += data if typed is None else bytes(typed)
    return kept


@pytest.mark.parametrize("answer", ANSWERS)
def test_answers_are_taken_out(answer: bytes) -> None:
    assert stripped(answer) == b""
    assert stripped(b"j" + answer + b"k" + answer) == b"jk"


@given(st.lists(st.sampled_from([a for a in ANSWERS if b"[" not in a[1:2]]), max_size=3), st.data())
def test_in_pieces(answers: list[bytes], data: st.DataObject) -> None:
    """Wherever the connection cuts behind the beginning, nothing of it is a key."""
    for answer in answers:
        at = data.draw(st.integers(8, len(answer) - 1))
        assert stripped(b"x" + answer[:at], answer[at:] + b"y") == b"xy"


@pytest.mark.parametrize(
    "keys",
    [
        b"r",
        b"\x1b]",
        b"\x1b]r",
        b"\x1bP",
        b"\x1bPr",
        b"\x1b_",
        b"\x1b[A",
        b"\x1b[<0;3;4M",
        b"\x1b[200~r\x1b[201~",
    ],
)
def test_keys_are_left_alone(keys: bytes) -> None:
    assert Replies().strip(list(keys), 0.0) is None


def test_one_that_does_not_end_is_given_up() -> None:
    assert stripped(b"\x1b]11;rgb", b"q", pause_s=STRING_MAX_S + 0.1) == b"q"
    assert stripped(b"\x1b]11;" + b"x" * STRING_MAX_BYTES + b"q") == b"q"
    assert stripped(b"\x1b]11;" + b"x" * (STRING_MAX_BYTES - 1), b"xq") == b"q"


def test_what_was_typed_between_answers_stays() -> None:
    typed = b"l\x1b[12;40Rs\x1b]11;rgb:0000/0000/0000\x1b\\ \x1b[0n-\x1b[8;24;80tl\x1b[A\x1b[?62;1cq"
    assert without_answers(typed) == b"ls -l\x1b[Aq"
    assert without_answers(b"") == b""
