"""Listening sockets: made once, held by the keeper, found again; must never know who is served on them."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
import struct

from supervisor.config.model import InetServerConfig, StreamServerConfig, UnixServerConfig
from supervisor.config.values import SOCKET_PATH_MAX_BYTES
from supervisor.errors import UserError

BACKLOG = 1024
KEEPALIVE_IDLE_S = 15
KEEPALIVE_INTERVAL_S = 10
KEEPALIVE_PROBES = 3
IN_USE = (
    "Another program is already listening on a port that one of our HTTP servers is configured to use.  "
    "Shut this program down first before starting supervisord."
)

ServerConfig = UnixServerConfig | InetServerConfig | StreamServerConfig


def describe(config: ServerConfig) -> str:
    """``/path`` or ``host:port``, for messages."""
    if isinstance(config, UnixServerConfig) or (isinstance(config, StreamServerConfig) and config.file):
        return config.file
    return f"{config.host or '*'}:{config.port}"


def asks(config: ServerConfig) -> bool:
    """Whether clients need a certificate."""
    return not isinstance(config, UnixServerConfig) and config.tls is not None and bool(config.tls.cafile)


def listen(config: ServerConfig) -> socket.socket:
    """A listening socket. Raises UserError: somebody else listens there, or it cannot be made."""
    try:
        if isinstance(config, InetServerConfig) or (
            isinstance(config, StreamServerConfig) and not config.file
        ):
            sock = _listen_inet(config.host, config.port)
        else:
            sock = _listen_unix(config)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UserError(f"{IN_USE} ([{config.section}] {describe(config)})") from error
        name = errno.errorcode.get(error.errno or 0, str(error.errno))
        reported = f"errno.{name} ({error.errno})" if error.errno else str(error)  # a path can be too long
        raise UserError(
            f"Cannot open an HTTP server: socket.error reported {reported} ([{config.section}] {describe(config)})"
        ) from error
    sock.setblocking(False)
    return sock


def _listen_inet(host: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _keep_alive(sock)
        sock.bind((host, port))
        sock.listen(BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


def _keep_alive(sock: socket.socket) -> None:
    """A peer that vanished is noticed after 45 s; connections have it from the socket that listens."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", KEEPALIVE_IDLE_S),
        ("TCP_KEEPINTVL", KEEPALIVE_INTERVAL_S),
        ("TCP_KEEPCNT", KEEPALIVE_PROBES),
    ):
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _listen_unix(config: UnixServerConfig | StreamServerConfig) -> socket.socket:
    """Bound under a temporary name with its final owner and mode, then moved into place.

    What lies at the path is replaced only if it is a socket that nobody answers.
    """
    path = config.file
    if len(os.fsencode(path)) > SOCKET_PATH_MAX_BYTES:
        raise OSError("AF_UNIX path too long")  # the temporary name would do, and nobody could connect
    if _answers(path):
        raise OSError(errno.EADDRINUSE, "in use", path)
    temporary = _temporary(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        before = os.umask(0o177)
        try:
            sock.bind(temporary)
        finally:
            os.umask(before)
        try:
            if config.uid != -1 or config.gid != -1:
                os.chown(temporary, config.uid, config.gid)
            os.chmod(temporary, config.chmod)
            sock.listen(BACKLOG)
            os.rename(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except BaseException:
        sock.close()
        raise
    return sock


def _temporary(path: str) -> str:
    """A name in the same folder that is hardly longer, and no longer where the path is nearly too long itself."""
    suffix = f".{os.getpid()}"
    folder, name = os.path.split(path)
    room = SOCKET_PATH_MAX_BYTES - len(os.fsencode(path)) - len(suffix)
    kept = name if room >= 0 else os.fsdecode(os.fsencode(name)[:room])
    return os.path.join(folder, kept + suffix)


def _answers(path: str) -> bool:
    """Whether a server is at the path. Raises OSError when something else lies there."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return False
    if not stat.S_ISSOCK(mode):
        raise OSError(errno.EEXIST, "exists and is no socket", path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(2.0)
        try:
            probe.connect(path)
        except TimeoutError:
            return True  # somebody is there, and busy
        except OSError as error:
            return error.errno not in (errno.ECONNREFUSED, errno.ENOENT)
        return not _is_of_a_corpse(probe, path)


def _is_of_a_corpse(connected: socket.socket, path: str) -> bool:
    """Whether nobody who lives holds the listening socket.

    A daemon that was killed keeps its descriptors as long as one of its threads waits for a file system that does not
    answer. Where others' descriptors may not be looked at, or the listener is in another container: False.
    """
    pid, uid, _ = struct.unpack("3i", connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    if not pid or os.geteuid() not in (0, uid):
        return False
    inodes = _inodes(path)
    return bool(inodes) and not any(
        _holds(int(word), inodes) for word in os.listdir("/proc") if word.isdigit()
    )


def _inodes(path: str) -> set[str]:
    """Of the listening sockets that were bound under a temporary name for a path, as descriptors are shown."""
    found = set()
    with contextlib.suppress(OSError), open("/proc/net/unix", errors="surrogateescape") as table:
        for line in table:
            words = line.rstrip("\n").split(None, 7)
            name, _, pid = words[-1].rpartition(".")
            if name == path and pid.isdigit():
                found.add(f"socket:[{words[6]}]")
    return found


def _holds(pid: int, inodes: set[str]) -> bool:
    """Whether a process has one of the sockets open; a corpse has nothing."""
    folder = f"/proc/{pid}/fd"
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            with contextlib.suppress(OSError):
                if os.readlink(f"{folder}/{name}") in inodes:
                    return True
    return False


def identity(path: str) -> list[int]:
    """[device, inode] of what lies at a path; empty when nothing does."""
    try:
        status = os.lstat(path)
    except OSError:
        return []
    return [status.st_dev, status.st_ino]
