"""From command line to file: the texts of the reference."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from supervisor.daemon.command import CommandError, resolve, split_command


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("/bin/cat", ["/bin/cat"]),
        ("/bin/cat  -n 'a b' \"c d\"", ["/bin/cat", "-n", "a b", "c d"]),
        ("cat $HOME *.py # no comment", ["cat", "$HOME", "*.py", "#", "no", "comment"]),
        (r"a\ b", ["a b"]),
    ],
)
def test_words(command: str, words: list[str]) -> None:
    assert split_command(command) == words


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("", "command is empty"),
        ("   ", "command is empty"),
        ("a 'b", "can't parse command \"a 'b\": No closing quotation"),
    ],
)
def test_no_words(command: str, text: str) -> None:
    with pytest.raises(CommandError) as caught:
        split_command(command)
    assert str(caught.value) == text


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, mode in (("good", 0o755), ("plain", 0o644)):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(mode)
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "plain").write_text("#!/bin/sh\n")
    (tmp_path / "later" / "plain").chmod(0o755)
    return tmp_path


def test_found(folder: Path) -> None:
    assert resolve(f"{folder}/good -x", {}, None) == (f"{folder}/good", [f"{folder}/good", "-x"])
    assert resolve("good -x", {"PATH": f"/nowhere:{folder}"}, None) == (f"{folder}/good", ["good", "-x"])
    # a relative file is looked for where it will be executed
    assert resolve("./good", {}, str(folder)) == ("./good", ["./good"])
    # a match that cannot be executed does not end the search
    assert resolve("plain", {"PATH": f"{folder}:{folder}/later"}, None) == (
        f"{folder}/later/plain",
        ["plain"],
    )


@pytest.mark.parametrize(
    ("command", "text", "found"),
    [
        ("{0}/none", "can't find command '{0}/none'", False),
        ("none", "can't find command 'none'", False),
        ("{0}/loop", "can't find command '{0}/loop'", False),
        ("{0}/good/more", "can't find command '{0}/good/more'", False),
        ("{0}/folder", "command at '{0}/folder' is a directory", True),
        ("{0}/plain", "command at '{0}/plain' is not executable", True),
        ("plain", "command at '{0}/plain' is not executable", True),
    ],
)
def test_not_found(folder: Path, command: str, text: str, found: bool) -> None:
    with pytest.raises(CommandError) as caught:
        resolve(command.format(folder), {"PATH": str(folder)}, None)
    assert (str(caught.value), caught.value.found) == (text.format(folder), found)


def test_a_name_with_a_nul_is_not_found() -> None:
    with pytest.raises(CommandError, match="can't find command"):
        resolve("/bin/c\0at", {}, None)


def test_path_of_the_program_then_ours_then_the_default(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(folder))
    assert resolve("good", {}, None)[0] == f"{folder}/good"
    with pytest.raises(CommandError):
        resolve("good", {"PATH": "/bin"}, None)
    monkeypatch.delenv("PATH")
    assert resolve("sh", {}, None)[0] in ("/bin/sh", "/usr/bin/sh")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may execute whatever has an x bit")
def test_no_permission(folder: Path) -> None:
    (folder / "good").chmod(0o611 & ~0o100)
    with pytest.raises(CommandError, match="no permission to run command"):
        resolve(f"{folder}/good", {}, None)
