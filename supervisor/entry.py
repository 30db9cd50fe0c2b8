"""Where the installed commands begin: each is imported, then run; must never know what they do."""

from __future__ import annotations

from .collector import uncollected


def supervisord() -> int:
    with uncollected():
        from supervisor.daemon.main import main
    return main()


def supervisorctl() -> int:
    with uncollected():
        from .supervisorctl import main
    return main()


def supervisortui() -> int:
    with uncollected():
        from .tui.main import main
    return main()
