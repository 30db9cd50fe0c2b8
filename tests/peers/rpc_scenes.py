"""Scenarios of XML-RPC: structures, faults, names, groups, log reading; must never know how they are run."""

from __future__ import annotations

import re
import signal

from .steps import (
    AS_ROOT,
    BASE,
    SUPERVISORD,
    Scenario,
    child_signal,
    info,
    lines,
    raw_rpc,
    remove,
    rpc,
    rpc_keys,
    rpc_sorted,
    states,
    wait,
    wait_all,
    wait_file,
    wait_log,
    write,
)

SLEEP = "command=/bin/sleep 1000\n"
TWO = """
[program:one]
command=/bin/sleep 1000
startsecs=0
stdout_logfile=%(here)s/one.out
stderr_logfile=%(here)s/one.err
[program:idle]
command=/bin/sleep 1000
autostart=false
startsecs=0
stdout_logfile=NONE
stderr_logfile=NONE
"""
GROUP = """
[group:g]
programs=b,a
priority=5
[program:a]
command=/bin/sleep 1000
startsecs=0
autostart=false
priority=20
stdout_logfile=NONE
stderr_logfile=NONE
[program:b]
command=/bin/sleep 1000
startsecs=0
autostart=false
priority=10
stdout_logfile=NONE
stderr_logfile=NONE
"""
FAULTS = """
[program:nofile]
command=/no/such/file
autostart=false
[program:noexec]
command=@HERE@/noexec
autostart=false
[program:isdir]
command=/tmp
autostart=false
[program:unparsable]
command=sh -c "x
autostart=false
[program:nopath]
command=nosuchcommandatall
autostart=false
[program:quick]
command=/bin/false
autostart=false
startretries=0
[program:up]
command=/bin/sleep 1000
startsecs=0
stdout_logfile=NONE
stderr_logfile=NONE
[program:down]
command=/bin/sleep 1000
startsecs=0
autostart=false
stdout_logfile=%(here)s/missing.log
stderr_logfile=NONE
"""
BROKEN = "Messages about a broken configuration name file, line, section and option"
WITHOUT = "methods are served without"
METHODS = (
    "getState",
    "shutdown",
    "startProcess",
    "getProcessInfo",
    "readProcessStdoutLog",
    "tailProcessStdoutLog",
    "reloadConfig",
    "getAllProcessInfo",
    "sendProcessStdin",
    "signalProcess",
    "stopProcessGroup",
)
CALL = "<?xml version='1.0'?><methodCall><methodName>{}</methodName><params>{}</params></methodCall>"
TAILS = [
    (0, 0),
    (0, 10),
    (0, 100),
    (5, 5),
    (3, 100),
    (20, 5),
    (25, 5),
    (26, 5),
    (100, 10),
    (-5, 5),
    (10, 0),
    (0, 26),
]
READS = [(0, 0), (0, 5), (5, 0), (5, 5), (100, 5), (-5, 0), (-100, 0), (-1, 5), (0, -1), (26, 0), (25, 10)]

SCENARIOS: list[Scenario] = [
    Scenario(
        "rpc: structs of processes",
        TWO,
        [
            wait("one", "RUNNING"),
            rpc("getAllProcessInfo"),
            rpc_keys("getProcessInfo", "idle"),
            rpc("getProcessInfo", "one:one"),
            rpc("getAllConfigInfo"),
            rpc("stopProcess", "one"),
            rpc("getProcessInfo", "one"),
        ],
    ),
    Scenario(
        "rpc: the daemon about itself",
        "",
        [
            rpc("getAPIVersion"),
            rpc("getVersion"),
            rpc("getSupervisorVersion"),
            rpc("getIdentification"),
            rpc("getState"),
            rpc_keys("getPID"),
            rpc("getAllProcessInfo"),
            rpc("getAllConfigInfo"),
            rpc("startAllProcesses"),
            rpc("stopAllProcesses"),
            rpc("signalAllProcesses", "HUP"),
            rpc("clearAllProcessLogs"),
            rpc("sendRemoteCommEvent", "type", "data"),
            rpc("reloadConfig"),
        ],
    ),
    Scenario(
        "rpc: system methods",
        "",
        [
            *(rpc("system.methodSignature", f"supervisor.{name}") for name in METHODS),
            rpc("system.methodSignature", "system.listMethods"),
            rpc("system.methodSignature", "system.multicall"),
            rpc("system.methodSignature", "nosuch.method"),
            rpc("system.methodHelp", "nosuch"),
            rpc("system.methodHelp", "supervisor.nosuch"),
            rpc("system.multicall", []),
            rpc(
                "system.multicall",
                [
                    {"methodName": "supervisor.getAPIVersion", "params": []},
                    {"methodName": "supervisor.getProcessInfo", "params": ["nosuch"]},
                    {"params": []},
                    {"methodName": "system.multicall", "params": [[]]},
                    {"methodName": "supervisor.nosuch", "params": []},
                    {"methodName": "supervisor.getState"},
                    {"methodName": "supervisor.getState", "params": [1, 2, 3]},
                ],
            ),
        ],
    ),
    Scenario(
        "rpc: dispatch of names that are none",
        "",
        [
            *(
                rpc(name)
                for name in (
                    "supervisor.nosuch",
                    "nosuch.getState",
                    "supervisor._update",
                    "supervisor.supervisord.options",
                    "system.namespaces",
                    "supervisor.supervisord",
                    "system.nosuch",
                )
            ),
            rpc("getState", 1),
            rpc("getProcessInfo"),
            rpc("startProcess"),
            rpc("stopProcess", "a", True, 3),
            raw_rpc(CALL.format("getState", "")),
            raw_rpc(CALL.format("", "")),
            raw_rpc(
                "<?xml version='1.0'?><methodCall><methodName>supervisor.getState</methodName></methodCall>"
            ),
            raw_rpc("this is no XML"),
            raw_rpc("<methodCall><params></params></methodCall>"),
            raw_rpc(CALL.format("supervisor.getIdentification", ""), "/RPC2/"),
        ],
    ),
    Scenario(
        "rpc: types of arguments",
        TWO,
        [
            wait("one", "RUNNING"),
            raw_rpc(CALL.format("supervisor.startProcess", "<param><value>one</value></param>")),
            raw_rpc(
                CALL.format(
                    "supervisor.stopProcess",
                    "<param><value>one</value></param><param><value><boolean>1</boolean></value></param>",
                )
            ),
            raw_rpc(
                CALL.format(
                    "supervisor.startProcess",
                    "<param><value><string>one</string></value></param><param><value><i4>1</i4></value></param>",
                )
            ),
            raw_rpc(
                CALL.format(
                    "supervisor.getProcessInfo", "<param><value><base64>bm9zdWNo</base64></value></param>"
                )
            ),
            rpc("getProcessInfo", 1).but(
                "Daemon",
                "Bad types of arguments are faults",
                {"http": 500},
                re.compile("INCORRECT_PARAMETERS"),
            ),
            rpc("readProcessStdoutLog", "one", "x", 0).but(
                "Daemon",
                "Bad types of arguments are faults",
                {"http": 500},
                re.compile("INCORRECT_PARAMETERS"),
            ),
            rpc("readProcessStdoutLog", "one", "0", "5"),
            rpc("signalProcess", "one", 18),
            rpc("signalProcess", "one", "18"),
            rpc("signalProcess", "one", "SIGCONT"),
            rpc("signalProcess", "one", "cont"),
            rpc("signalProcess", "one", "NOSUCH"),
            rpc("signalProcess", "one", 999),
            rpc("sendProcessStdin", "one", 5),
            rpc("sendProcessStdin", "nosuch", 5),
            rpc("sendProcessStdin", "nosuch", "x"),
        ],
    ),
    Scenario(
        "rpc: faults of unknown names",
        GROUP,
        [
            *(
                rpc(method, name, *more)
                for name in ("nosuch", "g:nosuch", "nosuch:a", "nosuch:*", "a", "g", "")
                for method, more in (
                    ("getProcessInfo", ()),
                    ("startProcess", ()),
                    ("stopProcess", ()),
                    ("signalProcess", ("HUP",)),
                    ("readProcessStdoutLog", (0, 0)),
                    ("tailProcessStdoutLog", (0, 0)),
                    ("tailProcessStderrLog", (0, 0)),
                    ("clearProcessLogs", ()),
                    ("sendProcessStdin", ("x",)),
                )
            ),
            *(
                rpc(method, "nosuch", *more)
                for method, more in (
                    ("startProcessGroup", ()),
                    ("stopProcessGroup", ()),
                    ("signalProcessGroup", ("HUP",)),
                    ("addProcessGroup", ()),
                    ("removeProcessGroup", ()),
                )
            ),
            rpc("getProcessInfo", "g:*"),
            rpc("clearProcessLogs", "g:*"),
            rpc("readProcessStdoutLog", "g:*", 0, 0),
            rpc("addProcessGroup", "g"),
        ],
    ),
    Scenario(
        "rpc: faults of start and stop",
        FAULTS,
        [
            wait("up", "RUNNING"),
            rpc("startProcess", "nofile"),
            info("nofile", "statename", "spawnerr", "description"),
            rpc("startProcess", "noexec"),
            rpc("startProcess", "isdir"),
            rpc("startProcess", "unparsable"),
            rpc("startProcess", "nopath"),
            rpc("startProcess", "quick"),
            rpc("startProcess", "up"),
            rpc("startProcess", "up", False),
            rpc("stopProcess", "down"),
            rpc("stopProcess", "down", False),
            rpc("signalProcess", "down", "HUP"),
            rpc("sendProcessStdin", "down", "x"),
            rpc("readProcessStdoutLog", "down", 0, 0),
            rpc("readProcessStderrLog", "down", 0, 0),
            rpc("tailProcessStdoutLog", "down", 0, 10),
            rpc("tailProcessStderrLog", "down", 0, 10),
            rpc("removeProcessGroup", "up"),
            rpc("addProcessGroup", "up"),
            rpc("stopProcess", "up"),
            rpc("startProcess", "up"),
            rpc("stopProcess", "up", False),
            wait("up", "STOPPED"),
            rpc("startProcess", "up", False),
            wait("up", "RUNNING"),
        ],
        files={"noexec": "#!/bin/sh\n"},
    ),
    Scenario(
        "rpc: groups and all",
        GROUP + TWO,
        [
            wait("one", "RUNNING"),
            rpc_sorted("startProcessGroup", "g"),
            wait("g:a", "RUNNING"),
            wait("g:b", "RUNNING"),
            rpc("startProcessGroup", "g"),
            rpc("signalProcessGroup", "g", "CONT"),
            rpc("signalProcessGroup", "g", "NOSUCH"),
            rpc("stopProcess", "g:a"),
            rpc("signalProcess", "g:*", "CONT"),
            rpc("startProcess", "g:*"),
            rpc_sorted("stopProcess", "g:*"),
            rpc("stopProcessGroup", "g"),
            rpc_sorted("startProcess", "g:", False),
            rpc_sorted("stopProcessGroup", "g", False),
            wait("g:a", "STOPPED"),
            wait("g:b", "STOPPED"),
            rpc_sorted("startAllProcesses"),
            rpc_sorted("startAllProcesses"),
            rpc("signalAllProcesses", "CONT"),
            rpc_sorted("stopAllProcesses"),
            wait_all("STOPPED"),
            states(),
            rpc_sorted("startAllProcesses", False),
            wait_all("RUNNING"),
            rpc_sorted("clearAllProcessLogs"),
        ],
    ),
    Scenario(
        "rpc: a group with one that fails",
        FAULTS + "[group:mixed]\nprograms=nofile,up,quick,isdir\n",
        [
            wait("mixed:up", "RUNNING"),
            rpc_sorted("startProcessGroup", "mixed"),
            rpc("removeProcessGroup", "mixed"),
        ],
    ),
    Scenario(
        "rpc: add and remove groups",
        GROUP,
        [
            rpc("addProcessGroup", "g"),
            rpc("startProcess", "g:a"),
            rpc("removeProcessGroup", "g"),
            rpc("stopProcess", "g:a"),
            rpc("removeProcessGroup", "g"),
            rpc("removeProcessGroup", "g"),
            states(),
            rpc("startProcess", "g:a"),
            rpc("getAllConfigInfo"),
            rpc("addProcessGroup", "g"),
            states(),
        ],
    ),
    Scenario(
        "rpc: tails and reads of a log",
        TWO.replace("/bin/sleep 1000", "/bin/sh -c 'printf abcdefghijklmnopqrstuvwxy; exec sleep 1000'", 1),
        [
            wait_file("one.out", "y$"),
            *(rpc("tailProcessStdoutLog", "one", *where) for where in TAILS),
            *(rpc("readProcessStdoutLog", "one", *where) for where in READS),
            rpc("readProcessLog", "one", 0, 3),
            rpc("tailProcessLog", "one", 0, 3),
            rpc("readProcessStderrLog", "one", 0, 0),
            rpc("tailProcessStderrLog", "one", 0, 10),
            rpc("clearProcessLog", "one"),
            rpc("readProcessStdoutLog", "one", 0, 0),
            rpc("tailProcessStdoutLog", "one", 0, 10),
            rpc("tailProcessStdoutLog", "one", 7, 10),
            rpc("tailProcessStdoutLog", "one", 0, 0),
            rpc("tailProcessStdoutLog", "idle", 3, 10),
            rpc("readProcessStdoutLog", "idle", 0, 0),
            rpc("readProcessStderrLog", "idle", 0, 0),
            rpc("clearProcessLogs", "idle"),
        ],
    ),
    Scenario(
        "rpc: text that is hard to send",
        TWO.replace("/bin/sleep 1000", "/bin/cat @HERE@/hard", 1).replace(
            "startsecs=0", "startsecs=0\nautorestart=no"
        ),
        [
            wait_file("one.out", "end"),
            rpc("readProcessStdoutLog", "one", 0, 0),
            rpc("tailProcessStdoutLog", "one", 0, 20),
            rpc("readProcessStdoutLog", "one", 1, 3).but(
                "Daemon", "replace what is no UTF-8", {"http": 500}, re.compile("\ufffd")
            ),
        ],
        files={"hard": "é < & > \" ' ]]> ünï\tend\n"},
    ),
    Scenario(
        "rpc: the main log",
        "",
        [
            wait_log("supervisord started"),
            rpc("readLog", -1, 5),
            rpc("readLog", 0, -1),
            rpc("readLog", 1000000, 5),
            rpc_keys("readMainLog", 0, 4),
            rpc("clearLog"),
            rpc("readLog", 0, 0),
            remove("main.log"),
            rpc("readLog", 0, 0),
            rpc("clearLog"),
        ],
    ),
    Scenario(
        "rpc: descriptions",
        FAULTS,
        [
            wait("up", "RUNNING"),
            info("up", "description"),
            info("down", "description", "start", "stop", "exitstatus", "spawnerr"),
            rpc("stopProcess", "up"),
            info("up", "description", "exitstatus", "spawnerr", "pid"),
            rpc("startProcess", "quick"),
            wait("quick", "FATAL"),
            info("quick", "description", "exitstatus", "spawnerr", "pid"),
            rpc("startProcess", "up"),
            child_signal("up", signal.SIGKILL),
            wait("up", "RUNNING"),
        ],
    ),
    Scenario(
        "rpc: standard input",
        """
[program:cat]
command=/bin/cat
stdout_logfile=%(here)s/cat.out
startsecs=0
[program:deaf]
command=@PYTHON@ -c "import os,time; os.close(0); print('closed', flush=True); time.sleep(1000)"
stdout_logfile=%(here)s/deaf.out
startsecs=0
""",
        [
            wait("cat", "RUNNING"),
            rpc("sendProcessStdin", "cat", "hello\n"),
            rpc("sendProcessStdin", "cat", "grüße\n"),
            wait_file("cat.out", "grü"),
            lines("cat.out"),
            wait_file("deaf.out", "closed"),
            rpc("sendProcessStdin", "deaf", "x"),
        ],
    ),
    Scenario(
        "rpc: a namespace that is not there",
        "",
        [
            rpc("supervisor.getState").but("Plug-ins", WITHOUT, {"fault": [1, "UNKNOWN_METHOD"]}),
            rpc("system.listMethods").but("Plug-ins", WITHOUT),
        ],
        base=SUPERVISORD + AS_ROOT + "[unix_http_server]\nfile=%(here)s/s\n",
    ),
    Scenario(
        "rpc: reload with a broken file",
        TWO,
        [
            write("conf", BASE + "[program:x]\nautostart=true\n"),
            rpc("reloadConfig").but(
                "Daemon",
                BROKEN,
                re.compile("CANT_REREAD: program section"),
                re.compile("conf:1[4-7]: .*does not specify a command"),
            ),
            write("conf", BASE + "[program:x]\ncommand=/bin/true\nstartsecs=abc\n"),
            rpc("reloadConfig").but(
                "Daemon",
                BROKEN,
                re.compile("CANT_REREAD: invalid literal"),
                re.compile("conf:1[4-7]: .*startsecs.*invalid literal"),
            ),
            write("conf", BASE + "[program:x]\ncommand=/bin/true\nfoo\n"),
            rpc("reloadConfig").but(
                "Daemon",
                BROKEN,
                re.compile("CANT_REREAD: Source contains"),
                re.compile("conf:1[4-7]: .*neither a"),
            ),
            remove("conf"),
            rpc("reloadConfig"),
            write("conf", BASE + TWO),
            rpc("reloadConfig"),
        ],
    ),
]
