"""What fg keeps of the lines that were sent: bounded, for the owner alone, without answers to questions for secrets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from supervisor.ctl.lineedit import LineEdit
from supervisor.ctl.linehistory import FILE_MAX_BYTES, LINES_MAX, LineHistory, Question, path_for


def test_kept_for_the_next_time(tmp_path: Path) -> None:
    path = path_for(str(tmp_path / "history"), "web:api/é")
    first = LineEdit(LineHistory([], path))
    first.feed(b"one\ntwo\n" + b"\xff\n spaced\n\n")
    assert Path(path).parent == tmp_path / "history.fg"
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert os.stat(tmp_path / "history.fg").st_mode & 0o777 == 0o700
    lines: list[str] = ["what this run had before the file was read"]
    second = LineEdit(LineHistory(lines, path))
    second.feed(b"\x1b[A\x1b[A")
    assert (lines, second.text) == (["one", "two", "\udcff"], "two")
    assert second.feed(b"\n") == ["two\n"]
    assert Path(path).read_bytes() == b"one\ntwo\n\xff\ntwo\n"


def test_bounded(tmp_path: Path) -> None:
    path = path_for(str(tmp_path / "history"), "p")
    history = LineHistory([], path)
    for number in range(4 * LINES_MAX):
        history.add(f"{number} {'x' * 1000}")
    assert len(history.lines) == LINES_MAX
    assert os.stat(path).st_size <= 2 * FILE_MAX_BYTES + 2000
    again = LineHistory([], path).lines
    assert again and again == history.lines[-len(again) :]
    assert [file.name for file in Path(path).parent.iterdir()] == ["p"]


@pytest.mark.parametrize("trap", ["link", "fifo", "folder of others", "readable", "nowhere"])
def test_nothing_is_written_through_a_trap(tmp_path: Path, trap: str) -> None:
    history_file = str(tmp_path / ("gone/history" if trap == "nowhere" else "history"))
    path = Path(path_for(history_file, "p"))
    if trap != "nowhere":
        path.parent.mkdir(mode=0o700)
    if trap == "link":
        (tmp_path / "target").write_text("target\n")
        path.symlink_to(tmp_path / "target")
    elif trap == "fifo":
        os.mkfifo(path)
    elif trap == "folder of others":
        path.parent.chmod(0o777)
    elif trap == "readable":
        path.write_text("old\n")
        path.chmod(0o644)
    history = LineHistory([], str(path))
    history.add("line")
    assert history.lines[-1] == "line"
    if trap == "link":
        assert (tmp_path / "target").read_text() == "target\n"
    elif trap == "readable":
        assert (path.read_text(), path.stat().st_mode & 0o777) == ("old\nline\n", 0o600)
    else:
        assert not path.is_file()


@pytest.mark.parametrize(
    ("said", "secret"),
    [
        ([b"Password: "], True),
        ([b"Warning: Password input may be echoed.\nPassword: "], True),
        ([b"log in\nEnter pass", b"phrase for key 'x': "], True),
        ([b"New password:\n"], True),
        ([b"Password: ", b"\nwelcome\n"], False),
        ([b"the password was changed\n> "], False),
        ([b"name: "], False),
        ([b""], False),
    ],
)
def test_questions_for_secrets(said: list[bytes], secret: bool) -> None:
    question = Question()
    for data in said:
        question.feed(data)
    assert question.for_a_secret is secret
    question.answered()
    assert not question.for_a_secret
