"""``[fcgi-program:x]`` and the passwords of servers."""

from __future__ import annotations

import pytest

from supervisor.config.model import Configuration, FastCgiSocket, decode, encode
from supervisor.passwords import hash_password
from tests.core.config_files import MAIN, errors, load, warnings

HEAD = "[supervisord]\n"


def socket_of(lines: str) -> FastCgiSocket | None:
    configuration = load(f"{HEAD}[fcgi-program:php]\ncommand=/bin/cat\n{lines}")
    assert decode(Configuration, encode(configuration)) == configuration
    (group,) = configuration.groups
    (process,) = group.processes
    return process.fcgi


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("socket=unix:///run/%(program_name)s.sock\n", FastCgiSocket("/run/php.sock")),
        ("socket=TCP://LocalHost:9000\n", FastCgiSocket("", "localhost", 9000)),
        ("socket=tcp://*:9000\n", FastCgiSocket("", "", 9000)),
        (
            "socket=unix:///s\nsocket_owner=0:0\nsocket_mode=0666\nsocket_backlog=5\n",
            FastCgiSocket("/s", "", 0, 0o666, 0, 0, 5),
        ),
        ("socket=unix:///s\nsocket_owner=0\n", FastCgiSocket("/s", uid=0)),
    ],
)
def test_the_socket(lines: str, expected: FastCgiSocket) -> None:
    assert socket_of(lines) == expected


def test_its_url() -> None:
    assert FastCgiSocket("/run/s").url == "unix:///run/s"
    assert FastCgiSocket("", "localhost", 9000).url == "tcp://localhost:9000"


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("", 'socket: cannot open a socket: [fcgi-program:a] section requires a "socket" line'),
        ("socket=/tmp/s\n", "socket: cannot use '/tmp/s': Bad socket format /tmp/s"),
        ("socket=udp://a:1\n", "socket: cannot use 'udp://a:1': Bad socket format udp://a:1"),
        ("socket=tcp://a\n", "socket: cannot use 'tcp://a': Bad socket format tcp://a"),
        ("socket=tcp://a:0\n", "socket: cannot use 'tcp://a:0': not a valid port number: 'a:0'"),
        ("socket=unix://s\n", "socket: cannot use 'unix://s': Unix socket path s is not an absolute path"),
        (
            "socket=unix:///s\nsocket_owner=nobody-here\n",
            "socket_owner: cannot use 'nobody-here': Invalid socket_owner value nobody-here",
        ),
        ("socket=unix:///s\nsocket_mode=9\n", "socket_mode: cannot use '9': Invalid socket_mode value 9"),
        (
            "socket=unix:///s\nsocket_backlog=0\n",
            "socket_backlog: cannot use '0': Invalid socket_backlog value 0",
        ),
        (
            "socket=tcp://a:1\nsocket_mode=0700\n",
            (
                "socket_mode: cannot set this: socket_owner and socket_mode params should only be used with a"
                " Unix domain socket in [fcgi-program:a] socket"
            ),
        ),
        (
            "socket=unix:///s\ntty=true\n",
            "tty: cannot give an fcgi-program a terminal: its fd 0 is the socket",
        ),
    ],
)
def test_mistakes(lines: str, reason: str) -> None:
    (line,) = errors(f"{HEAD}[fcgi-program:a]\ncommand=x\n{lines}")
    assert line.partition("[fcgi-program:a] ")[2] == reason


def test_in_a_group_it_keeps_its_socket() -> None:
    configuration = load(
        f"{HEAD}[program:a]\ncommand=x\n[fcgi-program:b]\ncommand=x\nsocket=unix:///s\nnumprocs=2\n"
        "process_name=b%(process_num)d\n[group:g]\nprograms=a,b\n"
    )
    (group,) = configuration.groups
    socket = FastCgiSocket("/s")
    assert [(process.name, process.fcgi) for process in group.processes] == [
        ("a", None),
        ("b0", socket),
        ("b1", socket),
    ]


SERVER = f"{HEAD}[inet_http_server]\nport=1\nusername=a\npassword="


@pytest.mark.parametrize(
    "password",
    ["plain", "{SHA}" + "a" * 40, hash_password(b"x", 4, 1, 1), "{other}x"],
    ids=["plain", "sha", "scrypt", "other"],
)
def test_stored_passwords(password: str) -> None:
    (server,) = load(SERVER + password.replace("%", "%%") + "\n").inet_servers
    assert server.password == password


def test_a_sha_that_opens_nothing_is_warned_of() -> None:
    configuration = load(SERVER + "{SHA}ABC\n")
    assert warnings(configuration) == [
        (
            f"{MAIN}:5: [inet_http_server] password: nobody can log in with this:"
            " behind {SHA} 40 lower-case hex digits are expected"
        )
    ]


@pytest.mark.parametrize("password", ["{scrypt}secret", "{scrypt}ln=30,r=8,p=3$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo"])
def test_a_stored_password_that_opens_nothing_is_a_mistake_and_is_not_repeated(password: str) -> None:
    (line,) = errors(SERVER + password + "\n")
    assert line.startswith(f"{MAIN}:5: [inet_http_server] password: cannot use this value: ")
    assert password not in line
