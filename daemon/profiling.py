"""What a daemon spent its time on, told at its end: ``supervisord --profile_options``."""

from __future__ import annotations

import cProfile
import pstats
import sys
from collections.abc import Callable, Sequence

PART = 0.3
"""How much of the list is printed, from the top."""


def profiled(run: Callable[[], int], options: Sequence[str]) -> int:
    """Run, and print to stdout who took how long, also when it raises.

    ``options``: ``cumulative`` and ``calls`` order the list, in their order; ``callers`` adds who called what.
    """
    profile = cProfile.Profile()
    try:
        return profile.runcall(run)
    finally:
        stats = pstats.Stats(profile, stream=sys.stdout)
        stats.sort_stats(*(word for word in options if word != "callers"))
        stats.print_stats(PART)
        if "callers" in options:
            stats.print_callers(PART)
        sys.stdout.flush()
