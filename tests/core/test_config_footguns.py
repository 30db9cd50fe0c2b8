"""What ``supervisord --check`` warns of beside mistakes, each with file and line."""

from __future__ import annotations

import textwrap

import pytest

from supervisor.config.footguns import shell_of
from supervisor.config.load import load_supervisord
from tests.core.config_files import MAIN, Files


def found(text: str, *, strict: bool = True) -> list[str]:
    files = Files({MAIN: "[supervisord]\n" + textwrap.dedent(text)})
    configuration = load_supervisord(
        MAIN, {}, environ={}, read=files.read, glob=files.glob, cwd="/tmp", strict=strict
    )
    return [str(warning) for warning in configuration.warnings]


GUNS = {
    "[inet_http_server]\nport=9001\ninsecure=true\n": f"{MAIN}:3: [inet_http_server] port: without username and password everybody "
    "who reaches all addresses, port 9001 controls all programs",
    "[program:a]\ncommand=x\nstdout_logfile=/dev/stdout\n": f"{MAIN}:4: [program:a] stdout_logfile: /dev/stdout "
    "cannot be rotated",
    "[program:a]\nprocess_name=%(process_num)d\nnumprocs=9\n\ncommand=sh -c 'a; b'\n": f"{MAIN}:6: [program:a] command: "
    "a stop reaches sh only",
    "[program:a]\ncommand=x\nnumprocs=9\nprocess_name=%(process_num)d\n[eventlistener:e]\ncommand=y\n"
    "events=PROCESS_STATE\nbuffer_size=8\n": f"{MAIN}:9: [eventlistener:e] buffer_size: 8 events do not hold one of each of "
    "the 9 processes",
    "[program:a]\ncommand=x\nstopwaitsecs=60\n[eventlistener:e]\ncommand=y\nevents=TICK_5\n": f"{MAIN}:5: "
    "[eventlistener:e] ack_timeout: it is restarted when it works 60 s on an event; one that restarts programs may wait "
    "60 s for a:a to stop",
    "[program:a]\ncommand=x\nstdout_logfile=/tmp/l\n[program:b]\ncommand=x\nstderr_logfile=/tmp/l\n": f"{MAIN}:7: "
    "[program:b] stderr_logfile: stdout of a:a and stderr of b:b are both logged to /tmp/l",
}


@pytest.mark.parametrize("text", GUNS)
def test_foot_guns(text: str) -> None:
    (warning,) = found(text)
    assert warning.startswith(GUNS[text])


@pytest.mark.parametrize(
    "text",
    [
        "[inet_http_server]\nport=9001\nusername=u\npassword=p\n",
        "[program:a]\ncommand=x\nstdout_logfile=/dev/stdout\nstdout_logfile_maxbytes=0\n",
        "[program:a]\ncommand=sh -c 'a; b'\nstopasgroup=true\n",
        "[program:a]\ncommand=sh -c 'a; b'\ntty=true\n",
        "[program:a]\ncommand=x\n[eventlistener:e]\ncommand=y\nevents=EVENT\nbuffer_size=8\n",
        "[program:a]\ncommand=x\nstopwaitsecs=60\n[eventlistener:e]\ncommand=y\nevents=TICK_5\nack_timeout=0\n",
        "[program:a]\ncommand=x\nstopwaitsecs=60\n[eventlistener:e]\ncommand=y\nevents=TICK_5\nack_timeout=61\n",
    ],
)
def test_what_is_meant(text: str) -> None:
    assert found(text) == []


def test_only_a_check_tells() -> None:
    assert found("[program:a]\ncommand=sh -c 'a; b'\n", strict=False) == []


@pytest.mark.parametrize(
    ("command", "shell"),
    [
        ("sh -c 'a b'", "sh"),
        ("/bin/bash -ec 'a b' x", "bash"),
        ("bash --norc -lc 'exec a; b'", "bash"),
        ("sh -c 'exec a b'", ""),
        ("sh script", ""),
        ("bash", ""),
        ("sh -c", ""),
        ("/usr/bin/python -c 'x'", ""),
        ("sh -c 'unclosed", ""),
        ("", ""),
    ],
)
def test_shells(command: str, shell: str) -> None:
    assert shell_of(command) == shell
