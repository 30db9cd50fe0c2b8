"""**Pure**: what supervisors told, as one model.

``Model`` takes messages (snapshots, changes, use, the state of the link) and keeps
records, sums and a timeline. Times are wall time; ``now`` is passed in. Must never know
urwid or sockets.

The work per change does not grow with the number of processes: sums are kept.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final, NamedTuple

from supervisor.namespec import make_namespec
from supervisor.protocol.stream import ProcessRecord
from supervisor.states import RUNNING_STATES, ProcessStates

from .filters import Subject
from .words import clean, exit_words, spawn_error, tries_words

TIMELINE_LENGTH: Final = 2000
HISTORY_LENGTH: Final = 30
EXITS_LENGTH: Final = 20
REORDER_EVERY_S: Final = 0.5
CHAIN_WITHIN_S: Final = 2.0
CHAIN_LOOKS: Final = 8
"""Among so many lines the last one of the process is looked for."""
REGROUP_WITHIN_S: Final = 120.0
"""An update stops and removes all that goes before it adds what comes."""
MAX_LEFT: Final = 1000
CHAIN_LENGTH: Final = 5
"""So many changes at most stand in one line."""


class Ref(NamedTuple):
    """Names one process; with ``name`` empty, a group; with ``sup`` empty too, that group on all supervisors."""

    sup: str
    group: str
    name: str

    @property
    def is_group(self) -> bool:
        return not self.name

    @property
    def of_group(self) -> Ref:
        return Ref(self.sup, self.group, "")

    @property
    def of_span(self) -> Ref:
        return Ref("", self.group, "")

    @property
    def namespec(self) -> str:
        return make_namespec(self.group, self.name) if self.name else f"{self.group}:*"


def matches(ref: Ref, pattern: str) -> bool:
    """Whether the process is of that pattern (``web-*``), by its name or by ``group:name``."""
    return fnmatchcase(ref.namespec, pattern) or fnmatchcase(ref.name, pattern)


# --- messages ----------------------------------------------------------------------------------------


class LinkKind(StrEnum):
    CONNECTING = "connecting"
    LIVE = "live"
    POLL = "poll"
    AWAY = "away"
    AUTH_FAILED = "AUTH FAILED"
    INCOMPATIBLE = "incompatible"


@dataclass(frozen=True, slots=True)
class LinkTold:
    """``next_at``: wall time of the next attempt; ``attempt``: how many failed in a row."""

    sup: str
    kind: LinkKind
    reason: str = ""
    attempt: int = 0
    next_at: float = 0.0
    role: str = "none"
    identification: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class SnapshotTold:
    sup: str
    records: tuple[ProcessRecord, ...]


@dataclass(frozen=True, slots=True)
class ChangeTold:
    sup: str
    record: ProcessRecord
    when: float = 0.0


@dataclass(frozen=True, slots=True)
class GoneTold:
    sup: str
    group: str
    name: str
    when: float = 0.0


@dataclass(frozen=True, slots=True)
class UsageTold:
    """``values``: (group, name) to CPU percent and resident bytes."""

    sup: str
    values: dict[tuple[str, str], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class WholeTold:
    """The state of the supervisor itself."""

    sup: str
    statename: str


Message = LinkTold | SnapshotTold | ChangeTold | GoneTold | UsageTold | WholeTold


# --- what is kept ------------------------------------------------------------------------------------


class Level(StrEnum):
    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"
    USER = "USER"
    LINK = "LINK"


@dataclass(slots=True)
class Entry:
    """One line of the timeline. ``state``: the process state it ended in, None for actions and links.

    ``by``: whose doing it was, as far as the supervisor says.
    """

    wall: float
    level: Level
    subject: str
    text: str
    ref: Ref | None = None
    state: int | None = None
    expected: bool = True
    by: str = ""


@dataclass(slots=True)
class Sup:
    """One supervisor as last told. ``as_of``: when its data was last known to be true.

    ``protect``: its name must be typed before anything is sent to it. ``env``: what it is
    listed under. ``alert``: the title bar is to warn while it is worked on. ``groups`` and
    ``tally`` (processes by state) are of this one.
    """

    name: str
    link: LinkTold
    statename: str = ""
    as_of: float = 0.0
    known: bool = False
    protect: bool = False
    env: str = ""
    alert: bool = False
    colour: str = ""
    polled: bool = False
    theme: str = ""
    groups: dict[Ref, None] = field(default_factory=dict)
    tally: Counter[int] = field(default_factory=Counter)

    @property
    def stale(self) -> bool:
        return self.link.kind not in (LinkKind.LIVE, LinkKind.POLL)


@dataclass(slots=True)
class Past:
    """What this session saw of one process: use over time, exits as (wall, text)."""

    cpu: deque[float] = field(default_factory=lambda: deque(maxlen=HISTORY_LENGTH))
    rss: deque[float] = field(default_factory=lambda: deque(maxlen=HISTORY_LENGTH))
    exits: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=EXITS_LENGTH))


@dataclass(frozen=True, slots=True)
class Left:
    """A process that is gone from its group, and the line of the timeline that says so."""

    ref: Ref
    record: ProcessRecord
    past: Past | None
    entry: Entry
    when: float


_STATES = ProcessStates
_LEVELS: Final = {
    _STATES.BACKOFF: Level.WARN,
    _STATES.UNKNOWN: Level.WARN,
    _STATES.FATAL: Level.ERROR,
}
_TURNS: Final = frozenset({_STATES.RUNNING, _STATES.BACKOFF, _STATES.FATAL})
"""What becomes of a process that was up, waited or was given up is a line of its own."""
_LOUDNESS: Final = (Level.INFO, Level.WARN, Level.ERROR)
SEVERITY: Final = {
    _STATES.FATAL: 0,
    _STATES.BACKOFF: 1,
    _STATES.UNKNOWN: 2,
    _STATES.STARTING: 4,
    _STATES.STOPPING: 5,
    _STATES.RUNNING: 6,
    _STATES.EXITED: 7,
    _STATES.STOPPED: 8,
}


Kind = tuple[int, bool]
"""State, and whether it is as it should be: an exit may be unexpected."""


def kind_of(record: ProcessRecord) -> Kind:
    return record.state, record.expected or record.state != _STATES.EXITED


def severity(record: ProcessRecord) -> int:
    """0 for the worst."""
    return severity_of(kind_of(record))


def severity_of(kind: Kind) -> int:
    state, expected = kind
    return SEVERITY.get(state, 2) if expected else 3


def needs_attention(record: ProcessRecord) -> bool:
    return severity(record) <= 3 or bool(record.trouble)


class Model:
    """Everything told so far. ``members`` and ``states`` count changes, for those who order by them."""

    def __init__(self, sups: Iterable[str] = ("local",)) -> None:
        self.sups: dict[str, Sup] = {name: Sup(name, LinkTold(name, LinkKind.CONNECTING)) for name in sups}
        self.records: dict[Ref, ProcessRecord] = {}
        self.usage: dict[Ref, tuple[float, float]] = {}
        self.past: dict[Ref, Past] = {}
        self.groups: dict[Ref, dict[str, None]] = {}
        self.spans: dict[Ref, dict[Ref, None]] = {}
        """The groups of one name, by what names them all."""
        self.by_group: dict[Ref, Counter[Kind]] = {}
        """How many processes of a group are how, and of a group on all supervisors."""
        self.tally: Counter[int] = Counter()
        self.attention: dict[Ref, None] = {}
        """The processes that need attention, of all supervisors."""
        self.left: dict[tuple[str, str], Left] = {}
        """The processes that went last, by supervisor and name: one may come back in another group."""
        self.regrouped: dict[Ref, Ref] = {}
        """Where those went that did."""
        self.timeline: deque[Entry] = deque(maxlen=TIMELINE_LENGTH)
        self.entries = 0
        self.members = 0
        self.states = 0

    def forget(self) -> None:
        """As at the beginning: nothing was told. Who orders by the counts sees that they went on."""
        for sup in self.sups.values():
            sup.link = LinkTold(sup.name, LinkKind.CONNECTING)
            sup.statename, sup.as_of, sup.known = "", 0.0, False
            sup.groups.clear()
            sup.tally.clear()
        for kept in (
            self.records,
            self.usage,
            self.past,
            self.groups,
            self.spans,
            self.by_group,
            self.attention,
            self.left,
            self.regrouped,
        ):
            kept.clear()
        self.tally.clear()
        self.timeline.clear()
        self.members += 1
        self.states += 1
        self.entries += 1

    def apply(self, message: Message, now: float) -> None:
        match message:
            case SnapshotTold():
                self._snapshot(message, now)
            case ChangeTold():
                self.sups[message.sup].as_of = now
                self._put(
                    Ref(message.sup, message.record.group, message.record.name),
                    message.record,
                    message.when or now,
                )
            case GoneTold():
                self._drop(Ref(message.sup, message.group, message.name), message.when or now)
            case UsageTold():
                self._used(message)
            case WholeTold():
                sup = self.sups[message.sup]
                if sup.statename and sup.statename != message.statename:
                    subject = "supervisor" if len(self.sups) == 1 else sup.name
                    self.note(now, Level.WARN, subject, f"{sup.statename} -> {message.statename}")
                sup.statename = message.statename
            case LinkTold():
                self._linked(message, now)

    def _snapshot(self, message: SnapshotTold, now: float) -> None:
        sup = self.sups[message.sup]
        told = {Ref(message.sup, record.group, record.name): record for record in message.records}
        for ref in [ref for ref in self.refs(message.sup) if ref not in told]:
            self._drop(ref, now)
        for ref, record in told.items():
            self._put(ref, record, now, quiet=not sup.known)
        sup.known = True
        sup.as_of = now

    def _put(self, ref: Ref, record: ProcessRecord, when: float, *, quiet: bool = False) -> None:
        before = self.records.get(ref)
        self.records[ref] = record
        if before is None:
            self.groups.setdefault(ref.of_group, {})[ref.name] = None
            self.sups[ref.sup].groups[ref.of_group] = None
            self.spans.setdefault(ref.of_span, {})[ref.of_group] = None
            self.members += 1
            if not quiet and not self._regroup(ref, record, when):
                self.note(when, Level.INFO, ref.namespec, "added", ref, record)
        else:
            self._count(ref, before, -1)
            if (before.priority, before.group_priority) != (record.priority, record.group_priority):
                self.members += 1
            if before.state != record.state:
                self._moved(ref, before, record, when)
        self._count(ref, record, 1)
        if needs_attention(record):
            self.attention[ref] = None
        else:
            self.attention.pop(ref, None)
        self.states += 1

    def _count(self, ref: Ref, record: ProcessRecord, by: int) -> None:
        self.tally[record.state] += by
        self.sups[ref.sup].tally[record.state] += by
        for group in (ref.of_group, ref.of_span):
            self.by_group.setdefault(group, Counter())[kind_of(record)] += by

    def _drop(self, ref: Ref, when: float) -> None:
        record = self.records.pop(ref, None)
        if record is None:
            return
        self._count(ref, record, -1)
        self.usage.pop(ref, None)
        past = self.past.pop(ref, None)
        self.attention.pop(ref, None)
        names = self.groups[ref.of_group]
        del names[ref.name]
        if not names:
            del self.groups[ref.of_group]
            del self.sups[ref.sup].groups[ref.of_group]
            del self.by_group[ref.of_group]
            groups = self.spans[ref.of_span]
            del groups[ref.of_group]
            if not groups:
                del self.spans[ref.of_span]
                del self.by_group[ref.of_span]
        self.members += 1
        subject = ref.namespec if len(self.sups) == 1 else f"{ref.sup} {ref.namespec}"
        self.note(when, Level.INFO, subject, "removed")
        self.regrouped.pop(ref, None)
        self.left.pop((ref.sup, ref.name), None)
        self.left[ref.sup, ref.name] = Left(ref, record, past, self.timeline[-1], when)
        while len(self.left) > MAX_LEFT:
            self.regrouped.pop(self.left.pop(next(iter(self.left))).ref, None)

    def _regroup(self, ref: Ref, record: ProcessRecord, when: float) -> bool:
        """Whether what has come is a process that has just left another group: it keeps its past."""
        left = self.left.get((ref.sup, ref.name))
        if (
            left is None
            or left.ref.group == ref.group
            or not 0 <= when - left.when <= REGROUP_WITHIN_S
            or left.record.command != record.command
        ):
            return False
        if left.past is not None:
            self.past[ref] = left.past
        for place, entry in enumerate(self.timeline):
            if entry is left.entry:
                del self.timeline[place]
                break
        self.regrouped[left.ref] = ref
        self.note(when, Level.INFO, ref.namespec, f"moved here from group {left.ref.group}", ref, record)
        return True

    def _moved(self, ref: Ref, before: ProcessRecord, record: ProcessRecord, when: float) -> None:
        if record.state not in RUNNING_STATES and record.state != _STATES.STOPPING:
            self.usage.pop(ref, None)
        if record.state in (_STATES.EXITED, _STATES.BACKOFF, _STATES.FATAL, _STATES.STOPPED):
            self._exited(ref, before, record, when)
        chain, level, by = before.statename, Level.INFO, ""
        for back in range(1, min(CHAIN_LOOKS, len(self.timeline)) + 1):
            last = self.timeline[-back]
            if last.ref == ref:
                if _goes_on(last, before, when):
                    chain, level, by = last.text.partition("  ")[0], last.level, last.by
                    del self.timeline[-back]
                break
        reason = _reason(record)
        text = f"{chain} -> {_state_words(record)}" + (f"  {reason}" if reason else "")
        here = _LEVELS.get(record.state, Level.INFO)
        if record.state == _STATES.EXITED and not record.expected:
            here = Level.WARN
        self.note(when, max(level, here, key=_LOUDNESS.index), ref.namespec, text, ref, record)
        self.timeline[-1].by = _doer(record) or by

    def _exited(self, ref: Ref, before: ProcessRecord, record: ProcessRecord, when: float) -> None:
        if (before.pid and not record.pid) or before.state == _STATES.STARTING:
            words = spawn_error(record) or exit_words(record.exitstatus) or "stopped"
            lived = f", lived {when - before.start:.1f} s" if 0 < before.start <= when else ""
            self.past.setdefault(ref, Past()).exits.append((when, clean(words) + lived))

    def _used(self, message: UsageTold) -> None:
        for (group, name), (cpu, rss) in message.values.items():
            ref = Ref(message.sup, group, name)
            if ref in self.records:
                self.usage[ref] = (cpu, rss)
                past = self.past.setdefault(ref, Past())
                past.cpu.append(cpu)
                past.rss.append(rss)

    def _linked(self, told: LinkTold, now: float) -> None:
        sup = self.sups[told.sup]
        before, sup.link = sup.link, told
        if told.kind in (LinkKind.LIVE, LinkKind.POLL):
            sup.polled = told.kind is LinkKind.POLL
        if told.kind == before.kind:
            return
        if told.kind in (LinkKind.LIVE, LinkKind.POLL):
            if sup.known or before.kind is not LinkKind.CONNECTING:
                self.note(now, Level.LINK, sup.name, "connected again" if sup.known else "connected")
        elif told.kind is LinkKind.AWAY:
            if before.kind in (LinkKind.LIVE, LinkKind.POLL):
                sup.as_of = now
            self.note(
                now, Level.LINK, sup.name, f"connection lost: {told.reason}" if sup.known else told.reason
            )
        elif told.kind is not LinkKind.CONNECTING:
            self.note(now, Level.LINK, sup.name, f"{told.kind.value}: {told.reason}")

    def note(
        self,
        wall: float,
        level: Level,
        subject: str,
        text: str,
        ref: Ref | None = None,
        record: ProcessRecord | None = None,
    ) -> None:
        """Add a line to the timeline."""
        if ref is not None and len(self.sups) > 1:
            subject = f"{ref.sup} {subject}"
        state = None if record is None else record.state
        expected = record is None or record.expected
        self.timeline.append(Entry(wall, level, clean(subject), clean(text), ref, state, expected))
        self.entries += 1

    # questions

    def subject(self, ref: Ref, marked: bool) -> Subject:
        return Subject(ref.sup, ref.group, ref.name, self.records[ref].statename, marked)

    def members_of(self, group: Ref) -> Iterator[Ref]:
        """The processes of a group, on all supervisors where it is of all."""
        for of_one in self.spans.get(group, ()) if not group.sup else (group,):
            for name in self.groups.get(of_one, ()):
                yield Ref(of_one.sup, of_one.group, name)

    def sups_of(self, group: Ref) -> list[str]:
        """The supervisors that have it."""
        return [of_one.sup for of_one in self.spans.get(group, ())] if not group.sup else [group.sup]

    def refs(self, sup: str | None = None) -> Iterable[Ref]:
        """The processes of one supervisor, or of all."""
        if sup is None:
            return self.records
        return [ref for group in self.sups[sup].groups for ref in self.members_of(group)]

    def kinds_of(self, group: Ref) -> Counter[Kind]:
        """How many processes of a group are how."""
        return self.by_group.get(group, Counter())

    def up(self, group: Ref) -> int:
        """How many processes of a group are RUNNING."""
        return self.kinds_of(group)[_STATES.RUNNING, True]

    def others(self, group: Ref) -> list[tuple[Kind, int]]:
        """How many processes of a group are in each of the other states, the worst first."""
        found = [
            (kind, number)
            for kind, number in self.kinds_of(group).items()
            if number and kind[0] != _STATES.RUNNING
        ]
        return sorted(found, key=lambda item: severity_of(item[0]))

    def worst(self, group: Ref) -> Kind:
        """How those are that need an eye most."""
        there = [kind for kind, number in self.kinds_of(group).items() if number]
        return min(there, key=severity_of, default=(_STATES.STOPPED, True))

    def total(self, sup: str | None = None) -> int:
        """How many processes there are, of one supervisor or of all."""
        return len(self.records) if sup is None else sum(self.sups[sup].tally.values())

    def tally_of(self, sup: str | None, group: str = "") -> Counter[int]:
        """How many are in each state: of one supervisor, of a group on all of them, or (None) of all."""
        if group:
            tally: Counter[int] = Counter()
            for (state, _), number in self.kinds_of(Ref("", group, "")).items():
                tally[state] += number
            return tally
        return self.tally if sup is None else self.sups[sup].tally

    def counts(self, sup: str | None = None, group: str = "") -> list[tuple[str, int, int]]:
        """(word, number, a process state standing for it), what needs an eye last but one; zero ones left out.

        Of what ``tally_of`` counts.
        """
        tally = self.tally_of(sup, group)
        words = [
            ("up", tally[_STATES.RUNNING], _STATES.RUNNING),
            ("starting", tally[_STATES.STARTING], _STATES.STARTING),
            ("stopping", tally[_STATES.STOPPING], _STATES.STOPPING),
            ("backoff", tally[_STATES.BACKOFF], _STATES.BACKOFF),
            ("FATAL", tally[_STATES.FATAL], _STATES.FATAL),
            ("unknown", tally[_STATES.UNKNOWN], _STATES.UNKNOWN),
            ("down", tally[_STATES.STOPPED] + tally[_STATES.EXITED], _STATES.STOPPED),
        ]
        return [word for word in words if word[1] or word[0] == "up"]


def _goes_on(last: Entry, before: ProcessRecord, when: float) -> bool:
    """Whether the next state of a process continues its last line."""
    return (
        last.state == before.state
        and before.state not in _TURNS
        and when - last.wall < CHAIN_WITHIN_S
        and last.text.count("->") < CHAIN_LENGTH
    )


def _state_words(record: ProcessRecord) -> str:
    """The state, with the exit status that a chain of states would else lose."""
    if record.state == _STATES.EXITED and record.exitstatus is not None:
        status = record.exitstatus
        return f"EXITED {status}" if status >= 0 else f"EXITED ({exit_words(status)})"
    return record.statename


_BY: Final = re.compile(r"(?:started|stopped) by (.+)", re.DOTALL)


def _doer(record: ProcessRecord) -> str:
    """Who had this done, from what the supervisor says of it."""
    found = _BY.match(record.cause)
    return clean(found[1]) if found is not None else ""


def _reason(record: ProcessRecord) -> str:
    match record.state:
        case _STATES.RUNNING | _STATES.STARTING:
            return f"pid {record.pid}" if record.pid else ""
        case _STATES.BACKOFF:
            why = spawn_error(record) or exit_words(record.exitstatus)
            return ", ".join(part for part in (why, tries_words(record)) if part)
        case _STATES.EXITED:
            return "expected" if record.expected else "unexpected"
        case _STATES.FATAL:
            return spawn_error(record) or (f"{record.tries} tries" if record.tries else "")
        case _:
            return "" if _doer(record) else record.cause
    return ""


_PIECES: Final = re.compile(r"(\d{1,18})|(\D+|\d+)", re.ASCII)


@lru_cache(maxsize=1 << 16)
def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """A key that puts ``web_9`` before ``web_10``."""
    return tuple(
        (0, int(digits), digits) if digits else (1, 0, rest) for digits, rest in _PIECES.findall(text)
    )
