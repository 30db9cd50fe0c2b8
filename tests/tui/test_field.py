"""Lines that are typed: readline's keys, and where they are used."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.tui.field import Field
from supervisor.tui.terminal.width import width
from tests.support.consoles import app
from tests.tui.fakes import FakeThread

KEYS = [
    "a", " ", "日", "e", "\u0301", "backspace", "delete", "left", "right", "home", "end", "up", "down",
    "ctrl a", "ctrl e", "ctrl b", "ctrl f", "ctrl d", "ctrl u", "ctrl k", "ctrl w", "ctrl y", "ctrl _",
    "meta b", "meta f", "meta d", "meta backspace",
]  # fmt: skip


def typed(keys: list[str], text: str = "", history: list[str] | None = None) -> tuple[str, str]:
    """What stands before and behind the cursor."""
    field = Field(text, history)
    for key in keys:
        assert field.take(key), key
    return field.edit_text[: field.edit_pos], field.edit_text[field.edit_pos :]


@pytest.mark.parametrize(
    ("text", "keys", "left", "right"),
    [
        ("one two-three", ["meta b"], "one two-", "three"),
        ("one two-three", ["meta b", "meta b", "meta b", "meta b"], "", "one two-three"),
        ("one two-three", ["home", "meta f"], "one", " two-three"),
        ("one two", ["ctrl a", "meta f", "meta f", "meta f"], "one two", ""),
        ("one two", ["ctrl w", "ctrl y", "ctrl y"], "one twotwo", ""),
        ("one two", ["meta b", "ctrl k", "ctrl a", "ctrl y"], "two", "one "),
        ("one two", ["meta backspace", "ctrl _"], "one two", ""),
        ("one two", ["ctrl a", "meta d", "ctrl e", "ctrl y"], " twoone", ""),
        ("", ["a", "b", "ctrl u", "c", "ctrl _", "ctrl _"], "ab", ""),
        ("", ["a", "b", "ctrl _", "ctrl _", "ctrl _"], "", ""),
        ("e\u0301x", ["left", "backspace"], "", "x"),
        ("e\u0301x", ["home", "right"], "e\u0301", "x"),
        ("e\u0301x", ["home", "delete"], "", "x"),
    ],
)
def test_keys_of_readline(text: str, keys: list[str], left: str, right: str) -> None:
    assert typed(keys, text) == (left, right)


def test_history_comes_back_to_what_was_being_typed() -> None:
    history = ["first", "second"]
    assert typed(["d", "up"], history=history) == ("second", "")
    assert typed(["d", "up", "up", "up"], history=history) == ("first", "")
    assert typed(["d", "up", "up", "down", "down", "down"], history=history) == ("d", "")
    assert typed(["d", "up", "ctrl _"], history=history) == ("d", "")
    assert typed(["up", "down"]) == ("", "")


def test_other_keys_are_not_taken() -> None:
    field = Field()
    assert not any(map(field.take, ("enter", "esc", "tab", "f1", "ctrl c", "page up", "mouse press")))


@given(st.lists(st.sampled_from(KEYS), max_size=60))
def test_any_keys_leave_the_cursor_between_whole_characters(keys: list[str]) -> None:
    field = Field("", ["before"])
    for key in keys:
        before = field.edit_text
        assert field.take(key)
        assert 0 <= field.edit_pos <= len(field.edit_text)
        if key == "ctrl _" and not before:
            continue
        at = field.edit_pos
        if "\u0301" not in keys:
            assert at == len(field.edit_text) or width(field.edit_text[at])


def test_prompts_and_choices_have_them(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00")
        console.keys("/", "group:api web", "\x1bb", "\x1bb", "\x1bb", "x")
        console.see("filter: xgroup:api web")
        console.keys("\x1f")
        console.see("filter: group:api web")
        console.keys("\x05", "\x17", "\x01", "\x19", "enter")
        console.see("filter: webgroup:api")
        console.keys("/", "\x15", "second", "up")
        console.see("filter: webgroup:api")
        console.keys("down")
        console.see("filter: second")
        console.keys("esc")
        console.miss("filter: second")
        console.keys(":")
        console.see("Command palette")
        console.keys("zzz one", "\x1bb", "\x15")
        console.see(": one")


def test_the_palette_has_the_values_of_settings(server: FakeThread, tmp_path: Path) -> None:
    with app(tmp_path) as console:
        console.see("web_00", "─")
        console.keys(":")
        console.see("Command palette")
        console.keys("set glyphs ascii")
        console.see("set glyphs to ascii", "now auto")
        console.keys("enter")
        console.see("glyphs is ascii; F2 and s keep it")
        console.wait(lambda: console.text().isascii(), "ASCII only")
        console.keys(":")
        console.see("Command palette")
        console.keys("sort by cpu")
        console.see("sort by cpu")
        console.keys("enter")
        console.miss("Command palette")
        console.see("transform")
        console.wait(lambda: console.row_of("transform") < console.row_of("web_00"), "the busiest first")
