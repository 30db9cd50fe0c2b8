from __future__ import annotations

import pytest

from supervisor.ctl.records import ProcessInfo
from supervisor.ctl.shell import candidates
from supervisor.ctl.terminal import ModeTracker

INFOS = [
    ProcessInfo("cat", "cat", 20, "RUNNING", "", 1),
    ProcessInfo("g1", "grp", 20, "RUNNING", "", 2),
    ProcessInfo("g2", "grp", 0, "STOPPED", "", 0),
]
COMMANDS = ["help", "start", "status", "stop", "update"]


def complete(line: str) -> list[str]:
    text = line[len(line.rstrip().rpartition(" ")[0]) :].strip() if not line.endswith((" ", ";")) else ""
    return candidates(line, text.rpartition(";")[2], COMMANDS, lambda: INFOS)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", ["help ", "start ", "status ", "stop ", "update "]),
        ("sta", ["start ", "status "]),
        ("help s", ["start ", "status ", "stop "]),
        ("start ", ["cat ", "grp:g1 ", "grp:* ", "grp:g2 "]),
        ("start c", ["cat "]),
        ("start cat g", ["grp:g1 ", "grp:* ", "grp:g2 "]),
        ("start grp:g", ["grp:g1 ", "grp:g2 "]),
        ("start cat:", ["cat:cat ", "cat:* "]),
        ("update ", ["cat ", "grp "]),
        ("update g", ["grp "]),
        ("version ", []),
        ("nosuch x", []),
        ("status; st", ["start ", "status ", "stop "]),
        ("status; stop c", ["cat "]),
    ],
)
def test_completion(line: str, expected: list[str]) -> None:
    assert complete(line) == expected


REST = b"\x1b[0m\x1b(B\x0f"


@pytest.mark.parametrize(
    ("output", "restored"),
    [
        (b"plain \x1b[31m", b""),
        (b"\x1b[?1049h\x1b[?25l", b"\x1b[?1049l\x1b[?25h"),
        (b"\x1b[?1049h...\x1b[?1049l", b""),
        (b"\x1b[?1000;1006h", b"\x1b[?1006l\x1b[?1000l"),
        (b"\x1b[?2004h\x1b=", b"\x1b[?2004l\x1b>"),
        (b"\x1b[?7l", b"\x1b[?7h"),
        (b"\x1b[2;10r", b"\x1b7\x1b[r\x1b8"),
        (b"\x1b[2;10r\x1b[r", b""),
        (b"\x1b[>1u\x1b[>1u\x1b[<u", b"\x1b[<1u"),
        (b"\x1b[?1049h\x1b[?25l\x1bc", b""),
        (b"\x1b[?12345h\x1b[?99999999h", b""),
    ],
)
def test_modes_that_a_program_left(output: bytes, restored: bytes) -> None:
    whole, bytewise = ModeTracker(), ModeTracker()
    whole.feed(output)
    for index in range(len(output)):
        bytewise.feed(output[index : index + 1])
    assert whole.restore() == REST + restored
    assert bytewise.restore() == REST + restored
