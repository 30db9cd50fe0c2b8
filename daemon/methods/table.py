"""The one method table behind both doors: name, function, parameters, role, help; must never know HTTP, XML, msgpack.

A method is a function ``f(context, caller, *params)``, plain or async. What a client
sent is looked up in the table and nowhere else: no ``getattr`` on request data.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from supervisor.errors import RPCError
from supervisor.faults import Faults

from ..access import Caller

Function = Callable[..., Any]

INT_MAX: Final = 2**62
"""Beyond what any log is long, and two of them together are a number for the system."""


@dataclass(frozen=True, slots=True)
class Param:
    """``kind``: string, int, boolean, bytes, array or any. ``default`` None: required."""

    name: str
    kind: str
    help: str
    default: Any = None
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Method:
    """``name`` with its namespace. ``returns``: an XML-RPC type and what it is.

    ``types``: the signature to be told where it is not that of the parameters.
    """

    name: str
    function: Function
    role: str
    help: str
    returns: tuple[str, str]
    params: tuple[Param, ...] = ()
    types: tuple[str, ...] = ()

    def bind(self, given: Sequence[Any]) -> list[Any]:
        """Checked and completed parameters. Raises RPCError (INCORRECT_PARAMETERS)."""
        required = sum(not p.optional for p in self.params)
        if not required <= len(given) <= len(self.params):
            raise RPCError(Faults.INCORRECT_PARAMETERS)
        values = [_checked(param, value) for param, value in zip(self.params, given, strict=False)]
        return values + [param.default for param in self.params[len(given) :]]

    @property
    def at_once(self) -> bool:
        """Whether it gives a value and nothing to wait for."""
        return not inspect.iscoroutinefunction(self.function)

    @property
    def signature(self) -> list[str]:
        """Types of the result and the parameters, for system.methodSignature; empty when it is not known."""
        return list(self.types) or [self.returns[0], *(param.kind for param in self.params)]

    @property
    def text(self) -> str:
        """The documentation text, with its tags, as system.methodHelp gives it."""
        lines = [self.help, ""]
        lines += [f"@param {p.kind} {p.name} {p.help}" for p in self.params]
        lines.append(f"@return {self.returns[0]} {self.returns[1]}")
        return "\n".join(lines)


def _checked(param: Param, value: Any) -> Any:
    if param.kind == "string":
        if isinstance(value, str):
            return value
        if isinstance(value, bytes):  # sent as base64
            return value.decode("utf-8", "replace")
    elif param.kind == "int":
        try:
            number = int(value) if isinstance(value, (int, float, str)) else None
        except (ValueError, OverflowError):
            number = None
        if number is not None and abs(number) <= INT_MAX:
            return number
    elif param.kind == "boolean":
        return bool(value)
    elif param.kind == "array":
        if isinstance(value, list):
            return value
    else:
        return value
    raise RPCError(Faults.INCORRECT_PARAMETERS, f"{param.name} is to be a {param.kind}")


class MethodTable:
    """All methods of a daemon. ``context`` is what every function gets first."""

    def __init__(self, context: Any) -> None:
        self.context = context
        self.methods: dict[str, Method] = {}

    def add(self, methods: Iterable[Method]) -> None:
        for method in methods:
            self.methods[method.name] = method

    async def call(self, name: str, params: Sequence[Any], caller: Caller) -> Any:
        """Run a method. Raises RPCError for everything that a client can do wrong."""
        value = self.begin(name, params, caller)
        return await value if inspect.isawaitable(value) else value

    def begin(self, name: str, params: Sequence[Any], caller: Caller) -> Any:
        """The value, or an awaitable where the method waits for something. Raises as ``call``."""
        method = self.methods.get(name)
        if method is None:
            raise RPCError(Faults.UNKNOWN_METHOD)
        if not caller.may(method.role):
            raise RPCError(Faults.FAILED, f"{name} needs the role {method.role}")
        return method.function(self.context, caller, *method.bind(params))


async def in_order_of_completion(
    work: Sequence[Awaitable[dict[str, Any]]],
) -> list[dict[str, Any]]:
    """The results of all, first those that were there at once, then as they come."""
    results = []
    for done in asyncio.as_completed(work):
        results.append(await done)
    return results
