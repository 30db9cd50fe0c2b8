"""``supervisor.*`` methods that Supervisor has not: update by member, its plan, history; must never know HTTP, XML,
msgpack."""

from __future__ import annotations

from typing import Any, Final

from supervisor.config.diff import GroupStep, OptionChange, Step, plan_groups
from supervisor.config.model import GroupConfig
from supervisor.errors import RPCError
from supervisor.faults import Faults
from supervisor.states import RUNNING_STATES

from ..access import Caller
from ..history import Past, Place
from ..loop import Supervisor
from ..machines.process import describe_exit, state_name
from ..process import Process
from ..update import Interrupted
from .supervisor import Context, process_named, running
from .table import Method, Param

TAIL_BYTES: Final = 2048
"""How much of each log ``getProcessHistory`` gives."""


# --- update ------------------------------------------------------------------------------------------


async def update_process_group(context: Context, caller: Caller, name: str) -> dict[str, Any]:
    supervisor = running(context)
    config = next((group for group in context.parsed.groups if group.name == name), None)
    if config is None or name not in supervisor.groups:
        raise RPCError(Faults.BAD_NAME, name)
    try:
        report = await context.updates.update(config, caller.name)
    except Interrupted:
        running(context)
        raise RPCError(Faults.FAILED, f"{name} was taken away during the update") from None
    return {
        "group": name,
        "stopped": report.stopped,
        "added": report.added,
        "changed": report.changed,
        "removed": report.removed,
        "kept": report.kept,
        "problems": report.problems,
    }


async def get_update_plan(context: Context, caller: Caller) -> list[dict[str, Any]]:
    supervisor = running(context)
    parsed = await context.read_files()
    steps = plan_groups([group.config for group in supervisor.groups.values()], parsed.groups)
    new = {group.name: group for group in parsed.groups}
    return [_group_step(supervisor, step, new.get(step.name)) for step in steps]


def _group_step(supervisor: Supervisor, step: GroupStep, new: GroupConfig | None) -> dict[str, Any]:
    group = supervisor.groups.get(step.name)
    members = group.processes if group is not None else {}
    autostart = {process.name for process in (new.processes if new is not None else ()) if process.autostart}
    processes = []
    for process in step.processes:
        member = members.get(process.name)
        running = member is not None and member.machine.state in RUNNING_STATES
        touched = process.step in (Step.CHANGE, Step.REMOVE)
        starts = process.step in (Step.CHANGE, Step.ADD) and (running or process.name in autostart)
        processes.append(
            {
                "name": process.name,
                "action": process.step.value,
                "stops": touched and running,
                "starts": starts,
                "changes": [_change(change) for change in process.changes],
            }
        )
    return {
        "group": step.name,
        "action": step.step.value,
        "whole": step.whole,
        "changes": [_change(change) for change in step.changes],
        "processes": processes,
    }


def _change(change: OptionChange) -> dict[str, str]:
    return {"option": change.option, "old": change.old, "new": change.new}


# --- history -----------------------------------------------------------------------------------------


async def get_process_history(context: Context, caller: Caller, name: str) -> dict[str, Any]:
    process = process_named(running(context), name)
    last = process.history.last_exit()
    answer: dict[str, Any] = {
        "name": process.config.name,
        "group": process.config.group,
        "state": process.machine.state,
        "statename": state_name(process.machine.state),
        "cause": process.machine.cause,
        "trouble": process.trouble,
        "transitions": [_transition(past) for past in process.history.entries],
    }
    if last is not None:
        answer["last_exit"] = {
            **_transition(last),
            "stdout": await _said_before(context, process, "stdout", last.stdout),
            "stderr": await _said_before(context, process, "stderr", last.stderr),
        }
    return answer


def _transition(past: Past) -> dict[str, Any]:
    exit_text = "" if past.status is None else describe_exit(past.status)
    return {
        "when": past.when,
        "from": state_name(past.old),
        "to": state_name(past.new),
        "cause": past.cause,
        "pid": past.pid,
        "tries": past.tries,
        "exit": exit_text,
    }


async def _said_before(context: Context, process: Process, channel: str, place: Place | None) -> str:
    """The end of what a channel said before ``place``; empty where it is not kept any more."""
    output = process.outputs.get(channel)
    if place is None or output is None or output.sink is None:
        return ""
    sink = output.sink
    gen, end = place
    begin = max(sink.start, end - TAIL_BYTES)
    if gen != sink.gen or begin >= end:
        return ""
    try:
        data = await context.offload(sink.read, begin, end - begin)
    except OSError:
        return ""
    return data.decode("utf-8", "replace")


# --- what was left -----------------------------------------------------------------------------------


async def get_left_behind(context: Context, caller: Caller) -> list[dict[str, Any]]:
    supervisor = running(context)
    await context.leftovers.settled()
    return [
        {"name": process.config.name, "group": process.config.group, "pid": seen.pid, "command": seen.name}
        for process in supervisor.processes.values()
        for seen in process.left
    ]


# --- the table ---------------------------------------------------------------------------------------

_NAME: Final = Param("name", "string", "The name of the process (or group:name)")
_GROUP: Final = Param("name", "string", "The name of the group")

METHODS: Final[tuple[Method, ...]] = (
    Method(
        "supervisor.updateProcessGroup",
        update_process_group,
        "admin",
        "Bring an active group to the configuration read last; members that did not change are not touched. "
        "Not in Supervisor's API 3.0.",
        ("struct", "stopped, added, changed, removed, kept: names of processes; problems: a line each"),
        (_GROUP,),
    ),
    Method(
        "supervisor.getUpdatePlan",
        get_update_plan,
        "operator",
        "Read the configuration files and tell what an update would do; nothing changes. "
        "Not in Supervisor's API 3.0.",
        ("array", "A struct for each group that would change"),
    ),
    Method(
        "supervisor.getProcessHistory",
        get_process_history,
        "observer",
        "The last transitions of a process with their causes, and what it said before its last exit. "
        "Not in Supervisor's API 3.0.",
        ("struct", "transitions, the newest last, and last_exit"),
        (_NAME,),
    ),
    Method(
        "supervisor.getLeftBehind",
        get_left_behind,
        "observer",
        "The processes that programs which stand still have left behind; those of a stop a moment ago are waited for. "
        "Not in Supervisor's API 3.0.",
        ("array", "A struct for each: name and group of the program, pid, command"),
    ),
)
