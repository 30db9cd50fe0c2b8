"""Programs that no file describes: from a plug-in or an RPC client into a running group.

Must never know which of the two it was.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import Any, Final

from supervisor.config.load import current_directory, load_program
from supervisor.config.model import ProcessConfig
from supervisor.errors import ConfigError

from .groups import Group
from .methods.supervisor import Context
from .process import Process

NAME_MAX_BYTES: Final = 128
"""So that the state record of a process that comes over RPC has room for all else."""


def program_options(given: Mapping[str, Any]) -> dict[str, str]:
    """Options of a program as a file would have them: numbers and booleans become text. Raises ValueError."""
    options = {}
    for name, value in given.items():
        if isinstance(value, bool):
            options[name] = "true" if value else "false"
        elif isinstance(value, (str, int, float)):
            options[name] = str(value)
    wrong = sorted(given.keys() - options.keys())
    if wrong:
        raise ValueError(f"{', '.join(wrong)}: to be a string, a number or a boolean")
    return options


def load_processes(
    context: Context, program: str, group: str, given: Mapping[str, Any]
) -> tuple[ProcessConfig, ...]:
    """The processes of a program that a plug-in or an RPC client describes, for a group that is there.

    Raises ValueError with everything that is wrong, in one line.
    """
    path = context.parsed.path
    base = context.supervisor.settings.directory or current_directory()
    try:
        processes = load_program(
            program, group, program_options(given), path=path, environ=os.environ, base=base
        )
    except ConfigError as error:
        reasons = "; ".join(f"{p.option}: {p.reason}" if p.option else p.reason for p in error.problems)
        raise ValueError(f"{reasons} in section 'program:{program}' (file: '{path}')") from error
    long = next((p.name for p in processes if len(p.name.encode("utf-8", "replace")) > NAME_MAX_BYTES), None)
    if long is not None:
        raise ValueError(f"a process name is over {NAME_MAX_BYTES} bytes: '{long[:40]}...'")
    return processes


def add_processes(context: Context, group: Group, configs: tuple[ProcessConfig, ...]) -> list[Process]:
    """Supervise more processes in a group; those with autostart begin in the next turn of the loop.

    getAllConfigInfo knows them until the next reread. Raises OSError; those before are in.
    """
    supervisor = context.supervisor
    added = []
    for config in configs:
        added.append(supervisor.add_process(config))
        context.last_read.add(config)
    asyncio.get_running_loop().call_soon(supervisor.autostart, (group,))
    return added
