"""The ``echo_supervisord_conf`` command: prints a commented configuration; must never know what it means."""

from __future__ import annotations

import sys

from .config.commandline import sample_config


def main() -> int:
    """Print it; the exit code."""
    print(sample_config(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
