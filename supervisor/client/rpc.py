"""A blocking XML-RPC client over unix sockets or TCP; must never know what commands print.

One connection is kept between calls. A server may close it while it is idle: where
that shows before an answer has begun, the call is sent once more on a new connection.
Errors: ServerRefused, SocketMissing, AccessDenied, VersionMismatch and TransportError
when the server cannot be talked to, ServerFault (an RPCError) when it answers with a
fault. After each but the last the client can be used again; it connects anew.
"""

from __future__ import annotations

import base64
import http.client
import select
import socket
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

from ..errors import (
    AccessDenied,
    RemoteProtocolError,
    RPCError,
    ServerError,
    ServerRefused,
    SocketMissing,
    SupervisorError,
    TransportError,
    VersionMismatch,
)
from ..protocol.xmlrpc import (
    MAX_RESPONSE_BYTES,
    Dumpable,
    MethodFault,
    Value,
    dump_call,
    parse_response,
)

API_VERSION: Final = "3.0"
_STREAM_READ_BYTES: Final = 1 << 16


class ServerFault(RPCError):
    """A fault that a server answered, with the text as it came."""

    def __init__(self, code: int, text: str) -> None:
        SupervisorError.__init__(self, text)
        self.code = code
        self.text = text


@dataclass(frozen=True, slots=True)
class UnixAddress:
    path: str


@dataclass(frozen=True, slots=True)
class TCPAddress:
    host: str
    port: int


def parse_serverurl(url: str) -> UnixAddress | TCPAddress:
    """Where ``unix://PATH`` or ``http://HOST[:PORT]`` (port 80) points to.

    User, password and path of an http URL are ignored. Raises ValueError.
    """
    if url.startswith("unix://"):
        return UnixAddress(url[len("unix://") :])
    if url.startswith("http://"):
        parts = urllib.parse.urlsplit(url)
        return TCPAddress(parts.hostname or "localhost", parts.port or 80)
    raise ValueError(f"Unknown protocol for serverurl {url}")


class UnixHTTPConnection(http.client.HTTPConnection):
    """HTTP over the unix socket ``path``."""

    def __init__(self, path: str, timeout_s: float | None = None) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(self.timeout)
            sock.connect(self._path)
        except BaseException:
            sock.close()
            raise
        self.sock = sock


def open_connection(
    address: UnixAddress | TCPAddress, timeout_s: float | None = None
) -> http.client.HTTPConnection:
    """A connection object for ``address``; it connects at the first request."""
    if isinstance(address, UnixAddress):
        return UnixHTTPConnection(address.path, timeout_s)
    return http.client.HTTPConnection(address.host, address.port, timeout=timeout_s)


def basic_authorization(username: str, password: str) -> str:
    """The value of an Authorization header."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode("ascii")


def _translate(url: str, error: OSError | http.client.HTTPException) -> ServerError:
    if isinstance(error, ConnectionRefusedError):
        return ServerRefused(url, "connection refused")
    if isinstance(error, FileNotFoundError):
        return SocketMissing(url, "no such file")
    if isinstance(error, TimeoutError):
        return TransportError(url, "no answer in time")
    if isinstance(error, http.client.RemoteDisconnected | ConnectionError):
        return TransportError(url, "the server closed the connection")
    if isinstance(error, OSError):
        return TransportError(url, (error.strerror or str(error)).lower())
    return TransportError(url, f"no proper HTTP answer ({type(error).__name__})")


class RPCClient:
    """Calls methods of the server at ``serverurl``.

    ``timeout_s`` bounds each wait for bytes; None waits as long as a call takes.
    Raises TransportError for a URL of another kind.
    """

    def __init__(
        self,
        serverurl: str,
        username: str | None = None,
        password: str | None = None,
        *,
        timeout_s: float | None = None,
    ) -> None:
        self.serverurl = serverurl
        self.username = username
        self.password = password
        self._timeout_s = timeout_s
        try:
            self.address = parse_serverurl(serverurl)
        except ValueError as error:
            raise TransportError(serverurl, str(error)) from error
        self._connection: http.client.HTTPConnection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def close(self) -> None:
        """Drop the kept connection, if any."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def call(self, method: str, *params: Dumpable) -> Value:
        """The result of ``method``. Raises ServerFault and the ServerError kinds."""
        body = dump_call(method, params)
        try:
            answer = parse_response(self._post(body))
        except RemoteProtocolError as error:
            self.close()
            raise TransportError(self.serverurl, f"no proper XML-RPC answer: {error}") from error
        if isinstance(answer, MethodFault):
            raise ServerFault(answer.code, answer.text)
        return answer

    def check_version(self) -> None:
        """Raises VersionMismatch when the server's API is another one, and what ``call`` raises."""
        version = self.call("supervisor.getVersion")
        if version != API_VERSION:
            raise VersionMismatch(self.serverurl, str(version))

    def wait_closed(self, timeout_s: float) -> bool:
        """Whether the server closes the kept connection within ``timeout_s``; True when there is none."""
        connection = self._connection
        if connection is None or connection.sock is None:
            return True
        readable, _, _ = select.select([connection.sock], [], [], timeout_s)
        if readable:
            self.close()
        return bool(readable)

    def stream(self, path: str) -> Iterator[bytes]:
        """What a GET of ``path`` gives, piece by piece as it comes, on a connection of its own.

        Ends when the server ends the answer or goes away. Raises the ServerError kinds
        before the first piece; a TransportError's ``status`` is the HTTP status.
        """
        connection = open_connection(self.address, self._timeout_s)
        try:
            try:
                connection.request("GET", path, headers=self._headers("text/plain"))
                response = connection.getresponse()
            except (OSError, http.client.HTTPException) as error:
                raise _translate(self.serverurl, error) from error
            self._check_status(response)
            while True:
                try:
                    data = response.read1(_STREAM_READ_BYTES)
                except (OSError, http.client.HTTPException):
                    return
                if not data:
                    return
                yield data
        finally:
            connection.close()

    def _headers(self, accept: str) -> dict[str, str]:
        headers = {"User-Agent": "supervisor-rpc", "Accept": accept}
        if self.username is not None and self.password is not None:
            headers["Authorization"] = basic_authorization(self.username, self.password)
        return headers

    def _post(self, body: bytes) -> bytes:
        kept = self._kept_connection()
        if kept is not None:
            try:
                return self._exchange(kept, body)
            except (http.client.RemoteDisconnected, ConnectionError):
                self.close()
            except (OSError, http.client.HTTPException) as error:
                raise _translate(self.serverurl, error) from error
        self._connection = open_connection(self.address, self._timeout_s)
        try:
            return self._exchange(self._connection, body)
        except (OSError, http.client.HTTPException) as error:
            raise _translate(self.serverurl, error) from error

    def _kept_connection(self) -> http.client.HTTPConnection | None:
        """The connection of the last call, unless the server has closed it since."""
        connection = self._connection
        if connection is not None and connection.sock is not None:
            readable, _, _ = select.select([connection.sock], [], [], 0)
            if not readable:
                return connection
        self.close()
        return None

    def _exchange(self, connection: http.client.HTTPConnection, body: bytes) -> bytes:
        headers = {**self._headers("text/xml"), "Content-Type": "text/xml"}
        try:
            connection.request("POST", "/RPC2", body, headers)
            response = connection.getresponse()
            self._check_status(response)
            data = response.read(MAX_RESPONSE_BYTES + 1)
            if len(data) > MAX_RESPONSE_BYTES:
                raise TransportError(self.serverurl, f"answer of more than {MAX_RESPONSE_BYTES} bytes")
        except BaseException:
            # Also on Ctrl-C: half an answer must not be taken for the next one.
            self.close()
            raise
        return data

    def _check_status(self, response: http.client.HTTPResponse) -> None:
        if response.status == 401:
            raise AccessDenied(self.serverurl, "login refused")
        if response.status != 200:
            reason = f"HTTP status {response.status} {response.reason}"
            raise TransportError(self.serverurl, reason, response.status)
