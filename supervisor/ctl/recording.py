"""``record``: an attachment that is written to a file as it goes on; must never know the stream, terminals.

The file is never made over another one unless that was said.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass, field
from typing import Final

from supervisor.client import castfile
from supervisor.config.values import byte_size
from supervisor.errors import UserError

from .attach import attach_process
from .help import usage
from .recorder import Recorder
from .session import INVALID_ARGS, Session
from .streamlink import stream_address

_MODES: Final = {"--take": "take", "--read": "read"}


@dataclass
class Wanted:
    """What the words of the command line ask for."""

    names: list[str] = field(default_factory=list)
    mode: str = "write"
    until_exit: bool = False
    force: bool = False
    inputs: bool = False
    max_bytes: int = castfile.MAX_BYTES


def parse(words: list[str]) -> Wanted:
    """Raises UserError with what is wrong."""
    wanted = Wanted()
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        if name == "--max-size":
            wanted.max_bytes = _size(value if equals else next(rest, ""))
        elif word == "--force":
            wanted.force = True
        elif word == "--input":
            wanted.inputs = True
        elif word == "--exit":
            wanted.until_exit = True
        elif word in _MODES:
            wanted.mode = _MODES[word]
        elif word.startswith("--"):
            raise UserError(f"unknown option {word}")
        else:
            wanted.names.append(word)
    if len(wanted.names) not in (1, 2):
        raise UserError("a process name is needed, and a file at most")
    return wanted


def _size(text: str) -> int:
    try:
        size = byte_size(text)
    except ValueError:
        size = 0
    if size < 1024:
        raise UserError(f"--max-size {text!r} is no size of at least 1KB, as in 500KB or 20MB")
    return size


def default_path(name: str, wall: float) -> str:
    """``group-name-20261124-101500.cast``, in the current folder."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "program"
    return f"{stem}-{time.strftime('%Y%m%d-%H%M%S', time.localtime(wall))}.cast"


def _overwrites(session: Session, path: str) -> bool:
    if not (session.output.is_terminal and os.isatty(0)):
        return False
    try:
        return session.ask(f"{path} is there already. Overwrite it y/N? ").lower().startswith("y")
    except EOFError:
        session.line("")
        return False


def record(session: Session, words: list[str]) -> None:
    try:
        wanted = parse(words)
    except UserError as error:
        usage(session, f"ERROR: {error}", "record", INVALID_ARGS)
        return
    name = wanted.names[0]
    info = session.reader.process(session.call("getProcessInfo", name))
    address = stream_address(session)
    if address is None:
        session.failure(
            f"ERROR: supervisord at {session.client.serverurl} has no stream socket to record through: "
            "configure [unix_stream_server]"
        )
        return
    path = wanted.names[1] if len(wanted.names) > 1 else default_path(info.namespec, time.time())
    try:
        fd = castfile.create(path, lambda: wanted.force or _overwrites(session, path))
    except UserError as error:
        session.failure(f"ERROR: {error}")
        return
    recorder = Recorder(path, fd, wanted.inputs, wanted.max_bytes)
    try:
        session.line(f"Recording to {path}")
        attach_process(
            session, address, info.namespec, mode=wanted.mode, until_exit=wanted.until_exit, recorder=recorder
        )
    finally:
        recorder.close()
    if recorder.failed and not session.exit_status:
        session.fail(1)
