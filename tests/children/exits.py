"""``exits.py CODE [SECONDS [FILE]]``: lives for a while, leaves a line in FILE, exits with CODE (-N: signal N)."""

from __future__ import annotations

import os
import sys
import time

code, seconds, *file = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "0", *sys.argv[3:]
for path in file:
    with open(path, "a") as out:
        out.write(f"{os.getpid()}\n")
time.sleep(float(seconds))
if int(code) < 0:
    os.kill(os.getpid(), -int(code))
    time.sleep(60)
os._exit(int(code))
