"""The demonstration: starts supervisord on demo.conf, then the console; without a terminal it checks itself.

All its state lives in one folder below the system's temporary folder, named after
the user and the working directory, and is removed at the end. Exit codes: 0 all
well, 1 a check failed or supervisord did not come up, 2 another demonstration runs.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from supervisor.client.rpc import RPCClient
from supervisor.errors import RPCError, SupervisorError
from supervisor.protocol import stream

HERE = Path(__file__).resolve().parent
SGR = re.compile(r"\x1b\[[0-9;]*m")
START_S = 20.0
STOP_S = 30.0


class DemoError(SupervisorError):
    """The demonstration cannot go on; ``code`` is its exit code."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


def state_folder() -> Path:
    """One folder for this user and working directory; short, since socket paths have a limit."""
    name = hashlib.sha1(os.getcwd().encode()).hexdigest()[:8]
    return Path(tempfile.gettempdir()) / f"supervisor-demo-{os.getuid()}-{name}"


@contextlib.contextmanager
def locked(state: Path) -> Iterator[None]:
    """The state folder, empty and ours alone; removed afterwards. Raises DemoError."""
    state.mkdir(mode=0o700, exist_ok=True)
    if state.is_symlink() or state.stat().st_uid != os.getuid():
        raise DemoError(f"{state} belongs to somebody else; remove it or set TMPDIR")
    with (state / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise DemoError(f"another demo runs in {state}; leave its console (F10) first", 2) from error
        for name in ("log", "conf.d"):
            shutil.rmtree(state / name, ignore_errors=True)
            (state / name).mkdir()
        try:
            yield
        finally:
            shutil.rmtree(state, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def environment(state: Path) -> dict[str, str]:
    """Ours, with what demo.conf needs."""
    return {
        **os.environ,
        "DEMO_STATE": str(state),
        "DEMO_PORT": str(free_port()),
        "DEMO_PYTHON": sys.executable,
        "PYTHONUNBUFFERED": "1",
    }


def add_full_screen_program(state: Path) -> None:
    """``top`` or ``htop`` on a terminal, where the machine has it."""
    found = next((path for name in ("htop", "top") if (path := shutil.which(name))), None)
    if found is not None:
        (state / "conf.d" / "top.conf").write_text(
            f"; A full-screen program on a terminal.\n[program:top]\ncommand={found}\ntty=true\n"
            f"stdout_logfile=NONE\npriority=30\n"
        )


@contextlib.contextmanager
def supervisord(env: dict[str, str], state: Path) -> Iterator[RPCClient]:
    """A supervisord on demo.conf, answering; stopped afterwards. Raises DemoError."""
    with (state / "supervisord.out").open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(HERE / "demo.conf")],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    client = RPCClient(f"unix://{state / 'demo.sock'}")
    try:
        wait_until_up(process, client, state)
        yield client
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        else:  # somebody killed it to see what happens: another one has taken its place
            shut_down(client)
        client.close()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def shut_down(client: RPCClient) -> None:
    """Have the supervisor end that is no child of ours; return when it answers no more."""
    deadline = time.monotonic() + STOP_S
    method = "supervisor.shutdown"
    while time.monotonic() < deadline:
        try:
            client.call(method)
        except RPCError:
            pass  # it answers that it is shutting down
        except SupervisorError:
            return
        method = "supervisor.getState"
        time.sleep(0.1)


def wait_until_up(process: subprocess.Popen[bytes], client: RPCClient, state: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise DemoError(f"supervisord did not start:\n{(state / 'supervisord.out').read_text().strip()}")
        try:
            client.call("supervisor.getState")
        except SupervisorError:
            time.sleep(0.05)
        else:
            return
    raise DemoError(f"supervisord did not answer within {START_S:.0f} s; its log: {state}/supervisord.log")


def ctl(env: dict[str, str], *words: str) -> str:
    """Run supervisorctl and show what it prints."""
    print(f"$ supervisorctl {' '.join(words)}", flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "supervisor.supervisorctl", "-c", str(HERE / "demo.conf"), *words],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        timeout=STOP_S,
        check=False,
    )
    print(done.stdout, flush=True)
    return done.stdout


def follow(state: Path, name: str, seconds: float) -> int:
    """Print what a program writes for a while, over the stream socket; how many bytes came."""
    decoder = stream.client_decoder()
    count = 0
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(state / "demo.sock.stream"))
        sock.sendall(stream.encode(stream.Follow(1, name, last=200, credit=1 << 30)))
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            sock.settimeout(left)
            try:
                data = sock.recv(65536)
            except TimeoutError:
                break
            for frame in decoder.feed(data):
                if isinstance(frame, stream.Output):
                    # the first piece most likely begins within a line
                    data = frame.data if count else frame.data.partition(b"\n")[2]
                    count += len(frame.data)
                    sys.stdout.write(SGR.sub("", data.decode("utf-8", "replace")))
    print(flush=True)
    return count


def pids(client: RPCClient) -> dict[str, int]:
    """Namespec to pid of what is RUNNING."""
    records = client.call("supervisor.getAllProcessInfo")
    found: dict[str, int] = {}
    for record in records if isinstance(records, list) else []:
        if isinstance(record, dict) and record["statename"] == "RUNNING" and isinstance(record["pid"], int):
            found[f"{record['group']!s}:{record['name']!s}"] = record["pid"]
    return found


def daemon_pid(keeper: int) -> int:
    """The daemon: the keeper's child that is a supervisor too."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
                if parent == str(keeper) and b"\0daemon\0--config" in (entry / "cmdline").read_bytes():
                    return int(entry.name)
    return 0


def wait_for(what: str, client: RPCClient, seconds: float, *names: str) -> None:
    """Until the named processes are RUNNING. Raises DemoError."""
    deadline = time.monotonic() + seconds
    missing = set(names)
    while time.monotonic() < deadline:
        try:
            missing = set(names) - set(pids(client))
        except SupervisorError:
            missing = set(names)
        if not missing:
            return
        time.sleep(0.05)
    raise DemoError(f"{what}: not RUNNING within {seconds:.0f} s: {', '.join(sorted(missing))}")


def kill_the_daemon(client: RPCClient) -> None:
    """kill -9 the daemon: nothing happens to the programs, and it is back in a moment."""
    keeper = client.call("supervisor.getPID")
    assert isinstance(keeper, int)
    victim = daemon_pid(keeper)
    if not victim:
        print("(this system has no /proc: the daemon is left alone)")
        return
    steady = (
        "web:web",
        "jobs:worker_00",
        "jobs:worker_01",
        "jobs:worker_02",
        "jobs:worker_03",
        "jobs:chatter",
    )
    before = pids(client)
    print(f"$ kill -9 {victim}   # the daemon", flush=True)
    os.kill(victim, signal.SIGKILL)
    begin = time.monotonic()
    wait_for("after the kill", client, START_S, *steady)
    after = pids(client)
    changed = [name for name in steady if before[name] != after[name]]
    if changed:
        raise DemoError(f"the kill of the daemon touched {', '.join(changed)}")
    print(f"answers again after {time.monotonic() - begin:.2f} s; every program still runs, same pids\n")


def check_itself(env: dict[str, str], state: Path, client: RPCClient) -> None:
    """What the demonstration shows without a terminal. Raises DemoError."""
    wait_for("start", client, START_S, "web:web", "prompt:prompt", "jobs:chatter", "jobs:worker_03")
    ctl(env, "status")
    print("following jobs:chatter for two seconds, over the stream socket")
    if not follow(state, "jobs:chatter", 2.0):
        raise DemoError("nothing came over the stream socket")
    before = pids(client)
    ctl(env, "restart", "jobs:*")
    wait_for("restart of the group", client, START_S, "jobs:chatter", "jobs:worker_00", "jobs:worker_03")
    after = pids(client)
    if before["jobs:worker_00"] == after["jobs:worker_00"] or before["web:web"] != after["web:web"]:
        raise DemoError("the restart of the group did not restart the group, or more than the group")
    kill_the_daemon(client)
    ctl(env, "status")
    ctl(env, "shutdown")


def main() -> int:
    state = state_folder()
    try:
        with locked(state):
            env = environment(state)
            add_full_screen_program(state)
            with supervisord(env, state) as client:
                if sys.stdin.isatty() and sys.stdout.isatty():
                    print(f"web page: http://127.0.0.1:{env['DEMO_PORT']}/   logs: {state}/log", flush=True)
                    console = [
                        sys.executable,
                        "-m",
                        "supervisor.supervisortui",
                        "-c",
                        str(HERE / "demo.conf"),
                    ]
                    code = subprocess.run(console, env=env, check=False).returncode
                    print("stopping the demo's programs", flush=True)
                    return code
                check_itself(env, state, client)
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        return 130
    print("demo: all well")
    return 0


if __name__ == "__main__":
    sys.exit(main())
