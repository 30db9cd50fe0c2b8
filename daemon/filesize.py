"""The limit of file sizes (``ulimit -f``), lifted for a daemon; must never know what is written.

What a daemon must know, and output without a log, lie in memory files, which the limit is not meant for and holds for
all the same: nothing could be started where one of them has no room. A log is bounded by its ``maxbytes``.
Programs keep the limit, since the keeper does.
"""

from __future__ import annotations

import contextlib
import resource

TOO_LOW = "raise the limit of file sizes (ulimit -f), which holds for memory, too"

Limit = tuple[int, int]


def lift() -> Limit:
    """As far as may be; how it was."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    for hard in (resource.RLIM_INFINITY, before[1]):
        with contextlib.suppress(ValueError, OSError):  # only root may have more than the hard limit
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            break
    return before


def put_back(before: Limit) -> None:
    """For what this process starts, or becomes."""
    with contextlib.suppress(ValueError, OSError):  # somebody else lowered it
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
