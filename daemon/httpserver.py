"""HTTP: XML-RPC, log tails, health; must never know the stream server.

A shell over aiohttp's low-level server. Every URL of a server with a password
needs it. Bodies are bounded, and only what is in the method table can be called.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import html
import http
import time
from email.utils import formatdate
from urllib.parse import unquote

from aiohttp import HttpVersion11, web

from supervisor.config.model import InetServerConfig, UnixServerConfig
from supervisor.errors import LocalProtocolError, RemoteProtocolError, RPCError
from supervisor.faults import Faults
from supervisor.namespec import split_namespec
from supervisor.protocol import xmlrpc

from .access import Caller, Peer, Throttle, login_matches, peer_of
from .loop import Supervisor
from .methods.table import MethodTable
from .output.cursor import Chunk, Cursor, Readable
from .version import VERSION

BODY_MAX_BYTES = 1 << 20
TAIL_BYTES = 1024
SERVER_NAME = f"supervisor/{VERSION}"


class HttpError(Exception):
    """An answer that is no 200."""

    def __init__(self, status: int, headers: dict[str, str] | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers or {}


class HttpDoor:
    """The handler of one server section."""

    def __init__(
        self,
        config: UnixServerConfig | InetServerConfig,
        supervisor: Supervisor,
        table: MethodTable,
        throttle: Throttle,
    ) -> None:
        self.config = config
        self._supervisor = supervisor
        self._table = table
        self._throttle = throttle

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        try:
            caller = await self._authenticate(request)
            path = unquote(request.raw_path.partition("?")[0])
            response = await self._route(request, path, caller)
        except HttpError as error:
            response = _error(error.status, error.headers)
        response.headers["Server"] = SERVER_NAME
        return response

    async def _route(self, request: web.BaseRequest, path: str, caller: Caller) -> web.StreamResponse:
        if path.rstrip("/") == "/RPC2":
            if request.method != "POST":
                raise HttpError(400)
            return await self._rpc(request, caller)
        if path.startswith("/logtail/"):
            return await self._tail(request, self._process_log(path.removeprefix("/logtail/")))
        if path == "/mainlogtail":
            store = self._supervisor.log.store
            if store is None:
                raise HttpError(404)
            return await self._tail(request, store)
        if path == "/ok.html":
            return web.Response(text="OK", content_type="text/plain")
        raise HttpError(404)

    # --- who ------------------------------------------------------------------------------------------

    async def _authenticate(self, request: web.BaseRequest) -> Caller:
        transport = request.transport
        sock = transport.get_extra_info("socket") if transport is not None else None
        peer = peer_of(sock) if sock is not None else Peer("gone", "gone")
        if not self.config.username:
            return Caller(peer.name, "admin")
        delay = self._throttle.delay(peer.address, time.monotonic())
        if delay:
            await asyncio.sleep(delay)
        given = _basic(request.headers.get("Authorization", ""))
        if given is None or not login_matches(self.config.username, self.config.password, *given):
            if given is not None:
                self._throttle.failed(peer.address, time.monotonic())
            raise HttpError(401, {"WWW-Authenticate": 'Basic realm="default"', "Connection": "close"})
        self._throttle.succeeded(peer.address)
        return Caller(f"{given[0]} ({peer.name})", "admin")

    # --- XML-RPC --------------------------------------------------------------------------------------

    async def _rpc(self, request: web.BaseRequest, caller: Caller) -> web.Response:
        if request.content_length is None:
            raise HttpError(411)
        if request.content_length > BODY_MAX_BYTES:
            raise HttpError(413, {"Connection": "close"})
        body = await request.read()
        log = self._supervisor.log
        try:
            call = xmlrpc.parse_call(body)
        except RemoteProtocolError as error:
            log.error(f"XML-RPC request data {body[:80]!r} is invalid: {error}")
            raise HttpError(400) from error
        log.trace(f"XML-RPC method called: {call.method}()")
        try:
            value = await self._table.call(call.method, call.params, caller)
            answer = xmlrpc.dump_response(value)
            log.trace(f"XML-RPC method {call.method}() returned successfully")
        except RPCError as error:
            log.trace(f"XML-RPC method {call.method}() returned fault: [{error.code}] {error.text}")
            answer = xmlrpc.dump_fault(error.code, error.text)
        except LocalProtocolError as error:
            answer = xmlrpc.dump_fault(Faults.FAILED, f"FAILED: {error}")
        return web.Response(body=answer, content_type="text/xml")

    # --- tails ----------------------------------------------------------------------------------------

    def _process_log(self, rest: str) -> Readable:
        name, _, channel = rest.rstrip("/").partition("/")
        group_name, process_name = split_namespec(name)
        group = self._supervisor.groups.get(group_name)
        process = group.processes.get(process_name or "") if group is not None else None
        output = process.outputs.get(channel or "stdout") if process is not None else None
        if output is None or output.sink is None or not output.path:
            raise HttpError(404)
        return output.sink

    async def _tail(self, request: web.BaseRequest, store: Readable) -> web.StreamResponse:
        """The last bytes, then whatever is added, until the client goes."""
        if request.method != "GET":
            raise HttpError(400)
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/plain;charset=utf-8",
                "Last-Modified": formatdate(usegmt=True),
                "X-Accel-Buffering": "no",
                "Server": SERVER_NAME,
            }
        )
        if request.version >= HttpVersion11:
            response.enable_chunked_encoding()
        await response.prepare(request)
        news = asyncio.Event()
        store.watchers.callbacks.add(news.set)
        cursor = Cursor.last(store, TAIL_BYTES)
        gen = cursor.gen
        try:
            while request.transport is not None and not request.transport.is_closing():
                news.clear()
                while (item := cursor.next()) is not None:
                    if cursor.gen != gen:
                        gen = cursor.gen
                        await response.write(b"==> File truncated <==\n")
                    if isinstance(item, Chunk):
                        await response.write(item.data)
                await news.wait()
        except (ConnectionError, OSError):
            pass  # the client left, or the file is gone: either way the answer ends here
        finally:
            store.watchers.callbacks.discard(news.set)
        return response


def _basic(header: str) -> tuple[str, str] | None:
    """Name and password of a Basic header; None for anything else."""
    scheme, _, packed = header.partition(" ")
    if scheme.lower() != "basic" or len(packed) > 8192:
        return None
    try:
        name, colon, password = base64.b64decode(packed.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (name, password) if colon else None


def _error(status: int, headers: dict[str, str]) -> web.Response:
    reason = html.escape(http.HTTPStatus(status).phrase)
    text = (
        f"<head>\r\n<title>Error response</title>\r\n</head>\r\n<body>\r\n<h1>Error response</h1>\r\n"
        f"<p>Error code {status}.\r\n<p>Message: {reason}.\r\n</body>\r\n"
    )
    return web.Response(status=status, text=text, content_type="text/html", headers=headers)
