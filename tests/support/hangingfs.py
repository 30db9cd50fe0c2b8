"""A file system that never answers: whoever looks at a file on it is in uninterruptible sleep, deaf to SIGKILL."""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

INIT = 26
HEADER = struct.Struct("=IIQQIIII")  # length, operation, unique, node, uid, gid, pid, padding
ANSWER = struct.Struct("=IiQ")  # length, error, unique


@contextlib.contextmanager
def hanging(folder: Path) -> Iterator[None]:
    """``folder`` is one inside; afterwards who waits for it gets an error. Skips the test where that cannot be had."""
    folder.mkdir()
    try:
        device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        pytest.skip(f"no FUSE here: {error}")
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"fd={device},rootmode=40755,user_id={os.getuid()},group_id={os.getgid()}"
    if libc.mount(b"hanging", bytes(folder), b"fuse", 6, options.encode()):
        os.close(device)
        pytest.skip(f"no FUSE here: {os.strerror(ctypes.get_errno())}")
    reader = threading.Thread(target=_swallow, args=(device,), daemon=True)
    reader.start()
    try:
        yield
    finally:
        libc.umount2(bytes(folder), 3)  # by force, and lazily: whoever waits is let go
        reader.join(10)
        os.close(device)


def _swallow(device: int) -> None:
    """Take every request, which is then out of reach of signals, and answer none but the first."""
    with contextlib.suppress(OSError):  # the file system is gone
        while data := os.read(device, 1 << 17):
            _, operation, unique, *_ = HEADER.unpack_from(data)
            if operation == INIT:
                body = struct.pack("=IIIIHHI", 7, 31, 65536, 0, 12, 9, 4096) + bytes(40)
                os.write(device, ANSWER.pack(ANSWER.size + len(body), 0, unique) + body)
