"""What RPC plug-ins see of the daemon: objects by the names that Supervisor 4 has; must never know a plug-in.

Thin adapters over the daemon's own objects, made when they are asked for and kept, so
that a plug-in can compare them and hang attributes on them. What a plug-in writes
takes effect or raises; nothing is swallowed.

Everything runs on the thread of the event loop. A plug-in may call from a thread of its
own: what changes something, and every call, is then carried over and waited for.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import time
from collections.abc import Coroutine, Iterator, MutableMapping
from configparser import RawConfigParser
from dataclasses import fields, replace
from typing import Any, Final, cast

from supervisor.config.model import (
    AutoRestart,
    ChannelConfig,
    Configuration,
    InetServerConfig,
    LogKind,
    ProcessConfig,
    UnixServerConfig,
)
from supervisor.datatypes import Automatic, RestartUnconditionally, RestartWhenExitUnexpected
from supervisor.errors import ConfigError
from supervisor.loggers import Handler, Logger, LogRecord
from supervisor.options import ServerOptions
from supervisor.process import ProcessGroupBase, Subprocess
from supervisor.protocol.structs import plain
from supervisor.states import STOPPED_STATES, SupervisorStates
from supervisor.states import ProcessStates as S
from supervisor.supervisord import Supervisor as SupervisorBase

from .access import Caller
from .additions import add_processes, load_processes
from .bridge import Bridge, InlineContext, begin
from .groups import Group
from .input import InputClosed, InputFull
from .loop import Supervisor
from .machines import process as machine
from .mainlog import LEVELS, MainLog
from .methods import logs, processes
from .methods.supervisor import METHODS, Context
from .process import Process
from .stdin import write_stdin

CALLER: Final = Caller("a plug-in", "admin")
WAITING_MAX_BYTES: Final = 1 << 20
"""How much may wait for the stdin of one process to be opened."""


# --- the logger --------------------------------------------------------------------------------------


class MainLogHandler(Handler):
    """Writes records to the main log, which has its own format; the level is asked of the main log."""

    def __init__(self, log: MainLog, bridge: Bridge) -> None:
        super().__init__()
        self._log = log
        self._bridge = bridge
        self._names = sorted(((number, name) for name, number in LEVELS.items()), reverse=True)

    def emit(self, record: LogRecord) -> None:
        name = next((name for number, name in self._names if number <= record.level), "blather")
        if self._bridge.here:
            self._log.log(name, record.message)
        else:
            self._bridge.loop.call_soon_threadsafe(self._log.log, name, record.message)

    def reopen(self) -> None:
        """The main log is opened again by the supervisor."""

    def close(self) -> None:
        """The main log stays open: it is not the plug-in's."""


# --- a process's configuration -----------------------------------------------------------------------


_CHANNEL_OPTIONS: Final = (
    "logfile_maxbytes",
    "logfile_backups",
    "capture_maxbytes",
    "events_enabled",
    "syslog",
)
_PLAIN: Final = frozenset((
    "name", "uid", "command", "directory", "umask", "priority", "autostart", "startsecs", "startretries",
    "stopsignal", "stopwaitsecs", "stopasgroup", "killasgroup", "redirect_stderr", "serverurl",
))  # fmt: skip
_WRITABLE: Final = {
    "command": str, "directory": str, "umask": int, "priority": int, "autostart": bool, "startsecs": int,
    "startretries": int, "stopsignal": int, "stopwaitsecs": int, "stopasgroup": bool, "killasgroup": bool,
    "serverurl": str,
}  # fmt: skip
_KNOWN: Final = frozenset(field.name for field in fields(ProcessConfig)) | frozenset(
    f"{channel}_{option}" for channel in ("stdout", "stderr") for option in ("logfile", *_CHANNEL_OPTIONS)
)
_NULLABLE: Final = frozenset(("directory", "umask", "serverurl"))
_RESTARTS: Final[dict[AutoRestart, Any]] = {
    AutoRestart.NEVER: False,
    AutoRestart.UNEXPECTED: RestartWhenExitUnexpected,
    AutoRestart.ALWAYS: RestartUnconditionally,
}


class ProcessConfigFacade:
    """Options of one process as attributes; see ``_WRITABLE`` for what can be set.

    ``autorestart`` is False, RestartWhenExitUnexpected or RestartUnconditionally; it can be
    set to these and to True and ``unexpected``. A log file is a path, None or Automatic.
    """

    def __init__(self, facade: SupervisordFacade, config: ProcessConfig) -> None:
        object.__setattr__(self, "_facade", facade)
        object.__setattr__(self, "_config", config)
        object.__setattr__(self, "_process", None)
        object.__setattr__(self, "options", facade.options)

    _facade: SupervisordFacade
    _config: ProcessConfig
    _process: Process | None
    options: object

    @property
    def model(self) -> ProcessConfig:
        """The daemon's own record."""
        return self._config if self._process is None else self._process.config

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        config = self.model
        if name in _PLAIN:
            return getattr(config, name)
        if name == "autorestart":
            return _RESTARTS[config.autorestart]
        if name == "exitcodes":
            return list(config.exitcodes)
        if name == "environment":
            return dict(config.environment)
        channel, _, option = name.partition("_")
        if channel in ("stdout", "stderr") and (option == "logfile" or option in _CHANNEL_OPTIONS):
            return self._channel_option(config.stdout if channel == "stdout" else config.stderr, option)
        raise AttributeError(f"a process configuration has no {name}")

    @staticmethod
    def _channel_option(channel: ChannelConfig, option: str) -> Any:
        if option != "logfile":
            return getattr(channel, option)
        kind = channel.logfile.kind
        return channel.logfile.path if kind is LogKind.FILE else Automatic if kind is LogKind.AUTO else None

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "options" or name not in _KNOWN:
            object.__setattr__(self, name, value)  # a plug-in's own
            return
        changed = self._changed(name, value)
        self._facade.bridge.run(lambda: self._apply(changed))

    def _changed(self, name: str, value: Any) -> ProcessConfig:
        """The record with one option set. Raises AttributeError or TypeError."""
        config = self.model
        if name == "autorestart":
            return replace(config, autorestart=_autorestart(value))
        if name == "exitcodes":
            return replace(config, exitcodes=tuple(int(code) for code in value))
        if name == "environment":
            return replace(config, environment=tuple((str(k), str(v)) for k, v in value.items()))
        kind = _WRITABLE.get(name)
        if kind is None:
            raise AttributeError(f"{name} of a process cannot be changed")
        if value is None and name in _NULLABLE:
            return replace(config, **{name: None})  # type: ignore[arg-type]  # one of _NULLABLE
        if not isinstance(value, kind):
            raise TypeError(f"{name} of a process is to be {kind.__name__}, not {type(value).__name__}")
        return replace(config, **{name: value})  # type: ignore[arg-type]  # checked just now

    def _apply(self, changed: ProcessConfig) -> None:
        if self._process is None:
            object.__setattr__(self, "_config", changed)
        elif changed != self._process.config:
            self._facade.supervisor.change_process(self._process, changed)

    def create_autochildlogs(self) -> None:
        """Nothing to do: AUTO logs are made when the process is added."""

    def make_process(self, group: GroupFacade | None = None) -> ProcessFacade:
        """A process that is not supervised yet: it is once it stands in the ``processes`` of a group."""
        return ProcessFacade(self._facade, self, group)


def _autorestart(value: Any) -> AutoRestart:
    if value in (False, True):
        return AutoRestart.ALWAYS if value else AutoRestart.NEVER
    for mode, shown in _RESTARTS.items():
        if value is shown or value == mode.value:
            return mode
    raise TypeError(f"{value!r} is no value of autorestart")


# --- a process ---------------------------------------------------------------------------------------


class ProcessFacade(Subprocess):
    """A process. Attributes that are not named here are a plug-in's own, and kept."""

    def __init__(
        self, facade: SupervisordFacade, config: ProcessConfigFacade, group: GroupFacade | None
    ) -> None:
        self.config = config
        self.group = group
        self._facade = facade
        self._process: Process | None = None
        self._waiting: list[bytes] = []

    def bind(self, process: Process) -> None:
        """From now on it is this supervised process."""
        self._process = process
        object.__setattr__(self.config, "_process", process)

    def _machine(self) -> machine.ProcessMachine:
        if self._process is None:
            raise RuntimeError(f"{self.config.name} is in no group")
        return self._process.machine

    @property
    def pid(self) -> int:
        return 0 if self._process is None else self._process.machine.pid

    @property
    def state(self) -> int:
        return S.STOPPED if self._process is None else self._process.machine.state

    def get_state(self) -> int:
        return self.state

    @property
    def killing(self) -> bool:
        """Whether a stop is under way."""
        return self.state == S.STOPPING

    @property
    def spawnerr(self) -> str | None:
        """Why the last start failed; None when it did not."""
        return (self._process.machine.spawnerr if self._process is not None else "") or None

    @property
    def exitstatus(self) -> int | None:
        return None if self._process is None else self._process.machine.exitstatus

    @property
    def backoff(self) -> int:
        """Failed starts so far."""
        return 0 if self._process is None else self._process.machine.backoff

    @property
    def laststart(self) -> float:
        """When it was started last, epoch seconds; 0: never. Setting 0 starts a stopped one that has autostart."""
        return 0 if self._process is None else self._process.start

    @laststart.setter
    def laststart(self, value: float) -> None:
        if value != 0:
            raise AttributeError("laststart can be set to 0 alone: start the process again")
        process = self._process
        if process is not None and process.config.autostart and process.machine.state == S.STOPPED:
            self._soon(machine.Start("autostart, asked for by a plug-in"))

    @property
    def laststop(self) -> float:
        return 0 if self._process is None else self._process.stop

    def _soon(self, event: machine.Event) -> None:
        """Have an event handled in the next turn of the loop, as plug-ins expect of a change of state."""
        self._machine()
        process = cast(Process, self._process)
        self._facade.bridge.loop.call_soon_threadsafe(self._facade.feed, process, event)

    def spawn(self) -> None:
        """Start it; nothing happens when it runs."""
        self._soon(machine.Start(f"started by {CALLER.name}"))

    def stop(self) -> None:
        """Stop it; nothing happens when it does not run."""
        self._soon(machine.Stop(f"stopped by {CALLER.name}"))

    def give_up(self) -> None:
        """Make a process in BACKOFF FATAL. Raises AssertionError in another state."""
        if self.state != S.BACKOFF:
            raise AssertionError(f"{self.config.name} is not in BACKOFF")
        self._facade.bridge.run(
            lambda: self._facade.feed(
                cast(Process, self._process), machine.Stop(f"given up by {CALLER.name}", giving_up=True)
            )
        )

    def transition(self) -> None:
        """Nothing to do: states change when their time comes."""

    def write(self, chars: bytes | str) -> None:
        """Send to the stdin of the process. Raises OSError: EPIPE when nobody reads there any more."""
        data = chars.encode("utf-8", "surrogateescape") if isinstance(chars, str) else chars
        self._facade.bridge.run(lambda: self._write(data))

    def _write(self, data: bytes) -> None:
        process = self._process
        generation = process.generations.get(process.machine.gen) if process is not None else None
        if generation is None or generation.ended or self.killing:
            raise OSError(errno.EPIPE, os.strerror(errno.EPIPE))
        if self._waiting or generation.input is None:
            if sum(map(len, self._waiting)) + len(data) > WAITING_MAX_BYTES:
                raise OSError(errno.EAGAIN, "the program does not read its stdin, the buffer is full")
            self._waiting.append(data)
            if len(self._waiting) == 1:
                self._facade.task(self._write_waiting())
            return
        try:
            generation.input.write(data)
        except InputClosed:
            raise OSError(errno.EPIPE, os.strerror(errno.EPIPE)) from None
        except InputFull:
            raise OSError(errno.EAGAIN, "the program does not read its stdin, the buffer is full") from None

    async def _write_waiting(self) -> None:
        """Write what came before the way in was open, in order."""
        process = cast(Process, self._process)
        try:
            while self._waiting:
                await write_stdin(self._facade.supervisor, process, self._waiting[0])
                del self._waiting[0]
        except (InputClosed, InputFull):
            self._facade.supervisor.log.debug(f"{process.key} does not take what a plug-in writes to it")
            self._waiting.clear()


# --- a group -----------------------------------------------------------------------------------------


class GroupConfigFacade:
    """``name``, ``priority``, ``process_configs``."""

    def __init__(self, facade: SupervisordFacade, group: Group) -> None:
        self._facade = facade
        self._group = group
        self._configs: list[ProcessConfigFacade] = []
        self._seen: set[str] = set()

    @property
    def name(self) -> str:
        return self._group.config.name

    @property
    def priority(self) -> int:
        return self._group.config.priority

    @property
    def process_configs(self) -> list[ProcessConfigFacade]:
        """The configurations of its processes.

        Always the same list: a plug-in that adds a process to ``processes`` may append its
        configuration here; doing the latter alone adds nothing.
        """
        processes = self._group.processes
        gone = self._seen - processes.keys()
        self._seen -= gone
        self._configs[:] = [config for config in self._configs if config.name not in gone]
        for name, process in processes.items():
            if name not in self._seen:
                self._seen.add(name)
                config = self._facade.process(process).config
                if config not in self._configs:
                    self._configs.append(config)
        return self._configs


class Processes(MutableMapping[str, ProcessFacade]):
    """The processes of a group by name. Putting one in supervises it, taking one out forgets it."""

    def __init__(self, facade: SupervisordFacade, group: Group) -> None:
        self._facade = facade
        self._group = group

    def __getitem__(self, name: str) -> ProcessFacade:
        return self._facade.process(self._group.processes[name])

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._group.processes))

    def __len__(self) -> int:
        return len(self._group.processes)

    def __setitem__(self, name: str, process: ProcessFacade) -> None:
        """Raises KeyError for a name that is taken, TypeError, OSError when an AUTO log cannot be made."""
        if not isinstance(process, ProcessFacade) or process.config.name != name:
            raise TypeError("only a process made by make_process, under its own name, can be added")
        if name in self._group.processes:
            raise KeyError(f"{name} is in the group {self._group.name} already")
        self._facade.bridge.run(lambda: self._facade.add_process(self._group, process))

    def __delitem__(self, name: str) -> None:
        """Raises KeyError, and ValueError for a process that runs."""
        process = self._group.processes[name]
        if process.machine.state not in STOPPED_STATES:
            raise ValueError(f"{process.key} is still running")
        self._facade.bridge.run(lambda: self._facade.supervisor.remove_process(process))


class GroupFacade(ProcessGroupBase):
    """A group."""

    def __init__(self, facade: SupervisordFacade, group: Group) -> None:
        self.config = GroupConfigFacade(facade, group)
        self.processes = Processes(facade, group)

    def transition(self) -> None:
        """Nothing to do: states change when their time comes."""

    def get_unstopped_processes(self) -> list[ProcessFacade]:
        return [process for process in self.processes.values() if process.state not in STOPPED_STATES]


class Groups(MutableMapping[str, GroupFacade]):
    """All groups by name. Groups are added by addProcessGroup; one that stands still can be taken out."""

    def __init__(self, facade: SupervisordFacade) -> None:
        self._facade = facade

    def __getitem__(self, name: str) -> GroupFacade:
        return self._facade.group(self._facade.supervisor.groups[name])

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._facade.supervisor.groups))

    def __len__(self) -> int:
        return len(self._facade.supervisor.groups)

    def __setitem__(self, name: str, group: GroupFacade) -> None:
        raise TypeError("a group cannot be put in: use addProcessGroup")

    def __delitem__(self, name: str) -> None:
        """Raises KeyError, and ValueError when a process runs."""
        if self[name].get_unstopped_processes():
            raise ValueError(f"{name} is still running")
        self._facade.bridge.run(lambda: self._facade.supervisor.remove_group(name))


# --- the whole ---------------------------------------------------------------------------------------


class OptionsFacade(ServerOptions):
    """``supervisord.options``. ``mood`` can be set to SHUTDOWN or RESTARTING; plug-ins add attributes."""

    def __init__(self, facade: SupervisordFacade, configuration: Configuration) -> None:
        settings = configuration.supervisord
        self._facade = facade
        self.logger = Logger(LEVELS[settings.loglevel])
        self.logger.addHandler(MainLogHandler(facade.supervisor.log, facade.bridge))
        self.identifier = settings.identifier
        self.configfile = configuration.path
        self.here = os.path.dirname(configuration.path)
        self.nodaemon = settings.nodaemon
        self.silent = settings.silent
        self.loglevel = LEVELS[settings.loglevel]
        self.logfile = settings.logfile
        self.pidfile = settings.pidfile
        self.childlogdir = settings.childlogdir
        self.directory = settings.directory
        self.umask = settings.umask
        self.environ_expansions = {f"ENV_{name}": value for name, value in os.environ.items()}
        self.server_configs = [
            *map(_server, configuration.inet_servers),
            *map(_server, configuration.unix_servers),
        ]
        self.httpservers: Any = ()

    @property
    def mood(self) -> int:
        return self._facade.get_state()

    @mood.setter
    def mood(self, mood: int) -> None:
        supervisor = self._facade.supervisor
        if mood == SupervisorStates.SHUTDOWN:
            self._facade.bridge.run(lambda: supervisor.shutdown(f"shutdown by {CALLER.name}"))
        elif mood == SupervisorStates.RESTARTING:
            self._facade.bridge.run(lambda: supervisor.reload(f"reload by {CALLER.name}"))
        elif mood != supervisor.mood:
            raise ValueError(f"mood cannot be set to {mood}")

    def close_httpservers(self) -> None:
        raise RuntimeError("the HTTP servers cannot be closed by a plug-in")

    def process_config(self, do_usage: bool = True) -> None:
        """Read the configuration files again, as reloadConfig does. Raises ValueError."""
        context = self._facade.context
        try:
            parsed = context.load()
        except ConfigError as error:
            raise ValueError(str(error)) from error
        self._facade.bridge.run(lambda: context.last_read.put(parsed))

    def processes_from_section(
        self, parser: RawConfigParser, section: str, group_name: str, klass: object = None
    ) -> list[ProcessConfigFacade]:
        """The processes that a ``[program:x]`` section of a parser makes. Raises ValueError."""
        given = dict(parser.items(section, raw=True))
        program = section.partition(":")[2].strip()
        configs = load_processes(self._facade.context, program, group_name, given)
        return [ProcessConfigFacade(self._facade, config) for config in configs]


def _server(config: InetServerConfig | UnixServerConfig) -> dict[str, Any]:
    """A server as the plug-ins' dictionaries have it."""
    given: dict[str, Any] = {
        "section": config.section,
        "name": config.section.partition(":")[0],
        "username": config.username or None,
        "password": config.password or None,
    }
    if isinstance(config, UnixServerConfig):
        return {**given, "family": socket.AF_UNIX, "file": config.file, "chmod": config.chmod}
    return {**given, "family": socket.AF_INET, "host": config.host, "port": config.port}


class SupervisordFacade(SupervisorBase):
    """The first argument of an RPC factory. Plug-ins add attributes to it, to share what they have."""

    def __init__(self, context: Context, configuration: Configuration) -> None:
        self.context = context
        self.supervisor: Supervisor = context.supervisor
        self.bridge = Bridge()
        self.options = OptionsFacade(self, configuration)
        self.process_groups = Groups(self)
        self._inline = InlineContext(context)
        self._methods = {method.name: method for method in (*METHODS, *processes.METHODS, *logs.METHODS)}
        self._groups: dict[int, tuple[Group, GroupFacade]] = {}
        self._processes: dict[str, tuple[Process, ProcessFacade]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def get_state(self) -> int:
        """A number of SupervisorStates."""
        return self.supervisor.mood

    def call(self, method: str, *params: object) -> Any:
        """The result of ``supervisor.METHOD``, or a function to be called until it has one. Raises RPCError."""
        found = self._methods.get(f"supervisor.{method}")
        if found is None:
            raise AttributeError(f"there is no method supervisor.{method}")
        bound = found.bind(params)

        def run() -> Any:
            value = found.function(self._inline, CALLER, *bound)
            return begin(value) if asyncio.iscoroutine(value) else plain(value)

        if found.role == "observer" and not asyncio.iscoroutinefunction(found.function):
            return run()  # it only looks; the loop may be waiting for the thread that asks
        return self.bridge.run(run)

    # --- the daemon's objects as plug-ins see them

    def group(self, group: Group) -> GroupFacade:
        known = self._groups.get(id(group))
        if known is None:
            groups = self.supervisor.groups
            if len(self._groups) > 2 * len(groups) + 16:
                self._groups = {k: (g, f) for k, (g, f) in self._groups.items() if groups.get(g.name) is g}
            known = self._groups[id(group)] = group, GroupFacade(self, group)
        return known[1]

    def process(self, process: Process) -> ProcessFacade:
        """The one object that stands for a process."""
        known = self._processes.get(process.key)
        if known is None or known[0] is not process:
            config = ProcessConfigFacade(self, process.config)
            group = self.supervisor.groups.get(process.config.group)
            facade = ProcessFacade(self, config, self.group(group) if group is not None else None)
            self._remember(process, facade)
            return facade
        return known[1]

    def _remember(self, process: Process, facade: ProcessFacade) -> None:
        if len(self._processes) > 2 * len(self.supervisor.processes) + 16:
            there = self.supervisor.processes
            self._processes = {k: v for k, v in self._processes.items() if there.get(k) is v[0]}
        facade.bind(process)
        self._processes[process.key] = process, facade

    def add_process(self, group: Group, facade: ProcessFacade) -> None:
        """Supervise what ``make_process`` made."""
        config = replace(facade.config.model, group=group.name)
        (process,) = add_processes(self.context, group, (config,))
        facade.group = self.group(group)
        self._remember(process, facade)

    def feed(self, process: Process, event: machine.Event) -> None:
        """Give an event to a process that is still there."""
        if self.supervisor.is_known(process):
            if isinstance(event, machine.Start) and process.machine.state not in STOPPED_STATES:
                return
            self.supervisor.feed(process, event, time.monotonic())

    def task(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something on the loop to its end."""
        task = self.bridge.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
