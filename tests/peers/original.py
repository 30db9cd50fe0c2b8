"""The original Supervisor in an environment of its own, set up once per machine; must never know what is compared."""

from __future__ import annotations

import fcntl
import functools
from pathlib import Path

from tests.benchmarks import oracle

BIN = oracle.FOLDER / "bin"


@functools.cache
def missing() -> str:
    """See that the original is there; empty when it is, else why not. One test run at a time sets it up."""
    folder: Path = oracle.FOLDER
    folder.parent.mkdir(exist_ok=True)
    with open(folder.parent / "oracle.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return oracle.install(folder)
