"""How fast the machine is just now; must never know what is measured.

Machines that are shared are three times as fast in one minute as in the next. So each figure
is noted with the pace at which it was taken: how the CPU time of a bare asyncio reader, which is
woken for each of a thousand short lines a second, compares with what it took on the machine
that the goals were set on.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from .children import Child

REFERENCE_MS = 42.0
"""CPU for 1,000 lines there."""
AGAIN_S = 3.0

_READER = r"""
import asyncio, os, sys, time
async def read():
    loop, program = asyncio.get_running_loop(), await asyncio.create_subprocess_exec(*sys.argv[1:], stdout=write)
    os.close(write)
    taken = [0, 0]
    def ready():
        taken[0] += len(os.read(here, 65536))
        taken[1] += 1
    loop.add_reader(here, ready)
    await asyncio.sleep(0.1)
    cpu, lines = time.process_time(), taken[0]
    await asyncio.sleep(0.3)
    print((time.process_time() - cpu) * 1e6 / ((taken[0] - lines) / 80))
    loop.remove_reader(here)
    program.kill()
    await program.wait()
here, write = os.pipe()
asyncio.run(read())
"""


class Pace:
    """``child``: makes the lines. 1.0: as fast as the machine that the goals were set on; 2.0: twice as fast."""

    def __init__(self, folder: Path, child: Child) -> None:
        self._argv = [sys.executable, "-c", _READER, *child.argv("lines", folder / "pace", 1000, 1)]
        self._now = self._take()
        self._when = time.monotonic()

    def since(self) -> float:
        """The pace between the last time it was asked for and now."""
        if time.monotonic() - self._when < AGAIN_S:
            return self._now
        before, self._now = self._now, self._take()
        self._when = time.monotonic()
        return (before + self._now) / 2

    def _take(self) -> float:
        told = subprocess.run(
            self._argv, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        return REFERENCE_MS / float(told.stdout)
