"""Standard input and outputs that are there, whoever started us; must never know what is read or written."""

from __future__ import annotations

import os
import sys


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
