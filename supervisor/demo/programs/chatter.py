"""Twenty lines a second in colour; a warning now and then goes to stderr."""

from __future__ import annotations

import random
import sys
import time

COLOURS = {"DEBUG": "2", "INFO": "32", "WARN": "33;1", "ERROR": "31;1"}
PATHS = ("/", "/items", "/items/9", "/login", "/health", "/søk", "/検索")


def main() -> None:
    while True:
        level = random.choices(tuple(COLOURS), (10, 80, 8, 2))[0]
        now = time.time()
        stamp = f"\x1b[2m{time.strftime('%H:%M:%S', time.localtime(now))}.{int(now * 1000) % 1000:03d}\x1b[0m"
        line = f"{stamp} \x1b[{COLOURS[level]}m{level:5}\x1b[0m GET {random.choice(PATHS)} {random.randint(1, 800)} ms"
        print(line, file=sys.stderr if level == "ERROR" else sys.stdout)
        time.sleep(0.05)


if __name__ == "__main__":
    main()
