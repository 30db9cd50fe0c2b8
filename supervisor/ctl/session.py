"""What all commands share: configuration, client, output, exit status; must never know a command.

Also the one place that turns what can go wrong with the server into the line the user
reads and the exit status of the reference tables.
"""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol, TextIO

from supervisor.client.rpc import RPCClient
from supervisor.config.kinds import CtlConfig
from supervisor.errors import (
    AccessDenied,
    OutputError,
    RPCError,
    ServerError,
    ServerRefused,
    SocketMissing,
    SupervisorError,
    TransportError,
    VersionMismatch,
)
from supervisor.faults import Faults
from supervisor.protocol.xmlrpc import Dumpable, Value

from .format import Sanitiser, sanitise
from .records import ProcessInfo, Reader

# Exit statuses, named as the LSB names those of init scripts.
SUCCESS: Final = 0
GENERIC: Final = 1
INVALID_ARGS: Final = 2
UNIMPLEMENTED_FEATURE: Final = 3
INSUFFICIENT_PRIVILEGES: Final = 4
NOT_INSTALLED: Final = 5
NOT_RUNNING: Final = 7
INTERRUPTED: Final = 130

STATUS_STOPPED: Final = 3
"""``status``: a listed process is in a stopped state."""
STATUS_UNKNOWN: Final = 4
"""``status``: no such process, or no server."""
PLAN_CHANGES: Final = 10
"""``plan``: an update would do something."""
DETACHED: Final = 0
PROGRAM_EXITED: Final = 20
LINK_LOST: Final = 21


class Output(Protocol):
    """Where a command prints. ``is_terminal``: what is printed may act on a terminal."""

    is_terminal: bool
    encoding: str

    def line(self, text: str) -> None: ...

    def lines(self, lines: Sequence[str]) -> None: ...

    def write(self, text: str) -> None: ...

    def data(self, data: bytes) -> None: ...

    def finish(self) -> None: ...


class StreamOutput:
    """Output to a text stream; through the sanitiser when it is a terminal, unchanged when not, or when ``raw``.

    Flushes after each piece, since whoever reads wants each line when it is true.
    """

    def __init__(self, stream: TextIO, is_terminal: bool, raw: bool = False) -> None:
        self.is_terminal = is_terminal
        self._harmless = is_terminal and not raw
        self.encoding = stream.encoding or "utf-8"
        self._stream = stream
        self._sanitiser = Sanitiser()

    def line(self, text: str) -> None:
        """One line (or several, where ``text`` has newlines) and its end."""
        self.lines((text,))

    def lines(self, lines: Sequence[str]) -> None:
        """The same for each of them, in one piece."""
        shown = [sanitise(line) for line in lines] if self._harmless else lines
        if shown:
            self._put("\n".join([*shown, ""]))

    def write(self, text: str) -> None:
        """A piece of text, as it is but for the sanitiser."""
        self._put(sanitise(text) if self._harmless else text)

    def data(self, data: bytes) -> None:
        """A piece of a byte stream; ``finish`` ends it."""
        buffer = getattr(self._stream, "buffer", None)
        if self._harmless or buffer is None:
            self._put(self._sanitiser.feed_bytes(data))
        else:
            with _written():
                self._stream.flush()
                buffer.write(data)
                buffer.flush()

    def finish(self) -> None:
        """Show what a byte stream left half done, end its colours."""
        self._put(self._sanitiser.finish())

    def _put(self, text: str) -> None:
        with _written():
            self._stream.write(text)
            self._stream.flush()


@contextmanager
def _written() -> Iterator[None]:
    """Raises OutputError where nothing can be written, but for a reader that has gone: that is no mistake."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write the output: {os.strerror(error.errno or 0)}") from error


class PluginCommands(NamedTuple):
    """What one plug-in adds: commands, which get the rest of the line as it is, and their help."""

    name: str
    commands: dict[str, Callable[[str], None]]
    help: dict[str, Callable[[], None]]


def _no_answer(prompt: str) -> str:
    raise EOFError


@dataclass
class Session:
    """One run of the command line, or one interactive shell.

    ``ask`` and ``ask_secret`` put a question to the user; they raise EOFError when
    there is nobody to answer. ``exit_status`` is that of the command that runs.
    """

    config: CtlConfig
    client: RPCClient
    output: Output
    errors: TextIO = field(default_factory=lambda: sys.stderr)
    interactive: bool = False
    json: bool = False
    ask: Callable[[str], str] = _no_answer
    ask_secret: Callable[[str], str] = _no_answer
    exit_status: int = SUCCESS
    plugins: list[PluginCommands] = field(default_factory=list)
    fg_lines: dict[str, list[str]] = field(default_factory=dict)
    """What was sent to programs line by line, by name."""

    @property
    def reader(self) -> Reader:
        return Reader(self.client.serverurl)

    def call(self, method: str, *params: Dumpable) -> Value:
        """The result of ``supervisor.METHOD``."""
        return self.client.call(f"supervisor.{method}", *params)

    def processes(self) -> list[ProcessInfo]:
        """All processes, in the server's order."""
        return self.reader.processes(self.call("getAllProcessInfo"))

    def line(self, text: str) -> None:
        self.output.line(text)

    def lines(self, lines: Sequence[str]) -> None:
        self.output.lines(lines)

    def print_json(self, value: object) -> None:
        """One JSON document."""
        import json  # only who asks for it pays for it

        text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
        self.output.write(text.encode("utf-8", "replace").decode() + "\n")

    def plugin_command(self, name: str) -> Callable[[str], None] | None:
        """The command of that name of the first plug-in that has one."""
        return next((plugin.commands[name] for plugin in self.plugins if name in plugin.commands), None)

    def fail(self, status: int) -> None:
        """Set the exit status; the last one wins within a command."""
        self.exit_status = status

    def failure(self, text: str, status: int = GENERIC) -> None:
        """A line about what did not work: among the output, or on stderr where the output is JSON."""
        if self.json:
            print(sanitise(text), file=self.errors, flush=True)
        else:
            self.output.line(text)
        self.fail(status)

    def notice(self, text: str) -> None:
        """A line for people, where scripts that read the output do not see it."""
        print(sanitise(text), file=self.errors, flush=True)

    def connect(self, config: CtlConfig) -> None:
        """Use another server or login from now on."""
        client = RPCClient(config.serverurl, config.username, config.password, tls=config.tls)
        self.client.close()
        self.client = client
        self.config = config


_NO_NAMESPACE = (
    "Sorry, supervisord responded but did not recognize the supervisor namespace commands that "
    "supervisorctl uses to control it.  Its configuration file needs a section [rpcinterface:supervisor] "
    "with supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface."
)


def version_failure(error: SupervisorError, serverurl: str) -> tuple[str, int] | None:
    """The line and exit status when the first question to the server fails; None: not one of these."""
    if isinstance(error, ServerRefused):
        return f"{serverurl} refused connection", INSUFFICIENT_PRIVILEGES
    if isinstance(error, SocketMissing):
        return f"{serverurl} no such file", NOT_RUNNING
    if isinstance(error, VersionMismatch):
        line = (
            "Sorry, this version of supervisorctl expects to talk to a server with API version 3.0, "
            f"but the remote version is {error.version}."
        )
        return line, NOT_INSTALLED
    if isinstance(error, RPCError) and error.code == Faults.UNKNOWN_METHOD:
        return _NO_NAMESPACE, UNIMPLEMENTED_FEATURE
    return None


def check_version(session: Session) -> bool:
    """Ask the server for its API version; False after the line that says why not to go on.

    Raises AccessDenied, and what has no line of its own here.
    """
    try:
        session.client.check_version()
    except SupervisorError as error:
        known = version_failure(error, session.client.serverurl)
        if known is None:
            raise
        session.failure(*known)
        if isinstance(error, ServerRefused | SocketMissing) and session.output.is_terminal:
            # The line above is what scripts know; people get more, where no script reads.
            print(reach_hint(session.config), file=session.errors, flush=True)
        return False
    return True


def _who(config: CtlConfig) -> str:
    """As whom the server is talked to."""
    uid = os.geteuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    login = f", login {config.username!r}" if config.username is not None else ""
    return (
        f"as user {name}{login}"
        if config.serverurl.startswith("unix://") or not login
        else f"with{login[1:]}"
    )


def reach_hint(config: CtlConfig) -> str:
    """What to try when a server cannot be reached."""
    return (
        f"Tried {config.serverurl} {_who(config)}. Is supervisord running, and is this its address "
        "(-s, or serverurl in [supervisorctl])?"
    )


def error_line(error: SupervisorError, config: CtlConfig) -> str:
    """One line for what no command has a line of its own: what happened, where, what to try."""
    if isinstance(error, AccessDenied):
        who = f"user {config.username!r}" if config.username is not None else "a client without a user name"
        return (
            f"error: {error.address} refused the login of {who}: give -u and -p, or set username and "
            "password in [supervisorctl]"
        )
    if isinstance(error, ServerRefused | SocketMissing):
        return (
            f"error: cannot reach supervisord at {error.address} {_who(config)} ({error.reason}): is it running, "
            "and is the serverurl right (-s, or [supervisorctl] in the configuration file)?"
        )
    if isinstance(error, TransportError) and error.reason == "permission denied":
        return (
            f"error: cannot reach supervisord at {error.address} {_who(config)} (permission denied): use the "
            "account that the socket is for, or set chmod and chown in [unix_http_server]"
        )
    if isinstance(error, ServerError):
        return f"error: {error}"
    if isinstance(error, RPCError):
        if error.code == Faults.SHUTDOWN_STATE:
            return f"error: supervisord at {config.serverurl} is shutting down or restarting: try again when it is up"
        return f"error: supervisord at {config.serverurl} answered {error.text} (fault {error.code})"
    return f"error: {error}"
