"""Daemon and keeper see whether the other one is alive; must never know what follows from it.

The keeper ends a daemon that is silent. A daemon cannot do that to its keeper, which may be stopped by
somebody (SIGSTOP, a debugger, a machine under pressure): it says that it is on its own, and
what it asked for is done once the keeper goes on. It asks with a signal for a program that does not
exist, which every version of the keeper answers.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

from .keeper import wire
from .loop import Supervisor

ANSWER_S: Final = 5.0


async def heartbeat(supervisor: Supervisor) -> None:
    """Tell the keeper every few seconds that the loop turns, and see that it answers."""
    while True:
        await asyncio.sleep(wire.BEAT_S)
        supervisor.link.send(wire.Beat())
        began = time.monotonic()
        answer = asyncio.ensure_future(supervisor.link.signal("", 0, 0, False))
        while not answer.done():
            await asyncio.wait({answer}, timeout=ANSWER_S)
            if not answer.done():
                # It may go on at any moment, and then look how long we were silent.
                supervisor.link.send(wire.Beat())
                supervisor.degrade(
                    f"the keeper (pid {supervisor.keeper_pid}) has not answered for {time.monotonic() - began:.0f} s: "
                    "what is to be started or stopped waits for it"
                )
        if answer.cancelled():
            return  # the keeper is gone: there is nobody to hear us
        supervisor.degrade("")
