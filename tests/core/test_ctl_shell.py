from __future__ import annotations

import pytest

from supervisor.ctl.completion import SCRIPTS, candidates, split_line
from supervisor.ctl.records import ProcessInfo
from supervisor.terminalmodes import ModeTracker

INFOS = [
    ProcessInfo("cat", "cat", 20, "RUNNING", "", 1),
    ProcessInfo("g1", "grp", 20, "RUNNING", "", 2),
    ProcessInfo("g2", "grp", 0, "STOPPED", "", 0),
]
COMMANDS = ["help", "start", "status", "stop", "update"]
KINDS = {name: kind for kind, names in {"processes": ["start", "status", "stop", "signal", "tail", "wait"],
                                        "groups": ["update"], "commands": ["help"]}.items() for name in names}  # fmt: skip


def complete(line: str) -> list[str]:
    text = line[len(line.rstrip().rpartition(" ")[0]) :].strip() if not line.endswith((" ", ";")) else ""
    return candidates(line, text.rpartition(";")[2], COMMANDS, KINDS, lambda: INFOS)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", ["help", "start", "status", "stop", "update"]),
        ("sta", ["start", "status"]),
        ("help s", ["start", "status", "stop"]),
        ("start ", ["cat", "grp:g1", "grp:*", "grp:g2"]),
        ("start c", ["cat"]),
        ("start cat g", ["grp:g1", "grp:*", "grp:g2"]),
        ("start grp:g", ["grp:g1", "grp:g2"]),
        ("start cat:", ["cat:cat", "cat:*"]),
        ("update ", ["cat", "grp"]),
        ("update g", ["grp"]),
        ("version ", []),
        ("nosuch x", []),
        ("status; st", ["start", "status", "stop"]),
        ("status; stop c", ["cat"]),
        ("start @", ["@cat", "@grp"]),
        ("signal U", ["USR1", "USR2"]),
        ("signal HUP c", ["cat"]),
        ("tail c", ["cat"]),
        ("tail -", ["-f"]),
        ("tail -f c", ["cat"]),
        ("tail cat s", ["stdout", "stderr"]),
        ("tail cat stdout s", []),
        ("wait cat --for R", ["RUNNING"]),
        ("wait cat --timeout ", []),
        ("update --", ["--whole-groups"]),
        ("completion f", ["fish"]),
    ],
)
def test_completion(line: str, expected: list[str]) -> None:
    assert complete(line) == expected


@pytest.mark.parametrize(
    ("line", "words", "text"),
    [
        ("supervisorctl ", (), ""),
        ("supervisorctl sta", (), "sta"),
        ("/usr/bin/supervisorctl -c x.conf start a", ("start",), "a"),
        ("supervisorctl -s http://x:1 -i tail -f a ", ("tail", "-f", "a"), ""),
    ],
)
def test_lines_of_a_shell(line: str, words: tuple[str, ...], text: str) -> None:
    split = split_line(line)
    assert split is not None
    assert (split[0].words, split[1]) == (words, text)


@pytest.mark.parametrize(
    "line",
    [
        "supervisorctl -c ",
        "supervisorctl -c x",
        "supervisorctl --se",
        "supervisorctl --bogus x ",
    ],
)
def test_own_options_are_not_completed(line: str) -> None:
    assert split_line(line) is None


def test_scripts_ask_in_the_same_way() -> None:
    assert set(SCRIPTS) == {"bash", "zsh", "fish"}
    for script in SCRIPTS.values():
        assert "completion --words" in script


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
