"""A process's way in: stdin pipe or terminal, opened when first needed; must never know who writes."""

from __future__ import annotations

import os

from .input import Input, InputClosed
from .loop import Supervisor
from .process import Process


async def input_of(supervisor: Supervisor, process: Process) -> Input:
    """The way into the current generation. Raises InputClosed when it has none."""
    gen = process.machine.gen
    generation = process.generations.get(gen)
    if generation is None or generation.ended:
        raise InputClosed
    if generation.input is None:
        if generation.tty:
            channel = generation.channels["stdout"]
            if channel.fd < 0:
                raise InputClosed
            generation.input = Input(os.dup(channel.fd))
        else:
            fd = await supervisor.link.fetch_stdin(process.key, gen)
            if fd < 0:
                raise InputClosed
            if generation.input is not None or generation.ended:  # somebody was faster, or it is too late
                os.close(fd)
            else:
                generation.input = Input(fd)
    if generation.input is None or generation.input.closed:
        raise InputClosed
    return generation.input


async def write_stdin(supervisor: Supervisor, process: Process, data: bytes) -> None:
    """Send bytes to the program. Raises InputClosed or InputFull."""
    (await input_of(supervisor, process)).write(data)
