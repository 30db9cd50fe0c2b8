"""Long lists of structs of few shapes, as our server writes them, read by pattern; must never know HTTP, methods.

``getAllProcessInfo`` of thousands of programs is one. An XML parser with handlers in Python takes six times
as long. Nothing is guessed: every byte is matched, and what is written in any other way, or is wrong, is
left to the parser of ``xmlrpc``.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_HEAD: Final = "<?xml version='1.0'?>\n<methodResponse><params><param><value><array><data>"
_TAIL: Final = "</data></array></value></param></params></methodResponse>\n"
_BEGIN: Final = "<value><struct>"
_END: Final = "</struct></value>"
# Of the characters that XML allows those that stand for themselves, and the sign that begins an escape.
_TEXT: Final = "([^<>\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]*)"
_INT: Final = "(-?[0-9]{1,10})"
_MEMBER = re.compile(
    f"<member><name>([A-Za-z_]{{1,64}})</name><value><(?:(string)>{_TEXT}</string|int>{_INT}</int)></value></member>"
)
_OTHER_ESCAPE = re.compile("&(?!(?:amp|lt|gt|#13);)")
_SHAPES_MAX: Final = 8
_ELEMENTS_AROUND: Final = 6

Struct = dict[str, int | str]


class _Shape(NamedTuple):
    """``pattern`` matches one struct, a group for each member. ``numbers``: the names of those that are."""

    pattern: re.Pattern[str]
    names: tuple[str, ...]
    numbers: tuple[str, ...]
    elements: int


def read_table(body: bytes, max_elements: int) -> list[Struct] | None:
    """The structs of an answer; None where the parser has to look at it."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    if not (text.startswith(_HEAD) and text.endswith(_TAIL)):
        return None
    position, end = len(_HEAD), len(text) - len(_TAIL)
    left = max_elements - _ELEMENTS_AROUND
    escaped = "&" in text
    shapes: list[_Shape] = []
    structs: list[Struct] = []
    while position < end:
        for shape in shapes:
            match = shape.pattern.match(text, position, end)
            if match is not None:
                break
        else:
            fresh = _shape_at(text, position, end) if len(shapes) < _SHAPES_MAX else None
            if fresh is None:
                return None
            shapes.append(fresh)
            continue
        if shape is not shapes[0]:  # the next one is most likely like this one
            shapes.remove(shape)
            shapes.insert(0, shape)
        left -= shape.elements
        struct: Struct = dict(zip(shape.names, match.groups(), strict=True))
        for name in shape.numbers:
            struct[name] = int(struct[name])
        if escaped and "&" in match.group():
            plain = _unescaped(struct)
            if plain is None:
                return None
            struct = plain
        structs.append(struct)
        position = match.end()
    return structs if left >= 0 else None


def _shape_at(text: str, position: int, end: int) -> _Shape | None:
    """What the struct that begins here looks like; None where it is none of our writing."""
    until = text.find(_END, position, end)
    if until < 0 or not text.startswith(_BEGIN, position):
        return None
    place = position + len(_BEGIN)
    names: list[str] = []
    numbers: list[str] = []
    parts = [_BEGIN]
    while place < until:
        member = _MEMBER.match(text, place, until)
        if member is None:
            return None
        name, is_text = member.group(1), member.group(2) is not None
        names.append(name)
        if not is_text:
            numbers.append(name)
        kind, value = ("string", _TEXT) if is_text else ("int", _INT)
        parts.append(f"<member><name>{name}</name><value><{kind}>{value}</{kind}></value></member>")
        place = member.end()
    if len(set(names)) != len(names):
        return None
    return _Shape(
        re.compile("".join([*parts, _END])), tuple(names), tuple(numbers), elements=2 + 4 * len(names)
    )


def _unescaped(struct: Struct) -> Struct | None:
    """The struct with the escapes that our server writes undone; None when there are others."""
    plain: Struct = {}
    for name, value in struct.items():
        if isinstance(value, str) and "&" in value:
            if _OTHER_ESCAPE.search(value):
                return None
            value = (
                value.replace("&lt;", "<").replace("&gt;", ">").replace("&#13;", "\r").replace("&amp;", "&")
            )
        plain[name] = value
    return plain
