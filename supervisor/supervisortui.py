"""The ``supervisortui`` command: a door to ``supervisor.tui.main``."""

from __future__ import annotations

import sys

from supervisor.tui.main import main

if __name__ == "__main__":
    sys.exit(main())
