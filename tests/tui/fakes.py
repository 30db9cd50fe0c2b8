"""A supervisor made of script: a real stream socket with invented processes, for tests and pictures.

``FakeServer`` lives on an asyncio loop; ``FakeThread`` runs one on a thread of its own, for
tests whose console is another process. ``python -m tests.tui.fakes PATH`` serves the
example of the mock-ups on PATH until it is interrupted.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from supervisor.errors import RemoteProtocolError, RPCError
from supervisor.faults import Faults
from supervisor.namespec import make_namespec, split_namespec
from supervisor.protocol import stream as wire
from supervisor.states import RUNNING_STATES, ProcessStates, getProcessStateDescription


@dataclass
class Log:
    """One channel's kept bytes: generation, offset of the first one, the bytes."""

    gen: int = 1
    start: int = 0
    data: bytearray = field(default_factory=bytearray)
    keep: int = 1 << 20

    @property
    def end(self) -> int:
        return self.start + len(self.data)

    def write(self, data: bytes) -> None:
        self.data += data
        over = len(self.data) - self.keep
        if over > 0:
            del self.data[:over]
            self.start += over


@dataclass
class Fake:
    record: wire.ProcessRecord
    cpu: float = 0.0
    rss: float = 0.0
    tty: bool = False
    rows: int = 24
    cols: int = 80
    logs: dict[str, Log] = field(default_factory=lambda: {"stdout": Log(), "stderr": Log()})
    start_fails: str = ""

    @property
    def namespec(self) -> str:
        return make_namespec(self.record.group, self.record.name)


@dataclass
class Follower:
    fake: Fake
    channel: str
    gen: int
    offset: int
    credit: int


@dataclass
class Attached:
    fake: Fake
    offset: int
    taken: int = 0


class Peer:
    """One connection."""

    def __init__(self, server: FakeServer, writer: asyncio.StreamWriter) -> None:
        self.server = server
        self.writer = writer
        self.welcome = not server.password
        self.subscription: int | None = None
        self.stats: dict[int, list[str]] = {}
        self.follows: dict[int, Follower] = {}
        self.attaches: dict[int, Attached] = {}

    def send(self, frame: wire.Frame) -> None:
        if not self.writer.is_closing():
            self.writer.write(wire.encode(frame))

    def take(self, frame: wire.Frame) -> None:
        server = self.server
        if isinstance(frame, wire.Auth):
            if (frame.username, frame.password) == ("admin", server.password):
                self.welcome = True
                self.send(wire.Welcome(server.role))
            else:
                self.send(wire.Error(-1, Faults.FAILED, "wrong user name or password"))
                self.writer.close()
            return
        if not self.welcome:
            self.writer.close()
            return
        server.frames.append(frame)
        match frame:
            case wire.Ping():
                if not server.mute:
                    self.send(wire.Pong(frame.n))
            case wire.Subscribe():
                self.subscribe(frame)
            case wire.Stats():
                self.stats[frame.id] = frame.names
                self.usage(frame.id)
            case wire.Follow():
                self.follow(frame)
            case wire.Credit():
                if frame.id in self.follows:
                    self.follows[frame.id].credit += frame.bytes
                    self.pump(frame.id)
            case wire.Attach():
                self.attach(frame)
            case wire.Input():
                self.input(frame)
            case wire.Resize():
                if (attached := self.attaches.get(frame.id)) is not None:
                    attached.fake.rows, attached.fake.cols = frame.rows, frame.cols
                    server.resizes.append((frame.rows, frame.cols))
                    self.send(wire.Size(frame.id, frame.rows, frame.cols))
            case wire.Take():
                self.send(wire.Writer(frame.id, True))
            case wire.Cancel():
                self.stats.pop(frame.id, None)
                self.follows.pop(frame.id, None)
                self.attaches.pop(frame.id, None)
            case wire.Call():
                server.spawn(server.call(self, frame))

    def subscribe(self, frame: wire.Subscribe) -> None:
        server = self.server
        self.subscription = frame.id
        if frame.since >= 0 and frame.boot == server.boot:
            missed = [d for d in server.deltas if d.seq > frame.since]
            if frame.since + len(missed) == server.seq:
                for delta in missed:
                    self.send(replace(delta, id=frame.id))
                return
            self.send(wire.Resync(frame.id, frame.since))
        records = [f.record for f in server.processes.values()]
        pages = [records[n : n + 500] for n in range(0, len(records), 500)] or [[]]
        for number, page in enumerate(pages):
            self.send(wire.Snapshot(frame.id, server.seq, page, number + 1 < len(pages)))

    def usage(self, request: int) -> None:
        values: dict[str, list[float]] = {}
        for name in self.stats[request]:
            fake = self.server.processes.get(name)
            if fake is not None and fake.record.pid:
                values[name] = [fake.cpu, fake.rss]
        self.send(wire.Usage(request, values))

    def follow(self, frame: wire.Follow) -> None:
        fake = self.server.processes.get(frame.name)
        if fake is None:
            self.send(wire.Error(frame.id, Faults.BAD_NAME, f"BAD_NAME: {frame.name}"))
            return
        log = fake.logs[frame.channel]
        if frame.offset >= 0 and frame.gen == log.gen:
            offset = min(frame.offset, log.end)
        else:
            offset = max(log.start, log.end - frame.last)
        self.send(
            wire.Following(
                frame.id, frame.name, frame.channel, log.gen, max(offset, log.start), log.start, log.end
            )
        )
        if offset < log.start:
            self.send(wire.Gap(frame.id, frame.channel, log.gen, offset, log.start))
            offset = log.start
        self.follows[frame.id] = Follower(fake, frame.channel, log.gen, offset, frame.credit)
        self.pump(frame.id)

    def pump(self, request: int) -> None:
        follower = self.follows.get(request)
        if follower is None:
            return
        log = follower.fake.logs[follower.channel]
        if follower.gen != log.gen:
            follower.gen, follower.offset = log.gen, 0
        if follower.offset < log.start:
            self.send(wire.Gap(request, follower.channel, log.gen, follower.offset, log.start))
            follower.offset = log.start
        while follower.credit > 0 and follower.offset < log.end:
            at = follower.offset - log.start
            piece = bytes(log.data[at : at + min(wire.MAX_DATA_BYTES, follower.credit)])
            self.send(wire.Output(request, follower.channel, log.gen, follower.offset, piece))
            follower.offset += len(piece)
            follower.credit -= len(piece)

    def attach(self, frame: wire.Attach) -> None:
        fake = self.server.processes.get(frame.name)
        if fake is None or fake.record.stdin == "none":
            self.send(wire.Error(frame.id, Faults.BAD_NAME, f"BAD_NAME: {frame.name}"))
            return
        if frame.rows:
            fake.rows, fake.cols = frame.rows, frame.cols
        log = fake.logs["stdout"]
        offset = max(log.start, log.end - frame.last)
        self.attaches[frame.id] = Attached(fake, offset)
        self.send(
            wire.Attached(
                frame.id, frame.name, fake.tty, fake.record.pid, frame.mode != "read", fake.rows, fake.cols, log.gen, log.end
            )
        )  # fmt: skip
        self.pump_attached(frame.id)

    def pump_attached(self, request: int) -> None:
        attached = self.attaches[request]
        log = attached.fake.logs["stdout"]
        if attached.offset < log.end:
            data = bytes(log.data[attached.offset - log.start :])
            for at in range(0, len(data), wire.MAX_DATA_BYTES):
                piece = data[at : at + wire.MAX_DATA_BYTES]
                self.send(wire.Output(request, "stdout", log.gen, attached.offset, piece))
                attached.offset += len(piece)

    def input(self, frame: wire.Input) -> None:
        attached = self.attaches.get(frame.id)
        if attached is None:
            return
        attached.taken += len(frame.data)
        self.server.typed += frame.data
        self.send(wire.InputAck(frame.id, attached.taken))
        self.server.on_input(attached.fake, frame.data)


class FakeServer:
    """Serves ``processes`` on the unix socket ``path``; everything a client sent is kept for the test.

    ``answers``: what methods answer beside those of processes, a fault as RPCError.
    ``calls``: (method, parameters) in the order they came. ``delay_s``: how long a start or
    a stop takes. ``hold``: calls that wait until ``release``. ``mute``: pings unanswered.
    """

    def __init__(self, path: str, *, password: str = "", role: str = "admin") -> None:
        self.path = path
        self.password = password
        self.role = role
        self.boot = "boot-1"
        self.processes: dict[str, Fake] = {}
        self.calls: list[tuple[str, list[Any]]] = []
        self.answers: dict[str, Any] = {"shutdown": True, "restart": True}
        self.frames: list[wire.Frame] = []
        self.typed = b""
        self.resizes: list[tuple[int, int]] = []
        self.deltas: list[wire.Delta] = []
        self.seq = 0
        self.delay_s = 0.05
        self.mute = False
        self.released = asyncio.Event()
        self.released.set()
        self.peers: set[Peer] = set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._next_pid = 4120
        self.on_input: Callable[[Fake, bytes], None] = self._echo

    # life

    async def start(self) -> None:
        if os.path.exists(self.path):
            os.unlink(self.path)
        self._server = await asyncio.start_unix_server(self._serve, self.path)

    async def die(self) -> None:
        """As a killed daemon: every connection ends, the socket refuses; what it kept stays."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for peer in list(self.peers):
            peer.writer.transport.abort()
        self.peers.clear()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.sleep(0)

    def spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(self, writer)
        self.peers.add(peer)
        role = "none" if self.password else self.role
        peer.send(wire.Greeting(1, "supervisor", "5.0.0", os.getpid(), self.boot, role, time.time()))
        decoder = wire.server_decoder()
        try:
            while data := await reader.read(65536):
                for frame in decoder.feed(data):
                    peer.take(frame)
                await writer.drain()
        except (OSError, RemoteProtocolError):
            pass
        finally:
            self.peers.discard(peer)
            writer.close()

    # processes

    def add(self, group: str, name: str, state: int, **facts: Any) -> Fake:
        extra = {k: facts.pop(k) for k in ("cpu", "rss", "tty", "start_fails") if k in facts}
        record = wire.ProcessRecord(name, group, state, getProcessStateDescription(state) or "", **facts)
        fake = Fake(record, **extra)
        self.processes[fake.namespec] = fake
        return fake

    def change(self, namespec: str, state: int, **facts: Any) -> None:
        """Give a process a new state and tell the subscribers."""
        fake = self.processes[namespec]
        facts.setdefault("changed", time.time())
        fake.record = replace(
            fake.record, state=state, statename=getProcessStateDescription(state) or "", **facts
        )
        self._delta(wire.Delta(0, self.seq + 1, time.time(), fake.record))

    def remove(self, namespec: str) -> None:
        del self.processes[namespec]
        self._delta(wire.Delta(0, self.seq + 1, time.time(), None, namespec))

    def _delta(self, delta: wire.Delta) -> None:
        self.seq = delta.seq
        self.deltas.append(delta)
        for peer in self.peers:
            if peer.subscription is not None:
                peer.send(replace(delta, id=peer.subscription))

    def usage(self) -> None:
        """Send a round of usage to whoever asked."""
        for peer in self.peers:
            for request in peer.stats:
                peer.usage(request)

    def write(self, namespec: str, data: bytes, channel: str = "stdout") -> None:
        fake = self.processes[namespec]
        fake.logs[channel].write(data)
        for peer in list(self.peers):
            for request, follower in list(peer.follows.items()):
                if follower.fake is fake and follower.channel == channel:
                    peer.pump(request)
            for request, attached in list(peer.attaches.items()):
                if attached.fake is fake:
                    peer.pump_attached(request)

    def _echo(self, fake: Fake, data: bytes) -> None:
        self.write(fake.namespec, data.replace(b"\r", b"\r\n"))

    # calls

    async def call(self, peer: Peer, frame: wire.Call) -> None:
        self.calls.append((frame.method, list(frame.params)))
        await self.released.wait()
        method = frame.method.removeprefix("supervisor.")
        namespec = str(frame.params[0]) if frame.params else ""
        if method in self.answers:
            answer = self.answers[method]
            peer.send(
                wire.Fault(frame.id, answer.code, answer.text)
                if isinstance(answer, RPCError)
                else wire.Result(frame.id, answer)
            )
            return
        names = self._named(namespec)
        if not names and method not in ("getStreamAddress", "getIdentification"):
            peer.send(wire.Fault(frame.id, Faults.BAD_NAME, f"BAD_NAME: {namespec}"))
            return
        value: Any = True
        if method in ("startProcess", "startProcessGroup"):
            results = await asyncio.gather(*(self._start(name, peer) for name in names))
            bad = [text for text in results if text]
            if method == "startProcess" and bad:
                peer.send(wire.Fault(frame.id, Faults.SPAWN_ERROR, f"SPAWN_ERROR: {namespec}"))
                return
        elif method in ("stopProcess", "stopProcessGroup"):
            if method == "stopProcess" and self.processes[names[0]].record.state not in RUNNING_STATES:
                peer.send(wire.Fault(frame.id, Faults.NOT_RUNNING, f"NOT_RUNNING: {namespec}"))
                return
            await asyncio.gather(*(self._stop(name) for name in names))
        peer.send(wire.Result(frame.id, value))

    def _named(self, namespec: str) -> list[str]:
        if namespec in self.processes:
            return [namespec]
        group, name = split_namespec(namespec)
        if name is None or group == name:
            return [n for n, fake in self.processes.items() if fake.record.group == group]
        return []

    async def _start(self, namespec: str, peer: Peer) -> str:
        fake = self.processes[namespec]
        if fake.record.state in RUNNING_STATES:
            return ""
        self._next_pid += 1
        self.change(
            namespec, ProcessStates.STARTING, pid=self._next_pid, start=time.time(), cause="start by admin"
        )
        await asyncio.sleep(self.delay_s)
        if fake.start_fails:
            self.change(namespec, ProcessStates.FATAL, pid=0, spawnerr=fake.start_fails)
            return fake.start_fails
        self.change(namespec, ProcessStates.RUNNING)
        return ""

    async def _stop(self, namespec: str) -> None:
        if self.processes[namespec].record.state not in RUNNING_STATES:
            return
        self.change(namespec, ProcessStates.STOPPING, cause="stop by admin")
        await asyncio.sleep(self.delay_s)
        self.change(namespec, ProcessStates.STOPPED, pid=0, stop=time.time(), cause="stopped by admin")


def example(server: FakeServer, now: float | None = None) -> None:
    """The nine processes of the mock-ups, with something in their logs."""
    now = time.time() if now is None else now
    s = ProcessStates
    day = 86400.0
    common: dict[str, Any] = {
        "directory": "/srv/api",
        "user": "app",
        "group_priority": 100,
        "stopwaitsecs": 10,
    }

    def running(group: str, name: str, pid: int, up: float, cpu: float, rss: float, **facts: Any) -> Fake:
        facts = {
            **common,
            "command": f"/srv/{group}/bin/{name.rstrip('_0123456789')} --queue default",
            **facts,
        }
        return server.add(
            group,
            name,
            s.RUNNING,
            pid=pid,
            start=now - up,
            changed=now - up + 1,
            cpu=cpu,
            rss=rss * 2**20,
            **facts,
        )

    running("api", "web_00", 4120, 3 * day + 7300, 2.1, 88, priority=10)
    running("api", "web_01", 4121, 3 * day + 7300, 1.4, 86, priority=10)
    server.add(
        "api", "worker_00", s.BACKOFF, tries=3, startretries=5, exitstatus=1, expected=False, changed=now - 2,
        retry_at=now + 4, start=now - 11, stop=now - 3, restarts=3, priority=20, cause="exit 1, unexpected",
        command="/srv/api/bin/worker --queue default", **common,
    )  # fmt: skip
    running("api", "worker_01", 4125, 251, 7.0, 120, priority=20, restarts=1)
    running("cache", "cache", 3990, 9 * day + 72000, 0.3, 14, group_priority=200)
    server.add(
        "etl", "extract", s.EXITED, exitstatus=0, expected=True, stop=now - 30000, changed=now - 30000,
        group_priority=300, command="/srv/etl/extract", directory="/srv/etl",
    )  # fmt: skip
    server.add(
        "etl", "load", s.FATAL, spawnerr="exited too quickly", tries=4, changed=now - 3600, restarts=3,
        exitstatus=2, expected=False, group_priority=300, command="/srv/etl/load", directory="/srv/etl",
    )  # fmt: skip
    running("etl", "transform", 5001, 3500, 96.2, 1229, group_priority=300)
    server.add(
        "mail", "mail", s.STOPPED, stop=now - 4 * day, changed=now - 4 * day, cause="stopped by admin",
        group_priority=400, command="/usr/sbin/mail",
    )  # fmt: skip
    server.add(
        "shell", "console", s.RUNNING, pid=7001, start=now - 60, changed=now - 59, stdin="tty", group_priority=500,
        tty=True, command="/usr/bin/python3", cpu=0.0, rss=12 * 2**20,
    )  # fmt: skip
    server.processes["shell:console"].logs["stdout"].write(b"Python 3.12.4 on linux\r\n>>> ")
    server.write(
        "api:worker_00",
        b"02:54:01.120 INFO  worker starting (pid 6113)\n"
        b"02:54:01.480 INFO  connected to broker db-2:5672\n"
        b"02:54:02.003 WARN  queue depth 8121 above 5000\n"
        b"02:54:02.771 \x1b[31mERROR\x1b[0m task 91c failed: timeout after 700 ms\n"
        b"              Traceback (most recent call last):\n"
        b'                File "worker.py", line 88, in run\n'
        b"02:54:03.010 INFO  retrying task 91c (2/5)\n"
        b"02:54:03.900 INFO  exit requested\n",
    )
    server.write("api:worker_00", b"02:54:02.780 ERROR   File worker.py, line 88, in run\n", "stderr")
    for number in range(60):
        server.write(
            "api:web_00", b"02:54:%02d GET /items?page=%d 200 %dms\n" % (number, number, (number * 37) % 90)
        )


class FakeThread:
    """A FakeServer on a thread of its own; ``do`` runs a function of the server there and waits for it."""

    def __init__(self, path: str, *, password: str = "", role: str = "admin") -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

        async def make() -> FakeServer:
            server = FakeServer(path, password=password, role=role)
            await server.start()
            return server

        self.server = asyncio.run_coroutine_threadsafe(make(), self.loop).result(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def do(self, act: Callable[[FakeServer], Any]) -> Any:
        async def run() -> Any:
            result = act(self.server)
            return await result if asyncio.iscoroutine(result) else result

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(10)

    def close(self) -> None:
        self.do(lambda server: server.die())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


async def demonstrate(path: str, many: int) -> None:
    """Serve the example with a little life in it, and ``many`` more processes."""
    server = FakeServer(path)
    example(server)
    for number in range(many):
        server.add(f"farm{number // 100:03d}", f"job_{number:05d}", ProcessStates.RUNNING, pid=10000 + number,
                   start=time.time() - number, cpu=number % 7, rss=(number % 90) * 2**20, group_priority=900)  # fmt: skip
    await server.start()
    server.delay_s = 1.0
    count = 0
    while True:
        await asyncio.sleep(0.5)
        count += 1
        line = f"{time.strftime('%H:%M:%S')} GET /items/{count} 200 {random.randrange(90)}ms\n"
        server.write("api:web_00", line.encode())
        if count % 4 == 0:
            server.usage()
        if count % 16 == 0:
            now = time.time()
            server.change("api:worker_00", ProcessStates.BACKOFF, retry_at=now + 8, tries=3)


if __name__ == "__main__":
    asyncio.run(demonstrate(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0))
