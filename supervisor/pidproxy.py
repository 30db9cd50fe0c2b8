"""The ``pidproxy`` command: stands in for a program that puts itself into the background; must never know the daemon.

``pidproxy PIDFILE COMMAND [ARGUMENT…]`` starts the command, and hands the signals that it
gets on to the pid in the file, read anew each time. It ends when the command does, or
once a signal that asks for an end was handed on.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from types import FrameType

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
FORWARDED = (*ENDING, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
LOOK_S = 5.0


class PidProxy:
    """``argv``: the words of the command line, from the pidfile on."""

    def __init__(self, argv: Sequence[str]) -> None:
        self.pidfile, *self.command = argv

    def go(self) -> int:
        """Run until the command ends; the exit code."""
        for number in FORWARDED:
            signal.signal(number, self._signalled)
        program = os.path.abspath(self.command[0]) if os.sep in self.command[0] else self.command[0]
        try:
            child = subprocess.Popen(self.command, executable=program)
        except OSError as error:
            print(f"cannot start {self.command[0]}: {error.strerror}", file=sys.stderr)
            return 127
        while True:
            try:
                code = child.wait(LOOK_S)
            except subprocess.TimeoutExpired:
                continue
            return code if code >= 0 else 128 - code

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        try:
            with open(self.pidfile) as file:
                os.kill(int(file.read().strip()), number)
        except ProcessLookupError:
            pass
        except (OSError, ValueError):
            print(f"Can't read child pidfile {self.pidfile}!", file=sys.stderr)
            return
        if number in ENDING:
            sys.exit(0)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    words = sys.argv[1:] if argv is None else list(argv)
    if len(words) < 2:
        print("usage: pidproxy PIDFILE COMMAND [ARGUMENT...]")
        return 1
    return PidProxy(words).go()


if __name__ == "__main__":
    sys.exit(main())
