"""Clients that leave, ask for nonsense or hand over what nobody asked for; a start without the rights that it needs."""

from __future__ import annotations

import array
import contextlib
import os
import pwd
import socket
import subprocess
import time
import xmlrpc.client
from pathlib import Path

import pytest

from supervisor.faults import Faults as FaultCodes
from supervisor.protocol import stream as p
from supervisor.protocol.xmlrpc import dump_call, parse_response
from tests.conftest import Supervise
from tests.faults.conftest import MANY, Faults
from tests.faults.test_storage import slowest_answer
from tests.support.http import ask, basic
from tests.support.processes import alive, descriptors, memory_kb, status
from tests.support.supervisor import PYTHON, Rpc, child, shell
from tests.support.tracing import need_strace
from tests.support.waiting import until
from tests.whole.test_http import free_port

TIMES = 300 * MANY
GROWTH_MAX_KB = 16 * 1024
HEAD = "POST /RPC2 HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n"
START = (
    "<?xml version='1.0'?><methodCall><methodName>supervisor.startProcess</methodName>"
    "<params><param><value>{}</value></param></params></methodCall>"
)


def test_descriptors_that_nobody_asked_for(supervise: Supervise, tmp_path: Path, faults: Faults) -> None:
    supervisor = supervise()
    daemon = supervisor.daemon_pid()
    before = descriptors(daemon).total()
    with open(os.devnull) as given:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [given.fileno()] * 10))]
        for name in ("s", "s.stream") * 10:
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(f"{tmp_path}/{name}")
                sock.sendmsg([b"GET / HTTP/1.0\r\n"], rights)
    until(lambda: descriptors(daemon).total() <= before, "none of them to be kept")
    faults.injected("a client hands over descriptors", 20)


def test_who_waits_for_a_start_leaves(supervise: Supervise, tmp_path: Path, faults: Faults) -> None:
    supervisor = supervise("[program:a]\ncommand=/bin/sleep 1000\nautostart=false\nstartsecs=1\n")
    daemon = supervisor.daemon_pid()
    before = descriptors(daemon)["socket"]
    body = START.format("a")
    with socket.socket(socket.AF_UNIX) as sock, supervisor.stream() as stream:
        sock.connect(f"{tmp_path}/s")
        sock.sendall((HEAD.format(len(body)) + body).encode())
        until(lambda: supervisor.state("a") == "STARTING", "the start")
        stream.send(p.Call(1, "supervisor.stopProcess", ["a"]))
    supervisor.wait_state("a", "STOPPED")
    until(lambda: descriptors(daemon)["socket"] <= before, "both connections to be gone")
    supervisor.rpc.supervisor.startProcess("a")
    faults.injected("a client leaves while it waits", 2)


def test_requests_that_come_and_go(supervise: Supervise, faults: Faults) -> None:
    supervisor = supervise(f"[program:a]\ncommand={child('echo')}\nstartsecs=0\n")
    supervisor.wait_state("a", "RUNNING")
    daemon = supervisor.daemon_pid()
    with supervisor.stream() as stream:

        def many(times: int) -> None:
            for n in range(1, times):
                stream.send(p.Subscribe(3 * n), p.Follow(3 * n + 1, "a"), p.Events(3 * n + 2, ["EVENT"]))
                stream.send(*(p.Cancel(3 * n + k) for k in range(3)))
                if n % 20 == 0:
                    stream.ping()
            stream.ping()

        many(50)
        before = memory_kb(daemon)
        many(TIMES)
        assert memory_kb(daemon) - before < GROWTH_MAX_KB
    faults.injected("a request on the stream that is taken back", 3 * TIMES)


def test_sizes_that_no_terminal_has(supervise: Supervise, faults: Faults) -> None:
    supervisor = supervise(f"[program:t]\ncommand={child('echo')}\ntty=true\nstartsecs=0\n")
    pid = supervisor.wait_state("t", "RUNNING")["pid"]
    with supervisor.stream() as stream:
        stream.send(p.Attach(1, "t"))
        stream.expect(p.Attached)
        sizes = [(0, 0), (65_535, 65_535), (1, 1), (-1, 80), (2**31, 2**31), (2**63, 5), (24, 80)]
        for rows, cols in sizes:
            stream.send(p.Resize(1, rows, cols))
        for n in range(TIMES):
            stream.send(p.Resize(1, 10 + n % 50, 20 + n % 100))
        stream.send(p.Resize(1, 33, 99), p.Input(1, b"alive\r"))
        assert b"alive" in stream.read_output(1, b"alive")
        assert alive(pid) and supervisor.info("t")["pid"] == pid
        stream.ping()
    faults.injected("a size of a terminal", len(sizes) + TIMES)


def test_a_peer_that_vanishes_is_noticed(supervise: Supervise, faults: Faults) -> None:
    """The kernel asks it from time to time, on every TCP door."""
    http, stream = free_port(), free_port()
    supervise(
        sections=f"[inet_http_server]\nport=127.0.0.1:{http}\n"
        f"[inet_stream_server]\nport=127.0.0.1:{stream}\nusername=u\npassword=p\n"
    )
    for port in (http, stream):
        with socket.create_connection(("127.0.0.1", port)) as sock:
            place = f"0100007F:{port:04X} 0100007F:{sock.getsockname()[1]:04X} 01"

            def watched(place: str = place) -> bool:
                lines = [line for line in Path("/proc/net/tcp").read_text().splitlines() if place in line]
                return any(line.split()[5].startswith("02:") for line in lines)

            until(watched, f"a keep-alive timer at {place}")
    faults.injected("a peer that says nothing is asked", 2)


def test_a_listener_that_feeds_itself(supervise: Supervise, tmp_path: Path, faults: Faults) -> None:
    """Each event makes it write a line, and each line is an event."""
    code = (
        "import sys\n"
        "print('READY', flush=True)\n"
        "while head := sys.stdin.readline():\n"
        "    sys.stdin.read(int(head.split('len:')[1]))\n"
        "    print('seen', file=sys.stderr, flush=True)\n"
        "    print('again', file=sys.stderr, flush=True)\n"
        "    print('RESULT 2\\nOKREADY', flush=True)\n"
    )
    (tmp_path / "feeds.py").write_text(code)
    supervisor = supervise(
        f"[eventlistener:l]\ncommand=/usr/bin/env python3 -S {tmp_path}/feeds.py\nevents=PROCESS_LOG\n"
        "stderr_events_enabled=true\nstartsecs=0\nbuffer_size=50\nstderr_logfile_maxbytes=100KB\n"
        "[program:a]\ncommand=/bin/sleep 1000\nstartsecs=0\nautostart=false\n"
    )
    supervisor.wait_state("l", "RUNNING")
    daemon = supervisor.daemon_pid()
    before = memory_kb(daemon)
    Path(f"/proc/{supervisor.info('l')['pid']}/fd/2").write_bytes(b"the first\n")
    end = time.monotonic() + 3
    slowest = 0.0
    while time.monotonic() < end:
        slowest = max(slowest, slowest_answer(supervisor, 5))
    print(f"slowest answer {slowest:.3f} s, {memory_kb(daemon) - before} KiB more")
    supervisor.wait_log("WARN pool l seems to cause the events that it gets: 100 within 10 s")
    assert supervisor.log().count("seems to cause") == 1
    supervisor.rpc.supervisor.startProcess("a")
    assert memory_kb(daemon) - before < 2 * GROWTH_MAX_KB
    assert supervisor.daemon_pid() == daemon
    faults.injected("a listener that causes its own events")


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")


@needs_root
@pytest.mark.parametrize("call", ["setgroups", "setgid", "setuid"])
def test_rights_that_cannot_be_given_up(
    supervise: Supervise, tmp_path: Path, call: str, faults: Faults
) -> None:
    need_strace()
    tmp_path.chmod(0o777)
    supervisor = supervise(
        "[program:a]\ncommand=/bin/sleep 1000\n",
        start=False,
        argv=("-n", "-u", "nobody"),
        wrap=["strace", "-f", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:error=EPERM"],
    )
    done = supervisor.run()
    assert done.returncode == 2 and "cannot become user" in done.stderr, done
    assert not (tmp_path / "s").exists()
    faults.injected(f"rights cannot be given up: {call}")


@needs_root
def test_rights_that_are_given_up_are_gone(supervise: Supervise, tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o777)
    probe = subprocess.run(
        ["setpriv", "--reuid=nobody", "--clear-groups", PYTHON, "-c", f"import ctypes, os; os.listdir('{tmp_path}')"],
        capture_output=True, check=False,
    )  # fmt: skip
    if probe.returncode:
        pytest.skip("nobody may run this Python there")
    nobody = pwd.getpwnam("nobody")
    supervisor = supervise("[program:a]\ncommand=/bin/sleep 1000\nstartsecs=0\n", argv=("-n", "-u", "nobody"))
    pid = supervisor.wait_state("a", "RUNNING")["pid"]
    for who in (supervisor.keeper_pid, supervisor.daemon_pid(), pid):
        now = status(who)
        assert now["Uid"].split() == [str(nobody.pw_uid)] * 4
        assert now["Gid"].split() == [str(nobody.pw_gid)] * 4
        groups = {str(gid) for gid in os.getgrouplist("nobody", nobody.pw_gid)}
        assert set(now["Groups"].split()) == groups
        assert int(now["CapEff"], 16) == 0 == int(now["CapPrm"], 16)


def test_a_log_of_ten_gigabytes(supervise: Supervise, tmp_path: Path, faults: Faults) -> None:
    """What is asked of it is read where it lies, and no more of it than an answer holds."""
    with open(tmp_path / "a.log", "wb") as log:
        log.truncate(10 << 30)
        log.seek(10 << 30)
        log.write(b"the end\n")
    more = shell(f"until test -e {tmp_path}/go; do sleep 0.05; done; echo and more")
    supervisor = supervise(
        f"[program:a]\ncommand={more}\nautorestart=false\nstartsecs=0\nstdout_logfile={tmp_path}/a.log\n"
        "stdout_logfile_maxbytes=0\n"
    )
    supervisor.wait_state("a", "RUNNING")
    daemon = supervisor.daemon_pid()
    before = memory_kb(daemon)
    rpc = supervisor.rpc.supervisor
    assert rpc.readProcessStdoutLog("a", -8, 0) == "the end\n"
    for offset, length in ((0, 0), (0, 2**31 - 1), (2**31 - 1, 2**31 - 1), (-(2**31), 0)):
        try:
            assert len(rpc.readProcessStdoutLog("a", offset, length)) <= 1 << 23
        except xmlrpc.client.Fault as fault:
            assert fault.faultCode in (FaultCodes.BAD_ARGUMENTS, FaultCodes.FAILED), fault
    print(f"slowest answer {slowest_answer(supervisor):.3f} s, {memory_kb(daemon) - before} KiB more")
    assert memory_kb(daemon) - before < 4 * GROWTH_MAX_KB
    size = (10 << 30) + 8
    assert rpc.tailProcessStdoutLog("a", 0, 8) == ["the end\n", size, True]
    assert rpc.readProcessStdoutLog("a", str(size - 8), 7) == "the end"  # xmlrpc.client has no number for it
    call = dump_call("supervisor.tailProcessLog", ("a", size - 8, 8))
    answer = ask(str(tmp_path / "s"), "POST", "/RPC2", "Content-Type: text/xml\r\n", call)
    assert parse_response(answer.body) == ["the end\n", size, False]
    assert supervisor.ctl("tail", "-8", "a").stdout == "the end\n\n"
    assert "the end\n</pre>" in ask(str(tmp_path / "s"), "GET", "/tail.html?processname=a&limit=8").text
    with supervisor.stream() as stream:
        assert stream.call(2, "supervisor.tailProcessStdoutLog", "a", 0, 8) == ["the end\n", size, True]
        stream.send(p.Follow(1, "a", last=100))
        assert stream.read_output(1, b"the end").endswith(b"the end\n")
    with subprocess.Popen(
        [PYTHON, "-m", "supervisor.supervisorctl", "-s", f"unix://{tmp_path}/s", "tail", "-f", "a"],
        stdout=subprocess.PIPE,
        env=supervisor.env,
    ) as tail:
        assert tail.stdout is not None
        assert tail.stdout.readline() == b"==> Press Ctrl-C to exit <==\n"
        assert tail.stdout.readline().endswith(b"the end\n")
        (tmp_path / "go").touch()
        assert tail.stdout.readline() == b"and more\n"
        tail.terminate()
    supervisor.wait_state("a", "EXITED")
    rpc.clearProcessLogs("a")
    faults.injected("a log of ten gigabytes")


def test_two_hundred_followers_of_a_flood(supervise: Supervise, tmp_path: Path, faults: Faults) -> None:
    count = 100
    (tmp_path / "flood.py").write_text(
        "import os\nfor n in range(200):\n    os.write(1, b'x' * 99999 + b'\\n')\nwhile True:\n    os.read(0, 1)\n"
    )
    supervisor = supervise(
        f"[program:a]\ncommand=/usr/bin/env python3 -S {tmp_path}/flood.py\nautostart=false\nstartsecs=0\n"
        f"stdout_logfile={tmp_path}/a.log\nstdout_logfile_maxbytes=0\n"
    )
    daemon = supervisor.daemon_pid()
    before = memory_kb(daemon)
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(supervisor.stream()) for _ in range(count)]
        for stream in streams:
            stream.send(p.Follow(1, "a"), p.Follow(2, "a"))
            stream.ping()
        supervisor.rpc.supervisor.startProcess("a")
        until(lambda: (tmp_path / "a.log").stat().st_size == 20_000_000, "the whole flood", 60)
        print(f"slowest answer {slowest_answer(supervisor):.3f} s, {memory_kb(daemon) - before} KiB more")
        assert memory_kb(daemon) - before < 16 * GROWTH_MAX_KB
    assert supervisor.daemon_pid() == daemon
    faults.injected("a follower of a flood that reads nothing", 2 * count)


def test_secrets_are_nowhere(supervise: Supervise, tmp_path: Path) -> None:
    """Passwords and environments are told to no log, no list of processes, and no observer."""
    secrets = [f"canary{n}" for n in range(4)]
    password, environment, wrong, typed = secrets
    supervisor = supervise(
        f"[program:a]\ncommand={shell('exec cat >/dev/null')}\nenvironment=KEY='{environment}'\nstartsecs=0\nstdout_logfile=NONE\n"
        "[program:bad]\ncommand=/nonexistent\nautostart=false\nstartsecs=0\n"
        f"environment=KEY='{environment}'\n",
        settings="audit=true",
        sections=f"[unix_http_server:two]\nfile=%(here)s/two\nusername=user\npassword={password}\n"
        "[unix_http_server:eyes]\nfile=%(here)s/eyes\nrole=observer\n",
    )
    supervisor.wait_state("a", "RUNNING")
    for login in (basic("user", wrong), basic("user", password), f"Authorization: Basic {wrong}\r\n"):
        ask(f"{tmp_path}/two", "GET", "/", login)
    with contextlib.suppress(xmlrpc.client.Fault):
        supervisor.rpc.supervisor.startProcess("bad")
    supervisor.rpc.supervisor.sendProcessStdin("a", f"{typed}\n")
    with contextlib.suppress(xmlrpc.client.Fault):
        supervisor.rpc.supervisor.sendProcessStdin("bad", f"{typed}\n")
    supervisor.kill_daemon()
    supervisor.wait_ready()
    supervisor.rpc.supervisor.restartDaemon()
    supervisor.wait_log("daemon started again", 2)
    supervisor.wait_ready()
    told = [supervisor.log(), supervisor.stderr(), (tmp_path / "stdout").read_text()]
    for pid in (supervisor.keeper_pid, supervisor.daemon_pid()):
        told += [Path(f"/proc/{pid}/{file}").read_text() for file in ("cmdline", "environ")]
    eyes = Rpc(f"unix://{tmp_path}/eyes")
    for name in eyes.system.listMethods():
        if name.startswith("supervisor.get"):
            for words in ((), ("a",), ("bad",)):
                method = eyes
                for part in name.split("."):
                    method = getattr(method, part)
                with contextlib.suppress(xmlrpc.client.Fault):
                    told.append(repr(method(*words)))
    with supervisor.stream() as stream:
        stream.send(p.Subscribe(1))
        told.append(repr(stream.expect(p.Snapshot)))
    assert len(told) > 20
    for secret in secrets:
        assert not [text[max(0, text.find(secret) - 200) :][:300] for text in told if secret in text], secret
