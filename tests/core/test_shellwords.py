"""Command lines are cut as ``shlex`` cuts them, mistakes among them, and in no time."""

from __future__ import annotations

import shlex
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from supervisor import shellwords

LINES = st.text(st.sampled_from("ab \t\r\n'\"\\$é#;"), max_size=12)


def by(split: object, line: str) -> tuple[list[str] | None, str]:
    assert callable(split)
    try:
        return split(line), ""
    except ValueError as error:
        return None, str(error)


@given(LINES)
@example("")
@example("sh -c 'a b' \"c\\\"d\\\\e\\f\" '' x\\ y")
@example('"a\\')
@example("a 'b")
@example("\\")
def test_the_words_are_those_of_shlex(line: str) -> None:
    assert by(shellwords.split, line) == by(shlex.split, line)


@pytest.mark.parametrize(
    "line", ["x" * 2**21, "sh -c '" + "x y " * 2**19 + "'", '"' + "\\x" * 2**20 + '"', "x " * 2**19]
)
def test_long_ones_take_no_time(line: str) -> None:
    begun = time.process_time()
    assert shellwords.split(line)
    assert time.process_time() - begun < 2.0
