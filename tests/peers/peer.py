"""One supervisord, ours or the original, in a folder of its own, and all that can be asked of it.

Must never know which scenarios there are, nor what is expected of them. Whatever a
method gives is normalised: what differs between two runs of one and the same
program (folders, ports, pids, times, random names, versions) stands there as a word
in angle brackets.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import xmlrpc.client
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from xml.parsers.expat import ExpatError

from tests.support.processes import MARK, command_line, end, marked, status
from tests.support.waiting import PATIENCE_S, until

from . import original

Side = Literal["theirs", "ours"]
SIDES: tuple[Side, Side] = ("theirs", "ours")
BIN: dict[Side, Path] = {"theirs": original.BIN, "ours": Path(sys.executable).parent}
OTHER: dict[Side, Side] = {"theirs": "ours", "ours": "theirs"}
PROBE = Path(__file__).with_name("probe.py")
LISTENER = Path(__file__).with_name("listener.py")

SUPERVISORD = """\
[supervisord]
logfile=%(here)s/main.log
pidfile=%(here)s/pid
childlogdir=%(here)s/auto
identifier=peer
minfds=64
minprocs=10
"""
SERVER = """\
[unix_http_server]
file=%(here)s/s
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://%(here)s/s
"""
AS_ROOT = "user=root\n" if os.geteuid() == 0 else ""
BASE = SUPERVISORD + AS_ROOT + SERVER

_TIMES = ("start", "stop", "now")
_PLAIN: Sequence[tuple[re.Pattern[str], str]] = [
    (re.compile(pattern), word)
    for pattern, word in (
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}", "<when>"),
        (r"[A-Z][a-z]{2}[ +][A-Z][a-z]{2}[ +]{1,2}\d{1,2}[ +]\d\d(:|%3A)\d\d(:|%3A)\d\d[ +]\d{4}", "<ctime>"),
        (r"\b[A-Z][a-z]{2} \d\d \d\d:\d\d [AP]M\b", "<date>"),
        (r"\bpid[ :]\d+\b", "pid <pid>"),
        (r"'?\((\d+)\) with SIG", "(<pid>) with SIG"),
        (r"\buptime \d+:\d\d:\d\d", "uptime <uptime>"),
        (r"---([\w]+)-[\w]+\.log", r"---\1-<random>.log"),
        (r"file: \S+ line: \d+", "file: <file> line: <line>"),
        (r"\bwhen:\d+", "when:<when>"),
    )
]


class Peer:
    """``config`` may name the folder as ``@HERE@``, TCP ports as ``@PORT@`` (and ``@PORT2@``), a program of
    ours that tells what it sees as ``@PROBE@``, a listener as ``@LISTENER@``, a Python as ``@PYTHON@``."""

    def __init__(self, side: Side, config: str, files: Mapping[str, str], env: Mapping[str, str]) -> None:
        # the original, run as root, deletes a device that it takes for its log file
        assert not re.search(r"(logfile|file)\s*[=:]\s*/dev/", config), "no device may be named as a file"
        self.side: Side = side
        self.folder = Path(tempfile.mkdtemp(prefix="peer-"))
        self.ports = [free_port(), free_port()]
        self.mark = uuid.uuid4().hex
        self.env = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": "/root",
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            MARK: self.mark,
            **env,
        }
        self.url = f"unix://{self.folder / 's'}"
        self.login: tuple[str, str] | None = None
        self.popen: subprocess.Popen[bytes] | None = None
        self._watches: dict[str, Watch] = {}
        (self.folder / "auto").mkdir()
        for name, text in files.items():
            self.write(name, text)
        self.write("conf", config)

    # --- files ---------------------------------------------------------------------------------------

    def fill(self, text: str) -> str:
        """The text with our own folder, ports and programs in it."""
        for word, value in (
            ("@HERE@", str(self.folder)),
            ("@PORT@", str(self.ports[0])),
            ("@PORT2@", str(self.ports[1])),
            ("@PROBE@", f"{sys.executable} -S -E {PROBE}"),
            ("@LISTENER@", f"{sys.executable} -S -E {LISTENER}"),
            ("@PYTHON@", f"{sys.executable} -S -E"),
        ):
            text = text.replace(word, value)
        return text

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(self.fill(text))

    def read(self, name: str) -> str:
        """A file, normalised; ``<no file>`` when there is none."""
        path = self.folder / name
        return self.plain(path.read_text("utf-8", "backslashreplace")) if path.exists() else "<no file>"

    def names(self, pattern: str) -> list[str]:
        return sorted(self.plain(path.name) for path in self.folder.glob(pattern))

    # --- start and end ---------------------------------------------------------------------------------

    def supervisord(self, *words: str) -> tuple[int, str, str]:
        """Run the command to its end; exit code, standard output and error."""
        done = subprocess.run(
            [str(BIN[self.side] / "supervisord"), *map(self.fill, words)],
            check=False,
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE_S,
        )
        out, err = (
            self.plain(data.decode("utf-8", "backslashreplace")) for data in (done.stdout, done.stderr)
        )
        return done.returncode, out, err

    def start(self, *words: str) -> None:
        """Start it in the foreground and wait until it answers."""
        with open(self.folder / "stdout", "ab") as out, open(self.folder / "stderr", "ab") as err:
            self.popen = subprocess.Popen(
                [str(BIN[self.side] / "supervisord"), "-n", "-c", str(self.folder / "conf"), *words],
                cwd=self.folder,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        until(self._answers, f"{self.side} to answer")

    def _answers(self) -> bool:
        assert self.popen is not None
        code = self.popen.poll()
        assert code is None, f"{self.side} ended with {code}: {self.read('stderr')[-2000:]}"
        with contextlib.suppress(OSError, http.client.HTTPException, xmlrpc.client.Error):
            return bool(self.call("system.listMethods"))
        return False

    def signal(self, number: int) -> None:
        assert self.popen is not None
        os.kill(self.popen.pid, number)

    def ended(self) -> int:
        """The exit code, once the command has ended."""
        assert self.popen is not None
        return self.popen.wait(PATIENCE_S)

    def destroy(self) -> None:
        """End by force whatever is left, and remove the folder."""
        for watch in self._watches.values():
            watch.stop()
        for _ in range(200):
            left = marked(self.mark)
            if not left:
                break
            end(left)
            time.sleep(0.005)
        if self.popen is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.popen.wait(5)
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- XML-RPC ---------------------------------------------------------------------------------------

    def call(self, method: str, *params: object) -> Any:
        """The raw answer of a method; faults and HTTP errors as xmlrpc.client raises them."""
        connection = Transport(self.url, self.login)
        try:
            proxy: Any = xmlrpc.client.ServerProxy("http://peer/RPC2", transport=connection)
            for part in method.split("."):
                proxy = getattr(proxy, part)
            return proxy(*params)
        finally:
            connection.close()

    def rpc(self, method: str, *params: object) -> object:
        """The normalised answer, ``{"fault": [code, text]}`` or ``{"http": status}``."""
        params = tuple(self.fill(param) if isinstance(param, str) else param for param in params)
        try:
            answer = self.call(method, *params)
        except xmlrpc.client.Fault as fault:
            return {"fault": [fault.faultCode, self.plain(fault.faultString)]}
        except xmlrpc.client.ProtocolError as error:
            return {"http": error.errcode}
        except ExpatError:
            return "<no XML>"
        return self.normal(answer)

    def state(self, name: str) -> str:
        return str(self.call("supervisor.getProcessInfo", name)["statename"])

    # --- HTTP ------------------------------------------------------------------------------------------

    def http(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None,
        tcp: bool,
        enough: str = "",
    ) -> tuple[http.client.HTTPResponse, str]:
        """The answer and its body; the body of an endless one until ``enough`` is in it."""
        url = f"http://127.0.0.1:{self.ports[0]}" if tcp else self.url
        connection = Connection(url)
        with contextlib.closing(connection):
            connection.request(method, path, body=body, headers=dict(headers))
            response = connection.getresponse()
            data = b""
            while not enough or enough.encode() not in data:
                chunk = response.read1(65536)
                if not chunk:
                    break
                data += chunk
            response.close()
        return response, self.plain(data.decode("utf-8", "replace"))

    def raw(self, data: bytes, tcp: bool, seconds: float) -> bytes:
        """What comes back for bytes, until it is closed or was silent for so long."""
        url = f"http://127.0.0.1:{self.ports[0]}" if tcp else self.url
        connection = Connection(url)
        connection.connect()
        assert connection.sock is not None
        got = b""
        with contextlib.closing(connection), contextlib.suppress(TimeoutError, ConnectionError):
            connection.sock.settimeout(seconds)
            connection.sock.sendall(data)
            while chunk := connection.sock.recv(65536):
                got += chunk
        return got

    # --- supervisorctl -----------------------------------------------------------------------------------

    def ctl(
        self,
        words: Sequence[str],
        stdin: str = "",
        other: bool = False,
        options: Sequence[str] = ("-c", "@HERE@/conf"),
    ) -> dict[str, object]:
        """Lines of standard output and error, exit code. ``other``: the other one's command against this daemon."""
        side = OTHER[self.side] if other else self.side
        done = subprocess.run(
            [str(BIN[side] / "supervisorctl"), *map(self.fill, [*options, *words])],
            check=False,
            cwd=self.folder,
            env=self.env,
            input=self.fill(stdin).encode(),
            capture_output=True,
            timeout=PATIENCE_S,
        )
        out, err = (
            self.plain(data.decode("utf-8", "backslashreplace")) for data in (done.stdout, done.stderr)
        )
        return {"out": out.split("\n"), "err": err.split("\n"), "exit": done.returncode}

    def follow(
        self, words: Sequence[str], enough: str, stdin: str | None = None, other: bool = False
    ) -> list[str]:
        """What a command that does not end by itself prints until ``enough`` is in it; then it gets SIGINT.

        With ``stdin`` it is killed instead: the original's fg waits for its threads for ever.
        """
        side = OTHER[self.side] if other else self.side
        with open(self.folder / "followed", "wb") as out:
            command = subprocess.Popen(
                [str(BIN[side] / "supervisorctl"), "-c", str(self.folder / "conf"), *words],
                cwd=self.folder,
                env={**self.env, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
            assert command.stdin is not None
            if stdin is not None:
                command.stdin.write(stdin.encode())
                command.stdin.flush()
            try:
                until(lambda: enough in self.read("followed"), f"{enough!r} from {words}")
            except AssertionError as error:
                raise AssertionError(f"{error}; it said {self.read('followed')!r}") from None
            finally:
                command.send_signal(signal.SIGINT if stdin is None else signal.SIGKILL)
                command.stdin.close()
                try:
                    command.wait(PATIENCE_S)
                finally:
                    command.kill()
                    command.wait()
        return self.read("followed").split("\n")

    # --- the main log and states ---------------------------------------------------------------------------

    def log_lines(self, pattern: str) -> list[str]:
        """``LEVL message`` of the main log's lines whose message has the pattern.

        Not those about processes that lost their parent: with the original they come to the machine's init.
        """
        lines = []
        path = self.folder / "main.log"
        text = path.read_text("utf-8", "backslashreplace") if path.exists() else ""
        for line in text.splitlines():
            _, _, message = line.partition(",")
            message = message[4:]
            if re.search(pattern, message) and not message.startswith("DEBG reaped unknown pid"):
                lines.append(self.plain(message))
        return lines

    def wait_execed(self, info: Mapping[str, Any]) -> None:
        """A process that runs is the program: with ``startsecs=0`` the original says so of a fork of itself, which takes no TERM."""
        pid = info["pid"]

        def is_program() -> bool:
            parent = status(pid).get("PPid", "")
            return not parent or command_line(pid) != command_line(int(parent))

        if info["statename"] == "RUNNING":
            until(is_program, f"{info['name']} to be exec'ed")

    def wait_state(self, name: str, states: Sequence[str]) -> str:
        """The state, once it is one of these."""
        seen = [""]

        def reached() -> str:
            seen[0] = self.state(name)
            return seen[0] if seen[0] in states else ""

        try:
            state = until(reached, f"{name} to be {states}")
            self.wait_execed(self.call("supervisor.getProcessInfo", name))
            return state
        except AssertionError as error:
            raise AssertionError(
                f"{self.side}: {error}, was {seen[0]}; {self.read('main.log')[-3000:]}"
            ) from None

    def watch(self, name: str) -> None:
        """Look at the state of a process all the time from now on."""
        self._watches[name] = Watch(self, name)

    def watched(self, name: str) -> list[str]:
        """The states seen since, and no more watching."""
        return self._watches.pop(name).stop()

    # --- normalising -----------------------------------------------------------------------------------------

    def plain(self, text: str) -> str:
        """The text without what differs between two runs of one program."""
        for side, folder in BIN.items():
            text = text.replace(f"{folder}/supervisor", "<bin>/supervisor").replace(
                f"{folder.parent}/", "<prefix>/"
            )
            text = text.replace(VERSIONS[side], "<version>")
        text = text.replace(str(self.folder), "<here>").replace(self.mark, "<mark>")
        for number, port in enumerate(self.ports, 1):
            text = re.sub(rf"\b{port}\b", f"<port{number}>", text)
        for pattern, word in _PLAIN:
            text = pattern.sub(word, text)
        return text

    def normal(self, value: Any, key: str = "") -> object:
        """An RPC value, with times and pids as words."""
        if isinstance(value, dict):
            return {name: self.normal(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.normal(inner) for inner in value]
        if isinstance(value, str):
            return self.plain(value)
        if type(value) is int and value and (key in _TIMES or key == "pid"):
            return f"<{key}>"
        return value


class Watch:
    """A thread that asks for the state of one process again and again."""

    def __init__(self, peer: Peer, name: str) -> None:
        self._peer = peer
        self._name = name
        self._states: list[str] = []
        self._stopped = threading.Event()
        self._first = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        self._first.wait(PATIENCE_S)

    def _look(self) -> None:
        ending = False
        while not ending:
            ending = self._stopped.is_set()  # one last look after the end of the wait
            with contextlib.suppress(OSError, http.client.HTTPException, xmlrpc.client.Error):
                state = self._peer.state(self._name)
                if self._states[-1:] != [state]:
                    self._states.append(state)
                self._first.set()
            self._stopped.wait(0.01)

    def stop(self) -> list[str]:
        self._stopped.set()
        self._thread.join(PATIENCE_S)
        return self._states


class Connection(http.client.HTTPConnection):
    """HTTP over ``unix://PATH`` or ``http://HOST:PORT``."""

    def __init__(self, url: str) -> None:
        self._path = url.removeprefix("unix://") if url.startswith("unix://") else ""
        host = "localhost" if self._path else url.removeprefix("http://")
        super().__init__(host, timeout=PATIENCE_S)

    def connect(self) -> None:
        if not self._path:
            super().connect()
            return
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE_S)
        self.sock.connect(self._path)


class Transport(xmlrpc.client.Transport):
    """XML-RPC over a Connection."""

    def __init__(self, url: str, login: tuple[str, str] | None) -> None:
        headers = []
        if login is not None:
            headers.append(("Authorization", basic(*login)))
        super().__init__(headers=headers)
        self._url = url

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = Connection(self._url)
        self._connection = host, connection  # where close() looks for it
        return connection


def basic(username: str, password: str) -> str:
    """The value of an Authorization header."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def free_port() -> int:
    """A TCP port on loopback that nobody listens on, of five digits."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _version(side: Side) -> str:
    done = subprocess.run(
        [str(BIN[side] / "supervisord"), "--version"], check=False, capture_output=True, text=True, timeout=30
    )
    return done.stdout.strip()


class _Versions(dict[Side, str]):
    def __missing__(self, side: Side) -> str:
        self[side] = _version(side)
        return self[side]


VERSIONS: Mapping[Side, str] = _Versions()
