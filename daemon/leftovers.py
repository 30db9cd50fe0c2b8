"""What a program leaves behind when it ends: found, told, and with ``stopastree`` ended; must never know clients.

The supervisor's keeper is the one to whom processes come whose parent has ended
(a "subreaper"), so that whatever a program started is below the program or a child
of the keeper, whichever session and process group it has gone to. Of these a process
is a program's own when it was below it at the stop, is still in its process group, or
has the program's names in its environment. What emptied its environment, went to a
group of its own and had lost its parents before the stop is nobody's any more.

Programs that outlived a keeper have another parent, and what they leave goes to that one.

We look when programs have come to stand still, once for all that do so within a moment,
and for about a tenth of the time at most: the kernel goes through all programs for it.
What is found has a moment to end, since most of it was signalled, too; then it is told.
It is told as long as it is there and the program is not started again.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from supervisor.namespec import split_namespec
from supervisor.states import STOPPED_STATES
from supervisor.states import ProcessStates as S

from . import descendants
from .descendants import Seen, named
from .keeper import wire
from .loop import Change, Supervisor
from .machines.process import Kill, Transition
from .process import Process

GRACE_S: Final = 0.25
LOOK_AFTER_S: Final = 0.02
REST_FACTOR: Final = 10
REST_MAX_S: Final = 0.5
LOOK_AGAIN_S: Final = 0.05
WATCH_S: Final = 2.0
KILLS_MAX: Final = 20
GIVEN_UP_AFTER_S: Final = 5.0

_NAMES: Final = ("SUPERVISOR_PROCESS_NAME", "SUPERVISOR_GROUP_NAME", "SUPERVISOR_SERVER_URL")


@dataclass(slots=True)
class _Ended:
    """A start of a process, from its stop on. ``below``: what was below it then; ``parent``: its parent.

    ``pid`` 0: not known any more.
    """

    process: Process
    pid: int
    parent: int
    below: list[Seen] = field(default_factory=list)
    since: float = 0.0


@dataclass(slots=True)
class _Held:
    """An exit that is not told yet, since not all of the program has ended. ``killed``: when that was sent SIGKILL."""

    frame: wire.Exited
    killed: float = float("inf")


class Leftovers:
    """Hears of every change of state, and asks /proc."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._loop = asyncio.get_running_loop()
        self._stopping: dict[str, _Ended] = {}
        self._looked_for: dict[str, _Ended] = {}
        self._left: dict[str, Process] = {}
        self._held: dict[str, _Held] = {}
        self._look: asyncio.TimerHandle | None = None
        self._rest_s = 0.0
        self._watch: asyncio.TimerHandle | None = None
        self._settled = asyncio.Event()
        self._settled.set()
        supervisor.subscribers_quiet.add(self._changed)
        supervisor.signal_rest = self._signal
        supervisor.waits_for_rest = self._waits

    async def settled(self) -> None:
        """Once everything that was left by now is told."""
        await self._settled.wait()

    def told(self) -> list[str]:
        """A line for each program that has left something."""
        return [f"{process.namespec} {process.left_behind}" for process in self._left.values()]

    def resume(self) -> None:
        """Look for what was left while another daemon served."""
        for process in self._supervisor.processes.values():
            if process.machine.state in STOPPED_STATES and process.machine.gen:
                self._expect(_Ended(process, 0, self._supervisor.keeper_pid))

    # --- what happens to programs --------------------------------------------------------------------

    def _changed(self, change: Change) -> None:
        process, transition = change.process, change.transition
        if change.removed:
            group, name = split_namespec(change.removed)
            key = f"{group}:{name}"
            self._looked_for.pop(key, None)
            self._left.pop(key, None)
        if process is None or transition is None:
            return
        if transition.new == S.STOPPING and process.machine.pid:
            self._stopping[process.key] = self._begin(process)
        elif transition.new == S.STARTING:
            self._stopping.pop(process.key, None)
            self._looked_for.pop(process.key, None)
            self._left.pop(process.key, None)
            process.left = ()
        elif self._stands_still(process, transition):
            ended = self._stopping.pop(process.key, None)
            self._expect(ended or _Ended(process, transition.pid, self._supervisor.keeper_pid))

    @staticmethod
    def _stands_still(process: Process, transition: Transition) -> bool:
        """Whether it has ended, and not to be started again at once; a start that failed before exec left nothing."""
        m = process.machine
        if m.state != transition.new or m.deadline() is not None:
            return False
        return m.state == S.FATAL or (m.state in (S.STOPPED, S.EXITED) and transition.pid != 0)

    def _begin(self, process: Process) -> _Ended:
        pid = process.machine.pid
        found = descendants.tree([pid])
        parent = found[0].parent if found and found[0].pid == pid else self._supervisor.keeper_pid
        return _Ended(process, pid, parent, found[1:])

    # --- looking -------------------------------------------------------------------------------------

    def _expect(self, ended: _Ended) -> None:
        ended.since = time.monotonic()
        self._looked_for[ended.process.key] = ended
        self._settled.clear()
        self._again(max(LOOK_AFTER_S, self._rest_s))

    def _again(self, seconds: float) -> None:
        if self._look is None:
            self._look = self._loop.call_later(seconds, self._look_now)

    def _look_now(self) -> None:
        self._look = None
        now = time.monotonic()
        for key, found in self._find(self._looked_for.values()).items():
            ended = self._looked_for[key]
            if found and now - ended.since < GRACE_S:
                continue
            del self._looked_for[key]
            if found:
                ended.process.left = tuple(found)
                self._left[key] = ended.process
                self._supervisor.trouble_changed(ended.process)
        self._tell_held()
        self._rest_s = min(REST_FACTOR * (time.monotonic() - now), REST_MAX_S)
        if self._looked_for or self._held:
            self._again(LOOK_AGAIN_S)
        if not self._looked_for:
            self._settled.set()
        if self._left and self._watch is None:
            self._watch = self._loop.call_later(WATCH_S, self._watch_left)

    def _watch_left(self) -> None:
        """Whether what was left is still there."""
        self._watch = None
        for key, process in list(self._left.items()):
            there = tuple(seen for seen in process.left if descendants.is_there(seen))
            if there != process.left:
                process.left = there
                self._supervisor.trouble_changed(process, quiet=True)
            if not there:
                del self._left[key]
        if self._left:
            self._watch = self._loop.call_later(WATCH_S, self._watch_left)

    def _find(self, ended: Iterable[_Ended]) -> dict[str, list[Seen]]:
        """What there is of each, but for the process itself, by its key."""
        by_key = {e.process.key: e for e in ended}
        roots = {key: [s.pid for s in e.below if descendants.is_there(s)] for key, e in by_key.items()}
        strays = self._strays({e.parent for e in by_key.values()})
        if strays:
            groups = {e.pid: key for key, e in by_key.items() if e.pid}
            marks = {self._mark(e.process): key for key, e in by_key.items()}
            for seen in filter(None, map(descendants.look_at, strays)):
                key = groups.get(seen.group) if seen.pid != seen.group else None
                key = key or marks.get(descendants.variables(seen.pid, _NAMES))
                if key is not None:
                    roots[key].append(seen.pid)
        return {
            key: [seen for seen in descendants.tree(pids) if seen.pid != by_key[key].pid]
            for key, pids in roots.items()
        }

    def _strays(self, parents: Iterable[int]) -> set[int]:
        """Who may have been left by a program: children of those to whom they go, but no programs."""
        known = {process.machine.pid for process in self._supervisor.processes.values()}
        found = {pid for parent in parents for pid in descendants.children(parent)}
        return found - known - {os.getpid(), self._supervisor.keeper_pid}

    def _mark(self, process: Process) -> frozenset[bytes]:
        """The variables by which its processes are known."""
        own = self._supervisor.starts.environment(process.config)
        pairs = [(name, own.get(name, os.environ.get(name))) for name in _NAMES]
        return frozenset(os.fsencode(f"{name}={value}") for name, value in pairs if value is not None)

    # --- stopastree ----------------------------------------------------------------------------------

    def _signal(self, process: Process, action: Kill) -> None:
        """Send what the process was sent to the rest of it, too."""
        ended = self._stopping.get(process.key)
        if ended is None:  # an earlier daemon began this stop
            ended = self._stopping[process.key] = self._begin(process)
        self._send(ended, action.sig, action.group)
        held = self._held.get(process.key)
        if held is not None and action.sig == signal.SIGKILL:
            held.killed = min(held.killed, time.monotonic())

    def _send(self, ended: _Ended, sig: int, group: bool) -> None:
        """``group``: the process group was told already."""
        reached: set[Seen] = set()
        for _ in range(KILLS_MAX if sig == signal.SIGKILL else 1):  # some may be forking
            ended.below += descendants.tree([ended.pid])[1:]
            rest = [seen for seen in self._find([ended])[ended.process.key] if seen not in reached]
            if not rest:
                break
            for seen in rest:
                if not (group and seen.group == ended.pid):
                    descendants.send(seen, sig)
            reached.update(rest)
        ended.below = [seen for seen in dict.fromkeys(ended.below) if descendants.is_there(seen)]

    def _waits(self, process: Process, frame: wire.Exited) -> bool:
        """Whether an end is not to be told yet, since the rest of the program has not ended."""
        if not process.config.stopastree or process.machine.state != S.STOPPING:
            return False
        ended = self._stopping.setdefault(
            process.key, _Ended(process, frame.pid, self._supervisor.keeper_pid)
        )
        rest = self._find([ended])[process.key]
        held = self._held.get(process.key)
        if not rest or (held is not None and time.monotonic() - held.killed > GIVEN_UP_AFTER_S):
            self._held.pop(process.key, None)
            return False
        if held is None:
            self._held[process.key] = _Held(frame)
            self._supervisor.log.info(
                f"{process.config.name} (pid {frame.pid}) has ended, not yet: {named(rest)}"
            )
        self._again(LOOK_AGAIN_S)
        return True

    def _tell_held(self) -> None:
        """What has ended whole by now, or will not: ``_waits`` decides."""
        now = time.monotonic()
        for key, held in list(self._held.items()):
            if held.killed < now:
                self._send(self._stopping[key], signal.SIGKILL, False)
            self._supervisor.on_frame(held.frame, [])
