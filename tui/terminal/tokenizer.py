r"""Bytes to terminal tokens, cut anywhere; must never know what a sequence does.

A token is a pair ``(text, sequence)``, either of them may be empty: first the
text is to be drawn, then the sequence obeyed. A sequence is the string as it
came (``\r\n``, one control character, ``ESC [ 1 ; 2 H``, ``ESC ] 0 ; title BEL``,
``ESC ( 0``, ``ESC M``), so that who executes it can keep a table of the
sequences it has met; ``parse_csi`` takes one apart.

The input is UTF-8, a bad byte becomes U+FFFD. Any cut of the input gives the
same tokens, but for text that is cut in two and CR LF that comes as CR and LF.
What a program never finishes is bounded: an OSC of more than 4 KiB and strings
of other kinds (DCS, APC, PM, SOS: nobody here reads them) are swallowed up to
their end, a CSI of more than 1 KiB is dropped.
"""

from __future__ import annotations

import codecs
import re
from typing import Final, NamedTuple

Token = tuple[str, str]

MAX_OSC: Final = 4096
MAX_PARAMETER: Final = 9999
MAX_PARAMETERS: Final = 32

_C0_IN_CSI: Final = r"[\x00-\x17\x19\x1c-\x1f]"
_OSC_CHAR: Final = r"[^\x07\x18\x1a\x1b\x9c]"
_STRING_CHAR: Final = r"[^\x18\x1a\x1b\x9c]"

_TOKEN: Final = re.compile(
    r"([^\x00-\x1f\x7f-\x9f]*)"
    r"(?:("
    r"\r\n"
    r"|\x1b\[[0-?]{0,256}[ -/]{0,4}[@-~]"
    r"|[\x00-\x1a\x1c-\x1f\x7f-\x9f]"
    r"|\x1b\]" + _OSC_CHAR + r"{0,4096}(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]{1,4}[0-~]"
    r"|\x1b[0-OQ-WYZ\\`-~]"
    # ECMA-48 and every VT: a C0 control inside a CSI acts at once, the sequence goes on after it
    r"|\x1b\[[ -?]{0,64}(?:" + _C0_IN_CSI + r"[ -?]{0,64}){1,15}[@-~]"
    r")"
    # from here on swallowed without a token
    r"|\x1b\]" + _OSC_CHAR + r"*[\x07\x9c]?"  # too long, or broken off by ESC, CAN, SUB
    r"|\x1b[P_^X]" + _STRING_CHAR + r"*\x9c?"  # ends before ESC \, which is a token without meaning
    r"|\x1b\[[ -?]{1024}|\x1b\[[ -?]{0,1023}[@-~]?"
    r"|\x1b[ -/]{0,5}"
    r")?"
)
_OPEN_OSC: Final = re.compile(r"\x1b\]" + _OSC_CHAR + r"*\Z")
_OPEN_STRING: Final = re.compile(r"\x1b[P_^X]" + _STRING_CHAR + r"*\Z")
_OPEN_SHORT: Final = re.compile(
    r"\x1b(?:[ -/]{0,4}|\[[ -?]{0,64}(?:" + _C0_IN_CSI + r"[ -?]{0,64}){0,15}|\[[ -?]{0,1023})\Z"
)
_END_OF_OSC: Final = re.compile(r"[\x07\x18\x1a\x1b\x9c]")
_END_OF_STRING: Final = re.compile(r"[\x18\x1a\x1b\x9c]")
_CSI: Final = re.compile(r"\x1b\[([<-?]?)([0-9;:]*)([ -/]*)([@-~])\Z")
_CONTROLS: Final = re.compile(r"[\x00-\x1a\x1c-\x1f]")


class Csi(NamedTuple):
    """``CSI marker parameters intermediate final``; parameters are the text between, ``1;2`` or ``38:5:1``."""

    marker: str
    parameters: str
    intermediate: str
    final: str

    def numbers(self) -> tuple[int, ...]:
        """The parameters as numbers 0 .. 9999, a missing one is 0; sub-parameters (``:``) are cut off."""
        return tuple(_clamped(item) for item in self.parameters.split(";")[:MAX_PARAMETERS])


def _clamped(item: str) -> int:
    digits = item.partition(":")[0].lstrip("0")
    if not digits:
        return 0
    return MAX_PARAMETER if len(digits) > 4 else int(digits)


def parse_csi(sequence: str) -> Csi | None:
    """The parts of a CSI sequence; None where it is none, or one that no standard knows."""
    match = _CSI.match(sequence)
    if match is None:
        return None
    return Csi(*match.groups())


def split_controls(sequence: str) -> list[str]:
    """A CSI with C0 controls inside as the controls, then the CSI without them."""
    return [*_CONTROLS.findall(sequence), _CONTROLS.sub("", sequence)]


class Tokenizer:
    """Push bytes in, get the finished tokens out; keeps at most 4 KiB between two calls."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._tail = ""
        self._skip: re.Pattern[str] | None = None

    def reset(self) -> None:
        """Forget everything that is unfinished."""
        self._decoder.reset()
        self._tail = ""
        self._skip = None

    def feed(self, data: bytes) -> list[Token]:
        """The tokens that are complete with ``data``, in order; some may be empty."""
        text = self._decoder.decode(data)
        if self._skip is not None:
            text = self._skipped(text, self._skip)
        if self._tail:
            text = self._tail + text
            self._tail = ""
        last = text.rfind("\x1b")
        if last >= 0:
            text = self._without_open_end(text, last)
        return _TOKEN.findall(text) if text else []

    def _skipped(self, text: str, end: re.Pattern[str]) -> str:
        """What follows the string being swallowed; ESC, CAN and SUB are left for the scanner."""
        match = end.search(text)
        if match is None:
            return ""
        self._skip = None
        return text[match.end() if match.group() in "\x07\x9c" else match.start() :]

    def _without_open_end(self, text: str, last: int) -> str:
        """``text`` up to an unfinished sequence, which is kept (or from now on swallowed)."""
        if last == len(text) - 1 and last > 0:
            # perhaps half of the ST that ends an OSC
            start = text.rfind("\x1b", 0, last)
            if start >= 0 and _OPEN_OSC.match(text[start:last]) and last - start <= MAX_OSC + 2:
                self._tail = text[start:]
                return text[:start]
        if _OPEN_SHORT.match(text, last):
            self._tail = text[last:]
        elif _OPEN_STRING.match(text, last):
            self._skip = _END_OF_STRING
        elif _OPEN_OSC.match(text, last):
            if len(text) - last <= MAX_OSC + 2:
                self._tail = text[last:]
            else:
                self._skip = _END_OF_OSC
        else:
            return text
        return text[:last]
