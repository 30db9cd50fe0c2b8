"""One line being typed, with the keys of readline and what was sent before, pure; must never know terminals.

Bytes in; finished lines and ends out. ``picture`` is one row whatever the line's length: a
long one is moved sideways, so that output of the program can take its place and give it back.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from typing import Final

from .linehistory import LineHistory

LINE_MAX: Final = 4096
END: Final = "end"
"""In place of a line: Ctrl-D on an empty one."""

_KEY: Final = re.compile(r"\x1b(?:\[[0-9;]*[A-Za-z~]|O[A-Z]|[^\x1b\[O])|[^\x1b]", re.DOTALL)
_OPEN: Final = re.compile(r"\x1b(?:\[[0-9;]{0,8}|O)?\Z")
_WORD_BACK: Final = re.compile(r"\w*\W*\Z")
_WORD_ON: Final = re.compile(r"\W*\w*")
_BLANK_BACK: Final = re.compile(r"\S*\s*\Z")


def width(char: str) -> int:
    """How many cells it takes."""
    if unicodedata.combining(char) or not char.isprintable():
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


class LineEdit:
    """``history`` gets what is sent, but for a line that ``unkept`` was said about."""

    def __init__(self, history: LineHistory | None = None) -> None:
        self.text = ""
        self.at = 0
        self._killed = ""
        self.unkept = False
        self._history = history if history is not None else LineHistory([])
        self._place = len(self._history.lines)
        self._kept = ""
        self._open = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._keys = {
            "\x01": self._home, "\x1b[H": self._home, "\x1bOH": self._home, "\x1b[1~": self._home,
            "\x05": self._end, "\x1b[F": self._end, "\x1bOF": self._end, "\x1b[4~": self._end,
            "\x02": self._left, "\x1b[D": self._left, "\x1bOD": self._left,
            "\x06": self._right, "\x1b[C": self._right, "\x1bOC": self._right,
            "\x10": self._earlier, "\x1b[A": self._earlier, "\x1bOA": self._earlier,
            "\x0e": self._later, "\x1b[B": self._later, "\x1bOB": self._later,
            "\x1bb": self._word_left, "\x1b[1;5D": self._word_left,
            "\x1bf": self._word_right, "\x1b[1;5C": self._word_right,
            "\x7f": self._rub, "\x08": self._rub, "\x04": self._delete, "\x1b[3~": self._delete,
            "\x0b": self._kill_to_end, "\x15": self._kill_to_begin, "\x17": self._kill_blank_back,
            "\x1b\x7f": self._kill_word_back, "\x1bd": self._kill_word, "\x19": self._yank, "\x14": self._swap,
        }  # fmt: skip

    def feed(self, data: bytes) -> list[str]:
        """The lines that ``data`` finishes, each with its newline, and ``END``."""
        typed = self._open + self._decoder.decode(data)
        self._open = ""
        if (found := _OPEN.search(typed)) is not None:
            typed, self._open = typed[: found.start()], found.group()
        lines: list[str] = []
        for key in _KEY.findall(typed):
            if key in ("\r", "\n"):
                lines.append(self._finish())
            elif key == "\x04" and not self.text:
                lines.append(END)
            elif key in self._keys:
                self._keys[key]()
            elif len(key) == 1 and (key.isprintable() or "\udc80" <= key <= "\udcff" or key == "\t"):
                self._insert(key)
        return lines

    def picture(self, columns: int) -> tuple[str, int]:
        """The part of the line around the cursor that fits, and how many cells the cursor is from its end."""
        room = max(2, columns - 1)
        begin, cells = self.at, 0
        while begin > 0 and cells + width(self.text[begin - 1]) < room:
            begin -= 1
            cells += width(self.text[begin])
        end, behind = self.at, 0
        while end < len(self.text) and cells + behind + width(self.text[end]) <= room:
            behind += width(self.text[end])
            end += 1
        return "".join(char for char in self.text[begin:end] if char.isprintable()), behind

    def _finish(self) -> str:
        line, self.text, self.at = self.text, "", 0
        if not self.unkept:
            self._history.add(line)
        self.unkept = False
        self._place, self._kept = len(self._history.lines), ""
        return line + "\n"

    def _insert(self, text: str) -> None:
        text = text[: LINE_MAX - len(self.text)]
        self.text = self.text[: self.at] + text + self.text[self.at :]
        self.at += len(text)

    def _cut(self, begin: int, end: int) -> str:
        cut = self.text[begin:end]
        self.text = self.text[:begin] + self.text[end:]
        self.at = begin
        return cut

    def _home(self) -> None:
        self.at = 0

    def _end(self) -> None:
        self.at = len(self.text)

    def _left(self) -> None:
        self.at = max(0, self.at - 1)

    def _right(self) -> None:
        self.at = min(len(self.text), self.at + 1)

    def _back(self, what: re.Pattern[str]) -> int:
        found = what.search(self.text[: self.at])
        return found.start() if found is not None else 0

    def _on(self) -> int:
        found = _WORD_ON.match(self.text, self.at)
        return found.end() if found is not None else self.at

    def _word_left(self) -> None:
        self.at = self._back(_WORD_BACK)

    def _word_right(self) -> None:
        self.at = self._on()

    def _rub(self) -> None:
        if self.at:
            self._cut(self.at - 1, self.at)

    def _delete(self) -> None:
        self._cut(self.at, self.at + 1)

    def _kill_to_end(self) -> None:
        self._killed = self._cut(self.at, len(self.text))

    def _kill_to_begin(self) -> None:
        self._killed = self._cut(0, self.at)

    def _kill_blank_back(self) -> None:
        self._killed = self._cut(self._back(_BLANK_BACK), self.at)

    def _kill_word_back(self) -> None:
        self._killed = self._cut(self._back(_WORD_BACK), self.at)

    def _kill_word(self) -> None:
        self._killed = self._cut(self.at, self._on())

    def _yank(self) -> None:
        self._insert(self._killed)

    def _swap(self) -> None:
        at = min(self.at, len(self.text) - 1)
        if at > 0:
            self.text = self.text[: at - 1] + self.text[at] + self.text[at - 1] + self.text[at + 1 :]
            self.at = at + 1

    def _earlier(self) -> None:
        if self._place == len(self._history.lines):
            self._kept = self.text
        self._recall(self._place - 1)

    def _later(self) -> None:
        self._recall(self._place + 1)

    def _recall(self, place: int) -> None:
        lines = self._history.lines
        if 0 <= place <= len(lines) and place != self._place:
            self._place = place
            self.text = lines[place] if place < len(lines) else self._kept
            self.at = len(self.text)
