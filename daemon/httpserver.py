"""HTTP: XML-RPC, pages, log tails, health; must never know the stream server.

Answers what comes through the gates of ``httpgate``. Every URL of a server with a
password needs it. Only what is in the method table can be called.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from supervisor.config.model import InetServerConfig, UnixServerConfig
from supervisor.config.values import is_loopback
from supervisor.errors import LocalProtocolError, RemoteProtocolError, RPCError
from supervisor.faults import Faults
from supervisor.protocol import xmlrpc
from supervisor.version import VERSION

from .access import Account, Caller, Doorkeeper, Peer, TooManyAttempts, basic_login
from .httpanswer import Answer, error_page, http_date
from .httpgate import Exchange, Gate, Gates
from .httphead import Head, Refused
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
SHUTDOWN_S: Final = 0.5
STYLE: Final = Path(__file__).parent / "web" / "supervisor.css"
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

XML: Final = {"Content-Type": "text/xml"}
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
        self._style = STYLE.read_bytes()
        self._style_date = http_date(time.time())
        self._gates = Gates(self.handle, self._refused, self._supervisor.users.name, self._at_once)
        self.protocol = self._gates.protocol

    async def shutdown(self) -> None:
        """End all connections."""
        await self._gates.close(SHUTDOWN_S)

    # --- before and after -----------------------------------------------------------------------------

    async def handle(self, exchange: Exchange) -> None:
        """Answer one request. Raises ConnectionError: the client has gone."""
        try:
            caller = await self._authenticate(exchange)
            answer = await self._route(exchange, caller)
        except HttpError as error:
            answer = _error(error)
        except ConnectionError:
            raise
        except BlockingIOError as error:  # see workers
            self._supervisor.log.once("busy", f"cannot answer {exchange.head.target!r} now: {error.strerror}")
            answer = _error(HttpError(503))
        except Exception:  # noqa: BLE001  # a bug of ours ends this request, and nothing else
            log = self._supervisor.log
            log.critical(
                f"uncaptured python exception while answering {exchange.head.target!r}:\n{traceback.format_exc()}"
            )
            answer = _error(HttpError(500))
        if answer is not None:
            exchange.answer(answer)
        if self._supervisor.log.level <= LEVELS["trace"]:
            head = exchange.head
            line = f"{head.method} {head.target} HTTP/1.{int(head.http11)}"
            self._log_access(exchange.gate.peer, line, exchange.status, exchange.sent)

    def _refused(self, peer: Peer, refused: Refused) -> None:
        if self._supervisor.log.level <= LEVELS["trace"]:
            self._log_access(peer, f"({refused})", refused.status, 0)

    def _log_access(self, peer: Peer, line: str, status: int, size: int) -> None:
        when = time.strftime("%d/%b/%Y:%H:%M:%S %z")
        self._supervisor.log.trace(f'{peer.place} - - [{when}] "{line}" {status} {size}')

    # --- who ------------------------------------------------------------------------------------------

    async def _authenticate(self, exchange: Exchange) -> Caller:
        gate, fields = exchange.gate, exchange.head.fields
        if not self.config.username:
            host = fields.get("Host")
            if self._checks_host and host is not None and not is_local(host):
                raise HttpError(403, close=True)
            gate.admitted = True
        else:
            header = fields.get("Authorization", "")
            if not (gate.admitted and header == gate.authorization):
                await self._log_in(header, gate.peer)
                gate.admitted, gate.authorization = True, header
        if exchange.head.method == "POST" and not may_post(fields):
            raise HttpError(403)
        return self._caller(gate.peer)

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

    async def _route(self, exchange: Exchange, caller: Caller) -> Answer | None:
        """The answer; None where it was given already."""
        method = exchange.head.method
        raw, _, query = exchange.head.target.partition("?")
        path = unquote(raw)
        if path == "/RPC2" or path == "/RPC2/":
            if method != "POST":
                raise HttpError(400)
            return await self._rpc(await exchange.read(), caller)
        if path.startswith("/logtail/") or path in ("/mainlogtail", "/logtail"):
            if method != "GET":
                raise HttpError(400)
            await self._tail(exchange, self._log_at(path))
            return None
        if path == "/ok.html":
            return Answer(200, b"OK", {**SAFETY, "Content-Type": "text/plain"})
        if path in PAGES:
            return await self._page(exchange, caller, path, query)
        if path == STYLE_PATH and method != "POST":
            return self._stylesheet(exchange.head)
        raise HttpError(400 if method == "POST" else 404)

    # --- XML-RPC --------------------------------------------------------------------------------------

    async def _rpc(self, body: bytes, caller: Caller) -> Answer:
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
        return Answer(200, answer, XML)

    def _fault(self, method: str, error: RPCError | LocalProtocolError) -> bytes:
        if isinstance(error, LocalProtocolError):
            return xmlrpc.dump_fault(Faults.FAILED, f"FAILED: {error}")
        self._supervisor.log.trace(f"XML-RPC method {method}() returned fault: [{error.code}] {error.text}")
        return xmlrpc.dump_fault(error.code, error.text)

    def _at_once(self, gate: Gate, head: Head, body: bytes) -> Answer | None:
        """The answer to a call that waits for nothing, by somebody who is known; None: the longer way decides."""
        caller = self._known(gate, head)
        if caller is None or self._supervisor.log.level <= LEVELS["trace"]:
            return None
        try:
            asked = xmlrpc.parse_call(body)
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
            return _error(HttpError(500))
        return Answer(200, answer, XML)

    def _known(self, gate: Gate, head: Head) -> Caller | None:
        """Who calls; None where that has to be looked at first."""
        if self.config.username:
            if not (gate.admitted and head.fields.get("Authorization", "") == gate.authorization):
                return None
        elif self._checks_host and (host := head.fields.get("Host")) is not None and not is_local(host):
            return None
        gate.admitted = True
        return self._caller(gate.peer)

    def _caller(self, peer: Peer) -> Caller:
        name = f"{self.config.username} ({peer.name})" if self.config.username else peer.name
        return Caller(name, self.config.role, peer.uid < 0)

    # --- pages ----------------------------------------------------------------------------------------

    async def _page(self, exchange: Exchange, caller: Caller, path: str, query: str) -> Answer:
        by_form = exchange.head.method == "POST"
        body = (await exchange.read()).decode("utf-8", "replace") if by_form else ""
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
        if exchange.head.method == "HEAD":
            form.pop("action", None)
        visited = Visit(
            path,
            form,
            by_form,
            trusted=_without_browser(exchange.head.fields, exchange.gate.peer),
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
        return _page_answer(page)

    def _stylesheet(self, head: Head) -> Answer:
        headers = {
            **SAFETY,
            "Content-Type": "text/css",
            "Last-Modified": self._style_date,
            "Cache-Control": "no-cache",
        }
        if head.fields.get("If-Modified-Since") == self._style_date:
            return Answer(304, b"", headers)
        return Answer(200, self._style, headers)

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

    async def _tail(self, exchange: Exchange, store: Readable) -> None:
        """The last bytes, then whatever is added, until the client goes. Raises ConnectionError."""
        gate = exchange.gate
        exchange.begin(
            {
                **SAFETY,
                "Content-Type": "text/plain;charset=utf-8",
                "Last-Modified": http_date(time.time()),
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
            }
        )
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
                            await exchange.write(b"==> File truncated <==\n")
                        if isinstance(item, Chunk):
                            await exchange.write(item.data)
                await news.wait()
        except ConnectionError:
            raise
        except OSError:
            pass  # the file is gone
        finally:
            store.watchers.discard(news.set)
            gate.on_lost.discard(lost)
        exchange.end()


def _without_browser(fields: Mapping[str, str], peer: Peer) -> bool:
    """Whether a request comes from a program on this machine, so that no foreign page can have caused it."""
    if not is_script(fields):
        return False
    if peer.uid >= 0:
        return True
    host = fields.get("Host")
    return is_loopback(peer.address) and (host is None or is_local(host))


def _page_answer(page: Page) -> Answer:
    if page.location:
        return _error(HttpError(page.status, {**FRESH, "Location": page.location}))
    if not page.html:
        return _error(HttpError(page.status))
    headers = {**SAFETY, **FRESH, "Content-Type": "text/html;charset=utf-8"}
    if page.status == 405:
        headers["Allow"] = "POST"
    return Answer(page.status, page.html.encode("utf-8", "replace"), headers)


def _error(error: HttpError) -> Answer:
    headers = {**SAFETY, "Content-Type": "text/html", **error.headers}
    return Answer(error.status, error_page(error.status).encode(), headers, error.close)
