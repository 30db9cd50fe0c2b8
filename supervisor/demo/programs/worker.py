"""A worker: takes a job, works, says how it went; stops between two jobs when asked."""

from __future__ import annotations

import random
import signal
import sys
import time

stopping = False


def stop(*_: object) -> None:
    global stopping
    stopping = True


def main() -> None:
    signal.signal(signal.SIGTERM, stop)
    random.seed(int(sys.argv[1]))
    job = 0
    print(f"worker {sys.argv[1]} ready")
    while not stopping:
        job += 1
        seconds = random.uniform(0.2, 1.2)
        time.sleep(seconds)
        level = random.choices(("INFO", "WARN", "ERROR"), (90, 8, 2))[0]
        what = {"INFO": "done", "WARN": "done, but slow", "ERROR": "failed: timeout, will be retried"}[level]
        print(
            f"{time.strftime('%H:%M:%S')} {level:5} job {sys.argv[1]}-{job:04d} {what} ({seconds * 1000:.0f} ms)"
        )
    print("asked to stop, no job under way, goodbye")


if __name__ == "__main__":
    main()
