"""One supervised process at run time: machine, outputs, descriptors; must never know clients or the keeper.

A ``Process`` outlives its generations: the machine decides, the two ``Output``s
stay where readers find them, and each ``Generation`` (one start) brings the
descriptors that feed them. A generation whose process has ended lives on while
somebody else holds its pipes.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from supervisor.config.expand import shortened
from supervisor.config.model import ChannelConfig, LogKind, ProcessConfig
from supervisor.namespec import make_namespec
from supervisor.protocol.record import TEXT_MAX_CHARACTERS, ProcessRecord
from supervisor.protocol.structs import Extended, Row
from supervisor.states import ProcessStates as S

from .descendants import Seen, named
from .history import History, Place
from .input import Input
from .inputjournal import InputJournal
from .lines import open_target
from .machines.process import ProcessMachine, Transition, state_name
from .output.lane import Unanswered
from .output.opening import make_log
from .output.pump import Channel, Target
from .output.spool import Spool
from .output.store import LogStore, Unsuitable
from .output.storeset import StoreSet
from .output.tap import Readback, Transformed
from .output.transform import Item, Transform
from .ttymodes import TerminalModes

FILE_NAME_MAX_BYTES = 255
AUTO_LOG_TAIL_BYTES = len("abcdefgh.log.rotating")
CLIPPED = 120
"""How many bytes of a cause or a spawn error a snapshot keeps, so that a record fits its slot."""

INT_MAX = 2**31 - 1

FACTS = (
    "name", "group", "start", "stop", "state", "statename", "spawnerr", "exitstatus", "logfile", "stdout_logfile",
    "stderr_logfile", "pid",
)  # fmt: skip
"""Members of the struct of getProcessInfo, in their order, in front of ``now`` where the process runs."""
FACTS_AND_DESCRIPTION = (*FACTS, "description")

_NO_ROW = Row((), (), edition=-1)

Observer = Callable[[Transition], None]

Hold = Callable[[str, int], None]
"""Gives the keeper a descriptor under a name. Raises OSError."""


@dataclass(slots=True)
class Output:
    """Where one channel of a process goes. ``path`` empty: no log file.

    ``readback`` follows the log for events and syslog; ``place``: where an earlier daemon's was.
    """

    config: ChannelConfig
    path: str = ""
    sink: LogStore | Spool | Target | Transformed | None = None
    readback: Readback | None = None
    place: tuple[int, int] | None = None


@dataclass(slots=True)
class Hearing:
    """Who is told what processes write beside their logs; all processes of a daemon share it.

    ``item`` gets channel and item, ``line`` a line for syslog, ``missed`` channel and bytes that nobody
    could read; ``changed`` and ``moved`` are told when there is trouble, and when a place is to be saved.
    ``all_output``: ``item`` is to get everything, whatever the configuration of the channel says.
    ``begin`` and ``end`` stand around many calls: what they bring about is kept for good at ``end``.
    """

    strip_ansi: bool = False
    all_output: bool = False
    item: Callable[[Process, str, Item], None] = lambda process, channel, item: None
    line: Callable[[Process, bytes], None] = lambda process, line: None
    missed: Callable[[Process, str, int], None] = lambda process, channel, count: None
    changed: Callable[[Process], None] = lambda process: None
    moved: Callable[[Process], None] = lambda process: None
    released: Callable[[Process, Generation], None] = lambda process, generation: None
    begin: Callable[[], None] = lambda: None
    end: Callable[[], None] = lambda: None


@dataclass(slots=True)
class Generation:
    """One start; owner of the channels it feeds. ``channels`` by name; ``ended`` once its process was reaped."""

    process: Process
    gen: int
    pid: int
    tty: bool
    channels: dict[str, Channel] = field(default_factory=dict)
    ended: bool = False
    input: Input | None = None
    journal: InputJournal | None = None

    def channel_changed(self, channel: Channel) -> None:
        """There is trouble with the log of a channel, or no longer."""
        self.process.hearing.changed(self.process)

    def channel_ended(self, channel: Channel) -> None:
        """Nothing more can come: the keeper may close its copies when that holds for all."""
        process = self.process
        if self.gen == max(process.generations, default=0):
            process.finish_output(next(name for name, held in self.channels.items() if held is channel))
        process.hearing.released(process, self)

    @property
    def drained(self) -> bool:
        return all(channel.fd < 0 for channel in self.channels.values())


class Process:
    """``index``: its record in the state table. Times are wall time, epoch seconds, 0 for never.

    ``protocol`` gets the raw stdout of an event listener, with its offset in the ring; ``started`` is told
    before the first byte of a new start.
    """

    __slots__ = (
        "_childlogdir", "_identifier", "_observers", "_row", "changed", "config", "edition", "elsewhere", "generations",
        "hearing", "history", "index", "key", "left", "machine", "modes", "modes_saved", "namespec", "origin", "outputs", "pool_trouble",
        "protocol", "size", "start", "started", "stop", "stuck",
    )  # fmt: skip

    def __init__(
        self, config: ProcessConfig, index: int, hearing: Hearing, identifier: str, childlogdir: str
    ) -> None:
        self.config = config
        self.index = index
        self.key = f"{config.group}:{config.name}"
        self.namespec = make_namespec(config.group, config.name)
        self.machine = ProcessMachine(config)
        self.edition = 0
        """Goes up behind each change of what ``row`` tells."""
        self.generations: dict[int, Generation] = {}
        self.start = 0.0
        self.stop = 0.0
        self.changed = 0.0
        self.history = History()
        self.hearing = hearing
        self.protocol: Callable[[int, bytes], None] | None = None
        self.started: Callable[[], None] | None = None
        self.pool_trouble = ""
        self.stuck = ""
        self.left: tuple[Seen, ...] = ()
        """What an earlier start left behind, as long as it is there."""
        self.elsewhere = ""
        """What its start waits for: a file system that does not answer; for people, or empty."""
        self.outputs: dict[str, Output] = {"stdout": Output(config.stdout)}
        if not (config.redirect_stderr or config.tty):
            self.outputs["stderr"] = Output(config.stderr)
        self.size = config.tty_size
        self.origin = (0, 0)  # (generation, offset) in the stdout store where the current start began
        self.modes: TerminalModes | None = None
        self.modes_saved: list[Any] = []
        self._identifier = identifier
        self._childlogdir = childlogdir
        self._row = _NO_ROW
        self._observers: tuple[Observer, ...] = ()

    @property
    def priority(self) -> int:
        return self.config.priority

    # --- observers -----------------------------------------------------------------------------------

    @contextmanager
    def observed(self, observer: Observer) -> Iterator[None]:
        """``observer`` is told of each transition meanwhile."""
        self._observers += (observer,)
        try:
            yield
        finally:
            self._observers = tuple(other for other in self._observers if other is not observer)

    def tell(self, transition: Transition) -> None:
        """Let the observers know."""
        for observer in self._observers:
            observer(transition)

    # --- outputs -------------------------------------------------------------------------------------

    def name_logs(self, stores: StoreSet, saved: dict[str, str] | None = None) -> None:
        """Give every output its path and log store; AUTO files are made now, if that can be, or taken from ``saved``."""
        for name, output in self.outputs.items():
            logfile = output.config.logfile
            if logfile.kind is LogKind.FILE:
                output.path = logfile.path
            elif logfile.kind is LogKind.AUTO:
                output.path = (saved or {}).get(name) or self._make_auto_log(name, stores)
            if output.path:
                output.sink = stores.log(
                    output.path, output.config.logfile_maxbytes, output.config.logfile_backups
                )
        self.edition += 1

    def _make_auto_log(self, channel: str, stores: StoreSet) -> str:
        rest = f"-{channel}---{self._identifier}-"
        room = FILE_NAME_MAX_BYTES - AUTO_LOG_TAIL_BYTES - len(rest.encode("utf-8", "surrogateescape"))
        name = _clipped(self.config.name.replace("/", "_"), max(room, 1))
        if stores.lanes.of(self._childlogdir) is None:
            with contextlib.suppress(OSError):
                return make_log(self._childlogdir, name + rest, ".log")
        # not to be waited for, full, or not to be written to: made when the log is opened
        return os.path.join(self._childlogdir, f"{name}{rest}{os.urandom(4).hex()}.log")

    def auto_logs(self) -> dict[str, str]:
        """Channel to path of the AUTO logs, for the snapshot."""
        return {n: o.path for n, o in self.outputs.items() if o.config.logfile.kind is LogKind.AUTO}

    def open_outputs(self, stores: StoreSet, held: dict[str, int], hold: Hold, later: bool = False) -> None:
        """Make every output ready to be written.

        ``held``: descriptors from the keeper by name, taken out when used; ``hold`` gives it another one.
        ``later``: a log that cannot be opened now may be opened with the first write. Raises OSError.
        """
        for channel, output in self.outputs.items():
            if isinstance(output.sink, Transformed):
                continue  # it opens its log when there is something to write
            if isinstance(output.sink, LogStore):
                try:
                    stores.used(output.sink)
                    output.sink.open()
                except Unsuitable:
                    stores.release(output.sink)
                    output.sink = None
                except (BlockingIOError, Unanswered):
                    pass  # its file system does not answer now: what is written waits for it
                except OSError:
                    if not later:
                        raise
            if output.sink is None:
                target = open_target(output.path) if output.path else -1
                try:
                    spool = _spool(f"spool:{channel}:{self.key}", held, hold)
                except OSError:
                    if target >= 0:
                        os.close(target)
                    raise
                output.sink = Target(spool, target) if target >= 0 else spool
            self._listen(channel, output, output.sink, stores, held, hold)

    def _listen(
        self,
        channel: str,
        output: Output,
        sink: LogStore | Spool | Target,
        stores: StoreSet,
        held: dict[str, int],
        hold: Hold,
    ) -> None:
        """Have somebody read what is written, where the configuration asks for more than a log."""
        config, hearing = output.config, self.hearing
        protocol = self.protocol if channel == "stdout" else None
        capture = 0 if protocol is not None else config.capture_maxbytes
        changes = hearing.strip_ansi or capture > 0 or protocol is not None
        if output.readback is not None or not (
            changes or config.events_enabled or config.syslog or hearing.all_output
        ):
            return
        syslog = partial(hearing.line, self) if config.syslog else None
        shared = isinstance(sink, LogStore) and stores.users(sink) > 1
        if (
            isinstance(sink, LogStore)
            and not changes
            and not shared
            and (sink.backups > 0 or sink.maxbytes <= 0)
            and sink.known
        ):
            output.readback = Readback(
                sink,
                output.place,
                partial(hearing.item, self, channel),
                syslog=syslog,
                moved=partial(hearing.moved, self),
                missed=partial(hearing.missed, self, channel),
            )
            return
        output.sink = Transformed(
            _spool(f"spool:{channel}.raw:{self.key}", held, hold),
            sink,
            Transform(strip=hearing.strip_ansi, capture_maxbytes=capture),
            capture,
            partial(hearing.item, self, channel),
            raw_heard=protocol,
            syslog=syslog,
            shared=shared,
            used=stores.used,
            changed=partial(hearing.changed, self),
            around=(hearing.begin, hearing.end),
        )

    def follow_modes(self, changed: Callable[[], None]) -> None:
        """Know the modes of its terminal; ``changed`` is told when they are to be saved."""
        sink = self.outputs["stdout"].sink
        if self.modes is None and sink is not None:
            self.modes = TerminalModes(sink, changed, self.modes_saved)
            self.modes_saved = []

    def forget_modes(self) -> None:
        """A new program finds a terminal at rest."""
        if self.modes is not None:
            self.modes.close()
            self.modes = None
        self.modes_saved = []

    def finish_output(self, channel: str) -> None:
        """The channel's writer is gone: what was held back, as the beginning of something, comes out."""
        output = self.outputs[channel]
        if isinstance(output.sink, Transformed):
            output.sink.finish()
        if output.readback is not None:
            output.readback.finish()

    def close_outputs(self, stores: StoreSet) -> list[str]:
        """Give every output back; the names of what the keeper holds for it."""
        names = []
        self.forget_modes()
        for channel, output in self.outputs.items():
            sink, output.sink = output.sink, None
            if output.readback is not None:
                output.readback.close()
                output.readback = None
            if isinstance(sink, Transformed):
                sink.close()
                names.append(f"spool:{channel}.raw:{self.key}")
                sink = sink.out
            if isinstance(sink, LogStore):
                stores.release(sink)
            elif sink is not None:
                sink.close()
                names.append(f"spool:{channel}:{self.key}")
        return names

    def log_ends(self) -> tuple[Place | None, Place | None]:
        """Where stdout and stderr end now; None for one that is not kept."""
        sinks = [output.sink for output in (self.outputs["stdout"], self.outputs.get("stderr")) if output]
        places = [None if sink is None else (sink.gen, sink.end) for sink in sinks]
        return places[0], places[1] if len(places) > 1 else None

    # --- what others are told ------------------------------------------------------------------------

    @property
    def trouble(self) -> str:
        """What is wrong beside the state, for people; empty when nothing is."""
        channels = [c.trouble for g in self.generations.values() for c in g.channels.values()]
        taps = [o.sink.trouble for o in self.outputs.values() if isinstance(o.sink, Transformed)]
        return next(
            (
                t
                for t in (*channels, *taps, self.elsewhere, self.pool_trouble, self.stuck, self.left_behind)
                if t
            ),
            "",
        )

    @property
    def left_behind(self) -> str:
        """What it left behind, for people; empty when that is nothing."""
        count = len(self.left)
        return f"left {count} process{'es' * (count > 1)} behind: {named(self.left)}" if count else ""

    @property
    def retry_at(self) -> float:
        deadline = self.machine.deadline()
        if deadline is None or self.machine.state not in (S.BACKOFF, S.EXITED):
            return 0.0
        return time.time() + deadline - time.monotonic()

    def description(self, now: float) -> str:
        """The text of ``supervisorctl status`` behind the state; ``now`` is wall time."""
        machine = self.machine
        if machine.state == S.RUNNING:
            return f"{self._lead}{uptime(int(now) - int(self.start))}"
        if machine.state in (S.FATAL, S.BACKOFF):
            return machine.spawnerr or f'unknown error (try "tail {self.config.name}")'
        if machine.state in (S.STOPPED, S.EXITED):
            if not self.start:
                return "Not started"
            return time.strftime("%b %d %I:%M %p", time.localtime(self.stop or self.start))
        return ""

    @property
    def _lead(self) -> str:
        return f"pid {self.machine.pid}, uptime "

    def info(self, now: float) -> Extended:
        """The struct of getProcessInfo; ``now`` is wall time."""
        row = self.row()
        return Extended(row, capped(now), "" if row.since is None else uptime(int(now) - row.since))

    def row(self) -> Row:
        """The same without what changes with the time. From any thread."""
        row = self._row
        if row.edition != self.edition:
            row = self._row = self._fresh_row(self.edition)
        return row

    def _fresh_row(self, edition: int) -> Row:
        """``edition`` was read before the rest, which may change meanwhile: then this one is not asked for again."""
        machine = self.machine
        state = machine.state
        stdout = self.outputs["stdout"].path
        stderr = self.outputs["stderr"].path if "stderr" in self.outputs else ""
        values = (
            self.config.name,
            self.config.group,
            capped(self.start),
            capped(self.stop),
            state,
            state_name(state),
            machine.spawnerr,
            machine.exitstatus or 0,
            stdout,
            stdout,
            stderr,
            machine.pid,
        )
        if state == S.RUNNING:
            return Row(FACTS, values, int(self.start), self._lead, edition)
        return Row(FACTS_AND_DESCRIPTION, (*values, self.description(0.0)), edition=edition)

    def record(self, group_priority: int) -> ProcessRecord:
        """What the stream tells of it."""
        config, machine = self.config, self.machine
        return ProcessRecord(
            name=config.name,
            group=config.group,
            state=machine.state,
            statename=state_name(machine.state),
            pid=machine.pid,
            start=self.start,
            stop=self.stop,
            changed=self.changed,
            retry_at=self.retry_at,
            exitstatus=machine.status,
            expected=machine.expected,
            spawnerr=_shown(machine.spawnerr),
            tries=machine.backoff,
            restarts=machine.restarts,
            cause=_shown(machine.cause),
            trouble=_shown(self.trouble),
            description=_shown(self.description(time.time())),
            priority=config.priority,
            group_priority=group_priority,
            command=_shown(config.command),
            directory=_shown(config.directory or ""),
            user=config.user or "",
            autostart=config.autostart,
            autorestart=config.autorestart.value,
            startsecs=config.startsecs,
            startretries=config.startretries,
            stopsignal=config.stopsignal,
            stopwaitsecs=config.stopwaitsecs,
            stdin="tty" if config.tty else "pipe",
            redirect_stderr=config.redirect_stderr,
            stdout_logfile=self.outputs["stdout"].path,
            stderr_logfile=self.outputs["stderr"].path if "stderr" in self.outputs else "",
        )

    # --- snapshot ------------------------------------------------------------------------------------

    def save(self, seq: int) -> dict[str, Any]:
        """The record for the state table."""
        machine = self.machine.save()
        for name in ("cause", "spawnerr"):
            machine[name] = _clipped(machine[name])
        saved = {"k": "p", "g": self.config.group, "n": self.config.name, "s": seq, "m": machine,
                 "w": [self.start, self.stop, self.changed], "z": list(self.size), "o": list(self.origin)}  # fmt: skip
        auto = self.auto_logs()
        if auto:
            # the folder is in the configuration; the names are what is new
            saved["a"] = {channel: os.path.basename(path) for channel, path in auto.items()}
        places = {c: list(o.readback.place) for c, o in self.outputs.items() if o.readback is not None}
        if places:
            saved["r"] = places
        if self.modes is not None:
            saved["t"] = self.modes.save()
        return saved

    def restore(self, saved: dict[str, Any], stores: StoreSet) -> None:
        """Take over what ``save`` gave."""
        self.machine.restore(saved.get("m", {}))
        self.history.restore(saved.get("h", []))
        self.start, self.stop, self.changed = saved.get("w", (0.0, 0.0, 0.0))
        rows, cols = saved.get("z", self.size)
        self.size = (rows, cols)
        gen, offset = saved.get("o", self.origin)
        self.origin = (gen, offset)
        self.modes_saved = saved.get("t", [])
        for channel, (place_gen, place) in saved.get("r", {}).items():
            if channel in self.outputs:
                self.outputs[channel].place = (place_gen, place)
        self.name_logs(stores, {c: os.path.join(self._childlogdir, n) for c, n in saved.get("a", {}).items()})


def _spool(name: str, held: dict[str, int], hold: Hold) -> Spool:
    """The spool that the keeper has under that name, or a new one that it has from now on. Raises OSError."""
    fd = held.pop(name, -1)
    if fd >= 0:
        return Spool(fd)
    spool = Spool.create()
    try:
        hold(name, spool.fd)
    except OSError:
        spool.close()
        raise
    return spool


def _clipped(text: str, limit_bytes: int = CLIPPED) -> str:
    return text.encode("utf-8", "surrogateescape")[:limit_bytes].decode("utf-8", "ignore")


def _shown(text: str) -> str:
    return shortened(text, TEXT_MAX_CHARACTERS)


def capped(when: float) -> int:
    """Epoch seconds that fit the integers of XML-RPC."""
    seconds = int(when)
    return seconds if 0 <= seconds <= INT_MAX else max(0, min(seconds, INT_MAX))


_TWO_DIGITS = tuple([f"{number:02}" for number in range(60)])


def uptime(seconds: int) -> str:
    """``0:01:02``, ``1 day, 2:03:04``; never negative. One answer may ask for a thousand of them."""
    if seconds < 0:  # noqa: PLR1730  # a call of max() takes half as long as all the rest
        seconds = 0
    hours, rest = seconds // 3600, seconds % 3600
    if hours < 24:
        return f"{hours}:{_TWO_DIGITS[rest // 60]}:{_TWO_DIGITS[rest % 60]}"
    days = hours // 24
    plural = "" if days == 1 else "s"
    return f"{days} day{plural}, {hours % 24}:{_TWO_DIGITS[rest // 60]}:{_TWO_DIGITS[rest % 60]}"
