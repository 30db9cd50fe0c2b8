"""Starts, stops, restarts and signals: planned, asked about, sent, watched until settled; must never know the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from supervisor.client.stream import LinkLost, StreamError
from supervisor.errors import RPCError, ServerError, UserError

from .commands import HARMLESS, SIGNALS, Call, Plan, Progress, Verb, fault_words, plan
from .desk import Desk
from .model import Level, Ref
from .screens.dialogs import Choice, Confirm, Item


class Actions:
    """``progress``: the plan under way whose line is shown, None when all has settled."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.progress: Progress | None = None

    def _targets(self) -> tuple[list[Ref], str]:
        """The processes that an action means, and how to call them."""
        if self._desk.stage.screen is not self._desk.overview:
            ref = self._desk.stage.screen.ref()
            return ([ref], ref.namespec) if ref is not None else ([], "")
        refs = self._desk.view.targets()
        if self._desk.view.marks:
            return refs, f"{len(refs)} marked"
        cursor = self._desk.view.cursor
        if cursor is not None and cursor.is_group:
            return refs, f"group {cursor.group}"
        return refs, refs[0].namespec if refs else ""

    def act(self, verb: Verb, *, signal: str = "TERM") -> None:
        refs, scope = self._targets()
        self.propose(verb, refs, scope, signal=signal)

    def act_group(self, verb: Verb) -> None:
        ref = (
            self._desk.view.cursor
            if self._desk.stage.screen is self._desk.overview
            else self._desk.stage.screen.ref()
        )
        if ref is None:
            raise UserError("no group is selected")
        group = ref.of_group
        self.propose(verb, list(self._desk.model.members_of(group)), f"group {group.group}")

    def propose(self, verb: Verb, refs: Sequence[Ref], scope: str, *, signal: str = "TERM") -> None:
        """Carry out, or ask first where the policy says so."""
        for sup in {ref.sup for ref in refs}:
            if self._desk.model.sups[sup].stale:
                raise UserError(f"cannot {verb.value}: not connected to {sup}, nothing is sent")
        proposal = plan(verb, refs, self._desk.model, scope, signal=signal)
        if not proposal.asks:
            self._begin(proposal)
            return
        replan = None
        if verb is Verb.RESTART and proposal.resting:

            def replan(also: bool) -> Plan:
                return plan(verb, refs, self._desk.model, scope, also_stopped=also)

        def done(agreed: Plan | None) -> None:
            self._desk.close()
            if agreed is None:
                self._desk.say("cancelled, nothing was sent")
            else:
                self._begin(agreed)

        self._desk.open(Confirm(self._desk.look, proposal, done, replan))

    def _begin(self, agreed: Plan) -> None:
        self.progress = Progress(agreed)
        count = f" ({len(agreed.records)})" if len(agreed.records) > 1 else ""
        self._desk.model.note(
            self._desk.host.now(), Level.USER, "you", f"{agreed.title} {agreed.scope}{count}"
        )
        self._desk.host.spawn(self._carry_out(self.progress))

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
                self._desk.messages.append((self._desk.host.now(), "msg.error", trouble))
            progress.hidden = True
            self._desk.error(f"{progress.plan.title}: {progress.troubles[0]}{more}")
        self.check_progress()
        self._desk.host.invalidate()

    async def _send(self, call: Call, progress: Progress) -> None:
        link = self._desk.links[call.sup]
        try:
            await link.call(call.method, *call.params)
        except RPCError as error:
            if error.code not in HARMLESS:
                scope = call.refs[0].namespec if len(call.refs) == 1 else progress.plan.scope
                progress.troubles.append(fault_words(error.code, error.text, scope))

    def check_progress(self) -> None:
        """Let the progress line go once every process has settled."""
        progress = self.progress
        if progress is None or not progress.settled(self._desk.model):
            return
        self.progress = None
        if not progress.hidden and not progress.troubles:
            self._desk.say(progress.text(self._desk.model), "msg.ok")

    def signal(self) -> None:
        refs, scope = self._targets()
        if not refs:
            raise UserError("no process is selected")
        items = [Item(name, name, _SIGNAL_WORDS.get(name, "")) for name in SIGNALS]

        def done(name: str | None) -> None:
            self._desk.close()
            if name is not None:
                try:
                    self.propose(Verb.SIGNAL, refs, scope, signal=name)
                except UserError as error:
                    self._desk.say(str(error), "msg.warn")

        self._desk.open(Choice(self._desk.look, f"Signal to {scope}", items, done))


_SIGNAL_WORDS: Final = {
    "TERM": "asks it to end", "HUP": "often: read the configuration again", "INT": "as Ctrl-C",
    "QUIT": "ends it, with a core", "STOP": "freezes it", "CONT": "lets it go on", "KILL": "ends it at once, no clean-up",
}  # fmt: skip
