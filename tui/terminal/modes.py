"""What the input side must know of a terminal's modes; must never know screens or keys.

Private modes (``CSI ? n h``) are kept as pyte keeps them, shifted left by five,
in one set with the ANSI modes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pyte import modes as pyte_modes

IRM: Final = pyte_modes.IRM
LNM: Final = pyte_modes.LNM
DECSCNM: Final = pyte_modes.DECSCNM
DECOM: Final = pyte_modes.DECOM
DECAWM: Final = pyte_modes.DECAWM
DECTCEM: Final = pyte_modes.DECTCEM
DECCKM: Final = 1 << 5
DECCOLM: Final = 3 << 5
DECNKM: Final = 66 << 5
FOCUS: Final = 1004 << 5
BRACKETED_PASTE: Final = 2004 << 5
SYNCHRONIZED: Final = 2026 << 5

MOUSE_MODES: Final = frozenset(n << 5 for n in (9, 1000, 1002, 1003))
MOUSE_ENCODINGS: Final = frozenset(n << 5 for n in (1005, 1006))
ALTERNATE_SCREENS: Final = frozenset(n << 5 for n in (47, 1047, 1049))
SAVE_CURSOR: Final = 1048 << 5

DEFAULT_MODES: Final = frozenset((DECAWM, DECTCEM))
KEPT_MODES: Final = (
    frozenset(
        (IRM, LNM, DECSCNM, DECOM, DECAWM, DECTCEM, DECCKM, DECNKM, FOCUS, BRACKETED_PASTE, SYNCHRONIZED)
    )
    | MOUSE_MODES
    | MOUSE_ENCODINGS
)
"""Modes that are stored as they are set; the rest (but the alternate screens) is ignored."""


@dataclass(frozen=True, slots=True)
class InputModes:
    """How keys, pastes, the mouse and focus changes are to be told to the program."""

    application_cursor: bool = False
    """DECCKM: cursor keys are ``ESC O A`` and not ``ESC [ A``."""
    application_keypad: bool = False
    bracketed_paste: bool = False
    mouse: int = 0
    """0 (off), 9 (presses), 1000 (and releases), 1002 (and drags), 1003 (and all motion)."""
    mouse_encoding: int = 0
    """0 (bytes from 32 up), 1005 (the same as UTF-8), 1006 (decimal)."""
    focus: bool = False


def input_modes(modes: set[int]) -> InputModes:
    """The part of a screen's mode set that matters to input."""
    return InputModes(
        application_cursor=DECCKM in modes,
        application_keypad=DECNKM in modes,
        bracketed_paste=BRACKETED_PASTE in modes,
        mouse=next((mode >> 5 for mode in MOUSE_MODES & modes), 0),
        mouse_encoding=next((mode >> 5 for mode in MOUSE_ENCODINGS & modes), 0),
        focus=FOCUS in modes,
    )
