"""The host of RPC plug-ins: factories called, methods put into the table, calls guarded.

Must never know what a plug-in does. Each ``[rpcinterface:x]`` makes one object, whatever the
number of servers; its public bound methods become ``x.method`` for the role admin. A
plug-in runs on the thread of the event loop: what it raises, SystemExit included, is a
fault for its caller and a line in the log, and one that keeps the loop for longer than
SLOW_S is named there.

The factories of ``supervisor``, ``twiddler`` and ``cache`` that users have in their files
are known by their names: those namespaces are built in, and nothing is imported for them.
"""

from __future__ import annotations

import asyncio
import inspect
import re
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from supervisor.config.factories import CACHE_FACTORY, TWIDDLER_FACTORY, is_built_in, resolve_factory
from supervisor.config.model import Configuration, PluginConfig
from supervisor.errors import RPCError, UserError
from supervisor.faults import Faults
from supervisor.http import NOT_DONE_YET

from .access import Caller
from .bridge import Deferred
from .facade import SupervisordFacade
from .mainlog import MainLog
from .methods.cache import cache_methods
from .methods.supervisor import Context
from .methods.table import Method, MethodTable
from .methods.twiddler import twiddler_methods

BUILT_IN: Final[Mapping[str, Callable[[str, Mapping[str, str]], tuple[Method, ...]]]] = {
    TWIDDLER_FACTORY: twiddler_methods,
    CACHE_FACTORY: cache_methods,
}
"""Factory as files name it to what makes the methods, given the namespace and the options."""

SLOW_S: Final = 0.25
POLL_MIN_S: Final = 0.02
POLL_MAX_S: Final = 0.1
"""A deferred function without a ``delay`` is asked at these intervals, slower and slower."""
VALUE_DEPTH: Final = 32

_TAG = re.compile(r"^\s*@(param|return)\s+(\S+)", re.MULTILINE)

# --- methods -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PluginMethod(Method):
    """A method whose parameters are the plug-in's affair. ``help`` is its docstring."""

    def bind(self, given: Sequence[Any]) -> list[Any]:
        return list(given)

    @property
    def signature(self) -> list[str]:
        """From the tags of the docstring; empty without a ``@return``."""
        tags = _TAG.findall(self.help)
        results = [kind for tag, kind in tags if tag == "return"]
        return [results[0], *(kind for tag, kind in tags if tag == "param")] if results else []

    @property
    def text(self) -> str:
        return self.help


class PluginHost:
    """Makes the plug-ins of a configuration and runs their methods."""

    def __init__(self, context: Context, configuration: Configuration) -> None:
        self._configuration = configuration
        self._supervisor = context.supervisor
        self._log: MainLog = context.supervisor.log
        self.facade = SupervisordFacade(context, configuration)
        self.plugins: dict[str, object] = {}

    def add_to(self, table: MethodTable, *, forgiving: bool, deadly: str = "") -> None:
        """Make every plug-in and put its methods into a table.

        Raises UserError for one that cannot be made; ``forgiving``: it is logged and left out,
        since programs run that must not suffer. So is ``deadly``, in whose factory the last daemon ended.
        """
        for plugin in self._configuration.rpcinterfaces:
            try:
                if forgiving and plugin.name == deadly:
                    self._making("")  # for the next daemon, which is to try again
                    raise UserError(f"the last daemon ended, or hung, in {plugin.factory}")
                table.add(self._methods(plugin))
            except UserError as error:
                if not forgiving:
                    raise
                self._log.critical(f"{error}; the methods {plugin.name}.* are missing")

    def _methods(self, plugin: PluginConfig) -> tuple[Method, ...]:
        if plugin.factory in BUILT_IN:
            return BUILT_IN[plugin.factory](plugin.name, dict(plugin.options))
        if is_built_in(plugin):
            return ()
        made = self._make(plugin)
        self.plugins[plugin.name] = made
        return tuple(self._method(plugin.name, made, name) for name in public_methods(made))

    def _make(self, plugin: PluginConfig) -> object:
        begun = time.monotonic()
        self._making(plugin.name)
        try:
            return self._factory(plugin)(self.facade, **dict(plugin.options))
        except UserError:
            raise
        except (Exception, SystemExit) as error:  # a plug-in may raise anything
            self._log.warn(f"{plugin.factory} failed: {described(error)}\n{frames(error)}".rstrip())
            raise UserError(f"Could not make {plugin.name} rpc interface: {described(error)}") from error
        finally:
            self._making("")
            self._report_slow(f"the factory of [rpcinterface:{plugin.name}]", begun)

    def _factory(self, plugin: PluginConfig) -> Callable[..., object]:
        try:
            return resolve_factory(plugin)
        except ValueError as error:
            raise UserError(str(error)) from error

    def _making(self, name: str) -> None:
        self._supervisor.making = name
        self._supervisor.save_supervisor()

    def _method(self, namespace: str, made: object, name: str) -> Method:
        label = f"{namespace}.{name}"

        async def call(context: Any, caller: Caller, *params: Any) -> Any:
            # looked up now, since a plug-in may put another function in its place
            function = getattr(made, name)
            check_arguments(function, params)
            return plain(await self._settled(label, self._guarded(label, function, *params)), label)

        return PluginMethod(label, call, "admin", inspect.getdoc(getattr(made, name)) or "", ("", ""))

    def _guarded(self, label: str, function: Callable[..., Any], *params: Any) -> Any:
        """What a function of a plug-in returns. Raises RPCError for whatever it raises."""
        begun = time.monotonic()
        try:
            return function(*params)
        except (Exception, SystemExit) as error:
            raise self._fault(label, error) from error
        finally:
            self._report_slow(label, begun)

    async def _settled(self, label: str, value: Any) -> Any:
        """The value itself, or what a deferred function or an awaitable gives in the end."""
        if isinstance(value, Deferred):
            value = asyncio.shield(value.task)
        if inspect.isawaitable(value):
            try:
                return await value
            except (Exception, SystemExit) as error:
                raise self._fault(label, error) from error
        if not callable(value) or isinstance(value, type):
            return value
        pause = POLL_MIN_S
        while True:
            result = self._guarded(label, value)
            if result is not NOT_DONE_YET:
                return result
            delay = getattr(value, "delay", 0)
            await asyncio.sleep(max(pause, delay) if isinstance(delay, (int, float)) else pause)
            pause = min(POLL_MAX_S, pause * 1.2)

    def _fault(self, label: str, error: BaseException) -> RPCError:
        if isinstance(error, RPCError):
            return error
        from xmlrpc.client import Fault  # slow to import, and programs wait for what is imported at the start

        if isinstance(error, Fault):
            fault = RPCError(error.faultCode)
            fault.text = error.faultString
            return fault
        self._log.error(f"plug-in method {label} failed: {described(error)}\n{frames(error)}".rstrip())
        return RPCError(Faults.FAILED, described(error))

    def _report_slow(self, label: str, begun: float) -> None:
        seconds = time.monotonic() - begun
        if seconds > SLOW_S:
            self._log.warn(f"{label} kept the supervisor from all other work for {seconds * 1000:.0f} ms")


def public_methods(made: object) -> list[str]:
    """The names of an object's bound methods, inherited ones included, without those that begin with ``_``."""
    names = []
    for name in dir(made):
        if not name.startswith("_") and not isinstance(inspect.getattr_static(made, name), property):
            method = getattr(made, name, None)
            if inspect.ismethod(method) and method.__self__ is made:
                names.append(name)
    return names


def check_arguments(function: Callable[..., Any], params: Sequence[Any]) -> None:
    """Raises RPCError (INCORRECT_PARAMETERS) when a function cannot be called with these."""
    try:
        signature = inspect.signature(function)
    except ValueError:
        return  # one that does not say what it takes
    try:
        signature.bind(*params)
    except TypeError:
        raise RPCError(Faults.INCORRECT_PARAMETERS) from None


def plain(value: Any, label: str, depth: int = 0) -> Any:
    """A plug-in's result as both wires can carry it. Raises RPCError (FAILED) when they cannot."""
    if isinstance(value, (bool, int, float, str, bytes, datetime)):
        return value
    if depth < VALUE_DEPTH:
        if isinstance(value, (list, tuple)):
            return [plain(item, label, depth + 1) for item in value]
        if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
            return {key: plain(item, label, depth + 1) for key, item in value.items()}
    from xmlrpc.client import Binary, DateTime  # as in _fault

    if isinstance(value, Binary):
        return value.data
    if isinstance(value, DateTime):
        return datetime.strptime(value.value, "%Y%m%dT%H:%M:%S")
    raise RPCError(Faults.FAILED, f"{label} gave a {type(value).__name__}, which no answer can carry")


def described(error: BaseException) -> str:
    """Kind and text of an exception, in one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def frames(error: BaseException) -> str:
    """Where an exception was raised, as lines, innermost last."""
    return "".join(traceback.format_tb(error.__traceback__)).rstrip()
