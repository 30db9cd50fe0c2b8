"""strace at a running process, for tests that need a system call to fail, to kill or to last."""

from __future__ import annotations

import contextlib
import functools
import shutil
import subprocess
from collections.abc import Iterator

import pytest


@functools.cache
def why_not() -> str:
    """Why strace cannot be used here; empty when it can."""
    path = shutil.which("strace")
    if path is None:
        return "strace is not installed"
    probe = subprocess.run([path, "-e", "trace=none", "true"], capture_output=True, text=True, check=False)
    return f"strace may not trace here: {probe.stderr.strip()[:100]}" if probe.returncode else ""


def need_strace() -> None:
    """Skip the test where strace cannot be used."""
    if why_not():
        pytest.skip(why_not())


@contextlib.contextmanager
def injected(pid: int, calls: str, what: str, *options: str) -> Iterator[None]:
    """Inside, system calls of process ``pid`` are tampered with: ``what`` as in strace's ``inject=calls:what``."""
    process = subprocess.Popen(
        ["strace", *options, "-p", str(pid), "-e", f"trace={calls}", "-e", f"inject={calls}:{what}",
         "-o", "/dev/null"],
        stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert b"attached" in line, line
        yield
    finally:
        process.terminate()
        process.communicate()
