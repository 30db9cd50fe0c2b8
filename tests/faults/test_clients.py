"""Clients that ask for everything and read nothing, send bombs, or are too many: the others are answered."""

from __future__ import annotations

import contextlib
import resource
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervisor.protocol import stream as p
from tests.conftest import Supervise
from tests.faults.conftest import MANY, Faults
from tests.faults.test_storage import slowest_answer
from tests.support.processes import memory_kb
from tests.support.supervisor import Supervisor
from tests.support.waiting import until

GROWTH_MAX_KB = 64 * 1024

FLOOD = (
    "import os, time\n"
    "line = b'x' * 99 + b'\\n'\n"
    "for _ in range(300):\n"
    "    os.write(1, line * 1000)\n"  # 30 MB in all
    "time.sleep(1000)\n"
)


def connection(supervisor: Supervisor, name: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(10.0)
    sock.connect(str(supervisor.folder / name))
    return sock


def test_readers_that_stop_reading_on_every_door(
    supervise: Supervise, tmp_path: Path, faults: Faults
) -> None:
    (tmp_path / "flood.py").write_text(FLOOD)
    supervisor = supervise(
        f"[program:a]\ncommand={sys.executable} -S -E {tmp_path}/flood.py\nautostart=false\nstartsecs=0\n"
        f"stdout_logfile={tmp_path}/a.log\nstdout_logfile_maxbytes=0\n"
        "[program:b]\ncommand=/bin/sleep 1000\nautostart=false\nstartsecs=0\n"
    )
    daemon = supervisor.daemon_pid()
    before = memory_kb(daemon)
    call = (
        b"<?xml version='1.0'?><methodCall><methodName>supervisor.readProcessStdoutLog</methodName><params>"
        b"<param><value>a</value></param><param><value><int>0</int></value></param>"
        b"<param><value><int>900000</int></value></param></params></methodCall>"
    )
    head = f"POST /RPC2 HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nContent-Length: {len(call)}\r\n\r\n".encode()
    with contextlib.ExitStack() as stack:
        supervisor.rpc.supervisor.startProcess("a")
        until(lambda: (tmp_path / "a.log").stat().st_size > 2_000_000, "the flood to begin")
        for _ in range(5):
            sock = stack.enter_context(contextlib.closing(connection(supervisor, "s")))
            sock.sendall(b"GET /logtail/a/stdout HTTP/1.1\r\nHost: x\r\n\r\n")
            sock = stack.enter_context(contextlib.closing(connection(supervisor, "s")))
            sock.sendall(head + call)
            stream = stack.enter_context(supervisor.stream())
            stream.send(
                p.Subscribe(1),
                p.Follow(2, "a", "stdout", 1, 0, 0, 1 << 30),
                *(p.Call(3 + n, "supervisor.readProcessStdoutLog", ["a", 0, 900_000]) for n in range(5)),
                p.Events(50, ["EVENT"]),
            )
        until(lambda: (tmp_path / "a.log").stat().st_size == 30_000_000, "the whole flood", 60)
        print(f"slowest answer {slowest_answer(supervisor):.3f} s")
        supervisor.rpc.supervisor.startProcess("b")
        growth = memory_kb(daemon) - before
        print(f"the daemon grew by {growth} KiB")
        assert growth < GROWTH_MAX_KB
    faults.injected("a client asks for much and reads nothing", 15)


BOMBS = {
    "entities": b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY a 'ha'>"
    + b"".join(b"<!ENTITY %c '&%c;&%c;&%c;&%c;'>" % (98 + n, *(4 * (97 + n,))) for n in range(20))
    + b"]><methodCall><methodName>&u;</methodName></methodCall>",
    "depth": b"<methodCall>" + b"<value><array><data>" * 40_000,
    "elements": b"<methodCall><methodName>a</methodName><params>" + b"<param><value/></param>" * 40_000,
    "number": b"<methodCall><methodName>a</methodName><params><param><value><int>" + b"9" * 900_000,
    "external": b"<!DOCTYPE a SYSTEM 'file:///etc/passwd'><methodCall><methodName>a</methodName></methodCall>",
    "nothing": b"",
}


def test_xml_bombs(supervise: Supervise, faults: Faults) -> None:
    supervisor = supervise()
    daemon = supervisor.daemon_pid()
    before = memory_kb(daemon)
    for name, body in BOMBS.items():
        with connection(supervisor, "s") as sock, contextlib.suppress(ConnectionError):
            length = f"Content-Length: {len(body)}\r\n\r\n".encode()
            sock.sendall(b"POST /RPC2 HTTP/1.0\r\nContent-Type: text/xml\r\n" + length + body)
            answer = sock.recv(65536)
            assert answer.startswith((b"HTTP/1.0 4", b"HTTP/1.1 4")) or b"faultCode" in answer, (name, answer)
            assert b"root:" not in answer
        assert supervisor.daemon_pid() == daemon and slowest_answer(supervisor, 3) >= 0
        assert memory_kb(daemon) - before < GROWTH_MAX_KB, name
    faults.injected("an XML bomb", len(BOMBS))


PACKED = {
    "a frame of 4 GiB": struct.pack(">I", 0xFFFFFFFF),
    "an array of 4 Gi elements": struct.pack(">I", 5) + b"\xdd\xff\xff\xff\xff",
    "a map of 4 Gi elements": struct.pack(">I", 5) + b"\xdf\xff\xff\xff\xff",
    "a string of 4 GiB": struct.pack(">I", 5) + b"\xdb\xff\xff\xff\xff",
    "depth": struct.pack(">I", 100_000) + b"\x91" * 100_000,
    "no map": struct.pack(">I", 1) + b"\xc0",
    "HTTP": b"GET / HTTP/1.0\r\n\r\n" * 1000,
    "no UTF-8": struct.pack(">I", 5) + b"\x81\xa1t\xa1\xff",
}


def test_msgpack_bombs(supervise: Supervise, faults: Faults) -> None:
    supervisor = supervise()
    daemon = supervisor.daemon_pid()
    before = memory_kb(daemon)
    for name, data in PACKED.items():
        with supervisor.stream() as stream, contextlib.suppress(ConnectionError):
            stream.sock.sendall(data)
            stream.sock.shutdown(socket.SHUT_WR)
            stream.ends()
        assert supervisor.daemon_pid() == daemon and slowest_answer(supervisor, 3) >= 0
        assert memory_kb(daemon) - before < GROWTH_MAX_KB, name
    faults.injected("a msgpack bomb", len(PACKED))


@contextlib.contextmanager
def descriptors_for(count: int) -> Iterator[int]:
    """As many of ``count`` clients as this process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + 200
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    try:
        yield min(count, max(soft, wanted) - 200)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", ["s", "s.stream"])
def test_idle_clients(supervise: Supervise, faults: Faults, name: str) -> None:
    supervisor = supervise("[program:b]\ncommand=/bin/sleep 1000\nautostart=false\nstartsecs=0\n")
    daemon = supervisor.daemon_pid()
    before = memory_kb(daemon)
    with descriptors_for(300 if MANY == 1 else 10_000) as count, contextlib.ExitStack() as stack:
        for _ in range(count):
            sock = stack.enter_context(socket.socket(socket.AF_UNIX))
            sock.connect(str(supervisor.folder / name))  # waits where the queue of the socket is full
        supervisor.rpc.supervisor.startProcess("b")
        print(f"{count} clients, slowest answer {slowest_answer(supervisor):.3f} s, "
              f"{memory_kb(daemon) - before} KiB more")  # fmt: skip
        assert memory_kb(daemon) - before < GROWTH_MAX_KB
    faults.injected("a client connects and says nothing", count)
