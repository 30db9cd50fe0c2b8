"""Logs with limits that nobody would choose, in folders as nobody would leave them."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import pytest

from supervisor.protocol import stream as p
from tests.conftest import Supervise
from tests.faults.conftest import MANY, Faults, only_many
from tests.faults.test_kill import served_again
from tests.faults.test_storage import slowest_answer
from tests.support.load import Writers, log_set, whole_log
from tests.support.supervisor import PYTHON, Supervisor
from tests.support.waiting import until

LINES = 300


def end_of(supervisor: Supervisor, name: str = "a") -> int:
    """How many bytes were written to a log."""
    with supervisor.stream() as stream:
        stream.send(p.Follow(1, name))
        return stream.expect(p.Following).offset


KINDS = {"spliced": "", "transformed": "stdout_capture_maxbytes=1000\n", "terminal": "tty=true\n"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("backups", [0, 3])
@pytest.mark.parametrize("maxbytes", [1, pytest.param(100, marks=only_many)])
def test_a_flood_into_a_log_of_hardly_any_size(
    supervise: Supervise, tmp_path: Path, faults: Faults, maxbytes: int, backups: int, kind: str
) -> None:
    log = tmp_path / "logs" / "a.log"
    log.parent.mkdir()
    supervisor = supervise(
        f"[program:a]\ncommand={PYTHON} -c \"print('\\n'.join(f'line {{n:05d}}' for n in range({LINES})))\"\n"
        f"{KINDS[kind]}autostart=false\nautorestart=false\nstartsecs=0\nstdout_logfile={log}\n"
        f"stdout_logfile_maxbytes={maxbytes}\nstdout_logfile_backups={backups}\n"
    )
    supervisor.rpc.supervisor.startProcess("a", False)
    print(f"slowest answer {slowest_answer(supervisor):.3f} s")
    supervisor.wait_state("a", "EXITED")
    end = b"\r\n" if kind == "terminal" else b"\n"
    written = b"".join(b"line %05d" % n + end for n in range(LINES))
    until(lambda: end_of(supervisor) == len(written), "all that was written", 60.0)
    kept = whole_log(log)
    assert written.endswith(kept) and len(log_set(log)) <= backups + 1
    assert all(part.stat().st_size <= maxbytes for part in log_set(log))
    if maxbytes == 100:
        assert not kept or kept.startswith(b"line ")
        assert all(part.read_bytes()[-1:] in (b"", b"\n") for part in log_set(log))
    assert sorted(log.parent.iterdir()) == sorted(log_set(log))
    faults.checked(max(1, kept.count(b"\n")))
    faults.injected(f"a flood into a log of {maxbytes} bytes")


def test_ten_thousand_old_archives(supervise: Supervise, tmp_path: Path, faults: Faults) -> None:
    count, backups = 10_000, 20
    log = tmp_path / "w0.log"
    for n in range(1, count + 1):
        (tmp_path / f"w0.log.{n}").write_text("old\n")
    writers = Writers(tmp_path, 1, maxbytes=20_000, burst_bytes=10_000, pause_s=0.02)
    supervisor = supervise(writers.config().replace("backups=999", f"backups={backups}"))
    until(lambda: (tmp_path / f"w0.log.{backups}").stat().st_size > 4, "as many rotations")
    print(f"slowest answer {slowest_answer(supervisor):.3f} s")
    writers.end(0)
    supervisor.wait_state("w0", "EXITED")
    total = int((tmp_path / "w0.count").read_text())
    until(lambda: log.read_bytes().count(f"w0 {total - 1:09d} ".encode()) == 1, "the last line")
    *older, kept = [part.read_bytes() for part in log_set(log)][-backups - 2 :]
    assert older[0] == b"old\n"
    numbers = [int(line[3:12]) for line in b"".join([*older[1:], kept]).splitlines()]
    assert numbers == list(range(numbers[0], total))
    assert [(tmp_path / f"w0.log.{n}").read_text() for n in range(backups + 1, count + 1)] == ["old\n"] * (
        count - backups
    )
    faults.checked(len(numbers) + count - backups)
    faults.injected("rotations among 10,000 old archives", backups)


def test_ten_thousand_archives_that_are_shifted(supervise: Supervise, tmp_path: Path, faults: Faults) -> None:
    count, rotations = 10_000, 3 if MANY == 1 else 20
    log = tmp_path / "w0.log"
    for n in range(1, count + 1):
        (tmp_path / f"w0.log.{n}").write_text("old\n")
    writers = Writers(tmp_path, 1, maxbytes=20_000, burst_bytes=10_000, pause_s=0.02)
    supervisor = supervise(writers.config().replace("backups=999", f"backups={2 * count}"))
    until((tmp_path / f"w0.log.{count + 1}").exists, "a rotation")
    print(f"slowest answer {slowest_answer(supervisor):.3f} s")
    supervisor.kill_daemon()
    faults.recovered(served_again(supervisor, time.monotonic()))
    until((tmp_path / f"w0.log.{count + rotations}").exists, "more rotations")
    writers.end(0)
    supervisor.wait_state("w0", "EXITED")
    total = int((tmp_path / "w0.count").read_text())
    last = f"w0 {total - 1:09d} ".encode()

    def whole() -> bytes:
        parts = log_set(log)
        with contextlib.suppress(FileNotFoundError):  # it is just being rotated
            found = whole_log(log)
            if last in found and parts == log_set(log) and parts[0].suffix == f".{len(parts) - 1}":
                return found
        return b""

    data = until(whole, "the last line", 60.0)
    assert data.startswith(b"old\n" * count)
    numbers = [int(line[3:12]) for line in data[4 * count :].splitlines()]
    assert numbers == list(range(total))
    assert all(part.stat().st_size <= 2 * 20_000 for part in log_set(log))
    faults.checked(total + count)
    faults.injected("rotations that shift 10,000 archives", rotations)


def numbers_in(data: bytes) -> list[int]:
    """Of the whole lines of ``w0``; the first and the last may be a piece."""
    return [int(line[3:12]) for line in data.split(b"\n")[1:-1]]


def test_cleared_and_read_while_it_is_rotated(supervise: Supervise, tmp_path: Path, faults: Faults) -> None:
    writers = Writers(tmp_path, 1, maxbytes=5_000, burst_bytes=2_000, pause_s=0.005)
    log = tmp_path / "w0.log"
    supervisor = supervise(writers.config())
    until(lambda: len(log_set(log)) > 3, "a few rotations")
    rpc = supervisor.rpc.supervisor
    checked = 0
    for n in range(150):
        text = (
            rpc.tailProcessStdoutLog("w0", 0, 3_000)[0]
            if n % 2
            else rpc.readProcessStdoutLog("w0", -3_000, 0)
        )
        numbers = numbers_in(text.encode())
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))) if numbers else True, text
        checked += len(numbers)
        if n % 10 == 5:
            assert rpc.clearProcessLogs("w0") is True
    writers.end(0)
    supervisor.wait_state("w0", "EXITED")
    total = int((tmp_path / "w0.count").read_text())
    until(lambda: f"w0 {total - 1:09d} ".encode() in log.read_bytes(), "the last line")
    found = [numbers_in(part.read_bytes()) for part in log_set(log)]
    for numbers in filter(None, found):
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    every = [number for numbers in found for number in numbers]
    assert every == sorted(set(every)) and every[-1] == total - 1
    faults.checked(checked + len(every))
    faults.injected("a log is cleared while it is rotated and read", 15)
