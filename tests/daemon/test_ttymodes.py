"""Modes of a terminal that were switched before what is kept begins."""

from __future__ import annotations

import random

import pytest

from supervisor.daemon.output.spool import SPOOL_BYTES, Spool
from supervisor.daemon.ttymodes import STEP_BYTES, TerminalModes
from supervisor.terminalmodes import ModeTracker

SWITCHES = (
    b"\x1b[?1049h", b"\x1b[?1049l", b"\x1b[?25l", b"\x1b[?25h", b"\x1b[?1;2004h", b"\x1b[?2004l", b"\x1b=", b"\x1b>",
    b"\x1b[2;9r", b"\x1b[r", b"\x1b[?1002h\x1b[?1006h", b"\x1bc",
)  # fmt: skip


def wrote(spool: Spool, data: bytes) -> None:
    while data:
        data = data[spool.append(data) :]
        spool.watchers.tell()


@pytest.mark.parametrize("seed", range(12))
def test_what_leads_to_the_end_leads_there_from_anywhere(seed: int) -> None:
    """Also after another daemon took over what was saved, with some of the output not looked at yet."""
    chance = random.Random(seed)
    spool = Spool.create()
    saved: list[object] = []

    def changed() -> None:
        saved[:] = modes.save()

    modes = TerminalModes(spool, changed, [])
    whole = ModeTracker()
    for _ in range(150):
        piece = b"x" * chance.randrange(1, 8000)
        if chance.random() < 0.1:
            piece += chance.choice(SWITCHES)
        whole.feed(piece)
        wrote(spool, piece)
        if chance.random() < 0.05 and saved:
            modes.close()
            modes = TerminalModes(spool, changed, list(saved))
        if chance.random() < 0.2:
            begin = chance.randrange(spool.start, spool.end)
            data = b""
            while begin + len(data) < spool.end:
                data += spool.read(begin + len(data), 65536)
            late = ModeTracker()
            late.feed(modes.before(begin))
            late.feed(data)
            assert late.establish() == whole.establish()
    assert spool.end > 2 * SPOOL_BYTES and saved
    modes.close()
    spool.close()


def test_output_is_looked_at_in_steps_and_the_state_is_small() -> None:
    spool = Spool.create()
    saves = 0

    def changed() -> None:
        nonlocal saves
        saves += 1

    modes = TerminalModes(spool, changed, [])
    for _ in range(100):
        wrote(spool, b"\x1b[?1049h\x1b[?2004h" + b"y" * 4000)
    assert saves <= 100 * 4020 // STEP_BYTES + 1
    assert len(repr(modes.save())) < 300
    modes.close()
    wrote(spool, b"y" * 2 * STEP_BYTES)
    assert saves <= 100 * 4020 // STEP_BYTES + 1
    spool.close()
