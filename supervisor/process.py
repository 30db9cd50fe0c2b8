"""Door: base classes of the process and group objects that RPC plug-ins are given; thin.

They are for ``isinstance`` and annotations. Replacing their methods changes nothing in
the daemon: ``supervisor/daemon/facade.py`` says what the objects can do.
"""

from __future__ import annotations

__all__ = ["ProcessGroupBase", "Subprocess"]


class Subprocess:
    """A supervised process as a plug-in sees it."""


class ProcessGroupBase:
    """A group of processes as a plug-in sees it."""
