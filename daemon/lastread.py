"""The configuration that was read last, kept over a death of the daemon; must never know who reads it, or what of it
is active.

What a reread found is for the next ``add`` and ``update`` to go by, also where the daemon
died in between. It is a journal of its own, held as ``read``: the configuration, packed
small, and behind it the processes that were added to it without a file. There is none as
long as nothing was read but at the start, and what is active is all of that.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import msgpack

from supervisor.config.model import Configuration, ProcessConfig, decode, encode

from .snapshot import Journal

HELD_AS: Final = "read"


def pack(configuration: Configuration) -> bytes:
    """For ``LastRead.put``, in any thread: programs are alike, and there may be very many."""
    packed: bytes = msgpack.packb(encode(configuration), unicode_errors="surrogateescape")
    return zlib.compress(packed, 1)


class LastRead:
    """``active``: what is taken for it while nothing is kept. ``hold``: gives the keeper the descriptor."""

    def __init__(
        self, active: Configuration, hold: Callable[[int], None], warn: Callable[[str], None], fd: int = -1
    ) -> None:
        self._now = active
        self._hold = hold
        self._warn = warn
        self._journal = Journal(fd) if fd >= 0 else None
        self._unread = self._journal is not None

    @property
    def now(self) -> Configuration:
        """What was read last."""
        if self._unread and self._journal is not None:
            self._unread = False
            try:
                self._now = self._unpack(self._journal)
            except (ValueError, TypeError, KeyError, zlib.error) as error:  # of a version of other values
                self._warn(f"what was read last is not known any more, read it again: {error!r}")
                self._close()
        return self._now

    def _unpack(self, journal: Journal) -> Configuration:
        configuration = self._now
        for entry in journal.entries():
            if "read" in entry:
                data = msgpack.unpackb(
                    zlib.decompress(entry["read"]), raw=False, unicode_errors="surrogateescape"
                )
                configuration = decode(Configuration, data)
            else:
                configuration = with_process(configuration, decode(ProcessConfig, entry["process"]))
        return configuration

    def put(self, configuration: Configuration, packed: bytes = b"") -> None:
        """It was read. ``packed``: what ``pack`` makes of it, where that was done already."""
        self._close()
        self._now, self._unread = configuration, False
        try:
            self._journal = Journal.create()
            self._journal.append({"read": packed or pack(configuration)})
            self._hold(self._journal.fd)
        except OSError as error:
            self._warn(f"what was read is forgotten if the daemon dies: {error}")
            self._close()

    def _close(self) -> None:
        journal, self._journal = self._journal, None
        if journal is not None:
            os.close(journal.fd)  # the keeper has its own

    def keep(self) -> None:
        """What is active is about to differ from what was read."""
        if self._journal is None:
            self.put(self._now)

    def add(self, process: ProcessConfig) -> None:
        """One more process of a group, that no file describes."""
        self._now = with_process(self.now, process)
        if self._journal is not None:
            self._journal.append({"process": encode(process)})


def with_process(configuration: Configuration, process: ProcessConfig) -> Configuration:
    """The configuration with one more process in a group, if it has the group."""
    groups = tuple(
        replace(group, processes=(*group.processes, process)) if group.name == process.group else group
        for group in configuration.groups
    )
    return replace(configuration, groups=groups)
