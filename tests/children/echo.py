"""Echoes stdin to stdout, byte for byte; ``first`` on stderr when it begins, ``end`` when there is no more."""

from __future__ import annotations

import os

os.write(2, b"first\n")
while data := os.read(0, 65536):
    os.write(1, data)
os.write(2, b"end\n")
