"""The pure machine of one process; must never know asyncio, ``os``, the clock, logs.

States and who moves them:

    STOPPED --Start--> STARTING --startsecs pass--> RUNNING --Exited--> EXITED
    STARTING --NotSpawned, or Exited before startsecs--> BACKOFF --its delay passes--> STARTING
    BACKOFF --more than startretries--> FATAL
    STARTING, RUNNING --Stop--> STOPPING --Exited--> STOPPED
    EXITED --autorestart--> STARTING

*Start* and *Stop* come from people and from the supervisor (autostart, shutdown);
*Spawned*, *NotSpawned*, *Exited*, *Signalled*, *NotSignalled* from the keeper; *Resumed*
from a daemon that begins; *Deadline* from the clock, at ``deadline()`` or later. A start is in two steps, since another process
does the fork: STARTING with pid 0, then Spawned. Each start has a new generation,
and the shell passes on only what belongs to the current one.

Invariants: pid != 0 only in STARTING, RUNNING, STOPPING, UNKNOWN; a deadline is set
exactly in STARTING (with a pid), BACKOFF, STOPPING (with a pid) and, when a restart
is due, EXITED; BACKOFF never outlives the handling of the event in which the last
retry failed.

When two things meet: a Stop while the fork is under way waits in STOPPING and the
signal goes out with Spawned; an exit at exactly startsecs is a normal exit; an exit
in STOPPING is the stop's, whatever the status.

Where this differs from Supervisor 4.3 (docs/differences.rst): a manual stop or start
forgets earlier failures; a process that lives less than a second is restarted at
most once a second; UNKNOWN is left when the process ends.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from supervisor.config.model import AutoRestart, ProcessConfig
from supervisor.states import ProcessStates as S
from supervisor.states import getProcessStateDescription

MIN_RESTART_INTERVAL_S = 1.0
KILL_AGAIN_S = 1.0
"""Without a ``stopwaitsecs`` a process that does not end would be killed as often as the loop turns."""
TOO_QUICK = "Exited too quickly (process log may have details)"


# --- events ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Start:
    """Run, please. ``cause``: who or what asks, for people."""

    cause: str


@dataclass(frozen=True, slots=True)
class Stop:
    """End, please. ``giving_up``: the whole supervisor stops, a process that waits to be retried is FATAL."""

    cause: str
    giving_up: bool = False


@dataclass(frozen=True, slots=True)
class Spawned:
    pid: int


@dataclass(frozen=True, slots=True)
class NotSpawned:
    reason: str


@dataclass(frozen=True, slots=True)
class Exited:
    """``status``: exit code, or -N for death by signal N. ``failure``: what failed before exec, or empty."""

    status: int
    core: bool = False
    failure: str = ""


@dataclass(frozen=True, slots=True)
class NotSignalled:
    """A signal could not be sent, for another reason than that the process is gone."""

    reason: str


@dataclass(frozen=True, slots=True)
class Signalled:
    """The signal that Kill asked for was sent."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """Another daemon goes on with a process that runs; the one before may not have done what was decided."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """The time that ``deadline()`` named has come."""


@dataclass(frozen=True, slots=True)
class Hold:
    """From now on nothing is started: the supervisor is on its way out."""


Event = Start | Stop | Spawned | NotSpawned | Exited | Signalled | NotSignalled | Resumed | Deadline | Hold


# --- actions -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Spawn:
    """Start generation ``gen``; answer with Spawned or NotSpawned."""

    gen: int


@dataclass(frozen=True, slots=True)
class Kill:
    """Send ``sig`` to the process, or to its group; answer with Signalled or NotSignalled."""

    sig: int
    group: bool


@dataclass(frozen=True, slots=True)
class Transition:
    """``pid``: of the process that runs or just ended; ``tries``: failed starts so far."""

    old: int
    new: int
    cause: str
    pid: int
    tries: int
    expected: bool = True


@dataclass(frozen=True, slots=True)
class Log:
    """A line for the main log; ``level`` is a level name of the configuration."""

    level: str
    text: str


Action = Spawn | Kill | Transition | Log


def signal_name(number: int) -> str:
    """``SIGTERM`` for 15; ``signal 99`` where the system has no name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def describe_exit(status: int, core: bool = False) -> str:
    """``exit status 3``, ``terminated by SIGKILL``, ``… (core dumped)``."""
    if status >= 0:
        return f"exit status {status}"
    return f"terminated by {signal_name(-status)}{' (core dumped)' if core else ''}"


class ProcessMachine:
    """See the theory above. All times are monotonic seconds.

    Public fields are for reading; they change in ``handle`` only. ``exitstatus`` is
    what the API shows (-1 for death by signal, None before the first exit and after
    a start that failed), ``status`` the true one (-N).
    """

    FIELDS = (
        "state", "gen", "pid", "backoff", "laststart", "exitstatus", "status", "expected", "spawnerr", "cause",
        "restarts", "held", "told", "_deadline",
    )  # fmt: skip
    """What a snapshot keeps."""

    __slots__ = (*FIELDS, "_actions", "config")

    def __init__(self, config: ProcessConfig) -> None:
        self.config = config
        self.state = S.STOPPED
        self.gen = 0
        self.pid = 0
        self.backoff = 0
        self.laststart = 0.0
        self.exitstatus: int | None = None
        self.status: int | None = None
        self.expected = True
        self.spawnerr = ""
        self.cause = ""
        self.restarts = 0
        self.held = False
        self.told = False  # the signal of the stop under way was sent
        self._deadline: float | None = None
        self._actions: list[Action] = []

    def deadline(self) -> float | None:
        """When Deadline is to be sent; None for never."""
        return self._deadline

    def handle(self, event: Event, now: float) -> list[Action]:
        """What is to be done about ``event``, in order."""
        if isinstance(event, Hold):
            self.held = True
            if self.state == S.EXITED:
                self._deadline = None
        else:
            cell = _TABLE[self.state].get(type(event))
            if cell is not None:
                cell(self, event, now)
        actions, self._actions = self._actions, []
        return actions

    def save(self) -> dict[str, Any]:
        """The fields that outlive a daemon."""
        return {name: getattr(self, name) for name in self.FIELDS}

    def restore(self, saved: dict[str, Any]) -> None:
        """Take over what ``save`` gave; unknown keys are ignored, missing ones keep their defaults."""
        for name in self.FIELDS:
            if name in saved:
                setattr(self, name, saved[name])

    # --- pieces --------------------------------------------------------------------------------------

    def _enter(self, new: int, cause: str, deadline: float | None = None) -> None:
        old, self.state, self.cause, self._deadline = self.state, new, cause, deadline
        self._actions.append(Transition(old, new, cause, self.pid, self.backoff, self.expected))

    def _log(self, level: str, text: str) -> None:
        self._actions.append(Log(level, text))

    def _start(self, cause: str, now: float) -> None:
        self.gen += 1
        self.pid = 0
        self.spawnerr = ""
        self.exitstatus = None
        self.laststart = now
        self._enter(S.STARTING, cause)
        self._actions.append(Spawn(self.gen))

    def _fail(self, reason: str, now: float) -> None:
        """A start came to nothing: wait for the next try, or give up."""
        self.spawnerr = reason
        self.exitstatus = None
        self.backoff += 1
        self._enter(S.BACKOFF, reason, now + self.backoff)
        self.pid = 0
        if self.backoff > self.config.startretries:
            self._give_up(reason)

    def _give_up(self, reason: str) -> None:
        self.backoff = 0
        self._enter(S.FATAL, reason)
        self._log(
            "info", f"gave up: {self.config.name} entered FATAL state, too many start retries too quickly"
        )

    def _kill(self, now: float, sig: int, group: bool) -> None:
        where = "process group " if group else ""
        self._log(
            "debug", f"killing {self.config.name} (pid {self.pid}) {where}with signal {signal_name(sig)}"
        )
        self._actions.append(Kill(sig, group))
        self._deadline = now + self.config.stopwaitsecs
        self.told = False

    def _running(self, now: float) -> None:
        self.backoff = 0
        seconds = self.config.startsecs
        up = f"stayed up for {seconds} second{'' if seconds == 1 else 's'}"
        self._enter(S.RUNNING, up if seconds > 0 else "started")
        self._log(
            "info",
            f"success: {self.config.name} entered RUNNING state, process has stayed up for > than {seconds} "
            "seconds (startsecs)",
        )

    def _record_exit(self, event: Exited) -> str:
        self.status = event.status
        self.exitstatus = event.status if event.status >= 0 else -1
        self.expected = self.exitstatus in self.config.exitcodes
        return describe_exit(event.status, event.core)

    def _wants_restart(self) -> bool:
        mode = self.config.autorestart
        return not self.held and (
            mode is AutoRestart.ALWAYS or (mode is AutoRestart.UNEXPECTED and not self.expected)
        )

    # --- cells of the table --------------------------------------------------------------------------

    def _on_start(self, event: Start, now: float) -> None:
        if self.held:
            return
        self.backoff = 0
        self._start(event.cause, now)

    def _on_start_while_stopping(self, event: Start, now: float) -> None:
        self._log("warn", f"process '{self.config.name}' already running")

    def _on_stop_exited(self, event: Stop, now: float) -> None:
        self._deadline = None  # a restart that was due is not wanted any more

    def _on_stop_backoff(self, event: Stop, now: float) -> None:
        if event.giving_up:
            self._give_up(event.cause)
            return
        self._log("debug", f"Attempted to kill {self.config.name}, which is in BACKOFF state.")
        self.backoff = 0
        self._enter(S.STOPPED, event.cause)

    def _on_stop(self, event: Stop, now: float) -> None:
        self._enter(S.STOPPING, event.cause)
        if self.pid:
            self._kill(now, self.config.stopsignal, self.config.stopasgroup)

    def _on_stop_stopping(self, event: Stop, now: float) -> None:
        self.cause = event.cause  # whoever stops it to start it again is not the last one to have asked

    def _on_stop_unknown(self, event: Stop, now: float) -> None:
        if self.pid:  # it could not be signalled before: once more
            self._on_stop(event, now)

    def _on_spawned(self, event: Spawned, now: float) -> None:
        self.pid = event.pid
        self.laststart = now
        self._log("info", f"spawned: '{self.config.name}' with pid {event.pid}")
        if self.config.startsecs <= 0:
            self._running(now)
        else:
            self._deadline = now + self.config.startsecs

    def _on_spawned_stopping(self, event: Spawned, now: float) -> None:
        self.pid = event.pid
        self._log("info", f"spawned: '{self.config.name}' with pid {event.pid}")
        self._kill(now, self.config.stopsignal, self.config.stopasgroup)

    def _on_not_spawned(self, event: NotSpawned, now: float) -> None:
        self._log("info", f"spawnerr: {event.reason}")
        self._fail(event.reason, now)

    def _on_not_spawned_stopping(self, event: NotSpawned, now: float) -> None:
        self.spawnerr = event.reason
        self._enter(S.STOPPED, self.cause)

    def _on_exited_starting(self, event: Exited, now: float) -> None:
        if now - self.laststart < self.config.startsecs:
            text = self._record_exit(event)
            self.expected = False
            self._log("warn", f"exited: {self.config.name} ({text}; not expected)")
            self._fail(event.failure or TOO_QUICK, now)
            return
        self._running(now)
        self._on_exited(event, now)

    def _on_exited(self, event: Exited, now: float) -> None:
        text = self._record_exit(event)
        if self.expected:
            self._log("info", f"exited: {self.config.name} ({text}; expected)")
        else:
            self.spawnerr = event.failure or f"Bad exit code {self.exitstatus}"
            self._log("warn", f"exited: {self.config.name} ({text}; not expected)")
        self.backoff = 0
        self._enter(S.EXITED, text)
        self.pid = 0
        if not self._wants_restart():
            return
        if now - self.laststart >= MIN_RESTART_INTERVAL_S:
            self._restart(now)
        else:
            self._deadline = self.laststart + MIN_RESTART_INTERVAL_S

    def _restart(self, now: float) -> None:
        self.restarts += 1
        self._start(f"restarted after {self.cause}", now)

    def _on_exited_stopping(self, event: Exited, now: float) -> None:
        text = self._record_exit(event)
        self._log("info" if self.expected else "warn", f"stopped: {self.config.name} ({text})")
        self.backoff = 0
        self._enter(S.STOPPED, self.cause)
        self.pid = 0

    def _on_deadline_exited(self, event: Deadline, now: float) -> None:
        if self._deadline is not None and now >= self._deadline:
            self._restart(now)

    def _on_deadline_backoff(self, event: Deadline, now: float) -> None:
        if self._deadline is None or now < self._deadline:
            return
        if self.held:
            self._deadline = None
            return
        self.restarts += 1
        self._start(f"retry {self.backoff} of {self.config.startretries}", now)

    def _on_deadline_starting(self, event: Deadline, now: float) -> None:
        if self._deadline is not None and now >= self._deadline:
            self._running(now)

    def _on_deadline_stopping(self, event: Deadline, now: float) -> None:
        if self._deadline is None or now < self._deadline:
            return
        self._log("warn", f"killing '{self.config.name}' ({self.pid}) with SIGKILL")
        self._kill(now, signal.SIGKILL, self.config.killasgroup)
        self._deadline = now + max(self.config.stopwaitsecs, KILL_AGAIN_S)

    def _on_signalled(self, event: Signalled, now: float) -> None:
        self.told = True

    def _on_resumed_stopping(self, event: Resumed, now: float) -> None:
        if not self.told:
            self._kill(now, self.config.stopsignal, self.config.stopasgroup)

    def _on_not_signalled(self, event: NotSignalled, now: float) -> None:
        self._log("critical", f"unknown problem killing {self.config.name} ({self.pid}):{event.reason}")
        self.spawnerr = event.reason
        self._enter(S.UNKNOWN, event.reason)


_Cell = Callable[[ProcessMachine, Any, float], None]
_M = ProcessMachine

_TABLE: dict[int, dict[type, _Cell]] = {
    S.STOPPED: {Start: _M._on_start},
    S.STARTING: {
        Stop: _M._on_stop,
        Spawned: _M._on_spawned,
        NotSpawned: _M._on_not_spawned,
        Exited: _M._on_exited_starting,
        Deadline: _M._on_deadline_starting,
    },
    S.RUNNING: {Stop: _M._on_stop, Exited: _M._on_exited},
    S.BACKOFF: {Stop: _M._on_stop_backoff, Deadline: _M._on_deadline_backoff},
    S.STOPPING: {
        Start: _M._on_start_while_stopping,
        Stop: _M._on_stop_stopping,
        Spawned: _M._on_spawned_stopping,
        NotSpawned: _M._on_not_spawned_stopping,
        Exited: _M._on_exited_stopping,
        Signalled: _M._on_signalled,
        NotSignalled: _M._on_not_signalled,
        Resumed: _M._on_resumed_stopping,
        Deadline: _M._on_deadline_stopping,
    },
    S.EXITED: {Start: _M._on_start, Stop: _M._on_stop_exited, Deadline: _M._on_deadline_exited},
    S.FATAL: {Start: _M._on_start},
    S.UNKNOWN: {Stop: _M._on_stop_unknown, Exited: _M._on_exited_stopping},
}
"""State × event. A pair that is not here changes nothing: a request that the methods refuse before it gets
here (Start while it runs, Stop while it does not), or an answer that came too late to matter."""


def state_name(state: int) -> str:
    """``RUNNING`` for 20; UNKNOWN for a number that is none of ours."""
    return getProcessStateDescription(state) or "UNKNOWN"
