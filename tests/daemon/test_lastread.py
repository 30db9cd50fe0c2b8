"""What was read last is what a later daemon finds, whatever was active meanwhile."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from supervisor.config.load import load_program, load_supervisord
from supervisor.config.model import Configuration, ProcessConfig
from supervisor.daemon.lastread import LastRead, pack
from supervisor.daemon.snapshot import Journal


class Keeper:
    def __init__(self) -> None:
        self.fd = -1
        self.warned: list[str] = []

    def hold(self, fd: int) -> None:
        self.close()
        self.fd = os.dup(fd)

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)

    def daemon(self, active: Configuration) -> LastRead:
        """One that follows another."""
        return LastRead(active, self.hold, self.warned.append, os.dup(self.fd) if self.fd >= 0 else -1)


def loaded(folder: Path, *names: str) -> Configuration:
    path = folder / "conf"
    path.write_text("[supervisord]\n" + "".join(f"[program:{name}]\ncommand=/bin/cat\n" for name in names))
    return load_supervisord(str(path), {}, environ={})


def guest(path: str) -> ProcessConfig:
    return load_program("guest", "a", {"command": "/bin/true"}, path=path, environ={}, base="/")[0]


def test_what_was_read_outlives_daemons(tmp_path: Path) -> None:
    keeper = Keeper()
    first, second = loaded(tmp_path, "a"), loaded(tmp_path, "a", "b")
    keeper.daemon(first).put(second, pack(second))
    follower = keeper.daemon(first)
    follower.keep("a")  # it is already
    assert follower.now == second
    guested = replace(second.groups[0], processes=(*second.groups[0].processes, guest(second.path)))
    keeper.daemon(first).add(guest(second.path))
    assert keeper.daemon(first).now.groups[0] == guested
    keeper.daemon(first).put(first)
    assert keeper.daemon(second).now == first
    keeper.close()
    assert not keeper.warned


def test_nothing_is_kept_before_something_differs(tmp_path: Path) -> None:
    keeper = Keeper()
    active = loaded(tmp_path, "a", "b")
    last = keeper.daemon(active)
    assert last.now == active and keeper.fd < 0
    last.keep("b")
    assert keeper.daemon(loaded(tmp_path, "a")).now == active
    keeper.close()


def test_groups_that_change_are_kept_as_they_were(tmp_path: Path) -> None:
    """One after the other, over deaths, whether anybody asked meanwhile or not."""
    keeper = Keeper()
    read = loaded(tmp_path, "a", "b", "c")
    for asked in (False, True):
        last = keeper.daemon(read)
        last.keep("b")
        last.keep("b")
        active = loaded(tmp_path, "a", "c")
        for gone in ("a", "c"):
            last = keeper.daemon(active)
            assert not asked or last.now == read
            last.keep(gone)
            active = replace(active, groups=tuple(group for group in active.groups if group.name != gone))
        last = keeper.daemon(active)
        last.keep("new")
        last.keep("")
        active = loaded(tmp_path, "b", "new")
        last = keeper.daemon(active)
        last.keep("b")
        assert last.now == keeper.daemon(loaded(tmp_path)).now == replace(read, path=last.now.path)
        last.add(guest(read.path))
        assert len(keeper.daemon(active).now.groups[0].processes) == 2
        last.put(active)
        assert keeper.daemon(read).now == active
        keeper.close()
        keeper.fd = -1
    assert not keeper.warned


def test_what_cannot_be_understood_is_told_and_written_again(tmp_path: Path) -> None:
    keeper = Keeper()
    journal = Journal.create()
    journal.append({"read": b"nonsense"})
    keeper.hold(journal.fd)
    active = loaded(tmp_path, "a")
    last = keeper.daemon(active)
    assert last.now == active and "read it again" in keeper.warned[0]
    for changed in ("a", "b"):
        last.keep(changed)
    assert keeper.daemon(loaded(tmp_path, "b")).now == active
    keeper.close()


def test_no_descriptor_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = Keeper()
    configuration = loaded(tmp_path, "a")
    last = keeper.daemon(loaded(tmp_path, "b"))

    def full() -> Journal:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(Journal, "create", full)
    last.put(configuration)
    assert last.now == configuration and "Too many open files" in keeper.warned[0]
