"""The ``cache.*`` methods: a small store of values for whoever can call them; must never know the supervisor's work.

One store for all servers, in the daemon's memory: it is empty after a reload and after
the daemon was replaced. Bounded: at most ENTRIES_MAX keys and BYTES_MAX bytes, as
``size_of`` counts them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from supervisor.errors import RPCError
from supervisor.faults import Faults
from supervisor.states import SupervisorStates

from ..access import Caller
from .supervisor import Context
from .table import Method, Param

API_VERSION: Final = "0.2"
ENTRIES_MAX: Final = 10_000
BYTES_MAX: Final = 16 << 20
OVERHEAD_BYTES: Final = 64
"""What each value and each key is counted with beside its content."""


def size_of(value: Any) -> int:
    """About how many bytes of memory a value takes."""
    if isinstance(value, (str, bytes)):
        return OVERHEAD_BYTES + len(value)
    if isinstance(value, Mapping):
        return OVERHEAD_BYTES + sum(size_of(key) + size_of(item) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return OVERHEAD_BYTES + sum(map(size_of, value))
    return OVERHEAD_BYTES


class Store:
    """Values by key."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self._sizes: dict[str, int] = {}
        self.size_bytes = 0

    def put(self, key: str, value: Any) -> None:
        """Raises RPCError (FAILED) when it would be too much; the old value stays then."""
        size = size_of(key) + size_of(value)
        before = self._sizes.get(key, 0)
        if not before and len(self.values) >= ENTRIES_MAX:
            raise RPCError(Faults.FAILED, f"the cache is full: it holds {ENTRIES_MAX} keys")
        if self.size_bytes - before + size > BYTES_MAX:
            raise RPCError(Faults.FAILED, f"the cache is full: it holds at most {BYTES_MAX >> 20} MiB")
        self.values[key] = value
        self._sizes[key] = size
        self.size_bytes += size - before

    def remove(self, key: str) -> None:
        if key in self.values:
            del self.values[key]
            self.size_bytes -= self._sizes.pop(key)

    def clear(self) -> None:
        self.values.clear()
        self._sizes.clear()
        self.size_bytes = 0


def cache_methods(namespace: str, options: Mapping[str, str]) -> tuple[Method, ...]:
    """The methods over a new store. ``options`` mean nothing."""
    store = Store()

    def guarded(function: Callable[..., Any]) -> Callable[..., Any]:
        def run(context: Context, caller: Caller, *params: Any) -> Any:
            if context.supervisor.mood == SupervisorStates.SHUTDOWN:
                raise RPCError(Faults.SHUTDOWN_STATE)
            return function(*params)

        return run

    def put(key: Any, data: Any) -> bool:
        store.put(_key(key), data)
        return True

    def fetch(key: Any) -> Any:
        if _key(key) not in store.values:
            raise RPCError(Faults.BAD_NAME)
        return store.values[key]

    def delete(key: Any) -> bool:
        store.remove(_key(key))
        return True

    def clear() -> bool:
        store.clear()
        return True

    def method(
        name: str, function: Callable[..., Any], role: str, text: str, types: str, *params: Param
    ) -> Method:
        kinds = tuple(types.split())
        return Method(f"{namespace}.{name}", guarded(function), role, text, (kinds[0], ""), params, kinds)

    key = Param("key", "any", "The key, a string that is not empty")
    return (
        method("getAPIVersion", lambda: API_VERSION, "observer", "The version of this API.", "string"),
        method("getKeys", lambda: sorted(store.values), "observer", "All keys, sorted.", "array"),
        method("getCount", lambda: len(store.values), "observer", "How many keys there are.", "integer"),
        method("store", put, "operator", "Keep a value.", "boolean string string", key,
               Param("data", "any", "The value")),
        method("fetch", fetch, "observer", "The value of a key.", "string string", key),
        method("delete", delete, "operator", "Forget a key, if it is there.", "boolean string", key),
        method("clear", clear, "operator", "Forget all keys.", "boolean"),
    )  # fmt: skip


def _key(key: Any) -> str:
    if isinstance(key, str) and key:
        return key
    raise RPCError(Faults.BAD_NAME, "Cache key must be a non-empty string")
