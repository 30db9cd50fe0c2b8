from __future__ import annotations

import socket
import threading
import xmlrpc.client
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from supervisor.client.rpc import RPCClient, ServerFault, TCPAddress, UnixAddress, parse_serverurl
from supervisor.errors import (
    AccessDenied,
    RPCError,
    ServerRefused,
    SocketMissing,
    TransportError,
    VersionMismatch,
)
from supervisor.faults import Faults
from supervisor.protocol.xmlrpc import Dumpable, Value, dump_response
from supervisor.tls import NO_FILES
from supervisor.xmlrpc import SupervisorTransport, xmlrpclib
from tests.core.ctl_support import Script, free_port, serve


def echo(method: str, params: tuple[Value, ...]) -> Dumpable:
    if method == "fail":
        raise RPCError(Faults.BAD_NAME, "x")
    if method == "supervisor.getVersion":
        return "3.0"
    return [method, list(params)]


@contextmanager
def raw_server(answers: list[bytes]) -> Iterator[str]:
    """A server that reads a little and sends one of ``answers`` on each connection, then closes it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            for answer in answers:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

        thread = threading.Thread(target=run)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


@pytest.mark.parametrize("unix", [True, False])
def test_calls_over_one_connection(tmp_path: Path, unix: bool) -> None:
    script = Script(echo)
    with serve(script, tmp_path / "s" if unix else None) as url, RPCClient(url) as client:
        assert client.call("a.b", 1, "ü", True) == ["a.b", [1, "ü", True]]
        assert client.call("c") == ["c", []]
        client.check_version()
    assert script.connections == 1


def test_a_fault_is_an_rpc_error_and_the_connection_stays(tmp_path: Path) -> None:
    script = Script(echo)
    with serve(script, tmp_path / "s") as url, RPCClient(url) as client:
        with pytest.raises(ServerFault) as caught:
            client.call("fail")
        assert isinstance(caught.value, RPCError)
        assert (caught.value.code, caught.value.text) == (Faults.BAD_NAME, "BAD_NAME: x")
        client.call("x")
    assert script.connections == 1


def test_a_connection_that_the_server_closed_is_replaced_silently(tmp_path: Path) -> None:
    script = Script(echo, closes=True)
    with serve(script, tmp_path / "s") as url, RPCClient(url) as client:
        for _ in range(3):
            client.call("x")
        assert client.wait_closed(5)
    assert script.connections == 3


def test_a_stale_connection_is_tried_again_once() -> None:
    answer = dump_response("second")
    good = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            first, _ = listener.accept()
            with first:
                first.recv(65536)
                first.sendall(good)
                first.recv(65536)  # takes the second request and dies without a word
            second, _ = listener.accept()
            with second:
                second.recv(65536)
                second.sendall(good)
            third, _ = listener.accept()
            third.close()  # a new connection that dies is no stale one

        thread = threading.Thread(target=run)
        thread.start()
        with RPCClient(f"http://127.0.0.1:{listener.getsockname()[1]}") as client:
            client.call("one")
            assert client.call("two") == "second"
            client.close()
            with pytest.raises(TransportError, match="closed the connection"):
                client.call("three")
        thread.join()


def test_login(tmp_path: Path) -> None:
    with serve(Script(echo, login=("ü", "p:w")), tmp_path / "s") as url:
        with RPCClient(url, "ü", "p:w") as client:
            client.check_version()
        for user, password in ((None, None), ("ü", "other"), ("ü", None)):
            with RPCClient(url, user, password) as client, pytest.raises(AccessDenied) as caught:
                client.check_version()
            assert caught.value.address == url


def test_where_there_is_no_server(tmp_path: Path) -> None:
    with pytest.raises(SocketMissing):
        RPCClient(f"unix://{tmp_path}/none").call("x")
    with pytest.raises(ServerRefused):
        RPCClient(f"http://127.0.0.1:{free_port()}").call("x")
    with socket.socket(socket.AF_UNIX) as unused:
        unused.bind(str(tmp_path / "dead"))
    with pytest.raises(ServerRefused):
        RPCClient(f"unix://{tmp_path}/dead").call("x")
    with pytest.raises(TransportError, match="path"):
        RPCClient("unix://" + "x" * 300).call("x")
    with pytest.raises(TransportError, match="Unknown protocol for serverurl ftp://x"):
        RPCClient("ftp://x")


def test_another_version() -> None:
    with serve(Script(lambda method, params: "2.0")) as url, RPCClient(url) as client:
        with pytest.raises(VersionMismatch) as caught:
            client.check_version()
        assert caught.value.version == "2.0"


def test_other_http_statuses() -> None:
    with serve(Script(echo, status=500)) as url, RPCClient(url) as client:
        with pytest.raises(TransportError) as caught:
            client.call("x")
        assert caught.value.status == 500


@pytest.mark.parametrize(
    "answer", [b"", b"no http\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n<a>"]
)
def test_nonsense_answers(answer: bytes) -> None:
    with raw_server([answer]) as url, RPCClient(url) as client, pytest.raises(TransportError):
        client.call("x")


def test_a_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with (
            RPCClient(url, timeout_s=0.05) as client,
            pytest.raises(TransportError, match="no answer in time"),
        ):
            client.call("x")


def test_streams(tmp_path: Path) -> None:
    script = Script(echo, logs={"/logtail/a%20b/stdout": [b"one\n", b"\xfftwo"]})
    with serve(script, tmp_path / "s") as url, RPCClient(url) as client:
        assert b"".join(client.stream("/logtail/a b/stdout")) == b"one\n\xfftwo"
        with pytest.raises(TransportError) as caught:
            next(client.stream("/logtail/none"))
        assert caught.value.status == 404
    with pytest.raises(SocketMissing):
        next(RPCClient(f"unix://{tmp_path}/none").stream("/x"))


def test_a_stream_that_breaks_off_ends() -> None:
    with raw_server([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n9\r\nd"]) as url:
        assert b"".join(RPCClient(url).stream("/x")) == b"abcd"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("unix:///a/b", UnixAddress("/a/b")),
        ("http://localhost:9001", TCPAddress("localhost", 9001)),
        ("http://h", TCPAddress("h", 80)),
        ("http://user:pw@h:1/RPC2?x#y", TCPAddress("h", 1)),
        ("http://[::1]:9", TCPAddress("::1", 9)),
        ("https://h", TCPAddress("h", 443, NO_FILES)),
        ("https://h:1", TCPAddress("h", 1, NO_FILES)),
    ],
)
def test_addresses(url: str, address: object) -> None:
    assert parse_serverurl(url) == address


@pytest.mark.parametrize("port", [0, 65536, 74537, 99999])
def test_a_port_that_there_is_not(port: int) -> None:
    with pytest.raises(ValueError, match=f"no port has the number {port}"):
        parse_serverurl(f"http://127.0.0.1:{port}")


@pytest.mark.parametrize("url", ["", "ftp://x", "https://h:port", "http://h:port", "localhost:9001"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ValueError, match="Unknown protocol"):
        parse_serverurl(url)


# --- the door ----------------------------------------------------------------------------------------


def test_the_transport_with_the_standard_proxy(tmp_path: Path) -> None:
    script = Script(echo, login=("u", ""))
    with serve(script, tmp_path / "s") as url:
        transport = SupervisorTransport("u", "", serverurl=url)
        with xmlrpclib.ServerProxy("http://127.0.0.1", transport=transport) as proxy:
            assert proxy.a.b(1) == ["a.b", [1]]
            with pytest.raises(xmlrpc.client.Fault) as caught:
                proxy.fail()
            assert caught.value.faultCode == Faults.BAD_NAME
            assert proxy.c() == ["c", []]
            assert transport.connection is not None
        assert transport.connection is None
    assert script.connections == 1


def test_the_transport_reconnects_to_a_server_that_closes() -> None:
    script = Script(echo, closes=True)
    with serve(script) as url:
        transport = SupervisorTransport(serverurl=url)
        proxy = xmlrpclib.ServerProxy("http://127.0.0.1", transport=transport)
        for _ in range(3):
            assert proxy.c() == ["c", []]
        transport.close()


def test_the_transport_refused(tmp_path: Path) -> None:
    with serve(Script(echo, login=("u", "p")), tmp_path / "s") as url:
        transport = SupervisorTransport(serverurl=url)
        proxy = xmlrpclib.ServerProxy("https://127.0.0.1", transport=transport)
        with pytest.raises(xmlrpc.client.ProtocolError) as caught:
            proxy.c()
        assert (caught.value.url, caught.value.errcode) == ("127.0.0.1/RPC2", 401)
        assert transport.connection is None
    with pytest.raises(ValueError, match="Unknown protocol for serverurl ftp://x"):
        SupervisorTransport(serverurl="ftp://x")
