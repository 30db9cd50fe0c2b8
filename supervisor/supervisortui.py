"""The ``supervisortui`` command: a door to ``supervisor.tui.app``."""

from __future__ import annotations

import sys

from supervisor.tui.app import main

if __name__ == "__main__":
    sys.exit(main())
