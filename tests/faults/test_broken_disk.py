"""A file system that answers with errors, or takes less than it was given: under a rotation at each of its steps."""

from __future__ import annotations

import errno
import os
import resource
import time
from pathlib import Path
from typing import Any

import pytest

from supervisor.daemon.output.store import LogStore
from tests.conftest import Supervise
from tests.faults.conftest import Faults, only_many
from tests.faults.test_hung_mounts import IDLE, far, others_go_on, writers_on
from tests.faults.test_kill import served_again
from tests.faults.test_odd_logs import end_of
from tests.faults.test_storage import troubles
from tests.support.fuse import Behaviour, FuseDisk
from tests.support.load import Writers, log_set
from tests.support.supervisor import Supervisor, shell
from tests.support.waiting import until

STEPS_MAX = 400
CALLS = ("lookup", "getattr", "setattr", "open", "create", "read", "write", "unlink", "rename")


__all__ = ["far"]  # a fixture


class Lines:
    """Writes numbered lines as a pump does: what was not taken is tried again."""

    def __init__(self, folder: Path, backups: int) -> None:
        folder.mkdir()
        self.path = folder / "log"
        self.backups = backups
        self.record: dict[str, Any] = {}
        self.count = 0
        self.rest = b""
        self.errors = 0
        self.store = self._open()

    def _open(self) -> LogStore:
        store = LogStore(str(self.path), 40, self.backups, lambda _, record: self.record.update(record))
        if self.record:
            store.restore(dict(self.record))
        return store

    def again(self) -> None:
        """As after the death of the daemon."""
        self.store.close()
        self.store = self._open()

    def write(self, count: int, dies: bool = False, until_error: bool = False) -> None:
        for _ in range(count):
            self.rest += b"line %06d\n" % self.count
            self.count += 1
            while self.rest:
                try:
                    self.rest = self.rest[self.store.append(self.rest) :]
                except OSError:
                    self.errors += 1
                    assert self.errors < 100
                    if dies:
                        self.again()
                    if until_error:
                        return

    def finish(self, dies: bool) -> int:
        """Go on for a while, then check."""
        self.write(3)
        if self.store.trouble:
            self.store.rotate()  # as after a while
        if dies:
            self.again()
        self.write(20)
        self.store.close()
        return self.check()

    def check(self) -> int:
        """Every line once, but for those of archives that were dropped; how many there are."""
        data = b"".join(part.read_bytes() for part in log_set(self.path))
        last = b"".join(b"line %06d\n" % n for n in range(self.count))
        assert data and last.endswith(data), (data, [part.name for part in log_set(self.path)])
        if self.backups > 3:
            assert data == last
        assert sorted(path.name for path in self.path.parent.iterdir()) == sorted(
            part.name for part in log_set(self.path)
        )
        return data.count(b"\n")


@pytest.mark.parametrize("dies", [False, True], ids=["goes on", "dies"])
@pytest.mark.parametrize("times", [1, pytest.param(3, marks=only_many)])
@pytest.mark.parametrize("backups", [pytest.param(0, marks=only_many), 3, pytest.param(20, marks=only_many)])
def test_an_error_at_each_step_of_a_rotation(
    far: FuseDisk, faults: Faults, backups: int, times: int, dies: bool
) -> None:
    for step in range(STEPS_MAX):
        lines = Lines(far.folder / str(step), backups)
        lines.write(10)
        far.behave(Behaviour(refused=CALLS, skip=step, times=times))
        lines.write(4, dies)
        over = far.work().times == times
        faults.checked(lines.finish(dies))
        if over:
            break
    else:
        pytest.fail("never ran to the end")
    faults.injected("a call of a rotation fails: EIO", step)


@pytest.mark.parametrize("dies", [False, True], ids=["goes on", "dies"])
def test_no_room_from_each_byte_on(far: FuseDisk, faults: Faults, dies: bool) -> None:
    for room in range(60):
        lines = Lines(far.folder / str(room), 20)
        lines.write(10)
        far.behave(Behaviour(room=room, error="EDQUOT"))
        lines.write(4, dies, until_error=True)
        far.work()
        faults.checked(lines.finish(dies))
    faults.injected("a write of a log is short, and the next fails: EDQUOT", 60)


def test_a_disk_that_takes_three_bytes_at_a_time(far: FuseDisk, faults: Faults) -> None:
    lines = Lines(far.folder / "logs", 20)
    far.behave(Behaviour(most=3))
    lines.write(30)
    far.work()
    faults.checked(lines.finish(False))
    faults.injected("a write of a log is short", 30 * 4)


BROKEN = {"EIO": Behaviour(refused=["write"]), "EDQUOT": Behaviour(error="EDQUOT", room=10_000)}


@pytest.mark.parametrize("more", ["", "stdout_capture_maxbytes=1000\n"], ids=["spliced", "transformed"])
@pytest.mark.parametrize("error", BROKEN)
def test_a_log_that_cannot_be_written(
    far: FuseDisk, supervise: Supervise, tmp_path: Path, faults: Faults, error: str, more: str
) -> None:
    writers = writers_on(far, tmp_path, 60_000)
    quiet = shell(f"echo first; until test -e {tmp_path}/go; do sleep 0.05; done; echo last; exec sleep 1000")
    supervisor = supervise(
        (
            writers.config() + f"[program:quiet]\ncommand={quiet}\nautorestart=false\nstartsecs=0\n"
            f"stdout_logfile={far.folder}/quiet.log\n"
        ).replace("autorestart", more + "autorestart")
        + IDLE
    )
    until(lambda: len(list(far.folder.glob("w0.log*"))) > 3, "a few rotations")
    until(lambda: (far.folder / "quiet.log").exists(), "the log")
    far.behave(BROKEN[error])
    says_so(supervisor, error, ["w0"])
    (tmp_path / "go").touch()
    says_so(supervisor, error, ["w0", "quiet"])
    others_go_on(supervisor, tmp_path / "w1.log")
    supervisor.kill_daemon()
    faults.recovered(served_again(supervisor, time.monotonic()))
    says_so(supervisor, error, ["w0", "quiet"])
    others_go_on(supervisor, tmp_path / "w1.log")
    far.work()
    until(lambda: not troubles(supervisor), "the trouble to be over")
    assert (far.folder / "quiet.log").read_text() == "first\nlast\n"
    faults.checked(writers.check(supervisor))
    faults.injected(f"a file system answers writes with an error: {error}")


def says_so(supervisor: Supervisor, error: str, names: list[str]) -> None:
    """Everywhere where somebody may look."""
    begin = time.monotonic()
    text = f"log blocked: {error}"
    until(lambda: troubles(supervisor).count(text) == len(names), f"the stream to tell of {error}")
    print(f"told after {time.monotonic() - begin:.2f} s")
    for name in names:
        assert f"  {text}\n" in supervisor.ctl("why", name).stdout
        supervisor.wait_log(f"'{name}' {text}")


@pytest.mark.parametrize(
    "error", ["EIO", *(pytest.param(error, marks=only_many) for error in ("ENOSPC", "EACCES"))]
)
@pytest.mark.parametrize(
    "call", ["create", "rename", *(pytest.param(call, marks=only_many) for call in ("open", "setattr"))]
)
def test_a_rotation_that_fails_is_put_off(
    far: FuseDisk, supervise: Supervise, tmp_path: Path, faults: Faults, call: str, error: str
) -> None:
    writers = writers_on(far, tmp_path, 60_000)
    supervisor = supervise(writers.config() + IDLE)
    log = far.folder / "w0.log"
    until(lambda: len(list(far.folder.glob("w0.log*"))) > 3, "a few rotations")
    far.behave(Behaviour(refused=[call], error=error))
    put_off = f"cannot rotate {log}: {os.strerror(getattr(errno, error))}"
    until(lambda: put_off in troubles(supervisor), "the state to tell of it")
    assert f"  {put_off}\n" in supervisor.ctl("why", "w0").stdout
    supervisor.wait_log(f"'w0' {put_off}")
    end = end_of(supervisor, "w0")
    until(lambda: end_of(supervisor, "w0") > end + 60_000, "the writing to go on")
    others_go_on(supervisor, tmp_path / "w1.log")
    supervisor.kill_daemon()
    faults.recovered(served_again(supervisor, time.monotonic()))
    far.work()
    until(lambda: not troubles(supervisor), "the trouble to be over")
    faults.checked(writers.check(supervisor))
    assert not list(far.folder.glob("*.rotating"))
    faults.injected(f"a file system answers {call} with an error in a rotation: {error}")


def test_a_rotation_without_a_descriptor_is_put_off(
    supervise: Supervise, tmp_path: Path, faults: Faults
) -> None:
    writers = Writers(tmp_path, 1, maxbytes=60_000, burst_bytes=20_000, pause_s=0.05)
    supervisor = supervise(writers.config())
    log = tmp_path / "w0.log"
    until(lambda: len(log_set(log)) > 3, "a few rotations")
    pid = supervisor.daemon_pid()
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, limits[1]))
    try:
        supervisor.wait_log(f"'w0' cannot rotate {log}: Too many open files")
        until(lambda: log.stat().st_size > 120_000, "the writing to go on")
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
    until(lambda: not troubles(supervisor), "the trouble to be over")
    faults.checked(writers.check(supervisor))
    faults.injected("a rotation finds no descriptor: EMFILE")
