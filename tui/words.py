"""**Pure**: facts of a process as short words for people, and text cut to cells; must never know urwid, sockets.

Widths are in terminal cells. Nothing that leaves here holds a control character.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Final

from wcwidth import wcwidth

from supervisor.protocol.stream import ProcessRecord
from supervisor.states import ProcessStates

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def clean(text: str) -> str:
    """``text`` with every control and direction character replaced by a blank."""
    return _CONTROL.sub(" ", text)


def width_of(text: str) -> int:
    """Cells that ``text`` takes; control characters count as one."""
    if text.isascii():
        return len(text)
    return sum(max(0, wcwidth(char)) for char in text)


def cut(text: str, width: int) -> str:
    """The beginning of ``text`` that fits, and not a cell more."""
    if text.isascii():
        return text[:width]
    used = 0
    for at, char in enumerate(text):
        used += max(0, wcwidth(char))
        if used > width:
            return text[:at]
    return text


def shortened(text: str, width: int, ellipsis: str) -> str:
    """``text``, or as much of its beginning as fits with the ellipsis behind it."""
    if width_of(text) <= width:
        return text
    return cut(text, max(0, width - width_of(ellipsis))) + cut(ellipsis, max(0, width))


def listed(names: Sequence[str], width: int) -> str:
    """``a, b, c and 4 more``: as many as fit, the first in any case."""
    found = ""
    for number, name in enumerate(names):
        if found and width_of(found) + width_of(name) + 2 > width:
            return f"{found} and {len(names) - number} more"
        found += f", {name}" if found else name
    return found


def fit(text: str, width: int) -> str:
    """``text`` cut or padded to exactly ``width`` cells."""
    if width <= 0:
        return ""
    text = cut(text, width)
    return text + " " * (width - width_of(text))


def right(text: str, width: int) -> str:
    """``text`` cut, and padded on the left."""
    text = cut(text, max(0, width))
    return " " * (width - width_of(text)) + text


def middle(text: str, width: int, ellipsis: str = "~") -> str:
    """``text``, with its middle left out where it is wider than ``width``: the ends tell names apart."""
    if width_of(text) <= width:
        return text
    if width <= 3:
        return cut(text, max(0, width))
    tail = (width - 1) // 2
    return cut(text, width - 1 - tail) + ellipsis + _end(text, tail)


def _end(text: str, width: int) -> str:
    """The end of ``text`` that fits; it begins with no mark that belongs to the character before."""
    if text.isascii():
        return text[len(text) - width :]
    at, used = len(text), 0
    while at and (size := max(0, wcwidth(text[at - 1]))) + used <= width:
        at, used = at - 1, used + size
    while at < len(text) and wcwidth(text[at]) <= 0:
        at += 1
    return text[at:]


def wrapped(text: str, width: int, indent: str = "", hang: str = "") -> list[str]:
    """``text`` in lines of at most ``width`` cells, broken at blanks; a word that is wider is broken anywhere.

    ``indent`` stands in front of the first line, ``hang`` in front of the others.
    """
    lines: list[str] = []
    line = start = indent
    for word in text.split():
        if line != start and width_of(line) + 1 + width_of(word) <= width:
            line += f" {word}"
            continue
        if line != start:
            lines.append(line)
            line = start = hang
        while width_of(line) + width_of(word) > width and (piece := cut(word, width - width_of(line))):
            lines.append(line + piece)
            word = word[len(piece) :]
            line = start = hang
        line += word
    return [*lines, line]


def duration(seconds: float) -> str:
    """At most six cells: ``8s``, ``4m11s``, ``2h05m``, ``3d02h``, ``120d``."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    if whole < 100 * 86400:
        return f"{whole // 86400}d{whole % 86400 // 3600:02d}h"
    return f"{whole // 86400}d"


def size(count: float) -> str:
    """At most five cells: ``512``, ``88M``, ``1.2G``."""
    value = max(0.0, float(count))
    for unit in ("", "K", "M", "G", "T"):
        if value < 999.5 or unit == "T":
            return f"{value:.1f}{unit}" if unit in "GT" and unit and value < 10 else f"{value:.0f}{unit}"
        value /= 1024
    return ""


def percent(value: float) -> str:
    return f"{min(value, 99999):.0f}%"


def clock(wall: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(wall))


def moment(wall: float, now: float) -> str:
    """A past time as near as needed: ``02:11:09``, ``Nov 20``, ``2024-11-20``."""
    if wall <= 0:
        return "never"
    then, today = time.localtime(wall), time.localtime(now)
    if (then.tm_year, then.tm_yday) == (today.tm_year, today.tm_yday):
        return time.strftime("%H:%M:%S", then)
    if then.tm_year == today.tm_year or now - wall < 200 * 86400:
        return time.strftime("%b %d %H:%M", then)
    return time.strftime("%Y-%m-%d", then)


_SIGNALS: Final = {
    1: "HUP", 2: "INT", 3: "QUIT", 4: "ILL", 6: "ABRT", 7: "BUS", 8: "FPE", 9: "KILL", 10: "USR1", 11: "SEGV",
    12: "USR2", 13: "PIPE", 14: "ALRM", 15: "TERM", 18: "CONT", 19: "STOP",
}  # fmt: skip


def signal_name(number: int) -> str:
    """``TERM`` for 15; the number where we have no name."""
    return _SIGNALS.get(number, str(number))


def exit_words(status: int | None) -> str:
    """``exit 1``, ``killed by KILL``, or empty before the first exit."""
    if status is None:
        return ""
    return f"killed by {signal_name(-status)}" if status < 0 else f"exit {status}"


def uptime(record: ProcessRecord, now: float) -> str:
    running = record.state in (ProcessStates.RUNNING, ProcessStates.STOPPING) and record.start > 0
    return duration(now - record.start) if running else "-"


def tries_words(record: ProcessRecord) -> str:
    """``try 3 of 5``; empty where the server does not tell."""
    return f"try {record.tries} of {record.startretries}" if record.tries else ""


def retry_words(record: ProcessRecord, now: float) -> str:
    """``retry 3/5 in 4s``."""
    if not record.tries and not record.retry_at:
        return "to be tried again"  # all that a server without our stream tells
    tries = f"{record.tries}/{record.startretries}" if record.startretries else str(record.tries)
    wait = max(0.0, record.retry_at - now)
    return f"retry {tries} in {duration(wait + 0.999)}" if record.retry_at > 0 else f"retry {tries}"


_NOISE: Final = " (process log may have details)"


def spawn_error(record: ProcessRecord) -> str:
    """Why it could not be started, without the part that says nothing."""
    return plain_cause(record.spawnerr)


def plain_cause(text: str) -> str:
    """A cause without the part that says nothing."""
    return text.removesuffix(_NOISE)


def story(record: ProcessRecord, now: float) -> str:
    """Why and since when a process is in its state, in one short line."""
    states = ProcessStates
    parts: list[str]
    match record.state:
        case states.RUNNING:
            parts = [f"pid {record.pid}", f"up {uptime(record, now)}"]
        case states.STARTING:
            parts = [
                f"pid {record.pid}" if record.pid else "",
                f"RUNNING after {record.startsecs} s",
            ]
        case states.BACKOFF:
            parts = [retry_words(record, now), spawn_error(record) or exit_words(record.exitstatus)]
        case states.STOPPING:
            left = record.changed + record.stopwaitsecs - now
            parts = [f"pid {record.pid}", f"{signal_name(record.stopsignal)} sent"]
            if record.changed and left > 0:
                parts.append(f"KILL in {duration(left + 0.999)}")
        case states.EXITED:
            parts = [exit_words(record.exitstatus), moment(record.stop or record.changed, now)]
        case states.FATAL:
            parts = [spawn_error(record) or exit_words(record.exitstatus) or "gave up"]
            if record.tries:
                parts.append(f"{record.tries} tries")
        case states.STOPPED:
            if not record.stop and not record.start:
                parts = ["not started"]
            else:
                parts = [f"since {moment(record.stop or record.changed, now)}"]
                if record.cause.startswith("stopped by "):
                    parts.append(record.cause.removeprefix("stopped "))
        case _:
            parts = [record.description]
    if record.trouble:
        parts.insert(0, record.trouble)
    return clean(", ".join(part for part in parts if part))
