"""FastCGI programs: one socket for all their processes, for as long as one of them lives."""

from __future__ import annotations

import os
import socket
import stat
import struct
import xmlrpc.client
from pathlib import Path

import pytest

from tests.conftest import Supervise
from tests.support.processes import alive
from tests.support.supervisor import Supervisor, child
from tests.support.waiting import PATIENCE_S, until


def _record(kind: int, content: bytes) -> bytes:
    return struct.pack(">BBHHBx", 1, kind, 1, len(content), 0) + content


def ask(address: str | tuple[str, int]) -> int:
    """The pid of the responder that answered a request."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.settimeout(PATIENCE_S)
        sock.connect(address)
        sock.sendall(_record(1, struct.pack(">HB5x", 1, 0)) + _record(4, b"") + _record(5, b""))
        data = b""
        while part := sock.recv(4096):
            data += part
    assert data[1] == 6, data
    length = int.from_bytes(data[4:6], "big")
    return int(data[8 : 8 + length].rpartition(b"\r\n\r\n")[2])


def program(folder: Path, name: str = "php", more: str = "", *words: int) -> str:
    return (
        f"[fcgi-program:{name}]\ncommand={child('fcgi', *words)}\nsocket=unix://{folder}/{name}.sock\n"
        f"startsecs=0\n{more}\n"
    )


def test_processes_share_a_socket_until_the_last_has_ended(supervise: Supervise, tmp_path: Path) -> None:
    path = f"{tmp_path}/php.sock"
    more = "numprocs=2\nprocess_name=p%(process_num)d\nsocket_mode=0660\n"
    supervisor = supervise(program(tmp_path, more=more))
    pids = {supervisor.wait_state(f"php:p{n}", "RUNNING")["pid"] for n in (0, 1)}
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o660
    assert ask(path) in pids
    supervisor.rpc.supervisor.stopProcess("php:p0")
    assert ask(path) == supervisor.info("php:p1")["pid"]
    # once to see that it can be, once for the first process
    assert supervisor.log().count(f"INFO Creating socket unix://{path}") == 2
    assert supervisor.log().count(f"INFO Closing socket unix://{path}") == 1
    supervisor.rpc.supervisor.stopProcess("php:p1")
    supervisor.wait_log(f"INFO Closing socket unix://{path}", 2)
    until(lambda: refused(path), "the socket to be closed")
    supervisor.rpc.supervisor.startProcess("php:p1")
    assert ask(path) == supervisor.info("php:p1")["pid"]
    assert supervisor.log().count(f"INFO Creating socket unix://{path}") == 3


def refused(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        try:
            sock.connect(path)
        except ConnectionRefusedError:
            return True
    return False


def test_the_socket_outlives_the_daemon(supervise: Supervise, tmp_path: Path) -> None:
    supervisor = supervise(program(tmp_path))
    path = f"{tmp_path}/php.sock"
    pid = supervisor.wait_state("php", "RUNNING")["pid"]
    inode = os.stat(path).st_ino
    supervisor.kill_daemon()
    assert ask(path) == pid  # nobody supervises, and it answers
    supervisor.wait_ready()
    assert supervisor.info("php")["pid"] == pid
    assert ask(path) == pid and os.stat(path).st_ino == inode
    supervisor.rpc.supervisor.stopProcess("php")
    until(lambda: refused(path), "the socket to be closed")


def test_a_program_that_ended_while_no_daemon_was_there(supervise: Supervise, tmp_path: Path) -> None:
    supervisor = supervise(program(tmp_path, "php", "autorestart=false\n", 1))
    path = f"{tmp_path}/php.sock"
    pid = supervisor.wait_state("php", "RUNNING")["pid"]
    supervisor.kill_daemon()
    assert ask(path) == pid
    until(lambda: not alive(pid), "the responder to end")
    supervisor.wait_state("php", "EXITED")
    until(lambda: refused(path), "the socket to be closed")


def test_a_tcp_socket_in_a_group_with_an_ordinary_program(supervise: Supervise, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    supervisor = supervise(
        f"[program:a]\ncommand=/bin/cat\n[fcgi-program:b]\ncommand={child('fcgi')}\n"
        f"socket=tcp://127.0.0.1:{port}\n[group:g]\nprograms=a,b\n"
    )
    pid = supervisor.wait_state("g:b", "RUNNING")["pid"]
    supervisor.wait_state("g:a", "RUNNING")
    assert ask(("127.0.0.1", port)) == pid
    assert f"Creating socket tcp://127.0.0.1:{port}" in supervisor.log()
    with pytest.raises(xmlrpc.client.Fault, match="NO_FILE"):
        supervisor.rpc.supervisor.sendProcessStdin("g:b", "x")
    assert supervisor.rpc.supervisor.sendProcessStdin("g:a", "x\n") is True


def test_a_socket_that_cannot_be_made_is_told_at_the_start(supervise: Supervise, tmp_path: Path) -> None:
    supervisor = supervise(
        start=False, programs=f"[fcgi-program:a]\ncommand=x\nsocket=unix://{tmp_path}/no/s\n"
    )
    supervisor.launch()
    assert supervisor.popen is not None and supervisor.popen.wait(PATIENCE_S) == 2
    text = f"Could not create FastCGI socket unix://{tmp_path}/no/s: No such file or directory"
    assert text in supervisor.stderr()
    assert not (tmp_path / "s").exists()


def test_a_file_in_its_place_is_left_alone(supervise: Supervise, tmp_path: Path) -> None:
    supervisor: Supervisor = supervise(
        program(tmp_path, more="autostart=false\nautorestart=false\nstartretries=0\n")
    )
    path = tmp_path / "php.sock"
    path.unlink()
    path.write_text("precious")
    with pytest.raises(xmlrpc.client.Fault, match="SPAWN_ERROR"):
        supervisor.rpc.supervisor.startProcess("php")
    assert supervisor.info("php")["spawnerr"].startswith(f"Could not create FastCGI socket unix://{path}: ")
    assert path.read_text() == "precious"
