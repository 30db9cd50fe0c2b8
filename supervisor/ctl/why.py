"""Why a process is in its state: its last transitions with their causes, and its last words; must never know the wire.

What a program printed goes through the session's output, whose sanitiser stands before
the terminal.
"""

from __future__ import annotations

import time
from typing import Final, NamedTuple

from supervisor.errors import RPCError
from supervisor.faults import Faults
from supervisor.protocol.xmlrpc import Value

from . import session as status_codes
from .actions import NO_MATCH
from .format import status_lines
from .help import usage
from .patterns import expand
from .session import Session

LAST_LINES: Final = 10
_STATE_COLUMN: Final = 9


class Transition(NamedTuple):
    when: float
    to: str
    cause: str
    pid: int
    exit: str


def why(session: Session, words: list[str]) -> None:
    if not words:
        usage(session, "Error: why requires a process name", "why", status_codes.INVALID_ARGS)
        return
    infos = session.processes()
    words = ["*" if word == "all" else word for word in words]
    expanded = expand(words, lambda: infos, groups=False)
    for pattern in expanded.unmatched:
        session.failure(f"{pattern}: ERROR ({NO_MATCH})")
    histories: list[Value] = []
    for word in expanded.words:
        group = word[:-2] if word.endswith(":*") else word.removesuffix(":") if word.endswith(":") else None
        members = [info for info in infos if info.group == group]
        for name in [info.namespec for info in members] or [word]:
            history = _history(session, name)
            if history is None:
                continue
            histories.append(history)
            if not session.json:
                if len(histories) > 1:
                    session.line("")
                _print(session, name, history)
    if session.json:
        session.print_json(histories)


def _history(session: Session, name: str) -> Value:
    """The answer of the server; None after the line that says why there is none."""
    try:
        return session.call("getProcessHistory", name)
    except RPCError as error:
        if error.code == Faults.UNKNOWN_METHOD:
            session.failure(
                f"ERROR: supervisord at {session.client.serverurl} keeps no history: see status and tail",
                status_codes.UNIMPLEMENTED_FEATURE,
            )
        elif error.code == Faults.BAD_NAME:
            session.failure(f"{name}: ERROR (no such process)")
        else:
            raise
        return None


def _print(session: Session, name: str, history: Value) -> None:
    reader = session.reader
    info = reader.process(session.call("getProcessInfo", name))
    for line in status_lines([(info.namespec, info.statename, info.description)]):
        session.line(line)
    trouble = reader.member(history, "trouble", str, "")
    if trouble:
        session.line(f"  {trouble}")
    transitions = [
        Transition(
            reader.member(struct, "when", float),
            reader.member(struct, "to", str),
            reader.member(struct, "cause", str),
            reader.member(struct, "pid", int),
            reader.member(struct, "exit", str, ""),
        )
        for struct in reader.list_of(reader.member(history, "transitions", list))
    ]
    for line in transition_lines(transitions):
        session.line(line)
    if isinstance(history, dict) and "last_exit" in history:
        _print_last_words(session, history["last_exit"])


def transition_lines(transitions: list[Transition]) -> list[str]:
    """A line each, the newest last; the exit is told where the cause does not tell it."""
    if not transitions:
        return ["  nothing happened to it since supervisord started"]
    lines = []
    for past in transitions:
        moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(past.when))
        text = past.cause
        if past.exit and past.exit not in text:
            text += f" ({past.exit})"
        if past.pid and past.exit:
            text += f", pid {past.pid}"
        lines.append(f"  {moment}  {past.to:<{_STATE_COLUMN}} {text}".rstrip())
    return lines


def _print_last_words(session: Session, struct: Value) -> None:
    for channel in ("stdout", "stderr"):
        lines = session.reader.member(struct, channel, str, "").splitlines()
        if lines:
            session.line(f"Last lines of {channel} before it ended:")
            for line in lines[-LAST_LINES:]:
                session.line(f"  {line}")
