"""Structs of which most stays as it is from answer to answer; must never know a codec.

Each codec keeps the encoded part in the head that it belongs to, so that a list of a
thousand process records is joined rather than encoded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Member = tuple[str, int | str]


class StructHead:
    """Members of a struct that stay as they are for many answers.

    ``xml``, ``packed``: belong to ``xmlrpc`` and ``packing``, empty until they need it.
    """

    __slots__ = ("members", "packed", "xml")

    def __init__(self, members: Mapping[str, Any]) -> None:
        self.members = members
        self.xml = ""
        self.packed = b""


class Extended(dict[str, Any]):
    """A struct of a head, and further members that are ``int`` or ``str``: a dict for everybody.

    Made by ``extended``; not to be changed.
    """

    __slots__ = ("head", "rest")
    head: StructHead
    rest: tuple[Member, ...]


def extended(head: StructHead, *rest: Member) -> Extended:
    """A struct of ``head`` and more members, whose names need no escaping and are not in it."""
    struct = Extended(head.members)
    struct.update(rest)
    struct.head = head
    struct.rest = rest
    return struct
