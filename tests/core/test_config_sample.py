"""The sample configuration says what is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from supervisor.config.commandline import sample_config
from supervisor.config.load import load_ctl, load_supervisord
from supervisor.config.model import (
    FastCgiSocket,
    GroupConfig,
    GroupKind,
    ListenerConfig,
    ProcessConfig,
    SupervisordConfig,
)
from supervisor.config.options import SECTION_OPTIONS
from tests.support.certificates import Authority

COMMENTED = re.compile(r"^;(?=\[|[a-z_.]+=)", re.MULTILINE)


def _written(tmp_path: Path, text: str) -> str:
    (tmp_path / "conf.d").mkdir(exist_ok=True)
    (tmp_path / "conf.d" / "empty.conf").write_text("")
    file = tmp_path / "supervisord.conf"
    file.write_text(text)
    return str(file)


def test_it_loads_without_a_warning(tmp_path: Path) -> None:
    path = _written(tmp_path, sample_config())
    configuration = load_supervisord(path, {}, environ={})
    assert configuration.warnings == ()
    assert [server.file for server in configuration.unix_servers] == [f"{tmp_path}/supervisor.sock"]
    assert [server.file for server in configuration.stream_servers] == [f"{tmp_path}/supervisor.sock.stream"]
    assert [plugin.name for plugin in configuration.rpcinterfaces] == ["supervisor"]
    config = load_ctl(path, {}, environ={})
    assert config.serverurl == f"unix://{tmp_path}/supervisor.sock"
    assert config.warnings == ()


def test_with_every_comment_taken_off_it_loads_without_a_warning(tmp_path: Path) -> None:
    text = re.sub(
        r"^(user|chown|socket_owner)=.*\n", "", COMMENTED.sub("", sample_config()), flags=re.MULTILINE
    )
    path = _written(tmp_path, text)
    certificate = Authority(tmp_path).issue("server")
    for name in ("tls.pem", "tls.key"):
        (tmp_path / name).write_text(certificate.read_text())
    configuration = load_supervisord(path, {}, environ={})
    assert configuration.warnings == ()
    assert [
        (group.name, [process.name for process in group.processes]) for group in configuration.groups
    ] == [
        ("memory", ["memory"]),
        ("responder", ["responder"]),
        ("services", ["example"]),
    ]
    assert len(configuration.stream_servers) == 2
    assert load_ctl(path, {}, environ={}).warnings == ()


@pytest.mark.parametrize("kind", SECTION_OPTIONS)
def test_every_option_is_shown(kind: str) -> None:
    header = re.compile(rf"^;?\[{kind}(:\w+)?\]$(.*?)(?=^;?\[|\Z)", re.MULTILINE | re.DOTALL)
    match = header.search(sample_config())
    assert match is not None
    shown = set(re.findall(r"^;?([a-z_]+)=", match[2], re.MULTILINE))
    if kind in ("fcgi-program", "eventlistener"):  # their other options are shown with programs
        assert shown - {"command"} == SECTION_OPTIONS[kind] - SECTION_OPTIONS["program"]
    else:
        assert shown == SECTION_OPTIONS[kind]


def test_the_defaults_it_shows_are_the_defaults(tmp_path: Path) -> None:
    """Options without a default of their own are examples and left out here."""
    examples = "user|chown|socket_owner|socket_backlog|environment|directory|umask|serverurl|childlogdir|username|password"
    examples += "|cafile|certfile|keyfile"
    text = re.sub(rf"^;({examples})=.*\n", "", sample_config(), flags=re.MULTILINE)
    text = COMMENTED.sub("", text.replace(";[group:services]", "[group:services]"))
    configuration = load_supervisord(_written(tmp_path, text), {}, environ={})
    main = configuration.supervisord
    assert main == SupervisordConfig(logfile=main.logfile, pidfile=main.pidfile, childlogdir=main.childlogdir)
    expected = ProcessConfig("example", "services", "/bin/cat", "example")
    listener, responder, group = configuration.groups
    assert (listener.kind, listener.priority) == (GroupKind.LISTENER, -1)
    assert listener.listener == ListenerConfig(("TICK_60",), buffer_size=1000)
    assert responder.processes[0].fcgi == FastCgiSocket("/tmp/responder.sock")
    assert group == GroupConfig("services", kind=group.kind, processes=(expected,))
