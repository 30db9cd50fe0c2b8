"""A terminal program: says its size at the start and when it changes; answers lines; ``quit`` ends it with 7."""

from __future__ import annotations

import os
import signal
import sys
import types


def size(number: int = 0, frame: types.FrameType | None = None) -> None:
    columns, rows = os.get_terminal_size(0)
    os.write(1, f"size {rows}x{columns}\n".encode())


signal.signal(signal.SIGWINCH, size)
os.write(1, f"tty {os.isatty(0)} {os.isatty(1)} {os.isatty(2)} {os.environ.get('TERM')}\n".encode())
size()
while True:
    data = os.read(0, 1000)
    if data.strip() == b"quit":
        sys.exit(7)
    os.write(1, b"got " + data)
