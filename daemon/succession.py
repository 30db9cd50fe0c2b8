"""The keeper was killed: the daemon becomes the next one; must never know the rules of a transition.

A daemon has, or can open, nearly everything that its keeper held: the read ends of
outputs, terminals, the state, listening sockets, and a pidfd of each process. It hands
them to a keeper that it becomes by exec; that one starts a daemon, which adopts
everything as after any crash. Programs do not notice, but for one thing: the write end
of a program's stdin is gone where nobody had asked for it, so that it reads the end of
its input.
"""

from __future__ import annotations

import json
import os
import struct
import sys
from typing import Any

from .loop import Supervisor
from .process import Generation, Process


def become_keeper(supervisor: Supervisor) -> None:
    """Does not return. Raises OSError, with nothing changed, when it cannot be done."""
    held = supervisor.link.held_now()
    programs = [
        _program(process, generation)
        for process in supervisor.processes.values()
        for generation in process.generations.values()
        if not generation.ended
    ]
    boot = {
        "daemon_argv": _daemon_argv(),
        "pidfile": supervisor.settings.pidfile,
        "held": held,
        "programs": programs,
    }
    packed = json.dumps(boot).encode("utf-8", "surrogateescape")
    memfd = os.memfd_create("supervisor-boot", 0)
    os.pwrite(memfd, struct.pack(">I", len(packed)) + packed, 0)
    kept = [
        *held.values(),
        *(fd for facts in programs for fd in (facts["pidfd"], facts["stdin"], *facts["outputs"])),
    ]
    for fd in kept:
        if fd >= 0:
            os.set_inheritable(fd, True)
    begin = os.path.join(os.path.dirname(os.path.abspath(__file__)), "__main__.py")
    os.execv(sys.executable, [sys.executable, "-S", "-E", "-s", "-P", begin, "keeper", str(memfd)])


def _daemon_argv() -> list[str]:
    """Our own command line, without the descriptor of the keeper that is gone."""
    words = list(sys.orig_argv)
    at = words.index("--keeper-fd")
    return [sys.executable, *words[1:at], *words[at + 2 :]]


def _program(process: Process, generation: Generation) -> dict[str, Any]:
    try:
        pidfd = os.pidfd_open(generation.pid)
    except ProcessLookupError:
        pidfd = -1  # it has ended, and its status is nobody's to tell any more
    outputs = []
    for channel in generation.channels.values():
        # a channel at its end has nothing more to read, and so has the null device
        outputs.append(channel.fd if channel.fd >= 0 else os.open(os.devnull, os.O_RDONLY))
    return {
        "name": process.key,
        "gen": generation.gen,
        "pid": generation.pid,
        "tty": generation.tty,
        "pidfd": pidfd,
        "stdin": generation.input.fd if generation.input is not None else -1,
        "outputs": outputs,
    }
