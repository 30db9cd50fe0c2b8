"""All logs of a daemon: one store a path, few of them open; must never know processes, clients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .lane import Lanes
from .store import LogStore


class StoreSet:
    """All stores of a daemon: one per path, the longest unused files closed when many are open.

    ``saved``: records by path; ``persist`` saves one, ``forget`` gives back that of a path nobody logs to any more.
    """

    def __init__(
        self,
        persist: Callable[[str, dict[str, Any]], None] = lambda path, record: None,
        saved: dict[str, dict[str, Any]] | None = None,
        open_limit: int = 256,
        forget: Callable[[str], None] = lambda path: None,
        lanes: Lanes | None = None,
    ) -> None:
        self.lanes = lanes or Lanes(lambda work: work())
        self._persist = persist
        self._forget = forget
        self._saved = saved or {}
        self._stores: dict[str, LogStore] = {}
        self._users: dict[str, int] = {}
        self._recent: dict[str, None] = {}
        self._open_limit = open_limit

    def log(self, path: str, maxbytes: int, backups: int) -> LogStore:
        """The store of ``path``, shared by all who log there; give it back with ``release``."""
        store = self._stores.get(path)
        if store is None:
            store = LogStore(path, maxbytes, backups, self._persist, self.lanes)
            if path in self._saved:
                store.restore(self._saved.pop(path))
            self._stores[path] = store
        else:
            store.maxbytes, store.backups = maxbytes, backups
        self._users[path] = self._users.get(path, 0) + 1
        return store

    def users(self, store: LogStore) -> int:
        """How many log there."""
        return self._users.get(store.path, 0)

    def release(self, store: LogStore) -> None:
        """One user less; the last one closes the file."""
        self._users[store.path] -= 1
        if not self._users[store.path]:
            del self._users[store.path], self._stores[store.path]
            self._recent.pop(store.path, None)
            store.close()
            store.trouble = ""  # nothing of it is tried again
            self._forget(store.path)

    def used(self, store: LogStore) -> None:
        """The store was written to: it stays open; the longest unused of too many is closed."""
        if next(reversed(self._recent), None) == store.path:
            return
        self._recent.pop(store.path, None)
        self._recent[store.path] = None
        while len(self._recent) > self._open_limit:
            path = next(iter(self._recent))
            del self._recent[path]
            if path in self._stores:
                self._stores[path].close()

    def reopen(self) -> list[OSError]:
        """Open every open log again by name; the errors of those that cannot be."""
        errors = []
        for store in self._stores.values():
            try:
                store.reopen()
            except OSError as error:
                errors.append(error)
        return errors
