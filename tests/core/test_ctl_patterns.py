"""Patterns: what they match, what they leave alone, and every command that takes them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.ctl.patterns import Expanded, expand, expand_groups, is_pattern
from supervisor.ctl.records import ProcessInfo
from supervisor.errors import RPCError
from supervisor.faults import Faults
from supervisor.protocol.xmlrpc import Dumpable, Value
from tests.core.ctl_support import Answer, Ran, Script, from_table, process_info, process_of, run_ctl, serve

INFOS = [
    ProcessInfo(name, group, 20, "RUNNING", "", 1)
    for group, name in [
        ("api", "work1"),
        ("api", "work2"),
        ("odd[1]", "odd[1]"),
        ("web-1", "web-1"),
        ("web-2", "web-2"),
    ]
]


def expanded(*words: str, groups: bool = True) -> Expanded:
    return expand(words, lambda: INFOS, groups=groups)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["web-*"], ["web-1", "web-2"]),
        (["web-?", "web-*"], ["web-1", "web-2"]),
        (["web-[2-9]"], ["web-2"]),
        (["api:work*"], ["api:work1", "api:work2"]),
        (["api*"], ["api:work1", "api:work2"]),
        (["*2"], ["api:work2", "web-2"]),
        (["a*:*1"], ["api:work1"]),
        (["web-1:*"], ["web-1:*"]),
        (["api:*", "x"], ["api:*", "x"]),
        (["@api"], ["api:*"]),
        (["web-2", "web-1"], ["web-2", "web-1"]),
        (["odd[1]"], ["odd[1]"]),
        (["x", "x"], ["x", "x"]),
    ],
)
def test_matches(words: list[str], names: list[str]) -> None:
    assert expanded(*words) == Expanded(names, [])


def test_no_match() -> None:
    assert expanded("db*", "web-1", "WEB*") == Expanded(["web-1"], ["db*", "WEB*"])
    assert expanded("@db", groups=False) == Expanded([], ["@db"])
    assert expanded("@db") == Expanded(["db:*"], [])  # for the server to say


def test_groups_one_by_one() -> None:
    assert expanded("@api", "api:*", groups=False).words == ["api:work1", "api:work2", "api:*"]


def test_plain_names_ask_nobody() -> None:
    def fetch() -> list[ProcessInfo]:
        raise AssertionError

    assert expand(["a", "b:*", "@c", "d:"], fetch).words == ["a", "b:*", "c:*", "d:"]
    assert not is_pattern("b:*")
    assert is_pattern("b*:*")


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["w*"], ["web-1", "web-2"]),
        (["@api", "api"], ["api", "api"]),
        (["@w*"], ["w*"]),
        (["web-2", "web-*"], ["web-2", "web-1"]),
        (["db*", "x"], ["db*", "x"]),
        (["odd[1]"], ["odd[1]"]),
    ],
)
def test_groups(words: list[str], names: list[str]) -> None:
    assert expand_groups(words, lambda: {"web-2", "api", "web-1", "odd[1]"}) == names


WORD = st.text("ab:*?[]@!-", max_size=6)


@given(st.lists(WORD, max_size=4), st.lists(st.tuples(WORD, WORD), max_size=5), st.booleans())
def test_any_words_are_expanded(words: list[str], names: list[tuple[str, str]], groups: bool) -> None:
    infos = [ProcessInfo(name, group, 20, "RUNNING", "", 1) for group, name in names]
    known = {info.namespec for info in infos}
    result = expand(words, lambda: infos, groups=groups)
    # Every word is used in one way, and what came from a pattern is a process.
    assert set(result.unmatched) <= set(words)
    whole = {f"{word[1:]}:*" for word in words if word.startswith("@")} if groups else set()
    assert set(result.words) <= known | set(words) | whole
    plain = [word for word in words if not word.startswith("@") and not is_pattern(word)]
    assert set(plain) <= set(result.words)
    named = [word for word in result.words if word in known]
    assert expand(named, lambda: infos).unmatched == []


@given(st.lists(WORD, max_size=4), st.sets(WORD, max_size=5))
def test_any_words_for_groups_are_expanded(words: list[str], known: set[str]) -> None:
    result = expand_groups(words, lambda: known)
    assert set(result) <= known | set(words) | {word[1:] for word in words if word.startswith("@")}
    assert bool(result) == bool(words)
    for word in words:
        assert word in known.difference(result) or any(
            name in (word, word.removeprefix("@")) or name in known for name in result
        )


# --- in commands -------------------------------------------------------------------------------------

PROCESSES: list[Dumpable] = [
    process_info("work1", "api"),
    process_info("work2", "api", "STOPPED"),
    process_info("web-1"),
]
STATUS = """\
api:work1                        RUNNING   pid 4711, uptime 0:00:03
web-1                            RUNNING   pid 4711, uptime 0:00:03
"""
CALLS = (
    "startProcess",
    "stopProcess",
    "signalProcess",
    "clearProcessLogs",
    "startProcessGroup",
    "stopProcessGroup",
)


@pytest.fixture
def script(tmp_path: Path) -> Script:
    table: dict[str, Dumpable | RPCError | Answer] = {name: True for name in CALLS[:4]}
    table |= {name: [] for name in CALLS[4:]}
    table["getAllProcessInfo"] = PROCESSES
    table["getAllConfigInfo"] = [
        {"name": name, "group": name, "inuse": used, "autostart": True, "group_prio": 1, "process_prio": 2}
        for name, used in (("web-1", True), ("new1", False), ("new2", False))
    ]
    table["reloadConfig"] = [[["new1", "new2"], [], []]]
    table["addProcessGroup"] = table["removeProcessGroup"] = known_group
    table["getProcessInfo"] = process_of(PROCESSES)
    table["readProcessStdoutLog"] = lambda method, params: f"log of {params[0]!s}"
    return Script(from_table(table))


def known_group(method: str, params: tuple[Value, ...]) -> Dumpable:
    if "*" in str(params[0]):
        raise RPCError(Faults.BAD_NAME, str(params[0]))
    return True


@pytest.fixture
def url(script: Script, tmp_path: Path) -> Iterator[str]:
    with serve(script, tmp_path / "s") as url:
        yield url


@pytest.mark.parametrize(
    ("line", "out", "status"),
    [
        ("start 'api:work*'", "api:work1: started\napi:work2: started\n", 0),
        ("stop 'w*'", "web-1: stopped\n", 0),
        ("restart '*1'", "api:work1: stopped\nweb-1: stopped\napi:work1: started\nweb-1: started\n", 0),
        ("signal HUP '*1'", "api:work1: signalled\nweb-1: signalled\n", 0),
        ("clear 'web*' 'x*'", "x*: ERROR (no process matches)\nweb-1: cleared\n", 1),
        ("start 'x*'", "x*: ERROR (no process matches)\n", 1),
        ("pid '*1'", "4711\n4711\n", 0),
        ("pid @api", "4711\n0\n", 7),
        ("pid 'x*'", "x*: ERROR (no process matches)\n", 1),
        ("tail 'web*'", "log of web-1\n", 0),
        ("tail @api", "==> api:work1 <==\nlog of api:work1\n==> api:work2 <==\nlog of api:work2\n", 0),
        ("tail -f @api", "Error: tail -f follows one process, @api matches 2\n", 1),
        ("tail 'x*'", "x*: ERROR (no process matches)\n", 1),
        ("status 'x*'", "x*: ERROR (no process matches)\n", 4),
        ("status '*1'", STATUS, 0),
        ("wait 'x*'", "x*: ERROR (no process matches)\n", 1),
        ("why 'x*'", "x*: ERROR (no process matches)\n", 1),
    ],
)  # fmt: skip
def test_commands(url: str, line: str, out: str, status: int) -> None:
    assert run_ctl(url, line) == Ran(out, status)


@pytest.mark.parametrize(
    ("line", "out", "status", "calls"),
    [
        ("add 'n*'", "new1: added process group\nnew2: added process group\n", 0, ["new1", "new2"]),
        ("add @new2", "new2: added process group\n", 0, ["new2"]),
        ("add 'w*'", "ERROR: no such process/group: w*\n", 1, ["w*"]),
        ("remove 'a*' web-1", "api: removed process group\nweb-1: removed process group\n", 0, ["api", "web-1"]),
        ("remove 'n*'", "ERROR: no such process/group: n*\n", 1, ["n*"]),
        ("update 'new*'", "new1: added process group\nnew2: added process group\n", 0, ["new1", "new2"]),
        ("update @new1", "new1: added process group\n", 0, ["new1"]),
        ("update 'x*' new1", "ERROR: no such group: x*\nnew1: added process group\n", 1, ["new1"]),
        ("update 'w*'", "", 0, []),
    ],
)  # fmt: skip
def test_groups_in_commands(
    script: Script, url: str, line: str, out: str, status: int, calls: list[str]
) -> None:
    assert run_ctl(url, line) == Ran(out, status)
    called = [
        params for name, params in script.calls if name.endswith(("addProcessGroup", "removeProcessGroup"))
    ]
    assert called == [(name,) for name in calls]


def test_avail_of_some(url: str) -> None:
    new = [
        "new1                             avail     auto      1:2\n",
        "new2                             avail     auto      1:2\n",
    ]
    assert run_ctl(url, "avail 'new*'") == Ran("".join(new), 0)
    assert run_ctl(url, "avail @new2") == Ran(new[1], 0)
    assert run_ctl(url, "avail 'x*'") == Ran("x*: ERROR (no process matches)\n", 1)
    assert run_ctl(url, "avail 'new*' new1").out.startswith("Error: avail accepts no arguments\n")


def test_a_group_stays_one_call(script: Script, url: str) -> None:
    run_ctl(url, "start @api")
    assert script.calls[-1] == ("supervisor.startProcessGroup", ("api",))


# --- JSON --------------------------------------------------------------------------------------------


def test_json_of_actions(url: str) -> None:
    ran = run_ctl(url, "restart 'web*' x --json")
    assert ran.status == 0
    assert json.loads(ran.out) == [
        {
            "namespec": name,
            "group": name,
            "name": name,
            "action": action,
            "ok": True,
            "status": Faults.SUCCESS,
            "description": "OK",
        }
        for action in ("stopped", "started")
        for name in ("web-1", "x")
    ]


def test_json_of_failures_and_logs(script: Script, url: str) -> None:
    ran = run_ctl(url, "start 'x*' --json")
    (entry,) = json.loads(ran.out)
    assert (entry["namespec"], entry["ok"], entry["description"], ran.status) == (
        "x*",
        False,
        "no process matches",
        1,
    )
    ran = run_ctl(url, "tail @api --json")
    assert json.loads(ran.out) == [
        {"namespec": f"api:work{n}", "channel": "stdout", "text": f"log of api:work{n}"} for n in (1, 2)
    ]
    ran = run_ctl(url, "tail -f web-1 --json")
    assert (ran.out, ran.status) == ("", 2)
