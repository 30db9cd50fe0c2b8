"""Calls of the daemon's methods by code that is no coroutine, from any thread; must never know who calls."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Final, TypeVar

from supervisor.http import NOT_DONE_YET

from .methods.supervisor import Context

T = TypeVar("T")

THREAD_WAIT_S: Final = 30.0
"""How long a thread waits for the loop to take its call."""


class InlineContext(Context):
    """A context whose blocking work is done at once, for callers that are no coroutines."""

    def __init__(self, base: Context) -> None:
        object.__setattr__(self, "_base", base)

    def __getattr__(self, name: str) -> Any:
        return getattr(object.__getattribute__(self, "_base"), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(object.__getattribute__(self, "_base"), name, value)

    async def offload(self, function: Callable[..., T], *args: Any) -> T:
        return function(*args)

    async def offload_config(self, function: Callable[..., T], *args: Any) -> T:
        return function(*args)


class Deferred:
    """A result to come, as plug-ins know it: called, it gives NOT_DONE_YET, later the value or its exception."""

    delay = 0.05

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self.task = task
        task.add_done_callback(lambda done: done.cancelled() or done.exception())  # the plug-in may not ask

    def __call__(self) -> Any:
        return self.task.result() if self.task.done() else NOT_DONE_YET


class _Rest:
    """What is left of a coroutine that was begun outside of a task and waits for ``waited``."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], waited: Any) -> None:
        self._coroutine = coroutine
        self._waited = waited

    def __await__(self) -> Generator[Any, Any, Any]:
        waited = self._waited
        while True:
            failure: BaseException | None = None
            sent = None
            try:
                sent = yield waited
            except BaseException as error:  # noqa: BLE001  # a cancellation as well: it is the coroutine's to see
                failure = error
            try:
                waited = self._coroutine.send(sent) if failure is None else self._coroutine.throw(failure)
            except StopIteration as done:
                return done.value


async def _finish(coroutine: Coroutine[Any, Any, Any], waited: Any) -> Any:
    return await _Rest(coroutine, waited)


def begin(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that waits for nothing; else a Deferred of one that has done its first step."""
    try:
        waited = coroutine.send(None)
    except StopIteration as done:
        return done.value
    return Deferred(asyncio.get_running_loop().create_task(_finish(coroutine, waited)))


class Bridge:
    """The way from any thread to the loop's."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    @property
    def here(self) -> bool:
        """Whether this is the loop's thread."""
        return threading.get_ident() == self._thread

    def run(self, function: Callable[[], T]) -> T:
        """The result of a function, run on the loop's thread. Raises what it raises, or TimeoutError."""
        if self.here:
            return function()

        async def work() -> T:
            return function()

        return asyncio.run_coroutine_threadsafe(work(), self.loop).result(THREAD_WAIT_S)
