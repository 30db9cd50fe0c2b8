"""Pure: escape stripping, capture tags, lines for syslog; must never know files, pipes.

``Transform`` takes the raw bytes of one channel in any pieces and says what they come
to. Escape sequences are taken out first (if at all), then what stands between the
capture tokens; the same bytes give the same output however they were cut. What cannot
be told yet (the beginning of a token or of a sequence) is held back, at most
``CARRY_MAX_BYTES``, and comes out with ``finish`` when the channel ends.

Everything is bounded: a sequence longer than its kind's limit is ordinary output; a
capture keeps the last ``capture_maxbytes``; a line for syslog is cut at
``LINE_MAX_BYTES``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from supervisor.events import ProcessCommunicationEvent

BEGIN = ProcessCommunicationEvent.BEGIN_TOKEN
END = ProcessCommunicationEvent.END_TOKEN
LINE_MAX_BYTES = 4096
STRING_MAX_BYTES = 2048
CARRY_MAX_BYTES = STRING_MAX_BYTES + 8

# ECMA-48 5.4: CSI, parameter bytes, intermediate bytes, final byte; 5.6: control strings up to ST (or, as
# terminals have it for OSC, BEL); 5.3 and ISO 2022: the two-byte and the longer escape sequences.
_STRING = rb"[^\x07\x1b\n]{0,%d}" % STRING_MAX_BYTES
_SEQUENCE = re.compile(
    rb"\x1b(?:\[[0-?]{0,64}[ -/]{0,4}[@-~]"
    rb"|\]" + _STRING + rb"(?:\x07|\x1b\\)"
    rb"|[PX^_]" + _STRING + rb"\x1b\\"
    rb"|[ -/]{1,4}[0-~]"
    rb"|[0-OQ-WYZ\\`-~])"
)
_UNFINISHED = re.compile(rb"\x1b(?:\[[0-?]{0,64}[ -/]{0,4}|[\]PX^_]" + _STRING + rb"\x1b?|[ -/]{1,4})?\Z")


@dataclass(frozen=True, slots=True)
class Text:
    """Bytes for the log (and for PROCESS_LOG events). ``captured``: inside tokens, so not for the log itself."""

    data: bytes
    captured: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """What stood between a pair of tokens, or the last part of it."""

    data: bytes


Item = Text | Message


class EscapeStripper:
    """Takes escape sequences out of a stream of bytes."""

    def __init__(self, carry: bytes = b"") -> None:
        self.carry = carry

    def feed(self, data: bytes) -> bytes:
        """What is left of the bytes so far; the beginning of a sequence at the end is held back."""
        data = self.carry + data
        self.carry = b""
        kept: list[bytes] = []
        place = 0
        while (escape := data.find(b"\x1b", place)) >= 0:
            kept.append(data[place:escape])
            whole = _SEQUENCE.match(data, escape)
            if whole is not None:
                place = whole.end()
            elif _UNFINISHED.match(data, escape) is not None:
                self.carry = data[escape:]
                return b"".join(kept)
            else:  # an escape that begins nothing we know is output like any other
                kept.append(b"\x1b")
                place = escape + 1
        kept.append(data[place:])
        return b"".join(kept)

    def finish(self) -> bytes:
        """What was held back: nothing more comes."""
        carry, self.carry = self.carry, b""
        return carry


class Capturer:
    """Finds what stands between the tokens. ``limit_bytes``: how much of it is kept."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.capturing = False
        self.carry = b""
        self.captured = bytearray()

    def feed(self, data: bytes) -> list[Item]:
        """Text and messages, in order."""
        data = self.carry + data
        items: list[Item] = []
        while True:
            token = END if self.capturing else BEGIN
            before, found, rest = data.partition(token)
            if not found:
                break
            self._text(before, items)
            if self.capturing:
                items.append(Message(bytes(self.captured)))
                self.captured.clear()
            self.capturing = not self.capturing
            data = rest
        held = _beginning(data, token)
        self.carry = data[len(data) - held :]
        self._text(data[: len(data) - held], items)
        return items

    def _text(self, data: bytes, items: list[Item]) -> None:
        if not data:
            return
        items.append(Text(data, self.capturing))
        if self.capturing:
            self.captured += data
            del self.captured[: max(0, len(self.captured) - self.limit_bytes)]

    def finish(self) -> list[Item]:
        """The channel ended: what was held back is no token, and a capture without its end is dropped."""
        items: list[Item] = []
        self._text(self.carry, items)
        self.carry = b""
        self.capturing = False
        self.captured.clear()
        return items


def _beginning(data: bytes, token: bytes) -> int:
    """How many bytes at the end of ``data`` are the beginning of ``token``."""
    for count in range(min(len(data), len(token) - 1), 0, -1):
        if token.startswith(data[-count:]):
            return count
    return 0


class Transform:
    """One channel. ``capture_maxbytes`` 0: tokens mean nothing."""

    def __init__(self, *, strip: bool, capture_maxbytes: int) -> None:
        self._stripper = EscapeStripper() if strip else None
        self._capturer = Capturer(capture_maxbytes) if capture_maxbytes > 0 else None

    def feed(self, data: bytes) -> list[Item]:
        """What these bytes and those before come to."""
        if self._stripper is not None:
            data = self._stripper.feed(data)
        if self._capturer is not None:
            return self._capturer.feed(data)
        return [Text(data)] if data else []

    def finish(self) -> list[Item]:
        """What is left at the end of the channel; the next byte begins afresh."""
        items: list[Item] = []
        if self._stripper is not None:
            rest = self._stripper.finish()
            items = self._capturer.feed(rest) if self._capturer is not None else [Text(rest)] if rest else []
        if self._capturer is not None:
            items += self._capturer.finish()
        return items

    def save(self) -> dict[str, Any]:
        """What a later daemon needs to go on in the middle (``captured`` apart)."""
        saved: dict[str, Any] = {}
        if self._stripper is not None:
            saved["e"] = self._stripper.carry
        if self._capturer is not None:
            saved["c"] = self._capturer.carry
            saved["i"] = self._capturer.capturing
        return saved

    @property
    def captured(self) -> bytes:
        """What an unfinished capture holds."""
        return bytes(self._capturer.captured) if self._capturer is not None else b""

    def restore(self, saved: dict[str, Any], captured: bytes) -> None:
        """Take over what ``save`` and ``captured`` gave."""
        if self._stripper is not None:
            self._stripper.carry = bytes(saved.get("e", b""))
        if self._capturer is not None:
            self._capturer.carry = bytes(saved.get("c", b""))
            self._capturer.capturing = bool(saved.get("i", False))
            self._capturer.captured[:] = captured


class Lines:
    """Bytes to whole lines, without their ends; a longer line comes in parts."""

    def __init__(self, carry: bytes = b"") -> None:
        self.carry = carry

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are whole now."""
        *lines, self.carry = (self.carry + data).split(b"\n")
        found = [part for line in lines for part in _parts(line)]
        while len(self.carry) > LINE_MAX_BYTES:
            found.append(self.carry[:LINE_MAX_BYTES])
            self.carry = self.carry[LINE_MAX_BYTES:]
        return found

    def finish(self) -> list[bytes]:
        """The last line, which had no end."""
        carry, self.carry = self.carry, b""
        return [carry] if carry else []


class Characters:
    """Bytes to pieces that end behind a whole UTF-8 character; what is no UTF-8 goes through."""

    def __init__(self, carry: bytes = b"") -> None:
        self.carry = carry

    def feed(self, data: bytes) -> bytes:
        """What ends behind a whole character now; may be nothing."""
        data = self.carry + data
        held = _unfinished(data)
        self.carry = data[len(data) - held :]
        return data[: len(data) - held]

    def finish(self) -> bytes:
        """What was held back: no more is to come."""
        carry, self.carry = self.carry, b""
        return carry


def _unfinished(data: bytes) -> int:
    """How many bytes at the end are the beginning of a character that needs more."""
    for count in range(1, min(3, len(data)) + 1):
        byte = data[-count]
        if byte & 0xC0 != 0x80:  # the first byte of a character tells how many it has
            return (
                count if byte >= 0xF0 or (byte >= 0xE0 and count < 3) or (byte >= 0xC0 and count < 2) else 0
            )
    return 0


def _parts(line: bytes) -> list[bytes]:
    line = line.rstrip(b"\r")
    return [line[at : at + LINE_MAX_BYTES] for at in range(0, len(line) or 1, LINE_MAX_BYTES)]
