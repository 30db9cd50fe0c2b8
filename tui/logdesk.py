"""What keys do with logs: which are shown, what is found in them, where text is taken; must never know the loop."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from typing import Final

import urwid

from supervisor.errors import UserError

from . import clipboard
from .desk import Desk
from .feeds import MAX_MERGED, Feeds
from .logbuffer import Merged, number_at
from .model import Ref, matches
from .pane import Box, Pane
from .screens.dialogs import Choice, Item
from .screens.logpane import LogPane, Wanted, is_error, is_restart, is_warning
from .screens.logs import CHANNELS, Logs
from .selection import Place
from .words import clock

MAX_CHOICES: Final = 5000


class LogDesk:
    """``log`` gives the pane that keys go to, or raises UserError."""

    def __init__(self, desk: Desk, feeds: Feeds, log: Callable[[], LogPane]) -> None:
        self._desk = desk
        self._feeds = feeds
        self._log = log
        self._then: float | None = None
        self._pressed: tuple[LogPane, Place] | None = None
        self.screen = Logs(desk.model, desk.look, self.made)

    def made(self, pane: Pane) -> None:
        """Hear the mouse in a pane."""
        urwid.connect_signal(pane, "mouse", self._desk.pressed)
        urwid.connect_signal(pane, "drag", self.dragged)

    def commands(self) -> dict[str, Callable[[], None]]:
        log = self._log
        return {
            "logs": self.open,
            "log-screen": self.again,
            "logs-then": self.then,
            "split-right": lambda: self._split(right=True),
            "split-below": lambda: self._split(right=False),
            "close-pane": lambda: self._logs().close(),
            "merge": self._merge,
            "times": self._times,
            "numbers": self._numbers,
            "find": self.find,
            "find-back": lambda: self.find(backward=True),
            "case": self._case,
            "regex": self._regex,
            "filter-in": lambda: self._sift(keep=True),
            "filter-out": lambda: self._sift(keep=False),
            "next-error": lambda: self._jump(is_error, "error line", backward=False),
            "previous-error": lambda: self._jump(is_error, "error line", backward=True),
            "next-warning": lambda: self._jump(is_warning, "warning line", backward=False),
            "previous-warning": lambda: self._jump(is_warning, "warning line", backward=True),
            "next-restart": lambda: self._jump(is_restart, "end of a process", backward=False),
            "previous-restart": lambda: self._jump(is_restart, "end of a process", backward=True),
            "mark-line": lambda: log().toggle_mark(),
            "next-mark": lambda: self._marked(backward=False),
            "previous-mark": lambda: self._marked(backward=True),
            "clear-marks": lambda: log().marks.clear(),
            "select": lambda: log().select(whole=False),
            "select-lines": lambda: log().select(whole=True),
            "word": lambda: log().word(),
            "word-back": lambda: log().word(backward=True),
            "word-end": lambda: log().word(end=True),
            "other-end": lambda: log().swap(),
            "copy": self._copy,
            "bare": self._bare,
            "save": self._save,
            "open": self._open,
            "older": self.older,
            "line-start": lambda: log().side_start(),
            "line-end": lambda: log().side_end(),
        }

    def _logs(self) -> Logs:
        screen = self._desk.stage.screen
        if not isinstance(screen, Logs):
            raise UserError("panes are split on screen 3: o opens it")
        return screen

    # --- which are shown -----------------------------------------------------------------------------

    def open(self) -> None:
        """Show the log of the process, of the group or of the marked ones under the cursor."""
        desk = self._desk
        refs, title = self._meant()
        if desk.stage.screen is desk.overview:
            self.screen.pane.wrap = desk.overview.log.wrap
        self.screen.place(refs, title)
        self._show()

    def again(self) -> None:
        """Screen 3 as it was left."""
        if self.screen.pane.refs:
            self._show()
        else:
            self.open()

    def then(self) -> None:
        """The log of what is selected on the events screen, at the time of it."""
        entry = self._desk.events.pane.selected()
        if entry is None or entry.ref is None or entry.ref not in self._desk.model.records:
            raise UserError("this is of no process that is there now")
        self.open()
        self._then = entry.wall

    def arrive(self) -> None:
        """Go to the time that was asked for, once the log is there."""
        log = self.screen.pane
        if self._then is None or not log.buffer.count or self._desk.stage.screen is not self.screen:
            return
        if log.height < 2:  # not drawn yet: how much goes above the line is not known
            self._desk.host.invalidate()
            return
        wall, self._then = self._then, None
        number, later = number_at(log.buffer, wall, self._desk.host.now())
        log.go(number)
        older = ": what is kept here begins after that, K loads older text" if later else ""
        self._desk.say(f"the log at {clock(wall)}{older}")

    def _show(self) -> None:
        stack = [screen for screen in self._desk.stack if screen is not self.screen]
        self._desk.show([*stack, self.screen])

    def _meant(self) -> tuple[tuple[Ref, ...], str]:
        screen = self._desk.stage.screen
        aim, ref = screen.aim(), screen.ref()
        if len(aim.refs) > 1 or (aim.refs and ref is None):
            return self._several(aim.refs, aim.words)
        if ref is None:
            raise UserError("no process is selected")
        return (ref,), ""

    def _several(self, refs: Iterable[Ref], title: str) -> tuple[tuple[Ref, ...], str]:
        wanted = set(refs)
        known = [ref for ref in self._desk.model.records if ref in wanted]
        if not known:
            raise UserError(f"{title}: no process")
        if len(known) > MAX_MERGED:
            raise UserError(f"{title}: {len(known)} processes, at most {MAX_MERGED} fit into one pane")
        if len(known) == 1:
            return (known[0],), ""
        return tuple(known), f"merged: {title}"

    def _named(self, value: str) -> tuple[tuple[Ref, ...], str]:
        """What was chosen or typed: ``group:name``, ``group:*``, a pattern."""
        records = self._desk.model.records
        if value.endswith(":*") and not any(c in value[:-2] for c in "*?["):
            group = [ref for ref in records if ref.group == value[:-2]]
            return self._several(group, f"group {value[:-2]}")
        found = [ref for ref in records if ref.namespec == value]
        found = found or [ref for ref in records if matches(ref, value)]
        return self._several(found, value)

    def _choose(self, title: str, chosen: Callable[[tuple[Ref, ...], str], None]) -> None:
        desk = self._desk
        items = [Item("*", "all", "every process")]
        groups = dict.fromkeys(ref.group for ref in desk.model.records)
        items += [Item(f"{group}:*", "group", f"{group}:*") for group in groups]
        items += [
            Item(ref.namespec, "process", ref.namespec) for ref in list(desk.model.records)[:MAX_CHOICES]
        ]

        def done(value: str | None) -> None:
            desk.close()
            if value is None:
                return
            try:
                chosen(*self._named(value))
            except UserError as error:
                desk.say(str(error), "msg.warn")

        desk.open(Choice(desk.look, title, items, done, search=True, made=_pattern))

    def _split(self, *, right: bool) -> None:
        screen = self._logs()
        screen.split(right=right)
        self._choose("Show in the new pane (Esc: the same)", screen.place)

    def _merge(self) -> None:
        screen = self._logs()

        def chosen(refs: tuple[Ref, ...], title: str) -> None:
            more = dict.fromkeys((*screen.pane.refs, *refs))
            if len(more) > len(screen.pane.refs):
                screen.place(*self._several(list(more), f"{len(more)} processes"))

        self._choose("Merge into this pane", chosen)

    def stream(self) -> None:
        """The next of stdout, stderr, both."""
        pane = self._logs().pane
        names = list(CHANNELS)
        pane.stream = names[(names.index(pane.stream) + 1) % len(names)]
        self._desk.say("both streams" if pane.stream == "both" else pane.stream)

    # --- how they are shown --------------------------------------------------------------------------

    def _times(self) -> None:
        log = self._log()
        log.times = not log.times
        self._desk.say("time of arrival here; --:--:-- arrived before" if log.times else "time stamps off")

    def _numbers(self) -> None:
        log = self._log()
        log.numbers = not log.numbers
        self._desk.say(
            "lines since this console listened; 0 and below: older" if log.numbers else "numbers off"
        )

    # --- finding -------------------------------------------------------------------------------------

    def find(self, *, backward: bool = False) -> None:
        log = self._log()
        log.backward = backward

        def done(text: str | None) -> None:
            if text is None:
                log.find("")
            elif text:
                while log.work() and not (log.search is not None and log.search.hits):
                    pass
                self.next_match(backward=backward or log.top is None)

        self._desk.ask("?" if backward else "/", "", log.find, done, "log")

    def next_match(self, *, backward: bool) -> None:
        try:
            self._log().next_hit(backward=backward)
        except UserError as error:
            self._desk.say(str(error), "msg.warn")

    def _case(self) -> None:
        log = self._log()
        log.case = {None: True, True: False, False: None}[log.case]
        self._again()
        words = {
            None: "a capital in the pattern means it",
            True: "case matters",
            False: "case does not matter",
        }
        self._desk.say(f"search: {words[log.case]}")

    def _regex(self) -> None:
        log = self._log()
        log.regex = not log.regex
        self._again()
        self._desk.say("search: regular expressions" if log.regex else "search: plain text")

    def _again(self) -> None:
        log = self._log()
        if log.search is not None:
            log.find(log.search.pattern)

    def _sift(self, *, keep: bool) -> None:
        log = self._log()
        before = log.filter.rules if log.filter is not None else ()

        def changed(text: str) -> None:
            log.restore(before)
            if text:
                log.sift(text, keep=keep)

        def done(text: str | None) -> None:
            if text is None:
                log.restore(before)
            elif not text:
                log.sift("", keep=keep)

        self._desk.ask("only lines with: " if keep else "no lines with: ", "", changed, done, "log")

    def _jump(self, wanted: Wanted, what: str, *, backward: bool) -> None:
        self._log().jump(wanted, what, backward=backward)

    def _marked(self, *, backward: bool) -> None:
        log = self._log()
        log.jump(lambda number, line: number in log.marks, "marked line", backward=backward)

    # --- older text ----------------------------------------------------------------------------------

    def older(self) -> None:
        """Load older text of the focused log."""
        log = self._log()
        keys = next((wish.keys for wish in self._desk.stage.screen.logs() if wish.pane is log), ())
        if not log.loading and keys:
            log.loading = True
            self._desk.host.spawn(self._load(log, keys))

    async def _load(self, log: LogPane, keys: tuple[tuple[Ref, str], ...]) -> None:
        buffer = log.buffer
        top = log.shown()[0] if log.shown() else buffer.first
        seen = buffer.very_line(top) if isinstance(buffer, Merged) else None
        try:
            lines = await self._feeds.older(keys)
            if isinstance(buffer, Merged) and seen is not None:
                top = buffer.place_of(seen) or top
            if log.buffer is buffer and lines:
                log.top = max(buffer.first, top - max(1, log.height - 1))
                self._desk.say(f"{lines} older lines loaded")
        except UserError as error:
            self._desk.say(str(error))
        finally:
            log.loading = False
            self._desk.host.invalidate()

    # --- taking text away ----------------------------------------------------------------------------

    def _copy(self) -> None:
        log = self._log()
        self._take(log)

    def _take(self, log: LogPane) -> None:
        count, text = len(log.selected()), log.taken()
        data = text.encode("utf-8", "replace")
        if not count or not data:
            raise UserError("there is nothing to copy")
        if len(data) > clipboard.MAX_COPY_BYTES:
            raise UserError(f"{len(data):,} bytes are too much for a clipboard: S saves to a file")
        by_characters = log.selection is not None and not log.selection.whole
        log.selection = None
        number, noun = (len(text), "character") if by_characters else (count, "line")
        self.give(data, f"{number} {noun}{'s' if number != 1 else ''}")

    # --- the mouse -----------------------------------------------------------------------------------

    def pressed(self, log: LogPane, col: int, row: int) -> None:
        """A button went down: a selection may begin here."""
        log.selection = None
        place = log.place_at(col, row)
        self._pressed = (log, place) if place is not None else None

    def dragged(self, log: Box, event: str, col: int, row: int) -> None:
        """The mouse moved with a button down, or the button went up (``event`` says which)."""
        if self._pressed is None or log is not self._pressed[0]:
            return  # a drag stays in the pane that it began in
        pane, begin = self._pressed
        place = pane.place_at(col, row)
        if event.endswith("drag"):
            if pane.selection is None:
                pane.select_from(begin)
            top = pane.margin[1]
            if row < top or row >= top + pane.height:  # on the frame: further than what is shown
                pane.move(-1 if row < top else 1)
            elif place is not None:
                pane.select_until(place)
        elif event.endswith("release"):
            self._pressed = None
            if pane.selection is not None:
                try:
                    self._take(pane)
                except UserError as error:
                    self._desk.say(str(error), "msg.warn")
        self._desk.host.invalidate()

    def give(self, data: bytes, words: str) -> None:
        """Copy ``data`` to where there is a clipboard, and say so; ``words``: what it is."""
        escape = clipboard.osc52(data, os.environ)
        self._desk.host.terminal(escape)
        self._desk.host.spawn(self._give(data, words, asked_terminal=bool(escape)))

    async def _give(self, data: bytes, words: str, *, asked_terminal: bool) -> None:
        took = [
            argv[0]
            for argv in clipboard.programs(os.environ, shutil.which)
            if await clipboard.feed(argv, data)
        ]
        if asked_terminal:
            took.append("the terminal (OSC 52)")
        if took:
            self._desk.say(f"{words} given to {', '.join(took)}", "msg.ok")
        else:
            self._desk.say(f"{words}: too much for the terminal, and no clipboard program here", "msg.warn")

    def _bare(self) -> None:
        log = self._log()
        self._desk.host.outside(None, "\n".join(log.text(number) for number in log.shown()))

    def _open(self) -> None:
        program = os.environ.get("PAGER") or os.environ.get("EDITOR") or "less"
        self._desk.host.outside(program, self._whole()[0])

    def _whole(self) -> tuple[str, int]:
        log = self._log()
        while log.work():
            pass  # the filters have to have seen every line
        lines = [log.text(number) for number in log.all_lines()]
        return "".join(f"{line}\n" for line in lines), len(lines)

    def _save(self) -> None:
        text, count = self._whole()

        def done(name: str | None) -> None:
            if name:
                self._write(name, text, count, over=False)

        self._desk.ask("save to: ", "", lambda text: None, done, "save")

    def _write(self, name: str, text: str, count: int, *, over: bool) -> None:
        path = os.path.expanduser(name)
        try:
            with open(path, "w" if over else "x", encoding="utf-8", errors="replace") as file:
                file.write(text)
        except FileExistsError:
            self._desk.ask(
                f"{os.path.basename(name)} exists. Type yes to replace it: ",
                "",
                lambda text: None,
                lambda answer: self._overwrite(name, text, count, answer),
                "save",
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            self._desk.error(f"cannot write: {reason}: {name}")
        else:
            self._desk.say(f"{count} line{'s' if count != 1 else ''} saved to {name}", "msg.ok")

    def _overwrite(self, name: str, text: str, count: int, answer: str | None) -> None:
        if answer == "yes":
            self._write(name, text, count, over=True)
        else:
            self._desk.say(f"nothing saved, the file is as it was: {name}")

    # --- leaving -------------------------------------------------------------------------------------

    def back(self) -> bool:
        """Leave what is going on in the focused log, innermost first; whether there was anything."""
        pane = self._desk.stage.screen.focused
        if not isinstance(pane, LogPane):
            return False
        if pane.selection is not None:
            pane.selection = None
        elif self._desk.stage.screen.zoomed is not None:
            return False
        elif pane.search is not None:
            pane.find("")
        elif pane.filter is not None:
            pane.restore(())
        else:
            return False
        return True


def _pattern(text: str) -> list[Item]:
    """A pattern that was typed, to choose all that match it."""
    return [Item(text, "pattern", f"all that match {text}")] if any(char in text for char in "*?[") else []
