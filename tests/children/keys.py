"""``keys.py FILE``: on a raw terminal, or a pipe; every byte typed is added to FILE, and ``quit`` in it ends the program.

Says ``ready``, ``winch`` when the size changes, and how much it read.
"""

from __future__ import annotations

import os
import signal
import sys
import tty

signal.signal(signal.SIGWINCH, lambda number, frame: os.write(1, b"winch\r\n") and None)
if os.isatty(0):
    tty.setraw(0)
with open(sys.argv[1], "ab", buffering=0) as file:
    os.write(1, b"ready\r\n")
    seen = b""
    while b"quit" not in seen:
        data = os.read(0, 65536)
        if not data:
            break
        file.write(data)
        seen = seen[-4:] + data
        os.write(1, b"<%d>" % len(data))
