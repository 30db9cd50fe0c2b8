"""**Pure**: the lists of the fleet screen: supervisors by environment, and what needs attention; must never know widgets.

Both keep the cursor on what it stands on while rows come and go. The list of what
needs attention is put in order anew only when a state has changed, at most twice a
second, and costs what needs attention, not what there is.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from typing import Final

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
    """One row: a supervisor, or with ``sup`` empty the heading of an environment."""

    env: str
    sup: str = ""


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
    """``rows`` in order, a cursor. ``pattern``: a glob or part of a name or environment that is listed alone."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.rows: list[Line] = []
        self.folded: set[str] = set()
        self.pattern = ""
        self.place = 0
        self.top = 0

    def refresh(self) -> None:
        """Bring ``rows`` up to date; call before reading them."""
        at = self.cursor
        by_env: dict[str, list[str]] = {}
        for sup in self._model.sups.values():
            if self._passes(sup):
                by_env.setdefault(sup.env, []).append(sup.name)
        headed = len(by_env) > 1 or any(by_env)
        rows: list[Line] = []
        for env in sorted(by_env, key=lambda env: (not env, natural(env))):
            if headed:
                rows.append(Line(env))
            if not headed or env not in self.folded:
                rows.extend(Line(env, name) for name in sorted(by_env[env], key=natural))
        self.rows = rows
        if at is not None and at in rows:
            self.place = rows.index(at)
        elif at is None:
            self.place = next((number for number, row in enumerate(rows) if row.sup), 0)
        else:
            self.place = max(0, min(self.place, len(rows) - 1))

    def _passes(self, sup: Sup) -> bool:
        wanted = self.pattern
        if not wanted:
            return True
        if any(sign in wanted for sign in "*?["):
            return fnmatch.fnmatchcase(sup.name, wanted) or fnmatch.fnmatchcase(sup.env, wanted)
        return wanted.lower() in sup.name.lower() or wanted.lower() in sup.env.lower()

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
        return [cursor.sup] if cursor.sup else self.members(cursor.env)

    def move(self, by: int) -> None:
        self.place = max(0, min(self.place + by, len(self.rows) - 1))

    def fold(self, folded: bool) -> None:
        """Fold or unfold the environment of the cursor."""
        cursor = self.cursor
        if cursor is None:
            return
        if folded:
            self.folded.add(cursor.env)
            self.place = next((n for n, row in enumerate(self.rows) if row == Line(cursor.env)), self.place)
        else:
            self.folded.discard(cursor.env)

    def fold_all(self, folded: bool) -> None:
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
