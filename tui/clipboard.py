"""Where copied text goes: the terminal's clipboard by OSC 52, and the programs that have one; must never know urwid.

Both are tried: a terminal may ignore OSC 52, and says nothing when it does.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Callable, Mapping
from typing import Final

MAX_OSC_BYTES: Final = 74_994
"""More than this in base64 (100,000 characters) terminals throw away, or cut."""
MAX_COPY_BYTES: Final = 8 << 20
WITHIN_S: Final = 3.0

Argv = tuple[str, ...]


def osc52(data: bytes, environ: Mapping[str, str]) -> bytes:
    """What tells the terminal to take ``data`` into its clipboard; empty where it is too much.

    In tmux it is wrapped, so that tmux passes it on, and given to tmux itself as well.
    """
    if len(data) > MAX_OSC_BYTES:
        return b""
    plain = b"\x1b]52;c;" + base64.b64encode(data) + b"\x07"
    if environ.get("TMUX"):
        return plain + b"\x1bPtmux;" + plain.replace(b"\x1b", b"\x1b\x1b") + b"\x1b\\"
    return plain


def programs(environ: Mapping[str, str], which: Callable[[str], str | None]) -> list[Argv]:
    """The programs here that take text for a clipboard on their standard input."""
    wishes: list[tuple[str, Argv]] = [
        ("TMUX", ("tmux", "load-buffer", "-")),
        ("WAYLAND_DISPLAY", ("wl-copy",)),
        ("DISPLAY", ("xclip", "-selection", "clipboard")),
        ("DISPLAY", ("xsel", "--clipboard", "--input")),
        ("", ("pbcopy",)),
    ]
    found: list[Argv] = []
    for needs, argv in wishes:
        if (not needs or environ.get(needs)) and which(argv[0]) is not None:
            if argv[0] == "xsel" and any(other[0] == "xclip" for other in found):
                continue
            found.append(argv)
    return found


async def feed(argv: Argv, data: bytes) -> bool:
    """Give ``data`` to a program; whether it took it. It may stay (xclip serves the text until another is copied)."""
    quiet = asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(
            *argv, stdin=asyncio.subprocess.PIPE, stdout=quiet, stderr=quiet, start_new_session=True
        )
    except OSError:
        return False
    try:
        await asyncio.wait_for(process.communicate(data), WITHIN_S)
    except (TimeoutError, OSError):
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        return False
    return process.returncode == 0
