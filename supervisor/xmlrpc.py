"""Door: the names that client scripts and plug-ins import from ``supervisor.xmlrpc``.

``SupervisorTransport`` makes a standard ``xmlrpc.client.ServerProxy`` talk over a unix
socket or with a user and password; faults and transport errors are those of
``xmlrpc.client``.
"""

from __future__ import annotations

import http.client
import xmlrpc.client as xmlrpclib
from typing import TYPE_CHECKING, Any

from .client.rpc import TCPAddress, UnixAddress, basic_authorization, connect, parse_serverurl
from .errors import RPCError, UserError
from .faults import Faults
from .faults import fault_name as getFaultDescription

if TYPE_CHECKING:
    from _typeshed import SizedBuffer

__all__ = ["Faults", "RPCError", "SupervisorTransport", "getFaultDescription", "xmlrpclib"]


class _Connection(http.client.HTTPConnection):
    """HTTP over a unix socket or TLS."""

    def __init__(self, address: UnixAddress | TCPAddress) -> None:
        super().__init__(address.host if isinstance(address, TCPAddress) else "localhost")
        self._address = address

    def connect(self) -> None:
        try:
            self.sock = connect(self._address, None)
        except UserError as error:
            raise OSError(str(error)) from error


class SupervisorTransport(xmlrpclib.Transport):
    """A transport for ``ServerProxy("http://127.0.0.1", transport=…)``; the proxy's own URL is a dummy.

    ``serverurl`` is ``http://host[:port]`` (port 80), ``https://host[:port]`` (the CAs of the
    system, and of ``SSL_CERT_FILE``) or ``unix://path``; raises ValueError for others. One connection is kept, in ``connection`` (None before the
    first request and after ``close``).
    """

    connection: http.client.HTTPConnection | None = None

    def __init__(
        self, username: str | None = None, password: str | None = None, serverurl: str | None = None
    ) -> None:
        super().__init__()
        self.username = username
        self.password = password
        self.verbose = False
        self.serverurl = serverurl
        self._address = parse_serverurl(serverurl or "")

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def __del__(self) -> None:
        # Proxies are made and dropped freely; their connections go with them.
        self.close()

    def request(
        self, host: Any, handler: str, request_body: SizedBuffer, verbose: bool = False
    ) -> tuple[Any, ...]:
        """The values of the answer; raises Fault, ProtocolError (status not 200) and OSError kinds."""
        headers = {"User-Agent": self.user_agent, "Content-Type": "text/xml", "Accept": "text/xml"}
        if self.username is not None and self.password is not None:
            headers["Authorization"] = basic_authorization(self.username, self.password)
        body = bytes(request_body)
        kept = self.connection is not None
        try:
            data = self._exchange(str(host), handler, body, headers)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            if not kept:
                raise
            # The server closed the idle connection: once more on a new one.
            data = self._exchange(str(host), handler, body, headers)
        parser, unmarshaller = self.getparser()
        parser.feed(data)
        parser.close()
        return tuple(unmarshaller.close())

    def _exchange(self, host: str, handler: str, body: bytes, headers: dict[str, str]) -> bytes:
        if self.connection is None:
            self.connection = (
                _Connection(self._address)
                if isinstance(self._address, UnixAddress) or self._address.tls is not None
                else http.client.HTTPConnection(self._address.host, self._address.port)
            )
        try:
            self.connection.request("POST", handler, body, headers)
            response = self.connection.getresponse()
            if response.status != 200:
                response.close()
                raise xmlrpclib.ProtocolError(host + handler, response.status, response.reason, {})
            return response.read()
        except BaseException:
            self.close()
            raise
