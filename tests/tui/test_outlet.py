"""What is drawn leaves without waiting, however the terminal could be opened."""

from __future__ import annotations

import os
import pty
import time
import tty
from collections.abc import Iterator

import pytest

from supervisor.tui import outlet
from supervisor.tui.outlet import Outlet

TEXT = "".join(f"{number:07} " for number in range(20_000))


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    master, slave = pty.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    yield master, slave
    os.close(master)
    os.close(slave)


def nameless(fd: int) -> str:
    raise OSError("no such name here")


@pytest.mark.parametrize("known", ["by name", "by /proc", "not at all"])
def test_nothing_waits_for_a_terminal(
    terminal: tuple[int, int], known: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    master, slave = terminal
    if known != "by name":
        monkeypatch.setattr(os, "ttyname", nameless)
    if known == "not at all":
        monkeypatch.setattr(outlet, "_opened", lambda name: None)
    out = Outlet(slave, "utf-8")
    begin = time.monotonic()
    out.write(TEXT)
    out.flush()
    assert not out.idle and time.monotonic() - begin < 5  # it did come back
    got = b""
    deadline = begin + 30
    while len(got) < len(TEXT) and time.monotonic() < deadline:
        try:
            got += os.read(master, 65536)
        except BlockingIOError:
            out.flush()
    assert out.idle and got.decode() == TEXT
    assert os.get_blocking(slave), "the shell has the same terminal, and waits"
    out.close()
