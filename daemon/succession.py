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
import time
from typing import Any, Final

from supervisor.states import ProcessStates as S

from . import orphans
from .keeper.roster import TICKS_A_SECOND
from .loop import Supervisor
from .process import Generation, Process

CLOCK_SLACK_S: Final = 0.1


def become_keeper(supervisor: Supervisor) -> None:
    """Does not return. Raises OSError, with nothing changed, when it cannot be done."""
    end_strays(supervisor)
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


def end_strays(supervisor: Supervisor) -> None:
    """Kill what the keeper had started and not told of: it would be started a second time.

    By now each such child has exec'ed, since each had a copy of the keeper's end of the link.
    """
    asked = {
        orphans.names(process.key): process
        for process in supervisor.processes.values()
        if process.machine.state in (S.STARTING, S.STOPPING) and not process.machine.pid
    }
    known = {g.pid for process in supervisor.processes.values() for g in process.generations.values()}
    for process, pid in orphans.end_strays(asked, known, _begun):
        supervisor.log.warn(f"{process.key}: the keeper had started it and not told of it: killed pid {pid}")


def _begun(process: Process) -> int:
    """The tick at which its start was asked for, or a little earlier."""
    begun = time.clock_gettime(time.CLOCK_BOOTTIME) - (time.time() - process.start)
    return int((begun - CLOCK_SLACK_S) * TICKS_A_SECOND)


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
        outputs.append(channel.fd if channel.fd >= 0 else orphans.ended_pipe())
    return {
        "name": process.key,
        "gen": generation.gen,
        "pid": generation.pid,
        "tty": generation.tty,
        "pidfd": pidfd,
        "stdin": generation.input.fd if generation.input is not None else -1,
        "outputs": outputs,
    }
