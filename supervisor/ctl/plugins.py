"""Plug-ins of supervisorctl: the controller they see, and their commands made ours.

Must never know a built-in command. The names and their spelling are those that plug-ins
written for Supervisor 4 use; nothing else of that class is promised.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from supervisor.client.rpc import RPCClient
from supervisor.config.imports import resolve
from supervisor.config.kinds import PluginConfig
from supervisor.errors import UserError

from . import session as status_codes
from .format import columns
from .session import PluginCommands, Session, check_version

if TYPE_CHECKING:
    from xmlrpc.client import ServerProxy

RunLine = Callable[[Session, str], None]

BUILT_IN: Final = {
    "supervisor_cache.controllerplugin:make_cache_controllerplugin": "supervisor.ctl.cacheplugin:CachePlugin"
}
"""Factories that users have in their files, to what is ours and needs no package."""


class LSBInitExitStatuses:
    """Exit statuses by the names of the Linux Standard Base."""

    SUCCESS = status_codes.SUCCESS
    GENERIC = status_codes.GENERIC
    INVALID_ARGS = status_codes.INVALID_ARGS
    UNIMPLEMENTED_FEATURE = status_codes.UNIMPLEMENTED_FEATURE
    INSUFFICIENT_PRIVILEGES = status_codes.INSUFFICIENT_PRIVILEGES
    NOT_INSTALLED = status_codes.NOT_INSTALLED
    NOT_RUNNING = status_codes.NOT_RUNNING


class Controller:
    """What a plug-in's factory gets. ``options`` has the settings as attributes."""

    def __init__(self, session: Session, run_line: RunLine) -> None:
        self._session = session
        self._run_line = run_line
        config = session.config
        self.options = SimpleNamespace(
            serverurl=config.serverurl,
            username=config.username,
            password=config.password,
            prompt=config.prompt,
            interactive=session.interactive,
            args=[],
            plugins=[],
            plugin_factories=[
                (plugin.name, plugin.factory, dict(plugin.options)) for plugin in config.plugins
            ],
        )

    @property
    def exitstatus(self) -> int:
        return self._session.exit_status

    @exitstatus.setter
    def exitstatus(self, status: int) -> None:
        self._session.exit_status = status

    def output(self, message: str) -> None:
        """Print a line."""
        self._session.line(str(message))

    def upcheck(self) -> bool:
        """Whether the server answers and has our API version; else a line has said why not."""
        return check_version(self._session)

    def get_server_proxy(self, namespace: str | None = None) -> Any:
        """A standard ServerProxy of the server, or one of its namespaces."""
        proxy = self._proxy()
        return proxy if namespace is None else getattr(proxy, namespace)

    def get_supervisor(self) -> Any:
        """The namespace ``supervisor`` of the server."""
        return self.get_server_proxy("supervisor")

    def _proxy(self) -> ServerProxy:
        # Imported when used: a session without plug-ins has no need of it.
        from supervisor.xmlrpc import SupervisorTransport, xmlrpclib

        config = self._session.config
        transport = SupervisorTransport(config.username, config.password, config.serverurl)
        return xmlrpclib.ServerProxy("http://127.0.0.1", transport=transport)

    def onecmd(self, line: str) -> None:
        """Carry out a command line; may be called from several threads at once."""
        if threading.current_thread() is threading.main_thread():
            self._run_line(self._session, line)
            return
        config = self._session.config
        with RPCClient(config.serverurl, config.username, config.password, tls=config.tls) as client:
            session = dataclasses.replace(self._session, client=client)
            self._run_line(session, line)
        self._session.exit_status = session.exit_status or self._session.exit_status

    def print_topics(self, header: str, topics: Sequence[str] | None, columns_wide: int, width: int) -> None:
        """A heading and names in columns."""
        if topics:
            self.output(f"{header}\n{'=' * len(header)}")
            for line in columns(topics, width):
                self.output(line)
            self.output("")


class ControllerPluginBase:
    """Base of plug-ins: ``do_NAME(rest)`` methods are commands, ``help_NAME()`` or docstrings their help."""

    name = ""

    def __init__(self, controller: Controller) -> None:
        self.ctl = controller

    def do_help(self, arg: str) -> None:
        """Print the help of one of the plug-in's commands, or the names of all."""
        names = _command_names(self)
        if not arg:
            self.ctl.print_topics(f"{self.name} commands (type help <topic>):", names, 15, 80)
        elif arg in names:
            _helper(self, arg, self.ctl)()
        else:
            self.ctl.output(f"*** No help on {arg}")


def _command_names(plugin: object) -> list[str]:
    names = (name.removeprefix("do_") for name in dir(plugin) if name.startswith("do_"))
    return sorted(name for name in names if name not in ("help", "EOF"))


def _helper(plugin: object, name: str, controller: Controller) -> Callable[[], None]:
    function: Callable[[], None] | None = getattr(plugin, f"help_{name}", None)
    if function is not None:
        return function
    text = getattr(plugin, f"do_{name}").__doc__
    return lambda: controller.output(text or f"*** No help on {name}")


def _guarded(session: Session, function: Callable[[str], None]) -> Callable[[str], None]:
    """The command, with whatever the plug-in raises made a line and exit status 1."""

    def run(rest: str) -> None:
        try:
            function(rest)
        except Exception as error:  # noqa: BLE001  # a plug-in may raise anything; the shell goes on
            session.failure(f"error: {type(error)}, {error}: {_place(error)}")

    return run


def _place(error: BaseException) -> str:
    """Where an error was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"file: {trace.tb_frame.f_code.co_filename} line: {trace.tb_lineno}" if trace else "place unknown"


def _factory(config: PluginConfig) -> Callable[..., object]:
    try:
        return resolve(BUILT_IN.get(config.factory, config.factory))
    except ValueError as error:
        raise UserError(f"cannot load [ctlplugin:{config.name}] from {config.factory}: {error}") from error


def load_plugins(session: Session, run_line: RunLine) -> None:
    """Make the configured plug-ins and add their commands to ``session``. Raises UserError."""
    controller = Controller(session, run_line)
    for config in session.config.plugins:
        factory = _factory(config)
        try:
            plugin = factory(controller, **dict(config.options))
        except Exception as error:
            raise UserError(f"cannot make [ctlplugin:{config.name}]: {error}") from error
        plugin.name = config.name  # type: ignore[attr-defined]  # part of the plug-ins' contract
        controller.options.plugins.append(plugin)
        names = _command_names(plugin)
        commands = {name: _guarded(session, getattr(plugin, f"do_{name}")) for name in names}
        helps = {name: _helper(plugin, name, controller) for name in names}
        session.plugins.append(PluginCommands(config.name, commands, helps))
