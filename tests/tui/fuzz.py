"""``python -m tests.tui.fuzz [COUNT [SEED]]``: random and mutated sequences through the emulator, a million by default.

What holds after each forty of them is what the suite checks too; the end is one line with the speed.
"""

from __future__ import annotations

import random
import sys
import time

from supervisor.tui.terminal import Scrollback, Terminal
from tests.tui.test_terminal_robustness import check, random_sequence

SIZES = ((24, 80), (1, 1), (5, 12), (60, 200), (2, 1), (1, 2), (23, 79))


def main(count: int = 1_000_000, seed: int = 0) -> None:
    rng = random.Random(seed)
    began = time.monotonic()
    fed = 0
    terminal = Terminal(24, 80, Scrollback(lines=500, size_bytes=200_000))
    for number in range(count):
        data = random_sequence(rng)
        terminal.feed(data)
        fed += len(data)
        if number % 40 == 0:
            check(terminal)
            assert terminal.history_len <= 500 and terminal.history_bytes <= 200_000
        if number % 5000 == 4999:
            terminal.resize(*rng.choice(SIZES))
    check(terminal)
    spent_s = time.monotonic() - began
    print(f"{count} sequences, {fed} bytes, seed {seed}: {terminal.faults} faults, {spent_s:.0f} s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
