"""Who users are: as the system says, from what was known where it says nothing."""

from __future__ import annotations

import os
import pwd
import threading

import pytest

from supervisor.daemon import users
from supervisor.daemon.command import CommandError
from supervisor.daemon.output.lane import Unanswered
from supervisor.daemon.users import SAME, Users, groups_of, look_up, name_of
from tests.support.waiting import until


def made() -> Users:
    return Users(lambda work: work())


@pytest.mark.parametrize("entry", pwd.getpwall()[:5], ids=lambda entry: entry.pw_name)
def test_as_the_system_says(entry: pwd.struct_passwd) -> None:
    groups = os.getgrouplist(entry.pw_name, entry.pw_gid)
    assert groups_of(entry.pw_name, entry.pw_gid) == groups
    assert look_up(entry.pw_uid) == (entry.pw_uid, entry.pw_gid, groups)
    assert name_of(entry.pw_uid) == made().name(entry.pw_uid) == entry.pw_name


def test_our_own_and_nobody() -> None:
    assert made().rights(None) == made().rights(os.geteuid()) == SAME
    assert made().name(3_999_999_999) == "uid 3999999999"
    with pytest.raises(CommandError, match="there is no user with uid 3999999999 any more"):
        made().rights(3_999_999_999)


def test_what_was_known_while_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {1: (1, 1, [1]), 2: (2, 2, [2])}
    may = threading.Event()
    may.set()

    def slow(uid: int) -> tuple[int, int, list[int]]:
        may.wait()
        return answers[uid]

    monkeypatch.setattr(users, "look_up", slow)
    monkeypatch.setattr(users, "FRESH_S", 0.0)
    directory = made()
    assert directory.rights(1) == (1, 1, [1])
    may.clear()
    answers[1] = (1, 5, [5])

    def known() -> tuple[int, int, list[int]] | None:
        try:
            return directory.rights(1)
        except BlockingIOError:
            return None

    assert until(known, "an answer of before") == (1, 1, [1])
    with pytest.raises(Unanswered, match="the name service does not answer"):
        directory.rights(2)
    assert directory.name(77_777) == "uid 77777"
    may.set()
    until(lambda: known() == (1, 5, [5]), "what is so now")
