"""Writes WORDS, a line each, then sleeps until it is killed; ``-e`` writes the next word on stderr."""

from __future__ import annotations

import signal
import sys

out = sys.stdout
for word in sys.argv[1:]:
    if word == "-e":
        out = sys.stderr
        continue
    print(word, file=out, flush=True)
    out = sys.stdout
while True:
    signal.pause()
