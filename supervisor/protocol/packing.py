"""msgpack for many small values; must never know what is packed.

``msgpack.packb`` makes a packer, and with it a buffer of 256 KB, for each value: for
the dozen bytes of a journal's entry that is three quarters of the time.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, Final

import msgpack

from .structs import Extended

KEPT_BYTES: Final = 256 * 1024
"""What a packer starts with; one whose buffer had to grow is not kept."""


class Packing:
    """As ``msgpack.packb`` with these options, the packer kept. One thread."""

    def __init__(
        self, *, unicode_errors: str = "strict", default: Callable[[Any], Any] | None = None
    ) -> None:
        self._unicode_errors = unicode_errors
        self._default = default
        self._packer = self._make()
        self._names: dict[str, bytes] = {}

    def _make(self) -> msgpack.Packer:
        return msgpack.Packer(unicode_errors=self._unicode_errors, default=self._default)

    def __call__(self, value: object) -> bytes:
        """Raises what ``msgpack.packb`` raises; the next value is not touched by it."""
        packed: bytes | None = None
        try:
            packed = self._packer.pack(value)
        finally:
            if packed is None or len(packed) > KEPT_BYTES:
                self._packer = self._make()
        return packed

    def structs(self, structs: Sequence[Extended]) -> bytes:
        """As the list of them; what stays in a struct is packed once."""
        pack, names = self._packer.pack, self._names
        parts = [_ARRAY.pack(0xDD, len(structs))]
        for value in structs:
            head, rest = value.head, value.rest
            if not head.packed:
                head.packed = b"".join(map(self, chain.from_iterable(head.members.items())))
            parts += (_MAP.pack(0xDE, len(head.members) + len(rest)), head.packed)
            for name, member in rest:
                if name not in names:
                    names[name] = self(name)
                parts += (names[name], pack(member))
        return b"".join(parts)


_ARRAY: Final = struct.Struct(">BI")
_MAP: Final = struct.Struct(">BH")

pack_local: Final = Packing(unicode_errors="surrogateescape")
"""For what only our own processes read: text of the system, such as paths, may hold bytes that are no UTF-8."""
