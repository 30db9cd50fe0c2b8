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
from ..command import CommandError, resolve
from ..input import InputClosed, InputFull
from ..loop import Group, Supervisor
from ..machines import process as machine
from ..machines.group import ascending
from ..output.opening import open_log
from ..process import Process
from ..stdin import write_stdin
from ..update import Updates
from .table import Method, Param, in_order_of_completion

API_VERSION = "3.0"
ANSWER_MAX_BYTES = 8 << 20
STOPPING_REPORT_S = 2.0

T = TypeVar("T")


class Context:
    """What the methods work on. ``load``: reads the configuration files (blocking; raises ConfigError)."""

    def __init__(
        self, supervisor: Supervisor, load: Callable[[], Configuration], parsed: Configuration
    ) -> None:
        self.supervisor = supervisor
        self.load = load
        self.parsed = parsed
        self.updates = Updates(supervisor)
        self.stream_address = ""
        self.inet_stream_address = ""

    async def offload(self, function: Callable[..., T], *args: Any) -> T:
        """The result of a function that blocks, from a thread."""
        return await asyncio.get_running_loop().run_in_executor(None, function, *args)


Status = dict[str, Any]


# --- looking up --------------------------------------------------------------------------------------


def _check(context: Context) -> Supervisor:
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


def _process(supervisor: Supervisor, name: str) -> Process:
    _, process = _find(supervisor, name)
    if process is None:
        raise RPCError(Faults.BAD_NAME, name)
    return process


def _all(supervisor: Supervisor) -> list[Process]:
    """Every process, groups and members by ascending priority."""
    return [process for group in ascending(supervisor.groups.values()) for process in _members(group)]


def _members(group: Group) -> list[Process]:
    return ascending(group.processes.values())


def _status(process: Process, code: int = Faults.SUCCESS, text: str = "OK") -> Status:
    return {"name": process.config.name, "group": process.config.group, "status": code, "description": text}


async def _each(processes: Iterable[Process], work: Callable[[Process], Awaitable[Any]]) -> list[Status]:
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
    _check(context)
    return API_VERSION


def get_supervisor_version(context: Context, caller: Caller) -> str:
    _check(context)
    return VERSION


def get_identification(context: Context, caller: Caller) -> str:
    return _check(context).settings.identifier


def get_state(context: Context, caller: Caller) -> dict[str, Any]:
    supervisor = _check(context)
    mood = supervisor.mood
    state = {"statecode": mood, "statename": getSupervisorStateDescription(mood)}
    return {**state, "degraded": supervisor.degraded} if supervisor.degraded else state


def get_pid(context: Context, caller: Caller) -> int:
    return _check(context).keeper_pid


def get_stream_address(context: Context, caller: Caller) -> str:
    _check(context)
    return (caller.remote and context.inet_stream_address) or context.stream_address


def shutdown(context: Context, caller: Caller) -> bool:
    _check(context).shutdown(f"shutdown by {caller.name}")
    return True


async def restart(context: Context, caller: Caller) -> bool:
    supervisor = _check(context)
    try:
        await context.offload(context.load)
    except ConfigError as error:
        raise RPCError(Faults.CANT_REREAD, str(error)) from error
    supervisor.reload(f"reload by {caller.name}")
    return True


def restart_daemon(context: Context, caller: Caller) -> bool:
    supervisor = _check(context)
    supervisor.log.info(f"daemon restart requested by {caller.name}; programs go on")
    # the answer has to leave before the daemon does
    asyncio.get_running_loop().call_later(0.05, supervisor.restart_daemon)
    return True


# --- the configuration -------------------------------------------------------------------------------


async def reload_config(context: Context, caller: Caller) -> list[list[list[str]]]:
    supervisor = _check(context)
    try:
        parsed = await context.offload(context.load)
    except ConfigError as error:
        raise RPCError(Faults.CANT_REREAD, str(error)) from error
    context.parsed = parsed
    changes = diff_groups([group.config for group in supervisor.groups.values()], parsed.groups)
    return [[list(changes.added), list(changes.changed), list(changes.removed)]]


def add_process_group(context: Context, caller: Caller, name: str) -> bool:
    supervisor = _check(context)
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
    supervisor = _check(context)
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
    supervisor = _check(context)
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
    return _process(_check(context), name).info(time.time())


def get_all_process_info(context: Context, caller: Caller) -> list[dict[str, Any]]:
    supervisor = _check(context)
    now = time.time()
    ordered = sorted(supervisor.processes.values(), key=lambda p: (p.config.group, p.config.name))
    return [process.info(now) for process in ordered]


# --- starting ----------------------------------------------------------------------------------------


def _begin_start(supervisor: Supervisor, process: Process, caller: Caller) -> None:
    """Ask for a start. Raises RPCError when it cannot be."""
    config, state = process.config, process.machine.state
    try:
        resolve(config.command, supervisor.environment(config), config.directory)
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
    supervisor = _check(context)
    group, process = _find(supervisor, name)
    if process is None:
        return await start_process_group(context, caller, group.name, wait)
    return await _start_one(supervisor, process, caller, wait)


async def start_process_group(context: Context, caller: Caller, name: str, wait: bool) -> list[Status]:
    supervisor = _check(context)
    group = _group(supervisor, name)
    members = [p for p in _members(group) if p.machine.state not in RUNNING_STATES]
    return await _each(members, lambda p: _start_one(supervisor, p, caller, wait))


async def start_all_processes(context: Context, caller: Caller, wait: bool) -> list[Status]:
    supervisor = _check(context)
    members = [p for p in _all(supervisor) if p.machine.state not in RUNNING_STATES]
    return await _each(members, lambda p: _start_one(supervisor, p, caller, wait))


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
    supervisor = _check(context)
    group, process = _find(supervisor, name)
    if process is None:
        return await stop_process_group(context, caller, group.name, wait)
    return await _stop_one(supervisor, process, caller, wait)


async def stop_process_group(context: Context, caller: Caller, name: str, wait: bool) -> list[Status]:
    supervisor = _check(context)
    members = [p for p in _members(_group(supervisor, name)) if p.machine.state in RUNNING_STATES]
    return await _each(members, lambda p: _stop_one(supervisor, p, caller, wait))


async def stop_all_processes(context: Context, caller: Caller, wait: bool) -> list[Status]:
    supervisor = _check(context)
    members = [p for p in _all(supervisor) if p.machine.state in RUNNING_STATES]
    return await _each(members, lambda p: _stop_one(supervisor, p, caller, wait))


# --- restarting (ours) -------------------------------------------------------------------------------


async def _restart_one(supervisor: Supervisor, process: Process, caller: Caller, wait: bool) -> bool:
    if process.machine.state in RUNNING_STATES:
        await _stop_one(supervisor, process, caller, True)
    return await _start_one(supervisor, process, caller, wait)


async def restart_process(context: Context, caller: Caller, name: str, wait: bool) -> Any:
    supervisor = _check(context)
    group, process = _find(supervisor, name)
    if process is None:
        return await restart_process_group(context, caller, group.name, wait)
    return await _restart_one(supervisor, process, caller, wait)


async def restart_process_group(context: Context, caller: Caller, name: str, wait: bool) -> list[Status]:
    supervisor = _check(context)
    members = _members(_group(supervisor, name))
    return await _each(members, lambda p: _restart_one(supervisor, p, caller, wait))


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
    supervisor = _check(context)
    group, process = _find(supervisor, name)
    if process is None:
        return await signal_process_group(context, caller, group.name, sig)
    return await _signal_one(supervisor, process, sig)


async def signal_process_group(context: Context, caller: Caller, name: str, sig: Any) -> list[Status]:
    supervisor = _check(context)
    members = [p for p in _members(_group(supervisor, name)) if p.machine.state in SIGNALLABLE_STATES]
    return await _each(members, lambda p: _signal_one(supervisor, p, sig))


async def signal_all_processes(context: Context, caller: Caller, sig: Any) -> list[Status]:
    supervisor = _check(context)
    members = [p for p in _all(supervisor) if p.machine.state in SIGNALLABLE_STATES]
    return await _each(members, lambda p: _signal_one(supervisor, p, sig))


async def send_process_stdin(context: Context, caller: Caller, name: str, chars: Any) -> bool:
    supervisor = _check(context)
    if not isinstance(chars, (str, bytes)):
        raise RPCError(Faults.INCORRECT_PARAMETERS, str(chars))
    process = _process(supervisor, name)
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


# --- logs --------------------------------------------------------------------------------------------


def _log_path(process: Process, channel: str) -> str:
    output = process.outputs.get(channel)
    return output.path if output is not None else ""


def _read_file(path: str, offset: int, length: int) -> str:
    """The slice of a file that read*Log gives (reference: rpc.md section 12). Raises RPCError."""
    if (offset < 0 and length != 0) or length < 0:
        raise RPCError(Faults.BAD_ARGUMENTS)
    try:
        with os.fdopen(open_log(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = max(0, size + offset) if offset < 0 else offset
            count = length or max(0, size - start)
            if min(count, size) > ANSWER_MAX_BYTES:
                raise RPCError(
                    Faults.FAILED, f"answer would be over {ANSWER_MAX_BYTES} bytes; ask for a part"
                )
            file.seek(start)
            return file.read(count).decode("utf-8", "replace")
    except FileNotFoundError as error:
        raise RPCError(Faults.NO_FILE, path) from error
    except OSError as error:
        raise RPCError(Faults.FAILED, str(error)) from error


def _tail_file(path: str, offset: int, length: int) -> list[Any]:
    """What tail*Log gives (reference: rpc.md section 12)."""
    try:
        with os.fdopen(open_log(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            overflow = False
            if size > offset + length:
                overflow, offset = True, size - 1
            if offset + length > size:
                if offset > size - 1:
                    length = 0
                offset = size - length
            offset, length = max(0, offset), max(0, length)
            file.seek(offset)
            data = file.read(min(length, ANSWER_MAX_BYTES)) if length else b""
            return [data.decode("utf-8", "replace"), size, overflow]
    except FileNotFoundError:
        return ["", 0, False]
    except OSError:
        return ["", offset, False]


async def _read_process_log(context: Context, name: str, channel: str, offset: int, length: int) -> str:
    path = _log_path(_process(_check(context), name), channel)
    if not path:
        raise RPCError(Faults.NO_FILE)
    return await context.offload(_read_file, path, offset, length)


async def read_stdout_log(context: Context, caller: Caller, name: str, offset: int, length: int) -> str:
    return await _read_process_log(context, name, "stdout", offset, length)


async def read_stderr_log(context: Context, caller: Caller, name: str, offset: int, length: int) -> str:
    return await _read_process_log(context, name, "stderr", offset, length)


async def _tail_process_log(context: Context, name: str, channel: str, offset: int, length: int) -> list[Any]:
    path = _log_path(_process(_check(context), name), channel)
    if not path:
        return ["", 0, False]
    return await context.offload(_tail_file, path, offset, length)


async def tail_stdout_log(context: Context, caller: Caller, name: str, offset: int, length: int) -> list[Any]:
    return await _tail_process_log(context, name, "stdout", offset, length)


async def tail_stderr_log(context: Context, caller: Caller, name: str, offset: int, length: int) -> list[Any]:
    return await _tail_process_log(context, name, "stderr", offset, length)


async def read_log(context: Context, caller: Caller, offset: int, length: int) -> str:
    path = _check(context).log.path
    if not path:
        raise RPCError(Faults.NO_FILE, path)
    return await context.offload(_read_file, path, offset, length)


def clear_log(context: Context, caller: Caller) -> bool:
    log = _check(context).log
    if log.store is None:
        raise RPCError(Faults.NO_FILE, log.path)
    if not os.path.exists(log.path):
        raise RPCError(Faults.NO_FILE)
    log.info("reopening log file")  # goes with what is cleared
    try:
        log.store.clear()
    except OSError as error:
        raise RPCError(Faults.FAILED, str(error)) from error
    return True


def _clear_one(process: Process) -> None:
    for output in process.outputs.values():
        if output.sink is not None:
            try:
                output.sink.clear()
            except OSError as error:
                raise RPCError(Faults.FAILED, process.namespec) from error


def clear_process_logs(context: Context, caller: Caller, name: str) -> bool:
    _clear_one(_process(_check(context), name))
    return True


async def clear_all_process_logs(context: Context, caller: Caller) -> list[Status]:
    async def clear(process: Process) -> None:
        _clear_one(process)

    return await _each(_all(_check(context)), clear)


# --- the table ---------------------------------------------------------------------------------------

_NAME = Param("name", "string", "The name of the process (or group:name)")
_GROUP = Param("name", "string", "The name of the group")
_WAIT = Param("wait", "boolean", "Answer when it is done, not at once", True, optional=True)
_SIGNAL = Param("signal", "any", "Name or number of the signal, such as HUP or 1")
_OFFSET = Param("offset", "int", "Where to begin; negative: that many bytes from the end")
_LENGTH = Param("length", "int", "How many bytes; 0: to the end")
_PLACE = (_NAME, _OFFSET, _LENGTH)
_TRUE = ("boolean", "Always true")
_STATUSES = ("array", "A status struct for each process")
_TAIL = ("array", "[string data, int size of the log, boolean overflow]")


def _m(
    name: str, function: Any, role: str, help_text: str, returns: tuple[str, str], *params: Param
) -> Method:
    # what takes a number too is told as what it is in API 3.0: a string
    types = (returns[0], *("string" if param.kind == "any" else param.kind for param in params))
    return Method(f"supervisor.{name}", function, role, help_text, returns, params, types)


METHODS: tuple[Method, ...] = (
    _m("getAPIVersion", get_api_version, "observer", "The version of the API.", ("string", "3.0")),
    _m("getVersion", get_api_version, "observer", "The version of the API (old name).", ("string", "3.0")),
    _m("getSupervisorVersion", get_supervisor_version, "observer", "The version of supervisord.",
       ("string", "The version")),
    _m("getIdentification", get_identification, "observer", "The identifier of this supervisord.",
       ("string", "The identifier")),
    _m("getState", get_state, "observer", "The state of supervisord.", ("struct", "statecode and statename; degraded, where something of supervisord itself does not work")),
    _m("getPID", get_pid, "observer", "The pid that signals to supervisord go to.", ("int", "The pid")),
    _m("getStreamAddress", get_stream_address, "observer",
       "Where the stream socket is. Not in Supervisor's API 3.0.",
       ("string", "unix:///path, tcp://host:port, tls://host:port, or nothing")),
    _m("shutdown", shutdown, "admin", "Stop all processes and end supervisord.", _TRUE),
    _m("restart", restart, "admin", "Stop all processes and start afresh from the configuration files.", _TRUE),
    _m("restartDaemon", restart_daemon, "admin",
       "Put a new daemon in place of this one; no program is touched. Not in Supervisor's API 3.0.", _TRUE),
    _m("reloadConfig", reload_config, "admin", "Read the configuration files again; nothing running changes.",
       ("array", "[[added, changed, removed]], names of groups")),
    _m("addProcessGroup", add_process_group, "admin", "Activate a group of the configuration read last.", _TRUE,
       _GROUP),
    _m("removeProcessGroup", remove_process_group, "admin", "Deactivate a group whose processes stand still.", _TRUE,
       _GROUP),
    _m("getAllConfigInfo", get_all_config_info, "observer", "The configuration read last.",
       ("array", "A struct for each process")),
    _m("getProcessInfo", get_process_info, "observer", "State and facts of a process.", ("struct", "The facts"),
       _NAME),
    _m("getAllProcessInfo", get_all_process_info, "observer", "State and facts of all processes.",
       ("array", "A struct for each process")),
    _m("startProcess", start_process, "operator", "Start a process.", _TRUE, _NAME, _WAIT),
    _m("startProcessGroup", start_process_group, "operator", "Start all processes of a group.", _STATUSES, _GROUP,
       _WAIT),
    _m("startAllProcesses", start_all_processes, "operator", "Start all processes.", _STATUSES, _WAIT),
    _m("stopProcess", stop_process, "operator", "Stop a process.", _TRUE, _NAME, _WAIT),
    _m("stopProcessGroup", stop_process_group, "operator", "Stop all processes of a group.", _STATUSES, _GROUP,
       _WAIT),
    _m("stopAllProcesses", stop_all_processes, "operator", "Stop all processes.", _STATUSES, _WAIT),
    _m("restartProcess", restart_process, "operator",
       "Stop a process if it runs, then start it. Not in Supervisor's API 3.0.", _TRUE, _NAME, _WAIT),
    _m("restartProcessGroup", restart_process_group, "operator",
       "Restart all processes of a group, each as soon as it has stopped. Not in Supervisor's API 3.0.", _STATUSES,
       _GROUP, _WAIT),
    _m("signalProcess", signal_process, "operator", "Send a signal to a process.", _TRUE, _NAME, _SIGNAL),
    _m("signalProcessGroup", signal_process_group, "operator", "Send a signal to all processes of a group.",
       _STATUSES, _GROUP, _SIGNAL),
    _m("signalAllProcesses", signal_all_processes, "operator", "Send a signal to all processes.", _STATUSES,
       _SIGNAL),
    _m("sendProcessStdin", send_process_stdin, "admin", "Send text to the stdin of a process.", _TRUE, _NAME,
       Param("chars", "any", "The text; sent as UTF-8")),
    _m("sendRemoteCommEvent", send_remote_comm_event, "operator",
       "Send a REMOTE_COMMUNICATION event to the event listeners.", _TRUE,
       Param("type", "any", "The type in the event's payload"), Param("data", "any", "The data in it")),
    _m("readLog", read_log, "observer", "Read the main log.", ("string", "The bytes as text"), _OFFSET, _LENGTH),
    _m("readMainLog", read_log, "observer", "Read the main log (old name).", ("string", "The bytes as text"),
       _OFFSET, _LENGTH),
    _m("clearLog", clear_log, "admin", "Clear the main log.", _TRUE),
    _m("readProcessStdoutLog", read_stdout_log, "observer", "Read the stdout log of a process.",
       ("string", "The bytes as text"), *_PLACE),
    _m("readProcessLog", read_stdout_log, "observer", "Read the stdout log of a process (old name).",
       ("string", "The bytes as text"), *_PLACE),
    _m("readProcessStderrLog", read_stderr_log, "observer", "Read the stderr log of a process.",
       ("string", "The bytes as text"), *_PLACE),
    _m("tailProcessStdoutLog", tail_stdout_log, "observer", "The end of the stdout log of a process.", _TAIL,
       *_PLACE),
    _m("tailProcessLog", tail_stdout_log, "observer", "The end of the stdout log of a process (old name).", _TAIL,
       *_PLACE),
    _m("tailProcessStderrLog", tail_stderr_log, "observer", "The end of the stderr log of a process.", _TAIL,
       *_PLACE),
    _m("clearProcessLogs", clear_process_logs, "operator", "Clear both logs of a process.", _TRUE, _NAME),
    _m("clearProcessLog", clear_process_logs, "operator", "Clear both logs of a process (old name).", _TRUE, _NAME),
    _m("clearAllProcessLogs", clear_all_process_logs, "operator", "Clear the logs of all processes.", _STATUSES),
)  # fmt: skip
