"""Start, stop, restart, signal, clear: what is done to processes, one by one, by group, or all.

One way through for all of them; a command is a row of words and methods. Must never
know the wire or the prompt.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from supervisor.errors import RPCError
from supervisor.faults import Faults
from supervisor.namespec import make_namespec, split_namespec
from supervisor.protocol.xmlrpc import Value

from . import session as status_codes
from .help import usage
from .session import Session

_STATUS_OF_FAULT: Final = {
    Faults.SPAWN_ERROR: status_codes.NOT_RUNNING,
    Faults.ABNORMAL_TERMINATION: status_codes.NOT_RUNNING,
    Faults.NOT_RUNNING: status_codes.NOT_RUNNING,
}


class _Action(NamedTuple):
    """A command that does one thing to processes, and the words of its lines.

    ``methods``: on one process, on a group, on all; an empty group method means that
    the members are gone through one by one. ``texts``: what stands in the brackets of
    an error line for a fault. ``ignored``: the fault that leaves the exit status alone.
    ``bare``: the fault whose text is the whole line.
    """

    done: str
    methods: tuple[str, str, str]
    texts: dict[int, str]
    ignored: int = 0
    unknown_group_status: int = status_codes.GENERIC
    bare: int = 0


_START = _Action(
    "started",
    ("startProcess", "startProcessGroup", "startAllProcesses"),
    {
        Faults.BAD_NAME: "no such process",
        Faults.NO_FILE: "no such file",
        Faults.NOT_EXECUTABLE: "file is not executable",
        Faults.ALREADY_STARTED: "already started",
        Faults.SPAWN_ERROR: "spawn error",
        Faults.ABNORMAL_TERMINATION: "abnormal termination",
    },
    Faults.ALREADY_STARTED,
    status_codes.INVALID_ARGS,
)
_STOP = _Action(
    "stopped",
    ("stopProcess", "stopProcessGroup", "stopAllProcesses"),
    {Faults.BAD_NAME: "no such process", Faults.NOT_RUNNING: "not running"},
    Faults.NOT_RUNNING,
    bare=Faults.FAILED,
)
_SIGNAL = _Action(
    "signalled",
    ("signalProcess", "signalProcessGroup", "signalAllProcesses"),
    {
        Faults.BAD_NAME: "no such process",
        Faults.BAD_SIGNAL: "bad signal name",
        Faults.NOT_RUNNING: "not running",
    },
)
_CLEAR = _Action(
    "cleared",
    ("clearProcessLogs", "", "clearAllProcessLogs"),
    {Faults.BAD_NAME: "no such process", Faults.FAILED: "failed"},
)


def _report(session: Session, action: _Action, name: str, code: int, text: str) -> None:
    """The line and exit status of one process's result."""
    if code == Faults.SUCCESS:
        session.line(f"{name}: {action.done}")
        return
    # The text of a fault has the details that no table knows.
    reason = action.texts.get(code, text)
    session.line(text if code == action.bare else f"{name}: ERROR ({reason})")
    if code != action.ignored:
        session.fail(_STATUS_OF_FAULT.get(code, status_codes.GENERIC))


def _report_list(session: Session, action: _Action, results: Value) -> None:
    for result in session.reader.results(results):
        _report(session, action, result.namespec, result.status, result.description)


def _act(session: Session, action: _Action, words: list[str], *extra: str) -> None:
    """Do ``action`` to every process that ``words`` name, in their order."""
    if "all" in words:
        _report_list(session, action, session.call(action.methods[2], *extra))
        return
    for word in words:
        group, process = split_namespec(word)
        try:
            if process is None:
                _act_on_group(session, action, group, *extra)
            else:
                session.call(action.methods[0], word, *extra)
                _report(session, action, make_namespec(group, process), Faults.SUCCESS, "")
        except RPCError as error:
            if error.code == Faults.SHUTDOWN_STATE:
                raise
            if error.code == Faults.BAD_NAME and process is None:
                session.line(f"{group}: ERROR (no such group)")
                session.fail(action.unknown_group_status)
            else:
                _report(session, action, make_namespec(group, process or "*"), error.code, error.text)


def _act_on_group(session: Session, action: _Action, group: str, *extra: str) -> None:
    if action.methods[1]:
        _report_list(session, action, session.call(action.methods[1], group, *extra))
        return
    members = [i for i in session.reader.processes(session.call("getAllProcessInfo")) if i.group == group]
    if not members:
        raise RPCError(Faults.BAD_NAME, group)
    for info in members:
        try:
            session.call(action.methods[0], f"{info.group}:{info.name}", *extra)
        except RPCError as error:
            _report(session, action, info.namespec, error.code, error.text)
        else:
            _report(session, action, info.namespec, Faults.SUCCESS, "")


def start(session: Session, words: list[str]) -> None:
    if not words:
        usage(session, "Error: start requires a process name", "start", status_codes.INVALID_ARGS)
        return
    _act(session, _START, words)


def stop(session: Session, words: list[str]) -> None:
    if not words:
        usage(session, "Error: stop requires a process name", "stop")
        return
    _act(session, _STOP, words)


def restart(session: Session, words: list[str]) -> None:
    if not words:
        usage(session, "Error: restart requires a process name", "restart")
        return
    _act(session, _STOP, words)
    _act(session, _START, words)


def signal(session: Session, words: list[str]) -> None:
    if len(words) < 2:
        usage(session, "Error: signal requires a signal name and a process name", "signal")
        return
    _act(session, _SIGNAL, words[1:], words[0])


def clear(session: Session, words: list[str]) -> None:
    if not words:
        usage(session, "Error: clear requires a process name", "clear")
        return
    _act(session, _CLEAR, words)
