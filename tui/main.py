"""``supervisortui``: what was asked for is imported and run, and what goes wrong becomes a line and an exit code.

Exit codes: 0, 1 (no terminal; the terminal went away), 2 (command line or configuration), 70 (a bug of ours: the
traceback is in a file).
"""

from __future__ import annotations

import contextlib
import locale
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence

from supervisor.collector import uncollected
from supervisor.errors import EXIT_BUG, EXIT_GENERIC, EXIT_OK, EXIT_USAGE, ConfigError, UserError
from supervisor.standard import printed
from supervisor.version import VERSION


def main(argv: Sequence[str] | None = None) -> int:
    """The command; ``argv`` without the program's name."""
    with contextlib.suppress(locale.Error):
        locale.setlocale(locale.LC_ALL, "")
    try:
        return _run(sys.argv[1:] if argv is None else [*argv])
    except UserError as error:
        print(f"supervisortui: {error}", file=sys.stderr)
        return error.exit_code
    except ConfigError as error:
        print(f"supervisortui: {error}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        return EXIT_OK
    except Exception:  # noqa: BLE001  # whatever it is: the terminal is back by now, and the traceback is kept
        return _report_bug()


def _run(words: Sequence[str]) -> int:
    """Imports as it goes: the whole console takes a quarter of a second, and not all of this needs it."""
    if words in (["-v"], ["--version"]):
        print(VERSION)
        return EXIT_OK

    from .checks import SUBCOMMANDS, run

    if words and words[0] in SUBCOMMANDS:
        return printed(lambda: run(words, os.environ))

    from .commandline import options_of

    options = options_of(words)
    if options is None:
        return EXIT_OK
    if options.plain:
        from .plain import run_plain

        return run_plain([place.target for place in options.places])
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UserError("standard input and output must be a terminal; --plain prints lines", EXIT_GENERIC)
    if os.environ.get("TERM", "dumb") in ("", "dumb"):
        raise UserError("this terminal cannot be drawn on (TERM); --plain prints lines", EXIT_GENERIC)

    with uncollected():
        from . import app

    return app.run(options)


def _report_bug() -> int:
    """Keep the traceback for whoever mends it, and say where it is in one line."""
    text = traceback.format_exc()
    try:
        fd, path = tempfile.mkstemp(prefix="supervisortui-", suffix=".traceback")
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(text)
        print(f"supervisortui: a bug of ours, sorry; what happened is in {path}", file=sys.stderr)
    except OSError:
        print(text, file=sys.stderr)
    return EXIT_BUG
