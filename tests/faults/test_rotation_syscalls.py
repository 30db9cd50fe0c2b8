"""The daemon is killed at each system call of a rotation, one after the other, and every line is there once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import Supervise
from tests.faults.conftest import MANY, Faults, only_many
from tests.support.load import log_set, whole_log
from tests.support.processes import alive
from tests.support.supervisor import child
from tests.support.tracing import injected, need_strace
from tests.support.waiting import until

CALLS = (
    "?rename,?renameat,?renameat2", "openat", "?unlink,?unlinkat", "ftruncate", "fstat", "?newfstatat,?statx,?lstat",
    "fchmod", "pread64", "pwrite64", "close", "splice", "sendfile",
)  # fmt: skip
LINES = 64
STRIDE = 4 if MANY == 1 else 1
CALLS_MAX = 100
KEPT_LINES = 50
LINE_BYTES = {"spliced": 32, "transformed": 24}


@pytest.fixture(autouse=True)
def strace() -> None:
    need_strace()


@pytest.mark.timeout(400)
@pytest.mark.parametrize("backups", [pytest.param(0, marks=only_many), 3])
@pytest.mark.parametrize("kind", LINE_BYTES)
def test_killed_at_each_call_of_a_rotation(
    supervise: Supervise, tmp_path: Path, faults: Faults, kind: str, backups: int
) -> None:
    go, log = tmp_path / "go", tmp_path / "logs" / "a.log"
    log.parent.mkdir()
    limit = KEPT_LINES * LINE_BYTES[kind] + 10  # some of a line has to be moved
    supervisor = supervise(
        f"[program:a]\ncommand={child('bursts', go, LINES * 32)}\nstartsecs=0\nstdout_logfile={log}\n"
        f"stdout_logfile_maxbytes={limit}\nstdout_logfile_backups={backups}\n",
        settings="strip_ansi=true\n" if kind == "transformed" else "",
    )
    count = 0

    def burst() -> None:
        nonlocal count
        until(lambda: not go.exists(), "the burst before")
        go.touch()
        count += LINES

    def whole() -> bool:
        return not problem_of(log, kind, count, backups)

    for _ in range(backups + 1):
        burst()
    until(whole, "lines")
    deaths = 0
    for call in CALLS:
        for nth in range(1, CALLS_MAX, STRIDE):
            pid = supervisor.daemon_pid()
            with injected(pid, call, f"signal=SIGKILL:when={nth}"):
                burst()
                until(lambda pid=pid: not alive(pid) or whole(), "the daemon to die, or to be done")  # type: ignore[misc]
            if alive(pid):
                break  # so many calls are not made
            deaths += 1
            supervisor.wait_ready()
            try:
                until(whole, "every line once")
            except AssertionError as error:
                raise AssertionError(f"{call} {nth}: {problem_of(log, kind, count, backups)}") from error
            faults.checked(whole_log(log).count(b"\n"))
        else:
            pytest.fail(f"{call}: never ran to the end")
    burst()
    until(whole, "lines")
    assert sorted(log.parent.iterdir()) == sorted(log_set(log))
    faults.injected(f"daemon killed at the Nth call of a rotation ({kind})", deaths)


def problem_of(log: Path, kind: str, count: int, backups: int) -> str:
    """What is wrong with a log set that ends with line ``count`` - 1, with as many archives as there may be; empty: nothing."""
    try:
        data = whole_log(log)
    except FileNotFoundError:
        return "it is just being rotated"
    form = rb"line (\d{18})" if kind == "transformed" else rb"\x1b\[1mline (\d{18})\x1b\[0m"
    found = [re.fullmatch(form, line) for line in data.splitlines()]
    numbers = [int(match[1]) if match else -1 for match in found]
    if not numbers or numbers != list(range(count - len(numbers), count)):
        return f"{numbers} instead of an end with {count - 1}"
    return "" if len(numbers) > backups * KEPT_LINES else f"{len(numbers)} lines with {backups} archives"
