"""Processes that another keeper started: watched and signalled by pidfd, for they are nobody's children here.

Standard library only: the keeper imports this.
"""

from __future__ import annotations

import fcntl
import os
import signal
import struct

_GET_INFO = 3 << 30 | 64 << 16 | 0xFF << 8 | 11
"""PIDFD_GET_INFO, pidfd_info in its first size of 64 bytes (linux/pidfd.h)."""
_INFO_EXIT = 1 << 3
_MASK_AT, _EXIT_AT = 0, 60
_CODE = 49
"""exit_code among what /proc/PID/stat has behind the name (proc(5))."""

UNKNOWN_STATUS = 255 << 8
UNKNOWN_REASON = "its exit status is unknown: the keeper that had started it was gone"


def exit_status(pidfd: int, pid: int) -> int | None:
    """The wait status of a process that has ended; None: not until its parent has reaped it, then ask again.

    UNKNOWN_STATUS where it is reaped, and the system (Linux before 6.15) has told it to its parent only.
    """
    status = _of_corpse(pidfd, pid)
    if status:
        return status
    info = bytearray(64)
    struct.pack_into("=Q", info, _MASK_AT, _INFO_EXIT)
    try:
        fcntl.ioctl(pidfd, _GET_INFO, info)
    except OSError:
        return UNKNOWN_STATUS
    (mask,) = struct.unpack_from("=Q", info, _MASK_AT)
    return struct.unpack_from("=i", info, _EXIT_AT)[0] if mask & _INFO_EXIT else None


def _of_corpse(pidfd: int, pid: int) -> int:
    """What /proc says of one that is not reaped yet; 0: it is, or ended with that, or is not ours to look at."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        signal.pidfd_send_signal(pidfd, 0)  # not reaped: so the number was its own
    except OSError:
        return 0
    return int(fields[_CODE]) if fields[0] == b"Z" else 0


def send_signal(pidfd: int, pid: int, sig: int, *, group: bool) -> None:
    """Signal the process, or its group, whose number is still its own. Raises OSError."""
    signal.pidfd_send_signal(pidfd, 0)
    if group:
        os.killpg(pid, sig)
    else:
        signal.pidfd_send_signal(pidfd, sig)
