"""Environment strings; what the first table says was observed with Supervisor 4.3."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supervisor.config.environment import environment

SAME_AS_4_3 = [
    ("", {}),
    ("  \n ", {}),
    ("# only a comment", {}),
    ("A=1", {"A": "1"}),
    ("A=1,B=2", {"A": "1", "B": "2"}),
    (" A = 1 , B = 2\n , C=3 ", {"A": "1", "B": "2", "C": "3"}),
    ("A=1,", {"A": "1"}),
    ("A=1;B=2", {"A": "1", "B": "2"}),
    ("A=1,B=2,A=3", {"A": "3", "B": "2"}),
    ("A=/usr/bin:/bin", {"A": "/usr/bin:/bin"}),
    ("A=(x+y)-1.0", {"A": "(x+y)-1.0"}),
    ("a.b=1", {"a.b": "1"}),
    ('A="two words, or; more"', {"A": "two words, or; more"}),
    ("A='two words'", {"A": "two words"}),
    ('A=""', {"A": ""}),
    ("A=\"'q'\"", {"A": "q"}),
    ("A='it\"s'", {"A": 'it"s'}),
    ("A=it's", {"A": "it's"}),
    ('A=foo"bar', {"A": 'foo"bar'}),
    ('A="x","y"="z"', {"A": "x", '"y"': "z"}),
    ("A==", {"A": "="}),
    ("A=@", {"A": "@"}),
    ("A=,", {"A": ","}),
    ("A=é", {"A": "é"}),
    ('A="é"', {"A": "é"}),
    ("A=1#foo", {"A": "1"}),
    ("A=1 #foo\n,B=2", {"A": "1", "B": "2"}),
    ("A=foo#c\nbar", {"A": "foobar"}),
    ('A="a#b"', {"A": "a#b"}),
    ('A="x\n\ny"', {"A": "x\n\ny"}),
    ('A="C:\\d\\"', {"A": "C:\\d\\"}),
    ('A="x\\"', {"A": "x\\"}),
    ('A="C:\\d\\",B=1', {"A": "C:\\d\\", "B": "1"}),
    ('A="a\\\\b"', {"A": "a\\\\b"}),
]

ESCAPED = [
    (r'A="he\"llo"', {"A": 'he"llo'}),
    (r'A="\"hi\"",B=2', {"A": '"hi"', "B": "2"}),
    (r'A="{\"a\": \"b\\n\", \"c\": 1}"', {"A": r'{"a": "b\n", "c": 1}'}),
    (r'A="\"\d",B="C:\\x"', {"A": r'"\d', "B": r"C:\\x"}),
]

REFUSED = [
    ("A", "Unexpected end of key/value pairs in value 'A'"),
    ("A=", "Unexpected end of key/value pairs in value 'A='"),
    ("=", "Unexpected end of key/value pairs in value '='"),
    (",A=1", "Unexpected end of key/value pairs in value ',A=1'"),
    ("A@1", "Unexpected end of key/value pairs in value 'A@1'"),
    ("A=1,,B=2", "Unexpected end of key/value pairs in value 'A=1,,B=2'"),
    ('A="x', "No closing quotation"),
    ("A='x", "No closing quotation"),
    ("A=b%c", "Unexpected end of key/value pairs"),
    ("A=-Xms1g -Xmx2g,B=2", "Unexpected end of key/value pairs"),
    ("A=1\nB=2", "Unexpected end of key/value pairs"),
    ('A="1"B="2"', "Unexpected end of key/value pairs"),
    ("A=" + "x" * 2**21, "an environment of more than 2 MiB can be given to no program"),
    ('"a=b"=1', "has a '=' in it"),
]

LOSING = [
    ("A=a b", {"A": "a"}, ["b after the value of A is dropped"]),
    ("A=1,B=-Xms1g -Xmx2g", {"A": "1", "B": "-Xms1g"}, ["-Xmx2g after the value of B is dropped"]),
    ('A="x\\" y', {"A": "x\\"}, ["y after the value of A is dropped"]),
    ("A=1|B=2", {"A": "1", "B": "2"}, ["| after the value of A is dropped"]),
    ("A=$HOME", {"A": "$"}, ["HOME after the value of A is dropped"]),
    ("A=~/x", {"A": "~"}, ["/x after the value of A is dropped"]),
    ("A={}", {"A": "{"}, ["} after the value of A is dropped"]),
]


@pytest.mark.parametrize(("text", "pairs", "reasons"), LOSING)
def test_what_4_3_drops_in_silence_is_dropped_and_told(
    text: str, pairs: dict[str, str], reasons: list[str]
) -> None:
    told: list[str] = []
    assert environment(text, told.append) == tuple(pairs.items())
    assert [reason.partition(" (")[0] for reason in told] == reasons


@pytest.mark.parametrize(("text", "pairs"), SAME_AS_4_3 + ESCAPED)
def test_pairs(text: str, pairs: dict[str, str]) -> None:
    assert environment(text) == tuple(pairs.items())


@pytest.mark.parametrize(("text", "reason"), REFUSED, ids=lambda case: case[:30])
def test_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        environment(text)
    assert reason in str(caught.value)


def _by_the_standard_lexer(text: str) -> dict[str, str] | None:
    """What 4.3's documented grammar gives: the standard library's lexer in its old mode."""
    lexer = shlex.shlex(text)
    lexer.wordchars += "/.+-():"
    try:
        tokens = list(lexer)
    except ValueError:
        return None
    pairs = {}
    for at in range(0, len(tokens), 4):
        part = tokens[at : at + 4]
        if len(part) < 3 or part[1] != "=" or "=" in part[0]:
            return None
        pairs[part[0]] = part[2].strip("'\"")
    return pairs


@settings(deadline=None)
@given(st.text(alphabet="AB1_/.=,;'\"\\# \n@%é", max_size=30))
def test_every_text_that_the_old_lexer_reads_has_its_result(text: str) -> None:
    expected = _by_the_standard_lexer(text)
    if expected is not None and '\\"' not in text:
        assert environment(text) == tuple(expected.items())
    elif '\\"' not in text:
        with pytest.raises(ValueError):
            environment(text)


KEYS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
VALUES = st.text(st.characters(exclude_characters="\"'\\", exclude_categories=["Cs"]), max_size=20)


@settings(deadline=None)
@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_quoted_values_come_back(pairs: dict[str, str]) -> None:
    assert dict(environment(",".join(f'{key}="{value}"' for key, value in pairs.items()))) == pairs


@settings(deadline=None)
@given(st.lists(st.sampled_from(["a", " ", ",", '\\"', "{}", "\\\\"]), max_size=12))
def test_an_escaped_value_comes_back(parts: list[str]) -> None:
    inside = '\\"' + "".join(parts) + "z"
    expected = inside.replace('\\"', '"').replace("\\\\", "\\")
    got = dict(environment(f'A="{inside}",B="b"'))
    assert got == {"A": expected, "B": "b"}


def test_a_long_text_takes_no_time_worth_speaking_of() -> None:
    with pytest.raises(ValueError):
        environment('A="' + "\\" * 200_000)
    assert environment("A=" + "a#" * 200_000 + "\n =") == (("A", "a"),)
