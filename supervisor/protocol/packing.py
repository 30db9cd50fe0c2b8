"""msgpack for many small values, and for tables; must never know what is packed.

``msgpack.packb`` makes a packer, and with it a buffer of 256 KB, for each value: for
the dozen bytes of a journal's entry that is three quarters of the time.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgpack

from .structs import DESCRIPTION, NOW, Extended, Row, Table

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

    def table(self, table: Table) -> bytes:
        """As the list of dicts that it is; what stays in a row is packed once."""
        now = self(NOW) + self(table.now)
        named = now + self(DESCRIPTION)
        ends = {since: text.encode(errors=self._unicode_errors) for since, text in table.ago.items()}
        betweens: dict[int, bytes] = {}
        parts = [_ARRAY.pack(0xDD, len(table.rows))]
        for row in table.rows:
            head, lead = row.packed or self._row(row)
            if row.since is None:
                parts += (head, now)
                continue
            end = ends[row.since]
            length = len(lead) + len(end)
            if length not in betweens:
                betweens[length] = named + _text_head(length)
            parts += (head, betweens[length], lead, end)
        return b"".join(parts)

    def several(self, values: Sequence[object]) -> bytes:
        """As the list of them; among them may be tables, and structs of which what stays is packed once."""
        return b"".join([_ARRAY.pack(0xDD, len(values)), *map(self._item, values)])

    def _item(self, value: object) -> bytes:
        if type(value) is Table:
            return self.table(value)
        if type(value) is not Extended:
            return self(value)
        head, _ = value.row.packed or self._row(value.row)
        packed = head + self(NOW) + self(value.now)
        return packed if value.row.since is None else packed + self(DESCRIPTION) + self(value[DESCRIPTION])

    def _row(self, row: Row) -> tuple[bytes, bytes]:
        """The head of the map with what stays of it, and the lead; kept in the row."""
        count = len(row.names)
        members = self(dict(zip(row.names, row.values, strict=True)))[1 if count < 16 else 3 :]
        head = _MAP.pack(0xDE, count + 1 + (row.since is not None)) + members
        row.packed = head, row.lead.encode(errors=self._unicode_errors)
        return row.packed


def _text_head(length: int) -> bytes:
    """What msgpack puts in front of so many bytes of text."""
    return pack_local("x" * length)[:-length] if length else pack_local("")


_ARRAY: Final = struct.Struct(">BI")
_MAP: Final = struct.Struct(">BH")

pack_local: Final = Packing(unicode_errors="surrogateescape")
"""For what only our own processes read: text of the system, such as paths, may hold bytes that are no UTF-8."""
