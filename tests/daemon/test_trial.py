"""A daemon that is only tried changes nothing on disk."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from supervisor.config.load import load_supervisord
from supervisor.daemon.saved import Saved
from supervisor.daemon.snapshot import Journal, StateTable
from supervisor.daemon.trial import _supervisor


def test_a_rotation_that_is_half_done_is_left_to_the_daemon_that_lives(tmp_path: Path) -> None:
    config, path, waiting = tmp_path / "conf", tmp_path / "log", tmp_path / "log.rotating"
    config.write_text("[supervisord]\n")
    path.write_bytes(b"line\nrest")
    waiting.write_bytes(b"rest")  # the next thing would be that PATH is called PATH.1
    intent = {"inode": path.stat().st_ino, "keep": 5}
    record = {"gen": 1, "base": 0, "archives": 0, "hole": 0, "intent": intent}

    async def run() -> tuple[int, int]:
        saved = Saved(load_supervisord(str(config), {}, environ={}), [], logs={str(path): (0, record)})
        table, journal = StateTable.create(), Journal.create()
        supervisor, keeper = _supervisor(saved, table, journal)
        with keeper:
            store = supervisor.stores.log(str(path), 9, 3)
            assert store.known
            supervisor.link.stop()
            supervisor.link._sock.close()
        for fd in (table.fd, journal.fd):
            os.close(fd)
        return store.start, store.end

    assert asyncio.run(run()) == (0, 9)
    assert sorted(os.listdir(tmp_path)) == ["conf", "log", "log.rotating"]
    assert (path.read_bytes(), waiting.read_bytes()) == (b"line\nrest", b"rest")
