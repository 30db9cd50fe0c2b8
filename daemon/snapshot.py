"""The state memfd: what a daemon must know to go on where another ended; must never know the machines' rules.

A memfd (held by the keeper under the name ``state``) is a table of records of
fixed size, so that a change of one process costs one small write, whatever the
number of processes. Each record has two slots, see ``slots``; a write goes to the
older one, so that a torn write leaves the other. Record 0 is the supervisor's own; the others belong to processes, and each
says whose it is.

The configuration in force is not a fixed size: it is a journal in a second memfd
(``config``), appended to when a group is added or removed.

Ways not taken: one record with everything (work per change would grow with the
number of programs); a file (a full disk must not matter); shelve, sqlite (for the
same reason, and for their start-up time).
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

import msgpack

from supervisor.protocol.packing import pack_local

from .slots import HEAD_BYTES, newest, slot

SLOT_BYTES = 2048
_ROOM = SLOT_BYTES - HEAD_BYTES
VERSION = 1
_HISTORY = pack_local("h")


class StateTable:
    """The records of a state memfd. ``fd`` belongs to the table."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._sequence: dict[int, int] = {}
        self._free: list[int] = []
        self._fresh = count(1)

    @classmethod
    def create(cls) -> StateTable:
        """An empty table in a new memfd. Raises OSError."""
        return cls(os.memfd_create("supervisor-state", os.MFD_CLOEXEC))

    def load(self) -> dict[int, dict[str, Any]]:
        """Every record that is valid, by its number; remembers which numbers are free."""
        end = (os.fstat(self.fd).st_size + 2 * SLOT_BYTES - 1) // (2 * SLOT_BYTES)
        found: dict[int, dict[str, Any]] = {}
        for index in range(end):
            sequence, record = self._newest(index)
            self._sequence[index] = sequence
            if record:
                found[index] = record
        self._fresh = count(max(end, 1))
        self._free = [index for index in range(end - 1, 0, -1) if index not in found]
        return found

    def _newest(self, index: int) -> tuple[int, dict[str, Any]]:
        data = os.pread(self.fd, 2 * SLOT_BYTES, index * 2 * SLOT_BYTES)
        return newest((data[:SLOT_BYTES], data[SLOT_BYTES:]))

    def allocate(self) -> int:
        """The number of a record that nobody uses. Threads of file systems ask, too: either way is one step."""
        try:
            return self._free.pop()
        except IndexError:
            return next(self._fresh)

    def write(self, index: int, record: Mapping[str, Any], history: Sequence[bytes] = ()) -> None:
        """Put a record in place of the one before; an empty one marks the number as free.

        ``history``: small pieces, the newest first; as many as the slot has room for come back under ``h``.
        Raises ValueError when the record alone does not fit a slot, OSError.
        """
        packed = pack_local(record)
        if len(packed) > _ROOM:
            raise ValueError(f"state record of {len(packed)} bytes does not fit {_ROOM}")
        kept = _fitting(history, _ROOM - len(packed))
        if kept:
            packed = _with_history(packed, record, kept)
        sequence = self._sequence.get(index, 0) + 1
        self._sequence[index] = sequence
        os.pwrite(self.fd, slot(sequence, packed), (index * 2 + sequence % 2) * SLOT_BYTES)

    def free(self, index: int) -> None:
        """Give a record back."""
        self.write(index, {})
        self._free.append(index)


def _with_history(packed: bytes, record: Mapping[str, Any], kept: Sequence[bytes]) -> bytes:
    """As if ``record`` had been packed with it. A map of up to 15 entries has their number in its first byte."""
    if 0x80 <= packed[0] < 0x8F:
        return b"%c%b%b%b" % (packed[0] + 1, packed[1:], _HISTORY, pack_local(kept))
    return pack_local({**record, "h": kept})


def _fitting(pieces: Sequence[bytes], room_bytes: int) -> list[bytes]:
    """The first pieces that fit beside a record: each has a head of at most 3 bytes, the list and its key 4."""
    room_bytes -= 8
    kept = []
    for piece in pieces:
        room_bytes -= len(piece) + 3
        if room_bytes < 0:
            break
        kept.append(piece)
    return kept


class Journal:
    """Maps appended to a memfd, each {length, CRC, msgpack}; a torn end is ignored."""

    _ENTRY = struct.Struct(">II")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._end = 0

    @classmethod
    def create(cls) -> Journal:
        """An empty journal in a new memfd. Raises OSError."""
        return cls(os.memfd_create("supervisor-config", os.MFD_CLOEXEC))

    @property
    def end(self) -> int:
        """How many bytes there are."""
        return self._end

    def append(self, *entries: Mapping[str, Any]) -> None:
        """Add entries in one write; one that is torn leaves those before it whole."""
        parts: list[bytes] = []
        for entry in entries:
            packed = pack_local(entry)
            parts += (self._ENTRY.pack(len(packed), zlib.crc32(packed)), packed)
        data = b"".join(parts)
        os.pwrite(self.fd, data, self._end)
        self._end += len(data)

    def entries(self) -> Iterator[dict[str, Any]]:
        """All entries in order; appending goes on behind the last whole one."""
        data = os.pread(self.fd, os.fstat(self.fd).st_size, 0)
        position = 0
        while position + self._ENTRY.size <= len(data):
            length, crc = self._ENTRY.unpack_from(data, position)
            packed = data[position + self._ENTRY.size : position + self._ENTRY.size + length]
            if len(packed) != length or zlib.crc32(packed) != crc:
                break
            position += self._ENTRY.size + length
            yield msgpack.unpackb(packed, raw=False, unicode_errors="surrogateescape")
        self._end = position
