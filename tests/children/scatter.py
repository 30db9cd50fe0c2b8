"""Starts processes that leave its process group, each writes its pid, and sleeps. scatter.py FILE WAY [WAY …] [-- IGNORED]

Ways: ``child`` stays in the group; ``setsid``: a child in a session of its own; ``daemon``: forks twice, so that it has
lost its parent; ``bare``: as ``setsid``, without an environment. ``--``: all but this process ignore TERM.
"""

import os
import signal
import sys
import time

path, ways, stubborn = sys.argv[1], [w for w in sys.argv[2:] if w != "--"], "--" in sys.argv


def stay(bare: bool = False) -> None:
    if stubborn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with open(path, "a") as file:
        file.write(f"{os.getpid()}\n")
    if bare:
        os.execve("/bin/sleep", ["sleep", "1000"], {})
    time.sleep(1000)


for way in ways:
    if os.fork() == 0:
        if way != "child":
            os.setsid()
        if way == "daemon" and os.fork():
            os._exit(0)
        stay(way == "bare")
    if way == "daemon":
        os.wait()
time.sleep(1000)
