"""Starts of processes that are not over: what they write is moved, descriptors are taken from the keeper and given
back; must never know why a process starts or ends.

A start is over once its process has ended and all that it wrote was read: then the keeper may close its copies.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from .inputjournal import HELD_AS, InputJournal
from .keeper import wire
from .output.pump import Channel, Target
from .output.storeset import StoreSet
from .output.tap import Transformed
from .process import Generation, Process

DRAIN_BYTES: Final = 1 << 22
LINGERING_MAX: Final = 4


class Send(Protocol):
    """Queues a frame for the keeper, and descriptors beside it. Raises OSError."""

    def __call__(self, frame: wire.Frame, fds: tuple[int, ...] = ()) -> None: ...


class Generations:
    """``save`` writes a process's record of the snapshot; ``warn`` a line of the main log."""

    def __init__(
        self, stores: StoreSet, send: Send, save: Callable[[Process], None], warn: Callable[[str], None]
    ) -> None:
        self.held: dict[str, int] = {}
        """Rings and journals of an earlier daemon by name, until they are used."""
        self._stores = stores
        self._used = stores.used  # one bound method for all channels
        self._send = send
        self._save = save
        self._warn = warn

    def open_outputs(self, process: Process, later: bool = False) -> None:
        """Make the outputs of a process ready to be written and read; ``later`` as there. Raises OSError."""
        process.open_outputs(self._stores, self.held, self._hold, later)

    def _hold(self, name: str, fd: int) -> None:
        self._send(wire.Hold(name), (fd,))

    def begin(self, process: Process, gen: int, pid: int, tty: bool, fds: list[int]) -> None:
        """Begin to move what a started process writes; its outputs are open."""
        generation = Generation(process, gen, pid, tty)
        process.generations[gen] = generation
        journal = self.held.pop(f"{HELD_AS}{gen}:{process.key}", -1)
        if journal >= 0:
            generation.journal = InputJournal(journal)
        for name, fd in zip(("stdout", "stderr"), fds, strict=False):
            sink = process.outputs[name].sink
            if sink is None:
                raise RuntimeError(f"output {name} of {process.key} is not open")
            channel = Channel(
                fd,
                sink,
                generation,
                copy=tty or isinstance(sink, Target) or (isinstance(sink, Transformed) and sink.copies),
                used=self._used,
                prompt=name == "stdout" and process.protocol is not None,
            )
            generation.channels[name] = channel
            channel.start()
        if tty and gen == process.machine.gen:
            process.follow_modes(lambda: self._save(process))
        lingering = [g for g in process.generations.values() if g.ended]
        for old in lingering[: max(0, len(lingering) - LINGERING_MAX)]:
            self._warn(
                f"{process.key}: a process left behind by pid {old.pid} still holds its output; closing it"
            )
            for channel in tuple(old.channels.values()):
                channel.close()

    def ended(self, generation: Generation) -> None:
        """Its process was reaped: what it wrote last is moved, and nothing more is written to it."""
        generation.ended = True
        self._end_input(generation)
        for channel in tuple(generation.channels.values()):
            channel.drain(DRAIN_BYTES)

    def release(self, process: Process, generation: Generation) -> None:
        """All was read and the exit is known: the keeper may close its copies."""
        if generation.ended and generation.drained and generation.gen in process.generations:
            del process.generations[generation.gen]
            self.forget(process.key, generation.gen)

    def forget(self, key: str, gen: int) -> None:
        """Nobody wants to know more of a start."""
        self._send(wire.Forget(key, gen))

    def close(self, process: Process) -> None:
        """Give back all that there is of a process, and the keeper's too."""
        for generation in tuple(process.generations.values()):
            generation.ended = True
            self._end_input(generation)
            for channel in tuple(generation.channels.values()):
                channel.close()
            self.release(process, generation)

    def _end_input(self, generation: Generation) -> None:
        """Nobody reads there any more."""
        if generation.input is not None:
            generation.input.close()
        if generation.journal is not None:
            generation.journal.close()
            generation.journal = None
            self._send(wire.Drop(f"{HELD_AS}{generation.gen}:{generation.process.key}"))
