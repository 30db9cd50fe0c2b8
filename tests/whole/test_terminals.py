"""Programs on terminals of a real supervisord: job control, signals, hang-up, sizes, and the past of full-screen ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from supervisor.tui.terminal import Terminal
from tests.captured.record import SESSIONS, write_files
from tests.conftest import Supervise
from tests.support.processes import alive, children, command_line
from tests.support.supervisor import Supervisor, child
from tests.support.viewer import Viewer
from tests.support.waiting import until

BASH = "bash --norc --noprofile -i"
SPOOL_BYTES = 256 * 1024


def started(path: Path) -> int:
    """The pid that a script wrote to a file."""
    return int(until(lambda: path.read_text() if path.exists() else "", f"a pid in {path.name}"))


def interactive(supervise: Supervise, *options: str) -> Supervisor:
    supervisor = supervise(
        f'[program:b]\ncommand={BASH}\ntty=true\nstartsecs=0\nenvironment=PS1="ready> "\n'
        + "\n".join(options)
        + "\n"
    )
    supervisor.wait_state("b", "RUNNING")
    return supervisor


# --- job control, signals --------------------------------------------------------------------------------


def test_jobs_are_stopped_and_go_on(supervise: Supervise) -> None:
    supervisor = interactive(supervise, "stopsignal=HUP")
    with Viewer(supervisor, "b") as me:
        me.see("ready>")
        assert "no job control" not in me.text
        shell_pid = me.attached.pid
        me.keys(b"sleep 1000\r")
        (job,) = until(lambda: children(shell_pid), "the job")
        until(lambda: command_line(job)[:1] == ["sleep"], "the job to be a sleep")
        me.keys(b"\x1a")
        me.see("Stopped")
        me.keys(b"fg\r")
        me.see("fg")
        me.keys(b"\x03")
        me.until(lambda: not alive(job), "the job to be interrupted")
        me.keys(b"echo status $?\r")
        me.see("status 130")
        assert supervisor.info("b")["pid"] == shell_pid  # and none of it was the shell's


@pytest.mark.parametrize("stopsignal", ["HUP", "KILL"])
def test_what_runs_in_the_foreground_is_hung_up(
    supervise: Supervise, tmp_path: Path, stopsignal: str
) -> None:
    """Also when the shell cannot pass it on: the kernel does, when the leader of the session is gone."""
    supervisor = interactive(supervise, f"stopsignal={stopsignal}")
    with Viewer(supervisor, "b") as me:
        me.see("ready>")
        script = tmp_path / "job"
        script.write_text(
            f"trap 'echo hung up >{tmp_path}/end; exit' HUP\necho $$ >{tmp_path}/job.pid\nwhile :; do sleep 0.05; done\n"
        )
        me.keys(b"sh %s\r" % bytes(script))
        job = started(tmp_path / "job.pid")
        supervisor.rpc.supervisor.stopProcess("b")
        until(lambda: not alive(job), "the job to end")
        assert (tmp_path / "end").read_text() == "hung up\n"


@pytest.mark.parametrize("option", ["stopasgroup", "killasgroup"])
def test_groups_are_stopped_on_a_terminal(supervise: Supervise, tmp_path: Path, option: str) -> None:
    # a leader that ignores TERM is killed; its child, in its group, ignores what the kernel says at the end as well
    script = tmp_path / "script"
    script.write_text(
        f"trap '' TERM HUP\n(exec sh -c 'echo $$ >{tmp_path}/inner; while :; do sleep 0.05; done') &\n"
        "while :; do sleep 0.05; done\n"
    )
    supervisor = supervise(
        f"[program:g]\ncommand=sh {script}\ntty=true\nstartsecs=0\nstopwaitsecs=1\n{option}=true\n"
    )
    inner = started(tmp_path / "inner")
    leader = supervisor.info("g")["pid"]
    supervisor.rpc.supervisor.stopProcess("g")
    assert not alive(leader)
    until(lambda: not alive(inner), "the child to be killed with its group")


def test_stopsignal_reaches_a_program_on_a_terminal(supervise: Supervise, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(
        f"trap 'echo told >{tmp_path}/told; exit 3' USR2\necho $$ >{tmp_path}/pid\nwhile :; do sleep 0.05; done\n"
    )
    supervisor = supervise(f"[program:g]\ncommand=sh {script}\ntty=true\nstartsecs=0\nstopsignal=USR2\n")
    started(tmp_path / "pid")
    supervisor.rpc.supervisor.stopProcess("g")
    assert (tmp_path / "told").read_text() == "told\n"
    assert supervisor.info("g")["exitstatus"] == 3


# --- size and type ---------------------------------------------------------------------------------------


def test_tty_size_and_term(supervise: Supervise) -> None:
    supervisor = supervise(
        f"[program:s]\ncommand={child('screen')}\ntty=true\ntty_size=33x99\nterm=vt100\nstartsecs=0\n"
    )
    tail = supervisor.rpc.supervisor.tailProcessStdoutLog
    until(lambda: "size" in tail("s", 0, 1000)[0], "the program to speak")
    assert tail("s", 0, 1000)[0] == "tty True True True vt100\r\nsize 33x99\r\n"


def test_a_size_is_told_when_it_changes_and_only_then(supervise: Supervise, tmp_path: Path) -> None:
    typed = tmp_path / "typed"
    supervisor = supervise(
        f"[program:k]\ncommand={child('keys', typed)}\ntty=true\nstartsecs=0\ntty_size=24x80\n"
    )
    until(typed.exists, "the program to run")
    with Viewer(supervisor, "k") as me:  # of the same size
        me.see("ready")
        me.keys(b"a")
        me.see("<1>")
        assert "winch" not in me.text
        for rows, cols in ((30, 100), (10, 40), (24, 80)):
            me.resize(rows, cols)
            me.until(lambda: b"winch" in me.since, "the signal")
        me.resize(24, 80)
        me.keys(b"bc")
        me.until(lambda: b"<2>" in me.since, "the keys to be read")
        assert b"winch" not in me.since


# --- the past of full-screen programs --------------------------------------------------------------------

# what has it paint the whole picture, and what only a part of it
FULL_SCREEN = {
    "vim": (b"\x0c", b"j"),
    "less": (b"\x0c", b"j"),
    "top": (b"\x0c", b""),
    "htop": (b"\x0c", b"\x1b[B"),
    "mc": (b"\x0c", b"\x1bOB"),
}


@pytest.mark.parametrize("name", FULL_SCREEN)
def test_the_first_picture_after_a_past_that_wrapped_many_times(
    supervise: Supervise, tmp_path: Path, name: str
) -> None:
    session = SESSIONS[name]
    if shutil.which(session.argv[0]) is None:
        pytest.skip(f"{session.argv[0]} is not installed")
    write_files(tmp_path)
    words = " ".join(session.argv).replace("{pids}", "1").replace("-d 100", "-d 1000")
    command = words.replace("--cmd syntax on", "--cmd 'syntax on'")
    supervisor = supervise(
        f"[program:f]\ncommand={command}\ndirectory={tmp_path}\ntty=true\nstartsecs=0\nstopsignal=KILL\n"
        f'stdout_logfile=NONE\nenvironment=HOME="{tmp_path}",LANG="C.UTF-8",LESS=""\n'
    )
    supervisor.wait_state("f", "RUNNING")
    whole, part = FULL_SCREEN[name]
    with Viewer(supervisor, "f") as me:
        me.until(lambda: len(me.text) > 100, "a picture")
        me.settle()
        while me.total <= 2 * SPOOL_BYTES:
            before = me.total
            me.keys(whole * 8)
            me.until(lambda before=before: me.total >= before + 500, "it to paint")  # type: ignore[misc]
            me.settle()
        me.keys(part * 3)
        with Viewer(supervisor, "f") as late:  # watches: nobody has the program paint for it

            def same() -> bool:
                me.settle()
                late.settle()
                return seen(me.terminal) == seen(late.terminal)

            until(same, "the one who came late to see what the other sees")
            assert late.past <= SPOOL_BYTES < me.total / 2
        if name in ("top", "htop"):
            return  # these go on painting what changes
        supervisor.kill_daemon()
        supervisor.wait_ready()
        with Viewer(supervisor, "f") as late:
            late.settle()
            assert seen(late.terminal) == seen(me.terminal)


def seen(terminal: Terminal) -> tuple[object, ...]:
    """All that there is to see, and what keys and the mouse would say."""
    picture = [line.runs for line in terminal.lines()]
    return picture, terminal.cursor, terminal.modes, terminal.alternate


# --- vttest ----------------------------------------------------------------------------------------------


def test_vttest_on_a_supervised_terminal(supervise: Supervise) -> None:
    """Its basic screens, driven by keys, show what tmux shows for them."""
    if shutil.which("vttest") is None:
        pytest.skip("vttest is not installed")
    session = SESSIONS["vttest"]
    points = json.loads((Path(__file__).parent.parent / "captured" / "vttest.json").read_text())
    supervisor = supervise(
        "[program:v]\ncommand=vttest\ntty=true\nautostart=false\nstartsecs=0\nstopsignal=KILL\n"
    )
    seen = 0
    with Viewer(supervisor, "v") as me:
        supervisor.rpc.supervisor.startProcess("v")  # it asks the terminal at once, and waits for the answer
        me.see("Enter choice number")
        if points[0]["rows"][2].strip() not in me.text:
            pytest.skip("another version of vttest than the recorded one")
        for number, keys in enumerate(session.steps):
            me.keys(keys)
            if keys:
                me.until(
                    lambda: b"Push <RETURN>" in me.since or b"choice number" in me.since,
                    f"the end of step {number}",
                )
            if number in session.disputed:
                continue
            expected = [row.rstrip() for row in points[seen]["rows"]]
            me.shows(expected, f"step {number}")
            seen += 1
    assert seen == len(points)
