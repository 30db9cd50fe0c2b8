"""Scenarios of configurations: what is refused and how, includes, expansions, values; must never know how they are run."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .process_scenes import program
from .steps import (
    BASE,
    ROOT,
    SUPERVISORD,
    Scenario,
    Step,
    lines,
    log,
    refused,
    rpc,
    states,
    supervisord,
    wait_all,
    wait_file,
    write,
)

CONF = ("-c", "@HERE@/bad")
FILE_AND_LINE = "Messages about a broken configuration name file, line"
OK = BASE.replace("%(here)s/s\n", "%(here)s/s\n")


def mistake(text: str, reason: str, ours: str = "", base: str = OK) -> list[Step]:
    """A file that is refused; ``reason``: what both messages have in them (``ours``: what ours has instead)."""
    return [
        write("bad", base + text),
        refused(*CONF).but(
            "Daemon",
            FILE_AND_LINE,
            re.compile(rf"^\[2, .*{reason}", re.DOTALL),
            re.compile(rf"^\[2, .*{ours or reason}", re.DOTALL),
        ),
    ]


def bad_program(option: str, reason: str, ours: str = "") -> list[Step]:
    return mistake(f"[program:x]\ncommand=/bin/true\n{option}\n", reason, ours)


def flat(*parts: Sequence[Step]) -> list[Step]:
    return [step for part in parts for step in part]


ECHO = program("e", "/bin/echo", "startsecs=0", "autorestart=false", out=True)


def said(name: str, command: str, *more: str) -> str:
    """A program that says something and ends."""
    return program(name, command, "startsecs=0", "autorestart=false", *more, out=True)


SCENARIOS: list[Scenario] = [
    Scenario(
        "config: command lines",
        "",
        [
            supervisord("-v"),
            supervisord("--version"),
            supervisord("--bogus"),
            supervisord("-c"),
            supervisord("foo"),
            supervisord("-c", "@HERE@/missing"),
            supervisord("-c", "@HERE@/conf", "-e", "nosuch"),
            supervisord("-c", "@HERE@/conf", "-m", "9x"),
            supervisord("-c", "@HERE@/conf", "-y", "1k"),
            supervisord("-c", "@HERE@/conf", "-z", "x"),
            supervisord("-c", "@HERE@/conf", "-d", "/no/such"),
            supervisord("-c", "@HERE@/conf", "-l", "/no/such/log"),
            supervisord("-c", "@HERE@/conf", "-a", "x"),
            supervisord("-c", "@HERE@/conf", "-n", "-n"),
            supervisord("-c", "@HERE@/conf", "--iden"),
            supervisord("-c", "@HERE@/conf", "--min=3"),
            supervisord("-c", "@HERE@/conf", "-u", "nosuchuser").but("Daemon", FILE_AND_LINE),
        ],
        start=False,
    ),
    Scenario(
        "config: no file found",
        "",
        [
            supervisord("-n").but(
                "Daemon",
                "names the file that was found",
                re.compile("UserWarning.*No config file found"),
                re.compile("Error: No config file found"),
            )
            if ROOT  # Supervisor says something to root alone
            else supervisord("-n")
        ],
        start=False,
    ),
    Scenario(
        "config: options of the command line",
        program("p", "/bin/sleep 1000", "startsecs=0"),
        [
            wait_all("RUNNING"),
            rpc("getIdentification"),
            lines("other.log", "spawned"),
            lines("other.pid", "x"),
        ],
        words=("-i", "other", "-l", "other.log", "--pidf=other.pid", "-e", "DEBUG"),
    ),
    Scenario(
        "config: broken files",
        "",
        flat(
            mistake("foo\n", "[Ss]ource contains parsing errors|neither a"),
            mistake("x=1\n", "no section headers", "no section|outside|before", base=""),
            mistake("", "does not include supervisord section", base="[program:x]\ncommand=x\n"),
            mistake("[program:x]\n", "does not specify a command"),
            mistake("[include]\n", "no files setting"),
            mistake("[unix_http_server:y]\n", "has no file value"),
            mistake("[inet_http_server]\n", "has no port value"),
            mistake("[inet_http_server]\nport=abc\n", "not a valid port number"),
            mistake("[inet_http_server]\nport=99999\n", "not a valid port number"),
            mistake("[inet_http_server]\nport=1234\nusername=x\n", "incomplete authentication"),
            mistake("[unix_http_server:y]\nfile=@HERE@/y\nchmod=9\n", "Invalid chmod value"),
            mistake("[unix_http_server:y]\nfile=@HERE@/y\nchown=nosuchuser\n", "Invalid sockchown value"),
            mistake("[rpcinterface:y]\n", "does not specify a supervisor.rpcinterface_factory"),
            mistake(
                "[rpcinterface:y]\nsupervisor.rpcinterface_factory=nosuch.module:f\n",
                "cannot be resolved within",
            ),
        ),
        start=False,
    ),
    Scenario(
        "config: values of programs that are refused",
        "",
        flat(
            bad_program("startsecs=abc", "invalid literal for int"),
            bad_program("startretries=1.5", "invalid literal for int"),
            bad_program("priority=high", "invalid literal for int"),
            bad_program("numprocs=x", "invalid literal for int"),
            bad_program("numprocs=2", "must be present within process_name"),
            bad_program("autostart=maybe", "not a valid boolean value"),
            bad_program("autorestart=maybe", "invalid 'autorestart' value"),
            bad_program("exitcodes=0,x", "not a valid list of exit codes"),
            bad_program("exitcodes=256", "not a valid list of exit codes"),
            bad_program("stopsignal=NOSUCH", "is not a valid signal name"),
            bad_program("stopsignal=999", "is not a valid signal number"),
            bad_program(
                "stopasgroup=true\nkillasgroup=false", "Cannot set stopasgroup=true and killasgroup=false"
            ),
            bad_program("umask=9", "can not be converted to an octal type"),
            bad_program("user=nosuchuser", "Invalid user name nosuchuser"),
            bad_program("stdout_logfile=/no/such/x.log", "The directory named as part of the path"),
            bad_program("stdout_logfile_maxbytes=5K", "invalid literal for int"),
            bad_program("environment=A", "Unexpected end of key/value pairs"),
            bad_program('environment=A="x', "No closing quotation"),
            bad_program("process_name=a:b", "Invalid name: 'a:b' because of character: ':'"),
            bad_program("directory=%(nosuch)s", "contains names.*which cannot be expanded", "nosuch"),
            bad_program("directory=100%", "badly formatted"),
        ),
        start=False,
    ),
    Scenario(
        "config: values of the daemon that are refused",
        "",
        flat(
            *(
                mistake("", reason, base=SUPERVISORD + option + "\n")
                for option, reason in (
                    ("loglevel=loud", "bad logging level name 'loud'"),
                    ("loglevel=warning", "bad logging level name 'warning'"),
                    ("umask=9", "can not be converted to an octal type"),
                    ("nodaemon=perhaps", "not a valid boolean value"),
                    ("directory=/no/such", "is not an existing directory"),
                    ("childlogdir=/no/such", "is not an existing directory"),
                    ("pidfile=/no/such/pid", "The directory named as part of the path"),
                    ("logfile_maxbytes=1 M", "invalid literal for int"),
                    ("minfds=many", "invalid literal for int"),
                    ("user=nosuchuser", "Invalid user name nosuchuser"),
                    ("identifier=%(nosuch)s", "nosuch"),
                )
            )
        ),
        start=False,
    ),
    Scenario(
        "config: groups, listeners and FastCGI that are refused",
        "",
        flat(
            mistake("[group:g]\nprograms=nosuch\n", "unknown program or fcgi-program nosuch"),
            mistake("[group:g]\nprograms=\npriority=x\n", "invalid literal for int"),
            mistake("[eventlistener:l]\ncommand=x\n", 'requires an \\\\"events\\\\" line'),
            mistake("[eventlistener:l]\ncommand=x\nevents=NOSUCH\n", "Unknown event type NOSUCH"),
            mistake("[eventlistener:l]\ncommand=x\nevents=TICK\nbuffer_size=0\n", "invalid buffer_size"),
            mistake(
                "[eventlistener:l]\ncommand=x\nevents=TICK\nredirect_stderr=true\n", "not allowed because"
            ),
            mistake("[eventlistener:l]\nevents=TICK\n", "does not specify a command"),
            mistake("[fcgi-program:f]\ncommand=x\n", 'requires a \\\\"socket\\\\" line'),
            mistake("[fcgi-program:f]\ncommand=x\nsocket=ftp://x\n", "Bad socket format"),
            mistake("[fcgi-program:f]\ncommand=x\nsocket=unix://rel\n", "is not an absolute path"),
            mistake(
                "[fcgi-program:f]\ncommand=x\nsocket=unix:///tmp/x\nsocket_mode=9\n",
                "Invalid socket_mode value",
            ),
            mistake(
                "[fcgi-program:f]\ncommand=x\nsocket=tcp://localhost:1\nsocket_mode=0700\n",
                "should only be used with a Unix domain socket",
            ),
        ),
        start=False,
    ),
    Scenario(
        "config: includes",
        "[include]\nfiles=%(here)s/d/*.conf nomatch/*.ini d/second.x\n"
        + ECHO.replace("/bin/echo", "/bin/echo main %(here)s"),
        [
            wait_all("EXITED"),
            lines("e.out"),
            lines("a.out"),
            lines("b.out"),
            lines("second.out"),
            states(),
            log("Included"),
            log("nomatch").but("Daemon", "warnings name file and line"),
        ],
        files={
            "d/a.conf": said("a", "/bin/echo a %(here)s").replace("%(here)s/a", "@HERE@/a"),
            "d/b.conf": said("b", "/bin/echo b %(ENV_HOME)s").replace("%(here)s/b", "@HERE@/b")
            + "[include]\nfiles=third.conf\n[program:e]\nstdout_logfile_backups=3\n",
            "d/second.x": said("second", "/bin/echo second").replace("%(here)s/s", "@HERE@/s"),
            "d/third.conf": said("third", "/bin/echo third"),
        },
    ),
    Scenario(
        "config: includes that are broken",
        "[include]\nfiles=d/*.conf\n",
        [
            write("d/x.conf", "[program:x]\ncommand=/bin/true\nstartsecs=no\n"),
            refused("-c", "@HERE@/conf").but(
                "Daemon", FILE_AND_LINE, re.compile("file: '<here>/d/x.conf'"), re.compile("d/x.conf:3")
            ),
            write("d/x.conf", "foo\n"),
            refused("-c", "@HERE@/conf").but(
                "Daemon", FILE_AND_LINE, re.compile("no section headers"), re.compile("d/x.conf:1")
            ),
        ],
        start=False,
    ),
    Scenario(
        "config: expansions",
        said("p", "/bin/echo %(program_name)s %(group_name)s %(process_num)d %(numprocs)d %(ENV_FROM)s 100%%")
        + said(
            "q", "/bin/echo %(ENV_MINE)s %(ENV_ALL)s %(host_node_name)s %(here)s", 'environment=MINE="own"'
        )
        + "[group:g]\nprograms=q\n"
        + said("r", "/bin/echo x").replace(
            "%(here)s/r.out", "%(here)s/%(program_name)s-%(process_num)03d.out"
        ),
        [
            wait_all("EXITED"),
            lines("p.out"),
            lines("q.out"),
            lines("r-000.out"),
        ],
        base=BASE.replace("[supervisord]\n", '[supervisord]\nenvironment=ALL="%(ENV_FROM)s"\n'),
        env={"FROM": "outside"},
    ),
    Scenario(
        "config: comments, quotes and continuation lines",
        said("a", "/bin/echo a ;b")
        + said("b", "/bin/echo a;b 'c d' \"e  f\" g\\ h")
        + said("c", "/bin/echo a#b # gone")
        + said("d", "/bin/echo one\n  two\n  ; gone\n  three")
        + said("e", "/bin/echo").replace("command=/bin/echo", "COMMAND : /bin/echo colon")
        + "; a comment\n# another\n[unknown:section]\nfoo=bar\n[program:a]\nunknown_option=1\n",
        [
            wait_all("EXITED"),
            *(lines(f"{name}.out") for name in "abcde"),
            rpc("getAllConfigInfo"),
        ],
    ),
    Scenario(
        "config: environment strings",
        "".join(
            program(
                f"p{index}",
                "/usr/bin/env",
                "startsecs=0",
                "autorestart=false",
                f"environment={text}",
                out=True,
            )
            for index, text in enumerate(
                (
                    'A="1",B="2"',
                    "A=1,B=two",
                    "A='x y',B=\"it's\"",
                    'A="",B="="',
                    "A=1,",
                    "A=1\n  ,B=2",
                    "A=@",
                    'a="low",Path="x"',
                    "A=/usr/bin:/x(1)-2.3+4",
                    'A="x,y",B="http://h/?a=b&c"',
                )
            )
        ),
        [
            wait_all("EXITED"),
            *(lines(f"p{index}.out", "^(A|B|a|Path)=") for index in range(10)),
            lines("p0.out", "^SUPERVISOR|^LANG|^HOME"),
            write("conf", BASE + "[program:x]\ncommand=/bin/true\nenvironment=A=1;B=2\n"),
            rpc("reloadConfig"),
            write("conf", BASE + "[program:x]\ncommand=/bin/true\nenvironment=A=a b\n"),
            rpc("reloadConfig"),
        ],
    ),
    Scenario(
        "config: what is dropped",
        "".join(
            program(name, f"/bin/sleep {1000 + index}", *options, "startsecs=0", out=not options)
            for index, (name, options) in enumerate(
                (
                    ("env", ("environment=A=-Xmx1g -Xms1g",)),
                    ("lone", ("stdout_logfile=",)),
                    ("same", ()),
                    ("member", ("process_name=twin",)),
                    ("other", ("process_name=twin",)),
                )
            )
        )
        + "[group:same]\nprograms=member,other\n[group:e]\nprograms=env,env\n",
        [
            wait_all("RUNNING"),
            states(),
            rpc("readProcessStdoutLog", "lone", 0, 0),
            rpc("getAllProcessInfo"),
        ],
    ),
    Scenario(
        "config: values as they come out",
        program(
            "p",
            "/bin/sleep 1000",
            "autostart=Off",
            "exitcodes=1, 2",
            "stopsignal=sigusr1",
            "stopwaitsecs=0x0".replace("x0", ""),
            "startsecs=-1",
            "startretries=-1",
            "stdout_logfile_maxbytes=3 kb".replace(" ", ""),
            "stdout_logfile_backups=0",
            "stdout_capture_maxbytes=1MB",
            "stderr_events_enabled=yes",
            "serverurl=auto",
            "directory=/tmp",
            "stopasgroup=1",
            "stderr_logfile_maxbytes=1GB",
            *(["user=nobody"] if ROOT else []),
        )
        + program(
            "q", "/bin/true", "autostart=0", "exitcodes=", "killasgroup=YES", "stopsignal=9", "umask=0o22"
        )
        + "[group:g]\nprograms=q,p\npriority=-3\n[group:empty]\n",
        [rpc("getAllConfigInfo"), rpc("getAllProcessInfo"), rpc("reloadConfig")],
    ),
    Scenario(
        "config: numprocs that start elsewhere or are none",
        "[program:n]\ncommand=/bin/sleep 1000\nnumprocs=2\nnumprocs_start=3\nprocess_name=%(group_name)s_%(process_num)d\n"
        "autostart=false\n[program:none]\ncommand=/bin/sleep 1\nnumprocs=0\n",
        [rpc("getAllConfigInfo"), states(), rpc("startProcessGroup", "none"), rpc("getProcessInfo", "none")],
    ),
    Scenario(
        "config: warnings",
        "[program:p]\ncommand=/bin/sleep 1000\nautostart=false\nstdout_logfile=syslog\nstderr_logfile=AUTO\n"
        "stderr_logfile_maxbytes=0\n",
        [log("For .program").but("Daemon", "warnings name file and line"), rpc("getAllConfigInfo")],
    ),
    Scenario(
        "config: the socket is taken",
        "",
        [
            write(
                "second", BASE.replace("here)s/main", "here)s/second").replace("here)s/pid", "here)s/pid2")
            ),
            supervisord("-n", "-c", "@HERE@/second").but(
                "Daemon",
                "A socket that is taken is named",
                re.compile("is already listening"),
                re.compile("is already listening.*<here>/s"),
            ),
            rpc("getState"),
        ],
    ),
    Scenario(
        "config: a stale socket and pidfile",
        "",
        [rpc("getState"), lines("stderr")],
        files={"pid": "99999\n"},
    ),
    Scenario(
        "config: user and directory of the daemon's file",
        said("p", "/bin/pwd", "directory=%(here)s/auto"),
        [wait_file("p.out", "auto"), lines("p.out")],
    ),
]
