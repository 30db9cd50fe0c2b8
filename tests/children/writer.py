"""Writes numbered lines in bursts as fast as the pipe takes them, until a file appears; exits with its own code.

``writer.py FOLDER NAME CODE BURST_BYTES PAUSE_S``: every start leaves a line in
``FOLDER/NAME.starts``; it ends after the burst in which ``FOLDER/NAME.stop`` was
there, and writes how many lines it wrote to ``FOLDER/NAME.count``.
"""

from __future__ import annotations

import os
import sys
import time


def write_all(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


def main() -> int:
    folder, name, code, burst, pause = (
        sys.argv[1],
        sys.argv[2],
        int(sys.argv[3]),
        int(sys.argv[4]),
        float(sys.argv[5]),
    )
    with open(f"{folder}/{name}.starts", "a") as starts:
        starts.write(f"{os.getpid()}\n")
    number = 0
    filler = "." * 70
    stop = f"{folder}/{name}.stop"
    while True:
        last = os.path.exists(stop)
        lines = []
        for _ in range(burst // 90):
            lines.append(f"{name} {number:09d} {filler[: number % 70]}\n")
            number += 1
        write_all("".join(lines).encode())
        if last:
            break
        time.sleep(pause)
    with open(f"{folder}/{name}.count", "w") as count:
        count.write(str(number))
    return code


sys.exit(main())
