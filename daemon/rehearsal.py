"""Whether the version that is installed now could take this daemon's place, tried before it makes way.

An upgrade puts other files where ours were imported from, so that there is nothing to go
back to once this process has ended. A process of the new version is started beside it:
it makes a daemon of a copy of the snapshot that it would go on from, asks it once
(``trial``), and ends. It touches nothing else: no socket, no log, no program.

Way not taken: a copy of the package of this version to go back to. It would need one of
every library that it imports, and of the interpreter.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Sequence
from typing import Final

WITHIN_S: Final = 20.0
"""A new version that takes longer to import than this does not serve well either."""
LAST_WORDS_BYTES: Final = 16 * 1024
OPTION: Final = "--rehearse"


def own_argv(*options: str) -> list[str]:
    """Our own command line with ``options`` in place of the descriptor of a keeper."""
    words = list(sys.orig_argv)
    at = words.index("--keeper-fd")
    return [sys.executable, *words[1:at], *words[at + 2 :], *options]


async def rehearse(argv: Sequence[str], fds: tuple[int, int], within_s: float = WITHIN_S) -> str:
    """Why what ``argv`` starts cannot go on, for people; empty: it can. ``fds``: of the state and of the journal."""
    try:
        process = await asyncio.create_subprocess_exec(
            *argv, OPTION, ",".join(map(str, fds)),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
            pass_fds=fds,
        )  # fmt: skip
    except OSError as error:
        return f"it cannot be started: {os.strerror(error.errno or 0).lower()}"
    assert process.stderr is not None
    words = b""
    try:
        async with asyncio.timeout(within_s):
            while data := await process.stderr.read(LAST_WORDS_BYTES):
                words = (words + data)[-LAST_WORDS_BYTES:]
            code = await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
        return f"it was not ready within {within_s:g} s"
    if code == 0:
        return ""
    return last_words(words.decode("utf-8", "replace")) or f"it ended with {code}"


def last_words(text: str) -> str:
    """What a traceback ends with, and where that was."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    places = re.findall(r'File "(.+)", line (\d+)', text)
    return f"{lines[-1]} ({places[-1][0]}:{places[-1][1]})" if lines and places else "".join(lines[-1:])


def descriptors(text: str) -> tuple[int, int]:
    """Of the state and the journal, as ``rehearse`` gives them. Raises ValueError."""
    state, journal = map(int, text.split(","))
    return state, journal
