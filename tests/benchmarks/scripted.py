"""Scripted supervisors in a process of their own: ``python -m tests.benchmarks.scripted FOLDER SUPERVISORS PROCESSES``.

They serve the stream socket only, each at ``FOLDER/sNNN.stream``. Orders come on stdin,
a line each: ``rate N`` changes so many states a second, spread over all; ``hour`` does what
an hour brings as fast as the clients take it, a change and a line of a log a second, and
says ``done``.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Final

from supervisor.states import ProcessStates
from tests.tui.fakes import FakeServer

HOUR: Final = 3600
STATES: Final = (ProcessStates.STOPPING, ProcessStates.STOPPED, ProcessStates.STARTING, ProcessStates.RUNNING)
STEP_S: Final = 0.02
BUFFERED_BYTES: Final = 1 << 16
LOG: Final = "g00:p000"


class Scripted:
    def __init__(self, servers: list[FakeServer]) -> None:
        self._servers = servers
        self._names = [(server, name) for server in servers for name in server.processes]
        self._count = 0
        self.rate = 0

    def change(self) -> None:
        """One process goes one step on."""
        # neighbours belong to different supervisors, and four steps in a row to one process
        turn, step = divmod(self._count, 4)
        server, name = self._names[turn * 101 % len(self._names)]
        server.change(name, STATES[step])
        self._count += 1
        if len(server.deltas) > 1000:
            del server.deltas[:500]

    async def go_on(self) -> None:
        due = 0.0
        while True:
            await asyncio.sleep(STEP_S)
            due += self.rate * STEP_S
            while due >= 1:
                due -= 1
                self.change()

    async def hour(self) -> None:
        server = self._servers[0]
        for second in range(HOUR):
            self.change()
            server.write(
                LOG, b"%d line of a log, as long as lines of logs are, sixty or so\n" % (self._count + second)
            )
            if second % 20 == 0:
                while any(p.writer.transport.get_write_buffer_size() > BUFFERED_BYTES for p in server.peers):
                    await asyncio.sleep(0.001)
                await asyncio.sleep(0.005)


async def main(folder: str, supervisors: int, processes: int) -> None:
    servers = []
    for number in range(supervisors):
        server = FakeServer(f"{folder}/s{number:03d}.stream")
        for process in range(processes):
            server.add(
                f"g{process // 10:02d}", f"p{process:03d}", ProcessStates.RUNNING, pid=1000 + process,
                start=time.time() - process,
            )  # fmt: skip
        await server.start()
        servers.append(server)
    scripted = Scripted(servers)
    going = asyncio.create_task(scripted.go_on())
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(orders), sys.stdin
    )
    print("ready", flush=True)
    while order := (await orders.readline()).decode().split():
        if order[0] == "rate":
            scripted.rate = int(order[1])
        elif order[0] == "hour":
            await scripted.hour()
            print("done", flush=True)
    going.cancel()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
