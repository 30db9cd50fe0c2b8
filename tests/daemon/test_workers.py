"""Threads of one kind of work: bounded, and nobody else's."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from supervisor.daemon.workers import Workers


def test_results_and_what_is_raised() -> None:
    async def whole() -> None:
        workers = Workers("results", 2)
        assert await asyncio.gather(*(workers.run(lambda n=n: n) for n in range(100))) == list(range(100))  # type: ignore[misc]
        with pytest.raises(FileNotFoundError):
            await workers.run(lambda: Path("/nowhere").read_text())
        assert 1 <= sum(thread.name.startswith("results ") for thread in threading.enumerate()) <= 2

    asyncio.run(whole())


def test_work_that_hangs_holds_up_its_own_kind_alone_and_not_the_end() -> None:
    never = threading.Event()

    async def whole() -> None:
        slow, other = Workers("slow", 2), Workers("other", 2)
        hung = [asyncio.ensure_future(slow.run(never.wait)) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(slow.run(lambda: 1), 0.1)
        assert await asyncio.wait_for(other.run(lambda: 1), 10) == 1
        assert sum(thread.name.startswith("slow") for thread in threading.enumerate()) == 2
        for future in hung:
            future.cancel()

    asyncio.run(whole())
    never.set()


def test_where_no_thread_can_be_started_it_is_said_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def whole() -> None:
        none, some = Workers("none", 1), Workers("some", 2)
        never = threading.Event()
        hung = asyncio.ensure_future(some.run(never.wait))
        await asyncio.sleep(0)
        with monkeypatch.context() as full:
            full.setattr(threading.Thread, "start", refused)
            with pytest.raises(BlockingIOError, match="no thread"):
                await none.run(lambda: 1)
            waits = asyncio.ensure_future(some.run(lambda: 2))
            await asyncio.sleep(0)
        assert await asyncio.wait_for(none.run(lambda: 1), 10) == 1
        never.set()
        assert await asyncio.wait_for(waits, 10) == 2
        assert await asyncio.wait_for(hung, 10)

    asyncio.run(whole())
