"""**Pure**: a line that is typed, with readline's keys: words, kill and yank, undo, history; must never know widgets

A character that combines with the one before it is moved over and deleted with it.
"""

from __future__ import annotations

import re
from typing import Final

from .selection import before, behind

MAX_UNDO: Final = 200
_WORD: Final = re.compile(r"\w+")


class Field:
    """``history`` is what was typed before, the newest last; whoever owns it adds to it."""

    def __init__(self, text: str = "", history: list[str] | None = None) -> None:
        self.edit_text = text
        self.edit_pos = len(text)
        self._history = [] if history is None else history
        self._place = len(self._history)
        self._draft = text
        self._killed = ""
        self._undo: list[tuple[str, int]] = []
        self._last = ""
        """What the key before did."""

    def set(self, text: str) -> None:
        """Another text, from the beginning."""
        self.edit_text, self.edit_pos = text, len(text)
        self._undo.clear()
        self._last = ""
        self._place, self._draft = len(self._history), text

    def insert(self, text: str) -> None:
        self._change(
            self.edit_text[: self.edit_pos] + text + self.edit_text[self.edit_pos :],
            self.edit_pos + len(text),
            "type",
        )

    def take(self, key: str) -> bool:
        """One key, by urwid's name; whether it edits text."""
        text, at = self.edit_text, self.edit_pos
        match key:
            case _ if len(key) == 1:
                self.insert(key)
                return True
            case "ctrl a" | "home":
                at = 0
            case "ctrl e" | "end":
                at = len(text)
            case "ctrl b" | "left":
                at = before(text, at) if at else 0
            case "ctrl f" | "right":
                at = behind(text, at) if at < len(text) else at
            case "meta b" | "ctrl left" | "meta left":
                at = self._word_before()
            case "meta f" | "ctrl right" | "meta right":
                at = self._word_end()
            case "up" | "down":
                self._recall(-1 if key == "up" else 1)
                return True
            case "backspace" | "ctrl h":
                start = before(text, at) if at else 0
                self._change(text[:start] + text[at:], start, "delete")
                return True
            case "delete" | "ctrl d":
                self._change(text[:at] + text[behind(text, at) if at < len(text) else at :], at, "delete")
                return True
            case "ctrl u":
                self._kill(0, at)
                return True
            case "ctrl k":
                self._kill(at, len(text))
                return True
            case "ctrl w":
                kept = text[:at].rstrip()
                self._kill(kept.rfind(" ") + 1, at)
                return True
            case "meta backspace":
                self._kill(self._word_before(), at)
                return True
            case "meta d":
                self._kill(at, self._word_end())
                return True
            case "ctrl y":
                self._change(text[:at] + self._killed + text[at:], at + len(self._killed), "yank")
                return True
            case "ctrl _" | "ctrl /":
                if self._undo:
                    self.edit_text, self.edit_pos = self._undo.pop()
                self._last = ""
                return True
            case _:
                return False
        self.edit_pos = at
        self._last = ""
        return True

    def _change(self, text: str, at: int, what: str) -> None:
        """``what`` is done: several keys of typing or deleting are undone as one."""
        if text != self.edit_text:
            if what != self._last or what not in ("type", "delete"):
                self._undo.append((self.edit_text, self.edit_pos))
                del self._undo[:-MAX_UNDO]
            self.edit_text = text
        self.edit_pos = at
        self._last = what

    def _kill(self, start: int, end: int) -> None:
        if start < end:
            self._killed = self.edit_text[start:end]
            self._change(self.edit_text[:start] + self.edit_text[end:], start, "kill")

    def _word_before(self) -> int:
        starts = [word.start() for word in _WORD.finditer(self.edit_text) if word.start() < self.edit_pos]
        return starts[-1] if starts else 0

    def _word_end(self) -> int:
        ends = (word.end() for word in _WORD.finditer(self.edit_text) if word.end() > self.edit_pos)
        return next(ends, len(self.edit_text))

    def _recall(self, by: int) -> None:
        """What was typed before, or after that; behind the last stands what was being typed."""
        if self._place == len(self._history):
            self._draft = self.edit_text
        place = max(0, min(len(self._history), self._place + by))
        if place != self._place:
            self._place = place
            text = self._draft if place == len(self._history) else self._history[place]
            self._change(text, len(text), "recall")
