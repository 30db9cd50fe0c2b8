"""Scenarios of processes: histories, main log lines, children's surroundings, order; must never know how they are run."""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence

from .steps import (
    BASE,
    ROOT,
    Scenario,
    Step,
    child_signal,
    ended,
    info,
    lines,
    log,
    log_once,
    log_sorted,
    names,
    rpc,
    rpc_sorted,
    send,
    states,
    wait,
    wait_all,
    wait_file,
    wait_log,
    watch,
    watched,
)

DEBUG = BASE.replace("[supervisord]\n", "[supervisord]\nloglevel=debug\n")
QUIET = "stdout_logfile=NONE\nstderr_logfile=NONE\n"


def program(name: str, command: str, *more: str, out: bool = False) -> str:
    """A section; without log files unless ``out``."""
    logs = "stdout_logfile=%(here)s/NAME.out\nstderr_logfile=%(here)s/NAME.err\n".replace("NAME", name)
    return (
        f"[program:{name}]\ncommand={command}\n" + "".join(f"{m}\n" for m in more) + (logs if out else QUIET)
    )


def history(name: str, *last: str, act: Sequence[Step] = (), passing: Sequence[str] = ()) -> list[Step]:
    """Watch a process from before ``act`` until it is in a state."""
    return [watch(name), *act, wait(name, *last), watched(name, *passing)]


STUBBORN = "/bin/sh -c 'trap \"\" TERM; echo ready; while :; do sleep 1; done'"

SCENARIOS: list[Scenario] = [
    Scenario(
        "process: a normal life",
        program("p", "/bin/sleep 1000", "autostart=false", "startsecs=1"),
        [
            *history("p", "RUNNING", act=[rpc("startProcess", "p")]),
            *history("p", "STOPPED", act=[rpc("stopProcess", "p")], passing=["STOPPING"]),
            info("p"),
            log(r"\bp\b", "waiting for"),
        ],
    ),
    Scenario(
        "process: startsecs is waited for",
        program("p", "/bin/sleep 1000", "autostart=false", "startsecs=2"),
        [
            *history(
                "p", "RUNNING", act=[rpc("startProcess", "p", False), info("p", "statename", "description")]
            ),
            log(r"\bp\b"),
        ],
    ),
    Scenario(
        "process: exits too quickly until FATAL",
        program("p", "/bin/sh -c 'exit 3'", "startretries=2", "startsecs=5"),
        [
            *history("p", "FATAL", passing=["STARTING", "STOPPED"]),
            info("p"),
            log(r"\bp\b"),
        ],
    ),
    Scenario(
        "process: no start retries",
        program("p", "/bin/sh -c 'sleep 0.4; exit 1'", "startretries=0", "startsecs=5", "autostart=false"),
        [
            rpc("startProcess", "p"),
            wait("p", "FATAL"),
            info("p"),
            rpc("stopProcess", "p"),
            rpc("signalProcess", "p", "HUP"),
            rpc("startProcess", "p", False),
            wait("p", "FATAL"),
            log(r"\bp\b"),
        ],
    ),
    Scenario(
        "process: startsecs 0 and a short life",
        program("ok", "/bin/sleep 0.5", "startsecs=0", "autostart=false")
        + program(
            "bad", "/bin/sh -c 'sleep 0.5; exit 7'", "startsecs=0", "autostart=false", "autorestart=false"
        )
        + program("two", "/bin/sh -c 'sleep 0.5; exit 2'", "startsecs=0", "autostart=false", "exitcodes=0,2"),
        [
            rpc("startProcess", "ok"),
            rpc("startProcess", "bad"),
            rpc("startProcess", "two"),
            wait_all("EXITED"),
            info("ok"),
            info("bad"),
            info("two"),
            log(r"\bok\b"),
            log(r"\bbad\b"),
            log(r"\btwo\b"),
        ],
    ),
    Scenario(
        "process: autorestart",
        program("never", "/bin/sh -c 'sleep 1.5; exit 1'", "autorestart=false")
        + program("exp4", "/bin/sh -c 'sleep 1.5; exit 4'", "autorestart=unexpected", "exitcodes=4")
        + program(
            "odd5",
            "/bin/sh -c 'test -e @HERE@/u && exit 4; touch @HERE@/u; sleep 1.5; exit 5'",
            "autorestart=unexpected",
            "exitcodes=4",
            "startretries=0",
        )
        + program(
            "always",
            "/bin/sh -c 'test -e @HERE@/a && exec sleep 1000; touch @HERE@/a; sleep 1.5'",
            "autorestart=true",
        ),
        [
            wait("never", "EXITED"),
            wait("exp4", "EXITED"),
            wait_log(r"spawned: 'always'", 2),
            wait("always", "RUNNING"),
            wait("odd5", "FATAL"),
            *(info(name) for name in ("never", "exp4", "odd5", "always")),
            *(log(rf"\b{name}\b") for name in ("never", "exp4", "odd5", "always")),
        ],
    ),
    Scenario(
        "process: stopped in BACKOFF",
        program("p", "/bin/false", "startretries=30", "startsecs=5"),
        [
            wait_log("exited: p", 2),
            wait("p", "BACKOFF"),
            info("p"),
            rpc("startProcess", "p"),
            rpc("signalProcess", "p", "HUP"),
            rpc("stopProcess", "p"),
            info("p"),
            log(r"kill.*p"),
        ],
        base=DEBUG,
    ),
    Scenario(
        "process: TERM is ignored",
        program("p", STUBBORN, "stopwaitsecs=1", "startsecs=0", "killasgroup=true", out=True),
        [
            wait("p", "RUNNING"),
            wait_file("p.out", "ready"),
            rpc("stopProcess", "p"),
            rpc("startProcess", "p"),
            wait_file("p.out", "ready\nready"),
            rpc("stopProcess", "p", False),
            rpc("stopProcess", "p"),
            rpc("startProcess", "p", False),
            info("p", "statename", "description", "spawnerr"),
            wait("p", "STOPPED"),
            info("p"),
            log(r"\bp\b", "waiting for"),
            log_once("waiting for"),
        ],
    ),
    Scenario(
        "process: stop signals and what they log",
        program("int", "/bin/sleep 1000", "stopsignal=INT", "startsecs=0")
        + program("kill", "/bin/sleep 1000", "stopsignal=SIGKILL", "startsecs=0")
        + program("usr", "/bin/sleep 1000", "stopsignal=10", "startsecs=0")
        + program(
            "clean",
            "/bin/sh -c 'trap \"exit 0\" QUIT; echo ready; while :; do sleep 0.1; done'",
            "stopsignal=quit",
            "startsecs=0",
            out=True,
        )
        + program(
            "nine",
            "/bin/sh -c 'trap \"exit 9\" TERM; echo ready; while :; do sleep 0.1; done'",
            "startsecs=0",
            out=True,
        ),
        [
            wait_all("RUNNING"),
            wait_file("clean.out", "ready"),
            wait_file("nine.out", "ready"),
            *(rpc("stopProcess", name) for name in ("int", "kill", "usr", "clean", "nine")),
            *(
                info(name, "exitstatus", "spawnerr", "statename")
                for name in ("int", "kill", "usr", "clean", "nine")
            ),
            log("stopped: |with signal"),
        ],
        base=DEBUG,
    ),
    Scenario(
        "process: killed from outside",
        program("p", "/bin/sleep 1000", "autorestart=false")
        + program("again", "/bin/sleep 1000", "autorestart=unexpected"),
        [
            wait_all("RUNNING"),
            child_signal("p", signal.SIGTERM),
            wait("p", "EXITED"),
            info("p"),
            child_signal("again", signal.SIGKILL),
            wait_log("spawned: 'again'", 2),
            wait("again", "RUNNING"),
            info("again"),
            log(r"\bp\b|again"),
        ],
    ),
    Scenario(
        "process: stopasgroup and killasgroup",
        program(
            "stop",
            '/bin/sh -c \'sh -c "trap \\"touch @HERE@/told; exit\\" TERM; echo ready; while :; do sleep 0.1; done"; echo over\'',
            "stopasgroup=true",
            "startsecs=0",
            out=True,
        )
        + program(
            "kill",
            "/bin/sh -c 'trap \"\" TERM; sleep 1000; echo over'",
            "killasgroup=true",
            "stopwaitsecs=1",
            "startsecs=0",
            out=True,
        ),
        [
            wait_file("stop.out", "ready"),
            wait("kill", "RUNNING"),
            rpc("stopProcess", "stop"),
            wait_file("told"),
            rpc("stopProcess", "kill"),
            log("SIG", "SIGCHLD"),
            log("SIGCHLD").but("Daemon", "Lines about SIGCHLD", ours=[]),
            lines("stop.out"),
            lines("kill.out"),
        ],
        base=DEBUG,
    ),
    Scenario(
        "process: signals go to the process",
        program(
            "p",
            '/bin/sh -c \'trap "echo hup" HUP; trap "echo usr" USR1; echo ready; while :; do sleep 0.1; done\'',
            "startsecs=0",
            out=True,
        ),
        [
            wait_file("p.out", "ready"),
            rpc("signalProcess", "p", "HUP"),
            wait_file("p.out", "hup"),
            rpc("signalProcess", "p", 10),
            wait_file("p.out", "usr"),
            rpc("signalProcess", "p", "SIGNOSUCH"),
            rpc("stopProcess", "p"),
            rpc("signalProcess", "p", "HUP"),
            lines("p.out"),
            log("sending"),
        ],
        base=DEBUG,
    ),
    Scenario(
        "process: spawn errors",
        program("nofile", "/no/such/file", "startretries=1")
        + program("logdir", "/bin/sleep 1000", "startretries=0").replace(
            "stdout_logfile=NONE", "stdout_logfile=%(here)s/auto"
        )
        + program("parse", "sh -c 'x", "startretries=0")
        + program("blank", "%(ENV_EMPTY)s", "startretries=0"),
        [
            wait_all("FATAL"),
            *(info(name) for name in ("nofile", "logdir", "parse", "blank")),
            log_sorted("nofile|logdir|spawnerr|parse|blank"),
        ],
        env={"EMPTY": ""},
    ),
    Scenario(
        "process: a directory that is not there",
        program("p", "/bin/sleep 1000", "directory=/no/such", "startretries=0", "startsecs=2", out=True),
        [
            wait("p", "FATAL"),
            lines("p.err"),
            info("p", "exitstatus", "statename"),
            info("p", "spawnerr").but("Processes", "names the step"),
            log(r"\bp\b"),
        ],
    ),
    Scenario(
        "process: surroundings",
        program(
            "p",
            "@PROBE@ one 'two three' \"four\" 5\\ 6",
            "umask=027",
            "directory=/tmp",
            'environment=A="1",B="x,y;z",PATH="/bin:/usr/bin",C="%(ENV_FROM)s-%(program_name)s"',
            out=True,
        )
        + program(
            "ignored", "/bin/grep SigIgn /proc/self/status", "startsecs=0", "autorestart=false", out=True
        )
        + program("merged", "@PROBE@", "redirect_stderr=true", "serverurl=http://localhost:1/", out=True),
        [
            wait_file("p.out", "env USER|env TZ"),
            wait_file("merged.out", "env USER|env TZ"),
            wait_file("ignored.out", "SigIgn"),
            lines("p.out", without="^ignored|^descriptors|^umask"),
            lines("p.out", "^umask"),
            lines("p.out", "^descriptors"),
            lines("ignored.out").but(
                "Processes",
                "SIGPIPE, SIGXFSZ and SIGHUP have their default action",
                # bits 12 and 24; whoever runs the tests may ignore others
                re.compile("SigIgn:.t[0-9a-f]{9}[13579bdf]..[13579bdf]..."),
                re.compile("SigIgn:.t[0-9a-f]{9}[02468ace]..[02468ace]..."),
            ),
            lines("merged.out", without="^ignored"),
        ],
        base=BASE.replace("[supervisord]\n", '[supervisord]\nenvironment=A="0",ALL="yes"\n'),
        env={"FROM": "outside"},
    ),
    Scenario(
        "process: redirect_stderr",
        program(
            "p", "/bin/sh -c 'echo out; echo err >&2; exec sleep 1000'", "redirect_stderr=true", out=True
        ),
        [
            wait_file("p.out", "err"),
            lines("p.out"),
            names("p.*"),
            info("p", "stdout_logfile", "stderr_logfile"),
            rpc("readProcessStderrLog", "p", 0, 0),
            rpc("tailProcessStderrLog", "p", 0, 10),
            log("redirect").but("Daemon", "warnings name file and line"),
        ],
    ),
    Scenario(
        "process: numprocs",
        "[program:n]\ncommand=/bin/sh -c 'echo %(process_num)d of %(numprocs)d in %(group_name)s; exec sleep 1000'\n"
        "numprocs=3\nnumprocs_start=5\nprocess_name=%(program_name)s-%(process_num)02d\nstartsecs=0\n"
        "stdout_logfile=%(here)s/n%(process_num)d.out\nstderr_logfile=NONE\n"
        'environment=WHICH="%(process_num)d"\n',
        [
            wait_all("RUNNING"),
            states(),
            wait_file("n7.out", "7 of 3"),
            lines("n7.out"),
            rpc("getProcessInfo", "n"),
            info("n:n-05"),
            rpc_sorted("stopProcess", "n:*"),
            log("spawned"),
        ],
    ),
    Scenario(
        "process: priorities of start and stop",
        program("first", "/bin/sleep 1000", "priority=1", "startsecs=0")
        + program("last", "/bin/sleep 1000", "priority=100", "startsecs=0")
        + program("mid", "/bin/sleep 1000", "priority=50", "startsecs=0")
        + "[group:g]\nprograms=y,x\npriority=20\n"
        + program("x", "/bin/sleep 1000", "priority=1", "startsecs=0")
        + program("y", "/bin/sleep 1000", "priority=2", "startsecs=0"),
        [
            wait_all("RUNNING"),
            states(),
            log("spawned"),
            rpc("shutdown"),
            ended(),
            log("stopped: (first|mid|last)"),
            log_sorted("stopped: [xy]"),
            names("pid"),
            names("s"),
        ],
    ),
    Scenario(
        "process: the daemon is told to end",
        program("p", "/bin/sleep 1000", "startsecs=0")
        + program("b", "/bin/false", "startretries=50", "startsecs=5"),
        [
            wait("p", "RUNNING"),
            # the second time: in the original a signal that comes between fork and exec of p is lost
            wait_log("exited: b", 2),
            send(signal.SIGTERM),
            ended(),
            log(r"SIGTERM|\bp\b", "waiting"),
            names("s"),
            names("pid"),
        ],
    ),
    Scenario(
        "process: SIGINT and SIGQUIT end it too",
        "",
        [send(signal.SIGQUIT), ended(), log("received|supervisord started")],
    ),
    Scenario(
        "process: HUP starts afresh",
        program("p", "/bin/sleep 1000", "startsecs=0"),
        [
            wait("p", "RUNNING"),
            send(signal.SIGHUP),
            wait_log("spawned: 'p'", 2),
            wait("p", "RUNNING"),
            rpc("getState"),
            log(r"\bp\b|SIGHUP|supervisord started", "waiting for"),
        ],
    ),
    Scenario(
        "process: restart over RPC, then shutdown",
        program("p", "/bin/sleep 1000", "startsecs=0"),
        [
            wait("p", "RUNNING"),
            rpc("restart"),
            wait_log("spawned: 'p'", 2),
            wait("p", "RUNNING"),
            rpc("shutdown"),
            ended(),
            log(r"\bp\b|supervisord started", "waiting for"),
        ],
    ),
    Scenario(
        "process: what is refused while it shuts down",
        program("p", STUBBORN, "stopwaitsecs=2", "startsecs=0", "killasgroup=true", out=True),
        [
            wait_file("p.out", "ready"),
            rpc("shutdown"),
            wait_log("waiting for p to die"),
            rpc("getState"),
            rpc("getAllProcessInfo"),
            rpc("startProcess", "p"),
            rpc("reloadConfig"),
            rpc("shutdown"),
            rpc("restart"),
            rpc("sendRemoteCommEvent", "a", "b"),
            ended(),
            log("killing|stopped"),
        ],
    ),
    *(
        [
            Scenario(
                "process: another user",
                program("p", "/bin/sh -c 'id; env; exec sleep 1000'", "user=nobody", "directory=/", out=True)
                + program("own", "@PROBE@", "user=root", "startsecs=0", out=True),
                [
                    wait("p", "RUNNING"),
                    lines("p.out", without="^PPID|^_="),
                    wait_file("own.out", "env TZ"),
                    lines("own.out", "^uid"),
                ],
            )
        ]
        if ROOT
        else []
    ),
]
