from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.ctl.words import split_command, split_commands, split_words


@pytest.mark.parametrize(
    ("line", "commands"),
    [
        ("status", ["status"]),
        ("status; stop a", ["status", "stop a"]),
        ("status ; stop a ;", ["status", "stop a"]),
        ("stop a;b c", ["stop a;b c"]),
        ('stop "a;" b; status', ['stop "a;" b', "status"]),
        ("stop 'x; y'; pid", ["stop 'x; y'", "pid"]),
        ("stop it's; pid", ["stop it's", "pid"]),
        (";;;", []),
        ("  ", []),
        ("a;; b", ["a", "b"]),
    ],
)
def test_commands_of_a_line(line: str, commands: list[str]) -> None:
    assert split_commands(line) == commands


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("status a b", ("status", "a b")),
        ("  tail -f x ", ("tail", "-f x")),
        ("tail-f x", ("tail", "-f x")),
        ("?", ("help", "")),
        ("? start", ("help", "start")),
        ("?start", ("help", "start")),
        ("!ls", ("", "!ls")),
        ("cache_keys", ("cache_keys", "")),
    ],
)
def test_name_and_rest(line: str, expected: tuple[str, str]) -> None:
    assert split_command(line) == expected


def test_words() -> None:
    assert split_words("""a  "b c" 'd;' it's "un finished""") == ["a", "b c", "d;", "it's", '"un', "finished"]
    assert split_words('""') == [""]


@given(st.text())
def test_any_line_is_cut_without_an_error(line: str) -> None:
    for command in split_commands(line):
        split_words(split_command(command)[1])
