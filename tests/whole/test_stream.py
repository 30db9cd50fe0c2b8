"""The stream socket of a real daemon."""

from __future__ import annotations

import os
import select
import socket
import struct
import sys
import threading
import time
import xmlrpc.client
from pathlib import Path

import pytest

from supervisor.faults import Faults
from supervisor.protocol import stream as p
from tests.conftest import Supervise
from tests.support.streams import Stream
from tests.support.supervisor import Supervisor, child
from tests.support.waiting import until

PROGRAMS = f"""
[program:echo]
command={child("echo")}
startsecs=0
[program:talk]
command={child("talk", "hello")}
startsecs=0
[program:member]
command={child("talk", "m")}
startsecs=0
[group:g]
programs=member
"""


def test_records_of_any_size_and_of_no_characters(supervise: Supervise) -> None:
    long = "x" * 5000
    supervisor = supervise(
        f"""
        [program:many]
        command=/bin/echo {long} %(process_num)d
        numprocs=400
        process_name=%(process_num)d
        autostart=false
        [program:huge]
        command=/bin/echo {long * 400}
        autostart=false
        startretries=0
        [program:odd]
        command=/bin/sh -c "exec sleep 1000" %(ENV_ODD)s
        autostart=false
        """,
        env={"ODD": os.fsdecode(b"caf\xe9")},
    )
    with supervisor.stream() as stream:
        stream.send(p.Subscribe(1))
        parts = [stream.expect(p.Snapshot)]
        while parts[-1].more:
            parts.append(stream.expect(p.Snapshot))
        assert sum(len(part.processes) for part in parts) == 402
        supervisor.rpc.supervisor.startProcess("odd")
        with pytest.raises(xmlrpc.client.Fault, match="SPAWN_ERROR"):
            supervisor.rpc.supervisor.startProcess("huge")
        stream.send(p.Ping(1))
        stream.expect(p.Pong)


@pytest.fixture
def supervisor(supervise: Supervise) -> Supervisor:
    made = supervise(PROGRAMS)
    for name in ("echo", "talk", "g:member"):
        made.wait_state(name, "RUNNING")
    return made


def test_what_came_before_nonsense_is_answered(supervisor: Supervisor) -> None:
    with supervisor.stream() as stream:
        stream.sock.sendall(p.encode(p.Call(1, "supervisor.getPID")) + b"\xff" * 8)
        answer, error = stream.ends()
    assert answer == p.Result(1, supervisor.keeper_pid) and isinstance(error, p.Error)


def test_greeting(supervisor: Supervisor) -> None:
    with supervisor.stream() as one, supervisor.stream() as two:
        assert one.greeting.version == p.VERSION
        assert one.greeting.identification == "test"
        assert one.greeting.supervisor_version == supervisor.rpc.supervisor.getSupervisorVersion()
        assert one.greeting.pid == supervisor.keeper_pid
        assert (one.greeting.role, one.greeting.state) == ("admin", "RUNNING")
        assert one.greeting.boot and one.greeting.boot == two.greeting.boot
        assert abs(one.greeting.now - time.time()) < 60
        assert one.ping() == []
        boot = one.greeting.boot
    supervisor.kill_daemon()
    supervisor.wait_ready()
    with supervisor.stream() as again:
        assert again.greeting.boot == boot


# --- state -------------------------------------------------------------------------------------------


def test_snapshot_and_deltas_without_holes(supervisor: Supervisor) -> None:
    with supervisor.stream() as stream:
        stream.send(p.Subscribe(1))
        snapshot = stream.expect(p.Snapshot)
        records = {(r.group, r.name): r for r in snapshot.processes}
        assert set(records) == {("echo", "echo"), ("talk", "talk"), ("g", "member")} and not snapshot.more
        assert records["talk", "talk"].statename == "RUNNING"
        pid = supervisor.info("talk")["pid"]
        assert records["talk", "talk"].pid == pid
        supervisor.rpc.supervisor.restartProcess("talk")
        seq = snapshot.seq
        states: list[str] = []
        while not states or states[-1] != "RUNNING":
            delta = stream.expect(p.Delta)
            assert delta.id == 1 and delta.seq == seq + 1
            seq = delta.seq
            if delta.process is not None and delta.process.name == "talk":
                states.append(delta.process.statename)
                last = delta.process
        assert list(dict.fromkeys(states)) == ["STOPPING", "STOPPED", "STARTING", "RUNNING"]
        assert last.pid != pid and last.exitstatus == -15
        boot = stream.greeting.boot
    # since: what was missed, over the death of a client
    supervisor.rpc.supervisor.stopProcess("talk")
    with supervisor.stream() as stream:
        stream.send(p.Subscribe(2, boot, seq))
        frames = stream.ping()
        assert [type(f) for f in frames] == [p.Delta] * len(frames) and frames
        deltas = [f for f in frames if isinstance(f, p.Delta)]
        assert [d.seq for d in deltas] == list(range(seq + 1, seq + 1 + len(deltas)))
        final = deltas[-1].process
        assert final is not None and final.statename == "STOPPED"
        stream.send(p.Subscribe(3))
        assert isinstance(stream.receive(), p.Error)  # once is enough
        stream.send(p.Cancel(2))
        supervisor.rpc.supervisor.startProcess("talk")
        assert stream.ping() == []


def test_since_that_cannot_be_is_answered_by_a_snapshot(supervisor: Supervisor) -> None:
    for boot, since, resync in (("other", 1, False), ("", 10**9, True), ("", 0, True)):
        with supervisor.stream() as stream:
            if not boot:
                boot = stream.greeting.boot
            if since == 0:  # a daemon that has only just begun has kept nothing
                stream.close()
                supervisor.kill_daemon()
                supervisor.wait_ready()
        with supervisor.stream() as stream:
            stream.send(p.Subscribe(1, boot, since))
            frames = stream.ping()
            assert isinstance(frames[-1], p.Snapshot)
            assert any(isinstance(f, p.Resync) for f in frames) is resync, (since, frames)


def test_sequence_numbers_go_on_over_a_death(supervisor: Supervisor) -> None:
    with supervisor.stream() as stream:
        stream.send(p.Subscribe(1))
        seq = stream.expect(p.Snapshot).seq
    supervisor.kill_daemon()
    supervisor.wait_ready()
    with supervisor.stream() as stream:
        stream.send(p.Subscribe(1))
        assert stream.expect(p.Snapshot).seq >= seq


def test_groups_that_come_and_go(supervisor: Supervisor) -> None:
    rpc = supervisor.rpc.supervisor
    with supervisor.stream() as stream:
        stream.send(p.Subscribe(1), p.Follow(2, "talk"), p.Attach(3, "talk", "read"))
        seq = stream.expect(p.Snapshot).seq
        rpc.stopProcess("talk")
        rpc.removeProcessGroup("talk")
        rpc.addProcessGroup("talk")
        supervisor.wait_state("talk", "RUNNING")
        frames = stream.ping()
        deltas = [f for f in frames if isinstance(f, p.Delta)]
        assert [d.seq for d in deltas] == list(range(seq + 1, seq + 1 + len(deltas)))
        assert [d.removed for d in deltas if d.removed] == ["talk"]
        assert {f.id for f in frames if isinstance(f, p.Removed)} == {2, 3}
        stream.send(p.Follow(2, "talk", last=100), p.Attach(3, "talk", "read"))  # the numbers are free again
        assert stream.expect(p.Following).id == 2


def test_stats(supervisor: Supervisor) -> None:
    with supervisor.stream() as stream:
        stream.send(p.Stats(1, ["talk", "nobody"], 0.5))
        usage = stream.expect(p.Usage)
        assert set(usage.processes) == {"talk"}
        assert usage.processes["talk"][1] > 100_000
        stream.send(p.Stats(1, ["g:member"], 0.5))
        until(lambda: set(stream.expect(p.Usage).processes) == {"g:member"}, "the other names")
        stream.send(p.Cancel(1))


# --- output ------------------------------------------------------------------------------------------


def test_follow_and_resume(supervisor: Supervisor) -> None:
    rpc = supervisor.rpc.supervisor
    with supervisor.stream() as stream:
        stream.send(p.Follow(1, "echo"))
        following = stream.expect(p.Following)
        assert (following.name, following.channel, following.offset, following.start) == (
            "echo",
            "stdout",
            0,
            0,
        )
        rpc.sendProcessStdin("echo", "one\n")
        output = stream.expect(p.Output)
        assert output == p.Output(1, "stdout", following.gen, 0, b"one\n")
    rpc.sendProcessStdin("echo", "two\n")
    supervisor.kill_daemon()
    supervisor.wait_ready()
    rpc.sendProcessStdin("echo", "three\n")
    with supervisor.stream() as stream:
        stream.send(p.Follow(5, "echo", gen=following.gen, offset=4))
        assert stream.expect(p.Following).offset == 4
        assert stream.read_output(5, b"three\n") == b"two\nthree\n"
        stream.send(p.Follow(6, "echo", last=6), p.Follow(7, "echo", "stderr", last=100))
        assert stream.read_output(6, b"three\n") == b"three\n"
        assert stream.read_output(7, b"first\n") == b"first\n"
        rpc.clearProcessLogs("echo")
        rpc.sendProcessStdin("echo", "anew\n")
        frames = [stream.expect(p.Output) for _ in range(2)]
        assert {(f.id, f.offset, f.data) for f in frames} == {(5, 0, b"anew\n"), (6, 0, b"anew\n")}
        assert frames[0].gen > following.gen
        stream.send(p.Cancel(5), p.Cancel(6), p.Cancel(7))
        assert stream.ping() == []
        rpc.sendProcessStdin("echo", "silence\n")
        until(lambda: "silence" in rpc.readProcessStdoutLog("echo", 0, 0), "the echo")
        assert stream.ping() == []
        stream.send(p.Follow(8, "nobody"))
        assert stream.receive() == p.Error(8, 10, "BAD_NAME: nobody")
        stream.send(p.Follow(8, "echo", "stdlog"))
        error = stream.receive()
        assert isinstance(error, p.Error) and error.code == 20


def test_credit_is_respected(supervisor: Supervisor) -> None:
    data = b"0123456789abcdefghij"
    got = {1: b"", 2: b""}
    with supervisor.stream() as stream:

        def read_until(request_id: int, count: int) -> None:
            while len(got[request_id]) < count:
                frame = stream.expect(p.Output)
                got[frame.id] += frame.data

        stream.send(p.Follow(1, "echo", credit=10), p.Follow(2, "echo"))
        assert len(stream.ping()) == 2
        supervisor.rpc.supervisor.sendProcessStdin("echo", data.decode())
        read_until(2, len(data))  # another is not held up
        read_until(1, 10)
        assert stream.ping() == []
        stream.send(p.Credit(1, 5))
        read_until(1, 15)
        assert stream.ping() == []
        stream.send(p.Credit(1, 1000), p.Credit(1, -5))
        read_until(1, 20)
        assert got == {1: data, 2: data}


def test_a_follower_that_was_overtaken_is_told_the_gap(supervise: Supervise) -> None:
    """A program without a log has a ring; who does not keep up finds out what it missed."""
    supervisor = supervise(f"[program:e]\ncommand={child('echo')}\nstartsecs=0\nstdout_logfile=NONE\n")
    supervisor.wait_state("e", "RUNNING")
    with supervisor.stream() as stream:
        stream.send(p.Follow(1, "e", credit=1000))
        gen = stream.expect(p.Following).gen
        data = b"".join(b"%06d\n" % n for n in range(100_000))
        for place in range(0, len(data), 50_000):
            supervisor.rpc.supervisor.sendProcessStdin("e", data[place : place + 50_000].decode())
        with supervisor.stream() as other:
            other.send(p.Follow(1, "e", last=7))
            until(lambda: data[-7:] in other.read_output(1, b"\n"), "all to be written")
        stream.send(p.Credit(1, 1 << 24))
        offset, gaps = 0, 0
        while offset < len(data):
            frame = stream.receive()
            if isinstance(frame, p.Output):
                assert frame.offset == offset and frame.gen == gen
                assert frame.data == data[offset : offset + len(frame.data)]
                offset += len(frame.data)
            elif isinstance(frame, p.Gap):
                assert (frame.offset, frame.gen) == (offset, gen)
                offset, gaps = frame.until, gaps + 1
        assert gaps >= 1


# --- attach ------------------------------------------------------------------------------------------


@pytest.fixture
def terminal(supervise: Supervise) -> Supervisor:
    made = supervise(
        f"[program:t]\ncommand={child('screen')}\ntty=true\nterm=dumb\nstartsecs=0\nautorestart=true\nstdout_logfile=NONE\n"
    )
    made.wait_state("t", "RUNNING")
    return made


def test_attach_to_a_terminal(terminal: Supervisor) -> None:
    with terminal.stream() as one, terminal.stream() as two:
        one.send(p.Attach(1, "t", rows=30, cols=100))
        attached = one.expect(p.Attached)
        assert (attached.tty, attached.writer, attached.rows, attached.cols) == (True, True, 30, 100)
        assert attached.pid == terminal.info("t")["pid"]
        text = one.read_output(1, b"size 30x100")
        assert text.startswith(b"tty True True True dumb\r\nsize ")
        one.send(p.Input(1, b""), p.Input(1, b"hello\r"))  # nothing is nothing to wait for
        assert one.expect(p.InputAck).bytes == 6
        assert b"got hello\r\n" in one.read_output(1, b"got hello\r\n")
        # a second one looks on
        two.send(p.Attach(9, "t"))
        watching = two.expect(p.Attached)
        assert (watching.writer, watching.rows, watching.cols) == (False, 30, 100)
        assert b"got hello" in two.read_output(9, b"got hello")
        two.send(p.Input(9, b"ignored\r"), p.Resize(9, 5, 5))
        one.send(p.Input(1, b"after\r"))
        assert b"ignored" not in two.read_output(9, b"got after")
        # and takes over
        two.send(p.Take(9))
        taken = two.expect(p.Writer)
        assert taken.writer is True
        lost = one.expect(p.Writer)
        assert lost.writer is False and lost.by
        log = (terminal.folder / "main.log").read_text()
        assert log.count(f"{lost.by} attached to t\n") == 1  # who and when, for whoever asks later
        assert f"{lost.by} attached to t (reading)" in log
        assert f"{lost.by} writes to t now, not {lost.by}" in log
        two.send(p.Resize(9, 40, 120))
        assert two.expect(p.Size) == p.Size(9, 40, 120)
        assert one.expect(p.Size) == p.Size(1, 40, 120)
        two.read_output(9, b"size 40x120")
        two.send(p.Input(9, b"quit\r"))
        exited = one.expect(p.Exited)
        assert (exited.id, exited.pid, exited.status) == (1, attached.pid, 7)
        started = one.expect(p.Started)
        assert started.pid not in (0, attached.pid)
        assert b"size 40x120" in one.read_output(1, b"size 40x120")  # the size outlives the process
        # a hang-up of the daemon is none of the terminal's
        pid = terminal.info("t")["pid"]
    terminal.kill_daemon()
    terminal.wait_ready()
    assert terminal.info("t")["pid"] == pid
    with terminal.stream() as three:
        three.send(p.Attach(1, "t", "write"))
        again = three.expect(p.Attached)
        assert (again.writer, again.pid, again.rows, again.cols) == (True, pid, 40, 120)
        three.send(p.Input(1, b"still here\r"))
        three.read_output(1, b"got still here")


def test_what_was_typed_before_leaving_arrives(supervise: Supervise, tmp_path: Path) -> None:
    typed = tmp_path / "typed"
    made = supervise(f"[program:t]\ncommand={child('keys', typed)}\ntty=true\nstartsecs=0\n")
    until(typed.exists, "the program to run")
    wanted = b""
    for number, token in enumerate((b"", b"t" * 16, b"", b"u" * 16)):
        with made.stream() as stream:
            stream.send(p.Attach(1, "t", token=token))
            stream.expect(p.Attached)
            pieces = [b"%d%c" % (number, letter) * 3000 for letter in b"abc"]
            stream.send(*(p.Input(1, piece) for piece in pieces), p.Cancel(1))
            stream.ping()
        wanted += b"".join(pieces)
    until(lambda: len(typed.read_bytes()) >= len(wanted), "all of it to arrive")
    assert typed.read_bytes() == wanted


@pytest.mark.parametrize("audit", [True, False])
def test_audit(supervise: Supervise, tmp_path: Path, audit: bool) -> None:
    made = supervise(f"[program:t]\ncommand={child('screen')}\ntty=true\nstartsecs=0\n", start=False)
    text = made.config_file.read_text().replace("loglevel=debug", "loglevel=warn")
    made.config_file.write_text(text.replace("[supervisord]\n", f"[supervisord]\naudit={audit}\n"))
    made.start()
    made.wait_state("t", "RUNNING")
    with made.stream() as one, made.stream() as two:
        one.send(p.Attach(1, "t"))
        one.expect(p.Attached)
        two.send(p.Attach(1, "t", "take"))
        two.expect(p.Attached)
        two.send(p.Input(1, b"secret\r"))
        two.read_output(1, b"got secret")
    made.rpc.supervisor.sendProcessStdin("t", "more\r")
    if audit:
        until(lambda: made.log().count("detached from t") == 2, "the clients to have left")
    log = made.log()
    assert log.count(" attached to t\n") == 2 * audit and log.count(" writes to t now, not ") == audit
    assert log.count(" sent 5 bytes to the input of t\n") == audit
    assert "secret" not in log


def test_a_terminal_that_has_run_for_hours(supervise: Supervise, tmp_path: Path) -> None:
    """The switch to the alternate screen lies far before what is sent, and belongs to the picture all the same."""
    script = tmp_path / "screen.py"
    script.write_text(
        "import os, tty\n"
        "tty.setraw(0)\n"
        "data = b'\\x1b[?1049h\\x1b[?1h\\x1b[?2004h\\x1b[?1006;1002h' + b'\\x1b[2;5Hpicture' * 60000 + b'done'\n"
        "while data:\n"
        "    data = data[os.write(1, data):]\n"
        "os.read(0, 1)\n"
    )
    made = supervise(f"[program:t]\ncommand={sys.executable} {script}\ntty=true\nstartsecs=0\n")
    tail = made.rpc.supervisor.tailProcessStdoutLog
    until(lambda: "done" in tail("t", 0, 100)[0], "the program to have written")
    with made.stream() as client:
        client.send(p.Attach(5, "t", last=65536))
        attached = client.expect(p.Attached)
        assert attached.prelude == b"\x1b[?2004h\x1b[?1049h\x1b[?1006h\x1b[?1002h\x1b[?1h"
        text = client.read_output(5, b"done")
        assert text.startswith(b"\x1b[2;5Hpicture")  # not in the middle of a sequence
        client.send(p.Cancel(5), p.Attach(6, "t", last=1 << 30))
        assert client.expect(p.Attached).prelude == b""  # all of it is sent


def test_attach_to_pipes(supervisor: Supervisor) -> None:
    with supervisor.stream() as stream:
        stream.send(p.Attach(1, "echo"))
        attached = stream.expect(p.Attached)
        assert (attached.tty, attached.writer) == (False, True)
        first = stream.expect(p.Output)
        assert (first.channel, first.data) == ("stderr", b"first\n")
        stream.send(p.Input(1, b"line\n"))
        assert stream.read_output(1, b"line\n") == b"line\n"
        stream.send(p.Attach(2, "nobody"))
        assert stream.receive() == p.Error(2, 10, "BAD_NAME: nobody")
        supervisor.rpc.supervisor.stopProcess("echo")
        assert stream.expect(p.Exited).status == -15
        stream.send(p.Cancel(1), p.Attach(1, "echo"))
        assert stream.expect(p.Attached).pid == 0


# --- calls and doors ---------------------------------------------------------------------------------


def test_calls(supervisor: Supervisor) -> None:
    with supervisor.stream() as stream:
        assert stream.call(1, "supervisor.getAPIVersion") == "3.0"
        info = stream.call(1, "supervisor.getProcessInfo", "talk")
        assert isinstance(info, dict) and info["statename"] == "RUNNING"
        stream.send(p.Call(2, "supervisor.getProcessInfo", ["nobody"]))
        assert stream.receive() == p.Fault(2, 10, "BAD_NAME: nobody")
        stream.send(p.Call(3, "supervisor.nothing"))
        assert stream.receive() == p.Fault(3, 1, "UNKNOWN_METHOD")
        stream.send(p.Call(2**32, "supervisor.getPID"))
        assert isinstance(stream.receive(), p.Error)


def port_of(supervisor: Supervisor) -> tuple[str, int]:
    host, _, port = supervisor.rpc.supervisor.getStreamAddress().removeprefix("tcp://").rpartition(":")
    return host, int(port)


def test_calls_in_one_write_are_answered_in_their_order(supervisor: Supervisor) -> None:
    with supervisor.stream() as stream:
        calls = [p.Call(number, "supervisor.getState") for number in range(50)]
        stream.send(*calls[:25], p.Ping(1), *calls[25:])
        got = [stream.receive() for _ in range(51)]
        assert got[25] == p.Pong(1)
        answers = got[:25] + got[26:]
        assert answers == [p.Result(n, {"statecode": 1, "statename": "RUNNING"}) for n in range(50)]
        stream.send(
            p.Call(1, "supervisor.getState"), p.Cancel(2), p.Subscribe(3, since=-1), p.Call(4, "nope")
        )
        kinds = [type(stream.receive()) for _ in range(3)]
        assert kinds == [p.Result, p.Snapshot, p.Fault]


def test_calls_of_a_client_that_does_not_read_wait(supervisor: Supervisor) -> None:
    total = 20_000
    payload = b"".join(p.encode(p.Call(number, "supervisor.getAllProcessInfo")) for number in range(total))
    with supervisor.stream() as stream, supervisor.stream() as other:
        sent = 0
        stream.sock.setblocking(False)
        while sent < len(payload) and select.select([], [stream.sock], [], 1.0)[1]:
            sent += stream.sock.send(payload[sent : sent + 65536])
        assert sent < len(payload), "all was taken, and the answers are in the memory of the daemon"
        assert other.ping() == []
        stream.sock.setblocking(True)
        rest = threading.Thread(target=stream.sock.sendall, args=(payload[sent:],))
        rest.start()
        for number in range(total):
            assert stream.expect(p.Result).id == number
        rest.join()


def test_a_password_on_tcp(supervise: Supervise) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    supervise(
        PROGRAMS, sections=f"[inet_stream_server]\nport=127.0.0.1:{port}\nusername=me\npassword=secret\n"
    )
    with Stream(("127.0.0.1", port)) as stream:
        assert stream.greeting.role == "none"
        stream.send(p.Subscribe(1), p.Follow(2, "talk"), p.Attach(3, "talk"))
        assert all(isinstance(frame, p.Error) for frame in stream.ping())
        stream.send(p.Call(4, "supervisor.getPID"))
        assert isinstance(stream.receive(), (p.Fault, p.Error))
        stream.send(p.Auth("me", "secret"))
        assert stream.expect(p.Welcome).role == "admin"
        assert stream.call(5, "supervisor.getAPIVersion") == "3.0"
    with Stream(("127.0.0.1", port)) as stream:
        stream.send(p.Auth("me", "wrong"))
        frames = stream.ends()
        assert isinstance(frames[-1], p.Error)


@pytest.mark.parametrize(
    "nonsense",
    [b"GET / HTTP/1.1\r\n\r\n", struct.pack(">I", 2**31), struct.pack(">I", 3) + b"\xc1\xc1\xc1", b"\0\0\0\0",
     struct.pack(">I", 5) + b"\xdd\xff\xff\xff\xff"],
)  # fmt: skip
def test_nonsense_ends_the_connection_and_nothing_else(supervisor: Supervisor, nonsense: bytes) -> None:
    with supervisor.stream() as good, supervisor.stream() as bad:
        bad.sock.sendall(nonsense)
        frames = bad.ends()
        assert [type(f) for f in frames] == [p.Error]
        assert good.ping() == []
        assert good.call(1, "supervisor.getAPIVersion") == "3.0"


def test_unknown_frames_are_ignored(supervisor: Supervisor) -> None:
    with supervisor.stream() as stream:
        stream.sock.sendall(p.encode(p.Welcome("admin")))
        assert stream.ping() == []


def test_state_of_the_whole_is_told(supervise: Supervise) -> None:
    supervisor = supervise(PROGRAMS)
    with supervisor.stream() as stream:
        stream.send(p.Subscribe(1))
        stream.expect(p.Snapshot)
        supervisor.rpc.supervisor.shutdown()
        frames = stream.ends()
        assert "SHUTDOWN" in [f.supervisor for f in frames if isinstance(f, p.Delta)]
        last = {f.process.name: f.process.statename for f in frames if isinstance(f, p.Delta) and f.process}
        assert set(last.values()) == {"STOPPED"}
    assert supervisor.wait_end() == 0


# --- events ------------------------------------------------------------------------------------------


def remote(supervisor: Supervisor, text: str) -> None:
    supervisor.rpc.supervisor.sendRemoteCommEvent("t", text)


def test_events_come_as_listeners_get_them(supervise: Supervise) -> None:
    supervisor = supervise(f"[program:talk]\ncommand={child('talk', 'x')}\nautostart=false\nstartsecs=0\n")
    with supervisor.stream() as stream:
        stream.send(p.Events(1, ["process_state", "REMOTE_COMMUNICATION"]), p.Events(2, ["EVENT"]))
        serial = stream.expect(p.Listening).serial
        assert stream.expect(p.Listening) == p.Listening(2, serial)
        supervisor.rpc.supervisor.startProcess("talk")
        remote(supervisor, "é")
        pid = supervisor.info("talk")["pid"]
        found = [frame for frame in stream.ping() if isinstance(frame, p.Event)]
        starting = b"processname:talk groupname:talk from_state:STOPPED tries:0"
        running = f"processname:talk groupname:talk from_state:STARTING pid:{pid}".encode()
        wanted = [
            ("PROCESS_STATE_STARTING", starting),
            ("PROCESS_STATE_RUNNING", running),
            ("REMOTE_COMMUNICATION", "type:t\né".encode()),
        ]
        for request_id in (1, 2):
            mine = [frame for frame in found if frame.id == request_id and not frame.name.startswith("TICK")]
            assert [(frame.name, frame.payload) for frame in mine] == wanted
            assert [frame.length for frame in mine] == [len(payload) for _, payload in wanted]
            serials = [frame.serial for frame in mine]
            assert serials == sorted(set(serials)) and serials[0] >= serial
        stream.send(p.Cancel(2))
        remote(supervisor, "last")
        assert [f.id for f in stream.ping() if isinstance(f, p.Event) and f.payload.endswith(b"last")] == [1]


@pytest.mark.parametrize(
    ("names", "reason"),
    [([], "no event type"), (["TICK_5", "NOPE"], "unknown event type NOPE"), ([""], "unknown event type ")],
)
def test_events_of_no_type(supervise: Supervise, names: list[str], reason: str) -> None:
    supervisor = supervise("")
    with supervisor.stream() as stream:
        stream.send(p.Events(1, names))
        assert stream.ping() == [p.Error(1, Faults.BAD_ARGUMENTS, f"BAD_ARGUMENTS: {reason}")]
        stream.send(p.Events(1, ["TICK_3600"]), p.Events(1, ["TICK_5"]))
        listening, error = stream.ping()
        assert isinstance(listening, p.Listening)
        assert error == p.Error(1, Faults.BAD_ARGUMENTS, "BAD_ARGUMENTS: id 1 is in use")


def test_a_client_that_does_not_read_is_told_how_many_events_it_missed(supervise: Supervise) -> None:
    supervisor = supervise("")
    big = "x" * 40_000
    total = 200
    with supervisor.stream() as stream:
        stream.send(p.Events(1, ["REMOTE_COMMUNICATION"]))
        stream.expect(p.Listening)
        for _ in range(total):
            remote(supervisor, big)
        remote(supervisor, "y" * 700_000)
        got = missed = 0
        while got + missed < total + 1:
            frame = stream.receive()
            if isinstance(frame, p.EventsMissed):
                missed += frame.count
            elif isinstance(frame, p.Event):
                got += 1
        assert missed and got
        remote(supervisor, "y" * 700_000)
        last = stream.expect(p.Event)
        assert last.length == 700_007 and len(last.payload) == 1 << 19
