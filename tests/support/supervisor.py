"""A real supervisord in a folder of its own, and what must hold when it is gone."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import uuid
import xmlrpc.client
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from supervisor.states import ProcessStates
from supervisor.xmlrpc import SupervisorTransport
from tests.support.processes import MARK, alive, children, command_line, descriptors, end, marked
from tests.support.streams import Stream
from tests.support.waiting import PATIENCE_S, until

PYTHON = sys.executable
CHILDREN = Path(__file__).resolve().parent.parent / "children"

BASE = """\
[supervisord]
logfile=%(here)s/main.log
pidfile=%(here)s/pid
childlogdir=%(here)s/auto
identifier=test
loglevel=debug
user=root
minfds=256
minprocs=10
{settings}

[unix_http_server]
file=%(here)s/s
"""


def child(name: str, *words: object) -> str:
    """The command that runs a program of tests/children."""
    return " ".join([PYTHON, "-S", "-E", str(CHILDREN / f"{name}.py"), *map(str, words)])


def shell(script: str) -> str:
    """The command that runs a line of sh; no quotes of either kind but double ones in it."""
    return f"/bin/sh -c '{script.replace('%', '%%')}'"


class Supervisor:
    """``programs``: sections of programs and groups. ``settings``: more lines of [supervisord].

    ``sections``: more sections in front of the programs. ``argv``: further words of the command.
    """

    def __init__(
        self,
        folder: Path,
        programs: str = "",
        *,
        settings: str = "",
        sections: str = "",
        argv: Sequence[str] = ("-n",),
        env: Mapping[str, str] | None = None,
        wrap: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        self.settings = settings
        self.sections = sections
        self.argv = list(argv)
        self.mark = uuid.uuid4().hex
        self.env = {**os.environ, MARK: self.mark, **(env or {})}
        self.wrap = list(wrap)
        self.popen: subprocess.Popen[bytes] | None = None
        self.keeper_pid = 0
        self.base: Counter[str] = Counter()
        self.leaks_checked = True
        (folder / "auto").mkdir(exist_ok=True)
        self.configure(programs)

    # --- start ---------------------------------------------------------------------------------------

    @property
    def config_file(self) -> Path:
        return self.folder / "conf"

    def configure(self, programs: str) -> None:
        """Write the configuration file."""
        base = BASE if os.geteuid() == 0 else BASE.replace("user=root\n", "")
        text = base.format(settings=textwrap.dedent(self.settings))
        self.config_file.write_text(text + textwrap.dedent(self.sections) + textwrap.dedent(programs))

    def command(self, *more: str) -> list[str]:
        return [
            *self.wrap,
            PYTHON,
            "-m",
            "supervisor.supervisord",
            "-c",
            str(self.config_file),
            *self.argv,
            *more,
        ]

    def launch(self) -> None:
        """Start the command, and do not wait for anything."""
        with open(self.folder / "stdout", "ab") as out, open(self.folder / "stderr", "ab") as err:
            self.popen = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=self.env
            )

    def start(self) -> Supervisor:
        """Start it in the foreground and wait until it serves."""
        self.launch()
        self.wait_ready()
        assert self.popen is not None
        self.keeper_pid = self.popen.pid if not self.wrap else self.pidfile_pid()
        self.base = descriptors(self.daemon_pid())
        return self

    def run(self, *more: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run the command to its end, which comes soon: it is refused, or goes into the background."""
        return subprocess.run(
            self.command(*more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=self.env,
            timeout=PATIENCE_S,
            check=False,
            **options,
        )

    def background(self) -> Supervisor:
        """Start it as a daemon; the command has to end with 0 and nothing to say."""
        self.argv = []
        done = self.run()
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), (done, self.report())
        self.keeper_pid = self.pidfile_pid()
        self.base = descriptors(self.daemon_pid())
        return self

    def pidfile_pid(self) -> int:
        return int((self.folder / "pid").read_text())

    def wait_ready(self) -> None:
        """Until RPC answers, whatever daemon does."""

        def answers() -> bool:
            assert self.popen is None or "-n" not in self.argv or self.popen.poll() is None, self.report()
            with contextlib.suppress(OSError, xmlrpc.client.Error):
                return bool(self.rpc.supervisor.getAPIVersion())
            return False

        until(answers, "the RPC to answer")

    # --- talk ----------------------------------------------------------------------------------------

    @property
    def rpc(self) -> Any:
        """An XML-RPC proxy on a connection of its own, closed after each call."""
        return Rpc(f"unix://{self.folder / 's'}")

    def ctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run supervisorctl."""
        return subprocess.run(
            [PYTHON, "-m", "supervisor.supervisorctl", "-s", f"unix://{self.folder}/s", *words],
            capture_output=True,
            text=True,
            env=self.env,
            timeout=2 * PATIENCE_S,
            check=False,
        )

    def stream(self) -> Stream:
        return Stream(str(self.folder / "s.stream"))

    def daemon_pid(self) -> int:
        """The daemon that there is now; waits for one."""
        return until(self._daemon, "a daemon")

    def _daemon(self) -> int:
        for pid in children(self.keeper_pid):
            if "--keeper-fd" in command_line(pid) and alive(pid):
                return pid
        return 0

    def kill_daemon(self, sig: int = signal.SIGKILL) -> int:
        """Kill the daemon and see it go; its pid."""
        pid = self.daemon_pid()
        os.kill(pid, sig)
        until(lambda: not alive(pid), "the daemon to die")
        return pid

    def info(self, name: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.rpc.supervisor.getProcessInfo(name)
        return answer

    def state(self, name: str) -> str:
        return str(self.info(name)["statename"])

    def wait_state(self, name: str, *states: str) -> dict[str, Any]:
        """The info of a process once it is in one of the states."""
        seen: list[str] = []

        def reached() -> dict[str, Any]:
            info = self.info(name)
            seen[:] = [info["statename"]]
            return info if info["statename"] in states else {}

        return until(reached, f"{name} to be {' or '.join(states)}, was {seen}")

    def log(self) -> str:
        """The main log."""
        path = self.folder / "main.log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def wait_log(self, text: str, count: int = 1) -> None:
        until(lambda: self.log().count(text) >= count, f"{text!r} in the main log")

    def stderr(self) -> str:
        path = self.folder / "stderr"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    # --- the end -------------------------------------------------------------------------------------

    def shutdown(self) -> int:
        """End it in order; the exit code of the command."""
        if self.keeper_pid and alive(self.keeper_pid):
            os.kill(self.keeper_pid, signal.SIGTERM)
        return self.wait_end()

    def wait_end(self) -> int:
        code = 0
        if self.popen is not None:
            code = self.popen.wait(PATIENCE_S)
        until(lambda: not alive(self.keeper_pid), "the keeper to end")
        return code

    def finish(self) -> None:
        """Stop what still runs and check that nothing is left. Called by the fixture."""
        try:
            if self.keeper_pid and alive(self.keeper_pid):
                self._check_leaks()
                self.shutdown()
            until(lambda: not marked(self.mark), "all processes to be gone", 10.0)
            for name in ("s", "s.stream", "pid", "pid.programs"):
                assert not (self.folder / name).exists(), f"{name} is left behind"
            log = self.log()
            for bad in ("Traceback", " ERRO Task "):
                assert bad not in log, f"a bug of ours is in the main log:\n{log[-6000:]}"
        finally:
            self.destroy()

    def destroy(self) -> None:
        """End by force whatever is left."""
        for _ in range(100):
            left = marked(self.mark)
            if not left:
                break
            end(left)
        if self.popen is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.popen.wait(5)

    def _check_leaks(self) -> None:
        """With every process stopped no pipe and no terminal is left in keeper or daemon."""
        if not self.leaks_checked:
            return
        try:
            self.rpc.supervisor.stopAllProcesses()
        except xmlrpc.client.Fault:
            return  # it is ending already

        def stopped() -> bool:
            held = (ProcessStates.STOPPED, ProcessStates.EXITED, ProcessStates.FATAL)
            return all(info["state"] in held for info in self.rpc.supervisor.getAllProcessInfo())

        until(stopped, "all processes to stand still")
        self.check_descriptors()

    def check_descriptors(self) -> None:
        """Nothing stopped holds a pipe or a terminal; no connection is left in the daemon."""
        keeper, daemon = Counter[str](), Counter[str]()

        def back() -> bool:
            keeper.clear()
            daemon.clear()
            keeper.update(descriptors(self.keeper_pid))
            daemon.update(descriptors(self.daemon_pid()))
            # the keeper has a wake-up and an error pipe
            return (
                keeper["pipe"] == 4
                and not keeper["tty"] + daemon["pipe"] + daemon["tty"]
                and daemon["socket"] <= self.base["socket"]
            )

        try:
            until(back, "descriptors to be given back", 10.0)
        except AssertionError as error:
            raise AssertionError(f"{error}; keeper {keeper}, daemon {daemon}, at first {self.base}") from None

    def report(self) -> str:
        """All that helps to see why a test failed."""
        return f"--- stderr\n{self.stderr()[-3000:]}\n--- main log\n{self.log()[-6000:]}"


class Rpc:
    """``rpc.supervisor.method(...)``; every call has its own connection."""

    def __init__(
        self, url: str, username: str | None = None, password: str | None = None, path: str = ""
    ) -> None:
        self._url = url
        self._login = (username, password)
        self._path = path

    def __getattr__(self, name: str) -> Rpc:
        return Rpc(self._url, *self._login, path=f"{self._path}.{name}" if self._path else name)

    def __call__(self, *params: Any) -> Any:
        transport = SupervisorTransport(*self._login, self._url)
        try:
            request = xmlrpc.client.dumps(params, self._path).encode()
            (value,) = transport.request("127.0.0.1", "/RPC2", request)
            return value
        finally:
            transport.close()
