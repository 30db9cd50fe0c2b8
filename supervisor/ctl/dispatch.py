"""One command line, carried out: look-up, login, errors to lines; must never know where it was typed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from supervisor.errors import AccessDenied, LocalProtocolError, OutputError, SupervisorError

from . import session as status_codes
from .commands import COMMANDS, Command, status
from .session import Session, check_version, error_line
from .words import split_command, split_commands, split_words


def run_line(session: Session, line: str) -> int:
    """Carry out the commands of ``line`` in order; the exit status of the first that failed, or 0."""
    first_failure = status_codes.SUCCESS
    for command in split_commands(line):
        run_command(session, command)
        first_failure = first_failure or session.exit_status
    return first_failure


def run_words(session: Session, words: list[str]) -> int:
    """Carry out one command whose words are not to be cut any more; the exit status."""
    name, *rest = words
    _carry_out(session, lambda: _run_builtin(session, name, COMMANDS[name], rest))
    return session.exit_status


def resolve(line: str) -> tuple[str, str]:
    """(name, rest) of one command. Names with a hyphen are whole words, others end at the hyphen."""
    word, _, rest = line.partition(" ")
    if word in COMMANDS:
        return word, rest.strip()
    return split_command(line)


def run_command(session: Session, line: str) -> None:
    """Carry out one command; ``session.exit_status`` is its own afterwards. Raises no error of ours."""
    _carry_out(session, lambda: _run(session, line))


def _carry_out(session: Session, run: Callable[[], None]) -> None:
    session.exit_status = status_codes.SUCCESS
    while True:
        try:
            run()
            return
        except AccessDenied as error:
            session.failure("Server requires authentication")
            if not (session.interactive and _log_in(session)):
                _print_error(session, error)
                return
            session.exit_status = status_codes.SUCCESS
        except LocalProtocolError as error:
            session.failure(f"error: cannot send this to the server: {error}")
            return
        except OutputError:
            raise  # there is nowhere to say it among the output
        except SupervisorError as error:
            _print_error(session, error)
            return


def _print_error(session: Session, error: SupervisorError) -> None:
    session.failure(error_line(error, session.config))


def _log_in(session: Session) -> bool:
    """Ask for another user and password; False when nobody answers."""
    try:
        username = session.ask("Username:")
        password = session.ask_secret("Password:")
    except EOFError:
        session.line("")
        return False
    session.line("")
    session.connect(dataclasses.replace(session.config, username=username, password=password))
    return True


def _run(session: Session, line: str) -> None:
    name, rest = resolve(line)
    command = COMMANDS.get(name)
    if command is None:
        _run_extra(session, name, rest, line)
        return
    words = split_words(rest)
    if "--json" in words and command.json:
        words.remove("--json")
        asked, session.json = session.json, True
    else:
        asked = session.json
    try:
        _run_builtin(session, name, command, words)
    finally:
        session.json = asked


def _run_builtin(session: Session, name: str, command: Command, words: list[str]) -> None:
    if session.json and not command.json:
        print(f"Error: {name} has no --json", file=session.errors, flush=True)
        session.fail(status_codes.INVALID_ARGS)
        return
    if command.checks_version and not _usable(session, command):
        return
    command.run(session, words)


def _usable(session: Session, command: Command) -> bool:
    if check_version(session):
        return True
    if command.run is status:
        session.fail(status_codes.STATUS_UNKNOWN)
    return False


def _run_extra(session: Session, name: str, rest: str, line: str) -> None:
    """A command of a plug-in, or the line that says that there is none."""
    if name == "EOF":
        session.line("")
        return
    extra = session.plugin_command(name)
    if extra is None:
        session.failure(f"*** Unknown syntax: {line}")
    else:
        extra(rest)
