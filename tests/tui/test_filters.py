"""The filter language of lists."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.errors import UserError
from supervisor.tui.filters import Subject, parse

SUBJECTS = {
    "api:web_00": Subject("local", "api", "web_00", "RUNNING", False),
    "api:web_01": Subject("local", "api", "web_01", "FATAL", True),
    "etl:load": Subject("east-1", "etl", "load", "FATAL", False),
    "mail": Subject("local", "mail", "mail", "STOPPED", True),
}


@pytest.mark.parametrize(
    ("text", "passing"),
    [
        ("", "api:web_00 api:web_01 etl:load mail"),
        ("web", "api:web_00 api:web_01"),
        ("WEB", ""),
        ("api 01", "api:web_01"),
        ("etl|mail", "etl:load mail"),
        ("etl | mail", "etl:load mail"),
        ("api !01", "api:web_00"),
        ("!api", "etl:load mail"),
        ("/web_0[0]/", "api:web_00"),
        ("!/web|load/", "mail"),
        ("/a b/", ""),
        ("state:fatal", "api:web_01 etl:load"),
        ("state:fat group:api", "api:web_01"),
        ("!state:running", "api:web_01 etl:load mail"),
        ("group:e*", "etl:load"),
        ("sup:east-*", "etl:load"),
        ("marked", "api:web_01 mail"),
        ("marked !mail | load", "api:web_01 etl:load"),
        ("||", "api:web_00 api:web_01 etl:load mail"),
    ],
)
def test_what_passes(text: str, passing: str) -> None:
    chosen = parse(text)
    assert [name for name, subject in SUBJECTS.items() if chosen(subject)] == passing.split()


@pytest.mark.parametrize("text", ["state:fatal", "marked", "!marked", "a | state:x"])
def test_it_knows_that_its_answer_may_change(text: str) -> None:
    assert parse(text).moves


def test_names_do_not_change() -> None:
    assert not parse("web group:api /x/").moves


def test_a_bad_expression_is_named() -> None:
    with pytest.raises(UserError, match=r"filter /\(/"):
        parse("/(/")


@given(st.text(max_size=60))
def test_any_text_is_a_filter_or_a_user_error(text: str) -> None:
    try:
        chosen = parse(text)
    except UserError:
        return
    for subject in SUBJECTS.values():
        assert chosen(subject) in (True, False)
