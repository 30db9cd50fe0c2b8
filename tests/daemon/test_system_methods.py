"""system.multicall over a table of its own."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from supervisor.daemon.access import Caller
from supervisor.daemon.methods.system import system_methods
from supervisor.daemon.methods.table import Method, MethodTable
from supervisor.faults import Faults


def test_a_bug_in_one_call_of_many_is_a_fault_of_that_one() -> None:
    logged: list[str] = []

    def fails(context: Any, caller: Caller) -> None:
        raise ZeroDivisionError("nothing")

    async def waits(context: Any, caller: Caller) -> int:
        await asyncio.sleep(0)
        return 2

    table = MethodTable(
        SimpleNamespace(supervisor=SimpleNamespace(log=SimpleNamespace(critical=logged.append)))
    )
    table.add(system_methods(table))
    table.add(Method(f.__name__, f, "observer", "", ("int", "")) for f in (fails, waits))
    calls = [{"methodName": name} for name in ("waits", "fails", "waits", "nothing")]
    answers = asyncio.run(table.call("system.multicall", [calls], Caller("me", "observer")))
    assert answers[0] == answers[2] == 2
    assert answers[1] == {
        "faultCode": Faults.FAILED,
        "faultString": "FAILED: <class 'ZeroDivisionError'>:nothing",
    }
    assert answers[3]["faultCode"] == Faults.UNKNOWN_METHOD
    assert len(logged) == 1 and "ZeroDivisionError" in logged[0]
