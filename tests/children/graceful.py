"""``graceful.py FILE``: says in FILE that it starts, whether another one runs, and that it was told to end."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import types


def say(word: str) -> None:
    with open(sys.argv[1], "a") as file:
        file.write(f"{word} {os.getpid()}\n")


def told(number: int, frame: types.FrameType | None) -> None:
    say("end")
    os._exit(0)


signal.signal(signal.SIGTERM, told)
lock = open(f"{sys.argv[1]}.lock", "w")  # noqa: SIM115 - held until the end
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    say("double")
say("start")
print("ready", flush=True)
while True:
    signal.pause()
