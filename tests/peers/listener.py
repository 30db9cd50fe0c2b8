"""``listener.py FILE [FAIL]``: an event listener that writes every event into FILE; ``FAIL``: refuses the first of each."""

from __future__ import annotations

import sys

file = open(sys.argv[1], "a", buffering=1)  # noqa: SIM115 - until the end
refuses = "FAIL" in sys.argv
seen: set[str] = set()
while True:
    sys.stdout.write("READY\n")
    sys.stdout.flush()
    line = sys.stdin.readline()
    if not line:
        break
    headers = dict(pair.split(":", 1) for pair in line.split())
    # behind what is not ASCII ours has blanks
    payload = sys.stdin.read(int(headers["len"])).rstrip(" ")
    keys = " ".join(key for key in headers)
    if refuses and headers["serial"] not in seen:
        seen.add(headers["serial"])
        file.write(f"refused {headers['eventname']}\n")
        sys.stdout.write("RESULT 4\nFAIL")
    else:
        file.write(
            f"{headers['eventname']} {headers['pool']} {payload!r} [{keys}] {headers['ver']} {headers['server']}\n"
        )
        sys.stdout.write("RESULT 2\nOK")
    sys.stdout.flush()
