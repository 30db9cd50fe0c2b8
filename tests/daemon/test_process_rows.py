"""What getProcessInfo and getAllProcessInfo tell: the same bytes whether it was kept encoded or not, and never old."""

from __future__ import annotations

import asyncio
import gc
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import msgpack
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from supervisor.config.model import ChannelConfig, GroupConfig, LogFile, LogKind, ProcessConfig
from supervisor.daemon.access import Caller
from supervisor.daemon.loop import Change, Supervisor
from supervisor.daemon.machines import process as machine
from supervisor.daemon.methods.supervisor import Context, get_all_process_info, get_process_info
from supervisor.daemon.process import Hearing, Process
from supervisor.protocol import stream as p
from supervisor.protocol import xmlrpc
from supervisor.protocol.structs import plain
from supervisor.states import ProcessStates as S
from supervisor.states import SupervisorStates, getProcessStateDescription
from tests.daemon.test_supervisor import run

NONE = ChannelConfig(LogFile(LogKind.NONE))
CALLER = Caller("test", "admin")
STATES = tuple(getattr(S, name) for name in vars(S) if name.isupper())
WALL = 1_764_000_000
TEXT = st.text(st.characters(exclude_characters="\0"), max_size=12) | st.just("\udce9 \ufffe <&>\r")
NAMES = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=8)
TIMES = st.just(0.0) | st.floats(WALL - 90_000, WALL + 90_000) | st.floats(-(2.0**40), 2.0**40)


@st.composite
def processes(draw: st.DrawFn) -> Process:
    """In any state that there is, possible or not."""
    config = ProcessConfig(
        draw(NAMES), draw(NAMES), "/bin/cat", redirect_stderr=draw(st.booleans()),
        stdout=draw(st.just(NONE) | st.builds(lambda path: ChannelConfig(LogFile(LogKind.FILE, path)), TEXT)),
    )  # fmt: skip
    process = Process(config, 1, Hearing(), "id", "/tmp")
    _disguise(process, draw)
    return process


def _disguise(process: Process, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
    process.machine.restore(
        {
            "state": draw(st.sampled_from(STATES)),
            "pid": draw(st.integers(0, 2**22)),
            "exitstatus": draw(st.none() | st.integers(-1, 255)),
            "spawnerr": draw(TEXT),
        }
    )
    process.start, process.stop = draw(TIMES), draw(TIMES)
    process.outputs["stdout"].path = process.config.stdout.logfile.path or draw(TEXT)
    process.edition += 1


def told(process: Process, now: float) -> dict[str, Any]:
    """The struct of the API, spelled out."""

    def seconds(when: float) -> int:
        return max(0, min(int(when), 2**31 - 1))

    state, name = process.machine.state, process.config.name
    stdout = process.outputs["stdout"].path
    facts = {
        "name": name,
        "group": process.config.group,
        "start": seconds(process.start),
        "stop": seconds(process.stop),
        "state": state,
        "statename": getProcessStateDescription(state),
        "spawnerr": process.machine.spawnerr,
        "exitstatus": process.machine.exitstatus or 0,
        "logfile": stdout,
        "stdout_logfile": stdout,
        "stderr_logfile": process.outputs["stderr"].path if "stderr" in process.outputs else "",
        "pid": process.machine.pid,
    }
    if state == S.RUNNING:
        up = max(0, int(now) - int(process.start))
        days, clock = up // 86400, f"{up % 86400 // 3600}:{up % 3600 // 60:02}:{up % 60:02}"
        ahead = f"{days} day{'s' if days > 1 else ''}, " if days else ""
        return facts | {
            "now": seconds(now),
            "description": f"pid {process.machine.pid}, uptime {ahead}{clock}",
        }
    description = ""
    if state in (S.FATAL, S.BACKOFF):
        description = process.machine.spawnerr or f'unknown error (try "tail {name}")'
    elif state in (S.STOPPED, S.EXITED):
        when = process.stop or process.start
        description = (
            time.strftime("%b %d %I:%M %p", time.localtime(when)) if process.start else "Not started"
        )
    return facts | {"description": description, "now": seconds(now)}


class _Supervisor:
    mood = SupervisorStates.RUNNING

    def __init__(self, found: list[Process]) -> None:
        self.processes = {process.key: process for process in found}
        self.subscribers_quiet: set[Any] = set()

    def find(self, key: str) -> Process | None:
        return self.processes.get(key)


@contextmanager
def at(now: float) -> Iterator[None]:
    with mock.patch("supervisor.daemon.methods.supervisor.time") as clock:
        clock.time.return_value = now
        yield


def context_of(supervisor: Any) -> Context:
    with mock.patch("supervisor.daemon.methods.supervisor.Updates"):
        return Context(supervisor, mock.Mock(), mock.Mock(), mock.Mock())


def packed(structs: list[dict[str, Any]]) -> bytes:
    """A result as it always was: lengths at one width."""

    def pack(value: Any) -> bytes:
        return msgpack.packb(value, unicode_errors="replace")

    rows = [
        struct.pack(">BH", 0xDE, len(row)) + b"".join(pack(part) for item in row.items() for part in item)
        for row in structs
    ]
    body = b"\x83\xa1t\xa6result\xa2id\x07\xa5value" + struct.pack(">BI", 0xDD, len(rows)) + b"".join(rows)
    return struct.pack(">I", len(body)) + body


def result(value: Any) -> bytes:
    return p.encode(p.Result(7, value))


def check(context: Context, everyone: list[Process], now: float) -> None:
    expected = [
        told(process, now) for process in sorted(everyone, key=lambda q: (q.config.group, q.config.name))
    ]
    with at(now):
        table = get_all_process_info(context, CALLER)
        ones = [get_process_info(context, CALLER, f"{entry['group']}:{entry['name']}") for entry in expected]
    assert plain(table) == [*table] == ones == expected and len(table) == len(expected)
    assert [list(struct) for struct in table] == [list(entry) for entry in expected]
    answer = xmlrpc.dump_response(expected)
    assert xmlrpc.dump_response(table) == xmlrpc.dump_response(ones) == answer
    assert xmlrpc.dump_response([table, ones[:1]]) == xmlrpc.dump_response([expected, expected[:1]])
    assert result(table) == packed(expected)
    if ones:
        assert result(ones) == packed(expected)
    answers: list[Any] = [table, *ones, [1, "two"], {"one": ones}]
    (told_of,) = p.client_decoder().feed(result(answers))
    (plainly,) = p.client_decoder().feed(result([expected, *expected, [1, "two"], {"one": expected}]))
    assert told_of == plainly


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    st.data(),
    st.lists(processes(), max_size=6, unique_by=lambda q: q.key),
    st.lists(TIMES, min_size=1, max_size=4),
)
def test_what_is_kept_encoded_is_told_as_what_is_not(
    data: st.DataObject, everyone: list[Process], times: list[float]
) -> None:
    supervisor = _Supervisor(everyone)
    context = context_of(supervisor)
    for now in times:
        check(context, everyone, now)
        check(context, everyone, now + 0.999)
        if everyone:
            _disguise(data.draw(st.sampled_from(everyone)), data.draw)
        check(context, everyone, now)
    if everyone:
        gone = data.draw(st.sampled_from(everyone))
        everyone.remove(gone)
        del supervisor.processes[gone.key]
        check(context, everyone, times[0])


def test_uptimes_of_any_length_and_a_clock_that_is_set() -> None:
    process = Process(ProcessConfig("p", "g", "/bin/cat"), 1, Hearing(), "id", "/tmp")
    process.machine.restore({"state": S.RUNNING, "pid": 4711})
    process.start = WALL + 0.9
    process.edition += 1
    context = context_of(_Supervisor([process]))
    for seconds, expected in (
        (0.2, "0:00:01"),  # as the seconds of start and now say
        (36_000, "10:00:00"),
        (-1e6, "0:00:00"),
        (86_400, "1 day, 0:00:00"),
        (123_456_789, "1428 days, 21:33:09"),
        (4 * 2**31, "99420 days, 12:56:32"),
    ):
        check(context, [process], WALL + 0.9 + seconds)
        with at(WALL + 0.9 + seconds):
            (info,) = get_all_process_info(context, CALLER)
        assert info["description"] == f"pid 4711, uptime {expected}"


def test_a_caller_may_change_what_it_has_of_a_table() -> None:
    process = Process(ProcessConfig("p", "g", "/bin/cat"), 1, Hearing(), "id", "/tmp")
    context = context_of(_Supervisor([process]))
    (mine,) = plain(get_all_process_info(context, CALLER))
    mine["name"] = "changed"
    assert xmlrpc.parse_response(xmlrpc.dump_response([mine])) == [mine]
    (info,) = get_all_process_info(context, CALLER)
    assert info["name"] == "p"


EVENTS = st.one_of(
    st.builds(machine.Start, TEXT),
    st.builds(machine.Stop, TEXT),
    st.builds(machine.Stop, TEXT, st.just(True)),
    st.builds(machine.Spawned, st.integers(1, 2**22)),
    st.builds(machine.NotSpawned, TEXT),
    st.builds(machine.Exited, st.integers(-64, 255), st.booleans(), TEXT),
    st.just(machine.Deadline()),
    st.just(machine.Signalled()),
    st.builds(machine.NotSignalled, TEXT),
    st.just(machine.Hold()),
    st.just(machine.Resumed()),
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(EVENTS, st.integers(0, 12)), max_size=25))
@example([(machine.Start("x"), 0), (machine.Spawned(7), 0), (machine.Deadline(), 5), (machine.Exited(1), 1)])
def test_whatever_happens_to_a_process_what_is_told_is_never_old(
    tmp_path: Path, events: list[tuple[machine.Event, int]]
) -> None:
    config = ProcessConfig("p", "p", "/bin/cat", stdout=NONE, stderr=NONE)

    async def work(supervisor: Supervisor, keeper: socket.socket) -> None:
        process = supervisor.add_group(GroupConfig("p", processes=(config,))).processes["p"]
        context = context_of(supervisor)

        def look(change: Change | None = None) -> None:
            fresh = process._fresh_row(0)
            row = process.row()
            assert (row.names, row.values, row.since, row.lead) == (
                fresh.names, fresh.values, fresh.since, fresh.lead,
            )  # fmt: skip

        failed: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, told: failed.append(told))
        supervisor.subscribers_quiet.add(look)
        now = time.monotonic()
        for event, seconds in events:
            now += seconds
            supervisor.feed(process, event, now)
            look()
            check(context, [process], time.time())
        supervisor.change_process(process, replace(config, startsecs=5))
        look()
        process.close_outputs(supervisor.stores)
        assert not failed

    run(work, tmp_path)


def test_a_process_that_is_gone_is_not_held(tmp_path: Path) -> None:
    config = ProcessConfig("gone", "gone", "/bin/cat", stdout=NONE, stderr=NONE)

    async def work(supervisor: Supervisor, keeper: socket.socket) -> None:
        context = context_of(supervisor)
        supervisor.add_group(GroupConfig("gone", processes=(config,)))
        assert len(get_all_process_info(context, CALLER)) == 1
        supervisor.remove_group("gone")
        supervisor.changes.clear()
        gc.collect()
        assert not [it for it in gc.get_objects() if type(it) is Process and it.key == "gone:gone"]
        assert len(get_all_process_info(context, CALLER)) == 0

    run(work, tmp_path)
