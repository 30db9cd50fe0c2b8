"""Files and directories that others can change are told, and nothing else is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from supervisor.config.exposure import who_may_write
from supervisor.config.load import load_supervisord


def told(main: Path) -> list[str]:
    return [str(warning) for warning in load_supervisord(str(main), {}, environ={}).warnings]


@pytest.fixture
def main(tmp_path: Path) -> Path:
    folder = tmp_path / "etc"
    folder.mkdir(0o755)
    (tmp_path / "run").mkdir(0o755)
    path = folder / "supervisord.conf"
    path.write_text(
        f"[supervisord]\n[unix_http_server]\nfile={tmp_path}/run/s.sock\n[include]\nfiles={folder}/*.ini\n"
    )
    path.chmod(0o644)
    (folder / "more.ini").write_text("[program:a]\ncommand=x\n")
    (folder / "more.ini").chmod(0o640)
    return path


def test_nothing_is_told_of_files_that_are_ones_own(main: Path) -> None:
    assert told(main) == []
    assert who_may_write(str(main) + ".no") == ""


@pytest.mark.parametrize("name", ["supervisord.conf", "more.ini"])
def test_a_file_that_everybody_can_write(main: Path, name: str) -> None:
    path = main.parent / name
    path.chmod(0o666)
    assert told(main) == [f"{path}: every user can change this file, and with it what is run here"]


def test_a_directory_in_which_files_can_be_replaced(main: Path) -> None:
    main.parent.chmod(0o777)
    files = [main, main.parent / "more.ini"]
    assert told(main) == [
        f"{f}: every user can change this file, and with it what is run here" for f in files
    ]
    main.parent.chmod(0o1777)
    assert told(main) == []


def test_the_directory_of_a_socket(main: Path, tmp_path: Path) -> None:
    (tmp_path / "run").chmod(0o777)
    (line,) = told(main)
    assert line.startswith(
        f"{main}:3: [unix_http_server] file: every user can put a socket in the place of {tmp_path}/run/s.sock"
    )
    (tmp_path / "run").chmod(0o1777)
    assert told(main) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_foreign_owners_and_groups(main: Path) -> None:
    os.chown(main, 12345, 0)
    assert who_may_write(str(main)) == "uid 12345"
    os.chown(main, 0, 12345)
    assert who_may_write(str(main)) == ""
    main.chmod(0o664)
    assert who_may_write(str(main)) == "group 12345"
    os.chown(main, 0, 0)
    assert who_may_write(str(main)) == ""
