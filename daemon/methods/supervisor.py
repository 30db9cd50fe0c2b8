"""``supervisor.*`` methods about the whole, its configuration and its state, and what all methods share; must never know
HTTP, XML, msgpack.

Results and faults are those of Supervisor's API 3.0; a method that it does not
have says so in its help.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, TypeVar

from supervisor.config.diff import diff_groups
from supervisor.config.model import Configuration
from supervisor.errors import ConfigError, RPCError
from supervisor.events import RemoteCommunicationEvent, notify
from supervisor.faults import Faults
from supervisor.protocol.structs import Extended, Table
from supervisor.protocol.xmlrpc import I4_MAX, I4_MIN
from supervisor.states import (
    STOPPED_STATES,
    SupervisorStates,
    getSupervisorStateDescription,
)
from supervisor.version import VERSION

from ..access import Caller
from ..groups import Group
from ..lastread import LastRead, pack
from ..leftovers import Leftovers
from ..loop import Change, Supervisor
from ..machines.group import ascending
from ..output.lane import Unanswered
from ..process import Process, capped, uptime
from ..rehearsal import own_argv, rehearse
from ..update import Updates
from ..workers import Workers
from .table import Method, Param, in_order_of_completion

API_VERSION = "3.0"
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
        self._by_name: tuple[list[Process], list[Process]] = ([], [])  # as they are held, as they are sorted
        supervisor.subscribers_quiet.add(self._changed)
        self.stream_address = ""
        self.inet_stream_address = ""

    @property
    def parsed(self) -> Configuration:
        """The configuration that was read last."""
        return self.last_read.now

    def _changed(self, change: Change) -> None:
        if change.removed:
            self._by_name = [], []

    def processes_by_name(self) -> list[Process]:
        """All processes, by the names of their groups and then by their own."""
        processes = list(self.supervisor.processes.values())
        if processes != self._by_name[0]:
            ordered = sorted(processes, key=lambda process: (process.config.group, process.config.name))
            self._by_name = processes, ordered
        return self._by_name[1]

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


def process_named(supervisor: Supervisor, name: str) -> Process:
    """The process of a namespec. Raises RPCError."""
    process = supervisor.find(name)
    if process is None:
        raise RPCError(Faults.BAD_NAME, name)
    return process


def all_processes(supervisor: Supervisor) -> list[Process]:
    """Every process, groups and members by ascending priority."""
    return [process for group in ascending(supervisor.groups.values()) for process in members_of(group)]


def members_of(group: Group) -> list[Process]:
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


def get_process_info(context: Context, caller: Caller, name: str) -> Extended:
    return process_named(running(context), name).info(time.time())


def get_all_process_info(context: Context, caller: Caller) -> Table:
    running(context)
    now = time.time()
    rows = [process.row() for process in context.processes_by_name()]
    started = {row.since for row in rows if row.since is not None}
    return Table(rows, capped(now), {since: uptime(int(now) - since) for since in started})


# --- events ------------------------------------------------------------------------------------------


def send_remote_comm_event(context: Context, caller: Caller, event_type: Any, data: Any) -> bool:
    notify(RemoteCommunicationEvent(_text(event_type), _text(data)))  # also while the supervisor is ending
    return True


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


# --- the table ---------------------------------------------------------------------------------------

NAME = Param("name", "string", "The name of the process (or group:name)")
GROUP = Param("name", "string", "The name of the group")
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
    described("sendRemoteCommEvent", send_remote_comm_event, "operator",
       "Send a REMOTE_COMMUNICATION event to the event listeners.", TRUE,
       Param("type", "any", "The type in the event's payload"), Param("data", "any", "The data in it")),
)  # fmt: skip
