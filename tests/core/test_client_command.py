"""A program that is a connection."""

from __future__ import annotations

import asyncio

import pytest

from supervisor.client.command import Command


def test_its_last_words_and_nothing_from_asyncio(caplog: pytest.LogCaptureFixture) -> None:
    """However its end and ours meet: asyncio warns when somebody else reaps its children."""

    async def run() -> None:
        for _ in range(300):
            command = await Command.start(("/bin/sh", "-c", "echo one >&2; echo two >&2; exit 3"), 1000)
            reader, _ = command.streams
            assert await reader.read() == b""
            assert await command.last_words() == "two"
            command.end()
            await command._process.wait()

    asyncio.run(run())
    assert caplog.records == []
