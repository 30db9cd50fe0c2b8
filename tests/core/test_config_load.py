"""[supervisord], servers, plug-ins, what is unknown, and how everything wrong is told."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supervisor.config.load import find_config, load_supervisord, no_config_message, search_paths
from supervisor.config.model import (
    Configuration,
    InetServerConfig,
    PluginConfig,
    StreamServerConfig,
    SupervisordConfig,
    UnixServerConfig,
    decode,
    encode,
)
from supervisor.errors import ConfigError, ConfigProblem
from tests.core.config_files import ENVIRON, MAIN, Files, errors, load, warnings

# --- where the file is -------------------------------------------------------------------------------


def test_search_order() -> None:
    assert search_paths("/opt/env/bin/supervisord") == (
        "/opt/env/etc/supervisord.conf",
        "/opt/env/supervisord.conf",
        "supervisord.conf",
        "etc/supervisord.conf",
        "/etc/supervisord.conf",
        "/etc/supervisor/supervisord.conf",
    )
    assert search_paths("bin/supervisord")[:2] == ("etc/supervisord.conf", "supervisord.conf")


def test_the_first_that_exists_is_found_and_absolute() -> None:
    there = {"/work/etc/supervisord.conf", "/etc/supervisord.conf"}
    assert find_config("/opt/bin/supervisord", "/work", there.__contains__) == "/work/etc/supervisord.conf"
    assert find_config("/opt/bin/supervisord", "/else", there.__contains__) == "/etc/supervisord.conf"
    assert find_config("/opt/bin/supervisord", "/else", set[str]().__contains__) is None


def test_the_message_when_nothing_is_found() -> None:
    assert no_config_message("/opt/bin/supervisord").startswith(
        "No config file found at default paths (/opt/etc/supervisord.conf, /opt/supervisord.conf, supervisord.conf,"
    )


# --- [supervisord] -----------------------------------------------------------------------------------


def test_defaults() -> None:
    configuration = load("[supervisord]\n", cwd="/srv")
    assert configuration == Configuration(
        path=MAIN,
        supervisord=SupervisordConfig(
            logfile="/srv/supervisord.log", pidfile="/srv/supervisord.pid", childlogdir=tempfile.gettempdir()
        ),
    )


def test_every_option() -> None:
    configuration = load(
        """\
        [supervisord]
        logfile=/tmp/main.log
        logfile_maxbytes=1MB
        logfile_backups=2
        loglevel=DEBUG
        pidfile=%(ENV_TMP)s/s.pid
        umask=077
        nodaemon=yes
        silent=on
        minfds=2048
        minprocs=300
        nocleanup=1
        childlogdir=/
        user=root
        directory=/tmp
        strip_ansi=true
        environment=A="%(here)s",B="100%%"
        identifier=me
        """,
        environ={"TMP": "/tmp"},
    )
    assert configuration.supervisord == SupervisordConfig(
        logfile="/tmp/main.log",
        logfile_maxbytes=1024**2,
        logfile_backups=2,
        loglevel="debug",
        pidfile="/tmp/s.pid",
        umask=0o77,
        nodaemon=True,
        silent=True,
        minfds=2048,
        minprocs=300,
        nocleanup=True,
        childlogdir="/",
        user="root",
        uid=0,
        directory="/tmp",
        strip_ansi=True,
        environment=(("A", "/etc"), ("B", "100%")),
        identifier="me",
    )
    assert configuration.warnings == ()


def test_the_command_line_wins_and_is_not_expanded() -> None:
    configuration = load(
        "[supervisord]\nidentifier=file\nnodaemon=false\nloglevel=nonsense\n",
        {"identifier": "%(here)s", "nodaemon": "true", "loglevel": "warn", "umask": "077"},
    )
    assert configuration.supervisord.identifier == "%(here)s"
    assert configuration.supervisord.nodaemon is True
    assert configuration.supervisord.loglevel == "warn"
    assert configuration.supervisord.umask == 0o77


def test_a_bad_value_from_the_command_line_says_so() -> None:
    assert errors("[supervisord]\n", {"user": "nosuchuser"}) == [
        "command line: [supervisord] user: cannot use 'nosuchuser': Invalid user name nosuchuser"
    ]


def test_syslog_as_the_main_log() -> None:
    assert load("[supervisord]\nlogfile=syslog\n").supervisord.logfile == "syslog"


def test_paths_are_relative_to_the_cwd_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    file = tmp_path / "s.conf"
    file.write_text("[supervisord]\nlogfile=logs/a\nchildlogdir=logs\ndirectory=logs\n")
    configuration = load_supervisord("s.conf", {}, environ={}, cwd=str(tmp_path))
    assert configuration.path == str(file)
    assert configuration.supervisord.logfile == f"{tmp_path}/logs/a"
    assert configuration.supervisord.childlogdir == f"{tmp_path}/logs"
    assert configuration.supervisord.directory == f"{tmp_path}/logs"


def test_supervisord_may_live_in_an_included_file() -> None:
    configuration = load(
        "[include]\nfiles=conf.d/*\n", others={"/etc/conf.d/a": "[supervisord]\nidentifier=%(here)s\n"}
    )
    assert configuration.supervisord.identifier == "/etc/conf.d"
    assert configuration.included == ("/etc/conf.d/a",)
    assert configuration.notes == ('Included extra file "/etc/conf.d/a" during parsing',)


def test_default_section_is_inherited() -> None:
    configuration = load("[DEFAULT]\nidentifier=d\nfoo=1\n[supervisord]\n")
    assert configuration.supervisord.identifier == "d"
    assert configuration.warnings == ()


# --- problems ----------------------------------------------------------------------------------------


def test_a_missing_file_is_the_only_problem() -> None:
    with pytest.raises(ConfigError) as caught:
        load_supervisord("/nowhere/x.conf", {}, environ={})
    assert str(caught.value) == "could not find config file /nowhere/x.conf"


def test_a_missing_supervisord_section() -> None:
    assert errors("[program:x]\ncommand=/bin/cat\n") == [
        f"{MAIN}: .ini file does not include supervisord section"
    ]
    assert errors("") == [f"{MAIN}: .ini file does not include supervisord section"]


def test_all_problems_in_file_order() -> None:
    text = """\
        [program:cat]
        command=/bin/cat
        startsecs=x
        nonsense
        [unix_http_server]
        chmod=9
        [supervisord]
        umask=9
        loglevel=warning
        [include]
        files=conf.d/*.conf
        """
    others = {"/etc/conf.d/a.conf": "[program:dog]\nautostart=perhaps\n"}
    assert errors(text, others=others) == [
        f"{MAIN}:3: [program:cat] startsecs: cannot use 'x': invalid literal for int() with base 10: 'x'",
        f"{MAIN}:4: [program:cat] cannot read this line: it is neither a [section] nor OPTION=VALUE: 'nonsense'",
        f"{MAIN}:5: [unix_http_server] file: cannot open this server: section [unix_http_server] has no file value",
        f"{MAIN}:6: [unix_http_server] chmod: cannot use '9': Invalid chmod value 9",
        f"{MAIN}:8: [supervisord] umask: cannot use '9': 9 can not be converted to an octal type",
        f"{MAIN}:9: [supervisord] loglevel: cannot use 'warning': bad logging level name 'warning'",
        (
            "/etc/conf.d/a.conf:1: [program:dog] command: cannot start this program:"
            " program section program:dog does not specify a command"
        ),
        "/etc/conf.d/a.conf:2: [program:dog] autostart: cannot use 'perhaps': not a valid boolean value: 'perhaps'",
    ]


def test_a_problem_carries_its_parts() -> None:
    with pytest.raises(ConfigError) as caught:
        load("[supervisord]\nminfds=many\n")
    assert caught.value.problems == (
        ConfigProblem(
            "cannot use 'many': invalid literal for int() with base 10: 'many'",
            file=MAIN,
            line=2,
            section="supervisord",
            option="minfds",
            value="many",
        ),
    )


def test_passwords_are_not_in_messages() -> None:
    (problem,) = errors("[supervisord]\n[inet_http_server]\nport=1\nusername=a\npassword=hunter%2\n")
    assert "hunter" not in problem
    (problem,) = errors("[supervisord]\n[inet_http_server]\nport=1\nusername=a\npassword=hunter%(two)s\n")
    assert "hunter" not in problem


def test_a_file_with_more_errors_than_anyone_reads_is_given_up() -> None:
    lines = errors("[supervisord]\n" + "x\n" * 1200)
    assert len(lines) == 1001
    assert lines[-1] == "cannot go on: there are more problems than these"


def test_more_warnings_than_anyone_reads_are_counted() -> None:
    lines = warnings(load("[supervisord]\n" + "".join(f"x{n}=1\n" for n in range(1200))))
    assert len(lines) == 1001
    assert lines[-1] == "there are 200 more warnings"


def test_what_expansions_make_is_bounded() -> None:
    section = "[program:p{}]\ncommand=/bin/true " + "%(ENV_BIG)s" * 15 + "\n"
    text = "[supervisord]\n" + "".join(section.format(n) for n in range(30))
    with pytest.raises(ConfigError, match="make more than 256 MiB"):
        load(text, environ={"BIG": "x" * 1_000_000})


# --- servers and plug-ins ----------------------------------------------------------------------------


def test_servers() -> None:
    configuration = load(
        """\
        [supervisord]
        environment=PORT="9002"
        [unix_http_server:b]
        file=%(here)s/../run/b.sock
        chmod=0770
        chown=root:root
        username=u
        password=%(ENV_PORT)s
        [inet_http_server]
        port=LOCALHOST:9001
        [unix_http_server]
        file=a.sock
        username=
        password=
        [inet_http_server:x]
        port=%(ENV_PORT)s
        """
    )
    assert configuration.unix_servers == (
        UnixServerConfig("unix_http_server:b", "/run/b.sock", 0o770, 0, 0, "u", "9002"),
        UnixServerConfig("unix_http_server", "/tmp/a.sock"),
    )
    assert configuration.inet_servers == (
        InetServerConfig("inet_http_server", "localhost", 9001),
        InetServerConfig("inet_http_server:x", "127.0.0.1", 9002, narrowed=True),
    )
    assert configuration.stream_servers == (
        StreamServerConfig(
            "unix_http_server:b", "/run/b.sock.stream", 0o770, uid=0, gid=0, username="u", password="9002"
        ),
    )
    assert [warning.section for warning in configuration.warnings] == ["inet_http_server:x"]


def test_a_socket_with_a_long_path_has_no_stream_server_beside_it_and_that_is_told() -> None:
    text = "[supervisord]\n[unix_http_server]\nfile=/{}\n"
    assert load(text.format("s" * 99)).stream_servers[0].file == "/" + "s" * 99 + ".stream"
    configuration = load(text.format("s" * 100))
    assert configuration.stream_servers == ()
    assert [str(warning) for warning in configuration.warnings] == [
        (
            f"{MAIN}:3: [unix_http_server] file: there is no room for .stream behind this path, so that the console has to"
            " poll ([unix_stream_server] gives it a socket)"
        )
    ]
    more = "[unix_stream_server]\nfile=/run/s\n"
    assert load(text.format("s" * 100) + more).warnings == ()


def test_without_a_unix_server_there_is_no_stream_server() -> None:
    assert load("[supervisord]\n[inet_http_server]\nport=1\n").stream_servers == ()


def test_stream_servers_that_are_written() -> None:
    configuration = load(
        """\
        [supervisord]
        [unix_http_server]
        file=/tmp/a
        [inet_stream_server]
        port=127.0.0.1:9002
        username=u
        password=p
        [unix_stream_server]
        file=/tmp/b
        chmod=0777
        """
    )
    assert configuration.stream_servers == (
        StreamServerConfig("unix_stream_server", "/tmp/b", 0o777),
        StreamServerConfig("inet_stream_server", host="127.0.0.1", port=9002, username="u", password="p"),
    )


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ("[unix_http_server]", "2: [unix_http_server] file: cannot open this server: section [unix_http_server] has no file value"),
        ("[unix_http_server]\nfile=", "3: [unix_http_server] file: cannot use '': the path is empty"),
        ("[inet_http_server:x]", "2: [inet_http_server:x] port: cannot open this server: section [inet_http_server:x] has no port value"),
        ("[inet_http_server]\nport=x", "3: [inet_http_server] port: cannot use 'x': not a valid port number: 'x'"),
        ("[inet_stream_server]", "2: [inet_stream_server] port: cannot open this server: section [inet_stream_server] has no port value"),
        (
            "[unix_http_server]\nfile=/tmp/x\nchown=nosuchuser",
            "4: [unix_http_server] chown: cannot use 'nosuchuser': Invalid sockchown value nosuchuser",
        ),
        (
            "[inet_http_server]\nport=1\nusername=x",
            ("2: [inet_http_server] cannot authenticate: Section [inet_http_server] contains incomplete authentication:"
            " If a username or a password is specified, both the username and password must be specified"),
        ),
        (
            "[rpcinterface:x]\nfoo=1",
            ("2: [rpcinterface:x] supervisor.rpcinterface_factory: cannot load this plug-in:"
            " section [rpcinterface:x] does not specify a supervisor.rpcinterface_factory"),
        ),
    ],
)  # fmt: skip
def test_bad_server(section: str, expected: str) -> None:
    assert errors(f"[supervisord]\n{section}\n") == [f"{MAIN}:{expected}"]


def test_rpcinterfaces() -> None:
    configuration = load(
        """\
        [DEFAULT]
        inherited=not for plug-ins
        [supervisord]
        [rpcinterface:supervisor]
        supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
        [rpcinterface:other]
        Any_Option=%(ENV_HOME)s %%
        supervisor.rpcinterface_factory=json:dumps
        """
    )
    assert configuration.rpcinterfaces == (
        PluginConfig("supervisor", "supervisor.rpcinterface:make_main_rpcinterface"),
        PluginConfig("other", "json:dumps", (("any_option", "/home/me %"),)),
    )
    assert configuration.warnings == ()


def test_factories_that_cannot_be_used_are_named_with_their_place() -> None:
    found = errors(
        "[supervisord]\n"
        "[rpcinterface:a]\nsupervisor.rpcinterface_factory=no_such_module_x:make\n"
        "[rpcinterface:b]\nsupervisor.rpcinterface_factory=json:nothing\n"
        "[rpcinterface:c]\nsupervisor.rpcinterface_factory=json:__name__\n"
    )
    begin = "[rpcinterface:{0}] supervisor.rpcinterface_factory: cannot load this plug-in: "
    assert [text.split(": ", 1)[1] for text in found] == [
        begin.format("a") + "no_such_module_x:make cannot be resolved within [rpcinterface:a]: "
        "No module named 'no_such_module_x'",
        begin.format("b") + "json:nothing cannot be resolved within [rpcinterface:b]: "
        "module 'json' has no attribute 'nothing'",
        begin.format("c")
        + "json:__name__ cannot be resolved within [rpcinterface:c]: __name__ is not callable",
    ]


def test_built_in_factories_need_no_package() -> None:
    text = (
        "[supervisord]\n[rpcinterface:twiddler]\n"
        "supervisor.rpcinterface_factory=supervisor_twiddler.rpcinterface:make_twiddler_rpcinterface\n"
        "[rpcinterface:cache]\n"
        "supervisor.rpcinterface_factory=supervisor_cache.rpcinterface:make_cache_rpcinterface\n"
    )
    assert [plugin.name for plugin in load(text).rpcinterfaces] == ["twiddler", "cache"]


# --- what is not known -------------------------------------------------------------------------------


def test_unknown_options_and_sections_are_warnings_with_the_nearest_name() -> None:
    configuration = load(
        """\
        [supervisord]
        logfile_backup=1
        zzz=1
        [program:cat]
        command=/bin/cat
        autostrat=false
        dependent_startup=true
        dependent_startup_wait_for=x
        [programm:dog]
        whatever=1
        [grup]
        [qqqqq]
        [supervisorctl]
        [program:y
        serverurl=unix:///x
        server_url=x
        [ctlplugin:x]
        anything=1
        """
    )
    assert warnings(configuration) == [
        f"{MAIN}:2: [supervisord] logfile_backup: this option is not known and is ignored; did you mean logfile_backups?",
        f"{MAIN}:3: [supervisord] zzz: this option is not known and is ignored",
        f"{MAIN}:6: [program:cat] autostrat: this option is not known and is ignored; did you mean autostart?",
        f"{MAIN}:9: [programm:dog] this section is not known and is ignored; did you mean [program:dog]?",
        f"{MAIN}:11: [grup] this section is not known and is ignored; did you mean [group:NAME]?",
        f"{MAIN}:12: [qqqqq] this section is not known and is ignored",
        f"{MAIN}:14: [supervisorctl] [program: this is no section, for it has no ], and is ignored",
        f"{MAIN}:16: [supervisorctl] server_url: this option is not known and is ignored; did you mean serverurl?",
    ]  # fmt: skip


# --- properties --------------------------------------------------------------------------------------

LINES = st.sampled_from(
    [
        "[supervisord]", "[program:a]", "[program:b]", "[program:a:b]", "[group:a]", "[group:g]", "[include]",
        "[unix_http_server]", "[inet_http_server:]", "[rpcinterface:x]", "[DEFAULT]", "[]", "[eventlistener:x]",
        "[fcgi-program:b]", "[unix_stream_server]", "[supervisorctl]", "[nonsense", "command=/bin/cat %(here)s",
        "command=%", "numprocs=3", "numprocs=0", "numprocs=-5", "numprocs=x", "process_name=%(process_num)s",
        "process_name=%(process_num)5d", "programs=a,b", "programs=,", "environment=A=1", "environment=A",
        'environment=A="%(ENV_A)s",B="%(ENV_B)s"', "user=0", "user=", "port=1", "port=*", "file=x", "files=*",
        "files=%(here)s", "stdout_logfile=syslog", "stderr_logfile=/x/y", "redirect_stderr=true", "tty=true",
        "stdout_logfile=%(ENV_B)s/%(process_num)d", "  continued", "# comment", "\x1b[31m", "=", ":", "a b c",
        "chmod=1", "username=x", "password=%(x)s", "umask=-1", "startsecs=1e9", "priority=%(program_name)s",
        "priority=-1", "supervisor.rpcinterface_factory=x", "serverurl=%(numprocs)d", "childlogdir=~", "\ud800",
    ]
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(st.one_of(LINES, st.text(max_size=12)), max_size=40))
def test_any_file_loads_or_raises_config_error(lines: list[str]) -> None:
    files = Files({MAIN: "\n".join(["[supervisord]", *lines])})
    try:
        configuration = load_supervisord(
            MAIN, {}, environ={"A": "1", "B": "%"}, read=files.read, glob=files.glob, cwd="/tmp"
        )
    except ConfigError as error:
        assert error.problems
        for problem in error.problems:
            assert str(problem).isprintable()
            assert problem.file in (MAIN, "") and problem.reason
    else:
        assert decode(Configuration, encode(configuration)) == configuration
        for group in configuration.groups:
            names = [process.name for process in group.processes]
            assert len(names) == len(set(names))
            assert all(process.group == group.name and process.name for process in group.processes)


def test_the_real_file_system_is_the_default(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "a.ini").write_text("[program:a]\ncommand=%(here)s/a\n")
    main = tmp_path / "s.conf"
    main.write_text("[supervisord]\n[include]\nfiles=conf.d/*.ini\n")
    configuration = load_supervisord(str(main), {}, environ=ENVIRON)
    assert configuration.groups[0].processes[0].command == f"{tmp_path}/conf.d/a"
    assert configuration.supervisord.logfile == os.path.join(os.getcwd(), "supervisord.log")


@pytest.mark.parametrize(
    ("options", "host", "narrowed"),
    [
        ("port=9001", "127.0.0.1", True),
        ("port=*:9001", "127.0.0.1", True),
        ("port=10.1.2.3:9001", "127.0.0.1", True),
        ("port=example.org:9001", "127.0.0.1", True),
        ("port=*:9001\ninsecure=true", "", False),
        ("port=*:9001\nusername=u\npassword=p", "", False),
        ("port=127.0.0.2:9001", "127.0.0.2", False),
        ("port=localhost:9001", "localhost", False),
    ],
)
def test_without_a_login_a_server_listens_on_loopback_only(options: str, host: str, narrowed: bool) -> None:
    for kind in ("http", "stream"):
        configuration = load(f"[supervisord]\n[inet_{kind}_server]\n{options}\n")
        (server,) = configuration.inet_servers or configuration.stream_servers
        assert (server.host, server.port, server.narrowed) == (host, 9001, narrowed)
        told = [
            str(warning)
            for warning in configuration.warnings
            if "listens on 127.0.0.1:9001 only" in str(warning)
        ]
        assert len(told) == narrowed


def test_the_stream_server_beside_an_http_server_has_its_role() -> None:
    configuration = load("[supervisord]\n[unix_http_server]\nfile=/tmp/s\nrole= Observer\n")
    (unix,), (stream,) = configuration.unix_servers, configuration.stream_servers
    assert (unix.role, stream.role) == ("observer", "observer")
    assert errors("[supervisord]\n[inet_http_server]\nport=127.0.0.1:9001\nrole=root\n") == [
        f"{MAIN}:4: [inet_http_server] role: cannot use 'root': not one of observer, operator, admin: 'root'"
    ]
