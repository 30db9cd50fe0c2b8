"""The state memfd: records that survive torn writes, and a journal."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from supervisor.config.model import (
    Configuration,
    GroupConfig,
    ProcessConfig,
    SupervisordConfig,
    UnixServerConfig,
    encode,
)
from supervisor.config.values import MAX_LOG_PATH_BYTES, MAX_NAME_BYTES
from supervisor.daemon.process import Hearing, Process
from supervisor.daemon.saved import LogRecords, group_entries, read_state
from supervisor.daemon.snapshot import SLOT_BYTES, Journal, StateTable

RECORDS = st.dictionaries(
    st.text(max_size=5),
    st.none() | st.booleans() | st.integers(-(2**31), 2**31) | st.text(max_size=40),
    max_size=6,
).filter(bool)


@pytest.fixture
def table() -> Iterator[StateTable]:
    made = StateTable.create()
    yield made
    os.close(made.fd)


def reread(table: StateTable) -> dict[int, dict[str, Any]]:
    fd = os.dup(table.fd)
    try:
        return StateTable(fd).load()
    finally:
        os.close(fd)


class Tables(RuleBasedStateMachine):
    """Any order of allocate, write, free and reload; the memfd always says what was written last."""

    def __init__(self) -> None:
        super().__init__()
        self.table = StateTable.create()
        self.model: dict[int, dict[str, Any]] = {}

    @rule(record=RECORDS)
    def add(self, record: dict[str, Any]) -> None:
        index = self.table.allocate()
        assert index not in self.model and index > 0
        self.table.write(index, record)
        self.model[index] = record

    @rule(record=RECORDS, data=st.data())
    def change(self, record: dict[str, Any], data: st.DataObject) -> None:
        if self.model:
            index = data.draw(st.sampled_from(sorted(self.model)))
            self.table.write(index, record)
            self.model[index] = record

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        if self.model:
            index = data.draw(st.sampled_from(sorted(self.model)))
            self.table.free(index)
            del self.model[index]

    @rule()
    def another_daemon(self) -> None:
        self.table = StateTable(self.table.fd)
        self.table.load()

    @invariant()
    def says_what_was_written(self) -> None:
        assert reread(self.table) == self.model

    def teardown(self) -> None:
        os.close(self.table.fd)


TestTables = Tables.TestCase


def test_a_write_torn_at_any_byte_leaves_the_record_before(table: StateTable) -> None:
    table.write(0, {"n": 1})
    table.write(0, {"n": 2, "text": "before"})
    before = os.pread(table.fd, 1 << 20, 0)
    table.write(0, {"n": 3, "text": "afterwards"})
    after = os.pread(table.fd, 1 << 20, 0).ljust(2 * SLOT_BYTES, b"\0")
    before = before.ljust(len(after), b"\0")
    changed = [place for place in range(len(after)) if before[place] != after[place]]
    begin, end = changed[0] // SLOT_BYTES * SLOT_BYTES, changed[-1] + 1
    for cut in range(begin, end):
        os.pwrite(table.fd, after[:cut] + before[cut:], 0)
        assert reread(table)[0]["n"] == 2, cut
    os.pwrite(table.fd, after, 0)
    assert reread(table)[0] == {"n": 3, "text": "afterwards"}


def test_a_flipped_bit_anywhere_is_noticed(table: StateTable) -> None:
    table.write(0, {"n": 1})
    table.write(0, {"n": 2})
    whole = os.pread(table.fd, 1 << 20, 0)
    for place in range(len(whole)):
        flipped = bytearray(whole)
        flipped[place] ^= 0x10
        os.pwrite(table.fd, flipped, 0)
        assert reread(table).get(0, {"n": 0}) in ({"n": 1}, {"n": 2}, {"n": 0})


@given(
    st.dictionaries(st.text("abc", max_size=5), st.integers(-5, 2**40), max_size=20),
    st.lists(st.binary(max_size=100), max_size=9),
)
def test_a_history_comes_back_beside_its_record(record: dict[str, int], history: list[bytes]) -> None:
    made = StateTable.create()
    try:
        made.write(1, record, history)
        assert reread(made).get(1, {}) == {**record, **({"h": history} if history else {})}
    finally:
        os.close(made.fd)


def test_too_large_a_record_is_refused(table: StateTable) -> None:
    table.write(1, {"n": 1})
    with pytest.raises(ValueError, match="does not fit"):
        table.write(1, {"text": "x" * SLOT_BYTES})
    assert reread(table) == {1: {"n": 1}}


def test_bytes_that_are_no_utf8_come_back(table: StateTable) -> None:
    table.write(1, {"path": "/tmp/\udcff"})
    assert reread(table) == {1: {"path": "/tmp/\udcff"}}


@given(st.lists(RECORDS, max_size=8), st.integers(0, 400))
def test_a_journal_cut_anywhere_has_whole_entries(entries: list[dict[str, Any]], cut: int) -> None:
    journal = Journal.create()
    ends = [0]
    for entry in entries:
        journal.append(entry)
        ends.append(os.fstat(journal.fd).st_size)
    os.ftruncate(journal.fd, min(cut, ends[-1]))
    again = Journal(journal.fd)
    kept = list(again.entries())
    assert kept == entries[: len(kept)]
    assert len(kept) == max(n for n, end in enumerate(ends) if end <= cut)
    again.append({"new": 1})
    assert list(Journal(journal.fd).entries()) == [*kept, {"new": 1}]
    os.close(journal.fd)


def test_the_configuration_in_force_is_what_the_journal_adds_up_to() -> None:
    journal, table = Journal.create(), StateTable.create()
    configuration = Configuration(
        "/etc/x.conf", SupervisordConfig(identifier="me", environment=(("A", "1"),)),
        unix_servers=(UnixServerConfig("unix_http_server", "/run/x", 0o770, 1, 2, "u", "p"),),
    )  # fmt: skip
    one = GroupConfig("one", 1, processes=(ProcessConfig("a", "one", "/bin/a", exitcodes=(0, 2), uid=3),))
    two = GroupConfig("two")
    journal.append({"all": encode(configuration)})
    journal.append({"add": encode(one)})
    journal.append({"add": encode(two)})
    journal.append({"remove": "two"})
    journal.append({"process": encode(ProcessConfig("b", "two", "/bin/b"))})  # of a group that is gone
    journal.append({"without": ["two", "b"]})
    journal.append({"group": encode(two), "order": []})
    large = GroupConfig(
        "large", processes=tuple(ProcessConfig(f"p{n}", "large", "/bin/p") for n in range(450))
    )
    pieces = list(group_entries(large))
    journal.append(*pieces)
    table.write(0, {"k": "s", "boot": "b"})
    table.write(1, {"k": "p", "g": "one", "n": "a", "s": 4})
    table.write(2, {"k": "l", "p": "/var/log/a", "gen": 3})
    table.write(3, {"k": "something newer"})
    saved = read_state(table, journal)
    assert saved.configuration == configuration
    assert saved.groups == [one, large] and len(pieces) == 3
    assert saved.supervisor["boot"] == "b"
    assert saved.records == {"one": {"a": (1, {"k": "p", "g": "one", "n": "a", "s": 4})}}
    assert saved.logs == {"/var/log/a": (2, {"k": "l", "p": "/var/log/a", "gen": 3})}
    os.close(journal.fd)
    os.close(table.fd)


def test_what_was_removed_is_not_taken_for_the_next_of_its_name() -> None:
    """A daemon that is killed in the middle of a removal leaves records; another one adds the group again."""
    journal, table = Journal.create(), StateTable.create()
    group = GroupConfig("g", processes=(ProcessConfig("a", "g", "/bin/a"),))
    journal.append({"all": encode(Configuration("/etc/x.conf", SupervisordConfig()))}, {"add": encode(group)})
    table.write(0, {"k": "s"})
    old = [table.allocate() for _ in range(3)]
    table.write(old[2], {"k": "p", "g": "g", "n": "a", "s": 9})
    table.free(old[0])
    table.free(old[1])
    journal.append({"remove": "g"})  # and it is killed before the record is given back
    again = StateTable(table.fd)
    saved = read_state(again, journal)
    assert not saved.records and not saved.groups
    journal.append({"add": encode(group)})
    new = again.allocate()
    again.write(new, {"k": "p", "g": "g", "n": "a", "s": 5})
    assert read_state(StateTable(table.fd), journal).records["g"]["a"][1]["s"] == 5
    os.close(journal.fd)
    os.close(table.fd)


def test_a_journal_without_a_configuration_is_not_ours() -> None:
    journal, table = Journal.create(), StateTable.create()
    with pytest.raises(ValueError, match="no configuration"):
        read_state(table, journal)
    os.close(journal.fd)
    os.close(table.fd)


@pytest.mark.parametrize("letter", ["a", "é", "漢", "😀", "\udcff"])
def test_a_process_always_fits_its_record(table: StateTable, letter: str) -> None:
    """Long names, a long cause and a long spawn error, in letters of any width."""
    name = letter * (MAX_NAME_BYTES // len(letter.encode("utf-8", "surrogateescape")))
    config = ProcessConfig(name, name, "/bin/x")
    process = Process(config, 1, Hearing(), "id", "/tmp")
    for output in process.outputs.values():
        output.path = "/tmp/" + name
    process.machine.cause = process.machine.spawnerr = letter * 2000
    process.machine.backoff, process.machine.gen, process.machine.laststart = 2**31, 2**31, 1e9
    table.write(1, process.save(2**40))
    assert reread(table)[1]["n"] == name


def test_the_path_of_a_log_always_fits_its_record(table: StateTable) -> None:
    path = "/" * MAX_LOG_PATH_BYTES
    records = LogRecords(table, {})
    intent = {"inode": 2**64 - 1, "keep": 2**53}
    records.persist(path, {"gen": 2**40, "base": 2**53, "archives": 2**30, "intent": intent})
    assert reread(table)[1]["p"] == path
    records.forget(path)
    assert reread(table) == {} and table.allocate() == 1
