"""Records sessions of real programs, and what tmux shows for the same bytes.

``python -m tests.captured.record [NAME...]`` rewrites ``NAME.bytes`` (all the
program wrote to a terminal of 80x24) and ``NAME.json``: a list of check points
``{"offset", "cursor": [y, x], "rows": [...], "styled": [...]}``: what tmux's
``capture-pane -p`` shows after that many bytes, and the same with colours (``-e -N``). Programs are asked about little
but files and children of this script, so that a recording tells nothing of the
machine. Only this script needs the programs and tmux; the tests need the files.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import shlex
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from dataclasses import dataclass
from pathlib import Path

from supervisor.tui.terminal import Terminal

ROWS, COLS = 24, 80
HERE = Path(__file__).parent
LONGEST_STEP_SECONDS = 6.0
MAX_BYTES = 60_000


@dataclass(frozen=True)
class Session:
    """What is run, and the keys of each step; after each step is a check point."""

    argv: tuple[str, ...]
    steps: tuple[bytes, ...]
    quiet_s: float = 0.4
    """Output that pauses for so long is over; mc waits to see what comes after an ESC."""
    disputed: frozenset[int] = frozenset()
    """Steps without a check point: tmux shows something else than the VT manuals say, see the conformance tests."""


UP, DOWN, RIGHT, LEFT = b"\x1b[A", b"\x1b[B", b"\x1b[C", b"\x1b[D"

VTTEST_STEPS = (
    b"", b"1\r", b"\r", b"\r", b"\r", b"\r", b"\r", b"\r",  # cursor movements
    b"2\r", *[b"\r"] * 15,  # screen features
    b"8\r", *[b"\r"] * 14,  # VT102 features: insert and delete
)  # fmt: skip

SESSIONS = {
    "vim": Session(
        ("vim", "-u", "NONE", "-N", "-i", "NONE", "-n", "--cmd", "syntax on", "sample.py"),
        (
            b"",
            b"\x06",
            b"10Gdd3yyGp",
            b":set number\r",
            b"i# \xe6\x97\xa5\xe6\x9c\xac wide \xc3\xa9 text\x1b",
            b":split\r\x06",
            b":q\r/def\r",
        ),
    ),
    "less": Session(
        ("less", "-R", "coloured.log"),
        (b"", b" ", b" ", b"b", b"/ERROR\r", b"nn", b"G", b"-S\r", RIGHT, b"g"),
    ),
    "top": Session(("top", "-d", "60", "-p", "{pids}"), (b"", b"z", b"c", b"x", b"1", b"h", b"q")),
    "htop": Session(
        ("htop", "-d", "100", "-p", "{pids}"), (b"", DOWN, b"\x1bOQ", b"\x1b", b"t", b"\x1bOR", b"sle\r")
    ),
    "mc": Session(
        ("mc", "-u", "-c", "."),
        (
            b"",
            b"\x1bOB" * 5,
            b"\x1bOR",
            b"\x1b[6~",
            b"\x1b[21~",
            b"\x1b[20~",
            b"\x1bOB\x1bOC",
            b"\x1b\x1b",
            b"\x1b[15~",
        ),
        quiet_s=1.3,
    ),
    "tmux": Session(
        (
            "tmux",
            "-u",
            "-L",
            "captured-inner-{here}",
            "-f",
            "/dev/null",
            "new-session",
            "bash --norc --noprofile",
        ),
        (
            b"ls --color=always\r",
            b"\x02%",
            b"seq 1 40\r",
            b'\x02"',
            b"printf '\\e[31m\xe6\x97\xa5\xe6\x9c\xac\\e[m\\n'\r",
            b"\x02\x1b[D",
            b"\x02[\x1b[5~",
            b"q",
            b"\x02z",
            b"\x02z",
            b"\x02:kill-pane\r",
        ),
    ),
    # 2, 3, 4: BS and CUB where a wrap is pending; 18: DECSTBM in origin mode goes home within the margins; 22: DECRC and charsets
    "vttest": Session(("vttest",), VTTEST_STEPS, quiet_s=0.5, disputed=frozenset((2, 3, 4, 18, 22))),
    "nano": Session(
        ("nano", "-I", "sample.py"),
        (
            b"",
            b"\x16",
            b"new text \xc3\xbc\xc3\xb1 \xe6\xbc\xa2\xe5\xad\x97\r",
            b"\x17def\r",
            b"\x0b\x0b",
            b"\x07",
        ),
    ),
    "bash": Session(
        ("bash", "--norc", "--noprofile", "-i"),
        (
            b"ls --color=always\r",
            b"cat samp\t",
            b" | head -5\r",
            b"echo " + b"long words wrap " * 7,
            b"\x01\x1bf\x1bf\x0b\r",
            b"ls \t\t",
            b"\x03",
            b"\x12cat\x07",
            b"seq 1 60\r",
            b"printf '\\e[31mred\\e[0m \\e[1;4mbold\\e[m\\n'; clear; echo done\r",
        ),
    ),
    "python": Session(
        (sys.executable, "-q", "-E"),
        (
            b"x = [n * n for n in range(40)]\r",
            b"x\r",
            b"for i in range(3):\r\tprint(i)\r\r",
            b"'\xe2\x94\x80\xe2\x94\x82 \xe2\x9c\x93 \xd0\x9f'\r",
            b"1/0\r",
            UP + UP + b"\x01#\x05",
        ),
    ),
}


def write_files(folder: Path) -> None:
    """The files that the programs look at."""
    levels = (
        "\x1b[32mINFO\x1b[0m",
        "\x1b[33mWARN\x1b[0m",
        "\x1b[1;31mERROR\x1b[0m",
        "\x1b[38;5;75mDEBUG\x1b[0m",
    )
    lines = [
        f"12:{n // 60:02}:{n % 60:02} [{levels[n * n % 4]}] message \x1b[4m{n}\x1b[24m "
        + "and so on " * (n % 12)
        for n in range(120)
    ]
    (folder / "coloured.log").write_text("\n".join(lines) + "\n")
    source = ['"""A sample."""', "", "import sys", "", ""]
    for n in range(30):
        source += [
            f"def function_{n}(value: int) -> int:",
            f'    """Number {n}."""',
            f"    return value * {n}  # and {'more ' * (n % 9)}",
            "",
            "",
        ]
    (folder / "sample.py").write_text("\n".join(source))
    (folder / "folder").mkdir()
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "sample link").symlink_to("sample.py")


def record(session: Session, folder: Path) -> tuple[bytes, list[int]]:
    """All bytes that the program wrote, and how many there were after each step."""
    children = [subprocess.Popen(["sleep", "600"]) for _ in range(3)]
    pids = ",".join(str(child.pid) for child in children)
    argv = [part.replace("{pids}", pids).replace("{here}", str(os.getpid())) for part in session.argv]
    environment = {
        "TERM": "xterm-256color",
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "PS1": r"\[\e[1;32m\]demo\[\e[0m\]:\[\e[34m\]\w\[\e[0m\]\$ ",
        "INPUTRC": "/dev/null",
    }
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execvpe(argv[0], argv, environment)
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLS, 0, 0))
    terminal = Terminal(ROWS, COLS)
    output = bytearray()
    offsets: list[int] = []
    try:
        settle(master, terminal, output, session.quiet_s)
        for number, keys in enumerate(session.steps):
            os.write(master, keys)
            settle(master, terminal, output, session.quiet_s)
            if len(output) > MAX_BYTES:
                break
            if number not in session.disputed:
                offsets.append(len(output))
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(master)
        if session.argv[0] == "tmux":
            subprocess.run([*argv[:4], "kill-server"], check=False, capture_output=True)
        for child in children:
            child.kill()
            child.wait()
    return bytes(output), offsets


def settle(master: int, terminal: Terminal, output: bytearray, quiet_s: float) -> None:
    """Read until the program is quiet; its questions are answered."""
    end = time.monotonic() + LONGEST_STEP_SECONDS
    while time.monotonic() < end:
        if not select.select([master], [], [], quiet_s)[0]:
            return
        try:
            data = os.read(master, 65536)
        except OSError:
            return
        output += data
        terminal.feed(data)
        if reply := terminal.replies():
            os.write(master, reply)


class Tmux:
    """A tmux server of our own, without configuration."""

    def __init__(self) -> None:
        self._servers = 0
        self.name = ""

    def run(self, *arguments: str) -> str:
        command = ["tmux", "-u", "-L", self.name, "-f", "/dev/null", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def shown(self, data: bytes) -> dict[str, object]:
        """Cursor and rows of a pane that got ``data`` and nothing else."""
        # a server that was told to end may still hold its name for a moment
        self._servers += 1
        self.name = f"captured-{os.getpid()}-{self._servers}"
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            shell = f"stty raw -echo; cat {shlex.quote(file.name)}; sleep 600"
            self.run("new-session", "-d", "-s", "x", "-x", str(COLS), "-y", str(ROWS), shell)
            try:
                self.run("set-option", "-g", "status", "off")
                self.run("resize-window", "-t", "x", "-x", str(COLS), "-y", str(ROWS))
                return self._stable()
            finally:
                self.run("kill-server")

    def _stable(self) -> dict[str, object]:
        before: dict[str, object] = {}
        while True:
            time.sleep(0.4)
            rows = self.run("capture-pane", "-p", "-t", "x").split("\n")[:ROWS]
            y, x = self.run("display-message", "-p", "-t", "x", "#{cursor_y} #{cursor_x}").split()
            styled = self.run("capture-pane", "-p", "-e", "-N", "-t", "x").split("\n")[:ROWS]
            now: dict[str, object] = {"cursor": [int(y), int(x)], "rows": rows, "styled": styled}
            if now == before:
                return now
            before = now


def main() -> None:
    """Record the sessions named on the command line, or all; ``--screens`` asks tmux again and records nothing."""
    names = [name for name in sys.argv[1:] if name != "--screens"] or list(SESSIONS)
    tmux = Tmux()
    for name in names:
        if "--screens" in sys.argv:
            data = (HERE / f"{name}.bytes").read_bytes()
            offsets = [point["offset"] for point in json.loads((HERE / f"{name}.json").read_text())]
        else:
            with tempfile.TemporaryDirectory(prefix="demo") as folder:
                write_files(Path(folder))
                data, offsets = record(SESSIONS[name], Path(folder))
        points = [{"offset": offset, **tmux.shown(data[:offset])} for offset in offsets]
        (HERE / f"{name}.bytes").write_bytes(data[: offsets[-1]])
        (HERE / f"{name}.json").write_text(json.dumps(points, ensure_ascii=False, indent=1) + "\n")
        print(f"{name}: {offsets[-1]} bytes, {len(points)} check points")


if __name__ == "__main__":
    main()
