"""[program:x] and [group:x]: every option, naming, grouping, and the warnings that Supervisor gives."""

from __future__ import annotations

import platform

import pytest

from supervisor.config.load import load_program as load_given_program
from supervisor.config.model import (
    AutoRestart,
    ChannelConfig,
    GroupKind,
    LogFile,
    LogKind,
    ProcessConfig,
)
from supervisor.errors import ConfigError
from tests.core.config_files import MAIN, errors, load, load_program, one_process, program_errors, warnings


def names(text: str) -> dict[str, list[str]]:
    """Group names to process names, in order."""
    return {group.name: [process.name for process in group.processes] for group in load(text).groups}


def test_defaults() -> None:
    configuration = load("[supervisord]\n[program:cat]\ncommand=/bin/cat -u\n")
    (group,) = configuration.groups
    assert group.name == "cat"
    assert group.priority == 999
    assert group.kind is GroupKind.PROGRAM
    assert group.processes == (ProcessConfig(name="cat", group="cat", command="/bin/cat -u", program="cat"),)
    assert configuration.warnings == ()


def test_every_option() -> None:
    configuration = load(
        """\
        [supervisord]
        environment=A="super",C="3"
        [program:cat]
        command=/bin/cat %(ENV_A)s
        process_name=the-%(program_name)s
        priority=7
        autostart=no
        autorestart=true
        startsecs=0
        startretries=9
        exitcodes=0,2
        stopsignal=INT
        stopwaitsecs=3
        stopasgroup=true
        user=root
        stdout_logfile=NONE
        stdout_logfile_maxbytes=1KB
        stdout_logfile_backups=1
        stdout_capture_maxbytes=2KB
        stdout_events_enabled=true
        stdout_syslog=true
        stderr_logfile=/tmp/err-%(process_num)d
        stderr_logfile_maxbytes=0
        stderr_logfile_backups=0
        stderr_capture_maxbytes=1
        stderr_events_enabled=1
        stderr_syslog=on
        environment=A="own",B="%(ENV_HOME)s-%(process_num)d"
        directory=/srv
        umask=027
        serverurl=auto
        tty_size=40x132
        term=vt100
        """
    )
    (group,) = configuration.groups
    assert group.priority == 7
    assert group.processes == (
        ProcessConfig(
            name="the-cat",
            group="cat",
            command="/bin/cat own",
            program="cat",
            directory="/srv",
            umask=0o27,
            priority=7,
            autostart=False,
            autorestart=AutoRestart.ALWAYS,
            startsecs=0,
            startretries=9,
            exitcodes=(0, 2),
            stopsignal=2,
            stopwaitsecs=3,
            stopasgroup=True,
            killasgroup=True,
            user="root",
            uid=0,
            stdout=ChannelConfig(LogFile(LogKind.NONE), 1024, 1, 2048, True, True),
            stderr=ChannelConfig(LogFile(LogKind.FILE, "/tmp/err-0"), 0, 0, 1, True, True),
            environment=(("A", "own"), ("C", "3"), ("B", "/home/me-0")),
            serverurl="AUTO",
            tty_size=(40, 132),
            term="vt100",
        ),
    )
    assert configuration.warnings == ()


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ("autostart=x", "cannot use 'x': not a valid boolean value: 'x'"),
        ("autorestart=x", "cannot use 'x': invalid 'autorestart' value 'x'"),
        ("startsecs=1.5", "cannot use '1.5': invalid literal for int() with base 10: '1.5'"),
        ("startretries=", "cannot use '': invalid literal for int() with base 10: ''"),
        ("priority=low", "cannot use 'low': invalid literal for int() with base 10: 'low'"),
        ("exitcodes=256", "cannot use '256': not a valid list of exit codes: '256'"),
        ("stopsignal=NIX", "cannot use 'NIX': value 'NIX' is not a valid signal name"),
        ("user=nosuchuser", "cannot use 'nosuchuser': Invalid user name nosuchuser"),
        ("umask=9", "cannot use '9': 9 can not be converted to an octal type"),
        (
            "stdout_logfile=/nix/a",
            "cannot use '/nix/a': The directory named as part of the path /nix/a does not exist",
        ),
        ("stderr_logfile_maxbytes=1K", "cannot use '1K': invalid literal for int() with base 10: '1k'"),
        ("environment=A", "cannot use this value: Unexpected end of key/value pairs in value 'A'"),
        ("process_name=a:b", "cannot use 'a:b': Invalid name: 'a:b' because of character: ':'"),
        ("process_name=", "cannot use '': a process name cannot be empty"),
        (
            "process_name=%(ENV_DATA)s",
            "cannot use '%(ENV_DATA)s': Invalid name: '/srv' because of character: '/'",
        ),
        ("tty_size=80", "cannot use '80': not a terminal size of the form ROWSxCOLUMNS: '80'"),
        ("term=../evil", "cannot use '../evil': not a terminal type: '../evil'"),
        ("tty=perhaps", "cannot use 'perhaps': not a valid boolean value: 'perhaps'"),
        ("numprocs=100001", "cannot use 100001: a configuration may have at most 100000 processes"),
    ],
)
def test_bad_option(option: str, reason: str) -> None:
    name = option.partition("=")[0]
    assert program_errors(option) == [f"{MAIN}:4: [program:cat] {name}: {reason}"]


def test_a_command_is_needed() -> None:
    assert errors("[supervisord]\n[program:x]\n") == [
        f"{MAIN}:2: [program:x] command: cannot start this program: program section program:x does not specify a command"
    ]


def test_an_empty_command_is_only_warned_of() -> None:
    configuration = load("[supervisord]\n[program:x]\ncommand=\n")
    assert warnings(configuration) == [
        f"{MAIN}:3: [program:x] command: the command is empty: the program cannot be started"
    ]


# --- stopping, logs, tty -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "stop", "kill"),
    [
        ("", False, False),
        ("stopasgroup=true", True, True),
        ("killasgroup=true", False, True),
        ("stopasgroup=true\nkillasgroup=true", True, True),
        ("killasgroup=false", False, False),
    ],
)
def test_as_group(options: str, stop: bool, kill: bool) -> None:
    process = one_process(options)
    assert (process.stopasgroup, process.killasgroup) == (stop, kill)


def test_a_group_that_is_stopped_is_killed() -> None:
    assert program_errors("stopasgroup=true\nkillasgroup=false") == [
        f"{MAIN}:5: [program:cat] killasgroup: cannot combine these: Cannot set stopasgroup=true and killasgroup=false"
    ]


def test_a_log_file_without_a_name_is_none() -> None:
    assert one_process("stdout_logfile=\n").stdout.logfile == LogFile(LogKind.NONE)


def test_syslog_as_a_file_is_deprecated() -> None:
    configuration = load_program("stdout_logfile=syslog")
    channel = configuration.groups[0].processes[0].stdout
    assert channel.logfile == LogFile(LogKind.NONE)
    assert channel.syslog is True
    assert warnings(configuration) == [
        (
            f"{MAIN}:4: For [program:cat], stdout_logfile=syslog but this is deprecated and will be removed.  "
            "Use stdout_syslog=true to enable syslog instead."
        )
    ]


def test_auto_without_rollover() -> None:
    configuration = load_program("stderr_logfile_maxbytes=0\nnumprocs=3\nprocess_name=%(process_num)d")
    assert warnings(configuration) == [
        (
            f"{MAIN}:2: For [program:cat], AUTO logging used for stderr_logfile without rollover, "
            "set maxbytes > 0 to avoid filling up filesystem unintentionally"
        )
    ]


def test_redirected_stderr_has_no_file() -> None:
    configuration = load_program("redirect_stderr=true\nstderr_logfile=/tmp/x")
    assert configuration.groups[0].processes[0].stderr.logfile == LogFile(LogKind.NONE)
    assert warnings(configuration) == [
        (
            f"{MAIN}:5: For [program:cat], redirect_stderr=true but stderr_logfile has also been set to a filename, "
            "the filename has been ignored"
        )
    ]
    assert warnings(load_program("redirect_stderr=true")) == []
    assert warnings(load_program("redirect_stderr=true\nstderr_logfile=NONE")) == []


def test_a_tty_has_one_channel() -> None:
    process = one_process("tty=true")
    assert process.tty is True
    assert process.redirect_stderr is True
    assert process.stderr.logfile == LogFile(LogKind.NONE)
    assert process.stdout.logfile == LogFile(LogKind.AUTO)
    (warning,) = warnings(load_program("tty=true\nstderr_logfile=/tmp/x"))
    assert "tty=true but stderr_logfile has also been set to a filename" in warning


def test_one_file_for_two_channels_is_warned_of_once() -> None:
    configuration = load_program(
        "stdout_logfile=/tmp/a\nstderr_logfile=/tmp/./a",
        more="[program:dog]\ncommand=/bin/cat\nstdout_logfile=/tmp/a\n",
    )
    assert warnings(configuration) == [
        "/etc/supervisord.conf:5: [program:cat] stderr_logfile: stdout of cat:cat and stderr of cat:cat are both logged to /tmp/a"
    ]


def test_the_main_log_is_a_channel_too_and_devices_are_shared() -> None:
    assert warnings(
        load("[supervisord]\nlogfile=/tmp/m\n[program:x]\ncommand=x\nstdout_logfile=/tmp/m\n")
    ) == [
        "/etc/supervisord.conf:5: [program:x] stdout_logfile: the main log and stdout of x:x are both logged to /tmp/m"
    ]
    assert warnings(load_program("stdout_logfile=/dev/null\nstderr_logfile=/dev/null")) == []


def test_relative_paths_of_programs_begin_at_the_directory_of_supervisord() -> None:
    configuration = load(
        "[supervisord]\ndirectory=/tmp\n[program:x]\ncommand=x\nstdout_logfile=a\ndirectory=b\n", cwd="/"
    )
    process = configuration.groups[0].processes[0]
    assert process.stdout.logfile.path == "/tmp/a"
    assert process.directory == "/tmp/b"


# --- expansions --------------------------------------------------------------------------------------


def test_every_name_where_it_is_needed() -> None:
    everywhere = "%(here)s %(host_node_name)s %(program_name)s %(group_name)s %(ENV_HOME)s %(ENV_SUPER)s"
    configuration = load(
        f"""\
        [supervisord]
        environment=SUPER="s"
        [program:cat]
        serverurl={everywhere} %(ENV_DATA)s
        command={everywhere} %(process_num)d/%(numprocs)d %(ENV_OWN)s
        environment=OWN="%(process_num)d",O="{everywhere}"
        process_name=%(program_name)s%(ENV_OWN)s
        stdout_logfile=%(ENV_DIR)s/%(ENV_OWN)s
        stdout_logfile_backups=%(process_num)d
        stdout_syslog=%(process_num)d
        priority=%(ENV_PRIO)s
        numprocs=2
        process_name=%(process_num)d
        [group:g]
        programs=%(ENV_PROG)s
        priority=%(ENV_PRIO)s
        """,
        environ={"HOME": "/h", "DATA": "/srv", "DIR": "/tmp", "PRIO": "4", "PROG": "cat"},
    )
    (group,) = configuration.groups
    assert (group.name, group.priority) == ("g", 4)
    host = platform.node()
    second = group.processes[1]
    assert second.serverurl == f"/etc {host} cat g /h s /srv"
    assert second.command == f"/etc {host} cat g /h s 1/2 1"
    assert second.environment == (("SUPER", "s"), ("OWN", "1"), ("O", f"/etc {host} cat g /h s"))
    assert second.stdout.logfile.path == "/tmp/1"
    assert second.stdout.logfile_backups == 1
    assert [process.stdout.syslog for process in group.processes] == [False, True]
    assert second.priority == 4


def test_a_log_file_is_expanded_once() -> None:
    assert one_process("stdout_logfile=/tmp/100%%").stdout.logfile.path == "/tmp/100%"


def test_here_is_the_directory_of_the_file_that_has_the_value() -> None:
    configuration = load(
        "[supervisord]\n[program:a]\ncommand=%(here)s/a\n[include]\nfiles=sub/*\n",
        others={"/etc/sub/x": "[program:a]\ndirectory=%(here)s\n"},
    )
    process = configuration.groups[0].processes[0]
    assert (process.command, process.directory) == ("/etc/a", "/etc/sub")


def test_the_environment_of_one_process_is_not_left_to_the_next() -> None:
    lines = program_errors(
        'environment=%(ENV_START)s%(process_num)d="x"\ncommand=%(ENV_K0)s\nnumprocs=2\nprocess_name=%(process_num)d'
    )
    assert any("('ENV_START')" in line for line in lines)
    lines = program_errors(
        'environment=K%(process_num)d="x"\ncommand=%(ENV_K0)s\nnumprocs=2\nprocess_name=%(process_num)d'
    )
    assert lines[0].startswith(
        f"{MAIN}:5: [program:cat] command: cannot use this value: Format string '%(ENV_K0)s'"
    )
    assert len(lines) == 1


@pytest.mark.parametrize(
    ("option", "label"),
    [("command=date +%H", "program:cat.command"), ("startsecs=%(nix)s", "program:cat.startsecs")],
)
def test_a_bad_expansion(option: str, label: str) -> None:
    (problem,) = program_errors(option)
    assert f"for '{label}'" in problem
    assert problem.startswith(f"{MAIN}:4: [program:cat]")


# --- numprocs and names ------------------------------------------------------------------------------


def test_numprocs() -> None:
    assert names(
        """\
        [supervisord]
        [program:w]
        command=/bin/cat
        numprocs=3
        numprocs_start=8
        process_name=%(program_name)s_%(process_num)02d
        """
    ) == {"w": ["w_08", "w_09", "w_10"]}


def test_more_processes_need_numbered_names() -> None:
    reason = "cannot name the processes: %(process_num) must be present within process_name when numprocs > 1"
    assert program_errors("numprocs=2") == [f"{MAIN}:4: [program:cat] numprocs: {reason}"]
    assert program_errors("process_name=x\nnumprocs=2") == [f"{MAIN}:4: [program:cat] process_name: {reason}"]


@pytest.mark.parametrize("numprocs", ["numprocs=0", "numprocs=2", "numprocs=200000"])
def test_problems_are_found_also_where_no_process_is_made(numprocs: str) -> None:
    lines = program_errors(f"stdout_logfile=/nix/%(process_num)d\n{numprocs}")
    assert lines[0] == (
        f"{MAIN}:4: [program:cat] stdout_logfile: cannot use '/nix/%(process_num)d':"
        " The directory named as part of the path /nix/0 does not exist"
    )


@pytest.mark.parametrize("number", ["0", "-3"])
def test_no_process_is_an_empty_group_and_a_warning(number: str) -> None:
    configuration = load_program(f"numprocs={number}")
    assert configuration.groups[0].processes == ()
    assert warnings(configuration) == [
        f"{MAIN}:4: [program:cat] numprocs: no process is made of this program"
    ]


def test_all_programs_together_are_bounded() -> None:
    lines = program_errors(
        "numprocs=60000\nprocess_name=%(process_num)d",
        more="[group:a]\nprograms=cat\n[group:b]\nprograms=cat\n",
    )
    assert lines == [
        f"{MAIN}:4: [program:cat] numprocs: cannot use 60000: a configuration may have at most 100000 processes"
    ]


@pytest.mark.parametrize(
    ("section", "reason"),
    [
        ("program:a:b", "Invalid name: 'a:b' because of character: ':'"),
        ("program:a b", "Invalid name: 'a b' because of character: ' '"),
        ("program:a/b", "Invalid name: 'a/b' because of character: '/'"),
        ("program:a\x1b[0m", "Invalid name: 'a\\x1b[0m' because of character: '\\x1b'"),
        ("program:a\u202eb", "Invalid name: 'a\\u202eb' because of character: '\\u202e'"),
        ("program:", "it is empty"),
        ("group:a:b", "Invalid name: 'a:b' because of character: ':'"),
    ],
)
def test_bad_names_of_sections(section: str, reason: str) -> None:
    (problem,) = errors(f"[supervisord]\n[{section}]\ncommand=x\n")
    assert problem.startswith(f"{MAIN}:2: [")
    assert problem.endswith(f"cannot use this name: {reason}")
    assert problem.isprintable()


def test_names_are_trimmed() -> None:
    assert names("[supervisord]\n[program: a ]\ncommand=x\n[group: g ]\nprograms = a\n") == {"g": ["a"]}


# --- groups ------------------------------------------------------------------------------------------


def test_grouping_and_order() -> None:
    configuration = load(
        """\
        [supervisord]
        [program:z]
        command=z
        [program:b]
        command=b
        priority=5
        [program:a]
        command=a
        priority=7
        [group:g]
        programs=b , a
        [group:empty]
        priority=1
        """
    )
    assert [(group.name, group.priority, group.kind) for group in configuration.groups] == [
        ("empty", 1, GroupKind.GROUP),
        ("g", 999, GroupKind.GROUP),
        ("z", 999, GroupKind.PROGRAM),
    ]
    assert [
        (process.name, process.group, process.priority) for process in configuration.groups[1].processes
    ] == [
        ("b", "g", 5),
        ("a", "g", 7),
    ]


def test_a_program_in_two_groups_is_made_in_each() -> None:
    configuration = load(
        """\
        [supervisord]
        [program:a]
        command=%(group_name)s
        [group:x]
        programs=a
        [group:y]
        programs=a
        """
    )
    assert [group.processes[0].command for group in configuration.groups] == ["x", "y"]


def test_a_group_may_have_the_name_of_its_own_program() -> None:
    assert names("[supervisord]\n[program:a]\ncommand=x\n[group:a]\nprograms=a\n") == {"a": ["a"]}


def test_unknown_members() -> None:
    assert errors("[supervisord]\n[group:g]\nprograms=a,\n[eventlistener:a]\ncommand=x\nevents=TICK_5\n") == [
        f"{MAIN}:3: [group:g] programs: cannot find this member: [group:g] names unknown program or fcgi-program a",
        f"{MAIN}:3: [group:g] programs: cannot find this member: [group:g] names unknown program or fcgi-program ",
    ]


def test_a_member_twice_is_there_once_and_warned_of() -> None:
    text = "[supervisord]\n[program:a]\ncommand=x\n[group:g]\nprograms=a,a\n"
    assert names(text) == {"g": ["a"]}
    assert warnings(load(text)) == [
        f"{MAIN}:5: [group:g] programs: a program is listed twice in this group: it is there once"
    ]


def test_a_member_of_two_kinds() -> None:
    lines = errors(
        "[supervisord]\n[program:a]\ncommand=x\n[fcgi-program:a]\ncommand=x\nsocket=tcp://x:1\n[group:g]\n"
        "programs=a\n"
    )
    assert lines == [
        (
            f"{MAIN}:8: [group:g] programs: cannot tell which is meant: [group:g] name a is ambiguous"
            " (exists as program and fcgi-program)"
        )
    ]


GROUP_AND_PROGRAM = "[supervisord]\n[program:a]\ncommand=x\n{}[program:b]\ncommand=x\n[group:a]\nprograms=b\n"


@pytest.mark.parametrize(
    ("priority", "members", "loser", "winner"),
    [
        ("", ["b"], "2: [program:a]", "[group:a] at {MAIN}:6"),
        ("priority=998\n", ["a"], "7: [group:a]", "[program:a] at {MAIN}:2"),
    ],
)
def test_of_a_group_and_a_program_of_one_name_the_first_is_run(
    priority: str, members: list[str], loser: str, winner: str
) -> None:
    text = GROUP_AND_PROGRAM.format(priority)
    assert names(text) == {"a": members}
    assert warnings(load(text)) == [
        (
            f"{MAIN}:{loser} this is not run: it makes a second group named 'a', and {winner.format(MAIN=MAIN)}"
            " comes first (rename one of them, or list the program in the group)"
        )
    ]


def test_a_listener_comes_before_a_program_of_its_name() -> None:
    text = "[supervisord]\n[program:a]\ncommand=x\n[eventlistener:a]\ncommand=y\nevents=TICK\n"
    assert [process.command for group in load(text).groups for process in group.processes] == ["y"]
    assert len(warnings(load(text))) == 1


def test_two_programs_of_one_name() -> None:
    assert errors("[supervisord]\n[program:a]\ncommand=x\n[program: a]\ncommand=x\n") == [
        f"{MAIN}:4: [program: a] cannot have two programs named 'a': [program:a] is one"
    ]


def test_of_a_process_name_twice_in_a_group_the_last_is_run() -> None:
    text = """\
        [supervisord]
        [program:a]
        command=x
        [program:b]
        command=y
        process_name=a
        [group:g]
        programs=a,b
        """
    assert [process.command for process in load(text).groups[0].processes] == ["y"]
    assert warnings(load(text)) == [
        f"{MAIN}:2: [program:a] this process is not run: 'a' in the group 'g' is that of [program:b], which comes later"
    ]
    assert program_errors("numprocs=3\nprocess_name=%(process_num).0s") == [
        f"{MAIN}:5: [program:cat] process_name: cannot use '%(process_num).0s': a process name cannot be empty"
    ]


def test_the_same_names_in_two_groups_are_fine() -> None:
    text = "[supervisord]\n[program:a]\ncommand=x\nprocess_name=p\n[program:b]\ncommand=x\nprocess_name=p\n"
    assert names(text) == {"a": ["p"], "b": ["p"]}


# --- a program that is in no file --------------------------------------------------------------------


def test_a_program_from_a_dict() -> None:
    processes = load_given_program(
        "w",
        "g",
        {"command": "/bin/%(program_name)s %(ENV_X)s", "numprocs": "2", "process_name": "%(process_num)d"},
        path="/etc/s.conf",
        environ={"X": "1"},
        base="/srv",
    )
    assert [(process.name, process.group, process.command) for process in processes] == [
        ("0", "g", "/bin/w 1"),
        ("1", "g", "/bin/w 1"),
    ]


def test_a_bad_program_from_a_dict() -> None:
    with pytest.raises(ConfigError) as caught:
        load_given_program("a:b", "g", {"autostart": "x"}, path="/etc/s.conf", environ={}, base="/")
    assert [problem.option for problem in caught.value.problems] == ["", "autostart", "command"]
