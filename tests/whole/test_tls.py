"""TLS between the installed commands and a real supervisord, with a CA of our own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from supervisor.client.rpc import RPCClient
from supervisor.client.session import Phase
from supervisor.client.stream import StreamClient, TcpAddress
from supervisor.daemon.tlsdoor import HANDSHAKES_PEER_MAX
from supervisor.errors import TransportError
from supervisor.protocol import stream
from supervisor.tls import NO_FILES, TlsFiles
from tests.conftest import Supervise
from tests.support.certificates import Authority
from tests.support.consoles import fleet_file, pretended_ssh
from tests.support.supervisor import Supervisor, child
from tests.support.waiting import until
from tests.tui.ptyapp import PtyApp

UNKNOWN = "the server's certificate is signed by nobody known here: name its CA with cafile"
EXPIRED = "the server's certificate has expired: renew it there"
NO_TLS = "the server speaks no TLS there: http:// instead of https://?"
WANTS_OURS = "the server closed the connection: it may ask for a certificate of ours (certfile and keyfile)"
NOT_OURS = "the server closed the connection: it may not take our certificate (certfile)"


@dataclass
class Served:
    """Ports: ``login`` asks for a password, ``known`` for a certificate, ``old`` has an expired one, ``plain`` no TLS."""

    supervisor: Supervisor
    ca: Authority
    other: Authority
    ports: dict[str, int]

    def url(self, server: str, host: str = "localhost", scheme: str = "https") -> str:
        return f"{scheme}://{host}:{self.ports[server]}"


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


@pytest.fixture
def served(supervise: Supervise, tmp_path: Path) -> Served:
    folder = tmp_path / "pki"
    folder.mkdir()
    ca, other = Authority(folder), Authority(folder, "other")
    good = ca.issue("good", "DNS:localhost")
    old = ca.issue("old", "DNS:localhost", days=-1)
    names = ("login", "known", "old", "plain", "stream")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    login = f"username=me\npassword=secret\ncertfile={good}\n"
    sections = f"""
[inet_http_server:login]
port=127.0.0.1:{ports["login"]}
{login}
[inet_http_server:known]
port=127.0.0.1:{ports["known"]}
certfile={good}
cafile={ca.file}

[inet_http_server:old]
port=127.0.0.1:{ports["old"]}
certfile={old}

[inet_http_server:plain]
port=127.0.0.1:{ports["plain"]}

[unix_stream_server]
file=%(here)s/s.stream

[inet_stream_server]
port=127.0.0.1:{ports["stream"]}
{login}
"""
    supervisor = supervise(f"[program:web]\ncommand={child('talk')}\n", sections=sections)
    supervisor.wait_state("web", "RUNNING")
    return Served(supervisor, ca, other, ports)


def ctl(folder: Path, url: str, *words: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Run supervisorctl with a configuration of its own."""
    file = folder / "ctl.conf"
    lines = "".join(f"{name}={value}\n" for name, value in options.items())
    file.write_text(f"[supervisorctl]\nserverurl={url}\n{lines}")
    return subprocess.run(
        [sys.executable, "-m", "supervisor.supervisorctl", "-c", str(file), *words],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def call(url: str, tls: TlsFiles = NO_FILES, method: str = "supervisor.getState", **login: str) -> object:
    with RPCClient(url, login.get("username"), login.get("password"), timeout_s=20, tls=tls) as client:
        first = client.call(method)
        assert client.call(method) == first, "a second time on the same connection"
        return first


def test_ctl_over_tls(served: Served, tmp_path: Path) -> None:
    url, cafile = served.url("login"), served.ca.file
    login = {"username": "me", "password": "secret"}
    done = ctl(tmp_path, url, "status", cafile=cafile, **login)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("web ") and "RUNNING" in done.stdout
    done = ctl(tmp_path, url, "restart", "web", cafile=cafile, **login)
    assert done.stdout == "web: stopped\nweb: started\n"
    done = ctl(tmp_path, url, "tail", "web", cafile=cafile, **login)
    assert done.returncode == 0 and done.stdout
    done = ctl(tmp_path, url, "status", cafile=cafile, username="me", password="wrong")
    assert "refused the login of user 'me'" in done.stdout
    done = ctl(tmp_path, served.url("known"), "pid", cafile=cafile, certfile=served.ca.issue("me"))
    assert done.stdout == f"{served.supervisor.keeper_pid}\n"
    # the file is named from the folder of the configuration as other paths are: by the working directory
    done = ctl(tmp_path, url, "status", cafile=tmp_path / "missing.pem", **login)
    assert f"cafile {tmp_path / 'missing.pem'}: no such file or directory" in done.stdout + done.stderr


def test_each_failure_is_one_clear_line(served: Served, tmp_path: Path) -> None:
    ca = served.ca.file
    stranger = served.other.issue("stranger")
    for url, options, words in (
        (served.url("login"), {}, UNKNOWN),
        (served.url("login"), {"cafile": served.other.file}, UNKNOWN),
        (served.url("old"), {"cafile": ca}, EXPIRED),
        (served.url("plain"), {"cafile": ca}, NO_TLS),
        (served.url("known"), {"cafile": ca}, WANTS_OURS),
        (served.url("known"), {"cafile": ca, "certfile": stranger}, NOT_OURS),
        (served.url("login"), {"cafile": tmp_path}, f"cafile {tmp_path}: "),
    ):
        done = ctl(tmp_path, url, "status", **options)
        said = (done.stdout + done.stderr).splitlines()
        assert done.returncode and len(said) == 1 and words in said[0] and url in said[0], done
    done = ctl(tmp_path, served.url("login", "127.0.0.1"), "status", cafile=ca)
    assert "the server's certificate is for another name: ip address mismatch" in done.stdout + done.stderr
    with pytest.raises(TransportError, match=r"closed the connection: where it speaks TLS, .* https://"):
        call(served.url("login", scheme="http"))
    log = served.supervisor.log()
    assert "Traceback" not in log
    assert "plain' running without any HTTP auth" in log and "known' running without" not in log


def test_the_stream_over_tls_also_after_the_daemon_was_killed(served: Served) -> None:
    files = TlsFiles(str(served.ca.file))
    told = call(served.url("login"), files, "supervisor.getStreamAddress", username="me", password="secret")
    assert told == f"tls://127.0.0.1:{served.ports['stream']}", (
        "who comes by TCP is not sent to a unix socket"
    )
    assert (
        served.supervisor.rpc.supervisor.getStreamAddress() == f"unix://{served.supervisor.folder}/s.stream"
    )

    async def watch(cafile: Path, host: str) -> tuple[list[str], str]:
        states: list[str] = []
        frames: list[stream.Frame] = []
        address = TcpAddress(host, served.ports["stream"], TlsFiles(str(cafile)))
        client = StreamClient(
            address, username="me", password="secret", on_state=lambda state: states.append(state.reason)
        )
        client.subscribe(frames.append)
        run = asyncio.create_task(client.run())
        async with asyncio.timeout(30):
            while not frames and client.state.phase is not Phase.WAITING:
                await asyncio.sleep(0.01)
        reason = client.state.reason
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
        names = [record.name for f in frames if isinstance(f, stream.Snapshot) for record in f.processes]
        return names, reason

    assert asyncio.run(watch(served.ca.file, "localhost")) == (["web"], "")
    assert asyncio.run(watch(served.other.file, "localhost")) == ([], UNKNOWN)
    assert "another name" in asyncio.run(watch(served.ca.file, "127.0.0.1"))[1]
    served.supervisor.kill_daemon()
    served.supervisor.wait_ready()
    assert asyncio.run(watch(served.ca.file, "localhost")) == (["web"], "")


def test_handshakes_that_never_end_are_few(served: Served) -> None:
    address = ("127.0.0.1", served.ports["login"])
    with contextlib.ExitStack() as stack:
        silent = [
            stack.enter_context(socket.create_connection(address)) for _ in range(HANDSHAKES_PEER_MAX + 4)
        ]

        def cut() -> int:
            return sum(_ended(connection) for connection in silent)

        until(lambda: cut() >= 4, "four to be cut off")
        try:
            call(served.url("login"), TlsFiles(str(served.ca.file)), username="me", password="secret")
        except TransportError as error:
            assert "closed the connection" in str(error)
        else:
            assert cut() > 4, "the machine is so slow that handshakes ran out of time"
        context = ssl.create_default_context(cafile=str(served.ca.file))
        elsewhere = stack.enter_context(socket.create_connection(address, 20, ("127.0.0.2", 0)))
        with context.wrap_socket(elsewhere, server_hostname="localhost") as secured:
            # the request comes in one flight with the end of the handshake
            secured.sendall(b"GET /ok.html HTTP/1.0\r\nAuthorization: Basic bWU6c2VjcmV0\r\n\r\n")
            assert secured.recv(100).startswith(b"HTTP/1.0 200")


def _ended(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


@pytest.fixture
def console(served: Served, tmp_path: Path) -> Iterator[PtyApp]:
    home = tmp_path / "home"
    home.mkdir()
    known = {"url": served.url("login"), "username": "me", "password": "secret"}
    tables = {"good": {**known, "cafile": str(served.ca.file)}, "stranger": known}
    fleet = fleet_file(home / "fleet.toml", tables)
    with PtyApp(["--fleet", str(fleet)], home, rows=30, cols=140) as app:
        yield app


def test_the_console_over_tls(served: Served, console: PtyApp) -> None:
    console.see("good", "up", "signed by nobody known here")
    assert "polled" not in console.text(), "the stream is used, over TLS"
    console.keys("enter")
    console.see("web", "RUNNING")
    os.kill(served.supervisor.info("web")["pid"], 9)
    console.see("EXITED")


def test_the_console_takes_the_ca_from_its_command_line(served: Served, tmp_path: Path) -> None:
    words = ["-s", served.url("login"), "-u", "me", "-p", "secret", "--cafile", str(served.ca.file)]
    with PtyApp(words, tmp_path, cols=120, rows=30) as app:
        app.see("web", "RUNNING")


def test_the_console_over_ssh_to_one_that_speaks_tls(served: Served, tmp_path: Path) -> None:
    conf = tmp_path / "far.conf"
    conf.write_text(
        f"[supervisorctl]\nserverurl={served.url('login')}\n"
        f"cafile={served.ca.file}\nusername=me\npassword=secret\n"
    )
    path = pretended_ssh(tmp_path / "bin")
    with PtyApp(["-s", f"far=ssh://far{conf}"], tmp_path, cols=120, rows=30, PATH=path) as app:
        app.see("web", "RUNNING", "live")
        for _ in range(3):
            before = served.supervisor.info("web")["pid"]
            app.keys("r")
            app.wait(
                lambda before=before: served.supervisor.info("web")["pid"] not in (0, before),  # type: ignore[misc]
                "the restart through the bridge",
            )
            app.see(str(served.supervisor.info("web")["pid"]))  # what is seen of it is not of before
            app.see("1/1 RUNNING")
