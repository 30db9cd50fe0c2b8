"""Start, stop, restart, signal, clear: what is done to processes, one by one, by group, or all.

One way through for all of them; a command is a row of words and methods. With ``--json``
each prints one array: ``namespec``, ``group``, ``name`` (empty for a group), ``action``
(started, stopped, …), ``ok``, ``status`` (the fault, 80 for done), ``description``. Must
never know the wire or the prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from supervisor.errors import RPCError
from supervisor.faults import Faults
from supervisor.namespec import make_namespec, split_namespec
from supervisor.protocol.xmlrpc import Value

from . import session as status_codes
from .help import usage
from .patterns import expand
from .session import Session

NO_MATCH: Final = "no process matches"

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


class _Run:
    """One command under way: does actions to processes and tells what became of each."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._results: list[dict[str, Value]] = []
        self._stopped: list[str] = []

    def tell_left(self) -> None:
        """What the processes that were just stopped have left behind, on stderr."""
        stopped, self._stopped = self._stopped, []
        if not stopped:
            return
        try:
            found = self._session.reader.left_behind(self._session.call("getLeftBehind"))
        except RPCError:
            return  # a supervisord that does not look
        for namespec in dict.fromkeys(stopped):
            left = [f"{process.pid} ({process.command})" for process in found if process.namespec == namespec]
            if left:
                self._session.notice(f"{namespec} left behind: {', '.join(left)}")

    def finish(self) -> None:
        """Print the results where they are to be JSON."""
        if self._session.json:
            self._session.print_json(self._results)

    def expand(self, words: list[str]) -> list[str]:
        """The words without patterns; a line for each that matches nothing."""
        if "all" in words:
            return words
        expanded = expand(words, self._session.processes)
        for pattern in expanded.unmatched:
            self._tell(f"{pattern}: ERROR ({NO_MATCH})", "", pattern, "expanded", Faults.BAD_NAME, NO_MATCH)
            self._session.fail(status_codes.GENERIC)
        return expanded.words

    def act(self, action: _Action, words: list[str], *extra: str) -> None:
        """Do ``action`` to every process that ``words`` name, in their order."""
        session = self._session
        if "all" in words:
            self._report_list(action, session.call(action.methods[2], *extra))
            return
        for word in words:
            group, process = split_namespec(word)
            try:
                if process is None:
                    self._act_on_group(action, group, *extra)
                else:
                    session.call(action.methods[0], word, *extra)
                    self._report(action, group, process, Faults.SUCCESS, "OK")
            except RPCError as error:
                if error.code == Faults.SHUTDOWN_STATE:
                    raise
                if error.code == Faults.BAD_NAME and process is None:
                    line = f"{group}: ERROR (no such group)"
                    self._tell(line, group, "", action.done, error.code, "no such group")
                    session.fail(action.unknown_group_status)
                else:
                    self._report(action, group, process or "*", error.code, error.text)

    def _act_on_group(self, action: _Action, group: str, *extra: str) -> None:
        session = self._session
        if action.methods[1]:
            self._report_list(action, session.call(action.methods[1], group, *extra))
            return
        members = [info for info in session.processes() if info.group == group]
        if not members:
            raise RPCError(Faults.BAD_NAME, group)
        for info in members:
            try:
                session.call(action.methods[0], f"{info.group}:{info.name}", *extra)
            except RPCError as error:
                self._report(action, info.group, info.name, error.code, error.text)
            else:
                self._report(action, info.group, info.name, Faults.SUCCESS, "OK")

    def _report_list(self, action: _Action, results: Value) -> None:
        for result in self._session.reader.results(results):
            self._report(action, result.group, result.name, result.status, result.description)

    def _report(self, action: _Action, group: str, name: str, code: int, text: str) -> None:
        """The line and exit status of one process's result."""
        namespec = make_namespec(group, name)
        if code == Faults.SUCCESS:
            if action is _STOP:
                self._stopped.append(namespec)
            self._tell(f"{namespec}: {action.done}", group, name, action.done, code, text)
            return
        # The text of a fault has the details that no table knows.
        reason = action.texts.get(code, text)
        line = text if code == action.bare else f"{namespec}: ERROR ({reason})"
        self._tell(line, group, name, action.done, code, reason)
        if code != action.ignored:
            self._session.fail(_STATUS_OF_FAULT.get(code, status_codes.GENERIC))

    def _tell(self, line: str, group: str, name: str, done: str, code: int, text: str) -> None:
        if not self._session.json:
            self._session.line(line)
            return
        self._results.append(
            {
                "namespec": make_namespec(group, name) if group else name,
                "group": group,
                "name": name if group else "",
                "action": done,
                "ok": code == Faults.SUCCESS,
                "status": code,
                "description": text,
            }
        )


def start(session: Session, words: list[str]) -> None:
    if not words:
        usage(session, "Error: start requires a process name", "start", status_codes.INVALID_ARGS)
        return
    _do(session, (_START,), words)


def stop(session: Session, words: list[str]) -> None:
    if not words:
        usage(session, "Error: stop requires a process name", "stop")
        return
    _do(session, (_STOP,), words)


def restart(session: Session, words: list[str]) -> None:
    if not words:
        usage(session, "Error: restart requires a process name", "restart")
        return
    _do(session, (_STOP, _START), words)


def signal(session: Session, words: list[str]) -> None:
    if len(words) < 2:
        usage(session, "Error: signal requires a signal name and a process name", "signal")
        return
    _do(session, (_SIGNAL,), words[1:], words[0])


def clear(session: Session, words: list[str]) -> None:
    if not words:
        usage(session, "Error: clear requires a process name", "clear")
        return
    _do(session, (_CLEAR,), words)


def _do(session: Session, actions: Sequence[_Action], words: list[str], *extra: str) -> None:
    run = _Run(session)
    words = run.expand(words)
    for action in actions:
        run.act(action, words, *extra)
        run.tell_left()
    run.finish()
