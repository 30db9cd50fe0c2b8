"""The commands ``cache_*`` of supervisorctl, over the ``cache`` namespace; must never know where values are kept."""

from __future__ import annotations

import pprint
import shlex
from collections.abc import Callable

from .plugins import Controller, ControllerPluginBase


class CachePlugin(ControllerPluginBase):
    """``[ctlplugin:x]`` with the factory of supervisor_cache; options mean nothing."""

    def __init__(self, controller: Controller, **options: str) -> None:
        super().__init__(controller)
        self._cache = controller.get_server_proxy("cache")

    def do_cache_clear(self, args: str) -> None:
        if self._words(args, 0, self.help_cache_clear) is not None:
            self._cache.clear()

    def help_cache_clear(self) -> None:
        self.ctl.output("cache_clear\tForget all keys.")

    def do_cache_count(self, args: str) -> None:
        if self._words(args, 0, self.help_cache_count) is not None:
            self.ctl.output(str(self._cache.getCount()))

    def help_cache_count(self) -> None:
        self.ctl.output("cache_count\tHow many keys there are.")

    def do_cache_delete(self, args: str) -> None:
        if words := self._words(args, 1, self.help_cache_delete):
            self._cache.delete(words[0])

    def help_cache_delete(self) -> None:
        self.ctl.output("cache_delete <key>\tForget a key.")

    def do_cache_fetch(self, args: str) -> None:
        if words := self._words(args, 1, self.help_cache_fetch):
            self.ctl.output(pprint.pformat(self._cache.fetch(words[0])))

    def help_cache_fetch(self) -> None:
        self.ctl.output("cache_fetch <key>\tShow the value of a key.")

    def do_cache_keys(self, args: str) -> None:
        if self._words(args, 0, self.help_cache_keys) is not None:
            self.ctl.output(pprint.pformat(self._cache.getKeys()))

    def help_cache_keys(self) -> None:
        self.ctl.output("cache_keys\tShow all keys.")

    def do_cache_store(self, args: str) -> None:
        if words := self._words(args, 2, self.help_cache_store):
            self._cache.store(*words)

    def help_cache_store(self) -> None:
        self.ctl.output("cache_store <key> <value>\tKeep a text under a key.")

    @staticmethod
    def _words(args: str, count: int, complain: Callable[[], None]) -> list[str] | None:
        """The words of a command, quoted as in a shell; None, and its help is shown, when they are too few or many."""
        try:
            words = shlex.split(args)
        except ValueError:
            words = None
        if words is None or len(words) != count:
            complain()
            return None
        return words
