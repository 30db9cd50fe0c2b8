"""The modes that a program has set on its terminal, known however long ago; must never know clients.

A picture needs the modes that were set before its first byte: the alternate screen, the
mouse, hidden cursors. Where that was is no longer kept for a program that has written
for hours, so they are read from the output as it goes by, some tens of KiB at a time,
back from the store like everybody else does. What was found is saved in the state; a
later daemon catches up from there, which is never further back than is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from supervisor.terminalmodes import ModeTracker

from .output.cursor import Readable
from .output.store import CHUNK_BYTES

STEP_BYTES: Final = 1 << 16


class TerminalModes:
    """``changed`` is told when there is something to save. ``saved``: what ``save`` gave; empty: begin at the end."""

    __slots__ = ("_changed", "_gen", "_offset", "_saved", "_store", "_tracker")

    def __init__(self, store: Readable, changed: Callable[[], None], saved: list[Any]) -> None:
        self._store = store
        self._changed = changed
        self._gen, self._offset = store.gen, store.end
        self._tracker = ModeTracker()
        if saved:
            self._gen, self._offset, packed = saved
            self._tracker = ModeTracker.unpacked(packed)
        self._saved = self._offset
        store.watchers.add(self._moved)

    def save(self) -> list[Any]:
        return [self._gen, self._offset, self._tracker.pack()]

    def close(self) -> None:
        self._store.watchers.discard(self._moved)

    def _moved(self) -> None:
        if self._store.end - self._saved >= STEP_BYTES or self._store.gen != self._gen:
            self._catch_up()
            self._saved = self._offset
            self._changed()

    def _catch_up(self) -> None:
        store = self._store
        if store.gen != self._gen:
            self._gen, self._offset = store.gen, store.start
        self._offset = max(self._offset, store.start)
        while self._offset < store.end:
            try:
                data = store.read(self._offset, min(CHUNK_BYTES, store.end - self._offset))
            except OSError:
                return  # a log that cannot be read now; another time
            if not data:
                return
            self._tracker.feed(data)
            self._offset += len(data)

    def before(self, begin: int) -> bytes:
        """What brings a fresh terminal into the modes that were set when the output at ``begin`` came. Raises OSError."""
        self._catch_up()
        pieces: list[bytes] = []
        while begin < self._offset:
            data = self._store.read(begin, min(CHUNK_BYTES, self._offset - begin))
            if not data:
                break
            pieces.append(data)
            begin += len(data)
        return self._tracker.before(b"".join(pieces))
