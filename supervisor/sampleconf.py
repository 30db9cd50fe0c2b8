"""The ``echo_supervisord_conf`` command: prints a commented configuration; must never know what it means."""

from __future__ import annotations

import sys

from .config.commandline import sample_config
from .errors import EXIT_OK, UserError
from .standard import printed


def main() -> int:
    """Print it; the exit code."""
    try:
        return printed(_print)
    except UserError as error:
        print(f"Error: {error}", file=sys.stderr)
        return error.exit_code


def _print() -> int:
    print(sample_config(), end="")
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
