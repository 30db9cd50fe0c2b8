"""What other users could change of what a supervisord trusts: its files, the directories of its sockets.

Must never know what an option means to whoever runs. Nothing here keeps supervisord from
starting: bind mounts of containers have owners of all kinds.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator

from ..errors import ConfigProblem
from .model import Configuration, StreamServerConfig, UnixServerConfig
from .reader import RawSection

Exposed = Callable[[str], str]


def exposures(
    configuration: Configuration, sections: dict[str, RawSection], exposed: Exposed | None = None
) -> Iterator[ConfigProblem]:
    """A warning for each file or directory that others can change."""
    exposed = exposed or who_may_write
    for path in (configuration.path, *configuration.included):
        who = exposed(path) or exposed(os.path.dirname(path))
        if who:
            yield ConfigProblem(f"{who} can change this file, and with it what is run here", path)
    warned: set[str] = set()
    servers: list[UnixServerConfig | StreamServerConfig] = [
        *configuration.unix_servers,
        *configuration.stream_servers,
    ]
    for server in servers:
        who = exposed(os.path.dirname(server.file)) if server.file else ""
        raw = sections.get(server.section)
        if who and raw is not None and server.section not in warned:
            warned.add(server.section)
            value = raw.options.get("file")
            file, line = (raw.file, raw.line) if value is None else (value.file, value.line)
            yield ConfigProblem(
                f"{who} can put a socket in the place of {server.file}, and be given passwords and input",
                file, line, server.section, "file",
            )  # fmt: skip


def who_may_write(path: str) -> str:
    """Which others may change a file, or replace what a directory holds; empty: nobody, or it cannot be told."""
    try:
        status = os.stat(path)
    except OSError:
        return ""
    if status.st_uid not in (0, os.geteuid()):
        return f"uid {status.st_uid}"
    if stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX:
        return ""  # as in /tmp: everybody has files there, and nobody those of others
    if status.st_mode & stat.S_IWOTH:
        return "every user"
    if status.st_mode & stat.S_IWGRP and status.st_gid not in (0, os.getegid()):
        return f"group {status.st_gid}"
    return ""
