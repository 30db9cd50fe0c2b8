"""Input in a memfd: delivered once whatever was the last thing that the daemon did, and every place kept."""

from __future__ import annotations

import array
import fcntl
import os
import random
import termios

import pytest

from supervisor.daemon.inputjournal import (
    EMPTY_OVER_BYTES,
    LIMIT_BYTES,
    PLACES_MAX,
    InputJournal,
    JournalFull,
    Origin,
)

ME = b"m" * 16
YOU = b"y" * 16


def after_a_kill(journal: InputJournal) -> InputJournal:
    """What the next daemon makes of it: all but the description of the open file is forgotten."""
    fd = os.dup(journal.fd)
    journal.close()
    return InputJournal(fd)


def pipe() -> tuple[int, int]:
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    return read, write


def drained(read: int) -> bytes:
    got = b""
    while True:
        try:
            data = os.read(read, 1 << 16)
        except BlockingIOError:
            return got
        if not data:
            return got
        got += data


@pytest.mark.parametrize("seed", range(20))
def test_delivered_once_and_in_order_over_any_number_of_kills(seed: int) -> None:
    chance = random.Random(seed)
    read, write = pipe()
    journal = InputJournal.create()
    taken, got = b"", b""
    places = {ME: 0, YOU: 0}
    for step in range(300):
        match chance.randrange(4):
            case 0:
                data = b"%d," % step * chance.choice((1, 1, 1, 700, 9000))
                token = chance.choice((ME, YOU))
                journal.take(data, Origin(token, places[token]))
                places[token] += len(data)
                taken += data
            case 1 if journal.waiting():
                try:
                    journal.deliver(write)
                except BlockingIOError:
                    got += drained(read)
            case 2:
                journal = after_a_kill(journal)
                assert {ME: 0, YOU: 0, **journal.places} == places
                assert b"".join(journal.waiting()) == taken[len(got) + len_waiting(read) :]
            case 3:
                got += drained(read)
    while journal.waiting():
        got += drained(read)
        journal.deliver(write)
    assert got + drained(read) == taken
    journal.close()
    os.close(read)
    os.close(write)


def len_waiting(read: int) -> int:
    """How many bytes are in the pipe."""
    count = array.array("i", [0])
    fcntl.ioctl(read, termios.FIONREAD, count)
    return count[0]


def test_a_frame_that_was_being_written_is_cut_off() -> None:
    journal = InputJournal.create()
    journal.take(b"whole", Origin(ME, 7))
    end = os.fstat(journal.fd).st_size
    journal.take(b"x" * 10_000, Origin(ME, 12))
    for size in range(end, end + 10_028, 97):
        os.ftruncate(journal.fd, size)
        journal = after_a_kill(journal)
        assert journal.waiting() == [b"whole"]
        assert journal.places == {ME: 12}
        assert os.fstat(journal.fd).st_size == end
        journal.take(b"x" * 10_000, Origin(ME, 12))
    journal.close()


def test_it_is_emptied_and_a_kill_in_the_middle_of_that_loses_no_place() -> None:
    read, write = pipe()
    journal = InputJournal.create()
    typed = 0
    sizes = set()
    for _ in range(40):
        journal.take(b"z" * 20_000, Origin(ME, typed))
        typed += 20_000
        while journal.waiting():
            journal.deliver(write)
            drained(read)
        sizes.add(os.fstat(journal.fd).st_size)
    assert max(sizes) < EMPTY_OVER_BYTES + 50_000
    assert journal.places == {ME: typed}
    # killed after the file was cut, before the position went back
    os.ftruncate(journal.fd, 4096)
    os.lseek(journal.fd, 200_000, os.SEEK_SET)
    journal = after_a_kill(journal)
    assert journal.waiting() == []
    journal.take(b"on", Origin(ME, typed))
    journal.deliver(write)
    assert drained(read) == b"on"
    # the places of what was emptied are those of the page
    journal = after_a_kill(journal)
    assert journal.places[ME] == typed + 2
    journal.close()
    os.close(read)
    os.close(write)


def test_places_and_bytes_are_bounded() -> None:
    journal = InputJournal.create()
    for n in range(PLACES_MAX + 5):
        journal.take(b"k", Origin(bytes((n + 1,)) * 16, 0))
    assert len(journal.places) == PLACES_MAX
    assert bytes((1,)) * 16 not in journal.places
    with pytest.raises(JournalFull):
        journal.take(b"k" * (LIMIT_BYTES + 1), Origin(ME, 0))
    assert ME not in journal.places
    journal.close()
