"""HTTP: XML-RPC, pages, log tails, health; must never know the stream server.

A shell over aiohttp's low-level server, behind the bounds of ``httpgate``. Every URL
of a server with a password needs it. Only what is in the method table can be called.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
import traceback
from collections.abc import Mapping
from email.utils import formatdate
from importlib import resources
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractAccessLogger

from supervisor.config.model import InetServerConfig, UnixServerConfig
from supervisor.config.values import is_loopback
from supervisor.errors import LocalProtocolError, RemoteProtocolError, RPCError
from supervisor.faults import Faults
from supervisor.protocol import xmlrpc
from supervisor.version import VERSION

from .access import Account, Caller, Doorkeeper, Peer, TooManyAttempts, basic_login
from .httpgate import Gate, Gates, error_page
from .httphead import HEAD_MAX_BYTES, Call, Head, Refused
from .loop import Supervisor
from .mainlog import LEVELS
from .methods.table import MethodTable
from .origin import is_local, is_script, may_post
from .output.cursor import Chunk, Cursor, Readable
from .output.lane import Unanswered
from .web.pages import Frame
from .web.site import Page, Visit, visit

TAIL_BYTES: Final = 1024
FORM_FIELDS_MAX: Final = 32
SERVER_NAME: Final = f"supervisor/{VERSION}"
NEVER_S: Final = 7 * 86400.0
STYLE_PATH: Final = "/stylesheets/supervisor.css"
PAGES: Final = frozenset(("/", "/index.html", "/tail.html"))

SAFETY: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""On everything that a browser might show."""

FRESH: Final = {
    "Cache-Control": "no-store, no-cache",
    "Pragma": "no-cache",
    "Expires": "Thu, 01 Jan 1970 00:00:00 GMT",
}


class HttpError(Exception):
    """An answer that is no 200."""

    def __init__(self, status: int, headers: Mapping[str, str] | None = None, close: bool = False) -> None:
        super().__init__(status)
        self.status = status
        self.headers = dict(headers or {})
        self.close = close


class HttpDoor:
    """One server section: give ``protocol`` to asyncio."""

    def __init__(
        self,
        config: UnixServerConfig | InetServerConfig,
        supervisor: Supervisor,
        table: MethodTable,
        doorkeeper: Doorkeeper,
    ) -> None:
        self.config = config
        self._supervisor = supervisor
        self._table = table
        self._doorkeeper = doorkeeper
        self._account = Account(config.username, config.password)
        self._checks_host = (
            isinstance(config, InetServerConfig)
            and not config.username
            and (is_loopback(config.host) or config.host == "localhost")
        )
        self._style = resources.files("supervisor.daemon.web").joinpath("supervisor.css").read_bytes()
        self._style_date = formatdate(int(time.time()), usegmt=True)
        quiet = logging.getLogger("supervisor.http")
        quiet.disabled = True  # what matters goes to the main log
        self.server = web.Server(
            self.handle,
            access_log=quiet,
            access_log_class=self._finisher(),
            logger=quiet,
            keepalive_timeout=NEVER_S,  # the gate's clock rules
            max_line_size=HEAD_MAX_BYTES,
            max_field_size=HEAD_MAX_BYTES,
            auto_decompress=False,
        )
        self._gates = Gates(
            SERVER_NAME, self.server, self._refused, self._supervisor.users.name, self._at_once
        )
        self._date = (0, "")
        self.protocol = self._gates.protocol

    def _finisher(self) -> type[AbstractAccessLogger]:
        """What aiohttp tells that an answer was written."""
        finished = self._finished

        class Finisher(AbstractAccessLogger):
            def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
                finished(request, response)

        return Finisher

    async def shutdown(self) -> None:
        """End all connections."""
        await self.server.shutdown(0.5)

    # --- before and after -----------------------------------------------------------------------------

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        gate = self._gates.of(request.protocol)
        if gate is None:
            raise ConnectionResetError("the client has gone")
        try:
            caller = await self._authenticate(request, gate)
            response = await self._route(request, gate, caller)
        except HttpError as error:
            response = _error(error)
        except ConnectionError:
            raise
        except Exception:  # noqa: BLE001  # a bug of ours ends this request, and nothing else
            log = self._supervisor.log
            log.critical(
                f"uncaptured python exception while answering {request.path!r}:\n{traceback.format_exc()}"
            )
            response = _error(HttpError(500))
        response.headers["Server"] = SERVER_NAME
        return response

    def _finished(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        gate = self._gates.of(request.protocol)
        if gate is None:
            return
        if self._supervisor.log.level <= LEVELS["trace"]:
            version = f"{request.version.major}.{request.version.minor}"
            self._log_access(
                gate.peer,
                f"{request.method} {request.raw_path} HTTP/{version}",
                response.status,
                response.body_length,
            )
        gate.answered()

    def _refused(self, peer: Peer, refused: Refused) -> None:
        if self._supervisor.log.level <= LEVELS["trace"]:
            self._log_access(peer, f"({refused})", refused.status, 0)

    def _log_access(self, peer: Peer, line: str, status: int, size: int) -> None:
        when = time.strftime("%d/%b/%Y:%H:%M:%S %z")
        self._supervisor.log.trace(f'{peer.place} - - [{when}] "{line}" {status} {size}')

    # --- who ------------------------------------------------------------------------------------------

    async def _authenticate(self, request: web.BaseRequest, gate: Gate) -> Caller:
        peer = gate.peer
        if not self.config.username:
            host = request.headers.get("Host")
            if self._checks_host and host is not None and not is_local(host):
                raise HttpError(403, close=True)
            gate.admitted = True
        else:
            header = request.headers.get("Authorization", "")
            if not (gate.admitted and header == gate.authorization):
                await self._log_in(header, peer)
                gate.admitted, gate.authorization = True, header
        if request.method == "POST" and not may_post(request.headers):
            raise HttpError(403)
        return self._caller(peer)

    async def _log_in(self, header: str, peer: Peer) -> None:
        """Raises HttpError when the header does not open this server."""
        login = basic_login(header)
        try:
            if login is not None and await self._doorkeeper.admits(self._account, login, peer):
                return
        except TooManyAttempts as error:
            retry = {"Retry-After": str(int(error.retry_s) + 1)}
            raise HttpError(429, retry, close=True) from error
        raise HttpError(401, {"WWW-Authenticate": 'Basic realm="default"'}, close=True)

    # --- where ----------------------------------------------------------------------------------------

    async def _route(self, request: web.BaseRequest, gate: Gate, caller: Caller) -> web.StreamResponse:
        raw, _, query = request.raw_path.partition("?")
        path = unquote(raw)
        if path == "/RPC2" or path == "/RPC2/":
            if request.method != "POST":
                raise HttpError(400)
            return await self._rpc(request, caller)
        if path.startswith("/logtail/") or path in ("/mainlogtail", "/logtail"):
            if request.method != "GET":
                raise HttpError(400)
            return await self._tail(request, gate, self._log_at(path))
        if path == "/ok.html":
            return web.Response(body=b"OK", headers={**SAFETY, "Content-Type": "text/plain"})
        if path in PAGES:
            return await self._page(request, gate, caller, path, query)
        if path == STYLE_PATH and request.method != "POST":
            return self._stylesheet(request)
        raise HttpError(400 if request.method == "POST" else 404)

    # --- XML-RPC --------------------------------------------------------------------------------------

    async def _rpc(self, request: web.BaseRequest, caller: Caller) -> web.Response:
        body = await request.read()
        log = self._supervisor.log
        try:
            call = xmlrpc.parse_call(body)
        except RemoteProtocolError as error:
            log.error(f"XML-RPC request data {body[:80]!r} is invalid: {error}")
            raise HttpError(400) from error
        traced = log.level <= LEVELS["trace"]
        if traced:
            log.trace(f"XML-RPC method called: {call.method}()")
        try:
            answer = xmlrpc.dump_response(await self._table.call(call.method, call.params, caller))
            if traced:
                log.trace(f"XML-RPC method {call.method}() returned successfully")
        except (RPCError, LocalProtocolError) as error:
            answer = self._fault(call.method, error)
        return web.Response(body=answer, headers={"Content-Type": "text/xml"})

    def _fault(self, method: str, error: RPCError | LocalProtocolError) -> bytes:
        if isinstance(error, LocalProtocolError):
            return xmlrpc.dump_fault(Faults.FAILED, f"FAILED: {error}")
        self._supervisor.log.trace(f"XML-RPC method {method}() returned fault: [{error.code}] {error.text}")
        return xmlrpc.dump_fault(error.code, error.text)

    def _at_once(self, gate: Gate, call: Call) -> bytes | None:
        """The answer to a call that waits for nothing, by somebody who is known: half the work of the longer way.

        None: that one decides.
        """
        caller = self._known(gate, call.head)
        if caller is None or self._supervisor.log.level <= LEVELS["trace"]:
            return None
        try:
            asked = xmlrpc.parse_call(call.body)
        except RemoteProtocolError:
            return None
        method = self._table.methods.get(asked.method)
        if method is None or not method.at_once:
            return None
        try:
            answer = xmlrpc.dump_response(self._table.begin(asked.method, asked.params, caller))
        except (RPCError, LocalProtocolError) as error:
            answer = self._fault(asked.method, error)
        except Exception:  # noqa: BLE001  # as in handle
            self._supervisor.log.critical(
                f"uncaptured python exception while answering {asked.method}:\n{traceback.format_exc()}"
            )
            return self._whole("500 Internal Server Error", "text/html", error_page(500).encode())
        return self._whole("200 OK", "text/xml", answer)

    def _known(self, gate: Gate, head: Head) -> Caller | None:
        """Who calls; None where that has to be looked at first."""
        if self.config.username:
            if not (
                gate.admitted and head.authorization.decode("utf-8", "surrogateescape") == gate.authorization
            ):
                return None
        elif self._checks_host and head.host is not None and not is_local(head.host.decode("latin-1")):
            return None
        gate.admitted = True
        return self._caller(gate.peer)

    def _caller(self, peer: Peer) -> Caller:
        name = f"{self.config.username} ({peer.name})" if self.config.username else peer.name
        return Caller(name, self.config.role, peer.uid < 0)

    def _whole(self, status: str, kind: str, body: bytes) -> bytes:
        """A whole answer, on a connection that stays."""
        now = int(time.time())
        if now != self._date[0]:
            self._date = (now, formatdate(now, usegmt=True))
        head = (
            f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nServer: {SERVER_NAME}\r\n"
            f"Content-Length: {len(body)}\r\nDate: {self._date[1]}\r\n\r\n"
        )
        return head.encode() + body

    # --- pages ----------------------------------------------------------------------------------------

    async def _page(
        self, request: web.BaseRequest, gate: Gate, caller: Caller, path: str, query: str
    ) -> web.Response:
        by_form = request.method == "POST"
        body = (await request.read()).decode("utf-8", "replace") if by_form else ""
        try:
            form = dict(
                parse_qsl(
                    f"{query}&{body}",
                    keep_blank_values=True,
                    errors="replace",
                    max_num_fields=FORM_FIELDS_MAX,
                )
            )
        except ValueError as error:
            raise HttpError(400) from error
        now, purpose = time.monotonic(), f"{self.config.section} {self.config.username}"
        keeper = self._doorkeeper
        if request.method == "HEAD":
            form.pop("action", None)
        visited = Visit(
            path,
            form,
            by_form,
            trusted=_without_browser(request, gate.peer),
            confirmed=by_form and keeper.is_form_token(form.get("token", ""), purpose, now),
        )

        async def call(method: str, params: Any) -> Any:
            return await self._table.call(method, params, caller)

        frame = Frame(self._supervisor.settings.identifier, VERSION, keeper.form_token(purpose, now))
        try:
            page = await visit(visited, call, frame)
        except RPCError as error:
            if error.code != Faults.SHUTDOWN_STATE:
                raise
            raise HttpError(503) from error
        return _page_response(page)

    def _stylesheet(self, request: web.BaseRequest) -> web.Response:
        headers = {
            **SAFETY,
            "Content-Type": "text/css",
            "Last-Modified": self._style_date,
            "Cache-Control": "no-cache",
        }
        if request.headers.get("If-Modified-Since") == self._style_date:
            return web.Response(status=304, headers=headers)
        return web.Response(body=self._style, headers=headers)

    # --- tails ----------------------------------------------------------------------------------------

    def _log_at(self, path: str) -> Readable:
        """The store that a tail is of. Raises HttpError."""
        if path == "/mainlogtail":
            if self._supervisor.log.store is None:
                raise HttpError(404)
            return self._supervisor.log.store
        name, _, channel = path.removeprefix("/logtail").strip("/").partition("/")
        process = self._supervisor.find(name)
        output = process.outputs.get(channel or "stdout") if process is not None else None
        if output is None or output.sink is None or not output.path or not self._is_there(output.path):
            raise HttpError(404)
        return output.sink

    def _is_there(self, path: str) -> bool:
        """Of a file whose file system may not answer it is taken for granted."""
        return self._supervisor.stores.lanes.of(path) is not None or os.path.exists(path)

    async def _tail(self, request: web.BaseRequest, gate: Gate, store: Readable) -> web.StreamResponse:
        """The last bytes, then whatever is added, until the client goes."""
        response = web.StreamResponse(
            headers={
                **SAFETY,
                "Content-Type": "text/plain;charset=utf-8",
                "Last-Modified": formatdate(usegmt=True),
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
                "Server": SERVER_NAME,
            }
        )
        if request.version >= HttpVersion11:
            response.enable_chunked_encoding()
        else:
            response.force_close()
        await response.prepare(request)
        news = asyncio.Event()
        gone: list[bool] = []

        def lost() -> None:
            gone.append(True)
            news.set()

        store.watchers.add(news.set)
        gate.on_lost.add(lost)
        if gate.lost:  # while its login was checked
            lost()
        cursor = Cursor.last(store, TAIL_BYTES)
        gen = cursor.gen
        try:
            while not gone:
                news.clear()
                with contextlib.suppress(BlockingIOError, Unanswered):  # told when it can be read
                    while not gone and (item := cursor.next()) is not None:
                        if cursor.gen != gen:
                            gen = cursor.gen
                            await response.write(b"==> File truncated <==\n")
                        if isinstance(item, Chunk):
                            await response.write(item.data)
                await news.wait()
        except OSError:
            pass  # the client left, or the file is gone: either way the answer ends here
        finally:
            store.watchers.discard(news.set)
            gate.on_lost.discard(lost)
        return response


def _without_browser(request: web.BaseRequest, peer: Peer) -> bool:
    """Whether a request comes from a program on this machine, so that no foreign page can have caused it."""
    if not is_script(request.headers):
        return False
    if peer.uid >= 0:
        return True
    host = request.headers.get("Host")
    return is_loopback(peer.address) and (host is None or is_local(host))


def _page_response(page: Page) -> web.Response:
    headers = {**SAFETY, **FRESH}
    if page.location:
        return _error(HttpError(page.status, {**FRESH, "Location": page.location}))
    if not page.html:
        return _error(HttpError(page.status))
    if page.status == 405:
        headers["Allow"] = "POST"
    return web.Response(
        status=page.status,
        body=page.html.encode("utf-8", "replace"),
        headers={**headers, "Content-Type": "text/html;charset=utf-8"},
    )


def _error(error: HttpError) -> web.Response:
    response = web.Response(
        status=error.status,
        body=error_page(error.status).encode(),
        headers={**SAFETY, "Content-Type": "text/html", **error.headers},
    )
    if error.close:
        response.force_close()
    return response
