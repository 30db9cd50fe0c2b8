"""What would take the daemon's place is tried in a process of its own."""

from __future__ import annotations

import asyncio
import os
import sys
import time

import pytest

from supervisor.daemon.rehearsal import LAST_WORDS_BYTES, last_words, rehearse


def tried(program: str, within_s: float = 30.0) -> str:
    read, write = os.pipe()
    try:
        return asyncio.run(rehearse([sys.executable, "-S", "-E", "-c", program], (read, write), within_s))
    finally:
        os.close(read)
        os.close(write)


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("", ""),
        ("import sys; sys.exit(3)", "it ended with 3"),
        ("import os; os.kill(os.getpid(), 9)", "it ended with -9"),
        ("import sys; print('no way', file=sys.stderr); sys.exit(1)", "no way"),
        ("raise ValueError('odd')", "ValueError: odd (<string>:1)"),
        ("import os, sys; os.fstat(int(sys.argv[2].split(',')[0]))", ""),
    ],
)
def test_it_says_why_it_could_not_serve(program: str, words: str) -> None:
    assert tried(program) == words


def test_what_hangs_is_given_up_and_gone() -> None:
    began = time.monotonic()
    assert tried("import time; time.sleep(1000)", 0.3) == "it was not ready within 0.3 s"
    assert time.monotonic() - began < 100


def test_what_talks_a_lot_is_heard_to_its_end() -> None:
    program = f"import sys; sys.stderr.write('x' * {4 * LAST_WORDS_BYTES} + chr(10) + 'the end'); sys.exit(1)"
    assert tried(program) == "the end"


def test_what_cannot_be_started() -> None:
    assert (
        asyncio.run(rehearse(["/nonexistent/python"], (0, 0)))
        == "it cannot be started: no such file or directory"
    )


def test_the_last_words_of_nothing() -> None:
    assert last_words("\n \n") == ""
