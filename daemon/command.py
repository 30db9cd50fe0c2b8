"""What a process is started with: file, arguments, environment; must never know processes or their states.

Supervisor's rules for the command: shell quoting but no shell; a word with a slash is used as it is,
another one is searched in PATH of the program's environment, then of ours.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Mapping
from functools import partial

from supervisor import shellwords
from supervisor.config.model import ProcessConfig
from supervisor.errors import SupervisorError

from .output.lane import Lane, Lanes

DEFAULT_PATH = "/bin:/usr/bin:/usr/local/bin"


class CommandError(SupervisorError):
    """The command cannot be run; the text is Supervisor's. ``found``: the file is there, and something else is wrong."""

    def __init__(self, text: str, found: bool = False) -> None:
        super().__init__(text)
        self.found = found


def split_command(command: str) -> list[str]:
    """The words of a command line, at least one. Raises CommandError."""
    try:
        words = shellwords.split(command)
    except ValueError as error:
        raise CommandError(f"can't parse command {command!r}: {error}", found=True) from error
    if not words:
        raise CommandError("command is empty", found=True)
    return words


def resolve(command: str, environment: Mapping[str, str], directory: str | None) -> tuple[str, list[str]]:
    """``(file, argv)``; a relative file with a slash is meant from ``directory``. Raises CommandError."""
    argv = split_command(command)
    word = argv[0]
    if "/" in word:
        path = word
        place = os.path.join(directory, word) if directory else word
    else:
        path = place = _search(word, environment)
    try:
        mode = os.stat(place).st_mode
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno == errno.EACCES:
            raise CommandError(f"no permission to run command {word!r}", found=True) from error
        raise CommandError(f"can't find command {word!r}") from error
    if stat.S_ISDIR(mode):
        raise CommandError(f"command at {path!r} is a directory", found=True)
    if not mode & 0o111:
        raise CommandError(f"command at {path!r} is not executable", found=True)
    if not os.access(place, os.X_OK):
        raise CommandError(f"no permission to run command {path!r}", found=True)
    return path, argv


def resolve_anywhere(
    lanes: Lanes, command: str, environment: Mapping[str, str], directory: str | None
) -> tuple[str, list[str]]:
    """As ``resolve``, where the command and its directory may lie on a file system that does not answer.

    Raises BlockingIOError or Unanswered then, and CommandError.
    """
    apart: dict[Lane, None] = {}
    for place in _places(command, environment, directory):
        lane = lanes.of(place)
        if lane is not None:
            apart[lane] = None
    if not apart:
        return resolve(command, environment, directory)
    *others, last = apart
    for lane in others:
        lane.call(lambda: None)
    environment = dict(environment)
    look = partial(_resolve_there, command, environment, directory)
    return last.collect((command, directory), lambda: look)


def _resolve_there(
    command: str, environment: Mapping[str, str], directory: str | None
) -> tuple[str, list[str]]:
    if directory:
        os.access(directory, os.X_OK)
    return resolve(command, environment, directory)


def _places(command: str, environment: Mapping[str, str], directory: str | None) -> Iterator[str]:
    """What is looked at for a command, and where it is to run."""
    if directory:
        yield directory
    word = split_command(command)[0]
    if "/" in word:
        yield os.path.join(directory, word) if directory else word
    else:
        for folder in _search_path(environment).split(os.pathsep):
            yield os.path.join(folder, word)


def _search_path(environment: Mapping[str, str]) -> str:
    return environment.get("PATH") or os.environ.get("PATH") or DEFAULT_PATH


def _search(word: str, environment: Mapping[str, str]) -> str:
    first = ""
    for folder in _search_path(environment).split(os.pathsep):
        candidate = os.path.join(folder, word)
        if os.path.isfile(candidate):
            if os.access(candidate, os.X_OK):
                return candidate
            first = first or candidate
    return first or word


def environment(config: ProcessConfig, serverurl: str) -> dict[str, str]:
    """What is laid over the keeper's environment. ``serverurl``: the automatic one; empty: there is none."""
    env = {"SUPERVISOR_ENABLED": "1"}
    url = config.serverurl if config.serverurl and config.serverurl.upper() != "AUTO" else serverurl
    if url:
        env["SUPERVISOR_SERVER_URL"] = url
    env["SUPERVISOR_PROCESS_NAME"] = config.name
    env["SUPERVISOR_GROUP_NAME"] = config.group
    if config.tty:
        env["TERM"] = config.term
    env.update(config.environment)
    return env
