"""``%(name)s`` expansions."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supervisor.config.expand import ExpansionError, Names, expand

NAMES: Names = {
    "program_name": "cat",
    "process_num": 7,
    "ENV_HOME": "/home/me",
    "ENV_X(1)": "odd",
    "ENV_P": "%(here)s",
}

GOOD = [
    ("plain", "plain"),
    ("100%%", "100%"),
    ("%%%%", "%%"),
    ("%(program_name)s_%(process_num)02d", "cat_07"),
    ("%(process_num)s", "7"),
    ("%(process_num)x-%(process_num)5d|%(process_num)-3d|%(process_num)+d", "7-    7|7  |+7"),
    ("%(program_name).2s", "ca"),
    ("%(here)s/log", "/etc/log"),
    ("%(ENV_HOME)s", "/home/me"),
    ("%(ENV_X(1))s", "odd"),
    ("%(ENV_P)s", "%(here)s"),
    ("%%(here)s", "%(here)s"),
]

BAD = [
    ("%", "is badly formatted: incomplete format"),
    ("date +%H", "is badly formatted: '%H' at index 6 is no expansion; write %% for %"),
    ("%s", "is badly formatted: '%s' at index 0"),
    ("%(here", "is badly formatted: incomplete format key"),
    ("%(here)", "is badly formatted: incomplete format"),
    ("%(here)q", "is badly formatted: unsupported format character 'q' at index 7"),
    ("%(here)*d", "is badly formatted: unsupported format character '*' at index 7"),
    ("%(here)%", "is badly formatted: '%(here)%' is no expansion"),
    ("%(program_name)d", "is badly formatted: %d format: a real number is required, not str"),
    ("%(process_num)99999999999d", "is badly formatted: width too large"),
    ("%(process_num).1001d", "is badly formatted: width too large"),
    ("%(nix)s %(ENV_NIX)s", "contains names ('ENV_NIX', 'nix') which cannot be expanded."),
    ("%(nix)s", "Available names: here, process_num, program_name, ENV_<variable>"),
    ("%(program_nam)s", "(did you mean program_name?)"),
]


@pytest.mark.parametrize(("raw", "text"), GOOD)
def test_good(raw: str, text: str) -> None:
    assert expand(raw, NAMES, "program:cat.command", "/etc") == text


@pytest.mark.parametrize(("raw", "reason"), BAD)
def test_bad(raw: str, reason: str) -> None:
    with pytest.raises(ExpansionError) as caught:
        expand(raw, NAMES, "program:cat.command", "/etc")
    assert str(caught.value).startswith(f"Format string '{raw}' for 'program:cat.command' ")
    assert reason in str(caught.value)


def test_values_of_environment_variables_are_not_named_in_messages() -> None:
    with pytest.raises(ExpansionError) as caught:
        expand("%(nix)s", {f"ENV_SECRET{n}": "hunter2" for n in range(3)}, "x", "/")
    assert "SECRET" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_result_is_bounded() -> None:
    with pytest.raises(ExpansionError, match="expands to more than 16 MiB"):
        expand("%(ENV_BIG)s" * 100, {"ENV_BIG": "x" * 1_000_000}, "x", "/")


def test_a_long_raw_text_is_cut_in_the_message() -> None:
    with pytest.raises(ExpansionError) as caught:
        expand("x" * 1_000_000 + "%", {}, "x", "/")
    assert len(str(caught.value)) < 400


@settings(deadline=None)
@given(st.text(alphabet="%()sdx02.-+ abhere", max_size=30))
def test_as_the_language_formats_it_or_an_error(raw: str) -> None:
    names: dict[str, str | int] = {"a": "A", "here": "/h", "b": 3}
    try:
        ours = expand(raw, names, "label", "/h")
    except ExpansionError:
        return
    assert ours == raw % names


@settings(deadline=None)
@given(st.text())
def test_doubled_percent_signs_give_the_text_back(text: str) -> None:
    assert expand(text.replace("%", "%%"), {}, "label", "/") == text
