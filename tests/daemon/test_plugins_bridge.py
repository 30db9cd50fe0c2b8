"""Coroutines begun by code that is none, the values that plug-ins give, and who may call what is built in."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from datetime import datetime
from typing import Any
from xmlrpc.client import Binary, DateTime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.daemon.access import Caller
from supervisor.daemon.bridge import Bridge, Deferred, begin
from supervisor.daemon.methods.cache import cache_methods
from supervisor.daemon.methods.table import Method, MethodTable
from supervisor.daemon.methods.twiddler import twiddler_methods
from supervisor.daemon.plugins import PluginMethod, plain, public_methods
from supervisor.errors import RPCError
from supervisor.http import NOT_DONE_YET


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(work, 20))


def test_a_coroutine_that_waits_for_nothing_is_done_at_once() -> None:
    async def answer() -> int:
        return 5

    async def main() -> Any:
        return begin(answer())

    assert run(main()) == 5


def test_one_that_waits_has_done_its_first_step() -> None:
    async def main() -> None:
        gate = asyncio.get_running_loop().create_future()
        steps = []

        async def work() -> str:
            steps.append("first")
            steps.append(await gate)
            await asyncio.sleep(0)
            async with asyncio.timeout(5):
                await asyncio.sleep(0.001)
            return "done"

        deferred = begin(work())
        assert isinstance(deferred, Deferred)
        assert (steps, deferred()) == (["first"], NOT_DONE_YET)
        gate.set_result("second")
        assert await deferred.task == deferred() == "done"
        assert steps == ["first", "second"]

    run(main())


def test_exceptions_come_out_where_they_are_asked_for() -> None:
    async def at_once() -> None:
        raise RPCError(10, "now")

    async def later() -> None:
        await asyncio.sleep(0)
        raise RPCError(10, "later")

    async def main() -> None:
        with pytest.raises(RPCError, match="now"):
            begin(at_once())
        deferred = begin(later())
        await asyncio.wait([deferred.task])
        for _ in range(2):
            with pytest.raises(RPCError, match="later"):
                deferred()

    run(main())


def test_what_waits_is_cancelled_within_the_coroutine() -> None:
    async def main() -> None:
        seen = []

        async def work() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                seen.append("cleaned up")

        deferred = begin(work())
        await asyncio.sleep(0)
        deferred.task.cancel()
        await asyncio.wait([deferred.task])
        assert (seen, deferred.task.cancelled()) == (["cleaned up"], True)

    run(main())


def test_functions_are_carried_to_the_thread_of_the_loop() -> None:
    async def main() -> None:
        bridge = Bridge()
        mine = threading.get_ident()
        assert bridge.run(threading.get_ident) == mine
        loop = asyncio.get_running_loop()
        assert await loop.run_in_executor(None, bridge.run, threading.get_ident) == mine
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(None, bridge.run, lambda: 1 // 0)

    run(main())


# --- values ------------------------------------------------------------------------------------------

SCALARS = st.one_of(st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.datetimes())
VALUES = st.recursive(
    SCALARS, lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)), max_leaves=20
)


@given(VALUES)
def test_what_the_wires_can_carry_is_unchanged(value: Any) -> None:
    assert repr(plain(value, "x")) == repr(value)


def test_what_they_cannot_is_a_fault() -> None:
    endless: list[Any] = []
    endless.append(endless)
    for value in (None, {1}, object(), {1: 2}, [None], endless, Exception):
        with pytest.raises(RPCError, match="x gave a "):
            plain(value, "x")


def test_the_kinds_of_the_standard_library() -> None:
    assert plain((Binary(b"a"), DateTime("20200102T03:04:05")), "x") == [b"a", datetime(2020, 1, 2, 3, 4, 5)]


def test_only_bound_methods_are_published() -> None:
    class Base:
        def inherited(self) -> None: ...

    class Plugin(Base):
        data = 1

        def __init__(self) -> None:
            self.function = lambda: 1
            self.foreign = list[int]().append

        def own(self) -> None: ...

        def _hidden(self) -> None: ...

        @staticmethod
        def static() -> None: ...

        @classmethod
        def of_class(cls) -> None: ...

        @property
        def computed(self) -> int:
            raise AssertionError("not to be looked at")

    assert public_methods(Plugin()) == ["inherited", "own"]


def test_signatures_come_from_the_tags() -> None:
    def signature(text: str) -> list[str]:
        return PluginMethod("a.b", print, "admin", text, ("", "")).signature

    assert signature("Do.\n\n@param string name The name\n  @param int count\n@return boolean Always") == [
        "boolean", "string", "int",
    ]  # fmt: skip
    assert signature("Do.\n@param string name") == []


# --- roles -------------------------------------------------------------------------------------------


def refused(methods: tuple[Method, ...], role: str) -> set[str]:
    """The methods that a role may not call."""
    table = MethodTable(None)
    table.add(methods)

    async def main() -> set[str]:
        found = set()
        for method in methods:
            try:
                await table.call(method.name, [], Caller("x", role))
            except RPCError as error:
                if "needs the role" in error.text:
                    found.add(method.name.partition(".")[2])
            except AttributeError:
                pass  # it got as far as the supervisor, which is not here
        return found

    found: set[str] = run(main())
    return found


def test_roles_of_what_is_built_in() -> None:
    twiddler, cache = twiddler_methods("t", {}), cache_methods("c", {})
    assert refused(twiddler, "observer") == {"log", "addProgramToGroup", "removeProcessFromGroup"}
    assert refused(twiddler, "operator") == {"addProgramToGroup", "removeProcessFromGroup"}
    assert refused(cache, "observer") == {"store", "delete", "clear"}
    assert refused(cache, "operator") == refused(twiddler, "admin") == set()
