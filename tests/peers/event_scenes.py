"""Scenarios of events, capture and FastCGI; must never know how they are run."""

from __future__ import annotations

import re
import signal

from .process_scenes import program
from .steps import (
    BASE,
    Scenario,
    Step,
    child_signal,
    ctl,
    info,
    lines,
    lines_sorted,
    log,
    mode,
    names,
    rpc,
    states,
    supervisord,
    wait,
    wait_all,
    wait_file,
    write,
)


def listener(name: str, events: str, *more: str) -> str:
    return (
        f"[eventlistener:{name}]\ncommand=@LISTENER@ @HERE@/{name}.events\nevents={events}\nbuffer_size=100\n"
        "stderr_logfile=%(here)s/NAME.err\nstdout_logfile=NONE\n".replace("NAME", name)
        + "".join(f"{m}\n" for m in more)
    )


def heard(name: str, pattern: str) -> Step:
    return lines(f"{name}.events", pattern)


TALK = "<!--XSUPERVISOR:BEGIN-->hello<!--XSUPERVISOR:END-->"
DONE = [rpc("sendRemoteCommEvent", "done", "x"), wait_file("all.events", "type:done")]
ALL = listener("all", "EVENT", "startsecs=0")
MANUAL = "autostart=false"

SCENARIOS: list[Scenario] = [
    Scenario(
        "events: more than ASCII",
        ALL
        + program("täglich", "/bin/sh -c 'echo héé 日本; sleep 1000'", MANUAL, "stdout_events_enabled=true"),
        [
            wait("all", "RUNNING"),
            rpc("sendRemoteCommEvent", "é", "€ 𐍈 日本 end"),
            rpc("startProcess", "täglich"),
            wait_file("all.events", "PROCESS_LOG_STDOUT"),
            *DONE,
            heard("all", "REMOTE"),
            heard("all", "PROCESS_LOG"),
            heard("all", "PROCESS_STATE_STARTING.*lich"),
        ],
    ),
    Scenario(
        "events: a normal life, a failed one, a stop in BACKOFF",
        ALL
        + program("life", "/bin/sleep 1000", MANUAL)
        + program("fatal", "/bin/sh -c 'sleep 0.3; exit 1'", MANUAL, "startretries=1", "startsecs=5")
        + program("back", "/bin/sh -c 'sleep 0.3; exit 1'", MANUAL, "startretries=9", "startsecs=5")
        + program("nofile", "/no/such", MANUAL, "startretries=0"),
        [
            wait("all", "RUNNING"),
            rpc("startProcess", "life"),
            rpc("stopProcess", "life"),
            rpc("startProcess", "fatal"),
            rpc("startProcess", "back"),
            # it then waits for three seconds: long enough for the stop to come in time on both sides
            wait_file("all.events", "BACKOFF.*processname:back .*tries:3"),
            wait("back", "BACKOFF"),
            rpc("stopProcess", "back"),
            rpc("startProcess", "nofile"),
            wait("fatal", "FATAL"),
            *DONE,
            *(heard("all", f"processname:{name} ") for name in ("life", "fatal", "back", "nofile")),
            heard("all", "REMOTE"),
        ],
    ),
    Scenario(
        "events: exits",
        ALL
        + program("ok", "/bin/sleep 0.3", MANUAL, "startsecs=0", "autorestart=false")
        + program("bad", "/bin/sh -c 'sleep 0.3; exit 3'", MANUAL, "startsecs=0", "autorestart=false")
        + program("killed", "/bin/sleep 1000", MANUAL, "startsecs=0", "autorestart=false"),
        [
            wait("all", "RUNNING"),
            *(rpc("startProcess", name) for name in ("ok", "bad", "killed")),
            child_signal("killed", signal.SIGKILL),
            *(wait(name, "EXITED") for name in ("ok", "bad", "killed")),
            *DONE,
            *(heard("all", f"processname:{name} ") for name in ("ok", "bad", "killed")),
        ],
    ),
    Scenario(
        "events: groups come and go",
        ALL + program("p", "/bin/sleep 1000", "startsecs=0"),
        [
            wait_all("RUNNING"),
            write("conf", BASE + ALL + program("n", "/bin/sleep 1000", MANUAL)),
            ctl("update"),
            *DONE,
            heard("all", "PROCESS_GROUP"),
            heard("all", "processname:p "),
            heard("all", "SUPERVISOR_STATE"),
            states(),
            info("all", "statename"),
            log("listener|all"),
        ],
    ),
    Scenario(
        "events: pools take what they asked for",
        listener("states", "PROCESS_STATE_RUNNING,PROCESS_STATE_STOPPED", "startsecs=0")
        + listener("remote", "remote_communication", "startsecs=0")
        + program("p", "/bin/sleep 1000", MANUAL),
        [
            wait("states", "RUNNING"),
            wait("remote", "RUNNING"),
            rpc("startProcess", "p"),
            rpc("stopProcess", "p"),
            rpc("sendRemoteCommEvent", "kind", "some data"),
            rpc("sendRemoteCommEvent", 5, True),
            wait_file("remote.events", "type:5"),
            wait_file("states.events", "STOPPED"),
            heard("remote", ""),
            heard("states", "processname:p "),
        ],
    ),
    Scenario(
        "events: capture and logs",
        ALL
        + program(
            "c",
            f"/bin/sh -c 'echo before; printf \"{TALK}\"; echo after; exec sleep 1000'",
            "stdout_capture_maxbytes=1KB",
            "startsecs=0",
            out=True,
        )
        + program(
            "l",
            "/bin/sh -c 'echo out; exec sleep 1000'",
            MANUAL,
            "stdout_events_enabled=true",
            "startsecs=0",
            out=True,
        )
        + program(
            "e",
            "/bin/sh -c 'echo err >&2; exec sleep 1000'",
            MANUAL,
            "stderr_events_enabled=true",
            "startsecs=0",
            out=True,
        ),
        [
            wait("all", "RUNNING"),
            rpc("startProcess", "l"),
            rpc("startProcess", "e"),
            wait_file("all.events", "channel:stdout"),
            wait_file("all.events", "channel:stderr"),
            wait_file("all.events", "PROCESS_COMMUNICATION"),
            rpc("stopProcess", "c"),
            heard("all", "PROCESS_LOG_STDOUT"),
            heard("all", "PROCESS_LOG_STDERR"),
            heard("all", "PROCESS_COMM"),
            lines("c.out", "before|hello"),
        ],
    ),
    Scenario(
        "events: what is refused is offered again",
        listener("all", "REMOTE_COMMUNICATION", "startsecs=0").replace(".events", ".events FAIL", 1),
        [
            wait("all", "RUNNING"),
            rpc("sendRemoteCommEvent", "kind", "data"),
            wait_file("all.events", "type:kind"),
            heard("all", ""),
            log("rejected"),
        ],
    ),
    Scenario(
        "events: the daemon's beginning and end",
        ALL
        + program(
            "p", "/bin/sh -c 'trap \"sleep 3; exit\" TERM; while :; do sleep 0.1; done'", "startsecs=0"
        ),
        [
            wait_all("RUNNING"),
            wait_file("all.events", "processname:p .*RUNNING|RUNNING.*processname:p "),
            lines_sorted("all.events", "PROCESS_GROUP|SUPERVISOR|processname:p "),
            rpc("shutdown"),
            wait_file("all.events", "CHANGE_STOPPING"),
            lines("all.events", "CHANGE_STOPPING"),
        ],
    ),
    Scenario(
        "events: a listener that breaks the protocol",
        "[eventlistener:l]\ncommand=/bin/sh -c 'echo nonsense; exec sleep 1000'\nevents=TICK\nstartsecs=0\n"
        "stderr_logfile=NONE\nstdout_logfile=%(here)s/l.out\n",
        [
            wait_file("l.out", "nonsense"),
            wait_file("main.log", "has entered the UNKNOWN state"),
            log("UNKNOWN").but("Events", "is restarted", ours=re.compile("UNKNOWN state.*; it is restarted")),
        ],
    ),
    Scenario(
        "fcgi: sockets",
        "[fcgi-program:f]\nsocket=unix://%(here)s/f.sock\nsocket_mode=0770\ncommand=@PROBE@\nnumprocs=2\n"
        "process_name=f%(process_num)d\nstartsecs=0\nstdout_logfile=%(here)s/f%(process_num)d.out\nstderr_logfile=NONE\n"
        "[fcgi-program:t]\nsocket=tcp://127.0.0.1:@PORT@\ncommand=@PROBE@\nstartsecs=0\n"
        "stdout_logfile=%(here)s/t.out\nstderr_logfile=NONE\n",
        [
            wait_all("RUNNING"),
            wait_file("f0.out", "env TZ"),
            wait_file("t.out", "env TZ"),
            lines("f0.out", "^descriptors"),
            lines("t.out", "^descriptors"),
            lines("t.out", "^env SUPERVISOR"),
            mode("f.sock"),
            rpc("getProcessInfo", "f:f1"),
            rpc("stopProcessGroup", "t"),
            log("socket tcp"),
            log("Creating socket"),
            rpc("getAllConfigInfo"),
            names("f.sock"),
        ],
    ),
    Scenario(
        "fcgi: a socket that cannot be made",
        "[fcgi-program:f]\nsocket=unix:///no/such/f.sock\ncommand=/bin/sleep 1000\n",
        [
            supervisord("-n", "-c", "@HERE@/conf").but(
                "Daemon",
                "FastCGI socket that cannot be made",
                re.compile("^.1,.*Traceback"),
                re.compile("^.2,.*Error: Could not create FastCGI socket"),
            )
        ],
        start=False,
    ),
]
