"""Every typed exception of the project; must never know who prints it.

``SupervisorError`` is the root of what we raise on purpose. Anything else that
escapes is a bug of ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .faults import fault_name

EXIT_OK = 0
EXIT_GENERIC = 1
EXIT_USAGE = 2
EXIT_BUG = 70


class SupervisorError(Exception):
    """Root of the project's own errors."""


class UserError(SupervisorError):
    """Something the user can mend: one line for stderr and an exit code (default 2)."""

    def __init__(self, message: str, exit_code: int = EXIT_USAGE) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One mistake in the configuration; every field but ``reason`` may be empty or 0."""

    reason: str
    file: str = ""
    line: int = 0
    section: str = ""
    option: str = ""
    value: str = ""

    def __str__(self) -> str:
        """``FILE:LINE: [SECTION] OPTION: reason`` with the parts that are known."""
        place = f"{self.file}:{self.line}: " if self.line else f"{self.file}: " if self.file else ""
        section = f"[{self.section}] " if self.section else ""
        option = f"{self.option}: " if self.option else ""
        return f"{place}{section}{option}{self.reason}"


class ConfigError(SupervisorError):
    """A configuration that cannot be used; carries every problem found, in file order."""

    def __init__(self, problems: Sequence[ConfigProblem]) -> None:
        super().__init__("\n".join(str(p) for p in problems))
        self.problems = tuple(problems)


class ProtocolError(SupervisorError):
    """A wire protocol was broken; see the two subclasses for by whom."""


class LocalProtocolError(ProtocolError):
    """Our side asked a codec for something the protocol forbids: a bug of ours."""


class RemoteProtocolError(ProtocolError):
    """The peer sent something the protocol forbids; the connection is to be closed."""


class RPCError(SupervisorError):
    """A fault to be answered to an RPC client.

    ``code`` is a ``supervisor.faults.Faults`` number, ``text`` the fault string:
    the name of the code, followed by ``: extra`` when there is more to say.
    """

    def __init__(self, code: int, extra: str | None = None) -> None:
        name = fault_name(code)
        self.code = code
        self.text = name if extra is None else f"{name}: {extra}"
        super().__init__(self.text)

    def __str__(self) -> str:
        return f"code={self.code}, text={self.text!r}"


class ServerError(SupervisorError):
    """A server cannot be talked to; ``address`` is its URL as the user gave it."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(f"{address}: {reason}")
        self.address = address
        self.reason = reason


class ServerRefused(ServerError):
    """Nothing listens there (connection refused)."""


class SocketMissing(ServerError):
    """The unix socket's file does not exist."""


class AccessDenied(ServerError):
    """The server wants another name or password (HTTP 401)."""


class VersionMismatch(ServerError):
    """The server speaks another version of the API; ``version`` is what it said."""

    def __init__(self, address: str, version: str) -> None:
        super().__init__(address, f"API version {version}")
        self.version = version


class OutputError(SupervisorError):
    """What is printed cannot be written; the text says why."""


class TransportError(ServerError):
    """Any other failure below XML-RPC; ``status`` is the HTTP status where there was one, else 0."""

    def __init__(self, address: str, reason: str, status: int = 0) -> None:
        super().__init__(address, reason)
        self.status = status


class StreamError(SupervisorError):
    """A request that the stream socket's client cannot do."""


class LinkLost(StreamError):
    """The connection went away before the answer came; what was asked may or may not have been done."""


class AuthFailed(StreamError):
    """The server does not take the user name and password."""
