"""The configuration that was read last, kept over a death of the daemon; must never know who reads it, or what of it
is active.

What a reread found is for the next ``add`` and ``update`` to go by, also where the daemon
died in between. It is a journal of its own, held as ``read``: the configuration, packed
small, and behind it the processes that were added to it without a file. There is none as
long as nothing was read but at the start, and what is active is all of that; once the
first group is to differ, the journal has the groups as they were before they did, each
once, so that the first change among thousands of programs takes no longer than any other.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import msgpack

from supervisor.config.model import Configuration, GroupConfig, ProcessConfig, decode, encode

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
        entries = list(self._journal.entries()) if self._journal is not None else []
        self._is_whole = any("read" in entry for entry in entries)
        self._kept = {entry["was"][0] for entry in entries if "was" in entry}
        self._groups: dict[str, GroupConfig] | None = None

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
            if "was" in entry:
                name, was = entry["was"]
                configuration = with_group(configuration, name, decode(GroupConfig, was) if was else None)
            elif "read" in entry:
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
        self._now, self._unread, self._is_whole = configuration, False, True
        self._write({"read": packed or pack(configuration)})

    def _write(self, entry: Mapping[str, Any]) -> None:
        try:
            if self._journal is None:
                self._journal = Journal.create()
                self._journal.append(entry)
                self._hold(self._journal.fd)
            else:
                self._journal.append(entry)
        except OSError as error:
            self._warn(f"what was read is forgotten if the daemon dies: {error}")
            self._close()

    def _close(self) -> None:
        journal, self._journal = self._journal, None
        self._is_whole, self._groups = False, None
        self._kept.clear()
        if journal is not None:
            os.close(journal.fd)  # the keeper has its own

    def keep(self, name: str) -> None:
        """A group is about to differ from what was read, to come or to go; empty: none is."""
        if not name or self._is_whole or name in self._kept:
            return
        if self._groups is None:
            self._groups = {group.name: group for group in self._now.groups}
        was = self._groups.get(name)
        self._write({"was": [name, None if was is None else encode(was)]})
        if self._journal is not None:
            self._kept.add(name)

    def add(self, process: ProcessConfig) -> None:
        """One more process of a group, that no file describes."""
        self._now = with_process(self.now, process)
        if self._journal is not None:
            self._journal.append({"process": encode(process)})


def with_group(configuration: Configuration, name: str, group: GroupConfig | None) -> Configuration:
    """The configuration with one group put in place, or left out (None)."""
    groups = [other for other in configuration.groups if other.name != name]
    if group is not None:
        groups = sorted([*groups, group], key=lambda group: (group.priority, group.name))
    return replace(configuration, groups=tuple(groups))


def with_process(configuration: Configuration, process: ProcessConfig) -> Configuration:
    """The configuration with one more process in a group, if it has the group."""
    groups = tuple(
        replace(group, processes=(*group.processes, process)) if group.name == process.group else group
        for group in configuration.groups
    )
    return replace(configuration, groups=groups)
