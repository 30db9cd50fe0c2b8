"""Attached programs: how soon a key is answered, an interrupt heard, a session back; ours only."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from supervisor.protocol import stream as p
from tests.support.streams import Stream
from tests.support.supervisor import Supervisor, child
from tests.support.waiting import until
from tests.whole.ctl_terminal import User, user

from .bench import QUICK, Bench, quantile
from .table import Row

KEY_EVERY_S = 0.01
PASTE_BYTES = 1_000_000
PAST_BYTES = 600_000
FLOODS = {"yes": "yes", "cat of a big file": "while :; do cat {folder}/big; done"}


def attaching(bench: Bench) -> Iterator[Row]:
    """Keys, pastes, interrupts, and the death of the daemon, on terminals of real programs."""
    times = 5 if bench.sizes == QUICK else 20
    folder = bench.folder / "attaching"
    folder.mkdir()
    (folder / "big").write_bytes(b"a line of a big file, as long as lines are\n" * 200_000)
    supervisor = Supervisor(folder, _programs(folder)).start()
    try:
        bench.say("keys of an attached program")
        for name, token in (("kept over a kill", secrets.token_bytes(16)), ("not kept", b"")):
            taken = _echoes(supervisor, 100 * times, token)
            yield Row(f"attached, key to its echo, {name}, median", "ms", quantile(taken, 0.5))
            yield Row(f"attached, key to its echo, {name}, p99", "ms", quantile(taken, 0.99))
        yield Row("attached, paste of 1 MB", "MB/s", _paste(supervisor, folder), better="more")
        for number, name in enumerate(FLOODS):
            bench.say(f"Ctrl-C into {name}")
            taken = [_interrupt(supervisor, folder, f"flood{number}") for _ in range(times)]
            yield Row(f"attached, Ctrl-C into {name}, median", "ms", quantile(taken, 0.5))
            yield Row(f"attached, Ctrl-C into {name}, worst", "ms", max(taken), goal=100.0)
        bench.say("the daemon is killed while somebody types")
        back = _back(supervisor, times)
        yield Row("attached, daemon killed to the next echo, median", "s", quantile(back, 0.5))
        yield Row("attached, daemon killed to the next echo, worst", "s", max(back), goal=2.0)
    finally:
        supervisor.shutdown()


def _programs(folder: Path) -> str:
    """Two that tell what they read, and floods that write a line to a file when they are interrupted."""
    tty = "tty=true\nstartsecs=0\nstopsignal=KILL\nkillasgroup=true\nstdout_logfile_maxbytes=1MB\nstdout_logfile_backups=0\n"
    made = [f"[program:{name}]\ncommand={child('keys', folder / name)}\n{tty}" for name in ("keys", "typed")]
    for number, script in enumerate(FLOODS.values()):
        path = folder / f"flood{number}.sh"
        path.write_text(
            f"trap '' INT\nwhile :; do\n(trap - INT; {script.format(folder=folder)})\necho >>{folder}/flood{number}\nread line\ndone\n"
        )
        made.append(f"[program:flood{number}]\ncommand=sh {path}\n{tty}")
    return "".join(made)


def _echoes(supervisor: Supervisor, keys: int, token: bytes) -> list[float]:
    with supervisor.stream() as stream:
        stream.send(p.Attach(1, "keys", "take", last=0, token=token))
        stream.expect(p.Attached)
        return [_echo(stream) for _ in range(keys)]


def _echo(stream: Stream) -> float:
    """Milliseconds from a key to what the program says to it."""
    begun = time.perf_counter()
    stream.send(p.Input(1, b"x"))
    stream.read_output(1, b"<1>")
    return (time.perf_counter() - begun) * 1000


def _paste(supervisor: Supervisor, folder: Path) -> float:
    """MB/s, by the window that clients have to keep."""
    typed = folder / "keys"
    target = typed.stat().st_size + PASTE_BYTES
    with supervisor.stream() as stream:
        stream.send(p.Attach(1, "keys", "take", last=0, token=secrets.token_bytes(16)))
        stream.expect(p.Attached)
        begun = time.perf_counter()
        sent = acknowledged = 0
        while acknowledged < PASTE_BYTES:
            while sent < PASTE_BYTES and sent - acknowledged <= p.INPUT_WINDOW_BYTES // 2:
                piece = b"y" * min(p.INPUT_WINDOW_BYTES // 2, PASTE_BYTES - sent)
                stream.send(p.Input(1, piece))
                sent += len(piece)
            match stream.receive():
                case p.InputAck(bytes=count):
                    acknowledged = count
                case p.Output(data=data):
                    stream.send(p.Credit(1, len(data)))
        until(lambda: typed.stat().st_size >= target, "all of it", pause_s=0.001)
        return PASTE_BYTES / 1e6 / (time.perf_counter() - begun)


def _interrupt(supervisor: Supervisor, folder: Path, name: str) -> float:
    """Milliseconds from Ctrl-C to the flood's last word."""
    told = folder / name
    before = told.stat().st_size if told.exists() else 0
    with user("-s", f"unix://{folder}/s", "attach", name) as me:
        me.sees(b"Attached")
        until(lambda: me.terminal_is_raw, "the keys to be the program's")
        while len(me.seen) < PAST_BYTES:  # what is typed while the past is shown is dropped
            me.looks()
        begun = time.perf_counter()
        me.type(b"\x03")
        while not told.exists() or told.stat().st_size == before:
            me.looks()
            assert time.perf_counter() - begun < 30
        taken = (time.perf_counter() - begun) * 1000
        me.type(b"\r\x1d")
        me.leaves()
    return taken


def _back(supervisor: Supervisor, kills: int) -> list[float]:
    """Seconds from each kill to the first echo of a key typed after it."""
    with user("-s", f"unix://{supervisor.folder}/s", "attach", "typed") as me:
        me.sees(b"Attached")
        until(lambda: me.terminal_is_raw, "the keys to be the program's")
        return [_killed(supervisor, me) for _ in range(kills)]


def _killed(supervisor: Supervisor, me: User) -> float:
    supervisor.wait_ready()
    for _ in range(30):
        me.type(b"x")
        me.looks()
        time.sleep(KEY_EVERY_S)
    supervisor.kill_daemon()
    begun = time.perf_counter()
    me.looks()
    size = len(me.seen)
    while len(me.seen) == size:
        me.type(b"x")
        me.looks()
        time.sleep(KEY_EVERY_S)
    return time.perf_counter() - begun
