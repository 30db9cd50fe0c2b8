"""The package is replaced under the daemon, by a newer version and by a broken one: programs do not notice."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path
from xmlrpc.client import Fault

import pytest

import supervisor
from tests.conftest import Supervise
from tests.faults.conftest import Faults
from tests.faults.test_kill import served_again
from tests.support.load import Writers
from tests.support.waiting import until

BROKEN = (
    ("daemon/serve.py", "import asyncio\n", "this is no Python\n", "SyntaxError: invalid syntax"),
    ("daemon/serve.py", "import asyncio\n", "import not_installed\n", "ModuleNotFoundError: No module named 'not_installed'"),
    ("daemon/saved.py", "    configuration: Configuration | None = None\n", "    raise ValueError('odd')\n", "ValueError: odd"),
    ("daemon/process.py", "        self.machine.restore(", "        self.machine.understood(", "AttributeError: "),
    ("daemon/httpserver.py", "self._gates.protocol", "self._gates.protocols", "AttributeError: "),
    ("daemon/streamserver.py", "p.Greeting(", "p.Welcome(", "TypeError: "),
)  # fmt: skip
"""File, what is replaced in it once and by what (of another length: Python knows a file by its second and size), and what is
said of it."""


def copy_of_the_package(folder: Path) -> Path:
    """Where ``supervisor`` is imported from when ``folder`` is on the path in front of the rest."""
    source = Path(supervisor.__file__).parent
    target = folder / "supervisor"
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    return target


def test_a_newer_and_a_broken_version(supervise: Supervise, tmp_path: Path, faults: Faults) -> None:
    package = copy_of_the_package(tmp_path / "site")
    writers = Writers(tmp_path, 2, maxbytes=20_000, burst_bytes=4_000, pause_s=0.02)
    running = supervise(writers.config(), env={"PYTHONPATH": str(tmp_path / "site")})
    pids = [running.wait_state(f"w{n}", "RUNNING")["pid"] for n in range(2)]

    def replaced(file: str, text: str) -> None:
        new = tmp_path / "new"
        new.write_text(text)
        new.rename(package / file)

    version = (package / "version.py").read_text()
    replaced("version.py", version + '\nVERSION = "99.0"\n')
    before = running.daemon_pid()
    running.rpc.supervisor.restartDaemon()
    until(lambda: running.daemon_pid() != before, "another daemon")
    served_again(running, time.monotonic())
    with running.stream() as stream:
        assert stream.greeting.supervisor_version == "99.0"
    assert [running.info(f"w{n}")["pid"] for n in range(2)] == pids
    faults.injected("upgrade to another version")

    good = (package / "daemon" / "serve.py").read_text()
    before = running.daemon_pid()
    for file, old, new, words in BROKEN:
        was = (package / file).read_text()
        assert old in was
        replaced(file, was.replace(old, new, 1))
        with pytest.raises(Fault, match=f"FAILED: this daemon goes on, the next one cannot serve: {words}"):
            running.rpc.supervisor.restartDaemon()
        answer = running.ctl("restart-daemon")
        assert answer.returncode == 1
        assert answer.stdout.startswith(f"ERROR: this daemon goes on, the next one cannot serve: {words}")
        replaced(file, was)
    assert running.daemon_pid() == before
    assert [running.info(f"w{n}")["pid"] for n in range(2)] == pids
    faults.injected("upgrade to a version that cannot start", len(BROKEN))

    replaced("daemon/serve.py", "this is no Python\n" + good)
    os.kill(before, signal.SIGKILL)
    until(lambda: running.stderr().count("daemon ended (exit status 1), starting another") >= 2, "two tries")
    assert "SyntaxError" in running.stderr()
    replaced("daemon/serve.py", good)
    served_again(running, time.monotonic())
    assert [running.info(f"w{n}")["pid"] for n in range(2)] == pids
    faults.checked(writers.check(running))
    faults.injected("death of the daemon where the version on disk cannot start")
