"""Sinks that transform, and followers of logs, on real files, pipes and memfds; each also over a daemon's death."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.daemon.output.pump import Channel, Target
from supervisor.daemon.output.spool import SPOOL_BYTES, Spool
from supervisor.daemon.output.store import LogStore
from supervisor.daemon.output.tap import Readback, Transformed
from supervisor.daemon.output.transform import BEGIN, END, Item, Message, Text, Transform
from supervisor.daemon.syslogger import Syslogger
from tests.support.loops import run, until


class Tapped:
    """A transformed log, and what was heard of it. ``die`` and ``live`` are a daemon's death and the next one."""

    def __init__(self, path: Path, *, strip: bool = True, capture: int = 1000, raw: bool = False) -> None:
        self.path = str(path)
        self.options = (strip, capture)
        self.heard: list[Item] = []
        self.raw_heard: list[tuple[int, bytes]] = []
        self.lines: list[bytes] = []
        self.saved: dict[str, object] = {}
        self.wants_raw = raw
        self.fd = os.memfd_create("raw", os.MFD_CLOEXEC)
        self.live()

    def live(self) -> None:
        strip, capture = self.options
        self.log = LogStore(self.path, 0, 0, lambda path, record: self.saved.update(record))
        if self.saved:
            self.log.restore(self.saved)
        self.log.open()
        raw = self.raw_heard.append if self.wants_raw else None
        self.sink = Transformed(
            Spool(os.dup(self.fd)),
            self.log,
            Transform(strip=strip, capture_maxbytes=capture),
            capture,
            self.heard.append,
            raw_heard=None if raw is None else lambda offset, data: raw((offset, data)),
            syslog=self.lines.append,
        )

    def die(self) -> None:
        """What a SIGKILL leaves: nothing is flushed, nothing saved."""
        self.log.watchers.discard(self.sink.deliver)
        os.close(self.log._fd)  # the kernel does that
        os.close(self.sink.raw.fd)

    def write(self, data: bytes) -> None:
        while data:
            data = data[self.sink.append(data) :]
            self.sink.watchers.tell()

    def text(self) -> bytes:
        return Path(self.path).read_bytes()

    def messages(self) -> list[bytes]:
        return [item.data for item in self.heard if isinstance(item, Message)]

    def close(self) -> None:
        self.sink.close()
        self.log.close()
        os.close(self.fd)


def test_the_log_gets_what_is_left_and_others_hear_the_rest(tmp_path: Path) -> None:
    async def work() -> None:
        tapped = Tapped(tmp_path / "log")
        tapped.write(b"a\x1b[31mred\x1b[0m\n" + BEGIN + b"hello" + END + b"b\nend")
        tapped.sink.finish()
        assert tapped.text() == b"ared\nb\nend"
        assert tapped.messages() == [b"hello"]
        assert tapped.lines == [b"ared", b"b", b"end"]
        assert tapped.sink.end == 10 and tapped.sink.read(0, 4) == b"ared"
        tapped.close()

    run(work())


def test_tokens_split_over_writes_and_words_held_back(tmp_path: Path) -> None:
    async def work() -> None:
        tapped = Tapped(tmp_path / "log")
        for byte in b"x" + BEGIN + b"m" + END + b"y<!--XSUPER":
            tapped.write(bytes([byte]))
        assert tapped.text() == b"xy" and tapped.messages() == [b"m"]
        tapped.sink.finish()
        assert tapped.text() == b"xy<!--XSUPER"
        tapped.close()

    run(work())


STREAM = b"".join(
    b"line %d \x1b[3%dmcolour\x1b[0m\n" % (i, i % 8)
    + (BEGIN + b"message %d" % i + END if i % 3 == 0 else b"")
    for i in range(40)
)


@given(st.lists(st.integers(0, len(STREAM)), max_size=6), st.sets(st.integers(0, 6)))
def test_no_byte_of_the_log_is_lost_or_doubled_by_deaths(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], deaths: set[int]
) -> None:
    async def work() -> None:
        tapped = Tapped(tmp_path_factory.mktemp("tap") / "log")
        places = [*sorted(cuts), len(STREAM)]
        start = 0
        for number, place in enumerate(places):
            tapped.sink.append(STREAM[start:place])  # and die before anybody was told
            if number in deaths:
                tapped.die()
                tapped.live()
                tapped.sink._again()  # what the loop would do next
            else:
                tapped.sink.watchers.tell()
            start = place
        tapped.sink.finish()
        assert tapped.text() == b"".join(b"line %d colour\n" % i for i in range(40))
        messages = tapped.messages()
        assert list(dict.fromkeys(messages)) == [b"message %d" % i for i in range(0, 40, 3)]
        tapped.close()

    run(work())


def test_a_capture_larger_than_the_ring_survives_a_death(tmp_path: Path) -> None:
    async def work() -> None:
        limit = SPOOL_BYTES + 1000
        tapped = Tapped(tmp_path / "log", capture=limit)
        body = os.urandom(2 * SPOOL_BYTES).replace(b"<", b"x").replace(b"\x1b", b"x")
        tapped.write(b"before" + BEGIN + body[:SPOOL_BYTES])
        tapped.die()
        tapped.live()
        tapped.write(body[SPOOL_BYTES:])
        tapped.die()
        tapped.live()
        tapped.write(END + b"after")
        assert tapped.messages() == [body[-limit:]]
        assert tapped.text() == b"beforeafter"
        tapped.close()

    run(work())


class Owner:
    """Of a channel, as the daemon's: what was held back comes out at the end."""

    def __init__(self, tapped: Tapped) -> None:
        self.tapped = tapped
        self.ended = False

    def channel_changed(self, channel: Channel) -> None:
        raise AssertionError(channel.trouble)

    def channel_ended(self, channel: Channel) -> None:
        self.ended = True
        self.tapped.sink.finish()


def test_a_flood_through_a_pipe_loses_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        tapped = Tapped(tmp_path / "log", raw=True)
        read, write = os.pipe()
        os.set_blocking(read, False)
        os.set_blocking(write, False)
        owner = Owner(tapped)
        channel = Channel(read, tapped.sink, owner, copy=False)
        channel.start()
        data = b"".join(b"line %d\n" % i for i in range(200_000))
        sent = 0
        while sent < len(data):
            try:
                sent += os.write(write, data[sent : sent + 100_000])
            except BlockingIOError:
                before = tapped.sink.raw.end
                await until(lambda before=before: tapped.sink.raw.end > before, "the pipe to be read")  # type: ignore[misc]
        os.close(write)
        await until(lambda: owner.ended, "the end")
        assert tapped.text() == data
        assert b"".join(part for _, part in tapped.raw_heard) == data
        places = [offset for offset, _ in tapped.raw_heard]
        assert places[0] == 0 and places == sorted(places)
        tapped.close()

    run(work())


def test_what_a_program_said_last_is_drained_with_everything_told(tmp_path: Path) -> None:
    async def work() -> None:
        tapped = Tapped(tmp_path / "log")
        read, write = os.pipe()
        os.set_blocking(read, False)
        channel = Channel(read, tapped.sink, Owner(tapped), copy=False)
        os.write(write, BEGIN + b"last" + END + b"<!--XSUPERVISOR")
        os.close(write)
        channel.drain(1 << 22)
        assert tapped.messages() == [b"last"]
        assert tapped.text() == b"<!--XSUPERVISOR"
        tapped.close()

    run(work())


def test_a_full_disk_keeps_the_bytes_in_ring_and_pipe(tmp_path: Path) -> None:
    async def work() -> None:
        folder = tmp_path / "logs"
        folder.mkdir()
        tapped = Tapped(folder / "log")
        tapped.log.close()
        os.unlink(tapped.path)
        folder.rmdir()
        tapped.sink.append(b"first\n")
        assert tapped.sink.trouble == "log blocked: ENOENT"
        with pytest.raises(OSError):
            for _ in range(100):
                tapped.sink.append(b"x" * 100_000)
        assert tapped.sink.raw.end <= SPOOL_BYTES
        folder.mkdir()
        total = tapped.sink.raw.end
        await until(lambda: not tapped.sink.trouble, "the log to be written again")
        assert tapped.text() == b"first\n" + b"x" * (total - 6)
        tapped.close()

    run(work())


def test_a_slow_target_is_waited_for(tmp_path: Path) -> None:
    async def work() -> None:
        read, write = os.pipe()
        os.set_blocking(write, False)
        out = Target(Spool.create(), write)
        sink = Transformed(
            Spool.create(), out, Transform(strip=True, capture_maxbytes=0), 0, lambda item: None
        )
        data = b"\x1b[0m" + b"y" * (SPOOL_BYTES * 2)
        left = data
        got = b""
        while left:
            try:
                left = left[sink.append(left) :]
                sink.watchers.tell()
            except BlockingIOError:
                before = out.end
                got += os.read(read, 1 << 16)
                await until(lambda before=before: out.end > before, "more to be written")  # type: ignore[misc]
        os.set_blocking(read, False)

        def more() -> bool:
            nonlocal got
            try:
                got += os.read(read, 1 << 20)
            except BlockingIOError:
                pass
            return len(got) >= len(data) - 4

        await until(more, "the rest")
        assert got == data[4:] and sink.trouble == ""
        sink.close()
        out.close()
        os.close(read)

    run(work())


def test_raw_bytes_come_with_their_offset_in_the_ring(tmp_path: Path) -> None:
    async def work() -> None:
        tapped = Tapped(tmp_path / "log", raw=True, capture=0)
        tapped.write(b"READY\n")
        tapped.write(b"\x1b[0mRESULT")
        assert tapped.raw_heard == [(0, b"READY\n"), (6, b"\x1b[0mRESULT")]
        assert tapped.text() == b"READY\nRESULT"
        tapped.close()

    run(work())


# --- readback ----------------------------------------------------------------------------------------


def test_a_follower_goes_on_over_rotation_and_death(tmp_path: Path) -> None:
    async def work() -> None:
        log = LogStore(str(tmp_path / "log"), 1000, 3)
        log.open()
        log.append(b"old\n")
        heard: list[bytes] = []
        lines: list[bytes] = []
        moves: list[int] = []

        def item(found: Item) -> None:
            assert isinstance(found, Text)
            heard.append(found.data)

        def follow(place: tuple[int, int] | None) -> Readback:
            return Readback(log, place, item, syslog=lines.append, moved=lambda: moves.append(1))

        follower = follow(None)
        data = b"".join(b"line %d\n" % i for i in range(300))
        for start in range(0, len(data), 130):
            part = data[start : start + 130]
            while part:
                part = part[log.append(part) :]
            log.watchers.tell()
            if start % 390 == 0:
                place = follower.place
                follower.close()
                follower = follow(place)
                await until(lambda: follower.place[1] >= log.end - 130, "the follower")  # noqa: B023
        follower.finish()
        assert lines == [b"line %d" % i for i in range(300)]
        assert b"old" not in b"".join(heard) and moves
        assert (tmp_path / "log.1").exists()
        follower.close()
        log.close()

    run(work())


def test_bytes_that_are_gone_are_counted(tmp_path: Path) -> None:
    async def work() -> None:
        log = LogStore(str(tmp_path / "log"), 100, 1)
        log.open()
        missed: list[int] = []
        heard: list[Item] = []
        follower = Readback(log, None, heard.append, missed=missed.append)
        for _ in range(10):
            part = b"x" * 79 + b"\n"
            while part:
                part = part[log.append(part) :]
        follower.deliver()
        got = sum(len(item.data) for item in heard)
        assert got + sum(missed) == 800 and missed
        follower.close()
        log.close()

    run(work())


def test_a_character_that_comes_in_two_pieces_is_heard_in_one_also_over_a_death(tmp_path: Path) -> None:
    async def work() -> None:
        log = LogStore(str(tmp_path / "log"), 0, 0)
        log.open()
        heard: list[Item] = []
        data = "naïve 漢字 😀\n".encode()
        place = None
        for at in range(len(data)):
            follower = Readback(log, place, heard.append)
            log.append(data[at : at + 1])
            log.watchers.tell()
            await until(lambda: follower._cursor.offset == log.end, "the follower")  # noqa: B023
            place = follower.place
            follower.close()
        assert [item.data.decode() for item in heard] == list("naïve 漢字 😀\n")
        last = Readback(log, place, heard.append)
        log.append("é".encode()[:1])
        last.finish()
        assert heard[-1] == Text("é".encode()[:1])
        last.close()
        log.close()
        tapped = Tapped(tmp_path / "other")
        for at in range(len(data)):
            tapped.write(data[at : at + 1])
            tapped.die()
            tapped.live()
        tapped.write(b"\xc3" + BEGIN + b"x\xe6" + END + b"\xf0")
        tapped.sink.finish()
        assert [item.data.decode("utf-8", "replace") for item in tapped.heard] == [
            *"naïve 漢字 😀\n", "\ufffd", "x", "\ufffd", "x\ufffd", "\ufffd",
        ]  # fmt: skip
        assert tapped.text() == data + b"\xc3\xf0"
        tapped.close()

    run(work())


# --- syslog ------------------------------------------------------------------------------------------


def test_syslog_lines(tmp_path: Path) -> None:
    path = str(tmp_path / "log")
    logger = Syslogger(path)
    logger.line(b"nobody there")
    assert logger.dropped == 1
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(path)
        logger = Syslogger(path)
        logger.line(b"p one\x1b[0m\ttab\0")
        data = server.recv(1000)
        assert data.startswith(b"<14>") and data.endswith(b" supervisord: p one?[0m\ttab?")
        for _ in range(5000):
            logger.line(b"x" * 100)  # nobody reads: it does not wait
        assert logger.dropped > 0
        logger.close()
