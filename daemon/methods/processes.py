"""``supervisor.*`` methods that act on processes: start, stop, restart, signal, input; must never know HTTP, XML,
msgpack."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any, Final

from supervisor.errors import RPCError
from supervisor.faults import Faults
from supervisor.namespec import split_namespec
from supervisor.states import RUNNING_STATES, SIGNALLABLE_STATES, STOPPED_STATES
from supervisor.states import ProcessStates as S

from ..access import Caller
from ..command import CommandError, resolve_anywhere
from ..groups import Group
from ..input import InputClosed, InputFull
from ..loop import Supervisor
from ..machines import process as machine
from ..output.lane import Unanswered
from ..process import Process
from ..stdin import write_stdin
from .supervisor import (
    GROUP,
    NAME,
    STATUSES,
    TRUE,
    Context,
    Status,
    all_processes,
    described,
    each,
    members_of,
    process_named,
    running,
)
from .table import Method, Param

STOPPING_REPORT_S: Final = 2.0


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
    members = [p for p in members_of(group) if p.machine.state not in RUNNING_STATES]
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
    members = [p for p in members_of(_group(supervisor, name)) if p.machine.state in RUNNING_STATES]
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
    members = members_of(_group(supervisor, name))
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
    if supervisor.link.lost:
        raise RPCError(Faults.FAILED, f"cannot signal {process.namespec}: the keeper is gone")
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
    members = [p for p in members_of(_group(supervisor, name)) if p.machine.state in SIGNALLABLE_STATES]
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


# --- the table ---------------------------------------------------------------------------------------

_WAIT = Param("wait", "boolean", "Answer when it is done, not at once", True, optional=True)
_SIGNAL = Param("signal", "any", "Name or number of the signal, such as HUP or 1")

METHODS: Final[tuple[Method, ...]] = (
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
)  # fmt: skip
