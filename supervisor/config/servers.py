"""Server and plug-in sections to their models; must never know programs or sockets."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from ..errors import UserError
from ..tls import TlsFiles, server_context
from . import values
from .common import tls_files
from .model import InetServerConfig, StreamServerConfig, UnixServerConfig
from .sections import Section

T = TypeVar("T")

LOOPBACK = "127.0.0.1"

_STREAM_SUFFIX = ".stream"


def unix_server(section: Section, base: str) -> UnixServerConfig | None:
    """A ``[unix_http_server*]``; None, with a problem recorded, when it lacks its file."""
    username, password = _login(section)
    file = _required(section, "file", partial(socket_path, base=base), "")
    uid, gid = section.get("chown", _chown, (-1, -1))
    chmod = section.get("chmod", _chmod, 0o700)
    if not file:
        return None
    role = section.get("role", values.role, "admin")
    return UnixServerConfig(section.name, file, chmod, uid, gid, username, password, role)


def inet_server(section: Section, base: str) -> InetServerConfig | None:
    """A ``[inet_http_server*]``; None, with a problem recorded, when it lacks its port."""
    username, password = _login(section)
    tls = _tls(section, base)
    host, port = _required(section, "port", values.inet_address, ("", 0))
    insecure = section.get("insecure", values.boolean, False)
    known = username or (tls is not None and tls.cafile)
    narrowed = bool(port) and not (known or insecure or host == "localhost" or values.is_loopback(host))
    if narrowed:
        section.warning(
            f"without username and password this server listens on {LOOPBACK}:{port} only, not on "
            f"{host or 'all addresses'}; set them, or insecure=true to let everybody control all programs",
            "port",
        )
        host = LOOPBACK
    role = section.get("role", values.role, "admin")
    if not port:
        return None
    return InetServerConfig(section.name, host, port, username, password, narrowed, role, tls)


def unix_stream_server(section: Section, base: str) -> StreamServerConfig | None:
    """A ``[unix_stream_server*]``; None as above."""
    server = unix_server(section, base)
    if server is None:
        return None
    return _stream_beside(server, server.file)


def inet_stream_server(section: Section, base: str) -> StreamServerConfig | None:
    """A ``[inet_stream_server*]``; None as above."""
    server = inet_server(section, base)
    if server is None:
        return None
    return StreamServerConfig(
        server.section, host=server.host, port=server.port, username=server.username, password=server.password,
        narrowed=server.narrowed, role=server.role, tls=server.tls,
    )  # fmt: skip


def default_stream_servers(unix_servers: Sequence[UnixServerConfig]) -> tuple[StreamServerConfig, ...]:
    """The stream server that needs no section: beside the first unix server, as open or closed as that is.

    None where its path would be too long for a socket, while that of the other is not.
    """
    return tuple(
        _stream_beside(server, server.file + _STREAM_SUFFIX)
        for server in unix_servers[:1]
        if len(os.fsencode(server.file + _STREAM_SUFFIX)) <= values.SOCKET_PATH_MAX_BYTES
    )


def _stream_beside(server: UnixServerConfig, file: str) -> StreamServerConfig:
    return StreamServerConfig(
        server.section,
        file=file,
        chmod=server.chmod,
        uid=server.uid,
        gid=server.gid,
        username=server.username,
        password=server.password,
        role=server.role,
    )


def socket_path(text: str, base: str) -> str:
    """The absolute, normalised path of a socket."""
    if not text:
        raise ValueError("the path is empty")
    return os.path.normpath(values.resolved(text, base))


def _login(section: Section) -> tuple[str, str]:
    username = section.get("username", str, "")
    password = section.get("password", str, "")
    if password.startswith("{"):
        _check_stored(section, password)
    if (section.find("username") is None) != (section.find("password") is None):
        section.error(
            f"cannot authenticate: Section [{section.name}] contains incomplete authentication:"
            " If a username or a password is specified, both the username and password must be specified"
        )
    return username, password


def _check_stored(section: Section, password: str) -> None:
    from .. import (
        passwords,  # hashing and OpenSSL behind it: a twelfth of the command, for what few files have
    )

    try:
        passwords.check_stored(password)
    except ValueError as error:
        if password.startswith("{SHA}"):  # Supervisor starts with it
            section.warning(f"nobody can log in with this: {error}", "password")
        else:
            section.error(f"cannot use this value: {error}", "password")


def _tls(section: Section, base: str) -> TlsFiles | None:
    """What TLS is spoken with, tried here, so that what is wrong is told with file and line; None: plain TCP."""
    files = tls_files(section, base)
    if not files.certfile:
        for option in ("keyfile", "cafile"):
            if section.find(option) is not None:
                section.error(f"cannot speak TLS: {option} without certfile", option)
        return None
    try:
        server_context(files)
    except UserError as error:
        option = str(error).partition(" ")[0]
        section.error(
            f"cannot speak TLS: {error}", option if section.find(option) is not None else "certfile"
        )
    return files


def _required(section: Section, option: str, convert: Callable[[str], T], default: T) -> T:
    if section.find(option) is None:
        section.error(f"cannot open this server: section [{section.name}] has no {option} value", option)
    return section.get(option, convert, default)


def _chmod(text: str) -> int:
    try:
        return values.octal(text)
    except ValueError:
        raise ValueError(f"Invalid chmod value {text}") from None


def _chown(text: str) -> tuple[int, int]:
    try:
        return values.user_and_group(text)
    except ValueError:
        raise ValueError(f"Invalid sockchown value {text}") from None
