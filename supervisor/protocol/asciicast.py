"""Asciicast v2, read and written, pure: one header line, then a line an event; must never know files, clocks.

A header is a JSON object (``version`` 2, ``width``, ``height``), an event an array
``[seconds, code, data]``: ``o`` for output, ``i`` for what was typed, ``r`` for a size
(``"80x24"``), ``m`` for a mark. Unknown codes and keys are passed over, as the format asks.
"""

from __future__ import annotations

import codecs
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ..errors import SupervisorError

MAX_LINE_BYTES: Final = 4 * 1024 * 1024
"""More than any event that we write; a line without an end must not fill the memory."""
MAX_SIDE: Final = 10_000


class CastError(SupervisorError):
    """A line that is not asciicast v2; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Header:
    """``timestamp``: wall time of the beginning, 0 where that is not said. ``fields``: all that stands there."""

    width: int
    height: int
    timestamp: float = 0.0
    title: str = ""
    fields: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """``at_s``: seconds since the beginning of the recording."""

    at_s: float
    code: str
    data: str


def header_line(
    width: int, height: int, timestamp: int, title: str, term: str, more: Mapping[str, object] | None = None
) -> bytes:
    """The first line of a recording; ``timestamp`` is wall time, ``title`` may be empty, ``more`` are fields of ours."""
    fields: dict[str, object] = {"version": 2, "width": width, "height": height, "timestamp": timestamp}
    if title:
        fields["title"] = title
    fields["env"] = {"TERM": term}
    fields.update(more or {})
    return json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def event_line(event: Event) -> bytes:
    text = json.dumps([round(event.at_s, 6), event.code, event.data], ensure_ascii=False)
    return text.encode("utf-8", "replace") + b"\n"


def _json(line: bytes) -> object:
    if len(line) > MAX_LINE_BYTES:
        raise CastError(f"a line of more than {MAX_LINE_BYTES // 1024**2} MiB")
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        raise CastError("no JSON") from None


def read_header(line: bytes) -> Header:
    """The first line. Raises CastError."""
    value = _json(line)
    if not isinstance(value, dict):
        raise CastError("no asciicast header: a JSON object with version, width and height is needed")
    if value.get("version") != 2:
        raise CastError(f"asciicast version {value.get('version')!r}: only version 2 can be played")
    sides = [value.get("width"), value.get("height")]
    if not all(type(side) is int and 0 < side <= MAX_SIDE for side in sides):
        raise CastError("no asciicast header: width and height must be positive numbers")
    began, title = value.get("timestamp"), value.get("title")
    return Header(
        value["width"],
        value["height"],
        float(began) if isinstance(began, int | float) and 0 < began < 1e11 else 0.0,
        title if isinstance(title, str) else "",
        value,
    )


def read_event(line: bytes) -> Event:
    """A line behind the first. Raises CastError."""
    value = _json(line)
    if not (isinstance(value, list) and len(value) == 3):
        raise CastError("no event: [seconds, code, data] is needed")
    at_s, code, data = value
    if not (isinstance(at_s, int | float) and not isinstance(at_s, bool)):
        raise CastError("no event: its time is no number")
    if not (math.isfinite(at_s) and 0 <= at_s <= 1e9):
        raise CastError("no event: its time is out of range")
    if not (isinstance(code, str) and isinstance(data, str)):
        raise CastError("no event: its code and data must be text")
    return Event(float(at_s), code, data)


class Writer:
    """Bytes with their times to the lines of a recording, within ``max_bytes``.

    Characters that are cut by the pieces they come in are put together again. ``full``
    is set when the next event would not fit; nothing comes out then any more.
    """

    def __init__(self, header: bytes, max_bytes: int) -> None:
        self.full = False
        self._left = max_bytes - len(header)
        self._decoders = {
            code: codecs.getincrementaldecoder("utf-8")("replace") for code in ("o", "i")
        }  # fmt: skip

    def data(self, at_s: float, code: str, data: bytes) -> bytes:
        """The line for ``data`` of ``code`` (``o`` or ``i``); empty where there is nothing to write yet."""
        text = self._decoders[code].decode(data)
        return self._line(Event(at_s, code, text)) if text else b""

    def resized(self, at_s: float, width: int, height: int) -> bytes:
        return self.event(at_s, "r", f"{width}x{height}")

    def event(self, at_s: float, code: str, text: str) -> bytes:
        """The line for an event of any code; empty where it does not fit."""
        return self._line(Event(at_s, code, text))

    def _line(self, event: Event) -> bytes:
        line = event_line(event)
        if self.full or len(line) > self._left:
            self.full = True
            return b""
        self._left -= len(line)
        return line


def due_s(previous: Event, event: Event, speed: float, idle_limit_s: float) -> float:
    """How long after ``previous`` the ``event`` is to be played; times that run back count as none."""
    return min(max(0.0, event.at_s - previous.at_s), idle_limit_s) / speed


def size_of(event: Event) -> tuple[int, int] | None:
    """(width, height) of an ``r`` event; None where it says none."""
    width, by, height = event.data.partition("x")
    if by and width.isdecimal() and height.isdecimal() and len(event.data) < 12:
        sides = int(width), int(height)
        if all(0 < side <= MAX_SIDE for side in sides):
            return sides
    return None
