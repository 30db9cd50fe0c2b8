"""Tests on a real asyncio loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from tests.support.waiting import PATIENCE_S


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a test on a loop; an exception that nobody caught in it fails the test."""
    problems: list[dict[str, Any]] = []

    async def guarded() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
        await asyncio.wait_for(work, 90)

    asyncio.run(guarded())
    assert not problems, problems


async def until(condition: Callable[[], object], what: str, deadline_s: float = PATIENCE_S) -> None:
    """Let the loop turn until a condition holds."""
    end = asyncio.get_running_loop().time() + deadline_s
    while not condition():
        if asyncio.get_running_loop().time() > end:
            raise AssertionError(f"waited {deadline_s:g} s in vain for {what}")
        await asyncio.sleep(0.002)
