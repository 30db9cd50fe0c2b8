"""A function per command, and the table of them; must never know the wire or the prompt.

A command gets the session and its words, prints lines and sets the exit status. The
lines and statuses are those of Supervisor 4.3 wherever scripts may read them; where the
original showed an exception in place of a routine answer there is one clear line.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from supervisor.errors import (
    AccessDenied,
    RPCError,
    ServerError,
    ServerRefused,
    SocketMissing,
    TransportError,
)
from supervisor.faults import Faults
from supervisor.namespec import make_namespec, split_namespec
from supervisor.protocol.xmlrpc import Value
from supervisor.states import STOPPED_STATES, ProcessStates

from . import session as status_codes
from .format import avail_line, columns, status_lines
from .help import HELP
from .records import Changes, ProcessInfo
from .session import Session, check_version

TAIL_BYTES: Final = 1600
RESTART_DEADLINE_S: Final = 10.0
_POLL_S: Final = 0.1


class Command(NamedTuple):
    """``checks_version``: asks the server for its API version first. ``completes``: groups, processes or commands."""

    run: Callable[[Session, list[str]], None]
    checks_version: bool = False
    json: bool = False
    completes: str = ""


def print_help(session: Session, name: str) -> None:
    for line in HELP[name]:
        session.line(line)


def _usage(session: Session, message: str, name: str, status: int = status_codes.GENERIC) -> None:
    session.failure(message, status)
    print_help(session, name)


def _takes_no_words(session: Session, words: list[str], name: str) -> bool:
    if words:
        _usage(session, f"Error: {name} accepts no arguments", name)
    return not words


def _print_json(session: Session, value: object) -> None:
    session.output.write(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")


# --- looking -----------------------------------------------------------------------------------------


def _struct(info: Value) -> dict[str, Value]:
    return info if isinstance(info, dict) else {}


def status(session: Session, words: list[str]) -> None:
    structs = session.reader.list_of(session.call("getAllProcessInfo"))
    infos = session.reader.processes(structs)
    chosen: list[int] = list(range(len(infos)))
    if words and "all" not in words:
        chosen = []
        for word in words:
            found = _matching(infos, word)
            if not found:
                group, process = split_namespec(word)
                line = (
                    f"{group}: ERROR (no such group)"
                    if process is None
                    else f"{word}: ERROR (no such process)"
                )
                session.failure(line, status_codes.STATUS_UNKNOWN)
            chosen += found
    if session.json:
        _print_json(session, [{"namespec": infos[i].namespec, **_struct(structs[i])} for i in chosen])
    else:
        rows = [(infos[i].namespec, infos[i].statename, infos[i].description) for i in chosen]
        for line in status_lines(rows) if rows else ():
            session.line(line)
    if any(infos[i].state in STOPPED_STATES for i in chosen):
        session.fail(status_codes.STATUS_STOPPED)


def _matching(infos: Sequence[ProcessInfo], word: str) -> list[int]:
    group, process = split_namespec(word)
    return [i for i, info in enumerate(infos) if info.group == group and process in (None, info.name)]


def pid(session: Session, words: list[str]) -> None:
    if not words:
        number = session.reader.integer(session.call("getPID"))
        if session.json:
            _print_json(session, {"supervisord": number})
        else:
            session.line(str(number))
        return
    found: dict[str, int] = {}
    if "all" in words:
        infos = session.reader.processes(session.call("getAllProcessInfo"))
        found = {info.namespec: info.pid for info in infos}
        if not session.json:
            for number in found.values():
                session.line(str(number))
    else:
        for word in words:
            _pid_of(session, word, found)
    if session.json:
        _print_json(session, found)


def _pid_of(session: Session, word: str, found: dict[str, int]) -> None:
    try:
        info = session.reader.process(session.call("getProcessInfo", word))
    except RPCError as error:
        if error.code != Faults.BAD_NAME:
            raise
        session.failure(f"No such process {word}")
        return
    found[info.namespec] = info.pid
    if not session.json:
        session.line(str(info.pid))
    if info.pid == 0:
        session.fail(status_codes.NOT_RUNNING)


def avail(session: Session, words: list[str]) -> None:
    if not _takes_no_words(session, words, "avail"):
        return
    try:
        structs = session.reader.list_of(session.call("getAllConfigInfo"))
    except RPCError as error:
        if error.code != Faults.SHUTDOWN_STATE:
            raise
        session.failure("ERROR: supervisor shutting down")
        return
    if session.json:
        _print_json(session, structs)
        return
    for struct in structs:
        info = session.reader.config(struct)
        session.line(
            avail_line(info.namespec, info.in_use, info.autostart, info.group_priority, info.process_priority)
        )


def version(session: Session, words: list[str]) -> None:
    if not _takes_no_words(session, words, "version"):
        return
    text = session.reader.text(session.call("getSupervisorVersion"))
    if session.json:
        _print_json(session, {"version": text})
    else:
        session.line(text)


# --- start, stop, signal, clear ----------------------------------------------------------------------

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
        _usage(session, "Error: start requires a process name", "start", status_codes.INVALID_ARGS)
        return
    _act(session, _START, words)


def stop(session: Session, words: list[str]) -> None:
    if not words:
        _usage(session, "Error: stop requires a process name", "stop")
        return
    _act(session, _STOP, words)


def restart(session: Session, words: list[str]) -> None:
    if not words:
        _usage(session, "Error: restart requires a process name", "restart")
        return
    _act(session, _STOP, words)
    _act(session, _START, words)


def signal(session: Session, words: list[str]) -> None:
    if len(words) < 2:
        _usage(session, "Error: signal requires a signal name and a process name", "signal")
        return
    _act(session, _SIGNAL, words[1:], words[0])


def clear(session: Session, words: list[str]) -> None:
    if not words:
        _usage(session, "Error: clear requires a process name", "clear")
        return
    _act(session, _CLEAR, words)


# --- configuration -----------------------------------------------------------------------------------


def reread(session: Session, words: list[str]) -> None:
    if not _takes_no_words(session, words, "reread"):
        return
    changes = _reload_config(session, "ERROR: supervisor shutting down")
    if changes is None:
        return
    if session.json:
        _print_json(session, changes._asdict())
        return
    lines = (
        [(name, f"{name}: available") for name in changes.added]
        + [(name, f"{name}: changed") for name in changes.changed]
        + [(name, f"{name}: disappeared") for name in changes.removed]
    )
    for _, line in sorted(lines):
        session.line(line)
    if not lines:
        session.line("No config updates to processes")


def _reload_config(session: Session, shutting_down: str) -> Changes | None:
    """What changed; None after the line that says why it cannot be known."""
    try:
        return session.reader.changes(session.call("reloadConfig"))
    except RPCError as error:
        if error.code == Faults.SHUTDOWN_STATE:
            session.failure(shutting_down)
        elif error.code == Faults.CANT_REREAD:
            session.failure(f"ERROR: {error.text}")
        else:
            raise
        return None


def add(session: Session, words: list[str]) -> None:
    for name in words:
        try:
            session.call("addProcessGroup", name)
        except RPCError as error:
            if error.code == Faults.SHUTDOWN_STATE:
                session.failure("ERROR: shutting down")
            elif error.code == Faults.ALREADY_ADDED:
                session.line("ERROR: process group already active")
            elif error.code == Faults.BAD_NAME:
                session.failure(f"ERROR: no such process/group: {name}")
            else:
                raise
        else:
            session.line(f"{name}: added process group")


def remove(session: Session, words: list[str]) -> None:
    for name in words:
        try:
            session.call("removeProcessGroup", name)
        except RPCError as error:
            if error.code == Faults.STILL_RUNNING:
                session.failure(f"ERROR: process/group still running: {name}")
            elif error.code == Faults.BAD_NAME:
                session.failure(f"ERROR: no such process/group: {name}")
            else:
                raise
        else:
            session.line(f"{name}: removed process group")


def update(session: Session, words: list[str]) -> None:
    changes = _reload_config(session, "ERROR: already shutting down")
    if changes is None:
        return
    wanted: set[str] | None = None if not words or "all" in words else set(words)
    if wanted is not None:
        active = {info.group for info in session.reader.processes(session.call("getAllProcessInfo"))}
        known = active.union(changes.added, changes.changed, changes.removed)
        for name in dict.fromkeys(words):
            if name not in known:
                session.failure(f"ERROR: no such group: {name}")
    for name in changes.removed:
        if wanted is None or name in wanted:
            _update_removed(session, name)
    for name in changes.changed:
        if wanted is None or name in wanted:
            _update_changed(session, name)
    for name in changes.added:
        if wanted is None or name in wanted:
            session.call("addProcessGroup", name)
            session.line(f"{name}: added process group")


def _stop_group(session: Session, name: str) -> bool:
    """Whether every process of the group stopped."""
    results = session.reader.results(session.call("stopProcessGroup", name))
    session.line(f"{name}: stopped")
    return all(result.status != Faults.FAILED for result in results)


def _update_removed(session: Session, name: str) -> None:
    if _stop_group(session, name):
        session.call("removeProcessGroup", name)
        session.line(f"{name}: removed process group")
    else:
        session.line(f"{name}: has problems; not removing")
        session.fail(status_codes.GENERIC)


def _update_changed(session: Session, name: str) -> None:
    _stop_group(session, name)
    session.call("removeProcessGroup", name)
    session.call("addProcessGroup", name)
    session.line(f"{name}: updated process group")


# --- supervisord itself ------------------------------------------------------------------------------


def _confirmed(session: Session, question: str) -> bool:
    """Whether the user says yes; nobody is asked when the command came by itself."""
    if not session.interactive:
        return True
    try:
        return session.ask(question).lower().startswith("y")
    except EOFError:
        session.line("")
        session.fail(status_codes.GENERIC)
        return False


def reload(session: Session, words: list[str]) -> None:
    if not _takes_no_words(session, words, "reload"):
        return
    if not _confirmed(session, "Really restart the remote supervisord process y/N? "):
        return
    try:
        session.call("restart")
    except RPCError as error:
        if error.code != Faults.SHUTDOWN_STATE:
            raise
        session.failure("ERROR: already shutting down")
    else:
        session.line("Restarted supervisord")


def shutdown(session: Session, words: list[str]) -> None:
    if not _takes_no_words(session, words, "shutdown"):
        return
    if not _confirmed(session, "Really shut the remote supervisord process down y/N? "):
        return
    url = session.client.serverurl
    try:
        session.call("shutdown")
    except RPCError as error:
        if error.code != Faults.SHUTDOWN_STATE:
            raise
        session.line("ERROR: already shutting down")
    except ServerRefused:
        session.failure(f"ERROR: {url} refused connection (already shut down?)")
    except SocketMissing:
        session.failure(f"ERROR: {url} no such file (already shut down?)")
    else:
        session.line("Shut down")


def restart_daemon(session: Session, words: list[str]) -> None:
    if not _takes_no_words(session, words, "restart-daemon"):
        return
    deadline = time.monotonic() + RESTART_DEADLINE_S
    try:
        session.call("restartDaemon")
    except RPCError as error:
        if error.code != Faults.UNKNOWN_METHOD:
            raise
        session.failure(
            f"ERROR: supervisord at {session.client.serverurl} cannot restart without its processes: "
            "see reload for a restart with them"
        )
        return
    # The old daemon would still answer until it is gone; its end closes the connection.
    session.client.wait_closed(RESTART_DEADLINE_S)
    while not _answers(session):
        if time.monotonic() >= deadline:
            session.failure(
                f"ERROR: supervisord at {session.client.serverurl} does not answer after the restart; "
                "its log says why"
            )
            return
        time.sleep(_POLL_S)
    session.line("Daemon restarted")


def _answers(session: Session) -> bool:
    try:
        session.call("getState")
    except AccessDenied:
        raise
    except (ServerError, RPCError):
        return False
    return True


def open_server(session: Session, words: list[str]) -> None:
    url = words[0] if words else ""
    if not url.startswith(("http://", "unix://")):
        session.failure("ERROR: url must be http:// or unix://")
        return
    session.connect(dataclasses.replace(session.config, serverurl=url))
    if not check_version(session):
        session.fail(status_codes.STATUS_UNKNOWN)
        return
    status(session, [])
    session.fail(status_codes.SUCCESS)


# --- logs --------------------------------------------------------------------------------------------


def _warn_encoding(session: Session) -> None:
    encoding = session.output.encoding
    if "utf" not in encoding.lower():
        session.line(
            f"Warning: sys.stdout.encoding is set to {encoding}, so Unicode output may fail. Check your "
            "LANG and PYTHONIOENCODING environment settings."
        )


def _tail_bytes(session: Session, modifier: str) -> int | None:
    """How many bytes ``-N`` asks for; None after the line that says that it is no number."""
    digits = modifier[1:]
    if digits.isascii() and digits.isdigit():
        return int(digits)
    session.failure(f"Error: bad argument {modifier}")
    return None


def _print_log(
    session: Session, name: str, texts: dict[int, str], method: str, *params: str, size: int
) -> None:
    """The last ``size`` bytes of a log (0: all of it)."""
    try:
        text = session.reader.text(session.call(method, *params, -size, 0))
    except RPCError as error:
        known = texts.get(error.code)
        if known is None:
            raise
        session.failure(f"{name}: ERROR ({known})")
    else:
        session.line(text)


_MAIN_LOG_TEXTS: Final = {Faults.NO_FILE: "no log file", Faults.FAILED: "unknown error reading log"}
_LOG_TEXTS: Final = {**_MAIN_LOG_TEXTS, Faults.BAD_NAME: "no such process name"}


def tail(session: Session, words: list[str]) -> None:
    if not words:
        _usage(session, "Error: too few arguments", "tail")
        return
    if len(words) > 3:
        _usage(session, "Error: too many arguments", "tail")
        return
    modifier = words.pop(0) if words[0].startswith("-") else ""
    if not words:
        session.failure("Error: tail requires process name")
        return
    name = words[0]
    channel = words[-1].lower() if len(words) > 1 else "stdout"
    if channel not in ("stdout", "stderr"):
        session.failure(f"Error: bad channel '{words[-1]}'")
        return
    if modifier == "-f":
        _warn_encoding(session)
        follow_log(session, f"/logtail/{name}/{channel}")
        return
    size = _tail_bytes(session, modifier) if modifier else TAIL_BYTES
    if size is None:
        return
    _warn_encoding(session)
    _print_log(session, name, _LOG_TEXTS, f"readProcess{channel.capitalize()}Log", name, size=size)


def maintail(session: Session, words: list[str]) -> None:
    if len(words) > 1:
        _usage(session, "Error: too many arguments", "maintail")
        return
    if words == ["-f"]:
        _warn_encoding(session)
        follow_log(session, "/mainlogtail")
        return
    size: int | None = TAIL_BYTES
    if words:
        if not words[0].startswith("-"):
            session.failure(f"Error: bad argument {words[0]}")
            return
        size = _tail_bytes(session, words[0])
    if size is not None:
        _warn_encoding(session)
        _print_log(session, "supervisord", _MAIN_LOG_TEXTS, "readLog", size=size)


def follow_log(session: Session, path: str) -> None:
    """Show what the server adds to a log until Ctrl-C, or until the server ends it."""
    session.line("==> Press Ctrl-C to exit <==")
    try:
        for data in session.client.stream(path):
            session.output.data(data)
    except TransportError as error:
        if not error.status:
            raise
        place = f"{session.client.serverurl}{path}"
        print(f"{place} Cannot read, status code {error.status}", file=session.errors, flush=True)
        session.fail(status_codes.GENERIC)
    except KeyboardInterrupt:
        session.output.finish()
        session.line("")
    else:
        session.output.finish()


# --- programs' terminals -----------------------------------------------------------------------------


def fg(session: Session, words: list[str]) -> None:
    if not words:
        _usage(session, "ERROR: no process name supplied", "fg")
        return
    if len(words) > 1:
        session.failure("ERROR: too many process names supplied")
        return
    info = _running_process(session, words[0])
    if info is None:
        return
    # Imported when used: terminals and sockets cost every other command time at its start.
    from .attach import attach_process, stream_address
    from .foreground import classic_foreground

    address = stream_address(session)
    if address is None:
        classic_foreground(session, info)
    else:
        attach_process(session, address, info.namespec)


def _running_process(session: Session, name: str) -> ProcessInfo | None:
    try:
        info = session.reader.process(session.call("getProcessInfo", name))
    except RPCError as error:
        if error.code != Faults.BAD_NAME:
            raise
        session.failure("ERROR: bad process name supplied")
        return None
    if info.state != ProcessStates.RUNNING:
        session.failure("ERROR: process not running")
        return None
    return info


_ATTACH_MODES: Final = {"--take": "take", "--read": "read"}


def attach(session: Session, words: list[str]) -> None:
    flags = [word for word in words if word.startswith("--")]
    names = [word for word in words if not word.startswith("--")]
    unknown = [flag for flag in flags if flag != "--exit" and flag not in _ATTACH_MODES]
    if unknown or len(names) != 1:
        problem = f"unknown option {unknown[0]}" if unknown else "one process name is needed"
        _usage(session, f"ERROR: {problem}", "attach", status_codes.INVALID_ARGS)
        return
    from .attach import attach_process, stream_address  # see fg

    address = stream_address(session)
    if address is None:
        session.failure(
            f"ERROR: supervisord at {session.client.serverurl} has no stream socket to attach through: "
            "try fg, or configure [unix_stream_server]"
        )
        return
    modes = [_ATTACH_MODES[flag] for flag in flags if flag in _ATTACH_MODES]
    mode = modes[-1] if modes else "write"
    attach_process(session, address, names[0], mode=mode, until_exit="--exit" in flags)


# --- help and the table ------------------------------------------------------------------------------


def _print_topics(session: Session, name: str, topics: Sequence[str]) -> None:
    title = f"{name} commands (type help <topic>):"
    session.line(f"\n{title}\n{'=' * len(title)}")
    for line in columns(sorted(topics)):
        session.line(line)
    session.line("")


def help_command(session: Session, words: list[str]) -> None:
    if not words:
        _print_topics(session, "default", [name for name in COMMANDS if name != "help"])
        for plugin in session.plugins:
            _print_topics(session, plugin.name, list(plugin.commands))
        return
    topic = " ".join(words)
    if topic in HELP:
        print_help(session, topic)
        return
    for plugin in session.plugins:
        if topic in plugin.help:
            plugin.help[topic]()
            return
    session.line(f"*** No help on {topic}")


def leave(session: Session, words: list[str]) -> None:
    """``quit`` and ``exit``: the shell ends, see ``shell``; alone it is an empty line."""
    session.line("")


COMMANDS: Final[dict[str, Command]] = {
    "add": Command(add, completes="groups"),
    "attach": Command(attach, checks_version=True, completes="processes"),
    "avail": Command(avail, json=True),
    "clear": Command(clear, checks_version=True, completes="processes"),
    "exit": Command(leave),
    "fg": Command(fg, checks_version=True, completes="processes"),
    "help": Command(help_command, completes="commands"),
    "maintail": Command(maintail, checks_version=True),
    "open": Command(open_server),
    "pid": Command(pid, checks_version=True, json=True, completes="processes"),
    "quit": Command(leave),
    "reload": Command(reload),
    "remove": Command(remove, completes="groups"),
    "reread": Command(reread, json=True),
    "restart": Command(restart, checks_version=True, completes="processes"),
    "restart-daemon": Command(restart_daemon, checks_version=True),
    "shutdown": Command(shutdown),
    "signal": Command(signal, checks_version=True, completes="processes"),
    "start": Command(start, checks_version=True, completes="processes"),
    "status": Command(status, checks_version=True, json=True, completes="processes"),
    "stop": Command(stop, checks_version=True, completes="processes"),
    "tail": Command(tail, checks_version=True, completes="processes"),
    "update": Command(update, completes="groups"),
    "version": Command(version, checks_version=True, json=True),
}
