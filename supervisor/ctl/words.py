"""A command line cut into commands and words, pure; must never know which commands exist.

Words are separated by blanks. A word that begins with a quote and ends with the same
one is taken without them, blanks and semicolons included; other quotes are plain
characters, since names may hold them. A semicolon that stands alone or ends a word
ends a command.
"""

from __future__ import annotations

import re
import string
from typing import Final

_WORD = re.compile(r""""[^"]*"(?=[\s;]|\Z)|'[^']*'(?=[\s;]|\Z)|\S+""")
_COMMAND_CHARS: Final = frozenset(string.ascii_letters + string.digits + "_")


def split_commands(line: str) -> list[str]:
    """The commands of a line, as written, without the semicolons and the blanks around them."""
    commands = []
    start = 0
    for match in _WORD.finditer(line):
        word = match.group()
        if word.endswith(";"):
            end = match.start() + len(word.rstrip(";"))
            commands.append(line[start:end].strip())
            start = match.end()
    commands.append(line[start:].strip())
    return [command for command in commands if command]


def split_command(line: str) -> tuple[str, str]:
    """(name, rest) of one command; name is empty when the line begins with no name.

    ``?x`` is ``help x``. A name ends at the first character that is no letter, digit or
    underscore: ``tail-f x`` is ``tail`` with ``-f x``.
    """
    line = line.strip()
    if line.startswith("?"):
        return "help", line[1:].strip()
    end = 0
    while end < len(line) and line[end] in _COMMAND_CHARS:
        end += 1
    return line[:end], line[end:].strip()


def split_words(rest: str) -> list[str]:
    """The words of a command, without their quotes."""
    return [
        word[1:-1] if len(word) > 1 and word[0] in "\"'" and word[-1] == word[0] else word
        for word in _WORD.findall(rest)
    ]
