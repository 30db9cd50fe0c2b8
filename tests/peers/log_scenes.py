"""Scenarios of log files and of changing configurations; must never know how they are run."""

from __future__ import annotations

import re
import signal

from .process_scenes import program
from .steps import (
    BASE,
    Scenario,
    Step,
    ctl,
    ctl_sorted,
    info,
    lines,
    log,
    mode,
    move,
    names,
    rpc,
    send,
    states,
    total,
    wait,
    wait_all,
    wait_file,
    write,
)

CHATTER = "@PYTHON@ @HERE@/chatter.py"
"""Writes the next line only when the last one was read, so that rotation does not depend on the machine's load."""

CHATTER_PY = """\
import fcntl, os, termios, time
for i in range(60):
    os.write(1, b"%04d %s\\n" % (i, b"." * 90))
    while fcntl.ioctl(1, termios.FIONREAD, bytes(4)) != bytes(4):
        time.sleep(0.001)
"""


def rotating(name: str, *more: str) -> str:
    return (
        f"[program:{name}]\ncommand={CHATTER}\nstartsecs=0\nautorestart=false\nstdout_logfile=%(here)s/{name}.log\n"
        + "stderr_logfile=NONE\n"
        + "".join(f"{line}\n" for line in more)
    )


SLEEPER = program("p", "/bin/sleep 1000", "startsecs=0")
OTHER = program("q", "/bin/sleep 1000", "startsecs=0")
UPDATE: list[Step] = [
    rpc("reloadConfig"),
    ctl("reread"),
    ctl("avail"),
]

SCENARIOS: list[Scenario] = [
    Scenario(
        "log: rotation and its names",
        rotating("none", "stdout_logfile_maxbytes=1KB", "stdout_logfile_backups=0")
        + rotating("one", "stdout_logfile_maxbytes=2KB", "stdout_logfile_backups=1")
        + rotating("three", "stdout_logfile_maxbytes=1KB", "stdout_logfile_backups=3")
        + rotating("many", "stdout_logfile_maxbytes=1KB", "stdout_logfile_backups=50")
        + rotating("off", "stdout_logfile_maxbytes=0"),
        [
            wait_all("EXITED"),
            names("none.log*"),
            names("one.log*"),
            names("three.log*"),
            total("many.log*"),
            total("off.log*"),
        ],
        files={"chatter.py": CHATTER_PY},
    ),
    Scenario(
        "log: AUTO and NONE",
        "[program:a]\ncommand=/bin/sh -c 'echo out; echo err >&2; exec sleep 1000'\nstartsecs=0\n"
        "[program:n]\ncommand=/bin/echo x\nstartsecs=0\nautorestart=false\nstdout_logfile=NONE\nstderr_logfile=off\n"
        "[program:r]\ncommand=/bin/echo x\nstartsecs=0\nautorestart=false\nredirect_stderr=true\nstdout_logfile=auto\n",
        [
            wait("a", "RUNNING"),
            wait("n", "EXITED"),
            wait("r", "EXITED"),
            names("auto/*"),
            mode("auto/*"),
            lines("auto/a-stdout*"),
            info("a", "logfile", "stdout_logfile", "stderr_logfile"),
            info("n", "logfile", "stdout_logfile", "stderr_logfile"),
            info("r", "logfile", "stdout_logfile", "stderr_logfile"),
            rpc("getAllConfigInfo"),
            rpc("reloadConfig"),
            rpc("getAllConfigInfo").but("Logs", "goes on to tell where automatic logs are"),
        ],
    ),
    Scenario(
        "log: old AUTO files are removed, others are not",
        "[program:a]\ncommand=/bin/sleep 1000\nstartsecs=0\n",
        [
            wait("a", "RUNNING"),
            names("auto/*.log*[0-9g]"),
            names("auto/*.logs").but(
                "Logs", "named exactly like automatic logs", [], ["old---peer-<random>.logs"]
            ),
        ],
        files={
            "auto/old-stdout---peer-abcdef.log": "",
            "auto/old-stdout---peer-abcdef.log.3": "",
            "auto/old-stdout---other-abcdef.log": "",
            "auto/old---peer-abcdef.logs": "",
            "auto/---peer-abcdef.log": "",
            "auto/mine.log": "",
        },
    ),
    Scenario(
        "log: nocleanup",
        "",
        [names("auto/*")],
        base=BASE.replace("[supervisord]\n", "[supervisord]\nnocleanup=true\n"),
        files={"auto/old-stdout---peer-abcdef.log": ""},
    ),
    Scenario(
        "log: clear",
        program(
            "p",
            "/bin/sh -c 'echo before; while ! test -e @HERE@/go; do sleep 0.05; done; echo after; exec sleep 1000'",
            "startsecs=0",
            out=True,
        )
        + program("down", "/bin/echo x", "autorestart=false", "startsecs=0", out=True),
        [
            wait_file("p.out", "before"),
            wait_file("down.out", "x"),
            wait("down", "EXITED"),
            rpc("clearProcessLogs", "p"),
            lines("p.out"),
            names("p.*"),
            write("go", ""),
            wait_file("p.out", "after"),
            lines("p.out"),
            rpc("clearProcessLogs", "down"),
            lines("down.out").but("Logs", "Clearing the log of a stopped program clears it", ["x", ""], [""]),
            ctl("clear", "p"),
            ctl("clear", "all"),
            lines("p.out"),
        ],
    ),
    Scenario(
        "log: reopened at USR2",
        program(
            "p",
            "/bin/sh -c 'echo before; while ! test -e @HERE@/go; do sleep 0.05; done; echo after; exec sleep 1000'",
            "startsecs=0",
            out=True,
        ),
        [
            wait_file("p.out", "before"),
            move("p.out", "p.old"),
            move("main.log", "main.old"),
            send(signal.SIGUSR2),
            wait_file("main.old", "logreopen"),
            wait_file("main.log"),
            write("go", ""),
            wait_file("p.out", "after"),
            lines("p.out"),
            lines("p.old"),
            lines("main.old", "SIGUSR2|logreopen"),
        ],
    ),
    Scenario(
        "log: output in the main log at debug",
        program(
            "p", "/bin/sh -c 'echo out; sleep 0.3; echo err >&2; exec sleep 1000'", "startsecs=0", out=True
        ),
        [
            wait_file("p.err", "err"),
            wait("p", "RUNNING"),
            rpc("stopProcess", "p"),
            lines("main.log", "output:$|^(out|err)$"),
        ],
        base=BASE.replace("[supervisord]\n", "[supervisord]\nloglevel=debug\n"),
    ),
    Scenario(
        "log: strip_ansi",
        program("p", "/bin/cat @HERE@/coloured", "startsecs=0", "autorestart=false", out=True),
        [wait("p", "EXITED"), lines("p.out")],
        base=BASE.replace("[supervisord]\n", "[supervisord]\nstrip_ansi=true\n"),
        files={"coloured": "\x1b[31mred\x1b[0m \x1b[1;32mgreen\x1b[m plain \x1b[2J\x1b[10;20Hmoved\n"},
    ),
    Scenario(
        "log: levels and what is in the main log at start",
        program("p", "/bin/sleep 1000", "startsecs=0"),
        [
            wait("p", "RUNNING"),
            lines("stdout", "INFO|CRIT|WARN", "RPC interface"),
            log("RPC interface"),
            log("", "RPC interface"),
            lines("stderr"),
        ],
    ),
    Scenario(
        "log: nothing below the level",
        program("p", "/bin/sleep 1000", "startsecs=0"),
        [
            wait("p", "RUNNING"),
            rpc("stopProcess", "p"),
            log(""),
            lines("stdout"),
        ],
        base=BASE.replace("[supervisord]\n", "[supervisord]\nloglevel=warn\nsilent=true\n"),
    ),
    Scenario(
        "update: nothing changed",
        SLEEPER,
        [wait("p", "RUNNING"), *UPDATE, ctl("update"), states()],
    ),
    Scenario(
        "update: added, changed, removed",
        SLEEPER + OTHER + program("r", "/bin/sleep 1000", "startsecs=0"),
        [
            wait_all("RUNNING"),
            write(
                "conf",
                BASE + SLEEPER + OTHER.replace("sleep 1000", "sleep 2000") + program("n", "/bin/sleep 1000"),
            ),
            *UPDATE,
            ctl("update", "nosuch"),
            ctl("update", "n"),
            ctl("update"),
            ctl("update"),
            wait_all("RUNNING"),
            states(),
            log("spawned: '[nq]'|stopped: [qr]"),
        ],
    ),
    Scenario(
        "update: by hand",
        SLEEPER + OTHER,
        [
            wait_all("RUNNING"),
            write("conf", BASE + SLEEPER + program("n", "/bin/sleep 1000", "autostart=false")),
            ctl("reread"),
            ctl("add", "n"),
            ctl("add", "n"),
            ctl("add", "nosuch", "p"),
            ctl("add"),
            ctl("remove", "q"),
            ctl("stop", "q"),
            ctl("remove", "q", "nosuch"),
            ctl("remove"),
            ctl("reread"),
            states(),
        ],
    ),
    Scenario(
        "update: a group of programs changes",
        SLEEPER + OTHER + "[group:g]\nprograms=p\npriority=3\n",
        [
            wait_all("RUNNING"),
            write("conf", BASE + SLEEPER + OTHER + "[group:g]\nprograms=p,q\npriority=3\n"),
            ctl("reread"),
            ctl_sorted("update").but("supervisorctl", "leaves members of a changed group alone"),
            wait_all("RUNNING"),
            states(),
        ],
    ),
    Scenario(
        "update: which options make a change",
        SLEEPER + OTHER,
        [
            wait_all("RUNNING"),
            *(
                step
                for option in (
                    "priority=5",
                    "autostart=false",
                    "autorestart=true",
                    "startsecs=3",
                    "startretries=7",
                    "exitcodes=3",
                    "stopsignal=INT",
                    "stopwaitsecs=3",
                    "stopasgroup=true",
                    "killasgroup=true",
                    "umask=077",
                    "directory=/tmp",
                    'environment=A="1"',
                    "stdout_capture_maxbytes=1KB",
                    "stdout_logfile_maxbytes=1KB",
                    "stdout_logfile_backups=1",
                    "redirect_stderr=true",
                    "stdout_events_enabled=true",
                    "stdout_syslog=true",
                    "serverurl=AUTO",
                    "nosuch=3",
                    "process_name=other",
                    "numprocs=1",
                )
                for step in (
                    write(
                        "conf", BASE + SLEEPER + OTHER.replace("startsecs=0\n", f"startsecs=0\n{option}\n")
                    ),
                    rpc("reloadConfig"),
                )
            ),
        ],
    ),
    Scenario(
        "update: the daemon's environment changes all",
        SLEEPER + OTHER,
        [
            wait_all("RUNNING"),
            write(
                "conf",
                BASE.replace("[supervisord]\n", '[supervisord]\nenvironment=A="1"\n') + SLEEPER + OTHER,
            ),
            rpc("reloadConfig"),
        ],
    ),
    Scenario(
        "update: a broken file changes nothing",
        SLEEPER,
        [
            wait_all("RUNNING"),
            write("conf", BASE + SLEEPER + "[program:x]\n"),
            ctl("reread").but(
                "Daemon",
                "Messages about a broken configuration name file, line",
                re.compile("CANT_REREAD: program section"),
                re.compile("CANT_REREAD: .*conf:"),
            ),
            ctl("update").but(
                "supervisorctl",
                "configuration) are one clear line",
                re.compile("error: <class .*Fault"),
                re.compile('"exit": 1'),
            ),
            ctl("status"),
            ctl("avail"),
        ],
    ),
]
