"""The console between keys and pictures: commands change the model's view or ask a link; must never know the loop.

Everything the operator can do is a method here, found by the command's name; the table
is ``self._commands``. What it needs of the outside (redraw, timers, tasks, the terminal's
mode) is the ``Host``, which ``app`` is.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import urwid

from supervisor.client.stream import LinkLost, StreamError
from supervisor.errors import RPCError, ServerError, UserError
from supervisor.protocol import stream as wire
from supervisor.states import ProcessStates

from . import filters
from .commands import (
    COMMANDS,
    HARMLESS,
    SIGNALS,
    Call,
    Plan,
    Progress,
    Verb,
    describe_marks,
    fault_words,
    plan,
)
from .feeds import Feeds
from .keymap import KeyMap, Prefix, show
from .link import Link, Terminal
from .logbuffer import LogBuffer
from .model import SORTS, ChangeTold, Level, LinkKind, LinkTold, ListView, Message, Model, Ref
from .pane import WHEEL_ROWS, Box, Look, Prompt, Row, last_event
from .screens.attach import AttachScreen, Wish
from .screens.detail import Detail
from .screens.dialogs import Choice, Confirm, Dialog, Item, Page, help_rows
from .screens.events import Events, EventsPane
from .screens.logpane import LogPane
from .screens.overview import Overview
from .screens.screen import Screen
from .screens.stage import Stage
from .screens.table import ProcessTable
from .words import clean, clock, exit_words

MESSAGE_S: Final = 5.0
SEQUENCE_S: Final = 1.0
TWICE_WITHIN_S: Final = 2.0
RESIZE_AFTER_S: Final = 0.15
SYNC_AFTER_S: Final = 0.05
MAX_PALETTE_PROCESSES: Final = 5000


class Timer(Protocol):
    def cancel(self) -> None: ...


class Host(Protocol):
    """What the console needs of the program around it. ``now`` is wall time."""

    def now(self) -> float: ...
    def invalidate(self) -> None: ...
    def later(self, delay_s: float, act: Callable[[], None]) -> Timer: ...
    def spawn(self, work: Coroutine[object, object, None]) -> None: ...
    def quit(self) -> None: ...
    def redraw(self) -> None: ...
    def raw_keys(self, raw: bool) -> None: ...
    def mouse(self, on: bool) -> None: ...
    def show_theme(self, name: str) -> None: ...
    def save_theme(self, name: str) -> None: ...
    def theme_names(self) -> list[str]: ...


@dataclass(slots=True)
class Attached:
    screen: AttachScreen
    ref: Ref
    terminal: Terminal
    sent: tuple[int, int] = (0, 0)
    timer: Timer | None = None


class Console:
    """``links`` by supervisor's name. ``theme``: the one in use. ``read_only``: refuse everything that changes."""

    def __init__(self, host: Host, model: Model, look: Look, *, theme: str, read_only: bool = False) -> None:
        self.host = host
        self.model = model
        self.look = look
        self.theme = theme
        self.keymap = KeyMap()
        self.view = ListView(model)
        self.links: dict[str, Link] = {}
        self.feeds = Feeds(self.links, host.invalidate)
        self.overview = Overview(model, self.view, look)
        self.events = Events(model, look)
        self.stack: list[Screen] = [self.overview]
        self.stage = Stage(model, look, self.overview)
        self.stage.message.idle = self._idle_line
        self.progress: Progress | None = None
        self.messages: deque[tuple[float, str, str]] = deque(maxlen=500)
        self.attached: Attached | None = None
        self._read_only = read_only
        self._pending: tuple[str, ...] = ()
        self._sequence_timer: Timer | None = None
        self._message_timer: Timer | None = None
        self._sync_timer: Timer | None = None
        self._interrupted_at = float("-inf")
        self._mouse_on = True
        self._find_text = ""
        self._last_click: tuple[float, int] = (0.0, -1)
        self._histories: dict[str, list[str]] = {"filter": [], "find": [], "log": []}
        self._no_log = LogBuffer()
        self._no_log.note("choose a process to see its log")
        self._commands = self._table()
        for pane in (self.overview.table, self.overview.log, self.overview.events, self.events.pane):
            urwid.connect_signal(pane, "mouse", self._mouse)
        urwid.connect_signal(self.stage.footer, "mouse", self._mouse)

    # --- what the links tell -------------------------------------------------------------------------

    def told(self, message: Message) -> None:
        before = None
        if isinstance(message, ChangeTold):
            ref = Ref(message.sup, message.record.group, message.record.name)
            before = self.model.records.get(ref)
        self.model.apply(message, self.host.now())
        if isinstance(message, ChangeTold) and before is not None:
            self._mark_log(before, message.record, message.sup)
        if isinstance(message, LinkTold):
            self._linked(message)
        self._check_progress()
        self.host.invalidate()

    def _mark_log(self, before: wire.ProcessRecord, record: wire.ProcessRecord, sup: str) -> None:
        """A line in a followed log where the process ended: what comes below is another life."""
        ends = (ProcessStates.EXITED, ProcessStates.BACKOFF, ProcessStates.FATAL, ProcessStates.STOPPED)
        alive = (ProcessStates.RUNNING, ProcessStates.STARTING, ProcessStates.STOPPING)
        if before.state in alive and record.state in ends:
            words = record.spawnerr or exit_words(record.exitstatus) or "stopped"
            if record.state == ProcessStates.BACKOFF:
                words += f", try {record.tries} of {record.startretries}"
            self.feeds.note(Ref(sup, record.group, record.name), f"{clock(self.host.now())} {clean(words)}")

    def _linked(self, told: LinkTold) -> None:
        attached = self.attached
        if attached is not None and told.kind is LinkKind.AWAY and not attached.screen.peer.away_since:
            attached.screen.peer.away_since = self.host.now()
        match told.kind:
            case LinkKind.AUTH_FAILED:
                self.error(
                    f"AUTH FAILED: {told.reason}. Start again with -u USER -p PASSWORD; C-r tries again"
                )
            case LinkKind.INCOMPATIBLE:
                self.error(told.reason)
            case LinkKind.AWAY if not self.model.sups[told.sup].known:
                url = self.links[told.sup].target.url if told.sup in self.links else told.sup
                self.say(f"no supervisor answers at {url}: {told.reason}", "msg.warn", keep=True)
            case LinkKind.LIVE | LinkKind.POLL:
                self.unsay()

    # --- around drawing ------------------------------------------------------------------------------

    def before_draw(self) -> None:
        """Bring up to date what is about to be painted."""
        now = self.host.now()
        self.view.refresh(now)
        screen = self.stage.screen
        for wish in screen.logs():
            wish.pane.show(self.feeds.buffer((wish.ref, wish.channel)), wish.ref.namespec, wish.channel)
        if screen is self.overview and self.overview.ref() is None:
            self._describe_group()
        contexts = self.contexts()
        self.stage.footer.entries = self.keymap.footer(contexts, changing=not self.read_only)
        self.stage.footer.hint = self._hint()
        if self.progress is not None and not self.progress.hidden and self.stage.message.prompt is None:
            self.stage.message.text = self.progress.text(self.model) + "  (Esc hides)"
            self.stage.message.role = "msg.info"

    def _describe_group(self) -> None:
        cursor = self.view.cursor
        log = self.overview.log
        log.show(self._no_log, cursor.namespec if cursor is not None else "", "")

    def after_draw(self) -> None:
        """Ask for what can be seen now, a moment later: the cursor may be on its way."""
        if self._sync_timer is None:
            self._sync_timer = self.host.later(SYNC_AFTER_S, self._sync)
        self._check_size()

    def _sync(self) -> None:
        self._sync_timer = None
        screen = self.stage.screen
        self.feeds.follow([] if self.stage.full is not None else [(w.ref, w.channel) for w in screen.logs()])
        shown = list(self.overview.table.shown) if screen is self.overview else []
        ref = screen.ref()
        if ref is not None and ref not in shown:
            shown.append(ref)
        for name, link in self.links.items():
            link.want_usage([r.namespec for r in shown if r.sup == name and not r.is_group])

    def search_work(self) -> bool:
        """Do a slice of the searches that run; whether more is to be done."""
        panes = [pane for pane in self.stage.screen.panes if isinstance(pane, LogPane)]
        return sum(pane.work() for pane in panes) > 0

    def _idle_line(self) -> Row:
        row: Row = []
        marks = describe_marks(self.view.marks)
        if marks:
            row.append(("row.marked", f" {marks}"))
        narrowing = self.overview.table.narrowing()
        if narrowing and self.stage.screen is self.overview:
            row += [("msg.warn", f" {narrowing}"), ("ui.text.muted", "  (Esc shows all)")]
        return row or last_event(self.model)

    def _hint(self) -> Row:
        if self.stage.dialog is not None and self.stage.dialog.hint:
            return self.stage.dialog.hint
        if self._pending:
            found = self.keymap.find(self.contexts(), self._pending)
            row: Row = [("ui.footer.key", show(self._pending)), ("ui.footer", " then  ")]
            for key, command in found.choices if isinstance(found, Prefix) else ():
                row += [("ui.footer.key", show((key,))), ("ui.footer", f" {COMMANDS[command].help}  ")]
            return row
        return []

    # --- messages ------------------------------------------------------------------------------------

    def say(self, text: str, role: str = "msg.info", *, keep: bool = False) -> None:
        """Show a line; errors and kept ones stay until the next key or message."""
        text = clean(text)
        self.messages.append((self.host.now(), role, text))
        self.stage.message.text, self.stage.message.role = text, role
        if self._message_timer is not None:
            self._message_timer.cancel()
            self._message_timer = None
        if not keep and role != "msg.error":
            self._message_timer = self.host.later(MESSAGE_S, self.unsay)
        self.host.invalidate()

    def error(self, text: str) -> None:
        self.say(text, "msg.error")

    def unsay(self) -> None:
        self._message_timer = None
        if self.stage.message.text:
            self.stage.message.text = ""
            self.host.invalidate()

    # --- keys ----------------------------------------------------------------------------------------

    def contexts(self) -> Sequence[str]:
        if self.stage.dialog is not None:
            return (self.stage.dialog.context,)
        return (self.stage.screen.context, "global")

    def filter_input(self, keys: list[object], raw: list[int]) -> list[object]:
        """urwid's input filter: while attached everything goes to the program."""
        if self.stage.full is None:
            return keys
        if raw:
            self.stage.full.input(raw)
        return [key for key in keys if key == "window resize"]

    def key(self, key: str) -> None:
        """One key, by urwid's name."""
        if key in ("focus in", "focus out", "begin paste", "end paste", "window resize"):
            return
        if self.stage.message.prompt is not None:
            self.stage.message.prompt.key(key)
            return
        if self.stage.dialog is not None and self.stage.dialog.typed(key):
            return
        if self.stage.message.role == "msg.error" and self.stage.message.text:
            self.unsay()
        keys = (*self._pending, key)
        if self._sequence_timer is not None:
            self._sequence_timer.cancel()
            self._sequence_timer = None
        found = self.keymap.find(self.contexts(), keys)
        self._pending = ()
        if isinstance(found, Prefix):
            self._pending = keys
            self._sequence_timer = self.host.later(SEQUENCE_S, self._forget_sequence)
        elif found is not None:
            self.execute(found, key)
        elif self.stage.dialog is None:
            self.say(f"no command on {show(keys)} here, ? shows keys")

    def _forget_sequence(self) -> None:
        self._sequence_timer = None
        self._pending = ()
        self.host.invalidate()

    def interrupt(self) -> None:
        """Ctrl-C came as a signal."""
        if self.stage.full is not None:
            self.say("Ctrl-] d detaches, Ctrl-] s sends a signal")
            self.stage.full.input([3])
        else:
            self.key("ctrl c")
        self.host.invalidate()

    def execute(self, name: str, key: str = "") -> None:
        """Run a command; what the operator can mend becomes a message."""
        dialog = self.stage.dialog
        if dialog is not None:
            dialog.command(name)
            if dialog.over and self.stage.dialog is dialog:
                self.stage.dialog = None
            return
        command = COMMANDS[name]
        if command.changes and self.read_only:
            self.say(f"read-only: {command.help} is not allowed on this connection", "msg.warn")
            return
        if name == "back":
            self._back(key)
            return
        try:
            self._commands[name]()
        except UserError as error:
            self.say(str(error), "msg.warn")

    @property
    def read_only(self) -> bool:
        return self._read_only or any(sup.link.role == "observer" for sup in self.model.sups.values())

    def _table(self) -> dict[str, Callable[[], None]]:
        return {
            "up": lambda: self._move(-1),
            "down": lambda: self._move(1),
            "page-up": lambda: self._page(-1),
            "page-down": lambda: self._page(1),
            "half-up": lambda: self._page(-0.5),
            "half-down": lambda: self._page(0.5),
            "first": lambda: self._end(first=True),
            "last": lambda: self._end(first=False),
            "left": lambda: self._sideways(-1),
            "right": lambda: self._sideways(1),
            "next-pane": lambda: self.stage.screen.cycle(1),
            "previous-pane": lambda: self.stage.screen.cycle(-1),
            "overview": lambda: self._show([self.overview]),
            "detail": self._detail,
            "logs": self._logs,
            "events": lambda: self._show([self.overview, self.events]),
            "fold-all": lambda: self.view.fold_all(True),
            "unfold-all": lambda: self.view.fold_all(False),
            "start": lambda: self._act(Verb.START),
            "stop": lambda: self._act(Verb.STOP),
            "restart": lambda: self._act(Verb.RESTART),
            "start-group": lambda: self._act_group(Verb.START),
            "stop-group": lambda: self._act_group(Verb.STOP),
            "restart-group": lambda: self._act_group(Verb.RESTART),
            "signal": self._signal,
            "attach": lambda: self._attach(read_only=False),
            "watch": lambda: self._attach(read_only=True),
            "mark": self.view.toggle_mark,
            "mark-all": self.view.mark_shown,
            "unmark-all": self.view.unmark,
            "filter": self._filter,
            "find": self._find,
            "next-match": lambda: self._next_match(backward=False),
            "previous-match": lambda: self._next_match(backward=True),
            "attention": lambda: self.view.change(attention=not self.view.attention),
            "palette": self._palette,
            "sort": self._choose_sort,
            "sort-next": lambda: self._sort(1),
            "sort-previous": lambda: self._sort(-1),
            "invert": lambda: self.view.change(inverted=not self.view.inverted),
            "zoom": lambda: self.stage.screen.zoom(),
            "follow": self._follow,
            "pause": lambda: self._log().pause(),
            "wrap": self._wrap,
            "stream": self._stream,
            "clear-pane": lambda: self._log().buffer.clear(),
            "help": self._help,
            "theme": self._choose_theme,
            "mouse": self._toggle_mouse,
            "reconnect": self._reconnect,
            "redraw": self.host.redraw,
            "messages": self._messages,
            "quit": self._quit,
            "interrupt": self._interrupt,
        }

    # --- moving about --------------------------------------------------------------------------------

    def _log(self) -> LogPane:
        """The log pane that keys go to. Raises UserError where there is none."""
        screen = self.stage.screen
        if isinstance(screen.focused, LogPane):
            return screen.focused
        found = next((pane for pane in screen.panes if isinstance(pane, LogPane)), None)
        if found is None:
            raise UserError("there is no log on this screen")
        return found

    def _move(self, by: int) -> None:
        focused = self.stage.screen.focused
        if isinstance(focused, ProcessTable):
            self.view.move(by)
        elif isinstance(focused, (LogPane, EventsPane)):
            focused.move(by)

    def _page(self, pages: float) -> None:
        focused = self.stage.screen.focused
        if isinstance(focused, ProcessTable):
            self.view.move(int(pages * max(1, focused.rows_visible - 1)) or (1 if pages > 0 else -1))
        elif isinstance(focused, LogPane):
            focused.page(pages)
        elif isinstance(focused, EventsPane):
            focused.move(int(pages * max(2, focused.height)))

    def _end(self, *, first: bool) -> None:
        focused = self.stage.screen.focused
        if isinstance(focused, ProcessTable):
            self.view.go(0 if first else len(self.view.rows) - 1)
        elif isinstance(focused, LogPane):
            focused.first() if first else focused.follow()
        elif isinstance(focused, EventsPane):
            focused.move(-(10**9) if first else 10**9)

    def _sideways(self, by: int) -> None:
        screen = self.stage.screen
        if isinstance(screen.focused, LogPane):
            if by < 0 and screen.focused.aside == 0:
                screen.focused = screen.panes[0]
                screen.zoomed = None
            else:
                screen.focused.sideways(by)
        elif isinstance(screen.focused, ProcessTable):
            cursor = self.view.cursor
            if by < 0 or (cursor is not None and cursor.is_group):
                self.view.fold(by < 0)
            elif cursor is not None and self.overview.log_shown:
                screen.focused = self.overview.log

    def _show(self, stack: list[Screen]) -> None:
        self.stack = stack
        self.stage.screen = stack[-1]

    def _detail(self) -> None:
        ref = self.stage.screen.ref()
        if ref is None or ref not in self.model.records:
            if self.view.cursor is not None and self.stage.screen is self.overview:
                self.view.fold(self.view.cursor not in self.view.folded)
                return
            raise UserError("no process is selected")
        screen = Detail(self.model, self.look, ref)
        for pane in (screen.log, screen.other):
            pane.wrap = self.overview.log.wrap
            urwid.connect_signal(pane, "mouse", self._mouse)
        if isinstance(self.stage.screen, Detail):
            self.stack.pop()
        self._show([*self.stack, screen])

    def _logs(self) -> None:
        ref = self.stage.screen.ref()
        if ref is None:
            raise UserError("no process is selected")
        if self.stage.screen is self.events:
            self.view.go_to(ref)
            self._show([self.overview])
        screen = self.stage.screen
        log = self.overview.log if screen is self.overview else screen.panes[-1]
        screen.focused = log
        screen.zoomed = log

    def _back(self, key: str) -> None:
        screen = self.stage.screen
        if self.progress is not None and not self.progress.hidden:
            self.progress.hidden = True
            self.stage.message.text = ""
        elif screen.zoomed is not None:
            screen.zoomed = None
            screen.focused = screen.panes[0]
        elif isinstance(screen.focused, LogPane) and screen.focused.search is not None:
            screen.focused.find("")
        elif screen.focused is not screen.panes[0]:
            screen.focused = screen.panes[0]
        elif len(self.stack) > 1:
            self._show(self.stack[:-1])
        elif key == "esc" and (self.view.filter.text or self.view.attention):
            self.view.change(filter=filters.Filter(), attention=False)
        elif key == "esc":
            self.say("q or F10 quits")
        else:
            self._quit()

    def _quit(self) -> None:
        self.host.quit()

    def _interrupt(self) -> None:
        now = self.host.now()
        if now - self._interrupted_at < TWICE_WITHIN_S:
            self._quit()
        self._interrupted_at = now
        self.say("Ctrl-C again quits")

    # --- the list ------------------------------------------------------------------------------------

    def _ask(
        self, caption: str, text: str, changed: Callable[[str], None], done: Callable[[str | None], None], history: str
    ) -> None:  # fmt: skip
        """Open a prompt; ``changed`` may raise UserError for text that cannot be used."""

        def tried(value: str) -> str:
            try:
                changed(value)
            except UserError as error:
                return str(error)
            return ""

        def ended(value: str | None) -> None:
            self.stage.message.prompt = None
            if value is not None:
                try:
                    changed(value)
                except UserError as error:
                    self.say(str(error), "msg.warn")
            done(value)

        self.stage.message.prompt = Prompt(caption, text, tried, ended, self._histories[history])

    def _filter(self) -> None:
        before = self.view.filter

        def done(value: str | None) -> None:
            if value is None:
                self.view.change(filter=before)

        self._ask(
            "filter: ", before.text, lambda text: self.view.change(filter=filters.parse(text)), done, "filter"
        )

    def _find(self) -> None:
        if isinstance(self.stage.screen.focused, LogPane) or self.stage.screen is not self.overview:
            self._find_in_log()
            return
        start = self.view.place

        def changed(text: str) -> None:
            self._find_text = text
            if text:
                self._jump(start, backward=False, here=True)

        def done(text: str | None) -> None:
            if text is None:
                self.view.go(start)

        self._ask("find: ", "", changed, done, "find")

    def _find_in_log(self) -> None:
        log = self._log()

        def done(text: str | None) -> None:
            if text is None:
                log.find("")
            elif text:
                while log.work() and not (log.search is not None and log.search.hits):
                    pass
                self._next_match(backward=True)

        self._ask("/", "", log.find, done, "log")

    def _next_match(self, *, backward: bool) -> None:
        if isinstance(self.stage.screen.focused, LogPane) or self.stage.screen is not self.overview:
            try:
                self._log().next_hit(backward=backward)
            except UserError as error:
                self.say(str(error), "msg.warn")
        elif self._find_text:
            self._jump(self.view.place, backward=backward, here=False)
        else:
            raise UserError("nothing is searched for: F3 searches")

    def _jump(self, start: int, *, backward: bool, here: bool) -> None:
        """Put the cursor on the next row whose name holds the text. Raises UserError when none does."""
        rows, text = self.view.rows, self._find_text.lower()
        step = -1 if backward else 1
        for number in range(0 if here else 1, len(rows) + 1):
            place = (start + step * number) % max(1, len(rows))
            if rows and text in rows[place].namespec.lower():
                self.view.go(place)
                return
        raise UserError(f"{self._find_text}: not found")

    def _sort(self, by: int) -> None:
        self.view.change(sort=SORTS[(SORTS.index(self.view.sort) + by) % len(SORTS)])

    def _choose_sort(self) -> None:
        items = [Item(sort, sort, "the tree" if sort == "group" else "") for sort in SORTS]

        def done(value: str | None) -> None:
            self.stage.dialog = None
            if value is not None:
                self.view.change(sort=value)

        self._open(Choice(self.look, "Sort by", items, done, at=SORTS.index(self.view.sort)))

    # --- logs ----------------------------------------------------------------------------------------

    def _follow(self) -> None:
        focused = self.stage.screen.focused
        if isinstance(focused, EventsPane):
            focused.move(-(10**9))
        else:
            self._log().follow()

    def _wrap(self) -> None:
        log = self._log()
        log.wrap = not log.wrap
        self.say(f"wrap {'on' if log.wrap else 'off'}")

    def _stream(self) -> None:
        screen = self.stage.screen
        if not isinstance(screen, (Overview, Detail)):
            raise UserError("there is no log on this screen")
        ref = screen.ref()
        record = self.model.records.get(ref) if ref is not None else None
        if screen.channel == "stdout" and record is not None and record.redirect_stderr:
            raise UserError(f"{record.name} writes its stderr to stdout (redirect_stderr)")
        screen.channel = "stderr" if screen.channel == "stdout" else "stdout"

    # --- actions -------------------------------------------------------------------------------------

    def _targets(self) -> tuple[list[Ref], str]:
        """The processes that an action means, and how to call them."""
        if self.stage.screen is not self.overview:
            ref = self.stage.screen.ref()
            return ([ref], ref.namespec) if ref is not None else ([], "")
        refs = self.view.targets()
        if self.view.marks:
            return refs, f"{len(refs)} marked"
        cursor = self.view.cursor
        if cursor is not None and cursor.is_group:
            return refs, f"group {cursor.group}"
        return refs, refs[0].namespec if refs else ""

    def _act(self, verb: Verb, *, signal: str = "TERM") -> None:
        refs, scope = self._targets()
        self._propose(verb, refs, scope, signal=signal)

    def _act_group(self, verb: Verb) -> None:
        ref = self.view.cursor if self.stage.screen is self.overview else self.stage.screen.ref()
        if ref is None:
            raise UserError("no group is selected")
        group = ref.of_group
        self._propose(verb, list(self.model.members_of(group)), f"group {group.group}")

    def _propose(self, verb: Verb, refs: Sequence[Ref], scope: str, *, signal: str = "TERM") -> None:
        """Carry out, or ask first where the policy says so."""
        for sup in {ref.sup for ref in refs}:
            if self.model.sups[sup].stale:
                raise UserError(f"cannot {verb.value}: not connected to {sup}, nothing is sent")
        proposal = plan(verb, refs, self.model, scope, signal=signal)
        if not proposal.asks:
            self._begin(proposal)
            return
        replan = None
        if verb is Verb.RESTART and proposal.resting:

            def replan(also: bool) -> Plan:
                return plan(verb, refs, self.model, scope, also_stopped=also)

        def done(agreed: Plan | None) -> None:
            self.stage.dialog = None
            if agreed is None:
                self.say("cancelled, nothing was sent")
            else:
                self._begin(agreed)

        self._open(Confirm(self.look, proposal, done, replan))

    def _begin(self, agreed: Plan) -> None:
        self.progress = Progress(agreed)
        count = f" ({len(agreed.records)})" if len(agreed.records) > 1 else ""
        self.model.note(self.host.now(), Level.USER, "you", f"{agreed.title} {agreed.scope}{count}")
        self.host.spawn(self._carry_out(self.progress))

    async def _carry_out(self, progress: Progress) -> None:
        try:
            for phase in progress.plan.phases:
                await asyncio.gather(*(self._send(call, progress) for call in phase))
        except (StreamError, ServerError) as error:
            lost = isinstance(error, LinkLost)
            progress.troubles.append("connection lost, nobody knows how far it came" if lost else str(error))
        progress.finished = True
        if progress.troubles:
            more = (
                f" (and {len(progress.troubles) - 1} more, g m shows)" if len(progress.troubles) > 1 else ""
            )
            for trouble in progress.troubles[1:]:
                self.messages.append((self.host.now(), "msg.error", trouble))
            progress.hidden = True
            self.error(f"{progress.plan.title}: {progress.troubles[0]}{more}")
        self._check_progress()
        self.host.invalidate()

    async def _send(self, call: Call, progress: Progress) -> None:
        link = self.links[call.sup]
        try:
            await link.call(call.method, *call.params)
        except RPCError as error:
            if error.code not in HARMLESS:
                scope = call.refs[0].namespec if len(call.refs) == 1 else progress.plan.scope
                progress.troubles.append(fault_words(error.code, error.text, scope))

    def _check_progress(self) -> None:
        """Let the progress line go once every process has settled."""
        progress = self.progress
        if progress is None or not progress.settled(self.model):
            return
        self.progress = None
        if not progress.hidden and not progress.troubles:
            self.say(progress.text(self.model), "msg.ok")

    def _signal(self) -> None:
        refs, scope = self._targets()
        if not refs:
            raise UserError("no process is selected")
        items = [Item(name, name, _SIGNAL_WORDS.get(name, "")) for name in SIGNALS]

        def done(name: str | None) -> None:
            self.stage.dialog = None
            if name is not None:
                try:
                    self._propose(Verb.SIGNAL, refs, scope, signal=name)
                except UserError as error:
                    self.say(str(error), "msg.warn")

        self._open(Choice(self.look, f"Signal to {scope}", items, done))

    # --- dialogs -------------------------------------------------------------------------------------

    def _open(self, dialog: Dialog) -> None:
        self.stage.dialog = dialog
        urwid.connect_signal(dialog, "mouse", self._mouse)

    def _close(self) -> None:
        self.stage.dialog = None

    def _help(self) -> None:
        contexts = self.contexts()
        cols = self.stage.size[0]
        rows = help_rows(self.keymap, contexts, cols, changing=not self.read_only)
        self._open(Page(self.look, f"Keys: {contexts[0]}", rows, self._close, full=True))

    def _messages(self) -> None:
        rows: list[Row] = [
            [("ui.text.muted@panel", f" {clock(wall)} "), (f"{role}@panel", text)]
            for wall, role, text in reversed(self.messages)
        ]
        if not rows:
            rows = [[("dialog.body", " no message yet")]]
        self._open(Page(self.look, "Messages", rows, self._close, full=True))

    def _choose_theme(self) -> None:
        names = self.host.theme_names()
        before = self.theme

        def done(name: str | None) -> None:
            self.stage.dialog = None
            self.theme = name or before
            self.host.show_theme(self.theme)
            if name is not None:
                self.host.save_theme(name)
                self.say(f"theme {name}", "msg.ok")

        items = [Item(name, name) for name in names]
        at = names.index(before) if before in names else 0
        self._open(Choice(self.look, "Theme", items, done, at=at, moved=self.host.show_theme))

    def _palette(self) -> None:
        contexts = self.contexts()
        items = []
        for name, command in COMMANDS.items():
            if name in self._commands and name not in _NOT_IN_PALETTE:
                keys = self.keymap.keys_of(name, contexts)
                allowed = not (command.changes and self.read_only)
                items.append(Item(name, command.help, "", keys[0] if keys else "", allowed))
        for ref in list(self.model.records)[:MAX_PALETTE_PROCESSES]:
            items.append(Item(f"go {ref.sup}\0{ref.group}\0{ref.name}", "go to process", ref.namespec))

        def done(value: str | None) -> None:
            self.stage.dialog = None
            if value is not None and value.startswith("go "):
                self.view.change(filter=filters.Filter(), attention=False)
                self.view.go_to(Ref(*value[3:].split("\0")))
                self._show([self.overview])
            elif value is not None:
                self.execute(value)

        self._open(Choice(self.look, "Command palette", items, done, search=True))

    def _toggle_mouse(self) -> None:
        self._mouse_on = not self._mouse_on
        self.host.mouse(self._mouse_on)
        self.say("mouse on" if self._mouse_on else "mouse off: the terminal selects text itself")

    def _reconnect(self) -> None:
        for link in self.links.values():
            link.retry_now()
        self.say("trying the connection")

    # --- attach --------------------------------------------------------------------------------------

    def _attach(self, *, read_only: bool) -> None:
        ref = self.stage.screen.ref()
        if ref is None or ref not in self.model.records:
            raise UserError("no process is selected")
        if self.model.sups[ref.sup].stale:
            raise UserError(f"cannot attach: not connected to {ref.sup}")
        record = self.model.records[ref]
        read_only = read_only or self.read_only or record.stdin == "none"
        cols, rows = self.stage.size
        screen = AttachScreen(self.look, ref.namespec, self._type, self._wished, read_only=read_only)
        screen.size = (rows - 1, cols)
        mode = "read" if read_only else "write"
        terminal = self.links[ref.sup].attach(
            self._attach_frame, ref.namespec, mode, *(screen.size if not read_only else (0, 0))
        )
        self.attached = Attached(screen, ref, terminal, screen.size)
        self.stage.full = screen
        self.stage.dialog = None

    def _attach_frame(self, frame: wire.Frame) -> None:
        attached = self.attached
        if attached is None:
            return
        attached.screen.take(frame)
        if isinstance(frame, wire.Attached):
            record = self.model.records.get(attached.ref)
            attached.screen.peer.started = record.start if record is not None else 0.0
            self.host.raw_keys(attached.screen.raw)
        self.host.invalidate()

    def _type(self, data: bytes) -> bool:
        return self.attached is not None and self.attached.terminal.input(data)

    def _wished(self, wish: Wish) -> None:
        attached = self.attached
        if attached is None:
            return
        match wish:
            case Wish.DETACH:
                self.detach()
            case Wish.REDRAW:
                rows, cols = attached.screen.size
                attached.terminal.resize(max(1, rows - 1), cols)
                attached.terminal.resize(rows, cols)
                self.host.redraw()
            case Wish.TAKE:
                attached.terminal.take()
                attached.terminal.resize(*attached.screen.size)
            case Wish.RESTART:
                self._propose(Verb.START, [attached.ref], attached.ref.namespec)
            case Wish.SIGNAL:
                self.detach()
                self.view.go_to(attached.ref)
                self._signal()
            case Wish.BEEP:
                self.host.invalidate()

    def detach(self) -> None:
        attached, self.attached = self.attached, None
        if attached is None:
            return
        attached.terminal.close()
        if attached.timer is not None:
            attached.timer.cancel()
        self.stage.full = None
        self.host.raw_keys(False)
        self.say(f"detached from {attached.ref.namespec}, it goes on running")

    def _check_size(self) -> None:
        """Tell the program its size a moment after the last change."""
        attached = self.attached
        if attached is None or attached.screen.size == attached.sent or not attached.screen.peer.writer:
            return
        rows, cols = attached.sent = attached.screen.size
        if rows < 2 or cols < 2:
            return
        if attached.timer is not None:
            attached.timer.cancel()
        attached.timer = self.host.later(RESIZE_AFTER_S, lambda: attached.terminal.resize(rows, cols))

    # --- the mouse -----------------------------------------------------------------------------------

    def _mouse(self, box: Box, button: int, col: int, row: int, size: tuple[int, int]) -> None:
        self.host.invalidate()
        if isinstance(box, Dialog):
            box.press(col, row)
            if box.over and self.stage.dialog is box:
                self.stage.dialog = None
        elif self.stage.dialog is not None:
            return
        elif box is self.stage.footer:
            name = self.stage.footer.command_at(col)
            if name is not None:
                self.execute(name)
        elif button in (4, 5):
            by = -WHEEL_ROWS if button == 4 else WHEEL_ROWS
            if isinstance(box, ProcessTable):
                self.view.move(by)
            elif isinstance(box, (LogPane, EventsPane)):
                box.move(by)
        elif button == 1:
            self._pressed(box, col, row)

    def _pressed(self, box: Box, col: int, row: int) -> None:
        screen = self.stage.screen
        if isinstance(box, LogPane) and box in screen.panes:
            screen.focused = box
        elif isinstance(box, ProcessTable):
            screen.focused = box
            place = box.row_at(row)
            if place == -1:
                sort = box.column_at(col)
                if sort is not None:
                    self.view.change(sort=sort)
            elif place is not None:
                now = self.host.now()
                again = self._last_click == (self._last_click[0], place) and now - self._last_click[0] < 0.5
                self._last_click = (now, place)
                self.view.go(place)
                if again:
                    self.execute("detail")


_NOT_IN_PALETTE: Final = frozenset({"up", "down", "left", "right", "interrupt", "palette"})
_SIGNAL_WORDS: Final = {
    "TERM": "asks it to end", "HUP": "often: read the configuration again", "INT": "as Ctrl-C",
    "QUIT": "ends it, with a core", "STOP": "freezes it", "CONT": "lets it go on", "KILL": "ends it at once, no clean-up",
}  # fmt: skip
