"""Door: what result handlers import from ``supervisor.dispatchers``; must never know pools."""

from __future__ import annotations


class RejectEvent(Exception):
    """Raised by a result handler: the event was not dealt with and is to be sent again."""


def default_handler(event: object, response: bytes) -> None:
    """Accept the result ``OK``, reject every other. Raises RejectEvent."""
    if response != b"OK":
        raise RejectEvent(response)
