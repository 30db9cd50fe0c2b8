"""``once.py FOLDER NAME``: leaves its pid in ``FOLDER/NAME.starts``, says NAME, and stays."""

from __future__ import annotations

import os
import signal
import sys

folder, name = sys.argv[1:3]
with open(f"{folder}/{name}.starts", "a") as starts:
    starts.write(f"{os.getpid()}\n")
print(name, flush=True)
while True:
    signal.pause()
