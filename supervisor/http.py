"""Door: the marker of deferred RPC results, for plug-ins; must never know HTTP.

A method of an RPC plug-in may return a function in place of a value. It is called, at
intervals of its ``delay`` (seconds), until it returns something other than NOT_DONE_YET.
"""

from __future__ import annotations

__all__ = ["NOT_DONE_YET"]


class NOT_DONE_YET:
    """Compared by identity, never made: a deferred function returns the class."""
