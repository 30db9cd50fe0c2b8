"""``probe.py [WORDS]``: tells in JSON lines what a child sees of itself, then sleeps until it is killed; ``-x``: ends."""

from __future__ import annotations

import json
import os
import signal
import sys

mask = os.umask(0)
status: dict[str, str] = {}
with open("/proc/self/status") as file:
    for line in file:
        key, _, value = line.partition(":")
        status[key] = value.strip()
fds: dict[str, str] = {}
for name in sorted(os.listdir("/proc/self/fd"), key=int):
    try:
        fds[name] = os.readlink(f"/proc/self/fd/{name}").partition(":")[0]
    except OSError:
        continue
seen: dict[str, object] = {
    "argv": sys.argv[1:],
    "umask": f"{mask:03o}",
    "cwd": os.getcwd(),
    "leads its group": os.getpgrp() == os.getpid(),
    "leads its session": os.getsid(0) == os.getpid(),
    "blocked": status["SigBlk"],
    "ignored": [signal.Signals(n).name for n in range(1, 32) if int(status["SigIgn"], 16) >> (n - 1) & 1],
    "descriptors": fds,
    "same out and err": os.fstat(1).st_ino == os.fstat(2).st_ino,
    "uid": [os.getuid(), os.getgid(), os.getgroups()],
}
for name, fact in seen.items():
    print(f"{name}: {json.dumps(fact)}")
for key in sorted(os.environ):
    print(f"env {key}={os.environ[key]}")
sys.stdout.flush()
while "-x" not in sys.argv:
    signal.pause()
