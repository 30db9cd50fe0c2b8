"""Door: the ``supervisord`` command, and the class that plug-ins name in annotations; thin."""

from __future__ import annotations

import sys

from supervisor.daemon.main import main

__all__ = ["Supervisor", "main"]


class Supervisor:
    """What an RPC factory gets first is an instance; see ``supervisor/daemon/facade.py``."""


if __name__ == "__main__":
    sys.exit(main())
