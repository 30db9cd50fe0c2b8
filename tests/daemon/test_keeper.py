"""The keeper as a process: the test speaks for the daemon that it starts."""

from __future__ import annotations

import array
import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

import supervisor
from supervisor.daemon.keeper import wire
from supervisor.daemon.keeper.keeper import Keeper
from tests.support.processes import MARK, alive, descriptors, end, marked
from tests.support.supervisor import CHILDREN
from tests.support.waiting import PATIENCE_S, until

PACKAGE = os.path.dirname(os.path.abspath(supervisor.__file__))

F = TypeVar("F", bound=wire.Frame)


@dataclass
class Daemon:
    """One life of a daemon, spoken by the test. ``fds``: what came beside the last frame."""

    pid: int
    sock: socket.socket
    fds: list[int] = field(default_factory=list)

    def send(self, frame: wire.Frame, *fds: int) -> None:
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.sock.sendmsg([wire.encode(frame)], ancillary)

    def receive(self) -> wire.Frame:
        data, control, _, _ = self.sock.recvmsg(wire.MAX_FRAME_BYTES, socket.CMSG_SPACE(64))
        if not data:
            raise ConnectionError("the keeper closed the link")
        self.fds = [fd for _, _, packed in control for fd in array.array("i", packed)]
        return wire.decode(data)

    def expect(self, kind: type[F]) -> F:
        """The next frame of a kind; descriptors of others are closed."""
        while True:
            frame = self.receive()
            if isinstance(frame, kind):
                return frame
            self.close_fds()

    def close_fds(self) -> None:
        for fd in self.fds:
            os.close(fd)
        self.fds = []

    def adopt(self) -> tuple[dict[tuple[str, int], wire.Program], dict[str, bytes], wire.AdoptEnd]:
        """All that the keeper holds: programs by key, the content of named descriptors."""
        self.send(wire.Adopt())
        programs, named = {}, {}
        while True:
            frame = self.receive()
            if isinstance(frame, wire.Program):
                programs[frame.name, frame.gen] = frame
            elif isinstance(frame, wire.Named):
                named[frame.name] = os.pread(self.fds[0], 100, 0)
            elif isinstance(frame, wire.AdoptEnd):
                return programs, named, frame
            self.close_fds()

    def die(self) -> None:
        self.sock.close()
        os.kill(self.pid, signal.SIGKILL)


class Bench:
    """A keeper that starts handover.py for a daemon."""

    def __init__(self, folder: Path, fds: tuple[int, ...] = (), **boot: object) -> None:
        self.folder = folder
        self.mark = uuid.uuid4().hex
        self.server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.server.bind(str(folder / "test"))
        self.server.listen(5)
        self.server.settimeout(PATIENCE_S)
        self.death = folder / "die"
        self.daemons: list[Daemon] = []
        program = [
            sys.executable,
            "-S",
            "-E",
            str(CHILDREN / "handover.py"),
            str(folder / "test"),
            str(self.death),
        ]
        argv, passed = self.argv({"daemon_argv": program, **boot})
        with open(folder / "stderr", "wb") as err:
            self.popen = subprocess.Popen(
                argv, pass_fds=(*passed, *fds), stdin=subprocess.DEVNULL, stderr=err,
                env={**os.environ, MARK: self.mark},
            )  # fmt: skip
        for fd in passed:
            os.close(fd)

    def argv(self, boot: dict[str, object]) -> tuple[list[str], tuple[int, ...]]:
        """What becomes the keeper, and the descriptors that it needs for it."""
        packed = json.dumps(boot).encode()
        fd = os.memfd_create("boot", 0)
        os.pwrite(fd, struct.pack(">I", len(packed)) + packed, 0)
        return [sys.executable, "-S", "-E", "-s", "-P", f"{PACKAGE}/daemon/__main__.py", "keeper", str(fd)], (
            fd,
        )

    def daemon(self, ready: bool = True) -> Daemon:
        """The next daemon that the keeper starts."""
        connection, _ = self.server.accept()
        with connection:
            data, control, _, _ = connection.recvmsg(100, socket.CMSG_SPACE(4))
        (fd,) = array.array("i", control[0][2])
        made = Daemon(int(data), socket.socket(fileno=fd))
        made.sock.settimeout(PATIENCE_S)
        self.daemons.append(made)
        if ready:
            made.send(wire.Ready())
        return made

    def stderr(self) -> str:
        return (self.folder / "stderr").read_text()

    def close(self) -> None:
        for daemon in self.daemons:
            daemon.sock.close()
        self.server.close()
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait()
        for _ in range(50):
            left = marked(self.mark)
            if not left:
                return
            end(left)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, silence_s=60, stop_s=1)
    yield made
    made.close()


def order(name: str, script: str, gen: int = 1, **changes: Any) -> wire.Spawn:
    made = wire.Spawn(
        name, gen, "/bin/sh", ["sh", "-c", script], {}, "", -1, -1, -1, [], False, 24, 80, False
    )
    return made._replace(**changes)


def test_a_repeated_start_is_the_same_process(bench: Bench) -> None:
    daemon = bench.daemon()
    spawned = []
    for _ in range(3):
        daemon.send(order("a", "echo $$; exec sleep 1000"))
        frame = daemon.expect(wire.Spawned)
        spawned.append(frame)
        assert len(daemon.fds) == 2
        if len(spawned) == 1:
            os.set_blocking(daemon.fds[0], True)
            assert int(os.read(daemon.fds[0], 100)) == frame.pid
        daemon.close_fds()
    assert len({frame.pid for frame in spawned}) == 1
    daemon.send(order("a", "exec sleep 1000", 2))  # another generation is another process
    assert daemon.expect(wire.Spawned).pid != spawned[0].pid
    daemon.close_fds()
    until(
        lambda: len(marked(bench.mark)) == 4,
        "the keeper, this daemon and two programs, each with its environment",
    )


def test_an_exit_is_told_to_every_daemon_until_it_is_forgotten(bench: Bench) -> None:
    daemon = bench.daemon()
    daemon.send(order("a", "exit 42"))
    spawned = daemon.expect(wire.Spawned)
    daemon.close_fds()
    exited = daemon.expect(wire.Exited)
    assert (exited.name, exited.gen, exited.pid, os.waitstatus_to_exitcode(exited.status)) == (
        "a",
        1,
        spawned.pid,
        42,
    )
    daemon.die()
    for life in (1, 2):
        daemon = bench.daemon()
        programs, _, last = daemon.adopt()
        program = programs["a", 1]
        assert (program.pid, os.waitstatus_to_exitcode(program.status), program.ended) == (
            spawned.pid,
            42,
            exited.ended,
        )
        assert (last.starts, last.keeper_pid) == (life, bench.popen.pid)
        if life == 1:
            daemon.die()
    before = descriptors(bench.popen.pid)["pipe"]
    daemon.send(wire.Forget("a", 1))
    assert daemon.adopt()[0] == {}
    assert descriptors(bench.popen.pid)["pipe"] == before - 3


def test_a_start_of_what_has_ended_tells_the_end_and_starts_nothing(bench: Bench, tmp_path: Path) -> None:
    daemon = bench.daemon()
    for _ in range(2):
        daemon.send(order("a", f"echo x >>{tmp_path}/ran"))
        daemon.expect(wire.Spawned)
        daemon.close_fds()
        assert daemon.expect(wire.Exited).status == 0
    assert (tmp_path / "ran").read_text() == "x\n"


def test_what_runs_is_not_forgotten(bench: Bench) -> None:
    daemon = bench.daemon()
    daemon.send(order("a", "exec sleep 1000"))
    daemon.expect(wire.Spawned)
    daemon.close_fds()
    daemon.send(wire.Forget("a", 1))
    assert list(daemon.adopt()[0]) == [("a", 1)]


def test_descriptors_are_held_by_name(bench: Bench) -> None:
    daemon = bench.daemon()
    for text in (b"first", b"second"):
        fd = os.memfd_create("x")
        os.write(fd, text)
        daemon.send(wire.Hold("state"), fd)
        os.close(fd)
    fd = os.memfd_create("y")
    daemon.send(wire.Hold("other"), fd)
    os.close(fd)
    daemon.send(wire.Drop("other"))
    daemon.send(wire.Drop("never there"))
    daemon.die()
    assert bench.daemon().adopt()[1] == {"state": b"second"}


@pytest.mark.parametrize(
    ("changes", "failure"),
    [
        ({"cwd": "/nowhere"}, "couldn't chdir to /nowhere: ENOENT"),
        ({"path": "/nowhere"}, "couldn't exec sh: ENOENT"),
        ({"path": "/etc/passwd"}, "couldn't exec sh: EACCES"),
        ({"argv": ["sh", "x" * 200_000]}, "couldn't exec sh: E2BIG"),
        ({"uid": 1, "gid": 1, "groups": [2**32 - 1]}, "couldn't setuid to 1: "),
    ],
)
def test_a_step_that_fails_is_told_by_name(bench: Bench, changes: dict[str, Any], failure: str) -> None:
    if "uid" in changes and os.geteuid() != 0:
        pytest.skip("needs root to become another user")
    daemon = bench.daemon()
    frame = order("a", "true", **changes)
    data = wire.encode(frame)
    if len(data) > wire.MAX_FRAME_BYTES:
        fd = os.memfd_create("frame")
        os.write(fd, data)
        daemon.send(wire.Enclosed(len(data)), fd)
        os.close(fd)
    else:
        daemon.send(frame)
    daemon.expect(wire.Spawned)
    stderr = daemon.fds[1]
    exited = daemon.expect(wire.Exited)
    assert exited.failure.startswith(failure)
    assert os.waitstatus_to_exitcode(exited.status) == 127
    text = os.read(stderr, 10_000).decode()
    assert text == f"supervisor: {exited.failure}\nsupervisor: child process was not spawned\n"
    os.close(stderr)


def test_signals_go_to_the_right_process_or_nobody(bench: Bench) -> None:
    daemon = bench.daemon()
    daemon.send(order("a", "exec sleep 1000"))
    daemon.expect(wire.Spawned)
    daemon.close_fds()
    for token, (name, gen, sig, errno) in enumerate(
        [("a", 1, 0, 0), ("a", 2, 15, 3), ("b", 1, 15, 3), ("a", 1, 9999, 22), ("a", 1, 9, 0)]
    ):
        daemon.send(wire.Signal(token, name, gen, sig, False))
        assert daemon.expect(wire.Signalled) == wire.Signalled(token, errno)
    assert os.waitstatus_to_exitcode(daemon.expect(wire.Exited).status) == -9
    daemon.send(wire.Signal(9, "a", 1, 15, True))
    assert daemon.expect(wire.Signalled).errno == 3


def test_what_stands_still_is_woken_behind_a_signal(bench: Bench) -> None:
    daemon = bench.daemon()
    daemon.send(order("a", "exec sleep 1000"))
    pid = daemon.expect(wire.Spawned).pid
    daemon.close_fds()
    os.kill(pid, signal.SIGSTOP)
    until(lambda: "\nState:\tT" in Path(f"/proc/{pid}/status").read_text(), "the program to stand still")
    daemon.send(wire.Signal(1, "a", 1, signal.SIGTERM, True, wake=True))
    assert daemon.expect(wire.Signalled) == wire.Signalled(1, 0)
    assert os.waitstatus_to_exitcode(daemon.expect(wire.Exited).status) == -signal.SIGTERM


def test_stdin_is_handed_out(bench: Bench) -> None:
    daemon = bench.daemon()
    daemon.send(order("a", "read line; echo got $line"))
    daemon.expect(wire.Spawned)
    stdout = daemon.fds[0]
    os.close(daemon.fds[1])
    daemon.send(wire.Fetch(5, "a", 1))
    assert daemon.expect(wire.Fetched) == wire.Fetched(5)
    os.write(daemon.fds[0], b"this\n")
    daemon.close_fds()
    daemon.expect(wire.Exited)
    assert os.read(stdout, 100) == b"got this\n"
    os.close(stdout)
    daemon.send(wire.Fetch(6, "nobody", 1))
    assert daemon.expect(wire.Fetched) == wire.Fetched(6)
    assert daemon.fds == []


def test_nonsense_is_said_and_ignored(bench: Bench) -> None:
    daemon = bench.daemon()
    before = descriptors(bench.popen.pid)
    fd = os.memfd_create("short")
    for data, fds in (
        (b"nonsense", []), (b"[]", [fd]), (b'["Spawn"]', []), (wire.encode(wire.Got(15)), []),
        (wire.encode(wire.Enclosed(1000)), [fd]), (wire.encode(wire.Enclosed(1000)), []),
        (wire.encode(wire.Hold("no descriptor")), []), (b"x" * (wire.MAX_FRAME_BYTES + 10), []),
    ):  # fmt: skip
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        daemon.sock.sendmsg([data], ancillary)
    os.close(fd)
    assert daemon.adopt()[0] == {}
    assert bench.stderr().count("daemon sent nonsense") == 8
    assert descriptors(bench.popen.pid) == before


def test_a_silent_daemon_is_replaced(tmp_path: Path) -> None:
    bench = Bench(tmp_path, silence_s=0.5)
    try:
        daemon = bench.daemon()
        daemon.send(order("a", "exec sleep 1000"))
        pid = daemon.expect(wire.Spawned).pid
        daemon.close_fds()
        os.kill(daemon.pid, signal.SIGSTOP)
        another = bench.daemon()
        assert another.pid != daemon.pid
        assert another.adopt()[0]["a", 1].pid == pid and alive(pid)
        assert "did not answer, starting another" in bench.stderr()
        assert "signal 6" in bench.stderr()
        begin = time.monotonic()
        while time.monotonic() - begin < 1.5:  # one that speaks is left alone
            another.send(wire.Beat())
            time.sleep(0.05)
        assert alive(another.pid)
    finally:
        bench.close()


@pytest.mark.parametrize(("number", "code"), [("2", 2), ("1", 1), ("0", 70)])
def test_a_first_daemon_that_never_serves_ends_all(tmp_path: Path, number: str, code: int) -> None:
    (tmp_path / "die").write_text(number)
    bench = Bench(tmp_path)
    try:
        assert bench.popen.wait(PATIENCE_S) == code
    finally:
        bench.close()


def test_one_that_dies_before_it_serves_is_tried_ever_less_often_and_term_ends_all(bench: Bench) -> None:
    daemon = bench.daemon()
    daemon.send(order("polite", "trap 'exit 0' TERM; while :; do sleep 0.05; done"))
    daemon.send(order("deaf", "trap '' TERM; while :; do sleep 0.05; done"))
    for _ in range(2):
        daemon.expect(wire.Spawned)
        daemon.close_fds()
    bench.death.write_text("9")
    daemon.die()
    until(lambda: bench.stderr().count("exit status 9") >= 6, "restarts")
    count = bench.stderr().count("exit status 9")
    assert count < 9, "no pause between the restarts"
    os.kill(bench.popen.pid, signal.SIGTERM)
    with contextlib.suppress(AssertionError):  # a daemon may be on its way just now: then a second one counts
        until(lambda: bench.popen.poll() is not None, "the end", 5.0)
    if bench.popen.poll() is None:
        os.kill(bench.popen.pid, signal.SIGTERM)
    assert bench.popen.wait(PATIENCE_S) == 0
    until(lambda: not marked(bench.mark), "the sleep of a shell that was killed to end")


def test_a_finished_daemon_ends_the_keeper(bench: Bench) -> None:
    daemon = bench.daemon()
    daemon.send(wire.Finish(5))
    daemon.die()
    assert bench.popen.wait(PATIENCE_S) == 5


def test_the_pidfile_is_taken_away_if_it_is_still_ours(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    fd = os.open(path, os.O_RDWR | os.O_CREAT)
    bench = Bench(tmp_path, (fd,), pidfile=str(path), pidfile_fd=fd)
    os.close(fd)
    try:
        daemon = bench.daemon(ready=False)
        daemon.adopt()
        daemon.send(wire.Ready())
        daemon.send(wire.Finish(0))
        daemon.die()
        assert bench.popen.wait(PATIENCE_S) == 0
        assert not path.exists()
    finally:
        bench.close()


def test_what_was_forgotten_before_it_could_be_told_takes_nothing_with_it(bench: Bench) -> None:
    daemon = bench.daemon()
    daemon.send(order("a", "exit 0"))
    daemon.expect(wire.Spawned)
    daemon.close_fds()
    daemon.expect(wire.Exited)
    asked = 20_000  # more answers than the socket holds, while nobody reads
    for token in range(asked):
        daemon.send(wire.Signal(token, "nobody", 1, 0, False))
    daemon.send(wire.Fetch(7, "a", 1))
    daemon.send(wire.Forget("a", 1))
    daemon.send(order("b", "exit 0"))
    for token in range(asked):
        assert daemon.expect(wire.Signalled).token == token
    assert daemon.expect(wire.Fetched) == wire.Fetched(7)
    assert daemon.fds == [], "by now the number is that of a descriptor of b"
    assert daemon.expect(wire.Spawned).name == "b"
    daemon.close_fds()


def test_no_number_of_strangers_keeps_an_exit_from_being_told() -> None:
    before = set(os.listdir("/proc/self/fd"))
    keeper = Keeper({"daemon_argv": ["never started"]})
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    theirs.settimeout(PATIENCE_S)
    keeper.link = ours
    keeper.poll.register(ours)
    with theirs:
        for pid in range(2, 120_000):
            keeper.send(wire.Stranger(pid, 0))
        ended = wire.Exited("a", 1, 1, 0, 0.0, "")
        keeper.send(ended)
        told = 0
        while (frame := wire.decode(theirs.recv(wire.MAX_FRAME_BYTES))) != ended:
            assert isinstance(frame, wire.Stranger)
            told += 1
            keeper.flush()
        assert 10_000 < told < 20_000
    keeper.close_link()
    for fd in set(os.listdir("/proc/self/fd")) - before:
        with contextlib.suppress(OSError):  # that of the listing
            os.close(int(fd))


BEGUN = """
import json, os, struct, sys
sys.path.append(os.path.dirname(sys.argv[1]))
from supervisor.daemon.keeper.begin import begin_daemon
from supervisor.daemon.main import _become_keeper
boot = json.loads(sys.argv[2])
pid, link = begin_daemon(boot["daemon_argv"], ())
if len(sys.argv) > 3:
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
_become_keeper({**boot, "notify_fd": -1, "pidfile_fd": -1, "programs": [], "daemon_pid": pid, "daemon_link": link.detach()})
"""
"""What the command does at last. With one word more the daemon has ended before."""


def command(boot: Mapping[str, object], *more: str, script: str = BEGUN) -> list[str]:
    return [sys.executable, "-c", script, PACKAGE, json.dumps(boot), *more]


class BegunBench(Bench):
    """The first daemon was started before the keeper."""

    def argv(self, boot: dict[str, object]) -> tuple[list[str], tuple[int, ...]]:
        return command(boot), ()


@pytest.fixture
def begun(tmp_path: Path) -> Iterator[Bench]:
    made = BegunBench(tmp_path, silence_s=60, stop_s=1)
    yield made
    made.close()


def test_a_daemon_that_was_begun_before_is_the_first(begun: Bench) -> None:
    first = begun.daemon()
    assert first.adopt()[2] == wire.AdoptEnd(0, begun.popen.pid)
    assert os.getpgid(first.pid) == first.pid
    first.send(order("a", "exec sleep 1000"))
    first.expect(wire.Spawned)
    first.close_fds()
    first.die()
    second = begun.daemon()
    programs, _, last = second.adopt()
    assert list(programs) == [("a", 1)] and last.starts == 1
    until(lambda: not alive(first.pid), "the first to be reaped")


def test_a_daemon_that_ended_before_there_was_a_keeper_is_a_mistake_of_the_user() -> None:
    done = subprocess.run(
        command({"daemon_argv": [sys.executable, "-c", "raise SystemExit(3)"]}, "ended"),
        timeout=PATIENCE_S, capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (3, b"")


def test_a_keeper_that_cannot_be_leaves_no_daemon() -> None:
    mark = uuid.uuid4().hex
    script = BEGUN.replace("_become_keeper({", "sys.executable = '/nowhere'\n_become_keeper({")
    boot = {"daemon_argv": [sys.executable, "-c", "import time; time.sleep(1000)"]}
    done = subprocess.run(
        command(boot, script=script),
        timeout=PATIENCE_S, capture_output=True, check=False, env={**os.environ, MARK: mark},
    )  # fmt: skip
    assert b"cannot run /nowhere" in done.stderr
    assert not marked(mark)


def test_a_daemon_whose_command_has_gone_ends_and_says_nothing(tmp_path: Path) -> None:
    config = tmp_path / "conf"
    config.write_text("[supervisord]\n")
    script = (
        "\n".join(BEGUN.splitlines()[:-1])
        + "\nlink.close(); sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))"
    )
    argv = [sys.executable, "-P", f"{PACKAGE}/daemon/__main__.py", "daemon", "--config", str(config)]
    done = subprocess.run(
        command({"daemon_argv": argv}, script=script),
        timeout=PATIENCE_S, capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")
