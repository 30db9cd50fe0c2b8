"""What an event shows of a process: as it was then, and a hand on what it is now; must never know who looks.

Result handlers and subscribers of plug-ins get the process in ``event.process``: its
pid, state and failed starts are those of the moment that the event tells of; all else
(``config``, ``group``, ``write()``, ``stop()``, a plug-in's own attributes) is the one
object that plug-ins have of the process, looked up when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from supervisor.config.model import GroupConfig, ProcessConfig
from supervisor.process import Subprocess

Live = Callable[[], Any]
"""The plug-ins' object of a process; None when there is none, or no longer."""


@dataclass(frozen=True, slots=True)
class GroupView:
    """A group that is there no longer, or not for plug-ins."""

    config: GroupConfig


_OWN: Final = frozenset(("pid", "backoff", "state"))


class ProcessView(Subprocess):
    """``config`` and ``group`` are for a process that is there no longer; ``facts``: pid, backoff, state, if known."""

    def __init__(self, config: ProcessConfig, group: GroupConfig | None, live: Live, **facts: int) -> None:
        names = f"processname:{config.name} groupname:{'' if group is None else group.name}"
        vars(self).update(facts, event_names=names, _config=config, _group=group, _live=live)

    pid: int
    backoff: int
    state: int
    event_names: str
    _config: ProcessConfig
    _group: GroupConfig | None
    _live: Live

    @property
    def config(self) -> Any:
        live = self._live()
        return self._config if live is None else live.config

    @property
    def group(self) -> Any:
        live = self._live()
        if live is not None:
            return live.group
        return None if self._group is None else GroupView(self._group)

    def get_state(self) -> int:
        return int(self.state)

    def __getattr__(self, name: str) -> Any:
        live = None if name.startswith("__") else self._live()
        if live is None:
            raise AttributeError(f"the process has no {name}: it is there no longer")
        return getattr(live, name)

    def __setattr__(self, name: str, value: Any) -> None:
        """A plug-in's own attributes are kept with the process; the facts of the event cannot be changed."""
        if name in _OWN:
            raise AttributeError(f"{name} is what it was when the event was made")
        live = self._live()
        if live is None:
            vars(self)[name] = value
        else:
            setattr(live, name, value)
