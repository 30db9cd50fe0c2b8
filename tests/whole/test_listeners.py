"""Event listeners under a real supervisord: what they get, and what the bad ones can do (nothing)."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import textwrap
import xmlrpc.client
from pathlib import Path
from typing import Any

import pytest

from supervisor.protocol import stream as p
from supervisor.protocol.listener import parse_headers
from tests.conftest import Supervise
from tests.support.supervisor import Supervisor, child, shell
from tests.support.waiting import until

ORDERED = ["ver", "server", "serial", "pool", "poolserial", "eventname", "len"]


class Record:
    """What a listener of tests/children noted."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def lines(self) -> list[dict[str, str]]:
        text = self.path.read_text() if self.path.exists() else ""
        return [json.loads(line) for line in text.split("\n")[:-1]]  # the last one may be half written

    def events(self) -> list[dict[str, str]]:
        """Headers of each event, payload under ``payload``; all checked for their form."""
        found = []
        for line in self.lines():
            if not line["line"]:
                continue
            headers = parse_headers(line["line"])
            assert list(headers) == ORDERED and headers["ver"] == "3.0" and headers["server"] == "test"
            assert int(headers["len"]) == len(line["payload"].encode())
            assert line["line"].lstrip(" ") == " ".join(f"{k}:{v}" for k, v in headers.items()) + "\n"
            found.append({**headers, "payload": line["payload"]})
        return found

    def named(self, name: str, about: str = "") -> list[str]:
        return [e["payload"] for e in self.events() if e["eventname"] == name and about in e["payload"]]

    def wait(self, name: str, about: str = "", count: int = 1) -> list[str]:
        until(lambda: len(self.named(name, about)) >= count, f"{count} {name} {about}: {self.events()[-5:]}")
        return self.named(name, about)

    def in_order(self) -> list[int]:
        """The poolserials, repeated ones once; checked to go up without a hole."""
        serials = list(dict.fromkeys(int(e["poolserial"]) for e in self.events()))
        assert serials == list(range(serials[0], serials[0] + len(serials)))
        return serials


def pool(
    record: Path, how: str = "ok", events: str = "EVENT", options: str = "", count: int | str = ""
) -> str:
    return f"""
[eventlistener:l]
command={child("listener", str(record), how, count)}
events={events}
{textwrap.dedent(options)}
"""


CAT = "\n[program:cat]\ncommand=/bin/cat\nstopwaitsecs=5\n"


def send(supervisor: Supervisor, *texts: str) -> None:
    for text in texts:
        assert supervisor.rpc.supervisor.sendRemoteCommEvent("t", text) is True


def test_a_listener_that_reads_text(supervise: Supervise, tmp_path: Path) -> None:
    record = Record(tmp_path / "events")
    supervisor = supervise(pool(record.path, "text", "REMOTE_COMMUNICATION"))
    send(supervisor, "zwölf €", "done")
    until(lambda: len(record.lines()) == 2, "both events")
    assert [line["payload"] for line in record.lines()] == ["type:t\nzwölf €" + "   ", "type:t\ndone"]


def test_a_listener_that_reads_bytes(supervise: Supervise, tmp_path: Path) -> None:
    record = Record(tmp_path / "events")
    supervisor = supervise(pool(record.path, "ok", "REMOTE_COMMUNICATION"))
    send(supervisor, "zwölf €", "𐍈" * 30_000, "done")
    record.wait("REMOTE_COMMUNICATION", "done")
    assert [event["payload"] for event in record.events()] == [
        "type:t\nzwölf €", "type:t\n" + "𐍈" * 30_000, "type:t\ndone",
    ]  # fmt: skip


def test_each_event_with_its_exact_payload(supervise: Supervise, tmp_path: Path) -> None:
    record = Record(tmp_path / "events")
    supervisor = supervise(
        pool(record.path)
        + CAT
        + f"""
[program:fails]
command={shell("exit 1")}
startretries=1
[program:ends]
command={shell("sleep 1.3; exit 3")}
autorestart=false
""",
    )
    assert record.wait("SUPERVISOR_STATE_CHANGE_RUNNING") == [""]
    cat = supervisor.wait_state("cat", "RUNNING")
    assert record.wait("PROCESS_STATE_RUNNING", "processname:cat ") == [
        f"processname:cat groupname:cat from_state:STARTING pid:{cat['pid']}"
    ]
    send(supervisor, "first", "zwölf\nZeilen €")
    assert record.wait("REMOTE_COMMUNICATION", "Zeilen") == ["type:t\nzwölf\nZeilen €"]
    supervisor.rpc.supervisor.stopProcess("cat")
    pid = cat["pid"]
    assert record.wait("PROCESS_STATE_STOPPED", "cat") == [
        f"processname:cat groupname:cat from_state:STOPPING pid:{pid}"
    ]
    assert record.named("PROCESS_STATE_STOPPING", "cat") == [
        f"processname:cat groupname:cat from_state:RUNNING pid:{pid}"
    ]
    assert record.wait("PROCESS_STATE_FATAL") == ["processname:fails groupname:fails from_state:BACKOFF"]
    assert record.named("PROCESS_STATE_STARTING", "fails") == [
        "processname:fails groupname:fails from_state:STOPPED tries:0",
        "processname:fails groupname:fails from_state:BACKOFF tries:1",
    ]
    assert record.named("PROCESS_STATE_BACKOFF", "fails") == [
        "processname:fails groupname:fails from_state:STARTING tries:1",
        "processname:fails groupname:fails from_state:STARTING tries:2",
    ]
    (ended,) = record.wait("PROCESS_STATE_EXITED", "ends")
    assert ended.startswith("processname:ends groupname:ends from_state:RUNNING expected:0 pid:")
    (tick, *_) = record.wait("TICK_5")
    assert int(tick.removeprefix("when:")) % 5 == 0
    assert record.named("PROCESS_GROUP_ADDED") == [f"groupname:{n}\n" for n in ("l", "cat", "ends", "fails")]
    supervisor.rpc.supervisor.removeProcessGroup("cat")
    assert record.wait("PROCESS_GROUP_REMOVED") == ["groupname:cat\n"]
    supervisor.rpc.supervisor.reloadConfig()
    supervisor.rpc.supervisor.addProcessGroup("cat")
    record.wait("PROCESS_GROUP_ADDED", "cat", 2)
    serials = record.in_order()
    assert serials[0] == 0
    assert [int(e["serial"]) for e in record.events()][: len(serials)] == serials  # more may have come by now
    names = [e["eventname"] for e in record.events()]
    assert names[:5] == ["PROCESS_GROUP_ADDED"] * 4 + ["SUPERVISOR_STATE_CHANGE_RUNNING"]
    assert record.events()[5]["payload"] == "processname:l groupname:l from_state:STOPPED tries:0"
    supervisor.wait_state("cat", "RUNNING")
    supervisor.shutdown()
    # what comes later than this may find the listener told to end, too
    assert record.named("SUPERVISOR_STATE_CHANGE_STOPPING") == [""]


def test_only_what_is_subscribed_to_and_no_timer_otherwise(supervise: Supervise, tmp_path: Path) -> None:
    record = Record(tmp_path / "events")
    supervisor = supervise(pool(record.path, events="REMOTE_COMMUNICATION,process_state_fatal"))
    send(supervisor, "x")
    record.wait("REMOTE_COMMUNICATION")
    assert {e["eventname"] for e in record.events()} == {"REMOTE_COMMUNICATION"}
    assert record.events()[0]["serial"] == "0"


def test_overlapping_names_give_one_event(supervise: Supervise, tmp_path: Path) -> None:
    record = Record(tmp_path / "events")
    supervisor = supervise(pool(record.path, events="EVENT,REMOTE_COMMUNICATION"))
    send(supervisor, "x", "y")
    record.wait("REMOTE_COMMUNICATION", "\ny")
    assert len(record.named("REMOTE_COMMUNICATION")) == 2


@pytest.mark.parametrize("how", ["die", "garbage", "flood", "closed", "early"])
def test_a_bad_listener_harms_nobody_and_gets_its_events_again(
    supervise: Supervise, tmp_path: Path, how: str
) -> None:
    record = Record(tmp_path / "events")
    supervisor = supervise(
        pool(
            record.path,
            how,
            "REMOTE_COMMUNICATION",
            "startsecs=0\nautorestart=true\nstdout_logfile=NONE",
            count=1,
        )
        + CAT,
    )
    cat = supervisor.wait_state("cat", "RUNNING")["pid"]
    send(supervisor, *(f"event {i}" for i in range(20)))
    if how == "early":
        record.path.write_text('{"line": "", "payload": ""}\n')  # from now on it behaves
    record.wait("REMOTE_COMMUNICATION", "event 19")
    payloads = list(dict.fromkeys(record.named("REMOTE_COMMUNICATION")))
    assert payloads == [f"type:t\nevent {i}" for i in range(20)]
    assert supervisor.info("cat")["pid"] == cat
    if how in ("garbage", "flood"):
        assert [e["serial"] for e in record.events()][:2] == ["0", "0"]


def test_the_signal_for_one_that_has_just_ended_is_not_for_the_next(
    supervise: Supervise, tmp_path: Path
) -> None:
    script = tmp_path / "garbage-and-out"
    script.write_text(
        f"""\
#!/bin/sh
cd {tmp_path}
if [ ! -e first.$1 ]; then
    touch first.$1
    echo garbage
    exit 3
fi
sleep 0.2
touch second.$1
exec sleep 1000
"""
    )
    script.chmod(0o755)
    count = 20
    supervisor = supervise(
        f"[eventlistener:l]\ncommand={script} %(process_num)d\nprocess_name=l%(process_num)d\nnumprocs={count}\n"
        "events=TICK_3600\nstartsecs=0\n"
    )
    until(lambda: len(list(tmp_path.glob("second.*"))) == count, "all to live a second time")
    assert "terminated by SIGTERM; not expected" not in supervisor.log()


def test_one_that_hangs_is_restarted(supervise: Supervise, tmp_path: Path) -> None:
    record = Record(tmp_path / "events")
    supervisor = supervise(
        pool(record.path, "hang", "REMOTE_COMMUNICATION", "startsecs=0\nack_timeout=1", count=1) + CAT
    )
    cat = supervisor.wait_state("cat", "RUNNING")["pid"]
    send(supervisor, "one", "two")
    record.wait("REMOTE_COMMUNICATION", "two")
    assert [e["serial"] for e in record.events()] == ["0", "0", "1"]
    supervisor.wait_log("l: no answer to event 0 in 1 s")
    assert supervisor.info("cat")["pid"] == cat


def test_one_that_answers_without_reading_cannot_stop_the_daemon(
    supervise: Supervise, tmp_path: Path
) -> None:
    record = Record(tmp_path / "events")
    supervisor = supervise(
        pool(record.path, "deaf", "REMOTE_COMMUNICATION", "startsecs=0\nstdout_logfile=NONE") + CAT
    )
    cat = supervisor.wait_state("cat", "RUNNING")["pid"]
    for number in range(1, 13):
        supervisor.wait_log(r"READY\n", number)
        send(supervisor, "x" * 200_000)  # sent to the listener before this returns
        with open(record.path, "ab") as file:
            file.write(b".")
        if "l: it answers events without reading them, its stdin is full" in supervisor.log():
            break
    else:
        raise AssertionError("it may answer for ever")
    assert supervisor.info("cat")["pid"] == cat
    with contextlib.suppress(xmlrpc.client.Fault):  # it may be stopping already, and stays stopped then
        supervisor.rpc.supervisor.stopProcess("l")


def test_one_that_fails_for_ever_is_called_less_and_less(supervise: Supervise, tmp_path: Path) -> None:
    record = Record(tmp_path / "events")
    supervisor = supervise(pool(record.path, "fail", "REMOTE_COMMUNICATION", "startsecs=0", count=4) + CAT)
    send(supervisor, "one", "two")
    record.wait("REMOTE_COMMUNICATION", "two")
    assert [e["serial"] for e in record.events()] == ["0"] * 5 + ["1"]
    supervisor.wait_log("l: event was rejected", 4)


def test_a_full_buffer_is_told_and_seen(supervise: Supervise, tmp_path: Path) -> None:
    record, other = Record(tmp_path / "events"), Record(tmp_path / "other")
    supervisor = supervise(
        pool(record.path, "ok", "REMOTE_COMMUNICATION", "startsecs=0\nautostart=false\nbuffer_size=3")
        + pool(other.path, "ok", "EVENT_BUFFER_OVERFLOW", "startsecs=0").replace(":l]", ":m]")
    )
    send(supervisor, *(str(i) for i in range(5)))
    supervisor.wait_log("ERRO pool l event buffer overflowed, discarding event 0")
    with supervisor.stream() as stream:
        stream.send(p.Subscribe(1))
        process = next(r for r in stream.expect(p.Snapshot).processes if r.name == "l")
        assert process.trouble.startswith("event buffer of pool l overflows, ")
    assert other.wait("EVENT_BUFFER_OVERFLOW")[0] == "groupname:l lost:1 total:1"
    until(
        lambda: other.named("EVENT_BUFFER_OVERFLOW")[-1] == "groupname:l lost:1 total:2",
        "the rest is told of",
    )
    supervisor.rpc.supervisor.startProcess("l")
    record.wait("REMOTE_COMMUNICATION", "4")
    assert [e["payload"] for e in record.events()] == ["type:t\n2", "type:t\n3", "type:t\n4"]


def test_pools_do_not_share_what_comes_back(supervise: Supervise, tmp_path: Path) -> None:
    one, other = Record(tmp_path / "one"), Record(tmp_path / "other")
    supervisor = supervise(
        pool(one.path, "fail", "REMOTE_COMMUNICATION", "startsecs=0", count=2)
        + pool(other.path, "ok", "REMOTE_COMMUNICATION", "startsecs=0").replace(":l]", ":m]")
    )
    send(supervisor, "a", "b")
    one.wait("REMOTE_COMMUNICATION", "b")
    other.wait("REMOTE_COMMUNICATION", "b")
    assert [e["payload"] for e in other.events()] == ["type:t\na", "type:t\nb"]


def test_members_share_the_work(supervise: Supervise, tmp_path: Path) -> None:
    record = Record(tmp_path / "events")
    supervisor = supervise(
        pool(record.path, "hang", "REMOTE_COMMUNICATION",
             "startsecs=0\nnumprocs=2\nprocess_name=l%(process_num)s\nack_timeout=0", count=1)
    )  # fmt: skip
    until(lambda: supervisor.state("l:l0") == supervisor.state("l:l1") == "RUNNING", "both")
    send(supervisor, "a")
    record.wait("REMOTE_COMMUNICATION", "a")  # the one that has it hangs
    send(supervisor, "b", "c")
    record.wait("REMOTE_COMMUNICATION", "c")
    assert {e["payload"] for e in record.events()} == {"type:t\na", "type:t\nb", "type:t\nc"}


HANDLERS = """
from supervisor.dispatchers import RejectEvent
from supervisor import events

def judge(event, response):
    with open({path!r}, "a") as file:
        file.write(f"{{type(event).__name__}} {{event.payload()!r}} {{response!r}} {{event.serial}}\\n")
    text = response.decode()
    if text.endswith("reject") and open({path!r}).read().count("reject") < 4:
        raise RejectEvent
    if text.endswith("break") and open({path!r}).read().count("break") < 4:
        raise RuntimeError("broken on purpose")
    if text.endswith("notify"):
        events.notify(events.RemoteCommunicationEvent("from", "handler"))
"""


def test_result_handlers(supervise: Supervise, tmp_path: Path) -> None:
    record, judged = Record(tmp_path / "events"), tmp_path / "judged"
    (tmp_path / "my_handlers.py").write_text(HANDLERS.format(path=str(judged)))
    supervisor = supervise(
        pool(record.path, "echo", "REMOTE_COMMUNICATION", "startsecs=0\nresult_handler=my_handlers:judge"),
        env={"PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"},
    )
    send(supervisor, "one", "reject", "break", "notify", "last")
    record.wait("REMOTE_COMMUNICATION", "from")
    until(lambda: "handler" in judged.read_text(), "the last one to be judged")
    lines = judged.read_text().splitlines()
    assert lines[0] == r"RemoteCommunicationEvent 'type:t\none' b'type:t\none' 0"
    assert [line[-1] for line in lines] == ["0", "1", "1", "2", "2", "3", "4", "5"]
    supervisor.wait_log("l: event was rejected")
    supervisor.wait_log("l: event caused an error")
    assert "result handler failed on event 2: RuntimeError: broken on purpose" in supervisor.log()


WRITER = """
import os
from supervisor.dispatchers import RejectEvent

def write(event, response):
    process = event.process
    if process.config.name != "cat":
        return
    process.seen = getattr(process, "seen", 0) + 1
    if not os.path.exists({go!r}):
        raise RejectEvent
    process.write(b"%d %s %s %s\\n" % (
        process.pid, process.group.config.name.encode(), process.config.command.encode(), type(process.seen).__name__.encode()
    ))
"""


@pytest.mark.parametrize("killed", [False, True])
def test_a_result_handler_writes_to_the_process_of_its_event_also_of_one_that_an_earlier_daemon_made(
    supervise: Supervise, tmp_path: Path, killed: bool
) -> None:
    go = tmp_path / "go"
    (tmp_path / "my_writer.py").write_text(WRITER.format(go=str(go)))
    options = "startsecs=0\nresult_handler=my_writer:write"
    supervisor = supervise(
        pool(tmp_path / "events", "ok", "PROCESS_STATE_RUNNING", options) + CAT,
        env={"PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"},
    )
    supervisor.wait_log("l: event was rejected")
    pid = supervisor.wait_state("cat", "RUNNING")["pid"]
    if killed:
        supervisor.kill_daemon()
        supervisor.wait_ready()
    go.touch()
    until(lambda: supervisor.rpc.supervisor.readProcessStdoutLog("cat", 0, 0), "the text on stdin")
    assert supervisor.rpc.supervisor.readProcessStdoutLog("cat", 0, 0) == f"{pid} cat /bin/cat int\n"


def test_a_listener_gets_events_of_many_starts_with_the_buffer_it_has_by_default(
    supervise: Supervise, tmp_path: Path
) -> None:
    record = Record(tmp_path / "events")
    supervise(
        pool(record.path, events="PROCESS_STATE", options="startsecs=2")
        + "\n[program:many]\ncommand=/bin/cat\nnumprocs=40\nprocess_name=%(process_num)02d\nstartsecs=0\n"
    )
    record.wait("PROCESS_STATE_RUNNING", "groupname:many", 40)
    assert record.in_order()[0] == 0


# --- over the death of a daemon ----------------------------------------------------------------------


def test_a_busy_listener_keeps_its_event_and_is_understood_afterwards(
    supervise: Supervise, tmp_path: Path
) -> None:
    record, go = Record(tmp_path / "events"), tmp_path / "go"
    script = tmp_path / "slow.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import json, os, sys, time
            while True:
                os.write(1, b"READY\\n")
                line = sys.stdin.buffer.readline()
                headers = dict(word.split(":") for word in line.decode().split())
                payload = sys.stdin.buffer.read(int(headers["len"]))
                with open({str(record.path)!r}, "a") as file:
                    file.write(json.dumps({{"line": line.decode(), "payload": payload.decode()}}) + "\\n")
                os.write(1, b"RESULT 2")
                while not os.path.exists({str(go)!r}):
                    time.sleep(0.01)
                os.write(1, b"\\nOK")
            """
        )
    )
    supervisor = supervise(
        f"[eventlistener:l]\ncommand={sys.executable} {script}\nevents=REMOTE_COMMUNICATION\nstartsecs=0\n"
        + CAT
    )
    pid = supervisor.wait_state("l", "RUNNING")["pid"]
    send(supervisor, "one", "two", "three")
    record.wait("REMOTE_COMMUNICATION", "one")
    supervisor.wait_log("event 0 sent to listener l")
    supervisor.kill_daemon()
    supervisor.wait_ready()
    send(supervisor, "four")
    go.touch()
    record.wait("REMOTE_COMMUNICATION", "four")
    assert [(e["serial"], e["payload"]) for e in record.events()] == [
        (str(i), f"type:t\n{text}") for i, text in enumerate(["one", "two", "three", "four"])
    ]
    assert supervisor.info("l")["pid"] == pid


def test_killing_the_daemon_again_and_again_loses_no_event(supervise: Supervise, tmp_path: Path) -> None:
    record = Record(tmp_path / "events")
    supervisor = supervise(pool(record.path, "ok", "REMOTE_COMMUNICATION", "startsecs=0"))
    supervisor.wait_state("l", "RUNNING")
    for round_number in range(5):
        send(supervisor, *(f"{round_number}.{i}" for i in range(30)))
        supervisor.kill_daemon()
        supervisor.wait_ready()
    send(supervisor, "last")
    record.wait("REMOTE_COMMUNICATION", "last")
    wanted = [f"type:t\n{r}.{i}" for r in range(5) for i in range(30)] + ["type:t\nlast"]
    assert list(dict.fromkeys(record.named("REMOTE_COMMUNICATION"))) == wanted
    record.in_order()


def test_an_answer_given_while_there_was_no_daemon_counts(supervise: Supervise, tmp_path: Path) -> None:
    record, go = Record(tmp_path / "events"), tmp_path / "go"
    script = tmp_path / "slow.py"
    script.write_text(
        f"import os, sys, time\nsys.argv = ['', {str(record.path)!r}, 'ok']\n"
        f"real = os.write\n"
        f"def write(fd, data):\n"
        f"    while fd == 1 and data[:6] == b'RESULT' and not os.path.exists({str(go)!r}): time.sleep(0.01)\n"
        f"    return real(fd, data)\n"
        f"os.write = write\n"
        f"exec(open({str(Path(__file__).parent.parent / 'children' / 'listener.py')!r}).read())\n"
    )
    supervisor = supervise(
        f"[eventlistener:l]\ncommand={sys.executable} {script}\nevents=REMOTE_COMMUNICATION\nstartsecs=0\n"
    )
    pid = supervisor.wait_state("l", "RUNNING")["pid"]
    send(supervisor, "one", "two")
    record.wait("REMOTE_COMMUNICATION", "one")
    os.kill(supervisor.keeper_pid, signal.SIGSTOP)  # no new daemon yet
    supervisor.kill_daemon()
    go.touch()
    os.kill(supervisor.keeper_pid, signal.SIGCONT)
    record.wait("REMOTE_COMMUNICATION", "two")
    assert [e["serial"] for e in record.events()] == ["0", "1"]
    assert supervisor.info("l")["pid"] == pid


def test_a_restart_that_was_under_way_is_finished(supervise: Supervise, tmp_path: Path) -> None:
    record = Record(tmp_path / "events")
    supervisor = supervise(
        pool(record.path, "garbage", "REMOTE_COMMUNICATION", "startsecs=0\nautorestart=false", count=1)
    )
    supervisor.wait_state("l", "RUNNING")
    send(supervisor, "one")
    record.wait("REMOTE_COMMUNICATION", "one")
    supervisor.kill_daemon()
    supervisor.wait_ready()
    record.wait("REMOTE_COMMUNICATION", "one", 2)


# --- update and reload -------------------------------------------------------------------------------


def test_a_stop_while_it_is_being_restarted_is_not_forgotten(supervise: Supervise) -> None:
    supervisor = supervise(
        f"[eventlistener:l]\ncommand={shell('trap : TERM; echo nonsense; while :; do sleep 0.1; done')}\n"
        "events=REMOTE_COMMUNICATION\nstartsecs=0\nstopwaitsecs=2\n"
    )
    supervisor.wait_state("l", "STOPPING")
    with pytest.raises(xmlrpc.client.Fault, match="NOT_RUNNING"):
        supervisor.rpc.supervisor.stopProcess("l")
    supervisor.wait_state("l", "STOPPED")
    supervisor.wait_log("stopped: l (terminated by SIGKILL)")
    assert supervisor.log().count("spawned: 'l'") == 1
    assert supervisor.state("l") == "STOPPED"


def ctl(supervisor: Supervisor) -> Any:
    return supervisor.rpc.supervisor


def test_a_changed_pool_is_found_by_reread_and_put_in_place(supervise: Supervise, tmp_path: Path) -> None:
    record = Record(tmp_path / "events")
    supervisor = supervise(pool(record.path, events="TICK_3600", options="startsecs=0") + CAT)
    supervisor.configure(pool(record.path, events="REMOTE_COMMUNICATION", options="startsecs=0") + CAT)
    assert ctl(supervisor).reloadConfig() == [[[], ["l"], []]]
    ctl(supervisor).stopProcessGroup("l")
    ctl(supervisor).removeProcessGroup("l")
    ctl(supervisor).addProcessGroup("l")
    supervisor.wait_state("l", "RUNNING")
    send(supervisor, "x")
    record.wait("REMOTE_COMMUNICATION", "x")
    assert ctl(supervisor).reloadConfig() == [[[], [], []]]
    supervisor.configure(CAT)
    assert ctl(supervisor).reloadConfig() == [[[], [], ["l"]]]
    ctl(supervisor).stopProcessGroup("l")
    ctl(supervisor).removeProcessGroup("l")
    send(supervisor, "nobody")


def test_serials_go_on_over_a_reload(supervise: Supervise, tmp_path: Path) -> None:
    record = Record(tmp_path / "events")
    supervisor = supervise(pool(record.path, events="REMOTE_COMMUNICATION", options="startsecs=0"))
    send(supervisor, "one", "two")
    record.wait("REMOTE_COMMUNICATION", "two")
    supervisor.rpc.supervisor.restart()
    supervisor.wait_log("supervisord started with pid", 2)
    supervisor.wait_ready()
    send(supervisor, "three")
    record.wait("REMOTE_COMMUNICATION", "three")
    assert [(e["serial"], e["poolserial"]) for e in record.events()] == [("0", "0"), ("1", "1"), ("2", "0")]


def test_wrong_sections_are_told_by_check(tmp_path: Path, supervise: Supervise) -> None:
    supervisor = supervise("[eventlistener:l]\ncommand=x\nevents=NOPE\n", start=False)
    supervisor.launch()
    assert supervisor.popen is not None and supervisor.popen.wait(60) == 2
    assert "Unknown event type NOPE in [eventlistener:l] events" in supervisor.stderr()
