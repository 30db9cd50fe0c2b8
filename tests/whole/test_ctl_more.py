"""Commands that Supervisor has not, against a real supervisord; completion in a real shell; history."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from supervisor import passwords
from supervisor.ctl.completion import SCRIPTS
from tests.conftest import Supervise
from tests.core.ctl_support import Script, from_table, process_info, serve
from tests.support.processes import MARK
from tests.support.supervisor import Supervisor, child, shell
from tests.support.waiting import until
from tests.whole.ctl_terminal import user

CTL = [sys.executable, "-m", "supervisor.supervisorctl"]


def ctl(supervisor: Supervisor, *words: str) -> tuple[str, int]:
    command = [*CTL, "-s", f"unix://{supervisor.folder}/s", *words]
    ran = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, MARK: supervisor.mark},
    )
    assert ran.stderr == ""
    return ran.stdout, ran.returncode


def test_wait_sees_what_is_over_at_once(supervise: Supervise) -> None:
    flash = f"[program:flash]\ncommand={shell('sleep 1; exit 0')}\nstartsecs=0\nautostart=false\nautorestart=true\n"
    supervisor = supervise(
        f"[program:a]\ncommand={child('talk')}\nautostart=false\nautorestart=false\nstartsecs=0\n{flash}"
    )
    result: list[tuple[str, int]] = []
    waiter = threading.Thread(
        target=lambda: result.append(ctl(supervisor, "wait", "a", "flash", "--for", "EXITED,FATAL"))
    )
    waiter.start()
    supervisor.rpc.supervisor.startProcess("flash")
    supervisor.kill_daemon()  # those who wait do not mind
    supervisor.wait_ready()
    supervisor.rpc.supervisor.startProcess("a")
    until(lambda: supervisor.info("flash")["start"], "flash to start again")
    supervisor.rpc.supervisor.signalProcess("a", "KILL")
    waiter.join(40)
    assert len(result) == 1
    out, status = result[0]
    assert sorted(out.splitlines()) == ["a: EXITED", "flash: EXITED"]
    assert status == 0
    assert ctl(supervisor, "wait", "flash", "--for", "FATAL", "--timeout", "0.2")[1] == 1


def test_why_tells_causes_and_last_words(supervise: Supervise) -> None:
    command = shell("echo out of luck; echo bad day >&2; exit 3")
    supervisor = supervise(
        f"[program:bad]\ncommand={command}\nstartsecs=5\nstartretries=1\n[program:good]\ncommand={child('talk')}\n"
    )
    supervisor.wait_state("bad", "FATAL")

    def check() -> None:
        out, status = ctl(supervisor, "why", "bad")
        assert status == 0
        head, *lines = out.splitlines()
        assert head.startswith("bad                              FATAL     Exited too quickly")
        words = [
            line.split(None, 2)[2] for line in lines[: lines.index("Last lines of stdout before it ended:")]
        ]
        assert words[0].split(None, 1) == ["STARTING", "autostart"]
        assert words[1].startswith(
            "BACKOFF   Exited too quickly (process log may have details) (exit status 3), pid"
        )
        assert words[2].split(None, 1) == ["STARTING", "retry 1 of 1"]
        assert words[-1].startswith("FATAL     Exited too quickly")
        # the log has what both starts wrote
        assert lines[-6:] == [
            "Last lines of stdout before it ended:",
            *["  out of luck"] * 2,
            "Last lines of stderr before it ended:",
            *["  bad day"] * 2,
        ]

    check()
    before = supervisor.rpc.supervisor.getProcessHistory("bad")
    supervisor.kill_daemon()
    supervisor.wait_ready()
    after = supervisor.rpc.supervisor.getProcessHistory("bad")
    assert [t["to"] for t in after["transitions"]] == [t["to"] for t in before["transitions"]]
    assert after["last_exit"]["stdout"] == "out of luck\n" * 2
    (answer,) = json.loads(ctl(supervisor, "why", "good", "--json")[0])
    assert answer["name"] == "good"
    assert answer["transitions"][0]["cause"] == "autostart"


def test_history_is_bounded(supervise: Supervise) -> None:
    supervisor = supervise(f"[program:a]\ncommand={child('talk')}\nstartsecs=0\nautostart=false\n")
    for _ in range(12):
        supervisor.rpc.supervisor.startProcess("a")
        supervisor.rpc.supervisor.stopProcess("a")
    assert len(supervisor.rpc.supervisor.getProcessHistory("a")["transitions"]) == 20
    supervisor.kill_daemon()
    supervisor.wait_ready()
    kept = supervisor.rpc.supervisor.getProcessHistory("a")["transitions"]
    assert 2 <= len(kept) <= 6
    assert kept[-1]["to"] == "STOPPED"


def test_plan_and_update(supervise: Supervise) -> None:
    supervisor = supervise(
        f"[program:w]\ncommand={child('talk')}\nprocess_name=%(process_num)d\nnumprocs=2\n"
    )
    assert ctl(supervisor, "plan") == ("No config updates to processes\n", 0)
    pid = supervisor.info("w:0")["pid"]
    supervisor.configure(f"[program:w]\ncommand={child('talk')}\nprocess_name=%(process_num)d\nnumprocs=3\n")
    assert ctl(supervisor, "plan") == ("w: changed\n  w:2: add, start\n  2 processes are not touched\n", 10)
    assert ctl(supervisor, "update") == ("w: updated process group\n", 0)
    assert supervisor.info("w:0")["pid"] == pid
    assert ctl(supervisor, "update", "--whole-groups") == ("", 0)
    supervisor.configure(f"[program:w]\ncommand={child('talk')}\nprocess_name=%(process_num)d\nnumprocs=1\n")
    assert ctl(supervisor, "update", "--whole-groups") == ("w: stopped\nw: updated process group\n", 0)
    assert supervisor.wait_state("w:0", "STARTING", "RUNNING")["pid"] != pid


# --- shells ------------------------------------------------------------------------------------------

BASH = shutil.which("bash")
ASK = """\
supervisorctl() { PYTHON -m supervisor.supervisorctl "$@"; }
SCRIPT
COMP_LINE=$1
COMP_POINT=${#COMP_LINE}
_supervisorctl supervisorctl
printf '%s\\n' "${COMPREPLY[@]}"
complete -p supervisorctl
"""


@pytest.mark.skipif(BASH is None, reason="no bash")
@pytest.mark.parametrize(
    ("typed", "replies"),
    [
        ("sta", ["start", "status"]),
        ("stop g", ["g:x", "g:*"]),
        ("stop g:", ["x", "*"]),
        ("start @", ["@g", "@web-1"]),
        ("signal HU", ["HUP"]),
        ("stop nobody", [""]),
    ],
)
def test_bash_completes(tmp_path: Path, typed: str, replies: list[str]) -> None:
    processes = [process_info("x", "g"), process_info("web-1")]
    with serve(Script(from_table({"getAllProcessInfo": list(processes)})), tmp_path / "s") as url:
        script = ASK.replace("PYTHON", sys.executable).replace("SCRIPT", SCRIPTS["bash"])
        assert BASH is not None
        ran = subprocess.run(
            [BASH, "-c", script, "-", f"supervisorctl -s {url} {typed}"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            cwd=tmp_path,
        )
    assert ran.stderr == ""
    assert ran.stdout.splitlines() == [*replies, "complete -F _supervisorctl supervisorctl"]


IN_FISH = """\
function supervisorctl; PYTHON -m supervisor.supervisorctl $argv; end
SCRIPT
complete --do-complete $argv[1]
"""
IN_ZSH = """\
supervisorctl() { PYTHON -m supervisor.supervisorctl "$@" }
compdef() { }
compadd() { shift; print -rl -- "$@" }
SCRIPT
words=("${(@s: :)1}")
CURRENT=$#words
_supervisorctl
"""


@pytest.mark.parametrize(("name", "around"), [("fish", IN_FISH), ("zsh", IN_ZSH)])
@pytest.mark.parametrize(
    ("typed", "replies"),
    [
        ("sta", ["start", "status"]),
        ("stop g:", ["g:*", "g:x"]),
        ("update w", ["web-1"]),
        ("update @", ["@g", "@web-1"]),
        ("tail web-1 std", ["stderr", "stdout"]),
        ("stop nobody", []),
    ],
)
def test_other_shells_complete(
    tmp_path: Path, name: str, around: str, typed: str, replies: list[str]
) -> None:
    program = shutil.which(name)
    if program is None:
        pytest.skip(f"no {name}")
    processes = [process_info("x", "g"), process_info("web-1")]
    with serve(Script(from_table({"getAllProcessInfo": list(processes)})), tmp_path / "s") as url:
        script = around.replace("PYTHON", sys.executable).replace("SCRIPT", SCRIPTS[name])
        line = f"supervisorctl -s {url} {typed}"
        ran = subprocess.run(
            [program, "-c", script, *(["-"] if name == "zsh" else []), line],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=tmp_path,
            env={**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)},
        )
    assert ran.stderr == ""
    assert sorted(ran.stdout.split()) == replies


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_scripts_are_syntax_that_the_shell_takes(name: str) -> None:
    program = shutil.which(name)
    if program is None:
        pytest.skip(f"no {name}")
    ran = subprocess.run(
        [program, "-n"], input=SCRIPTS[name], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_what_needs_no_configuration_does_not_mind_a_broken_one(tmp_path: Path) -> None:
    (tmp_path / "supervisord.conf").write_text("[ctlplugin:x]\nsupervisor.ctl_factory = no.such:plugin\n")
    ran = subprocess.run(
        [*CTL, "completion", "bash"], capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path
    )
    assert (ran.stdout, ran.stderr, ran.returncode) == (SCRIPTS["bash"], "", 0)
    hashed = subprocess.run(
        [*CTL, "hash-password"],
        input="x\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
    )
    assert hashed.stdout.startswith("{scrypt}") and hashed.returncode == 0


def test_completion_prints_the_scripts(tmp_path: Path) -> None:
    for name, script in SCRIPTS.items():
        ran = subprocess.run(
            [*CTL, "completion", name], capture_output=True, text=True, timeout=60, check=True, cwd=tmp_path
        )
        assert ran.stdout == script
    ran = subprocess.run(
        [*CTL, "completion", "tcsh"], capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path
    )
    assert ran.returncode == 2


def test_completion_is_silent_in_trouble(tmp_path: Path) -> None:
    (tmp_path / "bad.conf").write_text("nonsense\n")
    for line in (
        "supervisorctl -c bad.conf stop ",
        "supervisorctl -s unix:///nonexistent stop ",
        "supervisorctl --x a ",
    ):
        ran = subprocess.run(
            [*CTL, "completion", "--words", line],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=tmp_path,
        )
        assert (ran.stdout, ran.stderr, ran.returncode) == ("", "", 0)


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (b"a b\xc3\xa9", b"a b\xc3\xa9", b"{scrypt}"),
        (b"one", b"two", b"Error: the two are not the same"),
        (b"", b"", b"Error: no password was given"),
    ],
)
def test_hash_password_asks_twice_and_shows_nothing(first: bytes, second: bytes, said: bytes) -> None:
    with user("hash-password") as me:
        me.sees(b"Password: ")
        me.type(first + b"\r")
        me.sees(b"Once more: ")
        me.type(second + b"\r")
        me.sees(said)
        status = me.leaves()
        *_, last = me.seen.decode().splitlines()
        assert status == (0 if said == b"{scrypt}" else 1)
        assert not first or first not in me.seen
    if status == 0:
        assert passwords.matches(last, first)
        assert not passwords.matches(last, first + b"x")


def test_history_file_of_the_command_line(tmp_path: Path) -> None:
    history = tmp_path / "history"
    with serve(Script(from_table({"getAllProcessInfo": [], "getPID": 99})), tmp_path / "s") as url:
        for _ in range(2):
            with user("-s", url, "-r", str(history)) as me:
                me.sees(b"supervisor> ")
                me.type(b"pid; pid\r")
                me.sees(b"99\r\n99\r\n")
                me.sees(b"supervisor> ")
                me.type(b"\x04")
                assert me.leaves() == 0
    assert history.read_text().count("pid; pid") in (1, 2)
