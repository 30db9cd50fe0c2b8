"""Paths that are followed without being touched, and lanes that answer late."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from supervisor.daemon.output.lane import Lane, Unanswered
from supervisor.mounts import Mounts
from tests.support.waiting import until


@pytest.fixture
def mounts(tmp_path: Path) -> Mounts:
    points = {
        "/": "ext4",
        f"{tmp_path}/nfs": "nfs4",
        f"{tmp_path}/a\\040b": "fuse.sshfs",
        f"{tmp_path}/nfs/local": "tmpfs",
    }
    table = "".join(
        f"{n} 1 0:{n} / {p} rw shared:1 - {kind} what rw\n" for n, (p, kind) in enumerate(points.items(), 10)
    )
    (tmp_path / "mountinfo").write_text(table)
    return Mounts(str(tmp_path / "mountinfo"))


def test_what_is_far(mounts: Mounts, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "link").symlink_to("../nfs/x")
    (tmp_path / "ring").symlink_to("ring")
    (tmp_path / "up").symlink_to("/")
    far = f"11:{tmp_path}/nfs"
    for path, expected in {
        "nfs": far, "nfs/any/thing": far, "here/link": far, "here/link/more": far, "a b/log": f"12:{tmp_path}/a b",
        "here/../nfs/x": far, "here/log": "", "ring": "", "gone/nfs": "", f"up{tmp_path}/nfs": far, "here/lo\0g": "",
    }.items():  # fmt: skip
        assert mounts.far(f"{tmp_path}/{path}") == expected, path
    assert not Mounts(str(tmp_path / "none")).far(f"{tmp_path}/nfs")


def test_relative_paths(mounts: Mounts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert mounts.far("nfs/log") and not mounts.far("log")
    assert mounts.far(os.path.join("here", "..", "nfs")) == ""  # there is no such folder


def test_what_came_too_late_is_the_answer_to_the_next_question() -> None:
    lane, go_on = Lane("1:/far", lambda work: work()), threading.Event()
    begun: list[int] = []

    def begin() -> Callable[[], int]:
        begun.append(1)

        def work() -> int:
            go_on.wait(30)
            return 7

        return work

    with pytest.raises(BlockingIOError):
        lane.collect("a", begin)
    with pytest.raises(BlockingIOError):
        lane.call(int)  # refused at once, and not done
    until(lambda: lane.hangs, "it to be trouble")
    with pytest.raises(Unanswered, match="/far does not answer"):
        lane.collect("b", begin)
    told: list[int] = []
    lane.when_free(lambda: told.append(1))
    go_on.set()
    until(lambda: told, "to be told")
    assert lane.collect("a", begin) == 7
    assert len(begun) == 1 and not lane.busy
    assert lane.call(lambda: 8) == 8


def test_an_error_is_told_to_who_asked() -> None:
    lane = Lane("1:/far", lambda work: work())
    with pytest.raises(FileNotFoundError):
        lane.call(lambda: os.stat("/none/such"))
    lane.post(lambda: os.stat("/none/such"))
    until(lambda: not lane.busy, "that to be over")
    assert lane.call(lambda: 1) == 1


def test_where_no_thread_can_be_started_work_waits_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", refused)
        lane = Lane("1:/x", lambda work: work())
        with pytest.raises(BlockingIOError):
            lane.call(lambda: 1)
    done: list[int] = []

    def answered() -> bool:
        try:
            done.append(lane.call(lambda: 2))
        except BlockingIOError:
            return False
        return True

    until(answered, "the lane to have its thread")
    assert done == [2]
