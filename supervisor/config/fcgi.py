"""The socket of one ``[fcgi-program:x]`` section; must never know programs' other options, or what runs."""

from __future__ import annotations

from . import values
from .model import FastCgiSocket
from .sections import Section


def fcgi_socket(section: Section, program: str) -> FastCgiSocket:
    """The socket; problems go to the section."""
    if section.find("socket") is None:
        section.error(f'cannot open a socket: [{section.name}] section requires a "socket" line', "socket")
    named = section.with_names({**section.names, "program_name": program})
    path, host, port = named.get("socket", values.fcgi_socket, ("", "", 0))
    uid, gid = section.get("socket_owner", _owner, (-1, -1))
    mode = section.get("socket_mode", _mode, 0o700)
    backlog = section.get("socket_backlog", _backlog, 0)
    if port:
        for option in ("socket_owner", "socket_mode"):
            if section.find(option) is not None:
                section.error(
                    "cannot set this: socket_owner and socket_mode params should only be used with a Unix domain"
                    f" socket in [{section.name}] socket",
                    option,
                )
    if section.get("tty", values.boolean, False):
        section.error("cannot give an fcgi-program a terminal: its fd 0 is the socket", "tty")
    return FastCgiSocket(path, host, port, mode, uid, gid, backlog)


def _owner(text: str) -> tuple[int, int]:
    try:
        return values.user_and_group(text)
    except ValueError:
        raise ValueError(f"Invalid socket_owner value {text}") from None


def _mode(text: str) -> int:
    try:
        return values.octal(text)
    except ValueError:
        raise ValueError(f"Invalid socket_mode value {text}") from None


def _backlog(text: str) -> int:
    try:
        backlog = values.integer(text)
    except ValueError:
        backlog = 0
    if not 1 <= backlog <= 65535:
        raise ValueError(f"Invalid socket_backlog value {text}")
    return backlog
