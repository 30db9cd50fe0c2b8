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

UNKNOWN_STATUS = 255 << 8
UNKNOWN_REASON = "its exit status is unknown: the keeper that had started it was gone"


def exit_status(pidfd: int) -> int | None:
    """The wait status of a process that has ended; None: not until its parent has reaped it, then ask again.

    UNKNOWN_STATUS where the system (Linux before 6.15) tells it to parents only.
    """
    info = bytearray(64)
    struct.pack_into("=Q", info, _MASK_AT, _INFO_EXIT)
    try:
        fcntl.ioctl(pidfd, _GET_INFO, info)
    except OSError:
        return UNKNOWN_STATUS
    (mask,) = struct.unpack_from("=Q", info, _MASK_AT)
    if not mask & _INFO_EXIT:
        return None
    status: int = struct.unpack_from("=i", info, _EXIT_AT)[0]
    return status


def send_signal(pidfd: int, pid: int, sig: int, *, group: bool) -> None:
    """Signal the process, or its group, whose number is still its own. Raises OSError."""
    signal.pidfd_send_signal(pidfd, 0)
    if group:
        os.killpg(pid, sig)
    else:
        signal.pidfd_send_signal(pidfd, sig)
