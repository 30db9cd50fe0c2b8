"""Starts, stops, restarts and signals: planned, asked about, sent, watched until settled; must never know the loop."""

from __future__ import annotations

import asyncio
import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from supervisor.errors import LinkLost, RPCError, ServerError, StreamError, UserError

from .commands import HARMLESS, SIGNALS, Aim, Call, Plan, Progress, Verb, aim_at, fault_words, plan
from .desk import Desk
from .model import Level, Ref
from .screens.asking import TypeName
from .screens.dialogs import Choice, Confirm, Item
from .words import listed

ROLLING_FROM: Final = 20
"""A restart of more than so many offers to go a few at a time."""
ROLLING_SIZE: Final = 2
UNDO_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Wish:
    """An action as it was asked for, to be asked for again. ``group``: of the whole group of the cursor."""

    verb: Verb
    signal: str = "TERM"
    group: bool = False
    rolling: int = 0


@dataclass(frozen=True, slots=True)
class Undo:
    verb: Verb
    aim: Aim
    until: float


class Actions:
    """``progress``: the plan under way whose line is shown, None when all has settled."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.progress: Progress | None = None
        self._rolling: Progress | None = None
        self._last: Wish | None = None
        self._undo: Undo | None = None

    def targets(self) -> Aim:
        """The processes that an action means."""
        return self._desk.stage.screen.aim()

    def _group(self) -> Aim:
        group = self._desk.stage.screen.group()
        if group is None:
            raise UserError("no group is selected")
        return aim_at(self._desk.model, group)

    def act(self, verb: Verb, *, signal: str = "TERM") -> None:
        self._wish(Wish(verb, signal))

    def act_group(self, verb: Verb) -> None:
        self._wish(Wish(verb, group=True))

    def roll(self, size: int) -> None:
        """Restart the marks, or the group of the cursor, ``size`` at a time."""
        group = not self._desk.view.marks and self._desk.stage.screen.group() is not None
        self._wish(Wish(Verb.RESTART, group=group, rolling=size), ask=True)

    def repeat(self) -> None:
        if self._last is None:
            raise UserError("nothing to repeat: no action was taken yet")
        self._wish(self._last, ask=True)

    def _wish(self, wish: Wish, *, ask: bool = False) -> None:
        aim = self._group() if wish.group else self.targets()
        self.propose(wish.verb, aim, signal=wish.signal, rolling=wish.rolling, ask=ask)
        self._last = wish

    def command_line(self) -> str:
        """What to say to ``supervisorctl`` for the last action, or for the state, of what is selected here."""
        refs = self.targets().refs
        if not refs:
            raise UserError("no process is selected")
        if len({ref.sup for ref in refs}) > 1:
            raise UserError("these are of several supervisors: one command cannot name them")
        verb = self._last.verb.value if self._last is not None else "status"
        verb += f" {self._last.signal}" if self._last is not None and self._last.verb is Verb.SIGNAL else ""
        names = " ".join(shlex.quote(ref.namespec) for ref in refs)
        return f"supervisorctl -s {shlex.quote(self._desk.links[refs[0].sup].target.url)} {verb} {names}"

    def undo(self) -> None:
        undo, self._undo = self._undo, None
        if undo is None or self._desk.host.now() > undo.until:
            raise UserError("nothing to undo any more")
        self.propose(undo.verb, undo.aim)
        self._undo = None

    def _why_not(self, sup: str) -> str:
        """Why nothing can be sent to a supervisor; empty: it can."""
        if self._desk.model.sups[sup].stale:
            return f"not connected to {sup}"
        return f"{sup} lets us look only" if self._desk.model.sups[sup].link.role == "observer" else ""

    def reachable(self, sups: Iterable[str], what: str) -> None:
        """Raises UserError where nothing can be sent."""
        for sup in sups:
            if why := self._why_not(sup):
                raise UserError(f"cannot {what}: {why}, nothing is sent")

    def _apart(self, aim: Aim, what: str) -> tuple[list[Ref], tuple[str, ...]]:
        """The processes that can be asked for, and a line for each supervisor that is left out.

        Raises UserError where none can be asked.
        """
        counts = Counter(ref.sup for ref in aim.refs)
        out = {sup: why for sup in counts if (why := self._why_not(sup))}
        if len(out) == len(counts):
            self.reachable(out, what)
        lines = [
            f"{why}: {counts[sup]} process{'es' if counts[sup] != 1 else ''}" for sup, why in out.items()
        ]
        sups = self._desk.model.sups.values() if aim.everywhere else ()
        unknown = [sup.name for sup in sups if not sup.known]
        if unknown:
            lines.append(f"nothing is known yet of {listed(unknown, 60)}")
        return [ref for ref in aim.refs if ref.sup not in out], tuple(lines)

    def propose(
        self, verb: Verb, aim: Aim, *, signal: str = "TERM", rolling: int = 0, ask: bool = False
    ) -> None:
        """Carry out, or ask first where the policy or ``ask`` says so, or a supervisor is left out."""
        refs, left_out = self._apart(aim, verb.value)
        sups = sorted({ref.sup for ref in refs})

        def replan(also: bool, at_a_time: int) -> Plan:
            made = plan(
                verb,
                refs,
                self._desk.model,
                aim.words,
                signal=signal,
                also_stopped=also,
                rolling=at_a_time,
                critical=self._desk.critical,
            )
            return replace(made, left_out=left_out)

        proposal = replan(False, rolling)
        if not proposal.asks and not ask and not left_out:
            self._typed(proposal, sups)
            return

        def done(agreed: Plan | None) -> None:
            self._desk.close()
            if agreed is None:
                self._desk.say("cancelled, nothing was sent")
            else:
                self._typed(agreed, sups)

        restarts = verb is Verb.RESTART
        offers = restarts and len(proposal.records) > ROLLING_FROM
        self._desk.open(Confirm(self._desk.look, proposal, done, replan if restarts else None, rolls=offers))

    def _typed(self, agreed: Plan, sups: Sequence[str]) -> None:
        """Begin, once the name of each protected supervisor has been typed."""
        count = len(agreed.records)
        what = f"{agreed.title} {agreed.scope}: {count} process{'es' if count != 1 else ''}"
        self.protected([what], sups, lambda: self._begin(agreed))

    def protected(self, lines: Sequence[str], sups: Sequence[str], go: Callable[[], None]) -> None:
        """Do ``go``; where a supervisor is protected, when its name has been typed."""
        guarded = next((sup for sup in sups if self._desk.model.sups[sup].protect), None)
        if guarded is None:
            go()
            return
        rest = sups[sups.index(guarded) + 1 :]
        self.type_name(guarded, [*lines, f"{guarded} is protected."], lambda: self.protected(lines, rest, go))

    def type_name(self, name: str, lines: Sequence[str], go: Callable[[], None]) -> None:
        """Do ``go`` when ``name`` has been typed."""

        def done(agreed: bool) -> None:
            self._desk.close()
            if agreed:
                go()
            else:
                self._desk.say("cancelled, nothing was sent")

        self._desk.open(TypeName(self._desk.look, "TYPE ITS NAME", lines, name, done))

    def _begin(self, agreed: Plan) -> None:
        if agreed.rolling and self._rolling is not None:
            self._desk.say("a rolling restart is under way: g c stops it", "msg.warn")
            return
        self.progress = Progress(agreed)
        if agreed.rolling:
            self._rolling = self.progress
        self._remember_undo(agreed)
        count = f" ({len(agreed.records)})" if len(agreed.records) > 1 else ""
        self._desk.model.note(
            self._desk.host.now(), Level.USER, "you", f"{agreed.title} {agreed.scope}{count}"
        )
        self._desk.host.spawn(self._carry_out(self.progress))

    def _remember_undo(self, agreed: Plan) -> None:
        """One process, started or stopped, can be had back; signals and many cannot."""
        back = {Verb.START: Verb.STOP, Verb.RESTART: Verb.STOP, Verb.STOP: Verb.START}.get(agreed.verb)
        self._undo = None
        if back is not None and len(agreed.records) == 1:
            refs = tuple(ref for ref, _ in agreed.records)
            self._undo = Undo(back, Aim(refs, refs[0].namespec), self._desk.host.now() + UNDO_S)

    def line(self) -> str:
        """The progress, with what can be done about it."""
        progress = self.progress
        if progress is None:
            return ""
        words = "Esc hides"
        if progress is self._rolling:
            words = "stops after these" if progress.stopped else f"g c stops it, {words}"
        return f"{progress.text(self._desk.model)}{self._undo_words()}  ({words})"

    def _undo_words(self) -> str:
        undo = self._undo
        if undo is None or self._desk.host.now() > undo.until:
            return ""
        return f"  u: {undo.verb.value}{' again' if undo.verb is Verb.START else ''}"

    def stop_rolling(self) -> None:
        if self._rolling is None:
            raise UserError("no rolling restart is under way")
        self._rolling.stopped = True
        self._rolling.hidden = False
        self.progress = self._rolling

    async def _carry_out(self, progress: Progress) -> None:
        await asyncio.gather(*(self._lane(lane, progress) for lane in progress.plan.lanes))
        progress.finished = True
        if progress is self._rolling:
            self._rolling = None
            self._end_rolling(progress)
        elif progress.troubles:
            more = (
                f" (and {len(progress.troubles) - 1} more, g m shows)" if len(progress.troubles) > 1 else ""
            )
            for trouble in progress.troubles[1:]:
                self._desk.messages.append((self._desk.host.now(), "msg.error", trouble))
            progress.hidden = True
            self._desk.error(f"{progress.plan.title}: {progress.troubles[0]}{more}")
        self.check_progress()
        self._desk.host.invalidate()

    async def _lane(self, phases: Sequence[Sequence[Call]], progress: Progress) -> None:
        for phase in phases:
            if progress.plan.rolling and (progress.troubles or progress.stopped):
                break
            await asyncio.gather(*(self._send(call, progress) for call in phase))

    def _end_rolling(self, progress: Progress) -> None:
        left = len(progress.plan.records) - len(progress.done)
        rest = f"{len(progress.done)} done, {left} not touched or not up"
        if progress.troubles:
            progress.hidden = True
            self._desk.error(f"rolling restart stopped: {progress.troubles[0]}; {rest}")
        elif left:
            progress.hidden = True
            self._desk.say(f"rolling restart stopped as asked: {rest}", "msg.warn")

    async def _send(self, call: Call, progress: Progress) -> None:
        if call.sup in progress.lost:
            return
        link = self._desk.links[call.sup]
        try:
            await link.call(call.method, *call.params)
        except (StreamError, ServerError) as error:
            if call.sup not in progress.lost:
                progress.lost.add(call.sup)
                lost = isinstance(error, LinkLost)
                words = "connection lost, nobody knows how far it came" if lost else str(error)
                progress.troubles.append(words if len(self._desk.links) == 1 else f"{call.sup}: {words}")
            return
        except RPCError as error:
            if error.code not in HARMLESS:
                scope = call.refs[0].namespec if len(call.refs) == 1 else f"group {call.refs[0].group}"
                if len(progress.plan.by_sup) > 1:
                    scope += f"@{call.sup}"
                progress.troubles.append(fault_words(error.code, error.text, scope))
                return
        if call.method == "supervisor.startProcess":
            progress.done.update(call.refs)
            self._desk.host.invalidate()

    def check_progress(self) -> None:
        """Let the progress line go once every process has settled."""
        progress = self.progress
        if progress is None or not progress.settled(self._desk.model):
            return
        self.progress = None
        if not progress.hidden and not progress.troubles:
            self._desk.say(f"{progress.text(self._desk.model)}{self._undo_words()}", "msg.ok")

    def signal(self) -> None:
        aim = self.targets()
        if not aim.refs:
            raise UserError("no process is selected")
        items = [Item(name, name, _SIGNAL_WORDS.get(name, "")) for name in SIGNALS]

        def done(name: str | None) -> None:
            self._desk.close()
            if name is not None:
                try:
                    self.propose(Verb.SIGNAL, aim, signal=name)
                    self._last = Wish(Verb.SIGNAL, name)
                except UserError as error:
                    self._desk.say(str(error), "msg.warn")

        self._desk.open(Choice(self._desk.look, f"Signal to {aim.words}", items, done))


_SIGNAL_WORDS: Final = {
    "TERM": "asks it to end", "HUP": "often: read the configuration again", "INT": "as Ctrl-C",
    "QUIT": "ends it, with a core", "STOP": "freezes it", "CONT": "lets it go on", "KILL": "ends it at once, no clean-up",
}  # fmt: skip
