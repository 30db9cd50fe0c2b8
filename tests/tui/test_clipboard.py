"""What is told to terminals, and which programs are asked."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

from supervisor.tui.clipboard import MAX_OSC_BYTES, feed, osc52, programs


def test_the_terminal_is_told_and_never_too_much() -> None:
    assert osc52(b"text", {}) == b"\x1b]52;c;" + base64.b64encode(b"text") + b"\x07"
    assert osc52(b"x" * MAX_OSC_BYTES, {})
    assert osc52(b"x" * (MAX_OSC_BYTES + 1), {}) == b""


def test_tmux_is_asked_to_pass_it_on() -> None:
    sent = osc52(b"text", {"TMUX": "/tmp/x"})
    assert b"\x1bPtmux;\x1b\x1b]52;c;" in sent and sent.endswith(b"\x07\x1b\\")


def test_only_programs_with_a_clipboard_behind_them_are_asked() -> None:
    def which(name: str) -> str:
        return f"/bin/{name}"

    assert [argv[0] for argv in programs({}, which)] == ["pbcopy"]
    assert [argv[0] for argv in programs({"DISPLAY": ":0"}, which)] == ["xclip", "pbcopy"]
    assert [argv[0] for argv in programs({"TMUX": "x", "WAYLAND_DISPLAY": "w"}, which)] == [
        "tmux",
        "wl-copy",
        "pbcopy",
    ]
    assert programs({"DISPLAY": ":0", "TMUX": "x"}, lambda name: None) == []


def test_a_program_gets_the_text_or_is_said_to_have_failed(tmp_path: Path) -> None:
    target = tmp_path / "clip"
    assert asyncio.run(feed(("sh", "-c", f"cat > {target}"), b"one\ntwo"))
    assert target.read_bytes() == b"one\ntwo"
    assert not asyncio.run(feed(("false",), b"x"))
    assert not asyncio.run(feed((str(tmp_path / "none"),), b"x"))
