"""A file system that stops answering, under a log, a command, the pidfile: whoever is on it waits, nobody else."""

from __future__ import annotations

import contextlib
import os
import signal
import time
import xmlrpc.client
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from supervisor.daemon.keeper.roster import runs
from tests.conftest import Supervise
from tests.faults.conftest import Faults
from tests.faults.test_keeper_killed import kill_keeper, send_kills
from tests.faults.test_kill import served_again
from tests.faults.test_storage import disk, remount, slowest_answer, troubles
from tests.support.fuse import FuseDisk, fuse_disk
from tests.support.load import Writers
from tests.support.supervisor import Supervisor, shell
from tests.support.waiting import until

HUNG = "does not answer"


__all__ = ["disk"]  # a fixture


@pytest.fixture
def far(tmp_path: Path) -> Iterator[FuseDisk]:
    with fuse_disk(tmp_path / "far") as made:
        yield made


def writers_on(far: FuseDisk, folder: Path, maxbytes: int) -> Writers:
    """Two writers; the log of the first is on the disk."""
    elsewhere = {0: far.folder / "w0.log"}
    return Writers(folder, 2, maxbytes=maxbytes, burst_bytes=20_000, pause_s=0.05, elsewhere=elsewhere)


def file_of(log: Path) -> tuple[int, int]:
    """Changes with each line; a rotation is over soon."""
    until(log.exists, "the log")
    with contextlib.suppress(FileNotFoundError):  # it is just being rotated
        status = log.stat()
        return status.st_ino, status.st_size
    return file_of(log)


def others_go_on(supervisor: Supervisor, log: Path) -> None:
    """A log that grows, calls that are answered, a program that is stopped and started."""
    before = file_of(log)
    until(lambda: file_of(log) != before, "the other log to go on")
    print(f"slowest answer {slowest_answer(supervisor):.3f} s")
    supervisor.rpc.supervisor.stopProcess("idle")
    supervisor.rpc.supervisor.startProcess("idle")


IDLE = "[program:idle]\ncommand=/bin/sleep 1000\nstartsecs=0\n"


@pytest.mark.parametrize("more", ["", "stdout_events_enabled=true\n", "stdout_capture_maxbytes=1000\n"])
def test_a_log_on_a_mount_that_hangs(
    far: FuseDisk, supervise: Supervise, tmp_path: Path, faults: Faults, more: str
) -> None:
    writers = writers_on(far, tmp_path, 60_000)
    log = far.folder / "w0.log"
    supervisor = supervise(writers.config().replace("autorestart", more + "autorestart") + IDLE)
    until(lambda: len(list(far.folder.glob("w0.log*"))) > 3, "a few rotations")
    far.hang()
    until(lambda: any(HUNG in text for text in troubles(supervisor)), "the state to tell of it")
    daemon = supervisor.daemon_pid()
    others_go_on(supervisor, tmp_path / "w1.log")
    with pytest.raises(xmlrpc.client.Fault, match=HUNG):
        supervisor.rpc.supervisor.readProcessStdoutLog("w0", 0, 100)
    os.kill(daemon, signal.SIGKILL)  # it cannot be reaped; the next one finds the file system hanging
    begin = time.monotonic()
    until(lambda: supervisor.daemon_pid() != daemon, "the next daemon")
    faults.recovered(served_again(supervisor, begin))
    until(lambda: any(HUNG in text for text in troubles(supervisor)), "the next daemon to tell of it")
    others_go_on(supervisor, tmp_path / "w1.log")
    far.go_on()
    until(lambda: not troubles(supervisor), "the trouble to be over")
    before = file_of(log)
    until(lambda: file_of(log) != before, "the log to go on")
    faults.checked(writers.check(supervisor))
    faults.injected("the file system of a log hangs, and answers again")


def test_a_daemon_that_cannot_be_reaped_is_followed_by_another(
    supervise: Supervise, tmp_path: Path, faults: Faults
) -> None:
    with fuse_disk(tmp_path / "far", flushes=True) as far:
        writers = writers_on(far, tmp_path, 0)
        supervisor = supervise(writers.config() + IDLE)
        until(lambda: (far.folder / "w0.log").exists(), "the log")
        far.hang()
        until(lambda: any(HUNG in text for text in troubles(supervisor)), "the state to tell of it")
        daemon = supervisor.daemon_pid()
        os.kill(daemon, signal.SIGKILL)
        served_by_another(supervisor, daemon)
        others_go_on(supervisor, tmp_path / "w1.log")
        far.go_on()
        until(lambda: not troubles(supervisor), "the trouble to be over")
        faults.checked(writers.check(supervisor))
    faults.injected("daemon killed, and its end waits for a file system")


def served_by_another(supervisor: Supervisor, daemon: int) -> None:
    """The calls to the daemon that is dead are never answered, and its sockets not closed."""
    until(lambda: supervisor.daemon_pid() != daemon, "another daemon")
    supervisor.wait_ready()


def stands_still(far: FuseDisk) -> None:
    far.hang()


def answers_nothing(far: FuseDisk) -> None:
    """Who waits is out of reach of SIGKILL, and of an exec of its process."""
    far.swallow()


def wake(far: FuseDisk) -> None:
    far.go_on()
    far.work()


@pytest.mark.parametrize("hang", [stands_still, answers_nothing])
def test_the_keeper_is_killed_while_a_mount_hangs(
    far: FuseDisk, supervise: Supervise, tmp_path: Path, faults: Faults, hang: Callable[[FuseDisk], None]
) -> None:
    writers = writers_on(far, tmp_path, 60_000)
    supervisor = supervise(writers.config() + IDLE)
    until(lambda: len(list(far.folder.glob("w0.log*"))) > 3, "a few rotations")
    hang(far)
    until(lambda: any(HUNG in text for text in troubles(supervisor)), "the state to tell of it")
    kill_keeper(supervisor)
    until(lambda: any(HUNG in text for text in troubles(supervisor)), "the next daemon to tell of it")
    others_go_on(supervisor, tmp_path / "w1.log")
    wake(far)
    until(lambda: not troubles(supervisor), "the trouble to be over")
    faults.checked(writers.check(supervisor))
    faults.injected("keeper killed while a file system hangs")


@pytest.mark.parametrize("hang", [stands_still, answers_nothing])
def test_a_start_while_the_mount_of_a_log_hangs(
    far: FuseDisk, supervise: Supervise, faults: Faults, hang: Callable[[FuseDisk], None]
) -> None:
    log = far.folder / "a.log"
    hang(far)
    supervisor = supervise(
        f"[program:a]\ncommand={shell('while :; do echo line; sleep 0.02; done')}\nstartsecs=0\n"
        f"stdout_logfile={log}\n" + IDLE
    )
    until(lambda: any(HUNG in text for text in troubles(supervisor)), "the state to tell of it")
    supervisor.wait_state("idle", "RUNNING")
    wake(far)
    until(lambda: not troubles(supervisor), "the trouble to be over")
    until(lambda: log.exists() and log.read_text().startswith("line\n"), "the first line")
    faults.injected("a start while the file system of a log hangs")


@pytest.mark.parametrize("hang", [stands_still, answers_nothing])
def test_both_are_killed_while_a_mount_hangs(
    far: FuseDisk, supervise: Supervise, tmp_path: Path, faults: Faults, hang: Callable[[FuseDisk], None]
) -> None:
    says = shell(f"until test -e {tmp_path}/go; do sleep 0.05; done; exec sleep 1000")
    once = shell(f"until test -e {tmp_path}/go; do sleep 0.05; done; echo line; exec sleep 1000")
    supervisor = supervise(
        f"[program:a]\ncommand={shell('while :; do echo line; sleep 0.02; done')}\nstartsecs=0\n"
        f"stdout_logfile={far.folder}/a.log\n"
        f"[program:b]\ncommand={once}\nstartsecs=0\nstdout_logfile={tmp_path}/b.log\n"
        f"[program:c]\ncommand={says}\nstartsecs=0\n" + IDLE
    )
    until(lambda: (far.folder / "a.log").exists(), "the log")
    pids = [supervisor.wait_state(name, "RUNNING")["pid"] for name in "bc"]
    hang(far)
    until(lambda: any(HUNG in text for text in troubles(supervisor)), "the state to tell of it")
    keeper, daemon = send_kills(supervisor)
    until(lambda: not runs(keeper) and not runs(daemon), "both to be on their way out")
    assert supervisor.popen is not None
    supervisor.popen.wait(10)
    supervisor.launch()
    supervisor.wait_log("supervisord started with pid", 2)  # before, the socket is that of the dead one
    supervisor.wait_ready()
    supervisor.keeper_pid = supervisor.popen.pid
    assert [supervisor.wait_state(name, "RUNNING")["pid"] for name in "bc"] == pids
    supervisor.wait_state("a", "RUNNING", "STARTING")
    (tmp_path / "go").touch()
    until(lambda: (tmp_path / "b.log").read_text() == "line\n", "the other log to go on")
    supervisor.rpc.supervisor.stopProcess("idle")
    supervisor.rpc.supervisor.startProcess("idle")
    wake(far)
    until(lambda: not troubles(supervisor), "the trouble to be over")
    size = (far.folder / "a.log").stat().st_size
    until(lambda: (far.folder / "a.log").stat().st_size > size, "the log to go on")
    faults.injected("keeper and daemon killed while a file system hangs")


def test_a_command_on_a_mount_that_hangs(
    far: FuseDisk, supervise: Supervise, tmp_path: Path, faults: Faults
) -> None:
    tool = far.folder / "tool"
    tool.write_text("#!/bin/sh\nexec sleep 1000\n")
    tool.chmod(0o755)
    (far.folder / "place").mkdir()
    sections = {"byname": f"command=tool\nenvironment=PATH=\"{far.folder}:/bin\"", "bypath": f"command={tool}",
                "there": f"command=/bin/sleep 1000\ndirectory={far.folder}/place"}  # fmt: skip
    supervisor = supervise(
        "".join(
            f"[program:{name}]\n{text}\nautostart=false\nstartsecs=0\n" for name, text in sections.items()
        )
        + IDLE
    )
    far.hang()
    for name in sections:
        supervisor.rpc.supervisor.startProcess(name, False)
    until(lambda: sum(HUNG in text for text in troubles(supervisor)) == 3, "the state to tell of it")
    assert [supervisor.state(name) for name in sections] == ["STARTING"] * 3
    print(f"slowest answer {slowest_answer(supervisor):.3f} s")
    supervisor.rpc.supervisor.stopProcess("idle")
    supervisor.rpc.supervisor.startProcess("idle")
    supervisor.rpc.supervisor.stopProcess("bypath")
    assert supervisor.state("bypath") == "STOPPED"
    supervisor.kill_daemon()
    served_again(supervisor, time.monotonic())
    until(lambda: sum(HUNG in text for text in troubles(supervisor)) == 2, "the next daemon to tell of it")
    far.go_on()
    for name in ("byname", "there"):
        supervisor.wait_state(name, "RUNNING")
    until(lambda: not troubles(supervisor), "the trouble to be over")
    faults.injected("the file system of a command hangs, and answers again", 3)


def test_the_files_of_the_supervisor_on_a_mount_that_hangs(
    far: FuseDisk, supervise: Supervise, faults: Faults
) -> None:
    text = "command=/bin/sh -c 'while :; do echo line; sleep 0.1; done'\nstartsecs=0\nstdout_logfile=AUTO\n"
    supervisor = supervise(f"[program:a]\n{text}[program:b]\nautostart=false\n{text}{IDLE}", start=False)
    config = supervisor.config_file.read_text()
    for old, new in (("main.log", "far/main.log"), ("/pid", "/far/pid"), ("/auto", "/far")):
        config = config.replace(
            f"%(here)s{old if old[0] == '/' else '/' + old}", f"%(here)s/{new.lstrip('/')}"
        )
    supervisor.config_file.write_text(config)
    supervisor.start()
    assert int((far.folder / "pid").read_text()) == supervisor.keeper_pid
    log = Path(supervisor.wait_state("a", "RUNNING")["stdout_logfile"])
    assert log.parent == far.folder
    until(lambda: log.exists() and log.stat().st_size > 0, "the first line")
    far.hang()
    until(lambda: any(HUNG in text for text in troubles(supervisor)), "the state to tell of it")
    print(f"slowest answer {slowest_answer(supervisor):.3f} s")
    supervisor.rpc.supervisor.startProcess("b")
    for _ in range(3):
        supervisor.rpc.supervisor.stopProcess("idle")
        supervisor.rpc.supervisor.startProcess("idle")
    supervisor.kill_daemon()
    served_again(supervisor, time.monotonic())
    assert supervisor.state("b") == "RUNNING"
    supervisor.rpc.supervisor.stopProcess("b")
    far.go_on()
    until(lambda: not troubles(supervisor), "the trouble to be over")
    main = far.folder / "main.log"
    until(lambda: "stopped: b" in main.read_text(), "what was said meanwhile")
    assert "daemon started again" in main.read_text()
    supervisor.shutdown()
    assert not (far.folder / "pid").exists()
    faults.injected("the file system of pidfile, main log and childlogdir hangs")


def test_an_end_while_the_pidfile_hangs(far: FuseDisk, supervise: Supervise, faults: Faults) -> None:
    supervisor = supervise(IDLE, start=False)
    config = supervisor.config_file.read_text().replace("pidfile=%(here)s", "pidfile=%(here)s/far")
    supervisor.config_file.write_text(config)
    supervisor.start()
    far.hang()
    supervisor.shutdown()
    far.go_on()
    faults.injected("the end of it all while the pidfile hangs")


def test_the_file_system_of_a_log_dies_and_is_mounted_again(
    disk: Path, supervise: Supervise, faults: Faults
) -> None:
    text = "command=/bin/sh -c 'while :; do echo line; sleep 0.05; done'\nstartsecs=0\n"
    place = disk / "far"
    place.mkdir()
    remount(disk, "ro")  # so that nothing is written where it was mounted, once it is not
    with fuse_disk(place) as far:
        log = place / "a.log"
        supervisor = supervise(f"[program:a]\n{text}stdout_logfile={log}\n{IDLE}")
        until(lambda: log.exists() and log.stat().st_size, "the first line")
        far.die()
        until(lambda: any("ENOTCONN" in text for text in troubles(supervisor)), "the state to tell of it")
        supervisor.kill_daemon()
        served_again(supervisor, time.monotonic())
        until(
            lambda: any("ENOTCONN" in text for text in troubles(supervisor)),
            "the next daemon to tell of it",
        )
        supervisor.rpc.supervisor.stopProcess("idle")
        print(f"slowest answer {slowest_answer(supervisor):.3f} s")
    with fuse_disk(place):
        until(lambda: not troubles(supervisor), "the trouble to be over")
        until(lambda: log.exists() and log.stat().st_size, "a line where it is mounted again")
        supervisor.finish()
    faults.injected("the file system of a log dies, and is mounted again")
