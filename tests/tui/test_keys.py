"""Keys, pastes, mouse and focus to bytes: the table of xterm-256color."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urwid.display import escape

from supervisor.tui.keys import (
    PASTE_END,
    PASTE_START,
    MouseEvent,
    focus_bytes,
    key_bytes,
    mouse_bytes,
    paste_bytes,
)
from supervisor.tui.terminal import InputModes

NORMAL = InputModes()
APPLICATION = InputModes(application_cursor=True, application_keypad=True)


@pytest.mark.parametrize(
    ("key", "normal", "application"),
    [
        ("up", b"\x1b[A", b"\x1bOA"),
        ("down", b"\x1b[B", b"\x1bOB"),
        ("right", b"\x1b[C", b"\x1bOC"),
        ("left", b"\x1b[D", b"\x1bOD"),
        ("home", b"\x1b[H", b"\x1bOH"),
        ("end", b"\x1b[F", b"\x1bOF"),
        ("insert", b"\x1b[2~", b"\x1b[2~"),
        ("delete", b"\x1b[3~", b"\x1b[3~"),
        ("page up", b"\x1b[5~", b"\x1b[5~"),
        ("page down", b"\x1b[6~", b"\x1b[6~"),
        *((f"f{n}", f"\x1bO{c}".encode(), f"\x1bO{c}".encode()) for n, c in enumerate("PQRS", 1)),
        *(
            (f"f{n}", f"\x1b[{code}~".encode(), f"\x1b[{code}~".encode())
            for n, code in enumerate((15, 17, 18, 19, 20, 21, 23, 24, 25, 26, 28, 29, 31, 32, 33, 34), 5)
        ),
        ("shift up", b"\x1b[1;2A", b"\x1b[1;2A"),
        ("meta up", b"\x1b[1;3A", b"\x1b[1;3A"),
        ("shift meta up", b"\x1b[1;4A", b"\x1b[1;4A"),
        ("ctrl left", b"\x1b[1;5D", b"\x1b[1;5D"),
        ("shift ctrl home", b"\x1b[1;6H", b"\x1b[1;6H"),
        ("shift meta ctrl end", b"\x1b[1;8F", b"\x1b[1;8F"),
        ("ctrl page up", b"\x1b[5;5~", b"\x1b[5;5~"),
        ("shift f1", b"\x1b[1;2P", b"\x1b[1;2P"),
        ("ctrl f5", b"\x1b[15;5~", b"\x1b[15;5~"),
        ("tab", b"\t", b"\t"),
        ("shift tab", b"\x1b[Z", b"\x1b[Z"),
        ("meta tab", b"\x1b\t", b"\x1b\t"),
        ("enter", b"\r", b"\r"),
        ("meta enter", b"\x1b\r", b"\x1b\r"),
        ("esc", b"\x1b", b"\x1b"),
        ("backspace", b"\x7f", b"\x7f"),
        ("meta backspace", b"\x1b\x7f", b"\x1b\x7f"),
        ("ctrl backspace", b"\b", b"\b"),
        ("a", b"a", b"a"),
        ("A", b"A", b"A"),
        ("5", b"5", b"5"),
        (" ", b" ", b" "),
        ("é", "é".encode(), "é".encode()),
        ("meta a", b"\x1ba", b"\x1ba"),
        ("meta A", b"\x1bA", b"\x1bA"),
        ("meta  ", b"\x1b ", b"\x1b "),
        ("meta é", "\x1bé".encode(), "\x1bé".encode()),
        ("ctrl a", b"\x01", b"\x01"),
        ("ctrl z", b"\x1a", b"\x1a"),
        ("ctrl \\", b"\x1c", b"\x1c"),
        ("ctrl ]", b"\x1d", b"\x1d"),
        ("ctrl ^", b"\x1e", b"\x1e"),
        ("ctrl _", b"\x1f", b"\x1f"),
        ("ctrl  ", b"\x00", b"\x00"),
        ("meta ctrl a", b"\x1b\x01", b"\x1b\x01"),
        ("<0>", b"\x00", b"\x00"),
        ("<28>", b"\x1c", b"\x1c"),
    ],
)
def test_keys(key: str, normal: bytes, application: bytes) -> None:
    assert key_bytes(key) == normal
    assert key_bytes(key, APPLICATION) == application


@pytest.mark.parametrize(
    "key", ["window resize", "focus in", "media play", "<999>", "", "ctrl é", "super a", "begin paste"]
)
def test_keys_without_bytes(key: str) -> None:
    assert key_bytes(key) is None


def test_keypad() -> None:
    assert key_bytes("5", APPLICATION, keypad=True) == b"\x1bOu"
    assert key_bytes("enter", APPLICATION, keypad=True) == b"\x1bOM"
    assert key_bytes("+", APPLICATION, keypad=True) == b"\x1bOk"
    assert key_bytes("7", NORMAL, keypad=True) == b"7"
    assert key_bytes("up", APPLICATION, keypad=True) == b"\x1bOA"
    assert key_bytes("5", NORMAL, keypad=True) == b"\x1b[E"


def test_urwid_reads_back_what_is_written() -> None:
    """Each key that urwid can name is named the same when our bytes come from a terminal."""
    modifiers = ["", *(escape.escape_modifier(digit) for digit in "2345678")]
    names = ["up", "down", "left", "right", "home", "end", "insert", "delete", "page up", "page down"]
    names += [f"f{n}" for n in range(1, 21)]
    for prefix in modifiers:
        for name in names:
            data = key_bytes(prefix + name)
            assert data is not None
            keys, rest = escape.process_keyqueue(list(data), False)
            assert keys == [prefix + name] and not rest


@given(st.text(max_size=60), st.booleans())
def test_a_paste_cannot_end_itself(text: str, bracketed: bool) -> None:
    noisy = text.replace("a", "\x1b[201~").replace("b", "\x1b[20\x1b[201~1~")
    data = paste_bytes(noisy, InputModes(bracketed_paste=bracketed))
    if bracketed:
        assert data.startswith(PASTE_START) and data.endswith(PASTE_END)
        data = data[len(PASTE_START) : -len(PASTE_END)]
    else:
        assert b"\n" not in data
    assert PASTE_END not in data and PASTE_START not in data


def test_paste() -> None:
    assert paste_bytes("a\nb\r\nc\rd") == b"a\rb\rc\rd"
    assert paste_bytes("a\nb", InputModes(bracketed_paste=True)) == b"\x1b[200~a\nb\x1b[201~"


def test_focus() -> None:
    assert focus_bytes(True, NORMAL) == b""
    assert focus_bytes(True, InputModes(focus=True)) == b"\x1b[I"
    assert focus_bytes(False, InputModes(focus=True)) == b"\x1b[O"


PRESS = MouseEvent("press", 1, 2, 3)
RELEASE = MouseEvent("release", 1, 2, 3)
UNKNOWN_RELEASE = MouseEvent("release", 0, 2, 3)
DRAG = MouseEvent("drag", 1, 2, 3)
MOTION = MouseEvent("drag", 0, 2, 3)
WHEEL = MouseEvent("press", 4, 2, 3)


@pytest.mark.parametrize(
    ("event", "mode", "encoding", "data"),
    [
        (PRESS, 0, 0, b""),
        (PRESS, 9, 0, b"\x1b[M $#"),
        (RELEASE, 9, 0, b""),
        (WHEEL, 9, 0, b""),
        (PRESS, 1000, 0, b"\x1b[M $#"),
        (RELEASE, 1000, 0, b"\x1b[M#$#"),
        (UNKNOWN_RELEASE, 1000, 0, b"\x1b[M#$#"),
        (DRAG, 1000, 0, b""),
        (DRAG, 1002, 0, b"\x1b[M@$#"),
        (MOTION, 1002, 0, b""),
        (MOTION, 1003, 0, b"\x1b[MC$#"),
        (WHEEL, 1000, 0, b"\x1b[M`$#"),
        (PRESS, 1000, 1006, b"\x1b[<0;4;3M"),
        (RELEASE, 1000, 1006, b"\x1b[<0;4;3m"),
        (MouseEvent("release", 3, 2, 3), 1000, 1006, b"\x1b[<2;4;3m"),
        (UNKNOWN_RELEASE, 1000, 1006, b"\x1b[<0;4;3m"),
        (DRAG, 1002, 1006, b"\x1b[<32;4;3M"),
        (MOTION, 1003, 1006, b"\x1b[<35;4;3M"),
        (WHEEL, 1000, 1006, b"\x1b[<64;4;3M"),
        (MouseEvent("press", 5, 2, 3), 1000, 1006, b"\x1b[<65;4;3M"),
        (MouseEvent("release", 4, 2, 3), 1000, 1006, b""),
        (MouseEvent("press", 8, 2, 3), 1000, 1006, b"\x1b[<128;4;3M"),
        (MouseEvent("press", 1, 2, 3, modifiers=7), 1000, 1006, b"\x1b[<28;4;3M"),
        (MouseEvent("press", 1, 2, 3, modifiers=7), 9, 1006, b"\x1b[<0;4;3M"),
        (MouseEvent("press", 1, 2, 222), 1000, 0, b"\x1b[M \xff#"),
        (MouseEvent("press", 1, 2, 223), 1000, 0, b""),
        (MouseEvent("press", 1, 2, 223), 1000, 1005, b"\x1b[M " + chr(256).encode() + b"#"),
        (MouseEvent("press", 1, 2, 3000), 1000, 1005, b""),
        (MouseEvent("press", 1, 2, 3000), 1000, 1006, b"\x1b[<0;3001;3M"),
        (MouseEvent("press", 1, -1, 3), 1000, 1006, b""),
        (MouseEvent("press", 0, 2, 3), 1000, 1006, b""),
    ],
)
def test_mouse(event: MouseEvent, mode: int, encoding: int, data: bytes) -> None:
    assert mouse_bytes(event, InputModes(mouse=mode, mouse_encoding=encoding)) == data


@pytest.mark.parametrize(
    "raw",
    [
        b"\x1b[<0;4;3M",
        b"\x1b[<0;4;3m",
        b"\x1b[<28;4;3M",
        b"\x1b[<32;4;3M",
        b"\x1b[<35;4;3M",
        b"\x1b[<64;4;3M",
        b"\x1b[<130;4;3M",
    ],
)
def test_mouse_events_of_urwid_go_through_unchanged(raw: bytes) -> None:
    """What the user's terminal sent in SGR encoding reaches a program that asked for it byte by byte."""
    (event,), rest = escape.process_keyqueue(list(raw), False)
    assert isinstance(event, tuple) and len(event) == 4 and not rest
    name, button, col, row = event
    assert isinstance(name, str) and isinstance(button, int) and isinstance(col, int) and isinstance(row, int)
    parsed = MouseEvent.from_urwid(name, button, col, row)
    assert parsed is not None
    assert mouse_bytes(parsed, InputModes(mouse=1003, mouse_encoding=1006)) == raw


def test_what_is_no_mouse_event() -> None:
    assert MouseEvent.from_urwid("focus in", 0, 0, 0) is None
    assert MouseEvent.from_urwid("mouse wave", 0, 0, 0) is None
