"""**Pure**: when programs say that they wrote a line, from its beginning; must never know buffers or panes

Dates may be missing: then the day is found from the end of a log backward, since its end
is now, and no line is of a time that is still to come; where the hour grows on the way back, midnight was between.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

WITHIN: Final = 80
"""How far into a line its time is looked for, in bytes."""
_DAY_S: Final = 86400.0
_AHEAD_S: Final = 60.0
"""By how much the clock of who wrote a line may be ahead of ours."""
_MONTHS: Final = {
    name: n for n, name in enumerate(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)
}
_CLOCK: Final = rb"(?P<h>[01]\d|2[0-3]):(?P<m>[0-5]\d):(?P<s>[0-5]\d)(?:[.,](?P<f>\d{1,9}))?"
_TIME: Final = re.compile(
    rb"(?:\x1b\[[0-9;]*m|[\[(<:\s]|[A-Z]{2,8}\b)*"
    rb"(?:(?P<y>\d{4})[-/](?P<mo>\d\d)[-/](?P<d>\d\d)[T ]+|(?P<mon>[A-Z][a-z]{2}) +(?P<day>\d{1,2}) +)?"
    + _CLOCK
    + rb"(?P<z>Z|[+-]\d\d:?\d\d)?"
)


def times(lines: Sequence[bytes], now: float) -> list[float | None]:
    """Epoch seconds of each line of one log; one without takes that of the line before it, None where there is none.

    ``now`` is the wall time at its end; a time without zone is local.
    """
    found: list[float | None] = [None] * len(lines)
    today = datetime.fromtimestamp(now)
    base = today.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
    later, ahead = now - base, _AHEAD_S
    for at in range(len(lines) - 1, -1, -1):
        match = _TIME.match(lines[at], 0, WITHIN)
        if match is None:
            continue
        clock = int(match["h"]) * 3600 + int(match["m"]) * 60 + int(match["s"])
        exact = clock + (float(b"0." + match["f"]) if match["f"] else 0.0)
        if match["y"] or match["mon"]:
            found[at] = _dated(match, exact, today)
            continue
        if clock - later > ahead:
            base -= _DAY_S
        later, ahead = clock, _DAY_S / 2  # lines of several threads are not quite in order
        found[at] = base + exact
    last = None
    for at, value in enumerate(found):
        last = found[at] = last if value is None else value
    return found


def _dated(match: re.Match[bytes], clock: float, today: datetime) -> float | None:
    try:
        if match["y"]:
            day = datetime(int(match["y"]), int(match["mo"]), int(match["d"]))
        else:
            day = datetime(today.year, _MONTHS.get(match["mon"], 0), int(match["day"]))
            if day > today + timedelta(days=2):  # syslog's lines have no year
                day = day.replace(year=today.year - 1)
        zone = match["z"]
        if zone is None:
            return (day + timedelta(seconds=clock)).timestamp()
        offset = UTC
        if zone != b"Z":
            digits = zone[1:].replace(b":", b"")
            minutes = int(digits[:2]) * 60 + int(digits[2:])
            offset = timezone(timedelta(minutes=-minutes if zone[:1] == b"-" else minutes))
        return (day + timedelta(seconds=clock)).replace(tzinfo=offset).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
