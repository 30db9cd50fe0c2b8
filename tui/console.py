"""The console between keys and pictures: commands change the model's view or ask a link; must never know the loop.

Everything the operator can do is a method here, found by the command's name; the table
is ``self._commands``. Its larger parts are ``actions``, ``attaching`` and ``pickers``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import urwid
from urwid.display import escape

from supervisor.errors import UserError
from supervisor.protocol import stream as wire
from supervisor.states import ProcessStates
from supervisor.terminalreplies import Replies

from . import filters
from .actions import ROLLING_SIZE, Actions
from .attaching import Attaching
from .commands import ACT, COMMANDS, Command, Verb, describe_marks, described
from .desk import Desk, Host, Timer
from .feeds import Feeds
from .fleetdesk import FleetDesk
from .keymap import Prefix, show
from .lastlines import LastLines
from .listdesk import ListDesk
from .logbuffer import LogBuffer
from .logdesk import LogDesk
from .model import ChangeTold, LinkKind, LinkTold, Message, Model, Ref
from .mouse import Mouse
from .pane import Box, Look, Row, last_event, row_width
from .pickers import Pickers
from .replaydesk import ReplayDesk
from .screens.asking import Question
from .screens.attach import key_words
from .screens.detail import Detail
from .screens.events import KINDS, LEVELS, EventsPane
from .screens.logpane import LogPane
from .screens.overview import Overview
from .screens.table import ProcessTable
from .serving import Serving
from .setup import Setup
from .whys import Whys
from .words import clean, clock, exit_words, spawn_error, tries_words

TWICE_WITHIN_S: Final = 2.0
SYNC_AFTER_S: Final = 0.05


class Console(Desk):
    """``links`` by supervisor's name. ``theme``: the one in use. ``read_only``: refuse everything that changes."""

    def __init__(self, host: Host, model: Model, look: Look, *, theme: str, read_only: bool = False) -> None:
        super().__init__(host, model, look, theme=theme, read_only=read_only)
        self.feeds = Feeds(self.links, host.invalidate, host.now)
        self.stage.message.idle = self._idle_line
        self._last_lines = LastLines(self.links, host.invalidate)
        self.overview.table.last_line = self._last_lines.of
        self._actions = Actions(self)
        self._attaching = Attaching(self, self._actions)
        self.leave_all = self._attaching.leave_all
        self._attaching.palette = lambda: self._pickers.palette()
        self.replay = ReplayDesk(self, self.feeds, self._attaching)
        self._attaching.spare = self.replay.key
        self._serving = Serving(self, self._actions)
        self._fleet = FleetDesk(self)
        self._fleet.screen.trouble.last_line = self._last_lines.of
        self._pickers = Pickers(self)
        self._pickers.propose = self._actions.propose
        self._whys = Whys(self)
        self._list = ListDesk(self)
        self._link_trouble = False
        self._pending: tuple[str, ...] = ()
        self._replies = Replies()
        self._sequence_timer: Timer | None = None
        self._sync_timer: Timer | None = None
        self._interrupted_at = float("-inf")
        self._no_log = LogBuffer()
        self._no_log_text = ""
        self._logdesk = LogDesk(self, self.feeds, self._log)
        self._mouse = Mouse(self, self._fleet, self._logdesk)
        self.stage.resized = self._keep_sizes
        self.setup = Setup(self, self._pickers, self._logdesk.screen)
        self._attaching.give = self._logdesk.give
        self._commands = (
            self._list.commands() | self._logdesk.commands() | self.replay.commands() | self._table()
        )
        self._with_argument: dict[str, Callable[[str], None]] = {
            "signal": lambda name: self._actions.act(Verb.SIGNAL, signal=name),
            "restart-rolling": lambda number: self._actions.roll(int(number)),
            "filter": lambda text: self.view.change(filter=filters.parse(text)),
            "theme": self._pickers.use_theme,
            "sort": lambda column: self.view.change(sort=column),
        }
        for pane in (self.overview.table, self.overview.log, self.overview.events, self.events.pane):
            self._logdesk.made(pane)
        for part in (self._fleet.screen.sups, self._fleet.screen.trouble, self.stage.footer):
            urwid.connect_signal(part, "mouse", self.pressed)
        if self._fleet.many:
            self._fleet.show()

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
        self._actions.check_progress()
        self.host.invalidate()

    def _mark_log(self, before: wire.ProcessRecord, record: wire.ProcessRecord, sup: str) -> None:
        """A line in a followed log where the process ended: what comes below is another life."""
        ends = (ProcessStates.EXITED, ProcessStates.BACKOFF, ProcessStates.FATAL, ProcessStates.STOPPED)
        alive = (ProcessStates.RUNNING, ProcessStates.STARTING, ProcessStates.STOPPING)
        if before.state in alive and record.state in ends:
            words = spawn_error(record) or exit_words(record.exitstatus) or "stopped"
            if record.state == ProcessStates.BACKOFF and (tries := tries_words(record)):
                words += f", {tries}"
            self.feeds.note(Ref(sup, record.group, record.name), f"{clock(self.host.now())} {clean(words)}")

    def _linked(self, told: LinkTold) -> None:
        if told.kind is LinkKind.AWAY:
            self._attaching.link_lost(told.sup)
        if self._fleet.many:
            return  # the fleet screen and the timeline say it, of however many
        match told.kind:
            case LinkKind.AUTH_FAILED:
                self.error(f"AUTH FAILED: {told.reason}. g l logs in; C-r tries again")
            case LinkKind.INCOMPATIBLE:
                self.error(told.reason)
            case LinkKind.AWAY if not self.model.sups[told.sup].known:
                url = self.links[told.sup].target.url if told.sup in self.links else told.sup
                self.say(f"no supervisor answers at {url}: {told.reason}", "msg.warn", keep=True)
            case LinkKind.LIVE | LinkKind.POLL:
                if self._link_trouble:
                    self.unsay()
                self._link_trouble = False
                return
        self._link_trouble = told.kind is not LinkKind.CONNECTING

    # --- around drawing ------------------------------------------------------------------------------

    def before_draw(self) -> None:
        """Bring up to date what is about to be painted."""
        now = self.host.now()
        self.view.refresh(now)
        screen = self.stage.screen
        if self.model.regrouped:
            for shown in {*self.stack, self._logdesk.screen}:
                shown.regroup(self.model.regrouped)
        self._fleet.wear()
        self.stage.title.scope = None if self._fleet.shown else self.view.scope
        self.stage.title.read_only = self.read_only and not self.replaying
        self.stage.title.all_words = "FLEET" if self._fleet.shown else "all"
        self.stage.title.group = "" if self._fleet.shown else self.view.group
        for wish in screen.logs():
            wish.pane.show(self.feeds.merged(wish.keys), wish.subject, wish.channel)
        if screen is self.overview and self.overview.ref() is None:
            self._describe_group()
        self._logdesk.arrive()
        contexts = self.contexts()
        deaf = self.stage.dialog.deaf if self.stage.dialog is not None else ()
        entries = self.keymap.footer(contexts, changing=not self.read_only)
        self.stage.footer.entries = [entry for entry in entries if entry[1].name not in deaf]
        self.stage.footer.hint = self._hint()
        if (
            self._actions.progress is not None
            and not self._actions.progress.hidden
            and self.stage.message.prompt is None
        ):
            self.stage.message.text = self._actions.line()
            self.stage.message.role = "msg.info"

    def _describe_group(self) -> None:
        group = self.view.cursor
        text = ""
        if group is not None and group in self.model.groups:
            keys = {
                name: self.keymap.keys_of(name, self.contexts())[:1] for name in ("logs", "restart-group")
            }
            can = {"logs": "shows their logs as one", "restart-group": "restarts them all"}
            words = [f"{key[0]} {can[name]}" for name, key in keys.items() if key]
            count = len(self.model.groups[group])
            text = f"group {group.group}: {count} processes, {self.model.up(group)} up\n{', '.join(words)}\n"
        if text != self._no_log_text:
            self._no_log_text = text
            self._no_log = LogBuffer()
            self._no_log.begin(0, 0, 0)
            self._no_log.output(0, 0, text.encode())
        self.overview.log.show(self._no_log, group.namespec if text and group is not None else "", "")

    def after_draw(self) -> None:
        """Ask for what can be seen now, a moment later: the cursor may be on its way."""
        if self._sync_timer is None:
            self._sync_timer = self.host.later(SYNC_AFTER_S, self._sync)
        self._attaching.check_size()

    def _sync(self) -> None:
        self._sync_timer = None
        screen = self.stage.screen
        self._whys.refresh()
        self.feeds.follow(
            []
            if self.stage.full is not None and not self.stage.half
            else [key for wish in screen.logs() for key in wish.keys]
        )
        self._last_lines.show(screen.glanced() if self.stage.full is None or self.stage.half else ())
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
        if self._attaching.sessions:
            keys = self.keymap.keys_of("attached", self.contexts())
            row += [("msg.info", f" attached to {self._attaching.words()}")]
            row += [("ui.text.muted", f"  ({keys[0]} shows)")] if keys else []
        note = self._fleet.note()
        if note:
            row.append(("fleet.reconnect", f" {note}"))
        strips = (self.overview, self._fleet.screen)
        listed = self.stage.screen is self.events
        if row or listed or any(screen is self.stage.screen and screen.events_shown for screen in strips):
            return row
        return last_event(self.model)

    def _hint(self) -> Row:
        if self.stage.dialog is not None and self.stage.dialog.hint:
            return self.stage.dialog.hint
        if self._pending:
            row = self._choices(lambda command: command.help)
            fits = row_width(row) < self.stage.size[0]
            return row if fits else self._choices(lambda command: command.label)
        return []

    def _choices(self, words: Callable[[Command], str]) -> Row:
        """What may follow the keys that were typed."""
        found = self.keymap.find(self.contexts(), self._pending)
        row: Row = [("ui.footer.key", show(self._pending)), ("ui.footer", " then  ")]
        for key, command in found.choices if isinstance(found, Prefix) else ():
            row += [("ui.footer.key", show((key,))), ("ui.footer", f" {words(described(command))} ")]
        return row

    # --- keys ----------------------------------------------------------------------------------------

    def filter_input(self, keys: list[object], raw: list[int]) -> list[object]:
        """urwid's input filter: while attached everything goes to the program."""
        if self.stage.full is None:
            typed = self._replies.strip(raw, time.monotonic())
            return keys if typed is None else [*_parsed(typed), *(k for k in keys if k == "window resize")]
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
        if found is None and self._pending and key == "esc":
            self._pending = ()
            return
        self._pending = ()
        if isinstance(found, Prefix):
            self._pending = keys
            self._sequence_timer = self.host.later(self.sequence_s, self._forget_sequence)
        elif found is not None:
            self.execute(found, key)
        elif self.stage.dialog is None:
            helps = self.keymap.keys_of("help", self.contexts())
            self.say(f"no command on {show(keys)} here, {helps[0] if helps else '?'} shows keys")

    def _forget_sequence(self) -> None:
        self._sequence_timer = None
        self._pending = ()
        self.host.invalidate()

    def interrupt(self) -> None:
        """Ctrl-C came as a signal."""
        if self.stage.full is not None:
            prefix = key_words(self.look.prefix[0])
            self.say(f"{prefix} d detaches, {prefix} s sends a signal")
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
        # keys that come faster than pictures: each means the rows that the ones before it made
        self.view.refresh(self.host.now())
        self._fleet.screen.sups.view.refresh()
        name, _, argument = name.partition(" ")
        command = COMMANDS[name]
        if command.changes and self.read_only:
            self.say(f"read-only: {command.help} is not allowed on this connection", "msg.warn")
            return
        if name == "back":
            self._back(key)
            return
        if command.section == ACT:
            self.given.append(f"{name} {argument}".strip())
        try:
            if argument:
                self._with_argument[name](argument)
            else:
                self._commands[name]()
        except UserError as error:
            self.say(str(error), "msg.warn")

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
            "pane-left": lambda: self.stage.screen.toward(-1, 0),
            "pane-right": lambda: self.stage.screen.toward(1, 0),
            "pane-up": lambda: self.stage.screen.toward(0, -1),
            "pane-down": lambda: self.stage.screen.toward(0, 1),
            "wider": lambda: self._resize(1, 0),
            "narrower": lambda: self._resize(-1, 0),
            "higher": lambda: self._resize(0, 1),
            "lower": lambda: self._resize(0, -1),
            "even": lambda: self._resize(0, 0),
            "overview": lambda: self.show([*self.base, self.overview]),
            "fleet": self._fleet.show,
            "open-supervisor": self._fleet.open,
            "everything": self._fleet.everything,
            "group-by": self._fleet.turn,
            "detail": self._detail,
            "events": lambda: self.show([*self.base, self.overview, self.events]),
            "fold-all": lambda: self._fold_all(True),
            "unfold-all": lambda: self._fold_all(False),
            "start": lambda: self._actions.act(Verb.START),
            "stop": lambda: self._actions.act(Verb.STOP),
            "restart": lambda: self._actions.act(Verb.RESTART),
            "start-group": lambda: self._actions.act_group(Verb.START),
            "stop-group": lambda: self._actions.act_group(Verb.STOP),
            "restart-group": lambda: self._actions.act_group(Verb.RESTART),
            "signal": self._actions.signal,
            "restart-rolling": lambda: self._actions.roll(ROLLING_SIZE),
            "stop-rolling": self._actions.stop_rolling,
            "undo": self._actions.undo,
            "copy-name": self._copy_name,
            "copy-command": self._copy_command,
            "repeat": self._actions.repeat,
            "clear-log": self._serving.clear_log,
            "reload": self._serving.reload,
            "shutdown": self._serving.shutdown,
            "restart-supervisor": self._serving.restart,
            "attach": lambda: self._attaching.attach(read_only=False),
            "watch": lambda: self._attaching.attach(read_only=True),
            "attached": self._attaching.choose,
            "mark": lambda: (self._fleet.mark if self._fleet.shown else self.view.toggle_mark)(),
            "mark-all": self.view.mark_shown,
            "unmark-all": self.view.unmark,
            "filter": self._filter,
            "find": self._find,
            "next-match": lambda: self._next_match(backward=False),
            "previous-match": lambda: self._next_match(backward=True),
            "attention": lambda: self.view.change(attention=not self.view.attention),
            "palette": self._pickers.palette,
            "actions": lambda: self._pickers.actions(self._actions.targets().words),
            "sort": self._pickers.sort,
            "invert": lambda: self.view.change(inverted=not self.view.inverted),
            "zoom": lambda: self.stage.screen.zoom(),
            "follow": self._follow,
            "kind": self._event_kind,
            "level": self._event_level,
            "hour-back": lambda: self.events.pane.hour(1),
            "hour-on": lambda: self.events.pane.hour(-1),
            "pause": lambda: self._log().pause(),
            "wrap": self._wrap,
            "stream": self._stream,
            "clear-pane": lambda: self._log().buffer.clear(),
            "help": lambda: self._pickers.help(self.setup.edit_key),
            "settings": self.setup.settings,
            "save-settings": self.setup.save,
            "edit-keys": self.setup.edit_key,
            "columns": self.setup.columns,
            "theme": self._pickers.choose_theme,
            "mouse": self._toggle_mouse,
            "reconnect": self._reconnect,
            "log-in": self._fleet.log_in,
            "redraw": self.host.redraw,
            "history": self._pickers.history,
            "go": self._pickers.go,
            "messages": self._pickers.messages,
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
        if self._fleet.shown:
            self._fleet.move(by)
        elif isinstance(focused, ProcessTable):
            self.view.move(by)
        elif isinstance(focused, (LogPane, EventsPane)):
            focused.move(by)

    def _page(self, pages: float) -> None:
        focused = self.stage.screen.focused
        if self._fleet.shown:
            self._fleet.page(pages)
        elif isinstance(focused, ProcessTable):
            self.view.move(int(pages * max(1, focused.rows_visible - 1)) or (1 if pages > 0 else -1))
        elif isinstance(focused, LogPane):
            if pages < 0 and focused.top is not None and focused.at_top:
                self._logdesk.older()
            else:
                focused.page(pages)
        elif isinstance(focused, EventsPane):
            focused.move(int(pages * max(2, focused.height)))

    def _end(self, *, first: bool) -> None:
        focused = self.stage.screen.focused
        if self._fleet.shown:
            self._fleet.move(-(10**9) if first else 10**9)
        elif isinstance(focused, ProcessTable):
            self.view.go(0 if first else len(self.view.rows) - 1)
        elif isinstance(focused, LogPane):
            focused.first() if first else focused.follow()
        elif isinstance(focused, EventsPane):
            focused.move(-(10**9) if first else 10**9)

    def _sideways(self, by: int) -> None:
        screen = self.stage.screen
        if self._fleet.shown:
            self._fleet.sideways(by)
        elif isinstance(screen.focused, LogPane):
            if by < 0 and screen.focused.aside == 0 and screen is not self._logdesk.screen:
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

    def _fold_all(self, folded: bool) -> None:
        view = self._fleet.screen.sups.view if self._fleet.shown else self.view
        view.fold_all(folded)

    def _detail(self) -> None:
        if self.stage.screen is self.events and self.events.pane.expand():
            return
        ref = self.stage.screen.ref()
        if ref is None or ref not in self.model.records:
            if self.view.cursor is not None and self.stage.screen is self.overview:
                self.view.fold(self.view.cursor not in self.view.folded)
                return
            raise UserError("no process is selected")
        screen = Detail(self.model, self.look, ref)
        for pane in (screen.log, screen.other):
            pane.wrap = self.overview.log.wrap
            self._logdesk.made(pane)
        if isinstance(self.stage.screen, Detail):
            self.stack.pop()
        self.show([*self.stack, screen])

    def _back(self, key: str) -> None:
        screen = self.stage.screen
        if self._list.leave_range():
            self.unsay()
        elif self._actions.progress is not None and not self._actions.progress.hidden:
            self._actions.progress.hidden = True
            self.stage.message.text = ""
        elif self._logdesk.back() or self._fleet.back():
            pass
        elif screen.zoomed is not None:
            screen.zoomed = None
            if screen is not self._logdesk.screen:
                screen.focused = screen.panes[0]
        elif screen.focused is not screen.panes[0] and screen is not self._logdesk.screen:
            screen.focused = screen.panes[0]
        elif len(self.stack) > 1:
            self.show(self.stack[:-1])
        elif key == "esc" and (self.view.filter.text or self.view.attention):
            self.view.change(filter=filters.Filter(), attention=False)
        elif key == "esc":
            self.say("q or F10 quits")
        elif self._attaching.sessions:
            self._ask_to_quit()
        else:
            self._quit()

    def _ask_to_quit(self) -> None:
        """One key is not enough where something is attached to."""

        def done(agreed: bool) -> None:
            self.close()
            if agreed:
                self._quit()

        lines = [
            "Leave the console?",
            "",
            f"Attached to {self._attaching.words()}.",
            "What runs goes on running.",
        ]
        self.open(Question(self.look, "QUIT", lines, "Quit", done))

    def _quit(self) -> None:
        self.host.quit()

    def _interrupt(self) -> None:
        now = self.host.now()
        if 0 <= now - self._interrupted_at < TWICE_WITHIN_S:
            self._quit()
        self._interrupted_at = now
        self.say("Ctrl-C again quits")

    def _resize(self, across: int, down: int) -> None:
        screen = self.stage.screen
        if across or down:
            screen.resize(across, down)
        else:
            screen.even()
        self._keep_sizes()

    def _keep_sizes(self) -> None:
        """Keep how the screen that is shown is divided, for the next time."""
        if self.stage.screen is self.overview:
            self.keep(splits=tuple(self.overview.splits))
        elif self.stage.screen is self._logdesk.screen:
            self.keep(log_splits=self._logdesk.screen.kept)

    # --- the list ------------------------------------------------------------------------------------

    def _filter(self) -> None:
        if self._fleet.shown:
            self._fleet.filter()
        else:
            self._list.filter()

    @property
    def _in_logs(self) -> bool:
        """Whether finding is for a log."""
        return isinstance(self.stage.screen.focused, LogPane) or self.stage.screen is not self.overview

    def _find(self) -> None:
        if self._in_logs:
            self._logdesk.find()
        else:
            self._list.find()

    def _next_match(self, *, backward: bool) -> None:
        if self._in_logs:
            self._logdesk.next_match(backward=backward != self._log().backward)
        else:
            self._list.next_match(backward=backward)

    # --- logs ----------------------------------------------------------------------------------------

    def _follow(self) -> None:
        focused = self.stage.screen.focused
        if isinstance(focused, EventsPane):
            focused.move(-(10**9))
        else:
            self._log().follow()

    def _copy_name(self) -> None:
        refs = self._actions.targets().refs
        if not refs:
            raise UserError("no process is selected")
        names = " ".join(ref.namespec for ref in refs)
        self._logdesk.give(names.encode(), names)

    def _copy_command(self) -> None:
        line = self._actions.command_line()
        self._logdesk.give(line.encode(), line)

    def _event_kind(self) -> None:
        pane = self.events.pane
        pane.choose(kind=KINDS[(KINDS.index(pane.kind) + 1) % len(KINDS)])

    def _event_level(self) -> None:
        pane = self.events.pane
        pane.choose(least=LEVELS[(LEVELS.index(pane.least) + 1) % len(LEVELS)])

    def _wrap(self) -> None:
        log = self._log()
        log.wrap = not log.wrap
        self.say(f"wrap {'on' if log.wrap else 'off'}")

    def _stream(self) -> None:
        screen = self.stage.screen
        if screen is self._logdesk.screen:
            self._logdesk.stream()
            return
        if not isinstance(screen, (Overview, Detail)):
            raise UserError("there is no log on this screen")
        ref = screen.ref()
        record = self.model.records.get(ref) if ref is not None else None
        if screen.channel == "stdout" and record is not None and record.redirect_stderr:
            raise UserError(f"{record.name} writes its stderr to stdout (redirect_stderr)")
        screen.channel = "stderr" if screen.channel == "stdout" else "stdout"

    def _toggle_mouse(self) -> None:
        self.setup.apply(replace(self.settings, mouse=not self.settings.mouse))
        self.say("mouse on" if self.settings.mouse else "mouse off: the terminal selects text itself")

    def _reconnect(self) -> None:
        meant = self._fleet.meant()
        for name in meant:
            self.links[name].retry_now()
        self.say("trying the connection" if len(meant) == 1 else f"trying {len(meant)} connections")

    # --- the mouse -----------------------------------------------------------------------------------

    def pressed(self, box: Box, button: int, col: int, row: int, size: tuple[int, int]) -> None:
        self._mouse.pressed(box, button, col, row)


def _parsed(codes: list[int]) -> list[object]:
    """The keys that bytes stand for, by urwid's names."""
    keys: list[object] = []
    while codes:
        some, codes = escape.process_keyqueue(codes, more_available=False)
        keys += some
    return keys
