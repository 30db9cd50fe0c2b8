"""Memory runs out: the system ends a program that takes too much, and the daemon only where nothing else is left."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Supervise
from tests.faults.conftest import Faults
from tests.faults.test_keeper_killed import kill_keeper
from tests.support.load import Writers
from tests.support.processes import alive, children, end
from tests.support.supervisor import Supervisor, shell
from tests.support.waiting import until

RAISED = 500
"""So that there is something to lower: whoever wants to may raise it."""
ROOM_BYTES = 24_000_000
MEMORY = Path("/sys/fs/cgroup/memory")
SLEEPER = shell("/bin/sleep 1000 & wait")


def raised(more: str = "") -> list[str]:
    return ["/bin/sh", "-c", f'echo {RAISED} >/proc/self/oom_score_adj; {more} exec "$@"', "sh"]


def score(pid: int) -> int:
    return int(Path(f"/proc/{pid}/oom_score_adj").read_text())


def of_ours(supervisor: Supervisor) -> int:
    """What keeper and daemon have; one and the same, but while a program is being started."""
    both: set[int] = set()

    def alike() -> bool:
        both.clear()
        both.update((score(supervisor.keeper_pid), score(supervisor.daemon_pid())))
        return len(both) == 1

    until(alike, "keeper and daemon to have the same")
    return both.pop()


def all_of(pid: int) -> list[int]:
    return [pid, *(more for below in children(pid) for more in all_of(below))]


def test_ours_are_lower_and_programs_as_we_were(supervise: Supervise) -> None:
    kinds = {"plain": "", "there": "directory=/tmp\numask=027\n", "screen": "tty=true\n"}
    if os.geteuid() == 0:
        kinds["other"] = "user=nobody\n"
    supervisor = supervise(
        "".join(
            f"[program:{name}]\ncommand={SLEEPER}\nstartsecs=0\nstopasgroup=true\n{more}"
            for name, more in kinds.items()
        ),
        wrap=raised(),
    )
    assert of_ours(supervisor) <= 0

    def are_as_we_were() -> None:
        for name in kinds:
            pid = supervisor.wait_state(name, "RUNNING")["pid"]
            until(lambda pid=pid: len(all_of(pid)) > 1, "its child")  # type: ignore[misc]
            assert {name: {score(one) for one in all_of(pid)}} == {name: {RAISED}}

    are_as_we_were()
    deaths: tuple[Callable[[], object], ...] = (supervisor.kill_daemon, lambda: kill_keeper(supervisor))
    for death in deaths:
        death()
        supervisor.wait_ready()
        assert of_ours(supervisor) <= 0
        for name in kinds:
            supervisor.rpc.supervisor.restartProcess(name)
        are_as_we_were()


def test_nothing_is_raised(supervise: Supervise) -> None:
    """Who runs it with a score that is low enough, or may not lower it, has what there was."""
    before = score(os.getpid())
    supervisor = supervise(f"[program:a]\ncommand={SLEEPER}\nstartsecs=0\nstopasgroup=true\n")
    assert of_ours(supervisor) <= before == score(supervisor.wait_state("a", "RUNNING")["pid"])


@contextlib.contextmanager
def group_of(name: str) -> Iterator[Path]:
    """A memory control group (v1) to itself, or a skip."""
    folder = MEMORY / name
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no memory control group can be made: {error}")
    try:
        yield folder
    finally:
        end([int(pid) for pid in (folder / "cgroup.procs").read_text().split()])
        until(lambda: not (folder / "cgroup.procs").read_text(), "the group to be empty", 10.0)
        folder.rmdir()


@pytest.mark.timeout(240)
def test_a_limit_is_reached(supervise: Supervise, tmp_path: Path, faults: Faults) -> None:
    """First what takes too much is ended, though the daemon is bigger; then the daemon, made the first to go."""
    writers = Writers(tmp_path, 2, burst_bytes=4_000, pause_s=0.05)
    eater = tmp_path / "eater.py"
    eater.write_text(
        "import time\nkept = []\nwhile True:\n    kept.append(b'x' * (1 << 20))\n    time.sleep(0.01)\n"
    )
    with group_of(f"supervisor-{os.getpid()}") as folder:
        supervisor = supervise(
            f"{writers.config()}[program:eater]\ncommand=/usr/bin/env python3 -S {eater}\nautostart=false\n"
            "autorestart=false\nstartsecs=0\n",
            wrap=raised(f"echo $$ >{folder}/cgroup.procs;"),
        )
        for n in range(2):
            supervisor.wait_state(f"w{n}", "RUNNING")
            Path(f"/proc/{supervisor.info(f'w{n}')['pid']}/oom_score_adj").write_text("0")  # they are to live
        used = int((folder / "memory.usage_in_bytes").read_text())
        (folder / "memory.limit_in_bytes").write_text(str(used + ROOM_BYTES))
        daemon = supervisor.daemon_pid()
        supervisor.rpc.supervisor.startProcess("eater")
        supervisor.wait_log("exited: eater (terminated by SIGKILL; not expected)")
        assert supervisor.daemon_pid() == daemon
        faults.injected("memory runs out: a program goes")

        Path(f"/proc/{daemon}/oom_score_adj").write_text("1000")
        supervisor.rpc.supervisor.startProcess("eater")
        until(lambda: not alive(daemon), "the daemon to be ended", 30.0)
        supervisor.wait_ready()
        assert of_ours(supervisor) <= 0
        supervisor.wait_log("exited: eater (terminated by SIGKILL; not expected)", 2)
        faults.injected("memory runs out: the daemon goes")
        writers.check(supervisor)
        supervisor.finish()
