"""Scenarios of supervisorctl, each one's own and crosswise; must never know how they are run."""

from __future__ import annotations

import re

from .process_scenes import STUBBORN, program
from .rpc_scenes import FAULTS, GROUP, TWO
from .steps import (
    AS_ROOT,
    SUPERVISORD,
    Scenario,
    ctl,
    ctl_both,
    ctl_exit,
    ctl_first,
    ctl_sorted,
    ctl_syntax,
    ctl_topics,
    ended,
    follow,
    rpc,
    wait,
    wait_all,
    wait_file,
    wait_log,
    write,
)

BASIC = (
    SUPERVISORD
    + AS_ROOT
    + """
[unix_http_server]
file=%(here)s/s
username=me
password=secret
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://%(here)s/s
username=me
password=secret
prompt=mine
"""
)
ONE_LINE = "are one clear line where Supervisor prints an exception"
COMMANDS = [
    "add",
    "avail",
    "clear",
    "exit",
    "fg",
    "maintail",
    "open",
    "pid",
    "quit",
    "reload",
    "remove",
    "reread",
    "restart",
    "shutdown",
    "signal",
    "start",
    "status",
    "stop",
    "tail",
    "update",
    "version",
    "help",
]
TEXT = "abcdefghijklmnopqrstuvwxy"
WRITER = program("w", f"/bin/sh -c 'echo {TEXT}; echo oops >&2; exec sleep 1000'", "startsecs=0", out=True)
USAGE = [
    ctl_first(*words)
    for words in (
        ("start",), ("stop",), ("restart",), ("signal",), ("signal", "HUP"), ("clear",), ("fg",), ("fg", "a", "b"),
        ("fg", "nosuch"), ("tail",), ("tail", "a", "stdout", "x"), ("tail", "one", "nosuch"), ("tail", "-f"),
        ("tail", "-x", "one"), ("maintail", "a", "b"), ("maintail", "-x"), ("avail", "x"), ("reread", "x"),
        ("reload", "x"), ("shutdown", "x"), ("version", "x"), ("nosuch",), ("nosuch", "word"), ("open", "ftp://x"),
        ("tail", "nosuch"), ("tail", "idle"), ("tail", "one", "STDERR"),
    )
]  # fmt: skip

SCENARIOS: list[Scenario] = [
    Scenario(
        "ctl: status",
        GROUP + TWO,
        [
            wait("one", "RUNNING"),
            *ctl_both("status"),
            *ctl_both("status", "all"),
            *ctl_both("status", "one"),
            *ctl_both("status", "idle"),
            *ctl_both("status", "nosuch"),
            *ctl_both("status", "nosuch", "one"),
            ctl("status", "nosuch", "idle"),
            ctl("status", "one", "one"),
            ctl("status", "g:a", "one"),
            ctl("status", "nosuch:*"),
            ctl("status", "g:nosuch"),
            *ctl_both("status", "g:*"),
            *ctl_both("avail"),
            *ctl_both("version"),
            *ctl_both("pid", "idle"),
            ctl("pid", "nosuch"),
            ctl("pid", "nosuch", "idle"),
            ctl_exit("pid", "one"),
            ctl_exit("pid"),
            ctl_exit("pid", "all"),
        ],
    ),
    Scenario(
        "ctl: status of long names",
        program("a" * 40, "/bin/sleep 1000", "autostart=false")
        + "[group:averylonggroupname]\nprograms="
        + "a" * 40,
        [*ctl_both("status"), *ctl_both("avail")],
    ),
    Scenario(
        "ctl: start, stop and restart",
        FAULTS,
        [
            wait("up", "RUNNING"),
            ctl("start", "up"),
            ctl("start", "nofile"),
            ctl("start", "noexec"),
            ctl("start", "quick"),
            ctl("start", "nosuch"),
            ctl("start", "nosuch", "down"),
            ctl("stop", "down", other=True),
            ctl("stop", "down"),
            ctl("stop", "nosuch", "up"),
            ctl("restart", "up", other=True),
            ctl("restart", "up"),
            ctl("restart", "nosuch"),
            ctl("restart", "quick"),
            ctl("start", "up:up"),
            ctl("start", "up", "down", "nosuch"),
            ctl("stop", "up", "down"),
            ctl("start", "isdir"),
            ctl("start", "unparsable"),
        ],
        files={"noexec": "#!/bin/sh\n"},
    ),
    Scenario(
        "ctl: groups and all",
        GROUP + TWO,
        [
            wait("one", "RUNNING"),
            ctl_sorted("start", "g:*"),
            ctl("start", "g:*"),
            ctl_sorted("restart", "g:*"),
            ctl_sorted("stop", "g:"),
            ctl("stop", "g:*"),
            ctl("start", "nosuch:*"),
            ctl("stop", "nosuch:*"),
            ctl("restart", "nosuch:*"),
            ctl("signal", "HUP", "nosuch:*"),
            ctl_sorted("start", "all"),
            ctl("start", "all"),
            ctl_sorted("restart", "all"),
            ctl_sorted("stop", "all"),
            ctl("stop", "all"),
            ctl("restart", "g:a", "g:b"),
            ctl("start", "a"),
            ctl("start", "g"),
        ],
    ),
    Scenario(
        "ctl: signal",
        GROUP + TWO,
        [
            wait("one", "RUNNING"),
            ctl("signal", "CONT", "one"),
            ctl("signal", "18", "one", other=True),
            ctl("signal", "SIGCONT", "one", "idle"),
            ctl("signal", "NOSUCH", "one"),
            ctl("signal", "NOSUCH", "all"),
            ctl("signal", "CONT", "nosuch"),
            ctl("signal", "CONT", "idle"),
            ctl("signal", "CONT", "g:*"),
            rpc("startProcess", "g:a"),
            ctl("signal", "CONT", "g:*"),
            ctl("signal", "CONT", "all", other=True),
        ],
    ),
    Scenario("ctl: wrong usage", TWO, [wait("one", "RUNNING"), *USAGE]),
    Scenario(
        "ctl: tail",
        WRITER,
        [
            wait_file("w.out", "y\n"),
            wait_file("w.err", "oops"),
            *ctl_both("tail", "w"),
            *ctl_both("tail", "-5", "w"),
            *ctl_both("tail", "-0", "w"),
            *ctl_both("tail", "w", "stderr"),
            ctl("tail", "w", "stdout"),
            ctl("tail", "-100000", "w"),
            ctl("tail", "w:w"),
            *ctl_both("maintail", "-9"),
            ctl("maintail"),
            ctl("clear", "w"),
            ctl("tail", "w"),
            ctl("clear", "w", "nosuch"),
            ctl("clear", "all"),
            ctl("clear", "w:*").but("supervisorctl", "clears the logs of the group", re.compile("w:None")),
        ],
    ),
    Scenario(
        "ctl: tail -f and maintail -f",
        WRITER,
        [
            wait_file("w.out", "y\n"),
            wait("w", "RUNNING"),
            wait_file("w.err", "oops"),
            follow("tail", "-f", "w", enough="y\n"),
            follow("tail", "-f", "w", "stderr", enough="oops\n"),
            follow("maintail", "-f", enough="seconds (startsecs)\n"),
            ctl("tail", "-f", "nosuch").but("supervisorctl", "of an unknown program exits 1"),
        ],
    ),
    Scenario(
        "ctl: fg",
        program("cat", "/bin/cat", "startsecs=0", out=True) + program("idle", "/bin/cat", "autostart=false"),
        [
            wait("cat", "RUNNING"),
            ctl("fg", "idle"),
            ctl("fg", "nosuch"),
            follow("fg", "cat", enough="hello\n", stdin="hello\n").but(
                "supervisorctl", "uses the stream socket"
            ),
            follow("fg", "cat", enough="again\n", stdin="again\n", other=True),
            ctl("status"),
        ],
    ),
    Scenario(
        "ctl: help",
        "",
        [
            ctl_topics(),
            *(ctl_syntax(command) for command in COMMANDS),
            ctl("help", "nosuch"),
            ctl_first("?"),
            ctl_exit("help", "help"),
        ],
    ),
    Scenario(
        "ctl: the shell",
        GROUP + TWO,
        [
            wait("one", "RUNNING"),
            ctl(stdin="status one\n\nnosuch\nversion\nexit\nstatus\n"),
            ctl(stdin="stop one\nstart one\nstatus one idle\n"),
            ctl(stdin="quit\n"),
            ctl(stdin=""),
            ctl(stdin="help nosuch\n"),
            ctl(stdin="shutdown\nn\nreload\nn\nstatus one\n"),
            ctl(stdin="pid idle\navail\nopen x\n"),
            ctl(stdin="status one\n", other=True),
        ],
    ),
    Scenario(
        "ctl: reload and shutdown",
        TWO,
        [
            wait("one", "RUNNING"),
            ctl("reload"),
            wait_log("spawned: 'one'", 2),
            wait("one", "RUNNING"),
            ctl("shutdown", other=True),
            ended(),
            ctl("shutdown"),
            ctl("status"),
        ],
    ),
    Scenario(
        "ctl: while it shuts down",
        program("p", STUBBORN, "stopwaitsecs=60", "startsecs=0", "killasgroup=true", out=True),
        [
            wait_file("p.out", "ready"),
            ctl("shutdown"),
            wait_log("waiting for p to die"),
            ctl("shutdown"),
            ctl("reread"),
            ctl("avail"),
            ctl("add", "x"),
            ctl("update"),
            ctl("reload"),
            *(
                ctl(*words).but(
                    "supervisorctl", ONE_LINE, re.compile("SHUTDOWN_STATE"), re.compile('"exit": 1')
                )
                for words in (("status",), ("start", "p"), ("pid",), ("tail", "p"))
            ),
        ],
    ),
    Scenario(
        "ctl: no server there",
        "",
        [
            *(
                ctl(word, *more)
                for word, *more in (
                    ("status",),
                    ("start", "x"),
                    ("pid",),
                    ("version",),
                    ("tail", "x"),
                    ("maintail",),
                    ("fg", "x"),
                    ("signal", "HUP", "x"),
                    ("shutdown",),
                    ("clear", "x"),
                    ("stop", "x"),
                    ("restart", "x"),
                )
            ),
            *(
                ctl(*words).but("supervisorctl", ONE_LINE)
                for words in (
                    ("avail",),
                    ("reread",),
                    ("update",),
                    ("add", "x"),
                    ("remove", "x"),
                    ("reload",),
                )
            ),
            ctl("status", options=("-s", "http://127.0.0.1:@PORT2@")),
            ctl("shutdown", options=("-s", "http://127.0.0.1:@PORT2@")),
            ctl(stdin="status\n"),
            ctl_exit("open", "http://127.0.0.1:@PORT2@").but(
                "supervisorctl", "of a server that cannot be reached 4", 0, 4
            ),
        ],
        start=False,
    ),
    Scenario(
        "ctl: options and files",
        TWO,
        [
            wait("one", "RUNNING"),
            ctl("status", options=("-s", "unix://@HERE@/s")),
            ctl("status", options=("--serverurl=unix://@HERE@/s",)),
            ctl("status", options=("--server", "unix://@HERE@/s", "-i")),
            ctl("status", options=("-c", "@HERE@/missing")),
            ctl("status", options=("-c", "@HERE@")).but(
                "Daemon", "Messages about a broken configuration name file"
            ),
            ctl("status", options=("-s", "foo")),
            ctl("status", options=("--bogus",)),
            ctl("status", options=("-u",)),
            ctl_exit(options=("-h",)),
            write("noctl", "[supervisord]\n"),
            ctl("status", options=("-c", "@HERE@/noctl")).but(
                "Daemon", "Messages about a broken configuration name file"
            ),
            write("broken", "[supervisorctl]\nfoo\n"),
            ctl_exit("status", options=("-c", "@HERE@/broken")).but(
                "supervisorctl", "with a syntax error 2", 1, 2
            ),
            ctl("status", options=()),
        ],
    ),
    Scenario(
        "ctl: passwords",
        program("p", "/bin/sleep 1000", "startsecs=0", out=True),
        [
            wait("p", "RUNNING"),
            ctl("status"),
            ctl("status", other=True),
            ctl("tail", "p"),
            ctl("status", options=("-c", "@HERE@/conf", "-u", "me", "-p", "wrong")).but(
                "supervisorctl", ONE_LINE
            ),
            ctl_exit("status", options=("-c", "@HERE@/conf", "-u", "me", "-p", "wrong")),
            ctl("status", options=("-s", "unix://@HERE@/s", "-u", "me", "-p", "secret")),
            ctl(stdin="status\n"),
        ],
        base=BASIC,
        login=("me", "secret"),
    ),
    Scenario(
        "ctl: all in backoff and fatal",
        program("fatal", "/bin/false", "startretries=0", "startsecs=5")
        + program("nofile", "/no/such", "startretries=0")
        + program("exited", "/bin/sleep 0.3", "startsecs=0", "autorestart=false"),
        [
            wait_all("FATAL", "EXITED"),
            *ctl_both("status"),
            *ctl_both("status", "fatal"),
            ctl("start", "nofile"),
            ctl("stop", "fatal"),
            ctl("clear", "fatal"),
        ],
    ),
]
