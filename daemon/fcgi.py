"""The listening sockets of FastCGI programs; must never know why a process starts or ends.

One socket a URL, shared as fd 0 by every process that names it. It is made when the
first of them starts and closed when the last has ended; the keeper holds it in
between, so that it outlives a daemon and no connection in its queue is lost. The
daemon itself keeps no descriptor of it.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Callable, Iterable
from functools import partial

from supervisor.config.model import FastCgiSocket, ProcessConfig
from supervisor.errors import UserError
from supervisor.states import ProcessStates as S

from .command import CommandError
from .keeper import wire
from .loop import Change, Supervisor
from .mainlog import MainLog
from .output.lane import Unanswered
from .process import Process
from .users import Rights, look_up

PREFIX = "fcgi:"
"""In front of the URL: the name that the keeper holds a socket under."""

USING = frozenset((S.STARTING, S.RUNNING, S.STOPPING))
"""In these states a process may have the socket."""


class NoSocket(CommandError):
    """A process cannot be started for want of its socket."""


def could_not_create(config: FastCgiSocket, error: OSError) -> str:
    """What is said when there is no socket."""
    return f"Could not create FastCGI socket {config.url}: {error.strerror or error}"


def check(configs: Iterable[ProcessConfig], log: MainLog) -> None:
    """Make and close every socket once, so that a mistake is told at the start. Raises UserError."""
    seen: set[str] = set()
    for config in configs:
        if config.fcgi is None or config.fcgi.url in seen:
            continue
        seen.add(config.fcgi.url)
        log.info(f"Creating socket {config.fcgi.url}")
        try:
            listen(config.fcgi, owner_of(config, look_up), address_of(config.fcgi)).close()
        except OSError as error:
            raise UserError(could_not_create(config.fcgi, error)) from error
        log.info(f"Closing socket {config.fcgi.url}")


def address_of(config: FastCgiSocket) -> tuple[str, int]:
    """Its host as a number. Raises OSError. May block, where it is a name."""
    if not config.host or config.path:
        return config.host, config.port
    host, port = socket.getaddrinfo(config.host, config.port, socket.AF_INET, socket.SOCK_STREAM)[0][4][:2]
    return str(host), int(port)


def listen(config: FastCgiSocket, owner: tuple[int, int], address: tuple[str, int]) -> socket.socket:
    """A listening socket; ``owner`` is for one with a path, ``address`` for any other. Raises OSError."""
    backlog = config.backlog or socket.SOMAXCONN
    if not config.path:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(address)
            sock.listen(backlog)
        except BaseException:
            sock.close()
            raise
        return sock
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_socket(config.path)
        before = os.umask(0o177)
        try:
            sock.bind(config.path)
        finally:
            os.umask(before)
        if owner != (-1, -1):
            os.chown(config.path, *owner, follow_symlinks=False)
        os.chmod(config.path, config.mode)
        sock.listen(backlog)
    except BaseException:
        sock.close()
        raise
    return sock


def _remove_socket(path: str) -> None:
    """Make place; only a socket is taken away. Raises OSError."""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise FileExistsError(errno.EEXIST, "something else than a socket is there", path)
        os.unlink(path)
    except FileNotFoundError:
        pass


def owner_of(config: ProcessConfig, rights: Callable[[int], Rights]) -> tuple[int, int]:
    """(uid, gid) of the socket: the program's user, unless another is named. Raises what ``rights`` does."""
    assert config.fcgi is not None
    if config.fcgi.uid != -1 or config.uid is None or config.uid == os.geteuid():
        return config.fcgi.uid, config.fcgi.gid
    uid, gid, _ = rights(config.uid)
    return uid, gid


class FastCgiSockets:
    """Which processes use which socket.

    A daemon that adopts calls ``adopt`` before it resumes and ``settle`` after it; what
    ends in between closes nothing.
    """

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._users: dict[str, set[str]] = {}
        self._settled = False
        supervisor.starts.stdin_of = self.use
        supervisor.subscribers_quiet.add(self._changed)

    def adopt(self, held: dict[str, int]) -> None:
        """The keeper has these; takes ours out of ``held``."""
        for name in [name for name in held if name.startswith(PREFIX)]:
            os.close(held.pop(name))
            self._users[name.removeprefix(PREFIX)] = set()

    def settle(self) -> None:
        """Every process is in the state that it really has: close what none uses."""
        self._settled = True
        for process in self._supervisor.processes.values():
            if process.config.fcgi is not None and process.machine.state in USING:
                self._users.setdefault(process.config.fcgi.url, set()).add(process.key)
        for url in [url for url, users in self._users.items() if not users]:
            self._close(url)

    def use(self, process: Process) -> str:
        """The held name that a process gets as its stdin; empty when it is no FastCGI program.

        Raises NoSocket, and what ``Users.rights`` does.
        """
        config = process.config.fcgi
        if config is None:
            return ""
        users = self._users.get(config.url)
        if users is None:
            system_users = self._supervisor.users
            owner = owner_of(process.config, system_users.rights)
            try:
                address = system_users.lane.collect(config.url, lambda: partial(address_of, config))
                self._supervisor.log.info(f"Creating socket {config.url}")
                with listen(config, owner, address) as sock:
                    self._supervisor.link.send(wire.Hold(f"{PREFIX}{config.url}"), (sock.fileno(),))
            except (BlockingIOError, Unanswered):
                raise
            except OSError as error:
                raise NoSocket(could_not_create(config, error), found=True) from error
            users = self._users[config.url] = set()
        users.add(process.key)
        return f"{PREFIX}{config.url}"

    def _changed(self, change: Change) -> None:
        process, transition = change.process, change.transition
        if process is None or transition is None or process.config.fcgi is None or not self._settled:
            return
        users = self._users.get(process.config.fcgi.url)
        if users is not None and transition.old in USING and transition.new not in USING:
            users.discard(process.key)
            if not users:
                self._close(process.config.fcgi.url)

    def _close(self, url: str) -> None:
        del self._users[url]
        self._supervisor.log.info(f"Closing socket {url}")
        self._supervisor.link.send(wire.Drop(f"{PREFIX}{url}"))
