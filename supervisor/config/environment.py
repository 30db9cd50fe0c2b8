"""Environment strings (``A=1,B="two words"``) to pairs; must never know whose environment it is.

The grammar is Supervisor 4.3's, token by token: words of letters, digits and
``_/.+-():``, values in quotes, ``#`` comments outside of quotes, any other
character a token of its own. Every string that 4.3 reads has the same result here.
Where 4.3 drops a word in silence (``A=a b`` loses ``b``: what follows a value is
taken for the comma) the caller is told what was lost, for a warning: such a file
runs today, and one program's mistake must not keep all of them from starting.

A string of which that grammar loses something is read once more with ``\\"`` inside
double quotes standing for a quote; in a value that has one, ``\\\\`` is a single
backslash. A value without ``\\"`` is taken as written, so that
``"C:\\new\\"`` and ``"^\\\\d"`` keep the meaning they always had.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

MAX_CHARACTERS: Final = 2 * 1024 * 1024
"""More than the kernel takes at an exec, with its usual limits."""

_SKIPPED = r"(?:[ \t\r\n]|#[^\n]*\n?)*+"
_WORD = r"[A-Za-z0-9_/.+():-](?:[A-Za-z0-9_/.+():'\"-]|#[^\n]*+\n?)*+"
_CLASSIC = re.compile(rf"{_SKIPPED}({_WORD}|\"[^\"]*+\"|'[^']*+'|.)", re.DOTALL)
_ESCAPING = re.compile(rf"{_SKIPPED}({_WORD}|\"(?:[^\"\\]|\\.)*+\"|'[^']*+'|.)", re.DOTALL)
_COMMENT = re.compile(r"#[^\n]*\n?")
_ESCAPE = re.compile(r'\\(["\\])')


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    value: str
    """What the token means where a value is expected."""


def _nobody(_reason: str) -> None:
    pass


def environment(text: str, lost: Callable[[str], None] = _nobody) -> tuple[tuple[str, str], ...]:
    """The pairs in order of first appearance, keys unique (the last value counts).

    ``lost`` is called with a sentence for each word that no pair has.
    Raises ValueError with Supervisor's reason.
    """
    if len(text) > MAX_CHARACTERS:
        raise ValueError("an environment of more than 2 MiB can be given to no program")
    try:
        return _pairs(_tokens(text, escapes=False), text, _refuse)
    except ValueError:
        if '\\"' in text:
            try:
                return _pairs(_tokens(text, escapes=True), text, _refuse)
            except ValueError:
                pass  # then by the classic grammar, or with its reason
    return _pairs(_tokens(text, escapes=False), text, lost)


def _refuse(reason: str) -> None:
    raise ValueError(reason)


def _tokens(text: str, *, escapes: bool) -> list[_Token]:
    pattern = _ESCAPING if escapes else _CLASSIC
    tokens = []
    match = pattern.match(text)
    while match is not None:
        token = match[1]
        match = pattern.match(text, match.end())
        if token in ('"', "'"):
            raise ValueError("No closing quotation")
        if escapes and token[0] == '"' and '\\"' in token:
            tokens.append(_Token(token, _ESCAPE.sub(r"\1", token[1:-1])))
        elif token[0] in "\"'":
            tokens.append(_Token(token, token.strip("'\"")))
        else:
            # A comment in the middle of a word is cut out and the word goes on, as in 4.3.
            word = _COMMENT.sub("", token) if len(token) > 1 else token
            tokens.append(_Token(word, word.strip("'\"")))
    return tokens


def _pairs(tokens: list[_Token], text: str, lost: Callable[[str], None]) -> tuple[tuple[str, str], ...]:
    found: dict[str, str] = {}
    for at in range(0, len(tokens), 4):
        if len(tokens) - at < 3 or tokens[at + 1].text != "=":
            raise ValueError(f"Unexpected end of key/value pairs in value '{text}'")
        key, value = tokens[at].text, tokens[at + 2].value
        if "=" in key:
            raise ValueError(f"the key {key} has a '=' in it")
        found[key] = value
        if at + 3 < len(tokens) and tokens[at + 3].text not in (",", ";"):
            lost(
                f"{tokens[at + 3].text} after the value of {key} is dropped"
                " (pairs are separated by commas; a value with other characters needs double quotes)"
            )
    return tuple(found.items())
