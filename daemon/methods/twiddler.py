"""The ``twiddler.*`` methods: programs added to and removed from running groups; must never know HTTP, XML.

What they change outlives a crash of the daemon, as every group does, but not a reload:
no file knows of it, and ``reread`` tells of the group as changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from supervisor.config import values
from supervisor.errors import RPCError
from supervisor.faults import Faults
from supervisor.loggers import LOG_LEVELS_BY_NUM
from supervisor.states import STOPPED_STATES, SupervisorStates

from ..access import Caller
from ..additions import add_processes, load_processes
from ..groups import Group
from ..loop import Supervisor
from ..mainlog import LEVELS
from .supervisor import Context
from .table import Method, Param

API_VERSION: Final = "1.0"
NOT_IN_WHITELIST: Final = 230
_LEVEL_NAMES: Final = {number: name for name, number in LEVELS.items()}
_TAGS: Final = {tag: number for number, tag in LOG_LEVELS_BY_NUM.items()}


def _group(supervisor: Supervisor, name: str) -> Group:
    group = supervisor.groups.get(name)
    if group is None:
        raise RPCError(Faults.BAD_NAME, f"group: {name}")
    return group


def get_api_version(context: Context, caller: Caller) -> str:
    return API_VERSION


def get_group_names(context: Context, caller: Caller) -> list[str]:
    return list(context.supervisor.groups)


def log(context: Context, caller: Caller, message: str, level: Any) -> bool:
    number = _TAGS.get(level.upper()) if isinstance(level, str) else level
    name = _LEVEL_NAMES.get(number) if type(number) is int else None
    if name is None:
        raise RPCError(Faults.INCORRECT_PARAMETERS)
    context.supervisor.log.log(name, message)
    return True


def add_program(context: Context, caller: Caller, group_name: str, program: str, options: Any) -> bool:
    supervisor = context.supervisor
    group = _group(supervisor, group_name)
    if options == []:
        options = {}
    if not isinstance(options, dict):
        raise RPCError(Faults.INCORRECT_PARAMETERS)
    try:
        configs = load_processes(context, program, group_name, options)
    except ValueError as error:
        raise RPCError(Faults.INCORRECT_PARAMETERS, str(error)) from error
    names = list(group.processes)
    for config in configs:
        if config.name in names:
            raise RPCError(Faults.BAD_NAME, config.name)
        names.append(config.name)
    try:
        add_processes(context, group, configs)
    except OSError as error:
        raise RPCError(Faults.FAILED, str(error)) from error
    supervisor.log.info(f"{caller.name} added program {program} to group {group_name}")
    return True


def remove_process(context: Context, caller: Caller, group_name: str, process_name: str) -> bool:
    supervisor = context.supervisor
    process = _group(supervisor, group_name).processes.get(process_name)
    if process is None:
        raise RPCError(Faults.BAD_NAME, process_name)
    if process.machine.pid or process.machine.state not in STOPPED_STATES:
        raise RPCError(Faults.STILL_RUNNING, process_name)
    supervisor.remove_process(process)
    supervisor.log.info(f"{caller.name} removed process {process_name} from group {group_name}")
    return True


def twiddler_methods(namespace: str, options: Mapping[str, str]) -> tuple[Method, ...]:
    """The methods. Option ``whitelist``: those that are allowed, a comma list; empty: all."""
    allowed = frozenset(filter(None, values.string_list(options.get("whitelist", ""))))

    def method(
        name: str, function: Callable[..., Any], role: str, text: str, kind: str, *params: Param
    ) -> Method:
        def run(context: Context, caller: Caller, *given: Any) -> Any:
            if context.supervisor.mood == SupervisorStates.SHUTDOWN:
                raise RPCError(Faults.SHUTDOWN_STATE)
            if allowed and name not in allowed:
                raise RPCError(NOT_IN_WHITELIST, name)
            return function(context, caller, *given)

        types = (kind, *("struct" if p.name == "program_options" else p.kind for p in params))
        return Method(f"{namespace}.{name}", run, role, text, (kind, ""), params, types)

    group = Param("group_name", "string", "The name of the group")
    return (
        method("getAPIVersion", get_api_version, "observer", "The version of this API.", "string"),
        method("getGroupNames", get_group_names, "observer", "The names of all groups.", "array"),
        method("log", log, "operator", "Write to the main log.", "boolean",
               Param("message", "string", "The text"),
               Param("level", "any", "A tag such as INFO, or its number", LEVELS["info"], optional=True)),
        method("addProgramToGroup", add_program, "admin", "Add the processes of a program to a group.", "boolean",
               group, Param("program_name", "string", "The name of the program"),
               Param("program_options", "any", "Options as in a [program:x] section")),
        method("removeProcessFromGroup", remove_process, "admin", "Remove a process that stands still from its group.",
               "boolean", group, Param("process_name", "string", "The name of the process")),
    )  # fmt: skip
