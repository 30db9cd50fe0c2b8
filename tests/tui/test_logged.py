"""What libraries log comes to the console's messages, from any thread, and nowhere else."""

from __future__ import annotations

import asyncio
import logging

import pytest

from supervisor.tui.logged import Logged


def test_warnings_become_messages(capfd: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []
    logger = logging.getLogger("some.library")

    async def run() -> None:
        with Logged(asyncio.get_running_loop(), said.append):
            logger.info("quiet")
            await asyncio.to_thread(logger.warning, "child %d is unknown\nmore", 7)
            logger.error("broken")
            await asyncio.sleep(0)
        logger.info("after")

    asyncio.run(run())
    assert said == ["some.library: child 7 is unknown", "some.library: broken"]
    assert capfd.readouterr().err == ""
