"""The last lines of the processes that can be seen; must never know widgets.

Nothing flows for a process that is not on the screen; what was seen of it is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .glance import MAX_GLANCES, Glance
from .link import Connection
from .model import Ref


class LastLines:
    """``links`` by supervisor's name; ``changed`` is called when a line is another one."""

    def __init__(self, links: dict[str, Connection], changed: Callable[[], None]) -> None:
        self._links = links
        self._changed = changed
        self._glances: dict[Ref, Glance] = {}

    def of(self, ref: Ref) -> str:
        """Empty for one that is not shown, or has written nothing."""
        glance = self._glances.get(ref)
        return glance.line if glance is not None else ""

    def show(self, refs: Iterable[Ref]) -> None:
        """Look at the logs of exactly these."""
        wanted = dict.fromkeys([ref for ref in refs if ref.name and ref.sup in self._links][:MAX_GLANCES])
        for ref in [ref for ref in self._glances if ref not in wanted]:
            self._links[ref.sup].unglance(self._glances.pop(ref))
        for ref in wanted:
            if ref not in self._glances:
                self._glances[ref] = self._links[ref.sup].glance(ref.namespec, self._changed)
