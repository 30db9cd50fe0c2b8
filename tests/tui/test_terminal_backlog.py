"""What waits to be shown is bounded, and what is left out leaves the terminal as it would be."""

from __future__ import annotations

import random

import pytest

from supervisor.tui.terminal import Terminal
from supervisor.tui.terminal.backlog import LIMIT_BYTES, Backlog, switched


def shown(data: bytes, backlog: Backlog | None, piece: int) -> tuple[Terminal, int]:
    """A terminal after ``data``; with a backlog nothing of it is shown before all of it came."""
    terminal = Terminal(24, 80)
    if backlog is None:
        terminal.feed(data)
        return terminal, 0
    for at in range(0, len(data), piece):
        backlog.add(at, data[at : at + piece])
        instead = backlog.shed(alternate=terminal.alternate)
        assert len(backlog) <= LIMIT_BYTES
        if instead is not None:
            terminal.forget_unfinished()
            terminal.feed(instead)
    while backlog:
        terminal.feed(backlog.next(16384)[0])
    return terminal, backlog.skipped


def picture(terminal: Terminal) -> list[str]:
    return [line.text.rstrip() for line in terminal.lines()]


def full_screen(size: int) -> bytes:
    """A program that paints its whole picture again and again, and has switched modes long ago."""
    rng = random.Random(3)
    out = [b"\x1b[?1049h\x1b[?1h\x1b=\x1b[?2004h\x1b[?1002h\x1b[?1006h\x1b[?25l\x1b[2;23r"]
    length = 0
    while length < size:
        rows = [
            b"\x1b[%d;1H\x1b[3%dm%s\x1b[K" % (row, row % 8, b"%x" % rng.getrandbits(200))
            for row in range(1, 24)
        ]
        out.append(b"\x1b[H\x1b[2J" + b"".join(rows))
        length += len(out[-1])
    return b"".join(out)


@pytest.mark.parametrize("piece", [1000, 4096, 65536])
def test_a_full_screen_program_looks_as_if_nothing_were_left_out(piece: int) -> None:
    data = full_screen(3_000_000)
    whole, _ = shown(data, None, piece)
    part, skipped = shown(data, Backlog(), piece)
    assert skipped > 1_000_000
    assert picture(part) == picture(whole)
    assert part.modes == whole.modes
    assert part.alternate and not part.cursor.visible
    assert part.cursor == whole.cursor


@pytest.mark.parametrize("piece", [777, 65536])
def test_a_flood_in_the_main_screen_ends_as_it_would(piece: int) -> None:
    data = b"\x1b[?2004h" + b"".join(b"\x1b[32mline %d\x1b[0m\r\n" % number for number in range(150_000))
    data += b"\x1b[?1049h\x1b[Hnever mind\x1b[?1049l$ "
    whole, _ = shown(data, None, piece)
    part, skipped = shown(data, Backlog(), piece)
    assert skipped > 1_000_000
    assert picture(part) == picture(whole)
    assert part.modes == whole.modes and part.modes.bracketed_paste


def test_a_switch_of_screens_that_is_left_out_still_happens() -> None:
    text = b"some text\r\n" * 50_000
    begin, _ = shown(text + b"\x1b[?1049h" + text * 3, Backlog(), 10_000)
    assert begin.alternate
    end, _ = shown(b"\x1b[?1049h" + text + b"\x1b[?1049l" + text * 3, Backlog(), 10_000)
    assert not end.alternate


def test_without_any_place_to_go_on_all_is_left_out() -> None:
    backlog = Backlog()
    backlog.add(0, b"x" * (LIMIT_BYTES + 1))
    assert backlog.shed(alternate=True) is not None
    assert len(backlog) == 0 and backlog.skipped == LIMIT_BYTES + 1


def test_the_past_is_told_from_what_is_new() -> None:
    backlog = Backlog(live=10)
    backlog.add(5, b"0123456789")
    assert backlog.next(3) == (b"012", True)
    assert backlog.next(100) == (b"34", True)
    assert backlog.next(100) == (b"56789", False)
    assert backlog.next(100) == (b"", False) and not backlog


@pytest.mark.parametrize(
    ("data", "alternate", "found"),
    [
        (b"\x1b[?25l\x1b[?25h", False, (b"\x1b[?25h", False)),
        (b"\x1b[?1049;25l", True, (b"\x1b[?1049l\x1b[?25l", False)),
        (b"\x1b[?2004h\x1b[?47h\x1bc\x1b[?1h", False, (b"\x1bc\x1b[?1h", False)),
        (b"\x1b[3;9r\x1b[r\x1b=\x1b>", True, (b"\x1b[r\x1b>", True)),
        (b"\x1b[31mred\x1b]0;title\x07", False, (b"", False)),
    ],
)
def test_switches(data: bytes, alternate: bool, found: tuple[bytes, bool]) -> None:
    assert switched(data, alternate=alternate) == found
