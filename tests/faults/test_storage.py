"""Logs that cannot be written for a while: programs wait, everybody else is answered, nothing is lost."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
import xmlrpc.client
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervisor.protocol import stream as p
from tests.conftest import Supervise
from tests.faults.conftest import Faults
from tests.support.load import Writers, problem_of
from tests.support.supervisor import Supervisor, shell
from tests.support.tracing import injected, need_strace
from tests.support.waiting import until


def troubles(supervisor: Supervisor) -> list[str]:
    """What the state says is wrong."""
    with supervisor.stream() as stream:
        stream.send(p.Subscribe(1))
        return [record.trouble for record in stream.expect(p.Snapshot).processes if record.trouble]


@pytest.mark.parametrize("error", ["ENOSPC", "EIO", "EDQUOT", "EROFS"])
def test_a_log_that_cannot_be_written(
    supervise: Supervise, tmp_path: Path, faults: Faults, error: str
) -> None:
    need_strace()
    writers = Writers(tmp_path, 3, maxbytes=50_000, burst_bytes=20_000, pause_s=0.05)
    supervisor = supervise(writers.config())
    until(lambda: all((tmp_path / f"w{n}.log").exists() for n in range(3)), "the first lines")
    with injected(supervisor.daemon_pid(), "splice", f"error={error}:when=1+"):
        until(lambda: any(error in text for text in troubles(supervisor)), f"the state to tell of {error}")
        assert supervisor.rpc.supervisor.getState()["statename"] == "RUNNING"
        assert supervisor.info("w0")["statename"] == "RUNNING"
    until(lambda: not troubles(supervisor), "the trouble to be over")
    faults.checked(writers.check(supervisor))
    faults.injected(f"write of a log fails: {error}")


def test_the_folder_of_the_logs_goes_away_and_comes_back(
    supervise: Supervise, tmp_path: Path, faults: Faults
) -> None:
    logs, away = tmp_path / "logs", tmp_path / "away"
    logs.mkdir()
    writers = Writers(logs, 2, maxbytes=30_000, burst_bytes=10_000, pause_s=0.02)
    supervisor = supervise(writers.config())
    until(lambda: len(list(logs.glob("w0.log*"))) > 3, "a few rotations")
    logs.rename(away)
    until(lambda: any("cannot rotate" in text for text in troubles(supervisor)), "a rotation to fail")
    assert supervisor.rpc.supervisor.getState()["statename"] == "RUNNING"
    away.rename(logs)
    until(lambda: not troubles(supervisor), "the trouble to be over")
    faults.checked(writers.check(supervisor))
    faults.injected("the folder of the logs is moved away and back")


@pytest.mark.parametrize("how", ["renamed", "deleted", "copied and cut"])
def test_a_log_that_somebody_takes_away(
    supervise: Supervise, tmp_path: Path, faults: Faults, how: str
) -> None:
    writers = Writers(tmp_path, 1, maxbytes=0, burst_bytes=2_000, pause_s=0.01)
    supervisor = supervise(writers.config())
    log, old = tmp_path / "w0.log", tmp_path / "old"
    until(lambda: log.exists() and log.stat().st_size > 10_000, "the first lines")
    with log.open("rb") as held:  # also when it has no name any more
        inode = log.stat().st_ino
        if how == "renamed":  # as logrotate does by default
            log.rename(old)
            os.kill(supervisor.keeper_pid, signal.SIGUSR2)
        elif how == "deleted":
            log.unlink()
        else:  # as logrotate does with copytruncate
            old.write_bytes(log.read_bytes())
            os.truncate(log, 0)
        until(lambda: log.exists() and log.stat().st_size > 0, "a file that is written to")
        assert (log.stat().st_ino == inode) == (how == "copied and cut")
        writers.end(0)
        until(lambda: writers.has_ended(0), "the writer to end")
        supervisor.wait_state("w0", "EXITED")
        total = int((tmp_path / "w0.count").read_text())
        last = f"w0 {total - 1:09d} ".encode()
        until(lambda: last in log.read_bytes(), "the last line")
        if how == "copied and cut":
            first = old.read_bytes()
            # what came between the copy and the cut is lost to everybody; nothing else is, and there is no hole
            assert_in_order(first, log.read_bytes())
        else:
            (tmp_path / "whole").write_bytes(held.read() + log.read_bytes())
            assert not problem_of(tmp_path / "whole", "w0", total)
            faults.checked(total)
    faults.injected(f"a log is {how} under the program")


def damaged(image: Path) -> None:
    """The file system in a mounted image finds itself damaged, and cannot be written from then on."""
    used = subprocess.run(
        ["losetup", "-n", "-O", "NAME", "-j", str(image)], capture_output=True, text=True, check=True
    )
    Path(f"/sys/fs/ext4/{Path(used.stdout.strip()).name}/trigger_fs_error").write_text("found by a test")


def test_a_disk_that_is_remounted_read_only_under_its_logs(
    supervise: Supervise, tmp_path: Path, faults: Faults
) -> None:
    image, place = tmp_path / "image", tmp_path / "place"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(8 << 20)
    mount = ["mount", "-o", "loop,errors=remount-ro", str(image), str(place)]
    try:
        for command in (["mkfs.ext4", "-q", "-O", "^has_journal", str(image)], mount):
            subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no ext4 may be mounted here: {error}")
    try:
        supervisor = supervise(
            f"[program:a]\ncommand={shell('while :; do echo line; sleep 0.02; done')}\nstartsecs=0\n"
            f"stdout_logfile={place}/a.log\n"
        )
        log = place / "a.log"
        until(lambda: log.exists() and log.stat().st_size > 0, "the first line")
        damaged(image)
        until(lambda: any("EROFS" in text for text in troubles(supervisor)), "the state to tell of it")
        print(f"slowest answer {slowest_answer(supervisor):.3f} s")
        subprocess.run(["umount", "-l", str(place)], check=True)
        subprocess.run(mount, check=True)
        until(lambda: not troubles(supervisor), "the trouble to be over")
        supervisor.rpc.supervisor.stopProcess("a")
        supervisor.finish()
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
    faults.injected("a disk is remounted read-only under its logs, and mounted again")


ROTATIONS = 5


@pytest.mark.parametrize("how", ["create", "copytruncate"])
def test_logrotate_beside_kills(supervise: Supervise, tmp_path: Path, faults: Faults, how: str) -> None:
    writers = Writers(tmp_path, 1, maxbytes=0, burst_bytes=2_000, pause_s=0.01)
    supervisor = supervise(writers.config())
    log, parts = tmp_path / "w0.log", [tmp_path / f"part{n}" for n in range(ROTATIONS)]
    for n, part in enumerate(parts):
        until(lambda: log.exists() and log.stat().st_size > 5_000, "some lines")
        if how == "create":
            log.rename(part)
            os.kill(supervisor.keeper_pid, signal.SIGUSR2)  # the daemon may not come to do it
        else:
            part.write_bytes(log.read_bytes())
            if n % 2:
                supervisor.kill_daemon()
            os.truncate(log, 0)
        supervisor.kill_daemon()
        supervisor.wait_ready()
    if how == "create":
        until(lambda: log.exists() and log.stat().st_size > 0, "a file that is written to")
        writers.end(0)
        until(lambda: writers.has_ended(0), "the writer to end")
        total = int((tmp_path / "w0.count").read_text())
        until(lambda: f"w0 {total - 1:09d} ".encode() in log.read_bytes(), "the last line")
        (tmp_path / "whole").write_bytes(b"".join(part.read_bytes() for part in (*parts, log)))
        assert not problem_of(tmp_path / "whole", "w0", total)
        faults.checked(total)
    else:  # what came between a copy and its cut is lost to everybody; nothing else is, and there is no hole
        contents = [part.read_bytes() for part in parts]
        assert contents[0].startswith(b"w0 000000000 ")
        last = -1
        for data in contents:
            assert b"\0" not in data
            numbers = [int(line[3:12]) for line in data.split(b"\n")[1:-1]]
            assert numbers == list(range(numbers[0], numbers[-1] + 1)) and numbers[0] > last
            last = numbers[-1]
    faults.injected(f"logrotate ({how}) beside a kill of the daemon", ROTATIONS)


def assert_in_order(first: bytes, second: bytes) -> None:
    """Lines 0 … n without a gap, then m … to the end without one, n < m; the one at the cut may be in pieces."""
    assert b"\0" not in first + second
    numbers = [[int(line[3:12]) for line in data.split(b"\n")[1:-1]] for data in (first, second)]
    for part in numbers:
        assert part == list(range(part[0], part[-1] + 1))
    assert first.startswith(b"w0 000000000 ") and numbers[0][-1] < numbers[1][0]


def small_disk(folder: Path, size: str) -> None:
    """A file system of its own. Skips the test where that may not be."""
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("file systems may not be mounted here")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk; nothing may use it any more when the test is over."""
    folder = tmp_path / "disk"
    small_disk(folder, "256k")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


def slowest_answer(supervisor: Supervisor, count: int = 20) -> float:
    """Seconds; printed, for a loaded machine makes it any number."""
    worst = 0.0
    for _ in range(count):
        begin = time.monotonic()
        assert supervisor.rpc.supervisor.getState()["statename"] == "RUNNING"
        worst = max(worst, time.monotonic() - begin)
    return worst


def test_a_full_disk_that_gets_room_again(
    disk: Path, supervise: Supervise, tmp_path: Path, faults: Faults
) -> None:
    writers = Writers(tmp_path, 2, maxbytes=0, burst_bytes=50_000, pause_s=0.02)
    text = writers.config().replace(f"stdout_logfile={tmp_path}/w0.log", f"stdout_logfile={disk}/w0.log")
    supervisor = supervise(text)
    begin = time.monotonic()
    until(lambda: any("ENOSPC" in text for text in troubles(supervisor)), "the state to tell of it")
    print(f"told after {time.monotonic() - begin:.2f} s; slowest answer {slowest_answer(supervisor):.3f} s")
    size = (tmp_path / "w1.log").stat().st_size
    until(lambda: (tmp_path / "w1.log").stat().st_size > size, "the other log to go on")
    supervisor.kill_daemon()  # the next one finds a full disk
    until(lambda: any("ENOSPC" in text for text in troubles(supervisor)), "the next daemon to tell of it")
    remount(disk, "size=64m")
    until(lambda: not troubles(supervisor), "the trouble to be over")
    writers.end_all()
    (tmp_path / "w0.log").symlink_to(disk / "w0.log")
    faults.checked(writers.check(supervisor))
    faults.injected("a disk is full, and gets room")


def test_a_disk_that_is_full_at_the_start(disk: Path, supervise: Supervise, faults: Faults) -> None:
    supervisor = supervise(
        f"[program:a]\ncommand={shell('while :; do echo line; sleep 0.02; done')}\nstartsecs=0\n"
        f"stdout_logfile={disk}/a.log\n[program:b]\ncommand=/bin/sleep 1000\nstartsecs=0\n",
        folder=disk,
        start=False,
    )
    for name in ("stdout", "stderr"):
        (disk / name).touch()
    with contextlib.suppress(OSError), (disk / "rest").open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    supervisor.start()
    supervisor.wait_state("b", "RUNNING")
    until(lambda: any("ENOSPC" in text for text in troubles(supervisor)), "the state to tell of it")
    assert not supervisor.log()
    (disk / "rest").unlink()
    until(lambda: not troubles(supervisor), "the trouble to be over")
    until(lambda: "line\n" in (disk / "a.log").read_text(), "what the program wrote")
    supervisor.rpc.supervisor.stopProcess("a")
    supervisor.wait_log("spawned: 'b'")  # what was said meanwhile
    faults.injected("a disk is full at the start")


def test_a_disk_that_may_not_be_written_at_a_start(disk: Path, supervise: Supervise, faults: Faults) -> None:
    remount(disk, "ro")
    supervisor = supervise(
        f"[program:a]\ncommand=/bin/sleep 1000\nstartsecs=0\nstdout_logfile={disk}/a.log\n"
        "[program:b]\ncommand=/bin/sleep 1000\nstartsecs=0\n"
    )
    supervisor.wait_state("b", "RUNNING")
    supervisor.wait_log("unknown error making dispatchers for 'a': EROFS")
    remount(disk, "rw")
    supervisor.wait_state("a", "RUNNING")
    faults.injected("a start while the disk of its log is read-only")


def test_a_folder_of_automatic_logs_that_may_not_be_written(
    disk: Path, supervise: Supervise, faults: Faults
) -> None:
    remount(disk, "ro")
    supervisor = supervise(
        f"[program:a]\ncommand=/bin/sleep 1000\nstartsecs=0\n[supervisord]\nchildlogdir={disk}\n"
        f"[program:b]\ncommand=/bin/sleep 1000\nstartsecs=0\nstdout_logfile={disk.parent}/b\nredirect_stderr=true\n"
    )
    supervisor.wait_state("b", "RUNNING")
    supervisor.wait_log("unknown error making dispatchers for 'a': EROFS")
    remount(disk, "rw")
    supervisor.wait_state("a", "RUNNING")
    assert sorted(path.name.partition("---")[0] for path in disk.iterdir()) == ["a-stderr", "a-stdout"]
    faults.injected("a start while the folder of automatic logs is read-only")


STRANGER = 65534


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is led astray by links of others")
@pytest.mark.parametrize("link", ["symbolic", "symbolic to what is not there", "hard", "root's own"])
def test_a_link_where_the_log_should_be(
    supervise: Supervise, tmp_path: Path, faults: Faults, link: str
) -> None:
    logs, secret = tmp_path / "logs", tmp_path / "secret"
    logs.mkdir()
    os.chown(logs, STRANGER, STRANGER)
    if "not there" not in link:
        secret.write_text("of root's\n")
    if link == "hard":
        (logs / "a.log").hardlink_to(secret)
    else:
        (logs / "a.log").symlink_to(secret)
        if link != "root's own":
            os.chown(logs / "a.log", STRANGER, STRANGER, follow_symlinks=False)
    supervisor = supervise(
        f"[program:a]\ncommand={shell('echo line; exec sleep 1000')}\nstartsecs=0\nstdout_logfile={logs}/a.log\n"
        "startretries=50\n"
    )
    if link == "root's own":
        supervisor.wait_state("a", "RUNNING")
        until(lambda: secret.read_text() == "of root's\nline\n", "the line where root's link leads")
        return
    supervisor.wait_log(f"for 'a': {'EMLINK' if link == 'hard' else 'ELOOP'}")
    assert (secret.read_text() if secret.exists() else "") == ("" if "not there" in link else "of root's\n")
    (logs / "a.log").unlink()
    supervisor.wait_state("a", "RUNNING")
    until(lambda: (logs / "a.log").read_text() == "line\n", "the line in a log of its own")
    faults.injected("a link of somebody else's where a log of root's should be")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is led astray by links of others")
def test_a_link_put_in_place_of_a_log_and_of_its_archive(
    supervise: Supervise, tmp_path: Path, faults: Faults
) -> None:
    logs, secret = tmp_path / "logs", tmp_path / "secret"
    logs.mkdir()
    os.chown(logs, STRANGER, STRANGER)
    secret.write_text("of root's\n" * 10_000)
    before = secret.read_bytes()
    supervisor = supervise(
        f"[program:a]\ncommand={shell('while :; do echo 0123456789; sleep 0.001; done')}\nstartsecs=0\n"
        f"stdout_logfile={logs}/a.log\nstdout_logfile_maxbytes=2000\nstdout_logfile_backups=2\n"
    )
    until(lambda: (logs / "a.log.2").exists(), "two rotations")
    for name in ("a.log.1", "a.log.2", "a.log.rotating", "a.log"):
        trap = tmp_path / "trap"
        trap.symlink_to(secret)
        os.chown(trap, STRANGER, STRANGER, follow_symlinks=False)
        os.replace(trap, logs / name)
        for method in ("readProcessStdoutLog", "tailProcessStdoutLog"):
            with contextlib.suppress(xmlrpc.client.Fault):
                answer = getattr(supervisor.rpc.supervisor, method)("a", 0, 200_000)
                assert "of root's" not in str(answer), (method, name)
        os.kill(supervisor.keeper_pid, signal.SIGUSR2)
        supervisor.wait_log("supervisord logreopen", 1)
        (supervisor.folder / "main.log").write_text("")
        begin = supervisor.rpc.supervisor.getProcessInfo("a")["now"]
        until(lambda begin=begin: supervisor.info("a")["now"] > begin, "a second of output")  # type: ignore[misc]
        assert secret.read_bytes() == before, name
    until(lambda: any("ELOOP" in text for text in troubles(supervisor)), "the state to tell of the link")
    (logs / "a.log").unlink()
    until(lambda: not troubles(supervisor), "the trouble to be over")
    assert supervisor.state("a") == "RUNNING"
    faults.injected("a log or archive is replaced by a link", 4)
