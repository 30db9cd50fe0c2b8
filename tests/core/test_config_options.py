"""The table of options says what is true: names in test_config_sample, defaults here."""

from __future__ import annotations

import pytest

from supervisor.config.load import load_supervisord
from supervisor.config.options import OPTIONS, Option
from tests.core.config_files import Files

MAIN = "/etc/supervisord.conf"
NEEDED = {
    "program": "command=/bin/cat\n",
    "fcgi-program": "command=/bin/cat\nsocket=unix:///tmp/x\n",
    "eventlistener": "command=/bin/cat\nevents=TICK_5\n",
    "unix_http_server": "file=/tmp/s\n",
    "unix_stream_server": "file=/tmp/s\n",
    "inet_http_server": "port=127.0.0.1:9001\n",
    "inet_stream_server": "port=127.0.0.1:9001\n",
}
WITH_DEFAULTS = [
    (kind, option)
    for kind, options in OPTIONS.items()
    if kind not in ("supervisorctl", "supervisortui", "include")
    for option in options
    if option.default
]


def load(kind: str, line: str) -> object:
    section = f"[{kind}:x]" if kind in ("program", "fcgi-program", "eventlistener", "group") else f"[{kind}]"
    head = "" if kind == "supervisord" else "[supervisord]\n"
    text = f"{head}{section}\n{NEEDED.get(kind, '')}{line}\n"
    read = Files({MAIN: text})
    configuration = load_supervisord(
        MAIN, {}, environ={}, read=read.read, glob=read.glob, cwd="/tmp", strict=True
    )
    return (
        configuration.supervisord,
        configuration.groups,
        configuration.unix_servers,
        configuration.inet_servers,
        configuration.stream_servers,
    )


@pytest.mark.parametrize(
    ("kind", "option"), WITH_DEFAULTS, ids=[f"{kind}-{option.name}" for kind, option in WITH_DEFAULTS]
)
def test_a_default_written_out_changes_nothing(kind: str, option: Option) -> None:
    assert load(kind, f"{option.name}={option.default}") == load(kind, "")
