"""An attached program on the whole screen: its terminal, or a line editor for a program on a pipe.

Bytes typed come in as urwid's input filter hands them over and go out as they came,
but for keys that have a name of their own (arrows, function keys), pastes, the mouse and
focus changes, which are said as the program asked to hear them. One bar says where one
is and how to leave; the prefix turns it into a menu. Must never know links: bytes for
the program leave through ``send``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from urwid.display import escape

from supervisor.protocol import stream as wire

from ..canvas import Mark
from ..field import Field
from ..keys import PASTE_END, PASTE_START, MouseEvent, focus_bytes, key_bytes, mouse_bytes, paste_bytes
from ..logbuffer import LogBuffer
from ..pane import Box, Line, Look, Row
from ..terminal import Line as TerminalLine
from ..terminal import Terminal
from ..terminal.backlog import Backlog
from ..words import clean, cut, duration, exit_words, width_of
from .logpane import LogPane
from .scrollmode import ScrollMode

PIECE_BYTES: Final = 16 * 1024
MAX_PASTE_BYTES: Final = 4 * 1024 * 1024
OUTBOX_PIECE_BYTES: Final = 16 * 1024
HOLD_S: Final = 0.1
"""How long a program may hold its picture back (mode 2026)."""
AWAY_KEPT_S: Final = 3.0
"""How long keys are taken while the link is lost; who types on longer than that types into nothing."""

INTERRUPTS: Final = ("program", "ask", "detach")
"""What Ctrl-C does, in the order in which the prefix and c go through it."""

_MENU: Final = (
    ("detach", "detach"), ("look-back", "scroll"), ("signal-it", "signal"), ("repaint", "redraw"),
    ("own-size", "own it"), ("only-watch", "read-only"),
)  # fmt: skip
_MENU_MORE: Final = (
    ("next-attached", "next"), ("attached", "list"), ("leave-attached", "stay attached"), ("half", "half"),
    ("palette", "palette"), ("paste", "paste"),
)  # fmt: skip
MAX_KEY_BYTES: Final = 64
LINES_MAX: Final = 500
END_SEEN_S: Final = 0.7
"""So long after the end of a program keys are taken for keys that were meant for it, not for answers to the bar."""
NEVER_PAST: Final = 1 << 62
FRESH_TERMINAL: Final = (
    b"\x18\x1b[?1049l\x1b[!p\x1b[?5;9;1000;1002;1003;1004;1005;1006;2004;2026l\x1b[?7;25h\x1b>\x1b[m"
)
"""What the process before switched is off for the next one, whose terminal is a new one; what it wrote stays."""
PREVIEW_CELLS: Final = 24
PASTE_MARKS_BYTES: Final = len(PASTE_START) + len(PASTE_END)

Mouse = tuple[str, int, int, int]


class Wish(StrEnum):
    """What the operator asked for with the prefix, for the console to do."""

    DETACH = "detach"
    SIGNAL = "signal"
    REDRAW = "redraw"
    TAKE = "take"
    RESTART = "restart"
    COPY = "copy"
    PASTE = "paste"
    BEEP = "beep"
    HALF = "half"
    NEXT = "next"
    LEAVE = "leave"
    LIST = "list"
    PALETTE = "palette"
    CLIPBOARD = "clipboard"


_WISHES: Final = {
    "detach": Wish.DETACH, "signal-it": Wish.SIGNAL, "repaint": Wish.REDRAW, "own-size": Wish.TAKE, "paste": Wish.PASTE,
    "half": Wish.HALF, "next-attached": Wish.NEXT, "leave-attached": Wish.LEAVE, "attached": Wish.LIST,
    "palette": Wish.PALETTE,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Question:
    """What the bar asks: ``y`` and Enter send ``data`` to the program, ``wishes`` are other keys."""

    text: str
    data: bytes = b""
    wishes: dict[str, Wish] = field(default_factory=dict)


def walk(codes: Sequence[int]) -> Iterator[tuple[object, bytes, int]]:
    """Each key, mouse event or report in ``codes`` with the bytes that it was, and where it ended."""
    at = 0
    while at < len(codes):
        code = codes[at]
        if 0x20 <= code < 0x7F:
            at += 1
            yield chr(code), bytes((code,)), at
            continue
        window = list(codes[at : at + MAX_KEY_BYTES])
        found, after = escape.process_keyqueue(window, False)
        taken = window[: len(window) - len(after)]
        at += len(taken)
        for item in found[:-1]:
            yield item, b"", at
        yield found[-1], bytes(code for code in taken if 0 <= code < 256), at


@dataclass(slots=True)
class Peer:
    """How the attachment stands."""

    tty: bool = True
    pid: int = 0
    writer: bool = False
    by: str = ""
    rows: int = 0
    cols: int = 0
    started: float = 0.0
    ended: str = ""
    ended_at: float = -math.inf
    away_since: float = 0.0
    over: str = ""
    backlog: Backlog = field(default_factory=Backlog)


class AttachScreen(Box):
    """``send`` takes bytes for the program and says whether they went; ``wish`` is told what to do."""

    def __init__(
        self,
        look: Look,
        namespec: str,
        send: Callable[[bytes], bool],
        wish: Callable[[Wish], None],
        *,
        read_only: bool,
        history: list[str] | None = None,
    ) -> None:
        """``history``: lines that were sent before, the newest last; those that are sent are added."""
        super().__init__()
        self._look = look
        self.namespec = namespec
        self._send = send
        self._wish = wish
        self.read_only = read_only
        self.spare: Callable[[str], bool] = lambda key: False
        self.peer = Peer()
        self.terminal: Terminal | None = None
        self.size = (24, 80)
        self.prefix_down = False
        self._menu_page = 0
        self._paste: bytearray | None = None
        self._scroll: ScrollMode | None = None
        self._outbox = bytearray()
        self._asked: Question | None = None
        self._interrupt = INTERRUPTS[0]
        self._held_since = 0.0
        self._complete: tuple[tuple[int, int], list[TerminalLine]] = ((0, 0), [])
        self._notice = ""
        self.copied = ""
        """What was copied last, for whoever keeps it."""
        self.clipboard = b""
        """What the program last wished to have in the clipboard."""
        self._clipboard_asked = False
        self._clipboard_allowed: bool | None = None
        self._past = False
        """Whether the past was shown, and nothing new yet."""
        self._torn = False
        self.top = 0
        """The row of the console's screen at which it begins."""
        self.skipped = 0
        self._history = history if history is not None else []
        self._edit = Field("", self._history)
        self._output = LogPane(look)
        self._output.frame = "none"
        self._output.show(LogBuffer(), namespec, "stdout")

    # from the server

    def take(self, frame: wire.Frame) -> None:
        peer = self.peer
        match frame:
            case wire.Attached():
                self.peer = Peer(
                    frame.tty, frame.pid, frame.writer, "", frame.rows, frame.cols,
                    backlog=Backlog(frame.live),
                )  # fmt: skip
                self.peer.ended = "" if frame.pid else "not running"
                if frame.pid != peer.pid or not frame.writer:
                    self._outbox.clear()  # meant for another process
                self._scroll = None
                self.terminal = None
                self._past = False
                if frame.tty:
                    size = max(1, frame.rows), max(1, frame.cols)
                    self.terminal = Terminal(*size, osc52=self._look.osc52)
                if frame.tty and self.terminal is not None:
                    self.terminal.muted = True
                    self.terminal.feed(frame.prelude)
                elif not frame.tty:
                    self._output.buffer.clear()
                    self._output.buffer.gen, self._output.buffer.offset = frame.gen, -1
            case wire.Output():
                if peer.tty:
                    peer.backlog.add(frame.offset, frame.data)
                    self._shed()
                else:
                    self._print(frame.data)
            case wire.InputAck():
                self._drain()
            case wire.Writer():
                if not frame.writer:
                    self._outbox.clear()
                peer.writer, peer.by = frame.writer, clean(frame.by)
            case wire.Size():
                peer.rows, peer.cols = frame.rows, frame.cols
                if self.terminal is not None and (self.terminal.rows, self.terminal.cols) != (
                    frame.rows,
                    frame.cols,
                ):
                    self.terminal.resize(max(1, frame.rows), max(1, frame.cols))
            case wire.Exited():
                after = f" after {duration(self._look.now() - peer.started)}" if peer.started else ""
                self._outbox.clear()
                peer.ended = f"{exit_words(frame.status)}{after}"
                peer.pid = 0
                peer.ended_at = self._look.now()
            case wire.Started():
                peer.ended = ""
                peer.pid = frame.pid
                peer.started = self._look.now()
                if peer.tty:
                    mark = b"\r\n-- started again, pid %d --\r\n" % frame.pid
                    peer.backlog.add(NEVER_PAST, FRESH_TERMINAL + mark)
                else:
                    self._output.buffer.note(f"started, pid {frame.pid}")
            case wire.Gap():
                self.skipped += frame.until - frame.offset
            case wire.Removed():
                peer.over = "gone from the configuration"
                peer.ended_at = self._look.now()
            case wire.Error():
                peer.over = clean(frame.text)

    def _print(self, data: bytes) -> None:
        buffer = self._output.buffer
        buffer.output(buffer.gen, buffer.offset, data)

    def pump(self, pieces: int) -> bool:
        """Feed at most ``pieces`` of 16 KiB to the terminal; whether more waits."""
        backlog = self.peer.backlog
        if self.terminal is None:
            return False
        while backlog and pieces > 0:
            part, past = backlog.next(PIECE_BYTES)
            self._past = self._past or past
            if not past:
                self._end_past(self.terminal)
            self.terminal.muted = past
            self.terminal.feed(part)
            if past and backlog.at >= backlog.live:
                self._end_past(self.terminal)
            wanted = self.terminal.take_clipboard()
            if wanted is not None and not self.terminal.muted:
                self._copies(wanted)
            pieces -= 1
        if not backlog:
            self.terminal.muted = False
            if self._torn:  # a program that keeps a picture paints it whole when the size changes
                self._torn = False
                self._wish(Wish.REDRAW)
        replies = self.terminal.replies()
        if replies and self.peer.writer and not self.read_only:
            self._send(replies)
        self._drain()
        return bool(backlog)

    def _end_past(self, terminal: Terminal) -> None:
        """What comes now is new, and the program paints its picture anew.

        Margins of the past may be those of another size: who needs them sets them again.
        """
        if self._past and self.peer.writer and not self.read_only:
            terminal.forget_margins()
            self._torn = True
        self._past = False

    def _copies(self, data: bytes) -> None:
        """The program wishes to set the clipboard: the operator is asked once, by a key that no program gets."""
        if self._clipboard_allowed is False or self._clipboard_asked:  # what is shown is what is meant
            return
        self.clipboard = data
        if self._clipboard_allowed:
            self._notice = f"the program copied {len(data)} bytes"
            self._wish(Wish.CLIPBOARD)
        else:
            self._clipboard_asked = True
            self._wish(Wish.BEEP)

    @property
    def holding(self) -> bool:
        """Whether a picture is held back, and has to be looked at again soon."""
        return self._held_since > 0 and self._look.now() - self._held_since < HOLD_S

    def _shed(self) -> None:
        """Too much to show: leave out what is oldest. Also while nobody looks, so that it stays bounded."""
        if self.terminal is None:
            return
        before = self.peer.backlog.skipped
        instead = self.peer.backlog.shed(alternate=self.terminal.alternate)
        if instead is not None:
            self.skipped += self.peer.backlog.skipped - before
            self.terminal.forget_unfinished()
            self.terminal.feed(instead)
            self._torn = self.terminal.alternate

    # from the operator

    @property
    def raw(self) -> bool:
        """Whether the user's terminal is to hand over every key as it is."""
        return self.peer.tty

    def input(self, codes: Sequence[int]) -> None:
        """Codes as they were typed; a paste may come in many pieces."""
        while codes:
            if self._paste is not None:
                codes = self._pasting(self._paste, codes)
                continue
            end = len(codes)
            for key, data, at in walk(codes):
                self._key(key, data)
                if self._paste is not None:
                    end = at
                    break
            codes = codes[end:]

    def _pasting(self, paste: bytearray, codes: Sequence[int]) -> Sequence[int]:
        """Add to the paste; what follows its end. One that is too long is not kept, but its end is looked for."""
        data = bytes(code for code in codes if 0 <= code < 256)
        start = max(0, len(paste) - len(PASTE_END))
        paste += data
        at = paste.find(PASTE_END, start)
        if at < 0:
            if len(paste) > 2 * MAX_PASTE_BYTES:
                del paste[MAX_PASTE_BYTES + 1 : -len(PASTE_END)]
            return []
        left = bytes(paste[at + len(PASTE_END) :])
        del paste[at:]
        self._pasted()
        return list(left)

    def _key(self, key: object, data: bytes) -> None:
        self._notice = ""
        if not isinstance(key, str):
            self._mouse(key)
        elif key == "begin paste":
            self._paste = bytearray()
        elif key == "end paste":
            pass  # of no paste
        elif key in ("focus in", "focus out"):
            if self.terminal is not None and self.peer.writer and not self.read_only:
                self._queue(focus_bytes(key == "focus in", self.terminal.modes))
        elif self._asked is not None:
            self._answered(self._asked, key)
        elif self.prefix_down:
            self._chosen(key, data)
        elif key in self._look.prefix:
            self.prefix_down, self._menu_page = True, 0
        elif self._scroll is not None:
            self._scroll_key(key)
        elif self.spare(key):
            pass
        elif self.peer.over or (self.peer.ended and not self.peer.pid):
            self._after_end(key)
        elif key == "ctrl c" and (self._interrupt != "program" or not self.peer.tty):
            self._interrupted(data)
        elif self.peer.tty:
            self._give(self._said(key, data))
        else:
            self._line_key(key)

    def _said(self, key: str, data: bytes) -> bytes:
        """What the program is to read: the original bytes, but for keys that programs can ask to hear otherwise."""
        if self.terminal is not None and len(data) > 1 and data[0] == 0x1B and not key.startswith("<"):
            return key_bytes(key, self.terminal.modes) or data
        return data

    def _give(self, data: bytes) -> None:
        if not data:
            return
        self._scroll = None
        self._queue(data)

    def _queue(self, data: bytes) -> None:
        if not data:
            return
        away = self.peer.away_since and self._look.now() - self.peer.away_since > AWAY_KEPT_S
        if (
            self.read_only
            or not self.peer.writer
            or away
            or len(self._outbox) + len(data) > MAX_PASTE_BYTES + PASTE_MARKS_BYTES
        ):
            self._wish(Wish.BEEP)
        else:
            self._outbox += data
            self._drain()

    def _drain(self) -> None:
        """Send what waits, as far as it is taken: a program that reads slowly holds its own input up."""
        while self._outbox and self._send(bytes(self._outbox[:OUTBOX_PIECE_BYTES])):
            del self._outbox[:OUTBOX_PIECE_BYTES]

    def _interrupted(self, data: bytes) -> None:
        if self._interrupt == "detach":
            self._wish(Wish.DETACH)
        elif not self.peer.tty:  # a pipe makes no signal of it
            self._asked = Question(
                "Ctrl-C:  d detaches  s sends a signal  any other key nothing",
                wishes={"d": Wish.DETACH, "s": Wish.SIGNAL},
            )
        else:
            self._asked = Question(
                "Ctrl-C:  y sends it to the program  d detaches  any other key nothing",
                data,
                {"d": Wish.DETACH},
            )

    def _answered(self, question: Question, key: str) -> None:
        """The key after a question of the bar's."""
        self._asked = None
        if key in ("y", "Y", "enter"):
            self._give(question.data)
        elif key in question.wishes:
            self._wish(question.wishes[key])

    def paste(self, text: str) -> None:
        """Text for the program; asked about first where it would run line by line."""
        if self.terminal is None:
            self._edit.insert(clean(text))
            return
        data = paste_bytes(text, self.terminal.modes)
        if not self.terminal.modes.bracketed_paste and b"\r" in data.rstrip(b"\r"):
            count = data.rstrip(b"\r").count(b"\r") + 1
            self._asked = Question(
                f"Paste {count} lines ({len(data)} bytes) as if typed?  y yes  any other key no",
                data,
            )
        else:
            self._give(data)

    def _chosen(self, key: str, data: bytes) -> None:
        """The key after the prefix."""
        self.prefix_down = False
        if key in self._look.prefix:
            self._give(data)
            return
        if key == "esc":
            return
        command = self._look.after_prefix.get("space" if key == " " else key, "")
        wish = _WISHES.get(command, Wish.BEEP)
        match command:
            case "look-back" if self.terminal is not None:
                self._scroll = ScrollMode(self.terminal)
                if key == "page up":
                    self._scroll_key(key)
            case "interrupt-goes":
                self._interrupt = INTERRUPTS[(INTERRUPTS.index(self._interrupt) + 1) % len(INTERRUPTS)]
                self.prefix_down = True
                self._menu_page = -1  # where it stands
            case "only-watch":
                self.read_only = not self.read_only
            case "menu":
                self.prefix_down = True
                self._menu_page += 1
            case "allow-copy" | "refuse-copy" if self._clipboard_asked:
                self._clipboard_asked, self._clipboard_allowed = False, command == "allow-copy"
                if self._clipboard_allowed:
                    self._copies(self.clipboard)
            case _:
                if wish is Wish.BEEP:
                    keys = [key_words(key) for key, name in self._look.after_prefix.items() if name == "menu"]
                    self._notice = (
                        f"nothing on {key_words(key)} here{f', {keys[0]} lists the keys' if keys else ''}"
                    )
                self._wish(wish)

    def _mouse(self, key: object) -> None:
        match key:
            case (str() as event, int() as button, int() as col, int() as row) if "mouse" in event:
                row -= self.top + 1
                if self.terminal is None or row < 0 or self._scroll is not None:
                    return
                told = MouseEvent.from_urwid(event, button, col, row)
                if told is not None and self.peer.writer and not self.read_only:
                    data = mouse_bytes(told, self.terminal.modes)
                    if data:
                        self._send(data)

    def _pasted(self) -> None:
        data, self._paste = bytes(self._paste or b""), None
        if self._scroll is not None:
            self._scroll.notice = "nothing was pasted: q returns to the program first"
            return
        if len(data) > MAX_PASTE_BYTES:
            self._notice = f"a paste of more than {MAX_PASTE_BYTES >> 20} MB was not sent"
        elif data:
            self.paste(data.decode("utf-8", "replace"))

    def _after_end(self, key: str) -> None:
        if 0 <= self._look.now() - self.peer.ended_at < END_SEEN_S:
            self._notice = "what was typed on went nowhere"
            self._wish(Wish.BEEP)
        elif key == "enter" or self.peer.over:
            self._wish(Wish.DETACH)
        elif key == "r":
            self._wish(Wish.RESTART)

    def _scroll_key(self, key: str) -> None:
        scroll = self._scroll
        if scroll is None:
            return
        scroll.key(key, self.size[0])
        if scroll.copied:
            self.copied = scroll.copied
            self._notice = (
                f"{len(self.copied)} characters copied, {key_words(self._look.prefix[0])} p pastes them"
            )
            self._wish(Wish.COPY)
        if scroll.over:
            self._scroll = None

    def _line_key(self, key: str) -> None:
        """Line mode: an editor at the bottom; Enter sends."""
        if key == "enter":
            text = self._edit.edit_text
            if text and self._history[-1:] != [text]:
                self._history.append(text)
                del self._history[:-LINES_MAX]
            self._edit.set("")
            self._give(text.encode() + b"\n")
        elif key in ("page up", "page down"):
            self._output.page(-1 if key == "page up" else 1)
            if (
                key == "page down"
                and self._output.top is not None
                and self._output.top + self.size[0] > self._output.end
            ):
                self._output.follow()
        else:
            if key == "ctrl d" and not self._edit.edit_text:
                self._notice = f"Ctrl-D sends nothing to a pipe, {key_words(self._look.prefix[0])} d detaches"
            self._edit.take(key)

    # painting

    def paint(self, cols: int, rows: int, focus: bool) -> list[Row]:
        self.size = (max(1, rows - 1), max(1, cols))
        body = self._terminal_rows(cols, rows - 1) if self.peer.tty else self._line_rows(cols, rows - 1)
        return [self._bar(cols), *body]

    def _terminal_rows(self, cols: int, rows: int) -> list[Row]:
        terminal = self.terminal
        if terminal is None:
            return []
        painter = self._look.painter
        if self._scroll is not None:
            painted: list[Row] = []
            for line, selected, hit in self._scroll.lines(rows):
                marks: tuple[Mark, ...] = ((0, cols, "log.match.current"),) if hit else ()
                if selected is not None:
                    marks = (*marks, (*selected, "log.selection"))
                painted.append(list(painter.line(line, cols, reverse=terminal.reversed, marks=marks).runs))
            return painted
        lines = self._lines(terminal, rows)
        return [list(painter.line(line, cols, reverse=terminal.reversed).runs) for line in lines]

    def _lines(self, terminal: Terminal, rows: int) -> list[TerminalLine]:
        """The rows of the screen, or those of before while the program asks to wait, for a moment."""
        lines = [terminal.row(y) for y in range(min(rows, terminal.rows))]
        size = (terminal.rows, terminal.cols)
        now = self._look.now()
        if terminal.synchronized and self._complete[0] == size:
            self._held_since = self._held_since or now
            if 0 <= now - self._held_since < HOLD_S:
                return self._complete[1][:rows]
        else:
            self._held_since = 0.0
        self._complete = (size, lines)
        return lines

    def _line_rows(self, cols: int, rows: int) -> list[Row]:
        prompt = Line(cols, "input.text").add(" > ", "ui.text.strong").add(clean(self._edit.edit_text))
        if not self._edit.edit_text:
            prompt.add(" Enter sends the line", "input.hint")
        return [*self._output.body(cols, max(0, rows - 1), False), prompt.done()]

    def cursor(self, cols: int, rows: int) -> tuple[int, int] | None:
        if not self.peer.tty:
            return 3 + width_of(self._edit.edit_text[: self._edit.edit_pos]), rows - 1
        if self._scroll is not None:
            place = self._scroll.cursor(cols)
            return (place[0], place[1] + 1) if place is not None else None
        if self.terminal is None:
            return None
        at = self.terminal.cursor
        return (at.x, at.y + 1) if at.visible and at.y + 1 < rows and at.x < cols else None

    def _bar(self, cols: int) -> Row:
        if self.prefix_down:
            words = f" {key_words(self._look.prefix[0])}  " + self._menu(cols)
            return Line(cols, "attach.bar.prefix").add(words).done()
        if self._asked is not None:
            return Line(cols, "attach.bar.prefix").add(f" {self._asked.text}").done()
        peer = self.peer
        role = "attach.bar.readonly" if self.read_only or not peer.writer else "attach.bar"
        line = Line(cols, role)
        line.add(f" {self.words()}")
        leave = f"{key_words(self._look.prefix[0])} d detaches "
        if line.left > len(leave):
            line.add(" " * (line.left - len(leave))).add(leave)
        return line.done()

    def _menu(self, cols: int) -> str:
        """What may follow the prefix, with the keys that it has now: as many as fit, the menu's key shows others."""
        keys: dict[str, str] = {}
        for key, command in self._look.after_prefix.items():
            keys.setdefault(command, key)
        prefix = key_words(self._look.prefix[0])
        more = [*_MENU_MORE, ("interrupt-goes", f"Ctrl-C: {self._interrupt}")]
        first, rest = (
            [f"{key_words(keys[name])} {label}" for name, label in entries if name in keys]
            for entries in (_MENU, more)
        )
        next_page = f"{key_words(keys['menu'])} more" if "menu" in keys else ""
        room = cols - len(f" {prefix}  ") - len(next_page)
        pages = [*_pages(first, room), *_pages(["Esc nothing", f"{prefix} sends one", *rest], room)]
        page = pages[self._menu_page % len(pages)]
        return "  ".join([*page, next_page] if next_page else page)

    def _kind(self) -> str:
        tape = self._look.tape()
        return tape if tape.startswith("REPLAY") else f"ATTACHED {tape}".strip()

    def words(self) -> str:
        peer = self.peer
        now = self._look.now()
        if peer.over:
            return f"{self.namespec}  {peer.over}, Enter detaches"
        if peer.away_since:
            return (
                f"{self.namespec}  link lost {duration(now - peer.away_since)} ago, attaches again by itself"
            )
        if self._scroll is not None:
            return f"SCROLL {self.namespec}  {self._scroll.words()}  q returns"
        if self._clipboard_asked:
            return f"{self.namespec}  {self._question_of_copy()}"
        if peer.ended and not peer.pid:
            notice = f"  ({self._notice})" if self._notice else ""
            return f"{self.namespec}  {peer.ended}, Enter detaches, r starts it again{notice}"
        if self._notice:
            return f"{self._kind()} {self.namespec}  {self._notice}"
        kind = f"pty {peer.cols}x{peer.rows}" if peer.tty else "pipe, line mode"
        owner = (
            "read-only"
            if self.read_only
            else "owner"
            if peer.writer
            else f"read-only, {peer.by or 'another'} writes"
        )
        skipped = f"  {self.skipped // 1024}K skipped" if self.skipped else ""
        if self._outbox:
            skipped += f"  {(len(self._outbox) + 1023) // 1024}K to send"
        return f"{self._kind()} {self.namespec}  pid {peer.pid}  {kind} ({owner}){skipped}"

    def _question_of_copy(self) -> str:
        keys = {command: key for key, command in self._look.after_prefix.items()}
        prefix = key_words(self._look.prefix[0])
        answers = [
            f"{prefix} {key_words(keys[command])} {label}"
            for command, label in (("allow-copy", "lets it copy"), ("refuse-copy", "never"))
            if command in keys
        ]
        text = clean(self.clipboard.decode("utf-8", "replace"))
        shown = cut(text, PREVIEW_CELLS)
        what = f"'{shown}{'...' if shown != text else ''}' ({len(self.clipboard)} bytes)"
        return f"{', '.join(answers)}: {what}"


def key_words(key: str) -> str:
    """``Ctrl-]`` for ``ctrl ]``, ``F12`` for ``f12``."""
    if len(key) == 1:
        return key
    return key.replace("ctrl ", "Ctrl-").replace("meta ", "Alt-") if " " in key else key.capitalize()


def _pages(entries: list[str], room: int) -> list[list[str]]:
    """``entries`` in groups that fit, each with a gap behind it."""
    pages: list[list[str]] = [[]]
    left = room
    for entry in entries:
        if pages[-1] and len(entry) + 2 > left:
            pages.append([])
            left = room
        pages[-1].append(entry)
        left -= len(entry) + 2
    return pages
