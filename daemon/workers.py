"""A few threads for one kind of work that may take long, or for ever; must never know what is done in them.

Each kind has its own: reads that hang on a disk keep no login from being checked, and no other kind waits for them.
A thread that hangs keeps nothing alive either: asyncio's own threads are waited for at the end of a process.
"""

from __future__ import annotations

import asyncio
import errno
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

_Job = tuple[Callable[[], Any], asyncio.AbstractEventLoop, "asyncio.Future[Any]"]


class Workers:
    """``most``: how many threads there are at the most, made when there is work for them; more work waits."""

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._most = most
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._free = 0  # of the threads, less the work that waits; changed by the loop alone
        self._made = 0

    async def run(self, work: Callable[[], T]) -> T:
        """The result of ``work``, or what it raises. Where nobody waits any more it is done all the same.

        Raises BlockingIOError where there is no thread, and the system gives none.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        if self._free <= 0 and self._made < self._most:
            self._make()
        self._free -= 1
        self._jobs.put((work, loop, future))
        return await future

    def _make(self) -> None:
        """One more thread; where the system gives none those that there are do it."""
        name = f"{self._name} {self._made + 1}"
        try:
            threading.Thread(target=self._work, name=name, daemon=True).start()
        except RuntimeError as error:
            if not self._made:
                raise BlockingIOError(errno.EAGAIN, "no thread can be started") from error
            return
        self._made += 1
        self._free += 1

    def _work(self) -> None:
        while True:
            work, loop, future = self._jobs.get()
            result, error = None, None
            try:
                result = work()
            except BaseException as raised:  # noqa: BLE001 - raised again where it is asked for
                error = raised
            try:
                loop.call_soon_threadsafe(self._done, future, result, error)
            except RuntimeError:
                return  # the loop is closed: the process ends
            del work, future, result, error  # what they hold is not to live until the next work comes

    def _done(self, future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
        self._free += 1
        if future.done():  # nobody waits any more
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)
