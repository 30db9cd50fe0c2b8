"""The terminal emulator beside stock pyte; the figures are taken by ``emulator.py``."""

from __future__ import annotations

from collections.abc import Iterator

from . import emulator
from .bench import QUICK, Bench
from .table import Row

QUICK_SECONDS = 0.1


def emulation(bench: Bench) -> Iterator[Row]:
    """MB/s of bytes fed to a terminal, ours and pyte's; bytes a line kept."""
    quick = bench.sizes == QUICK
    bench.say("terminal emulator")
    figures = emulator.speed()
    for ours, stock, _ in zip(figures[::3], figures[1::3], figures[2::3], strict=True):
        yield Row(f"emulator, {ours[0]} (beside pyte)", ours[2], ours[1], stock[1], better="more")
    if quick:
        return
    for name, value, unit in emulator.log_panes():
        yield Row(name, unit, value, better="more")
    for name, value, unit in emulator.memory():
        yield Row(name, unit, value)
