"""A program whose stdin and stdout are a connection, and its last words; must never know what passes through."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import Final

COMPLAINT_BYTES: Final = 4096
COMMAND_ENDS_S: Final = 1.0
"""How long a command may take to end, and to say why, once its output has ended."""


class Command:
    """A running program that is a connection."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        # Process.terminate would reap a process that has just ended, before asyncio's own watcher can
        self._pidfd = -1
        with contextlib.suppress(OSError):  # it has ended, or there are no descriptors left
            self._pidfd = os.pidfd_open(process.pid)
        self._process = process
        self._complaints = asyncio.create_task(self._read_complaints())

    @classmethod
    async def start(cls, argv: tuple[str, ...], limit_bytes: int) -> Command:
        """``limit_bytes``: how much output may wait here. Raises OSError when it cannot be started."""
        pipe = asyncio.subprocess.PIPE
        # a session of its own: Ctrl-C is for us, and nothing asks for a password on our terminal
        return cls(
            await asyncio.create_subprocess_exec(
                *argv, stdin=pipe, stdout=pipe, stderr=pipe, limit=limit_bytes, start_new_session=True
            )
        )

    @property
    def streams(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        assert self._process.stdout is not None and self._process.stdin is not None
        return self._process.stdout, self._process.stdin

    async def _read_complaints(self) -> bytes:
        """The end of what it writes to stderr."""
        assert self._process.stderr is not None
        kept = b""
        while data := await self._process.stderr.read(COMPLAINT_BYTES):
            kept = (kept + data)[-COMPLAINT_BYTES:]
        return kept

    async def last_words(self) -> str:
        """End it; the last line that it complained with, empty for none."""
        try:
            kept = await asyncio.wait_for(asyncio.shield(self._complaints), COMMAND_ENDS_S)
        except TimeoutError:
            kept = b""
        self.end()
        lines = kept.decode("utf-8", "replace").strip().splitlines()
        return lines[-1].strip()[:200] if lines else ""

    def end(self) -> None:
        self._complaints.cancel()
        if self._pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGTERM)
            os.close(self._pidfd)
            self._pidfd = -1
