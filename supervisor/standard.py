"""Standard input and outputs that are there, whoever started us; must never know what is read or written."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from typing import Final

from .errors import EXIT_GENERIC, UserError

_UNWRITABLE: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)


def fill_in() -> None:
    """Those that our caller had closed are the null device: what is opened later must not get their numbers."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(fd, True)
    os.close(fd)
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115 - Python's own closes at exit
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115


def give_up_output() -> None:
    """Nobody takes what is written; what Python still holds of it goes nowhere, without a word at the exit."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


def printed(run: Callable[[], int]) -> int:
    """The exit code of a command that only prints; 1 where the reader has gone. Raises UserError where nothing can be written."""
    try:
        code = run()
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        give_up_output()
        return EXIT_GENERIC
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise
        give_up_output()
        raise UserError(f"cannot write the output: {os.strerror(error.errno or 0)}", EXIT_GENERIC) from error
