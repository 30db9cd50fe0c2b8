"""Door: base classes of the process and group objects that RPC plug-ins are given, and the states; thin.

The classes are for ``isinstance`` and annotations. Replacing their methods changes nothing in
the daemon: ``supervisor/daemon/facade.py`` says what the objects can do.
"""

from __future__ import annotations

from .states import STOPPED_STATES, ProcessStates, SupervisorStates, getProcessStateDescription

__all__ = [
    "STOPPED_STATES",
    "ProcessGroupBase",
    "ProcessStates",  # older listeners import it from here
    "Subprocess",
    "SupervisorStates",
    "getProcessStateDescription",
]


class Subprocess:
    """A supervised process as a plug-in sees it."""


class ProcessGroupBase:
    """A group of processes as a plug-in sees it."""
