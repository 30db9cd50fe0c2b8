"""Recordings: what was told is read again to the byte; the console writes one, and shows one without a daemon."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.client import castfile
from supervisor.errors import UserError
from supervisor.protocol import stream as wire
from supervisor.protocol.asciicast import CastError, Event, Writer, header_line, read_event, read_header
from supervisor.protocol.stream import ProcessRecord
from supervisor.tui.logbuffer import LogBuffer, Older
from supervisor.tui.model import (
    ChangeTold,
    GoneTold,
    LinkKind,
    LinkTold,
    Message,
    Model,
    SnapshotTold,
    UsageTold,
    WholeTold,
)
from supervisor.tui.recording import LAST_EVERY_S, Recorder
from supervisor.tui.replay import KEPT_BYTES, Clock, Host, Player, Recorded, Tape
from supervisor.tui.tape import PAGE, Dug, Fed, Last, Reading, Shown, Step, Told, Writing, header_field
from tests.support.consoles import app, until
from tests.tui.fakes import FakeThread
from tests.tui.ptyapp import MAIN, PtyApp

HEAD = header_line(80, 24, 1_800_000_000, "supervisortui", "xterm", header_field(["a", "b"]))
PLAIN = '{"version": 2, "width": 80, "height": 24}\n'


def record(group: str, name: str, **facts: Any) -> ProcessRecord:
    return ProcessRecord(name, group, 20, "RUNNING", **facts)


def played(data: bytes) -> list[Step]:
    lines = data.splitlines()
    reading = Reading(read_header(HEAD))
    return [step for line in lines for step in reading.steps(read_event(line))]


def writing(limit: int = 1 << 24) -> Writing:
    return Writing(Writer(HEAD, limit))


# --- the lines ---------------------------------------------------------------------------------------


def test_what_supervisors_told_is_told_again() -> None:
    told: list[Message] = [
        LinkTold("a", LinkKind.AWAY, "refused \u26a0", 3, 12.5),
        LinkTold("b", LinkKind.LIVE, "", 0, 0.0, "observer", "it", "5.0"),
        SnapshotTold("a", ()),
        SnapshotTold("b", tuple(record("g", f"p{n}", exitstatus=n - 9) for n in range(PAGE + 1))),
        ChangeTold("a", record("solo", "solo", command="x\ty \udc80"), 7.25),
        GoneTold("a", "solo", "solo", 8.0),
        GoneTold("a", "g", "p", 8.0),
        WholeTold("b", "SHUTDOWN"),
        UsageTold("a", {("g", "p"): (1.5, 2.0), ("solo", "solo"): (0.0, 3.0)}),
    ]
    out = writing()
    data = b"".join(out.told(1.0, message) for message in told)
    assert data.isascii()
    assert played(data) == [Told(message) for message in told]


def test_log_frames_are_kept_to_the_byte() -> None:
    frames: list[wire.Frame] = [
        wire.Following(0, "g:p", "stderr", 2, 100, 50, 200),
        wire.Output(0, "stderr", 2, 100, bytes(range(256)) + "é".encode()[:1]),
        wire.Gap(0, "stderr", 2, 357, 400),
        wire.Error(0, 10, "BAD_NAME: g:p"),
        wire.Removed(0),
    ]
    out = writing()
    data = b"".join(out.fed(1.0, "a", "g:p", "stderr", frame) for frame in frames)
    assert played(data) == [Fed("a", "g:p", "stderr", frame) for frame in frames]


def test_older_text_that_was_loaded_is_kept_to_the_byte() -> None:
    piece = Older(2, 40, bytes(range(256)), 7)
    data = writing().older(1.0, "a", "g:p", "stderr", piece)
    assert played(data) == [Dug("a", "g:p", "stderr", piece)]


def test_last_lines_are_kept_the_newest_once_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(str(tmp_path / "x.cast"), ["a", "b"], (80, 24))
    now = 5.0
    monkeypatch.setattr(recorder, "_now", lambda: now)
    recorder.last("a", "g:p", "one \udc80 \u6771")
    for number in range(100):
        recorder.last("a", "g:p", f"line {number}")
        recorder.last("a", "solo", f"other {number}")
    now += LAST_EVERY_S
    recorder.told(WholeTold("a", "RUNNING"))
    recorder.last("a", "g:p", "the end")
    recorder.close()
    steps = played(b"\n".join((tmp_path / "x.cast").read_bytes().splitlines()[1:]))
    assert steps == [
        Last("a", "g:p", "one \udc80 \u6771"),
        Last("a", "g:p", "line 99"),
        Last("a", "solo", "other 99"),
        Told(WholeTold("a", "RUNNING")),
        Last("a", "g:p", "the end"),
    ]


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=8), st.booleans())
def test_a_terminal_is_kept_to_the_byte_however_it_is_cut(data: bytes, cuts: list[int], jump: bool) -> None:
    data += "ü€𝄞".encode() + data
    places = sorted({0, *(cut for cut in cuts if cut < len(data)), len(data)})
    opening = wire.Attached(0, "g:p", True, 7, True, 24, 80, 3, 1000)
    frames: list[wire.Frame] = [opening]
    for low, high in pairwise(places):
        frames.append(wire.Output(0, "stdout", 3, 500 + low + (9 if jump and low else 0), data[low:high]))
    frames += [wire.Size(0, 30, 90), wire.Exited(0, 7, 1)]
    out = writing()
    lines = [out.attached(1.0, "a", "g:p", frame) for frame in [*frames, wire.InputAck(0, 3), None]]
    steps = played(b"".join(lines))
    assert steps[0] == Shown("a", "g:p", opening) and steps[-1] == Shown("a", "g:p", None)
    shown = [step.frame for step in steps if isinstance(step, Shown) and isinstance(step.frame, wire.Output)]
    assert b"".join(frame.data for frame in shown) == data
    first = [(f.offset, f.data) for f in frames if isinstance(f, wire.Output)]
    assert _bytes_by_offset([(f.offset, f.data) for f in shown]) == _bytes_by_offset(first)


def _bytes_by_offset(pieces: list[tuple[int, bytes]]) -> dict[int, int]:
    return {offset + at: byte for offset, data in pieces for at, byte in enumerate(data)}


def test_two_terminals_are_told_apart() -> None:
    out = writing()
    pieces = [("p", b"one \xc3"), ("q", b"two"), ("p", b"\xa9 more"), ("q", b"\xe2\x82"), ("p", b"!")]
    frames: dict[str, list[wire.Frame]] = {
        of: [wire.Attached(0, of, True, 7, True, 24, 80, 1, 0)] for of in ("p", "q")
    }
    data = b"".join(out.attached(0.0, "a", of, frames[of][0]) for of in frames)
    for of, piece in pieces:
        offset = sum(len(f.data) for f in frames[of] if isinstance(f, wire.Output))
        frames[of].append(wire.Output(0, "stdout", 1, offset, piece))
        data += out.attached(0.0, "a", of, frames[of][-1])
    data += out.attached(0.0, "a", "q", None)
    for of, all_of in frames.items():
        got = [s.frame for s in played(data) if isinstance(s, Shown) and s.namespec == of]
        shown = [(f.offset, f.data) for f in got if isinstance(f, wire.Output)]
        sent = [(f.offset, f.data) for f in all_of if isinstance(f, wire.Output)]
        assert _bytes_by_offset(shown) == _bytes_by_offset(sent)


def test_another_player_sees_the_terminal() -> None:
    out = writing()
    data = out.attached(0.0, "a", "p", wire.Attached(0, "p", True, 7, True, 24, 80, 1, 0))
    data += out.attached(0.1, "a", "p", wire.Output(0, "stdout", 1, 0, "ol\u00e9 ".encode()))
    events = [json.loads(line) for line in data.splitlines()]
    assert [(code, text) for _, code, text in events if code in "or"] == [("r", "80x24"), ("o", "olé ")]
    assert all(len(code) == 1 for _, code, _ in events)


def test_nothing_is_written_beyond_the_bound() -> None:
    writer = Writer(HEAD, len(HEAD) + 200)
    out = Writing(writer)
    assert out.told(0.0, WholeTold("a", "RUNNING"))
    assert out.told(0.0, WholeTold("a", "x" * 300)) == b"" and writer.full


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (Event(0, "l", "{"), "no JSON"),
        (Event(0, "l", '{"sup": "z"}'), "of no supervisor"),
        (Event(0, "l", '{"sup": "a", "kind": "odd"}'), "no state of a connection"),
        (Event(0, "s", '{"sup": "a"}'), "frame without a type"),
        (Event(0, "s", '{"sup": "a", "t": "delta", "when": "x"}'), "delta frame: when"),
        (Event(0, "f", '{"sup": "a", "t": "output", "data": "\\ud800"}'), "event 'f'"),
        (Event(0, "f", '{"sup": "a", "t": "removed"}'), "event without 'of'"),
        (Event(0, "a", '{"sup": "a", "of": "p", "t": "at", "gen": 1.5}'), "number 'gen'"),
        (Event(0, "a", "[" * 100_000), "no JSON"),
    ],
)
def test_nonsense_is_named(event: Event, words: str) -> None:
    with pytest.raises(CastError, match=words.replace("(", r"\(")):
        Reading(read_header(HEAD)).steps(event)


@given(st.sampled_from("lsfa"), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["sup", "t", "of", "on", "data", "processes", "process", "gen"]), inner),
))  # fmt: skip
def test_random_events_raise_nothing_else(code: str, body: Any) -> None:
    if isinstance(body, dict):
        body = {"sup": "a", "t": "output", **body}
    try:
        Reading(read_header(HEAD)).steps(Event(0.0, code, json.dumps(body)))
    except CastError:
        pass


# --- the file ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", ":1: no JSON"),
        ('{"version": 2, "width": 0, "height": 24}\n', ":1: no asciicast header"),
        (PLAIN + '[0, "o", "a"]\n\n[1, "o"]\n', ":4: no event"),
        (PLAIN.replace("}", ', "supervisortui": 1}'), ":1: no recording of ours"),
        (PLAIN.replace("}", ', "supervisortui": {"version": 9}}'), ":1: a recording of version 9"),
        (PLAIN.replace("}", ', "supervisortui": {"version": 1, "supervisors": []}}'), ":1: no recording of"),
        (HEAD.decode() + '[0, "l", "{}"]\n', ":2: event 'l': of no supervisor"),
    ],
)
def test_a_file_that_cannot_be_played_is_one_line(tmp_path: Path, content: str, words: str) -> None:
    cast = tmp_path / "bad.cast"
    cast.write_text(content)
    ended = run("--replay", str(cast))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"supervisortui: {cast}{words}") and ended.stderr.count("\n") == 1


def test_files_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    ended = run("--replay", str(tmp_path / "none"))
    assert ended.returncode == 1
    assert ended.stderr == f"supervisortui: cannot read {tmp_path}/none: no such file or directory\n"
    ended = run("--replay", str(tmp_path))
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    ended = run("--replay", "a", "--record", "b")
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    precious = tmp_path / "precious"
    precious.write_text("mine")
    with app(tmp_path, "--record", str(precious)) as console:
        assert console.end() == 1
        assert "is there already: give another name" in console.text()
    assert precious.read_text() == "mine"


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", MAIN, *words],
        capture_output=True, text=True, check=False, env={"HOME": "/nonexistent", "TERM": "xterm"},
    )  # fmt: skip


def test_a_disk_that_is_full_ends_the_recording_alone(tmp_path: Path) -> None:
    said: list[str] = []
    recorder = Recorder(str(tmp_path / "x.cast"), ["a"], (80, 24))
    recorder.say = said.append
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, recorder._fd)
    os.close(full)
    recorder.told(WholeTold("a", "RUNNING"))
    recorder.told(WholeTold("a", "RUNNING"))
    assert said == [f"cannot write {tmp_path}/x.cast: no space left on device; the recording ends here"]
    assert recorder.over and recorder.words() == ""
    recorder.close()


# --- playing, in invented time -----------------------------------------------------------------------


class Later:
    """Timers that are due when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0
        self.due: list[tuple[float, Any, list[bool]]] = []

    def __call__(self, delay_s: float, act: Any) -> Any:
        alive = [True]
        self.due.append((self.now + delay_s, act, alive))

        class Timer:
            def cancel(self) -> None:
                alive[0] = False

        return Timer()

    def pass_(self, seconds: float) -> None:
        end = self.now + seconds
        while ready := [item for item in self.due if item[2][0] and item[0] <= end + 1e-9]:
            item = min(ready, key=lambda item: item[0])
            self.due.remove(item)
            self.now = max(self.now, item[0])
            if item[2][0]:
                item[1]()
        self.now = end


class Playing:
    def __init__(self, path: Path) -> None:
        self.later = Later()
        self.told: list[Message] = []
        self.attached: list[str] = []
        self.forgot = 0
        tape = Tape(str(path))
        self.clock = Clock(tape.began, tape.length_s, lambda: self.later.now)
        host = Host(
            self.later, self.told.append, lambda sup, of: self.attached.append(of),
            lambda sup, of: self.attached.append(f"-{of}"), self.forget, lambda: None,
        )  # fmt: skip
        self.player = Player(tape, host, self.clock)
        self.player.begin()

    def forget(self) -> None:
        self.forgot += 1
        self.told.clear()

    def states(self) -> list[str]:
        return [message.statename for message in self.told if isinstance(message, WholeTold)]


@pytest.fixture
def playing(tmp_path: Path) -> Iterator[Playing]:
    out = writing()
    lines = [out.told(float(at), WholeTold("a", f"s{at}")) for at in range(0, 40, 2)]
    path = tmp_path / "x.cast"
    path.write_bytes(HEAD + b"".join(lines))
    made = Playing(path)
    yield made
    made.player.close()


def test_it_is_played_in_its_time_held_faster_slower(playing: Playing) -> None:
    assert playing.states() == ["s0"] and playing.clock.wall() == 1_800_000_000.0
    playing.later.pass_(2.0)
    assert playing.states() == ["s0", "s2"]
    playing.player.hold()
    playing.later.pass_(100.0)
    assert playing.states() == ["s0", "s2"] and "HELD" in playing.player.words()
    playing.player.hold()
    playing.player.faster(1)
    playing.later.pass_(2.0)
    assert playing.states()[-1] == "s6" and "x2" in playing.player.words()
    playing.player.faster(-1)
    playing.player.faster(-1)
    playing.later.pass_(2.0)
    assert playing.states()[-1] == "s6"
    playing.later.pass_(2.0)
    assert playing.states()[-1] == "s8"
    for _ in range(20):
        playing.player.faster(1)
    playing.later.pass_(10.0)
    assert playing.states()[-1] == "s38" and playing.player.words() == "REPLAY 38s of 38s x50 END"


def test_steps_and_seeks(playing: Playing) -> None:
    playing.player.step()
    playing.player.step()
    assert playing.states() == ["s0", "s2", "s4"] and playing.clock.held and playing.clock.at_s == 4.0
    playing.player.seek(10)
    playing.later.pass_(0.0)  # a slow machine takes several turns
    assert playing.states()[-1] == "s14"
    playing.player.seek(-10)
    playing.later.pass_(0.0)  # a slow machine takes several turns
    assert playing.forgot == 1 and playing.states() == ["s0", "s2", "s4"]
    playing.player.seek(-10)
    playing.later.pass_(0.0)  # a slow machine takes several turns
    assert playing.states() == ["s0"] and playing.clock.at_s == 0.0
    playing.player.seek(1000)
    playing.later.pass_(0.0)  # a slow machine takes several turns
    assert playing.states()[-1] == "s38"
    playing.player.step()
    playing.later.pass_(5.0)
    assert playing.states()[-1] == "s38"


def test_a_log_has_what_was_recorded_before_it_is_looked_at() -> None:
    clock = Clock(1000.0, 50.0, lambda: 0.0)
    link = Recorded("a", "x", clock)
    link.fed(Fed("a", "p", "stdout", wire.Following(0, "p", "stdout", 1, 100, 0, 100)))
    clock.put(5.0)
    link.fed(Fed("a", "p", "stdout", wire.Output(0, "stdout", 1, 100, b"one\n")))
    clock.put(9.0)
    buffer = LogBuffer(clock=clock.wall)
    feed = link.follow("p", "stdout", buffer, lambda: None)
    assert [(buffer.stamp(n), line) for n, line in buffer.lines(0, buffer.end)][-1] == (1005.0, b"one")
    link.fed(Fed("a", "p", "stdout", wire.Output(0, "stdout", 1, 104, b"two\n")))
    link.unfollow(feed)
    link.fed(Fed("a", "p", "stdout", wire.Output(0, "stdout", 1, 108, b"three\n")))
    link.follow("p", "stdout", buffer, lambda: None)
    lines = [line for _, line in buffer.lines(0, buffer.end) if isinstance(line, bytes)]
    assert lines == [b"one", b"two", b"three"]
    for number in range(200):
        link.fed(Fed("a", "p", "stdout", wire.Output(0, "stdout", 1, 114 + number * 65536, b"x" * 65536)))
    kept = sum(len(f.data) for _, f in link._logs["p", "stdout"].frames if isinstance(f, wire.Output))
    assert kept <= KEPT_BYTES


def test_lists_show_the_last_lines_that_were_recorded() -> None:
    link = Recorded("a", "x", Clock(1000.0, 50.0, lambda: 0.0))
    link.last(Last("a", "p", "one"))
    told: list[str] = []
    glance = link.glance("p", lambda: told.append(glance.line))
    assert glance.line == "one"
    link.last(Last("a", "p", "two"))
    link.last(Last("a", "q", "of another"))
    link.forget()
    link.last(Last("a", "p", "again"))
    link.unglance(glance)
    link.last(Last("a", "p", "unseen"))
    assert told == ["two", "", "again"]


def test_older_text_is_there_where_it_was_loaded() -> None:
    link = Recorded("a", "x", Clock(1000.0, 50.0, lambda: 0.0))
    link.fed(Fed("a", "p", "stdout", wire.Following(0, "p", "stdout", 1, 100, 0, 100)))
    link.fed(Fed("a", "p", "stdout", wire.Output(0, "stdout", 1, 100, b"new\n")))
    buffer = LogBuffer()
    link.follow("p", "stdout", buffer, lambda: None)

    def load() -> int:
        return asyncio.run(link.older("p", "stdout", buffer))

    with pytest.raises(UserError, match="not recorded"):
        load()
    link.dug(Dug("a", "p", "stdout", Older(1, 0, b"x" * 96 + b"old", 0)))  # of another place
    link.dug(Dug("a", "p", "stdout", Older(1, 87, b"rest\nolder\nre", 0)))
    assert load() == 1
    assert [line for _, line in buffer.lines(buffer.first, buffer.end)][1:] == [b"older", b"renew"]
    with pytest.raises(UserError, match="not recorded"):
        load()


def test_a_model_forgets_all_but_what_was_asked_for() -> None:
    model = Model(["a"])
    model.sups["a"].env = "prod"
    model.apply(LinkTold("a", LinkKind.LIVE), 1.0)
    model.apply(SnapshotTold("a", (record("g", "p"),)), 1.0)
    model.apply(ChangeTold("a", ProcessRecord("p", "g", 200, "FATAL")), 2.0)
    before = (model.members, model.states, model.entries)
    model.forget()
    assert not model.records and not model.timeline and not model.attention and not model.groups
    assert not model.sups["a"].known and model.sups["a"].env == "prod" and model.total("a") == 0
    assert all(
        now > then for now, then in zip((model.members, model.states, model.entries), before, strict=True)
    )


# --- the console -------------------------------------------------------------------------------------


def test_a_session_is_recorded_and_shown_again_without_a_daemon(server: FakeThread, tmp_path: Path) -> None:
    cast = tmp_path / "session.cast"
    with app(tmp_path, "--record", str(cast), rows=40, cols=120) as console:
        console.see("REC", "web_00", "page=59")
        console.keys("z")
        console.see("LAST LINE")
        server.do(lambda s: s.write("api:worker_01", b"what stands last\n"))
        console.see("what stands last")
        console.keys("z")
        server.do(lambda s: s.write("api:web_00", b"bad \xff byte, recorded\n"))
        console.see("byte, recorded")
        server.do(lambda s: s.change("api:web_01", 200, spawnerr="gone wrong"))
        console.see("FATAL")
        console.keys("g", "p", "shell", "enter", "a")
        console.see("ATTACHED REC", ">>>")
        console.keys("print(42)")
        console.see(">>> print(42)")
        os.kill(console.pid, signal.SIGTERM)
        assert console.end() == 0
    assert stat.S_IMODE(cast.stat().st_mode) == 0o600
    server.do(lambda s: s.die())
    with PtyApp(["--replay", str(cast)], tmp_path, rows=40, cols=120) as console:
        console.see("REPLAY", "web_00")
        console.keys("+", "+", "+", "+", ";")  # to the end
        console.see("END", ">>> print(42)", "shell:console")
        console.keys("q")
        console.see("web_01", "gone wrong", "byte, recorded")
        console.keys("z")
        console.see("LAST LINE", "what stands last")
        console.keys("z")
        console.keys("r")
        console.see("read-only")
        console.keys(" ", ",")  # held, from the beginning
        console.see("REPLAY 0s", "HELD")
        console.miss("gone wrong")
        console.keys("." * 300)
        console.see(">>> print(42)", "END", "shell:console")
        console.keys("q")
        console.see("NAME")
        console.keys("q")
        assert console.end() == 0


def test_the_recording_of_another_program_is_a_terminal(tmp_path: Path) -> None:
    cast = tmp_path / "vi.cast"
    head = '{"version": 2, "width": 60, "height": 10, "timestamp": 1700000000, "title": "vi: a file"}\n'
    cast.write_text(
        head + '[0.0, "o", "\\u001b[2J\\u001b[3;5Hfirst"]\n[0.1, "x", "?"]\n[0.2, "o", "\\r\\nthen"]\n'
    )
    with PtyApp(["--replay", str(cast)], tmp_path) as console:
        console.see("vi- a file", "pty 60x10", "    first", "then")
        assert console.row_of("first") == 3
        console.keys("x", "prefix", "[")
        console.see("SCROLL")
        console.keys("q")
        console.miss("SCROLL")
        console.keys("esc")
        console.see("1 procs  1 up")
        console.keys("a")
        console.see("    first", "then")


def test_what_the_console_recorded_plays_on_a_terminal_too(server: FakeThread, tmp_path: Path) -> None:
    cast = tmp_path / "s.cast"
    with app(tmp_path, "--record", str(cast)) as console:
        console.see("REC", "web_00")
        console.keys("g", "p", "shell", "enter", "a")
        console.see(">>>")
        console.keys("x", "prefix", "d")
        console.see("detached")
        until(server, lambda s: s.typed == b"x", console)
    main = "import sys; from supervisor.supervisorctl import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", main, "replay", "--speed=1000", str(cast)], capture_output=True, check=True
    )
    assert b"Python 3.12.4 on linux" in done.stdout


def test_a_file_is_read_once_at_the_start_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "x.cast"
    path.write_bytes(HEAD + b'[3, "o", "x"]\n[1, "o", "y"]\n[9.5, "q", ""]\n')
    assert Tape(str(path)).length_s == 9.5
    with castfile.opened(str(path)) as file:
        assert [at for at, _ in Tape(str(path)).steps(file)] == [0.0, 3.0, 3.0, 9.5]
