"""What concerns a whole supervisor: its configuration, its end, logs on its disk; must never know the loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from supervisor.ctl.plan import Change, GroupPlan, Member, plan_lines
from supervisor.errors import RPCError, ServerError, StreamError, UserError
from supervisor.faults import Faults

from .actions import Actions
from .commands import fault_words
from .desk import Desk
from .link import Connection
from .model import Level
from .screens.asking import Question

MAX_NAMES: Final = 12


class Serving:
    def __init__(self, desk: Desk, actions: Actions) -> None:
        self._desk = desk
        self._actions = actions

    def _sup(self) -> str:
        """The supervisor that is meant. Raises UserError where it is not one."""
        sup = self._desk.stage.screen.sup()
        sups = self._desk.model.sups
        if not sup and len(sups) > 1:
            raise UserError("of which supervisor? Put the cursor on one of screen 5, or on a process")
        return sup or next(iter(sups))

    def _ask(self, title: str, lines: Sequence[str], go: str, sup: str, then: Callable[[], None]) -> None:
        def done(agreed: bool) -> None:
            self._desk.close()
            if agreed:
                self._actions.protected(lines[:1], [sup], then)
            else:
                self._desk.say("cancelled, nothing was sent")

        self._desk.open(Question(self._desk.look, title, lines, go, done))

    def _run(self, what: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do ``work`` in the background; what goes wrong becomes a message."""

        async def run() -> None:
            try:
                await work()
            except RPCError as error:
                self._desk.error(fault_words(error.code, error.text, what))
            except (StreamError, ServerError, UserError) as error:
                self._desk.error(f"{what}: {error}")
            self._desk.host.invalidate()

        self._desk.host.spawn(run())

    def _note(self, text: str) -> None:
        self._desk.model.note(self._desk.host.now(), Level.USER, "you", text)

    # --- logs ----------------------------------------------------------------------------------------

    def clear_log(self) -> None:
        aim = self._actions.targets()
        scope = aim.words
        refs = [ref for ref in aim.refs if ref in self._desk.model.records]
        if not refs:
            raise UserError("no process is selected")
        sups = sorted({ref.sup for ref in refs})
        self._actions.reachable(sups, "clear a log")

        async def clear() -> None:
            for ref in refs:
                await self._desk.links[ref.sup].call("supervisor.clearProcessLogs", ref.namespec)
            self._desk.say(f"log of {scope} cleared on the server", "msg.ok")

        def go() -> None:
            self._note(f"clear log of {scope}")
            self._run(f"clear log of {scope}", clear)

        names = [ref.namespec for ref in refs[:MAX_NAMES]]
        if len(refs) > MAX_NAMES:
            names.append(f"... and {len(refs) - MAX_NAMES} more")
        lines = [f"Clear the log of {scope} on the server?", "", *(f"  {name}" for name in names), ""]
        lines.append("What stands in it is lost for everyone, with its older files.")
        self._ask(
            "CLEAR LOG", lines, "Clear", sups[0], lambda: self._actions.protected(lines[:1], sups[1:], go)
        )

    # --- the configuration ---------------------------------------------------------------------------

    def reload(self) -> None:
        """Show what an update would do, ask, do it."""
        sup = self._sup()
        self._actions.reachable([sup], "reload")
        link = self._desk.links[sup]

        async def look() -> None:
            steps = await _update_plan(link)
            lines = [line for step in steps or () for line in plan_lines(step)]
            if (
                steps is None
            ):  # what a server without plans tells when it reads its file again; nothing is done by it
                lines = _groups(_three(await link.call("supervisor.reloadConfig")))
            if not lines:
                self._desk.say(f"{sup}: the configuration has not changed", "msg.ok")
                return
            lines = [f"Update {sup} to its configuration as it is now?", "", *lines]
            self._ask(
                "RELOAD", lines, "Update", sup, lambda: self._run("reload", lambda: self._update(sup, link))
            )

        self._desk.say(f"reading the configuration of {sup} ...")
        self._run("reload", look)

    async def _update(self, sup: str, link: Connection) -> None:
        self._note(f"reload {sup}")
        added, changed, removed = _three(await link.call("supervisor.reloadConfig"))
        total = len(added) + len(changed) + len(removed)
        problems: list[str] = []
        at = 0

        def step(name: str) -> None:
            nonlocal at
            at += 1
            self._desk.say(f"reload {sup}  {at}/{total}  {name}", keep=True)

        for name in removed:
            step(name)
            await link.call("supervisor.stopProcessGroup", name)
            await link.call("supervisor.removeProcessGroup", name)
        for name in changed:
            step(name)
            try:
                report = await link.call("supervisor.updateProcessGroup", name)
            except RPCError as error:
                if error.code != Faults.UNKNOWN_METHOD:
                    raise
                await link.call("supervisor.stopProcessGroup", name)
                await link.call("supervisor.removeProcessGroup", name)
                await link.call("supervisor.addProcessGroup", name)
            else:
                problems += _strings(report.get("problems") if isinstance(report, dict) else None)
        for name in added:
            step(name)
            await link.call("supervisor.addProcessGroup", name)
        words = f"{len(added)} added, {len(changed)} changed, {len(removed)} removed"
        if problems:
            self._desk.error(f"reload {sup}: {words}; {problems[0]}")
        else:
            self._desk.say(f"reload {sup}: {words}", "msg.ok")

    # --- the end -------------------------------------------------------------------------------------

    def shutdown(self) -> None:
        self._end("shutdown", "Shut down", "every program is stopped, and the supervisor ends")

    def restart(self) -> None:
        self._end("restart", "Restart", "every program is stopped and started again")

    def _end(self, method: str, verb: str, outcome: str) -> None:
        sup = self._sup()
        self._actions.reachable([sup], verb.lower())
        running = sum(1 for ref, record in self._desk.model.records.items() if ref.sup == sup and record.pid)

        async def call() -> None:
            await self._desk.links[sup].call(f"supervisor.{method}")
            self._desk.say(f"{sup}: {method} was sent", "msg.warn", keep=True)

        def go() -> None:
            self._note(f"{method} {sup}")
            self._run(f"{method} {sup}", call)

        lines = [f"{verb} the supervisor {sup}:", f"{outcome}.", f"{running} programs run now."]
        self._actions.type_name(sup, lines, go)


# --- answers -----------------------------------------------------------------------------------------


async def _update_plan(link: Connection) -> list[GroupPlan] | None:
    """None where the server does not tell it."""
    try:
        answer = await link.call("supervisor.getUpdatePlan")
    except RPCError as error:
        if error.code == Faults.UNKNOWN_METHOD:
            return None
        raise
    return [_group_plan(struct) for struct in _structs(answer)]


def _groups(changes: tuple[list[str], list[str], list[str]]) -> list[str]:
    """What would become of whole groups, the only thing that the original tells."""
    words = (
        "is added, and started where it has autostart",
        "is stopped, and started anew",
        "is stopped and removed",
    )
    return [f"{name} {word}" for names, word in zip(changes, words, strict=True) for name in names]


def _group_plan(struct: dict[str, object]) -> GroupPlan:
    return GroupPlan(
        str(struct.get("group", "")),
        str(struct.get("action", "")),
        bool(struct.get("whole")),
        _changes(struct),
        tuple(
            Member(
                str(process.get("name", "")),
                str(process.get("action", "")),
                bool(process.get("stops")),
                bool(process.get("starts")),
                _changes(process),
            )
            for process in _structs(struct.get("processes"))
        ),
    )


def _changes(struct: dict[str, object]) -> tuple[Change, ...]:
    return tuple(
        Change(*(str(change.get(name, "")) for name in Change._fields))
        for change in _structs(struct.get("changes"))
    )


def _structs(value: object) -> list[dict[str, object]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _strings(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _three(answer: object) -> tuple[list[str], list[str], list[str]]:
    """What ``reloadConfig`` answers: added, changed, removed."""
    lists = answer[0] if isinstance(answer, list) and answer else []
    found = [_strings(part) for part in lists] if isinstance(lists, list) else []
    if len(found) != 3:
        raise UserError("the server's answer makes no sense")
    return found[0], found[1], found[2]
