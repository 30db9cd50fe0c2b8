"""The ``system.*`` methods: introspection and multicall; must never know HTTP, XML, msgpack."""

from __future__ import annotations

import traceback
from typing import Any

from supervisor.errors import RPCError
from supervisor.faults import Faults

from ..access import Caller
from .table import Method, MethodTable, Param

MULTICALL_MAX = 1000


def system_methods(table: MethodTable) -> tuple[Method, ...]:
    """The methods over everything that is in ``table`` when they are called."""

    def list_methods(context: Any, caller: Caller) -> list[str]:
        return sorted(table.methods)

    def method_help(context: Any, caller: Caller, name: str) -> str:
        return _known(name).text

    def method_signature(context: Any, caller: Caller, name: str) -> list[str]:
        signature = _known(name).signature
        if not signature:
            raise RPCError(Faults.SIGNATURE_UNSUPPORTED)
        return signature

    def _known(name: str) -> Method:
        method = table.methods.get(name)
        if method is None:
            raise RPCError(Faults.SIGNATURE_UNSUPPORTED)
        return method

    async def multicall(context: Any, caller: Caller, calls: list[Any]) -> list[Any]:
        if len(calls) > MULTICALL_MAX:
            raise RPCError(Faults.INCORRECT_PARAMETERS, f"more than {MULTICALL_MAX} calls")
        return [await _one(context, call, caller) for call in calls]

    async def _one(context: Any, call: Any, caller: Caller) -> Any:
        try:
            if not isinstance(call, dict):
                raise RPCError(Faults.INCORRECT_PARAMETERS, "a call is to be a struct")
            name, params = call.get("methodName"), call.get("params", [])
            if not isinstance(name, str) or not name:
                raise RPCError(Faults.INCORRECT_PARAMETERS, "No methodName")
            if name == "system.multicall":
                raise RPCError(Faults.INCORRECT_PARAMETERS, "Recursive system.multicall forbidden")
            if not isinstance(params, list):
                raise RPCError(Faults.INCORRECT_PARAMETERS, "params is to be an array")
            return await table.call(name, params, caller)
        except RPCError as error:
            return _fault(error)
        except Exception as error:  # noqa: BLE001  # a bug of ours ends this call, and none of the others
            context.supervisor.log.critical(
                f"uncaptured python exception in a call of system.multicall:\n{traceback.format_exc()}"
            )
            return _fault(RPCError(Faults.FAILED, f"{type(error)}:{error}"))

    def _fault(error: RPCError) -> dict[str, Any]:
        return {"faultCode": error.code, "faultString": error.text}

    name = Param("name", "string", "The name of the method, with its namespace")
    return (
        Method(
            "system.listMethods", list_methods, "observer", "The names of all methods.", ("array", "Names")
        ),
        Method(
            "system.methodHelp",
            method_help,
            "observer",
            "What a method does.",
            ("string", "The text"),
            (name,),
        ),
        Method(
            "system.methodSignature",
            method_signature,
            "observer",
            "The types of a method.",
            ("array", "Type of the result, types of the parameters"),
            (name,),
        ),
        Method(
            "system.multicall",
            multicall,
            "observer",
            "Several calls in one, one after another.",
            ("array", "The results; a struct with faultCode and faultString for a fault"),
            (Param("calls", "array", "Structs with methodName and params"),),
        ),
    )
