from __future__ import annotations

import dataclasses
import io
import sys
import threading
import types
from collections.abc import Iterator
from typing import Any

import pytest

from supervisor.client.rpc import RPCClient
from supervisor.config.model import CtlConfig, PluginConfig
from supervisor.ctl.dispatch import run_command, run_line
from supervisor.ctl.plugins import load_plugins
from supervisor.ctl.session import Session, StreamOutput
from supervisor.errors import UserError
from supervisor.supervisorctl import Controller, ControllerPluginBase, LSBInitExitStatuses
from tests.core.ctl_support import Script, from_table, process_info, serve


class Plugin(ControllerPluginBase):
    def __init__(self, controller: Controller, **options: str) -> None:
        super().__init__(controller)
        self.options = options

    def do_show(self, arg: str) -> None:
        """show <word>\tShow a word"""
        self.ctl.output(f"{self.name} {arg!r} {sorted(self.options.items())}")

    def do_count(self, arg: str) -> None:
        if self.ctl.upcheck():
            self.ctl.output(str(len(self.ctl.get_supervisor().getAllProcessInfo())))

    def help_count(self) -> None:
        self.ctl.output("count\tHow many")

    def do_fail(self, arg: str) -> None:
        raise KeyError("x")

    def do_leave(self, arg: str) -> None:
        self.ctl.exitstatus = LSBInitExitStatuses.NOT_INSTALLED

    def do_status(self, arg: str) -> None:
        raise AssertionError("a plug-in cannot replace a built-in command")

    def do_many(self, arg: str) -> None:
        threads = [threading.Thread(target=self.ctl.onecmd, args=(f"start {name}",)) for name in arg.split()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> str:
    module = types.ModuleType("a_ctl_plugin")
    module.make = Plugin  # type: ignore[attr-defined]  # a module made here
    monkeypatch.setitem(sys.modules, "a_ctl_plugin", module)
    return "a_ctl_plugin"


def make_session(url: str, *plugins: PluginConfig) -> tuple[Session, io.StringIO]:
    out = io.StringIO()
    config = CtlConfig(serverurl=url, plugins=plugins)
    return Session(config, RPCClient(url), StreamOutput(out, False)), out


@pytest.fixture
def run(module: str) -> Iterator[Any]:
    table: Any = {"getAllProcessInfo": [process_info("cat")], "startProcess": True}
    with serve(Script(from_table(table))) as url:
        session, out = make_session(url, PluginConfig("mine", "a_ctl_plugin:make", (("k", "v"),)))
        load_plugins(session, run_command)

        def run(line: str) -> tuple[str, int]:
            out.seek(0)
            out.truncate()
            status = run_line(session, line)
            return out.getvalue(), status

        yield run
        session.client.close()


def test_commands_get_the_rest_of_the_line(run: Any) -> None:
    assert run("show  'a b'  c") == ("mine \"'a b'  c\" [('k', 'v')]\n", 0)


def test_the_server_through_a_standard_proxy(run: Any) -> None:
    assert run("count") == ("1\n", 0)


def test_exceptions_become_a_line(run: Any) -> None:
    out, status = run("fail")
    assert status == 1
    assert out.startswith("error: <class 'KeyError'>, 'x': file: ")


def test_exit_status(run: Any) -> None:
    assert run("leave") == ("", 5)


def test_built_in_commands_come_first(run: Any) -> None:
    assert run("status")[0].startswith("cat   ")


def test_command_lines_from_threads(run: Any) -> None:
    out, status = run("many a b c")
    assert (sorted(out.splitlines()), status) == (["a: started", "b: started", "c: started"], 0)


def test_help(run: Any) -> None:
    out, _ = run("help")
    title = "mine commands (type help <topic>):"
    assert f"\n{title}\n{'=' * len(title)}\ncount  fail  leave  many  show  status\n\n" in out
    assert run("help count") == ("count\tHow many\n", 0)
    shown, status = run("help show")
    assert (shown.expandtabs(), status) == (
        "show <word>\tShow a word\n".expandtabs(),
        0,
    )  # Python 3.13 expands them
    assert run("help leave") == ("*** No help on leave\n", 0)
    assert run("help nosuch") == ("*** No help on nosuch\n", 0)


@pytest.mark.parametrize(
    "factory", ["no_such_module_x:make", "a_ctl_plugin:nothing", "a_ctl_plugin:__name__"]
)
def test_factories_that_cannot_be_used(module: str, factory: str) -> None:
    session, _ = make_session("http://127.0.0.1:1", PluginConfig("mine", factory))
    with pytest.raises(UserError, match=r"cannot load \[ctlplugin:mine\]"):
        load_plugins(session, run_command)
    session.config = dataclasses.replace(session.config, plugins=(PluginConfig("mine", "builtins:int"),))
    with pytest.raises(UserError, match=r"cannot make \[ctlplugin:mine\]"):
        load_plugins(session, run_command)
