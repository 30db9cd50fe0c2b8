"""Terminal emulation on pyte: bytes in; lines, cursor, title, bell, replies out; must never know urwid, sockets."""

from .attrs import DEFAULT, Attrs, Colour
from .modes import InputModes
from .rows import BLANK_LINE, Line
from .terminal import Colours, Cursor, Scrollback, Terminal

__all__ = [
    "BLANK_LINE",
    "DEFAULT",
    "Attrs",
    "Colour",
    "Colours",
    "Cursor",
    "InputModes",
    "Line",
    "Scrollback",
    "Terminal",
]
