"""Writers of numbered lines, and whether every line of them is there exactly once."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

from supervisor.protocol import stream as p
from tests.support.supervisor import Supervisor, child
from tests.support.waiting import until

BACKUPS = 999


@dataclass
class Writers:
    """``count`` programs ``w0`` … that write into rotating logs in ``folder``; see children/writer.py.

    ``elsewhere``: the logs of those whose log is not there.
    """

    folder: Path
    count: int
    maxbytes: int = 1_000_000
    burst_bytes: int = 1 << 18
    pause_s: float = 0.4
    ended: set[int] = field(default_factory=set)
    elsewhere: dict[int, Path] = field(default_factory=dict)

    def config(self) -> str:
        return "".join(
            f"[program:w{n}]\n"
            f"command={child('writer', self.folder, f'w{n}', self.code(n), self.burst_bytes, self.pause_s)}\n"
            f"autorestart=false\nstartsecs=0\nstdout_logfile={self.log(n)}\n"
            f"stdout_logfile_maxbytes={self.maxbytes}\nstdout_logfile_backups={BACKUPS}\n"
            for n in range(self.count)
        )

    def log(self, n: int) -> Path:
        return self.elsewhere.get(n, self.folder / f"w{n}.log")

    @staticmethod
    def code(n: int) -> int:
        return 3 + n

    def end(self, n: int) -> None:
        """Tell one writer to end after its next burst."""
        self.ended.add(n)
        (self.folder / f"w{n}.stop").touch()

    def end_all(self) -> None:
        for n in range(self.count):
            self.end(n)

    def has_ended(self, n: int) -> bool:
        return (self.folder / f"w{n}.count").exists()

    def check(self, supervisor: Supervisor) -> int:
        """End all; every line exactly once, every program started once, every exit code right. How many things that were."""
        self.end_all()
        checked = 2 * self.count
        for n in range(self.count):
            until(lambda n=n: self.has_ended(n), f"w{n} to end", 60.0)  # type: ignore[misc]
            info = supervisor.wait_state(f"w{n}", "EXITED", "FATAL", "STOPPED")
            assert (info["statename"], info["exitstatus"]) == ("EXITED", self.code(n)), info
            starts = (self.folder / f"w{n}.starts").read_text().split()
            assert len(starts) == 1, f"w{n} was started {len(starts)} times"
        for n in range(self.count):
            total = int((self.folder / f"w{n}.count").read_text())
            problem = until_whole(self.log(n), f"w{n}", total)
            assert not problem, problem
            checked += total
        return checked


def log_set(path: Path) -> list[Path]:
    """A log and its archives, oldest first."""
    archives = sorted(
        (p for p in path.parent.glob(path.name + ".*") if p.suffix[1:].isdigit()),
        key=lambda p: -int(p.suffix[1:]),
    )
    return [*archives, path]


def whole_log(path: Path) -> bytes:
    return b"".join(part.read_bytes() for part in log_set(path))


def problem_of(path: Path, name: str, total: int) -> str:
    """What is wrong with the lines 0 … total-1 of a writer in a log set; empty: nothing."""
    expected = 0
    begin = name.encode() + b" "
    rest = b""
    for part in log_set(path):
        data = rest + part.read_bytes()
        lines = data.split(b"\n")
        rest = lines.pop()
        for line in lines:
            if not line.startswith(begin) or int(line[len(begin) : len(begin) + 9]) != expected:
                return f"{part.name}: after line {expected - 1} of {total} comes {line[:60]!r}"
            expected += 1
    if rest:
        return f"{name} ends within a line: {rest[:60]!r}"
    return "" if expected == total else f"{name} has {expected} of {total} lines"


def until_whole(path: Path, name: str, total: int) -> str:
    """As ``problem_of``, with time for the last bytes to arrive."""
    seen = [""]

    def whole() -> bool:
        try:
            seen[0] = problem_of(path, name, total)
        except FileNotFoundError as error:  # it is just being rotated
            seen[0] = str(error)
        return not seen[0]

    try:
        until(whole, f"the log of {name} to be whole", 20.0, 0.2)
    except AssertionError:
        return seen[0]
    return ""


class Follower(threading.Thread):
    """Follows a program's stdout over every death of the daemon, by (generation, offset)."""

    def __init__(self, supervisor: Supervisor, name: str) -> None:
        super().__init__(daemon=True)
        self.supervisor = supervisor
        self.name_followed = name
        self.data = bytearray()
        self.problems: list[str] = []
        self.connections = 0
        self._gen = 0
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.is_set():
            try:
                self._follow()
            except (OSError, TimeoutError):
                self._over.wait(0.02)  # the daemon is away for a moment
            except Exception as error:  # noqa: BLE001 - told when the follower is finished
                self.problems.append(repr(error))
                return

    def _follow(self) -> None:
        with self.supervisor.stream() as stream:
            self.connections += 1
            # the first time from the oldest byte on
            stream.send(p.Follow(1, self.name_followed, "stdout", self._gen or 1, len(self.data), 0))
            following = stream.expect(p.Following)
            if following.offset != len(self.data) or (self._gen and following.gen != self._gen):
                self.problems.append(f"resumed at {len(self.data)} and got {following}")
            self._gen = following.gen
            while not self._over.is_set():
                frame = stream.receive(1.0)
                if isinstance(frame, p.Output):
                    if frame.offset != len(self.data):
                        self.problems.append(f"expected offset {len(self.data)}, got {frame.offset}")
                    self.data += frame.data
                    stream.send(p.Credit(1, len(frame.data)))
                else:
                    self.problems.append(f"unexpected {frame}")

    def finish(self, path: Path) -> int:
        """Wait for the last byte; what was followed is what is in the log. How many lines that are."""
        expected = whole_log(path)
        try:
            until(lambda: len(self.data) >= len(expected) or self.problems, "the follower to catch up")
        finally:
            self._over.set()
            self.join(10)
        assert not self.problems, self.problems[:5]
        assert bytes(self.data) == expected
        return expected.count(b"\n")
