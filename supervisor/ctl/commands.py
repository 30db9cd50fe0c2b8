"""A function per command, and the table of them; must never know the wire or the prompt.

What is done to processes is in ``actions``, logs are in ``logs``; the rest is here.

A command gets the session and its words, prints lines and sets the exit status. The
lines and statuses are those of Supervisor 4.3 wherever scripts may read them; where the
original showed an exception in place of a routine answer there is one clear line.
"""

from __future__ import annotations

import dataclasses
import importlib
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from supervisor.errors import (
    AccessDenied,
    RPCError,
    ServerError,
    ServerRefused,
    SocketMissing,
)
from supervisor.faults import Faults
from supervisor.namespec import split_namespec
from supervisor.protocol.xmlrpc import Value
from supervisor.states import STOPPED_STATES, ProcessStates

from . import configuring
from . import session as status_codes
from .actions import NO_MATCH, clear, restart, signal, start, stop
from .configuring import add, remove, update
from .format import avail_line, columns, status_lines
from .help import HELP, print_help, usage
from .logs import maintail, tail
from .password import hash_password
from .patterns import expand, is_pattern
from .records import ProcessInfo
from .session import Session, check_version

RESTART_DEADLINE_S: Final = 10.0
_POLL_S: Final = 0.1


Run = Callable[[Session, list[str]], None]


class Command(NamedTuple):
    """``checks_version``: asks the server for its API version first. ``completes``: groups, processes or commands.

    ``whole_words``: what the command line of a shell gave is not joined and cut again. ``alone``: it needs no
    configuration, so that a broken one is none of its business.
    """

    run: Run
    checks_version: bool = False
    json: bool = False
    completes: str = ""
    whole_words: bool = False
    alone: bool = False


def _takes_no_words(session: Session, words: list[str], name: str) -> bool:
    if words:
        usage(session, f"Error: {name} accepts no arguments", name)
    return not words


# --- looking -----------------------------------------------------------------------------------------


def _struct(info: Value) -> dict[str, Value]:
    return info if isinstance(info, dict) else {}


def status(session: Session, words: list[str]) -> None:
    structs = session.reader.list_of(session.call("getAllProcessInfo"))
    infos = session.reader.processes(structs)
    chosen: list[int] = list(range(len(infos)))
    if words and "all" not in words:
        chosen = []
        expanded = expand(words, lambda: infos)
        for pattern in expanded.unmatched:
            session.failure(f"{pattern}: ERROR ({NO_MATCH})", status_codes.STATUS_UNKNOWN)
        for word in expanded.words:
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
        session.print_json([{"namespec": infos[i].namespec, **_struct(structs[i])} for i in chosen])
    else:
        rows = [(infos[i].namespec, infos[i].statename, infos[i].description) for i in chosen]
        session.lines(status_lines(rows))
    state = _struct(session.call("getState"))
    degraded, left = state.get("degraded"), state.get("left")
    if isinstance(degraded, str):
        session.notice(f"supervisord is degraded: {degraded}")
    for text in left if isinstance(left, list) else ():
        session.notice(str(text))
    if any(infos[i].state in STOPPED_STATES for i in chosen):
        session.fail(status_codes.STATUS_STOPPED)


def _matching(infos: Sequence[ProcessInfo], word: str) -> list[int]:
    group, process = split_namespec(word)
    return [i for i, info in enumerate(infos) if info.group == group and process in (None, info.name)]


def pid(session: Session, words: list[str]) -> None:
    if not words:
        number = session.reader.integer(session.call("getPID"))
        if session.json:
            session.print_json({"supervisord": number})
        else:
            session.line(str(number))
        return
    found: dict[str, int] = {}
    if "all" in words:
        infos = session.processes()
        found = {info.namespec: info.pid for info in infos}
        if not session.json:
            for number in found.values():
                session.line(str(number))
    else:
        expanded = expand(words, session.processes, groups=False)
        for pattern in expanded.unmatched:
            session.failure(f"{pattern}: ERROR ({NO_MATCH})")
        for word in expanded.words:
            _pid_of(session, word, found)
    if session.json:
        session.print_json(found)


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
    patterns = [word for word in words if word.startswith("@") or is_pattern(word)]
    if not _takes_no_words(session, [word for word in words if word not in patterns], "avail"):
        return
    try:
        structs = session.reader.list_of(session.call("getAllConfigInfo"))
    except RPCError as error:
        if error.code != Faults.SHUTDOWN_STATE:
            raise
        session.failure("ERROR: supervisor shutting down")
        return
    infos = [session.reader.config(struct) for struct in structs]
    if patterns:
        expanded = expand(patterns, lambda: infos, groups=False)
        for pattern in expanded.unmatched:
            session.failure(f"{pattern}: ERROR ({NO_MATCH})")
        chosen = set(expanded.words)
        structs = [struct for struct, info in zip(structs, infos, strict=True) if info.namespec in chosen]
        infos = [info for info in infos if info.namespec in chosen]
    if session.json:
        session.print_json(structs)
        return
    for info in infos:
        session.line(
            avail_line(info.namespec, info.in_use, info.autostart, info.group_priority, info.process_priority)
        )


def version(session: Session, words: list[str]) -> None:
    if not _takes_no_words(session, words, "version"):
        return
    text = session.reader.text(session.call("getSupervisorVersion"))
    if session.json:
        session.print_json({"version": text})
    else:
        session.line(text)


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
        if error.code == Faults.FAILED:
            session.failure(f"ERROR: {error.text.removeprefix('FAILED: ')}")
            return
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
    if not url.startswith(("http://", "https://", "unix://")):
        session.failure("ERROR: url must be http:// or unix://")
        return
    session.connect(dataclasses.replace(session.config, serverurl=url))
    if not check_version(session):
        session.fail(status_codes.STATUS_UNKNOWN)
        return
    status(session, [])
    session.fail(status_codes.SUCCESS)


# --- programs' terminals -----------------------------------------------------------------------------


def fg(session: Session, words: list[str]) -> None:
    if not words:
        usage(session, "ERROR: no process name supplied", "fg")
        return
    if len(words) > 1:
        session.failure("ERROR: too many process names supplied")
        return
    info = _running_process(session, words[0])
    if info is None:
        return
    # Imported when used: terminals and sockets cost every other command time at its start.
    from .attach import attach_process
    from .foreground import classic_foreground
    from .streamlink import stream_address

    address = stream_address(session)
    if address is not None:
        try:
            attach_process(session, address, info.namespec)
            return
        except (ServerRefused, SocketMissing):
            pass  # the socket of a daemon that is no more, where another one without it runs now
    classic_foreground(session, info)


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
        usage(session, f"ERROR: {problem}", "attach", status_codes.INVALID_ARGS)
        return
    from .attach import attach_process  # see fg
    from .streamlink import stream_address

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


# --- imported when used ------------------------------------------------------------------------------


def _when_used(module: str, name: str) -> Run:
    """A command of a module whose records would cost every other command time at its start."""

    def run(session: Session, words: list[str]) -> None:
        command: Run = getattr(importlib.import_module(f".{module}", __package__), name)
        command(session, words)

    return run


plan = _when_used("plan", "plan")


def reread(session: Session, words: list[str]) -> None:
    if words[:1] == ["--diff"]:
        plan(session, words[1:])
    else:
        configuring.reread(session, words)


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


def completion(session: Session, words: list[str]) -> None:
    from .completion import SCRIPTS  # seldom used

    if len(words) != 1 or words[0] not in SCRIPTS:
        problem = f"completion is for one of {', '.join(SCRIPTS)}"
        usage(session, f"Error: {problem}", "completion", status_codes.INVALID_ARGS)
        return
    session.output.write(SCRIPTS[words[0]])


def completed_kinds() -> dict[str, str]:
    """What the words of each command are, for completion."""
    return {name: command.completes for name, command in COMMANDS.items()}


COMMANDS: Final[dict[str, Command]] = {
    "add": Command(add, completes="groups"),
    "attach": Command(attach, checks_version=True, completes="processes"),
    "avail": Command(avail, json=True),
    "bridge": Command(_when_used("bridging", "bridge")),
    "clear": Command(clear, checks_version=True, json=True, completes="processes"),
    "completion": Command(completion, alone=True),
    "exit": Command(leave),
    "fg": Command(fg, checks_version=True, completes="processes"),
    "hash-password": Command(hash_password, alone=True),
    "help": Command(help_command, completes="commands"),
    "maintail": Command(maintail, checks_version=True, json=True),
    "open": Command(open_server),
    "pid": Command(pid, checks_version=True, json=True, completes="processes"),
    "plan": Command(plan, checks_version=True, json=True, completes="groups"),
    "quit": Command(leave),
    "record": Command(
        _when_used("recording", "record"), checks_version=True, completes="processes", whole_words=True
    ),
    "reload": Command(reload),
    "remove": Command(remove, completes="groups"),
    "replay": Command(_when_used("replaying", "replay"), whole_words=True, alone=True),
    "reread": Command(reread, json=True),
    "restart": Command(restart, checks_version=True, json=True, completes="processes"),
    "restart-daemon": Command(restart_daemon, checks_version=True),
    "send": Command(
        _when_used("sending", "send"), checks_version=True, completes="processes", whole_words=True
    ),
    "shutdown": Command(shutdown),
    "signal": Command(signal, checks_version=True, json=True, completes="processes"),
    "start": Command(start, checks_version=True, json=True, completes="processes"),
    "status": Command(status, checks_version=True, json=True, completes="processes"),
    "stop": Command(stop, checks_version=True, json=True, completes="processes"),
    "tail": Command(tail, checks_version=True, json=True, completes="processes"),
    "update": Command(update, completes="groups"),
    "version": Command(version, checks_version=True, json=True),
    "wait": Command(_when_used("waiting", "wait"), checks_version=True, json=True, completes="processes"),
    "why": Command(_when_used("why", "why"), checks_version=True, json=True, completes="processes"),
}
