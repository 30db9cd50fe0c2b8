"""Log store, spool and cursor on real files."""

from __future__ import annotations

import contextlib
import errno
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supervisor.daemon.output import store as store_module
from supervisor.daemon.output.cursor import Chunk, Cursor, Missed
from supervisor.daemon.output.lane import Lanes
from supervisor.daemon.output.spool import AGAIN, SPOOL_BYTES, Spool
from supervisor.daemon.output.store import LogStore, Unsuitable
from supervisor.daemon.output.storeset import StoreSet


def whole(store: LogStore | Spool, offset: int) -> bytes:
    """Everything from an offset on."""
    cursor = Cursor(store, store.gen, offset)
    parts = []
    while (item := cursor.next(1000)) is not None:
        assert isinstance(item, Chunk), item
        parts.append(item.data)
    return b"".join(parts)


def log_set(path: Path, backups: int = 10) -> bytes:
    """The bytes of a log and its archives, oldest first."""
    names = [path.with_name(f"{path.name}.{n}") for n in range(backups, 0, -1)] + [path]
    return b"".join(name.read_bytes() for name in names if name.exists())


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe()
    os.set_blocking(read, False)
    yield read, write
    for fd in (read, write):
        try:
            os.close(fd)
        except OSError:
            pass


def test_splice_moves_what_is_there_and_tells_the_end(tmp_path: Path, pipe: tuple[int, int]) -> None:
    store = LogStore(str(tmp_path / "log"), 0, 0)
    read, write = pipe
    assert store.take(read, 1000) == AGAIN
    os.write(write, b"one\ntwo\n")
    assert store.take(read, 1000) == 8
    os.close(write)
    assert store.take(read, 1000) == 0
    store.close()
    assert (tmp_path / "log").read_bytes() == b"one\ntwo\n"
    assert store.end == 8
    assert store.read(4, 100) == b"two\n"


def test_a_log_is_not_opened_for_nothing(tmp_path: Path, pipe: tuple[int, int]) -> None:
    store = LogStore(str(tmp_path / "log"), 0, 0)
    read, write = pipe
    assert store.take(read, 1000) == AGAIN
    os.close(write)
    assert store.take(read, 1000) == 0
    assert not store.is_open and not (tmp_path / "log").exists()


def test_what_was_written_before_the_end_comes_first(tmp_path: Path, pipe: tuple[int, int]) -> None:
    store = LogStore(str(tmp_path / "log"), 0, 0)
    read, write = pipe
    os.write(write, b"last words")
    os.close(write)
    assert store.take(read, 1000) == 10
    store.close()
    assert store.take(read, 1000) == 0
    assert (tmp_path / "log").read_bytes() == b"last words"


def test_an_existing_log_is_continued_and_readable(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"old\n")
    (tmp_path / "log.1").write_bytes(b"older\n")
    store = LogStore(str(tmp_path / "log"), 0, 10)
    store.append(b"new\n")
    assert (store.start, store.end) == (0, 14)
    assert whole(store, 0) == b"older\nold\nnew\n"
    store.close()


@settings(max_examples=60, deadline=None)
@given(
    lines=st.lists(st.binary(max_size=60).map(lambda b: b.replace(b"\n", b"") + b"\n"), max_size=60),
    maxbytes=st.sampled_from([1, 50, 100, 333]),
    seed=st.integers(0, 1000),
)
def test_rotation_loses_and_doubles_nothing(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], maxbytes: int, seed: int
) -> None:
    path = tmp_path_factory.mktemp("rotate") / "log"
    store = LogStore(str(path), maxbytes, 10_000)
    data = b"".join(lines)
    cut = random.Random(seed)
    position = 0
    while position < len(data):
        position += store.append(data[position : position + cut.randint(1, 200)])
    store.close()
    assert log_set(path, 4000) == data
    assert whole(store, 0) == data
    for number in range(1, 4000):
        archive = path.with_name(f"log.{number}")
        if not archive.exists():
            break
        content = archive.read_bytes()
        assert content.endswith(b"\n") or len(content) <= maxbytes, "cut in a line though a line end was near"


def test_old_archives_are_dropped_and_the_gap_is_told(tmp_path: Path) -> None:
    store = LogStore(str(tmp_path / "log"), 10, 2)
    for number in range(6):
        store.append(b"line %d...\n" % number)
    store.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["log", "log.1", "log.2"]
    cursor = Cursor(store, store.gen, 0)
    assert cursor.next() == Missed(1, 0, store.start)
    item = cursor.next()
    assert isinstance(item, Chunk) and item.offset == store.start


def test_no_backups_starts_over(tmp_path: Path) -> None:
    store = LogStore(str(tmp_path / "log"), 10, 0)
    store.append(b"123456789\n")
    store.append(b"abc\n")
    store.close()
    assert [p.name for p in tmp_path.iterdir()] == ["log"]
    assert (tmp_path / "log").read_bytes() == b"abc\n"
    assert store.end == 14


class Killed(Exception):
    pass


def killing(step: int) -> Callable[[str], Any]:
    """Makes functions of ``os``, by name, that raise Killed once they were called so often together."""
    left = step

    def counted(name: str) -> Any:
        real = getattr(os, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed
            return real(*args, **kwargs)

        return call

    return counted


@pytest.mark.parametrize("known", [True, False], ids=["from the record", "after a power cut"])
@pytest.mark.parametrize("backups", [0, 1, 3])
def test_rotation_killed_between_each_two_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backups: int, known: bool
) -> None:
    """Stop at the Nth system call that changes something, then go on with a new store, from the record or without."""
    for step in range(1, 30):
        folder = tmp_path / str(step)
        folder.mkdir()
        path = folder / "log"
        records: list[dict[str, Any]] = []
        store = LogStore(str(path), 10, backups, lambda _, record, into=records: into.append(dict(record)))  # type: ignore[misc]
        for number in range(4):
            store.append(b"archived %d\n" % number)
        kept = log_set(path)
        counted = killing(step)
        with monkeypatch.context() as patch:
            for name in ("replace", "ftruncate", "open", "pwrite", "unlink"):
                patch.setattr(os, name, counted(name))
            try:
                store.append(b"12345\n678")
                store.append(b"9\nrest\n")
                killed = False
            except Killed:
                killed = True
        store.close()
        written = log_set(path)
        again = LogStore(str(path), 10, backups)
        if known:
            again.restore(records[-1] if records else {})
        again.open()
        recovered = log_set(path)
        tail = b"12345\n6789\nrest\n"
        # what the kernel had is there once: a prefix of what was written follows what was kept
        if backups == 3:
            for n in range(1, len(tail) + 1):
                if (kept + tail[:n]).endswith(recovered) and recovered:
                    break
            else:
                assert kept.endswith(recovered), (step, written, recovered)
        for line in recovered.splitlines():
            assert recovered.count(line + b"\n") <= 1, (step, recovered)
        assert not (folder / "log.rotating").exists()
        again.close()
        if not killed:
            break
    else:
        pytest.fail("never ran to the end")


def test_truncated_by_somebody_else_leaves_no_hole(tmp_path: Path) -> None:
    path = tmp_path / "log"
    store = LogStore(str(path), 0, 0)
    store.append(b"before\n")
    os.truncate(path, 0)
    store.append(b"after\n")
    assert path.read_bytes() == b"after\n"
    assert store.gen == 2
    assert whole(store, 0) == b"after\n"
    store.close()


def test_deleted_and_renamed_by_somebody_else(tmp_path: Path) -> None:
    path = tmp_path / "log"
    store = LogStore(str(path), 0, 0)
    store.append(b"one\n")
    path.unlink()
    store.append(b"two\n")
    assert path.read_bytes() == b"two\n"
    assert store.end == 8
    path.rename(tmp_path / "log.old")
    store.reopen()
    store.append(b"three\n")
    assert path.read_bytes() == b"three\n"
    assert whole(store, store.start) == b"three\n"
    store.close()


def test_a_rotation_that_was_cut_short_is_finished_once_the_folder_is_back(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "log.1").write_bytes(b"one\ntail")
    (folder / "log.rotating").write_bytes(b"tail")
    inode = (folder / "log.1").stat().st_ino
    folder.rename(tmp_path / "away")
    store = LogStore(str(folder / "log"), 8, 1)
    store.restore({"gen": 3, "base": 0, "archives": 0, "intent": {"inode": inode, "keep": 4}})
    with pytest.raises(FileNotFoundError):
        store.append(b"!\n")
    (tmp_path / "away").rename(folder)
    store.append(b"!\n")
    assert (folder / "log.1").read_bytes() == b"one\n" and (folder / "log").read_bytes() == b"tail!\n"
    assert (store.gen, whole(store, store.start)) == (3, b"one\ntail!\n")
    assert sorted(path.name for path in folder.iterdir()) == ["log", "log.1"]
    store.close()


def test_one_that_cannot_be_reopened_keeps_no_other_from_it(tmp_path: Path) -> None:
    stores = StoreSet()
    (tmp_path / "gone").mkdir()
    one, other = stores.log(str(tmp_path / "gone" / "log"), 0, 0), stores.log(str(tmp_path / "log"), 0, 0)
    for store in (one, other):
        store.open()
    (tmp_path / "gone").rename(tmp_path / "moved")
    (tmp_path / "log").rename(tmp_path / "log.old")
    assert [error.errno for error in stores.reopen()] == [errno.ENOENT]
    other.append(b"new\n")
    assert (tmp_path / "log").read_bytes() == b"new\n"
    for store in (one, other):
        stores.release(store)


def test_the_size_of_what_cannot_be_looked_at_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    store = LogStore(str(tmp_path / "file" / "log"), 0, 0)
    assert (store.start, store.end) == (0, 0)
    with pytest.raises(NotADirectoryError):
        store.open()


def test_clear_begins_a_generation(tmp_path: Path) -> None:
    store = LogStore(str(tmp_path / "log"), 0, 0)
    store.append(b"one\n")
    cursor = Cursor(store, 1, 0)
    store.clear()
    store.append(b"two\n")
    assert cursor.next() == Chunk(2, 0, b"two\n")
    assert cursor.next() is None
    store.close()


def test_clear_leaves_alone_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    LogStore(str(tmp_path / "fifo"), 0, 0).clear()
    assert (tmp_path / "fifo").is_fifo()
    (tmp_path / "link").symlink_to(tmp_path / "fifo")
    LogStore(str(tmp_path / "link"), 0, 0).clear()
    assert (tmp_path / "link").is_symlink()


def test_a_rotation_that_cannot_be_goes_on_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "log"
    (tmp_path / "log.rotating").mkdir()
    store = LogStore(str(path), 10, 1)
    store.append(b"123456789\n")
    store.append(b"more\n")
    assert path.read_bytes() == b"123456789\nmore\n"
    assert "cannot rotate" in store.trouble
    store.close()


def archived(path: Path, numbers: range) -> bytes:
    """Make archives, each of one line; what they hold, oldest first."""
    for number in numbers:
        path.with_name(f"{path.name}.{number}").write_bytes(b"old %d\n" % number)
    return b"".join(b"old %d\n" % number for number in reversed(numbers))


def slicing(
    path: Path, backups: int, maxbytes: int = 50
) -> tuple[LogStore, list[Callable[[], None]], dict[str, Any]]:
    """A store whose loop is in the hands of the test: what it has to do later, and what was persisted."""
    later: list[Callable[[], None]] = []
    record: dict[str, Any] = {}
    lanes = Lanes(lambda work: work(), later=lambda _, work: later.append(work))
    return LogStore(str(path), maxbytes, backups, lambda _, new: record.update(new), lanes), later, record


def test_many_archives_are_shifted_in_slices_while_the_writing_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "SLICE_S", 0.0)
    monkeypatch.setattr(store_module, "SLICE_STEPS", 1)
    path = tmp_path / "log"
    data = archived(path, range(1, 301))
    store, later, record = slicing(path, 1000)
    turns = count = 0
    for _ in range(3):
        while not later:
            data += (line := b"line %d\n" % count)
            put(store, line)
            count += 1
        while later:
            later.pop()()
            turns += 1
            if turns % 100 == 1:
                data += (line := b"between %d\n" % turns)
                with contextlib.suppress(BlockingIOError):  # it would be twice as large as it may be
                    line = line[store.append(line) :]
                data = data.removesuffix(line)
            if turns % 7 == 0:
                assert whole(store, 0) == data, "read while its archive moves"
                again = LogStore(str(path), 50, 1000)  # as after a kill
                if record:
                    again.restore(record)
                assert whole(again, 0) == data
            assert path.stat().st_size <= 2 * 50
    assert turns > 900
    assert log_set(path, 400) == data == whole(store, 0)
    assert sorted(part.name for part in tmp_path.iterdir()) == sorted(
        ["log", *(f"log.{number}" for number in range(1, 304))]
    )
    store.close()


def test_a_shift_that_was_cut_off_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "SLICE_S", 0.0)
    monkeypatch.setattr(store_module, "SLICE_STEPS", 1)
    for turns in range(1, 26):
        (tmp_path / str(turns)).mkdir()
        path = tmp_path / str(turns) / "log"
        data = archived(path, range(1, 11)) + b"x" * 49 + b"\n"
        store, later, record = slicing(path, 10)
        put(store, b"x" * 49 + b"\n")
        for _ in range(turns):
            if later:
                later.pop()()
        store.close()  # as many others are written to, or with the daemon
        if later:
            later.pop()()
        again = LogStore(str(path), 50, 10)
        if record:
            again.restore(record)
        again.append(b"the last\n")
        data = (data + b"the last\n").removeprefix(b"old 10\n")
        assert log_set(path) == data == whole(again, again.start)
        assert path.read_bytes() == b"the last\n"
        again.close()


@pytest.mark.parametrize("how", ["cut", "removed"])
def test_a_log_is_cut_or_removed_while_its_archives_are_shifted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(store_module, "SLICE_S", 0.0)
    monkeypatch.setattr(store_module, "SLICE_STEPS", 1)
    path = tmp_path / "log"
    old = archived(path, range(1, 11))
    store, later, _ = slicing(path, 20)
    put(store, b"x" * 49 + b"\n")
    for _ in range(15):
        later.pop()()
    if how == "cut":
        os.truncate(path, 0)
    else:
        path.unlink()
    while later:
        later.pop()()
    put(store, b"more\n")
    assert not store.trouble
    assert log_set(path, 20) == old + b"more\n", "no hole, nothing else lost"
    count = 0
    while not later:
        put(store, b"and more\n")
        count += 1
    while later:
        later.pop()()
    assert log_set(path, 20) == old + b"more\n" + b"and more\n" * count
    store.close()


def test_a_name_to_which_little_can_be_added(tmp_path: Path) -> None:
    twins = [tmp_path / ("ü" * 125 + end) for end in ("-a", "-b")]
    stores = [LogStore(str(path), 10, 2) for path in twins]
    for n in range(4):
        for store in stores:
            put(store, b"line %d rest" % n + b"\n" * (n % 2))
            assert not store.trouble
    for store in stores:
        store.close()
        assert log_set(Path(store.path)).endswith(b"line 2 restline 3 rest\n")
    assert len(list(tmp_path.iterdir())) == 6


def test_a_gap_costs_nothing_and_what_is_behind_it_stays(tmp_path: Path) -> None:
    path = tmp_path / "log"
    archived(path, range(1, 3))
    archived(path, range(5, 9))
    inodes = {number: path.with_name(f"log.{number}").stat().st_ino for number in (1, 2, 5, 6, 7, 8)}
    store = LogStore(str(path), 10, 8)
    store.append(b"123456789\n")
    store.close()
    moved = {1: 2, 2: 3}
    for number, inode in inodes.items():
        assert path.with_name(f"log.{moved.get(number, number)}").stat().st_ino == inode
    assert not path.with_name("log.4").exists()


def put(store: LogStore, data: bytes) -> None:
    while data:
        data = data[store.append(data) :]


def failing(monkeypatch: pytest.MonkeyPatch, name: str, skip: int) -> Callable[[], int]:
    """From the call after ``skip`` others on a function of ``os`` raises EIO; how many did."""
    real, calls = getattr(os, name), 0

    def call(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > skip:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(*args, **kwargs)

    monkeypatch.setattr(os, name, call)
    return lambda: max(0, calls - skip)


class Numbered:
    """A store with a small limit, into which numbered lines are written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data = b""
        self.record: dict[str, Any] = {}
        self.store = self._open()

    def _open(self) -> LogStore:
        return LogStore(str(self.path), 50, 100, lambda _, record: self.record.update(record))

    def write(self, count: int) -> None:
        for _ in range(count):
            line = b"line %d\n" % self.data.count(b"\n")
            self.data += line
            put(self.store, line)

    def die(self) -> None:
        """And go on as the next daemon does."""
        self.store.close()
        self.store = self._open()
        self.store.restore(dict(self.record))


@pytest.mark.parametrize("dies", [False, True], ids=["goes on", "dies"])
@pytest.mark.parametrize("name", ["replace", "ftruncate", "fchmod", "unlink"])
def test_the_writing_goes_on_whatever_step_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, dies: bool
) -> None:
    """And when the disk works again all is where it belongs."""
    for skip in range(12):
        (tmp_path / str(skip)).mkdir()
        log = Numbered(tmp_path / str(skip) / "log")
        log.write(20)
        with monkeypatch.context() as patch:
            failed = failing(patch, name, skip)
            log.write(20)
            if dies:
                log.die()
            log.write(20)
            assert whole(log.store, 0) == log.data
            assert not failed() or name == "unlink" or "cannot rotate" in log.store.trouble
        if log.store.trouble:
            log.store.rotate()  # as after a while
        log.write(30)
        assert not log.store.trouble
        assert whole(log.store, 0) == log.data == log_set(log.path, 100)
        assert not log.path.with_name("log.rotating").exists()
        log.store.close()


def test_a_rotation_is_tried_again_where_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "ROTATE_AGAIN_S", 0.0)
    path = tmp_path / "log"
    store, later, _ = slicing(path, 3)
    with monkeypatch.context() as patch:
        failing(patch, "replace", 1)  # PATH is moved, and the next one is not
        put(store, b"x" * 46 + b"\nrest")
    assert store.trouble == f"cannot rotate {path}: Input/output error"
    assert path.with_name("log.rotating").read_bytes() == b"rest" and not path.exists()
    store.close()
    later.pop()()
    assert not store.trouble and not later and not store.is_open
    assert path.read_bytes() == b"rest"


def test_one_that_could_not_be_finished_is_cleared_and_reopened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log"
    store, _, record = slicing(path, 3)
    with monkeypatch.context() as patch:
        failing(patch, "replace", 1)
        put(store, b"x" * 46 + b"\nrest")
        store.reopen()
        store.append(b" and more\n")
        assert whole(store, 0) == b"x" * 46 + b"\nrest and more\n"
    store.reopen()
    assert path.read_bytes() == b"rest and more\n" and not store.trouble
    with monkeypatch.context() as patch:
        failing(patch, "replace", 2)
        put(store, b"y" * 46 + b"\nrest")
    store.clear()
    assert path.read_bytes() == b"" and not record["intent"]
    assert sorted(part.name for part in tmp_path.iterdir()) == ["log", "log.1", "log.2"]
    store.close()


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    store = LogStore(str(tmp_path / "fifo"), 0, 0)
    with pytest.raises(Unsuitable):
        store.open()


@settings(max_examples=30, deadline=None)
@given(sizes=st.lists(st.integers(1, SPOOL_BYTES + 5000), max_size=6))
def test_spool_keeps_the_last_bytes(sizes: list[int]) -> None:
    spool = Spool.create()
    everything = b""
    for number, size in enumerate(sizes):
        data = bytes([number + 65]) * size
        spool.append(data)
        everything += data
    assert spool.end == len(everything)
    again = Spool(os.dup(spool.fd))
    assert (again.start, again.end) == (spool.start, spool.end)
    assert whole(again, again.start) == everything[spool.start :]
    spool.close()
    again.close()


def test_spool_takes_from_a_pipe(pipe: tuple[int, int]) -> None:
    spool = Spool.create()
    read, write = pipe
    for _ in range(9):
        os.write(write, b"x" * 40_000)
        moved = 0
        while moved < 40_000:
            moved += spool.take(read, 40_000)
    assert spool.end == 360_000
    assert spool.start == 360_000 - SPOOL_BYTES
    spool.close()


def test_set_shares_a_path_and_closes_the_longest_unused(tmp_path: Path) -> None:
    stores = StoreSet(open_limit=2)
    a, b, c = (stores.log(str(tmp_path / name), 0, 0) for name in "abc")
    assert stores.log(str(tmp_path / "a"), 0, 0) is a
    for store in (a, b, c):
        stores.used(store)
        store.append(b"x")
    assert [store.is_open for store in (a, b, c)] == [False, True, True]
    stores.release(a)
    assert stores.log(str(tmp_path / "a"), 0, 0) is a
    for store in (a, a, b, c):
        stores.release(store)
    assert not any(store.is_open for store in (a, b, c))


@pytest.mark.parametrize("how", ["take", "append"])
def test_spool_killed_at_each_step_of_a_wrap(
    monkeypatch: pytest.MonkeyPatch, pipe: tuple[int, int], how: str
) -> None:
    """What one daemon left in the ring is what the next one finds, wherever it was killed."""
    read, write = pipe
    for step in range(1, 10):
        spool = Spool.create()
        spool.append(b"a" * SPOOL_BYTES)  # one wrap done
        spool.append(b"b" * (SPOOL_BYTES - 100))
        counted = killing(step)
        with monkeypatch.context() as patch:
            for name in ("lseek", "pwrite", "splice", "write"):
                if not (how == "take" and name == "write"):
                    patch.setattr(os, name, counted(name))
            try:
                if how == "take":
                    patch.undo()
                    os.write(write, b"c" * 100)
                    for name in ("lseek", "pwrite", "splice"):
                        patch.setattr(os, name, counted(name))
                    spool.take(read, 1000)
                else:
                    spool.append(b"c" * 100)
                killed = False
            except Killed:
                killed = True
        again = Spool(os.dup(spool.fd))
        spool.close()
        assert again.end == 2 * SPOOL_BYTES, step
        assert again.read(2 * SPOOL_BYTES - 101, 1000) == b"b" + b"c" * 100
        os.write(write, b"d" * 50)
        assert again.take(read, 1000) == 50, "looks like the end of the input"
        assert again.end == 2 * SPOOL_BYTES + 50
        assert again.read(2 * SPOOL_BYTES, 100) == b"d" * 50
        again.close()
        if not killed:
            break
    else:
        pytest.fail("never ran to the end")


def test_a_log_far_over_its_limit_is_taken_on(tmp_path: Path, pipe: tuple[int, int]) -> None:
    """An old log with a long unfinished line, and a limit that was lowered."""
    read, write = pipe
    path = tmp_path / "log"
    path.write_bytes(b"first\n" + b"x" * 5000)
    store = LogStore(str(path), 1000, 5)
    assert store.append(b"y" * 500) > 0
    os.write(write, b"z" * 300)
    assert store.take(read, 10_000) > 0
    store.close()
    data = log_set(path)
    assert data.startswith(b"first\n" + b"x" * 5000 + b"y")


def test_closed_spool_reads_nothing_of_others() -> None:
    spool = Spool.create()
    spool.append(b"mine")
    spool.close()
    other = os.memfd_create("other")  # gets the number that became free
    os.write(other, b"yours")
    with pytest.raises(OSError):
        spool.read(0, 4)
    os.close(other)


def test_the_folder_goes_away_within_a_rotation_and_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs, away = tmp_path / "logs", tmp_path / "away"
    logs.mkdir()
    store = LogStore(str(logs / "log"), 20, 9)
    replace = os.replace

    def put(data: bytes) -> None:
        while data:
            data = data[store.append(data) :]

    def then_away(old: str, new: str) -> None:
        replace(old, new)
        if new.endswith("log.1"):
            logs.rename(away)

    with monkeypatch.context() as moving:
        moving.setattr(os, "replace", then_away)
        assert store.append(b"line 0000\nline 001\nr") == 20
    assert store.trouble
    put(b"est")
    put(b" of it\n")
    away.rename(logs)
    monkeypatch.setattr(store_module, "ROTATE_AGAIN_S", 0.0)
    store._rotate_after = 0.0
    for number in range(2, 6):
        put(b"line %04d\n" % number)
    store.close()
    names = sorted(logs.glob("log*"), key=lambda path: -int(path.suffix[1:] or 0))
    assert b"".join(name.read_bytes() for name in names) == b"line 0000\nline 001\nrest of it\n" + b"".join(
        b"line %04d\n" % number for number in range(2, 6)
    )
