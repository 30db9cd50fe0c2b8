"""What supervisorctl reads of the configuration."""

from __future__ import annotations

import pytest

from supervisor.config.kinds import ConsoleConfig
from supervisor.config.load import load_ctl
from supervisor.config.model import CtlConfig, PluginConfig
from supervisor.errors import ConfigError
from tests.core.config_files import MAIN, ctl, warnings


def test_without_a_file() -> None:
    assert load_ctl(None, {}, environ={}) == CtlConfig()
    given = {"serverurl": "unix://x/../s.sock", "username": "u", "password": "%", "history_file": "h"}
    assert load_ctl(None, given, environ={}, cwd="/run") == CtlConfig(
        serverurl="unix:///run/s.sock", username="u", password="%", history_file="/run/h"
    )


def test_every_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    config = ctl(
        """\
        [supervisorctl]
        serverurl=unix://%(here)s/s.sock
        username=u
        password=100%%%(ENV_DATA)s
        prompt=mine
        history_file=~/.history
        fg_history=no
        [ctlplugin:x]
        supervisor.ctl_factory=a.b:c
        other=%(ENV_DATA)s
        """
    )
    assert config == CtlConfig(
        serverurl="unix:///etc/s.sock",
        username="u",
        password="100%/srv",
        prompt="mine",
        history_file="/home/me/.history",
        fg_history=False,
        plugins=(PluginConfig("x", "a.b:c", (("other", "/srv"),)),),
    )


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("http://host:1/", "http://host:1/"),
        ("unix://s.sock", "unix:///tmp/s.sock"),
        ("unix://~/s.sock", "unix:///home/me/s.sock"),
        ("foo", "foo"),
    ],
)
def test_server_url(written: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert ctl(f"[supervisorctl]\nserverurl={written}\n").serverurl == url


def test_the_command_line_wins() -> None:
    config = ctl(
        "[supervisorctl]\nserverurl=http://a\nusername=a\n", {"serverurl": "http://b", "password": "p"}
    )
    assert (config.serverurl, config.username, config.password) == ("http://b", "a", "p")


def test_included_files_are_read() -> None:
    config = ctl(
        "[include]\nfiles=d/*\n",
        others={"/etc/d/a": "[supervisorctl]\nprompt=x\n[ctlplugin:p]\nsupervisor.ctl_factory=f\n"},
    )
    assert config.prompt == "x"
    assert config.plugins == (PluginConfig("p", "f"),)


def test_what_is_wrong_with_included_files_is_only_a_warning() -> None:
    config = ctl(
        "[supervisorctl]\nprompt=x\n[include]\nfiles=d/*\n",
        others={"/etc/d/a": PermissionError(13, "Permission denied"), "/etc/d/b": "[program:x]\nbad line\n"},
    )
    assert config.prompt == "x"
    assert warnings(config) == [
        f'{MAIN}:4: [include] cannot include "/etc/d/a": Permission denied',
        "/etc/d/b:2: [program:x] cannot read this line: it is neither a [section] nor OPTION=VALUE: 'bad line'",
    ]
    assert ctl("[supervisorctl]\n[include]\nfiles=%(ENV_NIX)s\n") == CtlConfig(
        warnings=ctl("[supervisorctl]\n[include]\nfiles=%(ENV_NIX)s\n").warnings
    )


def test_the_daemons_sections_are_not_looked_at() -> None:
    config = ctl("[supervisord]\numask=9\n[program:x]\n[nonsense]\n[supervisorctl]\nprmpt=x\n")
    assert warnings(config) == [
        f"{MAIN}:6: [supervisorctl] prmpt: this option is not known and is ignored; did you mean prompt?"
    ]


def test_another_supervisor_for_the_console() -> None:
    config = ctl(
        """\
        [supervisorctl]
        [supervisortui:web]
        serverurl=ssh://web
        env=prod
        protect=true
        title=alert
        colour=red
        theme=contrast
        [supervisortui:db]
        serverurl=unix://db.sock
        """
    )
    assert config.consoles == (
        ConsoleConfig(
            "web", "ssh://web", env="prod", protect=True, alert=True, colour="red", theme="contrast"
        ),
        ConsoleConfig("db", "unix:///tmp/db.sock"),
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "[supervisorctl]\n[supervisortui:x]\nserverurl=ssh://x\ncolour=pink\n",
            (
                f"{MAIN}:4: [supervisortui:x] colour: cannot use 'pink':"
                " colour is one of red, yellow, green, cyan, blue, magenta"
            ),
        ),
        (
            "[supervisorctl]\n[supervisortui:x]\nserverurl=ssh://x\n\ntitle=x\n",
            f"{MAIN}:5: [supervisortui:x] title: cannot use 'x': title is alert, or left out",
        ),
        ("[supervisord]\n", f"{MAIN}: .ini file does not include supervisorctl section"),
        (
            "[supervisorctl]\nbad\n",
            f"{MAIN}:2: [supervisorctl] cannot read this line: it is neither a [section] nor OPTION=VALUE: 'bad'",
        ),
        (
            "[supervisorctl]\n[ctlplugin:x]\na=1\n",
            (
                f"{MAIN}:2: [ctlplugin:x] supervisor.ctl_factory: cannot load this plug-in:"
                " section [ctlplugin:x] does not specify a supervisor.ctl_factory"
            ),
        ),
    ],
)
def test_problems(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ctl(text)
    assert str(caught.value) == problem


def test_a_missing_file() -> None:
    with pytest.raises(ConfigError) as caught:
        load_ctl("nix.conf", {}, environ={}, cwd="/nowhere")
    assert str(caught.value) == "could not find config file /nowhere/nix.conf"


def test_a_password_is_not_shown() -> None:
    assert "hunter" not in repr(ctl("[supervisorctl]\npassword=hunter2\n"))
