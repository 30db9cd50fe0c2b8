"""Links: the stream where there is one, polling where there is only XML-RPC, and what the console hears of it."""

from __future__ import annotations

import asyncio
import socketserver
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault
from xmlrpc.server import SimpleXMLRPCDispatcher, SimpleXMLRPCRequestHandler

import pytest

from supervisor.client import rpc
from supervisor.client import stream as client
from supervisor.errors import RPCError, UserError
from supervisor.states import ProcessStates as S
from supervisor.tls import TlsFiles
from supervisor.tui.link import Link, record_of, stream_address
from supervisor.tui.logbuffer import LogBuffer, Mark
from supervisor.tui.model import ChangeTold, LinkKind, LinkTold, Message, SnapshotTold
from supervisor.tui.places import Target
from tests.tui.fakes import FakeServer, example

Info = dict[str, Any]


class _Handler(SimpleXMLRPCRequestHandler):
    rpc_paths = ("/RPC2",)
    disable_nagle_algorithm = False
    server: OldServer

    def address_string(self) -> str:
        return "unix"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass

    def do_POST(self) -> None:
        if self.server.refuses:
            self.send_response(401)
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            super().do_POST()


class OldServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer, SimpleXMLRPCDispatcher):
    """As much of a supervisor of long ago as a console asks for: XML-RPC and nothing else."""

    daemon_threads = True

    def __init__(self, path: str) -> None:
        SimpleXMLRPCDispatcher.__init__(self, allow_none=False, encoding="utf-8")
        socketserver.UnixStreamServer.__init__(self, path, _Handler)
        self.refuses = False
        self.multicalls = 0
        self.log = "one\ntwo\n"
        self.states = {"web": 20, "off": 0}
        self.thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def _dispatch(self, method: str, params: Any) -> Any:
        name = method.removeprefix("supervisor.")
        match name:
            case "getIdentification":
                return "old"
            case "getSupervisorVersion":
                return "4.3.0"
            case "getState":
                return {"statecode": 1, "statename": "RUNNING"}
            case "getAllProcessInfo":
                return [self._info(process) for process in self.states]
            case "stopProcess":
                if params[0] not in self.states:
                    raise Fault(10, f"BAD_NAME: {params[0]}")
                self.states[params[0]] = 0
                return True
            case "tailProcessStdoutLog":
                return self._tail(*params)
            case "system.multicall":
                self.multicalls += 1
                return [self._dispatch(call["methodName"], tuple(call["params"])) for call in params[0]]
            case "readProcessStdoutLog":
                return self.log[params[1] : params[1] + params[2]]
        raise Fault(1, "UNKNOWN_METHOD")

    def _tail(self, name: str, offset: int, length: int) -> list[object]:
        """As the original: the last ``length`` bytes, whatever the offset was."""
        size = len(self.log)
        return ["" if offset >= size else self.log[max(0, size - length) :], size, size - offset > length]

    def _info(self, name: str) -> Info:
        state = self.states[name]
        return {
            "name": name, "group": name, "state": state, "statename": "RUNNING" if state == 20 else "STOPPED",
            "pid": 7 if state == 20 else 0, "start": 100, "stop": 0, "now": 200, "exitstatus": 0, "spawnerr": "",
            "description": "", "stdout_logfile": "", "stderr_logfile": "", "logfile": "",
        }  # fmt: skip

    def close(self) -> None:
        self.shutdown()
        self.server_close()
        self.thread.join()


class Listening:
    """A link running, and what it told."""

    def __init__(self, path: Path) -> None:
        self.told: list[Message] = []
        self.link = Link(Target(f"unix://{path}", name="local"), self.told.append)
        self.task = asyncio.create_task(self.link.run())

    async def close(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    def kinds(self) -> list[LinkKind]:
        return [message.kind for message in self.told if isinstance(message, LinkTold)]

    def snapshots(self) -> list[SnapshotTold]:
        return [message for message in self.told if isinstance(message, SnapshotTold)]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(15):
        while not condition():
            await asyncio.sleep(0.01)


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 40))


def test_the_stream_is_preferred(tmp_path: Path) -> None:
    async def work() -> None:
        server = FakeServer(str(tmp_path / "s.stream"))
        example(server)
        await server.start()
        console = Listening(tmp_path / "s")
        await until(console.snapshots)
        assert console.kinds()[-1] is LinkKind.LIVE
        buffer = LogBuffer()
        feed = console.link.follow("api:web_00", "stdout", buffer, lambda: None)
        await until(lambda: buffer.count == 60)
        console.link.unfollow(feed)
        with pytest.raises(RPCError):
            await console.link.call("supervisor.startProcess", "nobody", True)
        await console.close()
        await server.die()

    run(work())


def test_a_server_without_a_stream_is_polled(tmp_path: Path) -> None:
    async def work() -> None:
        server = OldServer(str(tmp_path / "s"))
        console = Listening(tmp_path / "s")
        await until(console.snapshots)
        assert console.kinds()[-1] is LinkKind.POLL and console.link.live
        assert [record.name for record in console.snapshots()[0].records] == ["web", "off"]
        buffer = LogBuffer()
        console.link.follow("web", "stdout", buffer, lambda: None)
        await until(lambda: buffer.count == 2)
        server.log += "three\n"
        assert await console.link.call("supervisor.stopProcess", "web", True) is True
        changes = [message.record for message in console.told if isinstance(message, ChangeTold)]
        assert [(record.name, record.state) for record in changes] == [("web", S.STOPPED)]
        await until(lambda: buffer.count >= 3)
        assert [line for _, line in buffer.lines(0, buffer.end)] == [b"one", b"two", b"three"]
        server.log = "new\n"
        await console.link.call("supervisor.stopProcess", "off", True)
        await until(lambda: buffer.line(buffer.end - 1) == b"new")
        with pytest.raises(RPCError, match="BAD_NAME"):
            await console.link.call("supervisor.stopProcess", "nobody", True)
        with pytest.raises(UserError, match="stream socket"):
            console.link.attach(lambda frame: None, "web", "write", 24, 80)
        await console.close()
        await asyncio.to_thread(server.close)

    run(work())


def test_a_log_that_a_polled_server_cannot_send_is_said_to_be_so(tmp_path: Path) -> None:
    async def work() -> None:
        server = OldServer(str(tmp_path / "s"))
        server.log = "\x1b[31mred\n"
        console = Listening(tmp_path / "s")
        await until(console.snapshots)
        buffer = LogBuffer()
        console.link.follow("web", "stdout", buffer, lambda: None)
        await until(lambda: buffer.count == 1)
        assert isinstance(mark := buffer.line(buffer.first), Mark) and "control characters" in mark.text
        server.log += "more\n"
        await console.link.call("supervisor.stopProcess", "web", True)
        assert buffer.count == 1 and LinkKind.AWAY not in console.kinds()
        server.log = "clean\n"
        await console.link.call("supervisor.stopProcess", "off", True)
        await until(lambda: buffer.line(buffer.end - 1) == b"clean")
        await console.close()
        await asyncio.to_thread(server.close)

    run(work())


def test_last_lines_of_a_polled_server_come_in_one_call(tmp_path: Path) -> None:
    async def work() -> None:
        server = OldServer(str(tmp_path / "s"))
        console = Listening(tmp_path / "s")
        await until(console.snapshots)
        assert not server.multicalls, "nothing is asked of what is not shown"
        glances = [console.link.glance(name, lambda: None) for name in ("web", "off")]
        await until(lambda: all(glance.line == "two" for glance in glances))
        asked = server.multicalls
        server.log += "three"
        await console.link.call("supervisor.stopProcess", "web", True)
        assert [glance.line for glance in glances] == ["three"] * 2 and server.multicalls - asked <= 2
        server.log = "\x1b[31mred\n"
        await console.link.call("supervisor.stopProcess", "web", True)
        assert all(glance.unreadable for glance in glances) and LinkKind.AWAY not in console.kinds()
        for glance in glances:
            console.link.unglance(glance)
        asked = server.multicalls
        await console.link.call("supervisor.stopProcess", "web", True)
        assert server.multicalls == asked
        await console.close()
        await asyncio.to_thread(server.close)

    run(work())


def test_older_text_of_a_polled_server(tmp_path: Path) -> None:
    async def work() -> None:
        server = OldServer(str(tmp_path / "s"))
        server.log = "".join(f"line {n:05}\n" for n in range(20_000))
        console = Listening(tmp_path / "s")
        await until(console.snapshots)
        buffer = LogBuffer()
        console.link.follow("web", "stdout", buffer, lambda: None)
        await until(lambda: buffer.count > 1)
        assert not buffer.stamp(buffer.end - 1)  # written before anybody listened
        while buffer.oldest > 0:
            assert await console.link.older("web", "stdout", buffer)
        assert [
            line for _, line in buffer.lines(buffer.first, buffer.end)
        ] == server.log.encode().splitlines()
        with pytest.raises(UserError, match="beginning of the log"):
            await console.link.older("web", "stdout", buffer)
        await console.close()
        await asyncio.to_thread(server.close)

    run(work())


def test_a_polled_server_that_goes_is_away_and_its_follower_is_found(tmp_path: Path) -> None:
    """The original dies and this project's daemon takes its place: the console notices by itself."""

    async def work() -> None:
        path = tmp_path / "s"
        old = OldServer(str(path))
        console = Listening(path)
        await until(lambda: LinkKind.POLL in console.kinds())
        await asyncio.to_thread(old.close)
        path.unlink()
        await until(lambda: console.kinds()[-1] is LinkKind.AWAY)
        new = FakeServer(str(path) + ".stream")
        example(new)
        await new.start()
        await until(lambda: console.kinds()[-1] is LinkKind.LIVE)
        await console.close()
        await new.die()

    run(work())


def test_a_polled_server_that_refuses_the_password(tmp_path: Path) -> None:
    async def work() -> None:
        server = OldServer(str(tmp_path / "s"))
        server.refuses = True
        console = Listening(tmp_path / "s")
        await until(lambda: console.kinds() and console.kinds()[-1] is LinkKind.AUTH_FAILED)
        server.refuses = False
        console.link.retry_now()
        await until(lambda: console.kinds()[-1] is LinkKind.POLL)
        await console.close()
        await asyncio.to_thread(server.close)

    run(work())


def test_another_kind_of_url_is_refused() -> None:
    with pytest.raises(UserError, match="ftp"):
        Link(Target("ftp://x"), lambda message: None)


UNIX, TCP = rpc.UnixAddress("/x"), rpc.TCPAddress("example.org", 9001)
FILES = TlsFiles("/ca.pem")
HTTPS = rpc.TCPAddress("example.org", 443, FILES)


@pytest.mark.parametrize(
    ("text", "http", "address"),
    [
        ("unix:///run/s.stream", UNIX, client.UnixAddress("/run/s.stream")),
        ("/run/s.stream", UNIX, client.UnixAddress("/run/s.stream")),
        ("unix:///run/s.stream", rpc.TCPAddress("localhost", 9001), client.UnixAddress("/run/s.stream")),
        ("unix:///run/s.stream", TCP, None),
        ("tls://:9002", TCP, client.TcpAddress("example.org", 9002, FILES)),
        ("tls://10.0.0.7:9002", HTTPS, client.TcpAddress("10.0.0.7", 9002, FILES, "example.org")),
        ("tcp://10.0.0.7:9002", HTTPS, None),
        ("10.0.0.7:9002", TCP, client.TcpAddress("10.0.0.7", 9002)),
        ("tcp://10.0.0.7:9002", TCP, client.TcpAddress("10.0.0.7", 9002)),
        (":9002", TCP, client.TcpAddress("example.org", 9002)),
        ("*:9002", TCP, client.TcpAddress("example.org", 9002)),
        ("[::1]:9002", TCP, client.TcpAddress("::1", 9002)),
        ("", TCP, None),
        ("nonsense", TCP, None),
        ("x:0", TCP, None),
        ("x:99999", TCP, None),
    ],
)
def test_stream_addresses(
    text: str, http: rpc.UnixAddress | rpc.TCPAddress, address: client.Address | None
) -> None:
    assert stream_address(text, http, FILES) == address


def test_a_record_from_a_server_that_talks_nonsense() -> None:
    assert record_of(None).name == ""
    assert record_of({"name": 7, "state": "x", "pid": []}).pid == 0


def test_exits_of_polled_servers() -> None:
    bad = record_of({"name": "a", "group": "a", "state": S.EXITED, "statename": "EXITED", "exitstatus": 3})
    assert (bad.exitstatus, bad.expected) == (3, False)
    running = record_of(
        {"name": "a", "group": "a", "state": S.RUNNING, "statename": "RUNNING", "exitstatus": 0}
    )
    assert (running.exitstatus, running.expected) == (None, True)
