"""An event listener that restarts what uses too much memory: ``python -m supervisor.memmon``; an example, and of use
by itself. Must never know the daemon: it asks and acts by RPC.

At each TICK it looks at the resident memory of each process that supervisord runs, with
everything that the process started and that still has it for an ancestor.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import psutil

from . import childutils
from .config.values import byte_size
from .namespec import make_namespec
from .states import ProcessStates
from .xmlrpc import xmlrpclib

HELP: Final = """\
Restart what uses too much memory. Runs as an event listener:

  [eventlistener:memmon]
  command=python3 -m supervisor.memmon -p web=200MB -g workers=1GB
  events=TICK_60

Memory is what is resident (RSS) of a process and of all processes that it started.
Pages that processes share count once for each of them, so a program that forks and
shares much looks bigger than it is. What is restarted is told on stderr. A process is
named as in supervisorctl, name or group:name.

Of several limits that fit a process, -p goes before -g, and -g before -a.
"""


@dataclass(slots=True)
class Limits:
    """Sizes in bytes; ``anything`` 0: no limit for the rest."""

    programs: dict[str, int] = field(default_factory=dict)
    groups: dict[str, int] = field(default_factory=dict)
    anything: int = 0

    def of(self, group: str, name: str) -> int:
        """The limit of a process; 0 for none."""
        for key in (f"{group}:{name}", make_namespec(group, name)):
            if key in self.programs:
                return self.programs[key]
        if name in self.programs:
            return self.programs[name]
        return self.groups.get(group, self.anything)


@dataclass(slots=True)
class Watch:
    """Counts how often in a row each process was over its limit."""

    limits: Limits
    samples: int = 1
    grace_s: float = 0.0
    _over: dict[tuple[str, int], int] = field(default_factory=dict)

    def too_big(
        self, processes: Iterable[dict[str, Any]], memory: Callable[[int], int]
    ) -> list[tuple[str, int, int]]:
        """(namespec, bytes, limit) of each that is to be restarted. ``processes``: as getAllProcessInfo gives them."""
        found, seen = [], {}
        for info in processes:
            limit = self.limits.of(info["group"], info["name"])
            if (
                not limit
                or info["state"] != ProcessStates.RUNNING
                or info["now"] - info["start"] < self.grace_s
            ):
                continue
            used = memory(info["pid"])
            if used <= limit:
                continue
            name = f"{info['group']}:{info['name']}"
            count = self._over.get((name, info["pid"]), 0) + 1
            if count >= self.samples:
                found.append((name, used, limit))
            else:
                seen[name, info["pid"]] = count
        self._over = seen
        return found


def tree_memory(pid: int) -> int:
    """Resident bytes of a process and of those below it; 0 when it is gone."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return 0
    total = 0
    for member in family:
        try:
            total += int(member.memory_info().rss)
        except psutil.Error:
            continue  # it ended in between
    return total


def restart(rpc: Any, name: str) -> str:
    """Stop and start a process; what went wrong, or nothing."""
    try:
        rpc.supervisor.stopProcess(name)
        rpc.supervisor.startProcess(name)
    except xmlrpclib.Fault as error:
        return str(error.faultString)
    except (OSError, xmlrpclib.ProtocolError) as error:
        return str(error)
    return ""


def look(rpc: Any, watch: Watch) -> None:
    """One round: look at all, restart what is too big, say so on stderr."""
    try:
        processes = rpc.supervisor.getAllProcessInfo()
    except (OSError, xmlrpclib.Error) as error:
        say(f"cannot ask supervisord: {error}")
        return
    for name, used, limit in watch.too_big(processes, tree_memory):
        say(f"{name} uses {used} bytes, over {limit}: restarting it")
        problem = restart(rpc, name)
        say(f"{name} could not be restarted: {problem}" if problem else f"{name} was restarted")


def say(text: str) -> None:
    print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} memmon: {text}", file=sys.stderr, flush=True)


def _pair(text: str) -> tuple[str, int]:
    name, equals, size = text.rpartition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"'{text}' is not NAME=SIZE")
    return name, _size(size)


def _size(text: str) -> int:
    try:
        size = byte_size(text)
    except ValueError:
        size = 0
    if size <= 0:
        raise argparse.ArgumentTypeError(f"'{text}' is no size (such as 500KB, 200MB, 1GB)")
    return size


def parse(argv: Sequence[str] | None) -> Watch:
    """The command line. Exits with 2 on a wrong one."""
    parser = argparse.ArgumentParser(
        "memmon", description=HELP, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("-p", "--program", metavar="NAME=SIZE", type=_pair, action="append", default=[],
                        help="the limit of one process (KB, MB, GB; may be repeated)")  # fmt: skip
    parser.add_argument("-g", "--group", metavar="GROUP=SIZE", type=_pair, action="append", default=[],
                        help="the limit of each process of a group")  # fmt: skip
    parser.add_argument(
        "-a", "--any", metavar="SIZE", type=_size, default=0, help="the limit of every other process"
    )
    parser.add_argument("-n", "--samples", type=int, default=1,
                        help="restart after so many looks in a row over the limit (default: 1)")  # fmt: skip
    parser.add_argument("--grace", metavar="SECONDS", type=float, default=0.0,
                        help="leave alone what was started less than this ago (default: 0)")  # fmt: skip
    given = parser.parse_args(argv)
    if not (given.program or given.group or given.any):
        parser.error("no limit is given: use -p, -g or -a")
    return Watch(
        Limits(dict(given.program), dict(given.group), given.any), max(1, given.samples), given.grace
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Listen until the end of input; the exit code."""
    watch = parse(argv)
    try:
        rpc = childutils.getRPCInterface(os.environ)
    except KeyError:
        print("memmon: SUPERVISOR_SERVER_URL is not set: it has to run as an event listener of supervisord, which "
              "needs a [unix_http_server] or [inet_http_server]", file=sys.stderr)  # fmt: skip
        return 2
    while True:
        try:
            headers, _ = childutils.listener.wait()
        except KeyError:  # supervisord has closed our stdin
            return 0
        if headers["eventname"].startswith("TICK"):
            look(rpc, watch)
        childutils.listener.ok()


if __name__ == "__main__":
    sys.exit(main())
