"""A tiny real HTTP server that answers XML-RPC from a function, for the tests of client and commands."""

from __future__ import annotations

import http.server
import io
import socket
import socketserver
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from supervisor.client.rpc import RPCClient, basic_authorization
from supervisor.config.model import CtlConfig
from supervisor.ctl.dispatch import run_line
from supervisor.ctl.session import Session, StreamOutput
from supervisor.errors import RPCError
from supervisor.faults import Faults
from supervisor.protocol.xmlrpc import Dumpable, Value, dump_fault, dump_response, parse_call

Answer = Callable[[str, tuple[Value, ...]], Dumpable]


@dataclass
class Script:
    """What the server does: ``answer`` gives results or raises RPCError; ``logs`` are bodies of GETs by path.

    ``login``: user and password that are wanted. ``status``: an HTTP status for every
    POST. ``closes``: close each connection after its answer, silently.
    """

    answer: Answer
    logs: dict[str, list[bytes]] = field(default_factory=dict)
    login: tuple[str, str] | None = None
    status: int = 200
    closes: bool = False
    calls: list[tuple[str, tuple[Value, ...]]] = field(default_factory=list)
    connections: int = 0


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    script: Script

    def setup(self) -> None:
        super().setup()
        self.script.connections += 1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self._refused():
            return
        if self.script.status != 200:
            self.send_error(self.script.status)
            return
        call = parse_call(body)
        self.script.calls.append((call.method, call.params))
        try:
            data = dump_response(self.script.answer(call.method, call.params))
        except RPCError as error:
            data = dump_fault(error.code, error.text)
        self.send_response(200)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        if self.script.closes:
            self.close_connection = True

    def do_GET(self) -> None:
        if self._refused():
            return
        pieces = self.script.logs.get(self.path)
        if pieces is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def _refused(self) -> bool:
        login = self.script.login
        if login is None or self.headers["Authorization"] == basic_authorization(*login):
            return False
        self.send_response(401)
        self.send_header("Content-Length", "0")
        self.end_headers()
        return True

    def address_string(self) -> str:
        return "client"

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Quiet(socketserver.ThreadingMixIn, socketserver.BaseServer):
    """Clients may leave at any time: that is nothing to print."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _UnixServer(_Quiet, socketserver.UnixStreamServer):
    pass


class _TCPServer(_Quiet, socketserver.TCPServer):
    allow_reuse_address = True


@contextmanager
def serve(script: Script, socket_path: Path | None = None) -> Iterator[str]:
    """Serve ``script`` on a unix socket, or on a loopback port; gives the serverurl."""
    handler = type("Handler", (_Handler,), {"script": script})
    server: socketserver.BaseServer
    if socket_path is None:
        tcp = _TCPServer(("127.0.0.1", 0), handler)
        server, url = tcp, f"http://127.0.0.1:{tcp.server_address[1]}"
    else:
        server, url = _UnixServer(str(socket_path), handler), f"unix://{socket_path}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def process_info(name: str, group: str = "", state: str = "RUNNING", **more: Value) -> dict[str, Value]:
    """A getProcessInfo struct."""
    codes = {"STOPPED": 0, "STARTING": 10, "RUNNING": 20, "EXITED": 100, "FATAL": 200}
    running = state == "RUNNING"
    return {
        "name": name,
        "group": group or name,
        "state": codes[state],
        "statename": state,
        "pid": 4711 if running else 0,
        "description": "pid 4711, uptime 0:00:03" if running else "Not started",
        **more,
    }


def with_version(answer: Answer) -> Answer:
    """``answer``, and the API version to who asks for it."""
    return lambda method, params: "3.0" if method == "supervisor.getVersion" else answer(method, params)


WELL: Final[dict[str, Dumpable]] = {"getState": {"statecode": 1, "statename": "RUNNING"}}
"""What is answered unless a test says otherwise."""


def from_table(table: dict[str, Dumpable | RPCError | Answer]) -> Answer:
    """An answer function from short method names to results, faults, or functions."""

    def answer(method: str, params: tuple[Value, ...]) -> Dumpable:
        name = method.removeprefix("supervisor.")
        found = table.get(name, WELL.get(name, RPCError(Faults.UNKNOWN_METHOD)))
        if isinstance(found, RPCError):
            raise found
        return found(method, params) if callable(found) else found

    return with_version(answer)


@dataclass(frozen=True)
class Ran:
    """What a command line gave."""

    out: str
    status: int
    err: str = ""


def run_ctl(
    url: str,
    line: str,
    *,
    username: str | None = None,
    password: str | None = None,
    interactive: bool = False,
    json: bool = False,
    terminal: bool = False,
    replies: tuple[str, ...] = (),
) -> Ran:
    """Carry out ``line`` against the server at ``url``; ``replies`` answer its questions."""
    out = io.TextIOWrapper(io.BytesIO(), "utf-8", newline="\n")
    err = io.StringIO()
    left = list(replies)

    def ask(prompt: str) -> str:
        out.write(prompt)
        if not left:
            raise EOFError
        return left.pop(0)

    with RPCClient(url, username, password) as client:
        session = Session(
            CtlConfig(serverurl=url, username=username, password=password),
            client,
            StreamOutput(out, terminal),
            errors=err,
            interactive=interactive,
            json=json,
            ask=ask,
            ask_secret=ask,
        )
        status = run_line(session, line)
        session.client.close()
    out.flush()
    data = out.buffer
    assert isinstance(data, io.BytesIO)
    return Ran(data.getvalue().decode("utf-8", "surrogateescape"), status, err.getvalue())


def free_port() -> int:
    """A loopback port where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert isinstance(port, int)
    return port


def process_of(processes: list[Dumpable]) -> Answer:
    """Answers getProcessInfo for these, as getAllProcessInfo has them."""

    def get_process(method: str, params: tuple[Value, ...]) -> Dumpable:
        for info in processes:
            assert isinstance(info, dict)
            if params[0] in (info["name"], f"{info['group']}:{info['name']}"):
                return info
        raise RPCError(Faults.BAD_NAME, str(params[0]))

    return get_process
