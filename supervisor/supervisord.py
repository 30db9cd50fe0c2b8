"""The ``supervisord`` command: a door to ``supervisor.daemon.main``."""

from __future__ import annotations

import sys

from supervisor.daemon.main import main

if __name__ == "__main__":
    sys.exit(main())
