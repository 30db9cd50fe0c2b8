"""A daemon process begins, with its end of a link; must never know who watches over it.

The keeper starts all daemons but the first. That one the command starts, as the last thing before it becomes the
keeper, so that two interpreters begin at the same time: with the pid it has children, an exec keeps both. What a daemon
is told and has is the same either way.

Standard library only: the keeper imports this.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # see spawn
import os
import signal
import socket
import sys
from collections.abc import Sequence

from .spawn import default_signals

LINK_BUFFER_BYTES = 1 << 20


def begin_daemon(argv: Sequence[str], signals: tuple[int, ...]) -> tuple[int, socket.socket]:
    """The pid, and our end of the link. ``signals`` as in ``spawn``. Raises OSError, with nothing changed."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LINK_BUFFER_BYTES)
    ours.setblocking(False)
    before = _signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # see spawn
    try:
        pid = os.fork()
    except OSError:
        ours.close()
        raise
    else:
        if pid == 0:
            _become(argv, ours, theirs, signals)
    finally:
        _signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
    return pid, ours


def _become(
    argv: Sequence[str], ours: socket.socket, theirs: socket.socket, signals: tuple[int, ...]
) -> None:
    """In the child: exec, and never return."""
    try:
        ours.close()
        os.setpgid(0, 0)  # Ctrl-C on the keeper's terminal is for the keeper alone
        os.set_inheritable(theirs.fileno(), True)
        default_signals(signals)
        _signal.pthread_sigmask(signal.SIG_SETMASK, ())  # whoever started the command may have blocked some
        os.execv(sys.executable, [*argv, "--keeper-fd", str(theirs.fileno())])
    except OSError as error:
        os.write(2, f"supervisord keeper: cannot start the daemon: {error}\n".encode())
    finally:
        os._exit(127)
