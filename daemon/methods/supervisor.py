"""The ``supervisor.*`` methods; must never know HTTP, XML, msgpack.

Results and faults are those of Supervisor's API 3.0; a method that it does not
have says so in its help.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, TypeVar

from supervisor.config.diff import diff_groups
from supervisor.config.model import Configuration
from supervisor.errors import ConfigError, RPCError
from supervisor.events import RemoteCommunicationEvent, notify
from supervisor.faults import Faults
from supervisor.namespec import split_namespec
from supervisor.protocol.xmlrpc import I4_MAX, I4_MIN
from supervisor.states import (
    RUNNING_STATES,
    SIGNALLABLE_STATES,
    STOPPED_STATES,
    SupervisorStates,
    getSupervisorStateDescription,
)
from supervisor.states import ProcessStates as S
from supervisor.version import VERSION

from ..access import Caller
from ..command import CommandError, resolve_anywhere
from ..groups import Group
from ..input import InputClosed, InputFull
from ..lastread import LastRead, pack
from ..leftovers import Leftovers
from ..loop import Supervisor
from ..machines import process as machine
from ..machines.group import ascending
from ..output.lane import Unanswered
from ..process import Process
from ..rehearsal import own_argv, rehearse
from ..stdin import write_stdin
from ..update import Updates
from ..workers import Workers
from .table import Method, Param, in_order_of_completion

API_VERSION = "3.0"
STOPPING_REPORT_S = 2.0
LOOK_AGAIN_S = 0.02
LOGS_AT_ONCE = 4

T = TypeVar("T")


class Context:
    """What the methods work on. ``load``: reads the configuration files (blocking; raises ConfigError)."""

    def __init__(
        self,
        supervisor: Supervisor,
        load: Callable[[], Configuration],
        last_read: LastRead,
        leftovers: Leftovers,
    ) -> None:
        self.supervisor = supervisor
        self.leftovers = leftovers
        self.load = load
        self.last_read = last_read
        self.updates = Updates(supervisor)
        self._log_readers = Workers("logs", LOGS_AT_ONCE)
        self._config_reader = Workers("configuration", 1)
        self.stream_address = ""
        self.inet_stream_address = ""

    @property
    def parsed(self) -> Configuration:
        """The configuration that was read last."""
        return self.last_read.now

    async def offload(self, function: Callable[..., T], *args: Any) -> T:
        """The result of a function that reads a log, from a thread."""
        return await self._log_readers.run(partial(function, *args))

    async def offload_config(self, function: Callable[..., T], *args: Any) -> T:
        """The same of one that works on the configuration; one at a time, so that what was read last is the newest."""
        return await self._config_reader.run(partial(function, *args))

    async def read_files(self) -> Configuration:
        """The configuration as the files say now. Raises RPCError (CANT_REREAD)."""
        try:
            return await self.offload_config(self.load)
        except ConfigError as error:
            raise RPCError(Faults.CANT_REREAD, str(error)) from error

    async def reread(self) -> Configuration:
        """The same, and kept as what was read last. Raises RPCError (CANT_REREAD)."""
        parsed = await self.read_files()
        self.last_read.put(parsed, await self.offload_config(pack, parsed))
        return parsed

    async def look(self, function: Callable[..., T], path: str, *args: Any) -> T:
        """The same of a function of the file ``path``. Raises RPCError where its file system does not answer."""
        lane = self.supervisor.stores.lanes.of(path)
        if lane is None:
            return await self.offload(function, path, *args)
        while True:
            try:
                answer: T = lane.collect((function, path, args), lambda: partial(function, path, *args))
                return answer
            except BlockingIOError:
                await asyncio.sleep(LOOK_AGAIN_S)
            except Unanswered as error:
                lane.forget((function, path, args))
                raise RPCError(Faults.FAILED, str(error.strerror)) from error


Status = dict[str, Any]


# --- looking up --------------------------------------------------------------------------------------


def running(context: Context) -> Supervisor:
    """The supervisor, while it is not on its way out. Raises RPCError."""
    supervisor = context.supervisor
    if supervisor.mood != SupervisorStates.RUNNING:
        raise RPCError(Faults.SHUTDOWN_STATE)
    return supervisor


def _find(supervisor: Supervisor, name: str) -> tuple[Group, Process | None]:
    """Group and process of a namespec; process None for the whole group. Raises RPCError."""
    group_name, process_name = split_namespec(name)
    group = supervisor.groups.get(group_name)
    if group is None:
        raise RPCError(Faults.BAD_NAME, name)
    if process_name is None:
        return group, None
    process = group.processes.get(process_name)
    if process is None:
        raise RPCError(Faults.BAD_NAME, name)
    return group, process


def process_named(supervisor: Supervisor, name: str) -> Process:
    """The process of a namespec. Raises RPCError."""
    process = supervisor.find(name)
    if process is None:
        raise RPCError(Faults.BAD_NAME, name)
    return process


def all_processes(supervisor: Supervisor) -> list[Process]:
    """Every process, groups and members by ascending priority."""
    return [process for group in ascending(supervisor.groups.values()) for process in _members(group)]


def _members(group: Group) -> list[Process]:
    return ascending(group.processes.values())


def _status(process: Process, code: int = Faults.SUCCESS, text: str = "OK") -> Status:
    return {"name": process.config.name, "group": process.config.group, "status": code, "description": text}


async def each(processes: Iterable[Process], work: Callable[[Process], Awaitable[Any]]) -> list[Status]:
    """Run ``work`` for all at once; a status each, in the order they are done."""

    async def one(process: Process) -> Status:
        try:
            await work(process)
        except RPCError as error:
            return _status(process, error.code, error.text)
        return _status(process)

    return await in_order_of_completion([asyncio.ensure_future(one(process)) for process in processes])


# --- about the supervisor ----------------------------------------------------------------------------


def get_api_version(context: Context, caller: Caller) -> str:
    running(context)
    return API_VERSION


def get_supervisor_version(context: Context, caller: Caller) -> str:
    running(context)
    return VERSION


def get_identification(context: Context, caller: Caller) -> str:
    return running(context).settings.identifier


def get_state(context: Context, caller: Caller) -> dict[str, Any]:
    supervisor = running(context)
    mood = supervisor.mood
    state: dict[str, Any] = {"statecode": mood, "statename": getSupervisorStateDescription(mood)}
    if supervisor.degraded:
        state["degraded"] = supervisor.degraded
    left = context.leftovers.told()
    if left:
        state["left"] = left
    return state


def get_pid(context: Context, caller: Caller) -> int:
    return running(context).keeper_pid


def get_stream_address(context: Context, caller: Caller) -> str:
    running(context)
    return (caller.remote and context.inet_stream_address) or context.stream_address


def shutdown(context: Context, caller: Caller) -> bool:
    running(context).shutdown(f"shutdown by {caller.name}")
    return True


async def restart(context: Context, caller: Caller) -> bool:
    supervisor = running(context)
    await context.read_files()
    supervisor.reload(f"reload by {caller.name}")
    return True


async def restart_daemon(context: Context, caller: Caller) -> bool:
    supervisor = running(context)
    reason = await rehearse(own_argv(), (supervisor.table.fd, supervisor.journal.fd))
    if reason:
        supervisor.log.error(
            f"daemon restart requested by {caller.name}, but the next one cannot serve: {reason}"
        )
        raise RPCError(Faults.FAILED, f"this daemon goes on, the next one cannot serve: {reason}")
    supervisor.log.info(f"daemon restart requested by {caller.name}; programs go on")
    # the answer has to leave before the daemon does
    asyncio.get_running_loop().call_later(0.05, supervisor.restart_daemon)
    return True


# --- the configuration -------------------------------------------------------------------------------


async def reload_config(context: Context, caller: Caller) -> list[list[list[str]]]:
    supervisor = running(context)
    parsed = await context.reread()
    changes = diff_groups([group.config for group in supervisor.groups.values()], parsed.groups)
    return [[list(changes.added), list(changes.changed), list(changes.removed)]]


def add_process_group(context: Context, caller: Caller, name: str) -> bool:
    supervisor = running(context)
    config = next((group for group in context.parsed.groups if group.name == name), None)
    if name in supervisor.groups:
        raise RPCError(Faults.ALREADY_ADDED, name)
    if config is None:
        raise RPCError(Faults.BAD_NAME, name)
    try:
        group = supervisor.add_group(config)
    except OSError as error:
        raise RPCError(Faults.FAILED, str(error)) from error
    supervisor.autostart([group])
    return True


def remove_process_group(context: Context, caller: Caller, name: str) -> bool:
    supervisor = running(context)
    group = supervisor.groups.get(name)
    if group is None:
        raise RPCError(Faults.BAD_NAME, name)
    if context.updates.busy(name) or any(
        process.machine.state not in STOPPED_STATES for process in group.processes.values()
    ):
        raise RPCError(Faults.STILL_RUNNING, name)
    supervisor.remove_group(name)
    return True


def get_all_config_info(context: Context, caller: Caller) -> list[dict[str, Any]]:
    supervisor = running(context)
    entries = []
    for group in context.parsed.groups:
        active = supervisor.groups.get(group.name)
        for config in group.processes:
            process = active.processes.get(config.name) if active is not None else None
            auto = process.auto_logs() if process is not None else {}
            entries.append(_config_info(config, active is not None, group.priority, auto))
    return sorted(entries, key=lambda entry: str(entry["name"]))


def _config_info(config: Any, in_use: bool, group_priority: int, auto: dict[str, str]) -> dict[str, Any]:
    """``auto``: paths of its AUTO logs by channel, as far as they are there."""
    entry: dict[str, Any] = {
        "autostart": config.autostart,
        "autorestart": {"always": True, "never": False}.get(config.autorestart.value, "unexpected"),
        "directory": config.directory or "none",
        "uid": "none" if config.uid is None else config.uid,
        "command": config.command,
        "exitcodes": list(config.exitcodes),
        "group": config.group,
        "group_prio": group_priority,
        "inuse": in_use,
        "killasgroup": config.killasgroup,
        "name": config.name,
        "process_prio": config.priority,
        "redirect_stderr": config.redirect_stderr,
        "startretries": config.startretries,
        "startsecs": config.startsecs,
        "stopsignal": config.stopsignal,
        "stopwaitsecs": config.stopwaitsecs,
        "stopasgroup": config.stopasgroup,
        "serverurl": "none" if (config.serverurl or "").upper() in ("", "AUTO") else config.serverurl,
    }
    for name, channel in (("stdout", config.stdout), ("stderr", config.stderr)):
        entry |= {
            f"{name}_capture_maxbytes": channel.capture_maxbytes,
            f"{name}_events_enabled": channel.events_enabled,
            f"{name}_logfile": channel.logfile.path or auto.get(name) or channel.logfile.kind.value,
            f"{name}_logfile_backups": channel.logfile_backups,
            f"{name}_logfile_maxbytes": channel.logfile_maxbytes,
            f"{name}_syslog": channel.syslog,
        }
    return {name: _told(value) for name, value in entry.items()}


def _told(value: Any) -> Any:
    """An int as XML-RPC can carry it: one that is beyond 32 bits is told as the largest that is not."""
    if type(value) is int:
        return max(I4_MIN, min(value, I4_MAX))
    return [_told(item) for item in value] if type(value) is list else value


# --- about processes ---------------------------------------------------------------------------------


def get_process_info(context: Context, caller: Caller, name: str) -> dict[str, Any]:
    return process_named(running(context), name).info(time.time())


def get_all_process_info(context: Context, caller: Caller) -> list[dict[str, Any]]:
    supervisor = running(context)
    now = time.time()
    ordered = sorted(supervisor.processes.values(), key=lambda p: (p.config.group, p.config.name))
    return [process.info(now) for process in ordered]


# --- starting ----------------------------------------------------------------------------------------


def _begin_start(supervisor: Supervisor, process: Process, caller: Caller) -> None:
    """Ask for a start. Raises RPCError when it cannot be."""
    config, state = process.config, process.machine.state
    try:
        environment = supervisor.starts.environment(config)
        resolve_anywhere(supervisor.stores.lanes, config.command, environment, config.directory)
    except (BlockingIOError, Unanswered):
        pass  # the start itself waits for an answer
    except CommandError as error:
        raise RPCError(Faults.NOT_EXECUTABLE if error.found else Faults.NO_FILE, str(error)) from error
    if state in RUNNING_STATES:
        raise RPCError(Faults.ALREADY_STARTED, process.namespec)
    if state == S.UNKNOWN:
        raise RPCError(Faults.FAILED, f"{process.namespec} is in an unknown process state")
    supervisor.feed(process, machine.Start(f"started by {caller.name}"))


async def _start_one(supervisor: Supervisor, process: Process, caller: Caller, wait: bool) -> bool:
    outcome: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def observe(transition: machine.Transition) -> None:
        if not outcome.done() and transition.new != S.STARTING:
            outcome.set_result(transition.new)

    with process.observed(observe):
        _begin_start(supervisor, process, caller)
        if process.machine.state == S.STOPPING:  # nothing was started
            if wait:
                raise RPCError(Faults.ABNORMAL_TERMINATION, process.namespec)
            return True
        if not wait and not outcome.done():
            return True
        state = await outcome
    if state in (S.BACKOFF, S.FATAL):
        raise RPCError(Faults.SPAWN_ERROR, process.namespec)
    if state != S.RUNNING:
        raise RPCError(Faults.ABNORMAL_TERMINATION, process.namespec)
    return True


async def start_process(context: Context, caller: Caller, name: str, wait: bool) -> Any:
    supervisor = running(context)
    group, process = _find(supervisor, name)
    if process is None:
        return await start_process_group(context, caller, group.name, wait)
    return await _start_one(supervisor, process, caller, wait)


async def start_process_group(context: Context, caller: Caller, name: str, wait: bool) -> list[Status]:
    supervisor = running(context)
    group = _group(supervisor, name)
    members = [p for p in _members(group) if p.machine.state not in RUNNING_STATES]
    return await each(members, lambda p: _start_one(supervisor, p, caller, wait))


async def start_all_processes(context: Context, caller: Caller, wait: bool) -> list[Status]:
    supervisor = running(context)
    members = [p for p in all_processes(supervisor) if p.machine.state not in RUNNING_STATES]
    return await each(members, lambda p: _start_one(supervisor, p, caller, wait))


def _group(supervisor: Supervisor, name: str) -> Group:
    group = supervisor.groups.get(name)
    if group is None:
        raise RPCError(Faults.BAD_NAME, name)
    return group


# --- stopping ----------------------------------------------------------------------------------------


async def _stop_one(supervisor: Supervisor, process: Process, caller: Caller, wait: bool) -> bool:
    if process.machine.state not in RUNNING_STATES:
        if process.machine.state in (S.EXITED, S.STOPPING):
            supervisor.feed(process, machine.Stop(f"stopped by {caller.name}"))  # a start may be due after it
        raise RPCError(Faults.NOT_RUNNING, process.namespec)
    stopped: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def observe(transition: machine.Transition) -> None:
        if not stopped.done() and transition.new in STOPPED_STATES:
            stopped.set_result(transition.new)

    with process.observed(observe):
        supervisor.feed(process, machine.Stop(f"stopped by {caller.name}"))
        if not wait and not stopped.done():
            return True
        while not stopped.done():
            supervisor.log.info(f"waiting for {process.config.name} to stop")
            await asyncio.wait([stopped], timeout=STOPPING_REPORT_S)
    if process.machine.state == S.UNKNOWN:
        raise RPCError(Faults.FAILED, process.machine.spawnerr)
    return True


async def stop_process(context: Context, caller: Caller, name: str, wait: bool) -> Any:
    supervisor = running(context)
    group, process = _find(supervisor, name)
    if process is None:
        return await stop_process_group(context, caller, group.name, wait)
    return await _stop_one(supervisor, process, caller, wait)


async def stop_process_group(context: Context, caller: Caller, name: str, wait: bool) -> list[Status]:
    supervisor = running(context)
    members = [p for p in _members(_group(supervisor, name)) if p.machine.state in RUNNING_STATES]
    return await each(members, lambda p: _stop_one(supervisor, p, caller, wait))


async def stop_all_processes(context: Context, caller: Caller, wait: bool) -> list[Status]:
    supervisor = running(context)
    members = [p for p in all_processes(supervisor) if p.machine.state in RUNNING_STATES]
    return await each(members, lambda p: _stop_one(supervisor, p, caller, wait))


# --- restarting (ours) -------------------------------------------------------------------------------


async def _restart_one(context: Context, process: Process, caller: Caller, wait: bool) -> bool:
    supervisor = context.supervisor
    if process.machine.state in RUNNING_STATES:
        await _stop_one(supervisor, process, caller, True)
        running(context)  # it may be on its way out by now, and then nothing is started
    return await _start_one(supervisor, process, caller, wait)


async def restart_process(context: Context, caller: Caller, name: str, wait: bool) -> Any:
    supervisor = running(context)
    group, process = _find(supervisor, name)
    if process is None:
        return await restart_process_group(context, caller, group.name, wait)
    return await _restart_one(context, process, caller, wait)


async def restart_process_group(context: Context, caller: Caller, name: str, wait: bool) -> list[Status]:
    supervisor = running(context)
    members = _members(_group(supervisor, name))
    return await each(members, lambda p: _restart_one(context, p, caller, wait))


# --- signals and stdin -------------------------------------------------------------------------------


def _signal_number(given: Any) -> int:
    text = str(given).strip()
    try:
        number = int(text)
    except ValueError:
        name = text.upper() if text.upper().startswith("SIG") else f"SIG{text.upper()}"
        try:
            return int(signal.Signals[name])
        except KeyError:
            raise RPCError(Faults.BAD_SIGNAL, text) from None
    try:
        return int(signal.Signals(number))
    except ValueError:
        raise RPCError(Faults.BAD_SIGNAL, text) from None


async def _signal_one(supervisor: Supervisor, process: Process, sig: Any) -> bool:
    number = _signal_number(sig)
    if process.machine.state not in SIGNALLABLE_STATES:
        raise RPCError(Faults.NOT_RUNNING, process.namespec)
    supervisor.log.debug(
        f"sending {process.config.name} (pid {process.machine.pid}) sig {machine.signal_name(number)}"
    )
    code = await supervisor.link.signal(process.key, process.machine.gen, number, False)
    if code:
        raise RPCError(Faults.FAILED, f"cannot signal {process.namespec}: {os.strerror(code)}")
    return True


async def signal_process(context: Context, caller: Caller, name: str, sig: Any) -> Any:
    supervisor = running(context)
    group, process = _find(supervisor, name)
    if process is None:
        return await signal_process_group(context, caller, group.name, sig)
    return await _signal_one(supervisor, process, sig)


async def signal_process_group(context: Context, caller: Caller, name: str, sig: Any) -> list[Status]:
    supervisor = running(context)
    members = [p for p in _members(_group(supervisor, name)) if p.machine.state in SIGNALLABLE_STATES]
    return await each(members, lambda p: _signal_one(supervisor, p, sig))


async def signal_all_processes(context: Context, caller: Caller, sig: Any) -> list[Status]:
    supervisor = running(context)
    members = [p for p in all_processes(supervisor) if p.machine.state in SIGNALLABLE_STATES]
    return await each(members, lambda p: _signal_one(supervisor, p, sig))


async def send_process_stdin(context: Context, caller: Caller, name: str, chars: Any) -> bool:
    supervisor = running(context)
    if not isinstance(chars, (str, bytes)):
        raise RPCError(Faults.INCORRECT_PARAMETERS, str(chars))
    process = process_named(supervisor, name)
    if not process.machine.pid or process.machine.state not in (S.STARTING, S.RUNNING):
        raise RPCError(Faults.NOT_RUNNING, name)
    data = chars.encode("utf-8", "surrogateescape") if isinstance(chars, str) else chars
    try:
        await write_stdin(supervisor, process, data)
    except InputClosed as error:
        raise RPCError(Faults.NO_FILE, name) from error
    except InputFull as error:
        raise RPCError(Faults.FAILED, f"{name} does not read its stdin, the buffer is full") from error
    if supervisor.settings.audit:
        supervisor.log.always(f"{caller.name} sent {len(data)} bytes to the input of {process.namespec}")
    return True


# --- events ------------------------------------------------------------------------------------------


def send_remote_comm_event(context: Context, caller: Caller, event_type: Any, data: Any) -> bool:
    notify(RemoteCommunicationEvent(_text(event_type), _text(data)))  # also while the supervisor is ending
    return True


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


# --- the table ---------------------------------------------------------------------------------------

NAME = Param("name", "string", "The name of the process (or group:name)")
GROUP = Param("name", "string", "The name of the group")
_WAIT = Param("wait", "boolean", "Answer when it is done, not at once", True, optional=True)
_SIGNAL = Param("signal", "any", "Name or number of the signal, such as HUP or 1")
TRUE = ("boolean", "Always true")
STATUSES = ("array", "A status struct for each process")


def described(
    name: str, function: Any, role: str, help_text: str, returns: tuple[str, str], *params: Param
) -> Method:
    """A row of the table, ``supervisor.`` put in front of its name."""
    # what takes a number too is told as what it is in API 3.0: a string
    types = (returns[0], *("string" if param.kind == "any" else param.kind for param in params))
    return Method(f"supervisor.{name}", function, role, help_text, returns, params, types)


METHODS: tuple[Method, ...] = (
    described("getAPIVersion", get_api_version, "observer", "The version of the API.", ("string", "3.0")),
    described("getVersion", get_api_version, "observer", "The version of the API (old name).", ("string", "3.0")),
    described("getSupervisorVersion", get_supervisor_version, "observer", "The version of supervisord.",
       ("string", "The version")),
    described("getIdentification", get_identification, "observer", "The identifier of this supervisord.",
       ("string", "The identifier")),
    described("getState", get_state, "observer", "The state of supervisord.",
       ("struct", "statecode and statename; where there is some, degraded (what does not work) and left (by programs)")),
    described("getPID", get_pid, "observer", "The pid that signals to supervisord go to.", ("int", "The pid")),
    described("getStreamAddress", get_stream_address, "observer",
       "Where the stream socket is. Not in Supervisor's API 3.0.",
       ("string", "unix:///path, tcp://host:port, tls://host:port, or nothing")),
    described("shutdown", shutdown, "admin", "Stop all processes and end supervisord.", TRUE),
    described("restart", restart, "admin", "Stop all processes and start afresh from the configuration files.", TRUE),
    described("restartDaemon", restart_daemon, "admin",
       "Put a new daemon in place of this one; no program is touched. Not in Supervisor's API 3.0.", TRUE),
    described("reloadConfig", reload_config, "admin", "Read the configuration files again; nothing running changes.",
       ("array", "[[added, changed, removed]], names of groups")),
    described("addProcessGroup", add_process_group, "admin", "Activate a group of the configuration read last.", TRUE,
       GROUP),
    described("removeProcessGroup", remove_process_group, "admin", "Deactivate a group whose processes stand still.", TRUE,
       GROUP),
    described("getAllConfigInfo", get_all_config_info, "observer", "The configuration read last.",
       ("array", "A struct for each process")),
    described("getProcessInfo", get_process_info, "observer", "State and facts of a process.", ("struct", "The facts"),
       NAME),
    described("getAllProcessInfo", get_all_process_info, "observer", "State and facts of all processes.",
       ("array", "A struct for each process")),
    described("startProcess", start_process, "operator", "Start a process.", TRUE, NAME, _WAIT),
    described("startProcessGroup", start_process_group, "operator", "Start all processes of a group.", STATUSES, GROUP,
       _WAIT),
    described("startAllProcesses", start_all_processes, "operator", "Start all processes.", STATUSES, _WAIT),
    described("stopProcess", stop_process, "operator", "Stop a process.", TRUE, NAME, _WAIT),
    described("stopProcessGroup", stop_process_group, "operator", "Stop all processes of a group.", STATUSES, GROUP,
       _WAIT),
    described("stopAllProcesses", stop_all_processes, "operator", "Stop all processes.", STATUSES, _WAIT),
    described("restartProcess", restart_process, "operator",
       "Stop a process if it runs, then start it. Not in Supervisor's API 3.0.", TRUE, NAME, _WAIT),
    described("restartProcessGroup", restart_process_group, "operator",
       "Restart all processes of a group, each as soon as it has stopped. Not in Supervisor's API 3.0.", STATUSES,
       GROUP, _WAIT),
    described("signalProcess", signal_process, "operator", "Send a signal to a process.", TRUE, NAME, _SIGNAL),
    described("signalProcessGroup", signal_process_group, "operator", "Send a signal to all processes of a group.",
       STATUSES, GROUP, _SIGNAL),
    described("signalAllProcesses", signal_all_processes, "operator", "Send a signal to all processes.", STATUSES,
       _SIGNAL),
    described("sendProcessStdin", send_process_stdin, "admin", "Send text to the stdin of a process.", TRUE, NAME,
       Param("chars", "any", "The text; sent as UTF-8")),
    described("sendRemoteCommEvent", send_remote_comm_event, "operator",
       "Send a REMOTE_COMMUNICATION event to the event listeners.", TRUE,
       Param("type", "any", "The type in the event's payload"), Param("data", "any", "The data in it")),
)  # fmt: skip
