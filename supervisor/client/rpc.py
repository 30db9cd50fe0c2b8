"""A blocking XML-RPC client over unix sockets, TCP or TLS; must never know what commands print.

One connection is kept between calls. A server may close it while it is idle: where
that shows before an answer has begun, the call is sent once more on a new connection.
Errors: ServerRefused, SocketMissing, AccessDenied, VersionMismatch and TransportError
when the server cannot be talked to, ServerFault (an RPCError) when it answers with a
fault. After any of them the client can be used again.

Addresses are named tuples here, and records so elsewhere on the way of a one-shot
command: making a dataclass costs an interpreter that starts four times as much.
"""

from __future__ import annotations

import binascii
import re
import select
import socket
from collections.abc import Iterator
from typing import Final, NamedTuple, Self

from ..errors import (
    AccessDenied,
    RemoteProtocolError,
    RPCError,
    ServerError,
    ServerRefused,
    SocketMissing,
    SupervisorError,
    TransportError,
    UserError,
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
from ..tls import HANDSHAKE_S, NO_FILES, TlsFiles, client_context, closed, trouble
from .http1 import Head, ResponseDecoder, encode_request

API_VERSION: Final = "3.0"
_READ_BYTES: Final = 1 << 16


class ServerFault(RPCError):
    """A fault that a server answered, with the text as it came."""

    def __init__(self, code: int, text: str) -> None:
        SupervisorError.__init__(self, text)
        self.code = code
        self.text = text


class UnixAddress(NamedTuple):
    path: str


class TCPAddress(NamedTuple):
    """``tls``: spoken with the help of these files; None: plain TCP. ``name``: of the certificate, if not the host."""

    host: str
    port: int
    tls: TlsFiles | None = None
    name: str = ""


_TCP_URL = re.compile(
    r"(https?)://(?:[^/?#]*@)?(?:\[([^\]/]*)\]|([^/:?#]*))(?::([0-9]{1,5}))?(?:[/?#].*)?", re.DOTALL
)


def parse_serverurl(url: str, tls: TlsFiles = NO_FILES) -> UnixAddress | TCPAddress:
    """Where ``unix://PATH``, ``http://HOST[:PORT]`` (port 80) or ``https://HOST[:PORT]`` (443) points to.

    User, password and path of an http URL are ignored. ``tls`` is for https. Raises ValueError.
    """
    if url.startswith("unix://"):
        return UnixAddress(url[len("unix://") :])
    match = _TCP_URL.fullmatch(url)
    if match is None:
        raise ValueError(f"Unknown protocol for serverurl {url}")
    secure = match[1] == "https"
    host = match[2] or match[3] or "localhost"
    port = int(match[4] or (443 if secure else 80))
    if not 0 < port < 65536:  # the system would take what is left of it in 16 bits, another server's
        raise ValueError(f"no port has the number {port}")
    return TCPAddress(host, port, tls if secure else None)


def parse_stream_address(
    text: str, server: UnixAddress | TCPAddress, tls: TlsFiles
) -> UnixAddress | TCPAddress | None:
    """What getStreamAddress answered: ``unix:///path``, ``tcp://host:port``, ``tls://host:port``; None for others.

    One on all addresses is reached as the HTTP ``server`` was. None also where following would be wrong:
    without TLS although ``server`` has it, and a path of another machine. Where both have it, the certificate
    is to be for the name that the user gave.
    """
    scheme, separator, rest = text.partition("://")
    if text.startswith("/"):
        scheme, rest = "unix", text
    if scheme == "unix" and rest:
        elsewhere = isinstance(server, TCPAddress) and not _is_here(server.host)
        return None if elsewhere else UnixAddress(rest)
    if not separator:
        scheme, rest = "tcp", text
    host, colon, port = rest.rpartition(":")
    if scheme not in ("tcp", "tls") or not colon or not (port.isascii() and port.isdigit()):
        return None
    if not 0 < int(port) < 65536:
        return None
    asked = server.host if isinstance(server, TCPAddress) and server.tls is not None else ""
    if scheme == "tcp" and asked:
        return None
    host = host.strip("[]")
    if host in ("", "*", "0.0.0.0", "::"):
        host = server.host if isinstance(server, TCPAddress) else "localhost"
    if scheme == "tcp":
        return TCPAddress(host, int(port))
    return TCPAddress(host, int(port), tls, asked)


def _is_here(host: str) -> bool:
    """Whether a host is this machine, by its name alone."""
    return host in ("localhost", "::1", socket.gethostname()) or host.startswith("127.")


def connect(address: UnixAddress | TCPAddress, timeout_s: float | None) -> socket.socket:
    """A connected socket with that timeout. Raises OSError, and UserError for files that TLS cannot use."""
    if isinstance(address, TCPAddress):
        return _connect_tcp(address, timeout_s)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout_s)
        connection.connect(address.path)
    except BaseException:
        connection.close()
        raise
    return connection


def _connect_tcp(address: TCPAddress, timeout_s: float | None) -> socket.socket:
    context = client_context(address.tls) if address.tls is not None else None
    connection = socket.create_connection((address.host, address.port), timeout_s)
    if context is None:
        return connection
    connection.settimeout(HANDSHAKE_S if timeout_s is None else timeout_s)
    try:
        secured = context.wrap_socket(connection, server_hostname=address.name or address.host)
    except BaseException:
        connection.close()
        raise
    secured.settimeout(timeout_s)
    return secured


def basic_authorization(username: str, password: str) -> str:
    """The value of an Authorization header."""
    credentials = f"{username}:{password}".encode("utf-8", "surrogateescape")
    return "Basic " + binascii.b2a_base64(credentials, newline=False).decode("ascii")


def _is_readable(connection: socket.socket, timeout_s: float) -> bool:
    """Whether bytes or the end of the connection come within ``timeout_s``."""
    poll = select.poll()  # unlike select, good for any number of descriptors
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(timeout_s * 1000))


class _Stale(Exception):
    """The server closed a kept connection before it answered anything."""


class _Answer:
    """An HTTP answer as it comes from a socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._decoder = ResponseDecoder()
        self._first = b""

    def head(self) -> Head:
        """The head, and with it maybe the first bytes of the body. Raises _Stale before the first byte."""
        received = False
        while self._decoder.head is None:
            try:
                data = self._socket.recv(_READ_BYTES)
            except ConnectionError as error:
                if received:
                    raise
                raise _Stale from error
            if not data and not received:
                raise _Stale
            received = True
            self._first = self._decoder.feed(data)
        return self._decoder.head

    def read(self) -> bytes:
        """The next bytes of the body; none at its end."""
        data, self._first = self._first, b""
        while not data and not self._decoder.done:
            data = self._decoder.feed(self._socket.recv(_READ_BYTES))
        return data

    @property
    def keeps_open(self) -> bool:
        return self._decoder.done and self._decoder.keeps_open


def translate_error(address: str, error: OSError) -> ServerError:
    """What an error of a socket to ``address`` means."""
    if isinstance(error, ConnectionRefusedError):
        return ServerRefused(address, "connection refused")
    if isinstance(error, FileNotFoundError):
        return SocketMissing(address, "no such file")
    if isinstance(error, TimeoutError):
        return TransportError(address, "no answer in time")
    if isinstance(error, ConnectionError):
        return TransportError(address, "the server closed the connection")
    return TransportError(address, trouble(error) or (error.strerror or str(error)).lower())


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
        tls: TlsFiles = NO_FILES,
    ) -> None:
        self.serverurl = serverurl
        self.username = username
        self.password = password
        self._timeout_s = timeout_s
        try:
            self.address = parse_serverurl(serverurl, tls)
        except ValueError as error:
            raise TransportError(serverurl, str(error)) from error
        self._connection: socket.socket | None = None

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
        if self._connection is None:
            return True
        if not _is_readable(self._connection, timeout_s):
            return False
        self.close()
        return True

    def stream(self, path: str) -> Iterator[bytes]:
        """What a GET of ``path`` gives, piece by piece as it comes, on a connection of its own.

        Ends when the server ends the answer or goes away. Raises the ServerError kinds
        before the first piece; a TransportError's ``status`` is the HTTP status.
        """
        try:
            connection = connect(self.address, self._timeout_s)
        except (OSError, UserError) as error:
            raise self._translate(error) from error
        with connection:
            try:
                connection.sendall(encode_request("GET", path, self._headers("text/plain")))
                answer = _Answer(connection)
                self._check_status(answer.head())
            except (OSError, _Stale, RemoteProtocolError) as error:
                raise self._translate(error) from error
            while True:
                try:
                    data = answer.read()
                except (OSError, RemoteProtocolError):
                    return
                if not data:
                    return
                yield data

    def _headers(self, accept: str) -> dict[str, str]:
        host = "localhost" if isinstance(self.address, UnixAddress) else self._host(self.address)
        headers = {"Host": host, "User-Agent": "supervisor-rpc", "Accept": accept}
        if self.username is not None and self.password is not None:
            headers["Authorization"] = basic_authorization(self.username, self.password)
        return headers

    @staticmethod
    def _host(address: TCPAddress) -> str:
        host = f"[{address.host}]" if ":" in address.host else address.host
        return f"{host}:{address.port}".encode("ascii", "replace").decode()

    def _post(self, body: bytes) -> bytes:
        request = encode_request(
            "POST", "/RPC2", {**self._headers("text/xml"), "Content-Type": "text/xml"}, body
        )
        try:
            if self._has_kept_connection():
                try:
                    return self._exchange(request)
                except (_Stale, BrokenPipeError, ConnectionResetError):
                    pass
            self._connection = connect(self.address, self._timeout_s)
            return self._exchange(request)
        except (OSError, _Stale, RemoteProtocolError, UserError) as error:
            raise self._translate(error) from error

    def _has_kept_connection(self) -> bool:
        """Whether there is one that the server has not closed since the last call."""
        if self._connection is not None and not _is_readable(self._connection, 0):
            return True
        self.close()
        return False

    def _exchange(self, request: bytes) -> bytes:
        connection = self._connection
        assert connection is not None
        try:
            connection.sendall(request)
            answer = _Answer(connection)
            self._check_status(answer.head())
            parts = []
            left = MAX_RESPONSE_BYTES
            while data := answer.read():
                parts.append(data)
                left -= len(data)
                if left < 0:
                    raise TransportError(self.serverurl, f"answer of more than {MAX_RESPONSE_BYTES} bytes")
        except BaseException:
            # Also on Ctrl-C: half an answer must not be taken for the next one.
            self.close()
            raise
        if not answer.keeps_open:
            self.close()
        return b"".join(parts)

    def _check_status(self, head: Head) -> None:
        if head.status == 401:
            raise AccessDenied(self.serverurl, "login refused")
        if head.status != 200:
            reason = f"HTTP status {head.status} {head.reason}"
            raise TransportError(self.serverurl, reason, head.status)

    def _translate(self, error: Exception) -> ServerError:
        without_a_word = isinstance(error, _Stale | ConnectionResetError | BrokenPipeError)
        if without_a_word and isinstance(self.address, TCPAddress):
            return TransportError(self.serverurl, closed(self.address.tls, "https://"))
        if isinstance(error, OSError):
            return translate_error(self.serverurl, error)
        if isinstance(error, UserError):
            return TransportError(self.serverurl, str(error))
        if isinstance(error, RemoteProtocolError):
            return TransportError(self.serverurl, f"no proper HTTP answer: {error}")
        return TransportError(self.serverurl, "the server closed the connection")
