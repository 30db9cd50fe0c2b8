"""The pure machine of one listener pool: event buffer, dispatch, requeue; must never know asyncio, ``os``, the
clock, logs.

An event waits in the *buffer* (first in, first out) until a *member* (a listener
process) is RUNNING and READY; the first such member in the order of the configuration
gets it and is BUSY until it answers. At least once, and in order: an event leaves the
pool when it was processed, or when the buffer overflowed; every other end (rejected,
listener died, hung, broke the protocol, its stdin is gone) puts it back in its place
in front. It never goes to another pool.

    offered --> buffer --Send--> with a member --Answered ACCEPTED--> done
                  ^                   |
                  +-------------------+  REJECTED, FAILED, Violated, Unwritable, Gone, no answer in time

When two things meet: a member that goes keeps nothing, what it answered before counts;
a full buffer to which an event comes back drops the oldest *waiting* one, as Supervisor's
does.

Time: an event that is rejected again and again waits a little longer each time
(``RETRY_S`` doubled up to ``RETRY_MAX_S``; the first time not at all), and the events
behind it wait too, since order counts. A member that breaks the protocol or does not
answer within ``ack_timeout_s`` is to be restarted: at once the first time, then after
growing pauses, until it answers one event properly. Without an ``ack_timeout_s`` it may
take for ever, for nothing tells a long job from a hang: one that restarts a program
waits for its ``stopwaitsecs``, and ended between stop and start it leaves the program
stopped. After ``SLOW_S`` that is told.

Overflows are counted and reported at most once a second.

A listener whose handling causes what it listens to never comes to rest. Nothing is done about it, for the buffer
bounds it and it may be wanted, but it is told: where ``ECHOES`` events within ``ECHO_S`` were about the pool's own
processes, or each came while the one before was being handled and nothing else waited. One that causes *more* than
one event each time overflows the buffer, which is told in any case.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from supervisor.events import Event as Notice
from supervisor.events import following

RETRY_S = 0.1
RETRY_MAX_S = 5.0
RESTART_MAX_S = 60.0
DEAF_S = 1.0
SLOW_S = 60.0
REPORT_S = 1.0
ECHOES = 100
ECHO_S = 10.0
ECHO_AGAIN_S = 600.0
BUFFER_MAX_BYTES = 16 << 20


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One event in one pool; ordered by ``poolserial``. ``event`` is what a result handler gets."""

    poolserial: int
    serial: int
    name: str
    payload: bytes
    event: Notice = field(compare=False, repr=False)


class Outcome(Enum):
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    FAILED = "failed"  # the result handler raised something else than RejectEvent


# --- events ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Offered:
    """Something happened that the pool subscribes to. ``own``: to one of its members."""

    serial: int
    name: str
    payload: bytes
    event: Notice = field(repr=False)
    own: bool = False


@dataclass(frozen=True, slots=True)
class Running:
    """The member's process has reached RUNNING."""

    member: str


@dataclass(frozen=True, slots=True)
class Leaving:
    """The member's process was asked to end: it may still answer, and gets nothing new."""

    member: str


@dataclass(frozen=True, slots=True)
class Gone:
    """The member's process has ended."""

    member: str


@dataclass(frozen=True, slots=True)
class BecameReady:
    member: str


@dataclass(frozen=True, slots=True)
class Answered:
    member: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Violated:
    """The member broke the protocol."""

    member: str
    reason: str


@dataclass(frozen=True, slots=True)
class Unwritable:
    """The member's stdin is gone. Most likely it is about to end; if not, it is restarted soon."""

    member: str


@dataclass(frozen=True, slots=True)
class Deadline:
    """The time that ``deadline()`` named has come."""


Event = Offered | Running | Leaving | Gone | BecameReady | Answered | Violated | Unwritable | Deadline


# --- actions -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Keep:
    """A new event is in the buffer."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class Send:
    member: str
    entry: Entry


@dataclass(frozen=True, slots=True)
class Done:
    """The event is no longer the pool's: processed, or dropped."""

    serial: int


@dataclass(frozen=True, slots=True)
class TakenBack:
    """The event that the member had is in the buffer again."""

    member: str


@dataclass(frozen=True, slots=True)
class Restart:
    """End the member's process and start it again."""

    member: str
    reason: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with the pool, for people; empty when nothing is any more."""

    text: str


@dataclass(frozen=True, slots=True)
class Overflowed:
    """``lost`` events were dropped since this was last said, ``total`` in all."""

    lost: int
    total: int


@dataclass(frozen=True, slots=True)
class Log:
    """A line for the main log; ``level`` is a level name of the configuration."""

    level: str
    text: str


Action = Keep | Send | Done | TakenBack | Restart | Trouble | Overflowed | Log


@dataclass(slots=True)
class Member:
    """``due``: until when an answer is waited for; ``restart_at``: when it is to be restarted, with the reason."""

    name: str
    running: bool = False
    ready: bool = False
    deaf: bool = False
    entry: Entry | None = None
    due: float | None = None
    restart_at: float | None = None
    reason: str = ""
    unknown: bool = False
    failures: int = 0


@dataclass(slots=True)
class Burst:
    """How many there were since ``since``."""

    count: int = 0
    since: float = 0.0

    def one_more(self, now: float) -> bool:
        """Whether there are ``ECHOES`` within ``ECHO_S`` by now."""
        if not self.count or now - self.since > ECHO_S:
            self.count, self.since = 0, now
        self.count += 1
        return self.count >= ECHOES


class ListenerPool:
    """See the theory above. ``limit``: how many events may wait; it may be changed at any time.

    ``ack_timeout_s`` 0: a member may take for ever. ``poolserial``: the number of the next event.
    """

    def __init__(self, name: str, members: Iterable[str], limit: int, ack_timeout_s: float) -> None:
        self.name = name
        self.limit = limit
        self.ack_timeout_s = ack_timeout_s
        self.members = {member: Member(member) for member in members}
        self.poolserial = 0
        self.dropped = 0
        self._buffer: deque[Entry] = deque()
        self._bytes = 0
        self._retries: dict[int, int] = {}
        self._hold_until = 0.0
        self._report_at: float | None = None
        self._unreported = 0
        self._last_dropped = 0
        self._troubled = False
        self._own, self._chain = Burst(), Burst()
        self._echo_quiet_until = float("-inf")
        self._actions: list[Action] = []

    # --- reading -------------------------------------------------------------------------------------

    @property
    def waiting(self) -> tuple[Entry, ...]:
        """The buffer, oldest first."""
        return tuple(self._buffer)

    def entries(self) -> list[Entry]:
        """Every event that is not done, in order."""
        held = [m.entry for m in self.members.values() if m.entry is not None]
        return sorted((*self._buffer, *held))

    def deadline(self) -> float | None:
        """When Deadline is to be sent; None for never."""
        times = [t for m in self.members.values() for t in (m.due, m.restart_at) if t is not None]
        if self._report_at is not None:
            times.append(self._report_at)
        if self._buffer and self._hold_until:
            times.append(self._hold_until)
        return min(times, default=None)

    # --- changing ------------------------------------------------------------------------------------

    def restore(self, entries: Iterable[Entry], poolserial: int, busy: dict[str, tuple[int, float]]) -> None:
        """Go on where an earlier machine ended. ``busy``: member to (serial it has, since when)."""
        self.poolserial = poolserial
        by_serial = {entry.serial: entry for entry in entries}
        for name, (serial, since) in busy.items():
            member = self.members.get(name)
            if member is not None and serial in by_serial:
                member.running = True
                self._give(member, by_serial.pop(serial), since)
        self._buffer.extend(sorted(by_serial.values()))
        self._bytes = sum(len(entry.payload) for entry in self._buffer)

    def handle(self, event: Event, now: float) -> list[Action]:
        """What is to be done about ``event``, in order. Events of unknown members mean nothing."""
        if isinstance(event, Offered):
            self._offer(event, now)
        elif isinstance(event, Deadline):
            self._on_deadline(now)
        else:
            member = self.members.get(event.member)
            if member is not None:
                self._on_member(member, event, now)
        self._dispatch(now)
        if self._troubled and not self._buffer:
            self._troubled = False
            self.dropped = 0
            self._actions.append(Trouble(""))
        actions, self._actions = self._actions, []
        return actions

    def _on_member(
        self,
        member: Member,
        event: Running | Leaving | Gone | BecameReady | Answered | Violated | Unwritable,
        now: float,
    ) -> None:
        if isinstance(event, Running):
            member.running = True
        elif isinstance(event, Leaving):
            member.running = False
        elif isinstance(event, Gone):
            self._return(member, now)
            member.running = member.ready = member.deaf = member.unknown = False
            member.restart_at = None
        elif isinstance(event, BecameReady):
            member.ready = not member.unknown and member.entry is None
        elif isinstance(event, Answered):
            self._on_answer(member, event.outcome, now)
        elif isinstance(event, Violated):
            self._fail(member, event.reason, now)
        else:
            if member.entry is not None:
                self._log("debug", f"epipe occurred while sending event {member.entry.serial} to listener "
                          f"{member.name}, listener state unchanged")  # fmt: skip
            self._take_back(member)
            member.deaf = True
            member.restart_at, member.reason = now + DEAF_S, "its stdin is closed"

    # --- pieces --------------------------------------------------------------------------------------

    def _log(self, level: str, text: str) -> None:
        self._actions.append(Log(level, text))

    def _offer(self, event: Offered, now: float) -> None:
        self._listen_for_echoes(event.own, now)
        entry = Entry(self.poolserial, event.serial, event.name, event.payload, event.event)
        self.poolserial = following(self.poolserial)
        self._make_room(len(entry.payload), now)
        self._buffer.append(entry)
        self._bytes += len(entry.payload)
        self._actions.append(Keep(entry))

    def _listen_for_echoes(self, own: bool, now: float) -> None:
        about_itself = own and self._own.one_more(now)
        if self._buffer or all(member.entry is None for member in self.members.values()):
            self._chain.count = 0
            chained = False
        else:
            chained = self._chain.one_more(now)
        if (about_itself or chained) and now >= self._echo_quiet_until:
            self._echo_quiet_until = now + ECHO_AGAIN_S
            why = "were about its own processes" if about_itself else "came while it handled the one before"
            self._log(
                "warn",
                f"pool {self.name} seems to cause the events that it gets: {ECHOES} within {ECHO_S:g} s {why}",
            )

    def _make_room(self, size: int, now: float) -> None:
        """Drop the oldest events that wait until one more fits."""
        while self._buffer and (len(self._buffer) >= self.limit or self._bytes + size > BUFFER_MAX_BYTES):
            oldest = self._pop()
            self._retries.pop(oldest.serial, None)
            self._actions.append(Done(oldest.serial))
            self.dropped += 1
            self._unreported += 1
            self._last_dropped = oldest.serial
            if self._report_at is None:
                self._report(now)

    def _pop(self) -> Entry:
        entry = self._buffer.popleft()
        self._bytes -= len(entry.payload)
        return entry

    def _report(self, now: float) -> None:
        others = self._unreported - 1
        more = f" and {others} before it" if others else ""
        self._log(
            "error",
            f"pool {self.name} event buffer overflowed, discarding event {self._last_dropped}{more}",
        )
        self._actions.append(Overflowed(self._unreported, self.dropped))
        self._unreported = 0
        self._report_at = now + REPORT_S
        self._troubled = True
        self._actions.append(
            Trouble(f"event buffer of pool {self.name} overflows, {self.dropped} events lost")
        )

    def _take_back(self, member: Member) -> None:
        """What the member had goes back to its place; nothing happens when it had nothing."""
        entry, member.entry, member.due = member.entry, None, None
        if entry is None:
            return
        self._actions.append(TakenBack(member.name))
        self._log(
            "debug",
            f"rebuffering event {entry.serial} for pool {self.name} (buf size={len(self._buffer)}, "
            f"max={self.limit})",
        )
        if self._buffer and self._buffer[0] < entry:  # another member's came back before it
            ordered = list(self._buffer)
            insort(ordered, entry)
            self._buffer = deque(ordered)
        else:
            self._buffer.appendleft(entry)
        self._bytes += len(entry.payload)

    def _on_answer(self, member: Member, outcome: Outcome, now: float) -> None:
        entry = member.entry
        if entry is None:
            return  # taken back in the meantime: it is sent again
        if outcome is Outcome.FAILED:
            self._log("warn", f"{member.name}: event caused an error")
            self._count_retry(entry, now)
            self._fail(member, "its result could not be handled", now)
            return
        member.failures = 0
        if outcome is Outcome.ACCEPTED:
            self._log("debug", f"{member.name}: event was processed")
            member.entry = member.due = None
            self._retries.pop(entry.serial, None)
            self._actions.append(Done(entry.serial))
            return
        self._log("warn", f"{member.name}: event was rejected")
        self._count_retry(entry, now)
        self._return(member, now)

    def _return(self, member: Member, now: float) -> None:
        """As ``_take_back``, and the oldest waiting event makes room for it."""
        if member.entry is not None:
            self._make_room(len(member.entry.payload), now)
        self._take_back(member)

    def _count_retry(self, entry: Entry, now: float) -> None:
        count = self._retries.get(entry.serial, 0) + 1
        self._retries[entry.serial] = count
        if count > 1:
            self._hold_until = now + min(RETRY_S * 2.0 ** min(count - 2, 20), RETRY_MAX_S)

    def _fail(self, member: Member, reason: str, now: float) -> None:
        """Nothing the member says counts any more; it is restarted."""
        if member.unknown:
            return
        member.unknown = True
        member.ready = False
        self._return(member, now)
        member.failures += 1
        pause = 0.0 if member.failures == 1 else min(2.0 ** min(member.failures - 2, 20), RESTART_MAX_S)
        self._log("warn", f"{member.name}: {reason}")
        self._log(
            "warn",
            f"{member.name}: has entered the UNKNOWN state and will no longer receive events, this usually "
            f"indicates the process violated the eventlistener protocol; it is restarted"
            f"{f' in {pause:g} s' if pause else ''}",
        )
        if pause:
            member.restart_at, member.reason = now + pause, reason
        else:
            self._actions.append(Restart(member.name, reason))

    def _on_deadline(self, now: float) -> None:
        for member in self.members.values():
            if member.due is not None and now >= member.due and member.entry is not None:
                self._overdue(member, member.entry.serial, now)
            if member.restart_at is not None and now >= member.restart_at:
                member.restart_at = None
                self._actions.append(Restart(member.name, member.reason))
        if self._report_at is not None and now >= self._report_at:
            self._report_at = None
            if self._unreported:
                self._report(now)

    def _overdue(self, member: Member, serial: int, now: float) -> None:
        if self.ack_timeout_s > 0:
            self._fail(member, f"no answer to event {serial} in {self.ack_timeout_s:g} s", now)
            return
        member.due = None
        self._log(
            "warn",
            f"{member.name}: no answer to event {serial} in {SLOW_S:g} s; with ack_timeout it would be restarted",
        )

    def _dispatch(self, now: float) -> None:
        if now < self._hold_until:
            return
        self._hold_until = 0.0
        while self._buffer:
            member = next((m for m in self.members.values() if m.running and m.ready and not m.deaf), None)
            if member is None:
                return
            entry = self._pop()
            self._give(member, entry, now)
            self._actions.append(Send(member.name, entry))

    def _give(self, member: Member, entry: Entry, now: float) -> None:
        member.ready = False
        member.entry = entry
        member.due = now + (self.ack_timeout_s if self.ack_timeout_s > 0 else SLOW_S)
