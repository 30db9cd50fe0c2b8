"""Door: what result handlers and listeners import from ``supervisor.dispatchers``; must never know pools."""

from __future__ import annotations

import contextlib
from typing import Any, Final

STDIN: Final = b"STDIN:"


class PEventListenerDispatcher:
    """The words of the listener protocol, for copies of ``childutils`` that take them from here."""

    READY_FOR_EVENTS_TOKEN: Final = b"READY\n"
    RESULT_TOKEN_START: Final = b"RESULT "


class RejectEvent(Exception):
    """Raised by a result handler: the event was not dealt with and is to be sent again."""


def default_handler(event: object, response: bytes) -> None:
    """Accept the result ``OK``, reject every other. Raises RejectEvent."""
    if response != b"OK":
        raise RejectEvent(response)


def stdin_write_handler(event: Any, response: bytes) -> None:
    """``STDIN:`` and more: the rest goes to the stdin of the event's process, if it takes it. Others as by default."""
    if response.startswith(STDIN):
        # It may read no more, or the event may be about no process.
        with contextlib.suppress(OSError, AttributeError):
            event.process.write(response[len(STDIN) :])
    else:
        default_handler(event, response)
