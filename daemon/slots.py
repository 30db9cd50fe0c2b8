"""A record that a kill in the middle of its write does not take away: two slots, written in turn; must never know
what is in them.

Each slot is {sequence, length, CRC, msgpack of a map}. The CRC goes over the sequence as well: a torn write must not
give what the slot held before a new number.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from typing import Any, Final

import msgpack

_HEAD: Final = struct.Struct(">QII")
HEAD_BYTES: Final = _HEAD.size


def slot(sequence: int, packed: bytes) -> bytes:
    """What is to be written into a slot; that of an even number goes to the one, of an odd one to the other."""
    return _HEAD.pack(sequence, len(packed), _crc(sequence, packed)) + packed


def newest(slots: Iterable[bytes]) -> tuple[int, dict[str, Any]]:
    """Sequence and record of the whole slot that was written last; 0 and nothing where none is whole."""
    best, found = 0, b""
    for data in slots:
        if len(data) < HEAD_BYTES:
            continue
        sequence, length, crc = _HEAD.unpack_from(data)
        packed = data[HEAD_BYTES : HEAD_BYTES + length]
        if sequence > best and len(packed) == length and _crc(sequence, packed) == crc:
            best, found = sequence, packed
    if not best:
        return 0, {}
    record: dict[str, Any] = msgpack.unpackb(found, raw=False, unicode_errors="surrogateescape")
    return best, record


def _crc(sequence: int, packed: bytes) -> int:
    return zlib.crc32(packed, zlib.crc32(sequence.to_bytes(8, "big")))
