"""Packages that others wrote for Supervisor run against ours, unchanged, one real scenario each."""

from __future__ import annotations

import contextlib
import http.server
import os
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Supervise
from tests.peers import third_party
from tests.peers.third_party import environment, script
from tests.support.supervisor import CHILDREN, Supervisor, child, shell
from tests.support.waiting import PATIENCE_S, until

CAT = "[program:cat]\ncommand=/bin/cat\nautostart=false\nstartsecs=0\n"


@pytest.fixture(autouse=True)
def _packages() -> None:
    reason = third_party.missing()
    if reason:
        pytest.skip(reason)


def rpc_plugin(name: str, factory: str, options: str = "") -> str:
    return f"[rpcinterface:{name}]\nsupervisor.rpcinterface_factory={factory}\n{options}"


def ctl(supervisor: Supervisor, *words: str) -> tuple[int, str]:
    """What supervisorctl prints, and its status."""
    command = [sys.executable, "-m", "supervisor.supervisorctl", "-c", str(supervisor.config_file), *words]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=os.environ | environment(),
        timeout=PATIENCE_S,
        check=False,
    )
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout


def ctl_sections(plugin: str) -> str:
    return f"[supervisorctl]\nserverurl=unix://%(here)s/s\n{plugin}"


@contextlib.contextmanager
def web(status: list[int]) -> Iterator[tuple[str, list[str]]]:
    """The URL of an HTTP server that answers with ``status[0]``; what was posted to it."""
    bodies: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())
            self.answer()

        def answer(self) -> None:
            self.send_response(status[0])
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/", bodies
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# --- RPC plug-ins ------------------------------------------------------------------------------------


def test_twiddler(supervise: Supervise) -> None:
    plugin = rpc_plugin("twiddler", "supervisor_twiddler.rpcinterface:TwiddlerNamespaceRPCInterface")
    supervisor = supervise(CAT, sections=plugin, env=environment())
    twiddler = supervisor.rpc.twiddler
    assert twiddler.getAPIVersion() == "1.0"
    assert twiddler.getGroupNames() == ["cat"]
    assert twiddler.log("from the package", "WARN") is True
    supervisor.wait_log(" WARN from the package\n")
    options = {
        "command": "/bin/cat",
        "numprocs": 2,
        "process_name": "%(program_name)s%(process_num)d",
        "startsecs": 0,
    }
    assert twiddler.addProgramToGroup("cat", "dog", options) is True
    for name in ("cat:dog0", "cat:dog1"):
        supervisor.wait_state(name, "RUNNING")
    supervisor.rpc.supervisor.stopProcess("cat:dog1")
    assert twiddler.removeProcessFromGroup("cat", "dog1") is True
    assert [info["name"] for info in supervisor.rpc.supervisor.getAllProcessInfo()] == ["cat", "dog0"]


def test_cache(supervise: Supervise) -> None:
    plugin = rpc_plugin("cache", "supervisor_cache.rpcinterface:CacheNamespaceRPCInterface")
    supervisor = supervise(CAT, sections=plugin, env=environment())
    cache = supervisor.rpc.cache
    assert cache.store("key", {"a": [1, "b"]}) is True
    assert (cache.fetch("key"), cache.getKeys(), cache.getCount()) == ({"a": [1, "b"]}, ["key"], 1)
    assert supervisor.rpc.system.methodSignature("cache.store") == ["boolean", "string", "string"]


ZERORPC_CALL = """\
import sys
from multivisor.zerorpc import Client
client = Client(sys.argv[1], timeout=10)
print([info["name"] for info in client.getAllProcessInfo()])
print(client.startProcess("cat"))
print(client.getProcessInfo("cat:cat")["statename"])
print(client.stopProcess("cat"))
client.close()
"""


def test_multivisor(supervise: Supervise) -> None:
    """Its RPC plug-in: a subclass of our namespace with a server in a thread of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    plugin = rpc_plugin("multivisor", "multivisor.rpc:make_rpc_interface", f"bind={address}\n")
    supervisor = supervise(CAT, sections=plugin, env=environment())
    supervisor.leaks_checked = False  # its server has sockets and pipes of its own
    done = subprocess.run(
        [sys.executable, "-c", ZERORPC_CALL, address],
        capture_output=True,
        text=True,
        env=os.environ | environment(),
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.stdout.splitlines() == ["['cat']", "True", "RUNNING", "True"], done.stderr
    assert supervisor.rpc.multivisor.getAPIVersion() == "3.0"


# --- plug-ins of supervisorctl -----------------------------------------------------------------------


def test_cache_commands(supervise: Supervise) -> None:
    plugin = (
        "[ctlplugin:cache]\nsupervisor.ctl_factory=supervisor_cache.controllerplugin:CacheControllerPlugin\n"
    )
    cache = rpc_plugin("cache", "supervisor_cache.rpcinterface:make_cache_rpcinterface")
    supervisor = supervise(CAT, sections=cache + ctl_sections(plugin), env=environment())
    assert ctl(supervisor, "cache_store", "a", "'two words'") == (0, "")
    assert ctl(supervisor, "cache_fetch", "a") == (0, "'two words'\n")
    assert ctl(supervisor, "cache_keys") == (0, "['a']\n")
    assert ctl(supervisor, "cache_count") == (0, "1\n")


def test_wildcards(supervise: Supervise) -> None:
    factory = "supervisorwildcards.controllerplugin:make_wildcards_controllerplugin"
    plugin = f"[ctlplugin:wildcards]\nsupervisor.ctl_factory={factory}\n"
    programs = "".join(CAT.replace("cat]", f"{name}]") for name in ("cat1", "cat2", "dog"))
    supervisor = supervise(programs, sections=ctl_sections(plugin), env=environment())
    code, out = ctl(supervisor, "mstart", "cat*")
    assert (code, sorted(out.splitlines())) == (0, ["cat1: started", "cat2: started"])
    assert [supervisor.state(name) for name in ("cat1", "cat2", "dog")] == ["RUNNING", "RUNNING", "STOPPED"]
    code, out = ctl(supervisor, "mstop", "all")
    assert {"cat1: stopped", "cat2: stopped"} <= set(out.splitlines())
    assert "No process matched given expression." in ctl(supervisor, "mstart", "mouse*")[1]


def test_serialrestart(supervise: Supervise) -> None:
    factory = "supervisorserialrestart.controllerplugin:make_serialrestart_controllerplugin"
    plugin = f"[ctlplugin:serialrestart]\nsupervisor.ctl_factory={factory}\n"
    programs = "".join(CAT.replace("cat]", f"{name}]") for name in ("cat1", "cat2", "dog"))
    supervisor = supervise(programs, sections=ctl_sections(plugin), env=environment())
    supervisor.rpc.supervisor.startProcess("cat1")
    first = supervisor.info("cat1")["pid"]
    code, out = ctl(supervisor, "serialrestart", "cat*")
    assert code == 0
    # One after the other, in whatever order it finds them.
    one, two = ["cat1: stopped", "cat1: started"], ["cat2: ERROR (not running)", "cat2: started"]
    assert out.splitlines() in (one + two, two + one)
    assert supervisor.info("cat1")["pid"] not in (0, first)
    assert supervisor.state("dog") == "STOPPED"
    assert ctl(supervisor, "serialrestart", "mouse*")[1] == "No such process mouse*\n"
    assert ctl(supervisor, "help", "serialrestart")[1].startswith("serialrestart <name>")


# --- event listeners ---------------------------------------------------------------------------------


def test_dependent_startup(supervise: Supervise) -> None:
    command = script("supervisord-dependent-startup", "-c", "%(here)s/conf")
    programs = f"""\
[eventlistener:dependentstartup]
command={command}
autostart=true
autorestart=unexpected
startretries=0
exitcodes=0,3
events=PROCESS_STATE
[program:front]
command=/bin/cat
autostart=false
startsecs=0
dependent_startup=true
dependent_startup_wait_for=back:running
[program:back]
command=/bin/cat
autostart=false
startsecs=0
dependent_startup=true
"""
    supervisor = supervise(programs, env=environment())
    supervisor.wait_state("front", "RUNNING")
    log = supervisor.log()
    assert log.index("spawned: 'back'") < log.index("spawned: 'front'")


def test_superhooks(supervise: Supervise) -> None:
    env = environment()
    env["PYTHONPATH"] += f"{os.pathsep}{CHILDREN}"
    with web([200]) as (url, bodies):
        command = script("superhooks", "-u", url, "-e", "RUNNING", "-d", "who^me")
        listener = f"[eventlistener:superhooks]\ncommand={command}\nevents=PROCESS_STATE,TICK_60\n"
        supervisor = supervise(CAT + listener, sections=rpc_plugin("minute", "rpc_plugin:make"), env=env)
        supervisor.wait_state("superhooks", "RUNNING")
        supervisor.rpc.supervisor.startProcess("cat")
        supervisor.rpc.minute.tick()  # it calls once a minute, and none is to be waited for
        until(
            lambda: any("process_name=cat%3Acat" in body for body in bodies),
            f"a call of the hook, had {bodies}",
        )
        assert all("who=me" in body for body in bodies)


def test_stdlog(supervise: Supervise) -> None:
    programs = f"""\
[eventlistener:stdlog]
command={script("supervisor-stdlog")}
buffer_size=100
events=PROCESS_LOG
result_handler=supervisor_stdlog:log_handler
[program:talk]
command={child("talk", "something-said")}
stdout_events_enabled=true
autostart=false
"""
    supervisor = supervise(programs, env=environment())
    supervisor.wait_state("stdlog", "RUNNING")
    supervisor.rpc.supervisor.startProcess("talk", False)
    stdout = supervisor.folder / "stdout"
    until(lambda: "something-said" in stdout.read_text(), "the program's words on supervisord's stdout")


def mails_to(path: Path) -> str:
    """A sendmail command that keeps the mail in a file."""
    sendmail = path.with_suffix(".sh")
    sendmail.write_text(f"#!/bin/sh\ncat >>{path}\n")
    sendmail.chmod(0o755)
    return str(sendmail)


def test_crashmail(supervise: Supervise, tmp_path: Path) -> None:
    mail = tmp_path / "mail"
    command = script("crashmail", "-a", "-m", "me@localhost", "-s", mails_to(mail))
    programs = (
        f"[eventlistener:crashmail]\ncommand={command}\nevents=PROCESS_STATE_EXITED\n"
        f"[program:frail]\ncommand={shell('exit 3')}\nautostart=false\nstartsecs=0\nautorestart=false\n"
    )
    supervisor = supervise(programs, env=environment())
    supervisor.wait_state("crashmail", "RUNNING")
    supervisor.rpc.supervisor.startProcess("frail", False)
    until(lambda: mail.exists() and "frail crashed at" in mail.read_text(), "a mail about the crash")
    assert "To: me@localhost" in mail.read_text()


@contextlib.contextmanager
def post_office() -> Iterator[tuple[int, list[str]]]:
    """The port of a mail server that takes everything; what it was given."""
    mails: list[str] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            for line in self.rfile:
                word = line[:4].upper()
                if word == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    text = b""
                    while (part := self.rfile.readline()) not in (b".\r\n", b""):
                        text += part
                    mails.append(text.decode())
                self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 fine\r\n")
                if word == b"QUIT":
                    return

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1], mails
        finally:
            server.shutdown()
            thread.join()


def test_fatalmailbatch(supervise: Supervise) -> None:
    with post_office() as (port, mails):
        words = (
            "-t",
            "me@localhost",
            "-f",
            "you@localhost",
            "-H",
            f"127.0.0.1:{port}",
            "-e",
            "TICK_5",
            "-i",
            "0.05",
        )
        supervisor = supervise(
            f"[eventlistener:batch]\ncommand={script('fatalmailbatch', *words)}\nevents=PROCESS_STATE,TICK_5\n"
            f"[program:frail]\ncommand={shell('exit 3')}\nautostart=false\nstartretries=0\n",
            env=environment(),
        )
        supervisor.wait_state("batch", "RUNNING")
        supervisor.rpc.supervisor.startProcess("frail", False)
        until(
            lambda: any("frail failed to start too many times" in mail for mail in mails),
            "a mail about what is FATAL",
            20,
        )
        assert "To: me@localhost" in mails[0]


def test_httpok_restarts_what_does_not_answer_well(supervise: Supervise) -> None:
    status = [500]
    with web(status) as (url, _):
        listener = f"[eventlistener:httpok]\ncommand={script('httpok', '-p', 'cat', url)}\nevents=TICK_5\n"
        supervisor = supervise(CAT + listener, env=environment())
        supervisor.rpc.supervisor.startProcess("cat")
        first = supervisor.info("cat")["pid"]
        until(lambda: supervisor.info("cat")["pid"] not in (0, first), "a restart by httpok")
        status[0] = 200


def test_memmon_restarts_what_uses_too_much(supervise: Supervise) -> None:
    listener = f"[eventlistener:memmon]\ncommand={script('memmon', '-p', 'cat=1KB')}\nevents=TICK_5\n"
    supervisor = supervise(CAT + CAT.replace("cat]", "dog]") + listener, env=environment())
    pids = {}
    for name in ("cat", "dog"):
        supervisor.rpc.supervisor.startProcess(name)
        pids[name] = supervisor.info(name)["pid"]
    until(lambda: supervisor.info("cat")["pid"] not in (0, pids["cat"]), "a restart by memmon")
    assert supervisor.info("dog")["pid"] == pids["dog"]


def test_alert(supervise: Supervise, tmp_path: Path) -> None:
    told = tmp_path / "told"
    tell = tmp_path / "tell.sh"
    tell.write_text(f'#!/bin/sh\necho "$1" >>{told}\n')
    tell.chmod(0o755)
    command = script("supervisor-alert", "-c", str(tell))
    events = "PROCESS_STATE_RUNNING,PROCESS_STATE_STOPPED"
    supervisor = supervise(
        CAT + f"[eventlistener:alert]\ncommand={command}\nevents={events}\n", env=environment()
    )
    supervisor.wait_state("alert", "RUNNING")
    supervisor.rpc.supervisor.startProcess("cat")
    supervisor.rpc.supervisor.stopProcess("cat")
    wanted = ["cat has entered state running", "cat has entered state stopped"]
    until(
        lambda: told.exists() and [line for line in told.read_text().splitlines() if "cat" in line] == wanted,
        "both messages",
    )


def test_logging_to_syslog(supervise: Supervise) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as syslog:
        syslog.bind(("127.0.0.1", 0))
        syslog.settimeout(PATIENCE_S)
        where = f'SYSLOG_SERVER="127.0.0.1",SYSLOG_PORT="{syslog.getsockname()[1]}",SYSLOG_PROTO="udp"'
        programs = f"""\
[eventlistener:logging]
command={script("supervisor_logging")}
environment={where}
buffer_size=100
events=PROCESS_LOG
[program:talk]
command={child("talk", "something-said")}
stdout_events_enabled=true
autostart=false
"""
        supervisor = supervise(programs, env=environment())
        supervisor.wait_state("logging", "RUNNING")
        supervisor.rpc.supervisor.startProcess("talk", False)
        message = syslog.recv(65536).decode()
        pid = supervisor.info("talk")["pid"]
    assert f" talk[{pid}]: " in message
    assert "something-said" in message


def test_checks_restart_what_does_not_listen(supervise: Supervise) -> None:
    with socket.socket() as port:
        port.bind(("127.0.0.1", 0))  # nobody listens there
        number = str(port.getsockname()[1])
        command = script(
            "supervisor_tcp_check", "-n", "check", "-g", "cat", "-p", number, "-t", "1", "-r", "1"
        )
        supervisor = supervise(
            CAT + f"[eventlistener:check]\ncommand={command}\nevents=TICK_5\n", env=environment()
        )
        supervisor.rpc.supervisor.startProcess("cat")
        first = supervisor.info("cat")["pid"]
        until(lambda: supervisor.info("cat")["pid"] not in (0, first), "a restart by the check")


def test_eventflapping_tells_of_unexpected_exits(supervise: Supervise) -> None:
    with web([200]) as (url, bodies):
        programs = f"""\
[eventlistener:flapping]
command={sys.executable} -m supervisor_eventflapping.exitedsendtonewrelic
environment=NEWRELIC_URL="{url}",NEWRELIC_KEY="k",NEWRELIC_EVENT_TYPE="exit"
events=PROCESS_STATE_EXITED
[program:frail]
command={shell("exit 3")}
autostart=false
startsecs=0
autorestart=false
"""
        supervisor = supervise(programs, env=environment())
        supervisor.wait_state("flapping", "RUNNING")
        supervisor.rpc.supervisor.startProcess("frail", False)
        until(lambda: any('"processname": "frail"' in body for body in bodies), "a message about the exit")
        assert any('"expected": "0"' in body and '"eventType": "exit"' in body for body in bodies)


# --- clients -----------------------------------------------------------------------------------------


def test_nagios_check(supervise: Supervise) -> None:
    supervisor = supervise(CAT, env=environment())

    def check() -> tuple[int, str]:
        words = ("-s", f"{supervisor.folder}/s", "-P", "cat", "--stopped-state-exit-code", "critical")
        done = subprocess.run(
            script("check_supervisord.py", *words).split(),
            capture_output=True,
            text=True,
            env=os.environ | environment(),
            timeout=PATIENCE_S,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    supervisor.rpc.supervisor.startProcess("cat")
    assert check() == (0, "OK: 'cat': OK\n")
    supervisor.rpc.supervisor.stopProcess("cat")
    code, out = check()
    assert (code, "CRITICAL" in out) == (2, True), out
