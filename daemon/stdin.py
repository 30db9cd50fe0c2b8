"""A process's way in: stdin pipe or terminal, opened when first needed; must never know who writes."""

from __future__ import annotations

import asyncio
import contextlib
import os

from .input import Input, InputClosed, InputFull
from .inputjournal import HELD_AS, InputJournal, JournalFull
from .keeper import wire
from .loop import Supervisor
from .process import Process

HELD_POLL_S = 0.01


async def input_of(supervisor: Supervisor, process: Process) -> Input:
    """The way into the current generation. Raises InputClosed when it has none, InputFull without a descriptor for it."""
    gen = process.machine.gen
    generation = process.generations.get(gen)
    if generation is None or generation.ended:
        raise InputClosed
    if generation.input is None:
        if generation.tty:
            channel = generation.channels["stdout"]
            if channel.fd < 0:
                raise InputClosed
            try:
                own = os.dup(channel.fd)
            except OSError:
                raise InputFull from None
            generation.input = Input(own, journal=generation.journal)
        else:
            fd = await supervisor.link.fetch_stdin(process.key, gen)
            if fd < 0:
                raise InputClosed
            if generation.input is not None or generation.ended:  # somebody was faster, or it is too late
                os.close(fd)
            else:
                generation.input = Input(fd, journal=generation.journal)
    if generation.input is None or generation.input.closed:
        raise InputClosed
    return generation.input


async def kept_input_of(supervisor: Supervisor, process: Process) -> Input:
    """The same, by a journal that outlives this daemon. Raises InputClosed or InputFull."""
    way = await input_of(supervisor, process)
    gen = process.machine.gen
    generation = process.generations[gen]
    if generation.journal is None:
        try:
            generation.journal = _begin_journal(supervisor, way, f"{HELD_AS}{gen}:{process.key}")
        except (OSError, JournalFull):
            raise InputFull from None
    while not supervisor.link.idle:  # nothing is delivered from what nobody else holds
        await asyncio.sleep(HELD_POLL_S)
    if way.closed:
        raise InputClosed
    return way


def _begin_journal(supervisor: Supervisor, way: Input, name: str) -> InputJournal:
    """Have the keeper hold a journal and ``way`` use it. Raises OSError or JournalFull, and nothing has changed then."""
    journal = InputJournal.create()
    try:
        supervisor.link.send(wire.Hold(name), (journal.fd,))
        try:
            way.begin_journal(journal)
        except JournalFull:
            supervisor.link.send(wire.Drop(name))
            raise
    except (OSError, JournalFull):
        journal.close()
        raise
    return journal


def resume_inputs(supervisor: Supervisor) -> None:
    """Go on delivering what another daemon had taken; give up what was for processes that have ended."""
    for name in [name for name in supervisor.generations.held if name.startswith(HELD_AS)]:
        os.close(supervisor.generations.held.pop(name))
        supervisor.link.send(wire.Drop(name))
    for process in supervisor.processes.values():
        generation = process.generations.get(process.machine.gen)
        if generation is not None and generation.journal is not None and generation.journal.waiting():
            supervisor.task(_deliver(supervisor, process))


async def _deliver(supervisor: Supervisor, process: Process) -> None:
    with contextlib.suppress(InputClosed):
        await input_of(supervisor, process)


async def write_stdin(supervisor: Supervisor, process: Process, data: bytes) -> None:
    """Send bytes to the program. Raises InputClosed or InputFull."""
    (await input_of(supervisor, process)).write(data)
