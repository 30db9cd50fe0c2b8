"""Every file of the package is replaced by garbage under a daemon that serves: it had imported all that it needs."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from xmlrpc.client import Fault

import pytest

from supervisor import passwords
from supervisor.protocol import stream as p
from tests.conftest import Supervise
from tests.faults.conftest import Faults
from tests.faults.test_upgrade import copy_of_the_package
from tests.support.http import Http, ask, basic
from tests.support.processes import alive
from tests.support.supervisor import CHILDREN, Supervisor, child, shell
from tests.support.waiting import until

WATCH = """\
import os, sys
if "--keeper-fd" in sys.orig_argv:
    def watch(event, arguments):
        if event == "import" and os.path.exists(os.environ["IMPORTS_FLAG"]):
            with open(os.environ["IMPORTS"], "a") as file:
                print(arguments[0], file=file)
    sys.addaudithook(watch)
"""
"""As ``sitecustomize``: the daemon writes down what it imports once there is a flag."""

PROGRAMS = f"""\
[program:pipes]
command={child("echo")}
startsecs=0
stdout_logfile={{folder}}/pipes.log
stdout_logfile_maxbytes=2000
stdout_logfile_backups=2
stdout_capture_maxbytes=1000
stderr_syslog=true
[program:screen]
command={child("echo")}
tty=true
startsecs=0
[program:plain]
command={shell("while read line; do echo $line; done")}
strip_ansi=true
startsecs=0
[program:ends]
command=/bin/false
autostart=false
startretries=1
[program:tree]
command={shell("/bin/sleep 1000 & exec /bin/sleep 1000")}
stopastree=true
startsecs=0
[eventlistener:hears]
command={child("listener", "{folder}/heard", "ok")}
events=EVENT
startsecs=0
[fcgi-program:web]
command={child("fcgi")}
socket=unix://{{folder}}/web.sock
startsecs=0
"""
SECTIONS = """\
[rpcinterface:mine]
supervisor.rpcinterface_factory=rpc_plugin:make
[rpcinterface:twiddler]
supervisor.rpcinterface_factory=supervisor_twiddler.rpcinterface:make_twiddler_rpcinterface
[rpcinterface:cache]
supervisor.rpcinterface_factory=supervisor_cache.rpcinterface:make_cache_rpcinterface
[unix_http_server:two]
file=%(here)s/two
username=user
password={password}
"""
PROGRAM = "[program:a]\ncommand=/bin/sleep 1000\nstartsecs=0\n"
LEFT_OUT = {"supervisor.shutdown", "supervisor.restart", "supervisor.restartDaemon"}
OF_THE_PLUGIN = {
    "mine.options",
    "mine.binary",
    "mine.fault",
    "mine.own_fault",
    "mine.later_fault",
    "mine.awaited",
}
PAGES = (
    "/", "/index.html", "/index.html?processname=pipes&action=stop", "/tail.html?processname=pipes&limit=10",
    "/stylesheets/supervisor.css", "/nonsense", "/logtail/nonsense",
)  # fmt: skip
WORDS: tuple[tuple[object, ...], ...] = (
    (), ("pipes",), ("pipes", 0, 10), ("pipes:pipes", "CONT"), ("pipes", "text\n"), ("empty", "b", {"command": "/bin/cat"}),
    (1, 2), (5,), ([{"methodName": "supervisor.getPID", "params": []}],),
)  # fmt: skip


def call_everything(supervisor: Supervisor) -> None:
    """Every method with words that fit some, and with none: an answer or a fault, as it comes."""
    for name in sorted(set(supervisor.rpc.system.listMethods()) - LEFT_OUT):
        if name.startswith("mine.") and name not in OF_THE_PLUGIN:
            continue  # does what a plug-in should not
        for words in WORDS:
            method = supervisor.rpc
            for part in name.split("."):
                method = getattr(method, part)
            with contextlib.suppress(Fault):
                method(*words)


def use_the_stream(supervisor: Supervisor) -> None:
    supervisor.rpc.supervisor.startAllProcesses()
    with supervisor.stream() as stream:
        stream.send(p.Subscribe(1), p.Follow(2, "pipes"), p.Follow(3, "plain"), p.Attach(4, "screen"))
        stream.expect(p.Attached)
        stream.send(p.Input(4, b"hello\r"), p.Resize(4, 30, 90))
        stream.call(5, "supervisor.sendProcessStdin", "pipes", "x" * 3000 + "\n")
        stream.call(6, "supervisor.getAllProcessInfo")
        stream.ping()


def use_the_pages(supervisor: Supervisor, tmp_path: Path) -> None:
    for page in PAGES:
        ask(f"{tmp_path}/s", "GET", page)
        ask(f"{tmp_path}/s", "POST", page)
    for login in ("", basic("user", "secret"), basic("user", "wrong"), "Authorization: Basic !!\r\n"):
        ask(f"{tmp_path}/two", "GET", "/", login)
    with Http(f"{tmp_path}/s") as http:
        http.send("GET /logtail/pipes HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert http.head().status == 200
        supervisor.rpc.supervisor.startAllProcesses()
        supervisor.rpc.supervisor.sendProcessStdin("pipes", "one more\n")
        http.chunk()


def test_all_was_imported(supervise: Supervise, tmp_path: Path, faults: Faults) -> None:
    package = copy_of_the_package(tmp_path / "site")
    (tmp_path / "site" / "sitecustomize.py").write_text(WATCH)
    programs = PROGRAMS.replace("{folder}", str(tmp_path))
    supervisor = supervise(
        programs,
        sections=SECTIONS.replace("{password}", passwords.hash_password(b"secret", ln=10)),
        env={
            "PYTHONPATH": f"{tmp_path}/site:{CHILDREN}",
            "IMPORTS_FLAG": str(tmp_path / "flag"),
            "IMPORTS": str(tmp_path / "imports"),
        },
    )
    supervisor.wait_state("tree", "RUNNING")
    (tmp_path / "flag").touch()
    for file in package.rglob("*.py"):
        file.write_text("this is no Python\n")

    use_the_stream(supervisor)
    use_the_pages(supervisor, tmp_path)
    call_everything(supervisor)
    supervisor.configure(
        programs.replace("startretries=1", "startretries=2") + "[program:new]\ncommand=/bin/cat\n"
    )
    supervisor.rpc.supervisor.reloadConfig()
    supervisor.rpc.supervisor.updateProcessGroup("ends")
    supervisor.rpc.supervisor.addProcessGroup("new")
    with contextlib.suppress(Fault):
        supervisor.rpc.supervisor.startProcess("ends")
    supervisor.configure("[program:x]\nstartsecs=much\n")
    with pytest.raises(Fault, match="CANT_REREAD"):
        supervisor.rpc.supervisor.reloadConfig()
    os.kill(supervisor.keeper_pid, signal.SIGUSR2)
    supervisor.wait_log("supervisord logreopen")
    assert (tmp_path / "pipes.log.1").exists(), "a rotation"
    with pytest.raises(Fault, match="this daemon goes on, the next one cannot serve: "):
        supervisor.rpc.supervisor.restartDaemon()
    assert supervisor.shutdown() == 0
    imports = tmp_path / "imports"
    assert not imports.exists(), sorted(set(imports.read_text().split()))
    faults.injected("every file of the package is replaced under the daemon")


def test_the_keeper_is_killed_then(supervise: Supervise, tmp_path: Path, faults: Faults) -> None:
    """The daemon does not become what cannot start; once the files are right again it does."""
    package = copy_of_the_package(tmp_path / "site")
    supervisor = supervise(PROGRAM, env={"PYTHONPATH": f"{tmp_path}/site"})
    pid = supervisor.wait_state("a", "RUNNING")["pid"]
    garbage, good = package / "daemon" / "keeper" / "wire.py", package / "daemon" / "keeper" / "good"
    garbage.rename(good)
    garbage.write_text("this is no Python\n")
    before = supervisor.keeper_pid
    os.kill(before, signal.SIGKILL)
    supervisor.wait_log(
        "this process cannot take its place: [Errno 8] the keeper that is installed now cannot start: Synt"
    )
    assert alive(pid)
    good.rename(garbage)

    def another() -> bool:
        with contextlib.suppress(OSError):
            return int(supervisor.rpc.supervisor.getPID()) != before
        return False

    until(another, "another keeper")
    supervisor.keeper_pid = int(supervisor.rpc.supervisor.getPID())
    assert supervisor.popen is not None
    supervisor.popen.wait(10)
    supervisor.popen = None  # the one that lives is no child of ours
    supervisor.wait_ready()
    assert supervisor.info("a")["pid"] == pid
    faults.injected("keeper killed where the version on disk cannot start")
