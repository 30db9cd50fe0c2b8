"""Pipes and terminals to stores, on a real loop."""

from __future__ import annotations

import asyncio
import fcntl
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from supervisor.daemon.output.pump import Channel, Sink, Target
from supervisor.daemon.output.spool import Spool
from supervisor.daemon.output.store import LogStore
from tests.support.load import whole_log
from tests.support.loops import run, until


@dataclass
class Ends:
    """A pipe; what a test leaves open of it is closed."""

    read: int
    write: int
    closed: set[int] = field(default_factory=set)

    def close_write(self) -> None:
        os.close(self.write)
        self.write = -1


@pytest.fixture
def pipe() -> Iterator[Ends]:
    read, write = os.pipe()
    os.set_blocking(read, False)
    ends = Ends(read, write)
    yield ends
    if ends.write >= 0:
        os.close(ends.write)


@dataclass
class Told:
    ends: int = 0
    troubles: list[str] = field(default_factory=list)

    def channel_ended(self, channel: Channel) -> None:
        self.ends += 1

    def channel_changed(self, channel: Channel) -> None:
        self.troubles.append(channel.trouble)


def channel(fd: int, store: Sink, told: Told, copy: bool = False) -> Channel:
    return Channel(fd, store, told, copy=copy)


FLOOD = """
import os, sys
block = bytes(range(256)) * 390 + b"\\n"
left = int(sys.argv[1])
while left > 0:
    left -= os.write(1, block[:left])
"""


def everything(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def test_lines_arrive_and_the_end_is_told_once(tmp_path: Path, pipe: Ends) -> None:
    async def work() -> None:
        told, store = Told(), LogStore(str(tmp_path / "log"), 0, 0)
        watched: list[int] = []
        store.watchers.add(lambda: watched.append(store.end))
        made = channel(pipe.read, store, told)
        made.start()
        for n in range(5):
            os.write(pipe.write, b"line %d\n" % n)
            await until(lambda n=n: store.end == 7 * (n + 1), "a line")  # type: ignore[misc]
        os.write(pipe.write, b"no end of line")
        pipe.close_write()
        await until(lambda: made.fd < 0, "the end")
        assert (
            everything(tmp_path / "log") == b"".join(b"line %d\n" % n for n in range(5)) + b"no end of line"
        )
        assert watched[-1] == store.end
        made.close()
        assert told == Told(1)
        store.close()

    run(work())


class Counting(LogStore):
    """Knows how often it was written to."""

    takes = 0

    def take(self, source: int, limit: int) -> int:
        self.takes += 1
        return super().take(source, limit)


def test_a_chatty_program_is_read_in_bulk(tmp_path: Path, pipe: Ends) -> None:
    lines = 300

    async def work() -> None:
        store = Counting(str(tmp_path / "log"), 0, 0)
        made = channel(pipe.read, store, Told())
        made.start()
        for _ in range(lines):
            os.write(pipe.write, b"a line\n")
            await asyncio.sleep(0.001)
        pipe.close_write()
        await until(lambda: made.fd < 0, "the end")
        assert everything(tmp_path / "log") == b"a line\n" * lines
        assert store.takes < lines / 3
        store.close()

    run(work())


@pytest.mark.parametrize("copy", [False, True], ids=["splice", "copy"])
@pytest.mark.parametrize("size", [edge + n for edge in (4096, 65_536, 1 << 20) for n in (-1, 0, 1)])
def test_writes_at_the_borders_of_pages_and_pipes(tmp_path: Path, pipe: Ends, size: int, copy: bool) -> None:
    data = [bytes([65 + n]) * (size - 1) + b"\n" for n in range(3)]

    def write() -> None:
        for piece in data:
            rest = memoryview(piece)
            while rest:
                rest = rest[os.write(pipe.write, rest) :]
        pipe.close_write()

    async def work() -> None:
        store = LogStore(str(tmp_path / "log"), size, 10)
        made = channel(pipe.read, store, Told(), copy)
        made.start()
        await asyncio.get_running_loop().run_in_executor(None, write)
        await until(lambda: made.fd < 0, "the end")
        assert whole_log(tmp_path / "log") == b"".join(data)
        store.close()

    run(work())


@pytest.mark.parametrize("copy", [False, True], ids=["splice", "copy"])
@pytest.mark.parametrize("maxbytes", [0, 1_000_000])
def test_flood(tmp_path: Path, copy: bool, maxbytes: int) -> None:
    """40 MB as fast as they come; another channel of the same loop has its turn meanwhile."""
    total = 40_000_000

    async def work() -> None:
        told = Told()
        flooder = subprocess.Popen(  # noqa: ASYNC220 - it takes a millisecond, and nothing else runs
            [sys.executable, "-S", "-c", FLOOD, str(total)], stdout=subprocess.PIPE
        )
        assert flooder.stdout is not None
        fd = os.dup(flooder.stdout.fileno())
        flooder.stdout.close()
        os.set_blocking(fd, False)
        store = LogStore(str(tmp_path / "log"), maxbytes, 100)
        other_store = LogStore(str(tmp_path / "other"), 0, 0)
        read, write = os.pipe()
        os.set_blocking(read, False)
        made, other = channel(fd, store, told, copy), channel(read, other_store, told)
        made.start()
        other.start()
        turns = 0
        while made.fd >= 0:
            os.write(write, b"x")
            await until(lambda turns=turns: other_store.end > turns, "the other channel")  # type: ignore[misc]
            turns += 1
        os.close(write)
        await until(lambda: other.fd < 0, "the other's end")
        assert flooder.wait() == 0
        assert turns > 2  # on a loaded machine each takes long
        assert store.end == total
        sizes = [path.stat().st_size for path in tmp_path.glob("log*")]
        assert sum(sizes) == total and max(sizes) <= (maxbytes or total)
        store.close()
        other_store.close()

    run(work())


def test_a_grandchild_that_holds_the_pipe_is_read_on(tmp_path: Path, pipe: Ends) -> None:
    async def work() -> None:
        told, store = Told(), LogStore(str(tmp_path / "log"), 0, 0)
        made = channel(pipe.read, store, told)
        made.start()
        child = subprocess.Popen(  # noqa: ASYNC220 - as above
            ["/bin/sh", "-c", "(read line; echo grandchild) & echo child"],
            stdin=subprocess.PIPE,
            stdout=pipe.write,
        )
        pipe.close_write()
        # sh gives background jobs /dev/null for stdin unless redirected: let it end by itself
        assert await asyncio.to_thread(child.wait) == 0
        assert child.stdin is not None
        child.stdin.close()
        await until(lambda: made.fd < 0, "the grandchild to end")
        assert sorted(everything(tmp_path / "log").split()) == [b"child", b"grandchild"]
        store.close()

    run(work())


def test_drain_takes_what_is_there(tmp_path: Path, pipe: Ends) -> None:
    async def work() -> None:
        told, store = Told(), LogStore(str(tmp_path / "log"), 0, 0)
        made = channel(pipe.read, store, told)
        os.write(pipe.write, b"x" * 50_000)
        made.drain(10_000_000)
        assert store.end == 50_000 and made.fd >= 0
        pipe.close_write()
        made.drain(10_000_000)
        assert made.fd < 0 and told.ends == 1
        store.close()

    run(work())


@pytest.mark.parametrize("copy", [False, True], ids=["splice", "copy"])
def test_a_log_that_cannot_grow_blocks_and_goes_on(tmp_path: Path, pipe: Ends, copy: bool) -> None:
    """RLIMIT_FSIZE stands for a full disk: the bytes wait in the pipe, and why is told."""

    async def work() -> None:
        told, store = Told(), LogStore(str(tmp_path / "log"), 0, 0)
        made = channel(pipe.read, store, told, copy)
        made.start()
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
            os.write(pipe.write, bytes(range(250)) * 200)
            await until(lambda: made.trouble, "trouble")
            assert made.trouble == "log blocked: EFBIG"
            assert told.troubles == ["log blocked: EFBIG"]
            assert store.end == 10_000
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, ignored)
        await until(lambda: store.end == 50_000, "the rest")
        await until(lambda: not made.trouble, "the trouble to be over")
        assert told.troubles == ["log blocked: EFBIG", ""]
        assert everything(tmp_path / "log") == bytes(range(250)) * 200
        made.close()
        store.close()

    run(work())


def test_a_full_disk_blocks_and_goes_on(tmp_path: Path, pipe: Ends) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    if mount.returncode:
        pytest.skip(f"cannot mount a tmpfs: {mount.stderr.strip()}")

    async def work() -> None:
        told, store = Told(), LogStore(str(folder / "log"), 0, 0)
        made = channel(pipe.read, store, told)
        made.start()
        fcntl.fcntl(pipe.write, fcntl.F_SETPIPE_SZ, 1 << 18)
        data = b"".join(b"%07d\n" % n for n in range(16_000))
        os.write(pipe.write, data)
        await until(lambda: made.trouble == "log blocked: ENOSPC", "the disk to be full")
        assert store.end < len(data)
        remount = ["mount", "-o", "remount,size=1m", str(folder)]
        await asyncio.to_thread(lambda: subprocess.run(remount, check=True))
        await until(lambda: store.end == len(data), "the rest")
        assert everything(folder / "log") == data
        made.close()
        store.close()

    try:
        run(work())
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_log_whose_folder_is_away_for_a_while(tmp_path: Path, pipe: Ends) -> None:
    async def work() -> None:
        told, store = Told(), LogStore(str(tmp_path / "logs" / "log"), 0, 0)
        made = channel(pipe.read, store, told)
        made.start()
        os.write(pipe.write, b"waits\n")
        await until(lambda: made.trouble == "log blocked: ENOENT", "trouble")
        (tmp_path / "logs").mkdir()
        await until(lambda: store.end == 6, "the line")
        assert everything(tmp_path / "logs" / "log") == b"waits\n"
        made.close()
        store.close()

    run(work())


def test_a_terminal_is_copied_and_ends_with_its_last_process(tmp_path: Path) -> None:
    async def work() -> None:
        master, slave = os.openpty()
        os.set_blocking(master, False)
        told, store = Told(), LogStore(str(tmp_path / "log"), 0, 0)
        made = channel(master, store, told, True)
        made.start()
        os.write(slave, b"on a terminal\n")
        await until(lambda: store.end == 15, "the line")
        os.close(slave)
        await until(lambda: made.fd < 0, "the end")
        assert everything(tmp_path / "log") == b"on a terminal\r\n"
        assert told == Told(1)
        store.close()

    run(work())


def test_to_a_spool(pipe: Ends) -> None:
    async def work() -> None:
        told, spool = Told(), Spool.create()
        made = channel(pipe.read, spool, told)
        made.start()
        written = 0
        for _ in range(20):
            written += os.write(pipe.write, b"s" * 30_000)
            await until(lambda written=written: spool.end == written, "the spool")  # type: ignore[misc]
        assert spool.read(spool.start, 10) == b"s" * 10
        made.close()
        spool.close()

    run(work())


# --- targets that take no position -------------------------------------------------------------------


def test_a_target_whose_reader_goes_away_costs_its_bytes_not_the_program(tmp_path: Path, pipe: Ends) -> None:
    async def work() -> None:
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        told, target = Told(), Target(Spool.create(), writer)
        made = channel(pipe.read, target, told, True)
        made.start()
        os.write(pipe.write, b"read\n")
        await until(lambda: target.end == 5, "the line")
        assert os.read(reader, 100) == b"read\n"
        os.close(reader)
        os.write(pipe.write, b"lost\n")
        await until(lambda: target.end == 10, "the next line")
        assert target.lost == 5
        assert target.read(0, 100) == b"read\nlost\n"  # followers have it all the same
        await until(lambda: made.trouble.startswith("nobody reads its log"), "somebody to be told")
        made.close()
        target.close()

    run(work())


def test_a_slow_target_holds_the_program_up_and_loses_nothing(tmp_path: Path, pipe: Ends) -> None:
    async def work() -> None:
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        told, target = Told(), Target(Spool.create(), writer)
        made = channel(pipe.read, target, told, True)
        made.start()
        data = bytes(range(256)) * 1200
        got = b""

        def feed() -> None:
            os.write(pipe.write, data)
            pipe.close_write()

        feeding = asyncio.create_task(asyncio.to_thread(feed))
        os.set_blocking(reader, False)
        while len(got) < len(data):
            await asyncio.sleep(0.01)
            try:
                got += os.read(reader, 20_000)
            except BlockingIOError:
                continue
        await feeding
        await until(lambda: made.fd < 0, "the end")
        assert got == data and target.lost == 0
        target.close()
        os.close(reader)

    run(work())
