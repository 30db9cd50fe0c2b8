"""The shell of the supervision: asyncio loop, timers, descriptors, keeper; must never know *why* a
transition happens.

``Supervisor`` feeds the machines with what the keeper, the clock and the methods
say, and carries out what they answer. The order within one event is fixed: decide,
write the snapshot, then act; so that a daemon that dies in between is followed by
one that repeats the act, and the keeper knows a repeated one.
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, replace
from typing import Any

from supervisor.config.model import GroupConfig, ProcessConfig, SupervisordConfig, encode
from supervisor.namespec import split_namespec
from supervisor.protocol.record import ProcessRecord
from supervisor.states import STOPPED_STATES, SupervisorStates, getSupervisorStateDescription
from supervisor.states import ProcessStates as S

from .configjournal import ConfigJournal
from .ending import Ending
from .generations import Generations
from .groups import Group, in_order, rank
from .keeper import wire
from .keeper.spawn import errno_name
from .keeperlink import KeeperLink
from .machines import process as machine
from .mainlog import MainLog
from .output.storeset import StoreSet
from .process import Hearing, Process
from .snapshot import Journal, StateTable
from .starts import Starts
from .users import Users

DELTAS_KEPT = 10_000
STARTS_A_TURN = 20


async def _no_problem() -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Change:
    """One numbered change. ``transition`` and ``record`` belong to ``process``; the others are as in a delta."""

    seq: int
    when: float
    process: Process | None = None
    record: ProcessRecord | None = None
    transition: machine.Transition | None = None
    removed: str = ""
    supervisor: str = ""


class Supervisor:
    """``settings``: [supervisord]; ``boot`` names this life of the state; ``serverurl``: the automatic URL."""

    def __init__(
        self,
        settings: SupervisordConfig,
        log: MainLog,
        link: KeeperLink,
        table: StateTable,
        journal: Journal,
        stores: StoreSet,
        boot: str,
        serverurl: str,
    ) -> None:
        self.settings = settings
        self.log = log
        self.link = link
        self.table = table
        self.journal = ConfigJournal(
            journal, lambda fd: link.send(wire.Hold("config"), (fd,)), lambda: link.idle
        )
        self.stores = stores
        self.users = Users(asyncio.get_running_loop().call_soon_threadsafe)
        self.boot = boot
        self.keeper_pid = 0
        self.mood = SupervisorStates.RUNNING
        self.making = ""
        """The plug-in whose factory is being called: when the daemon ends in it, the next one must know."""
        self.degraded = ""
        """What of the supervisor itself does not work, for people; empty: nothing."""
        self.groups: dict[str, Group] = {}
        self.processes: dict[str, Process] = {}
        self.seq = 0
        self.changes: deque[Change] = deque(maxlen=DELTAS_KEPT)
        self.subscribers: set[Callable[[Change], None]] = set()
        """Told of every change, records made for them."""
        self.subscribers_quiet: set[Callable[[Change], None]] = set()
        """Told of every change; they need no record."""
        self.on_started: Callable[[Process], None] = lambda process: None
        self.on_removed: Callable[[str], None] = lambda key: None
        self.hearing = Hearing(
            strip_ansi=settings.strip_ansi,
            all_output=log.copies_output,
            changed=self.trouble_changed,
            moved=self.save,
            released=lambda process, generation: self.generations.release(process, generation),
        )
        self.on_group_added: Callable[[Group, bool], None] = lambda group, fresh: None
        """Told of each group that is there now; ``fresh``: it was not restored from a snapshot."""
        self.on_group_removed: Callable[[str], None] = lambda name: None
        self.signal_rest: Callable[[Process, machine.Kill], None] = lambda process, action: None
        """Sends a signal to what a program has started, where the stop is for all of it."""
        self.on_killed: Callable[[Process], None] = lambda process: None
        """Told of each SIGKILL of a stop."""
        self.waits_for_rest: Callable[[Process, wire.Exited], bool] = lambda process, frame: False
        """Whether an end is not to be heard of yet; then it is told again."""
        self.sockets: dict[str, list[int]] = {}
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Set once the daemon is to end: ``shutdown``, ``reload`` or ``restart``."""
        self.reload_check: Callable[[], Awaitable[str]] = _no_problem
        """What is wrong with the configuration files now; empty: nothing, a reload may go on."""
        self.generations = Generations(stores, link.send, self.save, log.warn)
        self._cut: set[tuple[str, int]] = set()  # started, and the descriptors did not get here
        self.starts = Starts(
            stores.lanes,
            self.users,
            serverurl,
            link.send,
            self.feed,
            self.is_known,
            self.generations.open_outputs,
            self.trouble_changed,
        )
        self._loop = asyncio.get_running_loop()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending: Ending | None = None
        self._events: deque[tuple[Process, machine.Event, float]] = deque()
        self._feeding = False

    def find(self, namespec: str) -> Process | None:
        """The process of that name; None where there is none, and for a whole group."""
        group_name, process_name = split_namespec(namespec)
        group = self.groups.get(group_name)
        return group.processes.get(process_name or "") if group is not None else None

    def is_known(self, process: Process) -> bool:
        """Whether it is still supervised: none of its name, or another one, may be in its place by now."""
        return self.processes.get(process.key) is process

    # --- groups --------------------------------------------------------------------------------------

    def add_group(
        self, config: GroupConfig, saved: dict[str, tuple[int, dict[str, Any]]] | None = None
    ) -> Group:
        """Make a group and its processes, nothing started. ``saved``: state records by process name."""
        group = Group(config)
        for process_config in config.processes:
            index, record = (saved or {}).get(process_config.name, (0, None))
            if record is None:
                process = self._new(process_config)
            else:
                process = self._make(process_config, index)
                process.restore(record, self.stores)
                self.seq = max(self.seq, int(record.get("s", 0)))
            group.processes[process_config.name] = process
        self.processes |= {process.key: process for process in group.processes.values()}
        last = next(reversed(self.groups.values()), group)
        self.groups[config.name] = group
        if rank(last) > rank(group):  # not at a start, where they come in order
            self._sort_groups()
        if saved is None:
            self.journal.append({"add": encode(config)})
            for process in group.processes.values():
                self.save(process)
                self._publish(process)
        self.on_group_added(group, saved is None)
        return group

    def _sort_groups(self) -> None:
        self.groups = {group.name: group for group in sorted(self.groups.values(), key=rank)}

    def remove_group(self, name: str) -> None:
        """Forget a group whose processes all stand still."""
        group = self.groups.pop(name)
        self.journal.append({"remove": name})
        for process in group.processes.values():
            self._forget(process)
        self.on_group_removed(name)

    def _make(self, config: ProcessConfig, index: int = 0) -> Process:
        settings = self.settings
        return Process(
            config, index or self.table.allocate(), self.hearing, settings.identifier, settings.childlogdir
        )

    def _new(self, config: ProcessConfig) -> Process:
        """A process that never was, its logs named."""
        process = self._make(config)
        process.name_logs(self.stores)
        return process

    def _forget(self, process: Process) -> None:
        self.table.free(process.index)
        del self.processes[process.key]
        self._dismiss(process)

    def _dismiss(self, process: Process) -> None:
        """Give back all that a process holds, and say that it is gone."""
        self.generations.close(process)
        for held in process.close_outputs(self.stores):
            self.link.send(wire.Drop(held))
        self.on_removed(process.key)
        timer = self._timers.pop(process.key, None)
        if timer is not None:
            timer.cancel()
        self._announce(Change(self._next_seq(), time.time(), removed=process.namespec))

    def add_process(self, config: ProcessConfig) -> Process:
        """Make one more process of a group that is there, not started."""
        group = self.groups[config.group]
        process = self._new(config)
        group.config = replace(group.config, processes=(*group.config.processes, config))
        group.processes[config.name] = self.processes[process.key] = process
        self.journal.append({"process": encode(config)})
        self.save(process)
        self._publish(process)
        return process

    def remove_process(self, process: Process) -> None:
        """Forget one process, which stands still."""
        group = self.groups[process.config.group]
        del group.processes[process.config.name]
        kept = tuple(config for config in group.config.processes if config.name != process.config.name)
        group.config = replace(group.config, processes=kept)
        self.journal.append({"without": [process.config.group, process.config.name]})
        self._forget(process)

    def change_process(self, process: Process, config: ProcessConfig) -> None:
        """Use another configuration from the next start or stop on; names and outputs stay as they are."""
        group = self.groups[config.group]
        process.config = process.machine.config = config
        changed = tuple(config if old.name == config.name else old for old in group.config.processes)
        group.config = replace(group.config, processes=changed)
        self.journal.append({"process": encode(config)})
        self._publish(process)

    def replace_process(self, process: Process, config: ProcessConfig, cause: str) -> Process:
        """Put a process of another configuration in the place of one that stands still, not started.

        It keeps the record and the generations of the other, so that its first start is not taken for a
        repeated one, and the path of an automatic log.
        """
        group = self.groups[config.group]
        fresh = self._make(config, process.index)
        fresh.name_logs(self.stores, process.auto_logs())
        fresh.machine.gen, fresh.machine.cause = process.machine.gen, cause
        fresh.start, fresh.stop, fresh.changed = process.start, process.stop, time.time()
        fresh.history = process.history
        self._dismiss(process)
        group.processes[config.name] = self.processes[fresh.key] = fresh
        changed = tuple(config if old.name == config.name else old for old in group.config.processes)
        group.config = replace(group.config, processes=changed)
        # First that it was replaced: a daemon that finds only this replaces it again, and starts it. Were the new
        # definition there alone, it would look like one that somebody had stopped.
        self.save(fresh)
        self.journal.append({"process": encode(config)})
        self._publish(fresh)
        return fresh

    def regroup(self, config: GroupConfig) -> None:
        """Give a group the priority, the kind and the order of ``config``; its processes stay as they are."""
        group = self.groups[config.name]
        order = [process.name for process in config.processes]
        processes = {process.name: process for process in group.config.processes}
        own = replace(config, processes=())
        group.config = in_order(replace(own, processes=tuple(processes.values())), order)
        group.processes = {p.name: group.processes[p.name] for p in group.config.processes}
        self._sort_groups()
        self.journal.append({"group": encode(own), "order": order})
        for process in group.processes.values():
            self._publish(process)

    def autostart(self, groups: Iterable[Group]) -> asyncio.Task[None]:
        """Start what starts by itself and never was; a few at a turn of the loop, others are served meanwhile."""
        due = [p for g in groups for p in g.processes.values() if p.config.autostart and p.machine.gen == 0]
        return self.task(self._autostart(due))

    async def _autostart(self, due: list[Process]) -> None:
        for number, process in enumerate(due, 1):
            if self.is_known(process) and process.machine.gen == 0:
                self.feed(process, machine.Start("autostart"))
            if number % STARTS_A_TURN == 0:
                await asyncio.sleep(0)

    # --- machines ------------------------------------------------------------------------------------

    def feed(self, process: Process, event: machine.Event, now: float | None = None) -> None:
        """Give an event to a process's machine and carry out what it answers.

        Called from within itself (by an observer, by a failing spawn) it queues.
        """
        self._events.append((process, event, time.monotonic() if now is None else now))
        if self._feeding:
            return
        self._feeding = True
        try:
            while self._events:
                self._handle(*self._events.popleft())
        finally:
            self._feeding = False

    def _handle(self, process: Process, event: machine.Event, now: float) -> None:
        actions = process.machine.handle(event, now)
        changes = {
            i: self._change(process, a) for i, a in enumerate(actions) if isinstance(a, machine.Transition)
        }
        process.edition += 1
        if actions or isinstance(event, (machine.Hold, machine.Signalled, machine.Stop)):
            self.save(process)
        self._arm(process)
        for index, action in enumerate(actions):
            if isinstance(action, machine.Log):
                self.log.log(action.level, action.text)
            elif isinstance(action, machine.Transition):
                self._announce(changes[index])
            elif isinstance(action, machine.Spawn):
                self.starts.begin(process, action.gen)
            else:
                self.task(self._kill(process, process.machine.gen, action))

    def _change(self, process: Process, transition: machine.Transition) -> Change:
        wall = time.time()
        process.changed = wall
        process.history.add(transition, wall, process.machine.status, process.log_ends)
        if transition.new == S.STARTING:
            process.start = wall
        elif transition.new in (S.STOPPED, S.EXITED, S.BACKOFF) and transition.pid:
            process.stop = wall
        record = None
        if self.subscribers:
            # the machine may already be a transition further
            record = replace(
                process.record(self.groups[process.config.group].priority),
                state=transition.new,
                statename=machine.state_name(transition.new),
                cause=transition.cause,
                tries=transition.tries,
            )
        return Change(self._next_seq(), wall, process, record, transition)

    def _next_seq(self) -> int:
        self.seq += 1
        return self.seq

    def _publish(self, process: Process) -> None:
        """Tell of something that changed beside the state."""
        priority = self.groups[process.config.group].priority
        record = process.record(priority) if self.subscribers else None
        self._announce(Change(self._next_seq(), time.time(), process, record))

    def _announce(self, change: Change) -> None:
        self.changes.append(change)
        for subscriber in (*self.subscribers, *self.subscribers_quiet):
            try:
                subscriber(change)
            except Exception as error:  # noqa: BLE001  # a bug of ours must not keep what was decided from being done
                self._loop.call_exception_handler({"message": "a change was not told", "exception": error})
        process, transition = change.process, change.transition
        if process is None or transition is None:
            return
        process.tell(transition)
        if process.machine.state in STOPPED_STATES:
            self.count_as_stopped(process)

    def _arm(self, process: Process) -> None:
        deadline = process.machine.deadline()
        timer = self._timers.get(process.key)
        if timer is not None:
            if timer.when() == deadline:
                return
            timer.cancel()
            del self._timers[process.key]
        if deadline is not None:
            self._timers[process.key] = self._loop.call_at(deadline, self._deadline, process)

    def _deadline(self, process: Process) -> None:
        self._timers.pop(process.key, None)
        self.feed(process, machine.Deadline())

    def task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Have something done that nobody waits for; the supervisor owns it."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _kill(self, process: Process, gen: int, action: machine.Kill) -> None:
        """``gen``: whom it is for. When this runs, that one may have ended and the next be running."""
        wake = action.sig != signal.SIGKILL
        code = await self.link.signal(process.key, gen, action.sig, action.group, wake)
        if process.config.stopastree and gen == process.machine.gen:
            self.signal_rest(process, action)
        if code == 0 and gen == process.machine.gen:
            self.feed(process, machine.Signalled())
            if action.sig == signal.SIGKILL:
                self.on_killed(process)
        if code not in (0, errno.ESRCH) and gen == process.machine.gen:
            self.feed(process, machine.NotSignalled(f"cannot signal: {errno_name(code)}"))

    def start_anew(self, process: Process, cause: str) -> None:
        """Stop a process, and start it once it stands still."""
        self.task(self._start_anew(process, cause))

    async def _start_anew(self, process: Process, cause: str) -> None:
        stopped = asyncio.Event()

        def observe(transition: machine.Transition) -> None:
            if transition.new in STOPPED_STATES:
                stopped.set()

        with process.observed(observe):
            self.feed(process, machine.Stop(cause))
            await stopped.wait()
        if process.machine.cause == cause:  # nobody else asked for it to stop meanwhile
            self.feed(process, machine.Start(cause))

    def rearm(self) -> None:
        """Set the timers of all machines, after their state was restored."""
        for process in self.processes.values():
            self._arm(process)

    def save(self, process: Process) -> None:
        """Write a process's record of the snapshot."""
        self.table.write(process.index, process.save(self.seq), process.history.packed())

    # --- what the keeper says ------------------------------------------------------------------------

    def on_frame(self, frame: wire.Frame, fds: list[int]) -> None:
        """Take one frame of the keeper and the descriptors beside it."""
        if isinstance(frame, wire.Spawned):
            self._spawned(frame, fds)
        elif isinstance(frame, wire.Exited):
            self._exited(frame)
        elif isinstance(frame, wire.SpawnFailed):
            self._spawn_failed(frame)
        elif isinstance(frame, wire.Stranger):
            code = os.waitstatus_to_exitcode(frame.status)
            # where it is not init, these are what programs leave to it, and that is theirs to know
            level = "info" if self.keeper_pid == 1 else "debug"
            self.log.log(level, f"reaped unknown pid {frame.pid} ({machine.describe_exit(code)})")
        elif isinstance(frame, wire.Got):
            self._signalled(frame.sig)
        else:
            for fd in fds:
                os.close(fd)
            self.log.error(f"keeper sent {type(frame).__name__} unasked")

    def _spawned(self, frame: wire.Spawned, fds: list[int]) -> None:
        process = self.processes.get(frame.name)
        if process is None or frame.gen in process.generations:
            for fd in fds:
                os.close(fd)
            return
        key = (frame.name, frame.gen)
        if not fds:
            self._cut.add(key)
            self.starts.cut(process, frame.gen)
            return
        self.starts.answered(*key)
        if key in self._cut:
            self._cut.remove(key)
            self.starts.got(process)
        sink = process.outputs["stdout"].sink
        if sink is not None:
            process.origin = (sink.gen, sink.end)
        process.forget_modes()
        for channel in process.outputs:
            process.finish_output(channel)  # what an earlier start left half said is not this one's beginning
        if process.started is not None:
            process.started()
        self.generations.begin(process, frame.gen, frame.pid, frame.tty, fds)
        if frame.gen == process.machine.gen:
            self.feed(process, machine.Spawned(frame.pid), frame.started)
            if process.machine.state == S.STARTING:
                self._publish(process)  # it has a pid now
            self.on_started(process)

    def trouble_changed(self, process: Process, quiet: bool = False) -> None:
        """Tell of what is wrong with a process beside its state, or no longer is; ``quiet``: not in the log."""
        if process.trouble and not quiet:
            self.log.warn(f"'{process.config.name}' {process.trouble}")
        if process.config.group in self.groups:
            self._publish(process)

    def _exited(self, frame: wire.Exited) -> None:
        process = self.processes.get(frame.name)
        if process is None:
            self.generations.forget(frame.name, frame.gen)
            return
        if (frame.name, frame.gen) in self._cut:
            return  # it is told again behind what it wrote
        if frame.gen == process.machine.gen and self.waits_for_rest(process, frame):
            return
        generation = process.generations.get(frame.gen)
        if generation is not None:
            self.generations.ended(generation)
        if frame.gen == process.machine.gen:
            status = os.waitstatus_to_exitcode(frame.status)
            self.feed(process, machine.Exited(status, os.WCOREDUMP(frame.status), frame.failure), frame.ended)
        if generation is None:
            self.generations.forget(frame.name, frame.gen)
        else:
            self.generations.release(process, generation)

    def _spawn_failed(self, frame: wire.SpawnFailed) -> None:
        self.starts.answered(frame.name, frame.gen)
        process = self.processes.get(frame.name)
        if process is None or frame.gen != process.machine.gen:
            return
        self.starts.failed(process, frame)

    # --- the whole -----------------------------------------------------------------------------------

    def _signalled(self, sig: int) -> None:
        name = machine.signal_name(sig)
        if sig in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            self.log.warn(f"received {name} indicating exit request")
            self.shutdown(name)
        elif sig == signal.SIGHUP:
            if self.mood != SupervisorStates.RUNNING:
                self.log.warn("ignored SIGHUP indicating restart request (shutdown in progress)")
                return
            self.log.warn("received SIGHUP indicating restart request")
            self.task(self._reload_if_usable(name))
        elif sig == signal.SIGUSR2:
            self.log.info("received SIGUSR2 indicating log reopen request")
            self.reopen_logs()

    async def _reload_if_usable(self, cause: str) -> None:
        problem = await self.reload_check()
        if problem:
            self.log.error(f"not reloading, the configuration cannot be used: {problem}")
        else:
            self.reload(cause)

    def reopen_logs(self) -> None:
        """Open the main log and all open process logs again by name."""
        self.log.info("supervisord logreopen")
        errors = self.stores.reopen()
        try:
            self.log.reopen()
        except OSError as error:
            errors.append(error)
        for reason in errors:
            self.log.error(f"cannot reopen a log: {reason}")

    def shutdown(self, cause: str) -> None:
        """Stop everything, then end. A reload under way becomes a shutdown."""
        if self.mood == SupervisorStates.SHUTDOWN:
            return
        self._begin_end(SupervisorStates.SHUTDOWN, cause)

    def reload(self, cause: str) -> None:
        """Stop everything, then start afresh from the configuration files."""
        if self.mood == SupervisorStates.RUNNING:
            self._begin_end(SupervisorStates.RESTARTING, cause)

    def restart_daemon(self) -> None:
        """Make place for a new daemon; the programs go on."""
        if not self.ended.done():
            self.link.send(wire.Restart())
            self.ended.set_result("restart")

    def degrade(self, reason: str) -> None:
        """Say what of the supervisor itself does not work; empty: all does again."""
        before, self.degraded = self.degraded, reason
        if bool(before) == bool(reason):
            return
        if reason:
            self.log.critical(f"degraded: {reason}")
        else:
            self.log.warn("no longer degraded")
        self._announce(Change(self._next_seq(), time.time(), supervisor=self.state_name))

    @property
    def state_name(self) -> str:
        """That of the whole, as the stream and the console have it."""
        if self.degraded and self.mood == SupervisorStates.RUNNING:
            return "DEGRADED"
        return getSupervisorStateDescription(self.mood) or ""

    def _begin_end(self, mood: int, cause: str) -> None:
        self.mood = mood
        self.save_supervisor()
        self._announce(Change(self._next_seq(), time.time(), supervisor=self.state_name))
        if self._ending is None:
            self._ending = Ending(self.processes, self.groups, self.feed, self.log, self._all_ended)
            self._ending.begin(cause)

    def _all_ended(self) -> None:
        if not self.ended.done():
            self.ended.set_result("shutdown" if self.mood == SupervisorStates.SHUTDOWN else "reload")

    def count_as_stopped(self, process: Process) -> None:
        """An end that is under way does not wait for this process, or no longer."""
        if self._ending is not None:
            self._ending.stopped(process)

    def save_supervisor(self) -> None:
        """Write the record of the supervisor itself."""
        record = {"k": "s", "boot": self.boot, "mood": self.mood, "s": self.seq, "sockets": self.sockets}
        if self.making:
            record["making"] = self.making
        self.table.write(0, record)
