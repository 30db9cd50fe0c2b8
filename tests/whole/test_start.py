"""Starting and ending the real command, and the signals that it takes."""

from __future__ import annotations

import os
import pty
import signal
import socket
import subprocess
import sys
import tempfile
import xmlrpc.client
from pathlib import Path

import pytest

from tests.conftest import Supervise
from tests.support.processes import MARK, alive, children, descriptors, status
from tests.support.supervisor import Rpc, Supervisor, child, shell
from tests.support.waiting import PATIENCE_S, until

TALK = f"[program:a]\ncommand={child('talk', 'hello')}\nstartsecs=0\n"


def test_starts_serves_and_ends(supervise: Supervise) -> None:
    supervisor = supervise(TALK)
    info = supervisor.wait_state("a", "RUNNING")
    until(lambda: supervisor.rpc.supervisor.readProcessStdoutLog("a", 0, 0) == "hello\n", "the line")
    assert supervisor.pidfile_pid() == supervisor.keeper_pid == supervisor.rpc.supervisor.getPID()
    assert Path(f"/proc/{supervisor.keeper_pid}/comm").read_text() == "supervisord\n"  # pgrep, killall
    assert status(info["pid"])["PPid"] == str(supervisor.keeper_pid)
    assert "supervisord started with pid" in (supervisor.folder / "stdout").read_text()  # -n: also there
    assert supervisor.shutdown() == 0
    assert not alive(info["pid"])


def test_in_the_background(supervise: Supervise) -> None:
    supervisor = supervise(TALK, start=False).background()
    supervisor.rpc.supervisor.getAPIVersion()  # it serves already when the command ends
    pid = supervisor.keeper_pid
    assert supervisor.rpc.supervisor.getPID() == pid
    assert os.getsid(pid) != os.getsid(0)
    for which in (pid, supervisor.daemon_pid()):
        assert [os.readlink(f"/proc/{which}/fd/{n}") for n in range(3)] == ["/dev/null"] * 3
    supervisor.wait_state("a", "RUNNING")
    supervisor.rpc.supervisor.shutdown()
    supervisor.wait_end()
    assert not (supervisor.folder / "pid").exists()


def test_in_the_background_with_closed_standard_descriptors(supervise: Supervise) -> None:
    supervisor = supervise(TALK, start=False)
    supervisor.argv = []
    line = " ".join(supervisor.command())
    done = subprocess.run(
        ["/bin/sh", "-c", f"exec {line} <&- >&- 2>&-"], env=supervisor.env, timeout=30, check=False
    )
    assert done.returncode == 0
    supervisor.keeper_pid = supervisor.pidfile_pid()
    supervisor.base = descriptors(supervisor.daemon_pid())
    supervisor.wait_state("a", "RUNNING")
    until(lambda: supervisor.rpc.supervisor.readProcessStdoutLog("a", 0, 0) == "hello\n", "the line")
    supervisor.kill_daemon()
    supervisor.wait_ready()
    supervisor.rpc.supervisor.stopProcess("a")


def test_the_background_start_fails_when_it_cannot_serve(supervise: Supervise) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        supervisor = supervise(
            "", start=False, sections=f"[inet_http_server]\nport=127.0.0.1:{port}\n", argv=()
        )
        done = supervisor.run()
        assert done.returncode not in (0, 70)
        assert "Another program is already listening on a port" in done.stderr
        assert done.stderr.splitlines()[-1].startswith("For help, use ")
        assert "Traceback" not in done.stderr


# --- what is refused ---------------------------------------------------------------------------------


def one_line(done: subprocess.CompletedProcess[str], text: str) -> None:
    assert done.returncode == 2, done
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len([line for line in lines if text in line]) == 1, done.stderr
    assert len(lines) <= 2 and lines[0].startswith("Error: "), done.stderr


def untouched(supervisor: Supervisor) -> dict[str, tuple[int, int]]:
    """Inode and size of the files that a second instance must leave alone."""
    files = [supervisor.folder / name for name in ("s", "s.stream", "pid")]
    files += sorted((supervisor.folder / "auto").iterdir())
    return {path.name: (path.lstat().st_ino, path.lstat().st_size) for path in files}


def test_a_second_instance_is_refused_and_touches_nothing(supervise: Supervise) -> None:
    supervisor = supervise(TALK)
    supervisor.wait_state("a", "RUNNING")
    until(lambda: supervisor.rpc.supervisor.readProcessStdoutLog("a", 0, 0) == "hello\n", "the line")
    before = untouched(supervisor)
    assert len(before) == 5
    for argv in (("-n",), ()):
        supervisor.argv = list(argv)
        one_line(supervisor.run(), f"another supervisord (pid {supervisor.keeper_pid}) is running")
    # one with a pidfile of its own, on the same sockets
    done = supervisor.run("-n", "-j", str(supervisor.folder / "pid2"))
    assert done.returncode == 2 and "Another program is already listening" in done.stderr
    assert untouched(supervisor) == before
    assert not (supervisor.folder / "pid2").exists()
    assert supervisor.rpc.supervisor.readProcessStdoutLog("a", 0, 0) == "hello\n"
    supervisor.argv = ["-n"]


def test_auto_logs_of_an_earlier_run_are_cleaned(supervise: Supervise) -> None:
    supervisor = supervise(TALK, start=False)
    auto = supervisor.folder / "auto"
    for name in (
        "a-stdout---test-x1y2.log",
        "old-stderr---test-zz.log.3",
        "a-stdout---other-x1y2.log",
        "notes.log",
    ):
        (auto / name).touch()
    supervisor.start()
    left = {path.name for path in auto.iterdir()}
    assert {"a-stdout---other-x1y2.log", "notes.log"} < left
    assert not left & {"a-stdout---test-x1y2.log", "old-stderr---test-zz.log.3"}


def test_nocleanup_keeps_them(supervise: Supervise) -> None:
    supervisor = supervise(TALK, start=False, settings="nocleanup=true\n")
    (supervisor.folder / "auto" / "a-stdout---test-x1y2.log").touch()
    supervisor.start()
    assert (supervisor.folder / "auto" / "a-stdout---test-x1y2.log").exists()


def test_a_port_that_is_taken(supervise: Supervise) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        supervisor = supervise("", start=False, sections=f"[inet_http_server]\nport=127.0.0.1:{port}\n")
        one_line(supervisor.run(), "Another program is already listening on a port")
    assert not (supervisor.folder / "s").exists(), "a socket is left behind by a start that failed"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[supervisord\n", "conf"),
        ("[supervisord]\nloglevel=loud\n", "loglevel"),
        ("[supervisord]\n[program:x]\nstartsecs=1\n", "command"),
        ("[supervisord]\n[program:x]\ncommand=/bin/cat\nuser=nobody-knows-him\n", "nobody-knows-him"),
    ],
)
def test_a_configuration_that_cannot_be_used(supervise: Supervise, text: str, reason: str) -> None:
    supervisor = supervise("", start=False)
    supervisor.config_file.write_text(text)
    one_line(supervisor.run(), reason)


def test_a_configuration_that_is_not_there(supervise: Supervise) -> None:
    supervisor = supervise("", start=False)
    supervisor.config_file.unlink()
    one_line(supervisor.run(), f"could not find config file {supervisor.config_file}")


def test_a_configuration_in_a_pipe_is_checked_and_not_started(supervise: Supervise) -> None:
    supervisor = supervise("", start=False)
    text = supervisor.config_file.read_bytes().replace(b"%(here)s", str(supervisor.folder).encode())
    for words, code, said in (
        (("--check",), 0, "ok"),
        ((), 2, "cannot use /dev/stdin: a pipe can be read once"),
    ):
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", "/dev/stdin", *words]
        done = subprocess.run(command, input=text, capture_output=True, timeout=PATIENCE_S, check=False)
        assert done.returncode == code and said in (done.stdout + done.stderr).decode()


@pytest.mark.parametrize("module", ["supervisord", "supervisorctl"])
def test_a_current_directory_that_is_gone(supervise: Supervise, tmp_path: Path, module: str) -> None:
    supervisor = supervise(TALK, start=module == "supervisorctl")
    words = {
        "supervisord": ["--check", "-c", str(supervisor.config_file)],
        "supervisorctl": ["-s", f"unix://{supervisor.folder}/s", "pid"],
    }[module]
    script = f'mkdir {tmp_path}/gone && cd {tmp_path}/gone && rmdir {tmp_path}/gone && exec "$@"'
    command = [sys.executable, "-m", f"supervisor.{module}", *words]
    done = subprocess.run(
        ["sh", "-c", script, "sh", *command],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_main_log_that_cannot_be_written(supervise: Supervise) -> None:
    supervisor = supervise("", start=False)
    one_line(supervisor.run("-l", "/nowhere/at/all/main.log"), "/nowhere/at/all/main.log")


def test_a_stale_socket_is_replaced_and_a_file_is_not(supervise: Supervise) -> None:
    supervisor = supervise(TALK, start=False)
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(supervisor.folder / "s"))
    supervisor.start()
    supervisor.shutdown()
    (supervisor.folder / "s").write_text("precious")
    done = supervisor.run()
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert (supervisor.folder / "s").read_text() == "precious"
    (supervisor.folder / "s").unlink()


@pytest.mark.parametrize("length", [100, 104, 107, 108])
def test_the_longest_path_of_a_socket(supervise: Supervise, tmp_path: Path, length: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = folder + "/" + "s" * (length - len(folder) - 1)
        supervisor = supervise(f"[unix_http_server:long]\nfile={path}\n", start=False)
        if length == 108:
            done = supervisor.run()
            assert done.returncode == 2 and "Traceback" not in done.stderr
            assert "socket.error reported AF_UNIX path too long ([unix_http_server:long]" in done.stderr
            return
        supervisor.start()
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE_S)
            client.connect(path)
            client.sendall(b"GET /ok.html HTTP/1.0\r\n\r\n")
            assert client.recv(1000).startswith(b"HTTP/1.0 200")
        assert os.listdir(folder) == [os.path.basename(path)]
        supervisor.shutdown()


# --- signals to the keeper's pid ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGQUIT"])
def test_signals_that_end_it(supervise: Supervise, name: str) -> None:
    supervisor = supervise(TALK)
    pid = supervisor.wait_state("a", "RUNNING")["pid"]
    os.kill(supervisor.keeper_pid, signal.Signals[name])
    assert supervisor.wait_end() == 0
    assert not alive(pid)
    log = supervisor.log()
    assert f"WARN received {name} indicating exit request" in log
    assert "INFO waiting for a to die" in log
    assert "WARN stopped: a (terminated by SIGTERM)" in log


def test_hup_reloads(supervise: Supervise) -> None:
    supervisor = supervise(TALK)
    before = supervisor.wait_state("a", "RUNNING")["pid"]
    supervisor.configure(TALK + f"[program:b]\ncommand={child('talk', 'b')}\nstartsecs=0\n")
    os.kill(supervisor.keeper_pid, signal.SIGHUP)
    supervisor.wait_log("received SIGHUP indicating restart request")

    def both() -> bool:
        try:
            return {e["name"] for e in supervisor.rpc.supervisor.getAllProcessInfo() if e["pid"]} == {
                "a",
                "b",
            }
        except (OSError, xmlrpc.client.Error):
            return False

    until(both, "the new configuration")
    assert supervisor.info("a")["pid"] != before and not alive(before)
    assert supervisor.rpc.supervisor.getPID() == supervisor.keeper_pid


def test_hup_with_a_broken_configuration_changes_nothing(supervise: Supervise) -> None:
    supervisor = supervise(TALK)
    before = supervisor.wait_state("a", "RUNNING")["pid"]
    good = supervisor.config_file.read_text()
    supervisor.config_file.write_text("[supervisord]\nloglevel=loud\n")
    os.kill(supervisor.keeper_pid, signal.SIGHUP)
    supervisor.wait_log("not reloading, the configuration cannot be used")
    assert supervisor.info("a")["pid"] == before
    # even a daemon that is started again goes on by what was in force
    supervisor.kill_daemon()
    supervisor.wait_ready()
    assert supervisor.info("a")["pid"] == before
    supervisor.config_file.write_text(good)


def test_usr2_reopens_logs(supervise: Supervise) -> None:
    supervisor = supervise(
        f"[program:e]\ncommand={child('echo')}\nstartsecs=0\nstdout_logfile=%(here)s/out\nstdout_logfile_maxbytes=0\n"
    )
    supervisor.wait_state("e", "RUNNING")
    supervisor.rpc.supervisor.sendProcessStdin("e", "one\n")
    out = supervisor.folder / "out"
    until(lambda: out.exists() and out.read_text() == "one\n", "the first line")
    out.rename(supervisor.folder / "out.old")
    (supervisor.folder / "main.log").rename(supervisor.folder / "main.old")
    supervisor.rpc.supervisor.sendProcessStdin("e", "two\n")
    until(lambda: (supervisor.folder / "out.old").read_text() == "one\ntwo\n", "the line in the renamed file")
    os.kill(supervisor.keeper_pid, signal.SIGUSR2)
    until(lambda: (supervisor.folder / "main.log").exists(), "a new main log")
    supervisor.rpc.supervisor.sendProcessStdin("e", "three\n")
    until(lambda: out.exists() and out.read_text() == "three\n", "the line in the new file")
    assert (supervisor.folder / "main.old").read_text().endswith("supervisord logreopen\n")


def test_signals_that_mean_nothing(supervise: Supervise) -> None:
    supervisor = supervise(TALK)
    before = supervisor.wait_state("a", "RUNNING")["pid"]
    for sig in (signal.SIGCHLD, signal.SIGUSR1, signal.SIGPIPE, signal.SIGCONT, signal.SIGWINCH):
        os.kill(supervisor.keeper_pid, sig)
        assert supervisor.info("a")["pid"] == before
    assert alive(supervisor.keeper_pid)


def test_ctrl_c_at_a_terminal_ends_it_in_order(supervise: Supervise, tmp_path: Path) -> None:
    """The terminal's whole foreground group gets the signal; programs are stopped once, and in order."""
    events = tmp_path / "events"
    supervisor = supervise(f"[program:g]\ncommand={child('graceful', events)}\nstartsecs=0\n", start=False)
    pid, master = pty.fork()
    if pid == 0:
        command = supervisor.command()
        os.execve(command[0], command, supervisor.env)
    supervisor.keeper_pid = pid
    try:
        supervisor.wait_ready()
        supervisor.wait_state("g", "RUNNING")
        until(lambda: events.exists() and "start" in events.read_text(), "the program to listen")
        os.write(master, b"\x03")
        ended = until(lambda: os.waitpid(pid, os.WNOHANG)[1:] if not alive(pid) else None, "the end")
        assert ended == (0,)
        assert [line.split()[0] for line in events.read_text().splitlines()] == ["start", "end"]
        assert "received SIGINT indicating exit request" in supervisor.log()
    finally:
        os.close(master)


def test_no_more_than_one_keeper_and_one_daemon(supervise: Supervise) -> None:
    supervisor = supervise(TALK)
    pid = supervisor.wait_state("a", "RUNNING")["pid"]
    assert sorted(children(supervisor.keeper_pid)) == sorted([pid, supervisor.daemon_pid()])
    assert MARK in supervisor.env


# --- doors -------------------------------------------------------------------------------------------


def test_a_password_is_asked_for(supervise: Supervise) -> None:
    port = free_port()
    supervisor = supervise(
        TALK,
        sections=f"[inet_http_server]\nport=127.0.0.1:{port}\nusername=me\npassword=secret\n",
    )
    url = f"http://127.0.0.1:{port}"
    assert Rpc(url, "me", "secret").supervisor.getAPIVersion() == "3.0"
    for login in (("me", "wrong"), ("you", "secret"), (None, None)):
        with pytest.raises(xmlrpc.client.ProtocolError) as caught:
            Rpc(url, *login).supervisor.getAPIVersion()
        assert caught.value.errcode == 401
    assert "secret" not in supervisor.log()


def free_port() -> int:
    """A port that nobody has just now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def test_log_on_standard_output(supervise: Supervise) -> None:
    supervisor = supervise(
        f"[program:a]\ncommand={child('talk', 'to stdout', '-e', 'to stderr')}\nstartsecs=0\n".replace(
            "to stdout", "out-line"
        ).replace("to stderr", "err-line")
        + "stdout_logfile=/dev/stdout\nstdout_logfile_maxbytes=0\nstderr_logfile=/dev/stderr\nstderr_logfile_maxbytes=0\n"
    )
    until(lambda: "out-line\n" in (supervisor.folder / "stdout").read_text(), "the line on stdout")
    until(lambda: "err-line\n" in supervisor.stderr(), "the line on stderr")


def test_pid_1_of_a_container(supervise: Supervise, tmp_path: Path) -> None:
    """It reaps what nobody else does, and a TERM ends it, which the kernel spares a PID 1 without handlers."""
    wrap = ["unshare", "--fork", "--pid", "--mount-proc", "--kill-child"]
    probe = subprocess.run([*wrap, "true"], capture_output=True, text=True, check=False)
    if probe.returncode:
        pytest.skip(f"no pid namespace to be had: {probe.stderr.strip()}")
    orphans = "for n in 1 2 3; do (sleep 0.1 & exec sleep 0) & done; echo made; exec sleep 1000"
    supervisor = supervise(f"[program:o]\ncommand={shell(orphans)}\nstartsecs=0\n", start=False, wrap=wrap)
    supervisor.launch()
    supervisor.wait_ready()
    assert supervisor.rpc.supervisor.getPID() == 1
    assert supervisor.popen is not None
    inside = until(
        lambda: children(supervisor.popen.pid if supervisor.popen else 0), "the first process inside"
    )
    supervisor.keeper_pid = inside[0]
    supervisor.leaks_checked = False
    until(lambda: supervisor.log().count("reaped unknown pid") >= 3, "the orphans to be reaped")
    zombies = [pid for pid in children(inside[0]) if not alive(pid)]
    assert not zombies
    os.kill(inside[0], signal.SIGTERM)
    assert supervisor.popen.wait(30) == 0


def test_a_profile_is_printed_at_the_end(supervise: Supervise) -> None:
    supervisor = supervise(argv=("-n", "--profile_options=calls,callers"))
    supervisor.shutdown()
    printed = (supervisor.folder / "stdout").read_text()
    assert "function calls" in printed and "Ordered by: call count" in printed and "was called by" in printed


@pytest.mark.parametrize("nodaemon", [True, False])
def test_the_pidfile_is_never_seen_empty(supervise: Supervise, nodaemon: bool) -> None:
    """Scripts wait until it is there, and read it at once."""
    supervisor = supervise(start=False)
    path = supervisor.folder / "pid"
    path.write_text("99999999\n")  # of one that was killed
    if not nodaemon:
        supervisor.argv = []
    seen: set[int] = set()
    supervisor.launch()
    assert supervisor.popen is not None
    until(lambda: seen.add(int(path.read_text())) or len(seen) > 1, "the pid", pause_s=0.0)  # type: ignore[func-returns-value]
    supervisor.wait_ready()
    supervisor.keeper_pid = supervisor.pidfile_pid()
    supervisor.base = descriptors(supervisor.daemon_pid())
    assert seen == {99999999, supervisor.keeper_pid}
    assert path.read_text() == f"{supervisor.keeper_pid}\n"
    if nodaemon:
        assert supervisor.keeper_pid == supervisor.popen.pid
