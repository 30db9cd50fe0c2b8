"""**Pure**: the named commands of the console, and what an action sends; must never know widgets or links.

``COMMANDS`` is the one table of everything a key, the palette or the mouse can ask for.
``plan`` turns a verb and processes into requests in phases, and says whether to ask
first; ``Progress`` follows one plan until every process has settled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from supervisor.errors import UserError
from supervisor.faults import Faults
from supervisor.protocol.stream import ProcessRecord, Value
from supervisor.states import RUNNING_STATES, SIGNALLABLE_STATES, ProcessStates

from .listview import SORTS
from .model import Model, Ref, matches, natural


@dataclass(frozen=True, slots=True)
class Command:
    """``label``: one word for the footer. ``changes``: whether it changes something on a server.

    ``argument``: what may stand behind it in a key map, empty for nothing.
    """

    name: str
    label: str
    help: str
    section: str
    changes: bool = False
    argument: str = ""


SECTIONS: Final = ("MOVE", "ACT ON CURSOR OR MARKS", "MARK", "FIND", "VIEW", "CONSOLE", "ATTACHED")
_MOVE, _ACT, _MARK, _FIND, _VIEW, _CONSOLE, ATTACHED = SECTIONS
ACT: Final = _ACT
MOVE: Final = _MOVE


def _table(*commands: Command) -> dict[str, Command]:
    return {command.name: command for command in commands}


COMMANDS: Final[dict[str, Command]] = _table(
    Command("up", "Up", "row up", _MOVE),
    Command("down", "Down", "row down", _MOVE),
    Command("page-up", "PgUp", "page up", _MOVE),
    Command("page-down", "PgDn", "page down", _MOVE),
    Command("half-up", "Up", "half a page up", _MOVE),
    Command("half-down", "Down", "half a page down", _MOVE),
    Command("first", "First", "first row", _MOVE),
    Command("last", "Last", "last row", _MOVE),
    Command("left", "Fold", "fold, scroll left", _MOVE),
    Command("right", "Unfold", "unfold, into the log", _MOVE),
    Command("next-pane", "Pane", "next pane", _MOVE),
    Command("previous-pane", "Pane", "previous pane", _MOVE),
    Command("overview", "Overview", "screen 1: overview", _MOVE),
    Command("detail", "Detail", "screen 2: this process", _MOVE),
    Command("logs", "Logs", "log of process, group or marks", _MOVE),
    Command("log-screen", "Logs", "screen 3: logs, as left", _MOVE),
    Command("wider", "Wider", "pane wider", _VIEW),
    Command("narrower", "Narrower", "pane narrower", _VIEW),
    Command("higher", "Higher", "pane higher", _VIEW),
    Command("lower", "Lower", "pane lower", _VIEW),
    Command("even", "Even", "panes of usual sizes", _VIEW),
    Command("follow-row", "Follow", "cursor follows its process, or keeps its row", _VIEW),
    Command("logs-then", "Logs then", "its log at this time", _MOVE),
    Command("pane-left", "Left", "pane at the left", _MOVE),
    Command("pane-right", "Right", "pane at the right", _MOVE),
    Command("pane-up", "Up", "pane above", _MOVE),
    Command("pane-down", "Down", "pane below", _MOVE),
    Command("older", "Older", "load older text", _MOVE),
    Command("line-start", "Start", "start of the lines", _MOVE),
    Command("line-end", "End", "end of the lines", _MOVE),
    Command("next-error", "Error", "next error line", _MOVE),
    Command("previous-error", "Error", "error line before", _MOVE),
    Command("next-warning", "Warning", "next warning line", _MOVE),
    Command("previous-warning", "Warning", "warning line before", _MOVE),
    Command("next-restart", "Life", "next end of a process", _MOVE),
    Command("previous-restart", "Life", "end of a process before", _MOVE),
    Command("events", "Events", "screen 4: what happened", _MOVE),
    Command("fleet", "Fleet", "screen 5: all supervisors", _MOVE),
    Command("open-supervisor", "Open", "work on this supervisor", _MOVE),
    Command("everything", "One list", "all supervisors as one list", _MOVE),
    Command("group-by", "Groups", "groups over all supervisors, or supervisors", _VIEW),
    Command("fold-all", "Fold", "fold all groups", _MOVE),
    Command("unfold-all", "Unfold", "unfold all groups", _MOVE),
    Command("start", "Start", "start", _ACT, True),
    Command("stop", "Stop", "stop", _ACT, True),
    Command("restart", "Restart", "restart", _ACT, True),
    Command("start-group", "Start group", "start its whole group", _ACT, True),
    Command("stop-group", "Stop group", "stop its group (asks)", _ACT, True),
    Command("restart-group", "Restart group", "restart its group (asks)", _ACT, True),
    Command("signal", "Signal", "send a signal (asks)", _ACT, True, "SIGNAL"),
    Command("restart-rolling", "Rolling", "restart a few at a time (asks)", _ACT, True, "NUMBER"),
    Command("stop-rolling", "Stop rolling", "stop a rolling restart after these", _ACT),
    Command("undo", "Undo", "undo the last start or stop", _ACT, True),
    Command("repeat", "Repeat", "the last action again (asks)", _ACT, True),
    Command("clear-log", "Clear log", "clear its log on the server (asks)", _ACT, True),
    Command("reload", "Reload", "read the configuration again (asks)", _ACT, True),
    Command("shutdown", "Shutdown", "shut the supervisor down (asks)", _ACT, True),
    Command("restart-supervisor", "Restart supervisor", "restart the supervisor (asks)", _ACT, True),
    Command("attach", "Attach", "attach to its terminal", _ACT, True),
    Command("watch", "Watch", "attach, read-only", _ACT),
    Command("attached", "Attached", "programs that are attached to", _MOVE),
    Command("mark", "Mark", "mark, move on", _MARK),
    Command("mark-range", "Range", "mark a range: once at each end", _MARK),
    Command("mark-glob", "Mark by", "mark by pattern", _MARK),
    Command("unmark-glob", "Unmark by", "unmark by pattern", _MARK),
    Command("mark-all", "Mark all", "mark all shown", _MARK),
    Command("unmark-all", "Unmark", "unmark all", _MARK),
    Command("mark-line", "Mark", "mark this line", _MARK),
    Command("next-mark", "Mark", "next marked line", _MARK),
    Command("previous-mark", "Mark", "marked line before", _MARK),
    Command("clear-marks", "Unmark", "clear the marks", _MARK),
    Command("select", "Select", "select characters", _MARK),
    Command("select-lines", "Lines", "select lines", _MARK),
    Command("word", "Word", "next word", _MOVE),
    Command("word-back", "Back", "word before", _MOVE),
    Command("word-end", "End", "end of the word", _MOVE),
    Command("other-end", "Other end", "the other end of the selection", _MOVE),
    Command("copy-name", "Copy name", "copy the name", _MARK),
    Command("copy-command", "Copy ctl", "copy the supervisorctl command", _MARK),
    Command("copy", "Copy", "copy selection or line", _MARK),
    Command("bare", "Bare", "bare lines, no frame", _MARK),
    Command("save", "Save", "save to a file", _MARK),
    Command("open", "Open", "open in $PAGER, $EDITOR", _MARK),
    Command("filter", "Filter", "filter this list", _FIND, argument="TEXT"),
    Command("find", "Find", "find", _FIND),
    Command("find-back", "Find back", "find backward", _FIND),
    Command("filter-in", "Only", "only lines with", _FIND),
    Command("filter-out", "Without", "no lines with", _FIND),
    Command("case", "Case", "case: smart, exact, any", _FIND),
    Command("regex", "Regex", "pattern or plain text", _FIND),
    Command("next-match", "Next", "next match", _FIND),
    Command("previous-match", "Prev", "previous match", _FIND),
    Command("attention", "Trouble", "only what needs attention", _FIND),
    Command("actions", "Actions", "menu of actions", _FIND),
    Command("palette", "Palette", "command palette", _FIND),
    Command("sort", "Sort", "choose what to sort by", _VIEW, argument="COLUMN"),
    Command("sort-next", "Sort", "sort by the next column", _VIEW),
    Command("sort-previous", "Sort", "sort by the column before", _VIEW),
    Command("invert", "Invert", "turn the order round", _VIEW),
    Command("zoom", "Zoom", "zoom this pane", _VIEW),
    Command("follow", "Follow", "follow the end of the log", _VIEW),
    Command("kind", "Kind", "next kind of events", _VIEW),
    Command("level", "Level", "only louder events", _VIEW),
    Command("hour-back", "Hour", "an hour back", _MOVE),
    Command("hour-on", "Hour", "an hour on", _MOVE),
    Command("pause", "Pause", "pause the log", _VIEW),
    Command("wrap", "Wrap", "wrap long lines", _VIEW),
    Command("stream", "Stream", "stdout, stderr (or both)", _VIEW),
    Command("times", "Times", "time of arrival", _VIEW),
    Command("numbers", "Numbers", "line numbers", _VIEW),
    Command("split-right", "Split", "new pane at the right", _VIEW),
    Command("split-below", "Split", "new pane below", _VIEW),
    Command("close-pane", "Close", "close this pane", _VIEW),
    Command("merge", "Merge", "merge another process in", _VIEW),
    Command("clear-pane", "Clear", "clear the pane only", _VIEW),
    Command("help", "Help", "these keys", _CONSOLE),
    Command("theme", "Theme", "choose a theme", _CONSOLE, argument="NAME"),
    Command("settings", "Setup", "settings", _CONSOLE),
    Command("save-settings", "Save", "keep the settings for the next time", _CONSOLE),
    Command("columns", "Columns", "columns of the list", _VIEW),
    Command("edit-keys", "Edit keys", "give a command another key", _CONSOLE),
    Command("mouse", "Mouse", "mouse on, off", _CONSOLE),
    Command("reconnect", "Retry", "try the connection now", _CONSOLE),
    Command("log-in", "Log in", "log in, or as another user", _CONSOLE),
    Command("redraw", "Redraw", "paint the screen anew", _CONSOLE),
    Command("history", "History", "commands given, to give again", _CONSOLE),
    Command("go", "Go to", "go to a process", _MOVE),
    Command("messages", "Messages", "messages of this session", _CONSOLE),
    Command("back", "Back", "back", _CONSOLE),
    Command("quit", "Quit", "quit", _CONSOLE),
    Command("interrupt", "Quit", "quit (twice)", _CONSOLE),
    Command("replay-hold", "Hold", "hold the replay, go on", _CONSOLE),
    Command("replay-faster", "Faster", "replay faster", _CONSOLE),
    Command("replay-slower", "Slower", "replay more slowly", _CONSOLE),
    Command("replay-step", "Step", "hold behind the next thing recorded", _CONSOLE),
    Command("replay-back", "-10 s", "replay from 10 seconds before", _CONSOLE),
    Command("replay-on", "+10 s", "skip 10 seconds", _CONSOLE),
    # in dialogs, choices and overlays
    Command("accept", "Choose", "accept", _CONSOLE),
    Command("cancel", "Cancel", "close, nothing is done", _CONSOLE),
    Command("yes", "Yes", "yes, do it", _CONSOLE),
    Command("next", "Next", "next button", _MOVE),
    Command("previous", "Prev", "button before", _MOVE),
    Command("toggle", "Toggle", "the option", _CONSOLE),
    Command("sent", "What", "show what will be sent", _CONSOLE),
    # while attached, after the prefix
    Command("detach", "Detach", "leave the program, it goes on running", ATTACHED),
    Command("look-back", "Scroll", "look back: / searches, v and y copy, q returns", ATTACHED),
    Command("next-attached", "Next", "the next program that is attached to", ATTACHED),
    Command("leave-attached", "Stay", "back to the screens, stay attached", ATTACHED),
    Command("half", "Half", "lower half of the screen, or all of it", ATTACHED),
    Command("signal-it", "Signal", "leave it and send it a signal (asks)", ATTACHED),
    Command("repaint", "Redraw", "have it paint its picture anew", ATTACHED),
    Command("own-size", "Own", "take over: type, and own the size", ATTACHED),
    Command("only-watch", "Watch", "read-only on, off", ATTACHED),
    Command("paste", "Paste", "paste what was copied last", ATTACHED),
    Command("interrupt-goes", "Ctrl-C", "what Ctrl-C does: go to the program, ask, detach", ATTACHED),
    Command("allow-copy", "Allow", "let the program set the clipboard, when it asks", ATTACHED),
    Command("refuse-copy", "Refuse", "never let it", ATTACHED),
    Command("menu", "More", "more of these keys in the bar", ATTACHED),
)


# --- actions -----------------------------------------------------------------------------------------


class Verb(StrEnum):
    START = "start"
    STOP = "stop"
    RESTART = "restart"
    SIGNAL = "signal"


SIGNALS: Final = ("TERM", "HUP", "INT", "USR1", "USR2", "WINCH", "QUIT", "STOP", "CONT", "KILL")
DANGEROUS: Final = frozenset({"KILL", "QUIT", "STOP"})


def check_argument(name: str, argument: str) -> None:
    """Raises UserError where the command cannot do anything with it."""
    wants = COMMANDS[name].argument
    allowed = {"SIGNAL": SIGNALS, "COLUMN": SORTS}.get(wants)
    if not wants:
        raise UserError(f"{name} takes no argument")
    if allowed is not None and argument not in allowed:
        raise UserError(f"{name} {argument}: it is one of {', '.join(allowed)}")
    if wants == "NUMBER" and not (argument.isdecimal() and 0 < int(argument) <= 1000):
        raise UserError(f"{name} {argument}: it is a number from 1 to 1000")


def described(text: str) -> Command:
    """The command of a binding, its argument in what it says about itself."""
    name, _, argument = text.partition(" ")
    command = COMMANDS[name]
    return (
        replace(command, help=f"{command.help.removesuffix(' (asks)')}: {argument}") if argument else command
    )


@dataclass(frozen=True, slots=True)
class Aim:
    """The processes that an action is about, and what to call them.

    ``everywhere``: meant on all supervisors, so that one of which nothing is known yet is missed.
    """

    refs: tuple[Ref, ...] = ()
    words: str = ""
    everywhere: bool = False


def aim_at(model: Model, group: Ref) -> Aim:
    """All of a group, on all supervisors where it is of all."""
    words = f"group {group.group}"
    if not group.sup:
        sups = model.sups_of(group)
        words += f" on {sups[0]}" if len(sups) == 1 else f" on {len(sups)} supervisors"
    return Aim(tuple(model.members_of(group)), words, not group.sup)


@dataclass(frozen=True, slots=True)
class Call:
    """One request to one supervisor, on behalf of ``refs``."""

    sup: str
    method: str
    params: tuple[Value, ...]
    refs: tuple[Ref, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be sent. ``phases``: the calls of one run together, the next begins when they have ended.

    ``records`` are the processes meant, in start order; ``resting`` how many others
    were meant but need nothing. ``rolling``: how many are restarted at a time, 0 for all;
    a rolling plan ends with the phase that had a trouble. ``left_out``: which supervisors
    are not asked, and why.
    """

    verb: Verb
    scope: str
    records: tuple[tuple[Ref, ProcessRecord], ...]
    phases: tuple[tuple[Call, ...], ...]
    asks: bool
    resting: int = 0
    signal: str = ""
    rolling: int = 0
    left_out: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        if self.rolling:
            return f"rolling {self.verb.value}"
        return f"{self.verb.value} {self.signal}".strip()

    @property
    def lanes(self) -> list[list[tuple[Call, ...]]]:
        """The phases that wait for one another: no supervisor waits for another, but where a few go at a time."""
        if self.rolling:
            return [list(self.phases)]
        lanes: dict[str, list[tuple[Call, ...]]] = {}
        for phase in self.phases:
            for sup in dict.fromkeys(call.sup for call in phase):
                lanes.setdefault(sup, []).append(tuple(call for call in phase if call.sup == sup))
        return list(lanes.values())

    @property
    def sent(self) -> list[str]:
        """The calls in the order in which they go, a blank line between those that wait for one another."""
        several = len(self.by_sup) > 1
        lines: list[str] = []
        for phase in (phase for lane in self.lanes for phase in lane):
            lines += [""] if lines else []
            for call in phase:
                words = [f"{call.sup}:"] if several else []
                words += [call.method.removeprefix("supervisor.")]
                lines.append(" ".join([*words, *(p for p in call.params if isinstance(p, str))]))
        return lines

    @property
    def by_sup(self) -> Counter[str]:
        """How many processes of each supervisor, in its order."""
        return Counter(ref.sup for ref, _ in self.records)

    @property
    def by_state(self) -> list[tuple[str, list[str]]]:
        """(state name, process names), in start order."""
        found: dict[str, list[str]] = {}
        several = len(self.by_sup) > 1
        for ref, record in self.records:
            name = f"{ref.name}@{ref.sup}" if several else ref.name
            found.setdefault(record.statename, []).append(name)
        return list(found.items())

    @property
    def longest_stop_s(self) -> int:
        return max((record.stopwaitsecs for _, record in self.records), default=0)


Chosen = Sequence[tuple[Ref, ProcessRecord]]


def plan(
    verb: Verb,
    refs: Sequence[Ref],
    model: Model,
    scope: str,
    *,
    signal: str = "TERM",
    also_stopped: bool = False,
    rolling: int = 0,
    critical: Sequence[str] = (),
) -> Plan:
    """What ``verb`` means for ``refs``. Raises UserError when there is nothing to do, saying why.

    ``critical``: patterns of processes that are asked about even alone. ``rolling``:
    restart so many at a time, the next when those are RUNNING.
    """
    meant = sorted(
        ((ref, model.records[ref]) for ref in refs if ref in model.records),
        key=lambda item: (
            natural(item[0].sup),
            item[1].group_priority,
            item[0].group,
            item[1].priority,
            item[0].name,
        ),
    )
    if not meant:
        raise UserError("no process is selected")
    one = len(meant) == 1
    chosen = tuple(
        (ref, record) for ref, record in meant if _applies(verb, record, also_stopped=also_stopped or one)
    )
    if not chosen:
        raise UserError(_nothing(verb, meant, scope))
    asks = len(chosen) > 1 and verb in (Verb.STOP, Verb.RESTART, Verb.SIGNAL)
    asks = asks or (verb is Verb.SIGNAL and signal in DANGEROUS)
    asks = asks or (verb is not Verb.START and any(is_critical(ref, critical) for ref, _ in chosen))
    phases = _rolling(chosen, rolling) if rolling else _phases(verb, chosen, model, signal)
    return Plan(
        verb,
        scope,
        chosen,
        phases,
        asks,
        len(meant) - len(chosen),
        signal if verb is Verb.SIGNAL else "",
        rolling,
    )


def is_critical(ref: Ref, patterns: Sequence[str]) -> bool:
    return any(matches(ref, pattern) for pattern in patterns)


def _rolling(chosen: Chosen, size: int) -> tuple[tuple[Call, ...], ...]:
    """Stops, then starts, of ``size`` processes after another; a start is answered after startsecs."""
    phases: list[tuple[Call, ...]] = []
    for at in range(0, len(chosen), size):
        batch = chosen[at : at + size]
        stops = tuple(
            Call(ref.sup, "supervisor.stopProcess", (ref.namespec, True), (ref,))
            for ref, record in batch
            if record.state in RUNNING_STATES
        )
        starts = tuple(Call(r.sup, "supervisor.startProcess", (r.namespec, True), (r,)) for r, _ in batch)
        phases += [stops, starts] if stops else [starts]
    return tuple(phases)


def _applies(verb: Verb, record: ProcessRecord, *, also_stopped: bool) -> bool:
    match verb:
        case Verb.START:
            return record.state not in (*RUNNING_STATES, ProcessStates.STOPPING)
        case Verb.STOP:
            return record.state in RUNNING_STATES
        case Verb.RESTART:
            return also_stopped or record.state in RUNNING_STATES
        case Verb.SIGNAL:
            return record.state in SIGNALLABLE_STATES


def _nothing(verb: Verb, meant: list[tuple[Ref, ProcessRecord]], scope: str) -> str:
    if len(meant) == 1:
        return f"{meant[0][0].namespec} is {meant[0][1].statename}: nothing to {verb.value}"
    states = ", ".join(f"{n} {name}" for name, n in Counter(record.statename for _, record in meant).items())
    instead = ", start them instead" if verb is Verb.RESTART else ""
    return f"{scope}: nothing to {verb.value} ({states}){instead}"


def _phases(verb: Verb, chosen: Chosen, model: Model, signal: str) -> tuple[tuple[Call, ...], ...]:
    running = [(ref, record) for ref, record in chosen if record.state in RUNNING_STATES]
    match verb:
        case Verb.START:
            return _starts(chosen, model)
        case Verb.STOP:
            return _stops(running, model)
        case Verb.RESTART:
            return _stops(running, model) + _starts(chosen, model)
        case Verb.SIGNAL:
            return (
                tuple(Call(r.sup, "supervisor.signalProcess", (r.namespec, signal), (r,)) for r, _ in chosen),
            )


def _by_group(chosen: Chosen) -> dict[Ref, list[tuple[Ref, ProcessRecord]]]:
    groups: dict[Ref, list[tuple[Ref, ProcessRecord]]] = {}
    for ref, record in chosen:
        groups.setdefault(ref.of_group, []).append((ref, record))
    return groups


def _stops(chosen: Chosen, model: Model) -> tuple[tuple[Call, ...], ...]:
    """One call for a group of which everything that runs is meant; else a call each, last started first."""
    calls: list[Call] = []
    for group, members in _by_group(chosen).items():
        refs = tuple(ref for ref, _ in members)
        alive = {ref for ref in model.members_of(group) if model.records[ref].state in RUNNING_STATES}
        if len(refs) > 1 and alive == set(refs):
            calls.append(Call(group.sup, "supervisor.stopProcessGroup", (group.group, True), refs))
        else:
            calls.extend(
                Call(r.sup, "supervisor.stopProcess", (r.namespec, True), (r,)) for r in reversed(refs)
            )
    return (tuple(calls),) if calls else ()


def _starts(chosen: Chosen, model: Model) -> tuple[tuple[Call, ...], ...]:
    """One call for a whole group; else a call each, one phase for each priority."""
    whole: list[Call] = []
    single: dict[tuple[int, int], list[Call]] = {}
    for group, members in _by_group(chosen).items():
        refs = tuple(ref for ref, _ in members)
        if len(refs) > 1 and set(refs) == set(model.members_of(group)):
            whole.append(Call(group.sup, "supervisor.startProcessGroup", (group.group, True), refs))
            continue
        for ref, record in members:
            call = Call(ref.sup, "supervisor.startProcess", (ref.namespec, True), (ref,))
            single.setdefault((record.group_priority, record.priority), []).append(call)
    phases = [tuple(whole)] if whole else []
    phases.extend(tuple(single[order]) for order in sorted(single))
    return tuple(phases)


_FAULTS: Final = {
    Faults.NOT_RUNNING: "is not running",
    Faults.SPAWN_ERROR: "could not start: see stderr",
    Faults.ABNORMAL_TERMINATION: "exited too quickly: see its log",
    Faults.NO_FILE: "its command does not exist",
    Faults.NOT_EXECUTABLE: "its command cannot be executed",
    Faults.BAD_NAME: "is not known to the server",
    Faults.SHUTDOWN_STATE: "the supervisor is shutting down",
    Faults.UNKNOWN_METHOD: "the server does not know how to do that",
}
HARMLESS: Final = frozenset({Faults.ALREADY_STARTED})


def fault_words(code: int, text: str, scope: str) -> str:
    """A fault, for the operator."""
    return f"{scope} {_FAULTS[code]}" if code in _FAULTS else f"{scope}: {text}"


_MOVING: Final = frozenset({ProcessStates.STARTING, ProcessStates.STOPPING, ProcessStates.BACKOFF})


@dataclass(slots=True)
class Progress:
    """How far a plan has come. ``done``: the processes whose start was answered; ``stopped``: asked to end early.

    ``lost``: the supervisors that went away meanwhile; the others are not kept from what is left.
    """

    plan: Plan
    finished: bool = False
    lost: set[str] = field(default_factory=set)
    done: set[Ref] = field(default_factory=set)
    stopped: bool = False
    troubles: list[str] = field(default_factory=list)
    hidden: bool = False

    def settled(self, model: Model) -> bool:
        """All calls have ended and no process is on its way any more."""
        return self.finished and not any(
            model.records[ref].state in _MOVING for ref, _ in self.plan.records if ref in model.records
        )

    def text(self, model: Model) -> str:
        """``restart api  3/4 RUNNING, 1 BACKOFF``."""
        plan = self.plan
        states = Counter(model.records[ref].statename for ref, _ in plan.records if ref in model.records)
        total = len(plan.records)
        if plan.verb is Verb.SIGNAL:
            return f"{plan.title} {plan.scope}  {'sent' if self.finished else 'under way'} ({total})"
        if plan.rolling:
            left = next((ref for ref, _ in plan.records if ref not in self.done), None)
            at = f", now {left.sup}" if left is not None and len(plan.by_sup) > 1 else ""
            return f"{plan.title} {plan.scope}  {len(self.done)}/{total} done, {plan.rolling} at a time{at}"
        goal = "STOPPED" if plan.verb is Verb.STOP else "RUNNING"
        parts = [f"{states.pop(goal, 0)}/{total} {goal}"]
        parts.extend(f"{number} {name}" for name, number in states.items())
        return f"{plan.title} {plan.scope}  {', '.join(parts)}"


MARKS_COUNTED: Final = 500
"""So many marks at most are looked at for each picture."""


def describe_marks(marks: Collection[Ref]) -> str:
    """``4 marked in 1 group``, ``4 marked in 1 group on 2 supervisors``, empty for none."""
    if not marks or len(marks) > MARKS_COUNTED:
        return f"{len(marks)} marked" if marks else ""
    groups, sups = len({ref.group for ref in marks}), len({ref.sup for ref in marks})
    where = f" on {sups} supervisors" if sups > 1 else ""
    return f"{len(marks)} marked in {groups} group{'s' if groups != 1 else ''}{where}"
