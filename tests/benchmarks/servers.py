"""One running supervisord, ours or the original, in a folder of its own; must never know what is measured."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import time
import xmlrpc.client
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from . import machine, oracle
from .children import Child, Stamp, Stamps
from .wires import Rpc, Stream

Side = Literal["ours", "original"]
SIDES: tuple[Side, Side] = ("ours", "original")
BIN = {"ours": Path(__file__).resolve().parents[2] / ".venv" / "bin", "original": oracle.FOLDER / "bin"}
DESCRIPTORS_EACH = 8

BASE = """\
[supervisord]
logfile=%(here)s/main.log
logfile_maxbytes=0
pidfile=%(here)s/pid
childlogdir=%(here)s
identifier=bench
minfds={minfds}
minprocs={minprocs}
{user}
[unix_http_server]
file=%(here)s/s

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl=unix://%(here)s/s

"""


def section(name: str, command: str, *more: str) -> str:
    """A program that does not start by itself and logs both channels to one file."""
    lines = [
        f"[program:{name}]",
        f"command={command}",
        "autostart=false",
        "autorestart=false",
        "startsecs=0",
        "redirect_stderr=true",
        f"stdout_logfile=%(here)s/{name}.log",
        "stdout_logfile_maxbytes=0",
        *more,
    ]
    return "\n".join(lines) + "\n\n"


def listener(name: str, command: str, buffer_size: int) -> str:
    """An event listener for communication events that does not start by itself and loses none."""
    lines = [
        f"[eventlistener:{name}]",
        f"command={command}",
        "events=PROCESS_COMMUNICATION",
        f"buffer_size={buffer_size}",
        "autostart=false",
        "autorestart=false",
        "startsecs=0",
    ]
    return "\n".join(lines) + "\n\n"


def idle_section(child: Child, stamps: Path, count: int, autostart: bool) -> str:
    """A group ``idle`` of so many sleeping programs that are started again whenever they end."""
    lines = [
        "[program:idle]",
        f"command={child.line('idle', stamps)}",
        f"numprocs={count}",
        "process_name=idle_%(process_num)04d",
        f"autostart={str(autostart).lower()}",
        "autorestart=true",
        "startsecs=0",
        "redirect_stderr=true",
        "stdout_logfile=%(here)s/idle_%(process_num)04d.log",
    ]
    return "\n".join(lines) + "\n\n"


class Server:
    """``count``: programs in the group ``idle``. ``programs``: sections of more. ``minfds`` 0: as many as it likes."""

    def __init__(
        self,
        side: Side,
        folder: Path,
        child: Child,
        count: int,
        *,
        autostart: bool = True,
        programs: str = "",
        minfds: int = 0,
    ) -> None:
        self.side: Side = side
        self.folder = folder
        self.child = child
        self.count = count
        folder.mkdir()
        self.stamps = Stamps(folder / "stamps")
        self.socket = folder / "s"
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        text = BASE.format(
            minfds=min(hard, minfds or max(1024, 256 + DESCRIPTORS_EACH * count)),
            minprocs=200,
            user="user=root\n" if os.geteuid() == 0 else "",
        )
        text += idle_section(child, self.stamps.path, count, autostart) + programs
        (folder / "conf").write_text(text)
        self._popen: subprocess.Popen[bytes] | None = None
        self._rpc: Rpc | None = None

    # --- life ----------------------------------------------------------------------------------------

    def launch(self) -> float:
        """Start the command; the monotonic time just before."""
        with open(self.folder / "said", "ab") as said:
            began = time.monotonic()
            self._popen = subprocess.Popen(
                [BIN[self.side] / "supervisord", "-n", "-c", self.folder / "conf"],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                cwd=self.folder,
                env={
                    **os.environ,
                    "PYTHONPATH": str(self.folder),
                },  # for plug-ins that a benchmark puts there
            )
        return began

    def wait_ready(self) -> None:
        """Until RPC answers."""

        def answers() -> bool:
            assert self._popen is not None
            if self._popen.poll() is not None:
                said = (self.folder / "said").read_text("utf-8", "replace").strip().splitlines()
                raise machine.GaveUp(
                    f"{self.side}: supervisord ended: {said[-1] if said else self._popen.returncode}"
                )
            try:
                self.reconnect()
                return bool(self.call("getAPIVersion"))
            except (OSError, xmlrpc.client.Error):
                return False

        machine.until(answers, f"{self.side} to answer", pause_s=0.01)

    def start(self) -> Server:
        """Launch it and wait until all that starts by itself runs."""
        self.launch()
        self.wait_ready()
        self.wait_stamps(self.count)
        return self

    @property
    def pid(self) -> int:
        assert self._popen is not None
        return self._popen.pid

    def daemon_pid(self) -> int:
        """Of ours the process under the keeper; of the original the one that there is; 0 for none."""
        if self.side == "original":
            return self.pid
        for pid in machine.children(self.pid):
            if "--keeper-fd" in machine.command_line(pid) and machine.alive(pid):
                return pid
        return 0

    def pids(self) -> list[int]:
        """All processes of the supervisor itself."""
        return sorted({self.pid, self.daemon_pid()} - {0})

    def kill_daemon(self) -> None:
        """The programs run on."""
        os.kill(self.daemon_pid(), signal.SIGKILL)

    def end(self) -> None:
        """Kill it and all its programs."""
        self.disconnect()
        if self._popen is not None and self._popen.poll() is None:
            machine.end_tree(self._popen.pid)
            self._popen.wait()

    # --- talk ----------------------------------------------------------------------------------------

    @property
    def rpc(self) -> Rpc:
        if self._rpc is None:
            self._rpc = Rpc(self.socket)
        return self._rpc

    def reconnect(self) -> None:
        self.disconnect()
        self._rpc = Rpc(self.socket)

    def disconnect(self) -> None:
        if self._rpc is not None:
            self._rpc.close()
            self._rpc = None

    def call(self, method: str, *params: Any) -> Any:
        """One call of the ``supervisor`` namespace on the connection that is kept."""
        return self.rpc.call(f"supervisor.{method}", *params)

    def stream(self) -> Stream:
        """A stream connection behind its greeting."""
        stream = Stream(self.folder / "s.stream")
        stream.receive()
        return stream

    def ctl(self, *words: str) -> float:
        """Run supervisorctl; its wall time in seconds."""
        argv = [str(BIN[self.side] / "supervisorctl"), "-c", str(self.folder / "conf"), *words]
        began = time.monotonic()
        subprocess.run(
            argv, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        return time.monotonic() - began

    # --- see -----------------------------------------------------------------------------------------

    def wait_mode(self, mode: str, deadline_s: float = machine.PATIENCE_S) -> Stamp:
        """The first new stamp of a mode; others are left out."""

        def found() -> list[Stamp]:
            return [stamp for stamp in self.stamps.read() if stamp.mode == mode]

        return machine.until(found, f"{self.side} to reach {mode}", deadline_s)[0]

    def wait_stamps(self, count: int, deadline_s: float = machine.PATIENCE_S) -> list[Stamp]:
        """So many new first instructions."""
        found: list[Stamp] = []

        def enough() -> bool:
            found.extend(self.stamps.read())
            return len(found) >= count

        machine.until(enough, f"{self.side} to start {count} programs", deadline_s, 0.005)
        return found

    def log_bytes(self, name: str) -> int:
        """Size of a program's log with its archives."""
        total = 0
        for path in self.folder.glob(f"{name}.log*"):
            try:
                total += path.stat().st_size
            except FileNotFoundError:
                pass  # rotated just now
        return total

    def remove_logs(self, name: str) -> None:
        for path in self.folder.glob(f"{name}.log*"):
            path.unlink(missing_ok=True)

    @contextmanager
    def running(self, name: str) -> Iterator[list[Stamp]]:
        """Start a program that does not start by itself, and stop it at the end; its stamp."""
        self.call("startProcess", name, False)
        stamps = self.wait_stamps(1)
        try:
            yield stamps
        finally:
            self.reconnect()
            try:
                self.call("stopProcess", name)
            except xmlrpc.client.Fault:
                pass  # it has ended by itself
