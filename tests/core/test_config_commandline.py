"""Command lines of both programs; texts and order as Supervisor 4.3 has them (observed)."""

from __future__ import annotations

import getopt
import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supervisor.config.commandline import (
    CtlArguments,
    SupervisordArguments,
    ctl_usage,
    parse_ctl,
    parse_supervisord,
    supervisord_usage,
    usage_error,
)
from supervisor.errors import EXIT_USAGE, UserError

SUPERVISORD = [
    ("", SupervisordArguments()),
    ("-c x", SupervisordArguments("x")),
    ("-cx", SupervisordArguments("x")),
    ("--configuration x", SupervisordArguments("x")),
    ("--configuration=x", SupervisordArguments("x")),
    ("--configuration=", SupervisordArguments("")),
    ("--conf x", SupervisordArguments("x")),
    ("-n", SupervisordArguments(overrides={"nodaemon": "true"})),
    ("-nsc x", SupervisordArguments("x", {"nodaemon": "true", "silent": "true"})),
    ("-kt", SupervisordArguments(overrides={"nocleanup": "true", "strip_ansi": "true"})),
    (
        "-u root -m 022 -d / -l /tmp/x -y 1MB -z 3 -e WARN -j /tmp/p -i me -q /tmp -a 10 --minprocs 5",
        SupervisordArguments(
            overrides={
                "user": "root",
                "umask": "022",
                "directory": "/",
                "logfile": "/tmp/x",
                "logfile_maxbytes": "1MB",
                "logfile_backups": "3",
                "loglevel": "WARN",
                "pidfile": "/tmp/p",
                "identifier": "me",
                "childlogdir": "/tmp",
                "minfds": "10",
                "minprocs": "5",
            }
        ),
    ),
    ("--iden x", SupervisordArguments(overrides={"identifier": "x"})),
    ("--logfile x", SupervisordArguments(overrides={"logfile": "x"})),
    ("--logfile_m 1", SupervisordArguments(overrides={"logfile_maxbytes": "1"})),
    ("--ch /", SupervisordArguments(overrides={"childlogdir": "/"})),
    ("-u nosuchuser", SupervisordArguments(overrides={"user": "nosuchuser"})),
    ("--profile_options=callers,calls", SupervisordArguments(profile=("callers", "calls"))),
    ("-i -n", SupervisordArguments(overrides={"identifier": "-n"})),
    ("--", SupervisordArguments()),
    ("-h", SupervisordArguments(help=True)),
    ("-?", SupervisordArguments(help=True)),
    ("--help", SupervisordArguments(help=True)),
    ("-v", SupervisordArguments(version=True)),
    ("--version", SupervisordArguments(version=True)),
    ("-v -h", SupervisordArguments(version=True)),
    ("-h -y foo", SupervisordArguments(help=True)),
    ("-v -n -n", SupervisordArguments(version=True)),
    ("--check -c x", SupervisordArguments("x", check=True)),
    ("--sample-config", SupervisordArguments(sample_config=True)),
]

SUPERVISORD_ERRORS = [
    (
        "--profile_options=foo",
        "invalid value for --profile_options 'foo': 'foo' is none of cumulative, calls, callers",
    ),
    ("-n -n", "conflicting command line option '-n'"),
    ("-n --nodaemon", "conflicting command line option '--nodaemon'"),
    ("--nod -nn", "conflicting command line option '-n'"),
    ("-c x -c x", "conflicting command line option '-c'"),
    ("-y foo -h", "invalid value for -y 'foo': invalid literal for int() with base 10: 'foo'"),
    (
        "--logfile_max foo",
        "invalid value for --logfile_maxbytes 'foo': invalid literal for int() with base 10: 'foo'",
    ),
    ("-y 5K", "invalid value for -y '5K': invalid literal for int() with base 10: '5k'"),
    ("-m 9", "invalid value for -m '9': 9 can not be converted to an octal type"),
    (
        "-l /nonexistent/x",
        (
            "invalid value for -l '/nonexistent/x':"
            " The directory named as part of the path /nonexistent/x does not exist"
        ),
    ),
    ("-q /nonexistent", "invalid value for -q '/nonexistent': /nonexistent is not an existing directory"),
    ("-e warning", "invalid value for -e 'warning': bad logging level name 'warning'"),
    ("-h --bogus", "option --bogus not recognized"),
    ("-x", "option -x not recognized"),
    ("-nx", "option -x not recognized"),
    ("-h=3", "option -= not recognized"),
    ("--log x", "option --log not a unique prefix"),
    ("--chec", "option --chec not recognized"),
    ("--nodaemon=1", "option --nodaemon must not have an argument"),
    ("-d", "option -d requires argument"),
    ("--user", "option --user requires argument"),
    ("--us", "option --user requires argument"),
    ("foo", "positional arguments are not supported: ['foo']"),
    ("-v foo -n", "positional arguments are not supported: ['foo', '-n']"),
    ("-- -n", "positional arguments are not supported: ['-n']"),
    ("-", "positional arguments are not supported: ['-']"),
]

CTL = [
    ("", CtlArguments()),
    ("status", CtlArguments(words=("status",))),
    ("-i status a -b", CtlArguments(interactive=True, words=("status", "a", "-b"))),
    ("-- -s", CtlArguments(words=("-s",))),
    ("tail -f cat", CtlArguments(words=("tail", "-f", "cat"))),
    (
        "-c x -s unix:///s -u me -p secret -r h version",
        CtlArguments(
            "x",
            overrides={"serverurl": "unix:///s", "username": "me", "password": "secret", "history_file": "h"},
            words=("version",),
        ),
    ),
    ("--serv http://x:1", CtlArguments(overrides={"serverurl": "http://x:1"})),
    ("-ip x", CtlArguments(interactive=True, overrides={"password": "x"})),
    ("--json status", CtlArguments(json=True, words=("status",))),
    ("--raw tail x", CtlArguments(raw=True, words=("tail", "x"))),
    ("-v", CtlArguments(version=True)),
    ("--version", CtlArguments(version=True)),
    ("-h", CtlArguments(help=True)),
    ("-?", CtlArguments(help=True)),
]

CTL_ERRORS = [
    ("-s foo status", "invalid value for -s 'foo': value 'foo' is not a URL"),
    ("--serverurl=http: status", "invalid value for --serverurl 'http:': value 'http:' is not a URL"),
    ("-p", "option -p requires argument"),
    ("--history-file=x", "option --history-file not recognized"),
    ("--j", "option --j not recognized"),
    ("-i -i", "conflicting command line option '-i'"),
]


@pytest.mark.parametrize(("line", "arguments"), SUPERVISORD)
def test_supervisord(line: str, arguments: SupervisordArguments) -> None:
    assert parse_supervisord(line.split()) == arguments


@pytest.mark.parametrize(("line", "message"), SUPERVISORD_ERRORS)
def test_supervisord_refuses(line: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_supervisord(line.split())
    assert str(caught.value) == message
    assert caught.value.exit_code == EXIT_USAGE


@pytest.mark.parametrize(("line", "arguments"), CTL)
def test_ctl(line: str, arguments: CtlArguments) -> None:
    assert parse_ctl(line.split()) == arguments


@pytest.mark.parametrize(("line", "message"), CTL_ERRORS)
def test_ctl_refuses(line: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_ctl(shlex.split(line))
    assert str(caught.value) == message
    assert caught.value.exit_code == EXIT_USAGE


def test_messages_are_one_line_of_printable_text() -> None:
    with pytest.raises(UserError) as caught:
        parse_supervisord(["--\x1b]0;x\x07\n"])
    assert str(caught.value).isprintable()


def test_a_usage_error_has_two_lines() -> None:
    assert usage_error("/bin/supervisord", "no") == "Error: no\nFor help, use /bin/supervisord -h"


CLASSIC_SHORT = "c:hir:s:u:p:?"
CLASSIC_LONG = [
    "configuration=",
    "help",
    "interactive",
    "serverurl=",
    "username=",
    "password=",
    "history_file=",
]
LINE = st.lists(
    st.sampled_from(
        [
            "-c",
            "-cx",
            "-i",
            "-iu",
            "-ux",
            "-",
            "--",
            "--conf",
            "--conf=x",
            "--i",
            "--interactive=1",
            "--inter",
            "--p",
            "--",
            "--hi=",
            "--h",
            "--u",
            "-x",
            "x",
            "--usernam=y",
            "--username",
            "-pi",
            "--=x",
            "--bogus",
        ]
    ),
    max_size=5,
)


@settings(deadline=None)
@given(LINE)
def test_as_the_standard_getopt_splits(words: list[str]) -> None:
    try:
        options, rest = getopt.getopt(words, CLASSIC_SHORT, CLASSIC_LONG)
    except getopt.GetoptError as error:
        with pytest.raises(UserError) as caught:
            parse_ctl(words)
        assert str(caught.value) == str(error)
        return
    try:
        arguments = parse_ctl(words)
    except UserError as error:
        assert str(error).startswith("conflicting command line option")
        return
    assert list(arguments.words) == rest
    if not arguments.help:
        plain = dict(options)
        assert arguments.configuration == plain.get("-c", plain.get("--configuration"))
        assert arguments.overrides.get("username") == plain.get("-u", plain.get("--username"))
        assert arguments.interactive == bool({"-i", "--interactive"} & plain.keys())


@settings(deadline=None)
@given(st.lists(st.text(max_size=6), max_size=4))
def test_any_words_are_parsed_or_refused(words: list[str]) -> None:
    for parse in (parse_supervisord, parse_ctl):
        try:
            parse(words)
        except UserError as error:
            assert str(error).isprintable()


def test_usage_names_every_option() -> None:
    daemon = supervisord_usage("/usr/bin/supervisord")
    assert daemon.startswith("Usage: supervisord [options]\n")
    for option in [*"cnsumdlyzejiqakthv?"]:
        assert f"-{option}" in daemon
    for word in (
        "--configuration",
        "--logfile_maxbytes",
        "--minprocs",
        "--check",
        "--sample-config",
        "--strip_ansi",
    ):
        assert word in daemon
    client = ctl_usage()
    for word in (
        "-c,",
        "-i,",
        "-s,",
        "-u,",
        "-p,",
        "-r,",
        "-h,",
        "-v,",
        "--json",
        "--raw",
        "--history_file",
        "Exit codes",
    ):
        assert word in client
    assert all(len(line) <= 80 for line in (daemon + client).splitlines())
