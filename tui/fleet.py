"""**Pure**: the lists of the fleet screen: supervisors or groups, and what needs attention; must never know widgets.

Both keep the cursor on what it stands on while rows come and go. The list of what
needs attention is put in order anew only when a state has changed, at most twice a
second, and costs what needs attention, not what there is.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, replace
from typing import Final

from .commands import Aim, aim_at
from .model import REORDER_EVERY_S, LinkKind, Model, Ref, Sup, natural, severity
from .words import clock, duration

DEGRADED_S: Final = 1.0
"""A round trip that takes longer is worth a word."""


MARK_ROLES: Final = {
    "red": "meter.high", "yellow": "meter.mid", "green": "meter.low", "cyan": "state.starting", "blue": "log.source",
    "magenta": "row.marked",
}  # fmt: skip


def mark_role(sup: Sup) -> str:
    """The role of the mark in front of a supervisor's name; empty: it has none. A protected one always has one."""
    return MARK_ROLES.get(sup.colour) or (MARK_ROLES["red"] if sup.protect else "")


@dataclass(frozen=True, slots=True)
class Line:
    """One row: a supervisor, or with ``sup`` empty the heading of an environment.

    With ``group``: that group on all supervisors, or what one has of it.
    """

    env: str
    sup: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class LinkWords:
    """How a connection is: a sign (``up``, ``degraded``, ``stale``, ``down``), a word, more words."""

    sign: str
    word: str
    note: str

    @property
    def role(self) -> str:
        return {"up": "fleet.up", "degraded": "fleet.degraded", "stale": "fleet.reconnect"}.get(
            self.sign, "fleet.down"
        )


def link_words(sup: Sup, rtt_s: float, now: float) -> LinkWords:
    """What is to be said of the connection to a supervisor; ``now`` is wall time."""
    link = sup.link
    version = f"{link.identification} {link.version}".strip()
    match link.kind:
        case LinkKind.LIVE | LinkKind.POLL:
            polled = "polled every 2 s" if link.kind is LinkKind.POLL else ""
            allowed = "read-only" if link.role == "observer" else ""
            note = ", ".join(part for part in (version, polled, allowed) if part)
            if sup.statename not in ("RUNNING", ""):
                return LinkWords("degraded", sup.statename, note)
            if rtt_s > DEGRADED_S:
                return LinkWords("degraded", "slow", note)
            return LinkWords("up", "up", note)
        case LinkKind.CONNECTING:
            return LinkWords("stale", "connecting", "")
        case LinkKind.AWAY:
            wait = max(0.0, link.next_at - now)
            again = f", try {link.attempt + 1}" + (f" in {duration(wait + 0.99)}" if wait >= 1 else "")
            if sup.known:
                age = duration(max(0.0, now - sup.as_of))
                return LinkWords("stale", f"stale {age}", f"data of {clock(sup.as_of)}: {link.reason}{again}")
            return LinkWords("down", "away", f"{link.reason}{again}")
        case LinkKind.AUTH_FAILED:
            return LinkWords("down", "refused", f"Enter logs in: {link.reason}")
        case _:
            return LinkWords("down", link.kind.value, link.reason)


class FleetView:
    """``rows`` in order, a cursor. ``pattern``: a glob or part of a name that is listed alone.

    ``by_group``: whether groups are listed, each with the supervisors that have it, in
    place of supervisors by environment. ``opened``: the groups whose supervisors are shown.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self.rows: list[Line] = []
        self.by_group = False
        self.folded: set[str] = set()
        self.opened: set[str] = set()
        self.pattern = ""
        self.place = 0
        self.top = 0
        self._built: object = None

    def refresh(self) -> None:
        """Bring ``rows`` up to date; call before reading them."""
        opened = frozenset(self.opened if self.by_group else self.folded)
        built = (self.by_group, opened, self.pattern, self._model.members if self.by_group else 0)
        if built == self._built:
            return
        self._built = built
        at = self.cursor
        self.rows = self._groups() if self.by_group else self._supervisors()
        if at is not None and at in self.rows:
            self.place = self.rows.index(at)
        elif at is None:
            self.place = next((number for number, row in enumerate(self.rows) if row.sup), 0)
        else:
            self.place = max(0, min(self.place, len(self.rows) - 1))

    def _supervisors(self) -> list[Line]:
        by_env: dict[str, list[str]] = {}
        for sup in self._model.sups.values():
            if self._passes(sup.name, sup.env):
                by_env.setdefault(sup.env, []).append(sup.name)
        headed = len(by_env) > 1 or any(by_env)
        rows: list[Line] = []
        for env in sorted(by_env, key=lambda env: (not env, natural(env))):
            if headed:
                rows.append(Line(env))
            if not headed or env not in self.folded:
                rows.extend(Line(env, name) for name in sorted(by_env[env], key=natural))
        return rows

    def _groups(self) -> list[Line]:
        rows: list[Line] = []
        for span in sorted(self._model.spans, key=lambda span: natural(span.group)):
            if self._passes(span.group, *self._model.sups_of(span)):
                rows.append(Line("", "", span.group))
                if span.group in self.opened:
                    names = sorted(self._model.sups_of(span), key=natural)
                    rows.extend(Line("", name, span.group) for name in names)
        return rows

    def _passes(self, *names: str) -> bool:
        wanted = self.pattern
        if any(sign in wanted for sign in "*?["):
            return any(fnmatch.fnmatchcase(name, wanted) for name in names)
        return any(wanted.lower() in name.lower() for name in names)

    def turn(self) -> None:
        """List groups in place of supervisors, or the other way round."""
        self.by_group = not self.by_group
        self.place = self.top = 0
        self.rows = []
        self.refresh()

    @property
    def cursor(self) -> Line | None:
        return self.rows[self.place] if 0 <= self.place < len(self.rows) else None

    def members(self, env: str) -> list[str]:
        """The supervisors of an environment, whatever is listed."""
        return [sup.name for sup in self._model.sups.values() if sup.env == env]

    def chosen(self) -> list[str]:
        """The supervisors that the cursor means."""
        cursor = self.cursor
        if cursor is None:
            return []
        if cursor.sup:
            return [cursor.sup]
        return self._model.sups_of(self.group_of(cursor)) if cursor.group else self.members(cursor.env)

    @staticmethod
    def group_of(line: Line) -> Ref:
        return Ref(line.sup, line.group, "")

    def aim(self) -> Aim:
        """All the processes that the cursor's row stands for."""
        model, cursor = self._model, self.cursor
        if cursor is None:
            return Aim()
        if cursor.group:
            aim = aim_at(model, self.group_of(cursor))
            return replace(aim, words=f"{aim.words} on {cursor.sup}") if cursor.sup else aim
        sups = self.chosen()
        refs = tuple(ref for sup in sups for ref in model.refs(sup))
        return Aim(refs, f"all of {cursor.sup or cursor.env or 'what has no environment'}")

    def move(self, by: int) -> None:
        self.place = max(0, min(self.place + by, len(self.rows) - 1))

    def fold(self, folded: bool) -> None:
        """Fold or unfold the environment or group of the cursor."""
        cursor = self.cursor
        if cursor is None:
            return
        heading = Line(cursor.env, "", cursor.group)
        if self.by_group:
            (self.opened.discard if folded else self.opened.add)(cursor.group)
        else:
            (self.folded.add if folded else self.folded.discard)(cursor.env)
        if folded:
            self.place = next((n for n, row in enumerate(self.rows) if row == heading), self.place)

    def is_folded(self, line: Line) -> bool:
        return line.group not in self.opened if line.group else line.env in self.folded

    def fold_all(self, folded: bool) -> None:
        if self.by_group:
            self.opened = set() if folded else {span.group for span in self._model.spans}
        else:
            self.folded = {sup.env for sup in self._model.sups.values()} if folded else set()

    def window(self, height: int) -> list[Line]:
        """The rows to show in ``height`` lines, the cursor among them."""
        self.top = max(0, min(max(self.top, self.place - height + 1), self.place, len(self.rows) - height))
        return self.rows[self.top : self.top + max(0, height)]


class AttentionView:
    """The processes that need attention, the worst first, of those the newest."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.rows: list[Ref] = []
        self.place = 0
        self.top = 0
        self._built = -1
        self._built_at = float("-inf")

    def refresh(self, now: float) -> None:
        """Bring ``rows`` up to date; call before reading them. ``now``: wall time."""
        model = self._model
        if self._built == model.states or (self.rows and 0 <= now - self._built_at < REORDER_EVERY_S):
            return
        at = self.cursor
        self._built, self._built_at = model.states, now
        records = model.records
        self.rows = sorted(
            model.attention, key=lambda ref: (severity(records[ref]), -records[ref].changed, ref)
        )
        if at is not None and at in model.attention:
            self.place = self.rows.index(at)
        else:
            self.place = max(0, min(self.place, len(self.rows) - 1))

    @property
    def cursor(self) -> Ref | None:
        return self.rows[self.place] if 0 <= self.place < len(self.rows) else None

    def move(self, by: int) -> None:
        self.place = max(0, min(self.place + by, len(self.rows) - 1))

    def window(self, height: int) -> list[Ref]:
        """The rows to show in ``height`` lines, the cursor among them."""
        self.top = max(0, min(max(self.top, self.place - height + 1), self.place, len(self.rows) - height))
        return [ref for ref in self.rows[self.top : self.top + max(0, height)] if ref in self._model.records]
