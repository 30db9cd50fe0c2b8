"""Why a process is as it is, asked of its supervisor for the detail screen; must never know the loop.

The answer of ``getProcessHistory``, which ``supervisorctl why`` prints: the last
transitions with their causes, and what the program wrote last before it ended.
"""

from __future__ import annotations

from supervisor.ctl.why import Transition
from supervisor.errors import RPCError, ServerError, StreamError

from .desk import Desk
from .model import Ref
from .screens.detail import Detail, Why


class Whys:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._asked: object = None

    def refresh(self) -> None:
        """Ask again where the shown process has moved since the last time."""
        screen = self._desk.stage.screen
        ref = screen.ref() if isinstance(screen, Detail) else None
        record = self._desk.model.records.get(ref) if ref is not None else None
        if ref is None or record is None or self._desk.model.sups[ref.sup].stale:
            self._asked = None
            return
        now = (id(screen), ref, record.state, record.changed, record.pid)
        if now != self._asked:
            self._asked = now
            self._desk.host.spawn(self._ask(ref))

    async def _ask(self, ref: Ref) -> None:
        try:
            answer = await self._desk.links[ref.sup].call("supervisor.getProcessHistory", ref.namespec)
        except (RPCError, StreamError, ServerError):
            return  # a server that keeps none: the screen shows what this session saw
        screen = self._desk.stage.screen
        if isinstance(screen, Detail) and screen.ref() == ref:
            screen.past.why = why_of(answer)
            self._desk.host.invalidate()


def why_of(answer: object) -> Why | None:
    """None for an answer that makes no sense."""
    if not isinstance(answer, dict) or not isinstance(answer.get("transitions"), list):
        return None
    transitions = []
    for struct in answer["transitions"]:
        if isinstance(struct, dict):
            when, pid = struct.get("when"), struct.get("pid")
            transitions.append(
                Transition(
                    float(when) if isinstance(when, (int, float)) else 0.0,
                    str(struct.get("to", "")),
                    str(struct.get("cause", "")),
                    pid if isinstance(pid, int) else 0,
                    str(struct.get("exit", "")),
                )
            )
    last = answer.get("last_exit")
    words = []
    for channel in ("stderr", "stdout"):
        text = last.get(channel) if isinstance(last, dict) else None
        if isinstance(text, str):
            words += [(channel, line) for line in text.splitlines()]
    return Why(tuple(transitions), tuple(words))
