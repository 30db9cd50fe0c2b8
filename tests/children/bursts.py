"""Writes so many bytes of numbered lines each time a file appears, which it removes.

``bursts.py FILE BYTES``: lines are ``line NUMBER`` with an escape sequence before and behind it, 32 bytes each.
"""

from __future__ import annotations

import os
import sys
import time


def main() -> None:
    file, size = sys.argv[1], int(sys.argv[2])
    number = 0
    while True:
        if not os.path.exists(file):
            time.sleep(0.01)
            continue
        os.remove(file)
        lines = []
        for _ in range(size // 32):
            lines.append(b"\033[1mline %018d\033[0m\n" % number)
            number += 1
        os.write(1, b"".join(lines))


main()
